/* Tensors' names, told apart: see role.h. */
#include "encoder/role.h"

#include <string.h>

static bool contains_any(const char *name, const char *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strstr(name, parts[i]))
            return true;
    }
    return false;
}

enc_role enc_role_of(const enc_weight *weight)
{
    static const char SUFFIX[] = ".weight";
    static const char *const SMALL[] = {"pooler.", "classifier.", "token_type_embeddings.", "relative_attention_bias."};
    static const char *const TABLES[] = {"_embeddings.", "embed_tokens.", "shared.", "lm_head."};
    size_t len = strlen(weight->name), suffix = sizeof SUFFIX - 1;
    bool is_weight = len > suffix && strcmp(weight->name + len - suffix, SUFFIX) == 0;
    if (weight->n_dims != 2 || !is_weight || contains_any(weight->name, SMALL, RRK_COUNT(SMALL)))
        return ENC_ROLE_OTHER;
    return contains_any(weight->name, TABLES, RRK_COUNT(TABLES)) ? ENC_ROLE_TABLE : ENC_ROLE_MATRIX;
}
