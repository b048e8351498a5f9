/* A store of a few passages in a folder of its own, gone at the end. */
#ifndef RRK_TESTS_RETRIEVER_SCRATCH_H
#define RRK_TESTS_RETRIEVER_SCRATCH_H

#include <rrk/store.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct scratch {
    char dir[64];
    char path[96];
    rrk_store *store;
} scratch;

static inline scratch scratch_open(void)
{
    scratch s = {.dir = "/tmp/rrk-test-XXXXXX"};
    cr_assert_not_null(mkdtemp(s.dir));
    snprintf(s.path, sizeof s.path, "%s/store.db", s.dir);
    rrk_error err;
    cr_assert_eq(rrk_store_open(&s.store, s.path, NULL, &err), RRK_OK, "%s", err.message);
    return s;
}

static inline void scratch_close(scratch *s)
{
    rrk_store_close(s->store);
    char name[128];
    static const char *const SUFFIXES[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", s->path, SUFFIXES[i]);
        unlink(name);
    }
    rmdir(s->dir);
}

static inline void scratch_put(scratch *s, const char *id, const char *text)
{
    rrk_passage passage = {.id = rrk_text_of(id), .text = rrk_text_of(text)};
    rrk_error err;
    cr_assert_eq(rrk_store_put(s->store, &passage, 1, &err), RRK_OK, "%s", err.message);
}

/* The external id of a row, in a buffer that lives until the next call. */
static inline const char *scratch_id(scratch *s, int64_t row)
{
    static char id[64];
    rrk_passage_list *list = NULL;
    rrk_error err;
    cr_assert_eq(rrk_store_fetch(s->store, &row, 1, &list, &err), RRK_OK, "%s", err.message);
    rrk_text text = rrk_passage_list_items(list, NULL)->id;
    snprintf(id, sizeof id, "%.*s", (int)text.len, text.data);
    rrk_passage_list_free(list);
    return id;
}

#endif
