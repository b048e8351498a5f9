/* Normalising texts for unigram tokenizers: see unigram_normalizer.h. */
#include "encoder/unigram_normalizer.h"
#include "base/alloc.h"
#include "base/utf8.h"
#include "encoder/wordpiece_unicode.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

enum { ASCII = 0x80, SMALLEST_LIMIT = 4096 };

void enc_normalizer_free(enc_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->n_steps; i++) {
        enc_charsmap_free(normalizer->steps[i].charsmap);
        base_free(normalizer->steps[i].pattern);
        base_free(normalizer->steps[i].content);
    }
    normalizer->n_steps = 0;
}

static rrk_status replace(const enc_step *step, rrk_text text, base_buf *out, rrk_error *err)
{
    size_t pattern_len = strlen(step->pattern), at = 0;
    for (;;) {
        const char *found = at < text.len ? memmem(text.data + at, text.len - at, step->pattern, pattern_len) : NULL;
        size_t end = found ? (size_t)(found - text.data) : text.len;
        RRK_TRY(base_buf_append(out, text.data + at, end - at, err));
        if (!found)
            return RRK_OK;
        RRK_TRY(base_buf_append_string(out, step->content, err));
        at = end + pattern_len;
    }
}

static size_t spaces_at(rrk_text text, size_t at)
{
    size_t end = at;
    while (end < text.len && text.data[end] == ' ')
        end++;
    return end - at;
}

static rrk_status replace_spaces(const enc_step *step, rrk_text text, base_buf *out, rrk_error *err)
{
    for (size_t at = 0; at < text.len;) {
        const char *space = memmem(text.data + at, text.len - at, "  ", 2);
        size_t end = space ? (size_t)(space - text.data) : text.len;
        RRK_TRY(base_buf_append(out, text.data + at, end - at, err));
        if (space)
            RRK_TRY(base_buf_append_string(out, step->content, err));
        at = end + spaces_at(text, end);
    }
    return RRK_OK;
}

static rrk_text strip_left(rrk_text text)
{
    size_t start = 0;
    for (size_t at = 0; at < text.len; start = at) {
        if (!enc_wp_is_space(base_utf8_next(text.data, text.len, &at)))
            break;
    }
    return (rrk_text){text.data + start, text.len - start};
}

static rrk_text strip_right(rrk_text text)
{
    while (text.len > 0) {
        size_t start = text.len - 1;
        while (start > 0 && ((unsigned char)text.data[start] & 0xc0) == 0x80)
            start--;
        size_t at = start;
        if (!enc_wp_is_space(base_utf8_next(text.data, text.len, &at)))
            break;
        text.len = start;
    }
    return text;
}

static bool is_ascii(rrk_text text)
{
    unsigned char all = 0;
    for (size_t i = 0; i < text.len; i++)
        all |= (unsigned char)text.data[i];
    return all < ASCII;
}

static rrk_status compose(uninorm_t form, rrk_text text, base_buf *out, rrk_error *err)
{
    if (is_ascii(text))
        return base_buf_append(out, text.data, text.len, err);
    size_t len = 0;
    uint8_t *composed = u8_normalize(form, (const uint8_t *)text.data, text.len, NULL, &len);
    if (!composed)
        return base_fail_nomem(err, text.len);
    rrk_status status = base_buf_append(out, composed, len, err);
    free(composed);
    return status;
}

static rrk_status lower(rrk_text text, base_buf *out, rrk_error *err)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t lowered[ENC_WP_MAX_LOWERED];
        size_t n = enc_wp_lower(base_utf8_next(text.data, text.len, &at), lowered);
        for (size_t i = 0; i < n; i++) {
            char bytes[4];
            RRK_TRY(base_buf_append(out, bytes, base_utf8_put(lowered[i], bytes), err));
        }
    }
    return RRK_OK;
}

static rrk_status run_step(const enc_step *step, rrk_text text, base_buf *out, rrk_error *err)
{
    switch (step->kind) {
    case ENC_STEP_CHARSMAP:
        return enc_charsmap_apply(step->charsmap, text, out, err);
    case ENC_STEP_REPLACE:
        return replace(step, text, out, err);
    case ENC_STEP_SPACES:
        return replace_spaces(step, text, out, err);
    case ENC_STEP_NFC:
        return compose(UNINORM_NFC, text, out, err);
    case ENC_STEP_NFKC:
        return compose(UNINORM_NFKC, text, out, err);
    case ENC_STEP_LOWERCASE:
        return lower(text, out, err);
    case ENC_STEP_STRIP:
        break;
    }
    return RRK_OK;
}

rrk_status enc_normalizer_run(const enc_normalizer *normalizer, const enc_stretch *stretch, base_buf buffers[2],
                              rrk_text *out, rrk_error *err)
{
    size_t max;
    if (base_mul_overflows(stretch->text.len, ENC_MAX_NORMALIZED_GROWTH, &max))
        return base_fail_nomem(err, stretch->text.len);
    buffers[0].max = buffers[1].max = RRK_MAX(max, (size_t)SMALLEST_LIMIT);
    *out = stretch->text;
    int into = 0;
    for (size_t i = 0; i < normalizer->n_steps; i++) {
        const enc_step *step = &normalizer->steps[i];
        if (step->kind == ENC_STEP_STRIP) {
            *out = step->left && stretch->first ? strip_left(*out) : *out;
            *out = step->right && stretch->last ? strip_right(*out) : *out;
            continue;
        }
        base_buf_clear(&buffers[into]);
        RRK_TRY(run_step(step, *out, &buffers[into], err));
        *out = (rrk_text){buffers[into].data, buffers[into].len};
        into = 1 - into;
    }
    return RRK_OK;
}

static bool touches_words(const char *pattern)
{
    for (; *pattern; pattern++) {
        if (*pattern == ' ' || isalnum((unsigned char)*pattern))
            return true;
    }
    return false;
}

static bool keeps_ascii_words(const enc_charsmap *map)
{
    for (int c = 0; c < ASCII; c++) {
        if ((c == ' ' || isalnum(c)) && !enc_charsmap_keeps(map, (unsigned char)c))
            return false;
    }
    return true;
}

bool enc_normalizer_keeps_words_apart(const enc_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->n_steps; i++) {
        const enc_step *step = &normalizer->steps[i];
        if (step->kind == ENC_STEP_REPLACE && touches_words(step->pattern))
            return false;
        if (step->kind == ENC_STEP_SPACES && strcmp(step->content, " ") != 0 &&
            strcmp(step->content, "\xe2\x96\x81") != 0)
            return false;
        if (step->kind == ENC_STEP_CHARSMAP && !keeps_ascii_words(step->charsmap))
            return false;
    }
    return true;
}
