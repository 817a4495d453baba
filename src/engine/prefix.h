/* prefix.h: sequences whose calls have ended, kept as long as there is room: the next call that begins alike goes on from there.
 *
 * A conversation's next turn repeats all that went before, so its keys and values are there already, to the token. What is kept is
 * whole sequences with their tokens; sharing copies nothing but the page in which the texts part. Of one conversation the last turn is
 * kept alone: what an earlier one had beyond it (thoughts that the next prompt leaves out, an answer that was asked for again) is not
 * read any more. The least recently used goes first when pages are wanted. One thread. */
#pragma once
#include "engine/kv.h"

struct prefix_index;

/* entries_max: how many sequences at most. */
int prefix_new(struct prefix_index **out, struct kv_pool *kv, size_t entries_max, struct err *e);
void prefix_free(struct prefix_index *p);
/* Takes the sequence and, where there is memory for it, keeps it; `token` (as many as its length) is copied. conversation: 0
 * for none that is known. */
void prefix_keep(struct prefix_index *p, struct kv_sequence *s, const int32_t *token, uint64_t conversation);
/* Fills the empty *to with the longest beginning of the `count` tokens that is kept, but never all of them: the last is to be computed
 * again for its logits. The number of tokens found; 0 also when memory is out. */
size_t prefix_find(struct prefix_index *p, const int32_t *token, size_t count, struct kv_sequence *to);
/* The same with one running sequence, where *to has `least` tokens already: shares what is common if that is more. How many *to has then. */
size_t prefix_share(struct kv_pool *kv, const struct kv_sequence *from, const int32_t *from_token, const int32_t *token, size_t count,
                    size_t least, struct kv_sequence *to);
bool prefix_drop_oldest(struct prefix_index *p); /* false when nothing is kept */
size_t prefix_count(const struct prefix_index *p);
