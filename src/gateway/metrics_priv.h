/* metrics_priv.h: the table of metrics, for the page and for its reference. */
#pragma once
#include "base/buf.h"

/* clang-format off */
/*    id             name                              type         labels              what it is */
#define METRIC_TABLE(X)                                                                                                             \
    X(BUILD,         "hearth_build_info",               "gauge",     "version, build",   "1; which Hearth this is")                    \
    X(CALLS,         "hearth_calls_total",              "counter",   "job, outcome",     "Calls that are over, as the ledger has them. `job` is `-` when a target was asked for by name") \
    X(CALL_FIRST,    "hearth_call_first_content_seconds", "histogram", "job",            "From the complete request of a call to the first content for its client") \
    X(CALL_TOTAL,    "hearth_call_seconds",             "histogram", "job",              "From the complete request of a call to its end") \
    X(CONVERSATIONS, "hearth_conversation_calls_total", "counter",   "job, result",      "Answered calls of conversations whose prefix was cached at a place of the chain: `stayed` there, or `moved`") \
    X(ATTEMPTS,      "hearth_attempts_total",           "counter",   "target, reason",   "Attempts that are over, as the ledger has them. The reasons are in failures.md; `done` is an answer") \
    X(ATTEMPT_FIRST, "hearth_attempt_first_content_seconds", "histogram", "target",      "From sending an attempt to its first content") \
    X(ATTEMPT_TOTAL, "hearth_attempt_seconds",          "histogram", "target",           "From sending an attempt to its end")             \
    X(TOKENS,        "hearth_tokens_total",             "counter",   "target, class",    "Tokens charged. `cached` and `cache_write` are parts of `input`, `reasoning` is part of `output`") \
    X(ESTIMATED,     "hearth_attempts_estimated_total", "counter",   "target",           "Attempts whose tokens are our estimate, because the upstream reported none") \
    X(COST,          "hearth_cost_usd_total",           "counter",   "target",           "Cost as charged, of attempts whose cost is known")      \
    X(COST_UNKNOWN,  "hearth_cost_unknown_total",       "counter",   "target",           "Attempts whose cost is not known")                       \
    X(BREAKER,       "hearth_breaker_state",            "gauge",     "target",           "0 closed, 1 half-open, 2 open: no call goes there now") \
    X(SPILL,         "hearth_spill_percent",            "gauge",     "target",           "How much of a model its Ollama computes on the CPU, as seen while answers came; left out when it is not known") \
    X(IN_FLIGHT,     "hearth_in_flight",                "gauge",     "upstream",         "Attempts under way")                                     \
    X(QUEUE,         "hearth_queue_length",             "gauge",     "upstream",         "Calls that wait for a place at the upstream")             \
    X(BUDGET_SPENT,  "hearth_budget_spent_usd",         "gauge",     "upstream, window", "Spent of a budget in its window of this moment; `window` is hour, day or month (UTC)") \
    X(BUDGET_HELD,   "hearth_budget_held_usd",          "gauge",     "upstream, window", "Reserved of it for attempts under way, each at its worst case") \
    X(BUDGET_LIMIT,  "hearth_budget_limit_usd",         "gauge",     "upstream, window", "The budget; an attempt whose worst case does not fit into what is left is not made") \
    X(PLAN_USED,     "hearth_plan_used_ratio",          "gauge",     "upstream, credential, window", "Used of a flat plan's window, 1 is all of it: the provider's word, or our estimate since; left out when it is not known") \
    X(PLAN_SPENT,    "hearth_plan_spent",               "gauge",     "upstream, credential, window", "1 while calls rest because the provider says that the window is spent") \
    X(PLAN_RESETS,   "hearth_plan_reset_seconds",       "gauge",     "upstream, credential, window", "Until the window begins anew; left out when it is not known") \
    X(OPEN_CALLS,    "hearth_calls_open",               "gauge",     "",                 "Calls under way, those that wait included")              \
    X(CALLS_MAX,     "hearth_calls_open_max",           "gauge",     "",                 "Their ceiling; one more is refused with 503")            \
    X(HELD,          "hearth_held_bytes",               "gauge",     "",                 "Bytes of bodies, answers that are held, and output that clients have not taken") \
    X(HELD_MAX,      "hearth_held_bytes_max",           "gauge",     "",                 "Their ceiling, `memory.buffered`; requests beyond it are refused with 503") \
    X(KEYS,          "hearth_keys",                     "gauge",     "",                 "Keys in force, HEARTH_KEY included")                     \
    X(CONNECTIONS,   "hearth_connections",              "gauge",     "",                 "Connections of clients, idle ones included")              \
    X(READY,         "hearth_ready",                    "gauge",     "",                 "1 while new calls are let in, as /readyz says")           \
    X(JOURNAL,       "hearth_journal_bytes",            "gauge",     "",                 "Bytes in the journal segments that are being written")    \
    X(ENGINE_UP,     "hearth_engine_up",                "gauge",     "",                 "1 while the process of the built-in engine runs; left out when the config has none") \
    X(ENGINE_AGAIN,  "hearth_engine_restarts_total",    "counter",   "",                 "How often that process ended by itself and was started again") \
    X(CPU,           "process_cpu_seconds_total",       "counter",   "",                 "Processor time of this process, user and system")         \
    X(RSS,           "process_resident_memory_bytes",   "gauge",     "",                 "Memory of this process, shared pages included")           \
    X(FDS,           "process_open_fds",                "gauge",     "",                 "Open descriptors")                                        \
    X(FDS_MAX,       "process_max_fds",                 "gauge",     "",                 "The most descriptors this process may open")              \
    X(START,         "process_start_time_seconds",      "gauge",     "",                 "When this process began to serve, in seconds since 1970")
/* clang-format on */

enum metric {
#define X(id, name, type, labels, help) METRIC_##id,
    METRIC_TABLE(X)
#undef X
        METRIC_COUNT
};
struct metric_row {
    const char *name, *type, *labels, *help;
};
extern const struct metric_row metric_row[METRIC_COUNT];

/* Prometheus' text format: the two lines before a metric's values; a label's value between its quotes. Both 0 or a negative code. */
int metrics_put_head(struct buf *out, const char *name, const char *type, const char *help);
int metrics_put_label(struct buf *out, struct str value);

/* metrics_process.c: what the kernel knows of this process; -1 where it does not say. */
struct process_numbers {
    int64_t cpu_us, resident_bytes, fds, fds_max;
};
void process_numbers_read(struct process_numbers *out);
