/* Estimates that tests can foresee: a token a byte, 4 more a turn, and 3 a chat. The real ones are llm/'s matter. */
#include "llm/llm.h"

uint64_t llm_estimate_tokens(rrk_text text)
{
    return text.len;
}

uint64_t llm_estimate_chat_tokens(const rrk_llm_message *messages, size_t n_messages)
{
    uint64_t tokens = 3;
    for (size_t i = 0; i < n_messages; i++)
        tokens += 4 + messages[i].content.len;
    return tokens;
}
