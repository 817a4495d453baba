/* doctor_engine.c: the built-in engine: whether its models can be loaded, whether the one of a running daemon answers, and what it holds. */
#include "base/json.h"
#include "cli/cli_priv.h"
#include "cli/doctor_priv.h"
#include "cli/engine_keeper.h"
#include <sys/stat.h>

enum { PATIENCE_MS = 5000 };

static void look_at_models(struct doctor *d, const struct config_upstream *u)
{
    struct err e = {0};
    int rc = engine_config_try(d->config, &e);
    struct str line = e.line ? doctor_format(d, "line %d: ", e.line) : STR("");
    if (rc == 0)
        doctor_find(d, FINDING_OK, u->name.text, "models", NULL, "%d model%s can be loaded, in a process that is shut in", u->model_count, u->model_count == 1 ? "" : "s");
    else
        doctor_find(d, FINDING_FAIL, u->name.text, "models", "Correct the line under `models`, or fetch the file again; `hearth config check` says the same.",
                    "%.*s%s", STR_FMT(line), e.text);
}

static int64_t figure(const struct json_node *m, const char *key)
{
    int64_t n = 0;
    (void)json_get_i64(m, key, &n);
    return n;
}

static double rate(int64_t tokens, int64_t ms)
{
    return ms > 0 ? (double)tokens * 1000 / (double)ms : 0;
}

static void tell_model(struct doctor *d, const struct config_upstream *u, const struct json_node *m)
{
    const struct json_node *h = json_get(m, "hearth");
    int64_t answer = figure(h, "answer_tokens"), prompt = figure(h, "prompt_tokens") - figure(h, "cached_tokens");
    doctor_find(d, FINDING_INFO, u->name.text, "model", NULL,
                "%.*s: weights %lld MiB, %lld of %lld MiB for what was read; %lld calls under way, %lld waiting, unused for %lld s; %lld calls so far, "
                "%.0f tokens/s of prompts and %.1f of an answer",
                STR_FMT(json_get_text(m, "id")), (long long)figure(h, "weights_bytes") >> 20, (long long)figure(h, "cache_bytes") >> 20,
                (long long)figure(h, "cache_bytes_max") >> 20, (long long)figure(m, "running"), (long long)figure(m, "waiting"),
                (long long)figure(h, "idle_ms") / 1000, (long long)figure(h, "calls"), rate(prompt, figure(h, "prefill_ms")),
                rate(answer, figure(h, "decode_ms")));
}

static void look_at_list(struct doctor *d, const struct config_upstream *u, struct str body)
{
    struct json_node *root = NULL;
    int count = 0;
    const struct json_node *data = json_parse(&d->arena, body, &root, NULL) == 0 ? json_get(root, "data") : NULL;
    for (const struct json_node *m = data ? data->child : NULL; m; m = m->next)
        count++, tell_model(d, u, m);
    doctor_find(d, count == u->model_count ? FINDING_OK : FINDING_WARN, u->name.text, "running", "Have the daemon read its config again (SIGHUP).",
                "the engine of the running daemon serves %d model%s%s", count, count == 1 ? "" : "s", count == u->model_count ? "" : ", the config has another number");
}

static void look_at_running(struct doctor *d, const struct config_upstream *u, struct str data_dir)
{
    AUTO_BUF struct buf path = BUF_INIT(8 * KiB);
    struct fetch_reply r;
    struct stat st;
    if (engine_socket_path(&path, data_dir) < 0 || !buf_text(&path)) {
        d->nomem = true;
        return;
    }
    if (stat(path.ptr, &st) != 0) {
        doctor_find(d, FINDING_INFO, u->name.text, "running", NULL, "no daemon runs it now; `serve` starts it");
        return;
    }
    if (cli_fetch(&r, STR("http://localhost/v1/models"), buf_str(&path), STR_NONE, NULL, NULL, PATIENCE_MS, NULL, NULL) == 0 && r.status == 200)
        look_at_list(d, u, buf_str(&r.body));
    else
        doctor_find(d, FINDING_WARN, u->name.text, "running", "Is the daemon still running? Its log says why its engine does not answer.",
                    "the engine does not answer at %s: %s", path.ptr, r.problem[0] ? r.problem : "it answers something else");
    fetch_reply_fini(&r);
}

void doctor_engine(struct doctor *d, const struct config_upstream *u, struct str data_dir)
{
    look_at_models(d, u);
    look_at_running(d, u, data_dir);
}
