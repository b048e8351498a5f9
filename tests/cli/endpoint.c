/* An LLM that reverses lists: see endpoint.h. Answers run on the server's threads, so nothing there asserts. */
#include "endpoint.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_POLLS = 6000, POLL_US = 10000 };

/* Passages are the lines that begin with [1], [2] and so on. */
static size_t count_passages(const char *prompt)
{
    size_t n = 0, number;
    for (const char *line = prompt; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "[%zu] ", &number) == 1 && number == n + 1)
            n++;
    }
    return n;
}

static void write_answer(size_t n, char *out, size_t size)
{
    size_t at = 0;
    for (size_t i = n; i > 0 && at < size; i--)
        at += (size_t)snprintf(out + at, size - at, "%s[%zu]", i < n ? " > " : "", i);
}

static void send_answer(server_conn *conn, const char *answer, int streams)
{
    char body[4096];
    const char *usage = "\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":10}";
    if (streams)
        snprintf(body, sizeof body,
                 "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"}}]}\n\n"
                 "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],%s}\n\ndata: [DONE]\n\n",
                 answer, usage);
    else
        snprintf(body, sizeof body,
                 "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\","
                 "\"content\":\"%s\"}}],%s}",
                 answer, usage);
    server_reply(conn, 200, streams ? "Content-Type: text/event-stream\r\n" : "Content-Type: application/json\r\n",
                 body);
}

static void reverse(server_conn *conn, const server_request *request, void *ctx)
{
    endpoint *e = ctx;
    char authorization[256], answer[2048] = "";
    json_t *body = json_loadb(request->body, request->body_len, 0, NULL);
    json_t *messages = json_object_get(body, "messages");
    const char *prompt =
        json_string_value(json_object_get(json_array_get(messages, json_array_size(messages) - 1), "content"));
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", e->key ? e->key : "");
    if (request->number >= e->held_from)
        server_hold(conn);
    if (!prompt) {
        server_reply(conn, 400, "", "{\"error\":{\"message\":\"no prompt\"}}");
    } else if (e->key && !server_request_has(request, authorization)) {
        server_reply(conn, 401, "", "{\"error\":{\"message\":\"not with this key\"}}");
    } else if (e->refused && strstr(prompt, e->refused)) {
        server_reply(conn, 400, "", "{\"error\":{\"message\":\"not this one\"}}");
    } else {
        write_answer(count_passages(prompt), answer, sizeof answer);
        send_answer(conn, answer, json_is_true(json_object_get(body, "stream")));
    }
    json_decref(body);
}

void endpoint_start(endpoint *e)
{
    if (!e->held_from)
        e->held_from = SIZE_MAX;
    e->server = server_start(reverse, e);
    snprintf(e->url, sizeof e->url, "%s/v1", server_url(e->server));
}

void endpoint_stop(endpoint *e)
{
    server_stop(e->server);
    e->server = NULL;
}

size_t endpoint_calls(endpoint *e)
{
    return server_n_requests(e->server);
}

void endpoint_await(endpoint *e, size_t n)
{
    for (int i = 0; i < PATIENCE_POLLS && endpoint_calls(e) < n; i++)
        usleep(POLL_US);
    cr_assert_geq(endpoint_calls(e), n, "only %zu requests came", endpoint_calls(e));
}

const char *endpoint_candidates(void)
{
    static const char *const queries[] = {"alpha", "beta", "gamma"};
    static char text[4096];
    size_t at = 0;
    for (size_t q = 0; q < 3; q++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "{\"qid\":\"q%zu\",\"query\":\"%s\",\"candidates\":[",
                               q + 1, queries[q]);
        for (size_t i = 1; i <= 5; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s{\"docid\":\"%c%zu\",\"text\":\"%s number %zu\"}",
                                   i > 1 ? "," : "", (char)('a' + q), i, queries[q], i);
        at += (size_t)snprintf(text + at, sizeof text - at, "]}\n");
    }
    const char *path = child_path("lists.jsonl");
    child_write(path, text);
    return path;
}

const char *child_slurp(const char *path)
{
    static char content[1 << 16];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    return content;
}
