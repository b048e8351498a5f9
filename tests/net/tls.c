/*
 * TLS against an authority of the test's own: whom it vouches for is trusted, nobody else is, and the message says what
 * was wrong. The openssl command makes keys and certificates in a scratch folder, Python's ssl module speaks TLS, and
 * nghttpd, where it is installed, HTTP/2.
 */
#include "../encoder/folder.h"
#include "base/clock.h"
#include "client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static folder keys;

/* A process of the test's. */
typedef struct helper {
    pid_t pid;
    int input; /* held open: it ends when this closes */
    int port;
} helper;

static bool have(const char *command)
{
    char line[128];
    snprintf(line, sizeof line, "command -v %s >/dev/null 2>&1", command);
    return system(line) == 0;
}

static void make_keys(void)
{
    char line[512];
    if (!have("openssl"))
        cr_skip_test("there is no openssl command to make certificates with");
    keys = folder_new();
    snprintf(line, sizeof line, "sh '%s/tests/net/make_keys.sh' '%s'", getenv("RRK_TEST_SOURCE"), keys.dir);
    cr_assert_eq(system(line), 0, "%s", line);
}

static void drop_keys(void)
{
    folder_remove(&keys);
}

TestSuite(tls, .init = make_keys, .fini = drop_keys);

/* It goes with the test, however that ends. output (-1: none) becomes its standard output. */
static helper start_helper(char *const *arguments, int output)
{
    int input[2];
    helper h = {0};
    cr_assert_eq(pipe2(input, O_CLOEXEC), 0);
    h.pid = fork();
    cr_assert(h.pid >= 0);
    if (h.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(input[0], STDIN_FILENO);
        if (output >= 0)
            dup2(output, STDOUT_FILENO);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    close(input[0]);
    h.input = input[1];
    return h;
}

static void stop_helper(helper *h)
{
    int status;
    close(h->input);
    kill(h->pid, SIGTERM);
    waitpid(h->pid, &status, 0);
}

static void key_paths(const char *certificate, char pem[128], char key[128])
{
    snprintf(pem, 128, "%s/%s.pem", keys.dir, certificate);
    snprintf(key, 128, "%s/%s.key", keys.dir, certificate);
}

static helper serve(const char *certificate)
{
    char script[512], pem[128], key[128], line[64], python[] = "python3";
    int output[2];
    snprintf(script, sizeof script, "%s/tests/net/tls_server.py", getenv("RRK_TEST_SOURCE"));
    key_paths(certificate, pem, key);
    cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
    helper h = start_helper((char *const[]){python, script, pem, key, NULL}, output[1]);
    close(output[1]);
    FILE *told = fdopen(output[0], "r");
    cr_assert_not_null(fgets(line, sizeof line, told), "the server does not start");
    fclose(told);
    h.port = (int)strtol(line, NULL, 10);
    return h;
}

static net_request request_to(const char *name, int port)
{
    static char url[128];
    snprintf(url, sizeof url, "https://%s:%d/hello", name, port);
    return (net_request){.method = "GET", .url = url};
}

static void expect_hello(net_transfer *t, const char *body)
{
    const net_reply *reply = net_transfer_reply(t);
    cr_assert_eq(reply->status, RRK_OK, "%s", reply->error.message);
    cr_assert_eq(reply->http_status, 200);
    cr_assert_str_eq(reply->body.data, body);
    net_transfer_free(t);
}

static void expect_refusal(net_loop *loop, const char *name, int port, const char *says)
{
    net_transfer *t = fetch(loop, request_to(name, port));
    const net_reply *reply = net_transfer_reply(t);
    const char *message = reply->error.message;
    cr_assert_eq(reply->status, RRK_E_UPSTREAM);
    cr_assert_not(reply->may_retry);
    cr_assert_not_null(strstr(message, "has a certificate that is not trusted"), "%s", message);
    cr_assert_not_null(strstr(message, says), "%s", message);
    cr_assert_not_null(strstr(message, name), "%s", message);
    cr_assert_eq(reply->http_status, 0, "nothing was asked of whom we do not trust");
    net_transfer_free(t);
}

static net_loop *open_trusting(const char *authority)
{
    return open_loop(&(net_options){.ca_file = folder_path(&keys, authority)});
}

Test(tls, trusts_whom_the_given_authority_vouches_for)
{
    helper h = serve("here");
    net_loop *loop = open_trusting("mine.pem");
    expect_hello(fetch(loop, request_to("localhost", h.port)), "hello over TLS");
    expect_hello(fetch(loop, request_to("127.0.0.1", h.port)), "hello over TLS");
    net_loop_close(loop);
    stop_helper(&h);
}

Test(tls, does_not_trust_an_authority_that_the_system_does_not_know)
{
    helper h = serve("here");
    net_loop *loop = open_loop(NULL);
    expect_refusal(loop, "127.0.0.1", h.port, "issuer certificate");
    net_loop_close(loop);
    stop_helper(&h);
}

Test(tls, does_not_trust_whom_another_authority_vouches_for)
{
    helper h = serve("here");
    net_loop *loop = open_trusting("stranger.pem");
    expect_refusal(loop, "localhost", h.port, "issuer certificate");
    net_loop_close(loop);
    stop_helper(&h);
}

Test(tls, does_not_trust_a_certificate_for_another_name)
{
    helper h = serve("elsewhere");
    net_loop *loop = open_trusting("mine.pem");
    expect_refusal(loop, "localhost", h.port, "target host name 'localhost'");
    expect_refusal(loop, "127.0.0.1", h.port, "target host name '127.0.0.1'");
    net_loop_close(loop);
    stop_helper(&h);
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
}

static int unused_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* It does not say when it listens. */
static void await_listener(const helper *h)
{
    struct sockaddr_in address = loopback(h->port);
    for (int64_t start_ns = base_now_ns(); base_ms_since(start_ns) < PATIENCE_MS; usleep(1000)) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int refused = connect(fd, (struct sockaddr *)&address, sizeof address);
        close(fd);
        if (!refused)
            return;
        cr_assert_eq(waitpid(h->pid, NULL, WNOHANG), 0, "the server does not start");
    }
    cr_assert_fail("the server does not listen");
}

/* It speaks nothing but HTTP/2 on TLS, so an answer is an answer in HTTP/2. */
static helper serve_http2(void)
{
    char pem[128], key[128], port[16], at[] = "-a", host[] = "127.0.0.1", dir[] = "-d", nghttpd[] = "nghttpd";
    if (!have("nghttpd"))
        cr_skip_test("there is no nghttpd to speak HTTP/2 with");
    int number = unused_port();
    snprintf(port, sizeof port, "%d", number);
    key_paths("here", pem, key);
    helper h = start_helper((char *const[]){nghttpd, at, host, dir, keys.dir, port, key, pem, NULL}, -1);
    h.port = number;
    await_listener(&h);
    return h;
}

TestSuite(http2, .init = make_keys, .fini = drop_keys);

Test(http2, carries_many_requests_at_once)
{
    enum { N_REQUESTS = 50 };
    folder_text(&keys, "hello", "hello in frames");
    helper h = serve_http2();
    net_loop *loop = open_trusting("mine.pem");
    for (int i = 0; i < N_REQUESTS; i++)
        start(loop, request_to("127.0.0.1", h.port));
    for (int i = 0; i < N_REQUESTS; i++)
        expect_hello(await(loop), "hello in frames");
    net_loop_close(loop);
    stop_helper(&h);
}

static bool had_enough(void *ctx, const char *data, size_t len)
{
    return false;
}

Test(http2, ends_one_stream_and_keeps_the_others)
{
    static char much[1 << 20];
    memset(much, 'x', sizeof much - 1);
    folder_text(&keys, "hello", much);
    helper h = serve_http2();
    net_loop *loop = open_trusting("mine.pem");
    net_request request = request_to("127.0.0.1", h.port);
    net_transfer *whole = start(loop, request);
    request.piece = had_enough;
    net_transfer *cut = start(loop, request);
    for (int i = 0; i < 2; i++) {
        net_transfer *ended = await(loop);
        const net_reply *reply = net_transfer_reply(ended);
        cr_assert_eq(reply->status, RRK_OK, "%s", reply->error.message);
        cr_assert_eq(reply->stopped, ended == cut);
        cr_assert(ended == whole ? reply->body.len == sizeof much - 1 : reply->body.len < sizeof much - 1);
        net_transfer_free(ended);
    }
    net_loop_close(loop);
    stop_helper(&h);
}
