/* story_show.c: a call and its candidates as JSON: one spelling for `hearth explain --json` and the admin API. */
#include "base/json.h"
#include "ledger/ledger.h"
#include "mesh/mesh.h"

static void member_i64(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_i64(w, n);
}

static void member_known(struct json_writer *w, const char *key, int64_t n, int64_t unknown)
{
    json_key(w, key);
    if (n == unknown)
        json_null(w);
    else
        json_i64(w, n);
}

static void member_str(struct json_writer *w, const char *key, struct str s)
{
    json_key(w, key);
    json_str(w, s);
}

static void show_attempt(struct json_writer *w, const struct mesh_candidate *c)
{
    const struct usage_attempt *a = c->attempt;
    member_i64(w, "attempt", a->number);
    member_str(w, "regime", str_from(regime_name(a->regime)));
    member_str(w, "dialect", c->dialect);
    member_known(w, "hedges", c->beside, 0);
    json_key(w, "probe");
    json_bool(w, c->probe);
    member_i64(w, "input", a->usage.input);
    member_i64(w, "cached", a->usage.cached);
    member_i64(w, "output", a->usage.output);
    json_key(w, "estimated");
    json_bool(w, a->estimated);
    member_known(w, "cost_nusd", a->cost_nusd, COST_UNKNOWN);
    member_known(w, "first_ms", a->first_ms, -1);
    member_known(w, "total_ms", a->total_ms, -1);
}

static void show_candidate(struct json_writer *w, const struct mesh_candidate *c)
{
    static const char *const took[] = {[MESH_TRIED] = "tried", [MESH_SKIPPED] = "skipped", [MESH_NOT_ASKED] = "not_asked"};
    json_object_begin(w);
    member_str(w, "target", c->target);
    member_str(w, "took", str_from(took[c->took]));
    if (c->took != MESH_NOT_ASKED) {
        member_str(w, "reason", c->reason);
        member_str(w, "words", str_from(c->words));
        json_key(w, "advice");
        json_text(w, c->advice);
    }
    if (c->took == MESH_SKIPPED) {
        member_str(w, "note", c->note);
        member_known(w, "back_ms", c->back_ms, -1);
    }
    if (c->attempt)
        show_attempt(w, c);
    if (c->priced) {
        member_known(w, "price_nusd", c->price_nusd, COST_UNKNOWN);
        member_i64(w, "price_cached", c->price_cached);
    }
    json_object_end(w);
}

void mesh_story_show(struct json_writer *w, const struct ledger_call *c, const struct mesh_story *s)
{
    json_object_begin(w);
    usage_call_members(w, &c->call);
    json_key(w, "under_way");
    json_bool(w, c->under_way);
    member_str(w, "asked", c->asked);
    member_str(w, "boundary", c->home ? STR("home") : STR("any"));
    member_known(w, "http_status", c->http_status, 0);
    member_str(w, "dialect", s->dialect);
    json_key(w, "conversation");
    if (s->at.len) {
        json_object_begin(w);
        member_str(w, "at", s->at);
        member_i64(w, "prefix", s->prefix);
        json_key(w, "stayed");
        json_bool(w, s->stayed);
        member_str(w, "why", s->why);
        json_object_end(w);
    } else {
        json_null(w);
    }
    json_key(w, "candidates");
    json_array_begin(w);
    for (int i = 0; i < s->count; i++)
        show_candidate(w, &s->candidate[i]);
    json_array_end(w);
    member_i64(w, "more", s->more);
    json_key(w, "lost");
    json_array_begin(w);
    for (int i = 0; i < s->lost_count; i++)
        json_str(w, s->lost[i]);
    json_array_end(w);
    json_object_end(w);
}
