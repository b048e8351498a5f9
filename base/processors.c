/* How many processors this process may really use: its affinity mask, cut by the control group's quota (v2, then v1). */
#include "base/macros.h"
#include <rrk/runtime.h>

#include <sched.h>
#include <stdio.h>

static double quota_v2(void)
{
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!f)
        return 0;
    double quota = 0, period = 0;
    int n = fscanf(f, "%lf %lf", &quota, &period);
    fclose(f);
    return n == 2 && period > 0 ? quota / period : 0;
}

static double read_number(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    double value = 0;
    int n = fscanf(f, "%lf", &value);
    fclose(f);
    return n == 1 ? value : 0;
}

static double quota_v1(void)
{
    double quota = read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    double period = read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    return quota > 0 && period > 0 ? quota / period : 0;
}

int rrk_processor_count(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    double quota = quota_v2();
    if (quota <= 0)
        quota = quota_v1();
    if (quota > 0 && quota < n)
        n = (int)(quota + 0.5);
    return RRK_MAX(n, 1);
}
