/*
 * Ranks with a model of your own: cc custom_llm.c $(pkg-config --cflags --libs rrk) && ./a.out [QUERY]
 *
 * rrk writes the prompts and reads the answers; the callback stands in for a model in the process. This one counts the
 * words that a passage shares with the query, which is no language model, but answers in the form that one is asked for:
 * "[2] > [1] > [3]". It hands the answer over identifier by identifier and stops when rrk has seen enough.
 */
#include <rrk/rrk.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_WINDOW = 100, MIN_WORD = 3 };

static const char *const PASSAGES[] = {
    "Rivers carry more water in spring because snow melts in the mountains.",
    "Bees tell each other where flowers are by dancing on the comb.",
    "Bread rises because yeast turns sugar into carbon dioxide.",
    "A bicycle chain lasts longer when it is cleaned and oiled every few weeks.",
    "The lighthouse keeper wound the clockwork of the lamp every four hours.",
    "A worn chain wears out the sprockets, which cost far more than the chain.",
};
enum { N_PASSAGES = sizeof PASSAGES / sizeof *PASSAGES };

typedef struct overlap_model {
    const char *query; /* what to compare with: a real model reads it in the prompt */
    int n_calls;
} overlap_model;

/* One passage as the prompt shows it, on a line of its own: "[3] text". */
typedef struct shown {
    int id;
    int n_shared;
} shown;

static int has_word(const char *text, const char *end, const char *word, size_t len)
{
    for (; text + len <= end; text++) {
        if (strncasecmp(text, word, len) == 0)
            return 1;
    }
    return 0;
}

static int count_shared(const char *text, const char *end, const char *query)
{
    int n = 0;
    while (*query) {
        size_t len = 0;
        while (isalnum((unsigned char)query[len]))
            len++;
        n += len >= MIN_WORD && has_word(text, end, query, len);
        query += len ? len : 1;
    }
    return n;
}

/* Passages are numbered from 1 and stand at the beginning of a line. */
static size_t read_message(const rrk_llm_message *message, const char *query, shown *found, size_t n)
{
    const char *at = message->content.data, *end = at + message->content.len;
    while (at < end && n < MAX_WINDOW) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end)
            line_end = end;
        if (*at == '[' && atol(at + 1) == (long)n + 1) {
            found[n].id = (int)n + 1;
            found[n].n_shared = count_shared(at, line_end, query);
            n++;
        }
        at = line_end + 1;
    }
    return n;
}

static int best_first(const void *a, const void *b)
{
    const shown *x = a, *y = b;
    return x->n_shared != y->n_shared ? y->n_shared - x->n_shared : x->id - y->id;
}

static rrk_status answer(void *ctx, rrk_llm_call *call, rrk_error *error)
{
    overlap_model *model = ctx;
    shown found[MAX_WINDOW];
    size_t n = 0;
    model->n_calls++;
    for (size_t i = 0; i < call->n_messages; i++)
        n = read_message(&call->messages[i], model->query, found, n);
    if (n == 0) {
        error->status = RRK_E_UNSUPPORTED;
        snprintf(error->message, sizeof error->message, "this model ranks passages and does nothing else");
        return RRK_E_UNSUPPORTED;
    }
    qsort(found, n, sizeof *found, best_first);
    for (size_t i = 0; i < n; i++) {
        char piece[32];
        int len = snprintf(piece, sizeof piece, "%s[%d]", i ? " > " : "", found[i].id);
        if (call->piece(call->sink, piece, (size_t)len))
            break;
    }
    return RRK_OK;
}

static int fail(const rrk_error *err)
{
    fprintf(stderr, "%s: %s\n", rrk_status_name((rrk_status)err->status), err->message);
    return 1;
}

int main(int argc, char **argv)
{
    overlap_model model = {argc > 1 ? argv[1] : "how do I look after my bicycle chain?", 0};
    rrk_error err;
    rrk_llm_options llm_options;
    rrk_llm_options_init(&llm_options);
    llm_options.model = "word-overlap";
    llm_options.transport = answer;
    llm_options.transport_ctx = &model;
    rrk_llm *llm = NULL;
    if (rrk_llm_open(&llm, &llm_options, &err) != RRK_OK)
        return fail(&err);

    rrk_reranker_options options;
    rrk_reranker_options_init(&options);
    options.llm = llm;
    options.window = 4;
    options.stride = 2;
    rrk_reranker *reranker = NULL;
    rrk_passage passages[N_PASSAGES] = {0};
    rrk_hit hits[N_PASSAGES];
    size_t n_hits = N_PASSAGES;
    for (size_t i = 0; i < N_PASSAGES; i++)
        passages[i].text = rrk_text_of(PASSAGES[i]);

    int failed = rrk_reranker_open(&reranker, "sliding", &options, &err) != RRK_OK ||
                 rrk_reranker_rank(reranker, rrk_text_of(model.query), passages, N_PASSAGES, NULL, hits, &n_hits,
                                   &err) != RRK_OK;
    for (size_t i = 0; !failed && i < n_hits; i++)
        printf("%2zu  %.4f  %s\n", i + 1, hits[i].score, PASSAGES[hits[i].index]);
    if (failed)
        fail(&err);
    else
        printf("%d calls\n", model.n_calls);
    rrk_reranker_close(reranker);
    rrk_llm_close(llm);
    return failed;
}
