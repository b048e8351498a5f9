/*
 * Look-up tables. They are the larger part of a small model and little of them is read, so a table of f32 or int8 stays
 * where its file is mapped, and rows are widened as they are looked up.
 */
#include "base/alloc.h"
#include "encoder/cpu/session.h"

#include <string.h>

static rrk_status use_int8(enc_table *table, const enc_weight *weight, rrk_error *err)
{
    table->scales = base_alloc_aligned(table->n_rows, sizeof *table->scales);
    if (!table->scales)
        return base_fail_nomem(err, table->n_rows * sizeof *table->scales);
    memcpy(table->scales, weight->scales, table->n_rows * sizeof *table->scales);
    table->bytes = weight->data;
    return RRK_OK;
}

rrk_status cpu_add_table(enc_device *device, const enc_weight *weight, enc_table **out, rrk_error *err)
{
    cpu_device *cpu = (cpu_device *)device;
    enc_table *table = base_calloc(1, sizeof *table);
    if (!table)
        return base_fail_nomem(err, sizeof *table);
    table->next = cpu->tables;
    cpu->tables = *out = table;
    table->n_rows = weight->shape[0];
    table->d = weight->shape[1];
    if (weight->dtype == ENC_I8 && weight->scales)
        return use_int8(table, weight, err);
    if (weight->dtype == ENC_F32 && (uintptr_t)weight->data % sizeof(float) == 0) {
        table->rows = weight->data;
        return RRK_OK;
    }
    RRK_TRY(cpu_widen(weight, &table->copy, err));
    table->rows = table->copy;
    return RRK_OK;
}

static rrk_status check_ids(const enc_batch *batch, const enc_table *words, const enc_table *positions,
                            const enc_table *types, rrk_error *err)
{
    for (size_t t = 0; t < batch->n_tokens; t++) {
        if (batch->ids[t] < 0 || (size_t)batch->ids[t] >= words->n_rows)
            return base_fail(err, RRK_E_INVALID, 0, "token id %d is outside the vocabulary of %zu", batch->ids[t],
                             words->n_rows);
        if ((positions && batch->positions[t] >= positions->n_rows) || (types && batch->types[t] >= types->n_rows))
            return base_fail(err, RRK_E_INVALID, 0, "position %u or token type %d is beyond what the model has",
                             batch->positions[t], batch->types[t]);
    }
    return RRK_OK;
}

/* out [d] += row; a table that is NULL adds nothing. */
static void add_row(const enc_table *table, size_t row, float *out)
{
    if (!table)
        return;
    size_t d = table->d, at = row * d;
    if (table->rows) {
        for (size_t i = 0; i < d; i++)
            out[i] += table->rows[at + i];
        return;
    }
    float scale = table->scales[row];
    for (size_t i = 0; i < d; i++)
        out[i] += (float)table->bytes[at + i] * scale;
}

rrk_status cpu_embed(enc_session *session, enc_slot x, const enc_table *words, const enc_table *positions,
                     const enc_table *types, const enc_norm *norm, rrk_error *err)
{
    const enc_batch *batch = &session->batch;
    RRK_TRY(check_ids(batch, words, positions, types, err));
    for (size_t t = 0; t < batch->n_tokens; t++) {
        float *out = session->slots[x].data + t * words->d;
        memset(out, 0, words->d * sizeof *out);
        add_row(words, (size_t)batch->ids[t], out);
        add_row(types, types ? batch->types[t] : 0, out);
        add_row(positions, positions ? batch->positions[t] : 0, out);
    }
    return norm ? cpu_apply_norm(session, norm, x, x, err) : RRK_OK;
}
