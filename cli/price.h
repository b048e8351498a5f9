/*
 * What tokens cost, by a small table that the user keeps: rrk has no figures of its own, since they change and depend
 * on the contract. A line a model, blanks or tabs between its columns, '#' begins a comment:
 *
 *     # model          input    output   currency      both figures for a million tokens
 *     big-model        2.50     10.00    EUR
 *     *                0        0        EUR           # every other model
 *
 * The line whose model is the longest beginning of the model's name holds.
 */
#ifndef RRK_CLI_PRICE_H
#define RRK_CLI_PRICE_H

#include "base/error.h"

#define CLI_CURRENCY_SIZE 16 /* with the NUL */

typedef struct cli_price {
    bool known;
    double input; /* per million tokens */
    double output;
    char currency[CLI_CURRENCY_SIZE];
} cli_price;

/*
 * path NULL: $XDG_CONFIG_HOME/rrk/prices or ~/.config/rrk/prices, when it is there. A bad line anywhere in the file is
 * RRK_E_FORMAT "file:line: ...". A model of no line has no known price.
 */
rrk_status cli_price_find(cli_price *out, const char *path, const char *model, rrk_error *err);

double cli_price_of(const cli_price *price, uint64_t prompt_tokens, uint64_t completion_tokens);

#define CLI_MONEY_SIZE 64
/* "1.2345 USD"; four decimals, since a call costs a fraction of a cent. */
const char *cli_format_money(char out[CLI_MONEY_SIZE], const cli_price *price, double amount);

#endif
