/* Labels on disk: see label_file.h. */
#include "cli/label_file.h"

#include "base/alloc.h"
#include "base/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPECTED_QUERIES 1024

static rrk_status take_line(cli_label_file *file, const base_lines *lines, rrk_text line, rrk_error *err)
{
    json_t *json RRK_AUTO(json_decrefp) = json_loadb(line.data, line.len, 0, NULL);
    const json_t *qid = json_object_get(json, "qid"), *initial = json_object_get(json, "initial_list");
    const json_t *final = json_object_get(json, "final_list");
    if (!json_is_string(qid) || !json_is_array(initial) || json_array_size(initial) != json_array_size(final))
        return base_fail(err, RRK_E_FORMAT, 0, "%s:%llu: not a label with qid, initial_list and final_list", file->path,
                         (unsigned long long)base_lines_number(lines));
    return base_map_put(file->labelled, (rrk_text){json_string_value(qid), json_string_length(qid)}, 0, NULL, err);
}

static bool ends_with_line_feed(int fd, uint64_t size)
{
    char last;
    return size == 0 || (pread(fd, &last, 1, (off_t)(size - 1)) == 1 && last == '\n');
}

/* *valid is the length up to the last line that is whole. */
static rrk_status read_lines(cli_label_file *file, int fd, uint64_t *valid, rrk_error *err)
{
    base_lines *lines RRK_AUTO(base_lines_close_ptr) = NULL;
    rrk_text line;
    bool more;
    RRK_TRY(base_lines_open(&lines, file->path, CLI_LABEL_MAX_LINE_BYTES, err));
    uint64_t size = base_lines_total(lines);
    bool whole = ends_with_line_feed(fd, size);
    for (*valid = 0; *valid < size; *valid = base_lines_bytes(lines)) {
        RRK_TRY(base_lines_next(lines, &line, &more, err));
        if (!more || (!whole && base_lines_bytes(lines) >= size))
            return RRK_OK;
        if (line.len > 0)
            RRK_TRY(take_line(file, lines, line, err));
    }
    return RRK_OK;
}

static rrk_status load(cli_label_file *file, bool only_look, rrk_error *err)
{
    struct stat status;
    uint64_t valid;
    int fd = open(file->path, only_look ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 && only_look && errno == ENOENT)
        return RRK_OK;
    if (fd < 0)
        return base_fail_errno(err, errno, only_look ? "read" : "write", file->path);
    file->stream = fdopen(fd, only_look ? "re" : "ae");
    if (!file->stream) {
        close(fd);
        return base_fail_nomem(err, sizeof(FILE));
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return RRK_OK;
    if (!only_look && flock(fd, LOCK_EX | LOCK_NB) != 0)
        return base_fail(err, RRK_E_BUSY, errno, "'%s' is in use by another process", file->path);
    RRK_TRY(read_lines(file, fd, &valid, err));
    if (!only_look && valid < (uint64_t)status.st_size && ftruncate(fd, (off_t)valid) != 0)
        return base_fail_errno(err, errno, "write", file->path);
    return RRK_OK;
}

rrk_status cli_label_open(cli_label_file *out, const char *path, bool only_look, rrk_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    *out = (cli_label_file){.stream = standard ? stdout : NULL};
    RRK_TRY(base_map_new(&out->labelled, EXPECTED_QUERIES, err));
    out->path = base_strdup(standard ? "standard output" : path);
    if (!out->path)
        return base_fail_nomem(err, strlen(path));
    return standard ? RRK_OK : load(out, only_look, err);
}

rrk_status cli_label_close(cli_label_file *file, rrk_error *err)
{
    rrk_status status = RRK_OK;
    if (file->stream && file->stream != stdout && fclose(file->stream) != 0)
        status = base_fail_errno(err, errno, "write", file->path);
    base_map_free(file->labelled);
    base_free(file->path);
    *file = (cli_label_file){0};
    return status;
}

bool cli_label_has(const cli_label_file *file, rrk_text qid)
{
    return base_map_get(file->labelled, qid, NULL);
}

static json_t *json_id(const rrk_passage *passage)
{
    return json_stringn(passage->id.len ? passage->id.data : "", passage->id.len);
}

rrk_status cli_label_add(cli_label_file *file, const cli_label_record *record, rrk_error *err)
{
    json_t *initial = json_array(), *final = json_array();
    for (size_t i = 0; i < record->n; i++) {
        json_array_append_new(initial, json_id(&record->passages[i]));
        json_array_append_new(final, json_id(&record->passages[record->hits[i].index]));
    }
    json_t *json RRK_AUTO(json_decrefp) =
        json_pack("{s:o, s:o, s:o}", "qid", json_stringn(record->qid.data, record->qid.len), "initial_list", initial,
                  "final_list", final);
    char *line = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!line || json_array_size(final) != record->n)
        return base_fail_nomem(err, record->n * sizeof(rrk_hit));
    bool failed = fprintf(file->stream, "%s\n", line) < 0 || fflush(file->stream) != 0;
    int cause = errno;
    free(line);
    return failed ? base_fail_errno(err, cause, "write", file->path) : RRK_OK;
}
