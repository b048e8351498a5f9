/* Streams tensors from one file to another: see convert.h. */
#include "encoder/convert.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "encoder/cpu/narrow.h"
#include "encoder/quantise.h"
#include "encoder/role.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, ALIGNMENT = 8, PIECE_VALUES = 1 << 14 };

/* One tensor of the result. */
typedef struct item {
    const enc_weight *source;
    enc_dtype dtype;
    bool is_scale;   /* of the source's rows */
    bool is_copy;    /* the source's bytes */
    size_t n_values; /* not of a copy */
    size_t bytes;
} item;

typedef struct conversion {
    const enc_convert_watch *watch;
    enc_convert_stats *stats;
    base_output out;
    item *items; /* [n_items]; owned */
    size_t n_items;
    float *values; /* a piece's, in f32; owned */
    float *again;  /* what its narrow numbers say; owned */
    char *narrow;  /* they; owned */
    uint64_t n_written;
} conversion;

static void free_conversion(conversion *c)
{
    base_output_abort(&c->out);
    base_free(c->items);
    base_free(c->values);
    base_free(c->again);
    base_free(c->narrow);
}

/* --- what comes out --- */

static bool is_float(enc_dtype dtype)
{
    return dtype == ENC_F32 || dtype == ENC_F16 || dtype == ENC_BF16;
}

static size_t size_of(enc_dtype dtype)
{
    return dtype == ENC_F32 ? 4 : dtype == ENC_I8 ? 1 : 2;
}

static const char *name_of(const item *i)
{
    if (i->is_copy)
        return i->source->dtype_name;
    return i->dtype == ENC_F32 ? "F32" : i->dtype == ENC_F16 ? "F16" : i->dtype == ENC_BF16 ? "BF16" : "I8";
}

static item converted(const enc_weight *source, enc_dtype dtype, bool is_scale)
{
    size_t n = is_scale ? source->shape[0] : source->n_values;
    return (item){.source = source, .dtype = dtype, .is_scale = is_scale, .n_values = n, .bytes = n * size_of(dtype)};
}

static rrk_status add_items(conversion *c, const enc_weight *source, enc_dtype to, rrk_error *err)
{
    bool narrows = enc_role_of(source) != ENC_ROLE_OTHER;
    c->stats->n_tensors++;
    c->stats->bytes_before += source->bytes;
    if (!is_float(source->dtype)) {
        if (source->dtype_name[0] == 'F')
            return base_fail(err, RRK_E_UNSUPPORTED, 0, "tensor '%s' is %s, which is not converted", source->name,
                             source->dtype_name);
        c->items[c->n_items++] = (item){.source = source, .is_copy = true, .bytes = source->bytes};
        return RRK_OK;
    }
    c->stats->n_narrowed += narrows;
    c->items[c->n_items++] = converted(source, narrows ? to : ENC_F32, false);
    if (narrows && to == ENC_I8)
        c->items[c->n_items++] = converted(source, ENC_F32, true);
    return RRK_OK;
}

static size_t value_size(const item *i)
{
    if (!i->is_copy)
        return size_of(i->dtype);
    return i->source->n_values ? i->source->bytes / i->source->n_values : 1;
}

/* The widest numbers first, so that all are aligned; then by name, so that one model always gives one file. */
static int by_place(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (value_size(x) != value_size(y))
        return value_size(x) < value_size(y) ? 1 : -1;
    int order = strcmp(x->source->name, y->source->name);
    return order ? order : x->is_scale - y->is_scale;
}

static rrk_status plan(conversion *c, const enc_weights *weights, enc_dtype to, rrk_error *err)
{
    size_t n = enc_weights_n_tensors(weights), widest = PIECE_VALUES;
    c->items = base_alloc(2 * n, sizeof *c->items);
    if (!c->items)
        return base_fail_nomem(err, 2 * n * sizeof *c->items);
    for (size_t i = 0; i < n; i++) {
        const enc_weight *source = enc_weights_at(weights, i);
        RRK_TRY(add_items(c, source, to, err));
        if (enc_role_of(source) != ENC_ROLE_OTHER)
            widest = RRK_MAX(widest, source->shape[1]);
    }
    for (size_t i = 0; i < c->n_items; i++)
        c->stats->bytes_after += c->items[i].bytes;
    qsort(c->items, c->n_items, sizeof *c->items, by_place);
    c->values = base_alloc(widest, sizeof *c->values);
    c->again = base_alloc(widest, sizeof *c->again);
    c->narrow = base_alloc(widest, sizeof(float));
    return c->values && c->again && c->narrow ? RRK_OK : base_fail_nomem(err, widest * sizeof *c->values);
}

/* --- writing --- */

static rrk_status put(conversion *c, const void *data, size_t n_bytes, rrk_error *err)
{
    if (n_bytes && fwrite(data, 1, n_bytes, c->out.stream) != n_bytes)
        return base_fail_errno(err, errno, "write", c->out.path);
    c->n_written += n_bytes;
    uint64_t total = c->stats->bytes_after;
    if (c->watch && c->watch->wrote(c->watch->ctx, RRK_MIN(c->n_written, total), total))
        return base_fail(err, RRK_E_CANCELLED, 0, "cancelled");
    return RRK_OK;
}

static rrk_status describe_item(base_buf *header, const item *i, size_t offset, rrk_error *err)
{
    base_buf name RRK_AUTO(base_buf_free) = {.max = ENC_MAX_HEADER_BYTES};
    RRK_TRY(base_buf_append_string(&name, i->source->name, err));
    if (i->is_scale)
        RRK_TRY(base_buf_append_string(&name, ENC_SCALE_SUFFIX, err));
    RRK_TRY(base_buf_append_json(header, (rrk_text){name.data, name.len}, err));
    RRK_TRY(base_buf_printf(header, err, ":{\"dtype\":\"%s\",\"shape\":[", name_of(i)));
    uint32_t n_dims = i->is_scale ? 1 : i->source->n_dims;
    for (uint32_t d = 0; d < n_dims; d++)
        RRK_TRY(base_buf_printf(header, err, "%s%zu", d ? "," : "", i->source->shape[d]));
    return base_buf_printf(header, err, "],\"data_offsets\":[%zu,%zu]}", offset, offset + i->bytes);
}

static rrk_status write_header(conversion *c, rrk_error *err)
{
    base_buf header RRK_AUTO(base_buf_free) = {.max = ENC_MAX_HEADER_BYTES};
    size_t offset = 0;
    RRK_TRY(base_buf_append_string(&header, "{\"__metadata__\":{\"format\":\"pt\"}", err));
    for (size_t i = 0; i < c->n_items; i++) {
        RRK_TRY(base_buf_append_char(&header, ',', err));
        RRK_TRY(describe_item(&header, &c->items[i], offset, err));
        offset += c->items[i].bytes;
    }
    RRK_TRY(base_buf_append_char(&header, '}', err));
    while (header.len % ALIGNMENT)
        RRK_TRY(base_buf_append_char(&header, ' ', err));
    char length[LENGTH_BYTES];
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        length[i] = (char)((uint64_t)header.len >> 8 * i);
    RRK_TRY(put(c, length, sizeof length, err));
    return put(c, header.data, header.len, err);
}

/* Values first .. first + n of a tensor, widened into values. */
static rrk_status read_piece(conversion *c, const enc_weight *source, size_t first, size_t n, rrk_error *err)
{
    enc_weight flat = *source;
    size_t size = source->bytes / source->n_values;
    flat.n_values = n;
    flat.bytes = n * size;
    flat.data = (const char *)source->data + first * size;
    return enc_weight_to_f32(&flat, c->values, err);
}

static rrk_status check_f16(const conversion *c, const item *i, size_t n, rrk_error *err)
{
    for (size_t v = 0; v < n; v++) {
        if (fabsf(c->values[v]) >= ENC_F16_END)
            return base_fail(err, RRK_E_INVALID, 0, "tensor '%s' has the value %g, which f16 cannot hold",
                             i->source->name, (double)c->values[v]);
    }
    return RRK_OK;
}

/* A piece of values into narrow numbers, and those back into f32. */
static rrk_status narrow_piece(conversion *c, const item *i, size_t n, rrk_error *err)
{
    float scale = 0;
    if (i->dtype == ENC_F16)
        RRK_TRY(check_f16(c, i, n, err));
    if (i->dtype == ENC_I8) {
        scale = enc_row_scale(c->values, n);
        enc_row_to_int8(c->values, n, scale, (int8_t *)c->narrow);
    } else if (i->dtype == ENC_F32) {
        memcpy(c->narrow, c->values, n * sizeof *c->values);
    } else {
        for (size_t v = 0; v < n; v++) {
            uint16_t half = i->dtype == ENC_F16 ? enc_to_f16(c->values[v]) : cpu_to_bf16(c->values[v]);
            memcpy(c->narrow + v * sizeof half, &half, sizeof half);
        }
    }
    enc_weight back = {.name = i->source->name,
                       .dtype = i->dtype,
                       .n_dims = 2,
                       .shape = {1, n},
                       .n_values = n,
                       .data = c->narrow,
                       .bytes = n * size_of(i->dtype),
                       .scales = &scale};
    return enc_weight_to_f32(&back, c->again, err);
}

static void note_error(enc_convert_stats *stats, const char *name, double lost, double whole)
{
    double error = whole > 0 ? sqrt(lost / whole) : 0;
    if (error <= stats->worst_error)
        return;
    stats->worst_error = error;
    snprintf(stats->worst_tensor, sizeof stats->worst_tensor, "%s", name);
}

static rrk_status write_values(conversion *c, const item *i, rrk_error *err)
{
    size_t piece = i->dtype == ENC_I8 ? i->source->shape[1] : PIECE_VALUES;
    double lost = 0, whole = 0;
    for (size_t at = 0; at < i->n_values; at += piece) {
        size_t n = RRK_MIN(i->n_values - at, piece);
        RRK_TRY(read_piece(c, i->source, at, n, err));
        RRK_TRY(narrow_piece(c, i, n, err));
        for (size_t v = 0; v < n; v++) {
            double w = (double)c->values[v], off = w - (double)c->again[v];
            whole += w * w;
            lost += off * off;
        }
        RRK_TRY(put(c, c->narrow, n * size_of(i->dtype), err));
    }
    note_error(c->stats, i->source->name, lost, whole);
    return RRK_OK;
}

static rrk_status write_scales(conversion *c, const item *i, rrk_error *err)
{
    size_t n_in = i->source->shape[1];
    for (size_t r = 0; r < i->source->shape[0]; r++) {
        float scale = 0;
        if (n_in) {
            RRK_TRY(read_piece(c, i->source, r * n_in, n_in, err));
            scale = enc_row_scale(c->values, n_in);
        }
        RRK_TRY(put(c, &scale, sizeof scale, err));
    }
    return RRK_OK;
}

static rrk_status write_item(conversion *c, const item *i, rrk_error *err)
{
    if (i->is_copy)
        return put(c, i->source->data, i->bytes, err);
    return i->is_scale ? write_scales(c, i, err) : write_values(c, i, err);
}

rrk_status enc_weights_convert(const enc_weights *weights, enc_dtype to, const char *path,
                               const enc_convert_watch *watch, enc_convert_stats *stats, rrk_error *err)
{
    conversion c RRK_AUTO(free_conversion) = {.watch = watch, .stats = stats};
    *stats = (enc_convert_stats){0};
    if (enc_weights_are_int8(weights))
        return base_fail(err, RRK_E_INVALID, 0, "the weights are int8 already");
    RRK_TRY(enc_weights_check_finite(weights, err));
    RRK_TRY(plan(&c, weights, to, err));
    RRK_TRY(base_output_open(&c.out, path, err));
    RRK_TRY(write_header(&c, err));
    for (size_t i = 0; i < c.n_items; i++)
        RRK_TRY(write_item(&c, &c.items[i], err));
    return base_output_commit(&c.out, err);
}
