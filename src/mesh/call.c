/* call.c: a call from its request to its ledger line. Its attempts go through the stations of enum attempt_state:
 *
 *   ASKING --> OPENING --> WAITING --> STREAMING --> (DRAINING)
 *      ^           |           |            |
 *      +-----------+-----------+            +--> cut: an error event, and the end
 *        a failed attempt: the next candidate
 *
 * OPENING lasts until the journal has the open record; only then a byte goes upstream. */
#include "base/log.h"
#include "base/mem.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include "wire/audio.h"
#include <assert.h>

enum { CALL_ARENA_MAX = 4 * 1024 * 1024 }; /* names, headers, the story; bodies are elsewhere */

static void link_call(struct mesh_call *c)
{
    struct mesh_loop *ml = c->ml;
    c->next = ml->calls;
    if (ml->calls)
        ml->calls->prev = c;
    ml->calls = c;
    ml->call_count++;
    ml->call_total++;
    count_open_call(ml, 1);
}

void call_free(struct mesh_call *c)
{
    struct mesh_loop *ml = c->ml;
    assert(!c->at->in_flight && !c->at->fetch && !hedge_other(c->at));
    if (c->over)
        *c->over = true;
    guard_leave(&c->waiter);
    queue_leave(c);
    loop_timer_cancel(ml->loop, &c->timer);
    relay_reset(&c->first);
    arena_fini(&c->chat_arena);
    if (c->second)
        relay_reset(c->second);
    mem_free(c->second);
    if (c->counted)
        gauge_add(ml->mesh->calls, -1);
    if (c->prev)
        c->prev->next = c->next;
    else
        ml->calls = c->next;
    if (c->next)
        c->next->prev = c->prev;
    ml->call_count--;
    count_open_call(ml, -1);
    arena_fini(&c->arena);
    mem_free(c);
}

static struct mesh_call *call_new(struct mesh_loop *ml, const struct mesh_ask *ask)
{
    struct mesh_call *c = new0(struct mesh_call);
    if (!c)
        return NULL;
    c->ml = ml;
    c->at = &c->first;
    c->first.call = c;
    c->ask = *ask;
    c->arena = ARENA_INIT(CALL_ARENA_MAX);
    c->tried_tail = &c->tried;
    c->begin_us = ask->received_us;
    c->home = ask->home;
    link_call(c);
    return c;
}

bool call_has_tag(const struct mesh_call *c, struct str tag)
{
    struct str rest = c->ask.tags, one;
    while (str_cut(&rest, ',', &one))
        if (str_eq(str_trim(one), tag))
            return true;
    return false;
}

bool call_is_batch(const struct mesh_call *c)
{
    enum wire_class class = c->facts.hearth.class;
    return class == CLASS_UNSET ? call_has_tag(c, STR("batch")) : class == CLASS_BATCH;
}

/* The chain to walk: the job's, or one step with one target. */
static int set_chain(struct mesh_call *c)
{
    if (c->route.job) {
        c->chain = c->route.job->step;
        c->chain_count = c->route.job->step_count;
        c->home = c->home || c->route.job->home;
        for (size_t i = 0; c->ask.dialect == DIALECT_OPENAI && !c->facts.form && i < c->route.job->default_count; i++)
            call_heed_default(&c->facts, c->route.job->defaults[i].key, c->route.job->defaults[i].value);
        if (c->facts.op == WIRE_COUNT_TOKENS) /* who comes first would count; nobody else needs to read it */
            c->chain_count = c->chain_count ? 1 : 0;
        return translate_defaults(c);
    }
    struct step *s = arena_new(&c->arena, struct step);
    struct step_target *of = arena_new(&c->arena, struct step_target);
    if (!s || !of)
        return ERR_NOMEM;
    *of = (struct step_target){.target = c->route.target, .weight = 1};
    *s = (struct step){.of = of, .count = 1, .balance = BALANCE_ORDER};
    c->chain = s;
    c->chain_count = 1;
    return 0;
}

static int open_books(struct mesh_call *c)
{
    struct ledger_call_open r = {
        .call = c->id, .wall_ms = loop_wall_ms(c->ml->loop), .op = c->facts.op,
        .job = c->route.job ? c->route.job->name : STR("-"), .asked = c->facts.model, .key = c->ask.key, .tags = c->ask.tags,
        .task = c->ask.task, .home = c->home,
    };
    int rc = ledger_call_opened(c->ml->journal, &r);
    c->in_books = rc == 0;
    if (rc == 0)
        mesh_loop_journal(c->ml);
    return rc;
}

static struct mesh_call *of_waiter(struct guard_waiter *w)
{
    return (struct mesh_call *)(void *)((char *)w - offsetof(struct mesh_call, waiter));
}

static void requires_fails(struct mesh_call *c, const char *why)
{
    AUTO_BUF struct buf text = BUF_INIT(2 * KiB);
    (void)buf_append_format(&text, "job %.*s requires %.*s, and that does not answer: %s; there is no fallback from it",
                            STR_FMT(c->route.job->name), STR_FMT(c->route.job->requires_url), why);
    answer_refuse(c, 503, "server_error", "requirement_failed", buf_str(&text), -1);
}

static void requires_known(struct guard_waiter *w, bool ok, const char *why)
{
    struct mesh_call *c = of_waiter(w);
    if (ok)
        call_next(c);
    else
        requires_fails(c, why);
}

static void check_requires(struct mesh_call *c)
{
    bool ok;
    const char *why;
    if (!c->route.job || !c->route.job->requires_url.len) {
        call_next(c);
        return;
    }
    c->waiter.fn = requires_known;
    if (guard_ask(&c->ml->requires_guard[2 * c->route.job->index + c->home], &c->waiter, &ok, &why))
        requires_known(&c->waiter, ok, why);
}

static bool may_ask(const struct mesh_ask *ask, const struct route *r)
{
    for (int i = 0; r->job && i < ask->job_count; i++)
        if (str_eq(ask->jobs[i], r->job->name))
            return true;
    return ask->job_count == 0;
}

/* Whether the name exists does not show: a key learns nothing of what is not its own. */
static void refuse_model(struct mesh_call *c)
{
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB);
    (void)buf_append_format(&text, "key %.*s may not ask for `%.*s`; it may ask for ", STR_FMT(c->ask.key),
                            STR_FMT(str_slice(c->facts.model, 0, 128)));
    for (int i = 0; i < c->ask.job_count; i++)
        (void)buf_append_format(&text, "%s%.*s", i ? ", " : "", STR_FMT(c->ask.jobs[i]));
    c->route = (struct route){0};
    answer_refuse(c, 403, "invalid_request_error", "model_not_allowed", buf_str(&text), -1);
}

static void let_in(struct mesh_call *c)
{
    c->id = id_next(&c->ml->ids, loop_wall_ms(c->ml->loop));
    if (set_chain(c) || open_books(c)) {
        answer_refuse(c, 503, "server_error", "overloaded", STR("the journal is full or memory is out; try again"), 1000);
        return;
    }
    id_to_text(&c->id, c->id_text);
    affinity_begin(c);
    if (c->chat && ollama_only_loads(c->chat, c->facts.op))
        answer_load(c);
    else
        check_requires(c);
}

static void refuse_overload(struct mesh_call *c)
{
    AUTO_BUF struct buf text = BUF_INIT(1 * KiB);
    (void)buf_append_format(&text, "%lld calls are under way, and no more are let in; try again in a moment",
                            (long long)c->ml->mesh->calls->max);
    answer_refuse(c, 503, "server_error", "overloaded", buf_str(&text), 1000);
}

/* Ollama's clients add a tag to a name that has none. */
static int find_route(struct mesh_call *c, struct err *e)
{
    struct str name = c->facts.model, latest = STR(":latest");
    int rc = route_find(&c->route, c->ml->mesh, name, &c->arena, e);
    if (rc == ERR_NOT_FOUND && c->ask.dialect == DIALECT_OLLAMA && str_ends(name, latest))
        rc = route_find(&c->route, c->ml->mesh, str_slice(name, 0, name.len - latest.len), &c->arena, e);
    return rc;
}

int mesh_call_start(struct mesh_call **out, struct mesh_loop *ml, const struct mesh_ask *ask)
{
    *out = NULL;
    struct mesh_call *c = call_new(ml, ask);
    if (!c)
        return ERR_NOMEM;
    struct err e = {0};
    bool over = false; /* the call may be answered, and gone, before this frame ends */
    c->over = &over;
    c->counted = gauge_take(ml->mesh->calls, 1);
    if (!c->counted) {
        refuse_overload(c);
        return 0;
    }
    int read = 0;
    if (ask->form) {
        audio_facts(ask->form, ask->op, ask->body, &c->facts);
        c->facts.model = arena_dup(&c->arena, c->facts.model);
        read = c->facts.model.ptr ? 0 : err_set(&e, ERR_NOMEM, "out of memory");
    } else {
        read = ask->dialect == DIALECT_OPENAI ? call_read(&c->facts, ask->op, ask->body, &c->arena, &e) : translate_read(c, &e);
    }
    if (read < 0) {
        answer_refuse(c, e.code == ERR_NOMEM ? 503 : 400, "invalid_request_error", NULL, str_from(e.text), -1);
        return 0;
    }
    int rc = find_route(c, &e);
    if (rc != ERR_NOMEM && ask->job_count && (rc < 0 || !may_ask(ask, &c->route))) {
        refuse_model(c);
        return 0;
    }
    c->ask.jobs = NULL; /* lent until here */
    c->ask.job_count = 0;
    if (rc < 0) {
        bool unknown = rc == ERR_NOT_FOUND;
        answer_refuse(c, rc == ERR_NOMEM ? 503 : unknown ? 404 : 400, "invalid_request_error",
                      unknown ? "model_not_found" : "model_ambiguous", str_from(e.text), -1);
        return 0;
    }
    let_in(c);
    if (!over) {
        c->over = NULL;
        *out = c;
    }
    return 0;
}

static bool out_of_time(const struct mesh_call *c)
{
    enum { CALL_BUDGET_MS = 900000 }; /* design §5: total 15 min is the default of one attempt; all together get no more */
    return loop_now_us(c->ml->loop) - c->begin_us > CALL_BUDGET_MS * (int64_t)1000;
}

bool call_may_try(const struct mesh_call *c)
{
    return c->attempts < c->ml->mesh->config->hops_max && !out_of_time(c);
}

void call_next(struct mesh_call *c)
{
    const struct target *t = call_may_try(c) ? pick_next(c->at) : NULL;
    if (t)
        attempt_begin(c->at, t);
    else if (c->ticket)
        clock_arm(c);
    else
        answer_exhausted(c);
}

/* The story goes into the record that closes the call; for want of memory it goes without. */
static struct str story_of(const struct mesh_call *c, struct buf *out)
{
    return story_is_worth_it(c) && story_write(c, out) == 0 ? buf_str(out) : STR_NONE;
}

void call_finish(struct mesh_call *c, enum call_outcome outcome, int status)
{
    AUTO_BUF struct buf story = BUF_INIT(STORY_BYTES_MAX);
    if (!c->in_books)
        return; /* never let in, forgotten, or closed already */
    c->in_books = false;
    int64_t now = loop_now_us(c->ml->loop);
    bool answered = outcome == CALL_DONE || outcome == CALL_CUT;
    struct ledger_call_close r = {
        .call = c->id, .outcome = outcome, .attempts = c->attempts, .http_status = status,
        .target = answered && c->at->target ? c->at->target->name : STR("-"), /* an estimate of tokens is an answer of nobody's */
        .first_ms = c->first_us ? (c->first_us - c->begin_us) / 1000 : -1, .total_ms = (now - c->begin_us) / 1000,
        .story = story_of(c, &story),
    };
    count_call(c->ml, c->route.job, &r);
    if (ledger_call_closed(c->ml->journal, &r) < 0)
        log_line(LOG_ERROR, "ledger", "call %s could not be closed in the journal; it will be booked as lost", c->id_text);
    mesh_loop_journal(c->ml);
}

void mesh_call_left(struct mesh_call *c)
{
    c->ask.sink = NULL;
    struct attempt *beside = hedge_other(c->at);
    if (beside)
        (void)attempt_close(beside, REASON_LEFT);
    if (c->at->in_flight)
        (void)attempt_close(c->at, REASON_LEFT);
    call_finish(c, CALL_LEFT, 499);
    call_free(c);
}

void mesh_call_resume(struct mesh_call *c)
{
    struct attempt *a = c->at;
    c->client_full = false;
    if (call_is_coming(c) || !a->paused || !a->fetch)
        return;
    a->paused = false;
    a->last_byte_us = loop_now_us(c->ml->loop); /* the silence was ours */
    clock_arm(c);
    http_fetch_resume(a->fetch);
}
