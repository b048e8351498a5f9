/*
 * A file to disk: see download.h. The file's length says how far it has come, the ETag beside it of what it is the
 * beginning; a server that has something else by now sees the ETag in If-Range and sends the whole, for which the file
 * is emptied. The hash runs along, over what was there as well.
 */
#include "base/alloc.h"
#include "net/follow.h"
#include "net/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ETAG_BYTES = 1024, READ_BYTES = 1 << 16, MAX_RESTARTS = 2 };

typedef struct job {
    const net_download *what;
    net_downloaded *out;
    int fd;
    base_buf etag_path;
    char etag[MAX_ETAG_BYTES + 1]; /* "": none */
    uint64_t len;                  /* of the file */
    int64_t total;                 /* as the server says; -1: it does not */
    base_sha256 sha;
    int n_restarts; /* for what was there turned out to be of no use */
    bool was_resumed;
    rrk_error failure; /* of a callback, which ends the transfer */
} job;

static void close_job(job *j)
{
    if (j->fd >= 0)
        close(j->fd);
    base_buf_free(&j->etag_path);
}

/* Only a strong one promises that equal tags are equal bytes. */
static bool is_strong_etag(const char *etag)
{
    size_t len = strlen(etag);
    if (len < 2 || len > MAX_ETAG_BYTES || etag[0] != '"' || etag[len - 1] != '"')
        return false;
    for (size_t i = 1; i + 1 < len; i++)
        if (etag[i] <= ' ' || etag[i] > '~' || etag[i] == '"')
            return false;
    return true;
}

static void read_etag(job *j)
{
    int fd = open(j->etag_path.data, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    ssize_t n = read(fd, j->etag, MAX_ETAG_BYTES);
    close(fd);
    j->etag[RRK_MAX(n, (ssize_t)0)] = '\0';
    if (!is_strong_etag(j->etag))
        j->etag[0] = '\0';
}

static rrk_status write_all(int fd, const char *data, size_t len, const char *path, rrk_error *err)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return base_fail_errno(err, errno, "write", path);
        data += n;
        len -= (size_t)n;
    }
    return RRK_OK;
}

/* Before the first byte that it belongs to. One that is torn by a crash does not fit, and the file starts over. */
static rrk_status write_etag(job *j, const char *etag, rrk_error *err)
{
    const char *path = j->etag_path.data;
    j->etag[0] = '\0';
    if (unlink(path) != 0 && errno != ENOENT)
        return base_fail_errno(err, errno, "remove", path);
    if (!etag || !is_strong_etag(etag))
        return RRK_OK;
    memcpy(j->etag, etag, strlen(etag) + 1);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return base_fail_errno(err, errno, "create", path);
    rrk_status status = write_all(fd, etag, strlen(etag), path, err);
    if (close(fd) != 0 && status == RRK_OK)
        status = base_fail_errno(err, errno, "write", path);
    return status;
}

static rrk_status empty_file(job *j, rrk_error *err)
{
    if (ftruncate(j->fd, 0) != 0 || lseek(j->fd, 0, SEEK_SET) != 0)
        return base_fail_errno(err, errno, "write", j->what->path);
    j->len = 0;
    base_sha256_start(&j->sha);
    return write_etag(j, NULL, err);
}

static rrk_status open_file(job *j, rrk_error *err)
{
    const char *path = j->what->path;
    struct stat status;
    j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (j->fd < 0)
        return base_fail_errno(err, errno, "write", path);
    if (fstat(j->fd, &status) != 0)
        return base_fail_errno(err, errno, "stat", path);
    if (!S_ISREG(status.st_mode))
        return base_fail(err, RRK_E_INVALID, 0, "'%s' is not a regular file", path);
    j->len = (uint64_t)status.st_size;
    return RRK_OK;
}

/* What an earlier call left goes into the hash. */
static rrk_status hash_beginning(job *j, rrk_error *err)
{
    char *buffer RRK_AUTO(base_free_ptr) = base_alloc(READ_BYTES, 1);
    if (!buffer)
        return base_fail_nomem(err, READ_BYTES);
    base_sha256_start(&j->sha);
    for (uint64_t done = 0; done < j->len;) {
        ssize_t n = read(j->fd, buffer, RRK_MIN(j->len - done, (uint64_t)READ_BYTES));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return base_fail_errno(err, errno, "read", j->what->path);
        if (n == 0)
            return base_fail(err, RRK_E_IO, 0, "'%s' shrinks while it is read", j->what->path);
        base_sha256_add(&j->sha, buffer, (size_t)n);
        done += (uint64_t)n;
        RRK_TRY(base_deadline_check(j->what->source.deadline, err));
    }
    return RRK_OK;
}

static uint64_t limit_of(const net_download *what)
{
    return what->n_bytes >= 0 ? (uint64_t)what->n_bytes : what->max_bytes;
}

static rrk_status begin(job *j, rrk_error *err)
{
    RRK_TRY(base_buf_printf(&j->etag_path, err, "%s" NET_ETAG_SUFFIX, j->what->path));
    RRK_TRY(open_file(j, err));
    read_etag(j);
    if (!j->etag[0] || j->len > limit_of(j->what))
        return empty_file(j, err);
    j->was_resumed = j->len > 0;
    return hash_beginning(j, err);
}

/* "bytes 100-199/200": from 100 on of 200; a total that is not told is -1. */
static bool read_content_range(const char *value, uint64_t *from, int64_t *total)
{
    uint64_t to;
    int at = 0;
    if (!value || sscanf(value, "bytes %" SCNu64 "-%" SCNu64 "/%n", from, &to, &at) != 2 || at == 0 || to < *from)
        return false;
    if (strcmp(value + at, "*") == 0) {
        *total = -1;
        return true;
    }
    char *end;
    errno = 0;
    long long number = strtoll(value + at, &end, 10);
    *total = number;
    return errno == 0 && end != value + at && *end == '\0' && number >= 0 && to < (uint64_t)number;
}

static rrk_status check_total(const job *j, rrk_error *err)
{
    const net_download *what = j->what;
    if (j->total < 0 || j->total == what->n_bytes)
        return RRK_OK;
    if (what->n_bytes >= 0)
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' has %" PRId64 " bytes at the server, expected %" PRId64,
                         what->path, j->total, what->n_bytes);
    if ((uint64_t)j->total > what->max_bytes)
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' has %" PRId64 " bytes, more than the limit of %" PRIu64,
                         what->path, j->total, what->max_bytes);
    return RRK_OK;
}

static rrk_status take_success(job *j, const net_head *head, rrk_error *err)
{
    uint64_t from = 0;
    if (head->http_status == 206) {
        if (!read_content_range(head->content_range, &from, &j->total) || from != j->len)
            return base_fail(err, RRK_E_UPSTREAM, 206, "the server sends another part of '%s' than it was asked for",
                             j->what->path);
        return check_total(j, err);
    }
    j->total = head->content_length;
    RRK_TRY(empty_file(j, err));
    RRK_TRY(check_total(j, err));
    return write_etag(j, head->etag, err);
}

static bool take_head(void *ctx, const net_head *head)
{
    job *j = ctx;
    if (head->http_status < 200 || head->http_status >= 300)
        return true;
    return take_success(j, head, &j->failure) == RRK_OK;
}

static bool take_piece(void *ctx, const char *data, size_t len)
{
    job *j = ctx;
    const net_download *what = j->what;
    if (len > limit_of(what) - j->len) {
        base_fail(&j->failure, RRK_E_FORMAT, 0, "'%s' is larger than %" PRIu64 " bytes", what->path, limit_of(what));
        return false;
    }
    if (write_all(j->fd, data, len, what->path, &j->failure) != RRK_OK)
        return false;
    base_sha256_add(&j->sha, data, len);
    j->len += len;
    j->out->n_fetched += len;
    if (what->progress)
        what->progress(what->ctx, j->len);
    return true;
}

static rrk_status ask(job *j, net_loop *loop, net_transfer **out, rrk_error *err)
{
    char range[64], if_range[MAX_ETAG_BYTES + 16];
    const char *const headers[] = {range, if_range};
    snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-", j->len);
    snprintf(if_range, sizeof if_range, "If-Range: %s", j->etag);
    net_visit visit = {
        .source = &j->what->source,
        .headers = headers,
        .n_headers = j->len && j->etag[0] ? 2 : 0,
        .head = take_head,
        .piece = take_piece,
        .ctx = j,
    };
    j->total = -1;
    j->out->n_requests++;
    return net_follow(loop, &visit, out, err);
}

/*
 * One request. *again: it failed in a way that another one may mend. A range that lies behind the end, and a part that
 * was not asked for, mean that what is there is not the beginning of what the server has.
 */
static rrk_status try_once(job *j, net_loop *loop, bool *again, int64_t *retry_after_ms, rrk_error *err)
{
    net_transfer *transfer;
    *again = false;
    j->failure = (rrk_error){0};
    RRK_TRY(ask(j, loop, &transfer, err));
    rrk_status status = net_verdict(transfer, again, err);
    *retry_after_ms = transfer->reply.retry_after_ms;
    net_transfer_free(transfer);
    if (j->failure.status != RRK_OK) {
        *again = false;
        *err = j->failure;
        status = (rrk_status)j->failure.status;
    }
    if (status == RRK_OK || (err->detail != 416 && err->detail != 206) || j->len == 0 || j->n_restarts == MAX_RESTARTS)
        return status;
    j->n_restarts++;
    *again = empty_file(j, NULL) == RRK_OK;
    return status;
}

static rrk_status fetch_rest(job *j, net_loop *loop, rrk_error *err)
{
    net_patience patience = {0};
    uint64_t furthest = j->len;
    for (;;) {
        rrk_error failure = {0};
        int64_t retry_after_ms = -1;
        bool again;
        rrk_status status = try_once(j, loop, &again, &retry_after_ms, &failure);
        if (status == RRK_OK)
            return RRK_OK;
        if (!again)
            return base_fail(err, status, failure.detail, "%s", failure.message);
        if (j->len > furthest)
            patience = (net_patience){.n_failed = -1}; /* this one did not */
        furthest = RRK_MAX(furthest, j->len);
        RRK_TRY(net_pause(loop, &j->what->source, &patience, retry_after_ms, &failure, err));
    }
}

static rrk_status check_whole(job *j, rrk_error *err)
{
    const net_download *what = j->what;
    base_sha256 sha = j->sha;
    base_sha256_end(&sha, j->out->sha256);
    j->out->n_bytes = j->len;
    if ((what->n_bytes >= 0 && j->len != (uint64_t)what->n_bytes) || (j->total >= 0 && j->len != (uint64_t)j->total))
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' has %" PRIu64 " bytes, expected %" PRId64, what->path, j->len,
                         what->n_bytes >= 0 ? what->n_bytes : j->total);
    if (what->sha256 && strcasecmp(what->sha256, j->out->sha256) != 0)
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' has the SHA-256 %.16s..., expected %.16s...", what->path,
                         j->out->sha256, what->sha256);
    return RRK_OK;
}

static rrk_status finish(job *j, rrk_error *err)
{
    if (fsync(j->fd) != 0)
        return base_fail_errno(err, errno, "write", j->what->path);
    int fd = j->fd;
    j->fd = -1;
    if (close(fd) != 0)
        return base_fail_errno(err, errno, "write", j->what->path);
    return write_etag(j, NULL, err);
}

/* A file that is wrong as a whole is of no use; if its beginning is from another day, that may be the reason. */
static rrk_status run(job *j, net_loop *loop, rrk_error *err)
{
    RRK_TRY(begin(j, err));
    for (;;) {
        rrk_error wrong = {0};
        bool is_there = j->len > 0 && j->what->n_bytes >= 0 && j->len == (uint64_t)j->what->n_bytes;
        j->total = -1;
        if (!is_there)
            RRK_TRY(fetch_rest(j, loop, err));
        if (check_whole(j, &wrong) == RRK_OK)
            return finish(j, err);
        RRK_TRY(empty_file(j, err));
        if (!j->was_resumed)
            return base_fail(err, (rrk_status)wrong.status, wrong.detail, "%s", wrong.message);
        j->was_resumed = false;
    }
}

rrk_status net_download_file(net_loop *loop, const net_download *download, net_downloaded *out, rrk_error *err)
{
    base_error_clear(err);
    if (!loop || !download || !out)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !loop ? "loop" : !download ? "download" : "out");
    if (!download->path)
        return base_fail(err, RRK_E_INVALID, 0, "path is NULL");
    *out = (net_downloaded){0};
    job j RRK_AUTO(close_job) = {.what = download, .out = out, .fd = -1, .total = -1, .etag_path.max = 1u << 16};
    return run(&j, loop, err);
}
