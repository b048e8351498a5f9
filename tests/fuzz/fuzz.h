/*
 * What the fuzz targets share: the function that each of them is, a check that ends the program, and a folder for
 * parsers that read files. Under libFuzzer the function is called with bytes it makes up; otherwise corpus.c calls it
 * with files.
 */
#ifndef RRK_TESTS_FUZZ_H
#define RRK_TESTS_FUZZ_H

#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program, with the place, when a property does not hold. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *condition, const char *file, int line);

/* Takes a number of n_bytes (1 to 4, little endian) off the front; what is missing is 0. */
uint32_t fuzz_take(const uint8_t **data, size_t *size, int n_bytes);

/* A folder of this process, made at the first call and gone at exit. */
const char *fuzz_dir(void);
/* Writes dir/name, which may be in a subfolder, and gives its path, valid until the next call. */
const char *fuzz_file(const char *name, const void *data, size_t size);
void fuzz_remove(const char *name);

/* A failure that was told in the way every failure is: a status, and one line that says what. */
void fuzz_check_error(rrk_status status, const rrk_error *err);

#endif
