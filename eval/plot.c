/* Drawing plots: see plot.h. Coordinates are the view box's, which the page scales to the width it has. */
#include "eval/plot.h"
#include "base/macros.h"
#include "base/utf8.h"
#include "eval/markup.h"
#include "eval/plot_axis.h"
#include "eval/plot_names.h"

#include <math.h>
#include <string.h>

/* Narrow, so that letters are still legible where the page is 400 px wide. */
enum { WIDTH = 480, HEIGHT = 360, LEFT = 72, RIGHT = 466, TOP = 14, BOTTOM = 304 };
enum { NAME_CHARACTERS = 26, NAME_HEIGHT = 16, BASELINE = 12 };
#define NAME_CHARACTER_WIDTH 7.3
#define WIDE_CHARACTER_WIDTH 14.0
#define MARK_RADIUS 6.0

typedef struct drawing {
    FILE *out;
    const eval_plot *plot;
    size_t n; /* points that are drawn */
    eval_axis x;
    eval_axis y;
    eval_boxes boxes;
} drawing;

static double x_of(const drawing *d, double value)
{
    return LEFT + eval_axis_place(&d->x, value) * (RIGHT - LEFT);
}

static double y_of(const drawing *d, double value)
{
    return BOTTOM - eval_axis_place(&d->y, value) * (BOTTOM - TOP);
}

static bool is_line(const eval_plot_point *point)
{
    return !isfinite(point->x);
}

static void scale(drawing *d)
{
    double x[EVAL_PLOT_MAX_POINTS], y[EVAL_PLOT_MAX_POINTS];
    for (size_t i = 0; i < d->n; i++) {
        x[i] = d->plot->points[i].x;
        y[i] = d->plot->points[i].y;
    }
    d->x = eval_axis_of(x, d->n, true, true);
    d->y = eval_axis_of(y, d->n, false, false);
}

/* --- axes --- */

static void draw_axes(const drawing *d)
{
    char tick[EVAL_TICK_SIZE];
    for (size_t i = 0; i < d->y.n_ticks; i++) {
        double y = y_of(d, d->y.ticks[i]);
        fprintf(d->out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, y, RIGHT, y);
        fprintf(d->out, "<text class=\"axis\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 8, y + 4.5,
                eval_axis_format(tick, d->y.ticks[i]));
    }
    for (size_t i = 0; i < d->x.n_ticks; i++) {
        double x = x_of(d, d->x.ticks[i]);
        fprintf(d->out, "<line class=\"tick\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", x, BOTTOM, x, BOTTOM + 5);
        fprintf(d->out, "<text class=\"axis\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x, BOTTOM + 20,
                eval_axis_format(tick, d->x.ticks[i]));
    }
    fprintf(d->out, "<line class=\"base\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", LEFT, BOTTOM, RIGHT, BOTTOM);
    fprintf(d->out, "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (LEFT + RIGHT) / 2, HEIGHT - 12);
    eval_put_escaped(d->out, d->plot->x_label);
    fputs(d->x.logarithmic ? " (logarithmic)</text>\n" : "</text>\n", d->out);
    fprintf(d->out, "<text class=\"label\" transform=\"translate(14 %d) rotate(-90)\" text-anchor=\"middle\">",
            (TOP + BOTTOM) / 2);
    eval_put_escaped(d->out, d->plot->y_label);
    fputs("</text>\n", d->out);
}

/* --- marks --- */

static const char *const SHAPES[EVAL_PLOT_MARKS] = {
    "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0z",                        /* circle */
    "M-5.3 -5.3h10.6v10.6h-10.6z",                                  /* square */
    "M0 -7L6.5 5H-6.5z",                                            /* triangle */
    "M0 -7.4L7.4 0L0 7.4L-7.4 0z",                                  /* diamond */
    "M0 7L6.5 -5H-6.5z",                                            /* triangle, upside down */
    "M-2.4 -6.6h4.8v4.2h4.2v4.8h-4.2v4.2h-4.8v-4.2h-4.2v-4.8h4.2z", /* cross */
};

static void put_mark(FILE *out, size_t mark, double x, double y)
{
    fprintf(out, "<path class=\"mark m%zu\" transform=\"translate(%.1f %.1f)\" d=\"%s\"/>", mark % EVAL_PLOT_MARKS, x,
            y, SHAPES[mark % EVAL_PLOT_MARKS]);
}

void eval_plot_mark(FILE *out, size_t mark)
{
    fputs("<svg class=\"key\" viewBox=\"-9 -9 18 18\" aria-hidden=\"true\">", out);
    put_mark(out, mark, 0, 0);
    fputs("</svg>", out);
}

static void draw_point(const drawing *d, const eval_plot_point *point)
{
    char x_text[EVAL_TICK_SIZE];
    fputs("<g><title>", d->out);
    eval_put_escaped(d->out, point->name);
    if (is_line(point))
        fprintf(d->out, ": %.4f</title><line class=\"line\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", point->y,
                LEFT, y_of(d, point->y), RIGHT, y_of(d, point->y));
    else
        fprintf(d->out, ": %.4f at %s</title>", point->y, eval_axis_format(x_text, point->x));
    if (!is_line(point))
        put_mark(d->out, point->mark, x_of(d, point->x), y_of(d, point->y));
    fputs("</g>\n", d->out);
}

/* --- names --- */

/* Wide enough for any of the usual sans serifs; characters beyond Latin, Greek and Cyrillic may be square. */
static double name_width(const char *name)
{
    size_t len = strlen(name), at = 0;
    double width = 0;
    for (size_t n = 0; at < len && n < NAME_CHARACTERS; n++)
        width += base_utf8_next(name, len, &at) < 0x1100 ? NAME_CHARACTER_WIDTH : WIDE_CHARACTER_WIDTH;
    return width;
}

static void put_name(const drawing *d, const char *name, eval_box box, double x)
{
    bool to_the_left = box.right < x, centred = box.left < x && x < box.right;
    double at = centred ? (box.left + box.right) / 2 : to_the_left ? box.right : box.left;
    fprintf(d->out, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", at, box.top + BASELINE,
            centred       ? "middle"
            : to_the_left ? "end"
                          : "start");
    eval_put_escaped_short(d->out, name, NAME_CHARACTERS);
    fputs("</text>\n", d->out);
}

/* From the mark's edge to the nearest edge of the name. */
static void put_leader(const drawing *d, double x, double y, eval_box box)
{
    double to_x = fmin(fmax(x, box.left), box.right), to_y = fmin(fmax(y, box.top), box.bottom);
    double away = (MARK_RADIUS + 1) / hypot(to_x - x, to_y - y);
    fprintf(d->out, "<line class=\"leader\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x + away * (to_x - x),
            y + away * (to_y - y), to_x, to_y);
}

static void name_mark(drawing *d, const eval_plot_point *point)
{
    double x = x_of(d, point->x), y = y_of(d, point->y);
    eval_box box;
    bool far;
    if (!eval_boxes_beside(&d->boxes, x, y, name_width(point->name), NAME_HEIGHT, &box, &far))
        return;
    if (far)
        put_leader(d, x, y, box);
    put_name(d, point->name, box, x);
}

static void name_line(drawing *d, const eval_plot_point *point)
{
    eval_box box;
    if (eval_boxes_on_line(&d->boxes, y_of(d, point->y), name_width(point->name), NAME_HEIGHT, &box))
        put_name(d, point->name, box, box.right == d->boxes.area.right ? INFINITY : -INFINITY);
}

static void name_point(drawing *d, const eval_plot_point *point)
{
    if (is_line(point))
        name_line(d, point);
    else
        name_mark(d, point);
}

/* Marks and lines come first, as names have to keep clear of all of them. */
static void take_places(drawing *d)
{
    d->boxes.area = (eval_box){LEFT, TOP - 10, WIDTH - 4, BOTTOM};
    for (size_t i = 0; i < d->n; i++) {
        const eval_plot_point *point = &d->plot->points[i];
        double x = x_of(d, point->x), y = y_of(d, point->y);
        if (is_line(point))
            eval_boxes_take(&d->boxes, (eval_box){LEFT, y - 1, RIGHT, y + 1});
        else
            eval_boxes_take(&d->boxes, (eval_box){x - MARK_RADIUS - 2, y - MARK_RADIUS - 2, x + MARK_RADIUS + 2,
                                                  y + MARK_RADIUS + 2});
    }
}

static void describe(const drawing *d)
{
    char x_text[EVAL_TICK_SIZE];
    const eval_plot *plot = d->plot;
    fprintf(d->out, "<title id=\"%s-title\">", plot->id);
    eval_put_escaped(d->out, plot->title);
    fprintf(d->out, "</title>\n<desc id=\"%s-desc\">", plot->id);
    eval_put_escaped(d->out, plot->y_label);
    fputs(" against ", d->out);
    eval_put_escaped(d->out, plot->x_label);
    for (size_t i = 0; i < d->n; i++) {
        fputs(i ? "; " : ": ", d->out);
        eval_put_escaped(d->out, plot->points[i].name);
        fprintf(d->out, " %.4f", plot->points[i].y);
        if (!is_line(&plot->points[i]))
            fprintf(d->out, " at %s", eval_axis_format(x_text, plot->points[i].x));
    }
    fputs(".</desc>\n", d->out);
}

void eval_plot_svg(FILE *out, const eval_plot *plot)
{
    drawing d = {.out = out, .plot = plot, .n = RRK_MIN(plot->n_points, (size_t)EVAL_PLOT_MAX_POINTS)};
    scale(&d);
    take_places(&d);
    fprintf(out, "<svg class=\"plot\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-title %s-desc\">\n",
            WIDTH, HEIGHT, plot->id, plot->id);
    describe(&d);
    draw_axes(&d);
    for (int lines = 1; lines >= 0; lines--)
        for (size_t i = 0; i < d.n; i++)
            if (is_line(&plot->points[i]) == (lines == 1))
                draw_point(&d, &plot->points[i]);
    for (int lines = 0; lines <= 1; lines++)
        for (size_t i = 0; i < d.n; i++)
            if (is_line(&plot->points[i]) == (lines == 1))
                name_point(&d, &plot->points[i]);
    fputs("</svg>\n", out);
}
