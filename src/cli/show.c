/* show.c: numbers as a person reads them: 1,234,567 and $ 1,234.567890. What programs read is exact and plain. */
#include "cli/cli_priv.h"
#include "ledger/ledger.h"

void cli_count(struct buf *out, int64_t n)
{
    char plain[32];
    size_t len = text_format(plain, sizeof plain, "%lld", (long long)n), first = n < 0;
    for (size_t i = 0; i < len; i++) {
        if (i > first && (len - i) % 3 == 0)
            (void)buf_append_char(out, ',');
        (void)buf_append_char(out, plain[i]);
    }
}

/* Six places: less than a millionth of a dollar is told as such, not as nothing. */
void cli_money(struct buf *out, int64_t nusd)
{
    enum { NUSD_PER_MICRO = 1000, MICRO = 1000000 };
    if (nusd == COST_UNKNOWN) {
        (void)buf_append_text(out, "unknown");
        return;
    }
    if (nusd > 0 && nusd < NUSD_PER_MICRO) {
        (void)buf_append_text(out, "$ <0.000001");
        return;
    }
    int64_t micro = nusd / NUSD_PER_MICRO + (nusd % NUSD_PER_MICRO >= NUSD_PER_MICRO / 2);
    (void)buf_append_text(out, "$ ");
    cli_count(out, micro / MICRO);
    (void)buf_append_format(out, ".%06lld", (long long)(micro % MICRO));
}
