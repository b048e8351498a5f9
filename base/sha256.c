/* SHA-256 by nettle: see sha256.h. */
#include "base/sha256.h"

#include <nettle/sha2.h>

void base_sha256_hex(rrk_text text, char out[BASE_SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    struct sha256_ctx ctx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&ctx);
    if (text.len)
        sha256_update(&ctx, text.len, (const uint8_t *)text.data);
    sha256_digest(&ctx, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * sizeof digest] = '\0';
}
