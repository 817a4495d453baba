/* tokenizer_priv.h: what the tokenizer*.c files share: the vocabulary as opened, and the steps of an encoding. */
#pragma once
#include "base/mem.h"
#include "engine/gguf.h"
#include "engine/tokenizer.h"

/* --- Unicode ---------------------------------------------------------------------------------------------------------------- */

/* What a code point is, as one bit of a set: its general category, and beside that whether it is White_Space. */
enum {
    CH_LU = 1 << 0, CH_LL = 1 << 1, CH_LT = 1 << 2, CH_LM = 1 << 3, CH_LO = 1 << 4,
    CH_MN = 1 << 5, CH_MC = 1 << 6, CH_ME = 1 << 7,
    CH_L = 0x1F, CH_M = 7 << 5, CH_N = 7 << 8, CH_P = 0x7F << 11, CH_S = 0xF << 18,
    CH_C = 0x1F << 25, /* controls, formats, surrogates, private use, unassigned */
    CH_CN = 1 << 29,   /* unassigned */
    CH_SPACE = 1 << 30,
};
uint32_t unicode_class(uint32_t cp); /* 0 past U+10FFFF */
uint32_t unicode_lower(uint32_t cp); /* the simple mapping */
enum { UNICODE_SPLIT_MAX = 4 };
unsigned unicode_split(uint32_t cp, uint32_t out[UNICODE_SPLIT_MAX]); /* the canonical decomposition, whole, marks as they stand in it */
unsigned unicode_base(uint32_t cp, uint32_t out[UNICODE_SPLIT_MAX]);  /* the same without nonspacing marks; 0 for such a mark itself */
uint32_t unicode_join(uint32_t first, uint32_t second);               /* what the two compose to, or 0 */
unsigned unicode_order(uint32_t cp);                                  /* the canonical combining class */
bool unicode_begins(uint32_t cp);                                     /* never a mark, and never joined to what stands before it */

/* A character of a text. A byte that begins no valid sequence is a character of its own, read as U+FFFD. At the end all is 0. */
struct ch {
    uint32_t cp, set; /* set: CH_ bits */
    unsigned len;
};
struct ch unicode_at(const char *p, const char *end);
/* tokenizer_compose.c: appends the text in Unicode's form NFC. A byte that begins no valid sequence stays what it is. 0, ERR_NOMEM, ERR_LIMIT. */
int unicode_compose(struct str text, struct buf *out);

/* --- pre-tokenizers ------------------------------------------------------------------------------------------------------------ */

struct split_family; /* a row of the table of pre-tokenizers */
struct split_flags {
    bool ignore_merges, add_bos, add_sep, no_bos;
    bool composed; /* the text is brought into Unicode's form NFC first */
};
const struct split_family *split_family_named(struct str name); /* NULL: no such */
struct split_flags split_family_flags(const struct split_family *f);
typedef int split_fn(struct str piece, void *ctx);
/* Calls fn with every piece, none empty, in order; they add up to the text. Ends early when fn returns non-zero, and returns that. */
int split_text(const struct split_family *f, struct str text, split_fn *fn, void *ctx);

/* --- the vocabulary -------------------------------------------------------------------------------------------------------------- */

enum token_type { TOKEN_NORMAL = 1, TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_USER, TOKEN_UNUSED, TOKEN_BYTE };
enum {
    TOKEN_TYPE = 7,      /* of token_info: the type */
    TOKEN_END = 8,       /* generation stops here */
    TOKEN_SHOWN = 16,    /* shown although it is a control token */
    TOKEN_EATS_SPACE = 32, /* blanks behind it belong to it, where it is split off a text */
};
enum tokenizer_kind { TOKENIZER_BPE, TOKENIZER_SPM, TOKENIZER_WPM };

/* Texts by a polynomial hash, so that the hash of two texts joined follows from theirs. Slots hold an index and a part of the hash. */
struct text_slot {
    uint32_t index; /* plus one; 0: free */
    uint32_t tag;
};
struct text_table {
    struct text_slot *slot;
    uint32_t mask, used;
};
/* The hash is known, so texts can be made that all want one place: more than so many side by side are refused when a vocabulary is opened. */
enum { TABLE_PROBES_MAX = 512 /* half of the places are free: by chance a few dozen are never met */ };
#define TABLE_COLLIDES "the texts of the vocabulary are made so that they cannot be told apart quickly"
#define TEXT_HASH_STEP 0x9E3779B97F4A7C15u
static inline uint64_t text_hash(uint64_t h, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        h = h * TEXT_HASH_STEP + (unsigned char)s.ptr[i] + 1;
    return h;
}

struct merge {
    uint32_t left, right, result; /* symbols */
};

struct tokenizer {
    enum tokenizer_kind kind;
    const char *kind_name; /* owned */
    const char *warning;   /* static */
    int32_t count;
    struct gguf_array texts;
    uint8_t *info;       /* (count): token_type and TOKEN_ flags */
    uint32_t *piece_at;  /* (count + 1): where a token's piece begins in `pieces` */
    char *pieces;
    size_t longest;      /* text */
    struct text_table table;
    bool add_bos, add_eos, add_sep, add_space_prefix;
    bool keeps_case, keeps_accents; /* WordPiece */
    int32_t bos, eos, unk, sep;

    /* Special tokens (user-defined, control, unknown), by text for looking, and longest first for splitting. */
    int32_t *special, *special_by_length;
    size_t special_count;
    uint32_t special_first[257]; /* where in `special` those that begin with a byte begin */

    /* BPE. Symbols are tokens (below `count`) and what merges name that is none. */
    const struct split_family *family;
    bool ignore_merges, composed;
    struct merge *merge; /* by rank */
    uint32_t merge_count;
    uint32_t *pair; /* ranks plus one by (left, right), open addressing */
    uint32_t pair_mask;
    struct str *extra; /* texts of the symbols that are no tokens */
    uint32_t extra_count, extra_cap;
    char *extra_bytes;
    uint32_t byte_symbol[256]; /* SYMBOL_NONE: neither vocabulary nor merges know that byte */

    /* SPM */
    uint32_t *order;   /* (count): by score, highest first, as a number to sort by */
    uint64_t *power;   /* (longest + 1): what a hash is multiplied with when so many bytes follow */
    int32_t byte_token[256];
};
enum { SYMBOL_NONE = UINT32_MAX };

static inline enum token_type token_type(const struct tokenizer *t, int32_t id)
{
    return (enum token_type)(t->info[id] & TOKEN_TYPE);
}
/* Whether merging may make this token. Never a control token; and a user-defined one was split off before: what looks like one now is
 * its text in another spelling, which it does not stand for. */
static inline bool token_is_plain(const struct tokenizer *t, int32_t id)
{
    enum token_type type = token_type(t, id);
    return type == TOKEN_NORMAL || type == TOKEN_UNUSED;
}
/* Whether it may stand for a byte that nothing else stands for. */
static inline bool token_is_byte(const struct tokenizer *t, int32_t id)
{
    return token_is_plain(t, id) || token_type(t, id) == TOKEN_USER || token_type(t, id) == TOKEN_BYTE;
}
struct str symbol_text(const struct tokenizer *t, uint32_t symbol);
/* A special token as it stands in a text. In a SentencePiece vocabulary U+2581 is a blank there too, however the file spells it. */
static inline struct str special_text(const struct tokenizer *t, int32_t id)
{
    return t->kind == TOKENIZER_SPM ? tokenizer_piece(t, id) : tokenizer_text(t, id);
}
/* Index of the text in the table, or UINT32_MAX. `hash` is text_hash(0, text). */
uint32_t text_table_find(const struct tokenizer *t, struct str text, uint64_t hash);
int text_table_put(struct tokenizer *t, uint32_t index, uint64_t hash); /* a text that is not in it yet; 0, ERR_LIMIT or ERR_NOMEM */

/* --- one encoding ------------------------------------------------------------------------------------------------------------------ */

/* A queue of merges that can be made, best first: by key, smallest first. */
struct merge_item {
    uint64_t key; /* order << 32 | position: the leftmost of equals first */
    uint32_t token;
};
struct encoding {
    const struct tokenizer *t;
    struct token_list *out;
    struct err *e;
    struct merge_item *heap;
    size_t heap_count, heap_cap;
    uint32_t *id, *next, *prev, *start; /* by position in the word, see the users; id is owned, the others are parts of it */
    uint64_t *hash;
    size_t cap;
    struct buf text; /* a fragment, transformed */
};
int encoding_reserve(struct encoding *en, size_t positions);
int encoding_heap_push(struct encoding *en, struct merge_item item);
bool encoding_heap_pop(struct encoding *en, struct merge_item *out);
int encoding_put(struct encoding *en, int32_t id);
int encoding_put_byte(struct encoding *en, int32_t token, unsigned char byte); /* TOKEN_NONE: the unknown token, or ERR_INVALID */

int bpe_open(struct tokenizer *t, const struct gguf *g, struct err *e);
int bpe_encode(struct encoding *en, struct str text);
size_t bpe_piece(struct str text, char *out); /* a token's text as the bytes it stands for; `out` has room for text.len */
int spm_open(struct tokenizer *t, const struct gguf *g, struct err *e);
int spm_encode(struct encoding *en, struct str text, bool first);
int wpm_encode(struct encoding *en, struct str text);

/* Text in alternation: what is a special token, and what is between. */
struct fragment {
    struct str text;
    int32_t token; /* TOKEN_NONE: text */
};
struct fragments {
    struct fragment *item;
    size_t count, cap;
};
int special_open(struct tokenizer *t, struct err *e);
/* ERR_NOMEM. */
int special_split(const struct tokenizer *t, struct str text, bool control, struct fragments *out);
