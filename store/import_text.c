/*
 * One text document into passages: at its headings, and long sections at paragraph ends. Ids number the
 * passages of a document, so that importing the same text again finds the same ones.
 */
#include "base/text.h"
#include "base/utf8.h"
#include "store/import.h"
#include "store/underline.h"

#include <string.h>
#include <strings.h>

/* About 350 words: what a cross-encoder of 512 tokens reads whole. */
#define TARGET_PASSAGE_BYTES 2000

typedef struct document {
    store_importer *importer;
    store_place place;
    const char *name;
    bool is_markdown;
    store_underline underline;
    rrk_text headings[STORE_MAX_HEADING_LEVEL + 1]; /* by level; 0 is the document's name */
    char fence;                                     /* '`' or '~' inside fenced code, which holds no headings */
    size_t fence_len;
    size_t n_passages;
    const char *start; /* of the passage at hand; NULL between passages */
    const char *end;
    uint64_t start_line;
} document;

static rrk_status title_of(const document *d, base_buf *title, rrk_error *err)
{
    for (int level = d->headings[1].len ? 1 : 0; level <= STORE_MAX_HEADING_LEVEL; level++) {
        if (d->headings[level].len == 0)
            continue;
        if (title->len > 0)
            RRK_TRY(base_buf_append_string(title, " > ", err));
        RRK_TRY(base_buf_append(title, d->headings[level].data, d->headings[level].len, err));
    }
    return RRK_OK;
}

static rrk_status add_passage(document *d, rrk_text text, rrk_error *err)
{
    RRK_AUTO(base_buf_free) base_buf title = {.max = SIZE_MAX / 4};
    RRK_AUTO(base_buf_free) base_buf id = {.max = SIZE_MAX / 4};
    RRK_AUTO(base_buf_free) base_buf metadata = {.max = SIZE_MAX / 4};
    RRK_TRY(title_of(d, &title, err));
    RRK_TRY(base_buf_printf(&id, err, "%s#%zu", d->name, d->n_passages + 1));
    RRK_TRY(base_buf_append_string(&metadata, "{\"path\":", err));
    RRK_TRY(base_buf_append_json(&metadata, rrk_text_of(d->name), err));
    RRK_TRY(base_buf_printf(&metadata, err, ",\"line\":%llu}", (unsigned long long)d->start_line));
    rrk_passage passage = {.id = {id.data, id.len},
                           .title = {title.data, title.len},
                           .text = text,
                           .metadata = {metadata.data, metadata.len}};
    d->place.line = d->start_line;
    uint64_t n_skipped = d->importer->stats.n_skipped;
    RRK_TRY(store_import_add(d->importer, d->place, &passage, err));
    d->n_passages += d->importer->stats.n_skipped == n_skipped;
    return RRK_OK;
}

static rrk_status flush(document *d, rrk_error *err)
{
    if (!d->start)
        return RRK_OK;
    rrk_text text = {d->start, (size_t)(d->end - d->start)};
    d->start = NULL;
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    return base_text_is_blank(text) ? RRK_OK : add_passage(d, text, err);
}

static size_t run_of(rrk_text line, size_t at, char c)
{
    size_t n = 0;
    while (at + n < line.len && line.data[at + n] == c)
        n++;
    return n;
}

static size_t indent_of(rrk_text line)
{
    size_t n = run_of(line, 0, ' ');
    return n > 3 ? line.len : n; /* four make it code */
}

/* Follows fences; true for a line that opens, closes or is inside one. */
static bool is_fenced(document *d, rrk_text line)
{
    size_t at = indent_of(line);
    char c = at < line.len ? line.data[at] : '\0';
    size_t n = c == '`' || c == '~' ? run_of(line, at, c) : 0;
    if (d->fence == '\0') {
        if (n < 3)
            return false;
        d->fence = c;
        d->fence_len = n;
        return true;
    }
    rrk_text rest = {line.data + at + n, line.len - at - n};
    if (c == d->fence && n >= d->fence_len && base_text_is_blank(rest))
        d->fence = '\0';
    return true;
}

/* The level of an ATX heading and its text, or 0. */
static int heading_of(rrk_text line, rrk_text *text)
{
    size_t at = indent_of(line);
    size_t level = at < line.len ? run_of(line, at, '#') : 0;
    size_t from = at + level;
    if (level == 0 || level > STORE_MAX_HEADING_LEVEL || (from < line.len && !strchr(" \t\r", line.data[from])))
        return 0;
    size_t to = line.len;
    while (from < to && strchr(" \t", line.data[from]))
        from++;
    while (to > from && strchr(" \t\r", line.data[to - 1]))
        to--;
    size_t closing = to;
    while (closing > from && line.data[closing - 1] == '#')
        closing--;
    if (closing == from || strchr(" \t", line.data[closing - 1]))
        to = closing;
    while (to > from && strchr(" \t", line.data[to - 1]))
        to--;
    *text = (rrk_text){line.data + from, to - from};
    return (int)level;
}

/* Ends the passage at hand before the heading, which starts there or at a line that is not in it yet. */
static rrk_status enter_section(document *d, int level, rrk_text heading, const char *start, rrk_error *err)
{
    if (d->start && d->start >= start)
        d->start = NULL;
    d->end = RRK_MIN(d->end, start);
    RRK_TRY(flush(d, err));
    d->headings[level] = heading;
    for (int below = level + 1; below <= STORE_MAX_HEADING_LEVEL; below++)
        d->headings[below] = (rrk_text){0};
    return RRK_OK;
}

/* The level of the heading that the line is or underlines, or 0. */
static int level_of(document *d, rrk_text line, bool fenced, rrk_text *heading, const char **start)
{
    int level = d->is_markdown && !fenced ? heading_of(line, heading) : 0;
    *start = line.data;
    if (level > 0 || fenced)
        store_underline_break(&d->underline);
    else if (d->is_markdown || d->underline.is_rst)
        level = store_underline_take(&d->underline, line, heading, start);
    return level;
}

static rrk_status take_line(document *d, rrk_text line, uint64_t number, rrk_error *err)
{
    rrk_text heading;
    const char *start;
    bool fenced = d->is_markdown && is_fenced(d, line);
    int level = level_of(d, line, fenced, &heading, &start);
    if (level > 0)
        return enter_section(d, level, heading, start, err);
    if (base_text_is_blank(line)) {
        bool is_long = d->start && d->end - d->start >= TARGET_PASSAGE_BYTES;
        return is_long && !fenced ? flush(d, err) : RRK_OK;
    }
    if (!d->start) {
        d->start = line.data;
        d->start_line = number;
    }
    d->end = line.data + line.len;
    return RRK_OK;
}

static const char *ending_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash ? slash : name, '.');
    return dot ? dot : "";
}

static bool is_markdown_name(const char *name)
{
    const char *ending = ending_of(name);
    return !*ending || strcasecmp(ending, ".md") == 0 || strcasecmp(ending, ".markdown") == 0;
}

static rrk_text stem_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    const char *dot = strrchr(base, '.');
    return (rrk_text){base, dot && dot > base ? (size_t)(dot - base) : strlen(base)};
}

static uint64_t line_of(rrk_text text, size_t at)
{
    uint64_t number = 1;
    for (size_t i = 0; i < at; i++)
        number += text.data[i] == '\n';
    return number;
}

rrk_status store_import_document(store_importer *importer, const char *file, const char *name, rrk_text text,
                                 rrk_error *err)
{
    document d = {.importer = importer, .place = {file, 0}, .name = name, .is_markdown = is_markdown_name(name)};
    size_t bad_at;
    if (!base_utf8_valid(text.data, text.len, &bad_at)) {
        d.place.line = line_of(text, bad_at);
        rrk_status status = base_fail(err, RRK_E_INVALID, 0, "not UTF-8 at byte %zu", bad_at);
        return store_import_bad(importer, d.place, status, err);
    }
    text = store_import_without_bom(text);
    d.headings[0] = stem_of(name);
    d.underline.is_rst = strcasecmp(ending_of(name), ".rst") == 0;
    const char *end = text.data + text.len;
    uint64_t number = 0;
    for (const char *at = text.data; at && at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline ? newline : end;
        RRK_TRY(take_line(&d, (rrk_text){at, (size_t)(line_end - at)}, ++number, err));
        at = newline ? newline + 1 : end;
    }
    RRK_TRY(flush(&d, err));
    return store_import_remove_beyond(importer, name, d.n_passages, err);
}
