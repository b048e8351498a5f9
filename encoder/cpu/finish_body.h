/*
 * What follows a product on its way out: a bias and an activation. Included by the vector loops and by the narrow
 * products, after vector.h, so once an instruction set and use.
 */
/* x = act(x + b), rows stride apart; b may be NULL. */
#define DEFINE_FINISH(name, act)                                                                                       \
    static void name(float *x, size_t stride, const float *b, size_t n_rows, size_t n_cols)                            \
    {                                                                                                                  \
        for (size_t r = 0; r < n_rows; r++) {                                                                          \
            float *row = x + r * stride;                                                                               \
            size_t c = 0;                                                                                              \
            for (; c + LANES <= n_cols; c += LANES)                                                                    \
                store(row + c, act(b ? load(row + c) + load(b + c) : load(row + c)));                                  \
            if (c < n_cols) {                                                                                          \
                vf v = load_some(row + c, n_cols - c);                                                                 \
                store_some(row + c, act(b ? v + load_some(b + c, n_cols - c) : v), n_cols - c);                        \
            }                                                                                                          \
        }                                                                                                              \
    }

DEFINE_FINISH(finish_none, act_none)
DEFINE_FINISH(finish_relu, act_relu)
DEFINE_FINISH(finish_gelu_erf, act_gelu_erf)
DEFINE_FINISH(finish_gelu_tanh, act_gelu_tanh)
DEFINE_FINISH(finish_tanh, act_tanh)

static void finish(float *x, size_t stride, const float *b, size_t n_rows, size_t n_cols, cpu_activation activation)
{
    switch (activation) {
    case CPU_IDENTITY:
        finish_none(x, stride, b, n_rows, n_cols);
        return;
    case CPU_RELU:
        finish_relu(x, stride, b, n_rows, n_cols);
        return;
    case CPU_GELU_ERF:
        finish_gelu_erf(x, stride, b, n_rows, n_cols);
        return;
    case CPU_GELU_TANH:
        finish_gelu_tanh(x, stride, b, n_rows, n_cols);
        return;
    case CPU_TANH:
        finish_tanh(x, stride, b, n_rows, n_cols);
        return;
    }
}
