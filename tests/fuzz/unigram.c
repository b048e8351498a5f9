/*
 * A unigram tokenizer.json and a text for it. The first byte picks the segment and how many ids are asked for, two more
 * are the length of the JSON. Whatever is accepted must tokenise.
 *
 * Parser: encoder/unigram_json.c encoder/unigram_json_steps.c encoder/unigram.c encoder/unigram_normalizer.c encoder/unigram_model.c encoder/unigram_trie.c encoder/charsmap.c
 */
#include "fuzz.h"
#include "tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t how = fuzz_take(&data, &size, 1), n_json = fuzz_take(&data, &size, 2);
    n_json = (uint32_t)RRK_MIN((size_t)n_json, size);
    rrk_text text = {(const char *)data + n_json, size - n_json};
    fuzz_file("tokenizer.json", data, n_json);
    enc_tokenizer *tokenizer = NULL;
    rrk_error err = {0};
    rrk_status status = enc_tokenizer_open(&tokenizer, fuzz_dir(), &err);
    fuzz_check_error(status, &err);
    if (status == RRK_OK)
        fuzz_check_tokens(tokenizer, text, how & 1 ? ENC_SEGMENT_INSIDE : ENC_SEGMENT_WORD, how >> 1);
    enc_tokenizer_close(tokenizer);
    return 0;
}
