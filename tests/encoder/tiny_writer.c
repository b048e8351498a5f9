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

void tiny_write_vocab(folder *f)
{
    base_buf vocab = {.max = 1 << 20};
    base_buf_append_string(&vocab, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", NULL);
    for (int i = 5; i < TINY_VOCAB; i++)
        base_buf_printf(&vocab, NULL, "word%d\n", i);
    folder_put(f, "vocab.txt", vocab.data, vocab.len);
    base_buf_free(&vocab);
}
