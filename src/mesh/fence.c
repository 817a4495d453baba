/* fence.c: what counts as home. Loopback, RFC 1918, link-local and ULA always do, and the networks the config adds; an
 * IPv4 address dressed as IPv6 is judged as the IPv4 address it is. Everything else is outside. */
#include "mesh/mesh_priv.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static const char *const always_home[] = {
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fe80::/10", "fc00::/7",
};

static bool parse_network(struct str cidr, struct network *out)
{
    ptrdiff_t slash = str_find_char(cidr, '/');
    char text[INET6_ADDRSTRLEN + 1];
    struct str address = slash < 0 ? cidr : str_slice(cidr, 0, (size_t)slash);
    if (address.len >= sizeof text)
        return false;
    memcpy(text, address.ptr, address.len);
    text[address.len] = '\0';
    *out = (struct network){.v6 = str_find_char(address, ':') >= 0};
    uint64_t bits = out->v6 ? 128 : 32;
    if (inet_pton(out->v6 ? AF_INET6 : AF_INET, text, out->address) != 1)
        return false;
    if (slash >= 0 && (!str_to_u64(str_skip(cidr, (size_t)slash + 1), &bits) || bits > (out->v6 ? 128 : 32)))
        return false;
    out->bits = (int)bits;
    return true;
}

int fence_networks(struct mesh *m, struct err *e)
{
    const struct config *c = m->config;
    size_t fixed = COUNT_OF(always_home);
    m->network = arena_new_array(&m->arena, struct network, fixed + (size_t)c->home_network_count);
    if (!m->network)
        return err_set(e, ERR_NOMEM, "networks");
    for (size_t i = 0; i < fixed; i++)
        if (!parse_network(str_from(always_home[i]), &m->network[m->network_count++]))
            return err_set(e, ERR_INVALID, "built-in network %s", always_home[i]);
    for (int i = 0; i < c->home_network_count; i++) {
        const struct config_text *t = &c->home_networks[i];
        if (!parse_network(t->text, &m->network[m->network_count++]))
            return err_set_at(e, ERR_INVALID, t->mark.line, t->mark.column, "home_networks: %.*s is no network; write it like 10.0.0.0/8",
                              STR_FMT(t->text));
    }
    return 0;
}

static bool in_network(const struct network *n, const uint8_t *address)
{
    int whole = n->bits / 8, rest = n->bits % 8;
    if (whole && memcmp(n->address, address, (size_t)whole) != 0)
        return false;
    return rest == 0 || ((n->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

bool fence_is_home(const struct mesh *m, const struct sockaddr *address)
{
    const uint8_t *bytes;
    bool v6 = address->sa_family == AF_INET6;
    if (address->sa_family == AF_INET) {
        bytes = (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
    } else if (v6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        bytes = a->s6_addr;
        if (IN6_IS_ADDR_V4MAPPED(a)) {
            bytes += 12;
            v6 = false;
        }
    } else {
        return false;
    }
    for (int i = 0; i < m->network_count; i++)
        if (m->network[i].v6 == v6 && in_network(&m->network[i], bytes))
            return true;
    return false;
}

bool fence_literal(struct str host, struct sockaddr_storage *out)
{
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = str_slice(host, 1, host.len - 1);
    char text[INET6_ADDRSTRLEN + 1];
    if (host.len == 0 || host.len >= sizeof text)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        return true;
    }
    return false;
}

bool mesh_is_home_address(const struct mesh *m, struct str host)
{
    struct sockaddr_storage address;
    if (str_eq_fold(host, STR("localhost")))
        return true;
    return fence_literal(host, &address) && fence_is_home(m, (const struct sockaddr *)&address);
}
