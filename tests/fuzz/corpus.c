/*
 * A fuzz target without libFuzzer: runs it over the files named, and over those of the folders named. So every compiler
 * and every test run goes through the corpus, and an input that broke something stays a test.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_INPUT_BYTES ((size_t)64 << 20)

static void run_file(const char *path)
{
    char *data = NULL;
    size_t size = 0;
    rrk_error err;
    if (base_file_read(path, MAX_INPUT_BYTES, &data, &size, &err) != RRK_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    /* As libFuzzer does it: exactly so many bytes, so that one read behind the end is seen. */
    uint8_t *bytes = malloc(size);
    FUZZ_CHECK(bytes || size == 0);
    if (size)
        memcpy(bytes, data, size);
    base_free(data);
    /* Told before, so that a crash has a name. */
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

static size_t run_folder(const char *path)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort);
    size_t n_run = 0;
    for (int i = 0; i < n; i++) {
        char file[4096];
        struct stat st;
        snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        if (stat(file, &st) == 0 && S_ISREG(st.st_mode)) {
            run_file(file);
            n_run++;
        }
        free(names[i]);
    }
    free(names);
    return n_run;
}

int main(int argc, char **argv)
{
    size_t n_run = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
            n_run += run_folder(argv[i]);
        } else {
            run_file(argv[i]);
            n_run++;
        }
    }
    printf("%zu inputs\n", n_run);
    return n_run > 0 ? 0 : 1;
}
