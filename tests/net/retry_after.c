/* Retry-After, as servers write it and as nobody should. */
#include "net/internal.h"

#include <criterion/criterion.h>

#define NOON "Sun, 06 Nov 1994 12:00:00 GMT"
enum { NOON_S = 784123200 };

static const struct {
    const char *value;
    const char *date;
    int64_t ms;
} ROWS[] = {
    {"0", NULL, 0},
    {"1", NULL, 1000},
    {"120", NULL, 120000},
    {"120 ", NULL, 120000},
    {"007", NULL, 7000},
    {"9223372036854775", NULL, 9223372036854775000},
    {"9223372036854776", NULL, INT64_MAX},
    {"99999999999999999999999999", NULL, INT64_MAX},
    {"", NULL, -1},
    {" ", NULL, -1},
    {"-5", NULL, -1},
    {"1.5", NULL, -1},
    {"soon", NULL, -1},
    {"5 seconds", NULL, -1},
    {"Sun, 06 Nov 1994 12:00:30 GMT", NULL, 30000},
    {"Sunday, 06-Nov-94 12:00:30 GMT", NULL, 30000},
    {"Sun Nov  6 12:00:30 1994", NULL, 30000},
    {"Sun, 06 Nov 1994 11:59:30 GMT", NULL, 0},
    {"Sun, 06 Nov 1994 12:00:00 GMT", NULL, 0},
    {"Sun, 06 Nov 1994 13:00:30 GMT", "Sun, 06 Nov 1994 13:00:00 GMT", 30000}, /* a server whose clock is ahead */
    {"Sun, 06 Nov 1994 12:00:30 GMT", "yesterday", 30000},
    {"Sun, 99 Nov 1994 12:00:30 GMT", NULL, -1},
};

Test(retry_after, is_read_in_seconds_and_as_a_date)
{
    for (size_t i = 0; i < RRK_COUNT(ROWS); i++) {
        int64_t ms = net_retry_after_ms(ROWS[i].value, ROWS[i].date, NOON_S);
        cr_assert_eq(ms, ROWS[i].ms, "row %zu, '%s': %lld", i, ROWS[i].value, (long long)ms);
    }
}
