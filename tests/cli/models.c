/* The verbs that need a model, on tiny ones with random weights: what they mean is nothing, but equal texts are equal. */
#include "tiny.h"

#include <jansson.h>
#include <signal.h>
#include <sys/wait.h>

static const char *const texts[] = {"word5 word6 word7",    "word20 word21 word22 word23", "word40 word5 word41",
                                    "word60 word61 word60", "word80 word81 word82 word6",  "word100 word101",
                                    "word120 word7 word121"};

static const char *make_store(void)
{
    static char lines[4096];
    const char *store = child_path("models.db");
    size_t at = 0;
    for (size_t i = 0; i < RRK_COUNT(texts); i++)
        at += (size_t)snprintf(lines + at, sizeof lines - at, "d%zu\t%s\n", i, texts[i]);
    RUN(result, lines, "import", "--store", store, "--format", "msmarco", "-");
    expect_done();
    return store;
}

/* All texts as candidates of the text at index asked, which has the qid q. */
static const char *make_candidates(const char *name, size_t asked)
{
    static char line[4096];
    const char *path = child_path(name);
    size_t at = (size_t)snprintf(line, sizeof line, "{\"qid\":\"q\",\"query\":\"%s\",\"candidates\":[", texts[asked]);
    for (size_t i = 0; i < RRK_COUNT(texts); i++)
        at += (size_t)snprintf(line + at, sizeof line - at, "%s{\"docid\":\"d%zu\",\"text\":\"%s\"}", i ? "," : "", i,
                               texts[i]);
    snprintf(line + at, sizeof line - at, "]}\n");
    child_write(path, line);
    return path;
}

/* A run of n lines of one query: ranks count, scores decrease as floats. */
static void expect_run(const char *run, size_t n, const char *first)
{
    float last = __builtin_inff(), score;
    size_t n_lines = 0, rank;
    char docid[32];
    for (const char *at = run; *at; at = strchr(at, '\n') + 1) {
        cr_assert_eq(sscanf(at, "q Q0 %31s %zu %f ", docid, &rank, &score), 3, "%s", at);
        cr_assert_eq(rank, ++n_lines, "%s", at);
        cr_assert(score < last, "not below the line above: %s", at);
        cr_assert(!first || rank > 1 || strcmp(docid, first) == 0, "%s is first, not %s", docid, first);
        last = score;
    }
    cr_assert_eq(n_lines, n, "%s", run);
}

static const char *slurp(const char *path)
{
    static char content[1 << 16];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    return content;
}

Test(embed, gives_every_passage_a_vector_once, .fini = drop_model)
{
    const char *store = make_store(), *dir = make_model(EMBEDDING);
    RUN(result, NULL, "embed", "--store", store, "--model", dir, "--threads", "1");
    expect_done();
    cr_assert_not_null(strstr(result.out, "7 embedded"), "%s", result.out);
    RUN(result, NULL, "embed", "--store", store, "--model", dir, "--threads", "1");
    expect_done();
    cr_assert_eq(strncmp(result.out, "0 embedded", 10), 0, "%s", result.out);
    RUN(result, NULL, "info", "--json", store);
    expect_done();
    int n_vectors, width;
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_eq(json_unpack(json, "{s:i, s:i}", "vectors", &n_vectors, "vector_width", &width), 0, "%s", result.out);
    cr_assert(n_vectors == 7 && width == 64, "%s", result.out);
    json_decref(json);
}

Test(embed, a_cross_encoder_cannot, .fini = drop_model)
{
    const char *store = make_store(), *dir = make_model(CROSS);
    RUN(result, NULL, "embed", "--store", store, "--model", dir);
    expect_failure("rrk embed: ");
}

Test(embed, vectors_of_another_model_are_replaced_on_request_only, .fini = drop_model)
{
    const char *store = make_store(), *dir = make_model(EMBEDDING);
    RUN(result, NULL, "embed", "--store", store, "--model", dir, "--threads", "1");
    expect_done();
    drop_model();
    tiny_shape wider = TINY_SHAPES[EMBEDDING];
    wider.d_model = 32;
    model = folder_new();
    tiny_write(&model, &wider, NULL);
    RUN(result, NULL, "embed", "--store", store, "--model", model.dir, "--threads", "1");
    expect_failure("rrk embed: ");
    RUN(result, NULL, "embed", "--store", store, "--model", model.dir, "--threads", "1", "--replace");
    expect_done();
    cr_assert_not_null(strstr(result.out, "7 embedded"), "%s", result.out);
}

Test(retrieve, by_vectors_finds_the_text_itself_first, .fini = drop_model)
{
    const char *store = make_store(), *dir = make_model(EMBEDDING), *queries = child_path("dense.tsv");
    child_write(queries, "q\tword40 word5 word41\n");
    RUN(result, NULL, "retrieve", "-s", store, "-q", queries, "--retriever", "dense", "--model", dir);
    expect_failure("rrk retrieve: ");
    RUN(result, NULL, "embed", "--store", store, "--model", dir, "--threads", "1");
    expect_done();
    RUN(result, NULL, "retrieve", "-s", store, "-q", queries, "--retriever", "dense", "--model", dir, "-t", "1");
    expect_done();
    expect_run(result.out, 7, "d2");
    cr_assert_not_null(strstr(result.out, " dense\n"));
    RUN(result, NULL, "retrieve", "-s", store, "-q", queries, "--retriever", "hybrid", "--model", dir, "-k", "3");
    expect_done();
    expect_run(result.out, 3, "d2");
    cr_assert_not_null(strstr(result.out, " hybrid\n"));
}

static void expect_search(const char *strategy, const char *first)
{
    const char *id, *used;
    expect_done();
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_eq(json_unpack(json, "{s:s, s:[{s:s}]}", "strategy", &used, "results", "id", &id), 0, "%s", result.out);
    cr_assert_str_eq(used, strategy);
    cr_assert(!first || strcmp(id, first) == 0, "%s is first, not %s", id, first);
    json_decref(json);
}

Test(search, with_an_embedding_model, .fini = drop_model)
{
    const char *store = make_store(), *dir = make_model(EMBEDDING), *query = "word5 word6 word7";
    RUN(result, NULL, "search", "-s", store, "--strategy", "embedding", "--model", dir, "--json", query);
    expect_search("embedding", "d0");
    RUN(result, NULL, "search", "-s", store, "--model", dir, "--json", query);
    expect_search("embedding", "d0");
    RUN(result, NULL, "search", "-s", store, "--strategy", "embedding", "--model", dir, "--compare", query);
    expect_done();
    cr_assert_not_null(strstr(result.out, "embedding (+"), "%s", result.out);
    RUN(result, NULL, "search", "-s", store, "--strategy", "cross", "--model", dir, query);
    expect_failure("rrk search: ");
}

Test(search, with_a_cross_encoder, .fini = drop_model)
{
    const char *store = make_store(), *dir = make_model(CROSS);
    RUN(result, NULL, "search", "-s", store, "--model", dir, "--json", "word5 word6 word7");
    expect_search("cross", NULL);
}

Test(rerank, by_embedding_puts_the_text_itself_first, .fini = drop_model)
{
    const char *dir = make_model(EMBEDDING), *candidates = make_candidates("c.jsonl", 3), *run = child_path("c.run");
    RUN(result, NULL, "rerank", "--strategy", "embedding", "-m", dir, "-t", "1", "-c", candidates);
    expect_done();
    expect_run(result.out, 7, "d3");
    RUN(result, NULL, "rerank", "--strategy", "embedding", "-m", dir, "-t", "1", "-c", candidates, "-o", run, "-n", "2",
        "--json");
    expect_done();
    cr_assert_str_empty(result.out);
    expect_run(slurp(run), 2, "d3");
    int n_passages;
    json_t *json = json_loads(result.err, 0, NULL);
    cr_assert_eq(json_unpack(json, "{s:{s:i}}", "counts", "passages", &n_passages), 0, "%s", result.err);
    cr_assert_eq(n_passages, 7);
    json_decref(json);
}

Test(rerank, by_cross_encoder_keeps_the_candidates, .fini = drop_model)
{
    const char *dir = make_model(CROSS), *candidates = make_candidates("c.jsonl", 1);
    RUN(result, NULL, "rerank", "--strategy", "cross", "-m", dir, "-t", "1", "-c", candidates, "--tag", "mine");
    expect_done();
    expect_run(result.out, 7, NULL);
    cr_assert_not_null(strstr(result.out, " mine\n"));
    for (char docid[] = " d0 "; docid[2] < '7'; docid[2]++)
        cr_assert_not_null(strstr(result.out, docid), "%s is lost: %s", docid, result.out);
    RUN(result, NULL, "rerank", "--strategy", "embedding", "-m", dir, "-c", candidates);
    expect_failure("rrk rerank: ");
}

Test(rerank, equal_texts_get_scores_that_differ, .fini = drop_model)
{
    const char *input = "{\"qid\":\"q\",\"q_text\":\"word9\",\"bm25_results\":[{\"pid\":1,\"text\":\"word8\"},"
                        "{\"pid\":2,\"text\":\"word8\"},{\"pid\":3,\"text\":\"word8\"}]}\n";
    RUN(result, input, "rerank", "--strategy", "cross", "-m", make_model(CROSS), "-t", "1", "-c", "-");
    expect_done();
    expect_run(result.out, 3, NULL);
}

/* The same passages in the same order, so the same bytes. */
Test(rerank, of_a_run_is_that_of_its_candidates, .fini = drop_model)
{
    static child other;
    const char *store = make_store(), *dir = make_model(CROSS), *candidates = make_candidates("c.jsonl", 0);
    const char *run = child_path("first.run"), *queries = child_path("first.tsv");
    child_write(queries, "other\tword9\nq\tword5 word6 word7\n");
    child_write(run, "q Q0 d6 1 1 t\nq Q0 d5 2 2 t\nq Q0 d4 3 3 t\nq Q0 d3 4 4 t\nq Q0 d2 5 5 t\nq Q0 d1 6 6 t\n"
                     "q Q0 d0 7 7 t\n");
    RUN(result, NULL, "rerank", "-S", "cross", "-m", dir, "-t", "1", "-s", store, "--run", run, "-q", queries);
    expect_done();
    expect_run(result.out, 7, NULL);
    RUN(other, NULL, "rerank", "-S", "cross", "-m", dir, "-t", "1", "-c", candidates);
    cr_assert_str_eq(result.out, other.out);
}

/* Each query with its own text, in the order of their first lines, though the lines are mixed. */
Test(rerank, of_a_run_takes_every_query, .fini = drop_model)
{
    const char *store = make_store(), *dir = make_model(EMBEDDING);
    const char *run = child_path("mixed.run"), *queries = child_path("mixed.tsv");
    child_write(queries, "a\tword100 word101\nb\tword40 word5 word41\nc\tword5 word6 word7\n");
    child_write(run, "b Q0 d0 1 3 t\na Q0 d0 1 3 t\nc Q0 d2 1 1 t\nb Q0 d2 2 1 t\na Q0 d5 2 1 t\nc Q0 d0 2 3 t\n");
    RUN(result, NULL, "rerank", "-S", "embedding", "-m", dir, "-t", "1", "-s", store, "--run", run, "-q", queries);
    expect_done();
    static const char *const expected[] = {"b Q0 d2 1 ", "b Q0 d0 2 ", "a Q0 d5 1 ",
                                           "a Q0 d0 2 ", "c Q0 d0 1 ", "c Q0 d2 2 "};
    const char *at = result.out;
    for (size_t i = 0; i < RRK_COUNT(expected); i++, at = strchr(at, '\n') + 1)
        cr_assert_eq(strncmp(at, expected[i], strlen(expected[i])), 0, "line %zu: %s", i, result.out);
    cr_assert_str_empty(at);
}

static void rerank_run(const char *store, const char *content)
{
    const char *run = child_path("bad.run"), *queries = child_path("bad.tsv");
    child_write(queries, "q\tword5\n");
    child_write(run, content);
    RUN(result, NULL, "rerank", "-S", "cross", "-m", model.dir, "-t", "1", "-s", store, "--run", run, "-q", queries);
}

Test(rerank, of_a_bad_run_says_what_is_wrong, .fini = drop_model)
{
    const char *store = make_store();
    make_model(CROSS);
    rerank_run(store, "q Q0 d1 1 2 t\nq Q0 d1 2 1 t\n");
    expect_failure("bad.run:2: docid 'd1' comes twice for query 'q'");
    rerank_run(store, "q Q0 d1 1 2\n");
    expect_failure("bad.run:1: ");
    rerank_run(store, "q Q0 d1 1 high t\n");
    expect_failure("bad.run:1: 'high' is not a finite score");
    rerank_run(store, "q Q0 elsewhere 1 2 t\n");
    expect_failure("elsewhere");
    rerank_run(store, "stranger Q0 d1 1 2 t\n");
    expect_failure("query 'stranger'");
}

Test(rerank, of_bad_candidates_names_the_line, .fini = drop_model)
{
    const char *candidates = make_candidates("c.jsonl", 0), *run = child_path("never.run");
    FILE *file = fopen(candidates, "a");
    fputs("{\"qid\":\"r\",\"query\":\"x\",\"candidates\":[{\"text\":\"x\"}]}\n", file);
    fclose(file);
    RUN(result, NULL, "rerank", "-S", "cross", "-m", make_model(CROSS), "-t", "1", "-c", candidates, "-o", run);
    expect_failure("c.jsonl:2: a candidate has no docid");
    cr_assert_not(child_exists(run));
    static const struct {
        const char *line, *message;
    } BAD[] = {
        {"{\"qid\":\"q\",\"query\":\"x\",\"candidates\":[{\"docid\":1,\"text\":\"x\"},{\"docid\":\"1\",\"text\":\"y\"}]"
         "}",
         "b.jsonl:1: docid '1' comes twice for query 'q'"},
        {"{\"qid\":\"q\",\"query\":\"\",\"candidates\":[]}", "b.jsonl:1: query 'q' is empty"},
        {"{\"qid\":\"q\",\"query\":\"x\",\"candidates\":[{\"docid\":\"a b\",\"text\":\"x\"}]}",
         "rrk rerank: query 'q', docid 'a b': a run"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        const char *bad = child_path("b.jsonl");
        child_write(bad, BAD[i].line);
        RUN(result, NULL, "rerank", "-S", "cross", "-m", model.dir, "-t", "1", "-c", bad, "-o", run);
        expect_failure(BAD[i].message);
    }
}

Test(rerank, calibrated_is_for_models_that_know, .fini = drop_model)
{
    const char *dir = make_model(CROSS), *candidates = make_candidates("c.jsonl", 0);
    RUN(result, NULL, "rerank", "-S", "cross", "-m", dir, "-c", candidates, "--calibrated");
    cr_assert(result.code == 2 && strstr(result.err, "--calibrated is for --strategy mvp"), "%s", result.err);
    RUN(result, NULL, "rerank", "-S", "mvp", "-m", dir, "-c", candidates, "--calibrated");
    expect_failure("has no calibrated scores: its config.json lacks 'mvp_calibration'");
    RUN(result, NULL, "search", "-s", make_store(), "-m", dir, "--calibrated", "word5");
    expect_failure("has no calibrated scores");
}

Test(rerank, resume_after_other_prompts_is_refused, .fini = drop_model)
{
    const char *dir = make_model(EMBEDDING), *candidates = make_candidates("c.jsonl", 0), *run = child_path("p.run");
    FILE *file = fopen(candidates, "a");
    fputs("{\"qid\":\"r\",\"query\":\"x\",\"candidates\":[{\"text\":\"x\"}]}\n", file);
    fclose(file);
    RUN(result, NULL, "rerank", "-S", "embedding", "-m", dir, "-t", "1", "-c", candidates, "-o", run, "--resume");
    expect_failure("a candidate has no docid");
    folder_text(&model, "config_sentence_transformers.json", "{\"prompts\":{\"query\":\"query: \"}}");
    RUN(result, NULL, "rerank", "-S", "embedding", "-m", dir, "-t", "1", "-c", candidates, "-o", run, "--resume");
    expect_failure("was begun with model_fingerprint");
}

Test(rerank, provenance_says_how_the_run_came_about, .fini = drop_model)
{
    const char *dir = make_model(CROSS), *candidates = make_candidates("c.jsonl", 0), *run = child_path("kept.run");
    RUN(result, NULL, "rerank", "-S", "cross", "-m", dir, "-t", "1", "-c", candidates, "-o", run, "--provenance");
    expect_done();
    const char *strategy, *name, *compute, *file, *written;
    int n_queries, n_passages;
    json_t *json = json_loads(slurp(child_path("kept.run.json")), 0, NULL);
    cr_assert_eq(json_unpack(json, "{s:s, s:s, s:s, s:s, s:{s:s}, s:{s:i, s:i}}", "strategy", &strategy, "model", &name,
                             "compute", &compute, "written", &written, "options", "candidates", &file, "counts",
                             "queries", &n_queries, "passages", &n_passages),
                 0, "not as expected");
    cr_assert_str_eq(strategy, "cross");
    cr_assert_str_eq(file, candidates);
    cr_assert(name[0] && compute[0] && strlen(written) == strlen("2000-01-01T00:00:00Z"));
    cr_assert(n_queries == 1 && n_passages == 7);
    json_decref(json);
}

/* More than a pipe holds is written before the signal, so the verb is at work; the pipe stays open meanwhile. */
Test(rerank, interrupted_leaves_no_file, .fini = drop_model)
{
    const char *dir = make_model(CROSS), *where = child_path("interrupted");
    char run[300];
    int input, status;
    cr_assert_eq(mkdir(where, 0700), 0);
    snprintf(run, sizeof run, "%s/run.txt", where);
    const char *const arguments[] = {"rerank", "-S", "cross", "-m", dir, "-t", "1", "-c", "-", "-o", run, NULL};
    pid_t pid = child_start(arguments, &input);
    for (int i = 0; i < 20; i++)
        dprintf(input,
                "{\"qid\":\"q%d\",\"query\":\"word5\",\"candidates\":[{\"docid\":1,\"text\":\"word6 %8000s\"}]}\n", i,
                "");
    cr_assert_eq(kill(pid, SIGINT), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    close(input);
    cr_assert(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
    cr_assert_eq(WEXITSTATUS(status), 1);
    cr_assert_eq(rmdir(where), 0, "something was left in %s", where);
}

static void expect_number(const char *key, json_int_t expected)
{
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_eq(json_integer_value(json_object_get(json, key)), expected, "%s: %s", key, result.out);
    json_decref(json);
}

static void expect_word(const char *key, const char *expected)
{
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_str_eq(json_string_value(json_object_get(json, key)), expected, "%s: %s", key, result.out);
    json_decref(json);
}

Test(info, describes_a_model, .fini = drop_model)
{
    const char *dir = make_model(CROSS);
    RUN(result, NULL, "info", "--json", "--threads", "3", dir);
    expect_done();
    const tiny_shape *shape = &TINY_SHAPES[CROSS];
    expect_word("head", "cross");
    expect_word("architecture", "BertForSequenceClassification");
    expect_word("dtype", "f32");
    expect_number("layers", shape->n_layers);
    expect_number("width", shape->d_model);
    expect_number("heads", shape->n_heads);
    expect_number("vocabulary", TINY_VOCAB);
    expect_number("threads", 3);
    json_t *json = json_loads(result.out, 0, NULL);
    json_int_t n_parameters = json_integer_value(json_object_get(json, "parameters"));
    json_int_t scratch = json_integer_value(json_object_get(json, "scratch_bytes"));
    cr_assert(strstr(json_string_value(json_object_get(json, "compute")), "cpu f32 "), "%s", result.out);
    cr_assert(strstr(json_string_value(json_object_get(json, "tokenizer")), "WordPiece ("), "%s", result.out);
    json_decref(json);
    cr_assert_gt(n_parameters, 0);
    cr_assert_gt(scratch, 0);
    expect_number("weights_bytes", 4 * n_parameters);
    expect_number("memory_bytes", 4 * n_parameters + scratch);
    RUN(result, NULL, "info", "--threads", "1", dir);
    expect_done();
    cr_assert_not_null(strstr(result.out, "\nmemory           "), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "MB\n"), "%s", result.out);
}

Test(info, of_what_is_not_there_says_how_to_get_it)
{
    RUN(result, NULL, "info", "no-such/model");
    expect_failure("rrk pull no-such/model");
    RUN(result, NULL, "info", "/no/such/store.db");
    expect_failure("/no/such/store.db");
}

Test(info, of_a_model_that_lies_names_the_tensor, .fini = drop_model)
{
    model = folder_new();
    tiny_write(&model, &TINY_SHAPES[EMBEDDING], "encoder.layer.0.output.dense.weight");
    RUN(result, NULL, "info", model.dir);
    expect_failure("encoder.layer.0.output.dense.weight");
}
