/* A machine driven by hand: see hand.h. */
#include "hand.h"
#include "rerank/listwise.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

hand *hand_new(size_t n)
{
    hand *h = calloc(1, sizeof *h);
    rrk_reranker_options_init(&h->settings);
    rrk_rank_options_init(&h->options);
    h->ranker.n_passages = h->n = n;
    h->query = "which is the best";
    h->passages = ranker_passages(n);
    return h;
}

void hand_free(hand *h)
{
    free(h->passages);
    free(h);
}

static void stream(hand *h, const llm_prompt *prompt, llm_reply *reply)
{
    h->n_streamed += prompt->enough != NULL;
    if (!h->in_pieces || !prompt->enough)
        return;
    for (size_t len = 1; len < reply->answer_len && !reply->was_stopped; len++) {
        reply->was_stopped = prompt->enough(prompt->enough_ctx, (rrk_text){reply->answer, len});
        if (reply->was_stopped)
            reply->answer_len = len;
    }
    h->n_stopped += reply->was_stopped;
}

/* One identifier of those admitted: the one that the ranker would name first. */
static const char *choose(hand *h, const llm_prompt *prompt)
{
    static char one[32];
    for (const char *at = h->ranker.answer; (at = strchr(at, '[')); at++) {
        uint32_t identifier = (uint32_t)strtoul(at + 1, NULL, 10);
        for (size_t i = 0; i < prompt->n_admitted; i++) {
            if (prompt->admitted[i] != identifier)
                continue;
            snprintf(one, sizeof one, "[%u]", identifier);
            return one;
        }
    }
    cr_assert_fail("nothing is admitted");
    return NULL;
}

static rrk_status answer(hand *h, rank_machine *machine, const llm_prompt *prompt)
{
    ranker_answer(&h->ranker, prompt->messages, prompt->n_messages);
    if (h->n_calls < RRK_COUNT(h->windows)) {
        h->windows[h->n_calls][0] = h->ranker.shown[0];
        h->windows[h->n_calls][1] = h->ranker.n_shown;
    }
    h->n_calls++;
    uint64_t tokens = llm_estimate_chat_tokens(prompt->messages, prompt->n_messages) + prompt->max_tokens;
    h->most_tokens = RRK_MAX(h->most_tokens, tokens);
    const char *text = h->answer ? h->answer : h->ranker.answer;
    if (!h->answer && prompt->shape == LLM_SHAPE_ONE)
        text = choose(h, prompt);
    llm_reply reply = {.answer = text, .answer_len = strlen(text)};
    stream(h, prompt, &reply);
    /* A copy of its own, so that looking beyond its end is noticed. */
    char *copy = malloc(reply.answer_len + 1);
    memcpy(copy, reply.answer, reply.answer_len);
    reply.answer = copy;
    const llm_reply *replies[] = {&reply};
    rrk_status status = machine->strategy->accept(machine, &(rank_results){.replies = replies}, &h->err);
    free(copy);
    return status;
}

static rrk_status run(hand *h, rank_machine *machine)
{
    for (;;) {
        rank_work work;
        RRK_TRY(machine->strategy->next(machine, &work, &h->err));
        if (work.n_prompts == 0)
            return RRK_OK;
        cr_assert_eq(work.n_prompts, 1);
        cr_assert_eq(work.n_rows, 0);
        RRK_TRY(answer(h, machine, work.prompts));
    }
}

static void take_order(hand *h, rank_machine *machine)
{
    double *scores = calloc(h->n + 1, sizeof *scores);
    cr_assert_eq(machine->strategy->finish(machine, scores, &h->err), RRK_OK);
    for (size_t i = 0; i < h->n; i++) {
        size_t place = h->n - (size_t)(scores[i] * (double)h->n + 0.5);
        cr_assert(place < h->n && scores[i] == (double)(h->n - place) / (double)h->n, "score %f", scores[i]);
        h->order[place] = i;
    }
    free(scores);
}

rrk_status hand_run(hand *h, const rank_strategy *strategy)
{
    base_error_clear(&h->err);
    rank_listwise listwise;
    RRK_TRY(rank_listwise_init(&listwise, &h->settings, strategy == &rank_full, h->context_tokens, &h->err));
    rank_task task = {.listwise = &listwise,
                      .query = rrk_text_of(h->query),
                      .passages = h->passages,
                      .n_passages = h->n,
                      .options = &h->options};
    rank_machine *machine = NULL;
    rrk_status status = strategy->start(&machine, &task, &h->err);
    if (status == RRK_OK)
        status = run(h, machine);
    if (status == RRK_OK)
        take_order(h, machine);
    if (machine)
        h->counts = machine->counts;
    strategy->stop(machine);
    rank_listwise_free(&listwise);
    return status;
}
