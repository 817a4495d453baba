/* anthropic_wish.c: how a request to an Anthropic upstream asks for length, thinking, format and sampling, in the words of the
 * model's generation; see anthropic_priv.h. */
#include "wire/anthropic_priv.h"
#include "wire/models.h"

enum {
    TOKENS_DEFAULT = 8192, /* max_tokens is required; for models whose limit is not known */
    BUDGET_MIN = 1024,     /* of thinking; Anthropic refuses less */
};

/* --- how much it may say and think -------------------------------------------------------------------------------- */

void anthropic_tokens_decide(struct anthropic_write *w)
{
    int64_t limit = w->how->fact ? w->how->fact->output_tokens_max : 0;
    w->max_tokens = w->chat->max_tokens;
    if (w->max_tokens < 0 || (w->max_tokens == 0 && !w->own)) /* 0 warms the cache, in this dialect only */
        w->max_tokens = limit > 0 ? limit : TOKENS_DEFAULT;
    if (limit > 0 && w->max_tokens > limit)
        w->max_tokens = limit;
}

/* The budget must be less than max_tokens, which is never raised: in every dialect thinking counts against it, and what was asked for at
 * most is what the books have reserved. Half of it is left for the answer. False: there is no room to think. */
static bool budget_fit(struct anthropic_write *w, int64_t budget)
{
    if (budget >= w->max_tokens)
        budget = w->max_tokens / 2;
    if (budget < BUDGET_MIN)
        budget = BUDGET_MIN;
    w->budget = budget;
    return budget < w->max_tokens;
}

/* The client's own `thinking`, if this model takes its kind: as it came. */
static bool thinking_passes(const struct anthropic_write *w, struct str own)
{
    bool enabled = w->chat->budget >= 0, off = w->chat->effort == EFFORT_NONE;
    if (own.len == 0)
        return false;
    switch (w->model->thinking) {
    case THINKS_UNKNOWN:
    case THINKS_EITHER: return true;
    case THINKS_BY_BUDGET: return enabled || off;
    case THINKS_ADAPTIVE: return !enabled && !off; /* to switch it off there, it is left out */
    case THINKS_NOT: break;
    }
    return false;
}

static bool by_budget(const struct anthropic_write *w)
{
    switch (w->model->thinking) {
    case THINKS_UNKNOWN: return w->chat->budget >= 0 || anthropic_own(w, STR("thinking")).len == 0;
    case THINKS_BY_BUDGET: return true;
    case THINKS_EITHER: return w->chat->budget >= 0;
    case THINKS_ADAPTIVE:
    case THINKS_NOT: break;
    }
    return false;
}

/* Sets `thinks` and `budget`. */
int anthropic_thinking_decide(struct anthropic_write *w, const struct turns *turns)
{
    const struct chat *c = w->chat;
    bool own = anthropic_own(w, STR("thinking")).len > 0;
    bool wished = c->effort != EFFORT_NONE && (c->budget >= 0 || own || (!w->own && c->effort != EFFORT_UNSET));
    bool forced = c->tool && (c->choice == CHOICE_REQUIRED || c->choice == CHOICE_NAMED);
    w->budget = -1;
    if (!wished)
        return 0;
    w->thinks = w->model->thinking != THINKS_NOT && (w->own || !forced);
    if (w->thinks && by_budget(w)) { /* adaptive thinking needs no thought before a call that is under way */
        enum effort effort =
            c->effort == EFFORT_UNSET ? EFFORT_HIGH : c->effort; /* what an adaptive model does by itself */
        w->thinks =
            !anthropic_turns_unthought(turns) && budget_fit(w, c->budget >= 0 ? c->budget : effort_budget(effort));
    }
    return w->thinks ? 0 : anthropic_lost(w, STR("reasoning_effort"));
}

void anthropic_thinking_write(struct anthropic_write *w)
{
    struct str own = anthropic_own(w, STR("thinking"));
    bool off = w->chat->effort == EFFORT_NONE;
    if (thinking_passes(w, own) && (w->thinks || off) && (off || w->budget < 0 || w->budget == w->chat->budget)) {
        anthropic_member_raw(w, "thinking", own);
        return;
    }
    if (!w->thinks)
        return;
    json_key(w->json, "thinking");
    json_object_begin(w->json);
    json_key(w->json, "type");
    json_text(w->json, w->budget >= 0 ? "enabled" : "adaptive");
    if (w->budget >= 0) {
        json_key(w->json, "budget_tokens");
        json_i64(w->json, w->budget);
    }
    if (w->chat->show_reasoning != UNSET && w->budget < 0) {
        json_key(w->json, "display");
        json_text(w->json, w->chat->show_reasoning == YES ? "summarized" : "omitted");
    }
    json_object_end(w->json);
}

/* Anthropic's word for how hard it shall try; NULL: nothing is said. */
static const char *effort_word(const struct anthropic_write *w)
{
    const struct chat *c = w->chat;
    enum effort e = c->effort;
    if (e == EFFORT_UNSET && w->thinks && w->budget < 0 && c->budget >= 0)
        e = effort_of_budget(c->budget);
    if (e == EFFORT_UNSET || e == EFFORT_NONE || !w->model->effort || (w->thinks && w->budget >= 0 && !w->own))
        return NULL;
    if (e == EFFORT_MINIMAL)
        e = EFFORT_LOW;
    if (e > EFFORT_HIGH && !w->model->xhigh)
        e = e == EFFORT_MAX && w->model->thinking != THINKS_BY_BUDGET ? EFFORT_MAX : EFFORT_HIGH;
    return effort_name(e);
}

int anthropic_output_config_write(struct anthropic_write *w)
{
    const struct chat *c = w->chat;
    struct str own = anthropic_own(w, STR("output_config"));
    const char *effort = effort_word(w);
    bool schema = c->format == FORMAT_JSON_SCHEMA && c->schema.len;
    if (own.len) { /* with members that nobody else knows */
        anthropic_member_raw(w, "output_config", own);
        return 0;
    }
    bool known = !w->how->fact || w->how->fact->json_schema;
    if (schema && (!w->model->schema || !known))
        return anthropic_lost(w, STR("response_format"));
    if (!effort && !schema)
        return 0;
    json_key(w->json, "output_config");
    json_object_begin(w->json);
    if (effort) {
        json_key(w->json, "effort");
        json_text(w->json, effort);
    }
    if (schema) {
        json_key(w->json, "format");
        json_object_begin(w->json);
        json_key(w->json, "type");
        json_text(w->json, "json_schema");
        anthropic_member_raw(w, "schema", c->schema);
        json_object_end(w->json);
    }
    json_object_end(w->json);
    return 0;
}

/* --- sampling ----------------------------------------------------------------------------------------------------- */

static int temperature_write(struct anthropic_write *w)
{
    double value;
    struct str raw = w->chat->temperature;
    if (raw.len == 0 || !json_to_double(raw, &value))
        return 0;
    if (value == 1 || (w->model->sampling && !w->thinks && value >= 0 && value <= 1)) {
        if (w->model->sampling && !w->thinks)
            anthropic_member_raw(w, "temperature", raw);
        return 0; /* 1 is what is done anyway */
    }
    if (w->model->sampling && !w->thinks)
        anthropic_member_raw(w, "temperature", value < 0 ? STR("0") : STR("1"));
    return anthropic_lost(w, STR("temperature"));
}

static int top_p_write(struct anthropic_write *w)
{
    double value;
    struct str raw = w->chat->top_p;
    if (raw.len == 0 || !json_to_double(raw, &value))
        return 0;
    bool second = w->model->one_sampler && w->chat->temperature.len > 0;
    bool fits = w->model->sampling && !second && value >= (w->thinks ? 0.95 : 0) && value <= 1;
    if (fits)
        anthropic_member_raw(w, "top_p", raw);
    return fits || value == 1 ? 0 : anthropic_lost(w, STR("top_p"));
}

int anthropic_sampling_write(struct anthropic_write *w)
{
    const struct chat *c = w->chat;
    const struct {
        struct str field, value;
    } unknown[] = {
        {STR("min_p"), c->min_p},
        {STR("frequency_penalty"), c->frequency_penalty},
        {STR("presence_penalty"), c->presence_penalty},
        {STR("repeat_penalty"), c->repeat_penalty},
        {STR("seed"), c->seed},
    };
    double value;
    int rc = temperature_write(w);
    if (rc == 0)
        rc = top_p_write(w);
    if (rc == 0 && c->top_k.len) {
        if (w->model->sampling && !w->thinks)
            anthropic_member_raw(w, "top_k", c->top_k);
        else
            rc = anthropic_lost(w, STR("top_k"));
    }
    for (size_t i = 0; i < COUNT_OF(unknown) && rc == 0; i++) {
        bool neutral = i < 3 && json_to_double(unknown[i].value, &value) && value == 0;
        if (unknown[i].value.len && !neutral)
            rc = anthropic_lost(w, unknown[i].field);
    }
    return rc;
}
