/* See fuzz.h. */
#include "fuzz.h"
#include "base/utf8.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

_Noreturn void fuzz_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

uint32_t fuzz_take(const uint8_t **data, size_t *size, int n_bytes)
{
    uint32_t value = 0;
    for (int i = 0; i<n_bytes && * size> 0; i++, (*size)--)
        value |= (uint32_t) * (*data)++ << 8 * i;
    return value;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static void remove_dir(void)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
    if (*dir)
        return dir;
    /* In memory where that can be: some thousand files a second are written. */
    snprintf(dir, sizeof dir, "%s/rrk-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    FUZZ_CHECK(mkdtemp(dir));
    atexit(remove_dir);
    return dir;
}

const char *fuzz_file(const char *name, const void *data, size_t size)
{
    static char path[192];
    const char *slash = strrchr(name, '/');
    if (slash) {
        snprintf(path, sizeof path, "%s/%.*s", fuzz_dir(), (int)(slash - name), name);
        mkdir(path, 0700);
    }
    snprintf(path, sizeof path, "%s/%s", fuzz_dir(), name);
    FILE *f = fopen(path, "wb");
    FUZZ_CHECK(f);
    FUZZ_CHECK(fwrite(data, 1, size, f) == size);
    FUZZ_CHECK(fclose(f) == 0);
    return path;
}

void fuzz_remove(const char *name)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s", fuzz_dir(), name);
    unlink(path);
}

void fuzz_check_error(rrk_status status, const rrk_error *err)
{
    FUZZ_CHECK((int32_t)status == err->status);
    FUZZ_CHECK((status == RRK_OK) == (err->message[0] == '\0'));
    FUZZ_CHECK(memchr(err->message, '\0', sizeof err->message));
    FUZZ_CHECK(base_utf8_valid(err->message, strlen(err->message), NULL));
    FUZZ_CHECK(!strchr(err->message, '\n'));
}
