/* config_network.c: what `home_networks` may hold. The list widens the fence, so an entry that would switch it off is
 * refused: one that no house can be as large as, and IPv6 networks that stand for IPv4 addresses, behind which the whole
 * internet lies (and an IPv4 address dressed as IPv6 is judged as the IPv4 address it is, so they would do nothing). */
#include "config/config_priv.h"
#include <arpa/inet.h>

enum {
    V4_BITS_MIN = 8,  /* 10.0.0.0/8 is the largest network that is anybody's own */
    V6_BITS_MIN = 16, /* providers get a /20 at most, houses a /48 */
    ULA_BITS_MIN = 7,
};

struct range {
    const char *address;
    int bits;
};

static const struct range embedded[] = {
    {"::", 96},           /* IPv4-compatible */
    {"::ffff:0:0", 96},   /* IPv4-mapped */
    {"::ffff:0:0:0", 96}, /* IPv4-translated */
    {"64:ff9b::", 96},    /* NAT64 */
    {"64:ff9b:1::", 48},  /* NAT64, local use */
    {"2001::", 32},       /* Teredo */
    {"2002::", 16},       /* 6to4 */
};

static bool is_within(const uint8_t *address, const uint8_t *range, int bits)
{
    for (int i = 0; i < bits; i++)
        if (((address[i / 8] ^ range[i / 8]) >> (7 - i % 8)) & 1)
            return false;
    return true;
}

static bool is_ula(const uint8_t *address, int bits)
{
    return bits >= ULA_BITS_MIN && (address[0] & 0xfe) == 0xfc;
}

static bool is_loopback(const uint8_t *address, int bits)
{
    return bits == 128 && is_within(address, in6addr_loopback.s6_addr, 128);
}

/* Or holds addresses that do. */
static bool stands_for_ipv4(const uint8_t *address, int bits)
{
    uint8_t range[16];
    for (size_t i = 0; i < COUNT_OF(embedded); i++) {
        int shared = bits < embedded[i].bits ? bits : embedded[i].bits;
        if (inet_pton(AF_INET6, embedded[i].address, range) == 1 && is_within(address, range, shared))
            return !is_loopback(address, bits);
    }
    return false;
}

const char *config_check_network(struct str s)
{
    static const char wrong[] = "must be networks such as 10.0.0.0/8 or fd00::/8";
    static const char wide[] =
        "must be networks of yours: one this wide makes the internet a home, and there is no fence";
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];
    uint64_t bits;
    ptrdiff_t slash = str_find_char(s, '/');
    if (slash <= 0 || (size_t)slash >= sizeof text || s.len - (size_t)slash > 4 ||
        !str_to_u64(str_skip(s, (size_t)slash + 1), &bits))
        return wrong;
    memcpy(text, s.ptr, (size_t)slash);
    text[slash] = '\0';
    if (inet_pton(AF_INET, text, address) == 1)
        return bits > 32 ? wrong : bits < V4_BITS_MIN ? wide : NULL;
    if (inet_pton(AF_INET6, text, address) != 1 || bits > 128)
        return wrong;
    if (bits < V6_BITS_MIN && !is_ula(address, (int)bits))
        return wide;
    if (stands_for_ipv4(address, (int)bits))
        return "must be networks of yours: this one stands for IPv4 addresses, so write the IPv4 network";
    return NULL;
}
