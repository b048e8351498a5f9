/* Runs: read from TREC lines, built in memory, put in trec_eval's order and written so that any reader finds it. */
#include "base/alloc.h"
#include "base/file.h"
#include "eval/run_line.h"
#include "eval/table.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

static int64_t score_bits(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits;
}

static float bits_score(int64_t value)
{
    uint32_t bits = (uint32_t)value;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* A file's numbers have a point whatever locale the program is in; only this thread is switched, and switched back. */
typedef struct plain_numbers {
    locale_t plain;
    locale_t before;
} plain_numbers;

static void end_plain_numbers(plain_numbers *numbers)
{
    if (!numbers->plain)
        return;
    uselocale(numbers->before);
    freelocale(numbers->plain);
}

static rrk_status begin_plain_numbers(plain_numbers *numbers, rrk_error *err)
{
    numbers->plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!numbers->plain)
        return base_fail(err, RRK_E_NOMEM, 0, "out of memory: a locale");
    numbers->before = uselocale(numbers->plain);
    return RRK_OK;
}

static void free_run_ptr(rrk_run **run)
{
    rrk_run_free(*run);
}

rrk_status rrk_run_new(rrk_run **out, rrk_error *err)
{
    base_error_clear(err);
    if (!out)
        return base_fail(err, RRK_E_INVALID, 0, "out is NULL");
    *out = NULL;
    rrk_run *run RRK_AUTO(free_run_ptr) = base_calloc(1, sizeof *run);
    if (!run)
        return base_fail_nomem(err, sizeof *run);
    run->owner = base_owner_here();
    RRK_TRY(eval_table_init(&run->table, err));
    *out = RRK_STEAL(run);
    return RRK_OK;
}

static rrk_status add_line(rrk_run *run, rrk_text line, rrk_error *err)
{
    rrk_text words[7];
    size_t n = 0;
    while (n < RRK_COUNT(words) && (words[n] = eval_next_word(&line)).len)
        n++;
    if (n == 0)
        return RRK_OK;
    if (n != 6)
        return base_fail(err, RRK_E_FORMAT, 0, "%zu columns instead of the 6 of 'qid Q0 docid rank score tag'", n);
    char *end;
    float score = (float)strtod(words[4].data, &end);
    if (end != words[4].data + words[4].len || !isfinite(score))
        return base_fail(err, RRK_E_FORMAT, 0, "'%.*s' is not a finite score", (int)words[4].len, words[4].data);
    return eval_table_add(&run->table, words[0], words[2], score_bits(score), err);
}

rrk_status rrk_run_read(rrk_run **out, const char *path, rrk_error *err)
{
    base_error_clear(err);
    if (!out || !path)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", out ? "path" : "out");
    *out = NULL;
    rrk_run *run RRK_AUTO(free_run_ptr) = NULL;
    RRK_TRY(rrk_run_new(&run, err));
    plain_numbers numbers RRK_AUTO(end_plain_numbers) = {0};
    RRK_TRY(begin_plain_numbers(&numbers, err));
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    RRK_TRY(base_lines_open(&lines, path, RRK_EVAL_MAX_LINE_BYTES, err));
    for (;;) {
        rrk_text line;
        bool more;
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more)
            break;
        RRK_TRY(eval_at_line(lines, add_line(run, line, err), err));
    }
    if (rrk_run_queries(run) == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:1: no hits in this file", base_lines_name(lines));
    *out = RRK_STEAL(run);
    return RRK_OK;
}

/* A NUL byte would end what is written of it. */
static bool is_one_word(rrk_text id)
{
    if (!id.data || id.len == 0 || memchr(id.data, '\0', id.len))
        return false;
    rrk_text rest = id;
    return eval_next_word(&rest).len == id.len;
}

rrk_status rrk_run_add(rrk_run *run, rrk_text qid, const rrk_text *docids, const float *scores, size_t n,
                       rrk_error *err)
{
    base_error_clear(err);
    if (!run || (n && (!docids || !scores)))
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !run ? "run" : !docids ? "docids" : "scores");
    RRK_TRY(base_owner_check(&run->owner, "run", err));
    if (!is_one_word(qid))
        return base_fail(err, RRK_E_INVALID, 0, "qid is empty or contains white space or NUL");
    for (size_t i = 0; i < n; i++) {
        if (!is_one_word(docids[i]))
            return base_fail(err, RRK_E_INVALID, 0, "docids[%zu] is empty or contains white space or NUL", i);
        if (!isfinite(scores[i]))
            return base_fail(err, RRK_E_INVALID, 0, "scores[%zu] is not finite", i);
        RRK_TRY(eval_table_add(&run->table, qid, docids[i], score_bits(scores[i]), err));
    }
    return RRK_OK;
}

static int compare_hits(const void *left, const void *right)
{
    const eval_hit *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    int order = memcmp(b->docid.data, a->docid.data, RRK_MIN(a->docid.len, b->docid.len));
    return order ? order : (a->docid.len < b->docid.len) - (a->docid.len > b->docid.len);
}

rrk_status eval_run_order(const base_map *docs, eval_hit **out, size_t *n, rrk_error *err)
{
    size_t len = base_map_len(docs);
    eval_hit *hits = base_alloc(len, sizeof *hits);
    if (!hits)
        return base_fail_nomem(err, len * sizeof *hits);
    for (size_t i = 0; i < len; i++)
        hits[i] = (eval_hit){.docid = base_map_key(docs, i), .score = bits_score(base_map_value(docs, i))};
    qsort(hits, len, sizeof *hits, compare_hits);
    *out = hits;
    *n = len;
    return RRK_OK;
}

rrk_status eval_run_put(FILE *out, const eval_run_line *line, float *previous, rrk_error *err)
{
    float score = (float)line->score;
    if (!is_one_word(line->qid) || !is_one_word(line->docid))
        return base_fail(err, RRK_E_INVALID, 0,
                         "query '%.*s', docid '%.*s': a run cannot hold ids with white space or NUL",
                         (int)line->qid.len, line->qid.data, (int)line->docid.len, line->docid.data);
    if (!isfinite(score))
        return base_fail(err, RRK_E_INVALID, 0, "query '%.*s': %g is no score for a run", (int)line->qid.len,
                         line->qid.data, line->score);
    if (score >= *previous)
        score = nextafterf(*previous, -INFINITY);
    if (!isfinite(score))
        return base_fail(err, RRK_E_INVALID, 0, "query '%.*s': no 32-bit score is left below the lowest",
                         (int)line->qid.len, line->qid.data);
    *previous = score;
    fprintf(out, "%.*s Q0 %.*s %zu %.9g %s\n", (int)line->qid.len, line->qid.data, (int)line->docid.len,
            line->docid.data, line->rank, (double)score, line->tag);
    return RRK_OK;
}

static rrk_status write_query(FILE *stream, rrk_text qid, const base_map *docs, const char *tag, rrk_error *err)
{
    eval_hit *hits RRK_AUTO(base_free_ptr) = NULL;
    float previous = EVAL_NO_SCORE;
    size_t n;
    RRK_TRY(eval_run_order(docs, &hits, &n, err));
    for (size_t i = 0; i < n; i++) {
        eval_run_line line = {qid, hits[i].docid, i + 1, (double)hits[i].score, tag};
        RRK_TRY(eval_run_put(stream, &line, &previous, err));
    }
    return RRK_OK;
}

rrk_status rrk_run_write(const rrk_run *run, const char *path, const char *tag, rrk_error *err)
{
    base_error_clear(err);
    if (!run || !path || !tag)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !run ? "run" : !path ? "path" : "tag");
    RRK_TRY(base_owner_check(&run->owner, "run", err));
    if (!is_one_word((rrk_text){.data = tag, .len = strlen(tag)}))
        return base_fail(err, RRK_E_INVALID, 0, "tag is empty or contains white space");
    plain_numbers numbers RRK_AUTO(end_plain_numbers) = {0};
    RRK_TRY(begin_plain_numbers(&numbers, err));
    base_output output RRK_AUTO(base_output_abort) = {0};
    RRK_TRY(base_output_open(&output, path, err));
    for (size_t i = 0; i < rrk_run_queries(run); i++)
        RRK_TRY(write_query(output.stream, base_map_key(run->table.qids, i), run->table.docs[i], tag, err));
    return base_output_commit(&output, err);
}

size_t rrk_run_queries(const rrk_run *run)
{
    return run ? base_map_len(run->table.qids) : 0;
}

void rrk_run_free(rrk_run *run)
{
    if (!run)
        return;
    eval_table_free(&run->table);
    base_free(run);
}
