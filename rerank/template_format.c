/*
 * Formats as Python's str.format() reads them, restricted to plain names: see template.h. One pass over the template
 * alone, so what replaces a placeholder is never looked at again.
 */
#include "base/text.h"
#include "rerank/template.h"

#include <string.h>

enum { SHOWN_NAME_BYTES = 40 };

static const char *const NAMES[RANK_N_FIELDS] = {
    [RANK_FIELD_QUERY] = "query",         [RANK_FIELD_NUM] = "num",       [RANK_FIELD_RANK] = "rank",
    [RANK_FIELD_CANDIDATE] = "candidate", [RANK_FIELD_WANTED] = "wanted", [RANK_FIELD_EXAMPLE] = "example",
};

const char *rank_field_name(rank_field field)
{
    return NAMES[field];
}

static rrk_status read_name(rrk_text format, size_t *pos, rank_field *field, rrk_error *err)
{
    const char *name = format.data + *pos + 1, *end = memchr(name, '}', format.len - *pos - 1);
    if (!end)
        return base_fail(err, RRK_E_FORMAT, 0, "a '{' without its '}' (a brace itself is written '{{')");
    rrk_text text = {name, (size_t)(end - name)};
    *pos += text.len + 2;
    for (int i = RANK_FIELD_QUERY; i < RANK_N_FIELDS; i++) {
        *field = (rank_field)i;
        if (base_text_equals(text, rrk_text_of(NAMES[i])))
            return RRK_OK;
    }
    return base_fail(err, RRK_E_FORMAT, 0, "unknown placeholder '{%.*s}' (a brace itself is written '{{')",
                     (int)RRK_MIN(text.len, (size_t)SHOWN_NAME_BYTES), text.data);
}

static size_t literal_length(rrk_text format, size_t pos)
{
    size_t end = pos;
    while (end < format.len && format.data[end] != '{' && format.data[end] != '}')
        end++;
    return end - pos;
}

rrk_status rank_format_next(rrk_text format, size_t *pos, rank_piece *piece, bool *more, rrk_error *err)
{
    *more = *pos < format.len;
    if (!*more)
        return RRK_OK;
    const char *at = format.data + *pos;
    *piece = (rank_piece){RANK_FIELD_LITERAL, {at, literal_length(format, *pos)}};
    if (piece->literal.len) {
        *pos += piece->literal.len;
        return RRK_OK;
    }
    if (*pos + 1 < format.len && at[1] == at[0]) {
        piece->literal.len = 1;
        *pos += 2;
        return RRK_OK;
    }
    if (*at == '}')
        return base_fail(err, RRK_E_FORMAT, 0, "a '}' without its '{' (a brace itself is written '}}')");
    return read_name(format, pos, &piece->field, err);
}

rrk_status rank_format_check(rrk_text format, unsigned *fields, rrk_error *err)
{
    rank_piece piece;
    bool more;
    *fields = 0;
    for (size_t pos = 0;;) {
        RRK_TRY(rank_format_next(format, &pos, &piece, &more, err));
        if (!more)
            return RRK_OK;
        if (piece.field != RANK_FIELD_LITERAL)
            *fields |= 1u << piece.field;
    }
}
