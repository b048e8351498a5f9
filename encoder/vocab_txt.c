/* vocab.txt: one piece a line, its id is the line's number from 0. Everything else comes from the settings files. */
#include "base/alloc.h"
#include "base/lines.h"
#include "base/utf8.h"
#include "encoder/config.h"
#include "encoder/json_file.h"
#include "encoder/wordpiece.h"

#include <errno.h>
#include <unistd.h>

#define FILE_NAME "vocab.txt"

static rrk_status read_pieces(base_map *vocab, const char *path, size_t *n_vocab, rrk_error *err)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    RRK_TRY(base_lines_open(&lines, path, ENC_MAX_PIECE_BYTES, err));
    *n_vocab = 0;
    for (;;) {
        rrk_text piece;
        bool more;
        RRK_TRY(base_lines_next(lines, &piece, &more, err));
        if (!more)
            return RRK_OK;
        if (*n_vocab == ENC_MAX_VOCAB)
            return base_fail(err, RRK_E_FORMAT, 0, "%s: more than %d pieces", FILE_NAME, ENC_MAX_VOCAB);
        if (!base_utf8_valid(piece.data, piece.len, NULL))
            return base_fail(err, RRK_E_FORMAT, 0, "%s:%zu: not UTF-8", FILE_NAME, *n_vocab + 1);
        if (piece.len)
            RRK_TRY(base_map_put(vocab, piece, (int64_t)*n_vocab, NULL, err));
        ++*n_vocab;
    }
}

static rrk_status take_special(const base_map *vocab, base_map *specials, const char *piece, int32_t *id,
                               rrk_error *err)
{
    int64_t value;
    if (!base_map_get(vocab, rrk_text_of(piece), &value))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the special token '%s' is missing", FILE_NAME, piece);
    *id = (int32_t)value;
    return base_map_put(specials, rrk_text_of(piece), value, NULL, err);
}

rrk_status enc_vocab_txt_open(enc_tokenizer **out, const char *model_dir, const enc_tokenizer_settings *settings,
                              rrk_error *err)
{
    char *path RRK_AUTO(base_free_ptr) = enc_path(model_dir, FILE_NAME, err);
    if (!path)
        return RRK_E_NOMEM;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return RRK_OK;
    base_map *vocab RRK_AUTO(base_map_free_ptr) = NULL, *special_pieces RRK_AUTO(base_map_free_ptr) = NULL;
    RRK_TRY(base_map_new(&vocab, 32768, err));
    RRK_TRY(base_map_new(&special_pieces, 16, err));
    size_t n_vocab;
    RRK_TRY(read_pieces(vocab, path, &n_vocab, err));
    enc_specials specials = {.n_pair_seps = 1};
    RRK_TRY(take_special(vocab, special_pieces, enc_name_or(settings->cls, "[CLS]"), &specials.cls, err));
    RRK_TRY(take_special(vocab, special_pieces, enc_name_or(settings->sep, "[SEP]"), &specials.sep, err));
    RRK_TRY(take_special(vocab, special_pieces, enc_name_or(settings->pad, "[PAD]"), &specials.pad, err));
    RRK_TRY(take_special(vocab, special_pieces, enc_name_or(settings->unk, "[UNK]"), &specials.unk, err));
    enc_wordpiece_options options = {
        .clean_text = true,
        .handle_chinese = settings->handle_chinese,
        .lowercase = settings->lowercase,
        .strip_accents = settings->strip_accents < 0 ? settings->lowercase : settings->strip_accents == 1,
        .max_word_chars = ENC_DEFAULT_WORD_CHARS,
        .prefix = "##",
    };
    RRK_TRY(enc_wordpiece_new(out, vocab, &special_pieces, &specials, &options, err));
    (*out)->n_vocab = n_vocab;
    return RRK_OK;
}
