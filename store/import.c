/*
 * Imports: which format an input has, batches of one transaction each, counts and progress. A batch's counts join the
 * stats when it is committed, so that after a failure they say what is in the store.
 */
#include "store/import.h"
#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#define PROGRESS_INTERVAL_NS (200 * 1000000LL)
#define MAX_BATCH_PASSAGES (1u << 20)
#define MAX_BATCH_BYTES (64u << 20)

/* Other processes can only look whether the store is free, so now and then it is, for long enough to be seen. */
static void leave_a_gap(store_importer *importer)
{
    if (base_ms_since(importer->last_gap_ns) < STORE_IMPORT_GAP_EVERY_MS)
        return;
    struct timespec gap = {.tv_nsec = STORE_IMPORT_GAP_MS * 1000000L};
    nanosleep(&gap, NULL);
    importer->last_gap_ns = base_now_ns();
}

static rrk_status commit_batch(store_importer *importer, rrk_error *err)
{
    if (!importer->lease.store)
        return RRK_OK;
    RRK_TRY(store_commit(&importer->lease, err));
    store_end(&importer->lease);
    leave_a_gap(importer);
    importer->stats.n_added += importer->batch.n_added;
    importer->stats.n_updated += importer->batch.n_updated;
    importer->stats.n_unchanged += importer->batch.n_unchanged;
    importer->stats.n_removed += importer->batch.n_removed;
    importer->batch = (rrk_import_stats){0};
    importer->n_in_batch = 0;
    return RRK_OK;
}

/* Commits when the batch is full. */
static rrk_status end_change(store_importer *importer, rrk_error *err)
{
    importer->n_in_batch++;
    if (importer->n_in_batch < importer->options.batch_passages && importer->batch.bytes_read < MAX_BATCH_BYTES)
        return RRK_OK;
    return commit_batch(importer, err);
}

static rrk_status put(store_importer *importer, const rrk_passage *passage, rrk_error *err)
{
    if (!importer->lease.store)
        RRK_TRY(store_begin_write(&importer->lease, importer->store, err));
    store_put_outcome outcome;
    RRK_TRY(store_put_passage(importer->lease.connection, passage, &outcome, err));
    importer->batch.n_added += outcome == STORE_ADDED;
    importer->batch.n_updated += outcome == STORE_UPDATED;
    importer->batch.n_unchanged += outcome == STORE_UNCHANGED;
    importer->batch.bytes_read += passage->title.len + passage->text.len + passage->metadata.len;
    return end_change(importer, err);
}

rrk_status store_import_add(store_importer *importer, store_place place, const rrk_passage *passage, rrk_error *err)
{
    rrk_status status = store_check_passage(importer->store, passage, err);
    if (status != RRK_OK)
        return store_import_bad(importer, place, status, err);
    importer->stats.n_read++;
    return put(importer, passage, err);
}

rrk_status store_import_remove_beyond(store_importer *importer, const char *document, uint64_t n_kept, rrk_error *err)
{
    RRK_AUTO(base_buf_free) base_buf last = {.max = SIZE_MAX / 4};
    for (;;) {
        bool removed;
        if (!importer->lease.store)
            RRK_TRY(store_begin_write(&importer->lease, importer->store, err));
        RRK_TRY(store_remove_beyond(importer->lease.connection, document, n_kept, &last, &removed, err));
        if (!removed)
            return RRK_OK;
        importer->batch.n_removed++;
        RRK_TRY(end_change(importer, err));
    }
}

rrk_status store_import_bad(store_importer *importer, store_place place, rrk_status status, rrk_error *err)
{
    bool is_input = status == RRK_E_INVALID || status == RRK_E_FORMAT;
    if (is_input && importer->options.skip_bad) {
        importer->stats.n_skipped++;
        base_error_clear(err);
        return RRK_OK;
    }
    if (is_input && place.line)
        base_error_prefix(err, "%s:%llu", place.file, (unsigned long long)place.line);
    else if (is_input)
        base_error_prefix(err, "%s", place.file);
    return status;
}

static rrk_status report(store_importer *importer, rrk_error *err)
{
    importer->stats.elapsed_s = base_ms_since(importer->started_ns) / 1000;
    rrk_import_progress_fn progress = importer->options.progress;
    if (!progress)
        return RRK_OK;
    rrk_import_stats shown = importer->stats;
    shown.n_added += importer->batch.n_added;
    shown.n_updated += importer->batch.n_updated;
    shown.n_unchanged += importer->batch.n_unchanged;
    shown.n_removed += importer->batch.n_removed;
    if (progress(&shown, importer->options.progress_ctx) != 0)
        return base_fail(err, RRK_E_CANCELLED, 0, "the import was cancelled");
    return RRK_OK;
}

rrk_status store_import_tick(store_importer *importer, uint64_t bytes_read, rrk_error *err)
{
    importer->stats.bytes_read = importer->bytes_before + bytes_read;
    int64_t now = base_now_ns();
    if (now - importer->reported_ns < PROGRESS_INTERVAL_NS)
        return RRK_OK;
    importer->reported_ns = now;
    return report(importer, err);
}

size_t store_import_max_line(const store_importer *importer)
{
    return 6 * importer->store->options.max_passage_bytes + 65536; /* "\u0000" is the longest way to write a byte */
}

static rrk_status next_line(store_importer *importer, base_lines *lines, rrk_text *line, bool *more, rrk_error *err)
{
    rrk_status status = base_lines_next(lines, line, more, err);
    if (status != RRK_E_INVALID || !importer->options.skip_bad)
        return status;
    *line = (rrk_text){0};
    store_place place = {base_lines_name(lines), base_lines_number(lines)};
    return store_import_bad(importer, place, status, err);
}

rrk_status store_import_lines(store_importer *importer, base_lines *lines, const rrk_text *first, store_line_fn fn,
                              rrk_error *err)
{
    rrk_text line = first ? *first : (rrk_text){0};
    for (bool more = true;;) {
        if (!base_text_is_blank(line)) {
            store_place place = {base_lines_name(lines), base_lines_number(lines)};
            RRK_TRY(fn(importer, place, line, err));
        }
        RRK_TRY(store_import_tick(importer, base_lines_bytes(lines), err));
        RRK_TRY(next_line(importer, lines, &line, &more, err));
        if (!more)
            return RRK_OK;
    }
}

static bool ends_in(const char *name, const char *end)
{
    size_t len = strlen(name), n = strlen(end);
    return len >= n && strcasecmp(name + len - n, end) == 0;
}

static bool is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

rrk_text store_import_without_bom(rrk_text text)
{
    bool has_bom = text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0;
    return has_bom ? (rrk_text){text.data + 3, text.len - 3} : text;
}

static rrk_import_format format_of_line(rrk_text line)
{
    size_t i = 0;
    while (i < line.len && strchr(" \t\r", line.data[i]))
        i++;
    if (i < line.len && line.data[i] == '{')
        return RRK_IMPORT_BEIR;
    return line.len && memchr(line.data, '\t', line.len) ? RRK_IMPORT_MSMARCO : RRK_IMPORT_TEXT;
}

/* A text that cannot be read twice is one document; what was read to tell its format is its first line. */
static rrk_status import_stream_text(store_importer *importer, base_lines *lines, const char *path, rrk_text line,
                                     rrk_error *err)
{
    size_t max = importer->store->options.max_passage_bytes;
    RRK_AUTO(base_buf_free) base_buf text = {.max = RRK_MAX(max, (size_t)64 << 20)};
    for (uint64_t i = 1; i < base_lines_number(lines); i++)
        RRK_TRY(base_buf_append_char(&text, '\n', err));
    for (bool more = line.data != NULL; more;) {
        RRK_TRY(base_buf_append(&text, line.data, line.len, err));
        RRK_TRY(base_buf_append_char(&text, '\n', err));
        RRK_TRY(store_import_tick(importer, base_lines_bytes(lines), err));
        RRK_TRY(base_lines_next(lines, &line, &more, err));
    }
    const char *name = is_standard_input(path) ? "stdin" : path;
    return store_import_document(importer, base_lines_name(lines), name, (rrk_text){text.data, text.len}, err);
}

static rrk_status import_stream(store_importer *importer, const char *path, rrk_import_format format, rrk_error *err)
{
    RRK_AUTO(base_lines_close_ptr) base_lines *lines = NULL;
    RRK_TRY(base_lines_open(&lines, path, store_import_max_line(importer), err));
    importer->stats.bytes_total = base_lines_total(lines);
    rrk_text first = {0};
    bool more = true;
    while (more && base_text_is_blank(first)) {
        RRK_TRY(next_line(importer, lines, &first, &more, err));
        if (more && base_lines_number(lines) == 1)
            first = store_import_without_bom(first);
    }
    if (format == RRK_IMPORT_AUTO && (more || !is_standard_input(path)))
        format = format_of_line(first);
    if (format == RRK_IMPORT_TEXT && base_lines_total(lines) > 0 && !is_standard_input(path))
        return store_import_file(importer, path, path, err);
    if (format == RRK_IMPORT_TEXT)
        return import_stream_text(importer, lines, path, more ? first : (rrk_text){0}, err);
    if (!more)
        return RRK_OK;
    bool is_beir = format == RRK_IMPORT_BEIR;
    return store_import_lines(importer, lines, &first, is_beir ? store_import_beir_line : store_import_msmarco_line,
                              err);
}

static rrk_import_format format_of_name(const char *path)
{
    if (ends_in(path, ".jsonl") || ends_in(path, ".json"))
        return RRK_IMPORT_BEIR;
    if (ends_in(path, ".tsv"))
        return RRK_IMPORT_MSMARCO;
    return store_import_is_text_name(path) ? RRK_IMPORT_TEXT : RRK_IMPORT_AUTO;
}

static rrk_status import_path(store_importer *importer, const char *path, rrk_error *err)
{
    rrk_import_format format = importer->options.format;
    if (is_standard_input(path))
        return import_stream(importer, path, format, err);
    struct stat st;
    if (stat(path, &st) != 0)
        return base_fail_errno(err, errno, "open", path);
    if (S_ISDIR(st.st_mode)) {
        if (format != RRK_IMPORT_AUTO && format != RRK_IMPORT_TEXT)
            return base_fail(err, RRK_E_INVALID, 0, "%s is a folder; only texts are imported from folders", path);
        return store_import_folder(importer, path, err);
    }
    if (format == RRK_IMPORT_AUTO)
        format = format_of_name(path);
    if (format != RRK_IMPORT_TEXT)
        return import_stream(importer, path, format, err);
    importer->stats.bytes_total = (uint64_t)st.st_size;
    return store_import_file(importer, path, path, err);
}

static rrk_status check_options(const rrk_import_options *options, rrk_error *err)
{
    if (options->format < RRK_IMPORT_AUTO || options->format > RRK_IMPORT_TEXT)
        return base_fail(err, RRK_E_INVALID, 0, "format %d is no rrk_import_format", (int)options->format);
    if (options->batch_passages == 0 || options->batch_passages > MAX_BATCH_PASSAGES)
        return base_fail(err, RRK_E_INVALID, 0, "batch_passages is %zu; it must be 1 to %u", options->batch_passages,
                         MAX_BATCH_PASSAGES);
    return RRK_OK;
}

static rrk_status check_store(rrk_store *store, rrk_error *err)
{
    RRK_AUTO(store_end) store_lease lease;
    return store_begin_write(&lease, store, err);
}

/* The open batch is dropped on any failure: batches are committed whole or not at all. */
static rrk_status run(store_importer *importer, const char *path, rrk_error *err)
{
    rrk_status status = import_path(importer, path, err);
    if (status == RRK_OK)
        status = commit_batch(importer, err);
    store_end(&importer->lease);
    if (status != RRK_OK) {
        importer->batch = (rrk_import_stats){0};
        report(importer, NULL);
        return status;
    }
    return report(importer, err);
}

rrk_status rrk_store_import(rrk_store *store, const char *path, const rrk_import_options *options,
                            rrk_import_stats *stats, rrk_error *err)
{
    base_error_clear(err);
    if (!path || !*path)
        return base_fail(err, RRK_E_INVALID, 0, "path is %s", path ? "empty" : "NULL");
    store_importer importer = {.store = store, .started_ns = base_now_ns()};
    importer.reported_ns = importer.last_gap_ns = importer.started_ns;
    rrk_import_options_init(&importer.options);
    BASE_TAKE_OPTIONS(&importer.options, options);
    RRK_TRY(check_options(&importer.options, err));
    RRK_TRY(check_store(store, err));
    rrk_status status = run(&importer, path, err);
    importer.stats.size = sizeof importer.stats;
    if (stats)
        BASE_GIVE_STATS(stats, &importer.stats);
    return status;
}
