/* Weights stored as int8: what is read, packed and looked up, and every way in which scales can be wrong. */
#include "base/alloc.h"
#include "base/rng.h"
#include "encoder/cpu/narrow.h"
#include "encoder/quantise.h"
#include "tests/encoder/weights_file.h"

#include <criterion/criterion.h>
#include <math.h>

static const int8_t BYTES[6] = {-128, -1, 0, 1, 64, 127};

#define BYTES_AT(begin, end) "\"w\":{\"dtype\":\"I8\",\"shape\":[2,3],\"data_offsets\":[" begin "," end "]}"

/* Two rows of bytes behind scales whose dtype and shape are as said. */
static void put_scaled(folder *f, const char *name, const char *type, const char *shape, const void *scales, size_t n)
{
    char header[256], data[64];
    cr_assert_leq(n + sizeof BYTES, sizeof data);
    memcpy(data, scales, n);
    memcpy(data + n, BYTES, sizeof BYTES);
    snprintf(header, sizeof header,
             "{\"w_scale\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[0,%zu]},"
             "\"w\":{\"dtype\":\"I8\",\"shape\":[2,3],\"data_offsets\":[%zu,%zu]}}",
             type, shape, n, n, n + sizeof BYTES);
    put(f, name, header, data, n + sizeof BYTES);
}

static void expect_values(const enc_weights *w, float first, float second)
{
    float out[6];
    const enc_weight *t = enc_weights_find(w, "w");
    cr_assert(enc_weights_are_int8(w));
    cr_assert_eq(enc_weights_n_parameters(w), 6);
    cr_assert_eq(enc_weight_to_f32(t, out, NULL), RRK_OK);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(out[i], (float)BYTES[i] * (i < 3 ? first : second), "%d: %g", i, (double)out[i]);
    enc_weight row = enc_weight_rows(t, 1, 1);
    cr_assert(row.shape[0] == 1 && row.n_values == 3 && row.bytes == 3);
    cr_assert_eq(enc_weight_to_f32(&row, out, NULL), RRK_OK);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(out[i], (float)BYTES[3 + i] * second);
}

Test(quantised, values_are_bytes_times_their_rows_scale)
{
    static const char *const SHAPES[] = {"[2]", "[2,1]"};
    static const float SCALES[] = {0.5f, 3};
    for (size_t i = 0; i < RRK_COUNT(SHAPES); i++) {
        folder f = folder_new();
        put_scaled(&f, SINGLE, "F32", SHAPES[i], SCALES, sizeof SCALES);
        enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&f);
        expect_values(w, 0.5f, 3);
        folder_remove(&f);
    }
}

Test(quantised, scales_may_lie_in_another_shard)
{
    folder f = folder_new();
    static const float SCALES[] = {2, 4};
    put(&f, "1.safetensors", "{" BYTES_AT("0", "6") "}", BYTES, sizeof BYTES);
    put(&f, "2.safetensors", "{\"w_scale\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", SCALES, 8);
    folder_text(&f, INDEX, "{\"weight_map\":{\"w\":\"1.safetensors\",\"w_scale\":\"2.safetensors\"}}");
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&f);
    expect_values(w, 2, 4);
    folder_remove(&f);
}

Test(quantised, a_scale_is_a_number_of_which_128_are_one)
{
    static const struct {
        float value;
        bool good;
    } CASES[] = {{0, true},    {ENC_MAX_SCALE, true}, {FLT_TRUE_MIN, true}, {-1, false},
                 {NAN, false}, {INFINITY, false},     {-INFINITY, false},   {FLT_MAX, false}};
    for (size_t i = 0; i <= RRK_COUNT(CASES); i++) {
        bool is_beyond = i == RRK_COUNT(CASES);
        float scales[] = {1, is_beyond ? nextafterf(ENC_MAX_SCALE, FLT_MAX) : CASES[i].value};
        folder f = folder_new();
        put_scaled(&f, SINGLE, "F32", "[2]", scales, sizeof scales);
        if (is_beyond || !CASES[i].good) {
            expect_failure(&f, RRK_E_FORMAT, "tensor 'w_scale' has the scale");
            expect_failure(&f, RRK_E_FORMAT, "in row 1");
        } else {
            enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&f);
            expect_values(w, 1, scales[1]);
        }
        folder_remove(&f);
    }
}

Test(quantised, scales_that_do_not_fit_are_named)
{
    static const struct {
        const char *type, *shape;
        size_t n_bytes;
        const char *says;
    } CASES[] = {
        {"F32", "[3]", 12, "'w_scale' has 3 values in 1 dimensions, expected a scale for each of 2 rows"},
        {"F32", "[1]", 4, "'w_scale' has 1 values"},
        {"F32", "[]", 4, "'w_scale' has 1 values in 0 dimensions"},
        {"F32", "[1,2]", 8, "'w_scale' has 2 values in 2 dimensions"},
        {"F32", "[2,1,1]", 8, "'w_scale' has 2 values in 3 dimensions"},
        {"F16", "[2]", 4, "'w_scale' is F16, expected F32"},
        {"I8", "[2]", 2, "'w_scale' is I8, expected F32"},
    };
    static const char ZEROS[16];
    for (size_t i = 0; i < RRK_COUNT(CASES); i++) {
        folder f = folder_new();
        put_scaled(&f, SINGLE, CASES[i].type, CASES[i].shape, ZEROS, CASES[i].n_bytes);
        expect_failure(&f, RRK_E_FORMAT, CASES[i].says);
        folder_remove(&f);
    }
    folder f = folder_new();
    put_zeros(&f, SINGLE,
              "{\"w\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]},"
              "\"w_scale\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[4,20]}}",
              20);
    expect_failure(&f, RRK_E_FORMAT, "tensor 'w' has scales, but is no matrix");
    folder_remove(&f);
}

/* Where a NaN or an infinity stands in a tensor of four values. */
static void check_named(const char *type, const void *values, size_t n_bytes, const char *says)
{
    char header[128];
    folder f = folder_new();
    rrk_error err = {0};
    snprintf(header, sizeof header, "{\"enc.w\":{\"dtype\":\"%s\",\"shape\":[4],\"data_offsets\":[0,%zu]}}", type,
             n_bytes);
    put(&f, SINGLE, header, values, n_bytes);
    enc_weights *w RRK_AUTO(enc_weights_close_ptr) = open_good(&f);
    rrk_status status = enc_weights_check_finite(w, &err);
    cr_expect_eq(status, says ? RRK_E_FORMAT : RRK_OK, "%s: %s", type, err.message);
    cr_expect_str_eq(err.message, says ? says : "");
    folder_remove(&f);
}

Test(quantised, weights_that_are_no_numbers_are_named)
{
    static const char SAYS[] = "tensor 'enc.w' has a value that is not a finite number, at index 2";
    const float f32[] = {FLT_MAX, -FLT_TRUE_MIN, NAN, 1}, good[] = {FLT_MAX, -FLT_MAX, 0, -0.0f};
    static const uint16_t F16[] = {0x7bff, 0x8001, 0xfc00, 0}, BF16[] = {0x7f7f, 0x8001, 0x7f81, 0};
    static const uint16_t F16_GOOD[] = {0x7bff, 0xfbff, 0x03ff, 0x8000}, BF16_GOOD[] = {0x7f7f, 0xff7f, 0x7c00, 1};
    check_named("F32", f32, sizeof f32, SAYS);
    check_named("F16", F16, sizeof F16, SAYS);
    check_named("BF16", BF16, sizeof BF16, SAYS);
    check_named("F32", good, sizeof good, NULL);
    check_named("F16", F16_GOOD, sizeof F16_GOOD, NULL);
    check_named("BF16", BF16_GOOD, sizeof BF16_GOOD, NULL);
    check_named("I32", f32, sizeof f32, NULL);
}

static float widen_half(uint16_t half)
{
    float out;
    enc_weight w = {.name = "", .dtype = ENC_F16, .n_values = 1, .data = &half, .bytes = sizeof half};
    cr_assert_eq(enc_weight_to_f32(&w, &out, NULL), RRK_OK);
    return out;
}

Test(quantised, f16_is_the_nearest)
{
    for (uint32_t half = 0; half < 0x7c00; half++) {
        float value = widen_half((uint16_t)half);
        cr_assert_eq(enc_to_f16(value), half);
        cr_assert_eq(enc_to_f16(-value), half | 0x8000);
        float next = half + 1 < 0x7c00 ? widen_half((uint16_t)(half + 1)) : 65536;
        float middle = value / 2 + next / 2;
        cr_assert_eq(enc_to_f16(nextafterf(middle, 0)), half, "0x%04x", half);
        cr_assert_eq(enc_to_f16(middle), half + half % 2, "0x%04x", half);
        cr_assert_eq(enc_to_f16(nextafterf(middle, 1e9f)), half + 1, "0x%04x", half);
    }
    cr_assert_eq(enc_to_f16(ENC_F16_END), 0x7c00);
    cr_assert_eq(enc_to_f16(-INFINITY), 0xfc00);
    cr_assert(isnan(widen_half(enc_to_f16(NAN))));
}

/* The same integers and scales, whoever quantised, where a table takes any byte. */
Test(quantised, what_is_packed_is_the_same_as_of_f32)
{
    enum { N_OUT = 37, N_IN = 61 };
    static float w[N_OUT * N_IN];
    static int8_t bytes[N_OUT * N_IN];
    float scales[N_OUT];
    for (size_t i = 0; i < N_OUT * N_IN; i++)
        w[i] = i / N_IN == 5 ? 0 : (float)(2 * base_rng_uniform_at(77, i) - 1);
    for (size_t o = 0; o < N_OUT; o++) {
        scales[o] = enc_row_scale(w + o * N_IN, N_IN);
        enc_row_to_int8(w + o * N_IN, N_IN, scales[o], bytes + o * N_IN);
    }
    for (size_t t = 0; cpu_narrow_at(t); t++) {
        const cpu_narrow *table = cpu_narrow_at(t);
        cpu_narrow_weight a = {0}, b = {0};
        if (table->dtype != RRK_DTYPE_INT8 || table->shared)
            continue;
        cr_assert_eq(cpu_narrow_pack(table, w, N_OUT, N_IN, &a, NULL), RRK_OK);
        cr_assert_eq(cpu_narrow_pack_int8(table, bytes, scales, N_OUT, N_IN, &b, NULL), RRK_OK);
        size_t padded = cpu_narrow_width(N_OUT);
        cr_assert_arr_eq(a.panels, b.panels, padded * a.n_groups * table->group, "%s", table->isa);
        cr_assert_arr_eq(a.scales, b.scales, padded * sizeof(float), "%s", table->isa);
        cr_assert_arr_eq(a.sums, b.sums, padded * sizeof(int32_t), "%s", table->isa);
        cpu_narrow_weight_clear(&a);
        cpu_narrow_weight_clear(&b);
    }
}
