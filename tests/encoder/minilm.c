/* The real all-MiniLM-L6-v2, where RRK_TEST_MODEL names its folder, against what sentence-transformers gives. */
#include <rrk/encoder.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_TEXTS = 5, DIM = 384, N_ICE = 400 };

/* The same texts as in tools/golden_minilm.py; the last one is longer than the model reads. */
static void make_texts(rrk_text texts[N_TEXTS], char ice[4 * N_ICE])
{
    for (size_t i = 0; i < N_ICE; i++)
        memcpy(ice + 4 * i, "ice ", 4);
    texts[0] = rrk_text_of("when does the sea freeze?");
    texts[1] = rrk_text_of("The Baltic Sea freezes in its northern part for up to six months a year.");
    texts[2] = rrk_text_of("Sourdough rises by wild yeast and bacteria that live in the starter.");
    texts[3] = rrk_text_of("Caf\u00e9, na\u00efve, \u0141\u00f3d\u017a \u2014 \u5317\u4eac \U0001f680 [SEP]");
    texts[4] = (rrk_text){ice, 4 * N_ICE};
}

static void read_golden(float want[N_TEXTS][DIM])
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/encoder/golden/minilm.txt", getenv("RRK_TEST_SOURCE"));
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    int c;
    while ((c = fgetc(f)) == '#') {
        while ((c = fgetc(f)) != '\n' && c != EOF)
            continue;
    }
    ungetc(c, f);
    for (size_t i = 0; i < N_TEXTS * DIM; i++)
        cr_assert_eq(fscanf(f, "%f", &want[i / DIM][i % DIM]), 1);
    fclose(f);
}

Test(minilm, embeds_as_sentence_transformers_does)
{
    const char *dir = getenv("RRK_TEST_MODEL");
    if (!dir)
        cr_skip_test("RRK_TEST_MODEL names no folder with all-MiniLM-L6-v2");
    static float want[N_TEXTS][DIM], got[N_TEXTS][DIM];
    rrk_text texts[N_TEXTS];
    char ice[4 * N_ICE];
    make_texts(texts, ice);
    read_golden(want);
    rrk_encoder *encoder = NULL;
    rrk_error err;
    cr_assert_eq(rrk_encoder_open(&encoder, dir, NULL, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(rrk_encoder_embed(encoder, RRK_EMBED_PASSAGE, texts, N_TEXTS, got[0], &err), RRK_OK, "%s",
                 err.message);
    for (size_t t = 0; t < N_TEXTS; t++) {
        for (size_t i = 0; i < DIM; i++)
            cr_assert(fabsf(got[t][i] - want[t][i]) <= 1e-5f, "text %zu [%zu]: %g, want %g", t, i, (double)got[t][i],
                      (double)want[t][i]);
    }
    rrk_encoder_close(encoder);
}
