/* grammar_vocab.c: sorts a vocabulary into its trees; see grammar_vocab_priv.h. */
#include "engine/grammar_vocab_priv.h"
#include "base/mem.h"
#include <stdlib.h>

enum {
    TOKENS_MAX = 1 << 21,
    PIECE_BYTES_MAX = 4096,           /* longer ones are left out: no form is filled by them */
    PIECES_BYTES_MAX = 64 * 1024 * 1024, /* vocabularies of 2^18 tokens have 2 MiB */
};

struct entry {
    struct str text;
    uint32_t id;
};

static int by_bytes(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = str_compare(x->text, y->text);
    return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

static size_t common(struct str a, struct str b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n])
        n++;
    return n;
}

/* Of sorted entries. `open` holds the nodes of the current path. */
static int trie_build(struct trie *t, const struct entry *entry, size_t count, uint32_t *same, struct err *e)
{
    uint32_t open[PIECE_BYTES_MAX + 1];
    size_t nodes = 0, depth = 0;

    for (size_t i = 0; i < count; i++)
        nodes += entry[i].text.len - (i ? common(entry[i - 1].text, entry[i].text) : 0);
    t->node = new0_array(struct trie_node, nodes + 1);
    if (!t->node)
        return err_set(e, ERR_NOMEM, "no memory for the vocabulary's tree");
    for (size_t i = 0; i < count; i++) {
        struct str text = entry[i].text;
        size_t shared = i ? common(entry[i - 1].text, text) : 0;
        for (; depth > shared; depth--)
            t->node[open[depth]].skip = t->count;
        for (; depth < text.len; t->count++) {
            t->node[t->count] = (struct trie_node){.byte = (uint8_t)text.ptr[depth], .depth = (uint16_t)(depth + 1)};
            open[++depth] = t->count;
        }
        uint32_t *token = &t->node[open[depth]].token;
        same[entry[i].id] = *token; /* the ones before it */
        *token = entry[i].id + 1;
    }
    for (; depth > 0; depth--)
        t->node[open[depth]].skip = t->count;
    return 0;
}

/* --- inside a string --------------------------------------------------------------------------------------------------- */

enum fate { FATE_CONTENT, FATE_CLOSES, FATE_NEITHER };

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* Steps over one escape from its backslash on; the end of the text may cut it. False if it is none. */
static bool skip_escape(struct str s, size_t *at)
{
    static const char want[] = "hhhh\\uLhhh"; /* after \u; what follows the first four is for the first half of a pair */
    size_t i = *at + 1;
    bool pair = false;

    *at = s.len;
    if (i >= s.len)
        return true;
    if (s.ptr[i] != 'u') {
        *at = i + 1;
        return s.ptr[i] && strchr("\"\\/bfnrt", s.ptr[i]);
    }
    i++;
    for (size_t k = 0; k < (pair ? 10u : 4u); k++, i++) {
        if (i >= s.len)
            return true;
        uint8_t c = (uint8_t)s.ptr[i];
        bool fine = want[k] == 'h' ? is_hex(c) : want[k] == 'L' ? (c | 32) == 'd' : c == (uint8_t)want[k];
        if (k == 1 && (s.ptr[i - 1] | 32) == 'd') {
            fine = is_hex(c) && (c | 32) < 'c'; /* the second half does not stand first */
            pair = c == '8' || c == '9' || (c | 32) == 'a' || (c | 32) == 'b';
        }
        if (k == 7)
            fine = is_hex(c) && (c | 32) >= 'c';
        if (!fine)
            return false;
    }
    *at = i;
    return true;
}

/* One character of UTF-8 beyond ASCII, perhaps cut by the end. */
static bool skip_utf8(struct str s, size_t *at)
{
    uint8_t c = (uint8_t)s.ptr[*at];
    int more = c >= 0xC2 && c <= 0xDF ? 1 : c >= 0xE0 && c <= 0xEF ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 0;
    uint8_t low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80, high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;

    if (!more)
        return false;
    for (++*at; more > 0 && *at < s.len; more--, ++*at) {
        uint8_t d = (uint8_t)s.ptr[*at];
        if (d < low || d > high)
            return false;
        low = 0x80;
        high = 0xBF;
    }
    return true;
}

static enum fate fate_of(struct str s, uint32_t *chars)
{
    *chars = 0;
    for (size_t at = 0; at < s.len; ++*chars) {
        uint8_t c = (uint8_t)s.ptr[at];
        if (c == '"')
            return FATE_CLOSES;
        if (c == '\\' ? !skip_escape(s, &at) : c >= 0x80 ? !skip_utf8(s, &at) : c < 0x20)
            return FATE_NEITHER;
        at += c != '\\' && c < 0x80;
    }
    return FATE_CONTENT;
}

/* Fills what is known of content, and moves the entries that close a string to the front, in their order; returns how many. */
static int inside(struct grammar_vocab *v, struct entry *entry, size_t count, size_t *closing, struct err *e)
{
    uint32_t *chars = new0_array(uint32_t, v->count + 1); /* plus one; 0: no content */
    size_t kept = 0;

    if (!chars)
        return err_set(e, ERR_NOMEM, "no memory for the vocabulary");
    for (size_t i = 0; i < count; i++) {
        uint32_t n;
        enum fate fate = fate_of(entry[i].text, &n);
        if (fate == FATE_CONTENT) {
            chars[entry[i].id] = n + 1;
            v->content[entry[i].id / 64] |= 1ull << entry[i].id % 64;
            v->by_chars_count++;
            v->chars_max = n > v->chars_max ? n : v->chars_max;
        } else if (fate == FATE_CLOSES) {
            entry[kept++] = entry[i];
        }
    }
    v->by_chars = new0_array(uint32_t, (size_t)v->by_chars_count + 1);
    v->chars_upto = new0_array(uint32_t, (size_t)v->chars_max + 2);
    bool fine = v->by_chars && v->chars_upto;
    for (uint32_t id = 0; id < v->count && fine; id++) {
        if (chars[id])
            v->chars_upto[chars[id]]++; /* of n: at n + 1 */
    }
    for (uint32_t n = 1; n <= v->chars_max + 1 && fine; n++)
        v->chars_upto[n] += v->chars_upto[n - 1];
    for (uint32_t id = 0; id < v->count && fine; id++) { /* upto[n]: where the next of n characters goes, in the end their end */
        if (chars[id])
            v->by_chars[v->chars_upto[chars[id] - 1]++] = id;
    }
    mem_free(chars);
    *closing = kept;
    return fine ? 0 : err_set(e, ERR_NOMEM, "no memory for the vocabulary");
}

static int fill(struct grammar_vocab *v, const struct grammar_pieces *p, struct entry *entry, struct err *e)
{
    size_t count = 0, bytes = 0, closing = 0;

    for (uint32_t id = 0; id < p->count; id++) {
        if (p->is_end(p->ctx, id)) {
            v->end[id / 64] |= 1ull << id % 64;
            continue;
        }
        struct str text = p->piece(p->ctx, id);
        if (text.len == 0 || text.len > PIECE_BYTES_MAX)
            continue;
        bytes += text.len;
        v->depth_max = text.len > v->depth_max ? (uint32_t)text.len : v->depth_max;
        entry[count++] = (struct entry){text, id};
    }
    if (bytes > PIECES_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "the vocabulary's tokens have %zu bytes together, too many to make masks of", bytes);
    qsort(entry, count, sizeof *entry, by_bytes);
    int rc = trie_build(&v->all, entry, count, v->same, e);
    rc = rc < 0 ? rc : inside(v, entry, count, &closing, e);
    return rc < 0 ? rc : trie_build(&v->closing, entry, closing, v->same, e);
}

int grammar_vocab_new(struct grammar_vocab **out, const struct grammar_pieces *pieces, struct err *e)
{
    if (pieces->count == 0 || pieces->count > TOKENS_MAX)
        return err_set(e, ERR_INVALID, "a vocabulary of %u tokens", pieces->count);
    struct grammar_vocab *v = new0(struct grammar_vocab);
    struct entry *entry = new0_array(struct entry, pieces->count);
    int rc = ERR_NOMEM;
    if (v) {
        v->count = pieces->count;
        v->words = (v->count + 63) / 64;
        v->same = new0_array(uint32_t, v->count);
        v->end = new0_array(uint64_t, v->words);
        v->content = new0_array(uint64_t, v->words);
    }
    if (v && entry && v->same && v->end && v->content)
        rc = fill(v, pieces, entry, e);
    else
        (void)err_set(e, rc, "no memory for the vocabulary");
    mem_free(entry);
    if (rc < 0)
        grammar_vocab_free(v);
    else
        *out = v;
    return rc;
}

void grammar_vocab_free(struct grammar_vocab *v)
{
    if (!v)
        return;
    mem_free(v->all.node);
    mem_free(v->closing.node);
    mem_free(v->same);
    mem_free(v->end);
    mem_free(v->content);
    mem_free(v->by_chars);
    mem_free(v->chars_upto);
    mem_free(v);
}

size_t grammar_vocab_bytes(const struct grammar_vocab *v)
{
    return sizeof *v + ((size_t)v->all.count + v->closing.count + 2) * sizeof(struct trie_node) + v->count * sizeof(uint32_t) +
           2 * v->words * sizeof(uint64_t) + ((size_t)v->by_chars_count + v->chars_max + 3) * sizeof(uint32_t);
}
