/*
 * rrk/error.h: how rrk says that something went wrong.
 *
 * Every call that can fail returns an rrk_status and takes an rrk_error as its last argument. The error belongs to the
 * caller, is 256 bytes, needs no initialisation and no cleanup, and may be NULL. A call starts by clearing it; the first
 * failure inside the call is the one that is kept. The message is one line of UTF-8 that names the thing at fault:
 *
 *     rrk_error err;
 *     if (rrk_store_open(&store, "passages.db", NULL, &err) != RRK_OK)
 *         fprintf(stderr, "%s\n", err.message);
 *
 * There is no thread-local last error, and the library never prints or exits.
 */
#ifndef RRK_ERROR_H
#define RRK_ERROR_H

#include <rrk/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values are ABI: they are never renumbered. */
typedef enum rrk_status {
    RRK_OK = 0,
    RRK_E_INVALID = 1,     /* an argument is wrong: NULL, empty, not UTF-8, above a limit */
    RRK_E_NOMEM = 2,       /* memory could not be had */
    RRK_E_NOTFOUND = 3,    /* a file, passage, model or query that was named does not exist */
    RRK_E_IO = 4,          /* reading or writing failed; detail is errno */
    RRK_E_FORMAT = 5,      /* a file's content is not what its format demands */
    RRK_E_UNSUPPORTED = 6, /* well-formed, but not something this build or version can do */
    RRK_E_STORE = 7,       /* SQLite refused; detail is its extended code */
    RRK_E_DEVICE = 8,      /* an accelerator failed; detail is its code */
    RRK_E_UPSTREAM = 9,    /* a remote endpoint failed; detail is the HTTP status or the transport's code */
    RRK_E_TIMEOUT = 10,    /* the caller's deadline passed */
    RRK_E_CANCELLED = 11,  /* the caller's cancel callback said so */
    RRK_E_BUSY = 12        /* a lock or a queue slot could not be had in time; trying again may help */
} rrk_status;

/* An error's size is ABI. */
#define RRK_ERROR_MESSAGE_SIZE 248

typedef struct rrk_error {
    int32_t status;                       /* an rrk_status; RRK_OK when nothing failed */
    int32_t detail;                       /* errno, SQLite's, CURL's, CUDA's or HTTP's number; 0 when there is none */
    char message[RRK_ERROR_MESSAGE_SIZE]; /* one line, NUL-terminated, cut at a character boundary if too long */
} rrk_error;

/* "RRK_E_INVALID" and so on; "RRK_E_?" for a number that is no status. Never NULL. */
RRK_API const char *rrk_status_name(rrk_status status);

/* The HTTP status that a service should answer with: 200 for RRK_OK, 400 for RRK_E_INVALID, ... 500 for unknown. */
RRK_API int rrk_status_http(rrk_status status);

#ifdef __cplusplus
}
#endif
#endif
