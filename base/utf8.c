/* UTF-8 decoding and checking: see utf8.h. */
#include "base/utf8.h"

uint32_t base_utf8_next(const char *data, size_t len, size_t *pos)
{
    const unsigned char *s = (const unsigned char *)data + *pos;
    size_t left = len - *pos;
    if (s[0] < 0x80) {
        *pos += 1;
        return s[0];
    }
    size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    static const uint32_t LOWEST[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = s[0] & (0x7fu >> n);
    bool bad = s[0] < 0xc2 || s[0] > 0xf4 || left < n;
    for (size_t i = 1; !bad && i < n; i++) {
        bad = (s[i] & 0xc0) != 0x80;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (bad || c < LOWEST[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        *pos += 1;
        return BASE_UTF8_BAD;
    }
    *pos += n;
    return c;
}

bool base_utf8_valid(const char *data, size_t len, size_t *bad_at)
{
    size_t pos = 0;
    while (pos < len) {
        size_t here = pos;
        if (base_utf8_next(data, len, &pos) == BASE_UTF8_BAD) {
            if (bad_at)
                *bad_at = here;
            return false;
        }
    }
    return true;
}

size_t base_utf8_put(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)((0xf00u >> n & 0xff) | c);
    return n;
}

size_t base_utf8_cut(const char *data, size_t len, size_t max)
{
    if (len < max) {
        /* A message that was itself cut may end inside a character: drop that one too. */
        max = len;
    }
    size_t start = max;
    while (start > 0 && max - start < 4 && ((unsigned char)data[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)data[start - 1] < 0xc0)
        return max;
    size_t lead = start - 1;
    size_t pos = lead;
    return base_utf8_next(data, max, &pos) == BASE_UTF8_BAD ? lead : max;
}
