/* Imports: every format, bad lines with and without skip_bad, cancelling, being killed. */
#include "base/clock.h"
#include "scratch.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static rrk_import_stats import_text(scratch *s, const char *name, const char *text, bool skip_bad, rrk_status want)
{
    return scratch_import(s, scratch_file(s, name, text, strlen(text)), skip_bad, want);
}

static const rrk_passage *fetch(scratch *s, const char *id, rrk_passage_list **list)
{
    int64_t row = scratch_row(s, id);
    cr_assert_eq(rrk_store_fetch(s->store, &row, 1, list, &s->err), RRK_OK);
    return rrk_passage_list_items(*list, NULL);
}

static void expect(scratch *s, const char *id, const char *title, const char *text, const char *metadata)
{
    rrk_passage_list *list = NULL;
    const rrk_passage *p = fetch(s, id, &list);
    cr_expect_str_eq(p->title.data, title);
    cr_expect_str_eq(p->text.data, text);
    cr_expect_str_eq(p->metadata.data, metadata);
    rrk_passage_list_free(list);
}

static const char BEIR[] = "{\"_id\":\"1\",\"title\":\"T\",\"text\":\"one \\u00e4\",\"metadata\":{\"b\":2,\"a\":1}}\n"
                           "\n"
                           "{\"_id\":\"2\",\"title\":\"\",\"text\":\"two\",\"metadata\":{}}\r\n"
                           "{\"_id\":\"3\",\"text\":\"three\"}";

Test(import, reads_beir_and_a_second_time_changes_nothing)
{
    scratch s = scratch_open();
    rrk_import_stats stats = import_text(&s, "c.jsonl", BEIR, false, RRK_OK);
    cr_assert_eq(stats.n_read, 3);
    cr_assert_eq(stats.n_added, 3);
    cr_assert_eq(stats.bytes_read, sizeof BEIR - 1);
    cr_assert_eq(stats.bytes_total, sizeof BEIR - 1);
    expect(&s, "1", "T", "one \xC3\xA4", "{\"a\":1,\"b\":2}");
    expect(&s, "2", "", "two", "");
    stats = import_text(&s, "c.jsonl", BEIR, false, RRK_OK);
    cr_assert_eq(stats.n_unchanged, 3);
    cr_assert_eq(stats.n_added + stats.n_updated, 0);
    stats = import_text(&s, "c.jsonl", "{\"_id\":\"2\",\"text\":\"zwei\"}", false, RRK_OK);
    cr_assert_eq(stats.n_updated, 1);
    scratch_close(&s);
}

Test(import, reads_msmarco)
{
    scratch s = scratch_open();
    rrk_import_stats stats = import_text(&s, "c.tsv", "7\tseven\tup\n8\teight\n", false, RRK_OK);
    cr_assert_eq(stats.n_added, 2);
    expect(&s, "7", "", "seven\tup", "");
    scratch_close(&s);
}

typedef struct bad {
    const char *name;
    const char *lines; /* the third line is bad */
    const char *what;
} bad;

static const bad BAD[] = {
    {"a.jsonl",
     "{\"_id\":\"1\",\"text\":\"x\"}\n{\"_id\":\"2\",\"text\":\"x\"}\nnonsense\n{\"_id\":\"3\",\"text\":\"x\"}",
     "JSON"},
    {"b.jsonl", "{\"_id\":\"1\",\"text\":\"x\"}\n{\"_id\":\"2\",\"text\":\"x\"}\n[1]\n{\"_id\":\"3\",\"text\":\"x\"}",
     "object"},
    {"c.jsonl",
     "{\"_id\":\"1\",\"text\":\"x\"}\n{\"_id\":\"2\",\"text\":\"x\"}\n{\"_id\":7,\"text\":\"x\"}\n{\"_id\":\"3\","
     "\"text\":\"x\"}",
     "_id"},
    {"d.jsonl",
     "{\"_id\":\"1\",\"text\":\"x\"}\n{\"_id\":\"2\",\"text\":\"x\"}\n{\"text\":\"x\"}\n{\"_id\":\"3\",\"text\":\"x\"}",
     "no id"},
    {"e.tsv", "1\tx\n2\tx\nno tab here\n3\tx", "tab"},
    {"f.tsv", "1\tx\n2\tx\n9\t \n3\tx", "no text"},
    {"g.tsv", "1\tx\n2\tx\n9\ta\xC3z\n3\tx", "UTF-8"},
};

Test(import, stops_at_a_bad_line_with_its_place_and_keeps_the_batches_before)
{
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        scratch s = scratch_open();
        rrk_status first = i < 2 ? RRK_E_FORMAT : RRK_E_INVALID;
        if (i == 2 || i == 4)
            first = RRK_E_FORMAT;
        rrk_import_stats stats = import_text(&s, BAD[i].name, BAD[i].lines, false, first);
        cr_expect_not_null(strstr(s.err.message, BAD[i].what), "%s", s.err.message);
        char place[32];
        snprintf(place, sizeof place, "%s:3: ", BAD[i].name);
        cr_expect_not_null(strstr(s.err.message, place), "%s", s.err.message);
        cr_expect_eq(stats.n_added, 2);
        cr_expect_eq(scratch_info(&s).n_passages, 2);
        scratch_close(&s);
    }
}

Test(import, counts_bad_lines_when_told_to_skip_them)
{
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        scratch s = scratch_open();
        rrk_import_stats stats = import_text(&s, BAD[i].name, BAD[i].lines, true, RRK_OK);
        cr_expect_eq(stats.n_added, 3);
        cr_expect_eq(stats.n_skipped, 1);
        scratch_close(&s);
    }
}

static const char MARKDOWN[] = "before\n\n# Guide\n\nintro\n\n## Setup ##\nfirst\n```sh\n# no heading\n```\nlast\n"
                               "### Deep\ndeep text\n## Use\nuse it\n";

Test(import, splits_markdown_at_its_headings_but_not_in_code)
{
    scratch s = scratch_open();
    char folder[128], sub[160];
    snprintf(folder, sizeof folder, "%s/docs", s.dir);
    snprintf(sub, sizeof sub, "%s/docs/sub", s.dir);
    mkdir(folder, 0755);
    mkdir(sub, 0755);
    scratch_file(&s, "docs/b.md", MARKDOWN, sizeof MARKDOWN - 1);
    scratch_file(&s, "docs/sub/a.txt", "# plain\ntext\n", 13);
    scratch_file(&s, "docs/ignored.c", "int x;", 6);
    scratch_file(&s, "docs/.hidden.md", "hidden", 6);
    rrk_import_stats stats = scratch_import(&s, folder, false, RRK_OK);
    cr_assert_eq(stats.n_added, 6);
    expect(&s, "b.md#1", "b", "before", "{\"path\":\"b.md\",\"line\":1}");
    expect(&s, "b.md#2", "Guide", "intro", "{\"path\":\"b.md\",\"line\":5}");
    expect(&s, "b.md#3", "Guide > Setup", "first\n```sh\n# no heading\n```\nlast", "{\"path\":\"b.md\",\"line\":8}");
    expect(&s, "b.md#4", "Guide > Setup > Deep", "deep text", "{\"path\":\"b.md\",\"line\":14}");
    expect(&s, "b.md#5", "Guide > Use", "use it", "{\"path\":\"b.md\",\"line\":16}");
    expect(&s, "sub/a.txt#1", "a", "# plain\ntext", "{\"path\":\"sub/a.txt\",\"line\":1}");
    cr_assert_eq(stats.bytes_read, stats.bytes_total);
    stats = scratch_import(&s, folder, false, RRK_OK);
    cr_assert_eq(stats.n_unchanged, 6);
    scratch_close(&s);
}

static void expect_of(scratch *s, const char *name, int n, const char *title, const char *text)
{
    char id[192];
    snprintf(id, sizeof id, "%s/%s#%d", s->dir, name, n);
    rrk_passage_list *list = NULL;
    const rrk_passage *p = fetch(s, id, &list);
    cr_expect_str_eq(p->title.data, title);
    cr_expect_str_eq(p->text.data, text);
    rrk_passage_list_free(list);
}

Test(import, splits_markdown_at_underlined_headings)
{
    scratch s = scratch_open();
    import_text(&s, "u.md",
                "before\n\nGuide\n=====\nintro\r\n\r\n  Setup\r\n---\r\nfirst\n\n---\n\n- item\n---\n> quote\n---\n"
                "two\nlines\n---\n```\nCode\n====\n```\n# Next\nLast\n----\nend\n",
                false, RRK_OK);
    expect_of(&s, "u.md", 1, "u", "before");
    expect_of(&s, "u.md", 2, "Guide", "intro");
    expect_of(&s, "u.md", 3, "Guide > Setup",
              "first\n\n---\n\n- item\n---\n> quote\n---\ntwo\nlines\n---\n```\nCode\n====\n```");
    expect_of(&s, "u.md", 4, "Next > Last", "end");
    cr_assert_eq(scratch_info(&s).n_passages, 4);
    scratch_close(&s);
}

Test(import, splits_restructured_text_at_its_headings)
{
    scratch s = scratch_open();
    import_text(&s, "u.rst",
                "=====\n Doc\n=====\n\nintro\n\n\xC3\x9C\x62\x65r\n----\none\n\nDeep\n====\ntwo\n\nUse\n---\nthree\n\n"
                "----\n\ntoo long a line\n---\n\n# text\n",
                false, RRK_OK);
    expect_of(&s, "u.rst", 1, "Doc", "intro");
    expect_of(&s, "u.rst", 2, "Doc > \xC3\x9C\x62\x65r", "one");
    expect_of(&s, "u.rst", 3, "Doc > \xC3\x9C\x62\x65r > Deep", "two");
    expect_of(&s, "u.rst", 4, "Doc > Use", "three\n\n----\n\ntoo long a line\n---\n\n# text");
    import_text(&s, "u.txt", "Doc\n===\ntext\n", false, RRK_OK);
    expect_of(&s, "u.txt", 1, "u", "Doc\n===\ntext");
    scratch_close(&s);
}

Test(import, splits_long_sections_at_paragraphs)
{
    scratch s = scratch_open();
    char text[8192];
    size_t at = 0;
    for (int p = 0; p < 5; p++) {
        memset(text + at, 'a' + p, 1500);
        at += 1500;
        text[at++] = '\n';
        text[at++] = '\n';
    }
    rrk_import_stats stats = scratch_import(&s, scratch_file(&s, "long.txt", text, at), false, RRK_OK);
    cr_assert_eq(stats.n_added, 3);
    scratch_close(&s);
}

Test(import, refuses_or_skips_a_text_that_is_not_utf8)
{
    scratch s = scratch_open();
    import_text(&s, "x.md", "fine\xFFnot", false, RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "x.md:1: not UTF-8 at byte 4"), "%s", s.err.message);
    import_text(&s, "x.log", "one\r\n\r\ntwo \xFF", false, RRK_E_INVALID);
    cr_assert_not_null(strstr(s.err.message, "x.log:3: not UTF-8 at byte 11"), "%s", s.err.message);
    cr_assert_eq(import_text(&s, "x.md", "fine\xFFnot", true, RRK_OK).n_skipped, 1);
    scratch_close(&s);
}

Test(import, empty_files_and_missing_ones)
{
    scratch s = scratch_open();
    cr_assert_eq(import_text(&s, "e.jsonl", "", false, RRK_OK).n_read, 0);
    cr_assert_eq(import_text(&s, "e.md", "", false, RRK_OK).n_read, 0);
    scratch_import(&s, "/nonexistent/file.jsonl", false, RRK_E_NOTFOUND);
    scratch_close(&s);
}

Test(import, tells_the_format_of_standard_input_by_its_content)
{
    static const char *const INPUTS[] = {BEIR, "\n1\tone\n2\ttwo\n3\tthree\n", "# T\none\n# U\ntwo\n# V\nthree\n"};
    for (size_t i = 0; i < RRK_COUNT(INPUTS); i++) {
        scratch s = scratch_open();
        cr_assert_not_null(freopen(scratch_file(&s, "in", INPUTS[i], strlen(INPUTS[i])), "r", stdin));
        cr_assert_eq(scratch_import(&s, "-", false, RRK_OK).n_added, 3);
        scratch_close(&s);
    }
}

static bool has(scratch *s, const char *id)
{
    int64_t row;
    return rrk_store_find(s->store, rrk_text_of(id), &row, NULL) == RRK_OK;
}

static bool has_passage_of(scratch *s, const char *name, int n)
{
    char id[192];
    snprintf(id, sizeof id, "%s/%s#%d", s->dir, name, n);
    return has(s, id);
}

Test(import, texts_of_any_name_have_ids_of_their_own)
{
    scratch s = scratch_open();
    static const char *const NAMES[] = {"README", "notes.log", "a.md", "dir.d/a.md"};
    char folder[128];
    snprintf(folder, sizeof folder, "%s/dir.d", s.dir);
    mkdir(folder, 0755);
    for (size_t i = 0; i < RRK_COUNT(NAMES); i++)
        import_text(&s, NAMES[i], "\n\nplain words\n", false, RRK_OK);
    cr_assert_eq(scratch_info(&s).n_passages, RRK_COUNT(NAMES));
    for (size_t i = 0; i < RRK_COUNT(NAMES); i++)
        cr_expect(has_passage_of(&s, NAMES[i], 1), "%s", NAMES[i]);
    cr_expect(!has(&s, "stdin#1"));
    scratch_close(&s);
}

static size_t n_found(scratch *s, const char *query)
{
    rrk_candidate found[8];
    size_t n = RRK_COUNT(found);
    store_bm25_options options = {.k1 = 0.9, .b = 0.4};
    cr_assert_eq(store_bm25(s->store, rrk_text_of(query), &options, found, &n, &s->err), RRK_OK, "%s", s->err.message);
    return n;
}

Test(import, a_text_that_became_shorter_loses_what_it_no_longer_has)
{
    scratch s = scratch_open();
    import_text(&s, "b.md", "# A\nalpha\n# B\nbeta\n# C\ngamma\n# D\ndelta\n", false, RRK_OK);
    import_text(&s, "b.md.txt", "bystander", false, RRK_OK);
    char other[192];
    snprintf(other, sizeof other, "%s/b.md#3x", s.dir);
    cr_assert_eq(scratch_put(&s, other, "", "gamma of another"), RRK_OK);
    cr_assert_eq(store_vectors_begin(s.store, "m", 1, false, &s.err), RRK_OK);
    int64_t rows[] = {1, 2, 3};
    cr_assert_eq(store_vectors_put(s.store, rows, (float[]){1, 2, 3}, 3, &s.err), RRK_OK);
    uint64_t before, after;
    cr_assert_eq(store_vectors_generation(s.store, &before, &s.err), RRK_OK);

    rrk_import_stats stats = import_text(&s, "b.md", "# A\nalpha\n", false, RRK_OK);
    cr_expect_eq(stats.n_removed, 3);
    cr_expect_eq(stats.n_unchanged, 1);
    rrk_store_info info = scratch_info(&s);
    cr_expect_eq(info.n_passages, 3);
    cr_expect_eq(info.n_vectors, 1);
    cr_assert_eq(store_vectors_generation(s.store, &after, &s.err), RRK_OK);
    cr_expect_gt(after, before);
    cr_expect_eq(n_found(&s, "gamma"), 1);
    cr_expect_eq(n_found(&s, "beta delta"), 0);
    cr_expect_eq(n_found(&s, "alpha"), 1);
    cr_expect(has_passage_of(&s, "b.md", 1) && !has_passage_of(&s, "b.md", 2) && has(&s, other));
    uint64_t n_terms = info.n_terms;

    import_text(&s, "b.md", "", false, RRK_OK);
    cr_expect_eq(scratch_info(&s).n_passages, 2);
    import_text(&s, "b.md", "# A\nalpha\n", false, RRK_OK);
    cr_expect_eq(scratch_info(&s).n_terms, n_terms);
    scratch_close(&s);
}

Test(import, what_a_text_no_longer_has_is_told_by_number)
{
    scratch s = scratch_open();
    char text[512] = "";
    for (int i = 1; i <= 12; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "# H%d\nword%d\n", i, i);
    import_text(&s, "\xC3\xA4.md", text, false, RRK_OK);
    cr_assert_eq(scratch_info(&s).n_passages, 12);
    strstr(text, "# H11")[0] = '\0';
    cr_assert_eq(import_text(&s, "\xC3\xA4.md", text, false, RRK_OK).n_removed, 2);
    for (int i = 1; i <= 12; i++)
        cr_expect_eq(has_passage_of(&s, "\xC3\xA4.md", i), i <= 10, "%d", i);
    strstr(text, "# H3")[0] = '\0';
    cr_assert_eq(import_text(&s, "\xC3\xA4.md", text, false, RRK_OK).n_removed, 8);
    cr_assert_eq(scratch_info(&s).n_terms, 4);
    cr_assert_eq(scratch_put(&s, "new", "", "text"), RRK_OK);
    cr_expect_eq(scratch_row(&s, "new"), 13, "the row of a removed passage was given away");
    scratch_close(&s);
}

Test(import, a_passage_that_is_skipped_leaves_no_older_one_behind)
{
    scratch s = scratch_folder();
    rrk_store_options options;
    rrk_store_options_init(&options);
    options.max_passage_bytes = 200;
    cr_assert_eq(rrk_store_open(&s.store, s.path, &options, &s.err), RRK_OK);
    import_text(&s, "a.md", "# A\nalpha\n# B\nbeta\n# C\ngamma\n", false, RRK_OK);
    char text[512];
    snprintf(text, sizeof text, "# A\nalpha\n# B\n%0300d\n# C\ngamma\n", 0);
    rrk_import_stats stats = import_text(&s, "a.md", text, true, RRK_OK);
    cr_expect_eq(stats.n_skipped, 1);
    cr_expect_eq(stats.n_removed, 1);
    cr_expect_eq(n_found(&s, "beta"), 0);
    cr_expect_eq(n_found(&s, "gamma"), 1);
    scratch_close(&s);
}

Test(import, a_text_that_cannot_be_read_twice_has_its_path_in_its_id)
{
    scratch s = scratch_open();
    char path[128];
    snprintf(path, sizeof path, "%s/pipe", s.dir);
    cr_assert_eq(mkfifo(path, 0600), 0);
    pid_t child = fork();
    if (child == 0) {
        FILE *f = fopen(path, "w");
        fputs("\n\n# Title\nplain words\n", f);
        _exit(fclose(f));
    }
    scratch_import(&s, path, false, RRK_OK);
    waitpid(child, NULL, 0);
    char id[160];
    snprintf(id, sizeof id, "%s#1", path);
    rrk_passage_list *list = NULL;
    cr_expect_not_null(strstr(fetch(&s, id, &list)->metadata.data, "\"line\":4"));
    rrk_passage_list_free(list);
    scratch_close(&s);
}

Test(import, a_byte_order_mark_is_no_part_of_a_file)
{
    scratch s = scratch_open();
    import_text(&s, "c.jsonl", "\xEF\xBB\xBF{\"_id\":\"1\",\"text\":\"x\"}\n", false, RRK_OK);
    import_text(&s, "c.tsv",
                "\xEF\xBB\xBF"
                "2\tx\n",
                false, RRK_OK);
    import_text(&s, "d.tsv",
                "\xEF\xBB\xBF\n"
                "3\tx\n",
                false, RRK_OK);
    import_text(&s, "unnamed",
                "\xEF\xBB\xBF"
                "4\tx\n",
                false, RRK_OK);
    import_text(&s, "e.txt", "\xEF\xBB\xBFx\n", false, RRK_OK);
    cr_assert_eq(scratch_info(&s).n_passages, 5);
    cr_assert(has(&s, "1") && has(&s, "2") && has(&s, "3") && has(&s, "4"));
    rrk_passage_list *list = NULL;
    char id[192];
    snprintf(id, sizeof id, "%s/e.txt#1", s.dir);
    cr_assert_str_eq(fetch(&s, id, &list)->text.data, "x");
    rrk_passage_list_free(list);
    scratch_close(&s);
}

static int64_t fake_now;

static int64_t a_second_later(void)
{
    return fake_now += 1000000000;
}

static int cancel_at_five(const rrk_import_stats *stats, void *ctx)
{
    ++*(int *)ctx;
    return stats->n_read >= 5;
}

static const char *many_lines(scratch *s, int n)
{
    FILE *f = fopen(scratch_file(s, "many.tsv", "", 0), "w");
    for (int i = 0; i < n; i++)
        fprintf(f, "%d\tpassage number %d\n", i, i);
    fclose(f);
    return scratch_file(s, "unused", "", 0);
}

Test(import, cancelled_keeps_the_batches_committed)
{
    scratch s = scratch_open();
    many_lines(&s, 20);
    int n_calls = 0;
    rrk_import_options options;
    rrk_import_options_init(&options);
    options.batch_passages = 2;
    options.progress = cancel_at_five;
    options.progress_ctx = &n_calls;
    rrk_import_stats stats = {.size = sizeof stats};
    char path[128];
    snprintf(path, sizeof path, "%s/many.tsv", s.dir);
    base_clock_replace(a_second_later);
    cr_assert_eq(rrk_store_import(s.store, path, &options, &stats, &s.err), RRK_E_CANCELLED);
    base_clock_replace(NULL);
    cr_assert_eq(stats.n_added, 4);
    cr_assert_eq(scratch_info(&s).n_passages, 4);
    cr_assert_geq(n_calls, 5);
    scratch_close(&s);
}

static int kill_at_thousand(const rrk_import_stats *stats, void *ctx)
{
    return stats->n_read >= 1000 ? kill(getpid(), SIGKILL) : 0;
}

Test(import, killed_leaves_whole_batches_and_can_be_done_again)
{
    enum { N = 3000, BATCH = 100 };
    scratch s = scratch_folder();
    many_lines(&s, N);
    char path[128];
    snprintf(path, sizeof path, "%s/many.tsv", s.dir);
    rrk_import_options options;
    rrk_import_options_init(&options);
    options.batch_passages = BATCH;
    pid_t child = fork();
    if (child == 0) {
        options.progress = kill_at_thousand;
        base_clock_replace(a_second_later);
        if (rrk_store_open(&s.store, s.path, NULL, NULL) == RRK_OK)
            rrk_store_import(s.store, path, &options, NULL, NULL);
        _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    cr_assert_eq(rrk_store_open(&s.store, s.path, NULL, &s.err), RRK_OK, "%s", s.err.message);
    uint64_t kept = scratch_info(&s).n_passages;
    cr_assert_eq(kept % BATCH, 0);
    cr_assert(kept >= 900 && kept < N);
    rrk_import_stats stats = {.size = sizeof stats};
    cr_assert_eq(rrk_store_import(s.store, path, &options, &stats, &s.err), RRK_OK, "%s", s.err.message);
    cr_assert_eq(stats.n_unchanged, kept);
    cr_assert_eq(stats.n_added, N - kept);
    cr_assert_eq(scratch_info(&s).n_passages, N);
    scratch_close(&s);
}

Test(import, a_batch_has_1_to_1048576_passages)
{
    scratch s = scratch_open();
    const char *path = scratch_file(&s, "c.tsv", "1\tx\n", 4);
    rrk_import_options options;
    rrk_import_options_init(&options);
    options.batch_passages = 0;
    cr_assert_eq(rrk_store_import(s.store, path, &options, NULL, &s.err), RRK_E_INVALID);
    options.batch_passages = (1u << 20) + 1;
    cr_assert_eq(rrk_store_import(s.store, path, &options, NULL, &s.err), RRK_E_INVALID);
    options.batch_passages = 1u << 20;
    cr_assert_eq(rrk_store_import(s.store, path, &options, NULL, &s.err), RRK_OK, "%s", s.err.message);
    scratch_close(&s);
}
