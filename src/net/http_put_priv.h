/* http_put_priv.h: laying down the head of a message, for requests (http_plain.c) and replies (http_reply.c) alike. Hot path:
 * the room was reserved by whoever calls, and nothing is checked. Each returns the place behind what it wrote. */
#pragma once
#include "base/str.h"
#include <stdint.h>
#include <string.h>

static inline char *http_put(char *at, struct str s)
{
    if (s.len)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

static inline char *http_put_u64(char *at, uint64_t n)
{
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    return http_put(at, str_of(digits + first, sizeof digits - first));
}
