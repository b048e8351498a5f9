/*
 * Any text through WordPiece, with the settings that the first byte picks. Stopping early must give the beginning of
 * the whole, and text that is not UTF-8 must be refused.
 *
 * Parser: encoder/wordpiece.c encoder/wordpiece_unicode.c
 */
#include "encoder/wordpiece.h"
#include "base/utf8.h"
#include "fuzz.h"

#include <string.h>

static const char *const PIECES[] = {
    "[PAD]", "[UNK]", "[CLS]", "[SEP]",        "a", "b",   "##a", "##b", "kettle",   "##s",       "ae", "!",
    "[",     "]",     "CLS",   "\xe6\xb0\xb4", "e", "##e", "1",   "##2", "\xc3\xa9", "##\xc3\xa9"};

enum { N_SPECIALS = 4 }; /* they come first in PIECES */

static base_map *map_of_pieces(size_t n)
{
    base_map *map;
    FUZZ_CHECK(base_map_new(&map, n, NULL) == RRK_OK);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(base_map_put(map, rrk_text_of(PIECES[i]), (int64_t)i, NULL, NULL) == RRK_OK);
    return map;
}

static enc_tokenizer *tokenizer_of(unsigned flags)
{
    static enc_tokenizer *made[16];
    static base_map *vocab;
    if (!vocab)
        vocab = map_of_pieces(RRK_COUNT(PIECES));
    if (!made[flags]) {
        enc_wordpiece_options options = {.clean_text = flags & 1,
                                         .handle_chinese = flags & 2,
                                         .strip_accents = flags & 4,
                                         .lowercase = flags & 8,
                                         .max_word_chars = 20,
                                         .prefix = "##"};
        enc_specials ids = {.pad = 0, .unk = 1, .cls = 2, .sep = 3};
        base_map *specials = map_of_pieces(N_SPECIALS); /* the tokenizer takes it over */
        FUZZ_CHECK(enc_wordpiece_new(&made[flags], vocab, &specials, &ids, &options, NULL) == RRK_OK);
    }
    return made[flags];
}

static void check_early_stop(const enc_tokenizer *tokenizer, rrk_text text, const enc_ids *all, size_t max_ids)
{
    enc_ids some = {0};
    size_t n_total;
    rrk_error err = {0};
    rrk_status status = enc_tokenizer_encode(tokenizer, text, max_ids, &some, &n_total, &err);
    FUZZ_CHECK(status == RRK_OK);
    FUZZ_CHECK(some.len == RRK_MIN(max_ids, all->len));
    FUZZ_CHECK(some.len == 0 || memcmp(some.ids, all->ids, some.len * sizeof *some.ids) == 0);
    FUZZ_CHECK(all->len <= max_ids ? n_total == all->len : n_total > max_ids);
    enc_ids_free(&some);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const enc_tokenizer *tokenizer = tokenizer_of(fuzz_take(&data, &size, 1) % 16);
    size_t max_ids = fuzz_take(&data, &size, 1) % 32;
    rrk_text text = {(const char *)data, size};
    enc_ids all = {0};
    size_t n_total;
    rrk_error err = {0};
    rrk_status status = enc_tokenizer_encode(tokenizer, text, SIZE_MAX, &all, &n_total, &err);
    fuzz_check_error(status, &err);
    if (status == RRK_OK) {
        for (size_t i = 0; i < all.len; i++)
            FUZZ_CHECK(all.ids[i] == 1 || (all.ids[i] > 3 && all.ids[i] < (int32_t)RRK_COUNT(PIECES)));
        check_early_stop(tokenizer, text, &all, max_ids);
    }
    enc_ids_free(&all);
    return 0;
}
