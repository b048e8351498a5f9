/* Reading qrels and runs: see <rrk/eval.h> for the formats. */
#include "eval/files.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/lines.h"
#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FIELDS = 7, RUN_FIELDS = 6, TREC_FIELDS = 4, BEIR_FIELDS = 3 };

/* What reading one file needs. */
typedef struct reader {
    eval_table *table;
    base_lines *lines;
    base_buf key;
    rrk_text fields[MAX_FIELDS];
    size_t n_fields;
} reader;

static void free_reader(reader *r)
{
    base_lines_close(r->lines);
    base_buf_free(&r->key);
}

static void free_table(eval_table *t)
{
    base_map_free(t->queries);
    base_map_free(t->pairs);
    base_free(t->entries);
    base_free(t->first);
}

static rrk_status bad(const reader *r, rrk_error *err, const char *what, rrk_text field)
{
    return base_fail(err, RRK_E_FORMAT, 0, "%s:%llu: %s '%.*s'", base_lines_name(r->lines),
                     (unsigned long long)base_lines_number(r->lines), what, (int)RRK_MIN(field.len, (size_t)80),
                     field.data ? field.data : "");
}

/* At most MAX_FIELDS fields between blanks; more are counted as one too many. */
static void split(reader *r, rrk_text line)
{
    r->n_fields = 0;
    for (size_t at = 0; at < line.len && r->n_fields < MAX_FIELDS;) {
        while (at < line.len && memchr(" \t\r", line.data[at], 3))
            at++;
        size_t start = at;
        while (at < line.len && !memchr(" \t\r", line.data[at], 3))
            at++;
        if (at > start)
            r->fields[r->n_fields++] = (rrk_text){line.data + start, at - start};
    }
}

/* The next line that is not blank, split; *more is false at the end. */
static rrk_status next(reader *r, bool *more, rrk_error *err)
{
    do {
        rrk_text line;
        RRK_TRY(base_lines_next(r->lines, &line, more, err));
        if (*more)
            split(r, line);
    } while (*more && r->n_fields == 0);
    return RRK_OK;
}

rrk_status eval_pair_key(rrk_text qid, rrk_text docid, base_buf *key, rrk_error *err)
{
    base_buf_clear(key);
    RRK_TRY(base_buf_append(key, qid.data, qid.len, err));
    RRK_TRY(base_buf_append_char(key, '\t', err));
    return base_buf_append(key, docid.data, docid.len, err);
}

bool eval_grade(const rrk_qrels *qrels, rrk_text key, int32_t *grade)
{
    int64_t value;
    if (!base_map_get(qrels->table.pairs, key, &value))
        return false;
    *grade = (int32_t)value;
    return true;
}

static rrk_status grow(eval_table *t, rrk_error *err)
{
    size_t cap = t->cap ? t->cap * 2 : 1024;
    eval_entry *entries = base_realloc(t->entries, cap, sizeof *entries);
    if (!entries)
        return base_fail_nomem(err, cap * sizeof *entries);
    t->entries = entries;
    t->cap = cap;
    return RRK_OK;
}

static rrk_status add(reader *r, rrk_text qid, rrk_text docid, int32_t grade, float score, rrk_error *err)
{
    eval_table *t = r->table;
    int64_t query = (int64_t)base_map_len(t->queries);
    bool existed;
    if (!base_map_get(t->queries, qid, &query))
        RRK_TRY(base_map_put(t->queries, qid, query, NULL, err));
    RRK_TRY(eval_pair_key(qid, docid, &r->key, err));
    rrk_text key = {r->key.data, r->key.len};
    RRK_TRY(base_map_put(t->pairs, key, grade, &existed, err));
    if (existed)
        return bad(r, err, "this docid was there before for the query:", docid);
    if (t->n == t->cap)
        RRK_TRY(grow(t, err));
    rrk_text kept = base_map_key(t->pairs, base_map_len(t->pairs) - 1);
    t->entries[t->n++] = (eval_entry){
        .query = (uint32_t)query,
        .grade = grade,
        .score = score,
        .docid = {kept.data + qid.len + 1, docid.len},
    };
    return RRK_OK;
}

/* Numbers are short; a field that does not fit is none. */
static bool number_text(rrk_text field, char out[64])
{
    if (field.len == 0 || field.len >= 64)
        return false;
    memcpy(out, field.data, field.len);
    out[field.len] = '\0';
    return true;
}

static bool parse_grade(rrk_text field, int32_t *out)
{
    char text[64], *end;
    if (!number_text(field, text))
        return false;
    errno = 0;
    long value = strtol(text, &end, 10);
    *out = (int32_t)value;
    return *end == '\0' && errno == 0 && value >= INT32_MIN && value <= INT32_MAX;
}

static bool parse_score(rrk_text field, float *out)
{
    char text[64], *end;
    if (!number_text(field, text))
        return false;
    double value = strtod(text, &end);
    *out = (float)value;
    return *end == '\0' && isfinite(value) && isfinite(*out);
}

/* --- order --- */

static int compare_docids(rrk_text a, rrk_text b)
{
    int c = memcmp(a.data, b.data, RRK_MIN(a.len, b.len));
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int best_grade_first(const void *a, const void *b)
{
    const eval_entry *x = a, *y = b;
    if (x->query != y->query)
        return x->query < y->query ? -1 : 1;
    return (x->grade < y->grade) - (x->grade > y->grade);
}

static int best_score_first(const void *a, const void *b)
{
    const eval_entry *x = a, *y = b;
    if (x->query != y->query)
        return x->query < y->query ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return compare_docids(y->docid, x->docid);
}

static rrk_status group(eval_table *t, int (*order)(const void *, const void *), rrk_error *err)
{
    size_t n_queries = base_map_len(t->queries);
    t->first = base_calloc(n_queries + 1, sizeof *t->first);
    if (!t->first)
        return base_fail_nomem(err, n_queries * sizeof *t->first);
    if (t->n)
        qsort(t->entries, t->n, sizeof *t->entries, order);
    for (size_t i = 0; i < t->n; i++)
        t->first[t->entries[i].query + 1] = i + 1;
    return RRK_OK;
}

/* --- the two files --- */

static rrk_status open_reader(reader *r, eval_table *table, const char *path, rrk_error *err)
{
    r->table = table;
    r->key.max = 2 * RRK_EVAL_MAX_LINE_BYTES;
    RRK_TRY(base_map_new(&table->queries, 64, err));
    RRK_TRY(base_map_new(&table->pairs, 1024, err));
    return base_lines_open(&r->lines, path, RRK_EVAL_MAX_LINE_BYTES, err);
}

static rrk_status add_judgment(reader *r, size_t n_columns, rrk_error *err)
{
    size_t doc = n_columns == TREC_FIELDS ? 2 : 1;
    int32_t grade;
    if (r->n_fields != n_columns)
        return bad(r, err,
                   n_columns == TREC_FIELDS ? "expected 'qid iter docid grade' at" : "expected 'qid docid grade' at",
                   r->fields[0]);
    if (!parse_grade(r->fields[n_columns - 1], &grade))
        return bad(r, err, "the grade is not a whole number:", r->fields[n_columns - 1]);
    return add(r, r->fields[0], r->fields[doc], grade, 0, err);
}

static rrk_status read_judgments(reader *r, rrk_error *err)
{
    bool more;
    RRK_TRY(next(r, &more, err));
    if (!more)
        return base_fail(err, RRK_E_FORMAT, 0, "%s has no judgments", base_lines_name(r->lines));
    size_t n_columns = r->n_fields == BEIR_FIELDS ? BEIR_FIELDS : TREC_FIELDS;
    int32_t grade;
    bool header = n_columns == BEIR_FIELDS && !parse_grade(r->fields[2], &grade);
    if (header)
        RRK_TRY(next(r, &more, err));
    for (; more;) {
        RRK_TRY(add_judgment(r, n_columns, err));
        RRK_TRY(next(r, &more, err));
    }
    return RRK_OK;
}

static void free_qrels_ptr(rrk_qrels **qrels)
{
    rrk_qrels_free(*qrels);
}

rrk_status rrk_qrels_read(rrk_qrels **out, const char *path, rrk_error *err)
{
    base_error_clear(err);
    if (!out || !path)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !out ? "out" : "path");
    *out = NULL;
    rrk_qrels *qrels RRK_AUTO(free_qrels_ptr) = base_calloc(1, sizeof *qrels);
    if (!qrels)
        return base_fail_nomem(err, sizeof *qrels);
    reader r RRK_AUTO(free_reader) = {0};
    RRK_TRY(open_reader(&r, &qrels->table, path, err));
    RRK_TRY(read_judgments(&r, err));
    RRK_TRY(group(&qrels->table, best_grade_first, err));
    *out = RRK_STEAL(qrels);
    return RRK_OK;
}

void rrk_qrels_free(rrk_qrels *qrels)
{
    if (!qrels)
        return;
    free_table(&qrels->table);
    base_free(qrels);
}

static rrk_status read_hits(reader *r, rrk_error *err)
{
    for (;;) {
        bool more;
        float score;
        RRK_TRY(next(r, &more, err));
        if (!more)
            return RRK_OK;
        if (r->n_fields != RUN_FIELDS)
            return bad(r, err, "expected 'qid Q0 docid rank score tag' at", r->fields[0]);
        if (!parse_score(r->fields[4], &score))
            return bad(r, err, "the score is not a finite number:", r->fields[4]);
        RRK_TRY(add(r, r->fields[0], r->fields[2], 0, score, err));
    }
}

static void free_run_ptr(rrk_run **run)
{
    rrk_run_free(*run);
}

rrk_status rrk_run_read(rrk_run **out, const char *path, rrk_error *err)
{
    base_error_clear(err);
    if (!out || !path)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !out ? "out" : "path");
    *out = NULL;
    rrk_run *run RRK_AUTO(free_run_ptr) = base_calloc(1, sizeof *run);
    if (!run)
        return base_fail_nomem(err, sizeof *run);
    reader r RRK_AUTO(free_reader) = {0};
    RRK_TRY(open_reader(&r, &run->table, path, err));
    RRK_TRY(read_hits(&r, err));
    RRK_TRY(group(&run->table, best_score_first, err));
    *out = RRK_STEAL(run);
    return RRK_OK;
}

void rrk_run_free(rrk_run *run)
{
    if (!run)
        return;
    free_table(&run->table);
    base_free(run);
}
