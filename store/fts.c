/*
 * FTS5's tokenizer, ours: passages go through the analyser; a query's terms are analysed before they reach FTS5, so
 * there each string is one term as it stands (a stem stemmed again would not always be itself).
 */
#include "store/analyse.h"
#include "store/bm25.h"
#include "store/internal.h"

static int create(void *ctx, const char **args, int n_args, Fts5Tokenizer **out)
{
    (void)ctx;
    (void)args;
    (void)n_args;
    store_analyser *analyser = NULL;
    rrk_status status = store_analyser_new(&analyser, NULL);
    *out = (Fts5Tokenizer *)analyser;
    return status == RRK_OK ? SQLITE_OK : SQLITE_NOMEM;
}

static void destroy(Fts5Tokenizer *tokenizer)
{
    store_analyser_free((store_analyser *)tokenizer);
}

typedef int (*fts5_token_fn)(void *ctx, int flags, const char *token, int len, int start, int end);

typedef struct relay {
    fts5_token_fn take;
    void *ctx;
} relay;

static int pass_on(void *ctx, const char *term, size_t len, size_t start, size_t end)
{
    relay *r = ctx;
    return r->take(r->ctx, 0, term, (int)len, (int)start, (int)end);
}

static int tokenize(Fts5Tokenizer *tokenizer, void *ctx, int flags, const char *text, int len, fts5_token_fn take)
{
    if (flags & FTS5_TOKENIZE_QUERY)
        return take(ctx, 0, text, len, 0, len);
    relay r = {take, ctx};
    int stopped = SQLITE_OK;
    rrk_status status =
        store_analyser_run((store_analyser *)tokenizer, (rrk_text){text, (size_t)len}, pass_on, &r, &stopped, NULL);
    return status == RRK_OK ? stopped : SQLITE_NOMEM;
}

static rrk_status fts5_api_of(store_connection *c, fts5_api **out, rrk_error *err)
{
    sqlite3_stmt *statement = NULL;
    *out = NULL;
    RRK_TRY(store_check(c, sqlite3_prepare_v2(c->db, "SELECT fts5(?1)", -1, &statement, NULL), "use FTS5", err));
    sqlite3_bind_pointer(statement, 1, out, "fts5_api_ptr", NULL);
    sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (!*out)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "this SQLite was built without FTS5");
    return RRK_OK;
}

rrk_status store_register_tokenizer(store_connection *c, rrk_error *err)
{
    fts5_api *api;
    RRK_TRY(fts5_api_of(c, &api, err));
    fts5_tokenizer ours = {.xCreate = create, .xDelete = destroy, .xTokenize = tokenize};
    return store_check(c, api->xCreateTokenizer(api, "rrk", NULL, &ours, NULL), "register its tokenizer", err);
}

rrk_status store_register_bm25(store_connection *c, rrk_error *err)
{
    fts5_api *api;
    RRK_TRY(fts5_api_of(c, &api, err));
    return store_check(c, api->xCreateFunction(api, "rrk_bm25", NULL, store_bm25_function, NULL),
                       "register its ranking function", err);
}
