/* usage_priv.h: what the two files of `hearth usage` share. */
#pragma once
#include "cli/cli_priv.h"
#include "ledger/ledger.h"

/* Prints the sums for people; by_name heads the first column. Returns the exit status. */
int usage_table(struct ledger_reader *books, const struct usage_filter *f, enum usage_by by, const char *by_name);
enum usage_lines { USAGE_LINES_TEXT, USAGE_LINES_JSON, USAGE_LINES_CSV };
int usage_attempts(struct ledger_reader *books, const struct usage_filter *f, enum usage_lines lines);
void usage_csv_text(struct buf *out, struct str s); /* quoted where it must be, and a comma */
/* What to say when there are none. */
const char *usage_no_calls(const struct usage_filter *f);
