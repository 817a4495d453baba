/* scenario_world.c: what is expected of the world around: what upstreams saw, what the ledger says, what was logged and
 * what lies in files. What comes to be a moment later is looked for again, within bounds. */
#include "base/json.h"
#include "base/mem.h"
#include "scenario.h"
#include <signal.h>

enum { SETTLE_MS = 5000 * SLOWER, LEDGER_MS = 5000 * SLOWER };

/* --- numbers ------------------------------------------------------------------------------------------------------ */

/* N or N..M */
static bool in_range(struct str range, int64_t n)
{
    int64_t low, high;
    ptrdiff_t dots = str_find(range, STR(".."));
    if (dots < 0)
        return str_to_i64(range, &low) && n == low;
    return str_to_i64(str_slice(range, 0, (size_t)dots), &low) &&
           str_to_i64(str_skip(range, (size_t)dots + 2), &high) && n >= low && n <= high;
}

static bool is_range(struct str range)
{
    ptrdiff_t dots = str_find(range, STR(".."));
    int64_t n;
    return dots > 0 && str_to_i64(str_slice(range, 0, (size_t)dots), &n);
}

/* --- upstreams ---------------------------------------------------------------------------------------------------- */

static bool seen_field(const struct sim_seen *n, struct str field, int64_t *out)
{
    const struct {
        const char *name;
        long value;
    } fields[] = {{"connections", n->connections}, {"requests", n->requests}, {"completed", n->completed},
                  {"aborted", n->aborted},         {"probes", n->probes},     {"open", n->open},
                  {"connected", n->connected}};
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (str_eq(field, str_from(fields[i].name))) {
            *out = fields[i].value;
            return true;
        }
    return false;
}

static bool seen_once(struct scenario *s, const struct upstream *u, struct words w)
{
    struct sim_seen seen;
    struct str field, range;
    sim_seen(s->sim, u->sim, &seen);
    while ((field = words_next(&w)).ptr) {
        int64_t n = 0;
        range = words_next(&w);
        if (!seen_field(&seen, field, &n) || !range.ptr)
            return scenario_fail(
                s, "expect seen UPSTREAM (connections|requests|completed|aborted|probes|open|connected N)...");
        if (!in_range(range, n))
            return scenario_fail(s, "upstream %.*s: expected %.*s %.*s, got %lld", STR_FMT(u->name), STR_FMT(field),
                                 STR_FMT(range), (long long)n);
    }
    return true;
}

/* expect seen a requests 1 aborted 0 */
static bool expect_seen(struct scenario *s, struct words *w)
{
    struct upstream *u = upstream_named(s, words_next(w));
    if (!u || u->sim < 0)
        return scenario_fail(s, "expect seen UPSTREAM ...");
    int64_t until = now_ms() + SETTLE_MS;
    while (!seen_once(s, u, *w))
        if (!poll_again(s, until))
            return false;
    buf_clear(&s->problem);
    return true;
}

/* expect aborted a within 1000: measured from the client's `abort`. */
static bool expect_aborted(struct scenario *s, struct words *w)
{
    struct upstream *u = upstream_named(s, words_next(w));
    int64_t limit;
    struct sim_seen seen;
    if (!u || u->sim < 0 || !words_take(w, "within") || !words_number(w, &limit))
        return scenario_fail(s, "expect aborted UPSTREAM within MS");
    int64_t until = s->aborted_ms + limit * SLOWER;
    for (;;) {
        sim_seen(s->sim, u->sim, &seen);
        if (seen.aborted > 0 && seen.last_abort_ms >= s->aborted_ms)
            break;
        if (!poll_again(s, until + POLL_MS))
            return scenario_fail(s, "upstream %.*s: expected its connection to be given up within %lld ms",
                                 STR_FMT(u->name), (long long)limit);
    }
    return seen.last_abort_ms <= until ||
           scenario_fail(s, "upstream %.*s was given up only after %lld ms", STR_FMT(u->name),
                         (long long)(seen.last_abort_ms - s->aborted_ms));
}

static bool request_json(struct scenario *s, struct str body, struct words *w)
{
    AUTO_BUF struct buf got = BUF_INIT(64 * MiB);
    struct str path = words_next(w);
    bool there = json_path(s, body, path, &got);
    if (words_take(w, "absent"))
        return !there || scenario_fail(s, "request %.*s: expected to be absent, got `%.*s`", STR_FMT(path),
                                       STR_FMT(buf_str(&got)));
    if (!there)
        return scenario_fail(s, "request %.*s: not there in `%.*s`", STR_FMT(path), STR_FMT(str_slice(body, 0, 600)));
    return expect_text(s, "request", got.len ? buf_str(&got) : STR(""), w);
}

/* expect request a header NAME ... | header-absent NAME | body ... | json PATH ... | head ...: the last one it saw. */
static bool expect_request(struct scenario *s, struct words *w)
{
    struct upstream *u = upstream_named(s, words_next(w));
    AUTO_BUF struct buf last = BUF_INIT(256 * MiB);
    if (!u || u->sim < 0 || sim_last_request(s->sim, u->sim, &last) != 0)
        return scenario_fail(s, "expect request UPSTREAM ...");
    ptrdiff_t end = str_find(buf_str(&last), STR("\r\n\r\n"));
    if (end < 0)
        return scenario_fail(s, "upstream %.*s saw no request", STR_FMT(u->name));
    struct reply as_reply = {.head = str_slice(buf_str(&last), 0, (size_t)end + 2)};
    struct str body = str_skip(buf_str(&last), (size_t)end + 4);
    if (words_take(w, "body"))
        return expect_text(s, "request body", body, w);
    if (words_take(w, "head"))
        return expect_text(s, "request head", as_reply.head, w);
    if (words_take(w, "json"))
        return request_json(s, body, w);
    bool absent = words_take(w, "header-absent");
    if (!absent && !words_take(w, "header"))
        return scenario_fail(s, "expect request UPSTREAM header|header-absent|body|json|head");
    struct str name = words_next(w), value = reply_header(&as_reply, name);
    if (absent)
        return !value.ptr ||
               scenario_fail(s, "expected no header %.*s upstream, got `%.*s`", STR_FMT(name), STR_FMT(value));
    if (!value.ptr)
        return scenario_fail(s, "expected a header %.*s upstream; the head was: %.*s", STR_FMT(name),
                             STR_FMT(as_reply.head));
    return expect_text(s, "request header", value, w);
}

/* expect wire a ...: all that it has read, since `forget`. */
static bool expect_wire(struct scenario *s, struct words *w)
{
    struct upstream *u = upstream_named(s, words_next(w));
    AUTO_BUF struct buf wire = BUF_INIT(256 * MiB);
    if (!u || u->sim < 0)
        return scenario_fail(s, "expect wire UPSTREAM ...");
    if (sim_wire(s->sim, u->sim, &wire) != 0)
        return scenario_fail(s, "upstream %.*s has read more than is kept: `forget` it in between", STR_FMT(u->name));
    if (!wire.len)
        return scenario_fail(s, "upstream %.*s has read nothing", STR_FMT(u->name));
    return expect_text(s, "wire", buf_str(&wire), w);
}

/* --- the ledger --------------------------------------------------------------------------------------------------- */

/* One line against `key value` pairs: a text, null, true, a number, or a range N..M. */
static bool line_matches(struct scenario *s, struct str line, struct words w)
{
    struct str key, want;
    while ((key = words_next(&w)).ptr) {
        want = words_next(&w);
        AUTO_BUF struct buf got = BUF_INIT(1 * MiB);
        char *path = arena_format(&s->arena, ".%.*s", STR_FMT(key));
        int64_t n;
        if (!want.ptr || !path || !json_path(s, line, str_from(path), &got))
            return scenario_fail(s, "ledger: no `%.*s` in `%.*s`", STR_FMT(key), STR_FMT(line));
        bool ok = is_range(want) ? str_to_i64(buf_str(&got), &n) && in_range(want, n)
                                 : str_eq(want, got.len ? buf_str(&got) : STR(""));
        if (!ok)
            return scenario_fail(s, "ledger: expected %.*s %.*s, got `%.*s` in %.*s", STR_FMT(key), STR_FMT(want),
                                 STR_FMT(buf_str(&got)), STR_FMT(line));
    }
    return true;
}

static struct str nth_line(struct str text, int64_t n) /* from 1; 0: the last */
{
    struct str line = STR_NONE, last = STR_NONE;
    while (str_cut(&text, '\n', &line)) {
        if (str_trim(line).len == 0)
            continue;
        last = line;
        if (n && --n == 0)
            return line;
    }
    return n ? STR_NONE : last;
}

static struct str line_of_call(struct scenario *s, struct str text, struct str id)
{
    struct str line;
    while (str_cut(&text, '\n', &line)) {
        AUTO_BUF struct buf call = BUF_INIT(1 * KiB);
        if (json_path(s, line, STR(".call"), &call) && str_eq(buf_str(&call), id))
            return line;
    }
    return STR_NONE;
}

/* Of the call that the current reply names, or the last one: two calls of one millisecond have no order. */
static struct str last_line(struct scenario *s, struct str text)
{
    const struct client *c = s->current;
    const struct reply *r = c && s->current_reply < c->reply_count ? &c->reply[s->current_reply] : NULL;
    struct str id = r ? reply_header(r, STR("x-hearth-call")) : STR_NONE;
    return id.len ? line_of_call(s, text, id) : nth_line(text, 0);
}

static bool count_lines(struct scenario *s, struct str text, struct str range, const struct words *w)
{
    int64_t count = 0;
    struct str line;
    while (str_cut(&text, '\n', &line))
        count += str_trim(line).len && line_matches(s, line, *w);
    return in_range(range, count) ||
           scenario_fail(s, "ledger: expected %.*s such lines, got %lld", STR_FMT(range), (long long)count);
}

/* No id stands for two calls: it comes in no later line. */
static bool ids_are_unique(struct scenario *s, struct str text)
{
    struct str line;
    while (str_cut(&text, '\n', &line)) {
        AUTO_BUF struct buf id = BUF_INIT(1 * KiB);
        if (json_path(s, line, STR(".call"), &id) && str_find(text, buf_str(&id)) >= 0)
            return scenario_fail(s, "ledger: two lines of call %.*s", STR_FMT(buf_str(&id)));
    }
    return true;
}

static bool ledger_once(struct scenario *s, struct words w)
{
    static const char *const ask[] = {"usage", "--calls", "--json"};
    AUTO_BUF struct buf text = BUF_INIT(64 * MiB);
    struct words cli = {0};
    int status;
    for (size_t i = 0; i < COUNT_OF(ask); i++)
        cli.word[cli.count++] = str_from(ask[i]);
    if (!process_cli(s, &cli, &text, &status))
        return false;
    if (status != 0)
        return scenario_fail(s, "`usage --calls --json` ended with status %d: %.*s", status, STR_FMT(buf_str(&text)));
    struct str line;
    int64_t n = 0;
    if (words_take(&w, "count")) {
        struct str range = words_next(&w);
        return count_lines(s, buf_str(&text), range, &w);
    }
    if (words_take(&w, "storm"))
        return expect_storm_books(s, buf_str(&text));
    if (words_take(&w, "answered"))
        return expect_answered_books(s, buf_str(&text));
    if (words_take(&w, "unique"))
        return ids_are_unique(s, buf_str(&text));
    if (words_take(&w, "call"))
        line = line_of_call(s, buf_str(&text), words_next(&w));
    else if (words_take(&w, "last"))
        line = last_line(s, buf_str(&text));
    else if (words_number(&w, &n))
        line = nth_line(buf_str(&text), n);
    else
        return scenario_fail(s, "expect ledger last|N|call ID|count N|storm|answered|unique KEY VALUE...");
    return line.ptr ? line_matches(s, line, w) : scenario_fail(s, "ledger: there is no such line");
}

static bool expect_ledger(struct scenario *s, struct words *w)
{
    int64_t until = now_ms() + LEDGER_MS;
    while (!ledger_once(s, *w))
        if (!poll_again(s, until))
            return false;
    buf_clear(&s->problem);
    return true;
}

/* --- logs, files, commands ---------------------------------------------------------------------------------------- */

/* log count N "text": so many times, over all starts. */
static bool log_count(struct scenario *s, struct str log, struct words w)
{
    int64_t want, got = 0;
    struct str text = words_next(&w);
    if (!str_to_i64(text, &want) || !(text = words_next(&w)).len)
        return scenario_fail(s, "expect log count N \"text\"");
    for (ptrdiff_t at; (at = str_find(log, text)) >= 0; got++)
        log = str_skip(log, (size_t)at + text.len);
    return got == want || scenario_fail(s, "log: expected `%.*s` %lld times, got it %lld times", STR_FMT(text), (long long)want, (long long)got);
}

static bool log_once(struct scenario *s, struct words w)
{
    AUTO_BUF struct buf text = BUF_INIT(64 * MiB);
    if (!output_read(s, &text))
        return scenario_fail(s, "no log");
    if (words_take(&w, "count"))
        return log_count(s, buf_str(&text), w);
    return expect_text(s, "log", text.len ? buf_str(&text) : STR(""), &w);
}

static bool expect_log(struct scenario *s, struct words *w)
{
    int64_t until = now_ms() + SETTLE_MS;
    while (!log_once(s, *w))
        if (!poll_again(s, until))
            return false;
    buf_clear(&s->problem);
    return true;
}

static bool file_lacks(struct scenario *s, const char *path, void *ctx)
{
    AUTO_BUF struct buf text = BUF_INIT(256 * MiB);
    struct err e = {0};
    if (buf_read_file(&text, path, &e) != 0)
        return true; /* gone meanwhile: a folded segment */
    return str_find(buf_str(&text), *(struct str *)ctx) < 0 ||
           scenario_fail(s, "expected no `%.*s` in %s", STR_FMT(*(struct str *)ctx), path);
}

/* expect files-lack "canary": neither the data folder nor what was printed holds it. */
static bool expect_files_lack(struct scenario *s, struct words *w)
{
    struct str text = words_next(w);
    AUTO_BUF struct buf output = BUF_INIT(64 * MiB);
    if (!text.len || !output_read(s, &output))
        return scenario_fail(s, "expect files-lack \"text\"");
    if (str_find(buf_str(&output), text) >= 0)
        return scenario_fail(s, "expected no `%.*s` in the output: %.*s", STR_FMT(text),
                             STR_FMT(str_slice(buf_str(&output), 0, 1000)));
    return files_each(s, file_lacks, &text);
}

/* expect cli status N | contains "x" ... */
static bool expect_cli(struct scenario *s, struct words *w)
{
    int64_t want;
    if (!words_take(w, "status"))
        return expect_text(s, "cli", s->cli.len ? buf_str(&s->cli) : STR(""), w);
    if (!words_number(w, &want))
        return scenario_fail(s, "expect cli status N");
    return s->cli_status == want || scenario_fail(s, "expected exit status %lld, got %d: %.*s", (long long)want,
                                                  s->cli_status, STR_FMT(str_slice(buf_str(&s->cli), 0, 1000)));
}

/* expect running: it has not died of what was done to it. */
static bool expect_running(struct scenario *s, struct words *w)
{
    (void)w;
    return (s->pid && kill(s->pid, 0) == 0) || scenario_fail(s, "the binary does not run any more");
}

bool expect_world(struct scenario *s, struct str what, struct words *w, bool *known)
{
    static const struct {
        const char *word;
        bool (*fn)(struct scenario *s, struct words *w);
    } table[] = {{"seen", expect_seen},     {"aborted", expect_aborted}, {"request", expect_request},
                 {"ledger", expect_ledger}, {"log", expect_log},         {"files-lack", expect_files_lack},
                 {"cli", expect_cli},       {"running", expect_running}, {"memory", expect_memory},
                 {"engine", expect_engine},
                 {"mode", expect_mode},     {"wire", expect_wire}};
    *known = true;
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (str_eq(what, str_from(table[i].word)))
            return table[i].fn(s, w);
    *known = false;
    return false;
}
