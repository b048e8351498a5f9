/* rrk pull against lies, refusals, full disks and wrong command lines: one line says what is wrong, nothing half stays. */
#include "cli/hub.h"
#include "hub.h"

#include <signal.h>
#include <sys/resource.h>

TestSuite(pull_faults, .init = hub_set_up, .fini = hub_tear_down);

Test(pull_faults, does_not_keep_what_has_another_hash)
{
    how.wrong = "model.safetensors";
    PULL("me/tiny");
    expect_failure("has the SHA-256");
    cr_assert_not(child_exists(pulled_file("model.safetensors")));
    cr_assert_not(child_exists(in_cache("me/tiny@main")));
    how.wrong = NULL;
    PULL("me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
}

Test(pull_faults, refuses_an_index_that_names_what_is_not_there)
{
    static const char *const BAD[] = {"gone.safetensors", "../config.json", "/etc/passwd", "config.json"};
    unlink(folder_path(&model, "model.safetensors"));
    for (size_t i = 0; i < RRK_COUNT(BAD); i++) {
        char index[128], commit[64];
        snprintf(index, sizeof index, "{\"weight_map\":{\"x\":\"%s\"}}", BAD[i]);
        snprintf(commit, sizeof commit, "%040zu", i);
        how.commit = commit; /* or the index would be the one that is there */
        folder_text(&model, "model.safetensors.index.json", index);
        PULL("me/tiny");
        expect_failure("model.safetensors.index.json ");
    }
}

Test(pull_faults, tells_when_there_are_only_pickles)
{
    unlink(folder_path(&model, "model.safetensors"));
    PULL("me/tiny");
    expect_failure("only pickles (*.bin): tools/convert_checkpoint.py");
    unlink(folder_path(&model, "config.json"));
    PULL("me/tiny");
    expect_failure("has no config.json");
}

Test(pull_faults, does_not_believe_names_in_a_list)
{
    how.more = ",{\"rfilename\":\"../../evil/config.json\"},{\"rfilename\":\"/tmp/evil.safetensors\"},"
               "{\"rfilename\":\"..\\\\config.json\"},{\"rfilename\":\"1_Pooling/../config.json\"},"
               "{\"rfilename\":\"evil\\u000a.safetensors\"},{\"rfilename\":\"-rf.safetensors\"}";
    PULL("me/tiny");
    expect_done();
    cr_assert_not(child_exists(in_cache("evil")));
    for (size_t i = 0; i < server_n_requests(hub); i++)
        cr_assert_null(strstr(server_request_at(hub, i)->head, "evil"));
}

static const struct {
    const char *listing, *says;
} BAD_LISTS[] = {
    {"", "no JSON"},
    {"<html>", "no JSON"},
    {"[]", "no list of files"},
    {"{\"sha\":\"" COMMIT "\"}", "no list of files"},
    {"{\"siblings\":[]}", "which commit"},
    {"{\"sha\":\"../../x\",\"siblings\":[]}", "which commit"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[]}", "has no config.json"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{}]}", "an entry without a name"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":-1}]}", "whole number"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":1e300}]}", "whole number"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":268435457}]}", "the limit of"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\"},{\"rfilename\":\"config.json\"}]}",
     "twice"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"lfs\":{\"sha256\":\"xyz\"}}]}", "SHA-256"},
    {"{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":9},"
     "{\"rfilename\":\"model.safetensors\",\"size\":1000000000000}]}",
     "has room for"},
};

Test(pull_faults, says_what_is_wrong_with_a_list)
{
    for (size_t i = 0; i < RRK_COUNT(BAD_LISTS); i++) {
        how.listing = BAD_LISTS[i].listing;
        PULL("me/tiny");
        expect_failure(BAD_LISTS[i].says);
    }
    cr_assert_eq(server_n_requests(storage), 0);
}

Test(pull_faults, needs_the_token_where_the_hub_wants_one_and_tells_nobody_else)
{
    const char *file = child_path("token");
    how.token = TOKEN;
    PULL("me/tiny");
    expect_failure("it needs a token (--token-env, --token-file)");
    child_write(file, "hf_wrong\n");
    PULL("--token-file", file, "me/tiny");
    expect_failure("it needs another token");
    child_write(file, " " TOKEN "\n");
    PULL("--token-file", file, "me/tiny"); /* the storage host refuses whoever sends a token there */
    expect_done();
    setenv("MY_TOKEN", TOKEN, 1);
    PULL("--token-env", "MY_TOKEN", "me/tiny");
    expect_done();
    PULL("--token-env", "NO_SUCH_TOKEN", "me/tiny");
    expect_failure("the environment has no NO_SUCH_TOKEN");
}

Test(pull_faults, tells_where_the_terms_of_a_gated_model_are)
{
    how.is_gated = true;
    PULL("me/tiny");
    expect_failure("/me/tiny by whoever's token is given (--token-env, --token-file): config.json: ");
    expect_failure(" answered 401 Unauthorized");
    setenv("MY_TOKEN", TOKEN, 1);
    PULL("--token-env", "MY_TOKEN", "me/tiny");
    expect_failure("its terms have to be accepted at http://127.0.0.1:");
    expect_failure(" answered 403 Forbidden");
}

Test(pull_faults, names_the_file_that_is_listed_and_not_there)
{
    how.more = ",{\"rfilename\":\"added_tokens.json\"}";
    PULL("me/tiny");
    expect_failure("rrk pull: added_tokens.json: ");
    expect_failure(" answered 404 Not Found");
}

Test(pull_faults, tells_what_is_not_there)
{
    PULL("me/nothing@v2");
    expect_failure("there is no model 'me/nothing', or no revision 'v2' of it");
    RUN(result, NULL, "pull", "--endpoint", "http://127.0.0.1:1", "me/tiny");
    expect_failure("127.0.0.1:1 cannot be reached");
}

Test(pull_faults, tells_when_the_disk_is_full)
{
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){20000, RLIM_INFINITY});
    PULL("me/tiny");
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    expect_failure("cannot write '");
    cr_assert_eq(size_of(pulled_file("model.safetensors.part")), 20000);
    PULL("me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
}

Test(pull_faults, tells_when_the_cache_cannot_be_made)
{
    const char *file = child_path("file");
    child_write(file, "in the way");
    PULL("--cache", file, "me/tiny");
    expect_failure("cannot make the folder '");
}

static const struct {
    const char *arguments[4];
    const char *says;
} MISTAKES[] = {
    {{NULL}, "no NAME given"},
    {{"a/b", "c/d"}, "more than one NAME"},
    {{"../x"}, "is no name of a model"},
    {{"/etc"}, "is no name of a model"},
    {{"a/b/c"}, "is no name of a model"},
    {{"a/"}, "is no name of a model"},
    {{"a/.."}, "is no name of a model"},
    {{"a/b..c"}, "is no name of a model"},
    {{"a/b c"}, "is no name of a model"},
    {{"a/b@"}, "is no name of a model"},
    {{"a/b@../x"}, "is no name of a model"},
    {{"a/b@x/../y"}, "is no name of a model"},
    {{"--list", "a/b"}, "--list takes no NAME"},
    {{"--endpoint", "ftp://a", "a/b"}, "no URL that begins with"},
    {{"--endpoint", "http://u:p@a", "a/b"}, "has a user"},
    {{"--endpoint=http://a", "--token-env=T", "a/b"}, "a token is not sent over http"},
    {{"--endpoint=http://127.0.0.1.evil", "--token-env=T", "a/b"}, "a token is not sent over http"},
    {{"--token-env=T", "--token-file=F", "a/b"}, "exclude each other"},
};

Test(pull_faults, mistakes_in_the_command_line_are_told_before_anything_is_asked)
{
    for (size_t i = 0; i < RRK_COUNT(MISTAKES); i++) {
        const char *const *a = MISTAKES[i].arguments;
        RUN(result, NULL, "pull", a[0], a[0] ? a[1] : NULL, a[0] && a[1] ? a[2] : NULL);
        cr_assert_eq(result.code, 2, "row %zu: %s", i, result.err);
        cr_assert_not_null(strstr(result.err, MISTAKES[i].says), "row %zu: %s", i, result.err);
    }
}

/* At each limit of a name, and one beyond. */
Test(pull_faults, names_have_limits)
{
    char name[400], half[CLI_HUB_MAX_NAME + 2];
    memset(half, 'a', sizeof half);
    half[CLI_HUB_MAX_NAME] = '\0';
    snprintf(name, sizeof name, "%s/%s", half, half);
    cr_assert(cli_hub_is_name(name));
    half[CLI_HUB_MAX_NAME] = 'a';
    half[CLI_HUB_MAX_NAME + 1] = '\0';
    cr_assert_not(cli_hub_is_name(half));
    snprintf(name, sizeof name, "a/%s", half);
    cr_assert_not(cli_hub_is_name(name));
    memset(name, 'b', sizeof name);
    name[CLI_HUB_MAX_REVISION] = '\0';
    cr_assert(cli_hub_is_revision(name));
    name[CLI_HUB_MAX_REVISION] = 'b';
    name[CLI_HUB_MAX_REVISION + 1] = '\0';
    cr_assert_not(cli_hub_is_revision(name));
}
