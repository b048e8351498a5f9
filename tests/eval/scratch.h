/* Small files for the tests, deleted at exit, and the paths of golden and shared data. */
#ifndef RRK_TESTS_EVAL_SCRATCH_H
#define RRK_TESTS_EVAL_SCRATCH_H

#include <stddef.h>

/* The path of a new file with this content; valid until the test ends. */
const char *scratch_file(const void *content, size_t len);
const char *scratch_text(const char *content);

/* tests/eval/golden/<name>; the string is static. */
const char *golden_path(const char *name);

/* <RRK_TEST_DATA>/<name>, or skips the test visibly. */
const char *data_path(const char *name);

#endif
