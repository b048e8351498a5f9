/* What the int8 loops mean, in plain C. The twin that tests compare with; its integers are everybody's. */
#include "encoder/cpu/narrow.h"

#include <float.h>
#include <math.h>

/* A row's least and greatest value, 0 included, become bytes 0 and 255. False when something is not finite. */
static bool range_of(const float *x, size_t n, float *low, float *high)
{
    *low = *high = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return false;
        *low = fminf(*low, x[i]);
        *high = fmaxf(*high, x[i]);
    }
    return true;
}

static void narrow(const float *x, size_t n_rows, size_t n_in, const cpu_narrow_rows *rows)
{
    for (size_t r = 0; r < n_rows; r++) {
        int16_t *out = (int16_t *)rows->values + r * cpu_narrow_width(n_in);
        const float *row = x + r * n_in;
        float low, high;
        bool finite = range_of(row, n_in, &low, &high);
        float step = (high - low) * (1.0f / 255);
        bool flat = !finite || !(step >= FLT_MIN);
        float per_step = flat ? 0 : 1 / step;
        int32_t zero = flat ? 0 : (int32_t)lrintf(-low * per_step);
        for (size_t i = 0; i < n_in; i++) {
            int32_t q = flat ? 0 : (int32_t)lrintf(fmaf(row[i], per_step, (float)zero));
            out[i] = (int16_t)((q < 255 ? q : 255) - zero);
        }
        rows->scales[r] = !finite ? NAN : flat ? 0 : step;
        rows->zeros[r] = zero;
    }
}

static void product(const cpu_narrow_product *p)
{
    size_t n_in = p->w->n_in, n_out = p->w->n_out, stride = p->w->n_groups * p->w->table->group;
    for (size_t r = 0; r < p->n_rows; r++) {
        const int16_t *x = (const int16_t *)p->x->values + r * cpu_narrow_width(n_in);
        for (size_t c = 0; c < n_out; c++) {
            const int8_t *w = (const int8_t *)p->w->panels + c * stride;
            float *y = p->y + r * n_out + c;
            int32_t sum = 0;
            for (size_t i = 0; i < n_in; i++)
                sum += x[i] * w[i];
            *y = (float)sum * (p->x->scales[r] * p->w->scales[c]) + p->bias[c] + (p->add ? *y : 0);
        }
    }
    if (p->activation != CPU_IDENTITY) {
        static const float NO_BIAS;
        for (size_t i = 0; i < p->n_rows * n_out; i++)
            cpu_kernels_plain.bias(p->y + i, &NO_BIAS, 1, 1, p->activation);
    }
}

const cpu_narrow cpu_int8_plain = {
    .isa = "plain",
    .dtype = RRK_DTYPE_INT8,
    .panel_cols = 1,
    .group = 1,
    .step_groups = 1,
    .x_bytes = sizeof(int16_t),
    .narrow = narrow,
    .product = product,
};
