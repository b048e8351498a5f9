/* rrk pull when it ends well, in one go or in several. What the hub is and does is in hub.h. */
#include "hub.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/wait.h>

TestSuite(pull, .init = hub_set_up, .fini = hub_tear_down);

Test(pull, brings_what_is_needed_and_nothing_else)
{
    PULL("me/tiny");
    expect_done();
    expect_same_file("config.json");
    expect_same_file("model.safetensors");
    cr_assert_not(child_exists(pulled_file("pytorch_model.bin")));
    cr_assert_not(child_exists(pulled_file("modeling.py")));
    cr_assert_not(child_exists(pulled_file("README.md")));
    cr_assert_not(child_exists(pulled_file("model.safetensors.part")));
    cr_assert_not_null(strstr(result.out, "1 of them checked by SHA-256"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, in_cache("me/tiny@" COMMIT)), "%s", result.out);
}

Test(pull, is_found_by_other_verbs_without_a_network)
{
    PULL("me/tiny");
    expect_done();
    size_t n_before = server_n_requests(hub);
    embed_with("me/tiny");
    cr_assert_eq(result.code, 0, "%s", result.err);
    embed_with("me/tiny@main");
    cr_assert_eq(result.code, 0, "%s", result.err);
    embed_with("me/tiny@" COMMIT);
    cr_assert_eq(result.code, 0, "%s", result.err);
    embed_with("me/tiny@other");
    expect_failure("rrk pull me/tiny@other");
    embed_with("me/tinier");
    expect_failure("there is no folder 'me/tinier', and no model of that name was pulled: rrk pull me/tinier");
    embed_with("/nowhere");
    expect_failure("/nowhere");
    cr_assert_eq(server_n_requests(hub), n_before);
}

Test(pull, asks_for_the_list_alone_when_all_is_there)
{
    PULL("me/tiny");
    expect_done();
    size_t n_before = server_n_requests(storage);
    PULL("me/tiny");
    expect_done();
    cr_assert_eq(server_n_requests(storage), n_before);
    cr_assert_not_null(strstr(result.out, "all was there already"), "%s", result.out);
}

Test(pull, mends_what_was_damaged_since)
{
    PULL("me/tiny");
    expect_done();
    child_write(pulled_file("model.safetensors"), "short");
    PULL("me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
}

Test(pull, goes_on_when_the_connection_breaks)
{
    how.break_after = 20000;
    how.n_broken = 1;
    PULL("me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
}

static pid_t start_and_await(int64_t n_bytes)
{
    int input;
    pid_t pid = child_start((const char *const[]){"pull", "--endpoint", server_url(hub), "me/tiny", NULL}, &input);
    while (size_of(pulled_file("model.safetensors.part")) < n_bytes) {
        cr_assert_eq(waitpid(pid, NULL, WNOHANG), 0, "the pull has ended already");
        usleep(1000);
    }
    close(input);
    return pid;
}

static void interrupt_and_resume(int number)
{
    int status;
    how.holds_weights = true;
    how.break_after = 20000;
    pid_t pid = start_and_await(20000);
    kill(pid, number);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(number == SIGKILL ? WIFSIGNALED(status) : WEXITSTATUS(status) == 1);
    cr_assert_eq(size_of(pulled_file("model.safetensors.part")), 20000, "the beginning is kept");
    embed_with("me/tiny");
    expect_failure("rrk pull me/tiny");
    server_release(storage, 1);
    how.holds_weights = false;
    PULL("--json", "me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
    json_t *json = json_loads(result.out, 0, NULL);
    json_int_t n_bytes = json_integer_value(json_object_get(json, "bytes"));
    json_int_t n_fetched = json_integer_value(json_object_get(json, "fetched_bytes"));
    cr_assert(n_fetched > 0 && n_fetched <= n_bytes - 20000, "%s", result.out);
    json_decref(json);
}

Test(pull, goes_on_where_it_was_killed)
{
    interrupt_and_resume(SIGKILL);
}

Test(pull, goes_on_where_it_was_interrupted)
{
    interrupt_and_resume(SIGINT);
}

/* What it says on standard error goes to a file, so that the test can wait for it. */
static pid_t start_telling(const char *path)
{
    const char *binary = getenv("RRK_TEST_BINARY");
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDERR_FILENO);
        execl(binary, "rrk", "pull", "--endpoint", server_url(hub), "me/tiny", NULL);
        _exit(127);
    }
    return pid;
}

Test(pull, twice_at_once_brings_one_whole_model)
{
    const char *told = child_path("told");
    int status;
    how.holds_weights = true;
    how.break_after = 20000;
    pid_t pid = start_and_await(20000);
    how.holds_weights = false;
    pid_t second = start_telling(told);
    while (size_of(told) <= 0) {
        cr_assert_eq(waitpid(second, NULL, WNOHANG), 0, "the second pull did not wait");
        usleep(1000);
    }
    server_release(storage, 1);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    cr_assert_eq(waitpid(second, &status, 0), second);
    cr_assert_eq(status, 0);
    expect_same_file("model.safetensors");
}

Test(pull, works_without_sizes_and_hashes)
{
    how.has_no_sizes = true;
    PULL("me/tiny");
    expect_done();
    expect_same_file("model.safetensors");
    cr_assert_not_null(strstr(result.out, "0 of them checked"), "%s", result.out);
    PULL("me/tiny");
    expect_done();
    cr_assert_not_null(strstr(result.out, "all was there already"), "%s", result.out);
}

Test(pull, follows_a_model_that_was_renamed)
{
    PULL("me/old");
    expect_done();
    cr_assert(child_exists(in_cache("me/old@main/config.json")));
}

Test(pull, leads_a_branch_to_its_new_commit)
{
    char link[128];
    PULL("me/tiny");
    expect_done();
    how.commit = "fedcba9876543210fedcba9876543210fedcba98";
    PULL("me/tiny");
    expect_done();
    ssize_t len = readlink(in_cache("me/tiny@main"), link, sizeof link - 1);
    cr_assert_gt(len, 0);
    link[len] = '\0';
    cr_assert_str_eq(link, "tiny@fedcba9876543210fedcba9876543210fedcba98");
    RUN(result, NULL, "pull", "--list");
    expect_done();
    cr_assert_not_null(strstr(result.out, "fedcba987654"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "0123456789ab"), "the old commit is there: %s", result.out);
}

Test(pull, takes_a_revision_with_a_slash)
{
    PULL("me/tiny@refs/pr/1");
    expect_done();
    cr_assert(server_request_has(server_request_at(hub, 0), "Accept: */*"));
    cr_assert_not_null(strstr(server_request_at(hub, 0)->head, "/revision/refs%2Fpr%2F1?blobs=true"));
    embed_with("me/tiny@refs/pr/1");
    cr_assert_eq(result.code, 0, "%s", result.err);
    RUN(result, NULL, "pull", "--list");
    cr_assert_not_null(strstr(result.out, "refs/pr/1"), "%s", result.out);
}

Test(pull, list_tells_what_is_whole)
{
    RUN(result, NULL, "pull", "--list");
    expect_done();
    cr_assert_not_null(strstr(result.out, "nothing was pulled"), "%s", result.out);
    how.wrong = "model.safetensors";
    PULL("me/tiny");
    RUN(result, NULL, "pull", "--list");
    expect_done();
    cr_assert_not_null(strstr(result.out, "unfinished"), "%s", result.out);
    how.wrong = NULL;
    PULL("me/tiny");
    expect_done();
    RUN(result, NULL, "pull", "--list", "--json");
    expect_done();
    json_t *json = json_loads(result.out, 0, NULL);
    cr_assert_eq(json_array_size(json), 1, "%s", result.out);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(json, 0), "revision")), "main");
    cr_assert(json_is_true(json_object_get(json_array_get(json, 0), "whole")));
    json_decref(json);
}

Test(pull, brings_the_shards_that_the_index_names)
{
    size_t len;
    const char *weights = read_model_file("model.safetensors", &len);
    folder_put(&model, "a.safetensors", weights, len);
    folder_put(&model, "b.safetensors", weights, len);
    unlink(folder_path(&model, "model.safetensors"));
    folder_text(&model, "model.safetensors.index.json", "{\"weight_map\":{\"x\":\"a.safetensors\"}}");
    PULL("me/tiny");
    expect_done();
    expect_same_file("a.safetensors");
    expect_same_file("model.safetensors.index.json");
    cr_assert_not(child_exists(pulled_file("b.safetensors")));
    PULL("me/tiny");
    expect_done();
    cr_assert_not_null(strstr(result.out, "all was there already"), "%s", result.out);
}

Test(pull, puts_models_where_it_is_told)
{
    const char *other = child_path("other");
    PULL("--cache", other, "me/tiny");
    expect_done();
    cr_assert_not(child_exists(in_cache("me")));
    RUN(result, NULL, "pull", "--list", "--cache", other);
    cr_assert_not_null(strstr(result.out, "me/tiny"), "%s", result.out);
    remove_folder(other);
}
