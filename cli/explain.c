/* Why the order is as it is: see explain.h. */
#define RRK_EXPERIMENTAL
#include "cli/explain.h"

#include "base/alloc.h"
#include "base/topk.h"
#include "eval/agreement.h"

#include <jansson.h>
#include <math.h>

/* Orders are those of the views and, as the last one, that of their mean: the final one. */
typedef struct explanation {
    const cli_ranked *ranked;
    size_t n; /* passages */
    size_t m; /* views */
    const double *scores;
    const double *cosines;
    uint32_t *orders; /* [m + 1, n] passages, best first */
    uint32_t *places; /* [m + 1, n] of each passage, from 1 */
    double *taus;     /* [m, m + 1] of a view's order and each order; NaN of fewer than two passages */
} explanation;

static void explanation_free(explanation *e)
{
    base_free(e->orders);
    base_free(e->places);
    base_free(e->taus);
}

static double score_in(const explanation *e, size_t order, size_t passage)
{
    const double *row = e->scores + passage * e->m;
    double sum = 0;
    if (order < e->m)
        return row[order];
    for (size_t k = 0; k < e->m; k++)
        sum += row[k];
    return sum / (double)e->m;
}

static rrk_status sort_by(const explanation *e, size_t order, rrk_error *err)
{
    base_topk top RRK_AUTO(base_topk_free) = {0};
    RRK_TRY(base_topk_init(&top, e->n, err));
    for (size_t i = 0; i < e->n; i++)
        base_topk_push(&top, score_in(e, order, i), (int64_t)i);
    base_topk_sort(&top);
    for (size_t i = 0; i < e->n; i++) {
        e->orders[order * e->n + i] = (uint32_t)top.items[i].key;
        e->places[order * e->n + (size_t)top.items[i].key] = (uint32_t)i + 1;
    }
    return RRK_OK;
}

static rrk_status agree(const explanation *e, size_t view, size_t order, rrk_error *err)
{
    eval_agreement agreement;
    RRK_TRY(eval_agree(e->orders + view * e->n, e->n, e->orders + order * e->n, e->n, e->n, &agreement, err));
    e->taus[view * (e->m + 1) + order] = agreement.tau;
    return RRK_OK;
}

static rrk_status explanation_init(explanation *e, const cli_ranked *ranked, rrk_error *err)
{
    size_t n = ranked->list.n_passages, m = ranked->views->n_views;
    *e = (explanation){ranked, n, m, ranked->views->scores, ranked->views->cosines, NULL, NULL, NULL};
    e->orders = base_alloc(n, (m + 1) * sizeof *e->orders);
    e->places = base_alloc(n, (m + 1) * sizeof *e->places);
    e->taus = base_alloc(m, (m + 1) * sizeof *e->taus);
    if (!e->orders || !e->places || !e->taus)
        return base_fail_nomem(err, n * (m + 1) * sizeof *e->orders);
    for (size_t order = 0; order <= m; order++)
        RRK_TRY(sort_by(e, order, err));
    for (size_t view = 0; view < m; view++)
        for (size_t order = 0; order <= m; order++)
            RRK_TRY(agree(e, view, order, err));
    return RRK_OK;
}

/* --- for people --- */

static const cli_style *style_if(bool is_marked, const cli_style *style)
{
    static const cli_style PLAIN = {"", "", "", "", ""};
    return is_marked ? style : &PLAIN;
}

/* The view that puts it highest is marked. */
static void put_passage(const explanation *e, size_t rank, const cli_style *style, FILE *out)
{
    const rrk_hit *hit = &e->ranked->hits[rank];
    const rrk_passage *passage = &e->ranked->list.passages[hit->index];
    uint32_t best = UINT32_MAX;
    for (size_t k = 0; k < e->m; k++)
        best = RRK_MIN(best, e->places[k * e->n + hit->index]);
    fprintf(out, "%5zu %5zu %10.4f", rank + 1, hit->index + 1, hit->score);
    for (size_t k = 0; k < e->m; k++) {
        uint32_t place = e->places[k * e->n + hit->index];
        const cli_style *mark = style_if(place == best, style);
        fprintf(out, "  %s%10.4f #%-4u%s", mark->bold, e->scores[hit->index * e->m + k], place, mark->reset);
    }
    fputs("  ", out);
    cli_put_text(out, passage->id, SIZE_MAX);
    fprintf(out, "  %s", style->dim);
    cli_put_text(out, cli_heading(passage), (size_t)cli_columns(out) / 3);
    fprintf(out, "%s\n", style->reset);
}

static void put_matrix(const explanation *e, const double *values, size_t n_columns, const cli_style *style, FILE *out)
{
    fputs("      ", out);
    for (size_t c = 0; c < n_columns; c++) {
        if (c < e->m)
            fprintf(out, "  %s%6zu%s", style->dim, c + 1, style->reset);
        else
            fprintf(out, "  %s%6s%s", style->dim, "all", style->reset);
    }
    fputc('\n', out);
    for (size_t r = 0; r < e->m; r++) {
        fprintf(out, "  %s%4zu%s", style->dim, r + 1, style->reset);
        for (size_t c = 0; c < n_columns; c++) {
            double value = values[r * n_columns + c];
            if (isnan(value))
                fprintf(out, "  %6s", "-");
            else
                fprintf(out, "  %6.3f", value);
        }
        fputc('\n', out);
    }
}

static void put_tables(const explanation *e, FILE *out)
{
    cli_style style = cli_style_of(out);
    const cli_list *list = &e->ranked->list;
    char passages[CLI_THINGS_SIZE], views[CLI_THINGS_SIZE];
    fprintf(out, "query %s", style.bold);
    cli_put_text(out, list->qid, SIZE_MAX);
    fprintf(out, "%s: ", style.reset);
    cli_put_text(out, list->query, SIZE_MAX);
    fprintf(out, " (%s, %s)\n", cli_format_things(passages, e->n, "passage", "passages"),
            cli_format_things(views, e->m, "view", "views"));
    if (e->n == 0)
        return;
    fprintf(out, "%s%5s %5s %10s", style.dim, "rank", "was", "score");
    for (size_t k = 0; k < e->m; k++)
        fprintf(out, "  %8s %-2zu     ", "view", k + 1);
    fprintf(out, "  passage%s\n", style.reset);
    for (size_t i = 0; i < e->ranked->n_hits; i++)
        put_passage(e, i, &style, out);
    fputs("cosines of the views' anchors (1: two views look for the same)\n", out);
    put_matrix(e, e->cosines, e->m, &style, out);
    fputs("Kendall's tau of the views' orders (1: the same; all: the final order)\n", out);
    put_matrix(e, e->taus, e->m + 1, &style, out);
    fputc('\n', out);
}

/* --- for programs --- */

static json_t *json_text(rrk_text text)
{
    return json_stringn(text.data ? text.data : "", text.len);
}

static json_t *json_row(const double *values, size_t n)
{
    json_t *row = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(row, isnan(values[i]) ? json_null() : json_real(values[i]));
    return row;
}

static json_t *json_matrix(const double *values, size_t n_rows, size_t n_columns, size_t stride)
{
    json_t *matrix = json_array();
    for (size_t r = 0; r < n_rows; r++)
        json_array_append_new(matrix, json_row(values + r * stride, n_columns));
    return matrix;
}

static json_t *json_passage(const explanation *e, size_t rank)
{
    const rrk_hit *hit = &e->ranked->hits[rank];
    json_t *ranks = json_array();
    for (size_t k = 0; k < e->m; k++)
        json_array_append_new(ranks, json_integer((json_int_t)e->places[k * e->n + hit->index]));
    return json_pack("{s:I, s:I, s:o, s:f, s:o, s:o}", "rank", (json_int_t)rank + 1, "first_stage_rank",
                     (json_int_t)hit->index + 1, "docid", json_text(e->ranked->list.passages[hit->index].id), "score",
                     hit->score, "view_scores", json_row(e->scores + hit->index * e->m, e->m), "view_ranks", ranks);
}

static rrk_status put_json(const explanation *e, FILE *out, rrk_error *err)
{
    size_t m = e->m, n_hits = e->ranked->n_hits, n_rows = e->n ? m : 0;
    json_t *passages = json_array(), *finals = json_array();
    for (size_t i = 0; i < n_hits; i++)
        json_array_append_new(passages, json_passage(e, i));
    for (size_t k = 0; k < n_rows; k++) {
        double tau = e->taus[k * (m + 1) + m];
        json_array_append_new(finals, isnan(tau) ? json_null() : json_real(tau));
    }
    json_t *root RRK_AUTO(json_decrefp) =
        json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o}", "qid", json_text(e->ranked->list.qid), "query",
                  json_text(e->ranked->list.query), "n_passages", (json_int_t)e->n, "n_views", (json_int_t)m,
                  "passages", passages, "anchor_cosines", json_matrix(e->cosines, n_rows, m, m), "view_taus",
                  json_matrix(e->taus, n_rows, m, m + 1), "final_taus", finals);
    if (!root || json_array_size(json_object_get(root, "passages")) != n_hits ||
        json_dumpf(root, out, JSON_COMPACT | JSON_REAL_PRECISION(9)) != 0)
        return base_fail(err, RRK_E_NOMEM, 0, "the explanation could not be written as JSON");
    fputc('\n', out);
    return RRK_OK;
}

rrk_status cli_explain(const cli_ranked *ranked, bool json, FILE *out, rrk_error *err)
{
    explanation e RRK_AUTO(explanation_free) = {0};
    RRK_TRY(explanation_init(&e, ranked, err));
    if (json)
        return put_json(&e, out, err);
    put_tables(&e, out);
    return RRK_OK;
}
