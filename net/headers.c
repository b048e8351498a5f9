/*
 * The headers that this folder understands: those that come before a body, handed on as they are, Retry-After, which is
 * seconds or an HTTP date, and RateLimit. Apart because the latter two are parsers of foreign text, and tested as such.
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

/* The seconds in ";name=5" within an item; -1: not there. */
static int64_t parameter_ms(const char *item, size_t len, char name)
{
    for (const char *at = item; (at = memchr(at, ';', len - (size_t)(at - item))) != NULL;) {
        at += 1 + strspn(at + 1, " \t");
        if (at[0] == name && at[1] == '=' && isdigit((unsigned char)at[2]))
            return seconds_to_ms(at + 2);
    }
    return -1;
}

int64_t net_rate_limit_ms(const char *value)
{
    int64_t longest_ms = -1;
    for (const char *item = value; *item;) {
        size_t len = strcspn(item, ",");
        if (parameter_ms(item, len, 'r') == 0)
            longest_ms = RRK_MAX(longest_ms, parameter_ms(item, len, 't'));
        item += len + (item[len] == ',');
    }
    return longest_ms;
}

static const char *value_of(CURL *easy, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

bool net_tell_head(net_transfer *transfer)
{
    net_head_fn tell = RRK_STEAL(transfer->head);
    if (!tell)
        return true;
    CURL *easy = transfer->easy;
    curl_off_t length = -1;
    net_head head = {
        .location = value_of(easy, "Location"),
        .etag = value_of(easy, "ETag"),
        .content_range = value_of(easy, "Content-Range"),
    };
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &head.http_status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    head.content_length = (int64_t)length;
    transfer->reply.stopped = !tell(transfer->reply.ctx, &head);
    return !transfer->reply.stopped;
}
