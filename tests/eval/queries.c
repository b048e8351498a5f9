/* Both formats of queries, and what is wrong with a line. */
#include "eval/queries.h"
#include "scratch.h"

#include <criterion/criterion.h>

Test(queries, are_read_in_both_formats)
{
    eval_queries queries = {0};
    rrk_text text;
    rrk_error err = {0};
    const char *path = scratch_text("q2\twhy so\n\n{\"_id\":\"q1\",\"text\":\"how\",\"metadata\":{}}\nq3\t\r\n");
    cr_assert_eq(eval_queries_read(&queries, path, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(eval_queries_len(&queries), 3);
    cr_assert_eq(memcmp(eval_queries_id(&queries, 0).data, "q2", 2), 0);
    cr_assert_str_eq(eval_queries_text(&queries, 0).data, "why so");
    cr_assert_str_eq(eval_queries_text(&queries, 1).data, "how");
    cr_assert_eq(eval_queries_text(&queries, 2).len, 0);
    cr_assert(eval_queries_find(&queries, rrk_text_of("q1"), &text));
    cr_assert_str_eq(text.data, "how");
    cr_assert_not(eval_queries_find(&queries, rrk_text_of("q"), &text));
    eval_queries_free(&queries);
}

Test(queries, say_where_a_line_is_bad)
{
    static const struct {
        const char *content;
        const char *message;
    } bad[] = {
        {"q1 why", ":1: neither JSON nor 'qid TAB text'"},
        {"\twhy", ":1: the query has no id"},
        {"{", ":1: not a JSON object with the strings _id and text"},
        {"{\"_id\":1,\"text\":\"x\"}", ":1: not a JSON object with the strings _id and text"},
        {"{\"_id\":\"q1\"}", ":1: not a JSON object with the strings _id and text"},
        {"q2\twhy\nq2\twhy\n", ":2: query 'q2' was there before"},
    };
    for (size_t i = 0; i < RRK_COUNT(bad); i++) {
        eval_queries queries = {0};
        rrk_error err = {0};
        cr_assert_eq(eval_queries_read(&queries, scratch_text(bad[i].content), &err), RRK_E_FORMAT, "row %zu", i);
        cr_assert_not_null(strstr(err.message, bad[i].message), "%s", err.message);
        eval_queries_free(&queries);
    }
}
