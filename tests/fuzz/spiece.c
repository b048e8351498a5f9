/*
 * A sentencepiece model and a text for it. The first byte picks the file's name and the segment, two more are the
 * model's length, and one says how often the text is repeated. Whatever is accepted must tokenise; libsentencepiece is
 * behind it, so what it does not look at itself must not get there.
 *
 * Parser: encoder/spiece_check.c encoder/spiece_open.c
 */
#include "base/buf.h"
#include "fuzz.h"
#include "tokens.h"

enum { MAX_TEXT_BYTES = 20000, MAX_IDS = 7 };

static const char *const FILES[] = {"spiece.model", "sentencepiece.bpe.model"};

static void repeat(base_buf *out, rrk_text text, size_t n)
{
    for (size_t i = 0; i < n && out->len + text.len <= MAX_TEXT_BYTES; i++)
        FUZZ_CHECK(base_buf_append(out, text.data, text.len, NULL) == RRK_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t how = fuzz_take(&data, &size, 1), n_model = fuzz_take(&data, &size, 2);
    uint32_t times = fuzz_take(&data, &size, 1);
    n_model = (uint32_t)RRK_MIN((size_t)n_model, size);
    rrk_text text = {(const char *)data + n_model, size - n_model};
    for (size_t i = 0; i < RRK_COUNT(FILES); i++)
        fuzz_remove(FILES[i]);
    fuzz_file(FILES[how & 1], data, n_model);
    enc_tokenizer *tokenizer = NULL;
    rrk_error err = {0};
    rrk_status status = enc_tokenizer_open(&tokenizer, fuzz_dir(), &err);
    fuzz_check_error(status, &err);
    if (status == RRK_OK) {
        base_buf repeated RRK_AUTO(base_buf_free) = {.max = MAX_TEXT_BYTES + 1};
        repeat(&repeated, text, times + 1);
        fuzz_check_tokens(tokenizer, (rrk_text){repeated.data, repeated.len},
                          how & 2 ? ENC_SEGMENT_INSIDE : ENC_SEGMENT_WORD, MAX_IDS);
    }
    enc_tokenizer_close(tokenizer);
    return 0;
}
