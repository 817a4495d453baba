/* stop.h: stop strings, found across the borders of tokens.
 *
 * Text goes in as it is generated and comes out as soon as no stop string can begin in it; what is held back is always the beginning
 * of one. The match whose last byte comes first wins (of two that end together, the longer), and its own text is not put out. How the
 * text was cut into pieces changes nothing. Whole characters in, whole characters out.
 * One thread. Errors: ERR_INVALID (too many, too long, empty), ERR_LIMIT and ERR_NOMEM of the output. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum { STOP_MAX = 16, STOP_BYTES_MAX = 256 /* each; a longer one is no sign any more */ };

struct stop {
    uint32_t count;
    int32_t matched; /* index of the string that was met, -1 while none was */
    struct stop_word {
        uint32_t len, at; /* `at` bytes of it stand at the end of the text */
        char text[STOP_BYTES_MAX];
        uint16_t back[STOP_BYTES_MAX]; /* at i: the longest proper beginning that also ends the first i + 1 bytes */
    } word[STOP_MAX];
};

int stop_init(struct stop *s, const struct str *word, size_t count, struct err *e);
/* Appends to `out` what is safe. After a match (s->matched >= 0) nothing more comes out. */
int stop_feed(struct stop *s, struct str text, struct buf *out);
/* The text has ended: what was held back is only text. */
int stop_flush(struct stop *s, struct buf *out);
size_t stop_held(const struct stop *s); /* bytes held back now */
