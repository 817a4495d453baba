/* book_priv.h: calls put together from journal records, in memory.
 *
 * The fold makes one book per stretch of journal and puts its calls into the store; a report makes one of what is not
 * folded yet. A call in a book may be told in part: what came before stands in the store. Strings are borrowed from the
 * bytes that the records were read from. */
#pragma once
#include "base/arena.h"
#include "ledger/journal_priv.h"
#include "store/store.h"

struct book_plan { /* the newest state of a plan for one credential */
    struct book_plan *next;
    struct store_plan plan;
};

struct book {
    struct arena arena; /* calls and attempts */
    struct store_call **slot; /* open addressing, by id; owned */
    size_t slot_count, count; /* slot_count is 0 or a power of two */
    struct book_plan *plans;  /* in the arena, in no order */
};

void book_init(struct book *b, size_t bytes_max);
void book_fini(struct book *b);
void book_clear(struct book *b); /* keeps no memory of the calls */
int book_add(struct book *b, const struct record *r); /* 0, ERR_NOMEM */
int book_plan_add(struct book *b, const struct store_plan *p);
/* Adds what `from` tells and `into` does not; attempts of `from` that `into` lacks are taken over, not copied. */
void book_call_merge(struct store_call *into, struct store_call *from);
/* The calls by rising id, in an array that the caller frees; NULL when memory is out (count > 0). */
struct store_call **book_sorted(const struct book *b);
