/*
 * Where the names of a plot's points go: beside the point where there is room, further off with a thin line to it, or
 * nowhere when all is taken (the table and the point's title have the name, too). Pure geometry.
 */
#ifndef RRK_EVAL_PLOT_NAMES_H
#define RRK_EVAL_PLOT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct eval_box {
    double left;
    double top;
    double right;
    double bottom;
} eval_box;

enum { EVAL_MAX_BOXES = 128 };

/* What is taken already. Begins zeroed, with the area that everything must stay in. */
typedef struct eval_boxes {
    eval_box area;
    eval_box taken[EVAL_MAX_BOXES];
    size_t n;
} eval_boxes;

void eval_boxes_take(eval_boxes *boxes, eval_box box);
bool eval_boxes_free(const eval_boxes *boxes, eval_box box); /* inside the area and clear of all that is taken */

/*
 * Finds and takes a box of this size for the name of the point at (x, y). *far is set when it stands off. False when
 * there is no room.
 */
bool eval_boxes_beside(eval_boxes *boxes, double x, double y, double width, double height, eval_box *out, bool *far);
/* The same for a line across at y: at its right or left end, above or below it. */
bool eval_boxes_on_line(eval_boxes *boxes, double y, double width, double height, eval_box *out);

#endif
