/*
 * bench-batching: what it costs that many callers share one encoder. Sixteen threads that rank 20 passages each
 * against one that ranks all 320, and how long a list of 5 takes while other threads rank lists of 500 without a
 * pause. Embedding reranker; passages come from a file, one a line. Prints one JSON object.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/lines.h"
#include <rrk/rrk.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_CALLERS = 16, LIST = 20, N_PASSAGES = N_CALLERS * LIST, SMALL = 5, LARGE = 500, MAX_LINE_BYTES = 1 << 20 };
enum { MAX_ROUNDS = 100, MAX_FLOOD = 64, MAX_SMALL_CALLS = 1000 };

typedef struct bench {
    rrk_encoder *encoder;
    rrk_reranker *reranker;
    char *texts[LARGE]; /* owned */
    rrk_passage passages[LARGE];
    atomic_bool stop;
} bench;

static void bench_free(bench *b)
{
    rrk_reranker_close(b->reranker);
    rrk_encoder_close(b->encoder);
    for (size_t i = 0; i < LARGE; i++)
        base_free(b->texts[i]);
}

static rrk_status read_passages(bench *b, const char *path, rrk_error *err)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    RRK_TRY(base_lines_open(&lines, path, MAX_LINE_BYTES, err));
    for (size_t i = 0; i < LARGE; i++) {
        rrk_text line;
        bool more;
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more)
            return base_fail(err, RRK_E_INVALID, 0, "'%s' has %zu lines, expected %d", path, i, (int)LARGE);
        b->texts[i] = base_strndup(line.data, line.len);
        if (!b->texts[i])
            return base_fail_nomem(err, line.len);
        b->passages[i].text = (rrk_text){b->texts[i], line.len};
    }
    return RRK_OK;
}

static rrk_status prepare(bench *b, const char *model, const char *path, size_t batch_tokens, rrk_error *err)
{
    RRK_TRY(read_passages(b, path, err));
    rrk_encoder_options encoder_options;
    rrk_encoder_options_init(&encoder_options);
    encoder_options.batch_tokens = batch_tokens;
    RRK_TRY(rrk_encoder_open(&b->encoder, model, &encoder_options, err));
    rrk_reranker_options options;
    rrk_reranker_options_init(&options);
    options.encoder = b->encoder;
    return rrk_reranker_open(&b->reranker, "embedding", &options, err);
}

/* Milliseconds, or the program ends: a benchmark with failing calls measures nothing. */
static double rank(bench *b, size_t first, size_t n, uint64_t *n_tokens)
{
    rrk_rank_stats stats = {.size = sizeof stats};
    rrk_rank_options options;
    rrk_rank_options_init(&options);
    options.stats = &stats;
    rrk_hit hits[LARGE];
    size_t n_hits = n;
    rrk_error err;
    int64_t start = base_now_ns();
    if (rrk_reranker_rank(b->reranker, rrk_text_of("how do plants make sugar from light"), b->passages + first, n,
                          &options, hits, &n_hits, &err) != RRK_OK) {
        fprintf(stderr, "bench-batching: %s\n", err.message);
        exit(1);
    }
    if (n_tokens)
        *n_tokens = stats.n_tokens;
    return base_ms_since(start);
}

static void start_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
    if (pthread_create(thread, NULL, run, arg) == 0)
        return;
    fputs("bench-batching: cannot start a thread\n", stderr);
    exit(1);
}

/* --- sixteen against one --- */

typedef struct caller {
    bench *bench;
    size_t first;
    pthread_t thread;
} caller;

static void *rank_list(void *arg)
{
    caller *c = arg;
    rank(c->bench, c->first, LIST, NULL);
    return NULL;
}

static double rank_apart(bench *b)
{
    caller callers[N_CALLERS];
    int64_t start = base_now_ns();
    for (size_t i = 0; i < N_CALLERS; i++) {
        callers[i] = (caller){.bench = b, .first = i * LIST};
        start_thread(&callers[i].thread, rank_list, &callers[i]);
    }
    for (size_t i = 0; i < N_CALLERS; i++)
        pthread_join(callers[i].thread, NULL);
    return base_ms_since(start);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest value that the given share of them does not exceed. */
static double quantile(double *values, size_t n, double share)
{
    qsort(values, n, sizeof *values, by_value);
    size_t at = (size_t)(share * (double)n + 0.999999);
    return values[RRK_MIN(RRK_MAX(at, (size_t)1), n) - 1];
}

static void measure_sharing(bench *b, size_t n_rounds)
{
    double together[MAX_ROUNDS], apart[MAX_ROUNDS], ratio[MAX_ROUNDS];
    rank(b, 0, N_PASSAGES / 8, NULL);
    for (size_t i = 0; i < n_rounds; i++) {
        together[i] = rank(b, 0, N_PASSAGES, NULL);
        apart[i] = rank_apart(b);
        ratio[i] = together[i] / apart[i];
    }
    double median = quantile(ratio, n_rounds, 0.5);
    printf(" \"one_list\": {\"passages\": %d, \"ms\": %.1f},\n", (int)N_PASSAGES, quantile(together, n_rounds, 0.5));
    printf(" \"lists\": {\"threads\": %d, \"passages\": %d, \"ms\": %.1f},\n", (int)N_CALLERS, (int)LIST,
           quantile(apart, n_rounds, 0.5));
    printf(" \"throughput_ratio\": %.4f, \"min\": %.4f, \"max\": %.4f,\n", median, ratio[0], ratio[n_rounds - 1]);
}

/* --- a list of 5 under a flood --- */

static void *flood(void *arg)
{
    bench *b = arg;
    while (!atomic_load(&b->stop))
        rank(b, 0, LARGE, NULL);
    return NULL;
}

/* What the encoder does in a second when all its threads are busy, tokens. */
static double tokens_per_second(bench *b)
{
    uint64_t n_tokens;
    double ms = rank(b, 0, LARGE, &n_tokens);
    return (double)n_tokens / ms * 1e3;
}

static void measure_flood(bench *b, size_t n_flood, size_t n_calls)
{
    double alone[LARGE / SMALL], busy[MAX_SMALL_CALLS], waited[MAX_SMALL_CALLS];
    rrk_encoder_info info = {.size = sizeof info};
    rrk_encoder_get_info(b->encoder, &info, NULL);
    double batch_ms = (double)info.batch_tokens * info.n_threads / tokens_per_second(b) * 1e3;
    for (size_t i = 0; i < LARGE / SMALL; i++)
        alone[i] = rank(b, SMALL * i, SMALL, NULL);
    pthread_t threads[MAX_FLOOD];
    for (size_t i = 0; i < n_flood; i++)
        start_thread(&threads[i], flood, b);
    for (size_t i = 0; i < n_calls; i++) {
        size_t list = i % (LARGE / SMALL);
        busy[i] = rank(b, SMALL * list, SMALL, NULL);
        waited[i] = busy[i] - alone[list];
    }
    atomic_store(&b->stop, true);
    double own = quantile(alone, LARGE / SMALL, 0.5), p99 = quantile(waited, n_calls, 0.99);
    printf(" \"batch_tokens\": %zu, \"batch_ms\": %.1f,\n", info.batch_tokens, batch_ms);
    printf(" \"list_of_5\": {\"flood\": %zu, \"calls\": %zu, \"alone_ms\": %.1f, \"p50_ms\": %.1f, \"p99_ms\": %.1f,"
           " \"max_ms\": %.1f,\n",
           n_flood, n_calls, own, quantile(busy, n_calls, 0.5), quantile(busy, n_calls, 0.99),
           quantile(busy, n_calls, 1));
    /* What a call took beyond what the same list takes alone. */
    printf("  \"p99_beyond_own_ms\": %.1f, \"two_batches_ms\": %.1f, \"within\": %s}}\n", p99, 2 * batch_ms,
           p99 <= 2 * batch_ms ? "true" : "false");
    fflush(stdout);
    for (size_t i = 0; i < n_flood; i++)
        pthread_join(threads[i], NULL);
}

/* What is asked for, or most + 1 when text is no such number. */
static size_t number(const char *text, size_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    return *text && !*end && value <= most ? value : most + 1;
}

int main(int argc, char **argv)
{
    size_t n_rounds = argc > 3 ? number(argv[3], MAX_ROUNDS) : 5;
    size_t n_flood = argc > 4 ? number(argv[4], MAX_FLOOD) : 4;
    size_t n_calls = argc > 5 ? number(argv[5], MAX_SMALL_CALLS) : 200;
    size_t batch_tokens = argc > 6 ? number(argv[6], RRK_ENCODER_MAX_BATCH_TOKENS) : 0;
    if (argc < 3 || argc > 7 || n_rounds - 1 >= MAX_ROUNDS || n_flood > MAX_FLOOD || n_calls - 1 >= MAX_SMALL_CALLS ||
        batch_tokens > RRK_ENCODER_MAX_BATCH_TOKENS) {
        fputs("usage: bench-batching MODEL_DIR PASSAGES_FILE [ROUNDS [FLOOD_THREADS [SMALL_CALLS [BATCH_TOKENS]]]]\n",
              stderr);
        return 2;
    }
    bench b RRK_AUTO(bench_free) = {0};
    rrk_error err = {0};
    if (prepare(&b, argv[1], argv[2], batch_tokens, &err) != RRK_OK) {
        fprintf(stderr, "bench-batching: %s\n", err.message);
        return 1;
    }
    rrk_encoder_info info = {.size = sizeof info};
    rrk_encoder_get_info(b.encoder, &info, &err);
    printf("{\"compute\": \"%s\", \"threads\": %d, \"rounds\": %zu,\n", info.compute, info.n_threads, n_rounds);
    measure_sharing(&b, n_rounds);
    measure_flood(&b, n_flood, n_calls);
    return 0;
}
