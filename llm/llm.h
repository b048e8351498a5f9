/*
 * What rerank/ and api/ see of LLMs beyond <rrk/llm.h>: sessions that keep many calls in flight from one thread. A call
 * is repeated, timed, answered from a cache and logged in here; what its answer means is rerank/permutation.c's matter.
 */
#ifndef RRK_LLM_LLM_H
#define RRK_LLM_LLM_H

#include "base/buf.h"
#include "base/deadline.h"
#include <rrk/llm.h>

/* --- what the strategies ask of a handle --- */

rrk_status llm_check_owner(const rrk_llm *llm, rrk_error *err);
size_t llm_context_tokens(const rrk_llm *llm); /* 0: not known */
size_t llm_max_in_flight(const rrk_llm *llm);

/*
 * Tokens that a text will roughly cost, without the model's tokenizer: an estimate from its bytes, digits, words and
 * scripts that is rather high than low (tests hold it between 1.0 and 1.5 of real tokenizers on real passages).
 */
uint64_t llm_estimate_tokens(rrk_text text);
/* The same for a whole chat, with what its turns cost. */
uint64_t llm_estimate_chat_tokens(const rrk_llm_message *messages, size_t n_messages);

/* --- the reply cache: store/ has one, rerank/ connects the two --- */

#define LLM_CACHE_KEY_SIZE 65 /* SHA-256 in hex, NUL-terminated */

typedef struct llm_cache {
    /* *found false: no entry. value is a JSON object; appended to out. */
    rrk_status (*get)(void *data, const char *key, base_buf *value, bool *found, rrk_error *err);
    rrk_status (*put)(void *data, const char *key, rrk_text value, rrk_error *err);
    void *data;
    bool read_only; /* put is never called */
} llm_cache;

/* --- calls --- */

/*
 * Looks at the answer as far as it has come, thinking left out. True: enough, the rest need not be generated. An empty
 * answer means to start over: what was shown before was thinking, or belongs to an attempt that failed.
 */
typedef bool (*llm_enough_fn)(void *ctx, rrk_text answer);

/* How the answer is held to identifiers: none, or n of "[1]".."[n]" joined by " > ", or exactly one of a set. */
typedef enum llm_shape { LLM_SHAPE_FREE = 0, LLM_SHAPE_LIST = 1, LLM_SHAPE_ONE = 2 } llm_shape;

typedef struct llm_prompt {
    const rrk_llm_message *messages; /* [n_messages]; borrowed until its reply was taken */
    size_t n_messages;
    size_t max_tokens; /* output cap, thinking included */
    llm_shape shape;
    const uint32_t *admitted; /* LLM_SHAPE_ONE: identifiers, [n_admitted]; borrowed as messages are */
    size_t n_admitted;        /* LLM_SHAPE_LIST: 1..n_admitted, as many of them as n_wanted */
    size_t n_wanted;
    llm_enough_fn enough; /* not NULL: the call streams, unless the handle forbids it */
    void *enough_ctx;
    bool thinks; /* the model thinks first: enough() is not asked before that has ended, tagged or not */
} llm_prompt;

/* What became of a prompt. A failed call has no answer: an error's text is never taken for one. */
typedef struct llm_reply {
    rrk_status status;
    rrk_error error;
    const char *answer; /* [answer_len], UTF-8, thinking removed; owned by the reply */
    size_t answer_len;
    bool had_thinking; /* something stood before </think>, or in reasoning or reasoning_content */
    bool was_cut;      /* the output cap ended it (finish_reason "length") */
    bool was_stopped;  /* enough() ended it */
    bool from_cache;
    bool tokens_estimated; /* the endpoint gave no usage */
    uint64_t prompt_tokens;
    uint64_t completion_tokens; /* thinking included, as endpoints count */
    uint64_t thinking_tokens;   /* part of completion_tokens; 0 when not told */
    uint32_t n_attempts;        /* 0 from the cache */
    uint64_t bytes_received;    /* of the last attempt */
    double first_piece_ms;      /* of the last attempt; of a reply that was not streamed, its first byte */
    double total_ms;            /* pauses included */
} llm_reply;

typedef struct llm_session llm_session;

/* A session belongs to one thread at a time; it leases connections of the handle. cache may be NULL; it is copied. */
rrk_status llm_session_open(llm_session **out, rrk_llm *llm, const llm_cache *cache, rrk_error *err);
void llm_session_close(llm_session *session); /* stops what is in flight; NULL is fine */

/*
 * Queues a prompt; nothing is sent before llm_next_reply(), and more than max_in_flight wait their turn. deadline_ns (on
 * base_now_ns()'s scale, 0: none) is this call's own: past it, its reply has RRK_E_TIMEOUT. tag comes back with the
 * reply.
 */
rrk_status llm_submit(llm_session *session, const llm_prompt *prompt, int64_t deadline_ns, void *tag, rrk_error *err);
size_t llm_session_pending(const llm_session *session);

/*
 * Waits until some call has ended and hands out its reply, which is the caller's to free. Fails only when the deadline
 * passes, the caller cancels, memory runs out or nothing is pending (RRK_E_INVALID); calls then stay in flight until
 * llm_session_close(). cancel is polled every 50 ms, with a transport at each of its pieces.
 */
rrk_status llm_next_reply(llm_session *session, const base_deadline *deadline, llm_reply **reply, void **tag,
                          rrk_error *err);
void llm_reply_free(llm_reply *reply); /* also NULL */

/* The calls of tag are stopped and will not be reported. */
void llm_forget(llm_session *session, const void *tag);

#endif
