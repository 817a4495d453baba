/* scenario_expect.c: what is expected of replies. */
#include "base/json.h"
#include "scenario.h"
#include <unistd.h>

enum { CLOSE_MS = 3000, SHOWN_MAX = 600 };

/* --- texts -------------------------------------------------------------------------------------------------------- */

static bool mismatch(struct scenario *s, const char *what, const char *how, struct str want, struct str got)
{
    return scenario_fail(s, "%s: expected %s `%.*s`, got `%.*s`%s", what, how, STR_FMT(str_slice(want, 0, SHOWN_MAX)),
                         STR_FMT(str_slice(got, 0, SHOWN_MAX)), got.len > SHOWN_MAX ? "..." : "");
}

static bool expect_number(struct scenario *s, const char *what, struct str got, struct words *w, bool over)
{
    int64_t n = 0, limit = 0;
    (void)words_next(w);
    if (!words_number(w, &limit))
        return scenario_fail(s, "a number is missing");
    if (!str_to_i64(got, &n) || (over ? n <= limit : n >= limit))
        return scenario_fail(s, "%s: expected %s %lld, got `%.*s`", what, over ? "over" : "under", (long long)limit,
                             STR_FMT(got));
    return true;
}

bool expect_text(struct scenario *s, const char *what, struct str got, struct words *w)
{
    struct str how = words_peek(w);
    if (words_take(w, "any"))
        return got.len > 0 || scenario_fail(s, "%s: expected any text, got none", what);
    if (str_eq(how, STR("over")) || str_eq(how, STR("under")))
        return expect_number(s, what, got, w, str_eq(how, STR("over")));
    if (words_take(w, "longer")) {
        int64_t least = 0;
        if (!words_number(w, &least))
            return scenario_fail(s, "a number is missing");
        return (int64_t)got.len > least || scenario_fail(s, "%s: expected more than %lld bytes, got %zu", what, (long long)least, got.len);
    }
    bool contains = words_take(w, "contains"), lacks = !contains && words_take(w, "lacks");
    bool like = !contains && !lacks && words_take(w, "like"),
         not = !contains && !lacks && !like && words_take(w, "not");
    if (!contains && !lacks && !like && !not )
        (void)words_take(w, "is");
    struct str want = w->here.ptr ? w->here : words_next(w);
    if (!want.ptr)
        return scenario_fail(s, "%s: nothing to compare with", what);
    do {
        bool found = str_find(got, want) >= 0;
        if (contains && !found)
            return mismatch(s, what, "to contain", want, got);
        if (lacks && found)
            return mismatch(s, what, "not to contain", want, got);
        if (like && !str_match_glob(want, got))
            return mismatch(s, what, "something like", want, got);
        if (not &&str_eq(got, want))
            return mismatch(s, what, "anything but", want, got);
        if (!contains && !lacks && !like && !not &&!str_eq(got, want))
            return mismatch(s, what, "", want, got);
        want = contains || lacks ? words_next(w) : STR_NONE; /* these may be followed by more texts */
    } while (want.ptr);
    return true;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static const struct json_node *step_into(const struct json_node *n, struct str *path)
{
    if (n && path->ptr[0] == '[') {
        uint64_t index;
        ptrdiff_t end = str_find_char(*path, ']');
        if (end < 0 || !str_to_u64(str_slice(*path, 1, (size_t)end), &index))
            return NULL;
        *path = str_skip(*path, (size_t)end + 1);
        for (n = n->child; n && index; index--)
            n = n->next;
        return n;
    }
    char name[128];
    size_t len = 0;
    *path = str_skip(*path, 1);
    while (len < path->len && path->ptr[len] != '.' && path->ptr[len] != '[' && len < sizeof name - 1) {
        name[len] = path->ptr[len];
        len++;
    }
    name[len] = '\0';
    *path = str_skip(*path, len);
    return n ? json_get(n, name) : NULL;
}

bool json_path(struct scenario *s, struct str json, struct str path, struct buf *out)
{
    struct json_node *root;
    if (json_parse(&s->arena, json, &root, NULL) != 0)
        return false;
    const struct json_node *n = root;
    while (n && path.len)
        n = step_into(n, &path);
    return n && buf_append(out, n->text) == 0;
}

static bool expect_json(struct scenario *s, struct str json, struct words *w)
{
    AUTO_BUF struct buf got = BUF_INIT(64 * MiB);
    struct str path = words_next(w);
    char *what = arena_format(&s->arena, "json %.*s", STR_FMT(path));
    bool there = path.ptr && json_path(s, json, path, &got);
    if (words_take(w, "absent"))
        return !there || scenario_fail(s, "%s: expected to be absent, got `%.*s`", what, STR_FMT(buf_str(&got)));
    if (!there)
        return scenario_fail(s, "%s: not there in `%.*s`", what, STR_FMT(str_slice(json, 0, SHOWN_MAX)));
    return expect_text(s, what, got.len ? buf_str(&got) : STR(""), w);
}

/* --- replies ------------------------------------------------------------------------------------------------------ */

static struct reply *current(struct scenario *s)
{
    struct client *c = s->current;
    if (c && c->reply_count)
        return &c->reply[s->current_reply];
    (void)scenario_fail(s, "there is no reply; %zu bytes came%s", c ? c->in.len : 0,
                        c && c->closed ? ", then the connection was closed" : "");
    return NULL;
}

static bool expect_status(struct scenario *s, const struct reply *r, struct words *w)
{
    int64_t want;
    if (!words_number(w, &want))
        return scenario_fail(s, "expect status N");
    return r->status == want || scenario_fail(s, "expected status %lld, got %d: %.*s", (long long)want, r->status,
                                              STR_FMT(str_slice(r->body, 0, SHOWN_MAX)));
}

static bool expect_header(struct scenario *s, const struct reply *r, struct words *w)
{
    struct str name = words_next(w), value = reply_header(r, name);
    if (!value.ptr)
        return scenario_fail(s, "expected a header %.*s; the head was: %.*s", STR_FMT(name), STR_FMT(r->head));
    return expect_text(s, arena_format(&s->arena, "header %.*s", STR_FMT(name)), value, w);
}

static bool expect_header_absent(struct scenario *s, const struct reply *r, struct words *w)
{
    struct str name = words_next(w), value = reply_header(r, name);
    return !value.ptr || scenario_fail(s, "expected no header %.*s, got `%.*s`", STR_FMT(name), STR_FMT(value));
}

static bool expect_body(struct scenario *s, const struct reply *r, struct words *w)
{
    return expect_text(s, "body", r->body, w);
}

static bool expect_json_body(struct scenario *s, const struct reply *r, struct words *w)
{
    return expect_json(s, r->body, w);
}

static bool expect_content(struct scenario *s, const struct reply *r, struct words *w)
{
    AUTO_BUF struct buf text = BUF_INIT(256 * MiB);
    if (!reply_content(r, &text))
        return scenario_fail(s, "the body is not what it says it is: %.*s", STR_FMT(str_slice(r->body, 0, SHOWN_MAX)));
    return expect_text(s, "content", text.len ? buf_str(&text) : STR(""), w);
}

/* The stream ended with an error event: the last one has an `error` member. */
static bool expect_sse_error(struct scenario *s, const struct reply *r, struct words *w)
{
    AUTO_BUF struct buf message = BUF_INIT(1 * MiB);
    bool done;
    struct str last = reply_last_event(r, &done);
    if (!json_path(s, last, STR(".error.message"), &message))
        return scenario_fail(s, "expected an error event at the end, got `%.*s`", STR_FMT(last));
    return !words_peek(w).ptr || expect_text(s, "error event", buf_str(&message), w);
}

static bool expect_sse_done(struct scenario *s, const struct reply *r, struct words *w)
{
    bool done;
    struct str last = reply_last_event(r, &done);
    (void)w;
    return (done && r->complete) || scenario_fail(s, "expected a stream that ends with [DONE], got %s after `%.*s`",
                                                  done ? "a broken connection" : "none", STR_FMT(last));
}

static bool expect_complete(struct scenario *s, const struct reply *r, struct words *w)
{
    (void)w;
    return r->complete || scenario_fail(s, "expected a complete reply, got a broken one: %.*s",
                                        STR_FMT(str_slice(r->body, 0, SHOWN_MAX)));
}

static bool expect_broken(struct scenario *s, const struct reply *r, struct words *w)
{
    (void)w;
    return !r->complete || scenario_fail(s, "expected a reply without its end, got a complete one");
}

static bool expect_took(struct scenario *s, const struct reply *r, struct words *w)
{
    char text[32];
    (void)r;
    size_t n = text_format(text, sizeof text, "%lld", (long long)(s->current->ended_ms - s->current->started_ms));
    return expect_text(s, "milliseconds", str_of(text, n), w);
}

/* --- connections -------------------------------------------------------------------------------------------------- */

static bool expect_closed(struct scenario *s, struct words *w)
{
    int64_t limit = CLOSE_MS;
    struct client *c = s->current;
    if (words_take(w, "within"))
        (void)words_number(w, &limit);
    if (!c)
        return scenario_fail(s, "there is no client");
    int64_t until = now_ms() + limit * SLOWER;
    while (!c->closed && now_ms() < until && now_ms() < s->deadline_ms)
        client_read_some(c, until);
    replies_parse(c);
    return c->closed || scenario_fail(s, "expected the connection to be closed within %lld ms", (long long)limit);
}

static bool expect_replies(struct scenario *s, struct words *w)
{
    int64_t want;
    if (!s->current || !words_number(w, &want))
        return scenario_fail(s, "expect replies N");
    return s->current->reply_count == want ||
           scenario_fail(s, "expected %lld replies, got %d", (long long)want, s->current->reply_count);
}

static bool reply_matches(const struct reply *r, struct str kind, struct str name, struct str value)
{
    int64_t status;
    if (str_eq(kind, STR("status")))
        return str_to_i64(name, &status) && r->status == status;
    if (str_eq(kind, STR("header")))
        return str_match_glob(value, reply_header(r, name));
    return str_eq(kind, STR("body")) && str_find(r->body, name) >= 0;
}

/* expect burst N|N..M status S | header NAME GLOB | body TEXT: so many of the burst's replies are like that. */
static bool expect_burst(struct scenario *s, struct words *w)
{
    struct str range = words_next(w), kind = words_next(w), name = words_next(w), value = words_next(w);
    int count = 0;
    for (int i = 0; i < s->client_count; i++)
        if (str_eq(s->client[i].name, STR("burst")) && s->client[i].reply_count)
            count += reply_matches(&s->client[i].reply[0], kind, name, value);
    int64_t low = 0, high = 0;
    ptrdiff_t dots = str_find(range, STR(".."));
    bool ok = str_to_i64(dots < 0 ? range : str_slice(range, 0, (size_t)dots), &low) &&
              str_to_i64(dots < 0 ? range : str_skip(range, (size_t)dots + 2), &high);
    if (!ok)
        return scenario_fail(s, "expect burst N ...");
    return (count >= low && count <= high) ||
           scenario_fail(s, "expected %.*s replies with %.*s %.*s %.*s, got %d", STR_FMT(range), STR_FMT(kind),
                         STR_FMT(name), STR_FMT(value), count);
}

/* --- the verb ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    bool (*fn)(struct scenario *s, const struct reply *r, struct words *w);
} of_reply[] = {
    {"status", expect_status},       {"header", expect_header},     {"header-absent", expect_header_absent},
    {"body", expect_body},           {"json", expect_json_body},    {"content", expect_content},
    {"sse-error", expect_sse_error}, {"sse-done", expect_sse_done}, {"complete", expect_complete},
    {"broken", expect_broken},       {"took", expect_took},
};
static const struct {
    const char *word;
    bool (*fn)(struct scenario *s, struct words *w);
} of_connection[] = {{"closed", expect_closed}, {"replies", expect_replies}, {"burst", expect_burst}, {"flood", expect_flood}};

bool expect_verb(struct scenario *s, struct words *w)
{
    struct str what = words_next(w);
    bool known;
    for (size_t i = 0; i < COUNT_OF(of_reply); i++)
        if (str_eq(what, str_from(of_reply[i].word))) {
            const struct reply *r = current(s);
            return r && of_reply[i].fn(s, r, w);
        }
    for (size_t i = 0; i < COUNT_OF(of_connection); i++)
        if (str_eq(what, str_from(of_connection[i].word)))
            return of_connection[i].fn(s, w);
    if (str_eq(what, STR("crowd")))
        return expect_crowd(s, w);
    if (str_eq(what, STR("notified")))
        return expect_notified(s, w);
    if (str_eq(what, STR("metrics")))
        return expect_metrics(s, w);
    bool ok = expect_world(s, what, w, &known);
    return known ? ok : scenario_fail(s, "unknown expectation `%.*s`", STR_FMT(what));
}
