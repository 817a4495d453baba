/* spill.c: notices models that an Ollama at home computes on the CPU in part, because they do not fit its GPU: it does so
 * without a word, and becomes several times slower. While answers come from an upstream at home it is asked, at most every
 * half minute, which models it has loaded (/api/ps). What it says is kept beside the target's breaker, where the head of an
 * answer, /metrics and the admin API read it.
 *
 * Only an upstream that is called an Ollama (its vendor, or Ollama's port) is asked; one that knows no such list is asked
 * again much later only. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include "wire/ollama.h"

enum {
    SPILL_EVERY_MS = 30000,
    SPILL_NO_OLLAMA_MS = 600000,
    SPILL_TIMEOUT_MS = 3000,
    SPILL_KNOWN_MS =
        300000, /* Ollama unloads a model after five idle minutes, and may load it otherwise the next time */
    SPILL_LIST_BYTES_MAX = 256 * 1024,
};

int spill_percent(const struct target *t, int64_t now_ms)
{
    int64_t seen_ms = atomic_load_explicit(&t->state->spill_seen_ms, memory_order_relaxed);
    if (seen_ms == 0 || now_ms - seen_ms > SPILL_KNOWN_MS)
        return -1;
    return atomic_load_explicit(&t->state->spill_percent, memory_order_relaxed);
}

/* --- what it said ------------------------------------------------------------------------------------------------------ */

static void tell(const struct target *t, int percent)
{
    if (percent >= 100)
        log_line(LOG_WARN, "spill",
                 "%.*s runs on the CPU alone, which makes it many times slower; `hearth doctor` says what helps",
                 STR_FMT(t->name));
    else if (percent)
        log_line(LOG_WARN, "spill",
                 "%.*s does not fit its GPU: %d %% of it is computed by the CPU, which makes it several times slower; "
                 "`hearth doctor` says what helps",
                 STR_FMT(t->name), percent);
    else
        log_line(LOG_INFO, "spill", "%.*s is wholly on its GPU again", STR_FMT(t->name));
}

/* Targets that are not loaded keep what was seen, until it is too old: they have not been asked since, either. */
static void note(const struct watch *w, const struct ollama_loaded *loaded, int64_t now_ms)
{
    const struct mesh *m = w->ml->mesh;
    int percent = ollama_spill_percent(loaded);
    for (int i = 0; i < m->target_count; i++) {
        const struct target *t = &m->target[i];
        if (t->up != w->up || !ollama_same_model(t->model, str_from(loaded->name)))
            continue;
        int before = atomic_exchange_explicit(&t->state->spill_percent, percent, memory_order_relaxed);
        atomic_store_explicit(&t->state->spill_seen_ms, now_ms, memory_order_relaxed);
        if (before != percent)
            tell(t, percent);
    }
}

static void take_answer(struct watch *w)
{
    struct ollama_loaded loaded[OLLAMA_LOADED_MAX];
    int64_t now_ms = loop_now_ms(w->ml->loop);
    int count = w->status == 200 ? ollama_loaded_read(buf_str(&w->body), loaded, COUNT_OF(loaded), NULL) : ERR_SYNTAX;
    if (count == ERR_SYNTAX)
        watch_not_before(w, SPILL_NO_OLLAMA_MS);
    for (int i = 0; i < count; i++)
        note(w, &loaded[i], now_ms);
}

const struct watch_what spill_what = {
    .every_ms = SPILL_EVERY_MS, .timeout_ms = SPILL_TIMEOUT_MS, .bytes_max = SPILL_LIST_BYTES_MAX, .take = take_answer};

void spill_look(const struct attempt *a)
{
    const struct upstream *u = a->target->up;
    if (u->loaded_url.len)
        watch_look(&a->call->ml->spill[u->index], u->loaded_url, u->unix_path);
}
