/* Random tensors into a file: see tiny_writer.h. */
#include "tiny_writer.h"
#include "base/rng.h"

#include <math.h>

tiny_writer tiny_writer_new(uint64_t seed, const char *break_tensor)
{
    return (tiny_writer){.header.max = 1 << 20, .data.max = 1 << 28, .seed = seed, .break_tensor = break_tensor};
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
    size_t start = w->data.len;
    for (uint64_t i = 0; i < n_rows * row; i++) {
        float v = value_of(kind, w->seed + tensor, i, n_in);
        cr_assert_eq(base_buf_append(&w->data, &v, sizeof v, NULL), RRK_OK);
    }
    base_buf_printf(&w->header, NULL, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%u", tensor ? "," : "{", name, n_rows);
    if (n_in)
        base_buf_printf(&w->header, NULL, ",%u", n_in);
    base_buf_printf(&w->header, NULL, "],\"data_offsets\":[%zu,%zu]}", start, w->data.len);
}

void tiny_writer_put(tiny_writer *w, folder *f)
{
    base_buf_append_char(&w->header, '}', NULL);
    base_buf file = {.max = 1 << 29};
    uint64_t n_header = w->header.len;
    base_buf_append(&file, &n_header, sizeof n_header, NULL);
    base_buf_append(&file, w->header.data, w->header.len, NULL);
    base_buf_append(&file, w->data.data, w->data.len, NULL);
    folder_put(f, "model.safetensors", file.data, file.len);
    base_buf_free(&file);
    base_buf_free(&w->header);
    base_buf_free(&w->data);
}

void tiny_write_vocab(folder *f)
{
    base_buf vocab = {.max = 1 << 20};
    base_buf_append_string(&vocab, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", NULL);
    for (int i = 5; i < TINY_VOCAB; i++)
        base_buf_printf(&vocab, NULL, "word%d\n", i);
    folder_put(f, "vocab.txt", vocab.data, vocab.len);
    base_buf_free(&vocab);
}
