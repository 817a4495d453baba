/* sse.h: server-sent events read from a byte stream, as the WHATWG specification has them (LF, CRLF, CR; BOM; comments;
 * `data` lines joined by LF; an event at end of stream without its blank line still counts).
 *
 * The reader hands out each event together with the exact bytes it came from, so that a relay can pass them untouched:
 * the raws of all events, joined, are the input. A block without `data` (comments, blank lines) is handed out too.
 * An event larger than `event_bytes_max` is ERR_LIMIT. No allocation per event when it lies whole within one feed and
 * has one `data` line. The events do not depend on where the feeds were cut. One thread at a time. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct sse_event {
    struct str raw;  /* from its first byte to the blank line, both included; comments before it as well */
    struct str name; /* of `event:`, empty if none */
    struct str data; /* joined `data:` lines; ptr NULL when the event had none (only comments, or other fields) */
};

struct sse_reader {
    struct buf pending; /* an unfinished event */
    struct buf joined;  /* data of several lines */
    size_t bytes_max;   /* of one event */
    size_t lead;        /* first bytes of the event that belong to no line: a BOM, the LF of a CRLF already acted on */
    size_t line;        /* of the event: where its current line starts */
    size_t scanned;     /* of the event: already searched for a line's end */
    bool started;       /* the BOM question is settled */
    bool placed;        /* lead is known for the event under way */
    bool bare_cr;       /* the last line ended in CR alone, so the next CR is taken for a whole line end at once */
    bool swallow_lf;    /* the last event ended in such a CR: an LF that follows is no line */
};

void sse_reader_init(struct sse_reader *r, size_t event_bytes_max);
void sse_reader_fini(struct sse_reader *r);
/* Calls fn for each complete event in order; slices are valid during the call only. fn returns 0 to go on, anything else
 * stops and is returned (the rest of `bytes` is then dropped). 0, ERR_NOMEM, ERR_LIMIT, or what fn returned. */
int sse_feed(struct sse_reader *r, struct str bytes, int (*fn)(const struct sse_event *ev, void *ctx), void *ctx);
int sse_finish(struct sse_reader *r, int (*fn)(const struct sse_event *ev, void *ctx), void *ctx); /* end of stream */
