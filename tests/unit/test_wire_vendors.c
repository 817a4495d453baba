/* test_wire_vendors.c: each face of each vendor is read right: the exchanges of tests/golden/vendors, whole and streamed. */
#include "base/buf.h"
#include "test.h"
#include "wire/codec.h"
#include "wire/wire.h"

#define THINK "think(The weather in Oslo is asked for.) "
#define CALL(id) "say(Let me look.) call(" id " get_weather {\"city\":\"Oslo\"}) tool_calls "

/* What must be found in an exchange; the usage is input/cached/written/output/reasoning. */
static const struct {
    const char *vendor;
    enum dialect dialect;
    const char *want;
    int64_t cost_nusd; /* what the vendor says it charged; -1: it does not say */
} exchanges[] = {
    {"openai", DIALECT_OPENAI, CALL("call_1") "1200/1024/0/60/40", -1},
    {"openai", DIALECT_RESPONSES, THINK "hidden(gAAAAAB-1) " CALL("call_1") "1200/1024/0/60/40", -1},
    {"anthropic", DIALECT_OPENAI, CALL("toolu_1") "1200/0/0/60/0", -1},
    {"anthropic", DIALECT_ANTHROPIC, THINK "seal(EqQBCkYIBxgCKkA1) " CALL("toolu_1") "1200/1024/156/60/40", -1},
    {"deepseek", DIALECT_OPENAI, THINK CALL("call_00_x1") "1200/1024/0/60/40", -1},
    {"deepseek", DIALECT_ANTHROPIC, THINK "seal(d1) " CALL("call_00_x1") "1200/1024/0/60/0", -1},
    {"moonshot", DIALECT_OPENAI, THINK CALL("functions.get_weather:0") "1200/1024/0/60/0", -1},
    {"moonshot", DIALECT_ANTHROPIC, THINK CALL("functions.get_weather:0") "1200/1024/0/60/0", -1},
    {"groq", DIALECT_OPENAI, THINK CALL("fc_1") "1200/1024/0/60/40", -1},
    {"openrouter", DIALECT_OPENAI, THINK CALL("call_1") "1200/1024/0/60/40", 312000},
    {"openrouter", DIALECT_RESPONSES, THINK CALL("call_1") "1200/1024/0/60/40", 312000},
    {"openrouter", DIALECT_ANTHROPIC, THINK "seal(EqQBCkYIBxgCKkA1) " CALL("toolu_1") "1200/1024/0/60/0", 312000},
    {"gemini", DIALECT_OPENAI, CALL("function-call-1") "1200/0/0/60/0", -1},
    {"ollama", DIALECT_OPENAI, THINK CALL("call_x1") "1200/0/0/60/0", -1},
    {"ollama", DIALECT_RESPONSES, THINK CALL("call_1") "1200/0/0/60/0", -1},
    {"ollama", DIALECT_ANTHROPIC, THINK CALL("call_x1") "1200/0/0/60/0", -1},
    {"ollama", DIALECT_OLLAMA, THINK CALL("call_x1") "1200/0/0/60/0", -1},
    {"llama-server", DIALECT_OPENAI, THINK CALL("Xk3") "1200/1024/0/60/0", -1},
    {"llama-server", DIALECT_RESPONSES, THINK CALL("call_1") "1200/1024/0/60/0", -1},
    {"llama-server", DIALECT_ANTHROPIC, THINK CALL("Xk3") "1200/1024/0/60/0", -1},
    {"vllm", DIALECT_OPENAI, THINK CALL("chatcmpl-tool-1") "1200/0/0/60/0", -1},
    {"vllm", DIALECT_RESPONSES, THINK CALL("call_1") "1200/0/0/60/40", -1},
    {"vllm", DIALECT_ANTHROPIC, THINK CALL("chatcmpl-tool-1") "1200/0/0/60/0", -1},
};
static const char *const dialect_names[] = {
    [DIALECT_OPENAI] = "openai", [DIALECT_RESPONSES] = "responses", [DIALECT_ANTHROPIC] = "anthropic", [DIALECT_OLLAMA] = "ollama"};

static bool exchange_read(struct buf *b, size_t i, const char *ending)
{
    char path[200];
    struct err e = {0};
    text_format(path, sizeof path, "tests/golden/vendors/%s/%s.%s", exchanges[i].vendor, dialect_names[exchanges[i].dialect], ending);
    if (buf_read_file(b, path, &e) == 0)
        return true;
    test_fail(__FILE__, __LINE__, "%s: %s", path, e.text);
    return false;
}

static const char *stream_ending(size_t i)
{
    return codec_of(exchanges[i].dialect)->framing == FRAMING_LINES ? "ndjson" : "sse";
}

/* --- what was said, in one line, whichever way it came -------------------------------------------------------------------------- */

struct heard {
    struct buf think, seal, hidden, say, call;
    enum finish finish;
    struct usage usage;
    bool has_usage, ended, failed;
};

static struct heard heard_new(void)
{
    return (struct heard){.think = BUF_INIT(64 * KiB), .seal = BUF_INIT(64 * KiB), .hidden = BUF_INIT(64 * KiB), .say = BUF_INIT(64 * KiB),
                          .call = BUF_INIT(64 * KiB)};
}

static void heard_free(struct heard *h)
{
    buf_fini(&h->think);
    buf_fini(&h->seal);
    buf_fini(&h->hidden);
    buf_fini(&h->say);
    buf_fini(&h->call);
}

static void put(struct buf *out, const char *word, const struct buf *text)
{
    if (text->len)
        (void)buf_append_format(out, "%s(%.*s) ", word, STR_FMT(buf_str(text)));
}

static void expect_heard(size_t i, const char *ending, const struct heard *h)
{
    AUTO_BUF struct buf out = BUF_INIT(256 * KiB);
    const struct usage *u = &h->usage;
    put(&out, "think", &h->think);
    put(&out, "seal", &h->seal);
    put(&out, "hidden", &h->hidden);
    put(&out, "say", &h->say);
    put(&out, "call", &h->call);
    (void)buf_append_format(&out, "%s ", finish_name(h->finish));
    if (h->has_usage)
        (void)buf_append_format(&out, "%lld/%lld/%lld/%lld/%lld", (long long)u->input, (long long)u->cached, (long long)u->cache_write,
                                (long long)u->output, (long long)u->reasoning);
    if (!str_eq(buf_str(&out), str_from(exchanges[i].want)) || u->cost_nusd != exchanges[i].cost_nusd || h->failed)
        test_fail(__FILE__, __LINE__, "%s/%s.%s: got \"%s\", cost %lld\n   wanted \"%s\", cost %lld", exchanges[i].vendor,
                  dialect_names[exchanges[i].dialect], ending, buf_text(&out), (long long)u->cost_nusd, exchanges[i].want,
                  (long long)exchanges[i].cost_nusd);
}

/* --- streamed ------------------------------------------------------------------------------------------------------------------------ */

static int hear(const struct delta *d, void *ctx)
{
    struct heard *h = ctx;
    switch (d->kind) {
    case DELTA_REASONING: (void)buf_append(&h->think, d->text); break;
    case DELTA_SIGNATURE: (void)buf_append(&h->seal, d->text); break;
    case DELTA_HIDDEN: (void)buf_append(&h->hidden, d->text); break;
    case DELTA_TEXT: (void)buf_append(&h->say, d->text); break;
    case DELTA_CALL: (void)buf_append_format(&h->call, "%.*s %.*s ", STR_FMT(d->id), STR_FMT(d->name)); break;
    case DELTA_ARGUMENTS: (void)buf_append(&h->call, d->text); break;
    case DELTA_FINISH: h->finish = d->finish; break;
    case DELTA_USAGE:
        h->usage = d->usage;
        h->has_usage = true;
        break;
    case DELTA_END: h->ended = true; break;
    case DELTA_REFUSAL:
    case DELTA_FAILED: h->failed = true; break;
    case DELTA_BEGIN:
    case DELTA_DETAIL:
    case DELTA_ALIVE: break;
    }
    return 0;
}

/* Calls fn for each event, or each line; what is no event is the transport's. */
static int each_event(struct str stream, bool lines, int (*fn)(struct str name, struct str data, void *ctx), void *ctx)
{
    struct str line, name = STR_NONE;
    int rc = 0;
    while (rc == 0 && str_cut(&stream, '\n', &line)) {
        if (lines && line.len)
            rc = fn(STR_NONE, line, ctx);
        else if (str_starts(line, STR("event: ")))
            name = str_skip(line, 7);
        else if (str_starts(line, STR("data: ")))
            rc = fn(name, str_skip(line, 6), ctx);
        else if (line.len == 0)
            name = STR_NONE;
    }
    return rc;
}

static int feed(struct str name, struct str data, void *ctx)
{
    struct stream_reader *r = ctx;
    return r->codec->event_read(r, name, data);
}

TEST(every_stream_is_read_with_its_vendor_s_habits)
{
    for (size_t i = 0; i < COUNT_OF(exchanges); i++) {
        const struct codec *codec = codec_of(exchanges[i].dialect);
        AUTO_BUF struct buf stream = BUF_INIT(1 * MiB);
        struct heard h = heard_new();
        struct arena a = ARENA_INIT(1 * MiB);
        struct stream_reader r;
        stream_reader_init(&r, codec, WIRE_CHAT, &a, hear, &h);
        if (exchange_read(&stream, i, stream_ending(i))) {
            EXPECT_I64(each_event(buf_str(&stream), codec->framing == FRAMING_LINES, feed, &r), 0);
            expect_heard(i, stream_ending(i), &h);
            EXPECT(h.ended);
        }
        stream_reader_fini(&r);
        arena_fini(&a);
        heard_free(&h);
    }
}

/* --- whole ------------------------------------------------------------------------------------------------------------------------------ */

static void hear_part(struct heard *h, const struct part *p)
{
    switch (p->kind) {
    case PART_REASONING:
        (void)buf_append(&h->think, p->text);
        (void)buf_append(&h->seal, p->signature);
        break;
    case PART_HIDDEN: (void)buf_append(&h->hidden, p->text); break;
    case PART_TEXT: (void)buf_append(&h->say, p->text); break;
    case PART_CALL:
        (void)buf_append_format(&h->call, "%.*s %.*s %.*s", STR_FMT(p->id), STR_FMT(p->name), STR_FMT(p->arguments));
        break;
    default: h->failed = true;
    }
}

TEST(every_whole_answer_is_read_with_its_vendor_s_habits)
{
    for (size_t i = 0; i < COUNT_OF(exchanges); i++) {
        AUTO_BUF struct buf body = BUF_INIT(1 * MiB);
        struct heard h = heard_new();
        struct arena a = ARENA_INIT(1 * MiB);
        struct chat_answer answer = {.arena = &a};
        if (exchange_read(&body, i, "json")) {
            EXPECT_I64(codec_of(exchanges[i].dialect)->answer_read(&answer, WIRE_CHAT, buf_str(&body), NULL), 0);
            for (const struct part *p = answer.part; p; p = p->next)
                hear_part(&h, p);
            h.finish = answer.finish;
            h.usage = answer.usage;
            h.has_usage = answer.has_usage;
            h.failed = h.failed || answer.has_error;
            expect_heard(i, "json", &h);
        }
        arena_fini(&a);
        heard_free(&h);
    }
}

/* --- as the relay reads them, which translates nothing ------------------------------------------------------------------------------------ */

static void expect_facts(size_t i, const char *ending, enum finish finish, const struct usage *u)
{
    AUTO_BUF struct buf got = BUF_INIT(1 * KiB);
    (void)buf_append_format(&got, " %s %lld/%lld/%lld/%lld/%lld", finish_name(finish), (long long)u->input, (long long)u->cached,
                            (long long)u->cache_write, (long long)u->output, (long long)u->reasoning);
    if (!str_ends(str_from(exchanges[i].want), buf_str(&got)) || u->cost_nusd != exchanges[i].cost_nusd)
        test_fail(__FILE__, __LINE__, "%s/openai.%s: got%s, cost %lld", exchanges[i].vendor, ending, buf_text(&got), (long long)u->cost_nusd);
}

struct facts {
    enum finish finish;
    struct usage usage;
    bool content;
};

static int look(struct str name, struct str data, void *ctx)
{
    (void)name;
    struct facts *f = ctx;
    struct wire_answer w;
    if (sse_is_done(data))
        return 0;
    int rc = chunk_read(WIRE_CHAT, data, &w, NULL);
    if (rc == 0 && w.has_usage)
        f->usage = w.usage;
    if (rc == 0 && w.finish != FINISH_NONE)
        f->finish = w.finish;
    f->content = f->content || (rc == 0 && w.has_content);
    return rc;
}

TEST(the_relay_s_reader_agrees)
{
    for (size_t i = 0; i < COUNT_OF(exchanges); i++) {
        AUTO_BUF struct buf whole = BUF_INIT(1 * MiB), stream = BUF_INIT(1 * MiB);
        struct wire_answer w;
        struct facts f = {.finish = FINISH_NONE};
        if (exchanges[i].dialect != DIALECT_OPENAI || !exchange_read(&whole, i, "json") || !exchange_read(&stream, i, "sse"))
            continue;
        EXPECT_I64(answer_read(WIRE_CHAT, buf_str(&whole), &w, NULL), 0);
        EXPECT(w.has_content && w.has_usage && w.choice_count == 1);
        expect_facts(i, "json", w.finish, &w.usage);
        EXPECT_I64(each_event(buf_str(&stream), false, look, &f), 0);
        EXPECT(f.content);
        expect_facts(i, "sse", f.finish, &f.usage);
    }
}

TEST(every_face_of_every_vendor_has_its_exchange)
{
    for (size_t n = 0; n < vendor_count(); n++) {
        const struct vendor *v = vendor_at(n);
        for (int d = 0; d < DIALECT_COUNT; d++) {
            bool found = false;
            for (size_t i = 0; i < COUNT_OF(exchanges); i++)
                found = found || ((int)exchanges[i].dialect == d && str_eq(str_from(exchanges[i].vendor), str_from(v->name)));
            if (found != (v->dialects >> d & 1))
                test_fail(__FILE__, __LINE__, "%s: %s", v->name, found ? "an exchange of a face that it lacks" : "a face without an exchange");
        }
    }
}
