/*
 * The loops that T5 and decoder steps add. A decoder step's two are products of a few rows with many: dots() holds a
 * tile of DOT_A x DOT_B sums in registers and runs along d; combine() holds COMBINE_OUT x 2 vectors of sums and runs
 * along COMBINE_ROWS rows, which stay in the second-level cache for all outputs. Sums over many rows are sums of
 * blocks, so that their rounding hardly depends on the order of the rows.
 */

/* Loops whose counts the compiler knows and whose arrays are meant to be registers. */
#ifndef UNROLL
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#endif

enum { DOT_A = 4, DOT_B = 2, COMBINE_OUT = 4, COMBINE_ROWS = 64 };

static void rms_norm(float *out, const float *x, const float *gain, float eps, size_t n_rows, size_t d)
{
    for (size_t r = 0; r < n_rows; r++) {
        const float *from = x + r * d;
        float *to = out + r * d;
        vf scale = all(1 / sqrtf(squares_around(from, 0, d) / (float)d + eps));
        size_t i = 0;
        for (; i + LANES <= d; i += LANES)
            store(to + i, load(from + i) * scale * load(gain + i));
        if (i < d)
            store_some(to + i, load_some(from + i, d - i) * scale * load_some(gain + i, d - i), d - i);
    }
}

static void add(float *x, const float *delta, const float *b, size_t n_rows, size_t n_cols)
{
    for (size_t r = 0; r < n_rows; r++) {
        float *row = x + r * n_cols;
        const float *from = delta + r * n_cols;
        size_t c = 0;
        for (; c + LANES <= n_cols; c += LANES)
            store(row + c, load(row + c) + load(from + c) + load(b + c));
        for (; c < n_cols; c++)
            row[c] += from[c] + b[c];
    }
}

/* Row r moves to the place where row r / 2 was, which has been read by then. */
static void gate(float *x, size_t n_rows, size_t n_cols, cpu_activation activation)
{
    for (size_t r = 0; r < n_rows; r++) {
        float *from = x + r * 2 * n_cols, *to = x + r * n_cols;
        finish(from, n_cols, NULL, 1, n_cols, activation);
        size_t c = 0;
        for (; c + LANES <= n_cols; c += LANES)
            store(to + c, load(from + c) * load(from + n_cols + c));
        for (; c < n_cols; c++)
            to[c] = from[c] * from[n_cols + c];
    }
}

static inline __attribute__((always_inline)) void dot_tile(float *out, size_t out_stride, cpu_rows a, cpu_rows b,
                                                           size_t d, const int n_a, const int n_b)
{
    vf acc[DOT_A][DOT_B];
    UNROLL
    for (int i = 0; i < n_a; i++) {
        UNROLL
        for (int j = 0; j < n_b; j++)
            acc[i][j] = all(0);
    }
    for (size_t c = 0; c < d; c += LANES) {
        vf left[DOT_A], right[DOT_B];
        bool whole = c + LANES <= d;
        UNROLL
        for (int i = 0; i < n_a; i++) {
            const float *p = a.data + (size_t)i * a.stride + c;
            left[i] = whole ? load(p) : load_some(p, d - c);
        }
        UNROLL
        for (int j = 0; j < n_b; j++) {
            const float *p = b.data + (size_t)j * b.stride + c;
            right[j] = whole ? load(p) : load_some(p, d - c);
        }
        UNROLL
        for (int i = 0; i < n_a; i++) {
            UNROLL
            for (int j = 0; j < n_b; j++)
                acc[i][j] += left[i] * right[j];
        }
    }
    UNROLL
    for (int i = 0; i < n_a; i++) {
        UNROLL
        for (int j = 0; j < n_b; j++)
            out[(size_t)i * out_stride + (size_t)j] = sum_of(acc[i][j]);
    }
}

static cpu_rows rows_from(cpu_rows rows, size_t first)
{
    return (cpu_rows){rows.data + first * rows.stride, rows.stride, rows.n - first};
}

/* One or DOT_A rows of a with all of b: what is left over goes singly, with the same sums in the same order. */
static inline __attribute__((always_inline)) void dot_rows(float *out, size_t out_stride, cpu_rows a, cpu_rows b,
                                                           size_t d, const int n_a)
{
    size_t j = 0;
    for (; j + DOT_B <= b.n; j += DOT_B)
        dot_tile(out + j, out_stride, a, rows_from(b, j), d, n_a, DOT_B);
    for (; j < b.n; j++)
        dot_tile(out + j, out_stride, a, rows_from(b, j), d, n_a, 1);
}

static void dots(float *out, size_t out_stride, cpu_rows a, cpu_rows b, size_t d)
{
    size_t i = 0;
    for (; i + DOT_A <= a.n; i += DOT_A)
        dot_rows(out + i * out_stride, out_stride, rows_from(a, i), b, d, DOT_A);
    for (; i < a.n; i++)
        dot_rows(out + i * out_stride, out_stride, rows_from(a, i), b, d, 1);
}

/* Two vectors of n_out sums over rows.n rows, beginning at 0. */
static inline __attribute__((always_inline)) void
combine_tile(float *out, size_t out_stride, cpu_rows weights, cpu_rows rows, size_t n_cols, bool first, const int n_out)
{
    vf acc[COMBINE_OUT][2];
    UNROLL
    for (int i = 0; i < n_out; i++)
        acc[i][0] = acc[i][1] = all(0);
    for (size_t r = 0; r < rows.n; r++) {
        const float *row = rows.data + r * rows.stride;
        vf lower, upper = all(0);
        if (n_cols >= 2 * LANES) {
            lower = load(row);
            upper = load(row + LANES);
        } else {
            lower = load_some(row, n_cols);
            if (n_cols > LANES)
                upper = load_some(row + LANES, n_cols - LANES);
        }
        UNROLL
        for (int i = 0; i < n_out; i++) {
            vf weight = all(weights.data[(size_t)i * weights.stride + r]);
            acc[i][0] += weight * lower;
            acc[i][1] += weight * upper;
        }
    }
    UNROLL
    for (int i = 0; i < n_out; i++) {
        UNROLL
        for (int v = 0; v < 2; v++) {
            float *to = out + (size_t)i * out_stride + v * LANES;
            size_t at = (size_t)v * LANES, left = n_cols > at ? n_cols - at : 0;
            if (left)
                store_some(to, first ? acc[i][v] : acc[i][v] + load_some(to, left), left);
        }
    }
}

static void combine_block(float *out, size_t out_stride, cpu_rows weights, cpu_rows rows, size_t d, bool first)
{
    for (size_t c = 0; c < d; c += 2 * LANES) {
        cpu_rows part = {rows.data + c, rows.stride, rows.n};
        size_t i = 0;
        for (; i + COMBINE_OUT <= weights.n; i += COMBINE_OUT)
            combine_tile(out + i * out_stride + c, out_stride, rows_from(weights, i), part, d - c, first, COMBINE_OUT);
        for (; i < weights.n; i++)
            combine_tile(out + i * out_stride + c, out_stride, rows_from(weights, i), part, d - c, first, 1);
    }
}

static void combine(float *out, size_t out_stride, cpu_rows weights, cpu_rows rows, size_t d)
{
    for (size_t r = 0; r < rows.n; r += COMBINE_ROWS) {
        cpu_rows block = rows_from(rows, r);
        if (block.n > COMBINE_ROWS)
            block.n = COMBINE_ROWS;
        combine_block(out, out_stride, (cpu_rows){weights.data + r, weights.stride, weights.n}, block, d, r == 0);
    }
}

static void softmax_row(float *x, float scale, size_t n)
{
    vf top = all(-INFINITY), sums = all(0);
    for (size_t t = 0; t < n; t += LANES) {
        vf v = n - t >= LANES
                   ? load(x + t)
                   : pick(lane_numbers() < (int32_t)(n - t) - (vi){0}, load_some(x + t, n - t), all(-INFINITY));
        top = larger(top, v);
    }
    vf factor = all(scale * LOG2_E), offset = all(max_of(top) * scale * LOG2_E);
    for (size_t t = 0; t < n; t += LANES) {
        size_t left = n - t;
        vf e = exp2_below_0((left >= LANES ? load(x + t) : load_some(x + t, left)) * factor - offset);
        store_some(x + t, e, left);
        sums += left >= LANES ? e : load_some(x + t, left);
    }
    float share = 1 / sum_of(sums);
    for (size_t t = 0; t < n; t++)
        x[t] *= share;
}
