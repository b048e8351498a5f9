/* The growable buffer at its limit, and JSON strings. */
#include "base/buf.h"

#include <criterion/criterion.h>
#include <string.h>

Test(buf, takes_its_limit_and_refuses_one_byte_more)
{
    base_buf buf RRK_AUTO(base_buf_free) = {.max = 1000};
    rrk_error err = {0};
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(base_buf_append_char(&buf, 'x', &err), RRK_OK);
    cr_assert_eq(buf.len, 1000);
    cr_assert_eq(base_buf_append_char(&buf, 'y', &err), RRK_E_INVALID);
    cr_assert_eq(buf.len, 1000, "a refused byte leaves the content alone");
    cr_assert_eq(strlen(buf.data), 1000);
    cr_assert(strstr(err.message, "1000"), "%s", err.message);
}

Test(buf, refuses_a_length_that_overflows)
{
    base_buf buf RRK_AUTO(base_buf_free) = {.max = SIZE_MAX};
    cr_assert_eq(base_buf_append(&buf, "abc", 3, NULL), RRK_OK);
    cr_assert_eq(base_buf_reserve(&buf, SIZE_MAX - 1, NULL), RRK_E_INVALID);
    cr_assert_str_eq(buf.data, "abc");
}

Test(buf, prints_at_the_limit_and_not_beyond)
{
    base_buf buf RRK_AUTO(base_buf_free) = {.max = 5};
    cr_assert_eq(base_buf_printf(&buf, NULL, "%d-%s", 12, "ab"), RRK_OK);
    cr_assert_str_eq(buf.data, "12-ab");
    cr_assert_eq(base_buf_printf(&buf, NULL, "%d", 1), RRK_E_INVALID);
    cr_assert_str_eq(buf.data, "12-ab");
}

Test(buf, clear_keeps_the_memory_and_append_of_nothing_terminates)
{
    base_buf buf RRK_AUTO(base_buf_free) = {.max = 10};
    cr_assert_eq(base_buf_append(&buf, NULL, 0, NULL), RRK_OK);
    cr_assert_str_eq(buf.data, "");
    cr_assert_eq(base_buf_append_string(&buf, "abc", NULL), RRK_OK);
    char *data = buf.data;
    base_buf_clear(&buf);
    cr_assert_eq(buf.data, data);
    cr_assert_str_eq(buf.data, "");
}

Test(buf, writes_json_strings)
{
    base_buf buf RRK_AUTO(base_buf_free) = {.max = 100};
    cr_assert_eq(base_buf_append_json(&buf, (rrk_text){"a\"\\\n\t\x01\0\xc3\xa9", 9}, NULL), RRK_OK);
    cr_assert_str_eq(buf.data, "\"a\\\"\\\\\\n\\t\\u0001\\u0000\xc3\xa9\"");
}
