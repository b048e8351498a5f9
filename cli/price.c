/* The table of prices: see price.h. The whole file is read each time, so that a bad line is found at once. */
#include "cli/price.h"

#include "base/buf.h"
#include "base/lines.h"
#include "cli/cli.h"
#include "eval/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_LINE_BYTES 4096
#define MAX_NUMBER_BYTES 64
#define MILLION 1e6

typedef struct price_line {
    rrk_text model;
    cli_price price;
} price_line;

static rrk_status bad_line(const base_lines *lines, rrk_error *err, const char *what, rrk_text word)
{
    return base_fail(err, RRK_E_FORMAT, 0, "%s:%llu: '%.*s' is no %s", base_lines_name(lines),
                     (unsigned long long)base_lines_number(lines), (int)RRK_MIN(word.len, (size_t)64), word.data, what);
}

static rrk_status take_amount(const base_lines *lines, rrk_text word, double *out, rrk_error *err)
{
    char digits[MAX_NUMBER_BYTES];
    char *end = digits;
    if (word.len < sizeof digits) {
        snprintf(digits, sizeof digits, "%.*s", (int)word.len, word.data);
        *out = strtod(digits, &end);
    }
    if (end == digits || *end != '\0' || !isfinite(*out) || *out < 0)
        return bad_line(lines, err, "price of a million tokens", word);
    return RRK_OK;
}

/* rest is not empty. */
static rrk_status take_line(const base_lines *lines, rrk_text rest, price_line *out, rrk_error *err)
{
    out->model = eval_next_word(&rest);
    rrk_text input = eval_next_word(&rest), output = eval_next_word(&rest), currency = eval_next_word(&rest);
    if (currency.len == 0 || eval_next_word(&rest).len > 0)
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%llu: not 'model input output currency'", base_lines_name(lines),
                         (unsigned long long)base_lines_number(lines));
    RRK_TRY(take_amount(lines, input, &out->price.input, err));
    RRK_TRY(take_amount(lines, output, &out->price.output, err));
    if (currency.len >= CLI_CURRENCY_SIZE)
        return bad_line(lines, err, "currency", currency);
    snprintf(out->price.currency, sizeof out->price.currency, "%.*s", (int)currency.len, currency.data);
    out->price.known = true;
    return RRK_OK;
}

/* How much of the model's name the line's covers, and one; "*" covers nothing of any; 0: another model. */
static size_t match(rrk_text prefix, const char *model)
{
    if (prefix.len == 1 && prefix.data[0] == '*')
        return 1;
    return strncmp(model, prefix.data, prefix.len) == 0 ? prefix.len + 1 : 0;
}

static rrk_status read_prices(base_lines *lines, const char *model, cli_price *out, rrk_error *err)
{
    size_t best = 0;
    bool more = true;
    for (;;) {
        rrk_text line;
        price_line found = {0};
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more)
            return RRK_OK;
        const char *comment = line.len ? memchr(line.data, '#', line.len) : NULL;
        rrk_text rest = {line.data, comment ? (size_t)(comment - line.data) : line.len}, peek = rest;
        if (eval_next_word(&peek).len == 0)
            continue;
        RRK_TRY(take_line(lines, rest, &found, err));
        size_t covered = match(found.model, model);
        if (covered > best) {
            best = covered;
            *out = found.price;
        }
    }
}

/* path stays empty when the environment does not say where. */
static rrk_status default_path(base_buf *path, rrk_error *err)
{
    const char *folder = cli_environment("XDG_CONFIG_HOME"), *home = cli_environment("HOME");
    if (folder)
        return base_buf_printf(path, err, "%s/rrk/prices", folder);
    return home ? base_buf_printf(path, err, "%s/.config/rrk/prices", home) : RRK_OK;
}

rrk_status cli_price_find(cli_price *out, const char *path, const char *model, rrk_error *err)
{
    base_buf own RRK_AUTO(base_buf_free) = {.max = 1u << 16};
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    *out = (cli_price){0};
    if (!path) {
        RRK_TRY(default_path(&own, err));
        if (own.len == 0 || access(own.data, F_OK) != 0)
            return RRK_OK;
        path = own.data;
    }
    RRK_TRY(base_lines_open(&lines, path, MAX_LINE_BYTES, err));
    return read_prices(lines, model, out, err);
}

double cli_price_of(const cli_price *price, uint64_t prompt_tokens, uint64_t completion_tokens)
{
    return ((double)prompt_tokens * price->input + (double)completion_tokens * price->output) / MILLION;
}

const char *cli_format_money(char out[CLI_MONEY_SIZE], const cli_price *price, double amount)
{
    snprintf(out, CLI_MONEY_SIZE, "%.4f %s", amount, price->currency);
    return out;
}
