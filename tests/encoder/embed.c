/* Embedding: what it refuses, results that are no numbers, and stopping in the middle of a call. */
#include "tiny_model.h"

#include <math.h>

enum { N_TEXTS = 300 };

static rrk_encoder *open_tiny(folder *f)
{
    *f = folder_new();
    return tiny_open(f, &TINY_SHAPES[0], 1);
}

Test(embed, a_kind_that_is_none_is_refused)
{
    folder f;
    rrk_encoder *encoder = open_tiny(&f);
    rrk_text text = rrk_text_of("word7");
    float out[64];
    rrk_error err;
    for (int kind = RRK_EMBED_QUERY - 1; kind <= RRK_EMBED_PASSAGE + 1; kind++) {
        bool is_one = kind == RRK_EMBED_QUERY || kind == RRK_EMBED_PASSAGE;
        rrk_status status = rrk_encoder_embed(encoder, (rrk_embed_kind)kind, &text, 1, out, &err);
        cr_assert_eq(status, is_one ? RRK_OK : RRK_E_INVALID, "%d: %s", kind, err.message);
    }
    rrk_encoder_close(encoder);
    folder_remove(&f);
}

/* A NaN in the last value of the file, which is a parameter of the last layer. */
static void spoil_weights(folder *f)
{
    FILE *file = fopen(folder_path(f, "model.safetensors"), "r+");
    float nan = NAN;
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, -(long)sizeof nan, SEEK_END), 0);
    cr_assert_eq(fwrite(&nan, sizeof nan, 1, file), 1);
    cr_assert_eq(fclose(file), 0);
}

Test(embed, results_that_are_no_numbers_are_an_error_that_names_the_text)
{
    folder f = folder_new();
    tiny_write(&f, &TINY_SHAPES[0], NULL);
    spoil_weights(&f);
    rrk_encoder *encoder;
    rrk_error err;
    cr_assert_eq(rrk_encoder_open(&encoder, f.dir, NULL, &err), RRK_OK, "%s", err.message);
    rrk_text text = rrk_text_of("word7");
    float out[64];
    cr_assert_eq(rrk_encoder_embed(encoder, RRK_EMBED_PASSAGE, &text, 1, out, &err), RRK_E_FORMAT);
    cr_assert_not_null(strstr(err.message, "text 0: results of model"), "%s", err.message);
    rrk_encoder_close(encoder);
    folder_remove(&f);
}

static int stop_at_third(void *ctx)
{
    return ++*(int *)ctx >= 3;
}

Test(embed, stops_when_its_callback_says_so)
{
    folder f;
    rrk_encoder *encoder = open_tiny(&f);
    static rrk_text texts[N_TEXTS];
    float *out = calloc(N_TEXTS * 64, sizeof *out);
    int n_looks = 0;
    rrk_error err = {0};
    for (size_t i = 0; i < N_TEXTS; i++)
        texts[i] = rrk_text_of("word7 word8");
    base_deadline deadline = base_deadline_in(0, stop_at_third, &n_looks);
    cr_assert_eq(enc_embed(encoder, RRK_EMBED_PASSAGE, texts, N_TEXTS, out, &deadline, &err), RRK_E_CANCELLED);
    cr_assert_eq(n_looks, 3);
    free(out);
    rrk_encoder_close(encoder);
    folder_remove(&f);
}
