/* Weights converted: what comes out computes as what went in, nearly, and nothing half-written stays. */
#include "encoder/convert.h"
#include "base/alloc.h"
#include "encoder/role.h"
#include "tiny_model.h"
#include "tiny_t5.h"
#include "weights_file.h"
#include <rrk/runtime.h>

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

static const enc_dtype TYPES[] = {ENC_I8, ENC_BF16, ENC_F16, ENC_F32};

static rrk_status convert_into(folder *from, enc_dtype to, folder *out, enc_convert_stats *stats, rrk_error *err)
{
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(from);
    return enc_weights_convert(w, to, folder_path(out, SINGLE), NULL, stats, err);
}

static enc_convert_stats convert_good(folder *from, enc_dtype to, folder *out)
{
    enc_convert_stats stats;
    rrk_error err = {0};
    cr_assert_eq(convert_into(from, to, out, &stats, &err), RRK_OK, "%s", err.message);
    return stats;
}

static rrk_encoder *open_folder(folder *f, rrk_dtype dtype)
{
    rrk_encoder_options options;
    rrk_encoder_options_init(&options);
    options.n_threads = 1;
    options.batch_tokens = 512;
    options.dtype = dtype;
    options.check = 1;
    rrk_encoder *encoder = NULL;
    rrk_error err = {0};
    cr_assert_eq(rrk_encoder_open(&encoder, f->dir, &options, &err), RRK_OK, "%s", err.message);
    return encoder;
}

static rrk_dtype dtype_in_force(const rrk_encoder *encoder)
{
    rrk_encoder_info info = {.size = sizeof info};
    cr_assert_eq(rrk_encoder_get_info(encoder, &info, NULL), RRK_OK);
    return info.dtype;
}

/* The rows' results and how far b's are from a's, relative to the spread of a's. */
static double distance(const tiny_shape *shape, rrk_encoder *a, rrk_encoder *b)
{
    static int32_t ids[TINY_N_ROWS][TINY_MAX_ROW];
    enc_row rows[TINY_N_ROWS];
    tiny_rows(shape, ids, rows);
    size_t n = TINY_N_ROWS * enc_output_dim(a);
    float *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
    cr_assert_eq(enc_run(a, rows, TINY_N_ROWS, x, NULL, NULL), RRK_OK);
    cr_assert_eq(enc_run(b, rows, TINY_N_ROWS, y, NULL, NULL), RRK_OK);
    double lost = 0, whole = 0;
    for (size_t i = 0; i < n; i++) {
        lost += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
        whole += (double)x[i] * (double)x[i];
    }
    free(x);
    free(y);
    return sqrt(lost / whole);
}

static const double TOLERANCE[] = {[ENC_I8] = 0.05, [ENC_BF16] = 0.02, [ENC_F16] = 0.002, [ENC_F32] = 0};

static void check_shape(const tiny_shape *shape, enc_dtype to)
{
    folder from = folder_new(), out = folder_new();
    tiny_write(&from, shape, NULL);
    tiny_write(&out, shape, NULL);
    enc_convert_stats stats = convert_good(&from, to, &out);
    cr_expect(stats.bytes_after < stats.bytes_before || to == ENC_F32);
    cr_expect_eq(stats.worst_error > 0, to != ENC_F32, "%s: %g", shape->name, stats.worst_error);
    cr_expect_eq(*stats.worst_tensor != '\0', to != ENC_F32);
    cr_expect(stats.worst_error < 0.01, "%s: %g of %s", shape->name, stats.worst_error, stats.worst_tensor);
    rrk_encoder *a = open_folder(&from, RRK_DTYPE_AUTO), *b = open_folder(&out, RRK_DTYPE_F32);
    cr_assert_eq(dtype_in_force(a), RRK_DTYPE_F32);
    cr_assert_eq(dtype_in_force(b), RRK_DTYPE_F32);
    double off = distance(shape, a, b);
    cr_expect(off <= TOLERANCE[to], "%s in type %d: off by %g", shape->name, (int)to, off);
    rrk_encoder_close(a);
    rrk_encoder_close(b);
    folder_remove(&from);
    folder_remove(&out);
}

Test(convert, every_shape_computes_nearly_the_same)
{
    for (size_t s = 0; s < TINY_N_SHAPES; s++) {
        for (size_t t = 0; t < RRK_COUNT(TYPES); t++)
            check_shape(&TINY_SHAPES[s], TYPES[t]);
    }
}

Test(convert, stored_int8_is_computed_in_int8_unless_asked_otherwise)
{
    folder f = folder_new(), from = folder_new();
    tiny_write(&f, &TINY_SHAPES[0], NULL);
    tiny_write(&from, &TINY_SHAPES[0], NULL);
    convert_good(&from, ENC_I8, &f);
    rrk_encoder *unasked = open_folder(&f, RRK_DTYPE_AUTO), *asked = open_folder(&f, RRK_DTYPE_INT8);
    rrk_encoder *as_f32 = open_folder(&f, RRK_DTYPE_F32);
    cr_assert_eq(dtype_in_force(unasked), dtype_in_force(asked));
    cr_assert_eq(dtype_in_force(as_f32), RRK_DTYPE_F32);
    cr_assert_eq(distance(&TINY_SHAPES[0], unasked, asked), 0);
    cr_assert(distance(&TINY_SHAPES[0], as_f32, asked) < 0.05);
    rrk_encoder_close(unasked);
    rrk_encoder_close(asked);
    rrk_encoder_close(as_f32);
    folder_remove(&f);
    folder_remove(&from);
}

static char *slurp(folder *f, const char *name, size_t *len)
{
    FILE *file = fopen(folder_path(f, name), "r");
    cr_assert_not_null(file, "%s", f->path);
    char *data = malloc(1 << 22);
    *len = fread(data, 1, 1 << 22, file);
    fclose(file);
    return data;
}

/* The tensors of SINGLE once more, in two shards. */
static void make_shards(folder *from, folder *out)
{
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(from);
    base_buf map = {.max = 1 << 20};
    cr_assert_eq(base_buf_append_string(&map, "{\"weight_map\":{", NULL), RRK_OK);
    for (int shard = 0; shard < 2; shard++) {
        base_buf header = {.max = 1 << 20}, data = {.max = 1 << 24};
        base_buf_append_char(&header, '{', NULL);
        char name[16];
        snprintf(name, sizeof name, "%d.safetensors", shard);
        for (size_t i = (size_t)shard; i < enc_weights_n_tensors(w); i += 2) {
            const enc_weight *t = enc_weights_at(w, i);
            base_buf_printf(&header, NULL, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu", header.len > 1 ? "," : "",
                            t->name, t->shape[0]);
            if (t->n_dims > 1)
                base_buf_printf(&header, NULL, ",%zu", t->shape[1]);
            base_buf_printf(&header, NULL, "],\"data_offsets\":[%zu,%zu]}", data.len, data.len + t->bytes);
            base_buf_append(&data, t->data, t->bytes, NULL);
            base_buf_printf(&map, NULL, "%s\"%s\":\"%s\"", i ? "," : "", t->name, name);
        }
        base_buf_append_char(&header, '}', NULL);
        base_buf b = {.max = 1 << 24};
        uint64_t n = header.len;
        base_buf_append(&b, &n, sizeof n, NULL);
        base_buf_append(&b, header.data, header.len, NULL);
        base_buf_append(&b, data.data, data.len, NULL);
        folder_put(out, name, b.data, b.len);
        base_buf_free(&b);
        base_buf_free(&header);
        base_buf_free(&data);
    }
    base_buf_append_string(&map, "}}", NULL);
    folder_put(out, INDEX, map.data, map.len);
    base_buf_free(&map);
}

Test(convert, shards_become_one_file_and_the_same_one)
{
    folder from = folder_new(), shards = folder_new(), out = folder_new(), again = folder_new();
    tiny_write(&from, &TINY_SHAPES[1], NULL);
    make_shards(&from, &shards);
    convert_good(&from, ENC_I8, &out);
    convert_good(&shards, ENC_I8, &again);
    size_t n, m;
    char *a = slurp(&out, SINGLE, &n), *b = slurp(&again, SINGLE, &m);
    cr_assert_eq(n, m);
    cr_assert_arr_eq(a, b, n);
    free(a);
    free(b);
    folder_remove(&from);
    folder_remove(&shards);
    folder_remove(&out);
    folder_remove(&again);
}

Test(convert, a_tensors_role_is_told_by_its_name_and_shape)
{
    static const struct {
        const char *name;
        uint32_t n_dims;
        enc_role role;
    } CASES[] = {
        {"encoder.layer.0.attention.self.query.weight", 2, ENC_ROLE_MATRIX},
        {"encoder.block.3.layer.1.DenseReluDense.wi_0.weight", 2, ENC_ROLE_MATRIX},
        {"mvp.view_layer.0.intermediate.dense.weight", 2, ENC_ROLE_MATRIX},
        {"bert.embeddings.word_embeddings.weight", 2, ENC_ROLE_TABLE},
        {"embeddings.position_embeddings.weight", 2, ENC_ROLE_TABLE},
        {"shared.weight", 2, ENC_ROLE_TABLE},
        {"encoder.encoder.embed_tokens.weight", 2, ENC_ROLE_TABLE},
        {"lm_head.weight", 2, ENC_ROLE_TABLE},
        {"embeddings.token_type_embeddings.weight", 2, ENC_ROLE_OTHER},
        {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", 2, ENC_ROLE_OTHER},
        {"bert.pooler.dense.weight", 2, ENC_ROLE_OTHER},
        {"classifier.weight", 2, ENC_ROLE_OTHER},
        {"mvp.decoder.0.cross.query.weight", 2, ENC_ROLE_MATRIX},
        {"mvp.views", 2, ENC_ROLE_OTHER},
        {"mvp.start", 1, ENC_ROLE_OTHER},
        {"embeddings.LayerNorm.weight", 1, ENC_ROLE_OTHER},
        {"encoder.layer.0.output.dense.bias", 1, ENC_ROLE_OTHER},
        {".weight", 2, ENC_ROLE_OTHER},
    };
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        enc_weight w = {.name = CASES[i].name, .n_dims = CASES[i].n_dims};
        cr_expect_eq(enc_role_of(&w), CASES[i].role, "%s", CASES[i].name);
    }
}

/* --- failures --- */

static size_t count_files(folder *f)
{
    size_t n = 0;
    DIR *dir = opendir(f->dir);
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* A file of one tensor; nothing may be left where it was to be converted to. */
static void check_refused(const char *header, const void *data, size_t n, enc_dtype to, rrk_status status,
                          const char *says)
{
    folder from = folder_new(), out = folder_new();
    enc_convert_stats stats;
    rrk_error err = {0};
    put(&from, SINGLE, header, data, n);
    cr_expect_eq(convert_into(&from, to, &out, &stats, &err), status, "%s", err.message);
    cr_expect_not_null(strstr(err.message, says), "'%s' lacks '%s'", err.message, says);
    cr_expect_eq(count_files(&out), 0);
    folder_remove(&from);
    folder_remove(&out);
}

#define ONE_MATRIX "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}"

Test(convert, what_cannot_be_converted_is_named)
{
    const float nan[] = {1, NAN}, infinite[] = {-INFINITY, 0}, large[] = {1, -65520}, fits[] = {65519.99f, 1};
    static const double F64 = 1;
    static const char ZEROS[16];
    check_refused(ONE_MATRIX, nan, 8, ENC_I8, RRK_E_FORMAT, "tensor 'a.weight'");
    check_refused(ONE_MATRIX, infinite, 8, ENC_F32, RRK_E_FORMAT, "at index 0");
    check_refused(ONE_MATRIX, large, 8, ENC_F16, RRK_E_INVALID, "'a.weight' has the value -65520, which f16 cannot");
    check_refused("{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", &F64, 8, ENC_I8,
                  RRK_E_UNSUPPORTED, "tensor 'a' is F64");
    check_refused("{\"w_scale\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                  "\"w\":{\"dtype\":\"I8\",\"shape\":[2,3],\"data_offsets\":[8,14]}}",
                  ZEROS, 14, ENC_BF16, RRK_E_INVALID, "int8 already");
    folder from = folder_new(), out = folder_new();
    put(&from, SINGLE, ONE_MATRIX, fits, sizeof fits);
    convert_good(&from, ENC_F16, &out);
    folder_remove(&from);
    folder_remove(&out);
}

Test(convert, other_numbers_and_empty_tensors_stay_as_they_are)
{
    folder from = folder_new(), out = folder_new();
    static const char DATA[11] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    put(&from, SINGLE,
        "{\"ids\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
        "\"flags\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]},"
        "\"none.weight\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[11,11]},"
        "\"flat.weight\":{\"dtype\":\"F32\",\"shape\":[2,0],\"data_offsets\":[11,11]}}",
        DATA, sizeof DATA);
    enc_convert_stats stats = convert_good(&from, ENC_I8, &out);
    cr_assert(stats.n_tensors == 4 && stats.n_narrowed == 2 && stats.bytes_before == 11 && stats.bytes_after == 19);
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&out);
    cr_assert_arr_eq(enc_weights_find(w, "ids")->data, DATA, 8);
    cr_assert_arr_eq(enc_weights_find(w, "flags")->data, DATA + 8, 3);
    cr_assert_str_eq(enc_weights_find(w, "flags")->dtype_name, "U8");
    cr_assert_eq(enc_weights_find(w, "none.weight")->n_values, 0);
    folder_remove(&from);
    folder_remove(&out);
}

Test(convert, a_full_disk_leaves_nothing_behind)
{
    folder from = folder_new(), out = folder_new();
    enc_convert_stats stats;
    rrk_error err = {0};
    tiny_write(&from, &TINY_SHAPES[0], NULL);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){20000, RLIM_INFINITY});
    rrk_status status = convert_into(&from, ENC_I8, &out, &stats, &err);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    cr_assert_eq(status, RRK_E_IO, "%s", err.message);
    cr_assert_not_null(strstr(err.message, SINGLE), "%s", err.message);
    cr_assert_eq(err.detail, EFBIG);
    cr_assert_eq(count_files(&out), 0);
    folder_remove(&from);
    folder_remove(&out);
}

static int stop_at_half(void *ctx, uint64_t n_bytes, uint64_t total)
{
    *(uint64_t *)ctx = n_bytes;
    return n_bytes > total / 2;
}

Test(convert, can_be_cancelled)
{
    folder from = folder_new(), out = folder_new();
    enc_convert_stats stats;
    uint64_t seen = 0;
    tiny_write(&from, &TINY_SHAPES[0], NULL);
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&from);
    enc_convert_watch watch = {stop_at_half, &seen};
    cr_assert_eq(enc_weights_convert(w, ENC_I8, folder_path(&out, SINGLE), &watch, &stats, NULL), RRK_E_CANCELLED);
    cr_assert(seen > 0 && seen < stats.bytes_after);
    cr_assert_eq(count_files(&out), 0);
    folder_remove(&from);
    folder_remove(&out);
}

/* --- memory --- */

enum { SIZE_BYTES = 16 };
static size_t in_use, peak;

static void *count_malloc(size_t size, void *ctx)
{
    char *p = malloc(size + SIZE_BYTES);
    memcpy(p, &size, sizeof size);
    in_use += size;
    peak = RRK_MAX(peak, in_use);
    return p + SIZE_BYTES;
}

static void count_free(void *ptr, void *ctx)
{
    size_t size;
    if (!ptr)
        return;
    memcpy(&size, (char *)ptr - SIZE_BYTES, sizeof size);
    in_use -= size;
    free((char *)ptr - SIZE_BYTES);
}

static void *count_realloc(void *ptr, size_t size, void *ctx)
{
    size_t was = 0;
    void *p = count_malloc(size, ctx);
    if (ptr)
        memcpy(&was, (char *)ptr - SIZE_BYTES, sizeof was);
    memcpy(p, ptr ? ptr : "", RRK_MIN(was, size));
    count_free(ptr, ctx);
    return p;
}

Test(convert, has_room_for_a_piece_and_not_for_a_tensor)
{
    folder from = folder_new(), out = folder_new();
    enum { TABLE_BYTES = 1 << 24 };
    char *data = calloc(TABLE_BYTES, 1);
    char header[128];
    snprintf(header, sizeof header,
             "{\"shared.weight\":{\"dtype\":\"F32\",\"shape\":[65536,64],\"data_offsets\":[0,%d]}}", TABLE_BYTES);
    FILE *file = fopen(folder_path(&from, SINGLE), "w");
    uint64_t n = strlen(header);
    fwrite(&n, sizeof n, 1, file);
    fwrite(header, n, 1, file);
    fwrite(data, TABLE_BYTES, 1, file);
    fclose(file);
    free(data);
    rrk_set_allocator(&(rrk_allocator){count_malloc, count_realloc, count_free, NULL});
    convert_good(&from, ENC_I8, &out);
    rrk_set_allocator(NULL);
    cr_assert_eq(in_use, 0);
    cr_assert(peak < TABLE_BYTES / 16, "%zu bytes", peak);
    folder_remove(&from);
    folder_remove(&out);
}
