/*
 * One sequence's attention, a head after the other. QUERY_ROWS queries at a time get their scores against all keys, the
 * scores become weights, and the weights sum up values; scores never leave the first-level cache.
 *
 * The floor is 4 * n_tokens² * d FLOP, plus an exponential (14 vector operations) for each of n_tokens² * n_heads
 * weights. Queries are read where they are, a float at a time into all lanes. A head's keys and values are read by every
 * block of queries, 3 * d floats apart, so that they would fall into few sets of the cache: both are copied once a head,
 * keys transposed for vectors of LANES keys. At 90 tokens and a d_head of 32 these copies are 24 kB.
 */

/* A head's operands. Keys beyond the last token, up to a whole vector, are zeros. */
typedef struct head {
    const float *q; /* [n_queries, d_head], rows q_stride apart */
    size_t q_stride;
    size_t stride; /* between keys, and between values */
    float *kt;     /* [d_head, n_keys] */
    float *v;      /* [n_tokens, width] */
    float *scores; /* [QUERY_ROWS, n_keys] */
    size_t n_tokens;
    size_t n_queries;
    size_t d_head;
    size_t width;      /* d_head rounded up to LANES */
    size_t n_keys;     /* n_tokens rounded up to LANES */
    float scale;       /* of scores, as powers of 2 */
    const float *bias; /* of distance 0 for the first query; NULL: none */
} head;

/* Keys [first, first + LANES) times LANES of their floats, into columns. */
static void pack_keys(const head *h, const float *k, size_t first, size_t col)
{
    size_t n_cols = h->d_head - col;
    vf rows[LANES];
    for (size_t t = 0; t < LANES; t++) {
        const float *key = k + (first + t) * h->stride + col;
        rows[t] = first + t >= h->n_tokens ? all(0) : n_cols >= LANES ? load(key) : load_some(key, n_cols);
    }
    transpose(rows);
    for (size_t i = 0; i < LANES && i < n_cols; i++)
        store(h->kt + (col + i) * h->n_keys + first, rows[i]);
}

static void pack_head(const head *h, const float *k, const float *v)
{
    for (size_t t = 0; t < h->n_keys; t += LANES) {
        for (size_t i = 0; i < h->d_head; i += LANES)
            pack_keys(h, k, t, i);
    }
    size_t whole = h->d_head / LANES * LANES;
    for (size_t t = 0; t < h->n_tokens; t++) {
        for (size_t i = 0; i < whole; i += LANES)
            store(h->v + t * h->width + i, load(v + t * h->stride + i));
        if (whole < h->d_head)
            store(h->v + t * h->width + whole, load_some(v + t * h->stride + whole, h->d_head - whole));
    }
}

/* Where a block's queries are. Beyond the last one there is the last one again, whose results nobody takes. */
typedef struct queries {
    const float *row[QUERY_ROWS];
} queries;

/* QUERY_ROWS x n_vectors vectors of scores, held in registers; n_vectors has to be known to the compiler. */
static inline __attribute__((always_inline)) void score_block(const head *h, const queries *q, size_t key,
                                                              const int n_vectors)
{
    vf acc[QUERY_ROWS][KEY_VECTORS];
    UNROLL
    for (int r = 0; r < QUERY_ROWS; r++) {
        UNROLL
        for (int c = 0; c < n_vectors; c++)
            acc[r][c] = all(0);
    }
    for (size_t i = 0; i < h->d_head; i++) {
        const float *kt = h->kt + i * h->n_keys + key;
        vf k[KEY_VECTORS];
        UNROLL
        for (int c = 0; c < n_vectors; c++)
            k[c] = load(kt + c * LANES);
        UNROLL
        for (int r = 0; r < QUERY_ROWS; r++) {
            vf x = all(q->row[r][i]);
            UNROLL
            for (int c = 0; c < n_vectors; c++)
                acc[r][c] += x * k[c];
        }
    }
    UNROLL
    for (int r = 0; r < QUERY_ROWS; r++) {
        UNROLL
        for (int c = 0; c < n_vectors; c++)
            store(h->scores + (size_t)r * h->n_keys + key + (size_t)c * LANES, acc[r][c]);
    }
}

static void score(const head *h, const queries *q)
{
    size_t key = 0;
    for (; key + (size_t)KEY_VECTORS * LANES <= h->n_keys; key += (size_t)KEY_VECTORS * LANES)
        score_block(h, q, key, KEY_VECTORS);
    switch ((h->n_keys - key) / LANES) {
    case 3:
        score_block(h, q, key, 3);
        break;
    case 2:
        score_block(h, q, key, 2);
        break;
    case 1:
        score_block(h, q, key, 1);
        break;
    default:
        break;
    }
}

/* Distances grow with keys, so the biases of a query's keys lie side by side. */
static void add_bias(const head *h, size_t row)
{
    for (size_t r = 0; r < QUERY_ROWS; r++) {
        size_t query = row + r < h->n_queries ? row + r : h->n_queries - 1;
        float *scores = h->scores + r * h->n_keys;
        for (size_t t = 0; t < h->n_keys; t += LANES)
            store(scores + t, load(scores + t) + load(h->bias - query + t));
    }
}

/*
 * Scores to weights, in place; factors are what they have to be multiplied with, so that a row sums up to 1. Each step is
 * done for all rows before the next one, because a row's steps wait for each other.
 */
static void softmax(const head *h, float factors[QUERY_ROWS])
{
    size_t last = h->n_keys - LANES;
    vf scale = all(h->scale), offset[QUERY_ROWS], sums[QUERY_ROWS];
    vi is_token = lane_numbers() < (int32_t)(h->n_tokens - last) - (vi){0};
    for (size_t r = 0; r < QUERY_ROWS; r++) {
        float *scores = h->scores + r * h->n_keys;
        vf top = pick(is_token, load(scores + last), all(-INFINITY));
        store(scores + last, top);
        for (size_t t = 0; t < last; t += LANES)
            top = larger(top, load(scores + t));
        offset[r] = top;
    }
    for (size_t r = 0; r < QUERY_ROWS; r++)
        offset[r] = all(max_of(offset[r]) * h->scale);
    for (size_t r = 0; r < QUERY_ROWS; r++) {
        sums[r] = all(0);
        for (size_t t = 0; t < h->n_keys; t += LANES) {
            float *scores = h->scores + r * h->n_keys + t;
            vf weight = exp2_below_0(load(scores) * scale - offset[r]);
            store(scores, weight);
            sums[r] += weight;
        }
    }
    for (size_t r = 0; r < QUERY_ROWS; r++)
        factors[r] = 1 / sum_of(sums[r]);
}

/* Up to two vectors of each of QUERY_ROWS outputs, from value column i; n_vectors has to be known to the compiler. */
static inline __attribute__((always_inline)) void weigh_block(const head *h, size_t i, const int n_vectors,
                                                              vf acc[QUERY_ROWS][2])
{
    UNROLL
    for (int r = 0; r < QUERY_ROWS; r++)
        acc[r][0] = acc[r][1] = all(0);
    for (size_t t = 0; t < h->n_tokens; t++) {
        const float *value = h->v + t * h->width + i;
        vf v[2];
        UNROLL
        for (int c = 0; c < n_vectors; c++)
            v[c] = load(value + c * LANES);
        UNROLL
        for (int r = 0; r < QUERY_ROWS; r++) {
            vf weight = all(h->scores[(size_t)r * h->n_keys + t]);
            UNROLL
            for (int c = 0; c < n_vectors; c++)
                acc[r][c] += weight * v[c];
        }
    }
}

static void weigh(const head *h, const float *factors, float *out, size_t out_stride, size_t n_rows)
{
    for (size_t i = 0; i < h->width; i += 2 * LANES) {
        vf acc[QUERY_ROWS][2];
        int n_vectors = i + LANES < h->width ? 2 : 1;
        if (n_vectors == 2)
            weigh_block(h, i, 2, acc);
        else
            weigh_block(h, i, 1, acc);
        for (size_t r = 0; r < n_rows; r++) {
            for (size_t c = 0; c < (size_t)n_vectors; c++) {
                size_t col = i + c * LANES;
                store_some(out + r * out_stride + col, acc[r][c] * all(factors[r]), h->d_head - col);
            }
        }
    }
}

static void attend_head(const head *h, float *out, size_t out_stride)
{
    float factors[QUERY_ROWS];
    for (size_t row = 0; row < h->n_queries; row += QUERY_ROWS) {
        size_t left = h->n_queries - row, n_rows = left < QUERY_ROWS ? left : QUERY_ROWS;
        queries q;
        for (size_t r = 0; r < QUERY_ROWS; r++)
            q.row[r] = h->q + (row + (r < n_rows ? r : n_rows - 1)) * h->q_stride;
        score(h, &q);
        if (h->bias)
            add_bias(h, row);
        softmax(h, factors);
        weigh(h, factors, out + row * out_stride, out_stride, n_rows);
    }
}

static void attention(const cpu_attention *a)
{
    size_t d_head = a->d / a->n_heads;
    head h = {
        .q_stride = a->q_stride,
        .stride = a->kv_stride,
        .n_tokens = a->n_tokens,
        .n_queries = a->n_queries,
        .d_head = d_head,
        .width = (d_head + LANES - 1) / LANES * LANES,
        .n_keys = (a->n_tokens + LANES - 1) / LANES * LANES,
        .scale = a->scale * LOG2_E,
    };
    h.kt = a->scratch;
    h.v = h.kt + h.width * h.n_keys;
    h.scores = h.v + h.width * h.n_keys;
    for (size_t i = 0; i < a->n_heads; i++) {
        const float *k = a->kv + i * d_head;
        h.q = a->q + i * d_head;
        h.bias = a->bias ? a->bias + i * a->bias_stride - a->first_query : NULL;
        pack_head(&h, k, k + a->d);
        attend_head(&h, a->out + i * d_head, a->d);
    }
}
