/* fuzz_openai.c: any bytes as what OpenAI's dialect carries. The first byte selects: 'q' a request, 'a' an answer, 'd' thinking in
 * pieces, anything else a stream, an event a line. What is accepted can be written for every vendor, is JSON then, and reads back. */
#include "wire/codec.h"
#include "wire/models.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_chat(const struct chat *c)
{
    assert(c->model.len && c->choices >= 1 && c->max_tokens >= -1);
    for (const struct message *m = c->message; m; m = m->next) {
        for (const struct part *p = m->part; p; p = p->next) {
            assert(p->kind != PART_CALL || (p->name.len && m->role == ROLE_ASSISTANT));
            assert(p->kind != PART_RESULT || m->role == ROLE_USER);
            assert(p->kind != PART_OPAQUE || json_check(p->raw, NULL) == 0);
        }
    }
    for (const struct chat_member *m = c->extra; m; m = m->next)
        assert(json_check(m->value, NULL) == 0);
}

static void write_for(struct chat *c, const struct vendor *vendor, enum dialect from)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
    struct lost lost = {.count = 0};
    struct err e = {0};
    struct chat_write w = {.op = WIRE_CHAT, .model = STR("gpt-6-luna"), .vendor = vendor, .arena = c->arena, .lost = &lost};

    w.fact = vendor ? model_find(str_from(vendor->name), w.model) : NULL;
    c->from = from;
    int rc = codec_openai.request_write(c, &w, &out, &e);
    assert(rc == 0 || (rc == ERR_INVALID && e.text[0]));
    if (rc)
        return;
    struct chat back = {.arena = c->arena};
    assert(json_check(buf_str(&out), NULL) == 0);
    assert(codec_openai.request_read(&back, WIRE_CHAT, buf_str(&out), &e) == 0);
    check_chat(&back);
}

/* What is put back leaves a request that says the same otherwise, and has nothing more to mend. */
static void mend(struct arena *a, struct str text)
{
    for (int what = MEND_THOUGHT; what <= MEND_DETAILS; what++) {
        AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
        struct json_edit edit;
        assert(openai_mend(text, (enum openai_mend)what, NULL, a, &edit) == 0);
        if (!edit.with.len)
            continue;
        assert(edit.offset + edit.len <= text.len);
        assert(buf_append(&out, str_slice(text, 0, edit.offset)) == 0 && buf_append(&out, edit.with) == 0 &&
               buf_append(&out, str_skip(text, edit.offset + edit.len)) == 0);
        struct chat back = {.arena = a};
        assert(codec_openai.request_read(&back, WIRE_CHAT, buf_str(&out), NULL) == 0);
        check_chat(&back);
        struct json_edit again;
        assert(openai_mend(buf_str(&out), (enum openai_mend)what, NULL, a, &again) == 0 && !again.with.len);
    }
}

static void request(struct arena *a, struct str text)
{
    struct chat c = {.arena = a};
    struct err e = {0};
    int rc = codec_openai.request_read(&c, WIRE_CHAT, text, &e);

    assert(rc == 0 || ((rc == ERR_SYNTAX || rc == ERR_INVALID) && e.text[0]));
    if (rc)
        return;
    check_chat(&c);
    struct call facts = {.op = WIRE_CHAT};
    chat_facts(&c, &facts);
    assert(facts.tokens_estimated >= 0);
    mend(a, text);
    write_for(&c, NULL, DIALECT_OPENAI);
    for (size_t i = 0; i < vendor_count(); i++)
        write_for(&c, vendor_at(i), i % 2 ? DIALECT_ANTHROPIC : DIALECT_OPENAI);
}

static void answer(struct arena *a, struct str text)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
    struct chat_answer read = {.arena = a}, back = {.arena = a};
    struct lost lost = {.count = 0};
    struct wire_answer facts, seen;
    int rc = codec_openai.answer_read(&read, WIRE_CHAT, text, NULL);

    assert((rc == 0) == (answer_read(WIRE_CHAT, text, &seen, NULL) == 0));
    if (rc)
        return;
    assert(read.has_error == seen.has_error);
    chat_answer_facts(&read, &facts);
    assert(codec_openai.answer_write(&read, WIRE_CHAT, &lost, &out) == 0);
    assert(codec_openai.answer_read(&back, WIRE_CHAT, buf_str(&out), NULL) == 0);
    assert(!back.has_error && back.choice_count == 1 && back.finish != FINISH_NONE);
}

struct hearing {
    struct stream_writer writer;
    struct buf out;
    bool begun, finished;
    int calls;
};

static int hear(const struct delta *d, void *ctx)
{
    struct hearing *h = ctx;

    if (d->kind == DELTA_BEGIN || d->kind == DELTA_FINISH) {
        bool *once = d->kind == DELTA_BEGIN ? &h->begun : &h->finished;
        assert(!*once);
        *once = true;
    }
    if (d->kind == DELTA_TEXT || d->kind == DELTA_REFUSAL || d->kind == DELTA_REASONING || d->kind == DELTA_ARGUMENTS)
        assert(d->text.len);
    if (d->kind == DELTA_CALL) {
        assert(d->id.len && d->name.len && d->call >= 0 && d->call < STREAM_CALLS_MAX);
        h->calls++;
    }
    return d->kind == DELTA_END ? 0 : stream_write(&h->writer, d, &h->out);
}

static void stream(struct arena *a, struct str text)
{
    struct hearing h = {.out = BUF_INIT(64 * MiB)};
    struct stream_reader r;
    struct openai_numbers numbers = {{0}};
    struct str line, name = STR_NONE;
    int rc = 0;

    stream_reader_init(&r, &codec_openai, WIRE_CHAT, a, hear, &h);
    r.details = true;
    stream_writer_init(&h.writer, &codec_openai, WIRE_CHAT, a);
    while (rc == 0 && str_cut(&text, '\n', &line)) {
        if (str_starts(line, STR("event: ")))
            name = str_skip(line, 7);
        else
            rc = codec_openai.event_read(&r, name, line);
        AUTO_BUF struct buf numbered = BUF_INIT(64 * MiB);
        assert(openai_calls_number(&numbers, line, &numbered) == 0 && (!numbered.len || json_check(line, NULL) || json_check(buf_str(&numbered), NULL) == 0));
    }
    assert(rc == 0 || rc == ERR_SYNTAX || rc == ERR_LIMIT);
    assert(stream_write_end(&h.writer, &h.out) == 0);
    struct str out = buf_str(&h.out);
    while (str_cut(&out, '\n', &line))
        assert(!str_starts(line, STR("data: {")) || json_check(str_skip(line, 6), NULL) == 0);
    stream_reader_fini(&r);
    stream_writer_fini(&h.writer);
    buf_fini(&h.out);
}

/* What is JSON stays JSON, and what was joined is not joined again. */
static void details(struct str text)
{
    AUTO_BUF struct buf once = BUF_INIT(64 * MiB), twice = BUF_INIT(64 * MiB);
    if (json_check(text, NULL))
        return;
    assert(openai_details_join(text, &once) == 0 && json_check(buf_str(&once), NULL) == 0);
    assert(openai_details_join(buf_str(&once), &twice) == 0 && str_eq(buf_str(&once), buf_str(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = ARENA_INIT(256 * MiB);
    struct str text = str_of(data, size);

    if (size && data[0] == 'q')
        request(&a, str_skip(text, 1));
    else if (size && data[0] == 'a')
        answer(&a, str_skip(text, 1));
    else if (size && data[0] == 'd')
        details(str_skip(text, 1));
    else
        stream(&a, text);
    arena_fini(&a);
    return 0;
}
