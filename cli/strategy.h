/*
 * The strategies by name, as verbs list them: made of the reranker's own table, so that a new one is in every verb. bm25,
 * which only search knows, is the verb's to put before them.
 */
#ifndef RRK_CLI_STRATEGY_H
#define RRK_CLI_STRATEGY_H

#include "rerank/strategy.h"

#define CLI_STRATEGY_ID(ID, name) STRATEGY_##ID,
#define CLI_STRATEGY_NAME(ID, name) #name,
#define CLI_STRATEGY_CHOICE(ID, name) "|" #name
#define CLI_STRATEGY_WORD(ID, name) " " #name

#endif
