/* Template files in RankLLM's format: what they become, and what is said about bad ones. */
#include "rerank/template.h"
#include "base/alloc.h"
#include "rerank/prompt.h"

#include <criterion/criterion.h>
#include <rrk/runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REGEXES                                                                                                        \
    "output_validation_regex: r\"^\\[\\d+\\]( > \\[\\d+\\])*$\"\noutput_extraction_regex: r\"\\[(\\d+)\\]\"\n"
#define SINGLE "method: singleturn_listwise\n" REGEXES
#define MULTI "method: \"multiturn_listwise\"\n" REGEXES
#define BODY "body: \"[{rank}] {candidate}\\n\"\n"
#define BODY_USER "body_user: \"[{rank}] {candidate}\"\n"

static rank_template *parse(const char *yaml)
{
    rank_template *wording = NULL;
    rrk_error err = {0};
    cr_assert_eq(rank_template_parse(&wording, rrk_text_of(yaml), "t.yaml", &err), RRK_OK, "%s", err.message);
    return wording;
}

/* "<role>content" of each message, for passages "one", "two" and the query "q{num}". */
static const char *shown(const char *yaml, size_t n_wanted)
{
    static char all[4096];
    rank_template *wording = parse(yaml);
    rrk_text passages[2] = {rrk_text_of("one"), rrk_text_of("two {rank}")};
    rank_prompt prompt;
    cr_assert_eq(rank_prompt_build(&prompt, wording, rrk_text_of("q{num}"), passages, 2, n_wanted, NULL), RRK_OK);
    size_t len = 0;
    all[0] = '\0';
    for (size_t i = 0; i < prompt.n; i++)
        len += (size_t)snprintf(all + len, sizeof all - len, "<%s>%.*s", prompt.messages[i].role,
                                (int)prompt.messages[i].content.len, prompt.messages[i].content.data);
    rank_prompt_free(&prompt);
    rank_template_free(wording);
    return all;
}

Test(template_file, single_turn_is_one_user_turn_behind_the_system_message)
{
    cr_assert_str_eq(shown(SINGLE "system_message: Be {brief}.\nprefix: \"Of {num}: {query}\\n\"\n" BODY
                                  "suffix: |-\n  Order {num}\n  for {query}.\n",
                           2),
                     "<system>Be {brief}.<user>Of 2: q{num}\n[1] one\n[2] two {rank}\nOrder 2\nfor q{num}.");
    cr_assert_str_eq(shown(BODY SINGLE "suffix: '{query}'", 2), "<user>[1] one\n[2] two {rank}\nq{num}");
    cr_assert_str_eq(shown(SINGLE BODY "prefix: '{query}'\nsystem_message: ''", 2),
                     "<user>q{num}[1] one\n[2] two {rank}\n");
}

Test(template_file, for_fewer_gets_a_sentence_behind_its_suffix)
{
    cr_assert_str_eq(shown(SINGLE BODY "suffix: 'For {query}.'", 1),
                     "<user>[1] one\n[2] two {rank}\nFor q{num}.\n"
                     "Reply with the identifiers of the best 1 passages only, and leave out the others.");
}

Test(template_file, multi_turn_alternates_as_its_keys_say)
{
    cr_assert_str_eq(shown(MULTI "system_message: S\nprefix_user: P {query}\nprefix_assistant: Go {num}\n" BODY_USER
                                 "body_assistant: Got [{rank}]\nsuffix_user: Order {num}",
                           2),
                     "<system>S<user>P q{num}<assistant>Go 2<user>[1] one<assistant>Got [1]<user>[2] two {rank}"
                     "<assistant>Got [2]<user>Order 2");
    cr_assert_str_eq(shown(MULTI
                           "prefix_user: P {query}\nprefix_assistant: Go\nbody_user: \"[{rank}] {candidate}\\n\"\n"
                           "suffix_user: Order",
                           2),
                     "<user>P q{num}<assistant>Go<user>[1] one\n[2] two {rank}\nOrder");
    cr_assert_str_eq(shown(MULTI BODY_USER "body_assistant: Got\nsuffix_user: Order for {query}", 2),
                     "<user>[1] one<assistant>Got<user>[2] two {rank}<assistant>Got<user>Order for q{num}");
}

Test(template_file, braces_are_read_as_python_reads_them)
{
    cr_assert_str_eq(shown(SINGLE BODY "suffix: '{{query}} {{{query}}} {{}} }}{{ {query}{num}'", 2),
                     "<user>[1] one\n[2] two {rank}\n{query} {q{num}} {} }{ q{num}2");
}

Test(template_file, query_is_counted_where_it_stands)
{
    rank_template *wording = parse(SINGLE BODY "prefix: '{query} {{query}}'\nsuffix: '{query}{query}'");
    cr_assert_eq(rank_template_query_count(wording), 3);
    rank_template_free(wording);
}

Test(template_file, hash_depends_on_the_wording_alone)
{
    static const char *const FILES[] = {
        SINGLE BODY "suffix: '{query}'",
        "# a comment\n" BODY SINGLE "suffix: \"{query}\"\n",
        SINGLE BODY "prefix: '{query}'",
        SINGLE BODY "suffix: '{query} '",
        SINGLE BODY "suffix: '{query}'\nprefix: ''",
    };
    char hashes[RRK_COUNT(FILES)][65];
    for (size_t i = 0; i < RRK_COUNT(FILES); i++) {
        rank_template *wording = parse(FILES[i]);
        rank_template_hash(wording, hashes[i]);
        rank_template_free(wording);
    }
    cr_assert_str_eq(hashes[0], hashes[1]);
    for (size_t i = 2; i < RRK_COUNT(FILES); i++)
        cr_assert_str_neq(hashes[0], hashes[i]);
}

typedef struct bad_case {
    const char *yaml;
    const char *message; /* ends with a blank where libyaml's words follow */
    rrk_status status;   /* 0: RRK_E_FORMAT */
} bad_case;

#define QUERY "prefix: '{query}'\n"

static const bad_case BAD[] = {
    {"", "t.yaml:1: not a template: there is no mapping of keys to texts", 0},
    {"- a\n- b\n", "t.yaml:1: not a template: there is no mapping of keys to texts", 0},
    {"just text", "t.yaml:1: not a template: there is no mapping of keys to texts", 0},
    {BODY QUERY, "t.yaml:1: key 'method' is missing", 0},
    {"\nmethod: pointwise\nbody: '{query} {doc_content}'\nother: 1",
     "t.yaml:2: method 'pointwise' is neither 'singleturn_listwise' nor 'multiturn_listwise'", RRK_E_UNSUPPORTED},
    {SINGLE QUERY, "t.yaml:1: key 'body' is missing", 0},
    {"method: singleturn_listwise\noutput_extraction_regex: x\n" BODY QUERY,
     "t.yaml:1: key 'output_validation_regex' is missing", 0},
    {"method: singleturn_listwise\noutput_validation_regex: x\n" BODY QUERY,
     "t.yaml:1: key 'output_extraction_regex' is missing", 0},
    {SINGLE BODY "prefx: '{query}'\n", "t.yaml:5: unknown key 'prefx'", 0},
    {SINGLE BODY QUERY BODY_USER, "t.yaml:6: method 'singleturn_listwise' has no key 'body_user'", 0},
    {MULTI BODY_USER BODY, "t.yaml:5: method 'multiturn_listwise' has no key 'body'", 0},
    {SINGLE BODY QUERY "body: x", "t.yaml:6: key 'body' is there twice, first in line 4", 0},
    {SINGLE BODY, "t.yaml:1: no key has {query}", 0},
    {SINGLE QUERY "body: '[{rank}]'", "t.yaml:5: key 'body' lacks {candidate}", 0},
    {SINGLE QUERY "body: '{candidate}'", "t.yaml:5: key 'body' lacks {rank}", 0},
    {SINGLE QUERY "body: '{rank} {candidate} {query}'", "t.yaml:5: key 'body' cannot have {query}", 0},
    {SINGLE BODY "prefix: '{query} {rank}'", "t.yaml:5: key 'prefix' cannot have {rank}", 0},
    {SINGLE BODY "prefix: '{query} {wanted}'", "t.yaml:5: key 'prefix' cannot have {wanted}", 0},
    {SINGLE BODY "prefix: '{Query}'",
     "t.yaml:5: key 'prefix': unknown placeholder '{Query}' (a brace itself is written '{{')", 0},
    {SINGLE BODY "prefix: '{query!r}'",
     "t.yaml:5: key 'prefix': unknown placeholder '{query!r}' (a brace itself is written '{{')", 0},
    {SINGLE BODY "prefix: '{query:>9}'",
     "t.yaml:5: key 'prefix': unknown placeholder '{query:>9}' (a brace itself is written '{{')", 0},
    {SINGLE BODY "prefix: '{}'", "t.yaml:5: key 'prefix': unknown placeholder '{}' (a brace itself is written '{{')",
     0},
    {SINGLE BODY "prefix: '{query} {'",
     "t.yaml:5: key 'prefix': a '{' without its '}' (a brace itself is written '{{')", 0},
    {SINGLE BODY "prefix: '{query} }'",
     "t.yaml:5: key 'prefix': a '}' without its '{' (a brace itself is written '}}')", 0},
    {MULTI BODY_USER "suffix_user: '{query}'",
     "t.yaml:1: a multi-turn template has 'prefix_assistant', 'body_assistant' or both", 0},
    {MULTI BODY_USER "prefix_assistant: Go\nsuffix_user: '{query}'",
     "t.yaml:1: 'prefix_assistant' answers nothing: key 'prefix_user' is missing", 0},
    {MULTI BODY_USER "prefix_user: '{query}'\nprefix_assistant: Go\nbody_assistant: Got",
     "t.yaml:1: nothing follows the last 'body_assistant': key 'suffix_user' is missing or empty", 0},
    {MULTI BODY_USER "prefix_user: '{query}'\nprefix_assistant: Go\nbody_assistant: Got\nsuffix_user: ''",
     "t.yaml:1: nothing follows the last 'body_assistant': key 'suffix_user' is missing or empty", 0},
    {MULTI BODY_USER "prefix_user: '{query}'\nbody_assistant: Got",
     "t.yaml:1: nothing answers 'prefix_user': key 'prefix_assistant' is missing", 0},
    {MULTI BODY_USER "prefix_user: '{query}'\nprefix_assistant: Go\nbody_assistant: '{query}'\nsuffix_user: x",
     "t.yaml:7: key 'body_assistant' cannot have {query}", 0},
    {SINGLE BODY "prefix: [a, b]\n", "t.yaml:5: a key and its value must be plain texts, not lists or mappings", 0},
    {SINGLE BODY "prefix:\n  a: b\n", "t.yaml:6: a key and its value must be plain texts, not lists or mappings", 0},
    {"? [a]\n: b\n", "t.yaml:1: a key and its value must be plain texts, not lists or mappings", 0},
    {"a: &x [y, y]\nb: [*x, *x]\n", "t.yaml:1: a key and its value must be plain texts, not lists or mappings", 0},
    {"prefix: &x y\nsuffix: *x\n", "t.yaml:1: anchors are not taken", 0},
    {"prefix: y\nsuffix: *x\n", "t.yaml:2: aliases are not taken", 0},
    {"&x\nprefix: y\n", "t.yaml:1: anchors and tags are not taken", 0},
    {"!!python/object:x\nprefix: y\n", "t.yaml:1: anchors and tags are not taken", 0},
    {"prefix: !!binary aGk=\n", "t.yaml:1: tags are not taken", 0},
    {"a: b\n--- \nc: d\n", "t.yaml:2: a second document begins", 0},
    {"a: b\n\"c: d\n", "t.yaml:3: ", 0},
    {"a: b\nc: \x01\n", "t.yaml:2: ", 0},
    {"a: b\nc: \xff\n", "t.yaml:2: not UTF-8 at byte 8 of the file", 0},
    {"a: b\n\tc: d\n", "t.yaml:2: ", 0},
};

Test(template_file, that_is_wrong_is_refused_with_the_line_and_the_reason)
{
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        rank_template *wording = NULL;
        rrk_error err = {0};
        rrk_status expected = BAD[i].status ? BAD[i].status : RRK_E_FORMAT;
        cr_expect_eq(rank_template_parse(&wording, rrk_text_of(BAD[i].yaml), "t.yaml", &err), expected, "case %zu", i);
        size_t len = strlen(BAD[i].message);
        bool goes_on = BAD[i].message[len - 1] == ' ';
        cr_expect_eq(strncmp(err.message, BAD[i].message, goes_on ? len : sizeof err.message), 0, "case %zu: %s", i,
                     err.message);
        cr_expect_gt(strlen(err.message), goes_on ? len : 0, "case %zu", i);
        cr_assert_null(wording);
    }
}

Test(template_file, with_nul_a_byte_order_mark_or_nothing_is_read_or_refused)
{
    rank_template *wording = NULL;
    rrk_error err = {0};
    cr_assert_eq(rank_template_parse(&wording, (rrk_text){"a: \0b", 5}, "t.yaml", &err), RRK_E_FORMAT);
    cr_assert_eq(strncmp(err.message, "t.yaml:1: ", 10), 0);
    cr_assert_eq(rank_template_parse(&wording, (rrk_text){0}, "t.yaml", NULL), RRK_E_FORMAT);
    rank_template_free(parse("\xef\xbb\xbf" SINGLE BODY QUERY));
    rank_template_free(parse("%YAML 1.1\n---\n" SINGLE BODY QUERY "...\n"));
}

static char *padded(size_t len)
{
    static const char START[] = SINGLE BODY QUERY "suffix: '";
    char *yaml = malloc(len + 1);
    memset(yaml, 'x', len);
    memcpy(yaml, START, sizeof START - 1);
    memcpy(yaml + len - 2, "'\n", 3);
    return yaml;
}

Test(template_file, is_as_large_as_the_limit_and_no_larger, .timeout = 60)
{
    rank_template *wording = NULL;
    rrk_error err = {0};
    char *yaml = padded(RANK_TEMPLATE_MAX_BYTES), *larger = padded(RANK_TEMPLATE_MAX_BYTES + 1);
    rank_template_free(parse(yaml));
    cr_assert_eq(rank_template_parse(&wording, rrk_text_of(larger), "t.yaml", &err), RRK_E_INVALID);
    cr_assert_str_eq(err.message, "t.yaml:1: 1048577 bytes, and a template has at most 1048576");
    free(yaml);
    free(larger);
}

Test(template_file, is_opened_by_its_path)
{
    char path[] = "/tmp/rrk-template-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fputs(SINGLE BODY QUERY, file);
    fclose(file);
    rank_template *wording = NULL;
    rrk_error err = {0};
    cr_assert_eq(rank_template_open(&wording, path, &err), RRK_OK, "%s", err.message);
    rank_template_free(wording);
    cr_assert_eq(truncate(path, RANK_TEMPLATE_MAX_BYTES + 1), 0);
    cr_assert_eq(rank_template_open(&wording, path, &err), RRK_E_INVALID);
    cr_assert(strstr(err.message, path));
    unlink(path);
    err = (rrk_error){0};
    cr_assert_eq(rank_template_open(&wording, "no/such.yaml", &err), RRK_E_NOTFOUND);
    cr_assert(strstr(err.message, "'one-turn', 'chat' or a template file") && strstr(err.message, "no/such.yaml"));
}

static long n_before_failure; /* allocations that still succeed */

static void *failing_malloc(size_t size, void *ctx)
{
    return n_before_failure-- > 0 ? malloc(size) : NULL;
}

static void *failing_realloc(void *ptr, size_t size, void *ctx)
{
    return n_before_failure-- > 0 ? realloc(ptr, size) : NULL;
}

static void plain_free(void *ptr, void *ctx)
{
    free(ptr);
}

/* From the file to the prompt. */
static rrk_status all_steps(rrk_error *err)
{
    rank_template *wording;
    rank_prompt prompt;
    rrk_text passages[2] = {rrk_text_of("one"), rrk_text_of("two")};
    *err = (rrk_error){0};
    RRK_TRY(rank_template_parse(&wording, rrk_text_of(SINGLE BODY QUERY), "t.yaml", err));
    rrk_status status = rank_prompt_build(&prompt, wording, rrk_text_of("q"), passages, 2, 2, err);
    rank_template_free(wording);
    rank_prompt_free(&prompt);
    return status;
}

Test(template_file, every_failing_allocation_is_a_clean_error)
{
    rrk_set_allocator(&(rrk_allocator){failing_malloc, failing_realloc, plain_free, NULL});
    rrk_status status = RRK_E_NOMEM;
    long n = 0;
    for (; status != RRK_OK; n++) {
        rrk_error err;
        n_before_failure = n;
        status = all_steps(&err);
        cr_assert(status == RRK_OK || (status == RRK_E_NOMEM && err.status == RRK_E_NOMEM), "allocation %ld", n);
    }
    rrk_set_allocator(NULL);
    cr_assert_gt(n, 4);
}

/* Names that only built-in wording has must not be found in a file, where they would be sent as they are. */
Test(template_file, format_pieces_are_literals_and_fields)
{
    rank_piece piece;
    bool more;
    size_t pos = 0;
    rrk_text format = rrk_text_of("a{{b{query}");
    static const char *const LITERALS[] = {"a", "{", "b"};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(rank_format_next(format, &pos, &piece, &more, NULL), RRK_OK);
        cr_assert(more && piece.field == RANK_FIELD_LITERAL && piece.literal.len == 1 &&
                  piece.literal.data[0] == LITERALS[i][0]);
    }
    cr_assert_eq(rank_format_next(format, &pos, &piece, &more, NULL), RRK_OK);
    cr_assert(more && piece.field == RANK_FIELD_QUERY);
    cr_assert_eq(rank_format_next(format, &pos, &piece, &more, NULL), RRK_OK);
    cr_assert_not(more);
}
