/* Weight files: what is read from good ones, and what is said about every kind of bad one. */
#include "encoder/safetensors.h"
#include "base/alloc.h"
#include "base/rng.h"
#include "tests/encoder/weights_file.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sys/stat.h>

Test(safetensors, reads_shapes_types_and_values)
{
    folder f = folder_new();
    static const float VALUES[6] = {0, 1, 2, 3, 4, 5.5f};
    put(&f, SINGLE,
        "{\"__metadata__\":{\"format\":\"pt\"},\"a.w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[24,24]}}",
        VALUES, sizeof VALUES);
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&f);
    const enc_weight *t = enc_weights_find(w, "a.w");
    cr_assert_not_null(t);
    cr_assert_str_eq(t->name, "a.w");
    cr_assert(t->dtype == ENC_F32 && t->n_dims == 2 && t->shape[0] == 2 && t->shape[1] == 3 && t->n_values == 6);
    float out[6];
    cr_assert_eq(enc_weight_to_f32(t, out, NULL), RRK_OK);
    cr_assert_arr_eq(out, VALUES, sizeof out);
    cr_assert_eq(enc_weights_find(w, "none")->n_values, 0);
    cr_assert_null(enc_weights_find(w, "a.W"));
    cr_assert_eq(enc_weights_n_parameters(w), 6);
    folder_remove(&f);
}

Test(safetensors, require_names_the_tensor_and_both_shapes)
{
    folder f = folder_new();
    put_zeros(&f, SINGLE, "{\"wi\":{\"dtype\":\"I8\",\"shape\":[3,4],\"data_offsets\":[0,12]}}", 12);
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&f);
    const enc_weight *t = NULL;
    size_t shape[] = {3, 4};
    cr_assert_eq(enc_weights_require(w, "wi", 2, shape, &t, NULL), RRK_OK);
    rrk_error err = {0};
    cr_assert_eq(enc_weights_require(w, "wo", 2, shape, &t, &err), RRK_E_FORMAT);
    cr_assert_str_eq(err.message, "tensor 'wo' is missing");
    shape[1] = 5;
    err = (rrk_error){0};
    cr_assert_eq(enc_weights_require(w, "wi", 2, shape, &t, &err), RRK_E_FORMAT);
    cr_assert_str_eq(err.message, "tensor 'wi' is 3x4, expected 3x5");
    err = (rrk_error){0};
    cr_assert_eq(enc_weight_to_f32(t, NULL, &err), RRK_E_FORMAT);
    cr_assert_str_eq(err.message, "tensor 'wi' is int8, and its scales, 'wi_scale', are missing");
    folder_remove(&f);
}

Test(safetensors, widens_every_f16_exactly)
{
    static uint16_t halves[65536];
    static float got[65536];
    for (uint32_t i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    enc_weight t = {.name = "t", .dtype = ENC_F16, .n_values = 65536, .data = halves, .bytes = sizeof halves};
    cr_assert_eq(enc_weight_to_f32(&t, got, NULL), RRK_OK);
    for (uint32_t i = 0; i < 65536; i++) {
        int exponent = (int)(i >> 10 & 31), fraction = (int)(i & 1023);
        double want = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        if (exponent == 31)
            want = fraction ? (double)NAN : (double)INFINITY;
        bool negative = signbit(got[i]) != 0;
        bool same = isnan(want) ? isnan(got[i]) : fabs((double)got[i]) == want;
        cr_assert(same && negative == (i >= 0x8000), "0x%04x gave %a", i, (double)got[i]);
    }
}

Test(safetensors, widens_every_bf16_exactly)
{
    static uint16_t halves[65536];
    static float got[65536];
    for (uint32_t i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    enc_weight t = {.name = "t", .dtype = ENC_BF16, .n_values = 65536, .data = halves, .bytes = sizeof halves};
    cr_assert_eq(enc_weight_to_f32(&t, got, NULL), RRK_OK);
    for (uint32_t i = 0; i < 65536; i++) {
        uint32_t bits;
        memcpy(&bits, &got[i], sizeof bits);
        cr_assert_eq(bits, i << 16);
    }
}

Test(safetensors, converts_tensors_that_are_not_aligned)
{
    folder f = folder_new();
    char data[7];
    const float value = 1.25f;
    const uint16_t half = 0xc100; /* -2.5 */
    data[0] = 0;
    memcpy(data + 1, &value, 4);
    memcpy(data + 5, &half, 2);
    /* A header of odd length makes both tensors odd, whatever the mapping's address. */
    const char *header = "{\"i\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                         "\"f\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[1,5]},"
                         "\"h\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[5,7]}}";
    put(&f, SINGLE, header, data, sizeof data);
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&f);
    float out;
    cr_assert_eq(enc_weight_to_f32(enc_weights_find(w, "f"), &out, NULL), RRK_OK);
    cr_assert_eq(out, value);
    cr_assert_eq(enc_weight_to_f32(enc_weights_find(w, "h"), &out, NULL), RRK_OK);
    cr_assert_eq(out, -2.5f);
    folder_remove(&f);
}

#define TENSOR(name, dtype, shape, offsets)                                                                            \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"

static const struct {
    const char *header;
    size_t n_bytes;
    rrk_status status;
    const char *part;
} BAD[] = {
    {"", 0, RRK_E_FORMAT, "not valid JSON"},
    {"nonsense", 0, RRK_E_FORMAT, "not valid JSON"},
    {"[]", 0, RRK_E_FORMAT, "not an object"},
    {"{\"x\":1}", 0, RRK_E_FORMAT, "tensor 'x' is not an object"},
    {"{\"__metadata__\":[]}", 0, RRK_E_FORMAT, "__metadata__"},
    {"{\"x\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, RRK_E_FORMAT, "tensor 'x' has no dtype"},
    {"{\"x\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, RRK_E_FORMAT, "tensor 'x' has no dtype"},
    {"{" TENSOR("x", "F4", "1", "0,4") "}", 4, RRK_E_UNSUPPORTED, "tensor 'x' has the unknown dtype 'F4'"},
    {"{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, RRK_E_FORMAT, "tensor 'x' has no shape"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":[0,4]}}", 4, RRK_E_FORMAT, "tensor 'x' has no shape"},
    {"{" TENSOR("x", "F32", "-1", "0,4") "}", 4, RRK_E_FORMAT, "tensor 'x' has a shape"},
    {"{" TENSOR("x", "F32", "1.0", "0,4") "}", 4, RRK_E_FORMAT, "tensor 'x' has a shape"},
    {"{" TENSOR("x", "F32", "\"1\"", "0,4") "}", 4, RRK_E_FORMAT, "tensor 'x' has a shape"},
    {"{" TENSOR("x", "F32", "1,1,1,1,1", "0,4") "}", 4, RRK_E_UNSUPPORTED, "tensor 'x' has 5 dimensions"},
    {"{" TENSOR("x", "F32", "4294967296,4294967296", "0,4") "}", 4, RRK_E_FORMAT, "tensor 'x' has a shape whose size"},
    {"{" TENSOR("x", "F32", "4611686018427387904", "0,4") "}", 4, RRK_E_FORMAT, "tensor 'x' has a shape whose size"},
    {"{" TENSOR("x", "F32", "99999999999999999999", "0,4") "}", 4, RRK_E_FORMAT, "not valid JSON"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, RRK_E_FORMAT, "tensor 'x' has no data_offsets"},
    {"{" TENSOR("x", "F32", "1", "0") "}", 4, RRK_E_FORMAT, "tensor 'x' has no data_offsets"},
    {"{" TENSOR("x", "F32", "1", "0,4,8") "}", 4, RRK_E_FORMAT, "tensor 'x' has no data_offsets"},
    {"{" TENSOR("x", "F32", "1", "-4,0") "}", 4, RRK_E_FORMAT, "tensor 'x' has no data_offsets"},
    {"{" TENSOR("x", "F32", "1", "0,\"4\"") "}", 4, RRK_E_FORMAT, "tensor 'x' has no data_offsets"},
    {"{" TENSOR("x", "F32", "1", "4,0") "}", 4, RRK_E_FORMAT, "tensor 'x' begins at 4, behind its end"},
    {"{" TENSOR("x", "F32", "2", "0,8") "}", 4, RRK_E_FORMAT, "tensor 'x' ends at byte 8"},
    {"{" TENSOR("x", "F32", "1", "9223372036854775800,9223372036854775804") "}", 4, RRK_E_FORMAT, "tensor 'x' ends at"},
    {"{" TENSOR("x", "F32", "2", "0,4") "}", 4, RRK_E_FORMAT, "tensor 'x' has 4 bytes, its shape and dtype need 8"},
    {"{" TENSOR("x", "I8", "4", "0,4") "," TENSOR("y", "I8", "4", "2,6") "}", 6, RRK_E_FORMAT, "overlaps"},
    {"{" TENSOR("x", "I8", "4", "0,4") "," TENSOR("y", "I8", "4", "0,4") "}", 4, RRK_E_FORMAT, "overlaps"},
    {"{" TENSOR("x", "I8", "4", "0,4") "," TENSOR("y", "I8", "2", "6,8") "}", 8, RRK_E_FORMAT,
     "2 bytes before tensor 'y'"},
    {"{" TENSOR("x", "I8", "4", "0,4") "}", 5, RRK_E_FORMAT, "the last 1 bytes"},
    {"{" TENSOR("x", "I8", "4", "0,4") "," TENSOR("x", "I8", "4", "4,8") "}", 8, RRK_E_FORMAT, "not valid JSON"},
};

Test(safetensors, says_what_is_wrong_with_a_lying_header)
{
    folder f = folder_new();
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        put_zeros(&f, SINGLE, BAD[i].header, BAD[i].n_bytes);
        cr_log_info("case %zu", i);
        expect_failure(&f, BAD[i].status, BAD[i].part);
        expect_failure(&f, BAD[i].status, SINGLE);
    }
    folder_remove(&f);
}

Test(safetensors, takes_four_dimensions)
{
    folder f = folder_new();
    put_zeros(&f, SINGLE, "{" TENSOR("x", "F32", "1,1,1,1", "0,4") "}", 4);
    enc_weights_close(open_good(&f));
    folder_remove(&f);
}

static void put_header_length(folder *f, uint64_t length, off_t file_size)
{
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(length >> 8 * i);
    folder_put(f, SINGLE, bytes, 8);
    cr_assert_eq(truncate(f->path, file_size), 0);
}

Test(safetensors, bounds_the_header_by_the_file_and_by_the_limit)
{
    folder f = folder_new();
    put_header_length(&f, 100, 107);
    expect_failure(&f, RRK_E_FORMAT, "ends behind the file's 107");
    put_header_length(&f, ENC_MAX_HEADER_BYTES, 8 + (off_t)ENC_MAX_HEADER_BYTES);
    expect_failure(&f, RRK_E_FORMAT, "not valid JSON");
    put_header_length(&f, ENC_MAX_HEADER_BYTES + 1, 9 + (off_t)ENC_MAX_HEADER_BYTES);
    expect_failure(&f, RRK_E_FORMAT, "above the limit");
    put_header_length(&f, UINT64_MAX, 100);
    expect_failure(&f, RRK_E_FORMAT, "above the limit");
    put_header_length(&f, UINT64_MAX - 7, 100);
    expect_failure(&f, RRK_E_FORMAT, "above the limit");
    folder_remove(&f);
}

static const char *const SMALL = "{" TENSOR("a", "F32", "2", "0,8") "," TENSOR("b", "BF16", "2,2", "8,16") "}";

Test(safetensors, refuses_a_file_cut_anywhere)
{
    folder f = folder_new();
    static const char DATA[16];
    base_buf b RRK_AUTO(base_buf_free) = image_of(SMALL, DATA, sizeof DATA);
    for (size_t len = 0; len < b.len; len++) {
        folder_put(&f, SINGLE, b.data, len);
        expect_failure(&f, RRK_E_FORMAT, SINGLE);
    }
    folder_put(&f, SINGLE, b.data, b.len);
    enc_weights_close(open_good(&f));
    folder_remove(&f);
}

/* Whatever a flipped bit makes of the file, every tensor that is handed out can be read to its end. */
Test(safetensors, survives_flipped_bits)
{
    enum { ROUNDS = 4000 };
    const uint64_t seed = 20240817;
    cr_log_info("seed %llu", (unsigned long long)seed);
    folder f = folder_new();
    static const char DATA[16];
    base_buf b RRK_AUTO(base_buf_free) = image_of(SMALL, DATA, sizeof DATA);
    size_t n_opened = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        size_t bit = base_rng_at(seed, 2 * round) % (b.len * 8), other = base_rng_at(seed, 2 * round + 1) % (b.len * 8);
        b.data[bit / 8] ^= (char)(1 << bit % 8);
        b.data[other / 8] ^= (char)(1 << other % 8);
        folder_put(&f, SINGLE, b.data, b.len);
        enc_weights *w RRK_AUTO(enc_weights_close_ptr) = NULL;
        const enc_weight *t = enc_weights_open(&w, f.dir, NULL) == RRK_OK ? enc_weights_find(w, "a") : NULL;
        float out[8];
        n_opened += t && t->n_values <= 8 && enc_weight_to_f32(t, out, NULL) == RRK_OK;
        b.data[bit / 8] ^= (char)(1 << bit % 8);
        b.data[other / 8] ^= (char)(1 << other % 8);
    }
    cr_log_info("%zu of %d opened", n_opened, ROUNDS);
    cr_assert_gt(n_opened, 0);
    folder_remove(&f);
}

Test(safetensors, finds_each_of_a_thousand_tensors)
{
    folder f = folder_new();
    base_buf header RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    char data[1000];
    for (int i = 0; i < 1000; i++) {
        data[i] = (char)i;
        base_buf_printf(&header, NULL, "%c" TENSOR("layer.%d", "I8", "1", "%d,%d"), i ? ',' : '{', i, i, i + 1);
    }
    base_buf_append_char(&header, '}', NULL);
    put(&f, SINGLE, header.data, data, sizeof data);
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&f);
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer.%d", i);
        cr_assert_eq(*(const char *)enc_weights_find(w, name)->data, (char)i);
    }
    folder_remove(&f);
}

Test(safetensors, reads_shards_by_their_index)
{
    folder f = folder_new();
    put(&f, "one.safetensors", "{" TENSOR("a", "I8", "1", "0,1") "}", "A", 1);
    put(&f, "two.safetensors", "{" TENSOR("b", "I8", "1", "0,1") "," TENSOR("c", "I8", "1", "1,2") "}", "BC", 2);
    folder_text(&f, INDEX,
                "{\"metadata\":{\"total_size\":3},\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\","
                "\"c\":\"two.safetensors\"}}");
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&f);
    cr_assert_eq(*(const char *)enc_weights_find(w, "a")->data, 'A');
    cr_assert_eq(*(const char *)enc_weights_find(w, "c")->data, 'C');
    folder_remove(&f);
}

static const struct {
    const char *index;
    rrk_status status;
    const char *part;
} BAD_INDEX[] = {
    {"", RRK_E_FORMAT, INDEX},
    {"[]", RRK_E_FORMAT, "weight_map"},
    {"{}", RRK_E_FORMAT, "weight_map"},
    {"{\"weight_map\":[]}", RRK_E_FORMAT, "weight_map"},
    {"{\"weight_map\":{\"a\":7}}", RRK_E_FORMAT, "'a'"},
    {"{\"weight_map\":{\"a\":\"\"}}", RRK_E_FORMAT, "plain name"},
    {"{\"weight_map\":{\"a\":\"..\"}}", RRK_E_FORMAT, "plain name"},
    {"{\"weight_map\":{\"a\":\".\"}}", RRK_E_FORMAT, "plain name"},
    {"{\"weight_map\":{\"a\":\"../one.safetensors\"}}", RRK_E_FORMAT, "plain name: '../one.safetensors'"},
    {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", RRK_E_FORMAT, "plain name: '/etc/passwd'"},
    {"{\"weight_map\":{\"a\":\"none.safetensors\"}}", RRK_E_NOTFOUND, "none.safetensors"},
    {"{\"weight_map\":{\"q\":\"one.safetensors\"}}", RRK_E_FORMAT, "tensor 'q' is not in 'one.safetensors'"},
    {"{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"same.safetensors\"}}", RRK_E_FORMAT,
     "same.safetensors: tensor 'a' is in another shard"},
    {"{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"one.safetensors\"}}", RRK_E_FORMAT, "tensor 'a' is not in"},
};

Test(safetensors, says_what_is_wrong_with_an_index)
{
    folder f = folder_new();
    put(&f, "one.safetensors", "{" TENSOR("a", "I8", "1", "0,1") "}", "A", 1);
    put(&f, "same.safetensors", "{" TENSOR("a", "I8", "1", "0,1") "}", "A", 1);
    put(&f, "two.safetensors", "{" TENSOR("b", "I8", "1", "0,1") "}", "B", 1);
    for (size_t i = 0; i < RRK_COUNT(BAD_INDEX); i++) {
        cr_log_info("case %zu", i);
        folder_text(&f, INDEX, BAD_INDEX[i].index);
        expect_failure(&f, BAD_INDEX[i].status, BAD_INDEX[i].part);
    }
    folder_remove(&f);
}

static void put_shards(folder *f, int n)
{
    base_buf index RRK_AUTO(base_buf_free) = {.max = 1 << 20};
    base_buf_append_string(&index, "{\"weight_map\":", NULL);
    for (int i = 0; i < n; i++) {
        char name[32], header[128];
        snprintf(name, sizeof name, "%d.safetensors", i);
        snprintf(header, sizeof header, "{" TENSOR("t%d", "I8", "1", "0,1") "}", i);
        put(f, name, header, "x", 1);
        base_buf_printf(&index, NULL, "%c\"t%d\":\"%s\"", i ? ',' : '{', i, name);
    }
    base_buf_append_string(&index, "}}", NULL);
    folder_text(f, INDEX, index.data);
}

Test(safetensors, bounds_the_number_of_shards)
{
    folder f = folder_new();
    put_shards(&f, ENC_MAX_SHARDS);
    enc_weights_close(open_good(&f));
    put_shards(&f, ENC_MAX_SHARDS + 1);
    expect_failure(&f, RRK_E_FORMAT, "more than 1024 files");
    folder_remove(&f);
}

Test(safetensors, bounds_the_index)
{
    folder f = folder_new();
    folder_text(&f, INDEX, "");
    cr_assert_eq(truncate(f.path, (off_t)ENC_MAX_INDEX_BYTES), 0);
    expect_failure(&f, RRK_E_FORMAT, "not valid JSON");
    cr_assert_eq(truncate(f.path, (off_t)ENC_MAX_INDEX_BYTES + 1), 0);
    expect_failure(&f, RRK_E_INVALID, "more than the limit");
    folder_remove(&f);
}

Test(safetensors, a_folder_without_weights_is_not_found)
{
    folder f = folder_new();
    expect_failure(&f, RRK_E_NOTFOUND, f.dir);
    folder_remove(&f);
    expect_failure(&f, RRK_E_NOTFOUND, f.dir);
}

Test(safetensors, a_folder_in_place_of_the_file_is_refused)
{
    folder f = folder_new();
    folder_subfolder(&f, SINGLE);
    expect_failure(&f, RRK_E_INVALID, "not a regular file");
    folder_remove(&f);
}

Test(safetensors, the_hash_follows_header_and_data)
{
    folder f = folder_new();
    char data[300] = {0};
    uint64_t hashes[4];
    for (int i = 0; i < 4; i++) {
        data[299] = (char)(i == 1);
        put(&f, SINGLE, i == 2 ? "{" TENSOR("y", "I8", "300", "0,300") "}" : "{" TENSOR("x", "I8", "300", "0,300") "}",
            data, sizeof data);
        enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&f);
        hashes[i] = enc_weights_hash(w);
    }
    cr_assert(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[0] == hashes[3]);
    folder_remove(&f);
}

static bool is_mapped(const char *path)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    cr_assert_not_null(maps);
    char line[512];
    bool found = false;
    while (!found && fgets(line, sizeof line, maps))
        found = strstr(line, path) != NULL;
    fclose(maps);
    return found;
}

Test(safetensors, closing_unmaps_the_file)
{
    folder f = folder_new();
    put_zeros(&f, SINGLE, "{" TENSOR("x", "I8", "1", "0,1") "}", 1);
    enc_weights *w = open_good(&f);
    cr_assert(is_mapped(f.dir));
    enc_weights_close(w);
    cr_assert_not(is_mapped(f.dir));
    enc_weights_close(NULL);
    put_zeros(&f, SINGLE, "{", 1);
    expect_failure(&f, RRK_E_FORMAT, SINGLE);
    cr_assert_not(is_mapped(f.dir));
    folder_remove(&f);
}
