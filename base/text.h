/* Checks on texts that callers hand in, worded once. */
#ifndef RRK_BASE_TEXT_H
#define RRK_BASE_TEXT_H

#include "base/error.h"

bool base_text_is_blank(rrk_text text); /* nothing but ASCII white space */
bool base_text_equals(rrk_text a, rrk_text b);

/* RRK_E_INVALID "<what> has no data but a length" or "<what> is not UTF-8 at byte n". */
rrk_status base_text_check(rrk_text text, const char *what, rrk_error *err);

/* As above, and a blank text is RRK_E_INVALID "the query is empty". */
rrk_status base_text_check_query(rrk_text query, rrk_error *err);

#endif
