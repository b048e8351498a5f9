/*
 * How near every token of a query comes to some token of a passage: what a pair's score begins with, beside the cosine
 * of the means, where a model of the block layout asks for it. It runs on the host over downloaded states, and is apart
 * from mvp_block.c because it knows neither models nor sessions.
 */
#include "encoder/bert.h"

#include <math.h>

enum { LANES = 16 };

/* Sums by lane, so that compilers can keep them in vectors without being allowed to reorder. */
static float dot(const float *a, const float *b, size_t d)
{
    float lanes[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= d; i += LANES) {
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += a[i + j] * b[i + j];
    }
    for (; i < d; i++)
        sum += a[i] * b[i];
    for (size_t j = 0; j < LANES; j++)
        sum += lanes[j];
    return sum;
}

void enc_mvp_unit_rows(float *rows, size_t n, size_t d)
{
    for (size_t r = 0; r < n; r++) {
        float *row = rows + r * d;
        float length = sqrtf(dot(row, row, d)), factor = length > 0 ? 1 / length : 0;
        for (size_t i = 0; i < d; i++)
            row[i] *= factor;
    }
}

float enc_mvp_maxsim(const float *query, size_t n_query, const float *passage, size_t n_passage, size_t d)
{
    double sum = 0;
    for (size_t q = 1; q + 1 < n_query; q++) {
        float best = -1;
        for (size_t p = 0; p < n_passage; p++)
            best = fmaxf(best, dot(query + q * d, passage + p * d, d));
        sum += (double)best;
    }
    return n_query > 2 ? (float)(sum / (double)(n_query - 2)) : 0;
}
