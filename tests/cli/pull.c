/*
 * rrk pull against a hub in this process: it serves a tiny model by redirects to another host, breaks connections, lies
 * in its listings and its files, and the command has to bring the model home whole or say what is wrong.
 */
#include "../encoder/tiny_model.h"
#include "../net/server.h"
#include "base/sha256.h"
#include "child.h"
#include "cli/hub.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define TOKEN "hf_s3cr3t"

static child result;
static folder model, cache;
static server *hub, *storage;

/* How the hub behaves; all zero is well. */
static struct {
    const char *token;   /* NULL: none is needed */
    const char *commit;  /* NULL: COMMIT */
    const char *listing; /* NULL: the model's own; otherwise the whole reply */
    const char *more;    /* further entries for the listing */
    const char *wrong;   /* a file that does not come as listed */
    size_t break_after;  /* bytes of weights until the connection breaks */
    size_t n_broken;     /* connections that still break */
    bool holds_weights;  /* after break_after bytes it waits */
    bool has_no_sizes;
} how;

static const char *read_model_file(const char *name, size_t *len)
{
    static char content[1 << 20];
    FILE *file = fopen(folder_path(&model, name), "r");
    if (!file)
        return NULL;
    *len = fread(content, 1, sizeof content, file);
    fclose(file);
    return content;
}

static void add_entry(char *list, size_t size, const char *name)
{
    char sha256[BASE_SHA256_HEX_SIZE];
    size_t len, at = strlen(list);
    const char *content = read_model_file(name, &len);
    if (!content)
        return;
    base_sha256_hex((rrk_text){content, len}, sha256);
    if (how.has_no_sizes)
        snprintf(list + at, size - at, ",{\"rfilename\":\"%s\"}", name);
    else if (strstr(name, ".safetensors"))
        snprintf(list + at, size - at,
                 ",{\"rfilename\":\"%s\",\"size\":%zu,\"lfs\":{\"sha256\":\"%s\",\"size\":%zu,\"pointerSize\":134}}",
                 name, len, sha256, len);
    else
        snprintf(list + at, size - at, ",{\"rfilename\":\"%s\",\"size\":%zu,\"blobId\":\"x\"}", name, len);
}

static void send_list(server_conn *conn)
{
    static char body[1 << 16];
    static const char *const NAMES[] = {"config.json",           "vocab.txt",         "tokenizer.json",
                                        "tokenizer_config.json", "model.safetensors", "model.safetensors.index.json",
                                        "a.safetensors",         "b.safetensors",     "modules.json",
                                        "1_Pooling/config.json", "README.md",         "pytorch_model.bin",
                                        "modeling.py",           "onnx/model.onnx"};
    snprintf(body, sizeof body, "{\"id\":\"me/tiny\",\"sha\":\"%s\",\"siblings\":[{\"rfilename\":\".gitattributes\"}",
             how.commit ? how.commit : COMMIT);
    for (size_t i = 0; i < RRK_COUNT(NAMES); i++)
        add_entry(body, sizeof body, NAMES[i]);
    size_t at = strlen(body);
    snprintf(body + at, sizeof body - at, "%s]}", how.more ? how.more : "");
    server_reply(conn, 200, "", how.listing ? how.listing : body);
}

/* The hub itself has the small files; weights lie with the storage host. */
static void serve_hub(server_conn *conn, const server_request *request, void *ctx)
{
    char header[256], name[128];
    if (how.token && !server_request_has(request, "Authorization: Bearer " TOKEN)) {
        server_reply(conn, 401, "", "who are you?");
    } else if (strstr(request->head, "GET /api/models/me/old/")) {
        server_reply(conn, 307, "Location: /api/models/me/tiny/revision/main?blobs=true\r\n", "");
    } else if (strstr(request->head, "GET /api/models/me/tiny/revision/")) {
        send_list(conn);
    } else if (sscanf(request->head, "GET /me/%*[a-z]/resolve/%*[0-9a-f]/%127s HTTP", name) == 1) {
        snprintf(header, sizeof header, "Location: %s/stored/%s?signature=x\r\n", server_url(storage), name);
        server_reply(conn, 302, header, "");
    } else {
        server_reply(conn, 404, "", "no such thing");
    }
}

static size_t range_of(const server_request *request, const char *etag)
{
    char line[128];
    const char *range = strstr(request->head, "Range: bytes=");
    snprintf(line, sizeof line, "If-Range: %s", etag);
    return range && server_request_has(request, line) ? strtoul(range + 13, NULL, 10) : 0;
}

static void send_part(server_conn *conn, const char *data, size_t len, bool is_weights)
{
    bool breaks = is_weights && how.n_broken > 0 && len > how.break_after;
    if (is_weights && how.holds_weights) {
        server_send(conn, data, how.break_after);
        server_hold(conn);
        server_close(conn);
        return;
    }
    server_send(conn, data, breaks ? how.break_after : len);
    how.n_broken -= breaks;
    if (breaks)
        server_close(conn);
}

static void serve_storage(server_conn *conn, const server_request *request, void *ctx)
{
    static char content[1 << 20];
    char name[128] = "", head[256], etag[64], range[96] = "";
    size_t len;
    sscanf(request->head, "GET /stored/%127[^? ]", name);
    const char *found = read_model_file(name, &len);
    if (!found || strstr(request->head, "Authorization")) {
        server_reply(conn, found ? 400 : 404, "", "");
        return;
    }
    memcpy(content, found, len);
    if (how.wrong && strcmp(name, how.wrong) == 0)
        content[len / 2] ^= 1;
    snprintf(etag, sizeof etag, "\"%zu-%s\"", len, how.commit ? how.commit : COMMIT);
    size_t from = range_of(request, etag);
    if (from)
        snprintf(range, sizeof range, "Content-Range: bytes %zu-%zu/%zu\r\n", from, len - 1, len);
    snprintf(head, sizeof head, "HTTP/1.1 %d OK\r\nETag: %s\r\n%sContent-Length: %zu\r\n\r\n", from ? 206 : 200, etag,
             range, len - from);
    server_send_text(conn, head);
    send_part(conn, content + from, len - from, strstr(name, ".safetensors") && !strstr(name, ".json"));
}

static void set_up(void)
{
    model = folder_new();
    cache = folder_new();
    tiny_write(&model, &TINY_SHAPES[0], NULL);
    folder_text(&model, "pytorch_model.bin", "a pickle");
    folder_text(&model, "modeling.py", "print('run me')");
    setenv("XDG_CACHE_HOME", cache.dir, 1);
    hub = server_start(serve_hub, NULL);
    storage = server_start(serve_storage, NULL);
}

static void remove_folder(const char *path)
{
    char line[256];
    snprintf(line, sizeof line, "chmod -R u+w '%s'; rm -rf '%s'", path, path);
    cr_assert_eq(system(line), 0);
}

static void tear_down(void)
{
    server_stop(hub);
    server_stop(storage);
    remove_folder(cache.dir);
    remove_folder(model.dir);
}

TestSuite(pull, .init = set_up, .fini = tear_down);

#define PULL(...) RUN(result, NULL, "pull", "--endpoint", server_url(hub), __VA_ARGS__)

static void expect_done(void)
{
    cr_assert_eq(result.code, 0, "exit code %d: %s", result.code, result.err);
    cr_assert_str_empty(result.err);
}

static void expect_failure(const char *part)
{
    cr_assert_eq(result.code, 1, "exit code %d: %s%s", result.code, result.out, result.err);
    cr_assert_not_null(strstr(result.err, part), "'%s' is not in: %s", part, result.err);
    cr_assert_eq(strchr(result.err, '\n'), result.err + strlen(result.err) - 1, "one line: %s", result.err);
    cr_assert_null(strstr(result.err, TOKEN), "%s", result.err);
}

static const char *in_cache(const char *name)
{
    static char paths[4][320];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/rrk/models/%s", cache.dir, name);
    return path;
}

static const char *pulled_file(const char *name)
{
    char path[192];
    snprintf(path, sizeof path, "me/tiny@" COMMIT "/%s", name);
    return in_cache(path);
}

static void expect_same_file(const char *name)
{
    static char found[1 << 20];
    size_t len;
    const char *content = read_model_file(name, &len);
    FILE *file = fopen(pulled_file(name), "r");
    cr_assert_not_null(file, "%s was not pulled", name);
    cr_assert_eq(fread(found, 1, sizeof found, file), len, "%s", name);
    cr_assert_arr_eq(found, content, len, "%s", name);
    fclose(file);
}

static void embed_with(const char *name)
{
    const char *store = child_path("pull.db");
    RUN(result, "d0\tword5 word6\n", "import", "--store", store, "--format", "msmarco", "-");
    RUN(result, NULL, "embed", "--store", store, "--model", name, "--threads", "1");
}

Test(pull, brings_what_is_needed_and_nothing_else)
{
    PULL("me/tiny");
    expect_done();
    expect_same_file("config.json");
    expect_same_file("model.safetensors");
    cr_assert_not(child_exists(pulled_file("pytorch_model.bin")));
    cr_assert_not(child_exists(pulled_file("modeling.py")));
    cr_assert_not(child_exists(pulled_file("README.md")));
    cr_assert_not(child_exists(pulled_file("model.safetensors.part")));
    cr_assert_not_null(strstr(result.out, "1 of them checked by SHA-256"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, in_cache("me/tiny@" COMMIT)), "%s", result.out);
}

Test(pull, is_found_by_other_verbs_without_a_network)
{
    PULL("me/tiny");
    expect_done();
    size_t n_before = server_n_requests(hub);
    embed_with("me/tiny");
    cr_assert_eq(result.code, 0, "%s", result.err);
    embed_with("me/tiny@main");
    cr_assert_eq(result.code, 0, "%s", result.err);
    embed_with("me/tiny@" COMMIT);
    cr_assert_eq(result.code, 0, "%s", result.err);
    embed_with("me/tiny@other");
    expect_failure("rrk pull me/tiny@other");
    embed_with("me/tinier");
    expect_failure("there is no folder 'me/tinier', and no model of that name was pulled: rrk pull me/tinier");
    embed_with("/nowhere");
    expect_failure("/nowhere");
    cr_assert_eq(server_n_requests(hub), n_before);
}

Test(pull, asks_for_the_list_alone_when_all_is_there)
{
    PULL("me/tiny");
    expect_done();
    size_t n_before = server_n_requests(storage);
    PULL("me/tiny");
    expect_done();
    cr_assert_eq(server_n_requests(storage), n_before);
    cr_assert_not_null(strstr(result.out, "all was there already"), "%s", result.out);
}

Test(pull, mends_what_was_damaged_since)
{
    PULL("me/tiny");
    expect_done();
    child_write(pulled_file("model.safetensors"), "short");
    PULL("me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
}

Test(pull, goes_on_when_the_connection_breaks)
{
    how.break_after = 20000;
    how.n_broken = 1;
    PULL("me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
}

static int64_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : -1;
}

static pid_t start_and_await(int64_t n_bytes)
{
    int input;
    pid_t pid = child_start((const char *const[]){"pull", "--endpoint", server_url(hub), "me/tiny", NULL}, &input);
    while (size_of(pulled_file("model.safetensors.part")) < n_bytes)
        usleep(1000);
    close(input);
    return pid;
}

static void interrupt_and_resume(int number)
{
    int status;
    how.holds_weights = true;
    how.break_after = 20000;
    pid_t pid = start_and_await(20000);
    kill(pid, number);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(number == SIGKILL ? WIFSIGNALED(status) : WEXITSTATUS(status) == 1);
    cr_assert_eq(size_of(pulled_file("model.safetensors.part")), 20000, "the beginning is kept");
    embed_with("me/tiny");
    expect_failure("rrk pull me/tiny");
    server_release(storage, 1);
    how.holds_weights = false;
    PULL("--json", "me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
    json_t *json = json_loads(result.out, 0, NULL);
    json_int_t n_bytes = json_integer_value(json_object_get(json, "bytes"));
    json_int_t n_fetched = json_integer_value(json_object_get(json, "fetched_bytes"));
    cr_assert(n_fetched > 0 && n_fetched <= n_bytes - 20000, "%s", result.out);
    json_decref(json);
}

Test(pull, goes_on_where_it_was_killed)
{
    interrupt_and_resume(SIGKILL);
}

Test(pull, goes_on_where_it_was_interrupted)
{
    interrupt_and_resume(SIGINT);
}

Test(pull, twice_at_once_brings_one_whole_model)
{
    static child other;
    int status;
    how.holds_weights = true;
    how.break_after = 20000;
    pid_t pid = start_and_await(20000);
    int fd = open(pulled_file(".lock"), O_RDWR | O_CLOEXEC);
    cr_assert_neq(flock(fd, LOCK_EX | LOCK_NB), 0, "whoever comes now has to wait");
    close(fd);
    how.holds_weights = false;
    pid_t second = fork();
    if (second == 0) {
        RUN(other, NULL, "pull", "--endpoint", server_url(hub), "me/tiny");
        _exit(other.code == 0 && strstr(other.err, "waiting for it") ? 0 : 1);
    }
    while (server_n_requests(hub) < 4 + 1)
        usleep(1000);
    server_release(storage, 1);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    cr_assert_eq(waitpid(second, &status, 0), second);
    cr_assert_eq(status, 0);
    expect_same_file("model.safetensors");
}

Test(pull, does_not_keep_what_has_another_hash)
{
    how.wrong = "model.safetensors";
    PULL("me/tiny");
    expect_failure("has the SHA-256");
    cr_assert_not(child_exists(pulled_file("model.safetensors")));
    cr_assert_not(child_exists(in_cache("me/tiny@main")));
    how.wrong = NULL;
    PULL("me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
}

Test(pull, works_without_sizes_and_hashes)
{
    how.has_no_sizes = true;
    PULL("me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
    cr_assert_not_null(strstr(result.out, "0 of them checked"), "%s", result.out);
    PULL("me/tiny");
    expect_done();
    cr_assert_not_null(strstr(result.out, "all was there already"), "%s", result.out);
}

Test(pull, follows_a_model_that_was_renamed)
{
    PULL("me/old");
    expect_done();
    cr_assert(child_exists(in_cache("me/old@main/config.json")));
}

Test(pull, leads_a_branch_to_its_new_commit)
{
    char link[128];
    PULL("me/tiny");
    expect_done();
    how.commit = "fedcba9876543210fedcba9876543210fedcba98";
    PULL("me/tiny");
    expect_done();
    ssize_t len = readlink(in_cache("me/tiny@main"), link, sizeof link - 1);
    cr_assert_gt(len, 0);
    link[len] = '\0';
    cr_assert_str_eq(link, "tiny@fedcba9876543210fedcba9876543210fedcba98");
    RUN(result, NULL, "pull", "--list");
    expect_done();
    cr_assert_not_null(strstr(result.out, "fedcba987654"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "0123456789ab"), "the old commit is there: %s", result.out);
}

Test(pull, takes_a_revision_with_a_slash)
{
    PULL("me/tiny@refs/pr/1");
    expect_done();
    cr_assert(server_request_has(server_request_at(hub, 0), "Accept: */*"));
    cr_assert_not_null(strstr(server_request_at(hub, 0)->head, "/revision/refs%2Fpr%2F1?blobs=true"));
    embed_with("me/tiny@refs/pr/1");
    cr_assert_eq(result.code, 0, "%s", result.err);
    RUN(result, NULL, "pull", "--list");
    cr_assert_not_null(strstr(result.out, "refs/pr/1"), "%s", result.out);
}

Test(pull, list_tells_what_is_whole)
{
    RUN(result, NULL, "pull", "--list");
    expect_done();
    cr_assert_not_null(strstr(result.out, "nothing was pulled"), "%s", result.out);
    how.wrong = "model.safetensors";
    PULL("me/tiny");
    RUN(result, NULL, "pull", "--list");
    expect_done();
    cr_assert_not_null(strstr(result.out, "unfinished"), "%s", result.out);
    how.wrong = NULL;
    PULL("me/tiny");
    expect_done();
    RUN(result, NULL, "pull", "--list", "--json");
    expect_done();
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_eq(json_array_size(json), 1, "%s", result.out);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(json, 0), "revision")), "main");
    cr_assert(json_is_true(json_object_get(json_array_get(json, 0), "whole")));
    json_decref(json);
}

Test(pull, brings_the_shards_that_the_index_names)
{
    size_t len;
    const char *weights = read_model_file("model.safetensors", &len);
    folder_put(&model, "a.safetensors", weights, len);
    folder_put(&model, "b.safetensors", weights, len);
    unlink(folder_path(&model, "model.safetensors"));
    folder_text(&model, "model.safetensors.index.json", "{\"weight_map\":{\"x\":\"a.safetensors\"}}");
    PULL("me/tiny");
    expect_done();
    expect_same_file("a.safetensors");
    expect_same_file("model.safetensors.index.json");
    cr_assert_not(child_exists(pulled_file("b.safetensors")));
    PULL("me/tiny");
    expect_done();
    cr_assert_not_null(strstr(result.out, "all was there already"), "%s", result.out);
}

Test(pull, refuses_an_index_that_names_what_is_not_there)
{
    static const char *const BAD[] = {"gone.safetensors", "../config.json", "/etc/passwd", "config.json"};
    unlink(folder_path(&model, "model.safetensors"));
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        char index[128], commit[64];
        snprintf(index, sizeof index, "{\"weight_map\":{\"x\":\"%s\"}}", BAD[i]);
        snprintf(commit, sizeof commit, "%040zu", i);
        how.commit = commit; /* or the index would be the one that is there */
        folder_text(&model, "model.safetensors.index.json", index);
        PULL("me/tiny");
        expect_failure("model.safetensors.index.json ");
    }
}

Test(pull, tells_when_there_are_only_pickles)
{
    unlink(folder_path(&model, "model.safetensors"));
    PULL("me/tiny");
    expect_failure("only pickles (*.bin): tools/convert_checkpoint.py");
    unlink(folder_path(&model, "config.json"));
    PULL("me/tiny");
    expect_failure("has no config.json");
}

Test(pull, does_not_believe_names_in_a_list)
{
    how.more = ",{\"rfilename\":\"../../evil/config.json\"},{\"rfilename\":\"/tmp/evil.safetensors\"},"
               "{\"rfilename\":\"..\\\\config.json\"},{\"rfilename\":\"1_Pooling/../config.json\"},"
               "{\"rfilename\":\"evil\\u000a.safetensors\"},{\"rfilename\":\"-rf.safetensors\"}";
    PULL("me/tiny");
    expect_done();
    cr_assert_not(child_exists(in_cache("evil")));
    for (size_t i = 0; i < server_n_requests(hub); i++)
        cr_assert_null(strstr(server_request_at(hub, i)->head, "evil"));
}

static const struct {
    const char *listing, *says;
} BAD_LISTS[] = {
    {"", "no JSON"},
    {"<html>", "no JSON"},
    {"[]", "no list of files"},
    {"{\"sha\":\"" COMMIT "\"}", "no list of files"},
    {"{\"siblings\":[]}", "which commit"},
    {"{\"sha\":\"../../x\",\"siblings\":[]}", "which commit"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[]}", "has no config.json"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{}]}", "an entry without a name"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":-1}]}", "whole number"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":1e300}]}", "whole number"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":268435457}]}", "the limit of"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\"},{\"rfilename\":\"config.json\"}]}",
     "twice"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"lfs\":{\"sha256\":\"xyz\"}}]}", "SHA-256"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":9},"
     "{\"rfilename\":\"model.safetensors\",\"size\":1000000000000}]}",
     "has room for"},
};

Test(pull, says_what_is_wrong_with_a_list)
{
    for (size_t i = 0; i < RRK_COUNT(BAD_LISTS); i++) {
        how.listing = BAD_LISTS[i].listing;
        PULL("me/tiny");
        expect_failure(BAD_LISTS[i].says);
    }
    cr_assert_eq(server_n_requests(storage), 0);
}

Test(pull, needs_the_token_where_the_hub_wants_one_and_tells_nobody_else)
{
    const char *file = child_path("token");
    how.token = TOKEN;
    PULL("me/tiny");
    expect_failure("it needs a token (--token-env, --token-file)");
    child_write(file, "hf_wrong\n");
    PULL("--token-file", file, "me/tiny");
    expect_failure("it needs another token");
    child_write(file, " " TOKEN "\n");
    PULL("--token-file", file, "me/tiny"); /* the storage host refuses whoever sends a token there */
    expect_done();
    setenv("MY_TOKEN", TOKEN, 1);
    PULL("--token-env", "MY_TOKEN", "me/tiny");
    expect_done();
    PULL("--token-env", "NO_SUCH_TOKEN", "me/tiny");
    expect_failure("the environment has no NO_SUCH_TOKEN");
}

Test(pull, tells_what_is_not_there)
{
    PULL("me/nothing@v2");
    expect_failure("there is no model 'me/nothing', or no revision 'v2' of it");
    server_stop(hub);
    hub = server_start(serve_hub, NULL);
    RUN(result, NULL, "pull", "--endpoint", "http://127.0.0.1:1", "me/tiny");
    expect_failure("127.0.0.1:1 cannot be reached");
}

Test(pull, tells_when_the_disk_is_full)
{
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){20000, RLIM_INFINITY});
    PULL("me/tiny");
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    expect_failure("cannot write '");
    cr_assert_eq(size_of(pulled_file("model.safetensors.part")), 20000);
    PULL("me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
}

Test(pull, tells_when_the_cache_cannot_be_made)
{
    const char *file = child_path("file");
    child_write(file, "in the way");
    PULL("--cache", file, "me/tiny");
    expect_failure("cannot make the folder '");
}

Test(pull, puts_models_where_it_is_told)
{
    const char *other = child_path("other");
    PULL("--cache", other, "me/tiny");
    expect_done();
    cr_assert_not(child_exists(in_cache("me")));
    RUN(result, NULL, "pull", "--list", "--cache", other);
    cr_assert_not_null(strstr(result.out, "me/tiny"), "%s", result.out);
    remove_folder(other);
}

static const struct {
    const char *arguments[4];
    const char *says;
} MISTAKES[] = {
    {{NULL}, "no NAME given"},
    {{"a/b", "c/d"}, "more than one NAME"},
    {{"../x"}, "is no name of a model"},
    {{"/etc"}, "is no name of a model"},
    {{"a/b/c"}, "is no name of a model"},
    {{"a/"}, "is no name of a model"},
    {{"a/.."}, "is no name of a model"},
    {{"a/b..c"}, "is no name of a model"},
    {{"a/b c"}, "is no name of a model"},
    {{"a/b@"}, "is no name of a model"},
    {{"a/b@../x"}, "is no name of a model"},
    {{"a/b@x/../y"}, "is no name of a model"},
    {{"--list", "a/b"}, "--list takes no NAME"},
    {{"--endpoint", "ftp://a", "a/b"}, "no URL that begins with"},
    {{"--endpoint", "http://u:p@a", "a/b"}, "has a user"},
    {{"--endpoint=http://a", "--token-env=T", "a/b"}, "a token is not sent over http"},
    {{"--endpoint=http://127.0.0.1.evil", "--token-env=T", "a/b"}, "a token is not sent over http"},
    {{"--token-env=T", "--token-file=F", "a/b"}, "exclude each other"},
};

Test(pull, mistakes_in_the_command_line_are_told_before_anything_is_asked)
{
    for (size_t i = 0; i < RRK_COUNT(MISTAKES); i++) {
        const char *const *a = MISTAKES[i].arguments;
        RUN(result, NULL, "pull", a[0], a[0] ? a[1] : NULL, a[0] && a[1] ? a[2] : NULL);
        cr_assert_eq(result.code, 2, "row %zu: %s", i, result.err);
        cr_assert_not_null(strstr(result.err, MISTAKES[i].says), "row %zu: %s", i, result.err);
    }
}

/* At each limit of a name, and one beyond. */
Test(pull, names_have_limits)
{
    char name[400], half[CLI_HUB_MAX_NAME + 2];
    memset(half, 'a', sizeof half);
    half[CLI_HUB_MAX_NAME] = '\0';
    snprintf(name, sizeof name, "%s/%s", half, half);
    cr_assert(cli_hub_is_name(name));
    half[CLI_HUB_MAX_NAME] = 'a';
    half[CLI_HUB_MAX_NAME + 1] = '\0';
    cr_assert_not(cli_hub_is_name(half));
    snprintf(name, sizeof name, "a/%s", half);
    cr_assert_not(cli_hub_is_name(name));
    memset(name, 'b', sizeof name);
    name[CLI_HUB_MAX_REVISION] = '\0';
    cr_assert(cli_hub_is_revision(name));
    name[CLI_HUB_MAX_REVISION] = 'b';
    name[CLI_HUB_MAX_REVISION + 1] = '\0';
    cr_assert_not(cli_hub_is_revision(name));
}
