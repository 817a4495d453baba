/* tokenizer_compose.c: a text in Unicode's form NFC: what is written in parts becomes one character where there is one, and marks stand in
 * one order (The Unicode Standard, sections 3.6 and 3.11). Tokenizers of the Qwen family read text so; nobody else's does.
 *
 * The text is cut where a character begins that nothing before it can reach; each part is decomposed, ordered and composed. Nearly all
 * parts are one character that stays what it is. A part as long as the text costs n log n. */
#include "base/buf.h"
#include "engine/tokenizer_priv.h"

/* Characters of a part, as numbers that sort into canonical order: combining class, then place. A byte that is no character is BYTE and up. */
enum { CP_BITS = 21, PLACE_BITS = 32, BYTE = 0x110000 };
struct part {
    uint64_t *item; /* owned */
    size_t count, cap;
};

static uint32_t cp_of(uint64_t item)
{
    return (uint32_t)(item & ((1u << CP_BITS) - 1));
}

static unsigned class_of(uint64_t item)
{
    return (unsigned)(item >> (CP_BITS + PLACE_BITS));
}

static uint64_t item_of(uint32_t cp, size_t place)
{
    return (uint64_t)unicode_order(cp) << (CP_BITS + PLACE_BITS) | (uint64_t)place << CP_BITS | cp;
}

static int push(struct part *p, uint32_t cp)
{
    enum { FIRST = 64 };
    if (p->count == p->cap) {
        uint64_t *grown = mem_grow(p->item, &p->cap, FIRST, sizeof *grown);
        if (!grown)
            return ERR_NOMEM;
        p->item = grown;
    }
    p->item[p->count] = item_of(cp, p->count);
    p->count++;
    return 0;
}

static int by_item(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Each run of marks by class; those of one class stay in their order. */
static void order(struct part *p)
{
    for (size_t i = 0, end; i < p->count; i = end + 1) {
        for (end = i; end < p->count && class_of(p->item[end]); end++)
            ;
        if (end - i > 1)
            qsort(p->item + i, end - i, sizeof *p->item, by_item);
    }
}

/* A character goes into the last one that is no mark, unless what stands between is of its class or a higher one. */
static void compose(struct part *p)
{
    size_t kept = 0, base = SIZE_MAX;
    int between = -1; /* the class of what stands between; -1: nothing does */
    for (size_t i = 0; i < p->count; i++) {
        uint64_t item = p->item[i];
        int class = (int)class_of(item);
        uint32_t joined = base != SIZE_MAX && between < class ? unicode_join(cp_of(p->item[base]), cp_of(item)) : 0;
        if (joined) {
            p->item[base] = item_of(joined, 0);
            continue;
        }
        if (class == 0) {
            base = kept;
            between = -1;
        } else {
            between = class;
        }
        p->item[kept++] = item;
    }
    p->count = kept;
}

static int finish(struct part *p, struct buf *out)
{
    int rc = 0;
    order(p);
    compose(p);
    for (size_t i = 0; i < p->count && rc == 0; i++) {
        char bytes[4];
        uint32_t cp = cp_of(p->item[i]);
        rc = cp >= BYTE ? buf_append_char(out, (char)(cp - BYTE)) : buf_append(out, str_of(bytes, str_utf8_put(cp, bytes)));
    }
    p->count = 0;
    return rc;
}

/* How far the text needs no look: below U+0300 everything is composed already and begins something; but on the last one a mark may stand. */
static const char *plain_end(const char *p, const char *end)
{
    const char *q = p;
    while (q < end && (unsigned char)*q < 0xCC)
        q++;
    if (q > p)
        q--;
    bool second = q > p && (*q & 0xC0) == 0x80 && (unsigned char)q[-1] >= 0xC2;
    return second ? q - 1 : q;
}

static int add(struct part *p, const char *at, struct ch c)
{
    uint32_t parts[UNICODE_SPLIT_MAX];
    bool byte = c.len == 1 && (unsigned char)*at >= 0x80;
    if (byte)
        return push(p, BYTE + (unsigned char)*at);
    int rc = 0;
    for (unsigned i = 0, count = unicode_split(c.cp, parts); i < count && rc == 0; i++)
        rc = push(p, parts[i]);
    return rc;
}

int unicode_compose(struct str text, struct buf *out)
{
    const char *p = text.ptr, *end = p + text.len;
    struct part part = {0};
    int rc = 0;
    while (p < end && rc == 0) {
        const char *plain = plain_end(p, end);
        if (plain > p) {
            rc = finish(&part, out);
            if (rc == 0)
                rc = buf_append(out, str_of(p, (size_t)(plain - p)));
            p = plain;
        }
        if (rc < 0)
            break;
        struct ch c = unicode_at(p, end);
        if (unicode_begins(c.cp))
            rc = finish(&part, out);
        if (rc == 0)
            rc = add(&part, p, c);
        p += c.len;
    }
    if (rc == 0)
        rc = finish(&part, out);
    mem_free(part.item);
    return rc;
}
