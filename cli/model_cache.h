/*
 * Where pulled models lie: ROOT/OWNER/NAME@COMMIT holds the files of one commit, with a manifest that is written last,
 * and ROOT/OWNER/NAME@REVISION is a link to it that changes in one step. So a model that can be found is whole, and a
 * branch that moved does not mix old files with new ones. Apart from pulling, because other verbs look models up here.
 */
#ifndef RRK_CLI_MODEL_CACHE_H
#define RRK_CLI_MODEL_CACHE_H

#include "cli/hub.h"

#define CLI_MANIFEST "rrk-model.json"
#define CLI_DEFAULT_REVISION "main"

/* "owner/name@revision", taken apart; the revision may be missing and is "main" then. */
typedef struct cli_model_name {
    char name[2 * CLI_HUB_MAX_NAME + 2];
    char revision[CLI_HUB_MAX_REVISION + 1];
} cli_model_name;

bool cli_model_name_read(const char *text, cli_model_name *out); /* false: it is none */

/* given, or $RRK_MODELS, or below $XDG_CACHE_HOME or ~/.cache. *out is the caller's. */
rrk_status cli_cache_root(const char *given, char **out, rrk_error *err);

/* The folder, or link, of a version; a '/' of the revision is "%2F". *out is the caller's. */
rrk_status cli_cache_folder(const char *root, const char *name, const char *version, char **out, rrk_error *err);

/* Makes a folder and those above it. */
rrk_status cli_make_folders(const char *path, rrk_error *err);

/*
 * Keeps others out of a folder until *fd is closed. When somebody is in it, waiting (NULL: nothing) is called once, and
 * then it waits.
 */
rrk_status cli_cache_lock(const char *folder, void (*waiting)(void), int *fd, rrk_error *err);

/* The link NAME@revision is made, or changed, to lead to NAME@commit. */
rrk_status cli_cache_link(const char *root, const cli_model_name *model, const char *commit, rrk_error *err);

/* One model, or one that was begun. */
typedef struct cli_cached {
    char name[2 * CLI_HUB_MAX_NAME + 2];
    char version[CLI_HUB_MAX_REVISION + 1]; /* the revision that leads there, or the commit */
    char commit[CLI_HUB_COMMIT_SIZE];
    const char *folder;
    uint64_t n_bytes;
    bool is_whole;
} cli_cached;

/* All of a cache by name, each commit once for every revision that leads to it. show returns an error to stop. */
typedef rrk_status (*cli_cached_fn)(void *ctx, const cli_cached *model, rrk_error *err);
rrk_status cli_cache_list(const char *root, cli_cached_fn show, void *ctx, rrk_error *err);

/*
 * The folder that the operand of --model means: itself when there is such a folder, otherwise that of a pulled model.
 * RRK_E_NOTFOUND when it could be a name and was not pulled; anything else comes back as it is, for others to complain
 * about. *out is the caller's.
 */
rrk_status cli_model_folder(const char *model, char **out, rrk_error *err);

#endif
