/* fuzz_ollama_codec.c: any bytes as what a client or a server says in Ollama's dialect. The first byte selects: a request of chat or
 * of generate, a whole answer, a stream. What was read can be written, is valid JSON then, and reads the same again. */
#include "unit/ollama_kit.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 64 * 1024 * 1024 };

/* Arguments that a model wrote go on as they are; what our own parser would not take (keys given twice, deep nesting) comes back
 * as an error. */
static bool arguments_are_tame(const struct part *list, struct arena *a)
{
    struct json_node *node;
    for (const struct part *p = list; p; p = p->next) {
        if (p->kind != PART_CALL)
            continue;
        AUTO_BUF struct buf nested = BUF_INIT(ARENA_MAX);
        struct str arguments = chat_arguments_object(p->arguments, a);
        (void)buf_append_format(&nested, "[[[[[[[[%.*s]]]]]]]]", STR_FMT(arguments));
        if (json_parse(a, buf_str(&nested), &node, NULL) < 0)
            return false;
    }
    return true;
}

static bool chat_is_tame(const struct chat *c, struct arena *a)
{
    bool tame = true;
    for (const struct message *m = c->message; m && tame; m = m->next)
        tame = arguments_are_tame(m->part, a);
    return tame;
}

static void check_request(enum wire_op op, struct str body)
{
    struct arena a = ARENA_INIT(ARENA_MAX);
    AUTO_BUF struct buf first = BUF_INIT(ARENA_MAX), text = BUF_INIT(ARENA_MAX), second = BUF_INIT(ARENA_MAX);
    struct chat c = {.arena = &a}, again = {.arena = &a};
    struct lost lost = {.count = 0};
    struct err e = {0};
    int rc = codec_ollama.request_read(&c, op, body, &e);
    assert(rc == 0 || (e.text[0] && e.code == rc));
    if (rc == 0) {
        struct chat_write w = {.op = op, .model = c.model, .arena = &a, .lost = &lost};
        struct call facts = {0};
        chat_facts(&c, &facts);
        rc = codec_ollama.request_write(&c, &w, &text, &e);
        assert(rc == 0 || (rc == ERR_INVALID && e.text[0])); /* a tool that is no function, a text that goes raw */
    }
    if (rc == 0 && lost.count == 0 && chat_is_tame(&c, &a)) { /* a member of the other operation is told as lost */
        rc = codec_ollama.request_read(&again, op, buf_str(&text), &e);
        assert(rc == 0);
        kit_chat(&first, &c, &a);
        kit_chat(&second, &again, &a);
        assert(str_eq(buf_str(&first), buf_str(&second)));
    }
    arena_fini(&a);
}

static void check_answer(struct str body)
{
    struct arena a = ARENA_INIT(ARENA_MAX);
    AUTO_BUF struct buf out = BUF_INIT(ARENA_MAX);
    struct lost lost = {.count = 0};
    struct chat_answer answer = {.arena = &a};
    struct wire_answer facts;
    if (codec_ollama.answer_read(&answer, WIRE_CHAT, body, NULL) == 0) {
        assert(answer.usage.input >= 0 && answer.usage.output >= 0 && finish_name(answer.finish));
        chat_answer_facts(&answer, &facts);
        int rc = codec_ollama.answer_write(&answer, body.len & 1 ? WIRE_CHAT : WIRE_GENERATE, &lost, &out);
        assert(rc == 0 && (json_check(buf_str(&out), NULL) == 0 || !arguments_are_tame(answer.part, &a)));
    }
    arena_fini(&a);
}

struct stream {
    struct stream_writer w;
    struct buf out;
    int calls;
    bool begun, ended;
};

static int pass_on(const struct delta *d, void *ctx)
{
    struct stream *s = ctx;
    bool piece = d->kind == DELTA_TEXT || d->kind == DELTA_REASONING || d->kind == DELTA_ARGUMENTS;
    assert(!s->ended && (!piece || d->text.len > 0));
    assert(d->kind != DELTA_BEGIN || !s->begun);
    assert(d->kind != DELTA_CALL || (d->call == s->calls++ && d->id.len && d->name.len));
    assert(d->kind != DELTA_ARGUMENTS || d->call < s->calls);
    s->begun |= d->kind == DELTA_BEGIN;
    s->ended |= d->kind == DELTA_END;
    return stream_write(&s->w, d, &s->out);
}

static void check_stream(enum wire_op op, struct str text)
{
    struct arena a = ARENA_INIT(ARENA_MAX);
    struct stream s = {.out = BUF_INIT(ARENA_MAX)};
    struct stream_reader r;
    struct str line;
    int rc = 0;
    stream_writer_init(&s.w, &codec_ollama, op, &a);
    stream_reader_init(&r, &codec_ollama, op, &a, pass_on, &s);
    while (rc == 0 && str_cut(&text, '\n', &line))
        rc = codec_ollama.event_read(&r, STR_NONE, line);
    assert(rc == 0 || rc == ERR_SYNTAX || rc == ERR_LIMIT);
    rc = stream_write_end(&s.w, &s.out);
    assert(rc == 0);
    struct str written = buf_str(&s.out);
    while (str_cut(&written, '\n', &line))
        assert(memchr(line.ptr, '{', line.len ? 1 : 0)); /* a line break in arguments of a model's would cut the line */
    stream_reader_fini(&r);
    stream_writer_fini(&s.w);
    buf_fini(&s.out);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str text = str_of(data + 1, size - 1);
    switch (data[0] & 7) {
    case 0: check_request(WIRE_CHAT, text); break;
    case 1: check_request(WIRE_GENERATE, text); break;
    case 2: check_answer(text); break;
    case 3: check_stream(WIRE_CHAT, text); break;
    default: check_stream(WIRE_GENERATE, text); break;
    }
    return 0;
}
