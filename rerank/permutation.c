/*
 * The reply parser: see permutation.h. Brackets are found in one pass and their content is looked at once, when they
 * close, so that any text costs linear time whether it comes whole or byte by byte.
 */
#include "rerank/permutation.h"
#include "base/alloc.h"

#include <string.h>

#define NOT_OPEN SIZE_MAX

struct rank_id_scan {
    size_t n;
    size_t pos;      /* bytes looked at */
    size_t open;     /* behind the last '[' that is not closed yet, or NOT_OPEN */
    bool bracketed;  /* a bracketed number was there, in range or not */
    size_t n_found;  /* distinct identifiers in range */
    uint32_t *found; /* [n], passages from 0 in the order of their identifiers; owned */
    bool *seen;      /* [n]; owned */
    uint64_t n_repeated;
    uint64_t n_out_of_range;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Reads the digits at *pos. Above n the rest does not matter, so that no length overflows. */
static size_t read_number(rrk_text text, size_t *pos, size_t n)
{
    size_t value = 0;
    for (; *pos < text.len && is_digit(text.data[*pos]); ++*pos) {
        if (value <= n)
            value = value * 10 + (size_t)(text.data[*pos] - '0');
    }
    return value;
}

static void take(rank_id_scan *scan, size_t id)
{
    if (id < 1 || id > scan->n) {
        scan->n_out_of_range++;
    } else if (scan->seen[id - 1]) {
        scan->n_repeated++;
    } else {
        scan->seen[id - 1] = true;
        scan->found[scan->n_found++] = (uint32_t)(id - 1);
    }
}

/* --- bracketed identifiers --- */

/* What may stand around numbers in one pair of brackets: a list's separators, quotes, emphasis. */
static bool is_list_byte(char c)
{
    return c != '\0' && strchr(" \t\r\n,;>=|\"'`*", c);
}

static bool is_list_of_numbers(rrk_text content)
{
    bool any = false;
    for (size_t i = 0; i < content.len; i++) {
        bool digit = is_digit(content.data[i]);
        if (!digit && !is_list_byte(content.data[i]))
            return false;
        any |= digit;
    }
    return any;
}

static void take_group(rank_id_scan *scan, rrk_text content)
{
    if (!is_list_of_numbers(content))
        return;
    scan->bracketed = true;
    for (size_t pos = 0; pos < content.len;) {
        if (is_digit(content.data[pos]))
            take(scan, read_number(content, &pos, scan->n));
        else
            pos++;
    }
}

size_t rank_id_scan_feed(rank_id_scan *scan, rrk_text answer)
{
    if (answer.len < scan->pos)
        rank_id_scan_reset(scan);
    for (; scan->pos < answer.len; scan->pos++) {
        char c = answer.data[scan->pos];
        if (c == '[') {
            scan->open = scan->pos + 1;
        } else if (c == ']' && scan->open != NOT_OPEN) {
            take_group(scan, (rrk_text){answer.data + scan->open, scan->pos - scan->open});
            scan->open = NOT_OPEN;
        }
    }
    return scan->n_found;
}

/* --- bare numbers --- */

/*
 * Whether the digits in text[start, end) are a number by themselves: not "3.5", "2nd" or "5km". "P3" and "PASSAGE2" are
 * names that a prompt may have given.
 */
static bool is_bare_number(rrk_text text, size_t start, size_t end)
{
    const char *s = text.data;
    if (end < text.len && is_letter(s[end]))
        return false;
    bool fraction_follows = end + 1 < text.len && s[end] == '.' && is_digit(s[end + 1]);
    bool is_fraction = start >= 2 && s[start - 1] == '.' && is_digit(s[start - 2]);
    return !fraction_follows && !is_fraction;
}

/* The next bare number at or after *pos in a line; *pos moves behind it. */
static bool next_bare(rrk_text line, size_t *pos, size_t n, size_t *id)
{
    while (*pos < line.len) {
        if (!is_digit(line.data[*pos])) {
            ++*pos;
            continue;
        }
        size_t start = *pos;
        *id = read_number(line, pos, n);
        if (is_bare_number(line, start, *pos))
            return true;
    }
    return false;
}

/* "1. ", "2) " or "3: " at the start of a line number its content, if there is a number in that too. */
static size_t skip_list_marker(rrk_text line, size_t n)
{
    size_t pos = 0, id;
    while (pos < line.len && strchr(" \t#*-", line.data[pos]) && line.data[pos] != '\0')
        pos++;
    size_t digits = pos;
    read_number(line, &pos, n);
    if (pos == digits || pos + 1 >= line.len || !strchr(".):", line.data[pos]) || line.data[pos + 1] != ' ')
        return 0;
    size_t content = pos + 1;
    return next_bare(line, &pos, n, &id) ? content : 0;
}

static void take_bare(rank_id_scan *scan, rrk_text answer)
{
    for (size_t start = 0; start < answer.len;) {
        const char *from = answer.data + start, *end = memchr(from, '\n', answer.len - start);
        rrk_text line = {from, end ? (size_t)(end - from) : answer.len - start};
        start += line.len + 1;
        size_t id, pos = skip_list_marker(line, scan->n);
        while (next_bare(line, &pos, scan->n, &id)) {
            bool may_go_on = !end && pos == line.len && scan->open != NOT_OPEN;
            if (!may_go_on)
                take(scan, id);
        }
    }
}

/* --- the scan and the whole reading --- */

void rank_id_scan_reset(rank_id_scan *scan)
{
    if (scan->n)
        memset(scan->seen, 0, scan->n * sizeof *scan->seen);
    scan->pos = scan->n_found = 0;
    scan->open = NOT_OPEN;
    scan->bracketed = false;
    scan->n_repeated = scan->n_out_of_range = 0;
}

static void free_scan_ptr(rank_id_scan **scan)
{
    rank_id_scan_free(*scan);
}

rrk_status rank_id_scan_new(rank_id_scan **out, size_t n, rrk_error *err)
{
    rank_id_scan *scan RRK_AUTO(free_scan_ptr) = base_calloc(1, sizeof *scan);
    if (!scan)
        return base_fail_nomem(err, sizeof *scan);
    scan->n = n;
    scan->open = NOT_OPEN;
    scan->found = base_alloc(n, sizeof *scan->found);
    scan->seen = base_calloc(n, sizeof *scan->seen);
    if (!scan->found || !scan->seen)
        return base_fail_nomem(err, n * (sizeof *scan->found + sizeof *scan->seen));
    *out = RRK_STEAL(scan);
    return RRK_OK;
}

void rank_id_scan_free(rank_id_scan *scan)
{
    if (!scan)
        return;
    base_free(scan->found);
    base_free(scan->seen);
    base_free(scan);
}

static void add_counts(const rank_id_scan *scan, size_t n_wanted, rank_reply_counts *counts)
{
    size_t n_missing = n_wanted - RRK_MIN(scan->n_found, n_wanted);
    bool bare = !scan->bracketed && scan->n_found;
    bool ok = !n_missing && !bare && !scan->n_repeated && !scan->n_out_of_range;
    counts->n_ok += ok;
    counts->n_malformed += !ok;
    counts->n_repeated += scan->n_repeated;
    counts->n_missing += n_missing;
    counts->n_out_of_range += scan->n_out_of_range;
}

rrk_status rank_permutation_read(rrk_text answer, size_t n, size_t n_wanted, uint32_t *order, rank_reply_counts *counts,
                                 rrk_error *err)
{
    rank_id_scan *scan RRK_AUTO(free_scan_ptr) = NULL;
    RRK_TRY(rank_id_scan_new(&scan, n, err));
    rank_id_scan_feed(scan, answer);
    if (!scan->bracketed)
        take_bare(scan, answer);
    add_counts(scan, RRK_MIN(n_wanted, n), counts);
    if (scan->n_found)
        memcpy(order, scan->found, scan->n_found * sizeof *order);
    size_t at = scan->n_found;
    for (size_t i = 0; i < n; i++) {
        if (!scan->seen[i])
            order[at++] = (uint32_t)i;
    }
    return RRK_OK;
}
