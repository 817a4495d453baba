/* tokenizer.h: text to the numbers a model knows, and back: the vocabulary of one model file.
 *
 * Three kinds: byte-level BPE (with the families' pre-tokenizers), SentencePiece's BPE ("SPM"), and WordPiece. What else a file
 * asks for is refused by name. A tokenizer lends texts of the file it was opened from, which outlives it; after opening it is
 * immutable, so any thread may use it. A vocabulary is hostile input: everything about it is checked when it is opened.
 * Encoding is O(n log n) whatever the text; no byte of a text is lost, also where it is no valid UTF-8 (there, and only there, the
 * reference implementation writes U+FFFD instead). Two read a text as something else, and cannot give back what it was: WordPiece reads
 * words, and Qwen's vocabularies Unicode's form NFC.
 * Errors: ERR_SYNTAX (the vocabulary is missing or contradicts itself), ERR_UNSUPPORTED (by name), ERR_LIMIT, ERR_NOMEM;
 * ERR_INVALID when a vocabulary without an unknown token has none for a byte of the text. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct gguf;
struct tokenizer;

enum {
    TOKEN_NONE = -1,
    TOKEN_BYTES_MAX = 4096,         /* of one token's text: the longest in use are some hundred blanks */
    WORDPIECE_BYTES_MAX = 512,      /* the same of WordPiece, where every place of a text is tried with so many bytes */
    TOKEN_COUNT_MAX = 16 << 20,     /* the largest vocabularies in use have a quarter of a million */
    TOKENIZE_BYTES_MAX = 16 << 20,  /* of one text: some million tokens; SPM needs about 60 times as much memory meanwhile */
};

struct token_list {
    int32_t *id; /* owned */
    size_t count, cap, max;
};
#define TOKEN_LIST_INIT(count_max) ((struct token_list){.max = (count_max)})
#define AUTO_TOKENS __attribute__((cleanup(token_list_fini)))
void token_list_fini(struct token_list *l); /* leaves it empty and usable */
int token_list_push(struct token_list *l, int32_t id); /* 0, ERR_LIMIT, ERR_NOMEM */

int tokenizer_open(struct tokenizer **out, const struct gguf *g, struct err *e);
void tokenizer_close(struct tokenizer *t);
int32_t tokenizer_count(const struct tokenizer *t);
const char *tokenizer_kind(const struct tokenizer *t);    /* "byte-level BPE (qwen2)" */
const char *tokenizer_warning(const struct tokenizer *t); /* NULL, or what is doubtful about this vocabulary: one sentence */

enum {
    TOKENIZE_SPECIAL = 1, /* control tokens are recognised in the text: for templates, never for what a user wrote */
    TOKENIZE_ENDS = 2,    /* with what the file wants around a text: BOS, EOS, CLS and SEP */
};
/* Appends; on an error the list is what it was. User-defined tokens are recognised always. */
int tokenizer_encode(const struct tokenizer *t, struct str text, unsigned flags, struct token_list *out, struct err *e);

/* The same of a text that comes in pieces, of which only some may hold control tokens: a template's own words, and what people wrote.
 * Where no token stands between two pieces, their texts are one. TOKENIZE_SPECIAL is as each piece says; it is not looked at in flags. */
struct tokenizer_part {
    struct str text;
    bool special;
};
int tokenizer_encode_parts(const struct tokenizer *t, const struct tokenizer_part *part, size_t count, unsigned flags, struct token_list *out,
                           struct err *e);

/* The bytes a token stands for: raw, perhaps a part of a character; a control token's are its name. Empty for an id that is none. */
struct str tokenizer_piece(const struct tokenizer *t, int32_t id);
struct str tokenizer_text(const struct tokenizer *t, int32_t id); /* as it stands in the file */
int32_t tokenizer_find(const struct tokenizer *t, struct str text); /* the token of this text in the file, or TOKEN_NONE */
bool tokenizer_is_end(const struct tokenizer *t, int32_t id);       /* generation stops here */
bool tokenizer_is_control(const struct tokenizer *t, int32_t id);   /* is not shown */
int32_t tokenizer_bos(const struct tokenizer *t);                   /* or TOKEN_NONE, as below */
int32_t tokenizer_eos(const struct tokenizer *t);
bool tokenizer_adds_bos(const struct tokenizer *t); /* at the beginning, of TOKENIZE_ENDS; a template may bring its own */

/* Tokens to text as they come, in whole characters of valid UTF-8: bytes that may still become one are held back, those that cannot
 * any more become U+FFFD, one for each maximal part of a sequence. Plain data, no destructor. */
enum {
    DETOKENIZE_SPECIAL = 1, /* control tokens are shown */
    DETOKENIZE_START = 2,   /* the tokens begin a text: the blank that SPM puts before it is dropped */
};
struct detokenizer {
    const struct tokenizer *t;
    bool special, drop_space;
    unsigned char held_len;
    char held[4];
};
void detokenizer_init(struct detokenizer *d, const struct tokenizer *t, unsigned flags);
int detokenizer_push(struct detokenizer *d, int32_t id, struct buf *out); /* 0, or an error of the buf: both are then as before */
int detokenizer_finish(struct detokenizer *d, struct buf *out);           /* what is held will not become a character */
