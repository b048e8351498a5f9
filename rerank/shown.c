/* Texts as prompts show them: see shown.h. */
#include "rerank/shown.h"
#include "base/alloc.h"
#include "rerank/window.h"

/* What the shortest passage that is still worth showing may cost: the estimate is high, and so are rare words. */
enum { MIN_PASSAGE_TOKENS = 2 * RRK_RERANK_MIN_PASSAGE_WORDS };

void rank_shown_free(rank_shown *shown)
{
    base_buf_free(&shown->bytes);
    base_free(shown->ends);
    *shown = (rank_shown){0};
}

static rrk_text between(const rank_shown *shown, size_t from, size_t to)
{
    return (rrk_text){shown->bytes.data + from, to - from};
}

rrk_text rank_shown_query(const rank_shown *shown)
{
    return between(shown, 0, shown->ends[0]);
}

rrk_text rank_shown_passage(const rank_shown *shown, size_t passage)
{
    return between(shown, shown->ends[passage], shown->ends[passage + 1]);
}

/* 0 stands for no cap. */
static size_t lower_cap(size_t a, size_t b)
{
    return !a ? b : !b ? a : RRK_MIN(a, b);
}

/* Tokens that a passage may have: of what the caller asks for, the words and the context, the least. */
static rrk_status token_cap(const rank_shown *shown, const rank_task *task, size_t n_at_once, uint64_t answer_tokens,
                            size_t *cap, rrk_error *err)
{
    const rank_listwise *how = task->listwise;
    size_t of_words, of_context = 0;
    uint64_t query_tokens = llm_estimate_tokens(rank_shown_query(shown)) * rank_template_query_count(how->wording);
    if (base_mul_overflows(how->passage_words, RANK_MAX_TOKENS_PER_WORD, &of_words))
        of_words = SIZE_MAX;
    RRK_TRY(rank_passage_budget(how->context_tokens, rank_template_tokens(how->wording, n_at_once), query_tokens,
                                answer_tokens, n_at_once, MIN_PASSAGE_TOKENS, &of_context, err));
    *cap = lower_cap(lower_cap(task->options->max_tokens_per_passage, of_words), of_context);
    return RRK_OK;
}

rrk_status rank_shown_make(rank_shown *shown, const rank_task *task, size_t n_at_once, uint64_t answer_tokens,
                           uint64_t *n_truncated, rrk_error *err)
{
    *shown = (rank_shown){.bytes.max = RANK_PROMPT_MAX_BYTES};
    shown->ends = base_calloc(task->n_passages + 1, sizeof *shown->ends);
    if (!shown->ends)
        return base_fail_nomem(err, (task->n_passages + 1) * sizeof *shown->ends);
    bool was_cut = false;
    RRK_TRY(
        rank_ready_text((rrk_text){0}, task->query, 0, task->options->max_query_tokens, &shown->bytes, &was_cut, err));
    shown->ends[0] = shown->bytes.len;
    size_t max_tokens = 0;
    RRK_TRY(token_cap(shown, task, n_at_once, answer_tokens, &max_tokens, err));
    base_pace pace = rank_pace(task->deadline);
    for (size_t i = 0; i < task->n_passages; i++) {
        const rrk_passage *p = &task->passages[i];
        RRK_TRY(rank_pace_check(&pace, p, err));
        RRK_TRY(rank_ready_text(p->title, p->text, task->listwise->passage_words, max_tokens, &shown->bytes, &was_cut,
                                err));
        shown->ends[i + 1] = shown->bytes.len;
        *n_truncated += was_cut;
    }
    return RRK_OK;
}
