/* store_analyse(): a text's terms as a list, for callers that mark words rather than index them. */
#include "base/alloc.h"
#include "base/buf.h"
#include "store/analyse.h"
#include "store/store.h"

typedef struct collector {
    store_terms *terms;
    size_t cap;
    base_buf memory; /* terms one after the other; pointers are set when it no longer moves */
    rrk_status status;
    rrk_error *err;
} collector;

static rrk_status add_term(collector *c, const char *term, size_t len, size_t start, size_t end)
{
    store_terms *terms = c->terms;
    if (terms->len == c->cap) {
        size_t cap = RRK_MAX(c->cap * 2, (size_t)16);
        store_term *items = base_realloc(terms->items, cap, sizeof *items);
        if (!items)
            return base_fail_nomem(c->err, cap * sizeof *items);
        terms->items = items;
        c->cap = cap;
    }
    terms->items[terms->len++] = (store_term){.start = (uint32_t)start, .end = (uint32_t)end};
    RRK_TRY(base_buf_append(&c->memory, term, len, c->err));
    return base_buf_append_char(&c->memory, '\0', c->err);
}

static int on_term(void *ctx, const char *term, size_t len, size_t start, size_t end)
{
    collector *c = ctx;
    c->status = add_term(c, term, len, start, end);
    return c->status != RRK_OK;
}

rrk_status store_analyse(rrk_text text, store_terms *out, rrk_error *err)
{
    base_error_clear(err);
    *out = (store_terms){0};
    if (text.len > UINT32_MAX)
        return base_fail(err, RRK_E_INVALID, 0, "text has %zu bytes; at most %u can be analysed", text.len, UINT32_MAX);
    RRK_AUTO(store_analyser_free) store_analyser analyser = {0};
    RRK_TRY(store_analyser_init(&analyser, err));
    RRK_AUTO(store_terms_free) store_terms terms = {0};
    RRK_AUTO(base_buf_free) base_buf memory = {0};
    collector c = {.terms = &terms, .memory = {.max = SIZE_MAX / 4}, .err = err};
    int rc = store_analyser_run(&analyser, text, on_term, &c);
    memory = c.memory;
    if (rc != 0)
        return c.status != RRK_OK ? c.status : base_fail_nomem(err, text.len);
    terms.memory = RRK_STEAL(memory.data);
    memory = (base_buf){0};
    const char *next = terms.memory;
    for (size_t i = 0; i < terms.len; i++) {
        terms.items[i].term = next;
        next += __builtin_strlen(next) + 1;
    }
    *out = terms;
    terms = (store_terms){0};
    return RRK_OK;
}

void store_terms_free(store_terms *terms)
{
    base_free(terms->items);
    base_free(terms->memory);
    *terms = (store_terms){0};
}
