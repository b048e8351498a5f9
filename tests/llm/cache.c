/* The reply cache, kept in memory here: what is answered from it, what goes into it, and what happens when it fails. */
#include "talk.h"

#include "base/alloc.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ENTRIES = 8 };

typedef struct memory_cache {
    char keys[MAX_ENTRIES][LLM_CACHE_KEY_SIZE];
    char values[MAX_ENTRIES][1024];
    size_t n;
    bool fails;
    int n_gets;
} memory_cache;

static char *slot(memory_cache *cache, const char *key)
{
    for (size_t i = 0; i < cache->n; i++) {
        if (strcmp(cache->keys[i], key) == 0)
            return cache->values[i];
    }
    return NULL;
}

static rrk_status get(void *data, const char *key, base_buf *value, bool *found, rrk_error *err)
{
    memory_cache *cache = data;
    cache->n_gets++;
    if (cache->fails)
        return base_fail(err, RRK_E_STORE, 0, "the disk is gone");
    const char *held = slot(cache, key);
    *found = held != NULL;
    return held ? base_buf_append_string(value, held, err) : RRK_OK;
}

static rrk_status put(void *data, const char *key, rrk_text value, rrk_error *err)
{
    memory_cache *cache = data;
    if (cache->fails)
        return base_fail(err, RRK_E_STORE, 0, "the disk is gone");
    char *held = slot(cache, key);
    if (!held) {
        cr_assert_lt(cache->n, (size_t)MAX_ENTRIES);
        memcpy(cache->keys[cache->n], key, LLM_CACHE_KEY_SIZE);
        held = cache->values[cache->n++];
    }
    snprintf(held, 1024, "%.*s", (int)value.len, value.data);
    return RRK_OK;
}

static void answer(server_conn *conn, const server_request *request, void *ctx)
{
    if (strstr(request->body, "refuse")) {
        server_reply(conn, 400, "", "{\"error\":\"no\"}");
    } else if (talk_is_stream(request)) {
        talk_begin_stream(conn);
        static const char *const PIECES[] = {"[2] ", "> [1] ", "> [3] ", "> [4] "};
        for (size_t i = 0; i < RRK_COUNT(PIECES); i++)
            talk_piece(conn, PIECES[i]);
        talk_end_stream(conn, "stop");
    } else {
        talk_say(conn, "[2] > [1] > [3] > [4]");
    }
}

static bool has_id(void *ctx, rrk_text text)
{
    return text.len && memmem(text.data, text.len, ctx, strlen(ctx));
}

typedef struct place {
    server *s;
    rrk_llm *llm;
    memory_cache memory;
    llm_cache cache;
} place;

static place *open_place(void)
{
    static place p;
    p = (place){.s = server_start(answer, NULL)};
    rrk_llm_options options = talk_options(server_url(p.s));
    p.llm = talk_open(&options);
    p.cache = (llm_cache){.get = get, .put = put, .data = &p.memory};
    return &p;
}

static void close_place(place *p)
{
    rrk_llm_close(p->llm);
    server_stop(p->s);
}

static llm_reply *ask(place *p, const char *content, const char *until)
{
    llm_session *session = talk_session(p->llm, &p->cache);
    llm_prompt prompt = talk_prompt(content);
    char id[8] = "";
    snprintf(id, sizeof id, "%s", until ? until : "");
    prompt.enough = until ? has_id : NULL;
    prompt.enough_ctx = id;
    talk_submit(session, &prompt, 0, NULL);
    llm_reply *reply = talk_next(session, NULL);
    llm_session_close(session);
    return reply;
}

static void assert_asked(place *p, const char *content, const char *until, const char *want, bool from_cache, size_t n)
{
    llm_reply *reply = ask(p, content, until);
    talk_assert_answer(reply, want);
    cr_assert_eq(reply->from_cache, from_cache);
    cr_assert_eq(reply->n_attempts, from_cache ? 0 : 1);
    cr_assert_eq(server_n_requests(p->s), n);
    llm_reply_free(reply);
}

Test(cache, a_second_run_makes_no_request)
{
    place *p = open_place();
    assert_asked(p, "q", NULL, "[2] > [1] > [3] > [4]", false, 1);
    llm_reply *reply = ask(p, "q", NULL);
    talk_assert_answer(reply, "[2] > [1] > [3] > [4]");
    cr_assert(reply->from_cache && !reply->tokens_estimated && !reply->was_stopped);
    cr_assert_eq(reply->prompt_tokens, 11);
    cr_assert_eq(reply->completion_tokens, 7);
    llm_reply_free(reply);
    assert_asked(p, "q", "[1]", "[2] > [1] > [3] > [4]", true, 1);
    assert_asked(p, "another", NULL, "[2] > [1] > [3] > [4]", false, 2);
    close_place(p);
}

Test(cache, a_stopped_answer_serves_those_for_whom_it_is_enough)
{
    place *p = open_place();
    assert_asked(p, "q", "[1]", "[2] > [1] ", false, 1);
    assert_asked(p, "q", "[1]", "[2] > [1] ", true, 1);
    assert_asked(p, "q", "[2]", "[2] > [1] ", true, 1);
    assert_asked(p, "q", "[3]", "[2] > [1] > [3] ", false, 2);
    assert_asked(p, "q", "[1]", "[2] > [1] > [3] ", true, 2);
    assert_asked(p, "q", NULL, "[2] > [1] > [3] > [4]", false, 3);
    assert_asked(p, "q", "[1]", "[2] > [1] > [3] > [4]", true, 3);
    cr_assert_eq(p->memory.n, 1);
    close_place(p);
}

Test(cache, that_is_read_only_is_not_written)
{
    place *p = open_place();
    p->cache.read_only = true;
    assert_asked(p, "q", NULL, "[2] > [1] > [3] > [4]", false, 1);
    assert_asked(p, "q", NULL, "[2] > [1] > [3] > [4]", false, 2);
    cr_assert_eq(p->memory.n, 0);
    close_place(p);
}

Test(cache, failed_calls_are_not_kept)
{
    place *p = open_place();
    for (size_t i = 0; i < 2; i++) {
        llm_reply *reply = ask(p, "refuse", NULL);
        talk_assert_failed(reply, RRK_E_UPSTREAM, 400, "no");
        llm_reply_free(reply);
    }
    cr_assert_eq(p->memory.n, 0);
    cr_assert_eq(server_n_requests(p->s), 2);
    close_place(p);
}

Test(cache, that_fails_or_is_damaged_does_not_stop_a_call)
{
    place *p = open_place();
    p->memory.fails = true;
    assert_asked(p, "q", NULL, "[2] > [1] > [3] > [4]", false, 1);
    p->memory.fails = false;
    assert_asked(p, "q", NULL, "[2] > [1] > [3] > [4]", false, 2);
    static const char *const DAMAGED[] = {"", "{", "[]", "{\"answer\":7}", "7", "{\"stopped\":true}"};
    for (size_t i = 0; i < RRK_COUNT(DAMAGED); i++) {
        snprintf(p->memory.values[0], sizeof p->memory.values[0], "%s", DAMAGED[i]);
        assert_asked(p, "q", NULL, "[2] > [1] > [3] > [4]", false, 3 + i);
    }
    assert_asked(p, "q", NULL, "[2] > [1] > [3] > [4]", true, 2 + RRK_COUNT(DAMAGED));
    close_place(p);
}

Test(cache, many_cached_calls_are_answered_a_few_at_a_time)
{
    place *p = open_place();
    assert_asked(p, "q", NULL, "[2] > [1] > [3] > [4]", false, 1);
    llm_session *session = talk_session(p->llm, &p->cache);
    llm_prompt prompt = talk_prompt("q");
    for (int i = 0; i < 100; i++)
        talk_submit(session, &prompt, 0, NULL);
    p->memory.n_gets = 0;
    for (int i = 0; i < 100; i++) {
        llm_reply_free(talk_next(session, NULL));
        cr_assert_leq(p->memory.n_gets, i + RRK_LLM_DEFAULT_MAX_IN_FLIGHT, "answers that nobody took yet are few");
    }
    llm_session_close(session);
    cr_assert_eq(server_n_requests(p->s), 1);
    close_place(p);
}
