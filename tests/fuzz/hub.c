/*
 * What a hub says about a model. The first byte picks: a listing, a listing with an index of shards behind it, or a
 * model's name as a person types it. Whatever is accepted becomes a path, so it must stay inside its folder.
 *
 * Parser: cli/hub.c
 */
#include "cli/hub.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_path(const char *path)
{
    const char *slash = strchr(path, '/');
    FUZZ_CHECK(path[0] && path[0] != '.' && path[0] != '-' && path[0] != '/');
    FUZZ_CHECK(!strstr(path, ".."));
    FUZZ_CHECK(!slash || (!strchr(slash + 1, '/') && strcmp(slash, "/config.json") == 0));
    for (const char *c = path; *c; c++)
        FUZZ_CHECK(*c > ' ' && *c < 0x7f && !strchr("\\'\"$`*?[]{}<>|&;:%#~!@=,", *c));
}

static void check_list(const cli_hub_list *list)
{
    FUZZ_CHECK(strlen(list->commit) >= CLI_HUB_MIN_COMMIT);
    FUZZ_CHECK(strspn(list->commit, "0123456789abcdef") == strlen(list->commit));
    FUZZ_CHECK(cli_hub_n_files(list) <= CLI_HUB_MAX_FILES);
    for (size_t i = 0; i < cli_hub_n_files(list); i++) {
        const cli_hub_file *file = cli_hub_file_at(list, i);
        check_path(file->path);
        FUZZ_CHECK(cli_hub_find(list, file->path) == file);
        FUZZ_CHECK(file->n_bytes >= -1 && file->n_bytes <= (int64_t)CLI_HUB_MAX_FILE_BYTES);
        FUZZ_CHECK(file->is_weights || file->n_bytes <= (int64_t)CLI_HUB_MAX_SMALL_BYTES);
        FUZZ_CHECK(file->has_sha256 == (strlen(file->sha256) == BASE_SHA256_HEX_SIZE - 1));
    }
}

static bool read_list(cli_hub_list *list, rrk_text text)
{
    rrk_error err = {0};
    rrk_status status = cli_hub_read_list(list, text, &err);
    fuzz_check_error(status, &err);
    if (status != RRK_OK)
        return false;
    check_list(list);
    return true;
}

static void choose(cli_hub_list *list, rrk_text index)
{
    rrk_error err = {0};
    size_t n_before = cli_hub_n_files(list), n_weights = 0;
    rrk_status status = cli_hub_choose_weights(list, index, &err);
    fuzz_check_error(status, &err);
    check_list(list);
    FUZZ_CHECK(cli_hub_n_files(list) <= n_before);
    for (size_t i = 0; i < cli_hub_n_files(list); i++)
        n_weights += cli_hub_file_at(list, i)->is_weights;
    FUZZ_CHECK(status != RRK_OK || n_weights > 0);
}

static void check_name(rrk_text text)
{
    char *name = strndup(text.data, text.len);
    const char *slash = strchr(name, '/');
    if (cli_hub_is_name(name)) {
        FUZZ_CHECK(strlen(name) <= 2 * CLI_HUB_MAX_NAME + 1);
        FUZZ_CHECK(!strstr(name, "..") && name[0] != '/' && (!slash || !strchr(slash + 1, '/')));
        FUZZ_CHECK(cli_hub_is_revision(name) || strlen(name) > CLI_HUB_MAX_REVISION);
    }
    if (cli_hub_is_revision(name))
        FUZZ_CHECK(strlen(name) <= CLI_HUB_MAX_REVISION && !strstr(name, "..") && !strstr(name, "//"));
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned what = fuzz_take(&data, &size, 1) % 3;
    size_t n_list = what == 1 ? fuzz_take(&data, &size, 2) : size;
    cli_hub_list list;
    n_list = RRK_MIN(n_list, size);
    rrk_text text = {(const char *)data, n_list}, index = {(const char *)data + n_list, size - n_list};
    if (what == 2) {
        check_name(text);
        return 0;
    }
    if (!read_list(&list, text))
        return 0;
    choose(&list, index);
    cli_hub_free_list(&list);
    return 0;
}
