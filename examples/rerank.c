/* Reranks ten passages with a model folder: rerank MODEL_DIR ["query"]. Build: cc rerank.c $(pkg-config --cflags --libs rrk) */
#include <rrk/rrk.h>

#include <stdio.h>

static const char *const TEXTS[] = {
    "The Baltic Sea freezes in its northern part for up to six months a year.",
    "Sourdough rises by wild yeast and bacteria that live in the starter.",
    "Salt lowers the temperature at which water turns to ice.",
    "A sea freezes later than a lake because its water is salty and moves.",
    "Bread flour has more protein than cake flour.",
    "Icebreakers keep the harbours of the Gulf of Bothnia open in winter.",
    "Yeast dies when the dough is warmer than fifty-five degrees.",
    "Brackish water freezes just below zero degrees.",
    "Knead the dough until it can be stretched into a thin film.",
    "Swans winter where the water stays open.",
};
enum { N = sizeof TEXTS / sizeof TEXTS[0] };

static int rank(rrk_encoder *encoder, const char *query, rrk_error *err)
{
    rrk_encoder_info info = {.size = sizeof info};
    rrk_reranker_options options;
    rrk_reranker_options_init(&options);
    options.encoder = encoder;
    rrk_reranker *reranker = NULL;
    rrk_passage passages[N] = {{{0}}};
    rrk_hit hits[N];
    size_t n_hits = N;
    for (size_t i = 0; i < N; i++)
        passages[i].text = rrk_text_of(TEXTS[i]);
    if (rrk_encoder_get_info(encoder, &info, err) != RRK_OK)
        return -1;
    const char *strategy = info.head == RRK_HEAD_CROSS ? "cross" : "embedding";
    if (rrk_reranker_open(&reranker, strategy, &options, err) != RRK_OK)
        return -1;
    rrk_status status = rrk_reranker_rank(reranker, rrk_text_of(query), passages, N, NULL, hits, &n_hits, err);
    for (size_t i = 0; status == RRK_OK && i < n_hits; i++)
        printf("%2zu  %8.4f  %s\n", i + 1, hits[i].score, TEXTS[hits[i].index]);
    rrk_reranker_close(reranker);
    return status == RRK_OK ? 0 : -1;
}

int main(int argc, char **argv)
{
    rrk_error err = {0};
    rrk_encoder *encoder = NULL;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: %s MODEL_DIR [QUERY]\n", argv[0]);
        return 2;
    }
    int failed = rrk_encoder_open(&encoder, argv[1], NULL, &err) != RRK_OK ||
                 rank(encoder, argc > 2 ? argv[2] : "when does the sea freeze?", &err) != 0;
    if (failed)
        fprintf(stderr, "%s\n", err.message);
    rrk_encoder_close(encoder);
    return failed;
}
