/* Deadlines on a clock of our own, the generator's golden values, owners across fork, processors. */
#include "base/clock.h"
#include "base/deadline.h"
#include "base/macros.h"
#include "base/owner.h"
#include "base/rng.h"
#include <rrk/runtime.h>

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t fake_ns;

static int64_t fake_now(void)
{
    return fake_ns;
}

static int say(void *ctx)
{
    return *(int *)ctx;
}

Test(deadline, passes_at_its_moment_and_not_before)
{
    base_clock_replace(fake_now);
    fake_ns = 1000;
    base_deadline d = base_deadline_in(5, NULL, NULL);
    fake_ns = 1000 + 5000000 - 1;
    cr_assert_eq(base_deadline_check(&d, NULL), RRK_OK);
    fake_ns++;
    cr_assert_eq(base_deadline_check(&d, NULL), RRK_E_TIMEOUT);
    cr_assert_float_eq(base_ms_since(1000), 5.0, 1e-9);
    base_clock_replace(NULL);
}

Test(deadline, none_and_far_away_never_pass)
{
    base_clock_replace(fake_now);
    base_deadline none = base_deadline_in(0, NULL, NULL), far = base_deadline_in(INT64_MAX, NULL, NULL);
    fake_ns = INT64_MAX;
    cr_assert_eq(base_deadline_check(&none, NULL), RRK_OK);
    cr_assert_eq(base_deadline_check(&far, NULL), RRK_OK);
    cr_assert_eq(base_deadline_check(NULL, NULL), RRK_OK);
    base_clock_replace(NULL);
}

Test(deadline, the_callback_cancels)
{
    int stop = 0;
    base_deadline d = base_deadline_in(0, say, &stop);
    cr_assert_eq(base_deadline_check(&d, NULL), RRK_OK);
    stop = 1;
    cr_assert_eq(base_deadline_check(&d, NULL), RRK_E_CANCELLED);
}

/*
 * Golden values, computed with numpy:
 *   def at(s, c):
 *       s, c = np.uint64(s), np.uint64(c)
 *       z = s * np.uint64(0xd1342543de82ef95) + (c + np.uint64(1)) * np.uint64(0x9e3779b97f4a7c15)
 *       z = (z ^ z >> np.uint64(30)) * np.uint64(0xbf58476d1ce4e5b9)
 *       z = (z ^ z >> np.uint64(27)) * np.uint64(0x94d049bb133111eb)
 *       return z ^ z >> np.uint64(31)
 */
Test(rng, agrees_with_numpy)
{
    static const struct {
        uint64_t seed, counter, want;
    } GOLDEN[] = {
        {0u, 0u, 0xe220a8397b1dcdafu},
        {0u, 1u, 0x6e789e6aa1b965f4u},
        {1u, 0u, 0xf4a90164c4749e1au},
        {42u, 1000000u, 0xee1fee3237cfb13au},
        {18446744073709551615u, 18446744073709551615u, 0x316c0d67bde611a0u},
        {123456789012345u, 4294967296u, 0xf1c42cb069e2f350u},
    };
    for (size_t i = 0; i < RRK_COUNT(GOLDEN); i++)
        cr_assert_eq(base_rng_at(GOLDEN[i].seed, GOLDEN[i].counter), GOLDEN[i].want, "row %zu", i);
    double mean = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        double u = base_rng_uniform_at(1, i);
        cr_assert(u >= 0 && u < 1);
        mean += u / 10000;
    }
    cr_assert_float_eq(mean, 0.5, 0.02);
}

Test(owner, a_child_is_told_so)
{
    base_owner here = base_owner_here();
    cr_assert_eq(base_owner_check(&here, "store", NULL), RRK_OK);
    pid_t child = fork();
    if (child == 0) {
        rrk_error err = {0};
        bool told = base_owner_check(&here, "store", &err) == RRK_E_INVALID && strstr(err.message, "store");
        _exit(told && !base_owner_is_here(&here) ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(processors, at_least_one_and_no_more_than_the_machine_has)
{
    int n = rrk_processor_count();
    cr_assert_geq(n, 1);
    cr_assert_leq(n, sysconf(_SC_NPROCESSORS_CONF));
}
