/*
 * A scatter plot as inline SVG: points with their names beside them, and systems that have no place on the x axis as
 * lines across. Apart from the page because placing names so that they do not run into each other is work of its own.
 * Colours are the page's: elements carry classes (axis, grid, name, line, mark m0..m5), nothing is styled here.
 */
#ifndef RRK_EVAL_PLOT_H
#define RRK_EVAL_PLOT_H

#include <stddef.h>
#include <stdio.h>

#define EVAL_PLOT_MAX_POINTS 32
#define EVAL_PLOT_MARKS 6 /* shapes, each with a class of its own */

typedef struct eval_plot_point {
    const char *name;
    double x; /* NaN: a line across at y */
    double y;
    size_t mark; /* any number; taken modulo EVAL_PLOT_MARKS */
} eval_plot_point;

typedef struct eval_plot {
    const char *id; /* unique in the page, [a-z]+ */
    const char *title;
    const char *x_label;
    const char *y_label;
    const eval_plot_point *points; /* [n_points]: no more than EVAL_PLOT_MAX_POINTS are drawn */
    size_t n_points;
} eval_plot;

void eval_plot_svg(FILE *out, const eval_plot *plot);
/* A mark by itself, as tall as the text around it. */
void eval_plot_mark(FILE *out, size_t mark);

#endif
