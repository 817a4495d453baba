/* options.c: the option table. Each option is one row: its key, the field it fills, its default, its range, and what
 * the reference says about it. The reader (option_read.c) and the reference (config_reference.c) know no more.
 *
 * Long because it is data; in the order in which the reference shows it. */
#include "config/config_priv.h"
#include "base/log.h"

/* clang-format off */

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define USD_NUSD INT64_C(1000000000)
#define BUDGET_MAX (1000000 * USD_NUSD)
#define PRICE_MAX (100000 * USD_NUSD) /* per million tokens: ten cents a token */
#define NOT_GIVEN INT64_MIN

static const char *const place_words[] = {"home", "cloud", NULL};
static const char *const boundary_words[] = {"home", "any", NULL};
static const char *const kv_words[] = {"f16", "q8_0", "f32", NULL};
static const char *const overflow_words[] = {"error", "drop_oldest", NULL};
static const char *const balance_words[] = {"order", "weighted", "least_busy", "fastest", "cheapest", NULL};
static const char *const dialect_words[] = {"openai", "responses", "anthropic", "ollama", "engine", NULL};
static const char *const regime_words[] = {"credit", "plan", "power", NULL};
static const char *const log_format_words[] = {"auto", "human", "json", NULL};
static const char *const log_level_words[] = {"debug", "info", "warn", "error", NULL};
static const char *const need_words[] = {"tools", "vision", "json", NULL};
static const char *const plan_kind_words[] = {"fixed", "sliding", NULL};
static const char *const overage_words[] = {"stop", "allow", NULL};
static const char *const plans_words[] = {"on", "off", NULL};
static const char *const successors_words[] = {"ask", "allow", NULL};
static const char *const compat_words[] = {"none", "litellm", NULL};

/* --- upstreams.NAME ------------------------------------------------------------------------------ */

static const struct config_option timeout_rows[] = {
    {.key = "connect", .kind = OPTION_DURATION, FIELD(config_upstream, connect_ms), .min = 1, .max = 10 * MINUTE_MS,
     .standard = "5s", .text = "Name, connection and TLS handshake together."},
    {.key = "first_byte", .kind = OPTION_DURATION, FIELD(config_upstream, first_byte_ms), .min = 1, .max = DAY_MS,
     .standard = "120s", .text = "From the request to the first content of the answer; comments and roles are none."},
    {.key = "idle", .kind = OPTION_DURATION, FIELD(config_upstream, idle_ms), .min = 1, .max = DAY_MS,
     .standard = "120s", .text = "Without a byte in the middle of an answer."},
    {.key = "total", .kind = OPTION_DURATION, FIELD(config_upstream, total_ms), .min = 1, .max = 7 * DAY_MS,
     .standard = "15m", .text = "One attempt as a whole."},
};
static const struct option_table timeout_options = OPTION_TABLE(timeout_rows);

static const struct config_option queue_rows[] = {
    {.key = "max", .kind = OPTION_COUNT, FIELD(config_upstream, queue_max), .min = 0, .max = 100000, .standard = "32",
     .text = "Calls that may wait while `concurrent` are in flight; further ones take the next step."},
    {.key = "wait", .kind = OPTION_DURATION, FIELD(config_upstream, queue_wait_ms), .min = 0, .max = HOUR_MS,
     .standard = "2s", .text = "The longest a call waits before it takes the next step."},
};
static const struct option_table queue_options = OPTION_TABLE(queue_rows);

static const struct config_option budget_rows[] = {
    {.key = "hour", .kind = OPTION_MONEY, FIELD(config_upstream, budget_hour_nusd), .min = 0, .max = BUDGET_MAX,
     .missing = -1, .absent = "no limit", .text = "Most that may be spent in an hour, by UTC."},
    {.key = "day", .kind = OPTION_MONEY, FIELD(config_upstream, budget_day_nusd), .min = 0, .max = BUDGET_MAX,
     .missing = -1, .absent = "no limit", .text = "Most that may be spent in a day, by UTC."},
    {.key = "month", .kind = OPTION_MONEY, FIELD(config_upstream, budget_month_nusd), .min = 0, .max = BUDGET_MAX,
     .missing = -1, .absent = "no limit", .text = "Most that may be spent in a calendar month, by UTC."},
};
static const struct option_table budget_options = OPTION_TABLE(budget_rows);

static const struct config_option plan_rows[] = {
    {.key = "monthly", .kind = OPTION_MONEY, FIELD(config_upstream, plan_monthly_nusd), .min = 0, .max = BUDGET_MAX,
     .absent = "unknown", .text = "What the subscription costs a month."},
    {.key = "windows", .kind = OPTION_DURATIONS, FIELDS(config_upstream, plan_window_ms, plan_window_count),
     .min = MINUTE_MS, .max = 366 * DAY_MS, .absent = "none", .text = "The spans against which the plan counts use, `5h` and `7d` for one; what the provider tells of others is kept too."},
    {.key = "kind", .kind = OPTION_WORD, FIELD(config_upstream, plan_sliding), .words = plan_kind_words,
     .standard = "fixed", .text = "`fixed`: a window opens with its first call and ends a span later. `sliding`: use falls out a span after it was made."},
    {.key = "overage", .kind = OPTION_WORD, FIELD(config_upstream, plan_overage_allow), .words = overage_words,
     .standard = "stop", .text = "When the provider goes on beyond the plan and bills it: `stop` sends further calls to the next step, `allow` goes on and books them as credit."},
    {.key = "reserve", .kind = OPTION_TEXT, FIELD(config_upstream, plan_reserve), .check = config_check_reserve,
     .absent = "nothing", .text = "How much of each window is kept from calls with the tag `batch`: `20%`, or `20% for interactive`, which says the same."},
    {.key = "quota", .kind = OPTION_TEXT, FIELD(config_upstream, plan_quota), .check = config_check_http_url, .secret = true,
     .absent = "none", .text = "URL of the plan's quota endpoint, asked with the upstream's own key at most once a minute while calls go there. Not with `key: passthrough`."},
};
static const struct option_table plan_options = OPTION_TABLE(plan_rows);

static const struct config_option upstream_rows[] = {
    {.key = "vendor", .kind = OPTION_TEXT, FIELD(config_upstream, vendor), .check = config_check_name, .absent = "none",
     .text = "A known vendor; its row gives URL, dialect, models and prices."},
    {.key = "dialect", .kind = OPTION_TEXT, FIELD(config_upstream, dialect), .words = dialect_words,
     .absent = "the vendor's", .text = "The wire format it speaks."},
    {.key = "url", .kind = OPTION_TEXT, FIELD(config_upstream, url), .check = config_check_upstream_url, .secret = true,
     .absent = "the vendor's",
     .text = "Base URL as the dialect's official client takes it (`openai` with `/v1`, the others without), or "
             "`unix:/path`."},
    {.key = "place", .kind = OPTION_WORD, FIELD(config_upstream, place), MARK(config_upstream, place_mark),
     .words = place_words, .first_word = PLACE_HOME, .absent = "cloud; dialect `engine` is always home",
     .text = "Where it stands. What may not leave the house goes to `home` only."},
    {.key = "key", .kind = OPTION_TEXT, FIELD(config_upstream, key), .check = config_check_secret, .secret = true,
     .absent = "none", .text = "Its secret: `env:NAME`, `file:PATH`, or `passthrough` for the client's own."},
    {.key = "regime", .kind = OPTION_TEXT, FIELD(config_upstream, regime), .words = regime_words,
     .absent = "`power` at home, else `credit`", .text = "How it is paid: per token, flat, or by your electricity."},
    {.key = "models", .kind = OPTION_OWN, .read = config_read_models, MARK(config_upstream, model_mark), .shape = "text, list or map",
     .absent = "none", .text = "Bare names of the models it serves, beside those its vendor and the chains name. Of dialect `engine`: `{ NAME: FILE }`, "
             "1 to 32 models in GGUF files, from the folder of the config; of a split one the first part."},
    {.key = "context", .kind = OPTION_TOKENS, FIELD(config_upstream, engine_context), MARK(config_upstream, context_mark), .min = 16, .max = 1 << 20,
     .absent = "what each model was trained for, as far as memory goes",
     .text = "Dialect `engine`: tokens of all calls together that each model keeps in memory; one call may use all of it."},
    {.key = "threads", .kind = OPTION_COUNT, FIELD(config_upstream, engine_threads), MARK(config_upstream, threads_mark), .min = 1, .max = 64,
     .absent = "one for each core", .text = "Dialect `engine`: threads that compute; fewer leave cores to other work of the machine."},
    {.key = "calls", .kind = OPTION_COUNT, FIELD(config_upstream, engine_calls), MARK(config_upstream, calls_mark), .min = 1, .max = 256, .standard = "8",
     .text = "Dialect `engine`: calls that each model computes at once; further ones wait in its line. More share each reading of the weights, and each is slower."},
    {.key = "kv", .kind = OPTION_WORD, FIELD(config_upstream, engine_kv), MARK(config_upstream, kv_mark), .words = kv_words, .standard = "f16",
     .text = "Dialect `engine`: how keys and values of texts are kept. `q8_0` takes 53 % of the memory of `f16`, so nearly twice the context, and rounds them to eight bits."},
    {.key = "keep", .kind = OPTION_DURATION, FIELD(config_upstream, engine_keep_ms), MARK(config_upstream, keep_mark), .min = 1000, .max = 365 * DAY_MS, .standard = "30m",
     .text = "Dialect `engine`: a model that nobody used for so long gives its memory back: texts it kept for calls that begin alike, buffers, the pages of "
             "its file. It stays loaded; its next call reads the file and its text anew."},
    {.key = "timeout", .kind = OPTION_SECTION, .table = &timeout_options, .text = "How long to wait for it."},
    {.key = "concurrent", .kind = OPTION_COUNT, FIELD(config_upstream, concurrent), .min = 1, .max = 65535,
     .absent = "no limit", .text = "Calls in flight at once."},
    {.key = "rpm", .kind = OPTION_COUNT, FIELD(config_upstream, rpm), .min = 1, .max = 1000000, .absent = "no limit",
     .text = "Attempts it gets in any 60 seconds, whatever came of them. A full minute is a reason to take the next step."},
    {.key = "tpm", .kind = OPTION_TOKENS, FIELD(config_upstream, tpm), .min = 1, .max = INT64_C(1000000000),
     .absent = "no limit",
     .text = "Tokens, prompts and answers together, in any 60 seconds: estimated before a call leaves, true when it is over. "
             "A full minute is a reason to take the next step."},
    {.key = "watts", .kind = OPTION_COUNT, FIELD(config_upstream, watts), .min = 1, .max = 100000, .absent = "unknown",
     .text = "What the machine draws while it works on a call, above what it draws anyway. With `electricity.price`, calls "
             "under regime `power` cost this for as long as they take; two at once each cost all of it."},
    {.key = "queue", .kind = OPTION_SECTION, .table = &queue_options, .text = "The line before `concurrent`."},
    {.key = "budget", .kind = OPTION_SECTION, .table = &budget_options, MARK(config_upstream, budget_mark),
     .text = "What it may cost; a call whose worst case does not fit is refused or takes the next step."},
    {.key = "plan", .kind = OPTION_SECTION, .table = &plan_options, .text = "A flat subscription under regime `plan`: see the guide on plans."},
};
const struct option_table config_upstream_options = OPTION_TABLE(upstream_rows);

/* --- jobs.NAME ----------------------------------------------------------------------------------- */

static const struct config_option when_rows[] = {
    {.key = "max_context", .kind = OPTION_TOKENS, FIELD(config_step, max_context), .min = 1, .max = 100000000,
     .absent = "any", .text = "Takes only calls of at most so many tokens."},
    {.key = "needs", .kind = OPTION_BITS, FIELD(config_step, needs), .words = need_words, .absent = "any",
     .text = "Takes only calls that need all of these."},
    {.key = "tags", .kind = OPTION_OWN, .read = config_read_tags, .shape = "text or list", .absent = "any",
     .text = "Takes only calls that carry all of these tags."},
};
static const struct option_table when_options = OPTION_TABLE(when_rows);

static const struct config_option step_rows[] = {
    {.key = "try", .kind = OPTION_OWN, .read = config_read_try, .required = true, .shape = "target or group",
     .text = "`TARGET`, or `[TARGET or {target, weight}, …]`, a group of equals."},
    {.key = "balance", .kind = OPTION_WORD, FIELD(config_step, balance), .words = balance_words,
     .first_word = BALANCE_ORDER, .absent = "the job's", .text = "How one of the group is chosen."},
    {.key = "hedge_after", .kind = OPTION_DURATION, FIELD(config_step, hedge_after_ms), .min = 1, .max = 10 * MINUTE_MS,
     .absent = "never", .text = "Starts the next choice beside this one when no content came by then."},
    {.key = "when", .kind = OPTION_SECTION, .table = &when_options, .text = "Conditions on the call."},
};
const struct option_table config_step_options = OPTION_TABLE(step_rows);

static const struct config_option member_rows[] = {
    {.key = "target", .kind = OPTION_TEXT, FIELD(config_target, name), .required = true, .check = config_check_target,
     .text = "`upstream/model`."},
    {.key = "weight", .kind = OPTION_COUNT, FIELD(config_target, weight), .min = 1, .max = 1000, .standard = "1",
     .text = "Its share under `balance: weighted`."},
};
const struct option_table config_member_options = OPTION_TABLE(member_rows);

static const struct config_option job_rows[] = {
    {.key = "chain", .kind = OPTION_OWN, .read = config_read_chain, .required = true, .table = &config_step_options,
     .part = "[]", .shape = "list of steps",
     .text = "1 to 16 steps, in order. A step is `TARGET`, `[TARGET or {target, weight}, …]` (1 to 16), or a map of "
             "the keys below."},
    {.key = "balance", .kind = OPTION_WORD, FIELD(config_job, balance), .words = balance_words,
     .first_word = BALANCE_ORDER, .standard = "order", .text = "The default of its steps."},
    {.key = "boundary", .kind = OPTION_WORD, FIELD(config_job, boundary), MARK(config_job, boundary_mark),
     .words = boundary_words, .first_word = BOUNDARY_HOME, .absent = "any",
     .text = "How far its calls may travel. A chain that could cross it is refused."},
    {.key = "overflow", .kind = OPTION_WORD, FIELD(config_job, overflow), MARK(config_job, overflow_mark), .words = overflow_words,
     .first_word = CONFIG_OVERFLOW_ERROR, .standard = "error",
     .text = "When a conversation does not fit into the built-in engine's context: `error` tells both numbers, and a step with a larger context comes next; "
             "with `drop_oldest` its oldest turns are left out, and `x-hearth-dropped` says how many tokens. A request's `hearth.overflow` wins. Others' servers are not told."},
    {.key = "requires", .kind = OPTION_TEXT, FIELD(config_job, requires_url), .check = config_check_http_url,
     .secret = true, .absent = "nothing",
     .text = "A URL that must answer 2xx before a call is sent; there is no fallback from it."},
    {.key = "defaults", .kind = OPTION_OWN, .read = config_read_defaults, .shape = "map", .absent = "none",
     .text = "Members of the request that are added when the client leaves them out, and that its kind of call knows (no max_tokens for embeddings); at most 12. Not `model`, "
             "`messages`, `stream`, `prompt` or `input`."},
};
const struct option_table config_job_options = OPTION_TABLE(job_rows);

/* --- prices.TARGET ------------------------------------------------------------------------------- */

#define PRICE_ROWS(T, otherwise)                                                                                     \
    {.key = "input", .kind = OPTION_PRICE, FIELD(T, row.input), .max = PRICE_MAX, .missing = NOT_GIVEN,              \
     .absent = otherwise, .text = "Prompt tokens."},                                                                 \
        {.key = "cached", .kind = OPTION_PRICE, FIELD(T, row.cached), .max = PRICE_MAX, .missing = NOT_GIVEN,        \
         .absent = otherwise, .text = "Prompt tokens read from the vendor's cache."},                                \
        {.key = "cache_write", .kind = OPTION_PRICE, FIELD(T, row.cache_write), .max = PRICE_MAX,                    \
         .missing = NOT_GIVEN, .absent = otherwise, .text = "Prompt tokens written to the vendor's cache."},         \
    {                                                                                                                \
        .key = "output", .kind = OPTION_PRICE, FIELD(T, row.output), .max = PRICE_MAX, .missing = NOT_GIVEN,         \
        .absent = otherwise, .text = "Tokens of the answer."                                                         \
    }

static const struct config_option hours_rows[] = {
    {.key = "days", .kind = OPTION_OWN, .read = config_read_days, .shape = "days or list", .absent = "mon-sun",
     .text = "Days of the week such as `mon-fri` or `sat,sun`."},
    {.key = "from", .kind = OPTION_MINUTE, FIELD(hours_reading, from_min), .min = 0, .max = 24 * 60 - 1,
     .standard = "00:00", .text = "First minute of each of these days."},
    {.key = "to", .kind = OPTION_MINUTE, FIELD(hours_reading, to_min), .min = 0, .max = 24 * 60, .standard = "24:00",
     .text = "Minute before which it ends. Earlier than `from` (over midnight) only without `days`."},
    {.key = "utc", .kind = OPTION_OFFSET, FIELD(hours_reading, row.utc_offset_min), .min = -14 * 60, .max = 14 * 60,
     .standard = "+00:00", .text = "Offset of the clock in which days and hours are meant."},
    PRICE_ROWS(hours_reading, "the target's"),
};
const struct option_table config_hours_options = OPTION_TABLE(hours_rows);

static const struct config_option price_rows[] = {
    PRICE_ROWS(price_reading, "unknown"),
    {.key = "hours", .kind = OPTION_OWN, .read = config_read_hours, .table = &config_hours_options, .part = "[]",
     .shape = "list of maps", .absent = "the same all day",
     .text = "Other prices by time of day, at most 16 entries; the first that covers the moment counts."},
};
const struct option_table config_price_options = OPTION_TABLE(price_rows);

/* --- the top level ------------------------------------------------------------------------------- */

static const struct config_option electricity_rows[] = {
    {.key = "price", .kind = OPTION_ENERGY, FIELD(config, electricity_nusd_kwh), .min = 0, .max = 1000 * USD_NUSD,
     .missing = -1, .absent = "unknown", .text = "What a kilowatt-hour costs you; with an upstream's `watts`, the price of regime `power`."},
};
static const struct option_table electricity_options = OPTION_TABLE(electricity_rows);

static const struct config_option ledger_rows[] = {
    {.key = "keep", .kind = OPTION_DURATION, FIELD(config, ledger_keep_ms), .min = DAY_MS, .max = 36500 * DAY_MS,
     .zero = "forever", .standard = "forever", .text = "How long calls stay in the ledger; of older ones the sums by day, job, target, regime and key stay."},
};
static const struct option_table ledger_options = OPTION_TABLE(ledger_rows);

static const struct config_option limits_rows[] = {
    {.key = "body", .kind = OPTION_SIZE, FIELD(config, body_bytes_max), .min = 1 << 10, .max = 512 << 20,
     .standard = "64 MiB", .text = "Largest request body; a larger one is answered 413."},
    {.key = "hops", .kind = OPTION_COUNT, FIELD(config, hops_max), .min = 1, .max = 64, .standard = "8",
     .text = "Attempts that one call may make."},
    {.key = "calls", .kind = OPTION_COUNT, FIELD(config, calls_max), .min = 1, .max = 1000000,
     .absent = "half of what the limit of open files leaves",
     .text = "Calls under way at once, those in lines included; further ones are answered 503 at once."},
};
static const struct option_table limits_options = OPTION_TABLE(limits_rows);

static const struct config_option log_rows[] = {
    {.key = "format", .kind = OPTION_WORD, FIELD(config, log_format), .words = log_format_words, .first_word = CONFIG_LOG_AUTO,
     .standard = "auto", .text = "Lines for people, or one JSON object a line. `auto`: for people on a terminal."},
    {.key = "level", .kind = OPTION_WORD, FIELD(config, log_level), .words = log_level_words, .first_word = LOG_DEBUG,
     .standard = "info", .text = "The least important lines that are written."},
};
static const struct option_table log_options = OPTION_TABLE(log_rows);
static const struct config_option memory_rows[] = {
    {.key = "buffered", .kind = OPTION_SIZE, FIELD(config, buffered_bytes_max), .min = 1 << 20, .max = INT64_C(1) << 40,
     .standard = "512 MiB",
     .text = "Request bodies, answers and unsent output of all calls together; beyond it requests are answered 503 "
             "before they are read. At least `limits.body`."},
};
static const struct option_table memory_options = OPTION_TABLE(memory_rows);

static const struct config_option top_rows[] = {
    {.key = "version", .kind = OPTION_COUNT, .min = 1, .max = 1, .standard = "1", .text = "Of this format."},
    {.key = "listen", .kind = OPTION_TEXTS, FIELDS(config, listen, listen_count), .room_min = 1,
     .check = config_check_listen, .standard = "127.0.0.1:4242",
     .text = "Addresses to serve: `host:port`, `[v6]:port`, `:port` (all) or `unix:/path`."},
    {.key = "home_networks", .kind = OPTION_TEXTS, FIELDS(config, home_networks, home_network_count),
     .check = config_check_network, .absent = "none",
     .text = "What is home beside loopback, RFC 1918, link-local and ULA addresses, which always are. At most as wide as /8 (IPv6: /16)."},
    {.key = "hosts", .kind = OPTION_TEXTS, FIELDS(config, hosts, host_count), .check = config_check_host,
     .absent = "none", .text = "Names under which Hearth may be reached, beside localhost, loopback literals and those under `listen`."},
    {.key = "origins", .kind = OPTION_TEXTS, FIELDS(config, origins, origin_count), .check = config_check_origin,
     .absent = "none", .text = "Foreign web origins that may call."},
    {.key = "data", .kind = OPTION_TEXT, FIELD(config, data), .absent = "`~/.local/share/hearth`",
     .text = "Folder of journal, ledger and keys; `~/` is the home folder. `--data` and `$HEARTH_DATA` win over it."},
    {.key = "resolver", .kind = OPTION_TEXT, FIELD(config, resolver), .check = config_check_resolver,
     .absent = "the system's", .text = "The DNS server to ask instead."},
    {.key = "ca_file", .kind = OPTION_TEXT, FIELD(config, ca_file), .absent = "none",
     .text = "Certificates of authorities of yours, PEM, to trust beside the system's."},
    {.key = "loops", .kind = OPTION_COUNT, FIELD(config, loops), .min = 1, .max = 64,
     .absent = "as many as cores, at most 4", .text = "Threads that serve calls."},
    {.key = "upstreams", .kind = OPTION_OWN, .read = config_read_upstreams, .table = &config_upstream_options,
     .part = ".NAME", .shape = "map by name", .absent = "none", .text = "Where calls can be sent; at most 256."},
    {.key = "jobs", .kind = OPTION_OWN, .read = config_read_jobs, .table = &config_job_options, .part = ".NAME",
     .shape = "map by name", .absent = "none", .text = "Kinds of work that clients ask for as models; at most 256."},
    {.key = "aliases", .kind = OPTION_OWN, .read = config_read_aliases, .shape = "map: name to job or target",
     .absent = "none",
     .text = "Other names; `*` stands for any run of characters. Jobs and aliases share one namespace."},
    {.key = "plans", .kind = OPTION_WORD, FIELD(config, plans_off), .words = plans_words, .standard = "on",
     .text = "`off`: no call goes to an upstream under regime `plan`, and no client's credential to a vendor's plan; such steps are skipped."},
    {.key = "successors", .kind = OPTION_WORD, FIELD(config, successors_allow), .words = successors_words,
     .standard = "ask",
     .text = "`allow`: a retired model is replaced by its known successor. `ask`: it is only reported."},
    {.key = "compat", .kind = OPTION_WORD, FIELD(config, compat_litellm), .words = compat_words, .standard = "none",
     .text = "`litellm`: answers carry LiteLLM's headers (`x-litellm-call-id`, `-model-id`, `-response-cost`, …) beside "
             "ours."},
    {.key = "prices", .kind = OPTION_OWN, .read = config_read_prices, .table = &config_price_options,
     .part = ".TARGET", .shape = "map by target", .absent = "the price book's",
     .text = "Your own prices per million tokens, in USD when no currency is given."},
    {.key = "fx", .kind = OPTION_OWN, .read = config_read_fx, .early = true, .shape = "map: currency to rate",
     .absent = "USD only", .text = "How many USD one unit of another currency is; at most 16."},
    {.key = "electricity", .kind = OPTION_SECTION, .table = &electricity_options, .text = "What power costs you."},
    {.key = "ledger", .kind = OPTION_SECTION, .table = &ledger_options, .text = "The record of all calls."},
    {.key = "log", .kind = OPTION_SECTION, .table = &log_options, .text = "What is said on standard error; never content of calls."},
    {.key = "limits", .kind = OPTION_SECTION, .table = &limits_options, .text = "What calls may take."},
    {.key = "memory", .kind = OPTION_SECTION, .table = &memory_options, .text = "What all calls may hold."},
    {.key = "head_after", .kind = OPTION_DURATION, FIELD(config, head_after_ms), .min = 1, .max = HOUR_MS,
     .standard = "20s", .text = "A stream without content for so long gets its head and keep-alive comments; failover "
                                "goes on."},
    {.key = "drain", .kind = OPTION_DURATION, FIELD(config, drain_ms), .min = 0, .max = HOUR_MS, .standard = "30s",
     .text = "What calls under way get to end when Hearth stops; then they are ended with an error."},
};
const struct option_table config_options = OPTION_TABLE(top_rows);
/* clang-format on */
