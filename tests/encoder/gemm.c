/* Matrix products against plain loops: every number of rows, odd shapes, and nothing written beyond the rounded rows. */
#include "encoder/cpu/gemm.h"
#include "base/alloc.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <math.h>

enum { GUARD = 32 };

static const uint64_t SEED = 77;

static float *random_floats(size_t n, uint64_t stream)
{
    float *x = base_alloc_aligned(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(2 * base_rng_uniform_at(SEED + stream, i) - 1);
    return x;
}

static size_t rounded(size_t n_rows)
{
    return (n_rows + CPU_GEMM_ROW_STEP - 1) / CPU_GEMM_ROW_STEP * CPU_GEMM_ROW_STEP;
}

static void check_rows(cpu_gemm_lane *lane, const cpu_gemm_weight *packed, const float *w, const float *x,
                       size_t n_rows, size_t n_out, size_t n_in)
{
    size_t n_written = rounded(n_rows) * n_out;
    float *y = base_alloc_aligned(n_written + GUARD, sizeof *y);
    for (size_t i = 0; i < n_written + GUARD; i++)
        y[i] = 1234.5f;
    rrk_error err = {0};
    cr_assert_eq(cpu_gemm_run(lane, packed, x, n_rows, y, &err), RRK_OK, "%s", err.message);
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t o = 0; o < n_out; o++) {
            double want = 0;
            for (size_t i = 0; i < n_in; i++)
                want += (double)x[r * n_in + i] * (double)w[o * n_in + i];
            cr_assert(fabs((double)y[r * n_out + o] - want) <= 1e-5 * sqrt((double)n_in) + 1e-6,
                      "%zu x %zu, row %zu of %zu", n_out, n_in, r, n_rows);
        }
    }
    for (size_t i = 0; i < GUARD; i++)
        cr_assert_eq(y[n_written + i], 1234.5f, "%zu rows wrote beyond their step", n_rows);
    base_free_aligned(y);
}

Test(gemm, agrees_with_plain_loops_for_every_number_of_rows)
{
    static const size_t SHAPES[][2] = {{1, 64}, {48, 48}, {100, 48}, {33, 7}, {192, 64}, {17, 129}};
    cr_log_info("seed %llu", (unsigned long long)SEED);
    rrk_error err = {0};
    cpu_gemm *gemm = NULL;
    cpu_gemm_lane *lane = NULL;
    cr_assert_eq(cpu_gemm_open(&gemm, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(cpu_gemm_lane_new(gemm, &lane, &err), RRK_OK, "%s", err.message);
    for (size_t s = 0; s < RRK_COUNT(SHAPES); s++) {
        size_t n_out = SHAPES[s][0], n_in = SHAPES[s][1];
        float *w = random_floats(n_out * n_in, s), *x = random_floats(CPU_GEMM_MAX_ROWS * n_in, 100 + s);
        cpu_gemm_weight *packed = NULL;
        cr_assert_eq(cpu_gemm_pack(gemm, w, n_out, n_in, &packed, &err), RRK_OK, "%s", err.message);
        for (size_t n_rows = 1; n_rows <= CPU_GEMM_MAX_ROWS; n_rows++)
            check_rows(lane, packed, w, x, n_rows, n_out, n_in);
        cpu_gemm_weight_free(packed);
        base_free_aligned(w);
        base_free_aligned(x);
    }
    cpu_gemm_lane_free(lane);
    cpu_gemm_close(gemm);
}
