/* The store's reply cache as llm/ wants to see it. */
#ifndef RRK_RERANK_REPLY_CACHE_H
#define RRK_RERANK_REPLY_CACHE_H

#include "llm/llm.h"
#include <rrk/rerank.h>

/* mode is not RRK_CACHE_OFF. The store is borrowed. */
llm_cache rank_reply_cache(rrk_store *store, rrk_cache_mode mode);

#endif
