/* Reranks ten passages with a model folder: cc rerank.c $(pkg-config --cflags --libs rrk) && ./a.out MODEL_DIR */
#include <rrk/rrk.h>

#include <stdio.h>

static const char *const PASSAGES[] = {
    "Rivers carry more water in spring because snow melts in the mountains.",
    "A bicycle chain lasts longer when it is cleaned and oiled every few weeks.",
    "Bees tell each other where flowers are by dancing on the comb.",
    "The lighthouse keeper wound the clockwork of the lamp every four hours.",
    "Bread rises because yeast turns sugar into carbon dioxide.",
    "Without enough light, tomato plants grow tall and thin and give little fruit.",
    "A worn chain wears out the sprockets, which cost far more than the chain.",
    "The library opens at nine and closes at six, except on Sundays.",
    "Salt lowers the freezing point of water, which is why roads are salted.",
    "Honey keeps for years because it holds too little water for bacteria.",
};
enum { N_PASSAGES = sizeof PASSAGES / sizeof *PASSAGES };

static int fail(const rrk_error *err)
{
    fprintf(stderr, "%s: %s\n", rrk_status_name((rrk_status)err->status), err->message);
    return 1;
}

int main(int argc, char **argv)
{
    const char *query = argc > 2 ? argv[2] : "how do I look after my bicycle chain?";
    rrk_error err;
    rrk_encoder *encoder = NULL;
    if (argc < 2 || rrk_encoder_open(&encoder, argv[1], NULL, &err) != RRK_OK)
        return argc < 2 ? fprintf(stderr, "usage: rerank MODEL_DIR [QUERY]\n"), 2 : fail(&err);

    rrk_encoder_info info = {.size = sizeof info};
    rrk_reranker_options options;
    rrk_reranker_options_init(&options);
    options.encoder = encoder;
    rrk_reranker *reranker = NULL;
    rrk_passage passages[N_PASSAGES] = {0};
    rrk_hit hits[N_PASSAGES];
    size_t n_hits = N_PASSAGES;
    for (size_t i = 0; i < N_PASSAGES; i++)
        passages[i].text = rrk_text_of(PASSAGES[i]);

    int failed =
        rrk_encoder_get_info(encoder, &info, &err) != RRK_OK ||
        rrk_reranker_open(&reranker, info.head == RRK_HEAD_CROSS ? "cross" : "embedding", &options, &err) != RRK_OK ||
        rrk_reranker_rank(reranker, rrk_text_of(query), passages, N_PASSAGES, NULL, hits, &n_hits, &err) != RRK_OK;
    for (size_t i = 0; !failed && i < n_hits; i++)
        printf("%2zu  %8.4f  %s\n", i + 1, hits[i].score, PASSAGES[hits[i].index]);
    if (failed)
        fail(&err);
    rrk_reranker_close(reranker);
    rrk_encoder_close(encoder);
    return failed;
}
