/* A model folder of a test's own: files are put into it one by one, and it disappears with the test. */
#ifndef RRK_TESTS_ENCODER_FOLDER_H
#define RRK_TESTS_ENCODER_FOLDER_H

#include <rrk/text.h>

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct folder {
    char dir[64];
    char path[192]; /* of the name last asked for */
} folder;

static inline folder folder_new(void)
{
    folder f = {.dir = "/tmp/rrk-test-XXXXXX"};
    cr_assert_not_null(mkdtemp(f.dir));
    return f;
}

static inline const char *folder_path(folder *f, const char *name)
{
    snprintf(f->path, sizeof f->path, "%.60s/%.120s", f->dir, name);
    return f->path;
}

static inline void folder_put(folder *f, const char *name, const void *data, size_t len)
{
    FILE *file = fopen(folder_path(f, name), "w");
    cr_assert_not_null(file, "%s", f->path);
    cr_assert_eq(fwrite(data, 1, len, file), len);
    cr_assert_eq(fclose(file), 0);
}

static inline void folder_text(folder *f, const char *name, const char *text)
{
    folder_put(f, name, text, strlen(text));
}

/* name becomes another name of the file at target. */
static inline void folder_link(folder *f, const char *name, const char *target)
{
    unlink(folder_path(f, name));
    cr_assert_eq(symlink(target, f->path), 0, "%s -> %s: %s", f->path, target, strerror(errno));
}

static inline void folder_subfolder(folder *f, const char *name)
{
    cr_assert_eq(mkdir(folder_path(f, name), 0700), 0);
}

static inline void folder_remove_tree(const char *path, int depth)
{
    DIR *dir = opendir(path);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        char inner[512];
        snprintf(inner, sizeof inner, "%.200s/%.255s", path, e->d_name);
        if (e->d_type == DT_DIR && depth > 0 && e->d_name[0] != '.')
            folder_remove_tree(inner, depth - 1);
        unlink(inner);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static inline void folder_remove(folder *f)
{
    folder_remove_tree(f->dir, 2);
}

/* A file of the shared test data, NULL when the data is not there. In a buffer that lives until the next call. */
static inline const char *test_data(const char *name)
{
    static char path[1024];
    const char *root = getenv("RRK_TEST_DATA");
    if (!root)
        return NULL;
    snprintf(path, sizeof path, "%s/%s", root, name);
    char *whole = realpath(path, NULL);
    if (!whole || strlen(whole) >= sizeof path) {
        free(whole);
        return NULL;
    }
    memcpy(path, whole, strlen(whole) + 1);
    free(whole);
    return path;
}

#endif
