/* Placing names: see plot_names.h. */
#include "eval/plot_names.h"
#include "base/macros.h"

#define NEAR 11.0 /* from a point's centre to its name */
#define FAR_STEP 18.0
#define N_RINGS 4
#define LINE_GAP 3.0
#define LINE_SAMPLES 24

void eval_boxes_take(eval_boxes *boxes, eval_box box)
{
    if (boxes->n < EVAL_MAX_BOXES)
        boxes->taken[boxes->n++] = box;
}

static bool overlap(eval_box a, eval_box b)
{
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

bool eval_boxes_free(const eval_boxes *boxes, eval_box box)
{
    eval_box area = boxes->area;
    if (box.left < area.left || box.right > area.right || box.top < area.top || box.bottom > area.bottom)
        return false;
    for (size_t i = 0; i < boxes->n; i++)
        if (overlap(boxes->taken[i], box))
            return false;
    return true;
}

static bool contains(eval_box box, double x, double y)
{
    return box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
}

/* Whether the thin line from a point to its name crosses nothing but the point's own mark. */
static bool is_clear(const eval_boxes *boxes, double x, double y, eval_box name)
{
    double to_x = name.left > x ? name.left : name.right < x ? name.right : x;
    double to_y = name.top > y ? name.top : name.bottom < y ? name.bottom : y;
    for (size_t i = 0; i < boxes->n; i++) {
        if (contains(boxes->taken[i], x, y))
            continue;
        for (int step = 1; step < LINE_SAMPLES; step++) {
            double t = (double)step / LINE_SAMPLES;
            if (contains(boxes->taken[i], x + t * (to_x - x), y + t * (to_y - y)))
                return false;
        }
    }
    return true;
}

static bool try_box(eval_boxes *boxes, double left, double top, double width, double height, eval_box *out)
{
    eval_box box = {left, top, left + width, top + height};
    if (!eval_boxes_free(boxes, box))
        return false;
    eval_boxes_take(boxes, box);
    *out = box;
    return true;
}

bool eval_boxes_beside(eval_boxes *boxes, double x, double y, double width, double height, eval_box *out, bool *far)
{
    for (int ring = 0; ring < N_RINGS; ring++) {
        double d = NEAR + ring * FAR_STEP;
        double across[] = {x + d, x - d - width, x - width / 2};
        double middle = y - height / 2, above = y - d - height, below = y + d;
        const double places[][2] = {
            {across[0], middle}, {across[1], middle}, {across[2], above}, {across[2], below},
            {across[0], above},  {across[1], above},  {across[0], below}, {across[1], below},
        };
        *far = ring > 0;
        for (size_t i = 0; i < RRK_COUNT(places); i++) {
            double left = places[i][0], top = places[i][1];
            if (*far && !is_clear(boxes, x, y, (eval_box){left, top, left + width, top + height}))
                continue;
            if (try_box(boxes, left, top, width, height, out))
                return true;
        }
    }
    return false;
}

bool eval_boxes_on_line(eval_boxes *boxes, double y, double width, double height, eval_box *out)
{
    double right = boxes->area.right - width, left = boxes->area.left + 4;
    double above = y - LINE_GAP - height, below = y + LINE_GAP;
    return try_box(boxes, right, above, width, height, out) || try_box(boxes, right, below, width, height, out) ||
           try_box(boxes, left, above, width, height, out) || try_box(boxes, left, below, width, height, out);
}
