/* news.h: what happens in the house, for whoever watches: the last events in a ring, numbered, each one line of JSON.
 *
 * Anybody tells, from any thread, and nobody waits for those who read. A reader keeps the number it has come to and asks for what came
 * since; what has left the ring by then is missed, and counted. Readers are woken by a call-back, which must only pass the word on. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct news;

enum { NEWS_KEPT = 256, NEWS_BYTES_MAX = 4096 }; /* of one event; a longer one is not told */

int news_open(struct news **out, int64_t wall_ms, struct err *e);
void news_close(struct news *n);
/* `event` is a static word; `json` an object in one line. Nothing when n is NULL, or memory is out: they are news, not books. */
void news_tell(struct news *n, const char *event, struct str json);
uint64_t news_newest(struct news *n); /* the number of the newest event; the next one is one more */
/* Appends the first event behind *at as a server-sent event, and moves *at to it. 1; 0 when there is none; negative without memory.
 * *missed counts those that are gone. */
int news_read(struct news *n, uint64_t *at, uint64_t *missed, struct buf *out);

/* At most so many; fn runs on the teller's thread, under the lock. */
enum { NEWS_WATCHERS_MAX = 64 };
int news_watch(struct news *n, void (*fn)(void *ctx), void *ctx); /* ERR_LIMIT */
void news_unwatch(struct news *n, void *ctx);                     /* fn is not called any more when it returns */
