/* may.c: may this candidate take this call, as things stand? Nothing is taken here (take.c), and the reason against it is the
 * one that a person reads: the fence first, then what the config says, then what the moment does. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"

/* The estimate may be a quarter too high: a call is only kept away from a context that it surely exceeds. */
static bool surely_exceeds(int64_t tokens_estimated, int64_t context)
{
    return context > 0 && tokens_estimated * 3 / 4 > context;
}

static bool step_fits(const struct mesh_call *c, const struct step *s)
{
    if (s->max_context && c->facts.tokens_estimated > s->max_context)
        return false;
    if ((c->facts.needs & s->needs) != s->needs)
        return false;
    for (int i = 0; i < s->tag_count; i++)
        if (!call_has_tag(c, s->tags[i]))
            return false;
    return true;
}

const char *pick_lacks(const struct mesh_call *c, const struct target *t)
{
    static const char schema[] = "structured output (a JSON schema)";
    unsigned needs = c->facts.needs;
    const struct model_row *fact = t->fact;
    const struct vendor *v = t->up->vendor;
    bool wants_schema = c->facts.format == FORMAT_JSON_SCHEMA;
    if (wants_schema && v && v->quirks & QUIRK_NO_JSON_SCHEMA && face_choose(c, t) == DIALECT_OPENAI)
        return schema;
    if (!fact)
        return NULL; /* unknown models are given the chance */
    bool reads = fact->pdf || fact->vision; /* the table's sources do not agree on who that sees also reads documents */
    return needs & NEED_TOOLS && !fact->tools     ? "tools"
           : needs & NEED_VISION && !fact->vision ? "pictures"
           : needs & NEED_AUDIO && !fact->audio   ? "sound"
           : needs & NEED_PDF && !reads           ? "documents"
           : wants_schema && !fact->json_schema   ? schema
                                                  : NULL;
}

enum reason pick_may(struct mesh_call *c, const struct step *s, const struct target *t, int64_t *wait_ms)
{
    const struct upstream *u = t->up;
    *wait_ms = -1;
    if (c->home && !u->home)
        return REASON_OUTSIDE;
    if (c->home && model_forwards(t->model))
        return REASON_FORWARDS;
    if (!step_fits(c, s))
        return REASON_CONDITION;
    if (u->key_problem.len)
        return REASON_NO_KEY;
    int face = face_choose(c, t);
    if (face == FACE_NONE || own_cannot(c, t))
        return REASON_NO_ENDPOINT;
    if (u->passthrough && (!c->ask.credential.len || face != (int)c->ask.dialect)) /* what a client shows is for the service it speaks to */
        return REASON_NO_CREDENTIAL;
    if (u->regime == REGIME_PLAN) {
        enum reason plan = flat_look(c, t, wait_ms);
        if (plan != REASON_DONE)
            return plan;
    }
    int64_t context = t->fact ? t->fact->context_tokens : 0;
    bool too_long = surely_exceeds(c->facts.tokens_estimated, context) && !own_drops(c, t);
    if (too_long || (c->larger_than && context && context <= c->larger_than))
        return REASON_TOO_SMALL;
    if (c->not_vendor.len && str_eq(c->not_vendor, u->vendor_name.len ? u->vendor_name : u->name))
        return REASON_POLICY;
    if (pick_lacks(c, t))
        return REASON_INCAPABLE;
    if (breaker_look(&t->state->breaker, loop_now_ms(c->ml->loop), wait_ms) == BREAKER_OPEN)
        return REASON_COOLING;
    return REASON_DONE;
}
