/* usage_show.c: calls and sums as JSON, and the words of a question about them: one spelling for `hearth usage` and the admin
 * API. */
#include "base/json.h"
#include "ledger/ledger.h"

static void member_i64(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_i64(w, n);
}

static void member_str(struct json_writer *w, const char *key, struct str s)
{
    json_key(w, key);
    json_str(w, s);
}

static void member_tags(struct json_writer *w, struct str tags)
{
    struct str tag;
    json_key(w, "tags");
    json_array_begin(w);
    while (str_cut(&tags, ',', &tag))
        json_str(w, str_trim(tag));
    json_array_end(w);
}

static void member_cost(struct json_writer *w, int64_t nusd)
{
    json_key(w, "cost_nusd");
    if (nusd == COST_UNKNOWN)
        json_null(w);
    else
        json_i64(w, nusd);
}

static void member_tokens(struct json_writer *w, const struct usage *u)
{
    member_i64(w, "input", u->input);
    member_i64(w, "cached", u->cached);
    member_i64(w, "cache_write", u->cache_write);
    member_i64(w, "output", u->output);
    member_i64(w, "reasoning", u->reasoning);
}

void usage_call_members(struct json_writer *w, const struct usage_call *c)
{
    char iso[CIVIL_ISO_BYTES];
    civil_iso(c->wall_ms, iso);
    member_str(w, "call", str_from(c->call));
    member_str(w, "time", str_from(iso));
    member_str(w, "job", c->job);
    member_str(w, "target", c->target);
    member_str(w, "regime", str_from(c->attempts ? regime_name(c->regime) : "-"));
    member_str(w, "outcome", str_from(call_outcome_name(c->outcome)));
    member_i64(w, "attempts", c->attempts);
    member_tokens(w, &c->usage);
    json_key(w, "estimated");
    json_bool(w, c->estimated);
    member_tags(w, c->tags);
    member_str(w, "task", c->task);
    member_str(w, "key", c->key);
    member_cost(w, c->cost_nusd);
    member_i64(w, "first_ms", c->first_ms);
    member_i64(w, "total_ms", c->total_ms);
}

void usage_call_show(struct json_writer *w, const struct usage_call *c)
{
    json_object_begin(w);
    usage_call_members(w, c);
    json_object_end(w);
}

void usage_attempt_show(struct json_writer *w, const struct usage_attempt *a)
{
    char iso[CIVIL_ISO_BYTES];
    civil_iso(a->wall_ms, iso);
    json_object_begin(w);
    member_str(w, "call", str_from(a->call));
    member_i64(w, "attempt", a->number);
    member_str(w, "time", str_from(iso));
    member_str(w, "job", a->job);
    member_str(w, "target", a->target);
    member_str(w, "regime", str_from(regime_name(a->regime)));
    json_key(w, "ok");
    json_bool(w, a->ok);
    member_str(w, "reason", a->reason);
    member_tokens(w, &a->usage);
    json_key(w, "estimated");
    json_bool(w, a->estimated);
    member_cost(w, a->cost_nusd);
    member_i64(w, "first_ms", a->first_ms);
    member_i64(w, "total_ms", a->total_ms);
    json_object_end(w);
}

void usage_group_show(struct json_writer *w, const struct usage_group *g)
{
    json_object_begin(w);
    member_str(w, "name", g->name);
    member_i64(w, "calls", g->calls);
    member_i64(w, "failed", g->failed);
    member_i64(w, "attempts", g->attempts);
    member_tokens(w, &g->usage);
    member_i64(w, "cost_nusd", g->cost_nusd);
    member_i64(w, "cost_unknown", g->cost_unknown);
    member_i64(w, "estimated", g->estimated);
    json_object_end(w);
}

bool usage_by_read(struct str word, enum usage_by *out)
{
    static const char *const names[] = {"job", "target", "regime", "day", "key", "tag"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_eq(word, str_from(names[i]))) {
            *out = (enum usage_by)i;
            return true;
        }
    return false;
}

bool usage_day_read(struct str day, int64_t *out)
{
    struct str rest = day, part[3];
    uint64_t n[3];
    for (int i = 0; i < 3; i++)
        if (!str_cut(&rest, '-', &part[i]) || !str_to_u64(part[i], &n[i]))
            return false;
    if (rest.len || n[0] < 1970 || n[0] > 9999 || n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31)
        return false;
    int64_t ms = civil_to_ms(&(struct civil){.year = (int)n[0], .month = (int)n[1], .day = (int)n[2]});
    if (civil_from_ms(ms).month != (int)n[1])
        return false; /* the 31st of February would be in March */
    *out = ms;
    return true;
}
