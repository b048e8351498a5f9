/*
 * Characters as WordPiece sees them: see wordpiece_unicode.h. libunistring answers, and the ranges where the reference's
 * tables are older or newer than current Unicode overrule it.
 */
#include "encoder/wordpiece_unicode.h"
#include "encoder/wordpiece_ranges.h"

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

enum { I_WITH_DOT_ABOVE = 0x130, COMBINING_DOT_ABOVE = 0x307 };

static bool in_ranges(const code_range *ranges, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > ranges[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && c >= ranges[low].first;
}

enc_wp_class enc_wp_classify(uint32_t c)
{
    if (c < 0x80) {
        bool letter_or_digit = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (c < 0x20 || c == 0x7f)
            return c == '\t' || c == '\n' || c == '\r' ? ENC_WP_PLAIN : ENC_WP_DROPPED;
        return letter_or_digit || c == ' ' ? ENC_WP_PLAIN : ENC_WP_PUNCTUATION;
    }
    for (size_t i = 0; i < RRK_COUNT(MOVED); i++) {
        if (c == MOVED[i].code_point)
            return MOVED[i].is;
    }
    uint32_t mask =
        UC_CATEGORY_MASK_Mn | UC_CATEGORY_MASK_P | UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Co;
    if (!uc_is_general_category_withtable(c, mask) || in_ranges(PLAIN, RRK_COUNT(PLAIN), c))
        return ENC_WP_PLAIN;
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Mn))
        return ENC_WP_MARK;
    return uc_is_general_category_withtable(c, UC_CATEGORY_MASK_P) ? ENC_WP_PUNCTUATION : ENC_WP_DROPPED;
}

bool enc_wp_is_space(uint32_t c)
{
    static const code_range SPACES[] = {
        {0x09, 0x0d},     {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680},
        {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000},
    };
    return in_ranges(SPACES, RRK_COUNT(SPACES), c);
}

bool enc_wp_is_chinese(uint32_t c)
{
    static const code_range IDEOGRAPHS[] = {
        {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},   {0x20000, 0x2a6df},
        {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f},
    };
    return in_ranges(IDEOGRAPHS, RRK_COUNT(IDEOGRAPHS), c);
}

size_t enc_wp_lower(uint32_t c, uint32_t out[ENC_WP_MAX_LOWERED])
{
    if (c == I_WITH_DOT_ABOVE) {
        out[0] = 'i';
        out[1] = COMBINING_DOT_ABOVE;
        return 2;
    }
    for (size_t i = 0; i < RRK_COUNT(CAPITALS); i++) {
        if (c >= CAPITALS[i].first && c <= CAPITALS[i].last) {
            out[0] = (uint32_t)((int32_t)c + CAPITALS[i].to_lower);
            return 1;
        }
    }
    out[0] = uc_tolower(c);
    return 1;
}

size_t enc_wp_decompose(uint32_t c, uint32_t out[ENC_WP_MAX_DECOMPOSED])
{
    out[0] = c;
    size_t n = 1;
    ucs4_t step[UC_DECOMPOSITION_MAX_LENGTH];
    /* Of a canonical decomposition only the first character may decompose further. */
    for (;;) {
        int n_step = in_ranges(WHOLE, RRK_COUNT(WHOLE), out[0]) ? -1 : uc_canonical_decomposition(out[0], step);
        if (n_step < 1 || n + (size_t)n_step - 1 > ENC_WP_MAX_DECOMPOSED)
            return n;
        for (size_t i = n; i-- > 1;)
            out[i + (size_t)n_step - 1] = out[i];
        for (size_t i = 0; i < (size_t)n_step; i++)
            out[i] = step[i];
        n += (size_t)n_step - 1;
    }
}

int enc_wp_combining_class(uint32_t c)
{
    int k = uc_combining_class(c);
    return k && in_ranges(UNORDERED, RRK_COUNT(UNORDERED), c) ? 0 : k;
}
