/* Linear layers by a narrow product, by ours in f32 or by oneDNN's: see linear.h. */
#include "encoder/cpu/linear.h"
#include "base/alloc.h"

#include <string.h>

void cpu_linear_clear(enc_linear *linear)
{
    cpu_narrow_weight_clear(&linear->narrow);
    cpu_gemm_weight_free(RRK_STEAL(linear->weight));
    base_free_aligned(RRK_STEAL(linear->panels));
    base_free_aligned(RRK_STEAL(linear->bias));
}

static rrk_status stack_biases(const enc_weight *const *parts, const enc_weight *const *biases, size_t n_parts,
                               float *bias, rrk_error *err)
{
    size_t row = 0;
    for (size_t i = 0; i < n_parts; i++) {
        if (biases[i])
            RRK_TRY(enc_weight_to_f32(biases[i], bias + row, err));
        row += parts[i]->shape[0];
    }
    return RRK_OK;
}

/* The parts' values in f32, one part behind the other. */
static rrk_status stack_parts(const enc_weight *const *parts, size_t n_parts, float *values, rrk_error *err)
{
    size_t at = 0;
    for (size_t i = 0; i < n_parts; i++) {
        RRK_TRY(enc_weight_to_f32(parts[i], values + at, err));
        at += parts[i]->n_values;
    }
    return RRK_OK;
}

static bool are_int8(const enc_weight *const *parts, size_t n_parts)
{
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i]->dtype != ENC_I8 || !parts[i]->scales)
            return false;
    }
    return true;
}

/* Parts that a checkpoint has as int8 are packed as they are, by tables that take any byte. */
static rrk_status pack_int8(enc_linear *linear, const enc_weight *const *parts, size_t n_parts,
                            const cpu_narrow *narrow, rrk_error *err)
{
    size_t n_out = linear->n_out, n_in = linear->n_in, row = 0;
    int8_t *values RRK_AUTO(base_free_ptr) = base_alloc(n_out, n_in);
    float *scales RRK_AUTO(base_free_ptr) = base_alloc(n_out, sizeof *scales);
    if (!values || !scales)
        return base_fail_nomem(err, n_out * n_in);
    for (size_t i = 0; i < n_parts; i++) {
        memcpy(values + row * n_in, parts[i]->data, parts[i]->bytes);
        memcpy(scales + row, parts[i]->scales, parts[i]->shape[0] * sizeof *scales);
        row += parts[i]->shape[0];
    }
    return cpu_narrow_pack_int8(narrow, values, scales, n_out, n_in, &linear->narrow, err);
}

static rrk_status pack_panels(enc_linear *linear, const float *values, size_t panel_cols, rrk_error *err)
{
    linear->panels = base_alloc_aligned(linear->n_out, linear->n_in * sizeof *values);
    if (!linear->panels)
        return base_fail_nomem(err, linear->n_out * linear->n_in * sizeof *values);
    cpu_pack_panels(values, linear->n_out, linear->n_in, panel_cols, linear->panels);
    return RRK_OK;
}

/* The narrow products that compute a layer of n_in inputs, or NULL. */
static const cpu_narrow *narrow_of(const cpu_packing *packing, size_t n_in)
{
    bool too_wide = packing->narrow && packing->narrow->dtype == RRK_DTYPE_INT8 && n_in > CPU_INT8_MAX_IN;
    return too_wide ? NULL : packing->narrow;
}

rrk_status cpu_linear_pack(enc_linear *linear, const enc_weight *const *parts, const enc_weight *const *biases,
                           size_t n_parts, const cpu_packing *packing, rrk_error *err)
{
    size_t n_out = linear->n_out, n_in = linear->n_in;
    const cpu_narrow *narrow = narrow_of(packing, n_in);
    linear->bias = base_alloc_aligned(cpu_narrow_width(n_out), sizeof *linear->bias);
    if (!linear->bias)
        return base_fail_nomem(err, cpu_narrow_width(n_out) * sizeof *linear->bias);
    memset(linear->bias, 0, cpu_narrow_width(n_out) * sizeof *linear->bias);
    RRK_TRY(stack_biases(parts, biases, n_parts, linear->bias, err));
    if (narrow && narrow->dtype == RRK_DTYPE_INT8 && narrow->shared == 0 && are_int8(parts, n_parts))
        return pack_int8(linear, parts, n_parts, narrow, err);
    float *values RRK_AUTO(base_free_aligned_ptr) = base_alloc_aligned(n_out, n_in * sizeof *values);
    if (!values)
        return base_fail_nomem(err, n_out * n_in * sizeof *values);
    RRK_TRY(stack_parts(parts, n_parts, values, err));
    if (narrow)
        return cpu_narrow_pack(narrow, values, n_out, n_in, &linear->narrow, err);
    if (packing->kernels->product && n_out % packing->kernels->panel_cols == 0)
        return pack_panels(linear, values, packing->kernels->panel_cols, err);
    return cpu_gemm_pack(packing->gemm, values, n_out, n_in, &linear->weight, err);
}

/* Both products of narrow.h: y = act(x Wᵀ + b), or y += x Wᵀ + b. */
static void run_narrow(const cpu_worker *worker, const enc_linear *w, const float *x, size_t n_rows, bool add,
                       cpu_activation activation, float *y)
{
    const cpu_narrow *table = w->narrow.table;
    table->narrow(x, n_rows, w->n_in, worker->rows);
    table->product(&(cpu_narrow_product){.x = worker->rows,
                                         .w = &w->narrow,
                                         .bias = w->bias,
                                         .y = y,
                                         .n_rows = n_rows,
                                         .add = add,
                                         .activation = activation});
}

static cpu_product product_of(const enc_linear *w, const float *x, size_t n_rows, float *y)
{
    return (cpu_product){
        .x = x, .panels = w->panels, .bias = w->bias, .y = y, .n_rows = n_rows, .n_in = w->n_in, .n_out = w->n_out};
}

rrk_status cpu_linear_run(const cpu_worker *worker, const enc_linear *w, const float *x, size_t n_rows,
                          cpu_activation activation, float *y, rrk_error *err)
{
    if (w->narrow.table) {
        run_narrow(worker, w, x, n_rows, false, activation, y);
        return RRK_OK;
    }
    if (w->panels) {
        cpu_product p = product_of(w, x, n_rows, y);
        p.activation = activation;
        worker->kernels->product(&p);
        return RRK_OK;
    }
    RRK_TRY(cpu_gemm_run(worker->lane, w->weight, x, n_rows, y, err));
    worker->kernels->bias(y, w->bias, n_rows, w->n_out, activation);
    return RRK_OK;
}

/* x += in Wᵀ + b, where the product can do that. */
static void add_product(const cpu_worker *worker, const enc_linear *w, const float *in, size_t n_rows, float *x)
{
    if (w->narrow.table) {
        run_narrow(worker, w, in, n_rows, true, CPU_IDENTITY, x);
        return;
    }
    cpu_product p = product_of(w, in, n_rows, x);
    p.add = true;
    worker->kernels->product(&p);
}

rrk_status cpu_linear_add_norm(const cpu_worker *worker, const enc_linear *w, const enc_norm *norm, const float *in,
                               size_t n_rows, float *x, rrk_error *err)
{
    const cpu_kernels *k = worker->kernels;
    if (w->narrow.table || w->panels) {
        add_product(worker, w, in, n_rows, x);
        k->add_norm(x, NULL, NULL, norm->gain, norm->shift, norm->eps, n_rows, w->n_out);
        return RRK_OK;
    }
    RRK_TRY(cpu_gemm_run(worker->lane, w->weight, in, n_rows, worker->delta, err));
    k->add_norm(x, worker->delta, w->bias, norm->gain, norm->shift, norm->eps, n_rows, w->n_out);
    return RRK_OK;
}

rrk_status cpu_linear_add(const cpu_worker *worker, const enc_linear *w, const float *in, size_t n_rows, float *x,
                          rrk_error *err)
{
    if (w->narrow.table || w->panels) {
        add_product(worker, w, in, n_rows, x);
        return RRK_OK;
    }
    RRK_TRY(cpu_gemm_run(worker->lane, w->weight, in, n_rows, worker->delta, err));
    worker->kernels->add(x, worker->delta, w->bias, n_rows, w->n_out);
    return RRK_OK;
}
