/* Files to disk: whole, in parts, over broken connections, from servers that have something else by now. */
#include "net/download.h"
#include "../encoder/folder.h"
#include "client.h"

#include <signal.h>
#include <sys/resource.h>

enum { FILE_BYTES = 300000 };

/* What the server has, and how it sends it. */
typedef struct host {
    char content[FILE_BYTES + 1];
    size_t len;
    const char *etag;   /* NULL: sends none */
    size_t break_after; /* bytes of a reply until the connection breaks; 0: never */
    size_t n_broken;    /* replies that still break */
    int refuse_with;    /* a status for the first n_refused requests */
    size_t n_refused;
    bool ignores_range;
    bool wrong_part; /* sends another range than it was asked for */
    bool tells_no_length;
} host;

static host h;
static folder scratch;
static net_loop *loop;
static server *s;
static char url[128], path[192];
static rrk_error err;
static net_downloaded got;

static size_t range_of(const server_request *request)
{
    const char *range = strstr(request->head, "Range: bytes=");
    const char *if_range = strstr(request->head, "If-Range: ");
    size_t etag_len = h.etag ? strlen(h.etag) : 0;
    if (!range || h.ignores_range || !if_range || strncmp(if_range + 10, h.etag ? h.etag : "", etag_len) != 0)
        return 0;
    return strtoul(range + 13, NULL, 10);
}

static void send_file(server_conn *conn, const server_request *request, void *ctx)
{
    char head[512], etag[128] = "", range[128] = "", length[64] = "";
    size_t from = range_of(request);
    if (h.n_refused) {
        h.n_refused--;
        server_reply(conn, h.refuse_with, "Retry-After: 0\r\n", "no");
        return;
    }
    if (from > h.len || (from && from == h.len)) {
        server_reply(conn, 416, "", "");
        return;
    }
    from -= from && h.wrong_part;
    if (h.etag)
        snprintf(etag, sizeof etag, "ETag: %s\r\n", h.etag);
    if (from)
        snprintf(range, sizeof range, "Content-Range: bytes %zu-%zu/%zu\r\n", from, h.len - 1, h.len);
    if (!h.tells_no_length)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", h.len - from);
    snprintf(head, sizeof head, "HTTP/1.1 %d Status\r\n%s%s%s\r\n", from ? 206 : 200, etag, range, length);
    server_send_text(conn, head);
    size_t n = h.len - from;
    bool breaks = h.n_broken && h.break_after < n;
    server_send(conn, h.content + from, breaks ? h.break_after : n);
    h.n_broken -= breaks;
    if (breaks || h.tells_no_length)
        server_close(conn);
}

static void set_up(void)
{
    for (size_t i = 0; i < FILE_BYTES; i++)
        h.content[i] = (char)(i * 31 + i / 251);
    h.len = FILE_BYTES;
    h.etag = "\"one\"";
    scratch = folder_new();
    snprintf(path, sizeof path, "%s", folder_path(&scratch, "file"));
    s = server_start(send_file, NULL);
    snprintf(url, sizeof url, "%s/file", server_url(s));
    loop = open_loop(NULL);
}

static void tear_down(void)
{
    net_loop_close(loop);
    server_stop(s);
    folder_remove(&scratch);
}

static net_download wanted(void)
{
    return (net_download){
        .source = {.url = url, .first_wait_ms = 1}, .path = path, .n_bytes = -1, .max_bytes = FILE_BYTES};
}

static rrk_status download(net_download what)
{
    return net_download_file(loop, &what, &got, &err);
}

static void expect_file(void)
{
    static char found[FILE_BYTES + 1];
    char sha256[BASE_SHA256_HEX_SIZE];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    size_t len = fread(found, 1, sizeof found, file);
    fclose(file);
    cr_assert_eq(len, h.len, "%zu bytes, expected %zu", len, h.len);
    cr_assert_arr_eq(found, h.content, len);
    base_sha256_hex((rrk_text){h.content, h.len}, sha256);
    cr_assert_str_eq(got.sha256, sha256);
    cr_assert_eq(got.n_bytes, h.len);
    cr_assert_neq(access(folder_path(&scratch, "file.etag"), F_OK), 0, "the ETag stayed");
}

static void expect_failure(rrk_status status, const char *says)
{
    cr_assert_eq(err.status, (int)status, "%s", err.message);
    cr_assert_not_null(strstr(err.message, says), "'%s' is not in: %s", says, err.message);
    cr_assert_null(strchr(err.message, '\n'));
}

static void put_beginning(size_t len, const char *etag)
{
    folder_put(&scratch, "file", h.content, len);
    if (etag)
        folder_text(&scratch, "file.etag", etag);
}

TestSuite(download, .init = set_up, .fini = tear_down);

Test(download, brings_the_file_and_its_hash)
{
    cr_assert_eq(download(wanted()), RRK_OK, "%s", err.message);
    expect_file();
    cr_assert_eq(got.n_requests, 1);
    cr_assert_eq(got.n_fetched, FILE_BYTES);
    cr_assert_not(strstr(server_request_at(s, 0)->head, "Range"), "a whole file is asked for without a range");
}

Test(download, of_nothing_is_an_empty_file)
{
    h.len = 0;
    cr_assert_eq(download(wanted()), RRK_OK, "%s", err.message);
    expect_file();
}

Test(download, without_a_length_ends_with_the_connection)
{
    h.tells_no_length = true;
    cr_assert_eq(download(wanted()), RRK_OK, "%s", err.message);
    expect_file();
}

Test(download, goes_on_where_the_connection_broke)
{
    h.break_after = 70000;
    h.n_broken = 3;
    cr_assert_eq(download(wanted()), RRK_OK, "%s", err.message);
    expect_file();
    cr_assert_eq(got.n_requests, 4);
    cr_assert_eq(got.n_fetched, FILE_BYTES, "no byte twice");
    cr_assert(server_request_has(server_request_at(s, 1), "Range: bytes=70000-"));
    cr_assert(server_request_has(server_request_at(s, 3), "Range: bytes=210000-"));
    cr_assert(server_request_has(server_request_at(s, 1), "If-Range: \"one\""));
}

Test(download, goes_on_where_an_earlier_call_stopped)
{
    put_beginning(120000, h.etag);
    cr_assert_eq(download(wanted()), RRK_OK, "%s", err.message);
    expect_file();
    cr_assert_eq(got.n_fetched, FILE_BYTES - 120000);
}

Test(download, asks_nothing_when_all_is_there)
{
    net_download what = wanted();
    what.n_bytes = FILE_BYTES;
    put_beginning(FILE_BYTES, h.etag);
    cr_assert_eq(download(what), RRK_OK, "%s", err.message);
    expect_file();
    cr_assert_eq(server_n_requests(s), 0);
}

/* What an earlier call may have left, none of which is a beginning that can be told to be one. */
static const struct {
    size_t len;
    const char *etag;
} USELESS[] = {
    {120000, NULL},          {120000, "\"two\""}, {120000, "W/\"one\""}, {120000, "\"o"},
    {FILE_BYTES, "\"two\""}, {120000, ""},        {120000, "\"o\"ne\""}, {120000, "\"one\"\r\nX-Evil: 1"},
};

Test(download, starts_over_when_the_beginning_may_be_of_something_else)
{
    for (size_t row = 0; row < RRK_COUNT(USELESS); row++) {
        put_beginning(USELESS[row].len, USELESS[row].etag);
        cr_assert_eq(download(wanted()), RRK_OK, "row %zu: %s", row, err.message);
        expect_file();
        cr_assert_eq(got.n_fetched, FILE_BYTES, "row %zu", row);
    }
}

Test(download, starts_over_when_what_is_there_is_longer_than_the_file)
{
    folder_put(&scratch, "file", h.content, FILE_BYTES);
    folder_text(&scratch, "file.etag", h.etag);
    h.len = 1000;
    cr_assert_eq(download(wanted()), RRK_OK, "%s", err.message);
    expect_file();
    cr_assert_eq(got.n_requests, 2, "416 and then the whole");
}

Test(download, starts_over_when_another_part_comes_than_was_asked_for)
{
    put_beginning(1000, h.etag);
    h.wrong_part = true;
    cr_assert_eq(download(wanted()), RRK_OK, "%s", err.message);
    expect_file();
}

Test(download, starts_over_when_the_server_knows_no_ranges)
{
    h.ignores_range = true;
    h.break_after = 70000;
    h.n_broken = 2;
    cr_assert_eq(download(wanted()), RRK_OK, "%s", err.message);
    expect_file();
    cr_assert_eq(got.n_fetched, FILE_BYTES + 140000);
}

Test(download, gives_up_when_no_try_brings_more_and_keeps_what_it_has)
{
    h.break_after = 70000;
    h.n_broken = 1000;
    h.ignores_range = true;
    cr_assert_eq(download(wanted()), RRK_E_UPSTREAM);
    expect_failure(RRK_E_UPSTREAM, "in the middle of its reply");
    cr_assert_eq(server_n_requests(s), 1 + NET_DEFAULT_TRIES, "the first brought something");
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_size, 70000);
    cr_assert_eq(access(folder_path(&scratch, "file.etag"), F_OK), 0);
}

Test(download, of_what_always_breaks_ends_when_every_part_brings_something)
{
    h.break_after = 30000;
    h.n_broken = 1000;
    cr_assert_eq(download(wanted()), RRK_OK, "%s", err.message);
    expect_file();
    cr_assert_eq(got.n_requests, 10);
}

Test(download, tries_again_what_is_refused_for_now)
{
    static const int FOR_NOW[] = {408, 429, 500, 502, 503, 504};
    for (size_t i = 0; i < RRK_COUNT(FOR_NOW); i++) {
        h.refuse_with = FOR_NOW[i];
        h.n_refused = NET_DEFAULT_TRIES - 1;
        cr_assert_eq(download(wanted()), RRK_OK, "%d: %s", FOR_NOW[i], err.message);
        expect_file();
        cr_assert_eq(unlink(path), 0);
        h.n_refused = NET_DEFAULT_TRIES;
        cr_assert_eq(download(wanted()), RRK_E_UPSTREAM);
        cr_assert_eq(err.detail, FOR_NOW[i]);
        cr_assert_eq(h.n_refused, 0);
    }
}

Test(download, does_not_try_again_what_is_refused_for_good)
{
    static const int FOR_GOOD[] = {400, 401, 403, 404, 410, 300, 304};
    for (size_t i = 0; i < RRK_COUNT(FOR_GOOD); i++) {
        size_t before = server_n_requests(s);
        h.refuse_with = FOR_GOOD[i];
        h.n_refused = 1;
        bool is_gone = FOR_GOOD[i] == 404 || FOR_GOOD[i] == 410;
        cr_assert_eq(download(wanted()), is_gone ? RRK_E_NOTFOUND : RRK_E_UPSTREAM, "%d", FOR_GOOD[i]);
        expect_failure(is_gone ? RRK_E_NOTFOUND : RRK_E_UPSTREAM, server_peer(s));
        cr_assert_eq(err.detail, FOR_GOOD[i]);
        cr_assert_eq(server_n_requests(s), before + 1);
    }
}

Test(download, checks_the_size)
{
    net_download what = wanted();
    what.n_bytes = FILE_BYTES;
    cr_assert_eq(download(what), RRK_OK, "%s", err.message);
    cr_assert_eq(unlink(path), 0);
    what.n_bytes = FILE_BYTES - 1;
    cr_assert_eq(download(what), RRK_E_FORMAT);
    expect_failure(RRK_E_FORMAT, "has 300000 bytes at the server, expected 299999");
    h.tells_no_length = true;
    cr_assert_eq(download(what), RRK_E_FORMAT);
    expect_failure(RRK_E_FORMAT, "larger than 299999 bytes");
    what.n_bytes = FILE_BYTES + 1;
    cr_assert_eq(download(what), RRK_E_FORMAT, "it goes on, and then hears of another size");
    expect_failure(RRK_E_FORMAT, "has 300000 bytes at the server, expected 300001");
}

Test(download, checks_the_size_of_what_comes_without_one)
{
    net_download what = wanted();
    h.tells_no_length = true;
    what.n_bytes = FILE_BYTES + 1;
    cr_assert_eq(download(what), RRK_E_FORMAT);
    expect_failure(RRK_E_FORMAT, "has 300000 bytes, expected 300001");
}

Test(download, has_a_limit_where_the_size_is_not_known)
{
    net_download what = wanted();
    what.max_bytes = FILE_BYTES - 1;
    cr_assert_eq(download(what), RRK_E_FORMAT);
    expect_failure(RRK_E_FORMAT, "more than the limit of 299999");
    h.tells_no_length = true;
    cr_assert_eq(download(what), RRK_E_FORMAT);
    expect_failure(RRK_E_FORMAT, "larger than 299999 bytes");
    what.max_bytes = FILE_BYTES;
    cr_assert_eq(download(what), RRK_OK, "%s", err.message);
}

Test(download, checks_the_hash)
{
    char sha256[BASE_SHA256_HEX_SIZE];
    net_download what = wanted();
    base_sha256_hex((rrk_text){h.content, h.len}, sha256);
    what.sha256 = sha256;
    cr_assert_eq(download(what), RRK_OK, "%s", err.message);
    cr_assert_eq(unlink(path), 0);
    h.content[5]++;
    cr_assert_eq(download(what), RRK_E_FORMAT);
    expect_failure(RRK_E_FORMAT, "has the SHA-256 ");
    struct stat st;
    cr_assert(stat(path, &st) == 0 && st.st_size == 0, "a wrong file is of no use for the next call");
}

Test(download, of_a_beginning_that_was_damaged_starts_over_by_itself)
{
    char sha256[BASE_SHA256_HEX_SIZE];
    net_download what = wanted();
    base_sha256_hex((rrk_text){h.content, h.len}, sha256);
    what.sha256 = sha256;
    h.content[5]++;
    put_beginning(1000, h.etag);
    h.content[5]--;
    cr_assert_eq(download(what), RRK_OK, "%s", err.message);
    expect_file();
    cr_assert_eq(got.n_requests, 2);
}

Test(download, tells_when_the_disk_is_full_and_keeps_the_beginning)
{
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){100000, RLIM_INFINITY});
    cr_assert_eq(download(wanted()), RRK_E_IO);
    expect_failure(RRK_E_IO, "cannot write '");
    cr_assert_eq(server_n_requests(s), 1);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    cr_assert_eq(download(wanted()), RRK_OK, "%s", err.message);
    expect_file();
    cr_assert_eq(got.n_fetched, FILE_BYTES - 100000);
}

Test(download, does_not_write_through_links_or_into_what_is_no_file)
{
    folder_text(&scratch, "other", "mine");
    folder_link(&scratch, "file", "other");
    cr_assert_eq(download(wanted()), RRK_E_IO);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(download(wanted()), RRK_E_IO);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(download(wanted()), RRK_E_INVALID);
    expect_failure(RRK_E_INVALID, "is not a regular file");
    cr_assert_eq(server_n_requests(s), 0);
}

static int cancel_after(void *ctx)
{
    size_t *left = ctx;
    return *left == 0 ? 1 : ((*left)--, 0);
}

Test(download, stops_when_the_caller_wants_and_goes_on_later)
{
    size_t left = 3;
    base_deadline deadline = {.cancel = cancel_after, .cancel_ctx = &left};
    net_download what = wanted();
    what.source.deadline = &deadline;
    h.break_after = 50000;
    h.n_broken = 2;
    cr_assert_eq(download(what), RRK_E_CANCELLED);
    what.source.deadline = NULL;
    uint64_t first = got.n_fetched;
    cr_assert_eq(download(what), RRK_OK, "%s", err.message);
    expect_file();
    cr_assert_eq(got.n_fetched + first, FILE_BYTES);
}

static void note_progress(void *ctx, uint64_t n_bytes)
{
    uint64_t *last = ctx;
    cr_assert_gt(n_bytes, *last);
    *last = n_bytes;
}

Test(download, tells_how_far_it_is)
{
    uint64_t last = 1000;
    net_download what = wanted();
    what.progress = note_progress;
    what.ctx = &last;
    put_beginning(1000, h.etag);
    cr_assert_eq(download(what), RRK_OK, "%s", err.message);
    cr_assert_eq(last, FILE_BYTES);
}

Test(download, checks_its_arguments)
{
    net_download what = wanted();
    cr_assert_eq(net_download_file(NULL, &what, &got, &err), RRK_E_INVALID);
    cr_assert_eq(net_download_file(loop, NULL, &got, &err), RRK_E_INVALID);
    cr_assert_eq(net_download_file(loop, &what, NULL, &err), RRK_E_INVALID);
    what.path = NULL;
    cr_assert_eq(download(what), RRK_E_INVALID);
    expect_failure(RRK_E_INVALID, "path is NULL");
    what = wanted();
    what.source.url = NULL;
    cr_assert_eq(download(what), RRK_E_INVALID);
    expect_failure(RRK_E_INVALID, "url is NULL");
    cr_assert_eq(net_fetch(NULL, &what.source, &(base_buf){0}, &err), RRK_E_INVALID);
    cr_assert_eq(net_fetch(loop, NULL, &(base_buf){0}, &err), RRK_E_INVALID);
    cr_assert_eq(net_fetch(loop, &what.source, NULL, &err), RRK_E_INVALID);
}
