/* err.h: what went wrong in the world (a peer, the disk, the user, memory), as a code and a story.
 *
 * Functions that can fail return 0 or a negative ERR_ code and tell the human story in a `struct err` that the caller
 * provides (NULL when it does not care). What went wrong in *us* is an assert instead. */
#pragma once
#include "base/str.h"

/*    name           text of the bare code */
#define ERR_TABLE(X)                                     \
    X(ERR_NOMEM, "out of memory")                        \
    X(ERR_LIMIT, "a limit was reached")                  \
    X(ERR_SYNTAX, "malformed input")                     \
    X(ERR_INVALID, "invalid value")                      \
    X(ERR_NOT_FOUND, "not found")                        \
    X(ERR_EXISTS, "exists already")                      \
    X(ERR_IO, "input or output failed")                  \
    X(ERR_BUSY, "in use by another process")             \
    X(ERR_TIMEOUT, "timed out")                          \
    X(ERR_CLOSED, "the other side is gone")              \
    X(ERR_REFUSED, "refused")                            \
    X(ERR_UNSUPPORTED, "not supported")                  \
    X(ERR_BUDGET, "budget exhausted")                    \
    X(ERR_CONTEXT, "context too long")

enum err_code {
    ERR_OK = 0,
    ERR_FIRST_ = -1000,
#define X(name, text) name,
    ERR_TABLE(X)
#undef X
        ERR_END_
};

struct err {
    int code;         /* 0 or one of the above */
    int line, column; /* 1-based place in the input, 0 when it has none */
    char text[1000];  /* one sentence, no trailing dot or newline; a longer one ends in "..." */
};

/* Writes code and story, clears the place, returns `code`. `e` may be NULL. */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int err_set_at(struct err *e, int code, int line, int column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The same, ending in ": " and the text of the given errno. */
int err_set_errno(struct err *e, int code, int error_number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const char *err_name(int code); /* "ERR_NOMEM" */
const char *err_text(int code); /* "out of memory" */
