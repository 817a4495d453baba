/* openai_mend.c: a request in OpenAI's dialect that its vendor would refuse as the client sent it, because the client dropped what
 * was said beside a call of a tool: put back where it stood, everything else untouched.
 *
 *   {"role":"assistant","tool_calls":[…]}  ->  {"reasoning_content":"…","role":"assistant","tool_calls":[…]}
 *   {"role":"assistant","tool_calls":[…]}  ->  {"reasoning_details":[…],"role":"assistant","tool_calls":[…]}
 *   [{"id":"call_1","function":…}]         ->  [{"extra_content":{…},"id":"call_1","function":…}]
 *
 * And the chunks of a stream whose calls are not numbered, which clients refuse:
 *
 *   {"tool_calls":[{"id":"call_1",…}]}     ->  {"tool_calls":[{"index":0,"id":"call_1",…}]}
 *
 * The one scan of the body is made for vendors with such a quirk only, and only when there are calls in it. */
#include "wire/openai_priv.h"

struct mender {
    struct str body;
    enum openai_mend what;
    const struct recall *recall;
    struct arena *arena;
    struct buf out;  /* what takes the place of the body from `from` to `done` */
    size_t from, done;
    int rc;
};

static size_t offset_of(const struct mender *m, struct str slice)
{
    return (size_t)(slice.ptr - m->body.ptr);
}

/* What stands there goes, `key` (empty: it has one) and a value come. */
static void put(struct mender *m, size_t offset, size_t len, struct str key, struct str value, bool is_text)
{
    struct json_writer w = JSON_WRITER(&m->out);
    if (m->rc)
        return;
    if (m->out.len == 0)
        m->from = m->done = offset;
    m->rc = buf_append(&m->out, str_slice(m->body, m->done, offset));
    m->done = offset + len;
    if (key.len)
        json_key_str(&w, key);
    if (is_text)
        json_str(&w, value);
    else
        json_raw(&w, value);
    m->rc = m->rc ? m->rc : json_done(&w);
    if (m->rc == 0 && key.len)
        m->rc = buf_append_char(&m->out, ','); /* its own members follow */
}

static bool find(struct mender *m, const struct openai_fragment *f, struct keepsake *out)
{
    struct part call = {.kind = PART_CALL, .custom = f->custom};
    *out = (struct keepsake){.thought = STR_NONE};
    if (!m->recall)
        return false;
    call.id = json_unescape_arena(f->id, m->arena);
    call.arguments = f->arguments_plain || !f->arguments.len ? f->arguments : json_unescape_arena(f->arguments, m->arena);
    if (f->id.len && (!call.id.ptr || (f->arguments.len && !call.arguments.ptr))) {
        m->rc = ERR_NOMEM;
        return false;
    }
    return m->recall->find(m->recall->ctx, &call, out);
}

struct turn {
    size_t inside; /* just behind its brace */
    struct str role, calls, thought, details;
};

/* What stands there and is no text gives its place. */
static void thought_mend(struct mender *m, const struct turn *t)
{
    struct openai_fragment f;
    struct keepsake kept = {.thought = STR_NONE};
    struct json_scan s;

    if (t->thought.len && t->thought.ptr[0] == '"')
        return;
    json_scan_init(&s, t->calls);
    json_enter(&s);
    while (!kept.thought.len && openai_fragment_next(&s, &f))
        (void)find(m, &f, &kept);
    struct str text = kept.thought.len ? kept.thought : STR("");
    if (t->thought.len)
        put(m, offset_of(m, t->thought), t->thought.len, STR_NONE, text, true);
    else
        put(m, t->inside, 0, STR("reasoning_content"), text, true);
}

/* What the client hands back itself stays as it is. */
static void details_mend(struct mender *m, const struct turn *t)
{
    struct openai_fragment f;
    struct keepsake kept = {.thought = STR_NONE};
    struct json_scan s;

    if (t->details.len && t->details.ptr[0] != 'n')
        return;
    json_scan_init(&s, t->calls);
    json_enter(&s);
    while (!kept.details.len && openai_fragment_next(&s, &f))
        (void)find(m, &f, &kept);
    if (kept.details.len && t->details.len)
        put(m, offset_of(m, t->details), t->details.len, STR_NONE, kept.details, false);
    else if (kept.details.len)
        put(m, t->inside, 0, STR("reasoning_details"), kept.details, false);
}

static bool is_call(const struct openai_fragment *f)
{
    return f->id.len || f->name.len || f->arguments.len;
}

static void signatures_mend(struct mender *m, const struct turn *t)
{
    struct json_scan s;
    struct str whole;
    bool first = true;

    json_scan_init(&s, t->calls);
    json_enter(&s);
    for (struct json_scan at = s; json_element(&s) && json_peek(&s) == JSON_OBJECT && json_skip(&s, &whole); at = s, first = false) {
        struct openai_fragment f;
        struct keepsake kept;
        if (!openai_fragment_next(&at, &f) || !is_call(&f) || str_find(whole, STR("\"extra_content\"")) >= 0)
            continue;
        bool is_kept = find(m, &f, &kept) && kept.extra.len;
        if (is_kept || first)
            put(m, offset_of(m, whole) + 1, 0, STR("extra_content"), is_kept ? kept.extra : STR(OPENAI_UNSIGNED), false);
    }
}

static void turn_mend(struct mender *m, const struct turn *t)
{
    bool calls = t->calls.len > 2 && t->calls.ptr[0] == '[' && str_trim(str_slice(t->calls, 1, t->calls.len - 1)).len;
    struct arena_mark mark = arena_mark(m->arena);

    if (!calls || !str_eq(t->role, STR("\"assistant\"")))
        return;
    if (m->what == MEND_THOUGHT)
        thought_mend(m, t);
    else if (m->what == MEND_DETAILS)
        details_mend(m, t);
    else
        signatures_mend(m, t);
    arena_reset(m->arena, mark);
}

static void messages_mend(struct mender *m, struct json_scan *s)
{
    struct str key, raw;

    while (json_element(s)) {
        struct turn t = {.inside = 0};
        if (json_peek(s) != JSON_OBJECT) {
            json_skip(s, NULL);
            continue;
        }
        json_enter(s);
        t.inside = json_offset(s);
        while (json_member(s, &key) && json_skip(s, &raw)) {
            if (json_key_is(key, STR("role")))
                t.role = raw;
            else if (json_key_is(key, STR("tool_calls")))
                t.calls = raw;
            else if (json_key_is(key, STR("reasoning_content")))
                t.thought = raw;
            else if (json_key_is(key, STR("reasoning_details")))
                t.details = raw;
        }
        turn_mend(m, &t);
    }
}

/* {"type":"disabled"}: then nothing has to come back. */
static bool is_disabled(struct json_scan *s)
{
    struct str key, raw, type = STR_NONE;

    if (json_peek(s) != JSON_OBJECT) {
        json_skip(s, NULL);
        return false;
    }
    json_enter(s);
    while (json_member(s, &key) && json_skip(s, &raw))
        if (json_key_is(key, STR("type")))
            type = raw;
    return str_eq(type, STR("\"disabled\""));
}

int openai_mend(struct str body, enum openai_mend what, const struct recall *recall, struct arena *a, struct json_edit *out)
{
    enum { SPACE = 8 * 1024 * 1024 };
    struct mender m = {.body = body, .what = what, .recall = recall, .arena = a, .out = BUF_INIT(2 * body.len + SPACE)};
    bool disabled = false;
    struct json_scan s;
    struct str key;

    *out = (struct json_edit){.offset = 0};
    if (str_find(body, STR("\"tool_calls\"")) < 0)
        return 0;
    json_scan_init(&s, body);
    if (json_peek(&s) == JSON_OBJECT && json_enter(&s))
        while (json_member(&s, &key)) {
            if (json_key_is(key, STR("thinking")))
                disabled = is_disabled(&s);
            else if (json_key_is(key, STR("messages")) && json_peek(&s) == JSON_ARRAY && json_enter(&s))
                messages_mend(&m, &s);
            else
                json_skip(&s, NULL);
        }
    if (m.rc == 0 && m.out.len && !(disabled && what == MEND_THOUGHT)) {
        struct str with = arena_dup(a, buf_str(&m.out));
        m.rc = with.ptr ? 0 : ERR_NOMEM;
        *out = (struct json_edit){.offset = m.from, .len = m.done - m.from, .with = with};
    }
    buf_fini(&m.out);
    return m.rc;
}

/* --- thinking in pieces --------------------------------------------------------------------------------------------------------- */

/* OpenRouter's own client libraries join them so: what is encrypted stands alone, texts of one place go on. */
static bool goes_on(const struct openai_detail *a, const struct openai_detail *b)
{
    return a->type.len && str_eq(a->type, b->type) && str_eq(a->index, b->index) && !a->data.len && !b->data.len && !a->signature.len &&
           (a->id.len == 0 || b->id.len == 0 || str_eq(a->id, b->id));
}

static void raw_pair(struct json_writer *w, const char *key, struct str raw)
{
    if (raw.len == 0)
        return;
    json_key(w, key);
    json_raw(w, STR("\""));
    (void)buf_append(w->out, raw);
    w->rc = w->rc ? w->rc : buf_append_char(w->out, '"');
}

/* `first` begins the run, `all` is what its last element left of it. */
static int run_write(struct json_writer *w, struct json_scan at, int count, const struct openai_detail *all)
{
    struct openai_detail d;
    json_object_begin(w);
    raw_pair(w, "type", all->type);
    json_key(w, all->summary ? "summary" : "text");
    json_raw(w, STR("\""));
    for (int rc = w->rc; count-- > 0 && rc == 0 && openai_detail_next(&at, &d);)
        rc = w->rc = buf_append(w->out, d.text);
    w->rc = w->rc ? w->rc : buf_append_char(w->out, '"');
    raw_pair(w, "signature", all->signature);
    raw_pair(w, "id", all->id);
    raw_pair(w, "format", all->format);
    if (all->index.len) {
        json_key(w, "index");
        json_raw(w, all->index);
    }
    json_object_end(w);
    return w->rc;
}

int openai_details_join(struct str list, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    struct openai_detail d, next;
    struct json_scan s, from;

    json_scan_init(&s, list);
    json_array_begin(&w);
    bool more = json_peek(&s) == JSON_ARRAY && json_enter(&s);
    from = s;
    for (more = more && openai_detail_next(&s, &d); more && w.rc == 0;) {
        int count = 1;
        struct openai_detail all = d;
        struct json_scan ahead = s;
        while ((more = openai_detail_next(&s, &next)) && goes_on(&all, &next)) {
            all.signature = next.signature;
            all.id = all.id.len ? all.id : next.id;
            all.format = all.format.len ? all.format : next.format;
            count++;
            ahead = s;
        }
        if (count == 1)
            json_raw(&w, d.whole);
        else
            (void)run_write(&w, from, count, &all);
        from = ahead;
        d = next;
    }
    json_array_end(&w);
    return json_done(&w);
}

/* --- calls without a number --------------------------------------------------------------------------------------------------- */

/* One without an id and a name goes on with the last call. */
static int64_t number_of(const struct openai_fragment *f, int *count)
{
    if (f->index >= 0) {
        if (f->index >= *count && f->index < STREAM_CALLS_MAX)
            *count = (int)f->index + 1;
        return -1;
    }
    if (f->id.len || f->name.len || *count == 0)
        ++*count;
    return *count - 1;
}

static void calls_number(struct mender *m, struct str calls, int *count)
{
    struct json_scan s;
    struct str whole;

    json_scan_init(&s, calls);
    if (json_peek(&s) != JSON_ARRAY || !json_enter(&s))
        return;
    for (struct json_scan at = s; json_element(&s) && json_peek(&s) == JSON_OBJECT && json_skip(&s, &whole); at = s) {
        struct openai_fragment f;
        if (!openai_fragment_next(&at, &f) || !is_call(&f))
            continue;
        int64_t number = number_of(&f, count);
        char text[24];
        if (number >= 0)
            put(m, offset_of(m, whole) + 1, 0, STR("index"), str_of(text, text_format(text, sizeof text, "%lld", (long long)number)), false);
    }
}

static void choice_number(struct mender *m, struct json_scan *s, struct openai_numbers *n)
{
    struct str key, raw, inner, calls = STR_NONE;
    int64_t index = 0;
    struct json_scan d;

    json_enter(s);
    while (json_member(s, &key) && json_skip(s, &raw)) {
        if (json_key_is(key, STR("index")))
            (void)json_to_i64(raw, &index);
        if (!json_key_is(key, STR("delta")) || raw.ptr[0] != '{')
            continue;
        json_scan_init(&d, raw);
        json_enter(&d);
        while (json_member(&d, &key) && json_skip(&d, &inner))
            if (json_key_is(key, STR("tool_calls")))
                calls = inner;
    }
    if (calls.len && index >= 0 && index < (int64_t)COUNT_OF(n->count))
        calls_number(m, calls, &n->count[index]);
}

int openai_calls_number(struct openai_numbers *n, struct str data, struct buf *out)
{
    struct mender m = {.body = data, .out = BUF_INIT(2 * data.len + 64 * KiB)};
    struct json_scan s;
    struct str key;

    if (str_find(data, STR("\"tool_calls\"")) < 0)
        return 0;
    json_scan_init(&s, data);
    if (json_peek(&s) == JSON_OBJECT && json_enter(&s))
        while (json_member(&s, &key)) {
            if (!json_key_is(key, STR("choices")) || json_peek(&s) != JSON_ARRAY) {
                json_skip(&s, NULL);
                continue;
            }
            json_enter(&s);
            while (json_element(&s)) {
                if (json_peek(&s) == JSON_OBJECT)
                    choice_number(&m, &s, n);
                else
                    json_skip(&s, NULL);
            }
        }
    if (m.rc == 0 && m.out.len) {
        m.rc = buf_append(out, str_slice(data, 0, m.from));
        m.rc = m.rc ? m.rc : buf_append(out, buf_str(&m.out));
        m.rc = m.rc ? m.rc : buf_append(out, str_skip(data, m.done));
    }
    buf_fini(&m.out);
    return m.rc;
}
