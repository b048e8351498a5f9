/* The import: choosing a format, reading lines, batches and progress. See import.h. */
#include "store/import.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/lines.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PROGRESS_MS = 200, MAX_PLACE = 256 };

/* A JSON string may take six bytes for one of the passage's. */
enum { ESCAPE_FACTOR = 6, LINE_OVERHEAD = 64 << 10 };

static void close_lines(base_lines **lines)
{
    base_lines_close(*lines);
}

static rrk_status commit(store_import *import, rrk_status status, rrk_error *err)
{
    if (!import->connection)
        return status;
    import->n_batch = 0;
    return store_write_end(import->store, RRK_STEAL(import->connection), status, err);
}

rrk_status store_import_progress(store_import *import, bool now, rrk_error *err)
{
    if (!now && base_ms_since(import->shown_ns) < PROGRESS_MS)
        return RRK_OK;
    import->shown_ns = base_now_ns();
    import->stats.elapsed_s = base_ms_since(import->start_ns) / 1e3;
    if (import->options.progress && import->options.progress(&import->stats, import->options.progress_ctx))
        return base_fail(err, RRK_E_CANCELLED, 0, "import cancelled after %llu passages",
                         (unsigned long long)import->stats.n_read);
    return RRK_OK;
}

rrk_status store_import_bad(store_import *import, rrk_status status, rrk_error *err)
{
    if (!import->options.skip_bad || (status != RRK_E_INVALID && status != RRK_E_FORMAT))
        return status;
    import->stats.n_skipped++;
    base_error_clear(err);
    return RRK_OK;
}

static void count(store_import *import, store_change change)
{
    import->stats.n_read++;
    import->stats.n_added += change == STORE_ADDED;
    import->stats.n_updated += change == STORE_UPDATED;
    import->stats.n_unchanged += change == STORE_UNCHANGED;
}

rrk_status store_import_add(store_import *import, const rrk_passage *passage, const char *place, rrk_error *err)
{
    rrk_status status = store_check_passage(import->store, passage, err);
    if (status != RRK_OK) {
        base_error_prefix(err, "%s", place);
        return store_import_bad(import, status, err);
    }
    if (!import->connection)
        RRK_TRY(store_write_begin(import->store, &import->connection, err));
    store_change change;
    RRK_TRY(store_put_one(import->connection, passage, &change, err));
    count(import, change);
    if (++import->n_batch >= import->options.batch_passages)
        RRK_TRY(commit(import, RRK_OK, err));
    return store_import_progress(import, false, err);
}

/* --- formats by name and content --- */

static bool ends_with(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n > m && strcmp(path + n - m, suffix) == 0;
}

static rrk_import_format format_by_name(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return RRK_IMPORT_TEXT;
    if (ends_with(path, ".jsonl") || ends_with(path, ".json") || ends_with(path, ".ndjson"))
        return RRK_IMPORT_BEIR;
    if (ends_with(path, ".tsv"))
        return RRK_IMPORT_MSMARCO;
    return store_import_is_text(path) ? RRK_IMPORT_TEXT : RRK_IMPORT_AUTO;
}

static rrk_import_format format_by_line(rrk_text line)
{
    size_t at = 0;
    while (at < line.len && line.data[at] == ' ')
        at++;
    if (at < line.len && line.data[at] == '{')
        return RRK_IMPORT_BEIR;
    return line.len && memchr(line.data, '\t', line.len) ? RRK_IMPORT_MSMARCO : RRK_IMPORT_AUTO;
}

static rrk_status import_line(store_import *import, rrk_import_format format, rrk_text line, const char *place,
                              rrk_error *err)
{
    return format == RRK_IMPORT_BEIR ? store_import_beir_line(import, line, place, err)
                                     : store_import_msmarco_line(import, line, place, err);
}

static rrk_status next_line(store_import *import, base_lines *lines, rrk_text *line, bool *more, rrk_error *err)
{
    for (;;) {
        rrk_status status = base_lines_next(lines, line, more, err);
        import->stats.bytes_read = base_lines_bytes(lines);
        if (status == RRK_OK)
            return RRK_OK;
        RRK_TRY(store_import_bad(import, status, err));
    }
}

static rrk_status import_lines(store_import *import, rrk_import_format format, const char *path, rrk_error *err)
{
    base_lines *lines RRK_AUTO(close_lines) = NULL;
    size_t max = import->store->options.max_passage_bytes;
    RRK_TRY(
        base_lines_open(&lines, path, max > SIZE_MAX / 8 ? SIZE_MAX / 2 : max * ESCAPE_FACTOR + LINE_OVERHEAD, err));
    import->stats.bytes_total = base_lines_total(lines);
    for (;;) {
        rrk_text line;
        bool more;
        RRK_TRY(next_line(import, lines, &line, &more, err));
        if (!more)
            return RRK_OK;
        if (line.len == 0)
            continue;
        if (format == RRK_IMPORT_AUTO)
            format = format_by_line(line);
        if (format == RRK_IMPORT_AUTO)
            return base_fail(err, RRK_E_FORMAT, 0, "%s: neither JSON lines nor tab-separated: say which format it is",
                             base_lines_name(lines));
        char place[MAX_PLACE];
        snprintf(place, sizeof place, "%s:%llu", base_lines_name(lines), (unsigned long long)base_lines_number(lines));
        RRK_TRY(import_line(import, format, line, place, err));
    }
}

static rrk_status check_options(const rrk_import_options *o, rrk_error *err)
{
    if (o->format < RRK_IMPORT_AUTO || o->format > RRK_IMPORT_TEXT)
        return base_fail(err, RRK_E_INVALID, 0, "format is %d, expected an rrk_import_format", (int)o->format);
    if (o->batch_passages == 0)
        return base_fail(err, RRK_E_INVALID, 0, "batch_passages is 0, expected 1 or more");
    return RRK_OK;
}

static rrk_status run(store_import *import, const char *path, rrk_error *err)
{
    rrk_import_format format = import->options.format;
    if (format == RRK_IMPORT_AUTO && strcmp(path, "-") != 0)
        format = format_by_name(path);
    if (format == RRK_IMPORT_TEXT)
        return store_import_files(import, path, err);
    return import_lines(import, format, path, err);
}

rrk_status rrk_store_import(rrk_store *store, const char *path, const rrk_import_options *options,
                            rrk_import_stats *stats, rrk_error *err)
{
    base_error_clear(err);
    if (!store || !path)
        return base_fail(err, RRK_E_INVALID, 0, "%s is NULL", !store ? "store" : "path");
    RRK_TRY(base_owner_check(&store->owner, "store", err));
    store_import import = {.store = store, .start_ns = base_now_ns(), .shown_ns = base_now_ns()};
    rrk_import_options_init(&import.options);
    BASE_TAKE_OPTIONS(&import.options, options);
    RRK_TRY(check_options(&import.options, err));
    rrk_status status = run(&import, path, err);
    /* What was read before a bad line is good: the last batch is committed whatever ended the import. */
    rrk_error of_commit = {0};
    rrk_status committed = commit(&import, RRK_OK, &of_commit);
    if (status == RRK_OK && committed != RRK_OK)
        status = base_fail(err, committed, of_commit.detail, "%s", of_commit.message);
    if (status == RRK_OK)
        status = store_import_progress(&import, true, err);
    import.stats.elapsed_s = base_ms_since(import.start_ns) / 1e3;
    if (stats)
        BASE_GIVE_STATS(stats, &import.stats);
    return status;
}
