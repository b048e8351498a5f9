/* Random tensors into a file: see tiny_writer.h. */
#include "tiny_writer.h"
#include "base/rng.h"

#include <math.h>

/* The header's place is left free until all tensors are known; what it does not need of it is blanks. */
enum { HEADER_BYTES = 1 << 16, LENGTH_BYTES = 8 };

tiny_writer tiny_writer_new(folder *f, uint64_t seed, const char *break_tensor)
{
    tiny_writer w = {.header.max = HEADER_BYTES, .seed = seed, .break_tensor = break_tensor};
    w.file = fopen(folder_path(f, "model.safetensors"), "w");
    cr_assert_not_null(w.file, "%s", f->path);
    cr_assert_eq(fseek(w.file, LENGTH_BYTES + HEADER_BYTES, SEEK_SET), 0);
    return w;
}

static float value_of(tiny_fill kind, uint64_t seed, uint64_t i, uint32_t n_in)
{
    double u = (2 * base_rng_uniform_at(seed, i) - 1) * sqrt(3.0);
    switch (kind) {
    case TINY_MATRIX:
        return (float)(u / sqrt(n_in));
    case TINY_QUERY: /* T5 does not divide scores */
        return (float)(u / sqrt(n_in * 16.0));
    case TINY_HEAD:
        return (float)(3 * u / sqrt(n_in));
    case TINY_GAIN:
        return (float)(1 + 0.1 * u);
    case TINY_SHIFT:
        return (float)(0.1 * u);
    case TINY_TABLE:
        return (float)u;
    }
    return 0;
}

void tiny_add(tiny_writer *w, const char *name, tiny_fill kind, uint32_t n_out, uint32_t n_in)
{
    uint64_t tensor = w->n_tensors++, row = n_in ? n_in : 1;
    uint32_t n_rows = n_out - (w->break_tensor && strcmp(name, w->break_tensor) == 0);
    size_t start = w->n_bytes;
    for (uint64_t i = 0; i < n_rows * row; i++) {
        float v = value_of(kind, w->seed + tensor, i, n_in);
        fwrite(&v, sizeof v, 1, w->file);
    }
    w->n_bytes += n_rows * row * sizeof(float);
    base_buf_printf(&w->header, NULL, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%u", tensor ? "," : "{", name, n_rows);
    if (n_in)
        base_buf_printf(&w->header, NULL, ",%u", n_in);
    base_buf_printf(&w->header, NULL, "],\"data_offsets\":[%zu,%zu]}", start, w->n_bytes);
}

void tiny_writer_end(tiny_writer *w)
{
    static const uint64_t N = HEADER_BYTES;
    base_buf_append_char(&w->header, '}', NULL);
    while (w->header.len < HEADER_BYTES)
        cr_assert_eq(base_buf_append_char(&w->header, ' ', NULL), RRK_OK);
    cr_assert_eq(fseek(w->file, 0, SEEK_SET), 0);
    fwrite(&N, sizeof N, 1, w->file);
    fwrite(w->header.data, w->header.len, 1, w->file);
    cr_assert(!ferror(w->file) && fclose(w->file) == 0, "the disk is full?");
    base_buf_free(&w->header);
}

#define WORD_MARK "\xe2\x96\x81"

/* The first ones have the ids 0, 1, ... */
static const struct {
    int id;
    const char *name;
} UNIGRAM_SPECIALS[] = {{0, "<s>"}, {1, "<pad>"}, {2, "</s>"}, {3, "<unk>"}, {TINY_VOCAB - 1, "<mask>"}};

enum { UNIGRAM_FIRST_PIECE = 4 };

#define SPECIAL(name) "{\"SpecialToken\":{\"id\":\"" name "\",\"type_id\":0}}"
#define TEXT(name) "{\"Sequence\":{\"id\":\"" name "\",\"type_id\":0}}"

/* What happens around the model: no normalizer, words are marked, a pair is <s> A </s></s> B </s>. */
#define UNIGRAM_STEPS                                                                                                  \
    "\"normalizer\":null,"                                                                                             \
    "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},"                      \
    "{\"type\":\"Metaspace\",\"replacement\":\"" WORD_MARK "\",\"prepend_scheme\":\"always\",\"split\":true}]},"       \
    "\"post_processor\":{\"type\":\"TemplateProcessing\","                                                             \
    "\"single\":[" SPECIAL("<s>") "," TEXT("A") "," SPECIAL(                                                           \
        "</s>") "],"                                                                                                   \
                "\"pair\":[" SPECIAL("<s>") "," TEXT("A") "," SPECIAL("</s>") "," SPECIAL("</s>") "," TEXT(            \
                    "B") "," SPECIAL("</s>") "],"                                                                      \
                                             "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[0],\"tokens\":[\"<" \
                                             "s>\"]},"                                                                 \
                                             "\"</s>\":{\"id\":\"</s>\",\"ids\":[2],\"tokens\":[\"</s>\"]}}}"

void tiny_write_vocab(folder *f)
{
    base_buf vocab = {.max = 1 << 20};
    base_buf_append_string(&vocab, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", NULL);
    for (int i = 5; i < TINY_VOCAB; i++)
        base_buf_printf(&vocab, NULL, "word%d\n", i);
    folder_put(f, "vocab.txt", vocab.data, vocab.len);
    base_buf_free(&vocab);
}

void tiny_write_unigram(folder *f)
{
    base_buf json = {.max = 1 << 20};
    base_buf_append_string(&json, "{\"version\":\"1.0\",\"added_tokens\":[", NULL);
    for (size_t i = 0; i < RRK_COUNT(UNIGRAM_SPECIALS); i++)
        base_buf_printf(&json, NULL, "%s{\"id\":%d,\"content\":\"%s\",\"special\":true}", i ? "," : "",
                        UNIGRAM_SPECIALS[i].id, UNIGRAM_SPECIALS[i].name);
    base_buf_append_string(&json, "]," UNIGRAM_STEPS ",\"model\":{\"type\":\"Unigram\",\"unk_id\":3,\"vocab\":[", NULL);
    for (size_t i = 0; i < UNIGRAM_FIRST_PIECE; i++)
        base_buf_printf(&json, NULL, "[\"%s\",0],", UNIGRAM_SPECIALS[i].name);
    base_buf_append_string(&json, "[\"" WORD_MARK "\",-2]", NULL);
    for (int i = UNIGRAM_FIRST_PIECE + 1; i < TINY_VOCAB - 1; i++)
        base_buf_printf(&json, NULL, ",[\"" WORD_MARK "word%d\",-1]", i);
    base_buf_append_string(&json, ",[\"<mask>\",0]]}}", NULL);
    folder_put(f, "tokenizer.json", json.data, json.len);
    base_buf_free(&json);
}
