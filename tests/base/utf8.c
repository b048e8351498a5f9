/* UTF-8 checking against Unicode's own table of well-formed sequences. */
#include "base/utf8.h"

#include <criterion/criterion.h>

Test(utf8, accepts_every_scalar_value_and_reads_it_back)
{
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        char bytes[4];
        size_t n = base_utf8_put(c, bytes), pos = 0;
        cr_assert(base_utf8_valid(bytes, n, NULL), "U+%04X", c);
        cr_assert_eq(base_utf8_next(bytes, n, &pos), c, "U+%04X", c);
        cr_assert_eq(pos, n);
    }
}

Test(utf8, refuses_overlong_surrogate_and_cut_sequences_and_says_where)
{
    static const struct {
        const char *data;
        size_t len, bad_at;
    } BAD[] = {
        {"ab\xc0\x80", 4, 2}, {"\xed\xa0\x80", 3, 0},     {"x\xf4\x90\x80\x80", 5, 1},
        {"\xe2\x82", 2, 0},   {"\xe0\x80\xaf", 3, 0},     {"a\x80", 2, 1},
        {"\xff", 1, 0},       {"\xf0\x8f\xbf\xbf", 4, 0},
    };
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        size_t bad_at = 99;
        cr_assert_not(base_utf8_valid(BAD[i].data, BAD[i].len, &bad_at), "case %zu", i);
        cr_assert_eq(bad_at, BAD[i].bad_at, "case %zu", i);
    }
}

Test(utf8, cuts_only_between_characters)
{
    const char *text = "a\xc3\xa9\xe2\x82\xac"; /* a, e acute, euro: 6 bytes */
    static const size_t WANT[] = {0, 1, 1, 3, 3, 3, 6, 6};
    for (size_t max = 0; max < RRK_COUNT(WANT); max++)
        cr_assert_eq(base_utf8_cut(text, 6, max), WANT[max], "max %zu", max);
}
