/* Lines: their ends, their limit, and what is no line end. */
#include "base/lines.h"
#include "tests/base/scratch.h"

static base_lines *open_lines(const char *path, size_t limit)
{
    base_lines *lines;
    rrk_error err = {0};
    cr_assert_eq(base_lines_open(&lines, path, limit, &err), RRK_OK, "%s", err.message);
    return lines;
}

static void expect(base_lines *lines, const char *want, size_t len)
{
    rrk_text line;
    bool more;
    cr_assert_eq(base_lines_next(lines, &line, &more, NULL), RRK_OK);
    cr_assert(more);
    cr_assert(line.len == len && memcmp(line.data, want, len) == 0, "got '%s'", line.data);
    cr_assert_eq(line.data[line.len], '\0');
}

static void expect_end(base_lines *lines)
{
    rrk_text line;
    bool more = true;
    cr_assert_eq(base_lines_next(lines, &line, &more, NULL), RRK_OK);
    cr_assert_not(more);
}

Test(lines, end_at_newlines_only_and_the_last_needs_none)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    static const char DATA[] = "one\r\n\n\r\nt\rwo\xe2\x80\xa8\xc2\x85x\0y\nend";
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = open_lines(scratch_write(&s, "f", DATA, sizeof DATA - 1), 100);
    expect(lines, "one", 3);
    expect(lines, "", 0);
    expect(lines, "", 0);
    expect(lines, "t\rwo\xe2\x80\xa8\xc2\x85x\0y", 12);
    expect(lines, "end", 3);
    cr_assert_eq(base_lines_number(lines), 5);
    cr_assert_eq(base_lines_bytes(lines), sizeof DATA - 1);
    cr_assert_eq(base_lines_total(lines), sizeof DATA - 1);
    expect_end(lines);
    expect_end(lines);
}

Test(lines, an_empty_file_has_none)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = open_lines(scratch_write(&s, "f", "", 0), 100);
    expect_end(lines);
    cr_assert_eq(base_lines_number(lines), 0);
}

Test(lines, a_line_at_the_limit_passes_and_one_above_is_named_and_passed_over)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = open_lines(scratch_write(&s, "f", "12345\n123456\nok\n", 16), 5);
    expect(lines, "12345", 5);
    rrk_text line;
    bool more;
    rrk_error err = {0};
    cr_assert_eq(base_lines_next(lines, &line, &more, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, "f:2: "), "%s", err.message);
    expect(lines, "ok", 2);
    expect_end(lines);
}

Test(lines, the_limit_is_of_the_line_without_its_end)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = open_lines(scratch_write(&s, "f", "12345\r\n123456\r\n", 15), 5);
    expect(lines, "12345", 5);
    rrk_text line;
    bool more;
    cr_assert_eq(base_lines_next(lines, &line, &more, NULL), RRK_E_INVALID);
    expect_end(lines);
}

Test(lines, longer_than_the_read_buffer_stay_whole)
{
    scratch s RRK_AUTO(scratch_remove) = scratch_new();
    enum { LEN = 700000 };
    char *data = malloc(2 * LEN + 2);
    memset(data, 'a', 2 * LEN + 2);
    data[LEN] = data[2 * LEN + 1] = '\n';
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = open_lines(scratch_write(&s, "f", data, 2 * LEN + 2), LEN);
    expect(lines, data, LEN);
    expect(lines, data, LEN);
    expect_end(lines);
    free(data);
}

Test(lines, missing_files_and_folders_are_named)
{
    base_lines *lines = NULL;
    rrk_error err = {0};
    cr_assert_eq(base_lines_open(&lines, "/nowhere/at all", 10, &err), RRK_E_NOTFOUND);
    cr_assert(strstr(err.message, "/nowhere/at all"), "%s", err.message);
    cr_assert_eq(base_lines_open(&lines, "/tmp", 10, NULL), RRK_E_IO);
    cr_assert_null(lines);
}
