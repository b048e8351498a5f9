/*
 * rrk/rrk.h: the whole published API in one include.
 *
 * rrk puts a query's passages in order. Start with rerank.h; store.h, retriever.h and pipeline.h are for programs that
 * keep their passages here as well, encoder.h loads the models, llm.h talks to larger ones, eval.h measures the result, and error.h tells how
 * calls fail.
 */
#ifndef RRK_RRK_H
#define RRK_RRK_H

#include <rrk/encoder.h>
#include <rrk/error.h>
#include <rrk/eval.h>
#include <rrk/llm.h>
#include <rrk/pipeline.h>
#include <rrk/rerank.h>
#include <rrk/retriever.h>
#include <rrk/runtime.h>
#include <rrk/store.h>
#include <rrk/text.h>
#include <rrk/version.h>

#endif
