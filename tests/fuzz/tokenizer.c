/*
 * The files that make a tokenizer. The first byte picks the one that the rest is. Whatever is accepted must tokenise,
 * and give ids that the model has.
 *
 * Parser: encoder/tokenizer.c encoder/tokenizer_json.c encoder/vocab_txt.c
 */
#include "encoder/tokenizer.h"
#include "fuzz.h"

#include <string.h>

static const char *const FILES[] = {"tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json"};
static const char VOCAB[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##a\n##b\nkettle\n##s\n";

static void check(const enc_tokenizer *tokenizer)
{
    enc_ids ids = {0};
    size_t n_total;
    rrk_error err = {0};
    rrk_text text = rrk_text_of("Kettles ab\xc3\xa4 [CLS] zz \xe6\xb0\xb4!");
    const enc_specials *specials = enc_tokenizer_specials(tokenizer);
    int64_t n_vocab = (int64_t)enc_tokenizer_n_vocab(tokenizer);
    FUZZ_CHECK(specials->cls >= 0 && specials->cls < n_vocab && specials->sep >= 0 && specials->sep < n_vocab);
    FUZZ_CHECK(specials->unk >= 0 && specials->unk < n_vocab);
    FUZZ_CHECK(enc_tokenizer_encode(tokenizer, text, SIZE_MAX, &ids, &n_total, &err) == RRK_OK);
    FUZZ_CHECK(n_total == ids.len);
    for (size_t i = 0; i < ids.len; i++)
        FUZZ_CHECK(ids.ids[i] >= 0 && ids.ids[i] < n_vocab);
    enc_ids_free(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t which = fuzz_take(&data, &size, 1) % RRK_COUNT(FILES);
    for (size_t i = 0; i < RRK_COUNT(FILES); i++)
        fuzz_remove(FILES[i]);
    fuzz_file("vocab.txt", VOCAB, sizeof VOCAB - 1);
    fuzz_file(FILES[which], data, size);
    enc_tokenizer *tokenizer = NULL;
    rrk_error err = {0};
    rrk_status status = enc_tokenizer_open(&tokenizer, fuzz_dir(), &err);
    fuzz_check_error(status, &err);
    if (status == RRK_OK)
        check(tokenizer);
    enc_tokenizer_close(tokenizer);
    return 0;
}
