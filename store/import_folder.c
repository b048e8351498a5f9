/*
 * Folders of texts: every text file below, in the order of the names, with hidden files and links left out. Only one
 * file is in memory at a time.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "store/import.h"

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MAX_FILE_BYTES ((size_t)256 << 20)

bool store_import_is_text_name(const char *name)
{
    static const char *const endings[] = {".txt", ".md", ".markdown", ".rst"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < RRK_COUNT(endings); i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

rrk_status store_import_file(store_importer *importer, const char *path, const char *name, rrk_error *err)
{
    RRK_AUTO(base_free_ptr) char *data = NULL;
    size_t len = 0;
    RRK_TRY(base_file_read(path, MAX_FILE_BYTES, &data, &len, err));
    RRK_TRY(store_import_document(importer, path, name, (rrk_text){data, len}, err));
    RRK_TRY(store_import_tick(importer, len, err));
    importer->bytes_before += len;
    return RRK_OK;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void close_walk(FTS **walk)
{
    if (*walk)
        fts_close(*walk);
}

typedef rrk_status (*file_fn)(store_importer *importer, const FTSENT *file, const char *name, rrk_error *err);

static rrk_status visit(store_importer *importer, FTS *walk, FTSENT *entry, size_t root_len, file_fn fn, rrk_error *err)
{
    bool is_hidden = entry->fts_level > 0 && entry->fts_name[0] == '.';
    switch (entry->fts_info) {
    case FTS_D:
        if (is_hidden)
            fts_set(walk, entry, FTS_SKIP);
        return RRK_OK;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return base_fail_errno(err, entry->fts_errno, "read", entry->fts_path);
    case FTS_F: {
        const char *name = entry->fts_path + root_len;
        name += strspn(name, "/");
        return is_hidden || !store_import_is_text_name(name) ? RRK_OK : fn(importer, entry, name, err);
    }
    default:
        return RRK_OK;
    }
}

static rrk_status walk_folder(store_importer *importer, char *path, file_fn fn, rrk_error *err)
{
    char *roots[] = {path, NULL};
    RRK_AUTO(close_walk) FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
    if (!walk)
        return base_fail_errno(err, errno, "read", path);
    for (;;) {
        errno = 0;
        FTSENT *entry = fts_read(walk);
        if (!entry)
            return errno ? base_fail_errno(err, errno, "read", path) : RRK_OK;
        RRK_TRY(visit(importer, walk, entry, strlen(path), fn, err));
    }
}

static rrk_status add_size(store_importer *importer, const FTSENT *file, const char *name, rrk_error *err)
{
    importer->stats.bytes_total += (uint64_t)file->fts_statp->st_size;
    return RRK_OK;
}

static rrk_status import_entry(store_importer *importer, const FTSENT *file, const char *name, rrk_error *err)
{
    return store_import_file(importer, file->fts_path, name, err);
}

rrk_status store_import_folder(store_importer *importer, const char *path, rrk_error *err)
{
    RRK_AUTO(base_free_ptr) char *root = base_strdup(path);
    if (!root)
        return base_fail_nomem(err, strlen(path));
    RRK_TRY(walk_folder(importer, root, add_size, err));
    return walk_folder(importer, root, import_entry, err);
}
