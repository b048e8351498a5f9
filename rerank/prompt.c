/*
 * Prompts out of templates: all messages of a chat in one buffer, in one pass. Turns follow from which parts a template
 * has: see rank_part.
 */
#include "rerank/prompt.h"
#include "base/alloc.h"
#include "rerank/template.h"

/* A chat under construction: the last message is open, and ends where the next one begins. */
typedef struct builder {
    const rank_template *wording;
    rrk_text query;
    size_t n, n_wanted;
    base_buf buf;
    rrk_llm_message *messages; /* content.len is set when they are closed, data at the end; owned */
    size_t n_messages;
    size_t open_at; /* where the open message begins in buf */
} builder;

static void builder_free(builder *b)
{
    base_buf_free(&b->buf);
    base_free(b->messages);
}

/* --- placeholders --- */

static rrk_status append_number(base_buf *buf, size_t number, rrk_error *err)
{
    return base_buf_printf(buf, err, "%zu", number);
}

/* The best is not the first one, or models repeat the input's order. */
static rrk_status append_example(base_buf *buf, size_t n, size_t n_wanted, rrk_error *err)
{
    static const char *const EXAMPLES[] = {"[1]", "[2]", "[2] > [1]", "[2] > [1] > [3]"};
    size_t shown = n < 2 ? 0 : RRK_MIN(RRK_MIN(n, n_wanted), RRK_COUNT(EXAMPLES) - 1);
    return base_buf_append_string(buf, EXAMPLES[shown], err);
}

static rrk_status append_piece(builder *b, const rank_piece *piece, size_t rank, rrk_text candidate, rrk_error *err)
{
    switch (piece->field) {
    case RANK_FIELD_QUERY:
        return base_buf_append(&b->buf, b->query.data, b->query.len, err);
    case RANK_FIELD_NUM:
        return append_number(&b->buf, b->n, err);
    case RANK_FIELD_RANK:
        return append_number(&b->buf, rank, err);
    case RANK_FIELD_CANDIDATE:
        return base_buf_append(&b->buf, candidate.data, candidate.len, err);
    case RANK_FIELD_WANTED:
        return append_number(&b->buf, b->n_wanted, err);
    case RANK_FIELD_EXAMPLE:
        return append_example(&b->buf, b->n, b->n_wanted, err);
    default:
        return base_buf_append(&b->buf, piece->literal.data, piece->literal.len, err);
    }
}

static rrk_status append_part(builder *b, rank_part part, size_t rank, rrk_text candidate, rrk_error *err)
{
    rrk_text format = b->wording->parts[part].text;
    rank_piece piece;
    bool more = true;
    for (size_t pos = 0;;) {
        RRK_TRY(rank_format_next(format, &pos, &piece, &more, err));
        if (!more)
            return RRK_OK;
        RRK_TRY(append_piece(b, &piece, rank, candidate, err));
    }
}

/* --- turns --- */

static bool has(const builder *b, rank_part part)
{
    return b->wording->parts[part].present;
}

static void close_message(builder *b, const char *role)
{
    size_t len = b->buf.len - b->open_at;
    b->messages[b->n_messages++] = (rrk_llm_message){role, {NULL, len}};
    b->open_at = b->buf.len;
}

/* Ends the user's turn with an assistant's one, if the template has that. */
static rrk_status answer_turn(builder *b, rank_part part, size_t rank, rrk_error *err)
{
    if (!has(b, part))
        return RRK_OK;
    close_message(b, "user");
    RRK_TRY(append_part(b, part, rank, (rrk_text){0}, err));
    close_message(b, "assistant");
    return RRK_OK;
}

static rrk_status append_suffix(builder *b, rrk_error *err)
{
    bool fewer = b->n_wanted < b->n;
    if (!fewer || b->wording->suffix_goes_on)
        RRK_TRY(append_part(b, RANK_PART_SUFFIX, 0, (rrk_text){0}, err));
    if (fewer)
        RRK_TRY(append_part(b, RANK_PART_SUFFIX_FEWER, 0, (rrk_text){0}, err));
    return RRK_OK;
}

static rrk_status append_all(builder *b, const rrk_text *passages, rrk_error *err)
{
    rrk_text system = b->wording->parts[RANK_PART_SYSTEM].text;
    if (system.len) {
        RRK_TRY(base_buf_append(&b->buf, system.data, system.len, err));
        close_message(b, "system");
    }
    RRK_TRY(append_part(b, RANK_PART_PREFIX, 0, (rrk_text){0}, err));
    RRK_TRY(answer_turn(b, RANK_PART_PREFIX_ASSISTANT, 0, err));
    for (size_t i = 0; i < b->n; i++) {
        RRK_TRY(append_part(b, RANK_PART_BODY, i + 1, passages[i], err));
        RRK_TRY(answer_turn(b, RANK_PART_BODY_ASSISTANT, i + 1, err));
    }
    RRK_TRY(append_suffix(b, err));
    if (b->buf.len > b->open_at)
        close_message(b, "user");
    return RRK_OK;
}

/* --- building --- */

static rrk_status allocate(builder *b, rrk_error *err)
{
    size_t n_turns; /* two a passage, and at most four around them */
    if (base_mul_overflows(b->n, 2, &n_turns) || base_add_overflows(n_turns, 4, &n_turns))
        return base_fail_nomem(err, SIZE_MAX);
    b->messages = base_alloc(n_turns, sizeof *b->messages);
    return b->messages ? RRK_OK : base_fail_nomem(err, n_turns * sizeof *b->messages);
}

static void hand_out(builder *b, rank_prompt *out)
{
    const char *at = b->buf.data;
    for (size_t i = 0; i < b->n_messages; i++) {
        b->messages[i].content.data = at;
        at += b->messages[i].content.len;
    }
    out->n = b->n_messages;
    out->messages = RRK_STEAL(b->messages);
    out->memory = RRK_STEAL(b->buf.data);
}

rrk_status rank_prompt_build(rank_prompt *out, const rank_template *wording, rrk_text query, const rrk_text *passages,
                             size_t n, size_t n_wanted, rrk_error *err)
{
    *out = (rank_prompt){0};
    builder b RRK_AUTO(builder_free) = {
        .wording = wording, .query = query, .n = n, .n_wanted = n_wanted, .buf.max = RANK_PROMPT_MAX_BYTES};
    RRK_TRY(allocate(&b, err));
    rrk_status status = append_all(&b, passages, err);
    if (status == RRK_E_INVALID)
        base_error_prefix(err, "a prompt of %zu passages", n);
    RRK_TRY(status);
    hand_out(&b, out);
    return RRK_OK;
}

void rank_prompt_free(rank_prompt *prompt)
{
    base_free(prompt->messages);
    base_free(prompt->memory);
    *prompt = (rank_prompt){0};
}
