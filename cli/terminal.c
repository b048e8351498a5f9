/*
 * The process's surroundings: signals, whether a stream is a terminal and how wide, the progress line, failures on
 * stderr, and texts made safe to print. The only file of the project that reads the environment.
 */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_COLUMNS 100
#define PROGRESS_INTERVAL_NS 200000000

static volatile sig_atomic_t interrupted;
static int null_input = -1;

/* Standard input is at its end from here on, so that a read that begins after the flag was looked at cannot hang. */
static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    interrupted = 1;
    if (null_input >= 0)
        dup2(null_input, STDIN_FILENO);
    errno = saved;
}

/*
 * Without SA_RESTART, so that a read from an idle pipe ends; with SA_RESETHAND, so that a second Ctrl-C ends a process
 * that does not get to look at the flag.
 */
void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    null_input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cli_interrupted(void)
{
    return interrupted != 0;
}

int cli_cancel(void *ctx)
{
    (void)ctx;
    return interrupted != 0;
}

const char *cli_environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

int cli_failed(const cli_verb *verb, const rrk_error *err)
{
    fprintf(stderr, "rrk %s: %s\n", verb->name, interrupted ? "interrupted" : err->message);
    return CLI_FAILED;
}

void cli_progress_begin(cli_progress *progress, const char *verb, const char *unit)
{
    *progress = (cli_progress){.verb = verb, .unit = unit, .started_ns = base_now_ns()};
    progress->on = isatty(STDERR_FILENO) != 0;
}

void cli_progress_show(cli_progress *progress, uint64_t n_units, uint64_t done, uint64_t total)
{
    int64_t now = base_now_ns();
    char count[CLI_NUMBER_SIZE], rate[CLI_NUMBER_SIZE];
    if (!progress->on || now - progress->shown_ns < PROGRESS_INTERVAL_NS)
        return;
    progress->shown_ns = now;
    double elapsed_s = (double)(now - progress->started_ns) / 1e9;
    cli_format_count(count, n_units);
    cli_format_count(rate, elapsed_s > 0 ? (uint64_t)((double)n_units / elapsed_s) : 0);
    fprintf(stderr, "\r\033[Krrk %s: %s %s, %s/s", progress->verb, count, progress->unit, rate);
    if (total > 0 && done > 0 && done <= total) {
        uint64_t left_s = (uint64_t)(elapsed_s * (double)(total - done) / (double)done + 0.5);
        fprintf(stderr, ", %.0f %%, %" PRIu64 ":%02" PRIu64 " left", 100.0 * (double)done / (double)total, left_s / 60,
                left_s % 60);
    }
    fflush(stderr);
}

void cli_progress_end(cli_progress *progress)
{
    if (progress->on && progress->shown_ns)
        fputs("\r\033[K", stderr);
}

cli_style cli_style_of(FILE *stream)
{
    if (!isatty(fileno(stream)) || cli_environment("NO_COLOR"))
        return (cli_style){"", "", "", "", ""};
    return (cli_style){"\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"};
}

int cli_columns(FILE *stream)
{
    struct winsize size;
    if (!isatty(fileno(stream)) || ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col < 40)
        return DEFAULT_COLUMNS;
    return size.ws_col;
}

const char *cli_format_count(char out[CLI_NUMBER_SIZE], uint64_t n)
{
    char digits[CLI_NUMBER_SIZE];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    char *to = out;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

const char *cli_format_things(char out[CLI_THINGS_SIZE], uint64_t n, const char *one, const char *many)
{
    char count[CLI_NUMBER_SIZE];
    snprintf(out, CLI_THINGS_SIZE, "%s %s", cli_format_count(count, n), n == 1 ? one : many);
    return out;
}

const char *cli_format_bytes(char out[CLI_NUMBER_SIZE], uint64_t n)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double value = (double)n;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < RRK_COUNT(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(out, CLI_NUMBER_SIZE, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}

/* Nothing that a passage contains may steer the terminal: C0, DEL and C1 controls become blanks, runs of them one. */
size_t cli_put_text(FILE *out, rrk_text text, size_t columns)
{
    size_t at = 0, written = 0;
    bool blank = true;
    while (at < text.len && written < columns) {
        size_t start = at;
        uint32_t c = base_utf8_next(text.data, text.len, &at);
        bool is_blank = c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029;
        if (is_blank && blank)
            continue;
        if (is_blank || c == BASE_UTF8_BAD)
            fputc(is_blank ? ' ' : '?', out);
        else
            fwrite(text.data + start, 1, at - start, out);
        blank = is_blank;
        written++;
    }
    return written;
}

rrk_text cli_heading(const rrk_passage *passage)
{
    return passage->title.len ? passage->title : passage->text;
}

rrk_status cli_open_store(rrk_store **out, const char *path, rrk_store_mode mode, rrk_error *err)
{
    rrk_store_options options;
    rrk_store_options_init(&options);
    options.mode = mode;
    return rrk_store_open(out, path, &options, err);
}
