/*
 * Text and Markdown files, one or a folder of them, in the order of their names. A passage's id is the file's path as it
 * was given and, behind '#', its heading as an anchor, so that an edit elsewhere in a file leaves it alone.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "base/map.h"
#include "base/utf8.h"
#include "store/import.h"
#include "store/markdown.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 64, MAX_ANCHOR = 120 };

typedef struct file_list {
    char **paths; /* [n] each owned */
    size_t n, cap;
    uint64_t bytes;
} file_list;

static void free_list(file_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        base_free(list->paths[i]);
    base_free(list->paths);
}

bool store_import_is_text(const char *path)
{
    static const char *const SUFFIXES[] = {".txt", ".md", ".markdown", ".rst"};
    size_t n = strlen(path);
    for (size_t i = 0; i < RRK_COUNT(SUFFIXES); i++) {
        size_t m = strlen(SUFFIXES[i]);
        if (n > m && strcmp(path + n - m, SUFFIXES[i]) == 0)
            return true;
    }
    return false;
}

static rrk_status add_file(file_list *list, const char *path, uint64_t bytes, rrk_error *err)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 64;
        char **paths = base_realloc(list->paths, cap, sizeof *paths);
        if (!paths)
            return base_fail_nomem(err, cap * sizeof *paths);
        list->paths = paths;
        list->cap = cap;
    }
    list->paths[list->n] = base_strdup(path);
    if (!list->paths[list->n])
        return base_fail_nomem(err, strlen(path));
    list->n++;
    list->bytes += bytes;
    return RRK_OK;
}

static rrk_status walk(file_list *list, const char *dir, int depth, rrk_error *err);

static rrk_status walk_entry(file_list *list, const char *dir, const char *name, int depth, rrk_error *err)
{
    size_t len = strlen(dir) + strlen(name) + 2;
    char *path RRK_AUTO(base_free_ptr) = base_alloc(len, 1);
    if (!path)
        return base_fail_nomem(err, len);
    snprintf(path, len, "%s/%s", dir, name);
    struct stat st;
    if (lstat(path, &st) != 0)
        return base_fail_errno(err, errno, "stat", path);
    if (S_ISDIR(st.st_mode))
        return walk(list, path, depth + 1, err);
    if (S_ISREG(st.st_mode) && store_import_is_text(path))
        return add_file(list, path, (uint64_t)st.st_size, err);
    return RRK_OK;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static rrk_status walk(file_list *list, const char *dir, int depth, rrk_error *err)
{
    if (depth > MAX_DEPTH)
        return base_fail(err, RRK_E_INVALID, 0, "'%s' is more than %d folders deep", dir, MAX_DEPTH);
    struct dirent **entries;
    int n = scandir(dir, &entries, visible, by_bytes);
    if (n < 0)
        return base_fail_errno(err, errno, "read folder", dir);
    rrk_status status = RRK_OK;
    for (int i = 0; i < n; i++) {
        if (status == RRK_OK)
            status = walk_entry(list, dir, entries[i]->d_name, depth, err);
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* One file on its way into the store. */
typedef struct text_file {
    store_import *import;
    const char *path;
    base_map *anchors; /* how often each has been used */
} text_file;

/* A heading as an anchor: letters and digits in lower case, runs of anything else one '-'. */
static void make_anchor(const char *heading, char out[MAX_ANCHOR])
{
    size_t n = 0, len = base_utf8_cut(heading, strlen(heading), MAX_ANCHOR - 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)heading[i];
        bool keep = c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (keep)
            out[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        else if (n && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n && out[n - 1] == '-')
        n--;
    out[n] = '\0';
}

/* path#anchor, and -2, -3 ... behind it when the anchor was there before. */
static rrk_status make_id(text_file *file, const char *heading, base_buf *id, rrk_error *err)
{
    char anchor[MAX_ANCHOR];
    make_anchor(heading, anchor);
    int64_t used = 0;
    base_map_get(file->anchors, rrk_text_of(anchor), &used);
    RRK_TRY(base_map_put(file->anchors, rrk_text_of(anchor), used + 1, NULL, err));
    RRK_TRY(base_buf_printf(id, err, "%s", file->path));
    if (*anchor || used)
        RRK_TRY(base_buf_printf(id, err, "#%s", anchor));
    return used ? base_buf_printf(id, err, "-%lld", (long long)used + 1) : RRK_OK;
}

static rrk_status take_section(void *ctx, const store_section *section, rrk_error *err)
{
    text_file *file = ctx;
    base_buf id RRK_AUTO(base_buf_free) = {.max = 8192}, metadata RRK_AUTO(base_buf_free) = {.max = 65536};
    RRK_TRY(make_id(file, section->heading, &id, err));
    RRK_TRY(base_buf_append_string(&metadata, "{\"path\":", err));
    RRK_TRY(base_buf_append_json(&metadata, rrk_text_of(file->path), err));
    RRK_TRY(base_buf_printf(&metadata, err, ",\"line\":%zu}", section->line));
    rrk_passage passage = {
        .id = {id.data, id.len},
        .title = rrk_text_of(section->title),
        .text = section->text,
        .metadata = {metadata.data, metadata.len},
    };
    char place[256];
    snprintf(place, sizeof place, "%s:%zu", file->path, section->line);
    return store_import_add(file->import, &passage, place, err);
}

static void free_map(base_map **map)
{
    base_map_free(*map);
}

static rrk_status split_file(store_import *import, const char *path, rrk_text text, rrk_error *err)
{
    base_map *anchors RRK_AUTO(free_map) = NULL;
    RRK_TRY(base_map_new(&anchors, 32, err));
    text_file file = {import, path, anchors};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(path);
    bool plain = n > 4 && strcmp(path + n - 4, ".txt") == 0;
    return store_split(text, name, !plain, take_section, &file, err);
}

static rrk_status import_file(store_import *import, const char *path, rrk_error *err)
{
    char *data RRK_AUTO(base_free_ptr) = NULL;
    size_t len = 0, bad_at;
    rrk_status status = base_file_read(path, STORE_IMPORT_MAX_FILE_BYTES, &data, &len, err);
    if (status == RRK_OK && !base_utf8_valid(data, len, &bad_at))
        status = base_fail(err, RRK_E_INVALID, 0, "%s is not UTF-8 at byte %zu", path, bad_at);
    if (status != RRK_OK)
        return store_import_bad(import, status, err);
    import->stats.bytes_read += len;
    return split_file(import, path, (rrk_text){data, len}, err);
}

/* "./doc//" and "doc" are one folder and must give one set of ids. */
static rrk_status clean_path(const char *path, char **out, rrk_error *err)
{
    while (strncmp(path, "./", 2) == 0 && path[2])
        path += 2;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    *out = base_strndup(path, len);
    return *out ? RRK_OK : base_fail_nomem(err, len);
}

/* Standard input is one plain text. */
static rrk_status import_standard_input(store_import *import, rrk_error *err)
{
    base_buf text RRK_AUTO(base_buf_free) = {.max = STORE_IMPORT_MAX_FILE_BYTES};
    char chunk[65536];
    size_t n, bad_at;
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        RRK_TRY(base_buf_append(&text, chunk, n, err));
    if (ferror(stdin))
        return base_fail_errno(err, EIO, "read", "standard input");
    if (!base_utf8_valid(text.data, text.len, &bad_at))
        return base_fail(err, RRK_E_INVALID, 0, "standard input is not UTF-8 at byte %zu", bad_at);
    import->stats.bytes_read = text.len;
    return split_file(import, "stdin", (rrk_text){text.data, text.len}, err);
}

rrk_status store_import_files(store_import *import, const char *path, rrk_error *err)
{
    if (strcmp(path, "-") == 0)
        return import_standard_input(import, err);
    char *clean RRK_AUTO(base_free_ptr) = NULL;
    RRK_TRY(clean_path(path, &clean, err));
    struct stat st;
    if (stat(clean, &st) != 0)
        return base_fail_errno(err, errno, "read", clean);
    if (!S_ISDIR(st.st_mode))
        return import_file(import, clean, err);
    file_list list RRK_AUTO(free_list) = {0};
    RRK_TRY(walk(&list, clean, 0, err));
    import->stats.bytes_total = list.bytes;
    for (size_t i = 0; i < list.n; i++) {
        RRK_TRY(import_file(import, list.paths[i], err));
        RRK_TRY(store_import_progress(import, false, err));
    }
    return RRK_OK;
}
