/* What must hold of any tokenizer that was opened and any text: shared by the targets that make the two of bytes. */
#ifndef RRK_TESTS_FUZZ_TOKENS_H
#define RRK_TESTS_FUZZ_TOKENS_H

#include "encoder/tokenizer.h"

/* The special ids and the text's lie in the vocabulary, and the first max_ids are the beginning of all. */
void fuzz_check_tokens(const enc_tokenizer *tokenizer, rrk_text text, enc_segment segment, size_t max_ids);

#endif
