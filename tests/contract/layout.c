/* What callers compile into their programs: sizes of frozen structs, values of statuses, the version. */
#include <rrk/rrk.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(sizeof(rrk_error) == 256, "ABI");
_Static_assert(offsetof(rrk_error, message) == 8, "ABI");
#if __SIZEOF_POINTER__ == 8
_Static_assert(sizeof(rrk_text) == 16, "ABI");
_Static_assert(sizeof(rrk_passage) == 96, "ABI");
_Static_assert(sizeof(rrk_hit) == 32, "ABI");
_Static_assert(sizeof(rrk_candidate) == 32, "ABI");
_Static_assert(sizeof(rrk_rank_request) == 72, "ABI");
_Static_assert(offsetof(rrk_hit, score) == 8, "ABI");
_Static_assert(offsetof(rrk_passage, text) == 32, "ABI");
#endif

Test(layout, statuses_keep_their_values)
{
    static const struct {
        rrk_status status;
        int value, http;
        const char *name;
    } PINNED[] = {
        {RRK_OK, 0, 200, "RRK_OK"},
        {RRK_E_INVALID, 1, 400, "RRK_E_INVALID"},
        {RRK_E_NOMEM, 2, 503, "RRK_E_NOMEM"},
        {RRK_E_NOTFOUND, 3, 404, "RRK_E_NOTFOUND"},
        {RRK_E_IO, 4, 500, "RRK_E_IO"},
        {RRK_E_FORMAT, 5, 422, "RRK_E_FORMAT"},
        {RRK_E_UNSUPPORTED, 6, 501, "RRK_E_UNSUPPORTED"},
        {RRK_E_STORE, 7, 500, "RRK_E_STORE"},
        {RRK_E_DEVICE, 8, 503, "RRK_E_DEVICE"},
        {RRK_E_UPSTREAM, 9, 502, "RRK_E_UPSTREAM"},
        {RRK_E_TIMEOUT, 10, 504, "RRK_E_TIMEOUT"},
        {RRK_E_CANCELLED, 11, 499, "RRK_E_CANCELLED"},
        {RRK_E_BUSY, 12, 429, "RRK_E_BUSY"},
    };
    for (size_t i = 0; i < sizeof PINNED / sizeof *PINNED; i++) {
        cr_assert_eq((int)PINNED[i].status, PINNED[i].value, "%s", PINNED[i].name);
        cr_assert_eq(rrk_status_http(PINNED[i].status), PINNED[i].http, "%s", PINNED[i].name);
        cr_assert_str_eq(rrk_status_name(PINNED[i].status), PINNED[i].name);
    }
}

Test(layout, the_version_is_the_same_everywhere)
{
    char path[4096], text[32], numbers[32];
    snprintf(path, sizeof path, "%s/VERSION", getenv("RRK_TEST_SOURCE"));
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    cr_assert_not_null(fgets(text, sizeof text, f));
    fclose(f);
    text[strcspn(text, "\n")] = '\0';
    snprintf(numbers, sizeof numbers, "%d.%d.%d", RRK_VERSION_MAJOR, RRK_VERSION_MINOR, RRK_VERSION_PATCH);
    cr_assert_str_eq(text, RRK_VERSION_STRING);
    cr_assert_str_eq(numbers, RRK_VERSION_STRING);
    cr_assert_str_eq(rrk_version_string(), RRK_VERSION_STRING);
    cr_assert_eq(rrk_version_number(), RRK_VERSION_NUMBER);
}
