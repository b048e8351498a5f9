/* See tokens.h. */
#include "tokens.h"
#include "base/utf8.h"
#include "fuzz.h"

#include <string.h>

static void check_specials(const enc_tokenizer *tokenizer)
{
    const enc_specials *specials = enc_tokenizer_specials(tokenizer);
    int64_t n_vocab = (int64_t)enc_tokenizer_n_vocab(tokenizer);
    FUZZ_CHECK(specials->sep >= 0 && specials->sep < n_vocab);
    FUZZ_CHECK(specials->unk >= 0 && specials->unk < n_vocab);
    FUZZ_CHECK(specials->cls >= -1 && specials->cls < n_vocab && specials->pad >= -1 && specials->pad < n_vocab);
}

static bool encode(const enc_tokenizer *tokenizer, rrk_text text, enc_segment segment, size_t max_ids, enc_ids *ids,
                   size_t *n_total)
{
    rrk_error err = {0};
    rrk_status status = enc_tokenizer_encode_segment(tokenizer, text, segment, max_ids, ids, n_total, &err);
    fuzz_check_error(status, &err);
    return status == RRK_OK;
}

void fuzz_check_tokens(const enc_tokenizer *tokenizer, rrk_text text, enc_segment segment, size_t max_ids)
{
    enc_ids all = {0}, first = {0};
    size_t n_all, n_total;
    check_specials(tokenizer);
    if (!encode(tokenizer, text, segment, SIZE_MAX, &all, &n_all))
        return;
    FUZZ_CHECK(base_utf8_valid(text.data, text.len, NULL));
    FUZZ_CHECK(n_all == all.len);
    for (size_t i = 0; i < all.len; i++)
        FUZZ_CHECK(all.ids[i] >= 0 && (size_t)all.ids[i] < enc_tokenizer_n_vocab(tokenizer));
    FUZZ_CHECK(encode(tokenizer, text, segment, max_ids, &first, &n_total));
    FUZZ_CHECK(first.len == RRK_MIN(max_ids, all.len));
    FUZZ_CHECK(n_total == all.len || n_total > max_ids);
    FUZZ_CHECK(first.len == 0 || memcmp(first.ids, all.ids, first.len * sizeof *first.ids) == 0);
    enc_ids_free(&all);
    enc_ids_free(&first);
}
