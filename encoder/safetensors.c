/*
 * Weight files, mapped and checked: see safetensors.h. A file is 8 bytes of header length (little endian), the header
 * (a JSON object of tensors with dtype, shape and offsets) and the data; the tensors must cover the data exactly, which
 * one pass over them in the order of their offsets shows. Format: https://github.com/huggingface/safetensors
 */
#include "encoder/safetensors.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/map.h"
#include "encoder/json_file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SINGLE_FILE "model.safetensors"
#define INDEX_FILE "model.safetensors.index.json"

enum { LENGTH_BYTES = 8, HASH_SAMPLE_BYTES = 64, SHAPE_TEXT = 96 };

typedef struct shard {
    char *name; /* owned */
    base_mapping mapping;
    const char *data; /* behind the header */
    size_t data_len;
} shard;

struct enc_weights {
    shard *shards; /* [n_shards] */
    size_t n_shards;
    size_t cap_shards;
    enc_weight *tensors; /* [n_tensors] */
    size_t n_tensors;
    size_t cap_tensors;
    base_map *by_name; /* a name with its NUL -> index into tensors; owns the names */
    uint64_t n_parameters;
    uint64_t hash;
    bool are_int8;
};

static const struct {
    const char *name;
    enc_dtype dtype;
    size_t size;
    bool is_float;
} DTYPES[] = {
    {"F32", ENC_F32, 4, true},    {"F16", ENC_F16, 2, true},       {"BF16", ENC_BF16, 2, true},
    {"I8", ENC_I8, 1, false},     {"I32", ENC_I32, 4, false},      {"I64", ENC_I64, 8, false},
    {"F64", ENC_OTHER, 8, true},  {"BOOL", ENC_OTHER, 1, false},   {"U8", ENC_OTHER, 1, false},
    {"I16", ENC_OTHER, 2, false}, {"U16", ENC_OTHER, 2, false},    {"U32", ENC_OTHER, 4, false},
    {"U64", ENC_OTHER, 8, false}, {"F8_E4M3", ENC_OTHER, 1, true}, {"F8_E5M2", ENC_OTHER, 1, true},
};

/* What one tensor's entry in a header says, with what a message about it needs. */
typedef struct entry {
    const shard *shard;
    const char *name;
    const json_t *json;
    size_t size;
    bool is_float;
} entry;

static rrk_status fail_tensor(rrk_error *err, rrk_status status, const entry *e, const char *what)
{
    return base_fail(err, status, 0, "%s: tensor '%s' %s", e->shard->name, e->name, what);
}

/* A whole number that fits size_t; JSON's other shapes are refused. */
static bool get_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (size_t)json_integer_value(value);
    return true;
}

static rrk_status read_dtype(entry *e, enc_weight *out, rrk_error *err)
{
    const char *name = json_string_value(json_object_get(e->json, "dtype"));
    if (!name)
        return fail_tensor(err, RRK_E_FORMAT, e, "has no dtype string");
    for (size_t i = 0; i < RRK_COUNT(DTYPES); i++) {
        if (strcmp(name, DTYPES[i].name) == 0) {
            out->dtype = DTYPES[i].dtype;
            out->dtype_name = DTYPES[i].name;
            e->size = DTYPES[i].size;
            e->is_float = DTYPES[i].is_float;
            return RRK_OK;
        }
    }
    return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: tensor '%s' has the unknown dtype '%s'", e->shard->name, e->name,
                     name);
}

static rrk_status read_shape(const entry *e, enc_weight *out, rrk_error *err)
{
    const json_t *shape = json_object_get(e->json, "shape");
    if (!json_is_array(shape))
        return fail_tensor(err, RRK_E_FORMAT, e, "has no shape array");
    size_t n_dims = json_array_size(shape);
    if (n_dims > ENC_MAX_DIMS)
        return base_fail(err, RRK_E_UNSUPPORTED, 0, "%s: tensor '%s' has %zu dimensions, more than %d", e->shard->name,
                         e->name, n_dims, ENC_MAX_DIMS);
    out->n_dims = (uint32_t)n_dims;
    out->n_values = 1;
    bool overflow = false;
    for (size_t i = 0; i < n_dims; i++) {
        if (!get_size(json_array_get(shape, i), &out->shape[i]))
            return fail_tensor(err, RRK_E_FORMAT, e, "has a shape that is not of whole numbers");
        overflow |= base_mul_overflows(out->n_values, out->shape[i], &out->n_values);
    }
    if (overflow || base_mul_overflows(out->n_values, e->size, &out->bytes))
        return fail_tensor(err, RRK_E_FORMAT, e, "has a shape whose size overflows");
    return RRK_OK;
}

static rrk_status read_offsets(const entry *e, enc_weight *out, rrk_error *err)
{
    const json_t *offsets = json_object_get(e->json, "data_offsets");
    size_t begin, end;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 || !get_size(json_array_get(offsets, 0), &begin) ||
        !get_size(json_array_get(offsets, 1), &end))
        return fail_tensor(err, RRK_E_FORMAT, e, "has no data_offsets of two whole numbers");
    if (begin > end)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: tensor '%s' begins at %zu, behind its end at %zu", e->shard->name,
                         e->name, begin, end);
    if (end > e->shard->data_len)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: tensor '%s' ends at byte %zu, but the file has %zu of data",
                         e->shard->name, e->name, end, e->shard->data_len);
    if (end - begin != out->bytes)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: tensor '%s' has %zu bytes, its shape and dtype need %zu",
                         e->shard->name, e->name, end - begin, out->bytes);
    out->data = e->shard->data + begin;
    return RRK_OK;
}

static rrk_status keep_tensor(enc_weights *w, const entry *e, enc_weight *tensor, rrk_error *err)
{
    rrk_text key = {e->name, strlen(e->name) + 1};
    bool existed;
    RRK_TRY(base_map_put(w->by_name, key, (int64_t)w->n_tensors, &existed, err));
    if (existed)
        return fail_tensor(err, RRK_E_FORMAT, e, "is in another shard too");
    if (w->n_tensors == w->cap_tensors) {
        size_t cap = RRK_MAX(w->cap_tensors * 2, (size_t)64);
        enc_weight *tensors = base_realloc(w->tensors, cap, sizeof *tensors);
        if (!tensors)
            return base_fail_nomem(err, cap * sizeof *tensors);
        w->tensors = tensors;
        w->cap_tensors = cap;
    }
    tensor->name = base_map_key(w->by_name, w->n_tensors).data;
    w->tensors[w->n_tensors++] = *tensor;
    if (e->is_float)
        w->n_parameters += tensor->n_values;
    return RRK_OK;
}

static rrk_status read_tensor(enc_weights *w, const shard *s, const char *name, const json_t *json, rrk_error *err)
{
    entry e = {.shard = s, .name = name, .json = json};
    enc_weight tensor = {0};
    if (!json_is_object(json))
        return fail_tensor(err, RRK_E_FORMAT, &e, "is not an object in the header");
    RRK_TRY(read_dtype(&e, &tensor, err));
    RRK_TRY(read_shape(&e, &tensor, err));
    RRK_TRY(read_offsets(&e, &tensor, err));
    return keep_tensor(w, &e, &tensor, err);
}

static int by_place(const void *a, const void *b)
{
    const enc_weight *x = *(const enc_weight *const *)a, *y = *(const enc_weight *const *)b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* The tensors from index first on must lie end to end over the shard's whole data. */
static rrk_status check_cover(const enc_weights *w, const shard *s, size_t first, rrk_error *err)
{
    size_t n = w->n_tensors - first;
    const enc_weight **order RRK_AUTO(base_free_ptr) = base_alloc(n, sizeof *order);
    if (!order)
        return base_fail_nomem(err, n * sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = &w->tensors[first + i];
    qsort(order, n, sizeof *order, by_place);
    const char *at = s->data;
    for (size_t i = 0; i < n; i++) {
        const char *begin = order[i]->data;
        if (begin < at)
            return base_fail(err, RRK_E_FORMAT, 0, "%s: tensor '%s' overlaps tensor '%s'", s->name, order[i]->name,
                             i ? order[i - 1]->name : "");
        if (begin > at)
            return base_fail(err, RRK_E_FORMAT, 0, "%s: %zu bytes before tensor '%s' belong to no tensor", s->name,
                             (size_t)(begin - at), order[i]->name);
        at = begin + order[i]->bytes;
    }
    if (at != s->data + s->data_len)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the last %zu bytes belong to no tensor", s->name,
                         (size_t)(s->data + s->data_len - at));
    return RRK_OK;
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        h = (h ^ bytes[i]) * 0x100000001b3u;
    return h;
}

/* Two trainings of one model share their header, so each tensor's beginning, middle and end go in as well. */
static void hash_shard(enc_weights *w, const shard *s, size_t first)
{
    w->hash = hash_bytes(w->hash, s->mapping.data, (size_t)(s->data - (const char *)s->mapping.data));
    for (size_t i = first; i < w->n_tensors; i++) {
        const enc_weight *t = &w->tensors[i];
        const char *data = t->data;
        size_t n = RRK_MIN(t->bytes, (size_t)HASH_SAMPLE_BYTES);
        size_t places[] = {0, (t->bytes - n) / 2, t->bytes - n};
        for (size_t p = 0; p < RRK_COUNT(places); p++)
            w->hash = hash_bytes(w->hash, data + places[p], n);
    }
}

static rrk_status parse_header(shard *s, json_t **out, rrk_error *err)
{
    const unsigned char *bytes = s->mapping.data;
    if (s->mapping.len < LENGTH_BYTES)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: %zu bytes are too few for a header", s->name, s->mapping.len);
    uint64_t len = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        len = len << 8 | bytes[i];
    if (len > ENC_MAX_HEADER_BYTES)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: a header of %llu bytes is above the limit of %zu", s->name,
                         (unsigned long long)len, ENC_MAX_HEADER_BYTES);
    if (len > s->mapping.len - LENGTH_BYTES)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: its header of %llu bytes ends behind the file's %zu", s->name,
                         (unsigned long long)len, s->mapping.len);
    s->data = (const char *)bytes + LENGTH_BYTES + len;
    s->data_len = s->mapping.len - LENGTH_BYTES - (size_t)len;
    json_error_t cause;
    *out = json_loadb((const char *)bytes + LENGTH_BYTES, (size_t)len, JSON_REJECT_DUPLICATES, &cause);
    if (!*out)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: its header is not valid JSON: %s", s->name, cause.text);
    if (!json_is_object(*out))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: its header is not an object", s->name);
    return RRK_OK;
}

static rrk_status read_shard(enc_weights *w, shard *s, rrk_error *err)
{
    json_t *header RRK_AUTO(enc_json_free) = NULL;
    RRK_TRY(parse_header(s, &header, err));
    size_t first = w->n_tensors;
    const char *name;
    json_t *value;
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0) {
            if (!json_is_object(value))
                return base_fail(err, RRK_E_FORMAT, 0, "%s: its __metadata__ is not an object", s->name);
            continue;
        }
        RRK_TRY(read_tensor(w, s, name, value, err));
    }
    RRK_TRY(check_cover(w, s, first, err));
    hash_shard(w, s, first);
    return RRK_OK;
}

static rrk_status open_shard(enc_weights *w, const char *dir, const char *name, rrk_error *err)
{
    if (w->n_shards == w->cap_shards) {
        size_t cap = RRK_MAX(w->cap_shards * 2, (size_t)4);
        shard *shards = base_realloc(w->shards, cap, sizeof *shards);
        if (!shards)
            return base_fail_nomem(err, cap * sizeof *shards);
        w->shards = shards;
        w->cap_shards = cap;
    }
    char *path RRK_AUTO(base_free_ptr) = enc_path(dir, name, err);
    if (!path)
        return RRK_E_NOMEM;
    shard *s = &w->shards[w->n_shards];
    *s = (shard){.name = base_strdup(name)};
    if (!s->name)
        return base_fail_nomem(err, strlen(name) + 1);
    w->n_shards++;
    RRK_TRY(base_file_map(path, &s->mapping, err));
    return read_shard(w, s, err);
}

/* Opens the file that one entry of the weight map names, unless an earlier entry did. */
static rrk_status visit_index_entry(enc_weights *w, const char *dir, base_map *files, const json_t *value,
                                    const char *tensor, rrk_error *err)
{
    const char *file = json_string_value(value);
    if (!file || !enc_is_plain_name(file))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: the file of tensor '%s' is not a plain name: '%s'", INDEX_FILE,
                         tensor, file ? file : "(not a string)");
    if (base_map_get(files, rrk_text_of(file), NULL))
        return RRK_OK;
    if (w->n_shards == ENC_MAX_SHARDS)
        return base_fail(err, RRK_E_FORMAT, 0, "%s: more than %d files", INDEX_FILE, ENC_MAX_SHARDS);
    RRK_TRY(base_map_put(files, rrk_text_of(file), (int64_t)w->n_shards, NULL, err));
    return open_shard(w, dir, file, err);
}

/* A tensor must be where the index says it is. */
static rrk_status check_index(const enc_weights *w, const base_map *files, const json_t *map, rrk_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, name, value)
    {
        int64_t file = 0;
        base_map_get(files, rrk_text_of(json_string_value(value)), &file);
        const enc_weight *t = enc_weights_find(w, name);
        const shard *s = &w->shards[file];
        if (!t || (const char *)t->data < s->data || (const char *)t->data > s->data + s->data_len)
            return base_fail(err, RRK_E_FORMAT, 0, "%s: tensor '%s' is not in '%s'", INDEX_FILE, name, s->name);
    }
    return RRK_OK;
}

static rrk_status open_index(enc_weights *w, const char *dir, rrk_error *err)
{
    struct json_t *index RRK_AUTO(enc_json_free) = NULL;
    RRK_TRY(enc_json_read_optional(&index, dir, INDEX_FILE, ENC_MAX_INDEX_BYTES, err));
    if (!index)
        return base_fail(err, RRK_E_NOTFOUND, 0, "'%s' has neither %s nor %s", dir, SINGLE_FILE, INDEX_FILE);
    json_t *map = json_object_get(index, "weight_map");
    if (!json_is_object(map))
        return base_fail(err, RRK_E_FORMAT, 0, "%s: no 'weight_map' object", INDEX_FILE);
    base_map *files RRK_AUTO(base_map_free_ptr) = NULL;
    RRK_TRY(base_map_new(&files, 16, err));
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value) RRK_TRY(visit_index_entry(w, dir, files, value, name, err));
    return check_index(w, files, map, err);
}

/* Once all shards are there: bytes and their scales may lie in two. */
static rrk_status link_scales(enc_weights *w, rrk_error *err)
{
    base_buf name RRK_AUTO(base_buf_free) = {.max = ENC_MAX_HEADER_BYTES};
    for (size_t i = 0; i < w->n_tensors; i++) {
        enc_weight *t = &w->tensors[i];
        if (t->dtype != ENC_I8)
            continue;
        base_buf_clear(&name);
        RRK_TRY(base_buf_append_string(&name, t->name, err));
        RRK_TRY(base_buf_append_string(&name, ENC_SCALE_SUFFIX, err));
        const enc_weight *scales = enc_weights_find(w, name.data);
        if (!scales)
            continue;
        RRK_TRY(enc_weight_take_scales(t, scales, err));
        w->n_parameters += t->n_values - scales->n_values;
        w->are_int8 = true;
    }
    return RRK_OK;
}

rrk_status enc_weights_open(enc_weights **out, const char *model_dir, rrk_error *err)
{
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = base_calloc(1, sizeof *w);
    if (!w)
        return base_fail_nomem(err, sizeof *w);
    w->hash = 0xcbf29ce484222325u;
    RRK_TRY(base_map_new(&w->by_name, 256, err));
    rrk_error local = {0};
    rrk_status status = open_shard(w, model_dir, SINGLE_FILE, &local);
    if (status == RRK_E_NOTFOUND) {
        base_free(w->shards[0].name);
        w->n_shards = 0;
        RRK_TRY(open_index(w, model_dir, err));
    } else if (status != RRK_OK) {
        return base_fail(err, status, local.detail, "%s", local.message);
    }
    RRK_TRY(link_scales(w, err));
    *out = RRK_STEAL(w);
    return RRK_OK;
}

void enc_weights_close(enc_weights *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n_shards; i++) {
        base_file_unmap(&w->shards[i].mapping);
        base_free(w->shards[i].name);
    }
    base_free(w->shards);
    base_free(w->tensors);
    base_map_free(w->by_name);
    base_free(w);
}

const enc_weight *enc_weights_find(const enc_weights *w, const char *name)
{
    int64_t at;
    return base_map_get(w->by_name, (rrk_text){name, strlen(name) + 1}, &at) ? &w->tensors[at] : NULL;
}

static const char *shape_text(char out[SHAPE_TEXT], uint32_t n_dims, const size_t *shape)
{
    if (n_dims == 0)
        return "a scalar";
    int used = 0;
    for (uint32_t i = 0; i < n_dims && used < SHAPE_TEXT; i++)
        used += snprintf(out + used, (size_t)(SHAPE_TEXT - used), "%s%zu", i ? "x" : "", shape[i]);
    return out;
}

rrk_status enc_weights_require(const enc_weights *w, const char *name, uint32_t n_dims, const size_t *shape,
                               const enc_weight **out, rrk_error *err)
{
    const enc_weight *t = enc_weights_find(w, name);
    if (!t)
        return base_fail(err, RRK_E_FORMAT, 0, "tensor '%s' is missing", name);
    bool same = t->n_dims == n_dims;
    for (uint32_t i = 0; same && i < n_dims; i++)
        same = t->shape[i] == shape[i];
    char is[SHAPE_TEXT], expected[SHAPE_TEXT];
    if (!same)
        return base_fail(err, RRK_E_FORMAT, 0, "tensor '%s' is %s, expected %s", name,
                         shape_text(is, t->n_dims, t->shape), shape_text(expected, n_dims, shape));
    *out = t;
    return RRK_OK;
}

size_t enc_weights_n_tensors(const enc_weights *w)
{
    return w->n_tensors;
}

const enc_weight *enc_weights_at(const enc_weights *w, size_t i)
{
    return &w->tensors[i];
}

bool enc_weights_are_int8(const enc_weights *w)
{
    return w->are_int8;
}

uint64_t enc_weights_n_parameters(const enc_weights *w)
{
    return w->n_parameters;
}

uint64_t enc_weights_hash(const enc_weights *w)
{
    return w->hash;
}
