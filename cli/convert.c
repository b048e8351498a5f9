/* Weights converted, other files copied: see convert.h. */
#include "cli/convert.h"
#include "cli/hub.h"
#include "cli/model_cache.h"

#include "base/alloc.h"
#include "base/file.h"
#include "encoder/config.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG "config.json"
#define MAX_PATH_BYTES ((size_t)1 << 16)

static void close_folder(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}

static rrk_status join(base_buf *out, const char *folder, const char *name, rrk_error *err)
{
    base_buf_clear(out);
    return base_buf_printf(out, err, "%s/%s", folder, name);
}

/* --- may it be written there? --- */

static rrk_status check_empty(const char *path, rrk_error *err)
{
    DIR *folder RRK_AUTO(close_folder) = opendir(path);
    if (!folder)
        return errno == ENOENT ? RRK_OK : base_fail_errno(err, errno, "look into", path);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return base_fail(err, RRK_E_INVALID, 0, "'%s' is not empty; --force overwrites what is there", path);
    }
    return RRK_OK;
}

static rrk_status check_places(const cli_conversion *order, bool *is_new, rrk_error *err)
{
    struct stat from, to;
    if (stat(order->from, &from) != 0)
        return base_fail_errno(err, errno, "find", order->from);
    *is_new = stat(order->to, &to) != 0;
    if (!*is_new && from.st_dev == to.st_dev && from.st_ino == to.st_ino)
        return base_fail(err, RRK_E_INVALID, 0, "'%s' cannot be converted into itself", order->from);
    return order->force ? RRK_OK : check_empty(order->to, err);
}

/* --- the other files --- */

static rrk_status write_file(const char *path, rrk_text data, const char *end, rrk_error *err)
{
    base_output out RRK_AUTO(base_output_abort) = {0};
    RRK_TRY(base_output_open(&out, path, err));
    if (data.len && fwrite(data.data, 1, data.len, out.stream) != data.len)
        return base_fail_errno(err, errno, "write", path);
    fputs(end, out.stream);
    return base_output_commit(&out, err);
}

static rrk_status copy_file(const cli_conversion *order, const char *name, rrk_error *err)
{
    base_buf from RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    base_buf to RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    char *data RRK_AUTO(base_free_ptr) = NULL;
    size_t len;
    RRK_TRY(join(&from, order->from, name, err));
    RRK_TRY(join(&to, order->to, name, err));
    RRK_TRY(base_file_read(from.data, CLI_HUB_MAX_SMALL_BYTES, &data, &len, err));
    return write_file(to.data, (rrk_text){data, len}, "", err);
}

/* A step of a sentence-transformers model, where name is its folder. */
static rrk_status copy_step(const cli_conversion *order, const char *name, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    base_buf config RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    RRK_TRY(join(&config, name, CONFIG, err));
    RRK_TRY(join(&path, order->from, config.data, err));
    if (!cli_hub_is_needed(config.data) || access(path.data, F_OK) != 0)
        return RRK_OK;
    RRK_TRY(join(&path, order->to, name, err));
    RRK_TRY(cli_make_folders(path.data, err));
    return copy_file(order, config.data, err);
}

static bool is_copied(const char *name)
{
    static const char *const PAPERS[] = {"README.md", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE"};
    size_t len = strlen(name), suffix = strlen(".safetensors");
    for (size_t i = 0; i < RRK_COUNT(PAPERS); i++) {
        if (strcmp(name, PAPERS[i]) == 0)
            return true;
    }
    bool is_weights = len > suffix && strcmp(name + len - suffix, ".safetensors") == 0;
    return cli_hub_is_needed(name) && !is_weights && strcmp(name, CONFIG) != 0 && strcmp(name, CLI_HUB_INDEX) != 0;
}

static rrk_status copy_files(const cli_conversion *order, rrk_error *err)
{
    DIR *folder RRK_AUTO(close_folder) = opendir(order->from);
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    if (!folder)
        return base_fail_errno(err, errno, "look into", order->from);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        struct stat status;
        RRK_TRY(join(&path, order->from, entry->d_name, err));
        if (entry->d_name[0] == '.' || stat(path.data, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode))
            RRK_TRY(copy_step(order, entry->d_name, err));
        else if (is_copied(entry->d_name))
            RRK_TRY(copy_file(order, entry->d_name, err));
    }
    return RRK_OK;
}

/* --- config.json --- */

static int describe(json_t *config, enc_dtype dtype)
{
    static const char *const NAMES[] = {[ENC_F32] = "float32", [ENC_F16] = "float16", [ENC_BF16] = "bfloat16"};
    if (dtype != ENC_I8)
        return json_object_set_new(config, "torch_dtype", json_string(NAMES[dtype]));
    json_object_del(config, "torch_dtype");
    return json_object_set_new(config, "quantization_config",
                               json_pack("{s:s, s:i, s:b, s:s, s:s}", "quant_method", "rrk-int8", "bits", 8,
                                         "symmetric", 1, "strategy", "row", "scales", "weight" ENC_SCALE_SUFFIX));
}

/* Readers go by the tensors; this is for people and other programs. */
static rrk_status write_config(const cli_conversion *order, rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    char *data RRK_AUTO(base_free_ptr) = NULL;
    size_t len;
    RRK_TRY(join(&path, order->from, CONFIG, err));
    RRK_TRY(base_file_read(path.data, ENC_MAX_CONFIG_BYTES, &data, &len, err));
    json_t *config RRK_AUTO(json_decrefp) = json_loadb(data, len, 0, NULL);
    char *text = config && describe(config, order->dtype) == 0 ? json_dumps(config, JSON_INDENT(2)) : NULL;
    if (!text)
        return base_fail(err, RRK_E_FORMAT, 0, "'%s' cannot be written anew", path.data);
    rrk_status status = join(&path, order->to, CONFIG, err);
    if (status == RRK_OK)
        status = write_file(path.data, rrk_text_of(text), "\n", err);
    free(text);
    return status;
}

static rrk_status fill(const cli_conversion *order, const enc_weights *weights, enc_convert_stats *stats,
                       rrk_error *err)
{
    base_buf path RRK_AUTO(base_buf_free) = {.max = MAX_PATH_BYTES};
    RRK_TRY(cli_make_folders(order->to, err));
    RRK_TRY(join(&path, order->to, CLI_HUB_WEIGHTS, err));
    RRK_TRY(enc_weights_convert(weights, order->dtype, path.data, order->watch, stats, err));
    RRK_TRY(copy_files(order, err));
    return write_config(order, err);
}

rrk_status cli_convert_model(const cli_conversion *order, enc_convert_stats *stats, rrk_error *err)
{
    enc_config config RRK_AUTO(enc_config_free) = {0};
    enc_weights *weights RRK_AUTO(enc_weights_close_ptr) = NULL;
    bool is_new = false;
    rrk_status is_model = enc_config_read(&config, order->from, err);
    if (is_model == RRK_OK)
        is_model = enc_weights_open(&weights, order->from, err);
    if (is_model == RRK_OK && enc_weights_are_int8(weights))
        is_model = base_fail(err, RRK_E_INVALID, 0, "its weights are int8 already");
    if (is_model != RRK_OK)
        base_error_prefix(err, "'%s' cannot be converted", order->from);
    RRK_TRY(is_model);
    RRK_TRY(check_places(order, &is_new, err));
    rrk_status status = fill(order, weights, stats, err);
    /* Goes away if it is empty. */
    if (status != RRK_OK && is_new)
        rmdir(order->to);
    return status;
}
