/*
 * How much alike two orders of the same passages are: for the question whether a ranking depends on the order in which
 * its candidates came. Apart from metrics because nobody's judgments are needed.
 */
#ifndef RRK_EVAL_AGREEMENT_H
#define RRK_EVAL_AGREEMENT_H

#include "base/error.h"

#define EVAL_AGREEMENT_TOP 10

typedef struct eval_agreement {
    double tau; /* Kendall's, over the passages that both orders have: 1 the same, -1 reversed; NaN below 2 of them */
    double top; /* share of a's first EVAL_AGREEMENT_TOP that are among b's; NaN when a is empty */
    size_t n_moved; /* pairs that stand the other way round */
} eval_agreement;

/*
 * a and b are passages best first, each below n_items and at most once in an order. Orders that were cut may differ in
 * what they hold.
 */
rrk_status eval_agree(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b, size_t n_items, eval_agreement *out,
                      rrk_error *err);

#endif
