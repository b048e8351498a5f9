/* Normalizers and pre-tokenizers of tokenizer.json: see unigram_json.h. */
#include "base/alloc.h"
#include "base/utf8.h"
#include "encoder/json_file.h"
#include "encoder/tokenizer_json.h"
#include "encoder/unigram_json.h"

#include <jansson.h>
#include <string.h>

#define FILE_NAME ENC_TOKENIZER_JSON
#define SPACES_REGEX " {2,}"

enum { BASE64_PAD = 64, BASE64_BAD = 255 };

/* --- base64 --- */

static unsigned base64_value(char c)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (c == '=')
        return BASE64_PAD;
    const char *digit = c ? strchr(DIGITS, c) : NULL;
    return digit ? (unsigned)(digit - DIGITS) : BASE64_BAD;
}

/* Whole groups of four; out has room for len / 4 * 3 bytes. Gives how many it holds, SIZE_MAX when text is not base64. */
static size_t base64_decode(const char *text, size_t len, unsigned char *out)
{
    size_t n = 0, n_pad = 0;
    uint32_t bits = 0;
    if (len % 4 != 0)
        return SIZE_MAX;
    for (size_t i = 0; i < len; i++) {
        unsigned value = base64_value(text[i]);
        if (value == BASE64_BAD || (value == BASE64_PAD ? i + 2 < len : n_pad > 0))
            return SIZE_MAX;
        n_pad += value == BASE64_PAD;
        bits = bits << 6 | (value & (BASE64_PAD - 1));
        if (i % 4 != 3)
            continue;
        for (int shift = 16; shift >= 0; shift -= 8)
            out[n++] = (unsigned char)(bits >> shift);
    }
    return n - n_pad;
}

/* --- normalizers --- */

static rrk_status read_precompiled(enc_step *step, const json_t *json, rrk_error *err)
{
    const char *text = NULL;
    RRK_TRY(enc_json_string(json, FILE_NAME, "precompiled_charsmap", &text, err));
    size_t len = text ? strlen(text) : 0;
    unsigned char *blob RRK_AUTO(base_free_ptr) = base_alloc(len / 4 + 1, 3);
    if (!blob)
        return base_fail_nomem(err, len);
    size_t n = base64_decode(text ? text : "", len, blob);
    if (n == 0 || n == SIZE_MAX)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: 'precompiled_charsmap' is not base64", FILE_NAME);
    step->kind = ENC_STEP_CHARSMAP;
    rrk_status status = enc_charsmap_new(&step->charsmap, blob, n, err);
    if (status == RRK_E_FORMAT)
        base_error_prefix(err, "%s", FILE_NAME);
    return status;
}

static rrk_status read_replace(enc_step *step, const json_t *json, rrk_error *err)
{
    const json_t *pattern = json_object_get(json, "pattern");
    const char *literal = NULL, *regex = NULL, *content = NULL;
    RRK_TRY(enc_json_string(pattern, FILE_NAME, "String", &literal, err));
    RRK_TRY(enc_json_string(pattern, FILE_NAME, "Regex", &regex, err));
    RRK_TRY(enc_json_string(json, FILE_NAME, "content", &content, err));
    bool spaces = regex && strcmp(regex, SPACES_REGEX) == 0;
    if (!content || (literal ? !*literal : !spaces))
        return base_fail(err, RRK_E_UNSUPPORTED, 0,
                         "%s: normalizer 'Replace' of '%s' (rrk knows '%s' and plain strings)", FILE_NAME,
                         regex ? regex : "", SPACES_REGEX);
    step->kind = literal ? ENC_STEP_REPLACE : ENC_STEP_SPACES;
    step->pattern = base_strdup(literal ? literal : "");
    step->content = base_strdup(content);
    return step->pattern && step->content ? RRK_OK : base_fail_nomem(err, strlen(content));
}

static rrk_status read_strip(enc_step *step, const json_t *json, rrk_error *err)
{
    step->kind = ENC_STEP_STRIP;
    step->left = step->right = true;
    RRK_TRY(enc_json_bool(json, FILE_NAME, "strip_left", &step->left, err));
    return enc_json_bool(json, FILE_NAME, "strip_right", &step->right, err);
}

static rrk_status read_form(enc_step *step, const json_t *json, rrk_error *err)
{
    step->kind = strcmp(enc_tj_type(json), "NFC") == 0 ? ENC_STEP_NFC : ENC_STEP_NFKC;
    return RRK_OK;
}

static rrk_status read_lowercase(enc_step *step, const json_t *json, rrk_error *err)
{
    step->kind = ENC_STEP_LOWERCASE;
    return RRK_OK;
}

static rrk_status read_step(enc_normalizer *out, const json_t *json, rrk_error *err)
{
    static const struct {
        const char *type;
        rrk_status (*read)(enc_step *step, const json_t *json, rrk_error *err);
    } KNOWN[] = {{"Precompiled", read_precompiled},
                 {"Replace", read_replace},
                 {"Strip", read_strip},
                 {"NFC", read_form},
                 {"NFKC", read_form},
                 {"Lowercase", read_lowercase}};
    if (out->n_steps == ENC_MAX_NORMALIZER_STEPS)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: more than %d normalizers", FILE_NAME,
                         ENC_MAX_NORMALIZER_STEPS);
    for (size_t i = 0; i < RRK_COUNT(KNOWN); i++) {
        if (strcmp(enc_tj_type(json), KNOWN[i].type) == 0)
            return KNOWN[i].read(&out->steps[out->n_steps++], json, err);
    }
    return enc_tj_require_type(json, "normalizer", "Precompiled, Replace, Strip, NFC, NFKC and Lowercase", err);
}

rrk_status enc_unigram_json_normalizer(enc_normalizer *out, const json_t *json, rrk_error *err)
{
    if (!json || json_is_null(json))
        return RRK_OK;
    if (strcmp(enc_tj_type(json), "Sequence") != 0)
        return read_step(out, json, err);
    const json_t *steps = json_object_get(json, "normalizers");
    if (!json_is_array(steps))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the normalizer 'Sequence' has no 'normalizers'", FILE_NAME);
    for (size_t i = 0; i < json_array_size(steps); i++)
        RRK_TRY(read_step(out, json_array_get(steps, i), err));
    return RRK_OK;
}

/* --- pre-tokenizers --- */

static rrk_status read_mark(enc_unigram_options *out, const json_t *json, rrk_error *err)
{
    const char *mark = NULL;
    RRK_TRY(enc_json_string(json, FILE_NAME, "replacement", &mark, err));
    size_t len = mark ? strlen(mark) : 0, at = 0;
    if (len > 0)
        base_utf8_next(mark, len, &at);
    if (len == 0 || at != len)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: Metaspace's 'replacement' is not one character", FILE_NAME);
    memcpy(out->mark, mark, len + 1);
    return RRK_OK;
}

/* add_prefix_space is what files say that were written before there was a prepend_scheme. */
static rrk_status read_prepend(enc_unigram_options *out, const json_t *json, rrk_error *err)
{
    static const char *const SCHEMES[] = {"always", "first", "never"}; /* in the order of enc_prepend */
    bool prefix = true;
    const char *scheme = NULL;
    RRK_TRY(enc_json_bool(json, FILE_NAME, "add_prefix_space", &prefix, err));
    RRK_TRY(enc_json_string(json, FILE_NAME, "prepend_scheme", &scheme, err));
    if (!scheme)
        scheme = prefix ? "always" : "never";
    for (size_t i = 0; i < RRK_COUNT(SCHEMES); i++) {
        if (strcmp(scheme, SCHEMES[i]) == 0) {
            out->prepend = (enc_prepend)i;
            return RRK_OK;
        }
    }
    return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: prepend_scheme '%s' (rrk knows always, first, never)", FILE_NAME,
                     scheme);
}

rrk_status enc_unigram_json_splitter(enc_unigram_options *out, const json_t *json, rrk_error *err)
{
    *out = (enc_unigram_options){.split = true};
    if (strcmp(enc_tj_type(json), "Sequence") == 0) {
        const json_t *steps = json_object_get(json, "pretokenizers");
        size_t n = json_array_size(steps);
        if (n != 1 && n != 2)
            return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: a pre_tokenizer 'Sequence' of %zu steps", FILE_NAME, n);
        out->split_whitespace = n == 2;
        if (n == 2)
            RRK_TRY(enc_tj_require_type(json_array_get(steps, 0), "pre_tokenizer", "WhitespaceSplit", err));
        json = json_array_get(steps, n - 1);
    }
    if (strcmp(enc_tj_type(json), "Metaspace") != 0)
        return enc_tj_require_type(json, "pre_tokenizer", "Metaspace, alone or after WhitespaceSplit", err);
    RRK_TRY(enc_json_bool(json, FILE_NAME, "split", &out->split, err));
    RRK_TRY(read_mark(out, json, err));
    return read_prepend(out, json, err);
}
