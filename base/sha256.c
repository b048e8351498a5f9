/* SHA-256 by nettle: see sha256.h. */
#include "base/sha256.h"

#include <nettle/sha2.h>

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(base_sha256), "nettle's state has to fit into ours");
_Static_assert(_Alignof(struct sha256_ctx) <= _Alignof(base_sha256), "and to be aligned in it");

static struct sha256_ctx *inside(base_sha256 *sha)
{
    return (struct sha256_ctx *)(void *)sha->state;
}

void base_sha256_start(base_sha256 *sha)
{
    sha256_init(inside(sha));
}

void base_sha256_add(base_sha256 *sha, const void *data, size_t len)
{
    if (len)
        sha256_update(inside(sha), len, data);
}

void base_sha256_end(base_sha256 *sha, char out[BASE_SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_digest(inside(sha), sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * sizeof digest] = '\0';
}

void base_sha256_hex(rrk_text text, char out[BASE_SHA256_HEX_SIZE])
{
    base_sha256 sha;
    base_sha256_start(&sha);
    base_sha256_add(&sha, text.data, text.len);
    base_sha256_end(&sha, out);
}
