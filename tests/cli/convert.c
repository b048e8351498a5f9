/* rrk convert on tiny models: what it writes, what it refuses, and that the result is a model like any other. */
#include "base/macros.h"
#include "tiny.h"

#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>

static json_int_t number(const char *key)
{
    json_t *json = json_loads(result.out, 0, NULL);
    json_int_t value = json_integer_value(json_object_get(json, key));
    json_decref(json);
    return value;
}

static void expect_word(const char *key, const char *word)
{
    json_t *json = json_loads(result.out, 0, NULL);
    const char *is = json_string_value(json_object_get(json, key));
    cr_assert(is && strcmp(is, word) == 0, "%s is %s, not %s", key, is ? is : "nothing", word);
    json_decref(json);
}

Test(convert, makes_a_model_that_is_computed_in_int8, .fini = drop_model)
{
    const char *dir = make_model(EMBEDDING), *out = child_path("int8");
    RUN(result, NULL, "convert", "--json", dir, out);
    expect_done();
    expect_word("dtype", "int8");
    cr_assert(number("bytes_after") < number("bytes_before") / 3, "%s", result.out);
    json_int_t n_bytes = number("bytes_after");
    RUN(result, NULL, "info", "--json", "--check", out);
    expect_done();
    expect_word("dtype", "int8, f32");
    cr_assert_eq(number("file_bytes"), n_bytes);
    cr_assert(number("memory_int8_bytes") < number("memory_bf16_bytes"), "%s", result.out);
    cr_assert(number("memory_bf16_bytes") < number("memory_f32_bytes"), "%s", result.out);
    json_error_t cause;
    json_t *config = json_load_file(child_path("int8/config.json"), 0, &cause);
    cr_assert_not_null(json_object_get(config, "quantization_config"), "%s", cause.text);
    json_decref(config);
}

Test(convert, memory_goes_by_the_type_computed_in, .fini = drop_model)
{
    const char *dir = make_model(EMBEDDING);
    RUN(result, NULL, "info", "--json", "--dtype", "f32", dir);
    expect_done();
    cr_assert_eq(number("memory_bytes"), number("memory_f32_bytes"));
    cr_assert_eq(number("weights_bytes"), 4 * number("parameters"));
    cr_assert_eq(number("file_bytes"), 4 * number("parameters"));
    RUN(result, NULL, "info", "--json", "--dtype", "int8", "--device", "cpu:baseline", dir);
    expect_done(); /* where f32 is used instead, it is what counts */
    cr_assert_eq(number("memory_bytes"), number("memory_f32_bytes"));
}

Test(convert, tells_people_what_it_did, .fini = drop_model)
{
    const char *dir = make_model(CROSS), *out = child_path("bf16");
    RUN(result, NULL, "convert", "--dtype", "bf16", dir, out);
    expect_done();
    cr_assert_not_null(strstr(result.out, "of them bf16"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "largest error"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, ", before "), "%s", result.out);
}

Test(convert, overwrites_only_when_told_to, .fini = drop_model)
{
    const char *dir = make_model(EMBEDDING), *out = child_path("again");
    RUN(result, NULL, "convert", dir, out);
    expect_done();
    RUN(result, NULL, "convert", dir, out);
    expect_failure("is not empty; --force");
    RUN(result, NULL, "convert", "--force", "--dtype", "f16", dir, out);
    expect_done();
    RUN(result, NULL, "convert", "--force", dir, dir);
    expect_failure("cannot be converted into itself");
}

Test(convert, tells_why_it_cannot, .fini = drop_model)
{
    const char *dir = make_model(EMBEDDING), *out = child_path("once"), *other = child_path("other");
    RUN(result, NULL, "convert", dir, out);
    expect_done();
    RUN(result, NULL, "convert", out, other);
    expect_failure("int8 already");
    RUN(result, NULL, "convert", "/tmp", other);
    expect_failure("'/tmp' cannot be converted");
    RUN(result, NULL, "convert", "no-such/model", other);
    expect_failure("rrk pull no-such/model");
    RUN(result, NULL, "convert", dir, "/proc/no/such");
    expect_failure("/proc/no");
    cr_assert_not(child_exists(other));
}

Test(convert, a_full_disk_leaves_no_folder, .fini = drop_model)
{
    const char *dir = make_model(EMBEDDING), *out = child_path("full");
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){20000, RLIM_INFINITY});
    RUN(result, NULL, "convert", dir, out);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    expect_failure("cannot write '");
    cr_assert_not(child_exists(out));
}

/* The last value of the file, which belongs to some tensor, becomes a NaN. */
static void spoil(void)
{
    static const float BAD = __builtin_nanf("");
    FILE *file = fopen(folder_path(&model, "model.safetensors"), "r+");
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, -(long)sizeof BAD, SEEK_END), 0);
    fwrite(&BAD, sizeof BAD, 1, file);
    fclose(file);
}

Test(convert, weights_that_are_no_numbers_are_named, .fini = drop_model)
{
    static const char NAMED[] = "'encoder.layer.2.output.LayerNorm.bias' has a value that is not a finite number";
    const char *dir = make_model(EMBEDDING), *out = child_path("nan");
    spoil();
    RUN(result, NULL, "convert", dir, out);
    expect_failure(NAMED);
    cr_assert_not(child_exists(out));
    RUN(result, NULL, "info", dir);
    expect_done();
    RUN(result, NULL, "info", "--check", dir);
    expect_failure(NAMED);
}

Test(convert, has_two_operands)
{
    RUN(result, NULL, "convert", "one");
    cr_assert_eq(result.code, 2);
    RUN(result, NULL, "convert", "one", "two", "three");
    cr_assert_eq(result.code, 2);
    RUN(result, NULL, "convert", "--dtype", "int4", "one", "two");
    cr_assert_eq(result.code, 2);
}
