/* Cutting text at headings and paragraphs: see markdown.h. */
#include "store/markdown.h"
#include "base/text.h"
#include "base/utf8.h"

#include <string.h>

enum { MAX_HEADING = 200, MAX_TITLE = 8 * MAX_HEADING };

typedef struct splitter {
    rrk_text text;
    const char *name;
    store_section_fn take;
    void *ctx;
    char headings[STORE_HEADING_LEVELS][MAX_HEADING]; /* "" where no heading of that level is open */
    size_t start;                                     /* of the section in hand */
    size_t start_line;
} splitter;

typedef struct line {
    size_t start, end; /* without the newline */
    size_t next;
    size_t number;
} line;

static bool next_line(const splitter *s, line *l)
{
    if (l->next >= s->text.len)
        return false;
    l->start = l->next;
    const char *end = memchr(s->text.data + l->start, '\n', s->text.len - l->start);
    l->end = end ? (size_t)(end - s->text.data) : s->text.len;
    l->next = l->end + (end != NULL);
    if (l->end > l->start && s->text.data[l->end - 1] == '\r')
        l->end--;
    l->number++;
    return true;
}

static void append(char *title, size_t *at, const char *part)
{
    size_t n = strlen(part);
    if (n == 0 || *at + n + 4 > MAX_TITLE)
        return;
    if (*at) {
        memcpy(title + *at, " > ", 3);
        *at += 3;
    }
    memcpy(title + *at, part, n + 1);
    *at += n;
}

static rrk_status emit(splitter *s, size_t end, rrk_error *err)
{
    size_t start = s->start, line_number = s->start_line;
    while (start < end && memchr(" \t\r\n", s->text.data[start], 4))
        line_number += s->text.data[start++] == '\n';
    while (end > start && memchr(" \t\r\n", s->text.data[end - 1], 4))
        end--;
    rrk_text text = {s->text.data + start, end - start};
    if (text.len == 0)
        return RRK_OK;
    char title[MAX_TITLE] = "";
    size_t at = 0;
    const char *heading = "";
    for (size_t i = 0; i < STORE_HEADING_LEVELS; i++) {
        append(title, &at, s->headings[i]);
        heading = *s->headings[i] ? s->headings[i] : heading;
    }
    if (at == 0)
        append(title, &at, s->name);
    store_section section = {title, heading, text, line_number};
    return s->take(s->ctx, &section, err);
}

/* A heading's text without its marks. */
static void set_heading(splitter *s, size_t level, const char *text, size_t len)
{
    while (len && memchr(" \t#", text[0], 3)) {
        text++;
        len--;
    }
    while (len && memchr(" \t#", text[len - 1], 3))
        len--;
    len = base_utf8_cut(text, len, MAX_HEADING - 1);
    memcpy(s->headings[level], text, len);
    s->headings[level][len] = '\0';
    for (size_t i = level + 1; i < STORE_HEADING_LEVELS; i++)
        s->headings[i][0] = '\0';
}

/* The level of "## Heading", from 0; STORE_HEADING_LEVELS when it is none. */
static size_t hash_level(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] == '#')
        n++;
    bool heading = n >= 1 && n <= STORE_HEADING_LEVELS && n < len && text[n] == ' ';
    return heading ? n - 1 : STORE_HEADING_LEVELS;
}

/* The level that a line of one repeated mark gives to the line above it. */
static size_t underline_level(const char *text, size_t len)
{
    static const char MARKS[] = "=-~^";
    while (len && text[len - 1] == ' ')
        len--;
    const char *mark = len >= 3 ? memchr(MARKS, text[0], 4) : NULL;
    for (size_t i = 1; mark && i < len; i++) {
        if (text[i] != text[0])
            return STORE_HEADING_LEVELS;
    }
    return mark ? (size_t)(mark - MARKS) : STORE_HEADING_LEVELS;
}

static bool is_fence(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len && at < 3 && text[at] == ' ')
        at++;
    return len - at >= 3 && (memcmp(text + at, "```", 3) == 0 || memcmp(text + at, "~~~", 3) == 0);
}

/* Ends the section before a heading and begins the next behind it. */
static rrk_status open_heading(splitter *s, size_t level, const line *heading, const line *last, rrk_error *err)
{
    RRK_TRY(emit(s, heading->start, err));
    set_heading(s, level, s->text.data + heading->start, heading->end - heading->start);
    s->start = last->next;
    s->start_line = last->number + 1;
    return RRK_OK;
}

/* Whether the line at hand begins a heading; *last is the heading's last line then. */
static size_t heading_at(const splitter *s, const line *l, line *last)
{
    const char *text = s->text.data + l->start;
    size_t len = l->end - l->start, level = hash_level(text, len);
    *last = *l;
    if (level < STORE_HEADING_LEVELS || len == 0 || memchr(" \t-*>|", text[0], 6))
        return level;
    if (!next_line(s, last))
        return STORE_HEADING_LEVELS;
    return underline_level(s->text.data + last->start, last->end - last->start);
}

rrk_status store_split(rrk_text text, const char *name, bool with_headings, store_section_fn take, void *ctx,
                       rrk_error *err)
{
    splitter s = {.text = text, .name = name, .take = take, .ctx = ctx, .start_line = 1};
    line l = {0}, last;
    bool fenced = false;
    while (next_line(&s, &l)) {
        const char *at = text.data + l.start;
        size_t len = l.end - l.start;
        if (with_headings && is_fence(at, len)) {
            fenced = !fenced;
            continue;
        }
        size_t level = with_headings && !fenced ? heading_at(&s, &l, &last) : STORE_HEADING_LEVELS;
        if (level < STORE_HEADING_LEVELS) {
            RRK_TRY(open_heading(&s, level, &l, &last, err));
            l = last;
        } else if (!fenced && base_text_is_blank((rrk_text){at, len}) && l.start - s.start >= STORE_SECTION_BYTES) {
            RRK_TRY(emit(&s, l.start, err));
            s.start = l.next;
            s.start_line = l.number + 1;
        }
    }
    return emit(&s, text.len, err);
}
