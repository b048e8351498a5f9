/* The LLM for tests: see ranker.h. */
#include "ranker.h"
#include "base/rng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

size_t ranker_goodness(size_t passage, size_t n)
{
    return (passage * 7919 + 3) % n;
}

size_t ranker_best(size_t place, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ranker_goodness(i, n) == place)
            return i;
    }
    cr_assert_fail("no passage of %zu has place %zu", n, place);
    return 0;
}

static void read_message(ranker *r, rrk_text text)
{
    for (size_t at = 0; at + 3 < text.len; at++) {
        if (text.data[at] != 'z' || text.data[at + 1] != 'q')
            continue;
        size_t number = 0;
        for (at += 2; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++)
            number = number * 10 + (size_t)(text.data[at] - '0');
        cr_assert_lt(r->n_shown, RANKER_MAX);
        r->shown[r->n_shown++] = number;
    }
}

static uint64_t key_of(const ranker *r, size_t shown_at)
{
    size_t passage = r->shown[shown_at];
    uint64_t blur = r->noise ? base_rng_at(r->seed, r->n_calls * 10000 + passage) % r->noise : 0;
    return (ranker_goodness(passage, r->n_passages) + blur) * 10000 + shown_at;
}

void ranker_answer(ranker *r, const rrk_llm_message *messages, size_t n_messages)
{
    r->n_shown = 0;
    for (size_t i = 0; i < n_messages; i++)
        read_message(r, messages[i].content);
    uint64_t keys[RANKER_MAX];
    for (size_t i = 0; i < r->n_shown; i++)
        keys[i] = key_of(r, i);
    size_t at = 0;
    uint64_t last = 0;
    for (size_t place = 0; place < r->n_shown; place++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < r->n_shown; i++) {
            if ((place == 0 || keys[i] > last) && (best == SIZE_MAX || keys[i] < keys[best]))
                best = i;
        }
        last = keys[best];
        at += (size_t)snprintf(r->answer + at, sizeof r->answer - at, "%s[%zu]", place ? " > " : "", best + 1);
    }
    r->n_calls++;
}

rrk_passage *ranker_passages(size_t n)
{
    enum { TEXT_BYTES = 48 };
    rrk_passage *passages = calloc(1, (n ? n : 1) * (sizeof *passages + TEXT_BYTES));
    char *texts = (char *)(passages + n);
    for (size_t i = 0; i < n; i++) {
        char *text = texts + i * TEXT_BYTES;
        int len = snprintf(text, TEXT_BYTES, "zq%zuz has a few words", i);
        passages[i].text = (rrk_text){text, (size_t)len};
    }
    return passages;
}
