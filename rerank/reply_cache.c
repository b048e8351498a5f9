/* Joins store/'s cached replies and llm/'s calls, which do not know of each other: see reply_cache.h. */
#include "rerank/reply_cache.h"
#include "store/reply.h"

static rrk_status get(void *data, const char *key, base_buf *value, bool *found, rrk_error *err)
{
    return store_reply_get(data, key, value, found, err);
}

static rrk_status put(void *data, const char *key, rrk_text value, rrk_error *err)
{
    return store_reply_put(data, key, value, err);
}

llm_cache rank_reply_cache(rrk_store *store, rrk_cache_mode mode)
{
    return (llm_cache){.get = get, .put = put, .data = store, .read_only = mode == RRK_CACHE_READ};
}
