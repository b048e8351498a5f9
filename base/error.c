/* The error model: see error.h. Also the one table that maps statuses to names and to HTTP. */
#define BASE_ERROR_IMPLEMENTATION
#include "base/error.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int http;
} STATUSES[] = {
    [RRK_OK] = {"RRK_OK", 200},
    [RRK_E_INVALID] = {"RRK_E_INVALID", 400},
    [RRK_E_NOMEM] = {"RRK_E_NOMEM", 503},
    [RRK_E_NOTFOUND] = {"RRK_E_NOTFOUND", 404},
    [RRK_E_IO] = {"RRK_E_IO", 500},
    [RRK_E_FORMAT] = {"RRK_E_FORMAT", 422},
    [RRK_E_UNSUPPORTED] = {"RRK_E_UNSUPPORTED", 501},
    [RRK_E_STORE] = {"RRK_E_STORE", 500},
    [RRK_E_DEVICE] = {"RRK_E_DEVICE", 503},
    [RRK_E_UPSTREAM] = {"RRK_E_UPSTREAM", 502},
    [RRK_E_TIMEOUT] = {"RRK_E_TIMEOUT", 504},
    [RRK_E_CANCELLED] = {"RRK_E_CANCELLED", 499},
    [RRK_E_BUSY] = {"RRK_E_BUSY", 429},
};

const char *rrk_status_name(rrk_status status)
{
    if ((unsigned)status >= RRK_COUNT(STATUSES))
        return "RRK_E_?";
    return STATUSES[status].name;
}

int rrk_status_http(rrk_status status)
{
    if ((unsigned)status >= RRK_COUNT(STATUSES))
        return 500;
    return STATUSES[status].http;
}

void base_error_clear(rrk_error *err)
{
    if (err)
        *err = (rrk_error){0};
}

/* A message is one line of valid UTF-8 whatever the names in it hold. */
static void tidy_message(char *message)
{
    size_t len = base_utf8_cut(message, strlen(message), RRK_ERROR_MESSAGE_SIZE - 1);
    message[len] = '\0';
    for (size_t pos = 0; pos < len;) {
        size_t here = pos;
        uint32_t c = base_utf8_next(message, len, &pos);
        if (c < 0x20 || c == 0x7f)
            message[here] = ' ';
        else if (c == BASE_UTF8_BAD)
            message[here] = '?';
    }
}

rrk_status base_fail(rrk_error *err, rrk_status status, int detail, const char *format, ...)
{
    if (!err || err->status != RRK_OK)
        return status;
    err->status = status;
    err->detail = detail;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    tidy_message(err->message);
    return status;
}

void base_error_prefix(rrk_error *err, const char *format, ...)
{
    if (!err || err->status == RRK_OK)
        return;
    char old[RRK_ERROR_MESSAGE_SIZE];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->message)
        snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s", old);
    tidy_message(err->message);
}

rrk_status base_fail_nomem(rrk_error *err, size_t bytes)
{
    return base_fail(err, RRK_E_NOMEM, ENOMEM, "out of memory: %zu bytes", bytes);
}

rrk_status base_fail_errno(rrk_error *err, int error_number, const char *what, const char *path)
{
    char reason[96];
    rrk_status status = error_number == ENOENT ? RRK_E_NOTFOUND : RRK_E_IO;
    return base_fail(err, status, error_number, "cannot %s '%s': %s", what, path,
                     strerror_r(error_number, reason, sizeof reason));
}
