/* Names of cached replies: see llm_cache_key() in body.h. The body is written once more, in the one form of all. */
#include "base/sha256.h"
#include "llm/body.h"

rrk_status llm_cache_key(const char *url, const llm_body_format *format, const llm_prompt *prompt,
                         char out[LLM_CACHE_KEY_SIZE], rrk_error *err)
{
    _Static_assert(LLM_CACHE_KEY_SIZE == BASE_SHA256_HEX_SIZE, "a key is a SHA-256 in hex");
    llm_body_format canonical = *format;
    canonical.stream = false;
    canonical.completion_cap = false;
    base_buf text RRK_AUTO(base_buf_free) = {.max = LLM_MAX_BODY_BYTES};
    RRK_TRY(llm_body_write(&canonical, prompt, &text, err));
    /* An URL holds no line feed, so nothing else gives the same bytes. */
    RRK_TRY(base_buf_append_char(&text, '\n', err));
    RRK_TRY(base_buf_append_string(&text, url, err));
    base_sha256_hex((rrk_text){text.data, text.len}, out);
    return RRK_OK;
}
