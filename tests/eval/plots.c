/* Axes by hand, names that keep clear of each other, and escaping. */
#include "base/macros.h"
#include "base/rng.h"
#include "eval/markup.h"
#include "eval/plot_axis.h"
#include "eval/plot_names.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_POINTS = 40, SEED = 3 };

static const char *tick(double value)
{
    static char out[EVAL_TICK_SIZE];
    return eval_axis_format(out, value);
}

Test(axis, has_round_ends_and_ticks)
{
    const double values[] = {0.5058, NAN, 0.7255};
    eval_axis axis = eval_axis_of(values, 3, false, true);
    cr_assert_float_eq(axis.low, 0.4, 1e-12);
    cr_assert_float_eq(axis.high, 0.8, 1e-12);
    cr_assert(axis.n_ticks == 5 && !axis.logarithmic);
    cr_assert_float_eq(eval_axis_place(&axis, 0.6), 0.5, 1e-12);
}

Test(axis, is_logarithmic_for_values_that_lie_far_apart)
{
    const double values[] = {0.2, 20}, close[] = {2, 20}, with_zero[] = {0, 20};
    eval_axis axis = eval_axis_of(values, 2, true, true);
    cr_assert(axis.logarithmic && axis.n_ticks == 7);
    cr_assert_float_eq(eval_axis_place(&axis, 2), 0.5, 1e-12);
    cr_assert(!eval_axis_of(close, 2, true, true).logarithmic);
    cr_assert(!eval_axis_of(with_zero, 2, true, true).logarithmic);
    cr_assert(!eval_axis_of(values, 2, true, false).logarithmic);
}

Test(axis, stands_one_value_none_and_extremes)
{
    static const double values[][2] = {{0, 0}, {1, 1}, {NAN, NAN}, {0.7, NAN}, {1e-9, 1e12}, {-3, 4}, {1e300, 1e-300}};
    for (size_t i = 0; i < RRK_COUNT(values); i++) {
        eval_axis axis = eval_axis_of(values[i], 2, i % 2, true);
        cr_assert(axis.high > axis.low && axis.n_ticks >= 1 && axis.n_ticks <= EVAL_MAX_TICKS, "row %zu", i);
        for (size_t v = 0; v < 2; v++) {
            double place = eval_axis_place(&axis, values[i][v]);
            cr_assert(isnan(place) || (place >= -1e-9 && place <= 1 + 1e-9), "row %zu: %g", i, place);
        }
    }
}

Test(axis, writes_short_numbers)
{
    cr_assert_str_eq(tick(0), "0");
    cr_assert_str_eq(tick(0.65), "0.65");
    cr_assert_str_eq(tick(15000), "15k");
    cr_assert_str_eq(tick(2.5e6), "2.5M");
}

static bool overlap(eval_box a, eval_box b)
{
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

Test(names, keep_clear_of_marks_and_of_each_other)
{
    eval_boxes boxes = {.area = {0, 0, 400, 300}};
    double x[N_POINTS], y[N_POINTS];
    size_t n_placed = 0;
    for (size_t i = 0; i < N_POINTS; i++) {
        x[i] = 400 * base_rng_uniform_at(SEED, 2 * i);
        y[i] = 300 * base_rng_uniform_at(SEED, 2 * i + 1);
        eval_boxes_take(&boxes, (eval_box){x[i] - 6, y[i] - 6, x[i] + 6, y[i] + 6});
    }
    for (size_t i = 0; i < N_POINTS; i++) {
        eval_box box;
        bool far;
        n_placed += eval_boxes_beside(&boxes, x[i], y[i], 60, 16, &box, &far);
    }
    cr_assert(n_placed > N_POINTS / 2 && boxes.n == N_POINTS + n_placed, "%zu placed", n_placed);
    for (size_t i = N_POINTS; i < boxes.n; i++) {
        eval_box name = boxes.taken[i];
        cr_assert(name.left >= 0 && name.right <= 400 && name.top >= 0 && name.bottom <= 300, "seed %d", SEED);
        for (size_t j = 0; j < i; j++)
            cr_assert(!overlap(name, boxes.taken[j]), "names %zu and %zu, seed %d", i, j, SEED);
    }
}

Test(names, of_lines_stand_above_or_below_them)
{
    eval_boxes boxes = {.area = {0, 0, 400, 300}};
    eval_box first, second, third;
    cr_assert(eval_boxes_on_line(&boxes, 150, 100, 16, &first));
    cr_assert(first.right == 400 && first.bottom < 150);
    cr_assert(eval_boxes_on_line(&boxes, 150, 100, 16, &second));
    cr_assert(second.right == 400 && second.top > 150);
    cr_assert(!eval_boxes_on_line(&boxes, 150, 500, 16, &third), "wider than there is room");
}

static const char *escaped(const char *text, size_t max)
{
    static char out[256];
    FILE *stream = fmemopen(out, sizeof out, "w");
    if (max)
        eval_put_escaped_short(stream, text, max);
    else
        eval_put_escaped(stream, text);
    fclose(stream);
    return out;
}

Test(markup, escapes_what_means_something)
{
    cr_assert_str_eq(escaped("a<b>&\"'c", 0), "a&lt;b&gt;&amp;&quot;&#39;c");
}

Test(markup, replaces_what_xml_cannot_hold)
{
    cr_assert_str_eq(escaped("\x01\xff\xef\xbf\xbf\t\xc2\x85.", 0),
                     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\t\xef\xbf\xbd.");
}

Test(markup, shortens_by_characters_and_shows_it)
{
    cr_assert_str_eq(escaped("\xc3\xa4\xc3\xb6\xc3\xbc", 3), "\xc3\xa4\xc3\xb6\xc3\xbc");
    cr_assert_str_eq(escaped("\xc3\xa4\xc3\xb6\xc3\xbc.", 3), "\xc3\xa4\xc3\xb6\xe2\x80\xa6");
    cr_assert_str_eq(escaped("<<<", 2), "&lt;\xe2\x80\xa6");
}
