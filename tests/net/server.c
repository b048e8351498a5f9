/* The misbehaving server: see server.h. A thread a connection, so that answers may simply block. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 4096, MAX_REQUESTS = 65536, STACK_BYTES = 1 << 20, READ_BYTES = 65536 };

struct server_conn {
    server *owner;
    size_t number;
    int fd; /* -1: closed; changed under the server's lock */
    pthread_t thread;
    char *bytes; /* received and not yet consumed, [len] */
    size_t len;
    size_t cap;
};

struct server {
    server_answer_fn answer;
    void *ctx;
    int listener;
    char url[64];
    pthread_t acceptor;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t changed;
    bool stopping;
    size_t n_released;
    size_t n_held;
    server_conn *conns[MAX_CONNECTIONS];
    size_t n_conns;
    server_request *requests[MAX_REQUESTS];
    size_t n_requests;
};

static void *must(void *pointer)
{
    if (!pointer) {
        perror("test server");
        abort();
    }
    return pointer;
}

static void must_be_zero(int result)
{
    if (result != 0) {
        perror("test server");
        abort();
    }
}

static void end_connection(server_conn *conn, bool reset)
{
    pthread_mutex_lock(&conn->owner->lock);
    if (conn->fd >= 0) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        if (reset)
            setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(conn->fd);
        conn->fd = -1;
    }
    pthread_mutex_unlock(&conn->owner->lock);
}

void server_close(server_conn *conn)
{
    end_connection(conn, false);
}

void server_reset(server_conn *conn)
{
    end_connection(conn, true);
}

/* More bytes behind those that are there; false at the end of the connection. */
static bool receive(server_conn *conn)
{
    if (conn->fd < 0)
        return false;
    if (conn->cap - conn->len < READ_BYTES + 1) {
        conn->cap = conn->cap * 2 + READ_BYTES + 1;
        conn->bytes = must(realloc(conn->bytes, conn->cap));
    }
    ssize_t n = recv(conn->fd, conn->bytes + conn->len, READ_BYTES, 0);
    if (n <= 0)
        return false;
    conn->len += (size_t)n;
    conn->bytes[conn->len] = '\0';
    return true;
}

static size_t body_length(const char *head, size_t head_len)
{
    for (const char *line = head; line && line < head + head_len; line = strstr(line, "\r\n"), line += line ? 2 : 0)
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            return strtoul(line + 15, NULL, 10);
    return 0;
}

static char *copy(const char *data, size_t len)
{
    char *out = must(malloc(len + 1));
    memcpy(out, data, len);
    out[len] = '\0';
    return out;
}

static server_request *record(server_conn *conn, size_t head_len, size_t body_len)
{
    server *s = conn->owner;
    server_request *request = must(calloc(1, sizeof *request));
    request->connection = conn->number;
    request->head = copy(conn->bytes, head_len - 2);
    request->body = copy(conn->bytes + head_len, body_len);
    request->body_len = body_len;
    pthread_mutex_lock(&s->lock);
    if (s->n_requests == MAX_REQUESTS)
        abort();
    request->number = s->n_requests;
    s->requests[s->n_requests++] = request;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return request;
}

static server_request *next_request(server_conn *conn)
{
    const char *end;
    while (!conn->len || !(end = strstr(conn->bytes, "\r\n\r\n")))
        if (!receive(conn))
            return NULL;
    size_t head_len = (size_t)(end - conn->bytes) + 4;
    size_t body_len = body_length(conn->bytes, head_len);
    while (conn->len < head_len + body_len)
        if (!receive(conn))
            return NULL;
    server_request *request = record(conn, head_len, body_len);
    conn->len -= head_len + body_len;
    memmove(conn->bytes, conn->bytes + head_len + body_len, conn->len + 1);
    return request;
}

static void *serve(void *arg)
{
    server_conn *conn = arg;
    for (server_request *request; (request = next_request(conn));)
        conn->owner->answer(conn, request, conn->owner->ctx);
    server_close(conn);
    return NULL;
}

static void start_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    must_be_zero(pthread_attr_init(&attr));
    must_be_zero(pthread_attr_setstacksize(&attr, STACK_BYTES));
    must_be_zero(pthread_create(thread, &attr, run, arg));
    pthread_attr_destroy(&attr);
}

static void *accept_all(void *arg)
{
    server *s = arg;
    for (int fd; (fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        server_conn *conn = must(calloc(1, sizeof *conn));
        conn->owner = s;
        conn->fd = fd;
        pthread_mutex_lock(&s->lock);
        if (s->n_conns == MAX_CONNECTIONS)
            abort();
        conn->number = s->n_conns;
        s->conns[s->n_conns++] = conn;
        start_thread(&conn->thread, serve, conn);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

server *server_start(server_answer_fn answer, void *ctx)
{
    server *s = must(calloc(1, sizeof *s));
    s->answer = answer;
    s->ctx = ctx;
    must_be_zero(pthread_mutex_init(&s->lock, NULL));
    must_be_zero(pthread_cond_init(&s->changed, NULL));
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    must_be_zero(bind(s->listener, (struct sockaddr *)&address, len));
    must_be_zero(listen(s->listener, SOMAXCONN));
    must_be_zero(getsockname(s->listener, (struct sockaddr *)&address, &len));
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    start_thread(&s->acceptor, accept_all, s);
    return s;
}

/* Each blocked thread gets out by itself: recv() and send() by the shutdown, the waits by the flag. */
static void interrupt_all(server *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    for (size_t i = 0; i < s->n_conns; i++)
        if (s->conns[i]->fd >= 0)
            shutdown(s->conns[i]->fd, SHUT_RDWR);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void free_request(server_request *request)
{
    free((void *)(uintptr_t)request->head);
    free((void *)(uintptr_t)request->body);
    free(request);
}

void server_stop(server *s)
{
    if (!s)
        return;
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->acceptor, NULL);
    close(s->listener);
    interrupt_all(s);
    for (size_t i = 0; i < s->n_conns; i++) {
        pthread_join(s->conns[i]->thread, NULL);
        free(s->conns[i]->bytes);
        free(s->conns[i]);
    }
    for (size_t i = 0; i < s->n_requests; i++)
        free_request(s->requests[i]);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s);
}

const char *server_url(const server *s)
{
    return s->url;
}

const char *server_peer(const server *s)
{
    return s->url + strlen("http://");
}

static size_t read_count(server *s, const size_t *count)
{
    pthread_mutex_lock(&s->lock);
    size_t n = *count;
    pthread_mutex_unlock(&s->lock);
    return n;
}

size_t server_n_connections(server *s)
{
    return read_count(s, &s->n_conns);
}

size_t server_n_requests(server *s)
{
    return read_count(s, &s->n_requests);
}

const server_request *server_request_at(server *s, size_t number)
{
    return number < server_n_requests(s) ? s->requests[number] : NULL;
}

bool server_request_has(const server_request *request, const char *line)
{
    size_t len = strlen(line);
    for (const char *at = strstr(request->head, "\r\n"); at && at[2]; at = strstr(at + 2, "\r\n"))
        if (strncasecmp(at + 2, line, len) == 0 && strncmp(at + 2 + len, "\r\n", 2) == 0)
            return true;
    return false;
}

void server_release(server *s, size_t n)
{
    pthread_mutex_lock(&s->lock);
    s->n_released += n;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

bool server_hold(server_conn *conn)
{
    server *s = conn->owner;
    pthread_mutex_lock(&s->lock);
    size_t turn = s->n_held++;
    while (!s->stopping && s->n_released <= turn)
        pthread_cond_wait(&s->changed, &s->lock);
    bool go_on = !s->stopping;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

bool server_await_requests(server_conn *conn, size_t n)
{
    server *s = conn->owner;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && s->n_requests < n)
        pthread_cond_wait(&s->changed, &s->lock);
    bool go_on = !s->stopping;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

size_t server_await_close(server_conn *conn)
{
    size_t n_before = conn->len;
    while (receive(conn))
        continue;
    return conn->len - n_before;
}

bool server_send(server_conn *conn, const void *data, size_t len)
{
    for (const char *at = data; len;) {
        ssize_t n = conn->fd < 0 ? -1 : send(conn->fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool server_send_text(server_conn *conn, const char *text)
{
    return server_send(conn, text, strlen(text));
}

bool server_reply(server_conn *conn, int status, const char *headers, const char *body)
{
    char line[128];
    snprintf(line, sizeof line, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n", status, strlen(body));
    return server_send_text(conn, line) && server_send_text(conn, headers) && server_send_text(conn, "\r\n") &&
           server_send_text(conn, body);
}
