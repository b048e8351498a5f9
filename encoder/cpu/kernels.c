/* Choosing a table of vector loops for the processor at hand, and the layout of weights that they share. */
#include "encoder/cpu/kernels.h"

#include <stdbool.h>

static bool can_run(const cpu_kernels *k)
{
#if defined(__x86_64__)
    if (k == &cpu_kernels_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
    if (k == &cpu_kernels_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return true;
}

static const cpu_kernels *const TABLES[] = {
#if defined(__x86_64__)
    &cpu_kernels_avx512,
    &cpu_kernels_avx2,
#endif
    &cpu_kernels_baseline,
    &cpu_kernels_plain,
};

const cpu_kernels *cpu_kernels_at(size_t i)
{
    for (size_t t = 0; t < sizeof TABLES / sizeof TABLES[0]; t++) {
        if (can_run(TABLES[t]) && i-- == 0)
            return TABLES[t];
    }
    return NULL;
}

const cpu_kernels *cpu_kernels_best(void)
{
    return cpu_kernels_at(0);
}

void cpu_pack_panels(const float *w, size_t n_out, size_t n_in, size_t panel_cols, float *panels)
{
    for (size_t col = 0; col < n_out; col += panel_cols) {
        float *panel = panels + col * n_in;
        for (size_t c = 0; c < panel_cols; c++) {
            for (size_t i = 0; i < n_in; i++)
                panel[i * panel_cols + c] = w[(col + c) * n_in + i];
        }
    }
}
