/*
 * XLM-RoBERTa's cross-encoders and embedders from a folder to an order, by the public calls: tiny models with a unigram
 * tokenizer.json against what transformers and tokenizers give, and the folders that are refused.
 */
#include "base/rng.h"
#include "tests/encoder/tiny_model.h"
#include <rrk/rerank.h>

#include <math.h>

enum { N_PASSAGES = 40, TOP = 10, TEXT_BYTES = 1024, MAX_WORDS = 60, FIRST_WORD = 5, N_WORDS = 990 };
static const uint64_t SEED = 20261124;
static const char QUERY[] = "word30 word31 word500";

typedef struct rig {
    folder f;
    rrk_encoder *encoder;
    rrk_reranker *reranker;
} rig;

static void rig_open(rig *r, const char *strategy)
{
    rrk_encoder_options options;
    rrk_encoder_options_init(&options);
    options.n_threads = 2;
    rrk_error err;
    cr_assert_eq(rrk_encoder_open(&r->encoder, r->f.dir, &options, &err), RRK_OK, "%s", err.message);
    rrk_reranker_options reranker;
    rrk_reranker_options_init(&reranker);
    reranker.encoder = r->encoder;
    cr_assert_eq(rrk_reranker_open(&r->reranker, strategy, &reranker, &err), RRK_OK, "%s", err.message);
}

static void rig_close(rig *r)
{
    rrk_reranker_close(r->reranker);
    rrk_encoder_close(r->encoder);
    folder_remove(&r->f);
}

static rig rig_write(const char *shape)
{
    rig r = {.f = folder_new()};
    tiny_write(&r.f, tiny_shape_of(shape), NULL);
    return r;
}

/* As in tools/golden_xlmr.py. */
static void write_text(char text[TEXT_BYTES], uint64_t i)
{
    size_t n = 1 + base_rng_at(SEED, i) % MAX_WORDS, at = 0;
    for (size_t w = 0; w < n; w++)
        at += (size_t)snprintf(text + at, TEXT_BYTES - at, "%sword%u", w ? " " : "",
                               FIRST_WORD + (unsigned)(base_rng_at(SEED + 1 + i, w) % N_WORDS));
    if (i % 3 == 0)
        snprintf(text + at, TEXT_BYTES - at, " Wort");
}

static void read_golden(const char *shape, double scores[N_PASSAGES])
{
    char path[512], line[256], wanted[48], name[48];
    snprintf(path, sizeof path, "%s/tests/encoder/golden/xlmr.txt", getenv("RRK_TEST_SOURCE"));
    snprintf(wanted, sizeof wanted, "%s-list", shape);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    size_t n = 0, passage;
    double score;
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%47s %zu %lf", name, &passage, &score) != 3 || strcmp(name, wanted) != 0)
            continue;
        cr_assert_lt(passage, (size_t)N_PASSAGES);
        scores[passage] = score;
        n++;
    }
    fclose(f);
    cr_assert_eq(n, N_PASSAGES);
}

static double spread_of(const double *scores)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < N_PASSAGES; i++)
        sum += scores[i];
    for (size_t i = 0; i < N_PASSAGES; i++)
        squares += (scores[i] - sum / N_PASSAGES) * (scores[i] - sum / N_PASSAGES);
    return sqrt(squares / N_PASSAGES);
}

/* How many passages PyTorch gives a higher score. */
static size_t place_of(const double *scores, size_t passage)
{
    size_t place = 0;
    for (size_t i = 0; i < N_PASSAGES; i++)
        place += scores[i] > scores[passage];
    return place;
}

static void expect_golden(const rig *r, const char *shape)
{
    static char texts[N_PASSAGES][TEXT_BYTES];
    rrk_passage passages[N_PASSAGES] = {0};
    rrk_hit hits[N_PASSAGES];
    double want[N_PASSAGES];
    for (size_t i = 0; i < N_PASSAGES; i++) {
        write_text(texts[i], i);
        passages[i].text = rrk_text_of(texts[i]);
    }
    read_golden(shape, want);
    size_t n = N_PASSAGES;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(r->reranker, rrk_text_of(QUERY), passages, N_PASSAGES, NULL, hits, &n, &err), RRK_OK,
                 "%s", err.message);
    cr_assert_eq(n, N_PASSAGES);
    for (size_t i = 0; i < N_PASSAGES; i++)
        cr_assert_float_eq(hits[i].score, want[hits[i].index], 1e-4 * spread_of(want), "%s, passage %zu: %.9g, %.9g",
                           shape, hits[i].index, hits[i].score, want[hits[i].index]);
    for (size_t i = 0; i < TOP; i++)
        cr_assert_eq(place_of(want, hits[i].index), i, "%s", shape);
}

Test(xlmr, cross_encoders_order_as_transformers_do)
{
    static const char *const SHAPES[] = {"xlmr-cross", "xlmr-odd"};
    for (size_t i = 0; i < RRK_COUNT(SHAPES); i++) {
        rig r = rig_write(SHAPES[i]);
        rig_open(&r, "cross");
        expect_golden(&r, SHAPES[i]);
        rig_close(&r);
    }
}

#define MODULE(type, path) "{\"type\":\"sentence_transformers.models." type "\",\"path\":\"" path "\"}"

/* What sentence-transformers puts beside bge-m3, and prompts, as multilingual-e5 wants them. */
static void write_sentence_files(folder *f)
{
    folder_text(
        f, "modules.json",
        "[" MODULE("Transformer", "") "," MODULE("Pooling", "1_Pooling") "," MODULE("Normalize", "2_Normalize") "]");
    folder_subfolder(f, "1_Pooling");
    folder_text(f, "1_Pooling/config.json",
                "{\"word_embedding_dimension\":64,\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":false}");
    folder_text(f, "config_sentence_transformers.json",
                "{\"prompts\":{\"query\":\"query: \",\"passage\":\"passage: \"}}");
}

Test(xlmr, embedders_order_as_transformers_do)
{
    rig r = rig_write("xlmr");
    write_sentence_files(&r.f);
    rig_open(&r, "embedding");
    expect_golden(&r, "xlmr");
    rig_close(&r);
}

/* Positions begin at 2, so that 162 of them are 160 tokens. */
Test(xlmr, a_row_may_be_as_long_as_there_are_positions_behind_the_padding)
{
    rig r = rig_write("xlmr-cross");
    rig_open(&r, "cross");
    cr_assert_eq(enc_max_tokens(r.encoder), TINY_POSITIONS);
    static char text[8 * 400];
    for (size_t i = 0, at = 0; i < 400; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "word%zu ", 100 + i);
    rrk_passage one = {.text = rrk_text_of(text)};
    rrk_hit hit;
    size_t n = 1;
    rrk_error err;
    cr_assert_eq(rrk_reranker_rank(r.reranker, rrk_text_of(text), &one, 1, NULL, &hit, &n, &err), RRK_OK, "%s",
                 err.message);
    cr_assert(isfinite(hit.score));
    rig_close(&r);
}

/* --- what is refused --- */

static void expect_refusal(folder *f, rrk_status status, const char *part)
{
    rrk_encoder *encoder = NULL;
    rrk_error err;
    rrk_status got = rrk_encoder_open(&encoder, f->dir, NULL, &err);
    cr_expect_eq(got, status, "%s instead of %s: %s", rrk_status_name(got), rrk_status_name(status), err.message);
    cr_expect_not_null(strstr(err.message, part), "'%s' lacks '%s'", err.message, part);
    rrk_encoder_close(encoder);
}

Test(xlmr, a_vocabulary_of_bert_is_refused)
{
    rig r = rig_write("xlmr-cross");
    cr_assert_eq(unlink(folder_path(&r.f, "tokenizer.json")), 0);
    tiny_write_vocab(&r.f);
    expect_refusal(&r.f, RRK_E_FORMAT, "its padding token is 0, the model's 'pad_token_id' 1");
    folder_remove(&r.f);
}

Test(xlmr, a_byte_level_vocabulary_of_roberta_is_refused)
{
    rig r = rig_write("xlmr-cross");
    folder_text(&r.f, "tokenizer.json",
                "{\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\"}}");
    expect_refusal(&r.f, RRK_E_UNSUPPORTED, "tokenizer.json");
    cr_assert_eq(unlink(folder_path(&r.f, "tokenizer.json")), 0);
    folder_text(&r.f, "vocab.json", "{}");
    folder_text(&r.f, "merges.txt", "");
    expect_refusal(&r.f, RRK_E_NOTFOUND, "tokenizer.json");
    folder_remove(&r.f);
}

Test(xlmr, a_tensor_that_is_missing_or_of_another_shape_is_named)
{
    static const struct {
        const char *tensor, *part;
    } CASES[] = {
        {"classifier.dense.weight", "63x64, expected 64x64"},
        {"classifier.out_proj.bias", "expected 1"},
        {"roberta.embeddings.position_embeddings.weight", "161x64, expected 162x64"},
        {"roberta.embeddings.token_type_embeddings.weight", "expected 1x64"},
    };
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        folder f = folder_new();
        tiny_write(&f, tiny_shape_of("xlmr-cross"), CASES[i].tensor);
        expect_refusal(&f, RRK_E_FORMAT, CASES[i].tensor);
        expect_refusal(&f, RRK_E_FORMAT, CASES[i].part);
        folder_remove(&f);
    }
}

/* One head's weights under another's config. */
Test(xlmr, a_body_without_the_head_that_the_config_promises_is_refused)
{
    rig body = rig_write("xlmr"), cross = rig_write("xlmr-cross");
    char target[192];
    snprintf(target, sizeof target, "%s", folder_path(&body.f, "model.safetensors"));
    folder_link(&cross.f, "model.safetensors", target);
    expect_refusal(&cross.f, RRK_E_FORMAT, "'classifier.dense.weight' is missing");
    folder_remove(&cross.f);
    folder_remove(&body.f);
}
