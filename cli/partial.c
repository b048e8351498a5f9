/* The file of finished queries: see partial.h. */
#include "cli/partial.h"

#include "base/alloc.h"
#include "base/file.h"
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/file.h>
#include <unistd.h>

#define HEADER "#rrk-partial 1 "
#define CLOSING "#done "
#define EXPECTED_QUERIES 256

static bool begins_with(rrk_text line, const char *prefix)
{
    size_t len = strlen(prefix);
    return line.len >= len && memcmp(line.data, prefix, len) == 0;
}

/* false at the end and for a last line that was not finished. */
static bool next_line(rrk_text *rest, rrk_text *line)
{
    const char *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    if (!end)
        return false;
    *line = (rrk_text){rest->data, (size_t)(end - rest->data)};
    *rest = (rrk_text){end + 1, rest->len - line->len - 1};
    return true;
}

static rrk_status refuse(const cli_partial *partial, const char *name, const json_t *was, const json_t *is,
                         rrk_error *err)
{
    char *before = was ? json_dumps(was, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    char *now = is ? json_dumps(is, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    base_fail(err, RRK_E_INVALID, 0, "'%s' was begun with %s %s, not %s: ask the same, or remove it", partial->path,
              name, before ? before : "unset", now ? now : "unset");
    free(before);
    free(now);
    return RRK_E_INVALID;
}

static rrk_status compare_options(const cli_partial *partial, rrk_text found, const char *options, rrk_error *err)
{
    json_t *was RRK_AUTO(json_decrefp) = json_loadb(found.data, found.len, 0, NULL);
    json_t *is RRK_AUTO(json_decrefp) = json_loads(options, 0, NULL);
    const char *name;
    json_t *value;
    if (!json_is_object(was))
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' is not a file of finished queries", partial->path);
    json_object_foreach(is, name, value)
    {
        const json_t *before = json_object_get(was, name);
        if (!json_equal(before, value))
            return refuse(partial, name, before, value, err);
    }
    json_object_foreach(was, name, value)
    {
        if (!json_object_get(is, name))
            return refuse(partial, name, value, NULL, err);
    }
    return RRK_OK;
}

/* line is what stands behind CLOSING; lines are the query's. */
static rrk_status take_finished(cli_partial *partial, rrk_text line, rrk_text lines, rrk_error *err)
{
    json_t *json RRK_AUTO(json_decrefp) = json_loadb(line.data, line.len, 0, NULL);
    const json_t *qid = json_object_get(json, "qid"), *digest = json_object_get(json, "list");
    cli_finished finished = {.lines = lines};
    if (!json_is_string(qid) || !json_is_string(digest))
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' has a damaged line", partial->path);
    snprintf(finished.digest, sizeof finished.digest, "%s", json_string_value(digest));
    RRK_TRY(cli_stats_from_json(&finished.stats, line, err));
    int64_t index = (int64_t)(partial->finished.len / sizeof finished);
    rrk_text id = {json_string_value(qid), json_string_length(qid)};
    RRK_TRY(base_map_put(partial->by_id, id, index, NULL, err));
    return base_buf_append(&partial->finished, &finished, sizeof finished, err);
}

/* *valid is the length up to the last query that is whole. */
static rrk_status read_content(cli_partial *partial, size_t len, const char *options, size_t *valid, rrk_error *err)
{
    rrk_text rest = {partial->content, len}, line;
    *valid = 0;
    if (!next_line(&rest, &line))
        return len == 0 || begins_with(rest, "#")
                   ? RRK_OK
                   : base_fail(err, RRK_E_FORMAT, 0, "'%s' is not a file of finished queries", partial->path);
    size_t skip = strlen(HEADER);
    if (!begins_with(line, HEADER))
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' is not a file of finished queries", partial->path);
    RRK_TRY(compare_options(partial, (rrk_text){line.data + skip, line.len - skip}, options, err));
    const char *begin = rest.data;
    *valid = (size_t)(begin - partial->content);
    skip = strlen(CLOSING);
    while (next_line(&rest, &line)) {
        if (!begins_with(line, CLOSING "{"))
            continue;
        rrk_text lines = {begin, (size_t)(line.data - begin)};
        RRK_TRY(take_finished(partial, (rrk_text){line.data + skip, line.len - skip}, lines, err));
        begin = rest.data;
        *valid = (size_t)(begin - partial->content);
    }
    return RRK_OK;
}

static rrk_status open_file(cli_partial *partial, rrk_error *err)
{
    int fd = open(partial->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return base_fail_errno(err, errno, "write", partial->path);
    partial->stream = fdopen(fd, "ae");
    if (!partial->stream) {
        close(fd);
        return base_fail_nomem(err, sizeof(FILE));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return base_fail(err, RRK_E_BUSY, errno, "'%s' is in use by another process", partial->path);
    return RRK_OK;
}

static rrk_status load(cli_partial *partial, const char *options, rrk_error *err)
{
    size_t len, valid;
    RRK_TRY(open_file(partial, err));
    RRK_TRY(base_map_new(&partial->by_id, EXPECTED_QUERIES, err));
    RRK_TRY(base_file_read(partial->path, CLI_PARTIAL_MAX_BYTES, &partial->content, &len, err));
    RRK_TRY(read_content(partial, len, options, &valid, err));
    if (valid < len && ftruncate(fileno(partial->stream), (off_t)valid) != 0)
        return base_fail_errno(err, errno, "write", partial->path);
    if (valid == 0 && (fprintf(partial->stream, HEADER "%s\n", options) < 0 || fflush(partial->stream) != 0))
        return base_fail_errno(err, errno, "write", partial->path);
    return RRK_OK;
}

rrk_status cli_partial_open(cli_partial *out, const char *output, const char *options, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = 1u << 16};
    *out = (cli_partial){.finished.max = CLI_PARTIAL_MAX_BYTES};
    RRK_TRY(base_buf_printf(&path, err, "%s.partial", output));
    out->path = RRK_STEAL(path.data);
    rrk_status status = load(out, options, err);
    if (status != RRK_OK)
        cli_partial_close(out);
    return status;
}

void cli_partial_close(cli_partial *partial)
{
    if (partial->stream)
        fclose(partial->stream);
    base_buf_free(&partial->finished);
    base_map_free(partial->by_id);
    base_free(partial->content);
    base_free(partial->path);
    *partial = (cli_partial){0};
}

rrk_status cli_partial_remove(cli_partial *partial, rrk_error *err)
{
    rrk_status status = RRK_OK;
    if (partial->path && unlink(partial->path) != 0)
        status = base_fail_errno(err, errno, "remove", partial->path);
    cli_partial_close(partial);
    return status;
}

const cli_finished *cli_partial_find(const cli_partial *partial, rrk_text qid)
{
    int64_t index;
    if (!partial->stream || !base_map_get(partial->by_id, qid, &index))
        return NULL;
    return (const cli_finished *)(const void *)partial->finished.data + index;
}

/* Lengths keep texts apart: "ab", "c" is not "a", "bc". */
static rrk_status add_text(base_buf *all, rrk_text text, rrk_error *err)
{
    RRK_TRY(base_buf_append(all, &text.len, sizeof text.len, err));
    return base_buf_append(all, text.data, text.len, err);
}

static rrk_status digest_of(const cli_list *list, char out[BASE_SHA256_HEX_SIZE], rrk_error *err)
{
    base_buf all RRK_AUTO(base_buf_free) = {.max = SIZE_MAX / 2};
    RRK_TRY(add_text(&all, list->query, err));
    for (size_t i = 0; i < list->n_passages; i++) {
        RRK_TRY(add_text(&all, list->passages[i].id, err));
        RRK_TRY(add_text(&all, list->passages[i].title, err));
        RRK_TRY(add_text(&all, list->passages[i].text, err));
    }
    base_sha256_hex((rrk_text){all.data, all.len}, out);
    return RRK_OK;
}

rrk_status cli_partial_check(const cli_partial *partial, const cli_finished *finished, const cli_list *list,
                             rrk_error *err)
{
    char digest[BASE_SHA256_HEX_SIZE];
    RRK_TRY(digest_of(list, digest, err));
    if (strcmp(digest, finished->digest) != 0)
        return base_fail(err, RRK_E_INVALID, 0, "'%s' was begun with other texts or candidates: remove it",
                         partial->path);
    return RRK_OK;
}

rrk_status cli_partial_add(cli_partial *partial, const cli_list *list, rrk_text lines, const rrk_rank_stats *stats,
                           rrk_error *err)
{
    base_buf text RRK_AUTO(base_buf_free) = {.max = CLI_PARTIAL_MAX_BYTES};
    char digest[BASE_SHA256_HEX_SIZE];
    RRK_TRY(digest_of(list, digest, err));
    RRK_TRY(base_buf_append(&text, lines.data, lines.len, err));
    RRK_TRY(base_buf_append_string(&text, CLOSING "{\"qid\":", err));
    RRK_TRY(base_buf_append_json(&text, list->qid, err));
    RRK_TRY(base_buf_printf(&text, err, ",\"list\":\"%s\",\"counts\":", digest));
    RRK_TRY(cli_stats_to_json(stats, &text, err));
    RRK_TRY(base_buf_append_string(&text, "}\n", err));
    if (fwrite(text.data, 1, text.len, partial->stream) != text.len || fflush(partial->stream) != 0)
        return base_fail_errno(err, errno, "write", partial->path);
    return RRK_OK;
}
