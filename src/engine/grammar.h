/* grammar.h: which tokens may come next so that the answer becomes what was asked for: a JSON object, or what a JSON Schema says.
 *
 * A schema (untrusted text) is compiled to a network of states over bytes with calls, a pushdown automaton. A run stands somewhere in
 * it; its mask has the tokens all of whose bytes keep the text the beginning of a valid answer that can still be finished, and the end
 * tokens exactly when the text is a whole answer. So whoever picks by the mask gets a valid answer unless he stops before the end.
 * What is enforced, what narrows and what is refused: docs/internals/forms.md.
 *
 * A grammar and a vocab are immutable and safe from any thread; a run belongs to one thread at a time and borrows both. It keeps the
 * states that it met as a table (up to 8 MiB) and a few masks.
 * Errors: ERR_UNSUPPORTED (a keyword or a value of it, with its JSON path), ERR_SYNTAX and ERR_INVALID (no schema, or one that nothing
 * fits), ERR_LIMIT, ERR_NOMEM; of a run: ERR_REFUSED (text that the form does not allow), ERR_INVALID (no token can continue). */
#pragma once
#include "base/err.h"

enum { GRAMMAR_SCHEMA_BYTES_MAX = 256 * 1024 }; /* schemas of whole APIs have tens of KiB */

struct grammar;
struct grammar_vocab;
struct grammar_run;

/* What a tokenizer tells. A piece is the bytes that a token adds to the text; empty for those that never may be written by a model that
 * fills a form (control tokens). `is_end` tells those that end an answer. */
struct grammar_pieces {
    uint32_t count;
    const void *ctx;
    struct str (*piece)(const void *ctx, uint32_t id);
    bool (*is_end)(const void *ctx, uint32_t id);
};

int grammar_any_object(struct grammar **out, struct err *e); /* JSON mode */
int grammar_schema(struct grammar **out, struct str schema, struct err *e);
void grammar_free(struct grammar *g);
size_t grammar_bytes(const struct grammar *g);

/* Sorts the vocabulary into a tree of bytes; once per tokenizer. The pieces are not needed afterwards. */
int grammar_vocab_new(struct grammar_vocab **out, const struct grammar_pieces *pieces, struct err *e);
void grammar_vocab_free(struct grammar_vocab *v);
size_t grammar_vocab_bytes(const struct grammar_vocab *v);

int grammar_run_new(struct grammar_run **out, const struct grammar *g, const struct grammar_vocab *v, struct err *e);
void grammar_run_free(struct grammar_run *r);
size_t grammar_run_bytes(const struct grammar_run *r);
void grammar_run_restart(struct grammar_run *r);
/* Fills (count + 63) / 64 words, a bit per token, low bit first. */
int grammar_mask(struct grammar_run *r, uint64_t *mask, struct err *e);
/* Text that was written. ERR_REFUSED leaves the run where it was. */
int grammar_advance(struct grammar_run *r, struct str text, struct err *e);
bool grammar_complete(const struct grammar_run *r); /* the text is a whole answer */
