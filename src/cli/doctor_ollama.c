/* doctor_ollama.c: what an Ollama says about itself: its version, the context its models were loaded for, and models that
 * spilled to the CPU. */
#include "base/json.h"
#include "base/mem.h"
#include "cli/doctor_priv.h"
#include "net/http_client.h"
#include "wire/ollama.h"

enum {
    SMALL_CONTEXT = 8192
}; /* what agents, retrieval and long chats go beyond at once; Ollama's own default is 4096 */

struct need {
    struct str model;
    int64_t context;
    bool named;
};

static void look_for(struct str model, struct config_mark at, int64_t max_context, void *ctx)
{
    struct need *n = ctx;
    (void)at;
    if (!ollama_same_model(model, n->model))
        return;
    n->named = true;
    n->context = max_context > n->context ? max_context : n->context;
}

static void look_at_context(struct doctor *d, const struct config_upstream *u, const struct ollama_loaded *m)
{
    struct need n = {.model = str_from(m->name), .context = SMALL_CONTEXT};
    doctor_each_target(d, u->name.text, look_for, &n);
    if (!n.named || m->context == 0)
        return;
    if (m->context >= n.context)
        doctor_find(d, FINDING_OK, u->name.text, "context", NULL, "%s is loaded for %lld tokens", m->name,
                    (long long)m->context);
    else
        doctor_find(d, FINDING_WARN, u->name.text, "context",
                    doctor_format(
                        d,
                        "Set OLLAMA_CONTEXT_LENGTH=%lld where Ollama runs and restart it; it costs memory of the GPU.",
                        (long long)n.context)
                        .ptr,
                    "%s is loaded for %lld tokens: Ollama cuts longer prompts without a word%s", m->name,
                    (long long)m->context, n.context > SMALL_CONTEXT ? ", and a chain sends longer ones" : "");
}

static void look_at_spill(struct doctor *d, const struct config_upstream *u, const struct ollama_loaded *m)
{
    int percent = ollama_spill_percent(m);
    if (percent == 0)
        doctor_find(d, FINDING_OK, u->name.text, "spill", NULL, "%s is wholly on the GPU", m->name);
    else if (m->gpu_bytes == 0)
        doctor_find(d, FINDING_WARN, u->name.text, "spill",
                    "If this machine has a GPU, Ollama does not see it: check its driver, and in a container that the "
                    "GPU is passed in. If it has none, "
                    "take a smaller model.",
                    "%s runs on the CPU alone (%lld MiB)", m->name, (long long)(m->bytes >> 20));
    else
        doctor_find(
            d, FINDING_WARN, u->name.text, "spill",
            "Take a smaller quantization or model, a smaller OLLAMA_CONTEXT_LENGTH, OLLAMA_KV_CACHE_TYPE=q8_0, or "
            "unload others (`ollama ps`, "
            "`ollama stop NAME`).",
            "%s does not fit the GPU: %lld of %lld MiB, so %d %% of it is computed by the CPU, many times slower",
            m->name, (long long)((m->bytes - m->gpu_bytes) >> 20), (long long)(m->bytes >> 20), percent);
}

void doctor_ollama(struct doctor *d, struct doctor_client *c, const struct config_upstream *u, struct str base)
{
    struct str root = str_ends(base, STR("/v1")) ? str_slice(base, 0, base.len - 3) : base;
    struct doctor_reply r;
    struct ollama_loaded loaded[OLLAMA_LOADED_MAX];
    struct json_node *version;
    doctor_get(c, doctor_format(d, "%.*s/api/version", STR_FMT(root)), NULL, 0, &r);
    struct str number = STR_NONE;
    bool is_ollama = r.status == 200 && json_parse(&d->arena, buf_str(&r.body), &version, NULL) == 0 &&
                     (number = json_get_text(version, "version")).len;
    for (size_t i = 0; i < number.len; i++) /* it is shown on a terminal */
        is_ollama = is_ollama && number.len < 64 && (unsigned char)number.ptr[i] > ' ' && number.ptr[i] != 0x7f;
    if (is_ollama)
        doctor_find(d, FINDING_INFO, u->name.text, "version", NULL, "Ollama %.*s", STR_FMT(number));
    buf_fini(&r.body);
    if (!is_ollama)
        return;
    doctor_get(c, doctor_format(d, "%.*s/api/ps", STR_FMT(root)), NULL, 0, &r);
    int count = r.status == 200 ? ollama_loaded_read(buf_str(&r.body), loaded, COUNT_OF(loaded), NULL) : 0;
    if (count == 0)
        doctor_find(d, FINDING_INFO, u->name.text, "spill", NULL,
                    "no model is loaded now, so context and GPU were not looked at");
    for (int i = 0; i < count; i++) {
        look_at_spill(d, u, &loaded[i]);
        look_at_context(d, u, &loaded[i]);
    }
    buf_fini(&r.body);
}
