/* fuzz_anthropic.c: the Anthropic dialect against any bytes. The first byte selects: a request (read, written for an old and a new
 * model, and read again), a whole answer (read and written), or the events of a stream, one a line (read and written). What we
 * write is valid JSON, and a request of ours is one that we read. */
#include "wire/codec.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request(struct str body)
{
    static const struct str models[] = {STR("claude-3-5-haiku"), STR("claude-sonnet-4-5"), STR("claude-opus-5")};
    struct arena a = ARENA_INIT(64 * MiB);
    struct chat c = {.arena = &a};
    struct call facts = {0};
    if (codec_anthropic.request_read(&c, WIRE_CHAT, body, NULL) == 0)
        chat_facts(&c, &facts);
    else
        c.message = NULL;
    for (size_t i = 0; i < 2 * COUNT_OF(models) && c.message; i++) {
        AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
        struct lost lost = {0};
        struct chat again = {.arena = &a};
        struct chat_write w = {.op = WIRE_CHAT, .model = models[i / 2], .arena = &a, .lost = &lost};
        c.from = i % 2 ? DIALECT_ANTHROPIC : DIALECT_OPENAI;
        if (codec_anthropic.request_write(&c, &w, &out, NULL))
            continue;
        assert(json_check(buf_str(&out), NULL) == 0);
        int rc = codec_anthropic.request_read(&again, WIRE_CHAT, buf_str(&out), NULL);
        assert(rc == 0);
    }
    arena_fini(&a);
}

static void answer(struct str body)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
    struct arena a = ARENA_INIT(64 * MiB);
    struct chat_answer read = {.arena = &a};
    struct lost lost = {0};
    if (codec_anthropic.answer_read(&read, WIRE_CHAT, body, NULL) == 0) {
        int rc = codec_anthropic.answer_write(&read, WIRE_CHAT, &lost, &out);
        assert(rc == 0 && json_check(buf_str(&out), NULL) == 0);
    }
    arena_fini(&a);
}

static int pass(const struct delta *d, void *ctx)
{
    void **to = ctx;
    return stream_write(to[0], d, to[1]);
}

static void check_events(struct str out)
{
    struct str line;
    while (str_cut(&out, '\n', &line))
        if (str_starts(line, STR("data: ")))
            assert(json_check(str_skip(line, 6), NULL) == 0);
}

static void stream(struct str lines)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
    struct arena a = ARENA_INIT(64 * MiB);
    struct stream_reader r;
    struct stream_writer w;
    void *to[] = {&w, &out};
    struct str line;
    int rc = 0;
    stream_writer_init(&w, &codec_anthropic, WIRE_CHAT, &a);
    stream_reader_init(&r, &codec_anthropic, WIRE_CHAT, &a, pass, to);
    while (rc == 0 && str_cut(&lines, '\n', &line))
        rc = codec_anthropic.event_read(&r, STR_NONE, line);
    if (rc == 0)
        rc = stream_write_end(&w, &out);
    check_events(buf_str(&out));
    stream_reader_fini(&r);
    stream_writer_fini(&w);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct str) = {request, answer, stream};
    if (size > 0)
        kinds[data[0] % COUNT_OF(kinds)](str_of(data + 1, size - 1));
    return 0;
}
