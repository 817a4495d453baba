/* engine_tell.c: what the engine's face tells of its models: the list that clients read, with what an owner wants to know beside it, and
 * the same as metrics. */
#include "gateway/engine_face_priv.h"
#include "gateway/metrics_priv.h"

/* Times are taken in microseconds, told as milliseconds in the list and as seconds in metrics. */
enum figure { WEIGHTS, CACHE, CACHE_MAX, WORK_MAX, RUNNING, WAITING, PREFIXES, CALLS, FAILED, PROMPT, CACHED, ANSWER, PREFILL, DECODE, BUSY, IDLE, RESTS, FIGURES };
static const struct {
    const char *key; /* in the list; NULL: it stands there by itself */
    const char *name, *type, *help;
    bool is_time;
} known[FIGURES] = {
    [WEIGHTS] = {"weights_bytes", "hearth_model_weights_bytes", "gauge", "Weights, mapped from the file", false},
    [CACHE] = {"cache_bytes", "hearth_model_cache_bytes", "gauge", "Keys and values in memory now", false},
    [CACHE_MAX] = {"cache_bytes_max", "hearth_model_cache_max_bytes", "gauge", "Keys and values at most", false},
    [WORK_MAX] = {"work_bytes_max", "hearth_model_work_max_bytes", "gauge", "Buffers of a step at most", false},
    [RUNNING] = {NULL, "hearth_model_calls_running", "gauge", "Calls that have a place", false},
    [WAITING] = {NULL, "hearth_model_calls_waiting", "gauge", "Calls that wait for one", false},
    [PREFIXES] = {"prefixes", "hearth_model_prefixes", "gauge", "Texts kept after their calls", false},
    [CALLS] = {"calls", "hearth_model_calls_total", "counter", "Calls that ended", false},
    [FAILED] = {"failed", "hearth_model_calls_failed_total", "counter", "Of these failed, or too late to begin", false},
    [PROMPT] = {"prompt_tokens", "hearth_model_prompt_tokens_total", "counter", "Tokens of their prompts", false},
    [CACHED] = {"cached_tokens", "hearth_model_cached_tokens_total", "counter", "Of these not computed again", false},
    [ANSWER] = {"answer_tokens", "hearth_model_answer_tokens_total", "counter", "Tokens of their answers", false},
    [PREFILL] = {"prefill_ms", "hearth_model_prefill_seconds_total", "counter", "What prompts took, each call by itself", true},
    [DECODE] = {"decode_ms", "hearth_model_decode_seconds_total", "counter", "What answers took, each call by itself", true},
    [BUSY] = {"busy_ms", "hearth_model_busy_seconds_total", "counter", "Time in which the model computed", true},
    [IDLE] = {"idle_ms", "hearth_model_idle_seconds", "gauge", "Since it was used last", true},
    [RESTS] = {"rests", "hearth_model_rests_total", "counter", "Times it gave its memory back, unused", false},
};

static void take_figures(struct host *h, int64_t now_us, int64_t out[FIGURES])
{
    struct host_counts n = host_counts(h);
    struct engine_memory planned = engine_memory(host_engine(h));
    bool idle = !n.running && !n.waiting && now_us > n.used_us;
    const int64_t all[FIGURES] = {
        [WEIGHTS] = (int64_t)planned.weights, [CACHE] = n.pages_max ? (int64_t)(planned.kv / n.pages_max * n.pages) : 0, [CACHE_MAX] = (int64_t)planned.kv,
        [WORK_MAX] = (int64_t)planned.work, [RUNNING] = (int64_t)n.running, [WAITING] = (int64_t)n.waiting, [PREFIXES] = (int64_t)n.prefixes,
        [CALLS] = (int64_t)n.calls, [FAILED] = (int64_t)n.failed, [PROMPT] = (int64_t)n.prompt, [CACHED] = (int64_t)n.cached, [ANSWER] = (int64_t)n.answer,
        [PREFILL] = n.prefill_us, [DECODE] = n.decode_us, [BUSY] = n.busy_us, [IDLE] = idle ? now_us - n.used_us : 0, [RESTS] = (int64_t)n.rests,
    };
    memcpy(out, all, sizeof all);
}

static void tell_model(struct json_writer *w, const struct engine_told *m, int64_t now_us)
{
    int64_t figure[FIGURES];
    take_figures(m->host, now_us, figure);
    json_object_begin(w);
    json_key(w, "id"), json_str(w, m->name);
    json_key(w, "object"), json_text(w, "model");
    json_key(w, "owned_by"), json_text(w, "hearth");
    json_key(w, "context_length"), json_i64(w, (int64_t)host_context(m->host));
    json_key(w, "running"), json_i64(w, figure[RUNNING]);
    json_key(w, "waiting"), json_i64(w, figure[WAITING]);
    json_key(w, "hearth");
    json_object_begin(w);
    for (size_t k = 0; k < FIGURES; k++)
        if (known[k].key)
            json_key(w, known[k].key), json_i64(w, known[k].is_time ? figure[k] / 1000 : figure[k]);
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

static int put_line(struct buf *out, size_t k, struct str model, int64_t n)
{
    int rc = buf_append_format(out, "%s{model=\"", known[k].name);
    rc = rc ? rc : metrics_put_label(out, model);
    rc = rc ? rc : buf_append_text(out, "\"} ");
    rc = rc ? rc : buf_append_scaled(out, n, known[k].is_time ? 6 : 0);
    return rc ? rc : buf_append_char(out, '\n');
}

int engine_tell_metrics(struct buf *out, const struct engine_told *m, size_t count, int64_t now_us)
{
    int64_t figure[ENGINE_MODELS_MAX][FIGURES];
    int rc = 0;
    for (size_t i = 0; i < count; i++)
        take_figures(m[i].host, now_us, figure[i]);
    for (size_t k = 0; k < FIGURES && rc == 0; k++) {
        rc = metrics_put_head(out, known[k].name, known[k].type, known[k].help);
        for (size_t i = 0; i < count && rc == 0; i++)
            rc = put_line(out, k, m[i].name, figure[i][k]);
    }
    return rc;
}
