/*
 * Snippets. The choice of the window is a pure function of the marks, so that it can be tested without a store; the
 * marks come from the store's own analysis, so that what is marked is what BM25 matched.
 */
#include "cli/snippet.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/utf8.h"
#include "store/store.h"

/* Terms beyond these count as matches but not as different ones. */
#define MAX_DISTINCT 64

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static size_t count_distinct(const cli_mark *marks, size_t from, size_t to)
{
    uint64_t seen = 0;
    for (size_t i = from; i < to; i++)
        if (marks[i].term < MAX_DISTINCT)
            seen |= UINT64_C(1) << marks[i].term;
    return (size_t)__builtin_popcountll(seen);
}

/* The marks first..last-1 that a window should show. */
static void best_marks(const cli_mark *marks, size_t n_marks, size_t width, size_t *first, size_t *last)
{
    size_t best_distinct = 0, best_count = 0, to = 0;
    *first = *last = 0;
    for (size_t from = 0; from < n_marks; from++) {
        to = RRK_MAX(to, from);
        while (to < n_marks && marks[to].end - marks[from].start <= width)
            to++;
        size_t distinct = count_distinct(marks, from, to), count = to - from;
        if (distinct > best_distinct || (distinct == best_distinct && count > best_count)) {
            best_distinct = distinct;
            best_count = count;
            *first = from;
            *last = to;
        }
    }
}

/* The last place <= at and >= low that has a blank before it; failing that a character's start. */
static size_t cut_before(rrk_text text, size_t at, size_t low)
{
    for (size_t i = at + 1; i-- > low;)
        if (is_blank(text.data[i]))
            return i;
    return RRK_MAX(low, base_utf8_cut(text.data, text.len, at));
}

static size_t begin_after(rrk_text text, size_t at, size_t high)
{
    for (size_t i = at; i < high; i++)
        if (i == 0 || is_blank(text.data[i - 1]))
            return i;
    return RRK_MIN(high, base_utf8_cut(text.data, text.len, at));
}

void cli_snippet_window(rrk_text text, const cli_mark *marks, size_t n_marks, size_t width, size_t *start, size_t *end)
{
    size_t first, last;
    *start = 0;
    *end = text.len;
    if (text.len <= width)
        return;
    best_marks(marks, n_marks, width, &first, &last);
    size_t low = last > first ? marks[last - 1].end : 0; /* what must be shown: high..low */
    size_t high = last > first ? marks[first].start : 0;
    size_t before = (width - (low - high)) / 3; /* reading on after a match says more than what came before it */
    size_t from = RRK_MIN(high > before ? high - before : 0, text.len - width);
    *start = begin_after(text, from, high);
    *end = RRK_MIN(*start + width, text.len);
    if (*end < text.len)
        *end = cut_before(text, *end, low);
}

static rrk_status collect_terms(rrk_text query, base_map **out, rrk_error *err)
{
    store_terms terms RRK_AUTO(store_terms_free) = {0};
    base_map *map RRK_AUTO(base_map_free_ptr) = NULL;
    RRK_TRY(base_map_new(&map, 16, err));
    RRK_TRY(store_analyse(query, &terms, err));
    for (size_t i = 0; i < terms.len; i++) {
        rrk_text term = rrk_text_of(terms.items[i].term);
        if (!base_map_get(map, term, NULL))
            RRK_TRY(base_map_put(map, term, (int64_t)base_map_len(map), NULL, err));
    }
    *out = RRK_STEAL(map);
    return RRK_OK;
}

rrk_status cli_snippet_of(rrk_text query, rrk_text text, size_t width, cli_snippet *out, rrk_error *err)
{
    base_map *wanted RRK_AUTO(base_map_free_ptr) = NULL;
    store_terms terms RRK_AUTO(store_terms_free) = {0};
    *out = (cli_snippet){0};
    RRK_TRY(collect_terms(query, &wanted, err));
    RRK_TRY(store_analyse(text, &terms, err));
    out->marks = base_alloc(terms.len, sizeof *out->marks);
    if (!out->marks)
        return base_fail_nomem(err, terms.len * sizeof *out->marks);
    for (size_t i = 0; i < terms.len; i++) {
        int64_t term;
        if (base_map_get(wanted, rrk_text_of(terms.items[i].term), &term))
            out->marks[out->n_marks++] = (cli_mark){terms.items[i].start, terms.items[i].end, (size_t)term};
    }
    cli_snippet_window(text, out->marks, out->n_marks, width, &out->start, &out->end);
    return RRK_OK;
}

void cli_snippet_free(cli_snippet *snippet)
{
    base_free(RRK_STEAL(snippet->marks));
    snippet->n_marks = 0;
}
