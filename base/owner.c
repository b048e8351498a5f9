/* Fork detection: see owner.h. */
#include "base/owner.h"

#include <unistd.h>

base_owner base_owner_here(void)
{
    return (base_owner){.pid = getpid()};
}

bool base_owner_is_here(const base_owner *owner)
{
    return owner->pid == getpid();
}

rrk_status base_owner_check(const base_owner *owner, const char *noun, rrk_error *err)
{
    if (base_owner_is_here(owner))
        return RRK_OK;
    return base_fail(err, RRK_E_INVALID, 0,
                     "this %s was made in process %lld and used in %lld: make handles after fork()", noun,
                     (long long)owner->pid, (long long)getpid());
}
