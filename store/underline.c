/* Underlined headings: see underline.h. A heading is a paragraph of its own; a rule below more lines is a rule. */
#include "store/underline.h"
#include "base/text.h"

#include <string.h>

#define MIN_RULE 3
#define MAX_MARKDOWN_INDENT 3

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static rrk_text trimmed(rrk_text line)
{
    while (line.len > 0 && is_space(line.data[0]))
        line = (rrk_text){line.data + 1, line.len - 1};
    while (line.len > 0 && is_space(line.data[line.len - 1]))
        line.len--;
    return line;
}

static size_t indent_of(rrk_text line)
{
    return (size_t)(trimmed(line).data - line.data);
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

/* The character that the whole line repeats, or '\0'. */
static char rule_of(const store_underline *u, rrk_text line)
{
    rrk_text rule = trimmed(line);
    const char *set = u->is_rst ? "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" : "=-";
    if (rule.len < MIN_RULE || indent_of(line) > (u->is_rst ? 0 : MAX_MARKDOWN_INDENT) || !is_one_of(rule.data[0], set))
        return '\0';
    for (size_t i = 1; i < rule.len; i++)
        if (rule.data[i] != rule.data[0])
            return '\0';
    return rule.data[0];
}

static size_t n_characters(rrk_text text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return n;
}

/* Quotes and list items end before the rule, and indented lines are code. */
static bool is_markdown_paragraph(rrk_text line)
{
    rrk_text text = trimmed(line);
    size_t n_digits = 0;
    while (n_digits < text.len && is_one_of(text.data[n_digits], "0123456789"))
        n_digits++;
    bool is_numbered = n_digits > 0 && n_digits + 1 < text.len && is_one_of(text.data[n_digits], ".)") &&
                       is_space(text.data[n_digits + 1]);
    bool is_item = text.len > 1 && is_one_of(text.data[0], "-*+") && is_space(text.data[1]);
    bool is_code = indent_of(line) > MAX_MARKDOWN_INDENT || line.data[0] == '\t';
    return !is_numbered && !is_item && !is_code && text.data[0] != '>';
}

/* A rule that is new takes the next level; when there is none left, the last. */
static int rst_level(store_underline *u, char rule, bool has_overline)
{
    for (int i = 0; i < u->n_rules; i++)
        if (u->rules[i] == rule && u->has_overline[i] == has_overline)
            return i + 1;
    if (u->n_rules == STORE_MAX_HEADING_LEVEL)
        return STORE_MAX_HEADING_LEVEL;
    u->rules[u->n_rules] = rule;
    u->has_overline[u->n_rules] = has_overline;
    return ++u->n_rules;
}

static int level_of(store_underline *u, rrk_text line)
{
    char rule = rule_of(u, line);
    if (!rule || u->n_lines == 0 || u->n_lines > 2)
        return 0;
    rrk_text title = u->lines[u->n_lines - 1];
    bool has_overline = u->n_lines == 2;
    if (rule_of(u, title) || (has_overline && (!u->is_rst || rule_of(u, u->lines[0]) != rule)))
        return 0;
    if (!u->is_rst)
        return !is_markdown_paragraph(title) ? 0 : rule == '=' ? 1 : 2;
    if (trimmed(line).len < n_characters(trimmed(title)) || (!has_overline && indent_of(title) > 0))
        return 0;
    return rst_level(u, rule, has_overline);
}

int store_underline_take(store_underline *u, rrk_text line, rrk_text *heading, const char **start)
{
    if (base_text_is_blank(line)) {
        u->n_lines = 0;
        return 0;
    }
    int level = level_of(u, line);
    if (level > 0) {
        *heading = trimmed(u->lines[u->n_lines - 1]);
        *start = u->lines[0].data;
        u->n_lines = 0;
        return level;
    }
    if (u->n_lines < RRK_COUNT(u->lines))
        u->lines[u->n_lines] = line;
    u->n_lines++;
    return 0;
}

void store_underline_break(store_underline *u)
{
    u->n_lines = 0;
}
