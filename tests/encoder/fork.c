/* Encoders and fork(): a handle that crossed one says so, and one that is made after it works. */
#include "tiny_model.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

Test(fork, an_encoder_that_crossed_a_fork_says_so)
{
    folder f = folder_new();
    rrk_encoder *encoder = tiny_open(&f, &TINY_SHAPES[0], 2);
    pid_t child = fork();
    if (child == 0) {
        rrk_text text = rrk_text_of("word7");
        float out[64];
        rrk_error err;
        rrk_status status = rrk_encoder_embed(encoder, RRK_EMBED_QUERY, &text, 1, out, &err);
        bool embed_says_so = status == RRK_E_INVALID && strstr(err.message, "fork");
        rrk_encoder_info info = {.size = sizeof info};
        status = rrk_encoder_get_info(encoder, &info, &err);
        rrk_encoder_close(encoder);
        _exit(embed_says_so && status == RRK_E_INVALID && strstr(err.message, "fork") ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rrk_encoder_close(encoder);
    folder_remove(&f);
}

Test(fork, can_be_made_after_a_fork)
{
    folder f = folder_new();
    tiny_write(&f, &TINY_SHAPES[0], NULL);
    rrk_encoder_close(tiny_open(&f, &TINY_SHAPES[0], 2)); /* the parent has used oneDNN before */
    pid_t child = fork();
    if (child == 0) {
        rrk_encoder *encoder = NULL;
        rrk_text text = rrk_text_of("word7");
        float out[64];
        alarm(60); /* a hang is what this test is about */
        rrk_status status = rrk_encoder_open(&encoder, f.dir, NULL, NULL);
        if (status == RRK_OK)
            status = rrk_encoder_embed(encoder, RRK_EMBED_QUERY, &text, 1, out, NULL);
        rrk_encoder_close(encoder);
        _exit(status);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    folder_remove(&f);
}
