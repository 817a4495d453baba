/* http_parse_priv.h: reading HTTP/1.1 requests, as pure functions on bytes: no connection, no clock, no allocation
 * but the decoded body. Inside net/ only (and for its tests and fuzzers).
 *
 * A head is read in two steps. http_head_scan looks for its end, resumes where it stopped when more bytes have come, and
 * gives the same answer however the bytes were cut. http_head_parse then takes the complete head apart, in place. */
#pragma once
#include "net/http_server.h"

struct http_scan {
    uint32_t pos;   /* bytes looked at; when the head is complete, its length with the empty line */
    uint32_t start; /* of the request line: 0, or 2 after an empty line, which a client may send before it */
    uint32_t line;  /* where the unfinished line begins */
    uint32_t lines; /* complete, the request line included */
};

enum { HTTP_SCAN_MORE = 0, HTTP_SCAN_DONE = 1 }; /* any other result is the status to refuse with */

/* `bytes` must begin with the same bytes as last time. At most `head_max` of them are looked at. */
int http_head_scan(struct http_scan *s, struct str bytes, size_t head_max, const char **why);

struct http_framing {
    int64_t content_length; /* 0 when there is no body, -1 when it is chunked */
    bool keep_alive;        /* what the client wishes */
    bool expect_continue;
};

/* Only the request line (for a head that is too long to be read); the rest of `r` is left alone. 0 or a status. */
int http_line_parse(struct str line, struct http_request *r, const char **why);

/* `head` is the scanned text from its request line to the empty line, which is changed in place: names are lower-cased.
 * 0 or the status to refuse with, and then `r` holds what was understood until there. Everything in `r` points into
 * `head` and `header`. Of the body only its length is settled. */
int http_head_parse(char *head, size_t len, struct http_header *header, size_t header_max, struct http_request *r,
                    struct http_framing *f, const char **why);

/* --- chunked bodies ------------------------------------------------------------------------------------------------ */

struct http_chunked {
    uint64_t left;     /* of the chunk's data; while reading its size: the size so far */
    uint32_t overhead; /* bytes of extensions and trailers so far, which are read and dropped */
    uint8_t state;     /* enum in http_chunked.c; 0 is the start */
    uint8_t digits;
};

/* Decodes into `out`, whose ceiling is the largest body; a chunk that would exceed it is refused before its data comes.
 * 0 = more is needed (all of `in` was taken), 1 = complete and *used says how much of `in` that took, or ERR_SYNTAX,
 * ERR_LIMIT, ERR_NOMEM. */
int http_chunked_feed(struct http_chunked *d, struct str in, struct buf *out, size_t *used);
/* The same in place and without a ceiling: *data is the decoded text, within `bytes`, whatever the result. No ERR_NOMEM. */
int http_chunked_strip(struct http_chunked *d, char *bytes, size_t n, struct str *data, size_t *used);

/* Shared by heads and trailers: lower case of the characters a token may hold, 0 for all others. */
extern const uint8_t http_token_lower[256];
/* First byte of p..end that is a control character other than HT, or end. */
const char *http_find_control(const char *p, const char *end);
/* No CR, LF or NUL: what is written into a head cannot begin another line. */
bool http_value_is_one_line(struct str value);
