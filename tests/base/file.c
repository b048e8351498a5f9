/* Files appear whole or not at all. */
#include "base/file.h"
#include "base/alloc.h"
#include "tests/base/scratch.h"

#include <fcntl.h>
#include <sys/stat.h>

static void expect_content(const char *path, const char *want)
{
    char *data = NULL;
    size_t len;
    rrk_error err = {0};
    cr_assert_eq(base_file_read(path, 1000, &data, &len, &err), RRK_OK, "%s", err.message);
    cr_assert_str_eq(data, want);
    cr_assert_eq(len, strlen(want));
    base_free(data);
}

Test(file, is_read_at_the_limit_and_refused_one_byte_above)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    const char *path = scratch_write(&s, "f", "12345", 5);
    char *data = NULL;
    size_t len;
    cr_assert_eq(base_file_read(path, 5, &data, &len, NULL), RRK_OK);
    cr_assert_eq(data[len], '\0');
    base_free(data);
    data = NULL;
    cr_assert_eq(base_file_read(path, 4, &data, &len, NULL), RRK_E_INVALID);
    cr_assert_null(data);
    cr_assert_eq(base_file_read(s.dir, 1000, &data, &len, NULL), RRK_E_INVALID, "a folder is no file");
}

Test(file, maps_content_and_refuses_the_empty_and_the_missing)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    base_mapping map;
    cr_assert_eq(base_file_map(scratch_write(&s, "f", "abc", 3), &map, NULL), RRK_OK);
    cr_assert(map.len == 3 && memcmp(map.data, "abc", 3) == 0);
    base_file_unmap(&map);
    base_file_unmap(&map);
    cr_assert_eq(base_file_map(scratch_write(&s, "e", "", 0), &map, NULL), RRK_E_FORMAT);
    cr_assert_eq(base_file_map(scratch_path(&s, "missing"), &map, NULL), RRK_E_NOTFOUND);
}

Test(output, abort_leaves_nothing_and_the_old_file_alone)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    const char *path = scratch_write(&s, "f", "old", 3);
    base_output out;
    cr_assert_eq(base_output_open(&out, path, NULL), RRK_OK);
    fputs("new", out.stream);
    cr_assert_eq(scratch_count(&s), 2);
    base_output_abort(&out);
    base_output_abort(&out);
    cr_assert_eq(scratch_count(&s), 1);
    expect_content(path, "old");
}

Test(output, commit_replaces_and_abort_after_it_is_harmless)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    const char *path = scratch_write(&s, "f", "old", 3);
    base_output out RRK_AUTO(base_output_abort) = {0};
    cr_assert_eq(base_output_open(&out, path, NULL), RRK_OK);
    fputs("new", out.stream);
    expect_content(path, "old");
    cr_assert_eq(base_output_commit(&out, NULL), RRK_OK);
    base_output_abort(&out);
    expect_content(path, "new");
    cr_assert_eq(scratch_count(&s), 1);
}

Test(output, a_missing_folder_is_named)
{
    base_output out;
    rrk_error err = {0};
    cr_assert_eq(base_output_open(&out, "/nowhere/run.txt", &err), RRK_E_NOTFOUND);
    cr_assert(strstr(err.message, "/nowhere/run.txt"), "%s", err.message);
    base_output_abort(&out);
}

Test(output, a_folder_is_refused_before_anything_is_written)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    base_output out;
    rrk_error err = {0};
    cr_assert_eq(base_output_open(&out, s.dir, &err), RRK_E_IO);
    cr_assert(strstr(err.message, s.dir), "%s", err.message);
    base_output_abort(&out);
    cr_assert_eq(scratch_count(&s), 0);
}

Test(output, a_target_that_cannot_be_replaced_fails_the_commit_and_leaves_no_temporary)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    const char *path = scratch_path(&s, "f");
    base_output out;
    rrk_error err = {0};
    cr_assert_eq(base_output_open(&out, path, NULL), RRK_OK);
    fputs("new", out.stream);
    cr_assert_eq(mkdir(path, 0777), 0);
    cr_assert_eq(base_output_commit(&out, &err), RRK_E_IO, "a folder stands where the file should go");
    cr_assert(strstr(err.message, path), "%s", err.message);
    cr_assert_eq(scratch_count(&s), 1);
}

Test(output, a_pipe_is_written_to_and_stays_one)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    const char *path = scratch_path(&s, "pipe");
    char got[8] = "";
    base_output out;
    struct stat st;
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    cr_assert_eq(base_output_open(&out, path, NULL), RRK_OK);
    fputs("new", out.stream);
    cr_assert_eq(base_output_commit(&out, NULL), RRK_OK);
    cr_assert_eq(read(reader, got, sizeof got), 3);
    cr_assert_str_eq(got, "new");
    close(reader);
    cr_assert(stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
    cr_assert_eq(scratch_count(&s), 1);
}

Test(output, a_write_that_failed_fails_the_commit)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    base_output out;
    rrk_error err = {0};
    cr_assert_eq(base_output_open(&out, scratch_path(&s, "f"), NULL), RRK_OK);
    cr_assert_not_null(freopen("/dev/full", "w", out.stream));
    fputs("lost", out.stream);
    cr_assert_eq(base_output_commit(&out, &err), RRK_E_IO);
    cr_assert_eq(err.detail, 28, "ENOSPC");
    cr_assert_eq(scratch_count(&s), 0);
}
