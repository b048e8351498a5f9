/*
 * bench-encoder: passages a second through the encoder, and what share of the processor's own rate at matrix products
 * that is. Rows of token ids come from a file, so tokenising is left out; the rows of a cross-encoder are pairs, whose
 * second part begins behind the first [SEP], those of a model with views are one list, whose anchors are part of the
 * time. Prints one JSON object. In int8 the rates of bytes stand beside it.
 */
#include "encoder/encoder.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/lines.h"
#include "bench/product_int8.h"
#include "encoder/config.h"
#include "encoder/heads.h"
#include <rrk/rrk.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MAX_ROUNDS = 1000, MAX_LINE_BYTES = 1 << 20, MAX_ROWS = 1 << 20 };

#define RATE_SECONDS 0.4
#define WARM_UP_SHARE 8 /* of the rows, one in so many */

typedef struct bench {
    rrk_encoder *encoder;
    enc_config config;
    int32_t *ids; /* of all rows, end to end; owned */
    size_t n_ids, cap_ids;
    enc_row *rows; /* owned; ids point into the above once all are read */
    size_t n_rows, cap_rows;
    float *out;            /* [n_rows, floats a row]; owned */
    float *scores;         /* with views, of the list: [n_rows, n_views]; owned; otherwise NULL */
    double gflop;          /* of all rows, see count_gflop() */
    bench_int8_rates int8; /* in int8; zeros otherwise */
} bench;

typedef struct settings {
    const char *model, *ids_path, *out_path;
    int n_rounds, n_threads;
    rrk_dtype dtype;
    const char *device;
    size_t batch_tokens; /* 0: as the encoder finds best */
} settings;

typedef struct round_result {
    double seconds;
    double cpu_seconds;
    double share;     /* of the better product rate of this round, by the clock on the wall */
    double cpu_share; /* the same by CPU time, which other programs of a shared machine disturb little */
    bench_rates rates;
} round_result;

static void bench_free(bench *b)
{
    rrk_encoder_close(b->encoder);
    enc_config_free(&b->config);
    base_free(b->ids);
    base_free(b->rows);
    base_free(b->out);
    base_free(b->scores);
}

static rrk_status add_id(bench *b, int32_t id, rrk_error *err)
{
    if (b->n_ids == b->cap_ids) {
        size_t cap = b->cap_ids ? 2 * b->cap_ids : 4096;
        int32_t *ids = base_realloc(b->ids, cap, sizeof *ids);
        if (!ids)
            return base_fail_nomem(err, cap * sizeof *ids);
        b->ids = ids;
        b->cap_ids = cap;
    }
    b->ids[b->n_ids++] = id;
    return RRK_OK;
}

/* The next free row, empty. */
static rrk_status add_row(bench *b, enc_row **out, rrk_error *err)
{
    if (b->n_rows == MAX_ROWS)
        return base_fail(err, RRK_E_INVALID, 0, "more than %d rows", (int)MAX_ROWS);
    if (b->n_rows == b->cap_rows) {
        size_t cap = b->cap_rows ? 2 * b->cap_rows : 1024;
        enc_row *rows = base_realloc(b->rows, cap, sizeof *rows);
        if (!rows)
            return base_fail_nomem(err, cap * sizeof *rows);
        b->rows = rows;
        b->cap_rows = cap;
    }
    *out = &b->rows[b->n_rows++];
    **out = (enc_row){0};
    return RRK_OK;
}

static rrk_status read_row(bench *b, const base_lines *lines, const char *line, rrk_error *err)
{
    enc_row *row = NULL;
    RRK_TRY(add_row(b, &row, err));
    size_t first = b->n_ids;
    while (*line) {
        char *end;
        errno = 0;
        long id = strtol(line, &end, 10);
        if (end == line || errno || id < 0 || id >= (long)b->config.n_vocab)
            return base_fail(err, RRK_E_FORMAT, 0, "%s:%llu: not a row of token ids", base_lines_name(lines),
                             (unsigned long long)base_lines_number(lines));
        RRK_TRY(add_id(b, (int32_t)id, err));
        line = end + strspn(end, " ");
    }
    row->n_ids = (uint32_t)(b->n_ids - first);
    return RRK_OK;
}

static rrk_status read_rows(bench *b, const char *path, rrk_error *err)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    RRK_TRY(base_lines_open(&lines, path, MAX_LINE_BYTES, err));
    for (;;) {
        rrk_text line;
        bool more;
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more)
            return b->n_rows ? RRK_OK : base_fail(err, RRK_E_INVALID, 0, "'%s' has no rows", path);
        RRK_TRY(read_row(b, lines, line.data, err));
    }
}

/* Points rows at their ids, which no longer move, and says where a pair's second part begins. */
static void settle_rows(bench *b)
{
    int32_t sep = enc_special_ids(b->encoder)->sep;
    size_t at = 0;
    for (size_t i = 0; i < b->n_rows; i++) {
        enc_row *row = &b->rows[i];
        row->ids = b->ids + at;
        at += row->n_ids;
        row->type1_from = row->n_ids;
        for (uint32_t t = 0; enc_head(b->encoder) == RRK_HEAD_CROSS && t < row->n_ids; t++) {
            if (row->ids[t] == sep) {
                row->type1_from = t + 1;
                break;
            }
        }
    }
}

/*
 * Linear layers and attention of what has to be computed: in the last layer, all keys and values, and the rest for rows
 * that are read. What else there is (norms, softmax, activation, pooling, a decoder step) is work, but not counted.
 */
static double count_gflop(const bench *b)
{
    const enc_config *c = &b->config;
    double d = c->d_model, inner = c->family == ENC_FAMILY_T5 ? c->n_heads * c->t5.d_head : d, flop = 0;
    double ff = c->d_ff * (c->family == ENC_FAMILY_T5 && c->t5.is_gated ? 3.0 : 2.0);
    double keys = 4 * d * inner, others = 4 * d * inner + 2 * d * ff;
    size_t n_read = enc_rows_read(c).count;
    for (size_t i = 0; i < b->n_rows; i++) {
        double n = b->rows[i].n_ids, read = n_read ? (double)n_read : n;
        flop += ((c->n_layers - 1) * n + read) * (others + 4 * n * inner) + c->n_layers * n * keys;
    }
    return flop * 1e-9;
}

/* By the int8 products of the encoder's own instruction set. */
static rrk_status measure_int8(bench *b, const settings *s, rrk_error *err)
{
    const cpu_kernels *kernels = cpu_kernels_best();
    for (size_t i = 0; s->device && cpu_kernels_at(i); i++) {
        if (strcmp(s->device, "cpu") != 0 && strcmp(s->device + strlen("cpu:"), cpu_kernels_at(i)->isa) == 0)
            kernels = cpu_kernels_at(i);
    }
    const cpu_narrow *table = cpu_narrow_for(kernels, RRK_DTYPE_INT8);
    return table ? bench_int8_measure(table, s->n_threads, RATE_SECONDS, &b->int8, err) : RRK_OK;
}

static rrk_status prepare(bench *b, const settings *s, rrk_error *err)
{
    rrk_encoder_options options;
    rrk_encoder_options_init(&options);
    options.n_threads = s->n_threads;
    options.dtype = s->dtype;
    options.device = s->device;
    options.batch_tokens = s->batch_tokens;
    RRK_TRY(enc_config_read(&b->config, s->model, err));
    RRK_TRY(rrk_encoder_open(&b->encoder, s->model, &options, err));
    if (s->dtype == RRK_DTYPE_INT8)
        RRK_TRY(measure_int8(b, s, err));
    RRK_TRY(read_rows(b, s->ids_path, err));
    settle_rows(b);
    b->gflop = count_gflop(b);
    b->out = base_alloc(b->n_rows, enc_output_dim(b->encoder) * sizeof *b->out);
    if (!b->out)
        return base_fail_nomem(err, b->n_rows * enc_output_dim(b->encoder) * sizeof *b->out);
    if (enc_head(b->encoder) == RRK_HEAD_VIEWS) {
        b->scores = base_alloc(b->n_rows, enc_n_views(b->encoder) * sizeof *b->scores);
        if (!b->scores)
            return base_fail_nomem(err, b->n_rows * enc_n_views(b->encoder) * sizeof *b->scores);
    }
    size_t n_warm_up = (b->n_rows + WARM_UP_SHARE - 1) / WARM_UP_SHARE;
    return enc_run(b->encoder, b->rows, n_warm_up, b->out, NULL, err);
}

static long peak_rss_kib(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : -1;
}

/* What the reference product allocates is given back here, so that it does not add to the peak of the run. */
static rrk_status measure_rate(int n_threads, bench_rates *out, rrk_error *err)
{
    bench_product *product RRK_AUTO(bench_product_close_ptr) = NULL;
    RRK_TRY(bench_product_open(&product, n_threads, err));
    return bench_product_measure(product, RATE_SECONDS, out, err);
}

/* The rate is taken right before the rows, so that what else the machine does weighs on both. */
static rrk_status run_round(bench *b, int n_threads, round_result *out, rrk_error *err)
{
    const bench_rates *rates = &out->rates;
    RRK_TRY(measure_rate(n_threads, &out->rates, err));
    int64_t start = base_now_ns();
    double cpu_start = bench_cpu_seconds();
    RRK_TRY(enc_run(b->encoder, b->rows, b->n_rows, b->out, NULL, err));
    if (b->scores)
        RRK_TRY(enc_anchors(b->encoder, b->out, b->n_rows, b->scores, NULL, NULL, err));
    out->seconds = base_ms_since(start) * 1e-3;
    out->cpu_seconds = bench_cpu_seconds() - cpu_start;
    out->share = b->gflop / out->seconds / bench_best_gflops(rates);
    out->cpu_share = b->gflop * n_threads / out->cpu_seconds / bench_best_cpu_gflops(rates);
    return RRK_OK;
}

static int by_seconds(const void *a, const void *b)
{
    double x = ((const round_result *)a)->seconds, y = ((const round_result *)b)->seconds;
    return (x > y) - (x < y);
}

/* The round whose time is the median. */
static void print_results(const bench *b, round_result *rounds, size_t n_rounds, int n_threads)
{
    rrk_error err;
    rrk_encoder_info info = {.size = sizeof info};
    rrk_encoder_get_info(b->encoder, &info, &err);
    qsort(rounds, n_rounds, sizeof *rounds, by_seconds);
    const round_result *median = &rounds[n_rounds / 2];
    double n = (double)b->n_rows;
    const bench_rates *rates = &median->rates;
    printf("{\"compute\": \"%s\", \"threads\": %d, \"rounds\": %zu,\n", info.compute, n_threads, n_rounds);
    printf(" \"rows\": %zu, \"tokens\": %zu, \"gflop\": %.3f,\n", b->n_rows, b->n_ids, b->gflop);
    printf(" \"passages_per_s\": %.2f, \"passages_per_s_min\": %.2f, \"passages_per_s_max\": %.2f,\n",
           n / median->seconds, n / rounds[n_rounds - 1].seconds, n / rounds[0].seconds);
    printf(" \"tokens_per_s\": %.0f, \"gflop_per_s\": %.2f, \"cpu_seconds\": %.3f, \"peak_rss_mib\": %.1f,\n",
           (double)b->n_ids / median->seconds, b->gflop / median->seconds, median->cpu_seconds,
           (double)peak_rss_kib() / 1024);
    printf(" \"product_gflop_per_s\": {\"ours\": %.2f, \"blocks\": %.2f, \"whole\": %.2f, ", rates->ours.gflops,
           rates->blocks.gflops, rates->whole.gflops);
    printf("\"ours_cpu\": %.2f, \"blocks_cpu\": %.2f, \"whole_cpu\": %.2f},\n", rates->ours.cpu_gflops,
           rates->blocks.cpu_gflops, rates->whole.cpu_gflops);
    if (b->int8.ours.gflops > 0)
        printf(" \"int8_gop_per_s\": {\"ours\": %.1f, \"onednn\": %.1f, \"layers\": %.1f, \"ours_cpu\": %.1f, "
               "\"onednn_cpu\": %.1f, \"layers_cpu\": %.1f},\n",
               b->int8.ours.gflops, b->int8.whole.gflops, b->int8.layers.gflops, b->int8.ours.cpu_gflops,
               b->int8.whole.cpu_gflops, b->int8.layers.cpu_gflops);
    printf(" \"share\": %.4f, \"cpu_share\": %.4f}\n", median->share, median->cpu_share);
}

static rrk_status write_outputs(const bench *b, const char *path, rrk_error *err)
{
    base_output output RRK_AUTO(base_output_abort) = {0};
    RRK_TRY(base_output_open(&output, path, err));
    if (b->scores)
        fwrite(b->scores, enc_n_views(b->encoder) * sizeof *b->scores, b->n_rows, output.stream);
    else
        fwrite(b->out, enc_output_dim(b->encoder) * sizeof *b->out, b->n_rows, output.stream);
    return base_output_commit(&output, err);
}

static rrk_status measure(const settings *s, rrk_error *err)
{
    bench b RRK_AUTO(bench_free) = {0};
    round_result rounds[MAX_ROUNDS];
    RRK_TRY(prepare(&b, s, err));
    for (int i = 0; i < s->n_rounds; i++)
        RRK_TRY(run_round(&b, s->n_threads, &rounds[i], err));
    print_results(&b, rounds, (size_t)s->n_rounds, s->n_threads);
    return s->out_path ? write_outputs(&b, s->out_path, err) : RRK_OK;
}

/* 0 when text is not a number of 1 to most. */
static int small_number(const char *text, int most)
{
    char *end;
    long value = strtol(text, &end, 10);
    return *text && !*end && value >= 1 && value <= most ? (int)value : 0;
}

/* False for a word that is no type. */
static bool take_dtype(const char *word, rrk_dtype *out)
{
    static const char *const NAMES[] = {"auto", "f32", "bf16", "int8"};
    for (size_t i = 0; i < RRK_COUNT(NAMES); i++) {
        if (strcmp(word, NAMES[i]) == 0) {
            *out = (rrk_dtype)i;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    settings s = {.n_rounds = argc > 3 ? small_number(argv[3], MAX_ROUNDS) : 5,
                  .n_threads = argc > 4 ? small_number(argv[4], RRK_ENCODER_MAX_THREADS) : rrk_processor_count(),
                  .out_path = argc > 5 && *argv[5] ? argv[5] : NULL,
                  .device = argc > 7 && *argv[7] ? argv[7] : NULL,
                  .batch_tokens = argc > 8 ? (size_t)small_number(argv[8], RRK_ENCODER_MAX_BATCH_TOKENS) : 0};
    if (argc < 3 || argc > 9 || (argc > 8 && !s.batch_tokens) || !s.n_rounds || !s.n_threads ||
        (argc > 6 && !take_dtype(argv[6], &s.dtype))) {
        fputs("usage: bench-encoder MODEL_DIR IDS_FILE [ROUNDS [THREADS [OUTPUTS_FILE [auto|f32|bf16|int8 [DEVICE "
              "[BATCH_TOKENS]]]]]]\n",
              stderr);
        return 2;
    }
    s.model = argv[1];
    s.ids_path = argv[2];
    rrk_error err = {0};
    if (measure(&s, &err) != RRK_OK) {
        fprintf(stderr, "bench-encoder: %s\n", err.message);
        return 1;
    }
    return 0;
}
