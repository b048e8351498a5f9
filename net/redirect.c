/*
 * Where a redirect may lead: the rules about schemes and hosts, in one place and without any I/O. URLs stay out of the
 * messages, as everywhere in this folder: those of storage hosts carry signatures.
 */
#include "base/alloc.h"
#include "net/follow.h"

#include <curl/curl.h>
#include <string.h>

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_curl_string(char **string)
{
    curl_free(*string);
}

static rrk_status fail(CURLUcode code, rrk_error *err)
{
    if (code == CURLUE_OUT_OF_MEMORY)
        return base_fail_nomem(err, sizeof(void *));
    return base_fail(err, RRK_E_UPSTREAM, (int)code, "a redirect leads to a URL that cannot be used: %s",
                     curl_url_strerror(code));
}

static rrk_status check_scheme(bool was_tls, const char *scheme, rrk_error *err)
{
    bool is_tls = strcmp(scheme, "https") == 0;
    if (!is_tls && strcmp(scheme, "http") != 0)
        return base_fail(err, RRK_E_UPSTREAM, 0, "a redirect leads to a URL that begins with '%.32s:'", scheme);
    if (was_tls && !is_tls)
        return base_fail(err, RRK_E_UPSTREAM, 0, "a redirect leads from https to http, which is not followed");
    return RRK_OK;
}

static bool is_tls(CURLU *url)
{
    char *scheme RRK_AUTO(free_curl_string) = NULL;
    return curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK && strcmp(scheme, "https") == 0;
}

rrk_status net_redirect(const char *from, const char *location, char **to, rrk_error *err)
{
    CURLU *url RRK_AUTO(free_url) = curl_url();
    char *scheme RRK_AUTO(free_curl_string) = NULL;
    char *whole RRK_AUTO(free_curl_string) = NULL;
    if (!url)
        return base_fail_nomem(err, sizeof(void *));
    CURLUcode code = curl_url_set(url, CURLUPART_URL, from, 0);
    bool was_tls = code == CURLUE_OK && is_tls(url);
    if (code == CURLUE_OK)
        code = curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
    if (code == CURLUE_OK)
        RRK_TRY(check_scheme(was_tls, scheme, err));
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_URL, &whole, 0);
    if (code != CURLUE_OK)
        return fail(code, err);
    *to = base_strdup(whole);
    return *to ? RRK_OK : base_fail_nomem(err, strlen(whole));
}

/* Port and scheme are told with their defaults, so that ":443" is no difference. */
static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *x RRK_AUTO(free_curl_string) = NULL;
    char *y RRK_AUTO(free_curl_string) = NULL;
    return curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
           curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(x, y) == 0;
}

bool net_same_origin(const char *a, const char *b)
{
    CURLU *x RRK_AUTO(free_url) = curl_url();
    CURLU *y RRK_AUTO(free_url) = curl_url();
    if (!x || !y || curl_url_set(x, CURLUPART_URL, a, 0) != CURLUE_OK ||
        curl_url_set(y, CURLUPART_URL, b, 0) != CURLUE_OK)
        return false;
    return same_part(x, y, CURLUPART_SCHEME) && same_part(x, y, CURLUPART_HOST) && same_part(x, y, CURLUPART_PORT);
}
