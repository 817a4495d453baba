/* metrics_reference.c: docs/reference/metrics.md, from the table of metrics. */
#include "gateway/gateway.h"
#include "gateway/metrics_priv.h"

int metrics_reference(struct buf *out)
{
    int rc = buf_append_text(out, "# Metrics\n\n"
                                  "`GET /metrics` in Prometheus' text format. Who may read it: this machine, and "
                                  "elsewhere whoever shows a key, like a call\n"
                                  "(`authorization: Bearer …` or `x-hearth-key`), or the admin API's token as "
                                  "`authorization: Bearer`. A key that is limited to some\n"
                                  "jobs may not read it: it tells of all. Written by `hearth help --metrics`; "
                                  "a test holds this page against it.\n\n"
                                  "Labels hold names of the config only: jobs, upstreams and targets. Models that "
                                  "clients ask for by name, beside those the config\n"
                                  "names, are counted together as `UPSTREAM/other`. Names beyond 511 jobs or 1,023 "
                                  "targets are counted as `other`. Keys, tags and\n"
                                  "tasks appear nowhere, and no content does.\n\n"
                                  "Counters begin at 0 when the process starts; another config (SIGHUP) does not set "
                                  "them back. They count what the ledger's records\n"
                                  "say, from the records themselves; calls that a crash left behind (`lost`) are in "
                                  "the ledger only. Targets appear once they have been\n"
                                  "tried. The buckets of first content end at 0.05 to 120 s, those of whole calls and "
                                  "attempts at 0.1 to 900 s.\n\n"
                                  "| metric | type | labels | what it is |\n| --- | --- | --- | --- |\n");
    for (int i = 0; rc == 0 && i < METRIC_COUNT; i++)
        rc = buf_append_format(out, "| `%s` | %s | %s | %s |\n", metric_row[i].name, metric_row[i].type,
                               metric_row[i].labels[0] ? metric_row[i].labels : "none", metric_row[i].help);
    return rc;
}
