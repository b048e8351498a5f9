/*
 * The library's names of options in messages, turned into those of the command line: "option 'url'" is what the user
 * gave as --llm. Apart because it knows both sides' names and nothing of what options do.
 */
#include "cli/llm_options.h"

static const char QUOTED[] = "option '";

static bool is_row(const cli_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_options; i++)
        if (strcmp(table->options[i].name, name) == 0)
            return true;
    return false;
}

/* Most names differ in nothing but the kind of line between words. */
static bool put_flag(base_buf *out, const char *field, size_t len)
{
    static const char *const renamed[][2] = {{"url", "--llm"},
                                             {"model", "--llm-model"},
                                             {"key", "--llm-key-env or --llm-key-file"},
                                             {"max_in_flight", "--in-flight"},
                                             {"max_retries", "--retries"},
                                             {"attempt_timeout_ms", "--attempt-timeout"},
                                             {"n_views", "--views"}};
    char name[32];
    for (size_t i = 0; i < RRK_COUNT(renamed); i++)
        if (strlen(renamed[i][0]) == len && memcmp(renamed[i][0], field, len) == 0)
            return base_buf_append_string(out, renamed[i][1], NULL) == RRK_OK;
    snprintf(name, sizeof name, "%.*s", (int)RRK_MIN(len, sizeof name), field);
    for (char *at = name; *at; at++)
        *at = *at == '_' ? '-' : *at;
    if (!is_row(&cli_llm_table, name) && !is_row(&cli_ranking_table, name))
        return false;
    return base_buf_printf(out, NULL, "--%s", name) == RRK_OK;
}

/* A name at the message's begin, or behind the folder or file that it is about; how much of the message that was. */
static size_t put_first(base_buf *out, const char *message)
{
    size_t len = strcspn(message, " ");
    if (put_flag(out, message, len))
        return len;
    const char *colon = strstr(message, ": ");
    if (!colon)
        return 0;
    size_t before = (size_t)(colon - message) + strlen(": ");
    len = strcspn(message + before, " ");
    if (base_buf_append(out, message, before, NULL) == RRK_OK && put_flag(out, message + before, len))
        return before + len;
    out->len = 0;
    return 0;
}

/* A name is quoted, or it is the message's first word. */
void cli_name_options(rrk_error *err)
{
    base_buf text RRK_AUTO(base_buf_free) = {.max = 2 * sizeof err->message};
    rrk_error was = *err;
    const char *at = was.message + put_first(&text, was.message);
    while (*at) {
        const char *field = at + strlen(QUOTED);
        bool quoted = strncmp(at, QUOTED, strlen(QUOTED)) == 0;
        size_t len = quoted ? strcspn(field, "'") : 0;
        if (quoted && put_flag(&text, field, len))
            at = field + len + strlen("'");
        else if (base_buf_append_char(&text, *at++, NULL) != RRK_OK)
            return;
    }
    base_error_clear(err);
    base_fail(err, (rrk_status)was.status, was.detail, "%s", text.data ? text.data : "");
}
