/* story_read.c: a call out of the books, candidate by candidate, in the order in which they came: the attempts, and between
 * them who was skipped. */
#include "base/json.h"
#include "ledger/ledger.h"
#include "mesh/mesh_priv.h"

/* --- words ----------------------------------------------------------------------------------------------------------------- */

static const char *const lost_words = "its process ended before it was answered";

static int reason_find(struct str name)
{
    for (int r = 0; r < REASON_COUNT; r++)
        if (str_eq(str_from(reason_row((enum reason)r)->name), name))
            return r;
    return -1;
}

static const char *words_of(struct str reason)
{
    int r = reason_find(reason);
    if (str_eq(reason, STR("lost")))
        return lost_words;
    return r < 0 ? "a reason that this version does not know" : reason_row((enum reason)r)->text;
}

/* What a person can do, where it is a person's turn. NULL: nothing, it passes by itself. */
static const char *advice_of(struct str reason)
{
    switch (reason_find(reason)) {
    case REASON_KEY: return "give the upstream a key that its vendor takes (`key:` in the config), then `hearth doctor`";
    case REASON_FORBIDDEN: return "see at the vendor's what this key may do";
    case REASON_QUOTA: return "top up the account at the vendor's, or take the upstream out of the chain";
    case REASON_MODEL: return "see `hearth config check`: the model's name may be retired, or misspelled";
    case REASON_RESOLVE: return "look at the upstream's `url` and at this machine's name server";
    case REASON_CONNECT:
    case REASON_CONNECT_TIMEOUT: return "see whether the upstream runs: `hearth doctor`";
    case REASON_TLS: return "see `hearth doctor`: a certificate that is not trusted, or a clock that is wrong";
    case REASON_FENCED: return "the upstream is `place: home` and its address is not; see `home_networks`";
    case REASON_REDIRECT: return "give the upstream the `url` that it redirects to";
    case REASON_PLAN_REQUEST: return "the vendor bills what this call asks for beside the plan; ask for another model or a smaller context";
    case REASON_NO_KEY: return "give the upstream its key";
    case REASON_NO_CREDENTIAL: return "the upstream takes the client's own login: see docs/guide/plan.md for how the client sends it";
    case REASON_NO_PRICE: return "give the target a price under `prices`, or the upstream no budget";
    case REASON_BUDGET: return "raise the upstream's `budget`, or wait for its next window";
    case REASON_PLAN_OFF: return "take `plans: off` out of the config";
    case REASON_TPM:
    case REASON_RPM:
    case REASON_OVER_TPM: return "raise the upstream's `rpm` or `tpm`, if the vendor allows more";
    case REASON_QUEUE_FULL:
    case REASON_QUEUE_WAIT:
    case REASON_BUSY: return "raise the upstream's `concurrent`, or `queue` (of the built-in engine: `calls`), if it can take more at once";
    case REASON_DEADLINE: return "give the call more time, or the built-in engine fewer calls at once";
    case REASON_CONTEXT:
    case REASON_TOO_SMALL: return "shorten the conversation, or add a target with a larger context to the chain";
    case REASON_JOURNAL: return "see whether the data folder's disk is full";
    case REASON_REQUIRES: return "start what the job `requires`";
    default: return NULL;
    }
}

/* --- putting it together ----------------------------------------------------------------------------------------------------- */

struct reading {
    struct mesh_story *story;
    const struct ledger_call *call;
    const struct json_node *root; /* NULL: nothing was kept */
    int room;
};

static int count_of(const struct json_node *array)
{
    return array && array->type == JSON_ARRAY ? (int)array->count : 0;
}

static struct mesh_candidate *add(struct reading *r, enum mesh_took took, struct str target, struct str reason)
{
    struct mesh_story *s = r->story;
    if (s->count == r->room)
        return NULL;
    struct mesh_candidate *c = &s->candidate[s->count++];
    *c = (struct mesh_candidate){.took = took, .target = target, .reason = reason, .back_ms = -1, .price_nusd = COST_UNKNOWN};
    if (took != MESH_NOT_ASKED) {
        c->words = words_of(reason);
        c->advice = advice_of(reason);
    }
    return c;
}

static int64_t number(const struct json_node *object, const char *key, int64_t otherwise)
{
    int64_t n;
    return json_get_i64(object, key, &n) ? n : otherwise;
}

static void add_skips(struct reading *r, int64_t after)
{
    const struct json_node *skips = r->root ? json_get(r->root, "skips") : NULL;
    for (const struct json_node *n = count_of(skips) ? skips->child : NULL; n; n = n->next) {
        if (number(n, "after", 0) != after)
            continue;
        struct mesh_candidate *c = add(r, MESH_SKIPPED, json_get_text(n, "target"), json_get_text(n, "reason"));
        if (!c)
            return;
        c->note = json_get_text(n, "note");
        c->back_ms = number(n, "back_ms", -1);
    }
}

static void add_attempt(struct reading *r, const struct usage_attempt *a)
{
    struct mesh_candidate *c = add(r, MESH_TRIED, a->target, a->reason);
    const struct json_node *notes = r->root ? json_get(r->root, "attempts") : NULL;
    if (!c)
        return;
    c->attempt = a;
    if (r->call->under_way && str_eq(a->reason, STR("lost"))) {
        c->reason = STR("under_way");
        c->words = "under way";
    }
    for (const struct json_node *n = count_of(notes) ? notes->child : NULL; n; n = n->next)
        if (number(n, "n", 0) == a->number) {
            c->dialect = json_get_text(n, "face");
            c->beside = (int)number(n, "beside", 0);
            c->probe = json_get_bool(n, "probe", false);
        }
}

static bool is_told(const struct mesh_story *s, struct str target)
{
    for (int i = 0; i < s->count; i++)
        if (str_eq(s->candidate[i].target, target))
            return true;
    return false;
}

static const struct mesh_chain *chain_of(const struct mesh_chains *now, struct str job)
{
    for (int i = 0; now && i < now->count; i++)
        if (str_eq(now->chain[i].job, job))
            return &now->chain[i];
    return NULL;
}

static void add_not_asked(struct reading *r, const struct mesh_chain *chain)
{
    for (int i = 0; chain && i < chain->target_count; i++)
        if (!is_told(r->story, chain->target[i]))
            (void)add(r, MESH_NOT_ASKED, chain->target[i], STR_NONE);
}

static void add_prices(const struct reading *r)
{
    const struct json_node *prices = r->root ? json_get(r->root, "prices") : NULL;
    for (const struct json_node *n = count_of(prices) ? prices->child : NULL; n; n = n->next)
        for (int i = 0; i < r->story->count; i++) {
            struct mesh_candidate *c = &r->story->candidate[i];
            if (!str_eq(c->target, json_get_text(n, "target")))
                continue;
            c->priced = true;
            c->price_nusd = number(n, "nusd", COST_UNKNOWN);
            c->price_cached = number(n, "cached", 0);
        }
}

static int add_lost(struct reading *r, struct arena *a)
{
    const struct json_node *lost = r->root ? json_get(r->root, "lost") : NULL;
    struct mesh_story *s = r->story;
    int count = count_of(lost);
    s->lost = arena_new_array(a, struct str, (size_t)(count ? count : 1));
    if (!s->lost)
        return ERR_NOMEM;
    for (const struct json_node *n = count ? lost->child : NULL; n; n = n->next)
        if (n->type == JSON_STRING)
            s->lost[s->lost_count++] = n->text;
    return 0;
}

static int put_together(struct reading *r, const struct mesh_chain *chain, struct arena *a)
{
    const struct ledger_call *c = r->call;
    struct mesh_story *s = r->story;
    r->room = c->attempt_count + (r->root ? count_of(json_get(r->root, "skips")) : 0) + (chain ? chain->target_count : 0);
    s->candidate = arena_new_array(a, struct mesh_candidate, (size_t)(r->room ? r->room : 1));
    if (!s->candidate)
        return ERR_NOMEM;
    add_skips(r, 0);
    for (int i = 0; i < c->attempt_count; i++) {
        add_attempt(r, &c->attempt[i]);
        add_skips(r, c->attempt[i].number);
    }
    add_not_asked(r, chain);
    add_prices(r);
    if (r->root) {
        const struct json_node *talk = json_get(r->root, "conversation");
        s->at = json_get_text(talk, "at");
        s->prefix = number(talk, "prefix", 0);
        s->stayed = json_get_bool(talk, "stayed", false);
        s->why = json_get_text(talk, "why");
        s->why_words = stay_words(s->why);
        s->dialect = json_get_text(r->root, "dialect");
        s->more = number(r->root, "more", 0);
    }
    return add_lost(r, a);
}

int mesh_story_read(struct mesh_story *out, const struct ledger_call *c, const struct mesh_chains *now, struct arena *a, struct err *e)
{
    struct mesh_story story = {0};
    struct reading r = {.story = &story, .call = c};
    struct json_node *root = NULL;
    int rc = c->story.len ? json_parse(a, c->story, &root, e) : 0;
    if (rc < 0 || (root && root->type != JSON_OBJECT))
        return err_set(e, rc == ERR_NOMEM ? rc : ERR_SYNTAX, "call %s: what was kept of its choices cannot be read", c->call.call);
    r.root = root;
    if (put_together(&r, chain_of(now, c->call.job), a) < 0)
        return err_set(e, ERR_NOMEM, "call %s", c->call.call);
    *out = story;
    return 0;
}

/* --- the chains of today ------------------------------------------------------------------------------------------------------- */

static int copy_chain(const struct job *j, struct arena *a, struct mesh_chain *out)
{
    int count = 0;
    for (int i = 0; i < j->step_count; i++)
        count += j->step[i].count;
    out->job = arena_dup(a, j->name);
    out->target = arena_new_array(a, struct str, (size_t)(count ? count : 1));
    if (!out->job.ptr || !out->target)
        return ERR_NOMEM;
    for (int i = 0; i < j->step_count; i++)
        for (int k = 0; k < j->step[i].count; k++) {
            struct str name = arena_dup(a, j->step[i].of[k].target->name);
            if (!name.ptr)
                return ERR_NOMEM;
            out->target[out->target_count++] = name;
        }
    return 0;
}

int mesh_chains(const struct mesh *m, struct arena *a, struct mesh_chains *out)
{
    struct mesh_chains all = {.chain = arena_new_array(a, struct mesh_chain, (size_t)(m->job_count ? m->job_count : 1))};
    if (!all.chain)
        return ERR_NOMEM;
    for (; all.count < m->job_count; all.count++)
        if (copy_chain(&m->job[all.count], a, &all.chain[all.count]) < 0)
            return ERR_NOMEM;
    *out = all;
    return 0;
}
