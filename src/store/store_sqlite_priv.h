/* store_sqlite_priv.h: what the files of the SQLite store share. */
#pragma once
#include "store/store.h"
#include <sqlite3.h>

/* One prepared statement each, made on first use and kept. */
enum store_statement {
    STATEMENT_CALL_INSERT,
    STATEMENT_CALL_CLOSE,
    STATEMENT_CALL_GET,
    STATEMENT_CALLS_ALL,
    STATEMENT_CALLS_FROM,
    STATEMENT_CALLS_CLOSED_BEFORE,
    STATEMENT_CALL_REMOVE,
    STATEMENT_CALLS_SETTLE,
    STATEMENT_ATTEMPT_INSERT,
    STATEMENT_ATTEMPT_CLOSE,
    STATEMENT_ATTEMPTS_OF,
    STATEMENT_ATTEMPTS_SETTLE,
    STATEMENT_ATTEMPTS_REMOVE,
    STATEMENT_CORRECTIONS_REMOVE,
    STATEMENT_SPENT,
    STATEMENT_SPENT_SET,
    STATEMENT_SPENT_SETTLE,
    STATEMENT_SPENT_REMOVE,
    STATEMENT_DAY_GET,
    STATEMENT_DAY_SET,
    STATEMENT_DAYS,
    STATEMENT_HELD,
    STATEMENT_PLAN_PUT,
    STATEMENT_PLANS,
    STATEMENT_FOLDED_GET,
    STATEMENT_FOLDED_SET,
    STATEMENT_FOLDED_FORGET,
    STATEMENT_FOLDED_FORGET_ALL,
    STATEMENT_COUNT
};

/* What attempts of one upstream cost in one hour, as far as this transaction has closed them. */
struct store_spending {
    struct str upstream; /* in `spent_names` */
    int64_t hour, nusd;
};
enum { SPENT_PENDING_MAX = 64, SPENT_NAMES_MAX = 4096 };

struct store {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENT_COUNT];
    char *path; /* for stories; owned */
    bool read_only, in_transaction;
    struct store_spending spent[SPENT_PENDING_MAX]; /* goes into the table when it is full, and before a commit */
    size_t spent_count, spent_names_used;
    char spent_names[SPENT_NAMES_MAX];
};

/* The text of a statement of the calls file; NULL when it is not one of them. */
const char *store_sql_of_calls(enum store_statement which);
const char *store_sql_of_sums(enum store_statement which);
const char *store_sql_of_plans(enum store_statement which);
/* A statement ready for binding; NULL (and the story in `e`, the code in *rc) when it cannot be made. */
sqlite3_stmt *store_statement(struct store *s, enum store_statement which, int *rc, struct err *e);
/* Runs a bound statement that gives no rows, and leaves it ready for the next use. */
int store_run(struct store *s, sqlite3_stmt *st, struct err *e);
/* An attempt that opened at that time was closed at that cost, in this transaction; unknown amounts count as nothing. */
int store_spent_add(struct store *s, struct str upstream, int64_t wall_ms, int64_t nusd, struct err *e);
int store_spent_flush(struct store *s, struct err *e);
/* The story of the last failure. */
int store_fail(struct store *s, const char *what, struct err *e);
