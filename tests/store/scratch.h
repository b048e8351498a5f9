/* A store in a temporary folder of its own, and short ways to use it. */
#ifndef RRK_TESTS_STORE_SCRATCH_H
#define RRK_TESTS_STORE_SCRATCH_H

#include "store/store.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct scratch {
    char dir[64];
    char path[96];
    rrk_store *store;
    rrk_error err;
} scratch;

static inline rrk_status scratch_open_mode(scratch *s, rrk_store **store, rrk_store_mode mode)
{
    rrk_store_options options;
    rrk_store_options_init(&options);
    options.mode = mode;
    options.busy_timeout_ms = 50;
    return rrk_store_open(store, s->path, &options, &s->err);
}

static inline scratch scratch_folder(void)
{
    scratch s = {.dir = "/tmp/rrk-store-XXXXXX"};
    cr_assert_not_null(mkdtemp(s.dir));
    snprintf(s.path, sizeof s.path, "%s/store.db", s.dir);
    return s;
}

static inline scratch scratch_open(void)
{
    scratch s = scratch_folder();
    cr_assert_eq(rrk_store_open(&s.store, s.path, NULL, &s.err), RRK_OK, "%s", s.err.message);
    return s;
}

static inline int scratch_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static inline void scratch_close(scratch *s)
{
    rrk_store_close(s->store);
    nftw(s->dir, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline rrk_status scratch_put(scratch *s, const char *id, const char *title, const char *text)
{
    rrk_passage passage = {.id = rrk_text_of(id), .title = rrk_text_of(title), .text = rrk_text_of(text)};
    return rrk_store_put(s->store, &passage, 1, &s->err);
}

static inline int64_t scratch_row(scratch *s, const char *id)
{
    int64_t row = -1;
    cr_assert_eq(rrk_store_find(s->store, rrk_text_of(id), &row, &s->err), RRK_OK, "%s", s->err.message);
    return row;
}

static inline rrk_store_info scratch_info(scratch *s)
{
    rrk_store_info info = {.size = sizeof info};
    cr_assert_eq(rrk_store_get_info(s->store, &info, &s->err), RRK_OK, "%s", s->err.message);
    return info;
}

/* Writes a file in the folder and gives its path, which lives until the next call. */
static inline const char *scratch_file(scratch *s, const char *name, const char *data, size_t len)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(data, 1, len, f), len);
    fclose(f);
    return path;
}

static inline rrk_import_stats scratch_import(scratch *s, const char *path, bool skip_bad, rrk_status want)
{
    rrk_import_options options;
    rrk_import_options_init(&options);
    options.skip_bad = skip_bad;
    options.batch_passages = 2;
    rrk_import_stats stats = {.size = sizeof stats};
    cr_assert_eq(rrk_store_import(s->store, path, &options, &stats, &s->err), want, "%s", s->err.message);
    return stats;
}

#endif
