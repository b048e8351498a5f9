/*
 * One call's life: looked up in the cache, sent, perhaps sent again after a pause, ended with a reply. session.c decides
 * when a call begins and does the waiting for all of them; what happens to one call is in call.c (attempts over HTTP),
 * cached.c and transport.c.
 *
 *     QUEUED -> RUNNING <-> PAUSED
 *       |          |          |
 *       +----------+----------+-> ENDED
 */
#ifndef RRK_LLM_CALL_H
#define RRK_LLM_CALL_H

#include "llm/answer.h"
#include "llm/handle.h"
#include "llm/sse.h"

/* What the calls of a session share. */
typedef struct llm_line {
    rrk_llm *llm;
    net_loop *loop; /* NULL with a transport */
    llm_cache cache;
    bool has_cache;
    bool cache_complained;        /* one warning is enough */
    const base_deadline *waiting; /* of the llm_next_reply() that runs; a transport's pieces look at it */
    rrk_status interrupted;       /* what it said then, RRK_OK: nothing */
} llm_line;

typedef enum llm_state { LLM_QUEUED, LLM_RUNNING, LLM_PAUSED, LLM_ENDED } llm_state;

typedef struct llm_call {
    struct llm_call *next; /* in the session's queue or in its list of ended calls */
    llm_line *line;
    llm_prompt prompt;
    int64_t deadline_ns; /* 0: none */
    void *tag;
    llm_state state;
    llm_reply *reply; /* complete once the call has ended */
    char key[LLM_CACHE_KEY_SIZE];
    int64_t begun_ns;
    int64_t resume_ns; /* LLM_PAUSED: when the next attempt is due */
    base_buf body;
    bool completion_cap; /* how body names the cap */
    long http_status;    /* the last one */

    /* Of the attempt. */
    net_transfer *transfer;
    int64_t attempt_begun_ns;
    llm_sse sse;
    llm_answer answer;
    size_t asked_start; /* where the answer began when enough() was last asked */
    size_t asked_len;   /* the text's length then */
    bool is_whole;      /* the endpoint does not stream although it was asked to */
    bool knows_form;    /* is_whole is known */
    bool stopped;       /* enough() said so */
    rrk_status broken;  /* why the stream was ended from here */
    rrk_error why;
} llm_call;

rrk_status llm_call_new(llm_call **out, llm_line *line, const llm_prompt *prompt, int64_t deadline_ns, void *tag,
                        rrk_error *err);
void llm_call_free(llm_call *call); /* stops it; NULL is fine */

/* Begins a queued call. It can have ended when this returns. */
void llm_call_begin(llm_call *call);

/* Does what is due: the next attempt, or the end at the deadline. */
void llm_call_tick(llm_call *call, int64_t now_ns);

/* When llm_call_tick() has something to do again; INT64_MAX: nothing that time brings. */
int64_t llm_call_due_ns(const llm_call *call);

/* Its transfer has ended. */
void llm_call_arrived(llm_call *call);

/* --- between the files --- */

/* Ends it: as a success when status is RRK_OK, otherwise with the failure in call->reply->error. */
void llm_call_end(llm_call *call, rrk_status status);

/* More of the answer has come: true when the rest is not needed. */
bool llm_call_is_enough(llm_call *call);

bool llm_call_streams(const llm_call *call);
llm_body_format llm_call_format(const llm_call *call);

/* cached.c. True: the call has ended with an answer from the cache. */
bool llm_call_find_cached(llm_call *call);
void llm_call_keep(llm_call *call);

/* transport.c: runs the call to its end. */
void llm_call_transport(llm_call *call);

#endif
