/* Tiny vocabularies: see tiny_spiece.h. The model file is protocol buffers, written field by field. */
#include "tiny_spiece.h"
#include "base/buf.h"
#include "tiny_writer.h"

enum { TYPE_NORMAL = 1, TYPE_UNKNOWN = 2, TYPE_CONTROL = 3 };
enum { FIELD_PIECES = 1, FIELD_NAME = 1, FIELD_SCORE = 2, FIELD_TYPE = 3 };
enum { WIRE_VARINT = 0, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

#define WORD "\xe2\x96\x81"

static const struct {
    const char *name;
    int type;
} FIRST[SPIECE_FIRST_WORD] = {
    {"<pad>", TYPE_CONTROL},
    {"</s>", TYPE_CONTROL},
    {"<unk>", TYPE_UNKNOWN},
    {WORD, TYPE_NORMAL},
    {WORD "true", TYPE_NORMAL},
    {WORD "false", TYPE_NORMAL},
    {WORD "|", TYPE_NORMAL},
    {WORD "Query", TYPE_NORMAL},
    {":", TYPE_NORMAL},
    {WORD "Context", TYPE_NORMAL},
    {WORD "Document", TYPE_NORMAL},
    {WORD "Relevant", TYPE_NORMAL},
    {"<", TYPE_NORMAL},
    {">", TYPE_NORMAL},
    {"/", TYPE_NORMAL},
    {"s", TYPE_NORMAL},
    {"extra", TYPE_NORMAL},
    {"_", TYPE_NORMAL},
    {"id", TYPE_NORMAL},
    {"0", TYPE_NORMAL},
};

static void put_key(base_buf *b, int field, int wire)
{
    cr_assert_eq(base_buf_append_char(b, (char)(field << 3 | wire), NULL), RRK_OK);
}

static void put_bytes(base_buf *b, int field, const char *data, size_t len)
{
    cr_assert_lt(len, 128);
    put_key(b, field, WIRE_BYTES);
    base_buf_append_char(b, (char)len, NULL);
    base_buf_append(b, data, len, NULL);
}

static void put_piece(base_buf *model, const char *name, int type)
{
    float score = -1;
    base_buf piece = {.max = 127};
    put_bytes(&piece, FIELD_NAME, name, strlen(name));
    put_key(&piece, FIELD_SCORE, WIRE_FIXED32);
    base_buf_append(&piece, &score, sizeof score, NULL);
    put_key(&piece, FIELD_TYPE, WIRE_VARINT);
    base_buf_append_char(&piece, (char)type, NULL);
    put_bytes(model, FIELD_PIECES, piece.data, piece.len);
    base_buf_free(&piece);
}

void tiny_write_spiece(folder *f)
{
    base_buf model = {.max = 1 << 20};
    for (size_t i = 0; i < SPIECE_FIRST_WORD; i++)
        put_piece(&model, FIRST[i].name, FIRST[i].type);
    for (int i = SPIECE_FIRST_WORD; i < SPIECE_PIECES; i++) {
        char name[32];
        snprintf(name, sizeof name, WORD "word%d", i);
        put_piece(&model, name, TYPE_NORMAL);
    }
    folder_put(f, "spiece.model", model.data, model.len);
    base_buf_free(&model);
}

void tiny_write_mvp_vocab(folder *f)
{
    base_buf vocab = {.max = 1 << 20};
    base_buf_append_string(&vocab, "[PAD]\n", NULL);
    for (int i = 1; i <= MVP_VOCAB_VIEWS; i++)
        base_buf_printf(&vocab, NULL, "[unused%d]\n", i);
    base_buf_append_string(&vocab, "[UNK]\n[CLS]\n[SEP]\n[MASK]\n", NULL);
    for (int i = MVP_VOCAB_VIEWS + 5; i < TINY_VOCAB; i++)
        base_buf_printf(&vocab, NULL, "word%d\n", i);
    folder_put(f, "vocab.txt", vocab.data, vocab.len);
    base_buf_free(&vocab);
}
