/*
 * Retry-After, the one header that this folder understands: seconds or an HTTP date. Apart because it is a parser of
 * foreign text, and tested as one.
 */
#include "net/internal.h"

#include <ctype.h>
#include <string.h>

static int64_t seconds_to_ms(const char *digits)
{
    int64_t seconds = 0;
    for (; isdigit((unsigned char)*digits); digits++)
        if (__builtin_mul_overflow(seconds, 10, &seconds) || __builtin_add_overflow(seconds, *digits - '0', &seconds))
            return INT64_MAX;
    return __builtin_mul_overflow(seconds, 1000, &seconds) ? INT64_MAX : seconds;
}

/* -1: none. curl_getdate() takes bare numbers as well; a date has the name of a month. */
static int64_t date_to_s(const char *text)
{
    for (const char *at = text; *at; at++)
        if (isalpha((unsigned char)*at))
            return curl_getdate(text, NULL);
    return -1;
}

int64_t net_retry_after_ms(const char *value, const char *date, int64_t now_s)
{
    size_t n_digits = strspn(value, "0123456789");
    if (n_digits && value[n_digits + strspn(value + n_digits, " \t")] == '\0')
        return seconds_to_ms(value);
    int64_t until_s = date_to_s(value);
    if (until_s < 0)
        return -1;
    int64_t sent_s = date ? date_to_s(date) : -1;
    int64_t from_s = sent_s < 0 ? now_s : sent_s;
    return until_s > from_s ? (until_s - from_s) * 1000 : 0;
}
