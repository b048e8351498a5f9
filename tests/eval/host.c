/* Inside other programs: a locale with a decimal comma, and an allocator that counts what many queries take. */
#include "base/macros.h"
#include "scratch.h"
#include <rrk/eval.h>
#include <rrk/runtime.h>

#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* The system's own locale, or one made for this test, as small systems have none but C. */
static bool use_decimal_comma(void)
{
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8"))
        return true;
    char folder[] = "/tmp/rrk-eval-XXXXXX", command[256];
    cr_assert(mkdtemp(folder));
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", folder);
    int made = system(command);
    setenv("LOCPATH", folder, 1);
    bool used = made == 0 && setlocale(LC_NUMERIC, "de_DE.UTF-8");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && used;
}

Test(run, has_decimal_points_whatever_the_locale)
{
    if (!use_decimal_comma()) {
        fprintf(stderr, "SKIP: no locale with a decimal comma\n");
        cr_skip_test("no locale with a decimal comma");
    }
    rrk_error err;
    rrk_run *run;
    cr_assert(rrk_run_read(&run, scratch_text("q Q0 d 1 1.5 t\n"), &err) == RRK_OK, "%s", err.message);
    const char *path = scratch_text("");
    cr_assert(rrk_run_write(run, path, "t", &err) == RRK_OK, "%s", err.message);
    rrk_run_free(run);
    cr_assert(rrk_run_read(&run, scratch_text("q Q0 d 1 1,5 t\n"), &err) == RRK_E_FORMAT, "a comma is no point");
    char number[16], line[64] = "";
    snprintf(number, sizeof number, "%.1f", 1.5);
    cr_assert_str_eq(number, "1,5", "the program has its own locale back");
    FILE *file = fopen(path, "re");
    cr_assert(file && fgets(line, sizeof line, file));
    fclose(file);
    cr_assert_str_eq(line, "q Q0 d 1 1.5 t\n");
}

enum { N_QUERIES = 2000, MOST_BYTES_A_QUERY = 1024 };

static void *count_malloc(size_t size, void *ctx)
{
    *(size_t *)ctx += size;
    return malloc(size);
}

static void *count_realloc(void *ptr, size_t size, void *ctx)
{
    *(size_t *)ctx += size;
    return realloc(ptr, size);
}

static void count_free(void *ptr, void *ctx)
{
    free(ptr);
}

/* MS MARCO's training judgements are 502,939 queries of one passage. */
Test(qrels, of_many_queries_take_little_for_each)
{
    static char lines[N_QUERIES * 32];
    size_t len = 0;
    for (int i = 0; i < N_QUERIES; i++)
        len += (size_t)snprintf(lines + len, sizeof lines - len, "%d\t0\t%d\t1\n", 1000000 + i, 7000000 + i);
    const char *path = scratch_file(lines, len);
    size_t bytes = 0;
    rrk_set_allocator(&(rrk_allocator){count_malloc, count_realloc, count_free, &bytes});
    rrk_qrels *qrels;
    rrk_error err;
    cr_assert(rrk_qrels_read(&qrels, path, &err) == RRK_OK, "%s", err.message);
    cr_assert(rrk_qrels_queries(qrels) == N_QUERIES);
    rrk_qrels_free(qrels);
    rrk_set_allocator(NULL);
    cr_assert(bytes < (size_t)N_QUERIES * MOST_BYTES_A_QUERY, "%zu bytes a query", bytes / N_QUERIES);
}
