/* usage_priv.h: what the two files of `hearth usage` share. */
#pragma once
#include "cli/cli_priv.h"
#include "ledger/ledger.h"

/* Prints the sums for people; by_name heads the first column. Returns the exit status. */
int usage_table(struct ledger_reader *books, const struct usage_filter *f, enum usage_by by, const char *by_name);
/* What to say when there are none. */
const char *usage_no_calls(const struct usage_filter *f);
