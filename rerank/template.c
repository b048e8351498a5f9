/*
 * Templates as others see them: opened by name, hashed, and what they cost. See prompt.h; their content is in
 * template.h.
 */
#include "rerank/template.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/sha256.h"

#include <stdio.h>

rrk_status rank_template_open(rank_template **out, const char *name, rrk_error *err)
{
    const rank_template *builtin = rank_template_builtin(name);
    if (builtin) {
        rank_template *copy = base_alloc(1, sizeof *copy);
        if (!copy)
            return base_fail_nomem(err, sizeof *copy);
        *copy = *builtin;
        *out = copy;
        return RRK_OK;
    }
    char *data RRK_AUTO(base_free_ptr) = NULL;
    size_t len;
    rrk_status status = base_file_read(name, RANK_TEMPLATE_MAX_BYTES, &data, &len, err);
    if (status == RRK_E_NOTFOUND)
        base_error_prefix(err, "a prompt is 'one-turn', 'chat' or a template file");
    RRK_TRY(status);
    return rank_template_parse(out, (rrk_text){data, len}, name, err);
}

void rank_template_free(rank_template *wording)
{
    if (!wording)
        return;
    base_free(wording->memory);
    base_free(wording);
}

/* A hash of hashes: it needs no memory, and no two templates give the same bytes. */
void rank_template_hash(const rank_template *wording, char out[65])
{
    char all[RANK_N_PARTS * BASE_SHA256_HEX_SIZE + 2];
    size_t len = 0;
    for (size_t i = 0; i < RANK_N_PARTS; i++) {
        const rank_template_part *part = &wording->parts[i];
        base_sha256_hex(part->text, all + len);
        len += BASE_SHA256_HEX_SIZE - 1;
        all[len++] = part->present ? '+' : '-';
    }
    all[len++] = wording->suffix_goes_on ? '+' : '-';
    base_sha256_hex((rrk_text){all, len}, out);
}

/* --- cost --- */

/* Digits of all numbers 1..n. */
static uint64_t digits_up_to(uint64_t n)
{
    uint64_t digits = 0;
    for (uint64_t from = 1, width = 1; from <= n; from *= 10, width++) {
        uint64_t to = RRK_MIN(n, from * 10 - 1);
        digits += (to - from + 1) * width;
    }
    return digits;
}

uint64_t rank_answer_tokens(size_t n, size_t n_wanted)
{
    enum { OPEN_CLOSE_AND_SEPARATOR = 3 };
    n_wanted = RRK_MIN(n_wanted, n);
    return n_wanted * (uint64_t)OPEN_CLOSE_AND_SEPARATOR + digits_up_to(n) - digits_up_to(n - n_wanted);
}

uint64_t rank_template_tokens(const rank_template *wording, size_t n)
{
    const rrk_llm_message empty[] = {{"user", {"", 0}}, {"assistant", {"", 0}}};
    uint64_t once = llm_estimate_chat_tokens(empty, 1), turn = llm_estimate_chat_tokens(empty, 2) - once;
    uint64_t tokens[RANK_N_PARTS];
    for (size_t i = 0; i < RANK_N_PARTS; i++)
        tokens[i] = wording->parts[i].present ? llm_estimate_tokens(wording->parts[i].text) : 0;
    const rank_template_part *parts = wording->parts;
    uint64_t n_turns = 1 + parts[RANK_PART_SYSTEM].present + 2u * parts[RANK_PART_PREFIX_ASSISTANT].present +
                       2 * (uint64_t)n * parts[RANK_PART_BODY_ASSISTANT].present;
    uint64_t suffix = wording->suffix_goes_on ? tokens[RANK_PART_SUFFIX] + tokens[RANK_PART_SUFFIX_FEWER]
                                              : RRK_MAX(tokens[RANK_PART_SUFFIX], tokens[RANK_PART_SUFFIX_FEWER]);
    uint64_t identifiers = digits_up_to(n) * (1u + parts[RANK_PART_BODY_ASSISTANT].present);
    return once + n_turns * turn + tokens[RANK_PART_SYSTEM] + tokens[RANK_PART_PREFIX] +
           tokens[RANK_PART_PREFIX_ASSISTANT] + suffix +
           n * (tokens[RANK_PART_BODY] + tokens[RANK_PART_BODY_ASSISTANT]) + identifiers;
}

size_t rank_template_query_count(const rank_template *wording)
{
    const rank_part with_query[] = {RANK_PART_PREFIX, RANK_PART_PREFIX_ASSISTANT, RANK_PART_SUFFIX};
    size_t n = 0;
    for (size_t i = 0; i < RRK_COUNT(with_query); i++) {
        rank_piece piece;
        bool more = true;
        for (size_t pos = 0; more;) {
            rrk_status status = rank_format_next(wording->parts[with_query[i]].text, &pos, &piece, &more, NULL);
            if (status != RRK_OK)
                return n; /* cannot be: parts are checked when the template is made */
            n += more && piece.field == RANK_FIELD_QUERY;
        }
    }
    return n;
}
