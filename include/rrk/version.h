/*
 * rrk/version.h: which rrk this is.
 *
 * The macros say what a program was compiled against, the functions what it runs with. Versions follow semver: inside
 * one major version structs only grow at their end and symbols are only added.
 */
#ifndef RRK_VERSION_H
#define RRK_VERSION_H

#include <rrk/text.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RRK_VERSION_MAJOR 0
#define RRK_VERSION_MINOR 1
#define RRK_VERSION_PATCH 0
#define RRK_VERSION_STRING "0.1.0"
/* Comparable with <: RRK_VERSION_NUMBER >= 10203 means at least 1.2.3. */
#define RRK_VERSION_NUMBER (RRK_VERSION_MAJOR * 10000 + RRK_VERSION_MINOR * 100 + RRK_VERSION_PATCH)

RRK_API const char *rrk_version_string(void);
RRK_API int rrk_version_number(void);

#ifdef __cplusplus
}
#endif
#endif
