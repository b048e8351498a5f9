/* Axes: see plot_axis.h. */
#include "eval/plot_axis.h"
#include "base/macros.h"

#include <math.h>
#include <stdio.h>

/* A linear axis would press all but the largest of values that lie further apart than this into its beginning. */
#define LOG_FROM_RATIO 12.0
#define LOG_MARGIN 1.3
#define WANTED_TICKS 5

typedef struct extent {
    double low;
    double high;
    size_t n;
} extent;

static extent extent_of(const double *values, size_t n)
{
    extent e = {INFINITY, -INFINITY, 0};
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            continue;
        e.low = fmin(e.low, values[i]);
        e.high = fmax(e.high, values[i]);
        e.n++;
    }
    return e.n ? e : (extent){0, 1, 0};
}

/* 1, 2 or 5 times a power of ten, not below x. */
static double round_up(double x)
{
    double power = pow(10, floor(log10(x)));
    for (int i = 0; i < 3; i++) {
        static const double FACTORS[] = {1, 2, 5};
        if (FACTORS[i] * power >= x * (1 - 1e-9))
            return FACTORS[i] * power;
    }
    return 10 * power;
}

static void linear(eval_axis *axis, extent e, bool from_zero)
{
    double span = e.high - e.low;
    if (span <= 0)
        span = fabs(e.high) > 0 ? fabs(e.high) / 5 : 1;
    double low = from_zero && e.low >= 0 ? 0 : e.low - span / 8, high = e.high + span / 8;
    double step = round_up((high - low) / WANTED_TICKS);
    axis->low = floor(low / step + 1e-9) * step;
    axis->high = ceil(high / step - 1e-9) * step;
    double n_steps = round((axis->high - axis->low) / step);
    axis->n_ticks = RRK_MIN((size_t)n_steps + 1, (size_t)EVAL_MAX_TICKS);
    for (size_t i = 0; i < axis->n_ticks; i++)
        axis->ticks[i] = (round(axis->low / step) + (double)i) * step;
}

/* At these multiples of every power of ten within the axis. */
static size_t log_ticks(eval_axis *axis, const double *factors, size_t n_factors)
{
    int first = (int)floor(log10(axis->low)), last = (int)floor(log10(axis->high));
    axis->n_ticks = 0;
    for (int exponent = first; exponent <= last; exponent++) {
        for (size_t i = 0; i < n_factors && axis->n_ticks < EVAL_MAX_TICKS; i++) {
            double tick = factors[i] * pow(10, exponent);
            if (tick >= axis->low && tick <= axis->high)
                axis->ticks[axis->n_ticks++] = tick;
        }
    }
    return axis->n_ticks;
}

static void logarithmic(eval_axis *axis, extent e)
{
    static const double FACTORS[] = {1, 2, 5};
    axis->logarithmic = true;
    axis->low = e.low / LOG_MARGIN;
    axis->high = e.high * LOG_MARGIN;
    if (log_ticks(axis, FACTORS, RRK_COUNT(FACTORS)) > WANTED_TICKS + 2)
        log_ticks(axis, FACTORS, 1);
}

eval_axis eval_axis_of(const double *values, size_t n, bool from_zero, bool may_log)
{
    eval_axis axis = {0};
    extent e = extent_of(values, n);
    if (may_log && e.n > 1 && e.low > 0 && e.high / e.low >= LOG_FROM_RATIO)
        logarithmic(&axis, e);
    else
        linear(&axis, e, from_zero);
    return axis;
}

double eval_axis_place(const eval_axis *axis, double value)
{
    if (axis->logarithmic)
        return log(value / axis->low) / log(axis->high / axis->low);
    return (value - axis->low) / (axis->high - axis->low);
}

const char *eval_axis_format(char out[EVAL_TICK_SIZE], double value)
{
    static const struct {
        double from;
        const char *unit;
    } UNITS[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    for (size_t i = 0; i < RRK_COUNT(UNITS); i++) {
        if (fabs(value) >= UNITS[i].from * (1 - 1e-9)) {
            snprintf(out, EVAL_TICK_SIZE, "%.4g%s", value / UNITS[i].from, UNITS[i].unit);
            return out;
        }
    }
    snprintf(out, EVAL_TICK_SIZE, "%.4g", fabs(value) < 1e-12 ? 0.0 : value);
    return out;
}
