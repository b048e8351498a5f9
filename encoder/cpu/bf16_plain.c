/* What the bf16 loops mean, in plain C: operands are rounded, sums are exact. The twin that tests compare with. */
#include "encoder/cpu/narrow.h"

#include <string.h>

static void narrow(const float *x, size_t n_rows, size_t n_in, const cpu_narrow_rows *rows)
{
    for (size_t r = 0; r < n_rows; r++) {
        uint16_t *out = (uint16_t *)rows->values + r * cpu_narrow_width(n_in);
        for (size_t i = 0; i < n_in; i++)
            out[i] = cpu_to_bf16(x[r * n_in + i]);
    }
}

static double widen(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static void product(const cpu_narrow_product *p)
{
    size_t n_in = p->w->n_in, n_out = p->w->n_out;
    static const float NO_BIAS;
    for (size_t i = 0; i < p->n_rows * n_out; i++) {
        const uint16_t *x = (const uint16_t *)p->x->values + i / n_out * cpu_narrow_width(n_in);
        const uint16_t *w = (const uint16_t *)p->w->panels + i % n_out * n_in;
        double sum = (double)p->bias[i % n_out] + (p->add ? (double)p->y[i] : 0);
        for (size_t k = 0; k < n_in; k++)
            sum += widen(x[k]) * widen(w[k]);
        p->y[i] = (float)sum;
        cpu_kernels_plain.bias(p->y + i, &NO_BIAS, 1, 1, p->activation);
    }
}

const cpu_narrow cpu_bf16_plain = {
    .isa = "plain",
    .dtype = RRK_DTYPE_BF16,
    .panel_cols = 1,
    .group = 1,
    .step_groups = 1,
    .x_bytes = sizeof(uint16_t),
    .narrow = narrow,
    .product = product,
};
