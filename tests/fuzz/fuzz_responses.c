/* fuzz_responses.c: any bytes as a request, an answer or a stream of the Responses dialect; the first byte says which.
 *
 * What is read can be written, what is written is valid and can be read, and a second way there and back changes nothing more. */
#include "responses_kit.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct codec *const it = &codec_responses;
enum { ROOM = 64 * 1024 * 1024 };

/* --- requests --- */

/* To an upstream as another dialect's client would have asked, and back. False when it cannot be said. */
static bool request_trip(struct chat *c, struct arena *a, struct chat *again)
{
    AUTO_BUF struct buf out = BUF_INIT(ROOM);
    struct lost lost = {.count = 0};
    struct err e = {0};
    struct chat_write w = {.op = WIRE_CHAT, .model = c->model, .arena = a, .lost = &lost};
    c->from = DIALECT_OPENAI;
    int rc = it->request_write(c, &w, &out, &e);
    assert(rc == 0 || (rc == ERR_INVALID && e.text[0] && out.len == 0));
    if (rc)
        return false;
    struct str body = arena_dup(a, buf_str(&out));
    *again = (struct chat){.arena = a};
    rc = it->request_read(again, WIRE_CHAT, body, &e);
    if (rc) /* nothing but what cannot be carried was in it */
        assert(rc == ERR_INVALID && str_eq(str_from(e.text), STR("input is empty")));
    return rc == 0;
}

static void fuzz_request(struct str body)
{
    struct arena a = ARENA_INIT(ROOM);
    struct chat c = {.arena = &a}, once, twice;
    struct err e = {0};
    int rc = it->request_read(&c, WIRE_CHAT, body, &e);
    assert(rc == 0 || ((rc == ERR_SYNTAX || rc == ERR_INVALID) && e.text[0]));
    if (rc == 0) {
        struct call facts = {0};
        AUTO_BUF struct buf same = BUF_INIT(ROOM), first = BUF_INIT(ROOM), second = BUF_INIT(ROOM);
        struct lost lost = {.count = 0};
        struct chat_write w = {.op = WIRE_CHAT, .model = c.model, .arena = &a, .lost = &lost};
        assert(c.message && c.model.len && c.choices == 1 && c.from == DIALECT_RESPONSES);
        chat_facts(&c, &facts);
        rc = it->request_write(&c, &w, &same, &e);
        assert(rc == 0 && json_check(buf_str(&same), NULL) == 0);
        if (request_trip(&c, &a, &once)) {
            kit_chat(&first, &once);
            kit_settings(&first, &once);
            bool fine = request_trip(&once, &a, &twice);
            assert(fine);
            kit_chat(&second, &twice);
            kit_settings(&second, &twice);
            /* A name made to fit is escaped again on the next way, as one must be that only looks so: tools.c. */
            assert(str_eq(buf_str(&first), buf_str(&second)) || str_find(buf_str(&first), STR("hx_")) >= 0);
        }
    }
    arena_fini(&a);
}

/* --- answers --- */

static void dump_answer(struct buf *b, const struct chat_answer *a)
{
    for (const struct part *p = a->part; p; p = p->next)
        kit_part(b, p);
    (void)buf_append_format(b, "%d %lld %lld", a->finish, (long long)a->usage.input, (long long)a->usage.output);
}

static void answer_trip(struct chat_answer *a, struct chat_answer *again)
{
    AUTO_BUF struct buf out = BUF_INIT(ROOM);
    struct lost lost = {.count = 0};
    struct err e = {0};
    int rc = it->answer_write(a, WIRE_CHAT, &lost, &out);
    assert(rc == 0);
    *again = (struct chat_answer){.arena = a->arena};
    rc = it->answer_read(again, WIRE_CHAT, arena_dup(a->arena, buf_str(&out)), &e);
    assert(rc == 0 && !again->has_error && again->has_usage == a->has_usage);
}

static void fuzz_answer(struct str body)
{
    struct arena arena = ARENA_INIT(ROOM);
    struct chat_answer a = {.arena = &arena}, once, twice;
    struct err e = {0};
    struct wire_answer facts;
    int rc = it->answer_read(&a, WIRE_CHAT, body, &e);
    assert(rc == 0 || (rc == ERR_SYNTAX && e.text[0]));
    if (rc == 0) {
        AUTO_BUF struct buf first = BUF_INIT(ROOM), second = BUF_INIT(ROOM);
        const struct usage *u = &a.usage;
        assert(u->cached >= 0 && u->cache_write >= 0 && u->cached + u->cache_write <= u->input && u->reasoning <= u->output);
        chat_answer_facts(&a, &facts);
        answer_trip(&a, &once);
        answer_trip(&once, &twice);
        dump_answer(&first, &once);
        dump_answer(&second, &twice);
        assert(str_eq(buf_str(&first), buf_str(&second)));
    }
    arena_fini(&arena);
}

/* --- streams: a line is the data of an event --- */

struct stream {
    struct stream_writer *w; /* NULL: only listens */
    struct buf out, text;
    bool failed, ended;
};

static int on_delta(const struct delta *d, void *ctx)
{
    struct stream *s = ctx;
    if (d->kind == DELTA_TEXT || d->kind == DELTA_REFUSAL || d->kind == DELTA_ARGUMENTS || d->kind == DELTA_REASONING)
        assert(d->text.len > 0);
    if (d->kind == DELTA_TEXT)
        (void)buf_append(&s->text, d->text);
    s->failed |= d->kind == DELTA_FAILED;
    s->ended |= d->kind == DELTA_END;
    return s->w ? stream_write(s->w, d, &s->out) : 0;
}

/* Each event is whole, and they are numbered without gaps. */
static int read_back(struct stream_reader *r, struct str events)
{
    struct str line;
    int64_t next = 0;
    int rc = 0;
    while (rc == 0 && str_cut(&events, '\n', &line)) {
        if (!str_starts(line, STR("data: ")))
            continue;
        struct json_scan s;
        struct str key, raw;
        int64_t n = -1;
        json_scan_init(&s, str_skip(line, 6));
        bool entered = json_enter(&s);
        assert(entered);
        while (json_member(&s, &key) && json_skip(&s, &raw))
            if (json_key_is(key, STR("sequence_number")))
                (void)json_to_i64(raw, &n);
        rc = json_finish(&s, NULL);
        assert(rc == 0 && n == next);
        next++;
        rc = it->event_read(r, STR_NONE, str_skip(line, 6));
    }
    return rc;
}

static void fuzz_stream(struct str lines)
{
    struct arena a = ARENA_INIT(ROOM), b = ARENA_INIT(ROOM);
    struct stream_writer w;
    struct stream_reader r, back;
    struct stream s = {.w = &w, .out = BUF_INIT(ROOM), .text = BUF_INIT(ROOM)}, t = {.text = BUF_INIT(ROOM)};
    struct str line;
    int rc = 0;
    stream_writer_init(&w, it, WIRE_CHAT, &a);
    stream_reader_init(&r, it, WIRE_CHAT, &a, on_delta, &s);
    stream_reader_init(&back, it, WIRE_CHAT, &b, on_delta, &t);
    while (rc == 0 && str_cut(&lines, '\n', &line))
        rc = it->event_read(&r, STR_NONE, line);
    assert(rc == 0 || rc == ERR_SYNTAX || rc == ERR_LIMIT || rc == ERR_NOMEM);
    struct wire_error e = {.status = 502, .message = STR("it broke")};
    rc = s.failed ? stream_write_error(&w, &e, &s.out) : stream_write_end(&w, &s.out);
    if (rc == 0) {
        rc = read_back(&back, buf_str(&s.out));
        assert(rc == 0 && t.failed == s.failed && t.ended != s.failed);
        assert(s.failed || str_eq(buf_str(&s.text), buf_str(&t.text)));
    }
    stream_reader_fini(&r);
    stream_reader_fini(&back);
    stream_writer_fini(&w);
    buf_fini(&s.out);
    buf_fini(&s.text);
    buf_fini(&t.text);
    arena_fini(&a);
    arena_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str rest = str_of(data + 1, size - 1);
    if (data[0] == 'r')
        fuzz_request(rest);
    else if (data[0] == 'a')
        fuzz_answer(rest);
    else
        fuzz_stream(rest);
    return 0;
}
