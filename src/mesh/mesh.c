/* mesh.c: opening and closing: the shared part, and a loop's part with its upstream connections and its journal. */
#include "mesh/mesh.h"
#include "base/log.h"
#include "base/mem.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

enum { ROUTES_ARENA_MAX = 64 * 1024 * 1024, JOURNAL_RETRY_MS = 1000 };

static int find_authorities(struct mesh *m, struct err *e)
{
    const struct config_text *t = &m->config->ca_file;
    struct err why = {0};
    if (!t->text.len)
        return 0;
    if (!(m->ca_file = arena_text(&m->arena, t->text)))
        return err_set(e, ERR_NOMEM, "mesh");
    int rc = http_ca_file_check(m->ca_file, &why);
    return rc ? err_set_at(e, rc, t->mark.line, t->mark.column, "ca_file: %s", why.text) : 0;
}

int mesh_open(struct mesh **out, const struct mesh_options *opt, struct err *e)
{
    struct mesh *m = new0(struct mesh);
    if (!m)
        return err_set(e, ERR_NOMEM, "mesh");
    m->arena = ARENA_INIT(ROUTES_ARENA_MAX);
    m->config = opt->config;
    m->ledger = opt->ledger;
    m->resolver = opt->resolver;
    m->clock = opt->clock;
    m->calls = opt->calls;
    m->held = opt->held;
    m->news = opt->news;
    m->engine_socket = opt->engine_socket.len ? arena_dup(&m->arena, opt->engine_socket) : STR("/the engine does not run");
    int rc = fence_networks(m, e);
    if (rc == 0)
        rc = routes_build(m, e);
    if (rc == 0)
        rc = routes_prove_fence(m, e);
    if (rc == 0)
        rc = find_authorities(m, e);
    if (rc == 0)
        rc = states_take(m, opt->before, e);
    if (rc) {
        mesh_close(m);
        return rc;
    }
    *out = m;
    return 0;
}

void mesh_close(struct mesh *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->upstream_count; i++) { /* keys do not stay behind in freed memory */
        struct str key = m->upstream[i].authorization;
        if (key.len)
            explicit_bzero((char *)(uintptr_t)key.ptr, key.len);
    }
    states_leave(m);
    arena_fini(&m->arena);
    mem_free(m);
}

static void on_journal_retry(struct loop_timer *t)
{
    struct mesh_loop *ml = (struct mesh_loop *)(void *)((char *)t - offsetof(struct mesh_loop, journal_timer));
    mesh_loop_journal(ml);
}

/* COMMIT phase: all records of this turn in one write. */
static void on_commit(struct loop_task *t)
{
    struct mesh_loop *ml = (struct mesh_loop *)(void *)((char *)t - offsetof(struct mesh_loop, commit_task));
    struct err e = {0};
    int rc = ledger_flush(ml->journal, &e);
    if (rc < 0 && !ml->journal_failed)
        log_line(LOG_ERROR, "ledger", "%s; new calls get 503 until the journal can be written again", e.text);
    if (rc == 0 && ml->journal_failed)
        log_line(LOG_INFO, "ledger", "the journal can be written again");
    ml->journal_failed = rc < 0;
    if (rc < 0 && loop_timer_set(ml->loop, &ml->journal_timer, JOURNAL_RETRY_MS, on_journal_retry) < 0)
        log_line(LOG_WARN, "ledger", "memory is out: the journal is tried again with the next call");
}

void mesh_loop_journal(struct mesh_loop *ml)
{
    loop_defer(ml->loop, LOOP_COMMIT, &ml->commit_task, on_commit);
}

static int open_guards(struct mesh_loop *ml, struct err *e)
{
    const struct mesh *m = ml->mesh;
    ml->requires_guard = new0_array(struct guard, 2 * (size_t)m->job_count + 1);
    ml->home_guard = new0_array(struct guard, (size_t)m->upstream_count + 1);
    ml->spill = new0_array(struct watch, (size_t)m->upstream_count + 1);
    ml->quota = new0_array(struct watch, (size_t)m->upstream_count + 1);
    if (!ml->requires_guard || !ml->home_guard || !ml->spill || !ml->quota)
        return err_set(e, ERR_NOMEM, "mesh loop");
    uint32_t pool = (uint32_t)m->upstream_count * 2; /* behind the pools of the upstreams */
    for (int i = 0; i < 2 * m->job_count; i++)
        ml->requires_guard[i] = (struct guard){.ml = ml, .url = m->job[i / 2].requires_url, .home = i % 2, .pool = pool + (uint32_t)(i % 2)};
    for (int i = 0; i < m->upstream_count; i++)
        ml->home_guard[i] = (struct guard){.ml = ml, .url = m->upstream[i].probe_url, .unix_path = m->upstream[i].unix_path,
                                           .authorization = m->upstream[i].authorization, .home = true, .lists_models = true,
                                           .pool = (uint32_t)i * 2 + 1};
    for (int i = 0; i < m->upstream_count; i++) {
        const struct upstream *u = &m->upstream[i];
        ml->spill[i] = (struct watch){.ml = ml, .up = u, .what = &spill_what, .due_ms = &u->state->spill_ask_ms};
        ml->quota[i] = (struct watch){.ml = ml, .up = u, .what = &quota_what, .due_ms = &u->state->quota_ask_ms};
    }
    return 0;
}

int mesh_loop_open(struct mesh_loop **out, const struct mesh_loop_options *opt, struct err *e)
{
    struct mesh_loop *ml = new0(struct mesh_loop);
    if (!ml)
        return err_set(e, ERR_NOMEM, "mesh loop");
    ml->mesh = opt->mesh;
    ml->loop = opt->loop;
    ml->index = opt->index;
    ml->counts = opt->counts;
    rng_seed_system(&ml->rng);
    struct rng seed;
    rng_seed_system(&seed);
    id_source_init(&ml->ids, seed);
    struct http_client_options client = {.loop = opt->loop, .resolver = opt->mesh->resolver, .ca_file = opt->mesh->ca_file};
    int rc = open_guards(ml, e);
    if (rc == 0)
        rc = counts_bind(ml, e);
    if (rc == 0)
        rc = http_client_open(&ml->client, &client, e);
    if (rc == 0)
        rc = ledger_writer_open(&ml->journal, opt->mesh->ledger, opt->index, e);
    if (rc) {
        mesh_loop_close(ml);
        return rc;
    }
    *out = ml;
    return 0;
}

static void end_call(struct mesh_call *c)
{
    struct attempt *a = c->at;
    if (a->state == ATTEMPT_DRAINING) {
        http_fetch_cancel(a->fetch);
        a->fetch = NULL;
        call_free(c);
    } else if (a->in_flight) {
        struct attempt *beside = hedge_other(a);
        if (beside)
            attempt_failed(beside, REASON_SHUTDOWN, STR_NONE);
        relay_stop(a, REASON_SHUTDOWN, STR_NONE);
    } else {
        answer_refuse(c, 503, "server_error", "shutting_down", STR("Hearth is shutting down"), 1000);
    }
}

void mesh_loop_end_calls(struct mesh_loop *ml)
{
    while (ml->calls)
        end_call(ml->calls);
}

void mesh_loop_close(struct mesh_loop *ml)
{
    if (!ml)
        return;
    mesh_loop_end_calls(ml); /* at most such as only drain: their clients are gone, or were told */
    for (int i = 0; ml->requires_guard && i < 2 * ml->mesh->job_count; i++)
        guard_fini(&ml->requires_guard[i]);
    for (int i = 0; ml->home_guard && i < ml->mesh->upstream_count; i++)
        guard_fini(&ml->home_guard[i]);
    for (int i = 0; ml->spill && i < ml->mesh->upstream_count; i++)
        watch_fini(&ml->spill[i]);
    for (int i = 0; ml->quota && i < ml->mesh->upstream_count; i++)
        watch_fini(&ml->quota[i]);
    if (ml->journal) {
        struct err e = {0};
        if (ledger_flush(ml->journal, &e) < 0)
            log_line(LOG_ERROR, "ledger", "%s; the last records of this loop are lost and will be booked as such", e.text);
        loop_timer_cancel(ml->loop, &ml->journal_timer);
    }
    loop_defer_cancel(&ml->commit_task);
    http_client_close(ml->client);
    ledger_writer_close(ml->journal);
    mem_free(ml->count_row);
    mem_free(ml->requires_guard);
    mem_free(ml->home_guard);
    mem_free(ml->spill);
    mem_free(ml->quota);
    mem_free(ml);
}

size_t mesh_loop_calls(const struct mesh_loop *ml)
{
    return ml->call_count;
}

uint64_t mesh_loop_total(const struct mesh_loop *ml)
{
    return ml->call_total;
}

void mesh_loop_trim(struct mesh_loop *ml)
{
    http_client_trim(ml->client);
}

bool mesh_loop_ready(const struct mesh_loop *ml)
{
    return ledger_writable(ml->journal);
}

/* What is known of the model that would be asked first. */
static void describe(struct mesh_name *n, const struct target *t)
{
    n->embeds = model_is_embedding(t);
    n->context_tokens = t->fact ? t->fact->context_tokens : 0;
    n->vision = t->fact && t->fact->vision;
    n->thinks = t->fact && t->fact->reasoning;
    n->tools = !n->embeds && (!t->fact || t->fact->tools);
}

static struct mesh_name name_of_job(const struct job *j, struct str name, const char *kind)
{
    struct mesh_name n = {.name = name, .kind = kind, .owner = STR("hearth"), .job = j->name, .home = j->home};
    describe(&n, j->step[0].of[0].target);
    return n;
}

static struct mesh_name name_of_target(const struct target *t, struct str name, const char *kind, struct str owner)
{
    struct mesh_name n = {.name = name, .kind = kind, .owner = owner};
    describe(&n, t);
    return n;
}

int mesh_names(const struct mesh *m, int (*fn)(const struct mesh_name *n, void *ctx), void *ctx)
{
    int rc = 0;
    struct mesh_name n;
    for (int i = 0; rc == 0 && i < m->job_count; i++) {
        n = name_of_job(&m->job[i], m->job[i].name, "job");
        rc = fn(&n, ctx);
    }
    for (int i = 0; rc == 0 && i < m->alias_count; i++) {
        const struct alias *a = &m->alias[i];
        if (a->pattern)
            continue;
        n = a->job ? name_of_job(a->job, a->name, "alias") : name_of_target(a->target, a->name, "alias", STR("hearth"));
        rc = fn(&n, ctx);
    }
    for (int i = 0; rc == 0 && i < m->target_count; i++) {
        const struct target *t = &m->target[i];
        n = name_of_target(t, t->name, "target", t->up->name);
        rc = fn(&n, ctx);
    }
    return rc;
}
