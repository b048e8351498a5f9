/* Queries with docids and numbers: see table.h. */
#include "eval/table.h"
#include "base/alloc.h"

#include <string.h>

enum { FIRST_QUERIES = 64, EXPECTED_DOCS = 8 };

rrk_status eval_table_init(eval_table *table, rrk_error *err)
{
    return base_map_new(&table->qids, FIRST_QUERIES, err);
}

void eval_table_free(eval_table *table)
{
    size_t n = table->qids ? base_map_len(table->qids) : 0;
    for (size_t i = 0; i < n && i < table->cap; i++)
        base_map_free(table->docs[i]);
    base_free(table->docs);
    base_map_free(table->qids);
}

static rrk_status add_query(eval_table *table, rrk_text qid, int64_t *index, rrk_error *err)
{
    size_t n = base_map_len(table->qids);
    if (n == table->cap) {
        size_t cap = table->cap ? table->cap * 2 : FIRST_QUERIES;
        base_map **docs = base_realloc(table->docs, cap, sizeof *docs);
        if (!docs)
            return base_fail_nomem(err, cap * sizeof *docs);
        table->docs = docs;
        table->cap = cap;
    }
    base_map *docs RRK_AUTO(base_map_free_ptr) = NULL;
    RRK_TRY(base_map_new(&docs, EXPECTED_DOCS, err));
    RRK_TRY(base_map_put(table->qids, qid, (int64_t)n, NULL, err));
    table->docs[n] = RRK_STEAL(docs);
    *index = (int64_t)n;
    return RRK_OK;
}

rrk_status eval_table_add(eval_table *table, rrk_text qid, rrk_text docid, int64_t value, rrk_error *err)
{
    int64_t index;
    if (!base_map_get(table->qids, qid, &index))
        RRK_TRY(add_query(table, qid, &index, err));
    bool existed;
    RRK_TRY(base_map_put(table->docs[index], docid, value, &existed, err));
    if (existed)
        return base_fail(err, RRK_E_FORMAT, 0, "docid '%.*s' comes twice for query '%.*s'", (int)docid.len, docid.data,
                         (int)qid.len, qid.data);
    return RRK_OK;
}

const base_map *eval_table_docs(const eval_table *table, rrk_text qid)
{
    int64_t index;
    return base_map_get(table->qids, qid, &index) ? table->docs[index] : NULL;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

rrk_text eval_next_word(rrk_text *rest)
{
    size_t begin = 0;
    while (begin < rest->len && is_space(rest->data[begin]))
        begin++;
    size_t end = begin;
    while (end < rest->len && !is_space(rest->data[end]))
        end++;
    rrk_text word = {.data = rest->data + begin, .len = end - begin};
    rest->data += end;
    rest->len -= end;
    return word;
}

rrk_status eval_at_line(const base_lines *lines, rrk_status status, rrk_error *err)
{
    if (status != RRK_OK)
        base_error_prefix(err, "%s:%llu", base_lines_name(lines), (unsigned long long)base_lines_number(lines));
    return status;
}
