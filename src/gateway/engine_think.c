/* engine_think.c: whether a model is to think before it answers, and how much: one wish, for which each maker of an API has a member of its own.
 * Here it becomes the variables that templates read, `enable_thinking` and `reasoning_effort`, where the caller's own `chat_template_kwargs`
 * do not set them. Members that say different things are refused, and so is what no template can be told (a number of tokens). */
#include "gateway/engine_face_priv.h"

struct think { /* what was said, and by which member; NULL: nothing */
    const char *switch_by, *effort_by;
    bool on;
    struct str effort;
    struct err *e;
};

static int refuse(struct think *t, const char *by, const char *why)
{
    return err_set(t->e, ERR_INVALID, "`%s` %s", by, why);
}

static int differs(struct think *t, const char *by, const char *before)
{
    return err_set(t->e, ERR_INVALID, "`%s` says another thing than `%s`: say one of them", by, before);
}

static int say_switch(struct think *t, const char *by, bool on)
{
    if (t->switch_by && t->on != on)
        return differs(t, by, t->switch_by);
    t->switch_by = by;
    t->on = on;
    return 0;
}

static int say_effort(struct think *t, const char *by, const struct json_node *n)
{
    static const char *const words[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};
    size_t known = 0;
    while (known < COUNT_OF(words) && !(n->type == JSON_STRING && str_eq(n->text, str_from(words[known]))))
        known++;
    if (n->type == JSON_STRING && (n->text.len == 0 || str_eq(n->text, STR("default"))))
        return 0; /* the model's own way */
    if (known == COUNT_OF(words))
        return refuse(t, by, "must be none, minimal, low, medium, high, xhigh or max");
    if (t->effort_by && !str_eq(t->effort, n->text))
        return differs(t, by, t->effort_by);
    t->effort_by = by;
    t->effort = n->text;
    return say_switch(t, by, known > 0);
}

static bool is_flag(const struct json_node *n)
{
    return n->type == JSON_TRUE || n->type == JSON_FALSE;
}

static const struct json_node *said(const struct json_node *o, const char *key)
{
    const struct json_node *n = json_get(o, key);
    return n && n->type != JSON_NULL ? n : NULL;
}

/* DashScope, SGLang. */
static int read_flag(struct think *t, const char *by, const struct json_node *n)
{
    return is_flag(n) ? say_switch(t, by, n->type == JSON_TRUE) : refuse(t, by, "must be true or false");
}

/* Ollama: whether, or how much. */
static int read_think(struct think *t, const char *by, const struct json_node *n)
{
    return is_flag(n) ? read_flag(t, by, n) : say_effort(t, by, n);
}

/* DeepSeek, Kimi, GLM, Anthropic's compatible face: {type, budget_tokens}. */
static int read_typed(struct think *t, const char *by, const struct json_node *n)
{
    struct str type = n->type == JSON_OBJECT ? json_get_text(n, "type") : STR_NONE;
    if (said(n, "budget_tokens"))
        return err_set(t->e, ERR_UNSUPPORTED, "`thinking.budget_tokens` is not served here: say how much as `reasoning_effort`");
    if (str_eq(type, STR("adaptive")) || str_eq(type, STR("auto")))
        return 0;
    if (!str_eq(type, STR("enabled")) && !str_eq(type, STR("disabled")))
        return refuse(t, by, "must be an object with the type enabled, disabled or auto");
    return say_switch(t, by, str_eq(type, STR("enabled")));
}

/* OpenRouter: {enabled, effort, max_tokens, exclude}. */
static int read_reasoning(struct think *t, const char *by, const struct json_node *n)
{
    const struct json_node *enabled = said(n, "enabled"), *effort = said(n, "effort"), *hide = said(n, "exclude");
    if (n->type != JSON_OBJECT)
        return refuse(t, by, "must be an object");
    if (said(n, "max_tokens") || (hide && hide->type != JSON_FALSE))
        return err_set(t->e, ERR_UNSUPPORTED, "`reasoning.%s` is not served here", said(n, "max_tokens") ? "max_tokens" : "exclude");
    int rc = enabled ? read_flag(t, "reasoning.enabled", enabled) : 0;
    return rc == 0 && effort ? say_effort(t, "reasoning.effort", effort) : rc;
}

static const struct {
    const char *name;
    int (*read)(struct think *t, const char *by, const struct json_node *n);
} members[] = {
    {"reasoning_effort", say_effort}, {"enable_thinking", read_flag}, {"think", read_think}, {"thinking", read_typed}, {"reasoning", read_reasoning},
};

/* One variable more, before the caller's; his own of that name stays. */
static int put(struct engine_ask *a, struct json_node *all, const char *key, enum json_type type, struct str text)
{
    if (json_get(a->host.kwargs, key))
        return 0;
    struct json_node *n = arena_new(&a->arena, struct json_node);
    if (!n)
        return ERR_NOMEM;
    *n = (struct json_node){.type = type, .key = str_from(key), .text = text, .next = all->child};
    all->child = n;
    all->count++;
    return 0;
}

int engine_think_read(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    struct think t = {.e = e};
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const struct json_node *n = said(o, members[i].name);
        int rc = n ? members[i].read(&t, members[i].name, n) : 0;
        if (rc < 0)
            return rc;
    }
    if (!t.switch_by)
        return 0;
    struct json_node *all = arena_new(&a->arena, struct json_node);
    if (!all)
        return err_set(e, ERR_NOMEM, "%s", t.switch_by);
    all->type = JSON_OBJECT;
    if (a->host.kwargs)
        all->child = a->host.kwargs->child, all->count = a->host.kwargs->count;
    int rc = put(a, all, "enable_thinking", t.on ? JSON_TRUE : JSON_FALSE, t.on ? STR("true") : STR("false"));
    if (rc == 0 && t.effort_by)
        rc = put(a, all, "reasoning_effort", JSON_STRING, t.effort);
    if (rc < 0)
        return err_set(e, rc, "%s", t.switch_by);
    a->host.kwargs = all;
    return 0;
}
