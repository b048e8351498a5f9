/* See hub.h. */
#include "hub.h"
#include "../encoder/tiny_model.h"
#include "base/sha256.h"

child result;
folder model, cache;
server *hub, *storage;
hub_ways how;

const char *read_model_file(const char *name, size_t *len)
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
    snprintf(body + at, sizeof body - at, "%s],\"gated\":%s}", how.more ? how.more : "",
             how.is_gated ? "\"manual\"" : "false");
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
    } else if (how.is_gated) {
        server_reply(conn, strstr(request->head, "Authorization: ") ? 403 : 401, "X-Error-Code: GatedRepo\r\n", "");
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

void hub_set_up(void)
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

void remove_folder(const char *path)
{
    char line[256];
    snprintf(line, sizeof line, "chmod -R u+w '%s'; rm -rf '%s'", path, path);
    cr_assert_eq(system(line), 0);
}

void hub_tear_down(void)
{
    server_stop(hub);
    server_stop(storage);
    remove_folder(cache.dir);
    remove_folder(model.dir);
}

void expect_done(void)
{
    cr_assert_eq(result.code, 0, "exit code %d: %s", result.code, result.err);
    cr_assert_str_empty(result.err);
}

void expect_failure(const char *part)
{
    cr_assert_eq(result.code, 1, "exit code %d: %s%s", result.code, result.out, result.err);
    cr_assert_not_null(strstr(result.err, part), "'%s' is not in: %s", part, result.err);
    cr_assert_eq(strchr(result.err, '\n'), result.err + strlen(result.err) - 1, "one line: %s", result.err);
    cr_assert_null(strstr(result.err, TOKEN), "%s", result.err);
}

const char *in_cache(const char *name)
{
    static char paths[4][320];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/rrk/models/%s", cache.dir, name);
    return path;
}

const char *pulled_file(const char *name)
{
    char path[192];
    snprintf(path, sizeof path, "me/tiny@" COMMIT "/%s", name);
    return in_cache(path);
}

void expect_same_file(const char *name)
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

void embed_with(const char *name)
{
    const char *store = child_path("pull.db");
    RUN(result, "d0\tword5 word6\n", "import", "--store", store, "--format", "msmarco", "-");
    RUN(result, NULL, "embed", "--store", store, "--model", name, "--threads", "1");
}

int64_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : -1;
}
