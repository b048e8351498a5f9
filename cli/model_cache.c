/* The cache of pulled models: see model_cache.h. */
#include "cli/model_cache.h"

#include "base/alloc.h"
#include "base/file.h"
#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE ".lock"
#define MAX_MANIFEST_BYTES ((size_t)4 << 20)
#define MAX_PATH_BYTES ((size_t)1 << 16)

bool cli_model_name_read(const char *text, cli_model_name *out)
{
    const char *at = strchr(text, '@');
    size_t len = at ? (size_t)(at - text) : strlen(text);
    if (len >= sizeof out->name || (at && strlen(at + 1) >= sizeof out->revision))
        return false;
    memcpy(out->name, text, len);
    out->name[len] = '\0';
    snprintf(out->revision, sizeof out->revision, "%s", at ? at + 1 : CLI_DEFAULT_REVISION);
    return cli_hub_is_name(out->name) && cli_hub_is_revision(out->revision);
}

rrk_status cli_cache_root(const char *given, char **out, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    const char *cache = cli_environment("XDG_CACHE_HOME"), *home = cli_environment("HOME");
    *out = NULL;
    if (!given)
        given = cli_environment("RRK_MODELS");
    if (given)
        RRK_TRY(base_buf_append_string(&path, given, err));
    else if (cache && cache[0] == '/') /* a relative one is to be ignored, says the specification of XDG's folders */
        RRK_TRY(base_buf_printf(&path, err, "%s/rrk/models", cache));
    else if (home)
        RRK_TRY(base_buf_printf(&path, err, "%s/.cache/rrk/models", home));
    else
        return base_fail(err, RRK_E_INVALID, 0, "neither XDG_CACHE_HOME nor HOME says where the cache is");
    *out = RRK_STEAL(path.data);
    return RRK_OK;
}

rrk_status cli_cache_folder(const char *root, const char *name, const char *version, char **out, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    *out = NULL;
    RRK_TRY(base_buf_printf(&path, err, "%s/%s@", root, name));
    for (const char *c = version; *c; c++)
        RRK_TRY(*c == '/' ? base_buf_append_string(&path, "%2F", err) : base_buf_append_char(&path, *c, err));
    *out = RRK_STEAL(path.data);
    return RRK_OK;
}

rrk_status cli_make_folders(const char *path, rrk_error *err)
{
    char *copy RRK_AUTO(base_free_ptr) = base_strdup(path);
    if (!copy)
        return base_fail_nomem(err, strlen(path));
    for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            return base_fail_errno(err, errno == ENOENT ? EIO : errno, "make the folder", copy);
        if (!slash)
            return RRK_OK;
        *slash = '/';
    }
}

/* Without SA_RESTART a signal ends the wait. */
static rrk_status wait_for_lock(int fd, const char *folder, rrk_error *err)
{
    while (flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR)
            return base_fail_errno(err, errno, "lock", folder);
        if (cli_interrupted())
            return base_fail(err, RRK_E_CANCELLED, 0, "interrupted");
    }
    return RRK_OK;
}

rrk_status cli_cache_lock(const char *folder, void (*waiting)(void), int *fd, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    RRK_TRY(base_buf_printf(&path, err, "%s/%s", folder, LOCK_FILE));
    *fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (*fd < 0)
        return base_fail_errno(err, errno, "write", path.data);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return RRK_OK;
    if (waiting)
        waiting();
    return wait_for_lock(*fd, folder, err);
}

rrk_status cli_cache_link(const char *root, const cli_model_name *model, const char *commit, rrk_error *err)
{
    char *path RRK_AUTO(base_free_ptr) = NULL;
    base_buf fresh RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    base_buf target RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    const char *slash = strchr(model->name, '/');
    if (strcmp(model->revision, commit) == 0)
        return RRK_OK;
    RRK_TRY(cli_cache_folder(root, model->name, model->revision, &path, err));
    RRK_TRY(base_buf_printf(&fresh, err, "%s.%ld", path, (long)getpid()));
    RRK_TRY(base_buf_printf(&target, err, "%s@%s", slash ? slash + 1 : model->name, commit));
    if (symlink(target.data, fresh.data) != 0)
        return base_fail_errno(err, errno, "make the link", fresh.data);
    if (rename(fresh.data, path) != 0) {
        int cause = errno;
        unlink(fresh.data);
        return base_fail_errno(err, cause, "make the link", path);
    }
    return RRK_OK;
}

/* --- what is there --- */

/* Fills what the manifest says; without a readable one the model was only begun. */
static rrk_status read_manifest(cli_cached *model, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    char *text RRK_AUTO(base_free_ptr) = NULL;
    const char *commit;
    json_t *files;
    const json_t *file;
    size_t len, i;
    RRK_TRY(base_buf_printf(&path, err, "%s/%s", model->folder, CLI_MANIFEST));
    if (base_file_read(path.data, MAX_MANIFEST_BYTES, &text, &len, NULL) != RRK_OK)
        return RRK_OK;
    json_t *json RRK_AUTO(json_decrefp) = json_loadb(text, len, 0, NULL);
    if (json_unpack(json, "{s:s, s:o}", "commit", &commit, "files", &files) != 0)
        return RRK_OK;
    snprintf(model->commit, sizeof model->commit, "%s", commit);
    json_array_foreach(files, i, file) model->n_bytes += (uint64_t)json_integer_value(json_object_get(file, "bytes"));
    model->is_whole = true;
    return RRK_OK;
}

typedef struct listing {
    const char *root;
    cli_cached_fn show;
    void *ctx;
} listing;

typedef struct entries {
    struct dirent **found;
    int n;
} entries;

static void free_entries(entries *e)
{
    for (int i = 0; i < e->n; i++)
        free(e->found[i]);
    free(e->found);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static rrk_status read_folder(const char *path, entries *out, rrk_error *err)
{
    out->n = scandir(path, &out->found, is_visible, alphasort);
    if (out->n >= 0)
        return RRK_OK;
    out->n = 0;
    return errno == ENOENT || errno == ENOTDIR ? RRK_OK : base_fail_errno(err, errno, "read", path);
}

static bool is_linked_to(const char *parent, const entries *e, const char *target)
{
    char link[CLI_HUB_MAX_PATH + CLI_HUB_COMMIT_SIZE + 64];
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    for (int i = 0; i < e->n; i++) {
        base_buf_clear(&path);
        if (base_buf_printf(&path, NULL, "%s/%s", parent, e->found[i]->d_name) != RRK_OK)
            return false;
        ssize_t len = readlink(path.data, link, sizeof link - 1);
        if (len > 0 && (size_t)len == strlen(target) && memcmp(link, target, (size_t)len) == 0)
            return true;
    }
    return false;
}

/* "NAME@VERSION" below parent; owner is "" or ends in '/'. Names that no pull would make are passed over. */
static rrk_status list_entry(const listing *l, const char *parent, const char *owner, const char *entry, rrk_error *err)
{
    base_buf text RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    cli_model_name parsed;
    cli_cached model = {0};
    RRK_TRY(base_buf_append_string(&text, owner, err));
    for (const char *c = entry; *c; c++) {
        bool is_slash = strncmp(c, "%2F", 3) == 0;
        RRK_TRY(base_buf_append_char(&text, is_slash ? '/' : *c, err));
        c += is_slash ? 2 : 0;
    }
    if (!cli_model_name_read(text.data, &parsed))
        return RRK_OK;
    RRK_TRY(base_buf_printf(&path, err, "%s/%s", parent, entry));
    memcpy(model.name, parsed.name, sizeof model.name);
    memcpy(model.version, parsed.revision, sizeof model.version);
    model.folder = path.data;
    RRK_TRY(read_manifest(&model, err));
    return l->show(l->ctx, &model, err);
}

static rrk_status list_folder(const listing *l, const char *parent, const char *owner, rrk_error *err)
{
    entries e RRK_AUTO(free_entries) = {0};
    RRK_TRY(read_folder(parent, &e, err));
    for (int i = 0; i < e.n; i++) {
        const char *name = e.found[i]->d_name;
        if (strchr(name, '@') && !is_linked_to(parent, &e, name))
            RRK_TRY(list_entry(l, parent, owner, name, err));
    }
    for (int i = 0; i < e.n && !owner[0]; i++) {
        base_buf inner RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
        base_buf prefix RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
        if (strchr(e.found[i]->d_name, '@') || e.found[i]->d_type == DT_REG)
            continue;
        RRK_TRY(base_buf_printf(&inner, err, "%s/%s", parent, e.found[i]->d_name));
        RRK_TRY(base_buf_printf(&prefix, err, "%s/", e.found[i]->d_name));
        RRK_TRY(list_folder(l, inner.data, prefix.data, err));
    }
    return RRK_OK;
}

rrk_status cli_cache_list(const char *root, cli_cached_fn show, void *ctx, rrk_error *err)
{
    listing l = {root, show, ctx};
    return list_folder(&l, root, "", err);
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static rrk_status find_pulled(const char *model, const cli_model_name *name, char **out, rrk_error *err)
{
    char *root RRK_AUTO(base_free_ptr) = NULL;
    cli_cached found = {0};
    RRK_TRY(cli_cache_root(NULL, &root, err));
    RRK_TRY(cli_cache_folder(root, name->name, name->revision, out, err));
    found.folder = *out;
    rrk_status status = read_manifest(&found, err);
    if (status == RRK_OK && !found.is_whole)
        status = base_fail(err, RRK_E_NOTFOUND, 0,
                           "there is no folder '%s', and no model of that name was pulled: rrk pull %s", model, model);
    if (status != RRK_OK)
        base_free(RRK_STEAL(*out));
    return status;
}

rrk_status cli_model_folder(const char *model, char **out, rrk_error *err)
{
    cli_model_name name;
    if (!is_folder(model) && access(model, F_OK) != 0 && cli_model_name_read(model, &name))
        return find_pulled(model, &name, out, err);
    *out = base_strdup(model);
    return *out ? RRK_OK : base_fail_nomem(err, strlen(model));
}
