/* Choosing a table of narrow products, and packing weights for it: see narrow.h. */
#include "encoder/cpu/narrow.h"
#include "base/alloc.h"
#include "encoder/quantise.h"

#include <math.h>
#include <string.h>

static bool can_run(const cpu_narrow *table)
{
#if defined(__x86_64__)
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if (table == &cpu_int8_vnni)
        return avx512 && __builtin_cpu_supports("avx512vnni");
    if (table == &cpu_int8_avx512bw)
        return avx512;
    if (table == &cpu_bf16_avx512)
        return avx512 && __builtin_cpu_supports("avx512bf16");
    if (table == &cpu_int8_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return table == &cpu_int8_plain || table == &cpu_bf16_plain;
}

static const struct {
    const cpu_narrow *table;
    const cpu_kernels *kernels; /* the f32 loops that it extends */
} TABLES[] = {
#if defined(__x86_64__)
    {&cpu_int8_vnni, &cpu_kernels_avx512}, {&cpu_int8_avx512bw, &cpu_kernels_avx512},
    {&cpu_int8_avx2, &cpu_kernels_avx2},   {&cpu_bf16_avx512, &cpu_kernels_avx512},
#endif
    {&cpu_int8_plain, &cpu_kernels_plain}, {&cpu_bf16_plain, &cpu_kernels_plain},
};

const cpu_narrow *cpu_narrow_at(size_t i)
{
    for (size_t t = 0; t < RRK_COUNT(TABLES); t++) {
        if (can_run(TABLES[t].table) && i-- == 0)
            return TABLES[t].table;
    }
    return NULL;
}

const cpu_narrow *cpu_narrow_for(const cpu_kernels *kernels, rrk_dtype dtype)
{
    for (size_t t = 0; t < RRK_COUNT(TABLES); t++) {
        if (TABLES[t].kernels == kernels && TABLES[t].table->dtype == dtype && can_run(TABLES[t].table))
            return TABLES[t].table;
    }
    return NULL;
}

void cpu_narrow_weight_clear(cpu_narrow_weight *weight)
{
    base_free_aligned(weight->panels);
    base_free_aligned(weight->scales);
    base_free_aligned(weight->sums);
    *weight = (cpu_narrow_weight){0};
}

static rrk_status alloc_cleared(void *out, size_t n, size_t size, rrk_error *err)
{
    void *p = base_alloc_aligned(n, size);
    if (!p)
        return base_fail_nomem(err, n * size);
    memset(p, 0, n * size);
    memcpy(out, &p, sizeof p);
    return RRK_OK;
}

/* Where input i of output o lies. */
static size_t place(const cpu_narrow_weight *weight, size_t o, size_t i)
{
    size_t cols = weight->table->panel_cols, group = weight->table->group;
    return (o / cols * weight->n_groups + i / group) * cols * group + o % cols * group + i % group;
}

/* What those of n weights that share a 16-bit sum with the first one and are of one sign come to, in units of scale. */
static float shared_sum(const cpu_narrow *table, const float *w, size_t n, float scale)
{
    float above = 0, below = 0;
    for (size_t i = 0; i < table->step_groups * table->group; i += table->group) {
        for (size_t j = i; j < n && j < i + table->shared; j++) {
            float units = scale > 0 ? rintf(w[j] / scale) : w[j];
            above += fmaxf(units, 0);
            below += fmaxf(-units, 0);
        }
    }
    return fmaxf(above, below);
}

/* The largest one of an output; in bytes of a scale, or with a scale of 0 of the weights themselves. */
static float most_shared(const cpu_narrow *table, const float *w, size_t n, float scale)
{
    size_t step = table->group * table->step_groups;
    float most = 0;
    for (size_t first = 0; first < n; first += step) {
        for (size_t i = first; i < n && i < first + table->group; i += table->shared)
            most = fmaxf(most, shared_sum(table, w + i, n - i, scale));
    }
    return most;
}

/* As enc_row_scale(), but large enough for the table's rule; more so where it takes rounding up to break it. */
static float shared_scale(const cpu_narrow *table, const float *w, size_t n)
{
    float scale = enc_row_scale(w, n), limit = (float)table->shared_most;
    if (table->shared == 0 || !isnormal(scale))
        return scale;
    float most = most_shared(table, w, n, 0), rounding = (float)(table->shared * table->step_groups) / 2;
    scale = fmaxf(scale, most / limit);
    return most_shared(table, w, n, scale) <= limit ? scale : fmaxf(scale, most / (limit - rounding));
}

static void place_row(cpu_narrow_weight *weight, size_t o, const int8_t *row, float scale)
{
    weight->scales[o] = scale;
    for (size_t i = 0; i < weight->n_in; i++) {
        ((int8_t *)weight->panels)[place(weight, o, i)] = row[i];
        weight->sums[o] += row[i];
    }
}

static rrk_status alloc_int8(cpu_narrow_weight *out, rrk_error *err)
{
    size_t padded = cpu_narrow_width(out->n_out);
    RRK_TRY(alloc_cleared(&out->panels, padded, out->n_groups * out->table->group, err));
    RRK_TRY(alloc_cleared(&out->scales, padded, sizeof *out->scales, err));
    return alloc_cleared(&out->sums, padded, sizeof *out->sums, err);
}

static rrk_status pack_int8(const float *w, cpu_narrow_weight *out, rrk_error *err)
{
    int8_t *row RRK_AUTO(base_free_ptr) = base_alloc(out->n_in, sizeof *row);
    if (!row)
        return base_fail_nomem(err, out->n_in);
    RRK_TRY(alloc_int8(out, err));
    for (size_t o = 0; o < out->n_out; o++) {
        float scale = shared_scale(out->table, w + o * out->n_in, out->n_in);
        enc_row_to_int8(w + o * out->n_in, out->n_in, scale, row);
        place_row(out, o, row, scale);
    }
    return RRK_OK;
}

uint16_t cpu_to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isnan(x))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static rrk_status pack_bf16(const float *w, cpu_narrow_weight *out, rrk_error *err)
{
    size_t padded = cpu_narrow_width(out->n_out);
    RRK_TRY(alloc_cleared(&out->panels, padded, out->n_groups * out->table->group * sizeof(uint16_t), err));
    for (size_t i = 0; i < out->n_out * out->n_in; i++)
        ((uint16_t *)out->panels)[place(out, i / out->n_in, i % out->n_in)] = cpu_to_bf16(w[i]);
    return RRK_OK;
}

static cpu_narrow_weight weight_of(const cpu_narrow *table, size_t n_out, size_t n_in)
{
    size_t step = table->group * table->step_groups;
    return (cpu_narrow_weight){
        .table = table, .n_out = n_out, .n_in = n_in, .n_groups = (n_in + step - 1) / step * table->step_groups};
}

rrk_status cpu_narrow_pack(const cpu_narrow *table, const float *w, size_t n_out, size_t n_in, cpu_narrow_weight *out,
                           rrk_error *err)
{
    *out = weight_of(table, n_out, n_in);
    return table->dtype == RRK_DTYPE_INT8 ? pack_int8(w, out, err) : pack_bf16(w, out, err);
}

rrk_status cpu_narrow_pack_int8(const cpu_narrow *table, const int8_t *w, const float *scales, size_t n_out,
                                size_t n_in, cpu_narrow_weight *out, rrk_error *err)
{
    *out = weight_of(table, n_out, n_in);
    RRK_TRY(alloc_int8(out, err));
    for (size_t o = 0; o < n_out; o++)
        place_row(out, o, w + o * n_in, scales[o]);
    return RRK_OK;
}

rrk_status cpu_narrow_rows_new(const cpu_narrow *table, size_t n_rows, size_t max_in, cpu_narrow_rows *out,
                               rrk_error *err)
{
    RRK_TRY(alloc_cleared(&out->values, n_rows, cpu_narrow_width(max_in) * table->x_bytes, err));
    RRK_TRY(alloc_cleared(&out->scales, n_rows, sizeof *out->scales, err));
    return alloc_cleared(&out->zeros, n_rows, sizeof *out->zeros, err);
}

void cpu_narrow_rows_clear(cpu_narrow_rows *rows)
{
    base_free_aligned(rows->values);
    base_free_aligned(rows->scales);
    base_free_aligned(rows->zeros);
    *rows = (cpu_narrow_rows){0};
}
