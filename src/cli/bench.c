/* bench.c: `hearth bench FILE`: how fast a model runs on this machine, beside what the machine's memory allows. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "engine/engine.h"
#include "engine/room.h"
#include "engine/synthetic.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { STREAMS_MAX = 16, STREAMS_MEASURED = 8, WARM_TOKENS = 16, TEXTS = 8, TEXT_TOKENS = 128, BANDWIDTH_PASSES = 3 };

struct result {
    const char *work;      /* "prefill", "decode", "embed" */
    size_t streams;        /* sequences or texts at once */
    size_t context;        /* tokens in the cache before */
    size_t tokens;         /* computed, over all streams */
    double seconds;
};

struct bench {
    struct engine *engine;
    int64_t tokens, context, prompt;
    struct result result[16];
    size_t count;
    double load_seconds, bandwidth; /* bytes per second, reading the mapped weights with all threads */
    uint64_t bytes_per_token;       /* of weights, read once for each step of decode */
    uint64_t anonymous, mapped;     /* of this process, resident, at the most; mapped: of files, without what was there before the model */
    struct room_now room;           /* of the machine, at the beginning */
    uint64_t program;               /* that: the program and its libraries */
    struct rng chance;
};

static double now(void)
{
    return (double)clock_mono_us(clock_system()) / 1e6;
}

static int32_t any_token(struct bench *b)
{
    return (int32_t)rng_below(&b->chance, b->engine->model->vocab);
}

static void record(struct bench *b, const char *work, size_t streams, size_t context, size_t tokens, double seconds)
{
    if (b->count < COUNT_OF(b->result))
        b->result[b->count++] = (struct result){work, streams, context, tokens, seconds};
}

/* --- the machine ----------------------------------------------------------------------------------------------------------------- */

struct sweep {
    const uint8_t *from;
    size_t bytes, threads;
    uint64_t sum[POOL_THREADS_MAX * 8];
};

static void sweep_thread(void *ctx, size_t thread)
{
    struct sweep *s = ctx;
    size_t part = s->bytes / s->threads / 64 * 64;
    const uint64_t *p = (const void *)(s->from + thread * part);
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (size_t i = 0; i + 8 <= part / 8; i += 8) {
        a += p[i] + p[i + 1];
        b += p[i + 2] + p[i + 3];
        c += p[i + 4] + p[i + 5];
        d += p[i + 6] + p[i + 7];
    }
    s->sum[thread * 8] = a ^ b ^ c ^ d;
}

/* Reads the longest run of weights, which also brings the file into memory; the best of a few passes counts. */
static void measure_bandwidth(struct bench *b)
{
    const struct gguf *g = b->engine->file;
    const uint8_t *low = NULL, *high = NULL;
    for (size_t i = 0; i < gguf_tensor_count(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        const uint8_t *at = t->data;
        if (!low || at < low)
            low = at;
        if (!high || at + t->bytes > high)
            high = at + t->bytes;
    }
    if (!low || (size_t)(high - low) > gguf_bytes(g))
        return; /* a split file: its parts are not side by side */
    struct sweep s = {.from = (const uint8_t *)(((uintptr_t)low + 63) / 64 * 64), .threads = pool_threads(b->engine->pool)};
    s.bytes = (size_t)(high - s.from);
    for (int pass = 0; pass <= BANDWIDTH_PASSES; pass++) {
        double t = now();
        pool_run(b->engine->pool, sweep_thread, &s);
        double rate = (double)s.bytes / (now() - t);
        if (pass > 0 && rate > b->bandwidth) /* the first one may have waited for the disk */
            b->bandwidth = rate;
    }
}

/* What decode reads once for each step: all matrices, but of the embedding only where it is the output too. */
static uint64_t step_bytes(const struct model *m)
{
    uint64_t bytes = m->output.data ? m->output.rows * m->output.row_bytes : 0;
    for (size_t i = 0; i < m->layer_count; i++) {
        const struct layer *l = &m->layer[i];
        const struct weight *w[] = {&l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down};
        for (size_t j = 0; j < COUNT_OF(w); j++)
            bytes += w[j]->rows * w[j]->row_bytes;
    }
    return bytes;
}

static void note_most(uint64_t *most, uint64_t bytes)
{
    *most = bytes > *most ? bytes : *most;
}

static uint64_t above(uint64_t bytes, uint64_t from)
{
    return bytes > from ? bytes - from : 0;
}

/* While pages are in use: the highest counts. */
static void measure_memory(struct bench *b)
{
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB);
    struct err e;
    if (buf_read_file(&text, "/proc/self/status", &e) < 0)
        return;
    struct str rest = buf_str(&text), line;
    while (str_cut(&rest, '\n', &line)) {
        int64_t kib;
        bool anonymous = str_starts(line, STR("RssAnon:")), file = str_starts(line, STR("RssFile:"));
        if ((anonymous || file) && str_to_i64(str_trim(str_slice(line, 8, line.len > 3 ? line.len - 3 : line.len)), &kib))
            note_most(anonymous ? &b->anonymous : b->engine ? &b->mapped : &b->program, above((uint64_t)kib * 1024, file ? b->program : 0));
    }
}

/* --- the work ---------------------------------------------------------------------------------------------------------------------- */

static int read_random(struct bench *b, struct kv_sequence *s, size_t count, float *out, struct err *e)
{
    int32_t *token = new0_array(int32_t, count);
    if (!token)
        return err_set(e, ERR_NOMEM, "tokens");
    for (size_t i = 0; i < count; i++)
        token[i] = any_token(b);
    int rc = engine_read(b->engine, s, token, count, out, e);
    mem_free(token);
    return rc;
}

static int bench_prefill(struct bench *b, float *out, struct err *e)
{
    struct kv_sequence s = {0};
    double t = now();
    int rc = read_random(b, &s, (size_t)b->prompt, out, e);
    if (rc == 0)
        record(b, "prefill", 1, 0, (size_t)b->prompt, now() - t);
    measure_memory(b);
    kv_clear(b->engine->kv, &s);
    return rc;
}

static int bench_decode(struct bench *b, size_t streams, size_t context, float *out, struct err *e)
{
    struct kv_sequence s[STREAMS_MAX] = {0};
    struct forward_row row[STREAMS_MAX];
    int rc = 0;
    for (size_t i = 0; i < streams && rc == 0; i++) {
        rc = read_random(b, &s[i], context ? context : 1, out, e);
        if (rc == 0)
            rc = kv_reserve(b->engine->kv, &s[i], (size_t)b->tokens + 1, e);
    }
    double t = 0;
    for (int64_t step = -1; step < b->tokens && rc == 0; step++) {
        if (step == 0) /* the one before warmed up */
            t = now();
        for (size_t i = 0; i < streams; i++)
            row[i] = (struct forward_row){any_token(b), &s[i], true};
        forward_step(b->engine->forward, row, streams, out);
    }
    if (rc == 0)
        record(b, "decode", streams, context, streams * (size_t)b->tokens, now() - t);
    measure_memory(b);
    for (size_t i = 0; i < streams; i++)
        kv_clear(b->engine->kv, &s[i]);
    return rc;
}

static int bench_embed(struct bench *b, size_t texts, struct err *e)
{
    size_t room = b->engine->rows_max / texts, length = b->engine->context < TEXT_TOKENS ? b->engine->context : TEXT_TOKENS;
    length = length < room ? length : room; /* as many tokens of each as a step has room for */
    size_t together = b->engine->rows_usual / length; /* in one step, as the server does it */
    together = together < 1 ? 1 : together < texts ? together : texts;
    size_t rounds = (TEXTS + texts - 1) / texts;
    struct kv_sequence s[TEXTS] = {0};
    struct forward_row *row = new0_array(struct forward_row, texts * length);
    float *out = mem_zalloc_array(together * length, b->engine->model->width * sizeof *out);
    int rc = row && out ? 0 : err_set(e, ERR_NOMEM, "texts");
    double t = 0;
    for (size_t round = 0; round <= rounds && rc == 0; round++) {
        if (round == 1)
            t = now();
        for (size_t i = 0; i < texts && rc == 0; i++)
            rc = kv_reserve(b->engine->kv, &s[i], length, e);
        for (size_t i = 0; i < texts * length; i++)
            row[i] = (struct forward_row){any_token(b), &s[i / length], true};
        for (size_t i = 0; i < texts && rc == 0; i += together)
            forward_step(b->engine->forward, row + i * length, (texts - i < together ? texts - i : together) * length, out);
        measure_memory(b);
        for (size_t i = 0; i < texts; i++)
            kv_clear(b->engine->kv, &s[i]);
    }
    if (rc == 0)
        record(b, "embed", texts, 0, rounds * texts * length, now() - t);
    mem_free(row);
    mem_free(out);
    return rc;
}

static int bench_run(struct bench *b, struct err *e)
{
    const struct model *m = b->engine->model;
    measure_bandwidth(b);
    b->bytes_per_token = step_bytes(m);
    int rc = 0;
    if (!m->output.data) {
        rc = bench_embed(b, 1, e);
        if (rc == 0)
            rc = bench_embed(b, TEXTS, e);
    } else {
        float *out = mem_zalloc_array(STREAMS_MAX, m->vocab * sizeof *out);
        struct kv_sequence warm = {0};
        rc = out ? read_random(b, &warm, WARM_TOKENS, out, e) : err_set(e, ERR_NOMEM, "logits");
        kv_clear(b->engine->kv, &warm);
        if (rc == 0)
            rc = bench_prefill(b, out, e);
        if (rc == 0)
            rc = bench_decode(b, 1, 0, out, e);
        if (rc == 0 && b->context)
            rc = bench_decode(b, 1, (size_t)b->context, out, e);
        for (size_t streams = 4; streams <= STREAMS_MEASURED && rc == 0; streams += 4)
            rc = bench_decode(b, streams, 0, out, e);
        mem_free(out);
    }
    return rc;
}

/* --- telling ------------------------------------------------------------------------------------------------------------------------- */

/* Steps of decode read every weight; other work reads it once for many tokens. */
static double bytes_per_second(const struct bench *b, const struct result *r)
{
    bool decode = strcmp(r->work, "decode") == 0;
    return decode ? (double)b->bytes_per_token * (double)r->tokens / (double)r->streams / r->seconds : 0;
}

static uint64_t context_room(const struct bench *b)
{
    return engine_context_of(b->engine, above(b->room.available, engine_memory(b->engine).weights));
}

static void tell(struct buf *out, const struct bench *b)
{
    const struct engine *g = b->engine;
    struct engine_memory mem = engine_memory(g);
    (void)buf_append_format(out, "%.*s, %.*s, %zu threads, kernels %s, keys and values in %s\n", STR_FMT(g->model->name), STR_FMT(g->model->architecture),
                            pool_threads(g->pool), g->kernels->name, kv_type_name(kv_type(g->kv)));
    (void)buf_append_format(out, "weights %.1f MiB; loaded in %.1f ms; memory is read at %.1f GB/s\n\n", (double)mem.weights / MiB, b->load_seconds * 1e3,
                            b->bandwidth / 1e9);
    (void)buf_append_format(out, "work      streams  context   tok/s      GB/s of weights\n");
    for (size_t i = 0; i < b->count; i++) {
        const struct result *r = &b->result[i];
        double rate = bytes_per_second(b, r);
        (void)buf_append_format(out, "%-9s %7zu  %7zu  %7.1f", r->work, r->streams, r->context, (double)r->tokens / r->seconds);
        if (rate > 0)
            (void)buf_append_format(out, "   %7.1f  %3.0f %%", rate / 1e9, b->bandwidth > 0 ? rate / b->bandwidth * 100 : 0);
        (void)buf_append_char(out, '\n');
    }
    (void)buf_append_format(out, "\nresident at the most: %.1f MiB anonymous (planned: %.1f for steps, up to %.1f for the KV cache), %.1f MiB mapped from the model; %.1f MiB\n"
                            "of the program itself\n",
                            (double)b->anonymous / MiB, (double)mem.work / MiB, (double)mem.kv / MiB, (double)b->mapped / MiB, (double)b->program / MiB);
    if (b->room.all)
        (void)buf_append_format(out, "memory here: %.0f MiB of %.0f%s were available\n", (double)b->room.available / MiB, (double)b->room.all / MiB,
                                b->room.limited ? " (a limit of the group it runs in)" : "");
    if (b->room.all && g->model->causal)
        (void)buf_append_format(out, "beside the weights that is a context of %llu tokens; the model was trained for %zu\n", (unsigned long long)context_room(b),
                                g->model->context_trained);
}

static void tell_json(struct buf *out, const struct bench *b)
{
    const struct engine *g = b->engine;
    struct engine_memory mem = engine_memory(g);
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "model"), json_str(&w, g->model->name);
    json_key(&w, "architecture"), json_str(&w, g->model->architecture);
    json_key(&w, "threads"), json_i64(&w, (int64_t)pool_threads(g->pool));
    json_key(&w, "kernels"), json_text(&w, g->kernels->name);
    json_key(&w, "kv"), json_text(&w, kv_type_name(kv_type(g->kv)));
    json_key(&w, "load_ms"), json_double(&w, b->load_seconds * 1e3);
    json_key(&w, "bandwidth"), json_double(&w, b->bandwidth);
    json_key(&w, "bytes_per_token"), json_i64(&w, (int64_t)b->bytes_per_token);
    json_key(&w, "weights_bytes"), json_i64(&w, (int64_t)mem.weights);
    json_key(&w, "kv_bytes"), json_i64(&w, (int64_t)mem.kv);
    json_key(&w, "work_bytes"), json_i64(&w, (int64_t)mem.work);
    json_key(&w, "anonymous_bytes"), json_i64(&w, (int64_t)b->anonymous);
    json_key(&w, "mapped_bytes"), json_i64(&w, (int64_t)b->mapped);
    json_key(&w, "program_bytes"), json_i64(&w, (int64_t)b->program);
    json_key(&w, "memory_bytes"), json_i64(&w, (int64_t)b->room.all);
    json_key(&w, "memory_available_bytes"), json_i64(&w, (int64_t)b->room.available);
    json_key(&w, "context_room"), json_i64(&w, g->model->causal ? (int64_t)context_room(b) : 0);
    json_key(&w, "results");
    json_array_begin(&w);
    for (size_t i = 0; i < b->count; i++) {
        const struct result *r = &b->result[i];
        json_object_begin(&w);
        json_key(&w, "work"), json_text(&w, r->work);
        json_key(&w, "streams"), json_i64(&w, (int64_t)r->streams);
        json_key(&w, "context"), json_i64(&w, (int64_t)r->context);
        json_key(&w, "tokens"), json_i64(&w, (int64_t)r->tokens);
        json_key(&w, "seconds"), json_double(&w, r->seconds);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    (void)buf_append_char(out, '\n');
}

static int measure(struct bench *b, const char *path, const struct engine_options *opt, struct err *e)
{
    struct gguf *file = NULL;
    struct room *room = NULL;
    if (room_open(&room, NULL, NULL) == 0)
        b->room = room_look(room);
    room_close(room);
    measure_memory(b);
    double t = now();
    int rc = gguf_open(&file, path, e);
    if (rc == 0)
        rc = engine_open(&b->engine, file, opt, e);
    b->load_seconds = now() - t;
    return rc < 0 ? rc : bench_run(b, e);
}

static const char details[] =
    "With --shape there need be no model: one of that shape is made up, with random weights, so that you know how fast it would be here\n"
    "before you download it; it takes its size on disk meanwhile, in $TMPDIR or /tmp, in a file without a name. --write keeps it and measures nothing.\n\n"
    "Tokens are random ones: what they are makes no difference to the speed. Decode reads every weight once for each step; beside it\n"
    "stands the share of the speed at which this machine reads the same mapped file with as many threads. The best way to read the\n"
    "figures is on a machine that does nothing else.\n\n"
    "--json: one object: model, architecture, threads, kernels, kv, load_ms, bandwidth (bytes a second), bytes_per_token, weights_bytes,\n"
    "kv_bytes (when the cache is full), work_bytes (planned), anonymous_bytes, mapped_bytes (resident, the most; mapped from the model), program_bytes (of the program's own files), memory_bytes\n"
    "and memory_available_bytes (of this machine or the group it runs in), context_room (tokens for which there is memory), results: work\n"
    "(prefill, decode, embed), streams (sequences or texts at once), context, tokens (over all streams), seconds.";

struct typed {
    const char *kernels, *shape, *quant, *write, *kv;
    int64_t threads;
    bool json;
};

/* Tells the first number that is out of its range. 0: there is none. */
static int refuse_range(const struct bench *b, const struct typed *t)
{
    const struct {
        const char *name;
        int64_t n, least, most;
    } number[] = {{"tokens", b->tokens, 1, 100000}, {"prompt", b->prompt, 1, 1 << 20}, {"context", b->context, 0, 1 << 20},
                  {"threads", t->threads, 0, POOL_THREADS_MAX}};
    for (size_t i = 0; i < COUNT_OF(number); i++)
        if (number[i].n < number[i].least || number[i].n > number[i].most)
            return cli_usage_error(&command_bench, "--%s is %lld to %lld", number[i].name, (long long)number[i].least, (long long)number[i].most);
    return 0;
}

static int measure_and_tell(struct bench *b, const char *path, const struct typed *t)
{
    size_t streams = STREAMS_MEASURED * (KV_PAGE_TOKENS + (size_t)b->tokens + KV_PAGE_TOKENS);
    size_t one = (size_t)(b->prompt > b->context + b->tokens ? b->prompt : b->context + b->tokens);
    struct engine_options opt = {.kernels = t->kernels, .threads = (size_t)t->threads, .wanted_max = STREAMS_MAX,
                                 .kv_type = kv_type_named(t->kv),
                                 .context = (streams > one ? streams : one) + 2 * KV_PAGE_TOKENS};
    struct err e = {0};
    rng_seed(&b->chance, 1);
    int rc = measure(b, path, &opt, &e);
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    if (rc == 0)
        (t->json ? tell_json : tell)(&out, b);
    engine_close(b->engine);
    return rc < 0 ? cli_fail_err(&e) : cli_print(buf_str(&out));
}

/* What has no name cannot stay behind, however this ends, and nobody else can have made it. */
static int nameless_file(struct buf *path, const char *folder, struct err *e)
{
    AUTO_BUF struct buf name = BUF_INIT(4 * KiB);
    if (buf_append_format(&name, "%s/hearth-bench-XXXXXX", folder) < 0 || !buf_text(&name))
        return err_set(e, ERR_LIMIT, "the name of the folder is too long");
    int fd = mkostemp(name.ptr, O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "no file can be made there");
    (void)unlink(name.ptr);
    int rc = buf_append_format(path, "/proc/self/fd/%d", fd); /* open until the process ends */
    return rc < 0 ? err_set(e, rc, "out of memory") : 0;
}

static int say_unwritten(int rc, const struct err *e)
{
    return rc == ERR_NOT_FOUND ? cli_usage_error(&command_bench, "%s", e->text) : cli_fail_err(e);
}

static int measure_shape(struct bench *b, const struct typed *t)
{
    struct str shape = str_from(t->shape), quant = str_from(t->quant);
    AUTO_BUF struct buf path = BUF_INIT(64);
    const char *folder = getenv("TMPDIR");
    struct err e = {0};
    if (t->write) {
        int rc = synthetic_write(t->write, shape, quant, 1, &e);
        return rc < 0 ? say_unwritten(rc, &e) : EXIT_OK;
    }
    folder = folder && *folder ? folder : "/tmp";
    int rc = nameless_file(&path, folder, &e);
    const char *file = rc == 0 ? buf_text(&path) : NULL;
    if (file)
        rc = synthetic_write(file, shape, quant, 1, &e);
    if (rc == ERR_NOT_FOUND)
        return say_unwritten(rc, &e);
    if (rc < 0 || !file)
        return cli_fail("the made-up model cannot be put into %s: %s; $TMPDIR names a folder that has room for it", folder, e.text);
    return measure_and_tell(b, file, t);
}

static int run(int argc, char **argv)
{
    struct typed t = {.quant = "Q4_K_M", .kv = "f16"};
    struct bench b = {.tokens = 64, .prompt = 512};
    const struct cli_option options[] = {
        {'n', "tokens", "N", "tokens to decode for each figure (64)", OPTION_NUMBER, &b.tokens},
        {'p', "prompt", "N", "tokens of the prompt for prefill (512)", OPTION_NUMBER, &b.prompt},
        {'c', "context", "N", "measure decode also after so many tokens", OPTION_NUMBER, &b.context},
        {0, "threads", "N", "threads (one for each core)", OPTION_NUMBER, &t.threads},
        {0, "kernels", "NAME", "ref, or a level of this machine such as avx2 (the best)", OPTION_TEXT, &t.kernels},
        {0, "kv", "TYPE", "how keys and values are kept: f16 (the default), f32 or q8_0", OPTION_TEXT, &t.kv},
        {0, "shape", "NAME", "measure a made-up model of this shape, such as llama-3.1-8b, in place of a file", OPTION_TEXT, &t.shape},
        {0, "quant", "NAME", "how its weights are stored (Q4_K_M)", OPTION_TEXT, &t.quant},
        {0, "write", "FILE", "only write the made-up model to FILE", OPTION_TEXT, &t.write},
        {0, "json", NULL, "the same as JSON", OPTION_FLAG, &t.json},
    };
    int words;
    int end = cli_parse(&command_bench, options, COUNT_OF(options), details, argc, argv, &words);
    if (end)
        return end - 1;
    if (words + (t.shape != NULL) != 1)
        return cli_usage_error(&command_bench, words ? "one model file, or one --shape" : "which model file? Or --shape llama-3.1-8b, for one that is made up");
    if (t.write && !t.shape)
        return cli_usage_error(&command_bench, "--write goes with --shape");
    if (kv_type_named(t.kv) == KV_TYPE_END)
        return cli_usage_error(&command_bench, "--kv is f16, f32 or q8_0");
    int refused = refuse_range(&b, &t);
    if (refused)
        return refused;
    return t.shape ? measure_shape(&b, &t) : measure_and_tell(&b, argv[0], &t);
}

const struct cli_command command_bench = {
    .name = "bench", .synopsis = "[FILE] [options]", .summary = "how fast a model runs on this machine", .run = run,
};
