/* store_sqlite_priv.h: what the two files of the SQLite store share. */
#pragma once
#include "store/store.h"
#include <sqlite3.h>

/* One prepared statement each, made on first use and kept. */
enum store_statement {
    STATEMENT_CALL_INSERT,
    STATEMENT_CALL_CLOSE,
    STATEMENT_CALL_GET,
    STATEMENT_CALLS_ALL,
    STATEMENT_CALLS_BETWEEN,
    STATEMENT_CALLS_SETTLE,
    STATEMENT_ATTEMPT_INSERT,
    STATEMENT_ATTEMPT_CLOSE,
    STATEMENT_ATTEMPTS_OF,
    STATEMENT_ATTEMPTS_SETTLE,
    STATEMENT_SPENT,
    STATEMENT_HELD,
    STATEMENT_FOLDED_GET,
    STATEMENT_FOLDED_SET,
    STATEMENT_FOLDED_FORGET,
    STATEMENT_FOLDED_FORGET_ALL,
    STATEMENT_COUNT
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENT_COUNT];
    char *path; /* for stories; owned */
    bool read_only, in_transaction;
};

/* The text of a statement of the calls file; NULL when it is not one of them. */
const char *store_sql_of_calls(enum store_statement which);
/* A statement ready for binding; NULL (and the story in `e`, the code in *rc) when it cannot be made. */
sqlite3_stmt *store_statement(struct store *s, enum store_statement which, int *rc, struct err *e);
/* Runs a bound statement that gives no rows, and leaves it ready for the next use. */
int store_run(struct store *s, sqlite3_stmt *st, struct err *e);
/* The story of the last failure. */
int store_fail(struct store *s, const char *what, struct err *e);
