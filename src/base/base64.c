/* base64.c: six bits a letter, four letters for three bytes. */
#include "base/base64.h"
#include "base/err.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_append(struct buf *out, struct str raw)
{
    const unsigned char *bytes = (const unsigned char *)raw.ptr;
    size_t len = raw.len;
    char four[4];
    int rc = buf_reserve(out, (len + 2) / 3 * 4);
    for (size_t i = 0; i < len && rc == 0; i += 3) {
        unsigned b = bytes[i + 1 < len ? i + 1 : i], c = bytes[i + 2 < len ? i + 2 : i];
        unsigned all = (unsigned)bytes[i] << 16 | (i + 1 < len ? b << 8 : 0) | (i + 2 < len ? c : 0);
        for (int k = 0; k < 4; k++)
            four[k] = digits[all >> (18 - 6 * k) & 63];
        if (i + 1 >= len)
            four[2] = '=';
        if (i + 2 >= len)
            four[3] = '=';
        rc = buf_append(out, str_of(four, sizeof four));
    }
    return rc;
}

static int digit_of(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

int base64_read(struct str text, struct buf *out)
{
    while (text.len && text.ptr[text.len - 1] == '=')
        text.len--;
    unsigned all = 0, bits = 0;
    int rc = text.len % 4 == 1 ? ERR_SYNTAX : 0;
    for (size_t i = 0; i < text.len && rc == 0; i++) {
        int digit = digit_of(text.ptr[i]);
        if (digit < 0)
            return ERR_SYNTAX;
        all = all << 6 | (unsigned)digit;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        rc = buf_append_char(out, (char)(all >> bits & 255));
    }
    return rc;
}
