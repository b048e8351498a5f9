/* What the library says it is at run time. */
#include <rrk/version.h>

const char *rrk_version_string(void)
{
    return RRK_VERSION_STRING;
}

int rrk_version_number(void)
{
    return RRK_VERSION_NUMBER;
}
