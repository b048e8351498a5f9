/* How much of a model's list of files is believed: at the limits and beyond. The other limits need a hub: see pull_faults.c. */
#include "cli/hub.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* A weights' file whose name has so many bytes. */
static void end_path(char *path, size_t len)
{
    static const char SUFFIX[] = ".safetensors";
    memset(path, 'a', len);
    memcpy(path + len - (sizeof SUFFIX - 1), SUFFIX, sizeof SUFFIX);
}

Test(hub_files, have_paths_up_to_the_limit)
{
    char path[CLI_HUB_MAX_PATH + 2];
    end_path(path, CLI_HUB_MAX_PATH);
    cr_assert(cli_hub_is_needed(path));
    end_path(path, CLI_HUB_MAX_PATH + 1);
    cr_assert_not(cli_hub_is_needed(path));
}

/* White space fills a list that is whole otherwise. */
Test(hub_files, are_listed_up_to_the_limit)
{
    static const char LIST[] = "{\"sha\":\"0123456789abcdef0123456789abcdef01234567\","
                               "\"siblings\":[{\"rfilename\":\"config.json\",\"size\":2}]}";
    char *text = malloc(CLI_HUB_MAX_LIST_BYTES + 1);
    memset(text, ' ', CLI_HUB_MAX_LIST_BYTES + 1);
    memcpy(text, LIST, sizeof LIST - 1);
    for (size_t over = 0; over < 2; over++) {
        cli_hub_list list;
        rrk_error err;
        rrk_status status = cli_hub_read_list(&list, (rrk_text){text, CLI_HUB_MAX_LIST_BYTES + over}, &err);
        cr_assert_eq(status, over ? RRK_E_FORMAT : RRK_OK, "%s", err.message);
        cli_hub_free_list(&list);
    }
    free(text);
}
