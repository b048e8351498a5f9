/* Lines for the program's log callback; nothing happens when there is none. */
#ifndef RRK_BASE_LOG_H
#define RRK_BASE_LOG_H

#include <rrk/runtime.h>

void base_log(rrk_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
