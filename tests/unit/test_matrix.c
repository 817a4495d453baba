/* test_matrix.c: every dialect to every other, feature by feature.
 *
 * tests/golden/matrix/FEATURE holds what a client of a dialect asks (request.DIALECT.json), what an upstream of a dialect answers
 * (answer.DIALECT.json) and streams (stream.DIALECT.sse or .ndjson). Beside each stands its .want: what it becomes in each of the other
 * dialects, byte for byte, with what was lost. HEARTH_GOLDEN=write makes the .want files anew; what changed is then to be read and judged.
 *
 * Beyond the bytes, two properties: what was written, read and written again is the same (a dialect carries all that it was given), and a
 * stream's client reads what its whole answer says, wherever the upstream's bytes were cut. */
#include "matrix_kit.h"
#include "net/sse.h"
#include "test.h"
#include <stdlib.h>

static struct arena arena = ARENA_INIT(256 * MiB);

/* --- the table -------------------------------------------------------------------------------------------------------------------- */

enum { OPENAI = 1, RESPONSES = 2, ANTHROPIC = 4, OLLAMA = 8, GENERATE = 16, FOUR = 15, ALL = 31 };

/* Which dialects can say it at all, as requests, whole answers, streams; the files of all of them must be there. */
static const struct feature {
    const char *name;
    unsigned request, answer, stream;
} features[] = {
    {"text", ALL, FOUR, FOUR},
    {"system", ALL, 0, 0},
    {"turns", FOUR, 0, 0},
    {"images", ALL, 0, 0},
    {"tools", FOUR, FOUR, FOUR},
    {"results", FOUR, 0, 0},
    {"fragments", 0, 0, OPENAI | RESPONSES | ANTHROPIC},
    {"schema", ALL, 0, 0},
    {"thinking", ALL, FOUR, FOUR},
    {"stop", OPENAI | ANTHROPIC | OLLAMA | GENERATE, OPENAI | ANTHROPIC | OLLAMA, OPENAI | ANTHROPIC | OLLAMA},
    {"cut", 0, FOUR, FOUR},
    {"refusal", 0, OPENAI | RESPONSES | ANTHROPIC, OPENAI | RESPONSES | ANTHROPIC},
    {"usage", 0, FOUR, FOUR},
    {"cache", OPENAI | ANTHROPIC, 0, 0},
    {"wishes", FOUR, 0, 0},
    {"agent", ANTHROPIC, 0, 0},
};

static const struct side {
    const char *name;
    unsigned bit;
    enum dialect dialect;
    enum wire_op op;
} sides[] = {
    {"openai", OPENAI, DIALECT_OPENAI, WIRE_CHAT},          {"responses", RESPONSES, DIALECT_RESPONSES, WIRE_CHAT},
    {"anthropic", ANTHROPIC, DIALECT_ANTHROPIC, WIRE_CHAT}, {"ollama", OLLAMA, DIALECT_OLLAMA, WIRE_CHAT},
    {"generate", GENERATE, DIALECT_OLLAMA, WIRE_GENERATE},
};

/* --- the files -------------------------------------------------------------------------------------------------------------------- */

static const char *root(void)
{
    static const char *const roots[] = {"tests/golden/matrix", "../tests/golden/matrix"};
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        char path[80];
        (void)text_format(path, sizeof path, "%s/README.md", roots[i]);
        FILE *f = fopen(path, "r");
        if (f) {
            (void)fclose(f);
            return roots[i];
        }
    }
    return roots[0];
}

static bool load(struct buf *out, const char *feature, const char *kind, const char *side, const char *end)
{
    char path[160];
    (void)text_format(path, sizeof path, "%s/%s/%s.%s.%s", root(), feature, kind, side, end);
    struct err e = {0};
    if (buf_read_file(out, path, &e) == 0)
        return true;
    test_fail(__FILE__, __LINE__, "cannot read %s: %s", path, e.text);
    return false;
}

static bool rewrites(void)
{
    const char *v = getenv("HEARTH_GOLDEN");
    return v && strcmp(v, "write") == 0;
}

static void first_difference(struct str got, struct str want, const char *title)
{
    size_t at = 0;
    while (at < got.len && at < want.len && got.ptr[at] == want.ptr[at])
        at++;
    size_t from = at;
    while (from > 0 && at - from < 160 && got.ptr[from - 1] != '\n')
        from--;
    test_fail(__FILE__, __LINE__, "%s differs at byte %zu\n got  …%.*s\n want …%.*s", title, at, STR_FMT(str_slice(got, from, at + 120)),
              STR_FMT(str_slice(want, from, at + 120)));
}

static void compare(struct str got, const char *feature, const char *kind, const char *side)
{
    char path[160];
    (void)text_format(path, sizeof path, "%s/%s/%s.%s.want", root(), feature, kind, side);
    if (rewrites()) {
        FILE *f = fopen(path, "w");
        if (!f || fwrite(got.ptr, 1, got.len, f) != got.len || fclose(f))
            test_fail(__FILE__, __LINE__, "cannot write %s", path);
        return;
    }
    AUTO_BUF struct buf want = BUF_INIT(16 * MiB);
    if (load(&want, feature, kind, side, "want") && !str_eq(got, buf_str(&want)))
        first_difference(got, buf_str(&want), path);
}

/* --- requests ---------------------------------------------------------------------------------------------------------------------- */

static void tell_lost(const struct lost *lost, struct buf *out)
{
    for (int i = 0; i < lost->count; i++)
        (void)buf_append_format(out, "%s%.*s", i ? "," : "; lost ", STR_FMT(lost->name[i]));
}

/* Written, read and written again is the same, and says the same. */
static void there_and_back(const struct chat *c, const struct matrix_target *t, struct str once, const char *title)
{
    AUTO_BUF struct buf twice = BUF_INIT(16 * MiB), said = BUF_INIT(1 * MiB), meant = BUF_INIT(1 * MiB);
    struct lost lost;
    struct err e = {0};
    struct chat back;
    if (matrix_read(&back, c->arena, t->dialect, WIRE_CHAT, once, &e) < 0) {
        test_fail(__FILE__, __LINE__, "%s to %s does not read back: %s", title, t->name, e.text);
        return;
    }
    if (matrix_write(&back, t, &lost, &twice, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s to %s cannot be written again: %s", title, t->name, e.text);
    else if (!str_eq(once, buf_str(&twice)))
        first_difference(buf_str(&twice), once, t->name);
    if (lost.count)
        test_fail(__FILE__, __LINE__, "%s to %s loses %.*s when it is written again", title, t->name, STR_FMT(lost.name[0]));
    matrix_calls(&meant, c);
    matrix_calls(&said, &back);
    if (!str_eq(buf_str(&meant), buf_str(&said)))
        first_difference(buf_str(&said), buf_str(&meant), title);
}

static void request_to(const struct chat *c, const struct matrix_target *t, struct buf *out, const char *title)
{
    AUTO_BUF struct buf once = BUF_INIT(16 * MiB);
    struct lost lost;
    struct err e = {0};
    int rc = matrix_write(c, t, &lost, &once, &e);
    (void)buf_append_format(out, "## %s", t->name);
    if (rc < 0) {
        EXPECT_I64(rc, ERR_INVALID);
        (void)buf_append_format(out, "; refused\n%s\n\n", e.text);
        return;
    }
    if (json_check(buf_str(&once), NULL) < 0)
        test_fail(__FILE__, __LINE__, "%s to %s is no JSON", title, t->name);
    tell_lost(&lost, out);
    (void)buf_append_format(out, "\n%.*s\n\n", STR_FMT(buf_str(&once)));
    there_and_back(c, t, buf_str(&once), title);
}

static void requests_of(const struct feature *f, const struct side *s)
{
    AUTO_BUF struct buf in = BUF_INIT(16 * MiB), out = BUF_INIT(16 * MiB);
    struct err e = {0};
    struct chat c;
    arena_fini(&arena);
    if (!load(&in, f->name, "request", s->name, "json"))
        return;
    if (matrix_read(&c, &arena, s->dialect, s->op, buf_str(&in), &e) < 0) {
        test_fail(__FILE__, __LINE__, "%s/request.%s: %s", f->name, s->name, e.text);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(matrix_targets); i++)
        if (matrix_targets[i].dialect != s->dialect)
            request_to(&c, &matrix_targets[i], &out, f->name);
    compare(buf_str(&out), f->name, "request", s->name);
}

TEST(a_request_of_every_dialect_is_said_in_every_other)
{
    for (size_t i = 0; i < COUNT_OF(features); i++)
        for (size_t k = 0; k < COUNT_OF(sides); k++)
            if (features[i].request & sides[k].bit)
                requests_of(&features[i], &sides[k]);
}

/* --- whole answers ------------------------------------------------------------------------------------------------------------------- */

static void answer_to(struct chat_answer *a, const struct side *to, struct buf *out)
{
    struct lost lost = {.count = 0};
    a->id = STR("call_id");
    a->model = STR("asked-for");
    a->created_s = 1790000000;
    a->elapsed_us = 2000000;
    (void)buf_append_format(out, "## %s", to->name);
    AUTO_BUF struct buf body = BUF_INIT(16 * MiB);
    int rc = codec_of(to->dialect)->answer_write(a, to->op, &lost, &body);
    EXPECT_I64(rc, 0);
    EXPECT(json_check(buf_str(&body), NULL) == 0);
    tell_lost(&lost, out);
    (void)buf_append_format(out, "\n%.*s\n\n", STR_FMT(buf_str(&body)));
}

static void answers_of(const struct feature *f, const struct side *s)
{
    AUTO_BUF struct buf in = BUF_INIT(16 * MiB), out = BUF_INIT(16 * MiB);
    struct err e = {0};
    arena_fini(&arena);
    if (!load(&in, f->name, "answer", s->name, "json"))
        return;
    for (size_t i = 0; i < COUNT_OF(sides); i++) {
        struct chat_answer a = {.arena = &arena, .usage = {.cost_nusd = -1}};
        if (codec_of(s->dialect)->answer_read(&a, s->op, buf_str(&in), &e) < 0) {
            test_fail(__FILE__, __LINE__, "%s/answer.%s: %s", f->name, s->name, e.text);
            return;
        }
        EXPECT(!a.has_error && a.has_usage);
        if (sides[i].dialect != s->dialect)
            answer_to(&a, &sides[i], &out);
    }
    compare(buf_str(&out), f->name, "answer", s->name);
}

TEST(a_whole_answer_of_every_dialect_is_read_in_every_other)
{
    for (size_t i = 0; i < COUNT_OF(features); i++)
        for (size_t k = 0; k < COUNT_OF(sides); k++)
            if (features[i].answer & sides[k].bit)
                answers_of(&features[i], &sides[k]);
}

/* --- streams --------------------------------------------------------------------------------------------------------------------------- */

struct translator {
    struct stream_reader reader;
    struct stream_writer writer;
    struct buf out, line;
    struct sse_reader sse;
    bool ended, failed;
};

static int on_delta(const struct delta *d, void *ctx)
{
    struct translator *t = ctx;
    t->ended |= d->kind == DELTA_END;
    t->failed |= d->kind == DELTA_FAILED;
    return stream_write(&t->writer, d, &t->out);
}

static int on_event(const struct sse_event *ev, void *ctx)
{
    struct translator *t = ctx;
    if (!ev->data.ptr || t->ended)
        return 0;
    return t->reader.codec->event_read(&t->reader, ev->name, ev->data);
}

static void open_translator(struct translator *t, const struct side *from, const struct side *to)
{
    *t = (struct translator){.out = BUF_INIT(16 * MiB), .line = BUF_INIT(16 * MiB)};
    stream_reader_init(&t->reader, codec_of(from->dialect), from->op, &arena, on_delta, t);
    stream_writer_init(&t->writer, codec_of(to->dialect), to->op, &arena);
    t->writer.id = STR("call_id");
    t->writer.model = STR("asked-for");
    t->writer.created_s = 1790000000;
    t->writer.input_estimated = 11;
    t->writer.include_usage = true;
    t->writer.elapsed_us = 2000000;
    sse_reader_init(&t->sse, 1 * MiB);
}

static void close_translator(struct translator *t)
{
    stream_reader_fini(&t->reader);
    stream_writer_fini(&t->writer);
    sse_reader_fini(&t->sse);
    buf_fini(&t->out);
    buf_fini(&t->line);
}

static int feed(struct translator *t, struct str bytes)
{
    if (t->reader.codec->framing == FRAMING_SSE)
        return sse_feed(&t->sse, bytes, on_event, t);
    int rc = buf_append(&t->line, bytes);
    size_t begin = 0;
    for (ptrdiff_t len; rc == 0 && (len = str_find_char(str_skip(buf_str(&t->line), begin), '\n')) >= 0; begin += (size_t)len + 1)
        rc = t->reader.codec->event_read(&t->reader, STR_NONE, str_slice(buf_str(&t->line), begin, begin + (size_t)len));
    buf_consume(&t->line, begin);
    return rc;
}

/* The whole translated stream; the upstream's bytes come in two pieces, cut at `cut`. */
static bool translate(struct translator *t, const struct side *from, const struct side *to, struct str in, size_t cut)
{
    open_translator(t, from, to);
    int rc = feed(t, str_slice(in, 0, cut));
    if (rc == 0)
        rc = feed(t, str_skip(in, cut));
    if (rc == 0 && from->dialect != DIALECT_OLLAMA)
        rc = sse_finish(&t->sse, on_event, t);
    if (rc == 0)
        rc = stream_write_end(&t->writer, &t->out);
    return rc == 0 && !t->failed;
}

/* What a client of `to` reads in it, and what the upstream said, are one. */
enum { CALLS_MAX = 8 };
struct heard {
    struct buf text, reasoning, refusal, calls;
    struct buf arguments[CALLS_MAX];
    int call_count;
    enum finish finish;
    struct usage usage;
};

static int hear_call(struct heard *h, const struct delta *d)
{
    if (d->call != h->call_count || d->call >= CALLS_MAX)
        return ERR_INVALID;
    h->arguments[h->call_count++] = BUF_INIT(1 * MiB);
    return buf_append_format(&h->calls, "%.*s %.*s; ", STR_FMT(d->id), STR_FMT(d->name));
}

static int on_heard(const struct delta *d, void *ctx)
{
    struct heard *h = ctx;
    switch (d->kind) {
    case DELTA_TEXT: return buf_append(&h->text, d->text);
    case DELTA_REASONING: return buf_append(&h->reasoning, d->text);
    case DELTA_REFUSAL: return buf_append(&h->refusal, d->text);
    case DELTA_CALL: return hear_call(h, d);
    case DELTA_ARGUMENTS: return buf_append(&h->arguments[d->call], d->text);
    case DELTA_FINISH: h->finish = d->finish; return 0;
    case DELTA_USAGE: h->usage = d->usage; return 0;
    default: return 0;
    }
}

struct ear {
    struct stream_reader reader;
    struct buf line;
};
static int on_ear_event(const struct sse_event *ev, void *ctx)
{
    struct ear *ear = ctx;
    return ev->data.ptr ? ear->reader.codec->event_read(&ear->reader, ev->name, ev->data) : 0;
}

static void hear(struct heard *h, const struct side *s, struct str bytes, const char *title)
{
    struct ear ear;
    *h = (struct heard){.text = BUF_INIT(1 * MiB), .reasoning = BUF_INIT(1 * MiB), .refusal = BUF_INIT(1 * MiB), .calls = BUF_INIT(1 * MiB)};
    stream_reader_init(&ear.reader, codec_of(s->dialect), s->op, &arena, on_heard, h);
    int rc = 0;
    if (s->dialect == DIALECT_OLLAMA) {
        struct str line;
        while (rc == 0 && str_cut(&bytes, '\n', &line))
            rc = ear.reader.codec->event_read(&ear.reader, STR_NONE, line);
    } else {
        struct sse_reader sse;
        sse_reader_init(&sse, 1 * MiB);
        rc = sse_feed(&sse, bytes, on_ear_event, &ear);
        sse_reader_fini(&sse);
    }
    if (rc)
        test_fail(__FILE__, __LINE__, "%s: a client of %s cannot read it (%d)", title, s->name, rc);
    stream_reader_fini(&ear.reader);
    for (int i = 0; i < h->call_count; i++) /* what breaks off is an object in some dialects, and text in others */
        (void)buf_append(&h->calls, chat_arguments_object(arena_dup(&arena, buf_str(&h->arguments[i])), &arena));
}

static void heard_fini(struct heard *h)
{
    buf_fini(&h->text);
    buf_fini(&h->reasoning);
    buf_fini(&h->refusal);
    buf_fini(&h->calls);
    for (int i = 0; i < h->call_count; i++)
        buf_fini(&h->arguments[i]);
}

static void same_words(const struct side *from, const struct side *to, struct str in, struct str out, const char *title)
{
    struct heard said, read;
    hear(&said, from, in, title);
    hear(&read, to, out, title);
    char where[120];
    (void)text_format(where, sizeof where, "%s: %s to %s", title, from->name, to->name);
    bool refused = said.refusal.len > 0; /* not every dialect has a word for it: it may be text */
    if (!refused && !str_eq(buf_str(&said.text), buf_str(&read.text)))
        test_fail(__FILE__, __LINE__, "%s: text \"%.*s\" became \"%.*s\"", where, STR_FMT(buf_str(&said.text)), STR_FMT(buf_str(&read.text)));
    if (!str_eq(buf_str(&said.reasoning), buf_str(&read.reasoning)))
        test_fail(__FILE__, __LINE__, "%s: thinking \"%.*s\" became \"%.*s\"", where, STR_FMT(buf_str(&said.reasoning)),
                  STR_FMT(buf_str(&read.reasoning)));
    if (to->op == WIRE_CHAT && !str_eq(buf_str(&said.calls), buf_str(&read.calls)))
        test_fail(__FILE__, __LINE__, "%s: calls %.*s became %.*s", where, STR_FMT(buf_str(&said.calls)), STR_FMT(buf_str(&read.calls)));
    if (said.usage.input != read.usage.input || said.usage.output != read.usage.output || read.usage.output == 0)
        test_fail(__FILE__, __LINE__, "%s: usage %lld/%lld became %lld/%lld", where, (long long)said.usage.input, (long long)said.usage.output,
                  (long long)read.usage.input, (long long)read.usage.output);
    heard_fini(&said);
    heard_fini(&read);
}

/* The same stream as other servers would send it: other ends of lines, comments, no last blank line, no [DONE]. */
enum dress { DRESS_CRLF, DRESS_CR, DRESS_COMMENTS, DRESS_NO_LAST_BLANK, DRESS_NO_DONE, DRESS_COUNT };

static void dress_up(struct str in, enum dress how, struct buf *out)
{
    struct str done = STR("data: [DONE]\n\n"), line;
    if (how == DRESS_NO_DONE && str_ends(in, done))
        in = str_slice(in, 0, in.len - done.len);
    if (how == DRESS_NO_LAST_BLANK)
        in = str_slice(in, 0, in.len - 1);
    while (in.len && str_cut(&in, '\n', &line)) {
        (void)buf_append(out, line);
        (void)buf_append_text(out, how == DRESS_CRLF ? "\r\n" : how == DRESS_CR ? "\r" : "\n");
        if (how == DRESS_COMMENTS && line.len == 0)
            (void)buf_append_text(out, ": OPENROUTER PROCESSING\n\n:\nx-unknown: field\n\n");
    }
}

static void dressed_stream_to(const struct side *from, const struct side *to, struct str in, struct str want, const char *title)
{
    for (int how = 0; how < DRESS_COUNT && from->dialect != DIALECT_OLLAMA; how++) {
        AUTO_BUF struct buf other = BUF_INIT(1 * MiB);
        struct translator t;
        dress_up(in, (enum dress)how, &other);
        if (!translate(&t, from, to, buf_str(&other), other.len / 2) || !str_eq(buf_str(&t.out), want))
            test_fail(__FILE__, __LINE__, "%s: %s to %s, dressed up as %d, is another stream", title, from->name, to->name, how);
        close_translator(&t);
    }
}

static void stream_to(const struct side *from, const struct side *to, struct str in, struct buf *out, const char *title)
{
    struct translator whole, cut;
    if (!translate(&whole, from, to, in, in.len))
        test_fail(__FILE__, __LINE__, "%s: the stream of %s cannot be said to %s", title, from->name, to->name);
    (void)buf_append_format(out, "## %s\n%.*s\n", to->name, STR_FMT(buf_str(&whole.out)));
    same_words(from, to, in, buf_str(&whole.out), title);
    for (size_t at = 1; at < in.len; at++) {
        if (!translate(&cut, from, to, in, at) || !str_eq(buf_str(&cut.out), buf_str(&whole.out)))
            test_fail(__FILE__, __LINE__, "%s: %s to %s, cut at byte %zu, is another stream", title, from->name, to->name, at);
        close_translator(&cut);
    }
    dressed_stream_to(from, to, in, buf_str(&whole.out), title);
    close_translator(&whole);
}

static void streams_of(const struct feature *f, const struct side *s)
{
    AUTO_BUF struct buf in = BUF_INIT(16 * MiB), out = BUF_INIT(16 * MiB);
    if (!load(&in, f->name, "stream", s->name, s->dialect == DIALECT_OLLAMA ? "ndjson" : "sse"))
        return;
    for (size_t i = 0; i < COUNT_OF(sides); i++) {
        arena_fini(&arena);
        if (sides[i].dialect != s->dialect)
            stream_to(s, &sides[i], buf_str(&in), &out, f->name);
    }
    compare(buf_str(&out), f->name, "stream", s->name);
}

TEST(a_stream_of_every_dialect_is_read_in_every_other_wherever_it_is_cut)
{
    for (size_t i = 0; i < COUNT_OF(features); i++)
        for (size_t k = 0; k < COUNT_OF(sides); k++)
            if (features[i].stream & sides[k].bit)
                streams_of(&features[i], &sides[k]);
}

/* --- errors ------------------------------------------------------------------------------------------------------------------------------ */

/* An upstream's error in each dialect's shape is recognised for what it is, and each client reads it as its own. */
TEST(an_error_reaches_every_client_in_its_own_words)
{
    static const struct {
        int status;
        const char *code;
    } cases[] = {{400, "context_length_exceeded"}, {401, "invalid_api_key"}, {404, "model_not_found"}, {413, NULL}, {429, "rate_limit_exceeded"},
                 {429, "budget_exhausted"}, {500, NULL}, {503, NULL}, {529, NULL}};
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    arena_fini(&arena);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t k = 0; k < 4; k++) {
            const struct codec *codec = codec_of(sides[k].dialect);
            struct wire_error e = {.status = cases[i].status, .message = STR("what happened \"here\""), .code = cases[i].code, .id = STR("call_id")};
            AUTO_BUF struct buf body = BUF_INIT(64 * KiB), event = BUF_INIT(64 * KiB);
            EXPECT_I64(codec->error_write(&e, &body), 0);
            EXPECT(json_check(buf_str(&body), NULL) == 0);
            (void)buf_append_format(&out, "## %s, %d %s\n%d %.*s\n", sides[k].name, e.status, e.code ? e.code : "", codec->error_status(e.status),
                                    STR_FMT(buf_str(&body)));
            struct stream_writer w;
            stream_writer_init(&w, codec, WIRE_CHAT, &arena);
            w.id = STR("call_id");
            w.model = STR("asked-for");
            EXPECT_I64(stream_write_error(&w, &e, &event), 0);
            stream_writer_fini(&w);
            (void)buf_append_format(&out, "%.*s\n", STR_FMT(buf_str(&event)));
        }
    }
    compare(buf_str(&out), ".", "errors", "all");
}
