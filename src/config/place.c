/* place.c: does a host stand in a house, by the look of its name? For configs that are made, not for the fence. */
#include "base/mem.h"
#include "config/litellm.h"
#include <arpa/inet.h>

static bool is_private_v4(const uint8_t *a)
{
    return a[0] == 127 || a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) || (a[0] == 192 && a[1] == 168) ||
           (a[0] == 169 && a[1] == 254);
}

static bool is_private_v6(const uint8_t *a)
{
    static const uint8_t loopback[16] = {[15] = 1}, mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(a, mapped, sizeof mapped) == 0)
        return is_private_v4(a + sizeof mapped);
    return memcmp(a, loopback, sizeof loopback) == 0 || (a[0] & 0xfe) == 0xfc ||
           (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

bool config_host_looks_home(struct str host)
{
    static const char *const endings[] = {".local", ".lan", ".home", ".internal", ".home.arpa", ".localhost"};
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];
    if (host.len && host.len < sizeof text) {
        memcpy(text, host.ptr, host.len);
        text[host.len] = '\0';
        if (inet_pton(AF_INET, text, address) == 1)
            return is_private_v4(address);
        if (inet_pton(AF_INET6, text, address) == 1)
            return is_private_v6(address);
    }
    if (str_find_char(host, '.') < 0)
        return host.len > 0; /* `ollama` in a compose file, `localhost`, a name of the router's */
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t n = strlen(endings[i]);
        if (host.len > n && str_eq_fold(str_skip(host, host.len - n), str_from(endings[i])))
            return true;
    }
    return false;
}

struct str config_url_host(struct str url)
{
    ptrdiff_t scheme = str_find(url, STR("://"));
    struct str rest = str_skip(url, scheme < 0 ? 0 : (size_t)scheme + 3);
    ptrdiff_t slash = str_find_char(rest, '/');
    struct str authority = slash < 0 ? rest : str_slice(rest, 0, (size_t)slash);
    ptrdiff_t at = str_find_char(authority, '@');
    authority = str_skip(authority, at < 0 ? 0 : (size_t)at + 1);
    if (authority.len && authority.ptr[0] == '[') {
        ptrdiff_t close = str_find_char(authority, ']');
        return close < 0 ? STR_NONE : str_slice(authority, 1, (size_t)close);
    }
    ptrdiff_t colon = str_find_char(authority, ':');
    return colon < 0 ? authority : str_slice(authority, 0, (size_t)colon);
}
