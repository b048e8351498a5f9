/* An axis: from the values that have to fit, a range with round ends, ticks at round numbers, and their wording. */
#ifndef RRK_EVAL_PLOT_AXIS_H
#define RRK_EVAL_PLOT_AXIS_H

#include <stdbool.h>
#include <stddef.h>

enum { EVAL_MAX_TICKS = 16, EVAL_TICK_SIZE = 24 };

typedef struct eval_axis {
    double low;
    double high; /* above low */
    bool logarithmic;
    double ticks[EVAL_MAX_TICKS]; /* ascending, within low..high */
    size_t n_ticks;
} eval_axis;

/* Of n values; NaN is passed over. may_log: use a logarithmic axis when the values, all above 0, lie far apart. */
eval_axis eval_axis_of(const double *values, size_t n, bool from_zero, bool may_log);
/* Where a value lies: 0 at low, 1 at high. */
double eval_axis_place(const eval_axis *axis, double value);
/* "0.65", "20", "15k", "2M". */
const char *eval_axis_format(char out[EVAL_TICK_SIZE], double value);

#endif
