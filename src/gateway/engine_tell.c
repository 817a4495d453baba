/* engine_tell.c: what the engine's face tells of its models: the list that clients read, with what an owner wants to know beside it, and
 * the same as metrics. */
#include "gateway/engine_face_priv.h"

struct figures {
    struct host_counts n;
    struct engine_memory planned;
    uint64_t cache_bytes;
    int64_t idle_ms;
};

static struct figures figures_of(struct host *h, int64_t now_us)
{
    struct figures f = {.n = host_counts(h), .planned = engine_memory(host_engine(h))};
    f.cache_bytes = f.n.pages_max ? f.planned.kv / f.n.pages_max * f.n.pages : 0;
    f.idle_ms = f.n.running || f.n.waiting || now_us < f.n.used_us ? 0 : (now_us - f.n.used_us) / 1000;
    return f;
}

static void put(struct json_writer *w, const char *key, uint64_t n)
{
    json_key(w, key), json_i64(w, (int64_t)n);
}

static void tell_model(struct json_writer *w, const struct engine_told *m, int64_t now_us)
{
    struct figures f = figures_of(m->host, now_us);
    json_object_begin(w);
    json_key(w, "id"), json_str(w, m->name);
    json_key(w, "object"), json_text(w, "model");
    json_key(w, "owned_by"), json_text(w, "hearth");
    put(w, "context_length", host_context(m->host));
    put(w, "running", f.n.running);
    put(w, "waiting", f.n.waiting);
    json_key(w, "hearth");
    json_object_begin(w);
    put(w, "weights_bytes", f.planned.weights);
    put(w, "cache_bytes", f.cache_bytes);
    put(w, "cache_bytes_max", f.planned.kv);
    put(w, "work_bytes_max", f.planned.work);
    put(w, "prefixes", f.n.prefixes);
    put(w, "calls", f.n.calls);
    put(w, "failed", f.n.failed);
    put(w, "prompt_tokens", f.n.prompt);
    put(w, "cached_tokens", f.n.cached);
    put(w, "answer_tokens", f.n.answer);
    put(w, "prefill_ms", (uint64_t)f.n.prefill_us / 1000);
    put(w, "decode_ms", (uint64_t)f.n.decode_us / 1000);
    put(w, "busy_ms", (uint64_t)f.n.busy_us / 1000);
    put(w, "idle_ms", (uint64_t)f.idle_ms);
    put(w, "rests", f.n.rests);
    json_object_end(w);
    json_object_end(w);
}

int engine_tell_models(struct buf *out, const struct engine_told *m, size_t count, int64_t now_us)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "object"), json_text(&w, "list");
    json_key(&w, "data");
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++)
        tell_model(&w, &m[i], now_us);
    json_array_end(&w);
    json_object_end(&w);
    return json_done(&w);
}

/* --- metrics ----------------------------------------------------------------------------------------------------------------------- */

enum figure { WEIGHTS, CACHE, CACHE_MAX, WORK_MAX, RUNNING, WAITING, PREFIXES, CALLS, FAILED, PROMPT, CACHED, ANSWER, PREFILL, DECODE, BUSY, IDLE, RESTS, FIGURES };
static const struct {
    const char *name, *kind, *help;
    bool is_us; /* told in seconds */
} known[FIGURES] = {
    [WEIGHTS] = {"hearth_model_weights_bytes", "gauge", "Weights, mapped from the file", false},
    [CACHE] = {"hearth_model_cache_bytes", "gauge", "Keys and values in memory now", false},
    [CACHE_MAX] = {"hearth_model_cache_max_bytes", "gauge", "Keys and values at most", false},
    [WORK_MAX] = {"hearth_model_work_max_bytes", "gauge", "Buffers of a step at most", false},
    [RUNNING] = {"hearth_model_calls_running", "gauge", "Calls that have a place", false},
    [WAITING] = {"hearth_model_calls_waiting", "gauge", "Calls that wait for one", false},
    [PREFIXES] = {"hearth_model_prefixes", "gauge", "Texts kept after their calls", false},
    [CALLS] = {"hearth_model_calls_total", "counter", "Calls that ended", false},
    [FAILED] = {"hearth_model_calls_failed_total", "counter", "Of these failed, or too late to begin", false},
    [PROMPT] = {"hearth_model_prompt_tokens_total", "counter", "Tokens of their prompts", false},
    [CACHED] = {"hearth_model_cached_tokens_total", "counter", "Of these not computed again", false},
    [ANSWER] = {"hearth_model_answer_tokens_total", "counter", "Tokens of their answers", false},
    [PREFILL] = {"hearth_model_prefill_seconds_total", "counter", "What prompts took, each call by itself", true},
    [DECODE] = {"hearth_model_decode_seconds_total", "counter", "What answers took, each call by itself", true},
    [BUSY] = {"hearth_model_busy_seconds_total", "counter", "Time in which the model computed", true},
    [IDLE] = {"hearth_model_idle_seconds", "gauge", "Since it was used last", true},
    [RESTS] = {"hearth_model_rests_total", "counter", "Times it gave its memory back, unused", false},
};

static void take_figures(struct host *h, int64_t now_us, uint64_t out[FIGURES])
{
    struct figures f = figures_of(h, now_us);
    const uint64_t all[FIGURES] = {
        [WEIGHTS] = f.planned.weights, [CACHE] = f.cache_bytes, [CACHE_MAX] = f.planned.kv, [WORK_MAX] = f.planned.work, [RUNNING] = f.n.running,
        [WAITING] = f.n.waiting, [PREFIXES] = f.n.prefixes, [CALLS] = f.n.calls, [FAILED] = f.n.failed, [PROMPT] = f.n.prompt, [CACHED] = f.n.cached,
        [ANSWER] = f.n.answer, [PREFILL] = (uint64_t)f.n.prefill_us, [DECODE] = (uint64_t)f.n.decode_us, [BUSY] = (uint64_t)f.n.busy_us,
        [IDLE] = (uint64_t)f.idle_ms * 1000, [RESTS] = f.n.rests,
    };
    memcpy(out, all, sizeof all);
}

static void put_label(struct buf *out, struct str name)
{
    (void)buf_append_text(out, "{model=\"");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '"' || c == '\\')
            (void)buf_append_char(out, '\\');
        (void)buf_append_char(out, c == '\n' ? ' ' : c);
    }
    (void)buf_append_text(out, "\"} ");
}

int engine_tell_metrics(struct buf *out, const struct engine_told *m, size_t count, int64_t now_us)
{
    uint64_t figures[ENGINE_MODELS_MAX][FIGURES];
    for (size_t i = 0; i < count; i++)
        take_figures(m[i].host, now_us, figures[i]);
    for (size_t k = 0; k < FIGURES; k++) {
        (void)buf_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", known[k].name, known[k].help, known[k].name, known[k].kind);
        for (size_t i = 0; i < count; i++) {
            (void)buf_append_text(out, known[k].name);
            put_label(out, m[i].name);
            (void)buf_append_scaled(out, (int64_t)figures[i][k], known[k].is_us ? 6 : 0);
            (void)buf_append_char(out, '\n');
        }
    }
    return buf_text(out) ? 0 : ERR_NOMEM;
}
