/* multipart.h: multipart/form-data (RFC 7578), understood as it comes: pieces in, parts out, nothing kept but one part's head.
 *
 * Strict: the body begins with its boundary and ends with it; every line end is CRLF; every part is form-data with one name; no
 * transfer encodings. What two readers could understand in two ways is refused. One thread. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum { MULTIPART_BOUNDARY_MAX = 70 /* RFC 2046 */, MULTIPART_HEAD_MAX = 8 * 1024, MULTIPART_PARTS_MAX = 256 };

struct multipart_part {
    struct str name;   /* as it stands between its quotes; until the next call */
    bool has_filename;
    uint64_t begin;    /* where in the body its content begins */
};
/* Called from multipart_feed; each returns 0 or a negative code, which ends the reading. */
struct multipart_handler {
    int (*part)(void *ctx, const struct multipart_part *p, struct err *e);
    int (*data)(void *ctx, struct str bytes, struct err *e); /* of the part that began last */
    int (*end)(void *ctx, uint64_t at, struct err *e);       /* its content ends there */
};
struct multipart {
    char delimiter[4 + MULTIPART_BOUNDARY_MAX]; /* CRLF, two dashes, the boundary */
    size_t delimiter_bytes, matched;
    int state;
    uint64_t at;       /* bytes understood */
    int parts;
    struct buf head;   /* of the part that begins */
    const struct multipart_handler *handler;
    void *ctx;
};
/* From the value of content-type. ERR_INVALID: it is not multipart/form-data with a proper boundary. */
int multipart_open(struct multipart *m, struct str content_type, const struct multipart_handler *h, void *ctx, struct err *e);
int multipart_feed(struct multipart *m, struct str bytes, struct err *e); /* ERR_INVALID, ERR_NOMEM, or what the handler says */
int multipart_end(struct multipart *m, struct err *e);                    /* nothing more comes. ERR_INVALID: it broke off */
void multipart_fini(struct multipart *m);
