/* Judgements, TREC's and BEIR's: the third word of a line decides which, as only TREC's lines have a fourth. */
#include "base/alloc.h"
#include "eval/table.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

static rrk_status parse_grade(rrk_text word, int64_t *grade, rrk_error *err)
{
    char *end;
    errno = 0;
    long long value = strtoll(word.data, &end, 10);
    if (end != word.data + word.len || errno || value < INT_MIN || value > INT_MAX)
        return base_fail(err, RRK_E_FORMAT, 0, "'%.*s' is not a grade: a whole number is", (int)word.len, word.data);
    *grade = value;
    return RRK_OK;
}

/* words[3] is TREC's, words[2] BEIR's grade. A header is a first line of three words whose last is no number. */
static rrk_status add_line(eval_table *table, rrk_text line, bool *beir, bool first, rrk_error *err)
{
    rrk_text words[5];
    size_t n = 0;
    while (n < RRK_COUNT(words) && (words[n] = eval_next_word(&line)).len)
        n++;
    if (n == 0)
        return RRK_OK;
    if (first && n == 3) {
        *beir = true;
        rrk_error ignored = {0};
        int64_t grade;
        if (parse_grade(words[2], &grade, &ignored) != RRK_OK)
            return RRK_OK;
    }
    size_t expected = *beir ? 3 : 4;
    if (n != expected)
        return base_fail(err, RRK_E_FORMAT, 0, "%zu columns instead of the %zu of %s", n, expected,
                         *beir ? "'qid docid grade'" : "'qid iter docid grade'");
    int64_t grade = 0;
    RRK_TRY(parse_grade(words[n - 1], &grade, err));
    return eval_table_add(table, words[0], words[n - 2], grade, err);
}

static void free_qrels_ptr(rrk_qrels **qrels)
{
    rrk_qrels_free(*qrels);
}

rrk_status rrk_qrels_read(rrk_qrels **out, const char *path, rrk_error *err)
{
    base_error_clear(err);
    if (!out || !path)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", out ? "path" : "out");
    *out = NULL;
    rrk_qrels *qrels RRK_AUTO(free_qrels_ptr) = base_calloc(1, sizeof *qrels);
    if (!qrels)
        return base_fail_nomem(err, sizeof *qrels);
    qrels->owner = base_owner_here();
    RRK_TRY(eval_table_init(&qrels->table, err));
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    RRK_TRY(base_lines_open(&lines, path, RRK_EVAL_MAX_LINE_BYTES, err));
    bool beir = false;
    for (;;) {
        rrk_text line;
        bool more;
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more)
            break;
        bool first = base_lines_number(lines) == 1;
        RRK_TRY(eval_at_line(lines, add_line(&qrels->table, line, &beir, first, err), err));
    }
    if (rrk_qrels_queries(qrels) == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:1: no judgements in this file", base_lines_name(lines));
    *out = RRK_STEAL(qrels);
    return RRK_OK;
}

size_t rrk_qrels_queries(const rrk_qrels *qrels)
{
    return qrels ? base_map_len(qrels->table.qids) : 0;
}

void rrk_qrels_free(rrk_qrels *qrels)
{
    if (!qrels)
        return;
    eval_table_free(&qrels->table);
    base_free(qrels);
}
