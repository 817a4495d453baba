/* translate_bench.c: what translating costs in one process and without sockets: the transcript of an agent (a system prompt, ten
 * tools, turns of text, tool calls and what they returned: listings, logs and JSON, escaped as clients escape them) from Anthropic's
 * dialect to OpenAI's, and the other pairs beside it; with a memcpy and a bare json_check of the same bytes as a yardstick for the
 * machine. And the events of a stream, one by one. The thread's own CPU clock; the median and the least of several rounds. */
#include "base/clock.h"
#include "base/mem.h"
#include "wire/codec.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 25, ROUND_BYTES = 4 << 20, EVENTS = 2000, ARENA_MAX = 64 * 1024 * 1024 };

static void die(const char *what)
{
    fprintf(stderr, "bench_translate: %s\n", what);
    exit(1);
}

static double thread_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* --- the transcript ------------------------------------------------------------------------------------------------- */

static const char *const code_words[] = {
    "static ",   "int ",     "return ",  "if (",      ") {\\n",    "}\\n\\n",  "    ",        "\\t",      "const char *",
    "buf->len",  " = ",      ";\\n",     "NULL",      "read_line", "(", ")",   "\\\"%s\\\"",  ", ",       "for (size_t i = 0; i < n; i++)\\n",
    "/* what ",  "this is */", "errno",  "->next",    "0x1f",      "4096",     "ERR_LIMIT",   " && ",     "struct message ",
};
static const char *const log_words[] = {
    "2026-03-14T09:26:53Z ", "INFO ",  "WARN ", "request ", "done in ", "12 ms", "\\n",      "user=", "id=7f3a9c ", "path=/api/v1/items ",
    "status=200 ",           "retry ", "the ",  "queue ",   "is ",      "full; ", "waiting ", "\\n",   "tests passed: 128\\n",
};
static const char *const prose_words[] = {
    "I ",  "will ", "look ", "at ",    "the ",      "file ", "that ",  "reads ",  "the ",     "configuration, ", "then ", "run ",
    "the ", "tests ", "again. ", "There ", "seems ", "to ",  "be ",   "an ",     "off-by-one ", "in ",          "`parse_header`. ",
    "caf\xC3\xA9 ", "\\n\\n", "\\\"limit\\\" ",
};

struct maker {
    struct buf *b;
    struct rng r;
    int rc;
};

static void put(struct maker *m, const char *text)
{
    if (m->rc == 0)
        m->rc = buf_append_text(m->b, text);
}

static void words(struct maker *m, const char *const *list, size_t count, size_t bytes)
{
    for (size_t end = m->b->len + bytes; m->rc == 0 && m->b->len < end;)
        put(m, list[rng_below(&m->r, count)]);
}

static void tool(struct maker *m, int i)
{
    m->rc = m->rc ? m->rc : buf_append_format(m->b, "%s{\"name\":\"tool_%d\",\"description\":\"", i ? "," : "", i);
    words(m, prose_words, COUNT_OF(prose_words), 500);
    put(m, "\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\",\"description\":\"where it "
           "is\"},\"offset\":{\"type\":\"integer\",\"minimum\":0},\"limit\":{\"type\":\"integer\",\"maximum\":2000}},\"required\":"
           "[\"path\"],\"additionalProperties\":false}}");
}

static void turn(struct maker *m, int i)
{
    put(m, ",{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"");
    words(m, prose_words, COUNT_OF(prose_words), 50 + rng_below(&m->r, 300));
    m->rc = m->rc ? m->rc
                  : buf_append_format(m->b, "\"},{\"type\":\"tool_use\",\"id\":\"toolu_01A%08dXyZ\",\"name\":\"tool_%d\",\"input\":{\"path\":"
                                            "\"src/base/file_%d.c\",\"offset\":%d,\"limit\":200}}]},"
                                            "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_01A%08dXyZ\","
                                            "\"content\":\"",
                                      i, i % 10, i, i * 100, i);
    if (i % 3)
        words(m, code_words, COUNT_OF(code_words), 300 + rng_below(&m->r, 4000));
    else
        words(m, log_words, COUNT_OF(log_words), 300 + rng_below(&m->r, 2000));
    put(m, "\"}]}");
}

static void transcript(struct buf *b, size_t bytes)
{
    struct maker m = {.b = b};
    rng_seed(&m.r, 1);
    put(&m, "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":32000,\"stream\":true,\"system\":[{\"type\":\"text\",\"text\":\"");
    words(&m, prose_words, COUNT_OF(prose_words), bytes / 10);
    put(&m, "\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"tools\":[");
    for (int i = 0; i < 10; i++)
        tool(&m, i);
    put(&m, "],\"messages\":[{\"role\":\"user\",\"content\":\"Make the tests pass.\"}");
    for (int i = 0; m.rc == 0 && b->len < bytes - 2; i++)
        turn(&m, i);
    put(&m, "]}");
    if (m.rc < 0)
        die("no memory for the transcript");
}

/* --- requests --------------------------------------------------------------------------------------------------------- */

struct job {
    const struct codec *from, *to;
    struct str body;
    struct buf *out;
};

static void run_memcpy(const struct job *j)
{
    buf_clear(j->out);
    if (buf_append(j->out, j->body) < 0)
        die("memory");
}

static void run_check(const struct job *j)
{
    if (json_check(j->body, NULL) < 0)
        die("no JSON");
}

static struct chat *read_chat(const struct job *j, struct arena *a, struct call *facts)
{
    struct chat *c = arena_new(a, struct chat);
    struct err e = {0};
    if (!c || call_read_envelope(facts, WIRE_CHAT, j->body, a, &e) < 0)
        die("envelope");
    *c = (struct chat){.arena = a, .from = j->from->dialect, .max_tokens = -1, .budget = -1, .choices = 1};
    if (j->from->request_read(c, WIRE_CHAT, j->body, &e) < 0)
        die(e.text);
    return c;
}

static void run_read(const struct job *j)
{
    struct arena a = ARENA_INIT(ARENA_MAX);
    struct call facts;
    (void)read_chat(j, &a, &facts);
    arena_fini(&a);
}

static void run_read_facts(const struct job *j)
{
    struct arena a = ARENA_INIT(ARENA_MAX);
    struct call facts;
    struct chat *c = read_chat(j, &a, &facts);
    chat_facts(c, &facts);
    if (facts.tokens_estimated <= 0)
        die("no tokens");
    arena_fini(&a);
}

/* What a translated call costs of wire: as translate.c does it, memory from and to malloc included. */
static void run_translate(const struct job *j)
{
    struct arena a = ARENA_INIT(ARENA_MAX), b = ARENA_INIT(ARENA_MAX);
    struct call facts;
    struct err e = {0};
    struct lost lost = {.count = 0};
    struct buf out = BUF_INIT(2 * j->body.len + MiB);
    struct chat *c = read_chat(j, &a, &facts);
    struct chat_write w = {.op = WIRE_CHAT, .model = STR("a-model"), .arena = &b, .lost = &lost};
    chat_facts(c, &facts);
    if (j->to->request_write(c, &w, &out, &e) < 0 || out.len < j->body.len / 2)
        die(e.text);
    buf_fini(&out);
    arena_fini(&b);
    arena_fini(&a);
}

/* --- streams ---------------------------------------------------------------------------------------------------------- */

static const char openai_chunk[] = "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\",\"choices\":"
                                   "[{\"index\":0,\"delta\":{\"content\":\"The kettle sings while the router counts\"},\"finish_reason\":null}]}";
static const char anthropic_begin[] =
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],"
    "\"usage\":{\"input_tokens\":200,\"output_tokens\":1}}}";
static const char anthropic_open[] =
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}";
static const char anthropic_piece[] = "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"The kettle sings "
                                      "while the router counts\"}}";
static const char ollama_line[] = "{\"model\":\"m\",\"created_at\":\"2026-03-14T09:26:53.589Z\",\"message\":{\"role\":\"assistant\",\"content\":"
                                  "\"The kettle sings while the router counts\"},\"done\":false}";

struct stream {
    struct stream_writer *writer;
    struct buf *out;
    int64_t tokens;
};

static int on_delta(const struct delta *d, void *ctx)
{
    struct stream *s = ctx;
    if (d->kind == DELTA_TEXT)
        s->tokens += tokens_estimate(d->text, false);
    return stream_write(s->writer, d, s->out);
}

static int event(struct stream_reader *r, struct buf *out, const char *name, const char *data)
{
    buf_clear(out);
    return r->codec->event_read(r, str_from(name), str_from(data));
}

static void run_stream(const struct job *j)
{
    struct arena a = ARENA_INIT(ARENA_MAX);
    struct stream_writer w;
    struct stream_reader r;
    struct stream s = {.writer = &w, .out = j->out};
    stream_writer_init(&w, j->to, WIRE_CHAT, &a);
    w.id = STR("id-1");
    w.model = STR("bench");
    w.created_s = 1700000000;
    stream_reader_init(&r, j->from, WIRE_CHAT, &a, on_delta, &s);
    int rc = 0;
    if (j->from->dialect == DIALECT_ANTHROPIC) {
        rc = event(&r, j->out, "message_start", anthropic_begin);
        rc = rc ? rc : event(&r, j->out, "content_block_start", anthropic_open);
    }
    const char *name = j->from->dialect == DIALECT_ANTHROPIC ? "content_block_delta" : "";
    const char *data = j->from->dialect == DIALECT_ANTHROPIC ? anthropic_piece
                       : j->from->dialect == DIALECT_OLLAMA  ? ollama_line
                                                             : openai_chunk;
    for (int i = 0; i < EVENTS && rc == 0; i++)
        rc = event(&r, j->out, name, data);
    if (rc || !s.tokens || !j->out->len)
        die("the stream");
    stream_reader_fini(&r);
    stream_writer_fini(&w);
    arena_fini(&a);
}

static void run_chunks(const struct job *j)
{
    struct wire_answer w;
    for (int i = 0; i < EVENTS; i++)
        if (chunk_read(WIRE_CHAT, str_from(openai_chunk), &w, NULL) < 0 || !w.has_content)
            die("a chunk");
    (void)j;
}

/* --- measuring ---------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *what, void (*run)(const struct job *), const struct job *j, size_t runs, size_t per_run)
{
    double us[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        double from = thread_us();
        for (size_t i = 0; i < runs; i++)
            run(j);
        us[r] = (thread_us() - from) / (double)(runs * per_run);
    }
    qsort(us, ROUNDS, sizeof us[0], compare);
    printf("%-54s %10.3f us  least %10.3f\n", what, us[ROUNDS / 2], us[0]);
    fflush(stdout);
}

static void measure_requests(struct buf *out, size_t bytes)
{
    AUTO_BUF struct buf body = BUF_INIT(4 * MiB);
    transcript(&body, bytes);
    struct job j = {.from = &codec_anthropic, .to = &codec_openai, .body = buf_str(&body), .out = out};
    size_t runs = ROUND_BYTES / bytes;
    printf("a transcript of %zu bytes\n", body.len);
    measure("  memcpy", run_memcpy, &j, runs, 1);
    measure("  json_check", run_check, &j, runs, 1);
    measure("  read", run_read, &j, runs, 1);
    measure("  read, facts", run_read_facts, &j, runs, 1);
    measure("  read, facts, write: anthropic -> openai", run_translate, &j, runs, 1);
}

/* An argument is the size of the only transcript to measure, for a profiler. */
int main(int argc, char **argv)
{
    (void)mallopt(M_TRIM_THRESHOLD, 256 << 10); /* as the daemon runs */
    (void)mallopt(M_MMAP_THRESHOLD, 4 << 20);
    static const struct {
        const char *what;
        const struct codec *from, *to;
    } pairs[] = {
        {"  openai upstream -> anthropic client", &codec_openai, &codec_anthropic},
        {"  openai upstream -> responses client", &codec_openai, &codec_responses},
        {"  openai upstream -> ollama client", &codec_openai, &codec_ollama},
        {"  anthropic upstream -> openai client", &codec_anthropic, &codec_openai},
        {"  ollama upstream -> openai client", &codec_ollama, &codec_openai},
    };
    AUTO_BUF struct buf out = BUF_INIT(8 * MiB);
    if (argc > 1) {
        uint64_t bytes;
        if (!str_to_u64(str_from(argv[1]), &bytes) || bytes < 1000 || bytes > MiB)
            die("the size of a transcript is 1000 to 1048576 bytes");
        measure_requests(&out, (size_t)bytes);
        return 0;
    }
    measure_requests(&out, 10000);
    measure_requests(&out, 100000);
    measure_requests(&out, 1000000);
    printf("an event of a stream\n");
    measure("  chunk_read (relayed)", run_chunks, &(struct job){.out = &out}, 5, EVENTS);
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        measure(pairs[i].what, run_stream, &(struct job){.from = pairs[i].from, .to = pairs[i].to, .out = &out}, 5, EVENTS);
    return 0;
}
