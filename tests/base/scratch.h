/* A folder of a test's own that disappears with it. */
#ifndef RRK_TESTS_BASE_SCRATCH_H
#define RRK_TESTS_BASE_SCRATCH_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct scratch {
    char dir[64];
    char path[128]; /* of the name last asked for */
} scratch;

static inline scratch scratch_new(void)
{
    scratch s = {.dir = "/tmp/rrk-test-XXXXXX"};
    cr_assert_not_null(mkdtemp(s.dir));
    return s;
}

static inline const char *scratch_path(scratch *s, const char *name)
{
    snprintf(s->path, sizeof s->path, "%.40s/%.60s", s->dir, name);
    return s->path;
}

static inline const char *scratch_write(scratch *s, const char *name, const void *data, size_t len)
{
    FILE *f = fopen(scratch_path(s, name), "w");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(data, 1, len, f), len);
    cr_assert_eq(fclose(f), 0);
    return s->path;
}

static inline size_t scratch_count(const scratch *s)
{
    DIR *dir = opendir(s->dir);
    cr_assert_not_null(dir);
    size_t n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static inline void scratch_remove(scratch *s)
{
    DIR *dir = opendir(s->dir);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
        if (unlinkat(dirfd(dir), e->d_name, 0) != 0)
            unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
    if (dir)
        closedir(dir);
    rmdir(s->dir);
}

#endif
