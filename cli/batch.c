/* Blocks of queries through a reranker: see batch.h. */
#define RRK_EXPERIMENTAL
#include "cli/batch.h"

#include "base/alloc.h"

#define QUERIES_PER_REQUEST 16
#define MAX_BLOCK_BYTES ((size_t)256 << 20)
#define MAX_QID_IN_MESSAGE 64

typedef struct batch_slot {
    cli_ranked ranked;
    void *memory;    /* what ranked.list points to; owned */
    rrk_hit *hits;   /* [list.n_passages]; owned */
    rrk_views views; /* with n_views; what it points to is owned */
    bool ended;      /* the verb was told */
    rrk_error cause; /* why the LLM did not rank it */
} batch_slot;

typedef struct block {
    cli_batch *batch;
    batch_slot *slots;          /* [cap] */
    rrk_rank_request *requests; /* [cap] */
    size_t *slot_of;            /* [cap] the request's slot */
    size_t n;
    size_t n_requests;
    size_t n_ended;
    size_t cap;
    cli_progress progress;
    uint64_t before; /* the source's position at the block's start and end */
    uint64_t after;
    uint64_t total;
} block;

static void block_clear(block *b)
{
    for (size_t i = 0; i < b->n; i++) {
        base_free(b->slots[i].memory);
        base_free(b->slots[i].hits);
        base_free(b->slots[i].views.scores);
        base_free(b->slots[i].views.cosines);
    }
    b->n = b->n_requests = b->n_ended = 0;
}

static void block_free(block *b)
{
    cli_progress_end(&b->progress);
    if (b->slots)
        block_clear(b);
    base_free(b->slots);
    base_free(b->requests);
    base_free(b->slot_of);
}

static rrk_status block_init(block *b, cli_batch *batch, rrk_error *err)
{
    b->batch = batch;
    b->cap = batch->in_flight ? batch->in_flight * QUERIES_PER_REQUEST : 1;
    b->slots = base_calloc(b->cap, sizeof *b->slots);
    b->requests = base_calloc(b->cap, sizeof *b->requests);
    b->slot_of = base_calloc(b->cap, sizeof *b->slot_of);
    if (!b->slots || !b->requests || !b->slot_of)
        return base_fail_nomem(err, b->cap * sizeof *b->slots);
    cli_totals_init(&batch->totals);
    cli_progress_begin(&b->progress, batch->verb->name, "passages");
    return RRK_OK;
}

static rrk_text copy_text(char **at, rrk_text text)
{
    rrk_text copy = {*at, text.len};
    if (text.len)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return copy;
}

static size_t text_bytes(const cli_list *list)
{
    size_t bytes = list->qid.len + list->query.len;
    for (size_t i = 0; i < list->n_passages; i++)
        bytes += list->passages[i].id.len + list->passages[i].title.len + list->passages[i].text.len;
    return bytes;
}

/* The source overwrites a list with the next one, so a block keeps copies: passages first, then all texts. */
static rrk_status copy_list(batch_slot *slot, const cli_list *list, size_t bytes, rrk_error *err)
{
    size_t n = list->n_passages;
    slot->memory = base_calloc(n * sizeof(rrk_passage) + bytes + 1, 1);
    slot->hits = base_alloc(n, sizeof *slot->hits);
    if (!slot->memory || !slot->hits)
        return base_fail_nomem(err, n * sizeof(rrk_passage) + bytes);
    rrk_passage *passages = slot->memory;
    char *at = (char *)slot->memory + n * sizeof *passages;
    slot->ranked.list = (cli_list){copy_text(&at, list->qid), copy_text(&at, list->query), passages, n};
    for (size_t i = 0; i < n; i++) {
        passages[i].id = copy_text(&at, list->passages[i].id);
        passages[i].title = copy_text(&at, list->passages[i].title);
        passages[i].text = copy_text(&at, list->passages[i].text);
    }
    return RRK_OK;
}

static rrk_status add_list(block *b, const cli_list *list, size_t bytes, rrk_error *err)
{
    batch_slot *slot = &b->slots[b->n];
    memset(slot, 0, sizeof *slot);
    rrk_rank_stats_init(&slot->ranked.stats);
    b->n++;
    RRK_TRY(copy_list(slot, list, bytes, err));
    b->batch->totals.n_queries++;
    b->batch->totals.n_passages += list->n_passages;
    slot->ranked.skipped = b->batch->skip && b->batch->skip(b->batch->ctx, list->qid);
    if (slot->ranked.skipped) {
        b->batch->totals.n_resumed++;
        b->n_ended++;
        return RRK_OK;
    }
    b->slot_of[b->n_requests] = b->n - 1;
    b->requests[b->n_requests++] = (rrk_rank_request){.query = slot->ranked.list.query,
                                                      .passages = slot->ranked.list.passages,
                                                      .n_passages = list->n_passages,
                                                      .hits = slot->hits,
                                                      .n_hits = list->n_passages};
    return RRK_OK;
}

static void name_query(rrk_error *err, rrk_text qid)
{
    static const char NAMED[] = "query '";
    if (qid.len && strncmp(err->message, NAMED, strlen(NAMED)) != 0)
        base_error_prefix(err, "query '%.*s'", (int)RRK_MIN(qid.len, (size_t)MAX_QID_IN_MESSAGE), qid.data);
}

static rrk_status read_block(block *b, bool *more, rrk_error *err)
{
    size_t bytes = 0;
    b->before = b->after;
    while (*more && b->n < b->cap && bytes <= MAX_BLOCK_BYTES) {
        cli_list list = {0};
        rrk_status status = cli_source_next(b->batch->source, &list, more, err);
        if (status == RRK_OK && *more) {
            size_t list_bytes = text_bytes(&list);
            bytes += list_bytes;
            status = add_list(b, &list, list_bytes, err);
        }
        if (status == RRK_OK && cli_interrupted())
            return base_fail(err, RRK_E_CANCELLED, 0, "interrupted");
        if (status != RRK_OK) {
            name_query(err, list.qid);
            return status;
        }
    }
    cli_source_position(b->batch->source, &b->after, &b->total);
    return RRK_OK;
}

static void show_progress(block *b)
{
    const cli_totals *totals = &b->batch->totals;
    double share = b->n ? (double)b->n_ended / (double)b->n : 1;
    uint64_t done = b->before + (uint64_t)((double)(b->after - b->before) * share);
    uint64_t unfinished = 0;
    for (size_t i = 0; i < b->n; i++)
        if (!b->slots[i].ended && !b->slots[i].ranked.skipped)
            unfinished += b->slots[i].ranked.list.n_passages;
    cli_progress_show(&b->progress, totals->n_passages - unfinished, done, b->total);
}

/* A query without an answer is a line on stderr, whatever becomes of it. */
static void report_failure(block *b, const batch_slot *slot)
{
    rrk_text qid = slot->ranked.list.qid;
    b->batch->totals.n_failed++;
    cli_progress_end(&b->progress);
    fprintf(stderr, "rrk %s: query '%.*s'%s: %s\n", b->batch->verb->name,
            (int)RRK_MIN(qid.len, (size_t)MAX_QID_IN_MESSAGE), qid.data,
            b->batch->keep ? " keeps its order" : " is left out", slot->cause.message);
}

static rrk_status end_request(block *b, size_t request, rrk_error *err)
{
    batch_slot *slot = &b->slots[b->slot_of[request]];
    slot->ranked.hits = slot->hits;
    slot->ranked.n_hits = b->requests[request].n_hits;
    slot->ended = true;
    b->n_ended++;
    show_progress(b);
    if (slot->ranked.status != RRK_OK)
        report_failure(b, slot);
    return b->batch->ended ? b->batch->ended(b->batch->ctx, &slot->ranked, err) : RRK_OK;
}

/* An rrk_request_done_fn. */
static rrk_status request_done(void *ctx, size_t request, const rrk_error *outcome, const rrk_rank_stats *stats,
                               rrk_error *err)
{
    block *b = ctx;
    batch_slot *slot = &b->slots[b->slot_of[request]];
    if (outcome && outcome->status != RRK_OK) {
        slot->cause = *outcome;
        slot->ranked.status = (rrk_status)outcome->status;
    }
    if (stats)
        slot->ranked.stats = *stats;
    return end_request(b, request, err);
}

/* The library knows requests by number, the user knows queries by name. */
static void rename_request(block *b, rrk_error *err)
{
    size_t request;
    int used = 0;
    if (b->n_requests == 1) { /* which it does not even number */
        name_query(err, b->slots[b->slot_of[0]].ranked.list.qid);
        return;
    }
    if (sscanf(err->message, "request %zu: %n", &request, &used) != 1 || used == 0 || request >= b->n_requests)
        return;
    memmove(err->message, err->message + used, strlen(err->message + used) + 1);
    name_query(err, b->slots[b->slot_of[request]].ranked.list.qid);
}

/* Why is asked of one query at a time: without an LLM a block has no more. */
static rrk_status rank_with_views(block *b, const rrk_rank_options *given, rrk_error *err)
{
    batch_slot *slot = &b->slots[b->slot_of[0]];
    rrk_rank_request *request = &b->requests[0];
    size_t m = b->batch->n_views;
    rrk_views_init(&slot->views);
    slot->views.n_views = m;
    slot->views.scores = base_calloc(request->n_passages, m * sizeof *slot->views.scores);
    slot->views.cosines = base_calloc(m, m * sizeof *slot->views.cosines);
    if (!slot->views.scores || !slot->views.cosines)
        return base_fail_nomem(err, (request->n_passages + m) * m * sizeof(double));
    slot->ranked.views = &slot->views;
    return rrk_reranker_rank_views(b->batch->reranker, request->query, request->passages, request->n_passages, given,
                                   request->hits, &request->n_hits, &slot->views, err);
}

static rrk_status rank_block(block *b, rrk_error *err)
{
    cli_batch *batch = b->batch;
    rrk_rank_options given = batch->rank;
    rrk_rank_stats stats;
    if (b->n_requests == 0)
        return RRK_OK;
    rrk_rank_stats_init(&stats);
    given.stats = &stats;
    given.cancel = cli_cancel;
    given.on_error = batch->keep ? RRK_ON_ERROR_KEEP : RRK_ON_ERROR_SKIP;
    given.done = batch->in_flight ? request_done : NULL;
    given.done_ctx = b;
    rrk_status status = batch->n_views
                            ? rank_with_views(b, &given, err)
                            : rrk_reranker_rank_many(batch->reranker, b->requests, b->n_requests, &given, err);
    cli_stats_add(&batch->totals.rank, &stats);
    if (status != RRK_OK)
        rename_request(b, err);
    for (size_t i = 0; i < b->n_requests && status == RRK_OK; i++)
        if (!b->slots[b->slot_of[i]].ended)
            status = end_request(b, i, err);
    return status;
}

static rrk_status put_block(block *b, rrk_error *err)
{
    for (size_t i = 0; i < b->n && b->batch->put; i++)
        if (b->batch->put(b->batch->ctx, &b->slots[i].ranked, err) != RRK_OK) {
            name_query(err, b->slots[i].ranked.list.qid);
            return (rrk_status)err->status;
        }
    return RRK_OK;
}

rrk_status cli_batch_run(cli_batch *batch, rrk_error *err)
{
    block b RRK_AUTO(block_free) = {0};
    bool more = true;
    RRK_TRY(block_init(&b, batch, err));
    while (more) {
        RRK_TRY(read_block(&b, &more, err));
        show_progress(&b);
        RRK_TRY(rank_block(&b, err));
        RRK_TRY(put_block(&b, err));
        block_clear(&b);
    }
    return RRK_OK;
}

rrk_status cli_batch_predict(cli_batch *batch, rrk_error *err)
{
    block b RRK_AUTO(block_free) = {0};
    rrk_rank_stats stats;
    bool more = true;
    RRK_TRY(block_init(&b, batch, err));
    while (more) {
        RRK_TRY(read_block(&b, &more, err));
        rrk_rank_stats_init(&stats);
        rrk_status status = b.n_requests == 0 ? RRK_OK
                                              : rrk_reranker_predict(batch->reranker, b.requests, b.n_requests,
                                                                     &batch->rank, &stats, err);
        if (status != RRK_OK) {
            rename_request(&b, err);
            return status;
        }
        cli_stats_add(&batch->totals.rank, &stats);
        b.n_ended = b.n;
        show_progress(&b);
        block_clear(&b);
    }
    return RRK_OK;
}
