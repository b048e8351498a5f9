/* Reading a model's listing: see hub.h. */
#include "cli/hub.h"

#include <jansson.h>
#include <string.h>

#define WEIGHTS_SUFFIX ".safetensors"

/* What rrk reads, and what describes it to other readers of the same folder. */
static const char *const NEEDED[] = {
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    CLI_HUB_INDEX,
};

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* One part of a name or a path, with nothing in it that a shell, a URL or a file system reads in its own way. */
static bool is_part(const char *text, size_t len)
{
    if (len == 0 || !is_plain(text[0]))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_plain(text[i]) && !strchr("._-", text[i]))
            return false;
        if (text[i] == '.' && i + 1 < len && text[i + 1] == '.')
            return false;
    }
    return true;
}

bool cli_hub_is_name(const char *name)
{
    size_t owner = strcspn(name, "/"), len = strlen(name);
    if (owner > CLI_HUB_MAX_NAME || !is_part(name, owner))
        return false;
    if (owner == len)
        return true;
    return len - owner - 1 <= CLI_HUB_MAX_NAME && is_part(name + owner + 1, len - owner - 1);
}

bool cli_hub_is_revision(const char *revision)
{
    size_t len = strlen(revision);
    if (len > CLI_HUB_MAX_REVISION)
        return false;
    for (const char *at = revision;; at++) {
        size_t part = strcspn(at, "/");
        if (!is_part(at, part))
            return false;
        at += part;
        if (!*at)
            return true;
    }
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t len = strlen(text), n = strlen(suffix);
    return len > n && strcmp(text + len - n, suffix) == 0;
}

/* "1_Pooling/config.json": a step of a sentence-transformers model. */
static bool is_step_config(const char *path)
{
    size_t digits = strspn(path, "0123456789"), folder = strcspn(path, "/");
    return digits > 0 && path[digits] == '_' && is_part(path, folder) && strcmp(path + folder, "/config.json") == 0;
}

static bool is_weights(const char *path)
{
    return is_part(path, strlen(path)) && ends_with(path, WEIGHTS_SUFFIX);
}

bool cli_hub_is_needed(const char *path)
{
    if (strlen(path) > CLI_HUB_MAX_PATH)
        return false;
    for (size_t i = 0; i < RRK_COUNT(NEEDED); i++)
        if (strcmp(path, NEEDED[i]) == 0)
            return true;
    return is_weights(path) || is_step_config(path);
}

static bool is_hex(const char *text, size_t min, size_t max)
{
    size_t len = strspn(text, "0123456789abcdef");
    return text[len] == '\0' && len >= min && len <= max;
}

static rrk_status read_size(const json_t *entry, cli_hub_file *out, rrk_error *err)
{
    const json_t *size = json_object_get(json_object_get(entry, "lfs"), "size");
    uint64_t limit = out->is_weights ? CLI_HUB_MAX_FILE_BYTES : CLI_HUB_MAX_SMALL_BYTES;
    if (!size)
        size = json_object_get(entry, "size");
    out->n_bytes = -1;
    if (!size || json_is_null(size))
        return RRK_OK;
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        return base_fail(err, RRK_E_FORMAT, 0, "the list of files has no whole number as the size of '%s'", out->path);
    out->n_bytes = json_integer_value(size);
    if ((uint64_t)out->n_bytes > limit)
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' has %lld bytes, more than the limit of %llu", out->path,
                         (long long)out->n_bytes, (unsigned long long)limit);
    return RRK_OK;
}

static rrk_status read_hash(const json_t *entry, cli_hub_file *out, rrk_error *err)
{
    const json_t *lfs = json_object_get(entry, "lfs");
    const json_t *hash = json_object_get(lfs, "sha256");
    if (!hash)
        hash = json_object_get(lfs, "oid");
    if (!hash || json_is_null(hash))
        return RRK_OK;
    const char *hex = json_string_value(hash);
    if (hex && strncmp(hex, "sha256:", 7) == 0)
        hex += 7;
    if (!hex || !is_hex(hex, BASE_SHA256_HEX_SIZE - 1, BASE_SHA256_HEX_SIZE - 1))
        return base_fail(err, RRK_E_FORMAT, 0, "the list of files has no SHA-256 in hex for '%s'", out->path);
    memcpy(out->sha256, hex, BASE_SHA256_HEX_SIZE);
    out->has_sha256 = true;
    return RRK_OK;
}

static rrk_status take_file(cli_hub_list *list, const json_t *entry, rrk_error *err)
{
    const char *path = json_string_value(json_object_get(entry, "rfilename"));
    cli_hub_file file = {0};
    if (!path)
        return base_fail(err, RRK_E_FORMAT, 0, "the list of files has an entry without a name");
    list->has_pickles |= ends_with(path, ".bin");
    if (!cli_hub_is_needed(path))
        return RRK_OK;
    memcpy(file.path, path, strlen(path) + 1);
    if (cli_hub_find(list, file.path))
        return base_fail(err, RRK_E_FORMAT, 0, "the list of files has '%s' twice", file.path);
    if (cli_hub_n_files(list) == CLI_HUB_MAX_FILES)
        return base_fail(err, RRK_E_FORMAT, 0, "the model has more than %d files", CLI_HUB_MAX_FILES);
    file.is_weights = is_weights(path);
    RRK_TRY(read_size(entry, &file, err));
    RRK_TRY(read_hash(entry, &file, err));
    return base_buf_append(&list->files, &file, sizeof file, err);
}

static rrk_status take_list(cli_hub_list *list, const json_t *json, rrk_error *err)
{
    const char *commit = json_string_value(json_object_get(json, "sha"));
    const json_t *files = json_object_get(json, "siblings"), *gated = json_object_get(json, "gated"), *entry;
    size_t i;
    if (!json_is_array(files))
        return base_fail(err, RRK_E_FORMAT, 0, "the reply holds no list of files ('siblings')");
    if (!commit || !is_hex(commit, CLI_HUB_MIN_COMMIT, CLI_HUB_COMMIT_SIZE - 1))
        return base_fail(err, RRK_E_FORMAT, 0, "the reply does not say which commit it is about ('sha')");
    memcpy(list->commit, commit, strlen(commit) + 1);
    list->is_gated = json_is_string(gated) || json_is_true(gated); /* "auto", "manual" */
    json_array_foreach(files, i, entry)
    {
        RRK_TRY(take_file(list, entry, err));
    }
    return RRK_OK;
}

rrk_status cli_hub_read_list(cli_hub_list *out, rrk_text text, rrk_error *err)
{
    *out = (cli_hub_list){.files.max = CLI_HUB_MAX_FILES * sizeof(cli_hub_file)};
    if (text.len > CLI_HUB_MAX_LIST_BYTES)
        return base_fail(err, RRK_E_FORMAT, 0, "the list of files has %zu bytes, more than the limit of %zu", text.len,
                         CLI_HUB_MAX_LIST_BYTES);
    json_error_t where;
    json_t *json RRK_AUTO(json_decrefp) = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &where);
    if (!json)
        return base_fail(err, RRK_E_FORMAT, 0, "the list of files is no JSON: line %d: %s", where.line, where.text);
    rrk_status status = take_list(out, json, err);
    if (status != RRK_OK)
        cli_hub_free_list(out);
    return status;
}

void cli_hub_free_list(cli_hub_list *list)
{
    base_buf_free(&list->files);
    *list = (cli_hub_list){0};
}

size_t cli_hub_n_files(const cli_hub_list *list)
{
    return list->files.len / sizeof(cli_hub_file);
}

cli_hub_file *cli_hub_file_at(const cli_hub_list *list, size_t i)
{
    return (cli_hub_file *)(void *)list->files.data + i;
}

cli_hub_file *cli_hub_find(const cli_hub_list *list, const char *path)
{
    for (size_t i = 0; i < cli_hub_n_files(list); i++)
        if (strcmp(cli_hub_file_at(list, i)->path, path) == 0)
            return cli_hub_file_at(list, i);
    return NULL;
}

/* Keeps the files that are no weights, and those weights that are called keep or, without it, that shards has. */
static void drop_weights(cli_hub_list *list, const char *keep, const json_t *shards)
{
    size_t n = 0;
    for (size_t i = 0; i < cli_hub_n_files(list); i++) {
        const cli_hub_file *file = cli_hub_file_at(list, i);
        bool stays = !file->is_weights;
        if (file->is_weights)
            stays = keep ? strcmp(file->path, keep) == 0 : json_object_get(shards, file->path) != NULL;
        else if (keep && strcmp(file->path, CLI_HUB_INDEX) == 0)
            stays = false;
        if (stays)
            *cli_hub_file_at(list, n++) = *file;
    }
    list->files.len = n * sizeof(cli_hub_file);
}

/* Each name once, as the key of an object. */
static rrk_status collect_shards(const cli_hub_list *list, const json_t *map, json_t *shards, rrk_error *err)
{
    const char *tensor;
    json_t *value;
    if (!json_is_object(map) || json_object_size(map) == 0)
        return base_fail(err, RRK_E_FORMAT, 0, "%s names no tensor", CLI_HUB_INDEX);
    json_object_foreach((json_t *)(uintptr_t)map, tensor, value)
    {
        const char *path = json_string_value(value);
        const cli_hub_file *file = path ? cli_hub_find(list, path) : NULL;
        if (!path || !is_weights(path))
            return base_fail(err, RRK_E_FORMAT, 0, "%s has tensor '%.64s' in '%.64s', which is no file of weights",
                             CLI_HUB_INDEX, tensor, path ? path : "");
        if (!file)
            return base_fail(err, RRK_E_FORMAT, 0, "%s names '%.96s', which the model does not have", CLI_HUB_INDEX,
                             path);
        if (json_object_set_new(shards, path, json_true()) != 0)
            return base_fail_nomem(err, strlen(path));
    }
    return RRK_OK;
}

static rrk_status choose_shards(cli_hub_list *list, rrk_text index, rrk_error *err)
{
    json_error_t where;
    json_t *json RRK_AUTO(json_decrefp) = json_loadb(index.data, index.len, 0, &where);
    json_t *shards RRK_AUTO(json_decrefp) = json_object();
    if (!json)
        return base_fail(err, RRK_E_FORMAT, 0, "%s is no JSON: line %d: %s", CLI_HUB_INDEX, where.line, where.text);
    if (!shards)
        return base_fail_nomem(err, sizeof *shards);
    RRK_TRY(collect_shards(list, json_object_get(json, "weight_map"), shards, err));
    drop_weights(list, NULL, shards);
    return RRK_OK;
}

rrk_status cli_hub_choose_weights(cli_hub_list *list, rrk_text index, rrk_error *err)
{
    if (cli_hub_find(list, CLI_HUB_WEIGHTS)) {
        drop_weights(list, CLI_HUB_WEIGHTS, NULL);
        return RRK_OK;
    }
    if (cli_hub_find(list, CLI_HUB_INDEX))
        return choose_shards(list, index, err);
    return base_fail(err, RRK_E_UNSUPPORTED, 0, "the model has no %s%s", CLI_HUB_WEIGHTS,
                     list->has_pickles ? ", only pickles (*.bin): tools/convert_checkpoint.py makes one of them" : "");
}
