/* A model's fingerprint over whole tiny models: what it depends on and what not. */
#include "base/macros.h"
#include "tests/encoder/tiny_block.h"
#include "tests/encoder/tiny_model.h"
#include <rrk/encoder.h>

static rrk_encoder_info info_of(const folder *f, const rrk_encoder_options *options)
{
    rrk_encoder *encoder = NULL;
    rrk_encoder_info info = {.size = sizeof info};
    rrk_error err;
    cr_assert_eq(rrk_encoder_open(&encoder, f->dir, options, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(rrk_encoder_get_info(encoder, &info, &err), RRK_OK, "%s", err.message);
    cr_assert_eq(strlen(info.fingerprint), RRK_FINGERPRINT_SIZE - 1);
    rrk_encoder_close(encoder);
    return info;
}

static rrk_encoder_options plain(void)
{
    rrk_encoder_options options;
    rrk_encoder_options_init(&options);
    options.n_threads = 1;
    options.batch_tokens = 512;
    return options;
}

Test(fingerprint, is_the_same_in_another_folder_and_with_other_threads)
{
    folder one = folder_new(), other = folder_new();
    tiny_write(&one, &TINY_SHAPES[0], NULL);
    tiny_write(&other, &TINY_SHAPES[0], NULL);
    rrk_encoder_options options = plain(), threads = plain();
    threads.n_threads = 2;
    threads.batch_tokens = 700;
    rrk_encoder_info a = info_of(&one, &options), b = info_of(&other, &threads);
    cr_assert_str_neq(a.name, b.name);
    cr_assert_str_eq(a.fingerprint, b.fingerprint);
    folder_remove(&one);
    folder_remove(&other);
}

static void expect_change(const char *what, const char *file, const char *text)
{
    folder f = folder_new();
    tiny_write(&f, &TINY_SHAPES[0], NULL);
    rrk_encoder_options options = plain();
    rrk_encoder_info before = info_of(&f, &options);
    folder_text(&f, file, text);
    rrk_encoder_info after = info_of(&f, &options);
    cr_assert_str_eq(before.name, after.name, "%s", what);
    cr_assert_str_neq(before.fingerprint, after.fingerprint, "%s", what);
    folder_remove(&f);
}

Test(fingerprint, changes_with_prompts)
{
    expect_change("a prompt", "config_sentence_transformers.json", "{\"prompts\":{\"passage\":\"passage: \"}}");
    expect_change("another prompt", "config_sentence_transformers.json", "{\"prompts\":{\"query\":\"passage: \"}}");
}

Test(fingerprint, changes_with_what_the_caller_asks_for)
{
    folder f = folder_new();
    tiny_write(&f, &TINY_SHAPES[0], NULL);
    rrk_encoder_options options = plain(), shorter = plain(), narrow = plain();
    shorter.max_tokens = 64;
    narrow.dtype = RRK_DTYPE_INT8;
    rrk_encoder_info usual = info_of(&f, &options), cut = info_of(&f, &shorter), packed = info_of(&f, &narrow);
    cr_assert_str_neq(usual.fingerprint, cut.fingerprint);
    /* Where int8 would gain nothing it is f32 that runs, and f32 that the fingerprint says. */
    cr_assert_eq(strcmp(usual.fingerprint, packed.fingerprint) == 0, packed.dtype == RRK_DTYPE_F32);
    folder_remove(&f);
}

Test(fingerprint, changes_with_what_a_block_adds_to_its_scores)
{
    static const char *const MORE[] = {"", ",\"mvp_cosine_scale\":3", ",\"mvp_maxsim_scale\":3",
                                       ",\"mvp_maxsim_scale\":3,\"mvp_maxsim_layer\":1"};
    rrk_encoder_info infos[RRK_COUNT(MORE)];
    rrk_encoder_options options = plain();
    for (size_t i = 0; i < RRK_COUNT(MORE); i++) {
        folder f = folder_new();
        block_write(&f, &BLOCK_SHAPES[0], NULL, MORE[i]);
        infos[i] = info_of(&f, &options);
        folder_remove(&f);
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(infos[i].fingerprint, infos[j].fingerprint, "'%s' and '%s'", MORE[i], MORE[j]);
    }
}
