/* The error model: first failure wins, one line, whole characters. */
#include "base/error.h"
#include "base/utf8.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(error, the_first_failure_wins)
{
    rrk_error err = {0};
    cr_assert_eq(base_fail(&err, RRK_E_FORMAT, 7, "first %d", 1), RRK_E_FORMAT);
    cr_assert_eq(base_fail(&err, RRK_E_IO, 9, "second"), RRK_E_IO, "its own status comes back all the same");
    cr_assert(err.status == RRK_E_FORMAT && err.detail == 7);
    cr_assert_str_eq(err.message, "first 1");
    base_error_clear(&err);
    cr_assert(err.status == RRK_OK && err.detail == 0 && err.message[0] == '\0');
}

Test(error, null_is_fine_everywhere)
{
    base_error_clear(NULL);
    base_error_prefix(NULL, "x");
    cr_assert_eq(base_fail(NULL, RRK_E_BUSY, 0, "x"), RRK_E_BUSY);
    cr_assert_eq(base_fail_nomem(NULL, 1), RRK_E_NOMEM);
    cr_assert_eq(base_fail_errno(NULL, ENOENT, "open", "x"), RRK_E_NOTFOUND);
}

Test(error, a_prefix_goes_before_a_failure_and_nowhere_else)
{
    rrk_error err = {0};
    base_error_prefix(&err, "file.txt:%d", 3);
    cr_assert_str_eq(err.message, "");
    base_fail(&err, RRK_E_FORMAT, 0, "bad line");
    base_error_prefix(&err, "file.txt:%d", 3);
    cr_assert_str_eq(err.message, "file.txt:3: bad line");
}

Test(error, control_characters_become_spaces)
{
    rrk_error err = {0};
    base_fail(&err, RRK_E_INVALID, 0, "a\nb\rc\td\x1b[31m\x7f");
    cr_assert_str_eq(err.message, "a b c d [31m ");
}

Test(error, long_names_are_cut_between_characters)
{
    char name[400];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(name, 'x', shift);
        size_t len = shift;
        for (; len + 4 < sizeof name; len += 4)
            memcpy(name + len, "\xf0\x9f\x98\x80", 4);
        name[len] = '\0';
        rrk_error err = {0};
        base_fail(&err, RRK_E_INVALID, 0, "%s", name);
        size_t kept = strlen(err.message);
        cr_assert(kept > RRK_ERROR_MESSAGE_SIZE - 5 && kept < RRK_ERROR_MESSAGE_SIZE);
        cr_assert(base_utf8_valid(err.message, kept, NULL), "shift %zu", shift);
        base_error_prefix(&err, "%s", name);
        cr_assert(base_utf8_valid(err.message, strlen(err.message), NULL), "prefix, shift %zu", shift);
    }
}

Test(error, invalid_utf8_in_a_name_does_not_reach_the_message)
{
    rrk_error err = {0};
    base_fail(&err, RRK_E_INVALID, 0, "file '\xff\xc3' and \xe2\x82 here");
    cr_assert(base_utf8_valid(err.message, strlen(err.message), NULL), "'%s'", err.message);
    cr_assert(strstr(err.message, "here"));
}

Test(error, statuses_have_names_and_http_codes)
{
    cr_assert_str_eq(rrk_status_name(RRK_E_BUSY), "RRK_E_BUSY");
    cr_assert_str_eq(rrk_status_name((rrk_status)99), "RRK_E_?");
    cr_assert_str_eq(rrk_status_name((rrk_status)-1), "RRK_E_?");
    cr_assert_eq(rrk_status_http(RRK_OK), 200);
    cr_assert_eq(rrk_status_http((rrk_status)99), 500);
    for (int s = 0; s <= RRK_E_BUSY; s++)
        cr_assert_eq(strncmp(rrk_status_name((rrk_status)s), "RRK_", 4), 0, "status %d", s);
}
