/* A tiny model of a test's own, and what the command is to say about it. */
#ifndef RRK_TESTS_CLI_TINY_H
#define RRK_TESTS_CLI_TINY_H

#include "../encoder/tiny_model.h"
#include "child.h"

static child result;
static folder model;

enum { EMBEDDING, CROSS };

static inline const char *make_model(int shape)
{
    model = folder_new();
    tiny_write(&model, &TINY_SHAPES[shape], NULL);
    return model.dir;
}

static inline void drop_model(void)
{
    folder_remove(&model);
}

static inline void expect_done(void)
{
    cr_assert_eq(result.code, 0, "exit code %d: %s", result.code, result.err);
}

static inline void expect_failure(const char *part)
{
    cr_assert_eq(result.code, 1, "exit code %d: %s", result.code, result.err);
    cr_assert_not_null(strstr(result.err, part), "'%s' is not in: %s", part, result.err);
    cr_assert_eq(strchr(result.err, '\n'), result.err + strlen(result.err) - 1, "one line: %s", result.err);
}

#endif
