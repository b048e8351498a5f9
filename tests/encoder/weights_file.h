/* Weight files byte by byte: a header as a string with the data behind it, and what opening them is to give. */
#ifndef RRK_TESTS_ENCODER_WEIGHTS_FILE_H
#define RRK_TESTS_ENCODER_WEIGHTS_FILE_H

#include "base/buf.h"
#include "encoder/safetensors.h"
#include "folder.h"

#define SINGLE "model.safetensors"
#define INDEX "model.safetensors.index.json"

static inline base_buf image_of(const char *header, const void *data, size_t len)
{
    base_buf b = {.max = 1 << 20};
    uint64_t header_len = strlen(header);
    char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (char)(header_len >> 8 * i);
    cr_assert_eq(base_buf_append(&b, length, 8, NULL), RRK_OK);
    cr_assert_eq(base_buf_append_string(&b, header, NULL), RRK_OK);
    cr_assert_eq(base_buf_append(&b, data, len, NULL), RRK_OK);
    return b;
}

static inline void put(folder *f, const char *name, const char *header, const void *data, size_t len)
{
    base_buf b RRK_AUTO(base_buf_free) = image_of(header, data, len);
    folder_put(f, name, b.data, b.len);
}

/* n_bytes of zeros behind the header. */
static inline void put_zeros(folder *f, const char *name, const char *header, size_t n_bytes)
{
    static const char ZEROS[256];
    cr_assert_leq(n_bytes, sizeof ZEROS);
    put(f, name, header, ZEROS, n_bytes);
}

static inline void expect_failure(folder *f, rrk_status status, const char *part)
{
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = NULL;
    rrk_error err = {0};
    rrk_status got = enc_weights_open(&w, f->dir, &err);
    cr_expect_eq(got, status, "%s instead of %s: %s", rrk_status_name(got), rrk_status_name(status), err.message);
    cr_expect_not_null(strstr(err.message, part), "'%s' lacks '%s'", err.message, part);
}

static inline enc_weights *open_good(folder *f)
{
    enc_weights *w = NULL;
    rrk_error err = {0};
    cr_assert_eq(enc_weights_open(&w, f->dir, &err), RRK_OK, "%s", err.message);
    return w;
}

#endif
