/*
 * Fetching a model: see pull.h. Each file is written beside its place ("model.safetensors.part"), checked and then
 * renamed, so a file under its own name is whole; the manifest comes last, and then the link that makes the model found.
 */
#include "cli/pull.h"

#include "base/alloc.h"
#include "base/file.h"
#include "cli/cli.h"
#include "net/download.h"

#include <errno.h>
#include <jansson.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MAX_PATH_BYTES ((size_t)1 << 16)
#define LIST_TRIES 3

typedef struct pull {
    const cli_pull_order *order;
    cli_pulled *out;
    net_loop *loop;
    base_buf authorization; /* empty: none */
    base_deadline deadline;
    int lock;
    cli_hub_list list;
    cli_progress progress;
    uint64_t n_total; /* of the files whose size is told */
    uint64_t n_done;  /* of the files before the one that comes in */
} pull;

static void close_pull(pull *p)
{
    net_loop_close(p->loop);
    if (p->authorization.data)
        explicit_bzero(p->authorization.data, p->authorization.len);
    base_buf_free(&p->authorization);
    cli_hub_free_list(&p->list);
    if (p->lock >= 0)
        close(p->lock);
}

static net_source source_of(const pull *p, const char *url, int n_tries)
{
    return (net_source){
        .url = url,
        .authorization = p->authorization.len ? p->authorization.data : NULL,
        .deadline = &p->deadline,
        .n_tries = n_tries,
    };
}

/* --- what there is --- */

static void explain_refusal(const pull *p, rrk_error *err)
{
    const cli_pull_order *order = p->order;
    if (err->detail != 401 && err->detail != 403)
        return;
    if (p->list.is_gated)
        base_error_prefix(err,
                          "its terms have to be accepted at %s/%s by whoever's token is given (--token-env, "
                          "--token-file)",
                          order->endpoint, order->model.name);
    else
        base_error_prefix(err, "'%s' is not there, or it needs %s (--token-env, --token-file)", order->model.name,
                          order->token ? "another token" : "a token");
}

static rrk_status append_escaped(base_buf *url, const char *revision, rrk_error *err)
{
    for (const char *c = revision; *c; c++)
        RRK_TRY(*c == '/' ? base_buf_append_string(url, "%2F", err) : base_buf_append_char(url, *c, err));
    return RRK_OK;
}

static rrk_status fetch_list(pull *p, rrk_error *err)
{
    base_buf url RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    base_buf reply RRK_AUTO(base_buf_free) = {.max = CLI_HUB_MAX_LIST_BYTES};
    const cli_model_name *model = &p->order->model;
    RRK_TRY(base_buf_printf(&url, err, "%s/api/models/%s/revision/", p->order->endpoint, model->name));
    RRK_TRY(append_escaped(&url, model->revision, err));
    RRK_TRY(base_buf_append_string(&url, "?blobs=true", err));
    net_source source = source_of(p, url.data, LIST_TRIES);
    rrk_status status = net_fetch(p->loop, &source, &reply, err);
    explain_refusal(p, err);
    if (status == RRK_E_NOTFOUND)
        base_error_prefix(err, "there is no model '%s', or no revision '%s' of it", model->name, model->revision);
    RRK_TRY(status);
    RRK_TRY(cli_hub_read_list(&p->list, (rrk_text){reply.data, reply.len}, err));
    memcpy(p->out->commit, p->list.commit, sizeof p->out->commit);
    return RRK_OK;
}

/* --- one file --- */

static rrk_status path_of(const pull *p, const char *file, const char *suffix, base_buf *out, rrk_error *err)
{
    base_buf_clear(out);
    return base_buf_printf(out, err, "%s/%s%s", p->out->folder, file, suffix);
}

static bool has_size(const char *path, int64_t n_bytes)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISREG(status.st_mode) && (n_bytes < 0 || status.st_size == n_bytes);
}

static rrk_status hash_file(const char *path, char sha256[BASE_SHA256_HEX_SIZE], rrk_error *err)
{
    base_mapping mapping = {0};
    if (!has_size(path, 0))
        RRK_TRY(base_file_map(path, &mapping, err));
    base_sha256_hex((rrk_text){mapping.data, mapping.len}, sha256);
    base_file_unmap(&mapping);
    return RRK_OK;
}

/* Whether an earlier, interrupted pull brought it. The hash is kept for the manifest. */
static bool is_there(const char *path, cli_hub_file *file)
{
    char sha256[BASE_SHA256_HEX_SIZE];
    struct stat status;
    if (!has_size(path, file->n_bytes) || hash_file(path, sha256, NULL) != RRK_OK)
        return false;
    if (file->has_sha256 && strcmp(file->sha256, sha256) != 0)
        return false;
    memcpy(file->sha256, sha256, sizeof sha256);
    if (stat(path, &status) == 0)
        file->n_bytes = status.st_size;
    return true;
}

static void show_progress(void *ctx, uint64_t n_bytes)
{
    pull *p = ctx;
    uint64_t done = p->n_done + n_bytes;
    cli_progress_show(&p->progress, done / 1000000, done, p->n_total);
}

static rrk_status download(pull *p, cli_hub_file *file, const char *partial, rrk_error *err)
{
    base_buf url RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    net_downloaded got = {0};
    RRK_TRY(base_buf_printf(&url, err, "%s/%s/resolve/%s/%s", p->order->endpoint, p->order->model.name, p->list.commit,
                            file->path));
    net_download what = {
        .source = source_of(p, url.data, 0),
        .path = partial,
        .n_bytes = file->n_bytes,
        .max_bytes = file->is_weights ? CLI_HUB_MAX_FILE_BYTES : CLI_HUB_MAX_SMALL_BYTES,
        .sha256 = file->has_sha256 ? file->sha256 : NULL,
        .progress = show_progress,
        .ctx = p,
    };
    rrk_status status = net_download_file(p->loop, &what, &got, err);
    p->out->n_fetched += got.n_fetched;
    if (status != RRK_OK && err->detail >= 400 && err->detail < 600)
        base_error_prefix(err, "%s", file->path);
    explain_refusal(p, err);
    RRK_TRY(status);
    memcpy(file->sha256, got.sha256, sizeof got.sha256);
    file->n_bytes = (int64_t)got.n_bytes;
    return RRK_OK;
}

/* Afterwards the file has its size and hash, whether the endpoint told them or not. */
static rrk_status bring(pull *p, cli_hub_file *file, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    base_buf partial RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    const char *slash = strchr(file->path, '/');
    RRK_TRY(base_deadline_check(&p->deadline, err));
    if (slash) {
        RRK_TRY(base_buf_printf(&path, err, "%s/%.*s", p->out->folder, (int)(slash - file->path), file->path));
        RRK_TRY(cli_make_folders(path.data, err));
    }
    RRK_TRY(path_of(p, file->path, "", &path, err));
    if (!is_there(path.data, file)) {
        RRK_TRY(path_of(p, file->path, ".part", &partial, err));
        RRK_TRY(download(p, file, partial.data, err));
        if (rename(partial.data, path.data) != 0)
            return base_fail_errno(err, errno, "rename to", path.data);
    }
    p->n_done += (uint64_t)file->n_bytes;
    return RRK_OK;
}

/* --- all of them --- */

static rrk_status choose_files(pull *p, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    char *index RRK_AUTO(base_free_ptr) = NULL;
    size_t len = 0;
    cli_hub_file *file = cli_hub_find(&p->list, CLI_HUB_INDEX);
    if (!cli_hub_find(&p->list, "config.json"))
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "'%s' has no config.json: it is no model that rrk can read",
                         p->order->model.name);
    if (file && !cli_hub_find(&p->list, CLI_HUB_WEIGHTS)) {
        RRK_TRY(bring(p, file, err));
        RRK_TRY(path_of(p, file->path, "", &path, err));
        RRK_TRY(base_file_read(path.data, CLI_HUB_MAX_INDEX_BYTES, &index, &len, err));
    }
    rrk_status status = cli_hub_choose_weights(&p->list, (rrk_text){index, len}, err);
    if (status == RRK_E_UNSUPPORTED)
        base_error_prefix(err, "'%s'", p->order->model.name);
    return status;
}

/* Of a whole model sizes are enough; hashes were checked when it came. */
static rrk_status is_complete(pull *p, bool *out, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    struct stat status;
    RRK_TRY(path_of(p, CLI_MANIFEST, "", &path, err));
    *out = has_size(path.data, -1);
    p->out->n_bytes = 0;
    for (size_t i = 0; *out && i < cli_hub_n_files(&p->list); i++) {
        const cli_hub_file *file = cli_hub_file_at(&p->list, i);
        RRK_TRY(path_of(p, file->path, "", &path, err));
        *out = has_size(path.data, file->n_bytes) && stat(path.data, &status) == 0;
        p->out->n_bytes += *out ? (uint64_t)status.st_size : 0;
    }
    return RRK_OK;
}

/* Whoever looks must not find what is being mended. */
static rrk_status remove_manifest(const pull *p, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    RRK_TRY(path_of(p, CLI_MANIFEST, "", &path, err));
    if (unlink(path.data) != 0 && errno != ENOENT)
        return base_fail_errno(err, errno, "remove", path.data);
    return RRK_OK;
}

static rrk_status check_room(const pull *p, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    struct statvfs disk;
    struct stat status;
    uint64_t needed = 0;
    char wants[CLI_NUMBER_SIZE], has[CLI_NUMBER_SIZE];
    for (size_t i = 0; i < cli_hub_n_files(&p->list); i++) {
        const cli_hub_file *file = cli_hub_file_at(&p->list, i);
        uint64_t n_bytes = (uint64_t)RRK_MAX(file->n_bytes, (int64_t)0);
        RRK_TRY(path_of(p, file->path, "", &path, err));
        if (has_size(path.data, file->n_bytes))
            continue;
        RRK_TRY(base_buf_append_string(&path, ".part", err));
        uint64_t come = stat(path.data, &status) == 0 ? (uint64_t)status.st_size : 0;
        needed += n_bytes - RRK_MIN(come, n_bytes);
    }
    if (statvfs(p->out->folder, &disk) != 0)
        return base_fail_errno(err, errno, "look at", p->out->folder);
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (needed > room)
        return base_fail(err, RRK_E_IO, ENOSPC, "the model needs %s more, '%s' has room for %s",
                         cli_format_bytes(wants, needed), p->out->folder, cli_format_bytes(has, room));
    return RRK_OK;
}

static json_t *describe_file(const cli_hub_file *file)
{
    return json_pack("{s:s, s:I, s:s, s:b}", "path", file->path, "bytes", (json_int_t)file->n_bytes, "sha256",
                     file->sha256, "sha256_checked", file->has_sha256);
}

static rrk_status write_manifest(const pull *p, json_t *files, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    base_output output RRK_AUTO(base_output_abort) = {0};
    const cli_pull_order *order = p->order;
    RRK_TRY(path_of(p, CLI_MANIFEST, "", &path, err));
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:O}", "model", order->model.name, "revision", order->model.revision,
                             "commit", p->list.commit, "endpoint", order->endpoint, "files", files);
    if (!json)
        return base_fail_nomem(err, sizeof *json);
    rrk_status status = base_output_open(&output, path.data, err);
    if (status == RRK_OK)
        json_dumpf(json, output.stream, JSON_INDENT(2));
    json_decref(json);
    RRK_TRY(status);
    fputc('\n', output.stream);
    return base_output_commit(&output, err);
}

static rrk_status bring_all(pull *p, rrk_error *err)
{
    json_t *files RRK_AUTO(json_decrefp) = json_array();
    p->n_done = 0;
    for (size_t i = 0; i < cli_hub_n_files(&p->list); i++) {
        cli_hub_file *file = cli_hub_file_at(&p->list, i);
        RRK_TRY(bring(p, file, err));
        if (json_array_append_new(files, describe_file(file)) != 0)
            return base_fail_nomem(err, sizeof *files);
    }
    return write_manifest(p, files, err);
}

static void count_files(pull *p)
{
    p->n_total = 0;
    p->out->n_files = cli_hub_n_files(&p->list);
    p->out->n_checked = 0;
    for (size_t i = 0; i < p->out->n_files; i++) {
        const cli_hub_file *file = cli_hub_file_at(&p->list, i);
        p->n_total += (uint64_t)RRK_MAX(file->n_bytes, (int64_t)0);
        p->out->n_checked += file->has_sha256;
    }
}

static void tell_waiting(void)
{
    fputs("rrk pull: another process pulls this model, waiting for it\n", stderr);
}

static rrk_status fill_folder(pull *p, rrk_error *err)
{
    const cli_pull_order *order = p->order;
    bool is_done = false;
    RRK_TRY(cli_cache_folder(order->root, order->model.name, p->list.commit, &p->out->folder, err));
    RRK_TRY(cli_make_folders(p->out->folder, err));
    RRK_TRY(cli_cache_lock(p->out->folder, tell_waiting, &p->lock, err));
    RRK_TRY(choose_files(p, err));
    count_files(p);
    RRK_TRY(is_complete(p, &is_done, err));
    if (!is_done) {
        RRK_TRY(check_room(p, err));
        RRK_TRY(remove_manifest(p, err));
        RRK_TRY(bring_all(p, err));
        p->out->n_bytes = p->n_done;
    }
    return cli_cache_link(order->root, &order->model, p->list.commit, err);
}

static rrk_status connect_to(pull *p, rrk_error *err)
{
    net_options options = {
        .proxy = p->order->proxy, .ca_file = p->order->ca_file, .max_reply_bytes = CLI_HUB_MAX_LIST_BYTES};
    if (p->order->token)
        RRK_TRY(base_buf_printf(&p->authorization, err, "Bearer %s", p->order->token));
    return net_loop_open(&p->loop, &options, err);
}

static void tell_wait(rrk_log_level level, const char *line, void *ctx)
{
    const pull *p = ctx;
    fprintf(stderr, "%srrk pull: %s\n", p->progress.on ? "\r\033[K" : "", line);
}

rrk_status cli_pull_model(const cli_pull_order *order, cli_pulled *out, rrk_error *err)
{
    *out = (cli_pulled){0};
    pull p RRK_AUTO(close_pull) = {
        .order = order,
        .out = out,
        .lock = -1,
        .authorization.max = MAX_PATH_BYTES,
        .deadline.cancel = cli_cancel,
    };
    RRK_TRY(connect_to(&p, err));
    rrk_set_log(tell_wait, RRK_LOG_WARNING, &p);
    rrk_status status = fetch_list(&p, err);
    if (status == RRK_OK) {
        cli_progress_begin(&p.progress, "pull", "MB");
        status = fill_folder(&p, err);
        cli_progress_end(&p.progress);
    }
    rrk_set_log(NULL, RRK_LOG_WARNING, NULL);
    return status;
}
