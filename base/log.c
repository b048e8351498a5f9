/* The log hook: see <rrk/runtime.h>. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static rrk_log_fn sink;
static rrk_log_level threshold;
static void *sink_ctx;

void rrk_set_log(rrk_log_fn log, rrk_log_level lowest, void *ctx)
{
    sink = log;
    threshold = lowest;
    sink_ctx = ctx;
}

void base_log(rrk_log_level level, const char *format, ...)
{
    if (!sink || level < threshold)
        return;
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    sink(level, line, sink_ctx);
}
