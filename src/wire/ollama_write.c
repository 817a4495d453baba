/* ollama_write.c: a request to an Ollama, and what its dialect cannot say.
 *
 * It says `stream` always, since leaving it out means true; and where the client's own dialect knows of no silent cutting, it
 * says `truncate: false`: a prompt that is longer than the context the model was loaded with is then refused, which a chain
 * can act upon, and not cut in silence. The size of that context is the owner's to set, with a default `options: {num_ctx: …}`:
 * a call that asked for another one than the last would make Ollama load the model anew. */
#include "wire/ollama_priv.h"

/* --- tools ------------------------------------------------------------------------------------------------------------------ */

static int tool_write(struct ollama_writer *w, const struct tool *t)
{
    if (t->opaque.len)
        return ollama_cannot(w, tool_is_spared(w->chat) ? "tools.hosted" : "tools.type");
    if (t->custom)
        (void)ollama_cannot(w, "tools.custom"); /* lost */
    if (t->cache.len)
        (void)ollama_cannot(w, "cache_control");
    if (str_eq(t->strict, STR("true")))
        (void)ollama_cannot(w, "tools.strict");
    json_object_begin(&w->json);
    json_key(&w->json, "type");
    json_text(&w->json, "function");
    json_key(&w->json, "function");
    json_object_begin(&w->json);
    json_key(&w->json, "name");
    json_str(&w->json, t->name);
    if (t->description.len) {
        json_key(&w->json, "description");
        json_str(&w->json, t->description);
    }
    json_key(&w->json, "parameters");
    json_raw(&w->json, t->custom ? STR(TOOL_INPUT_SCHEMA) : t->schema.len ? t->schema : STR("{\"type\":\"object\",\"properties\":{}}"));
    json_object_end(&w->json);
    json_object_end(&w->json);
    return 0;
}

/* Not to call any is the one choice that can be said: by not telling of them. */
static int tools_write(struct ollama_writer *w)
{
    const struct chat *c = w->chat;
    int rc = c->choice == CHOICE_REQUIRED || c->choice == CHOICE_NAMED ? ollama_cannot(w, "tool_choice") : 0;
    if (rc || !c->tool || c->choice == CHOICE_NONE)
        return rc;
    if (c->parallel == NO)
        (void)ollama_cannot(w, "parallel_tool_calls");
    json_key(&w->json, "tools");
    json_array_begin(&w->json);
    for (const struct tool *t = c->tool; t && rc == 0; t = t->next)
        rc = tool_write(w, t);
    json_array_end(&w->json);
    return rc;
}

/* --- options ------------------------------------------------------------------------------------------------------------------ */

static void option_key(struct ollama_writer *w, struct str name)
{
    if (!w->options_open) {
        json_key(&w->json, "options");
        json_object_begin(&w->json);
    }
    w->options_open = true;
    json_key_str(&w->json, name);
}

static void stop_write(struct ollama_writer *w)
{
    if (!w->chat->stop)
        return;
    option_key(w, STR("stop"));
    json_array_begin(&w->json);
    for (const struct chat_text *t = w->chat->stop; t; t = t->next)
        json_str(&w->json, t->text);
    json_array_end(&w->json);
}

/* Those that the conversation has a word for; true for the name of one that was written. */
static bool option_is_given(const struct ollama_writer *w, struct str name)
{
    const struct chat *c = w->chat;
    const struct {
        const char *name;
        bool given;
    } known[] = {
        {"num_predict", c->max_tokens >= 0},
        {"stop", c->stop},
        {"temperature", c->temperature.len},
        {"top_p", c->top_p.len},
        {"top_k", c->top_k.len},
        {"min_p", c->min_p.len},
        {"seed", c->seed.len},
        {"presence_penalty", c->presence_penalty.len},
        {"frequency_penalty", c->frequency_penalty.len},
        {"repeat_penalty", c->repeat_penalty.len},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (known[i].given && str_eq(name, str_from(known[i].name)))
            return true;
    return false;
}

static void number_write(struct ollama_writer *w, struct str name, struct str raw)
{
    if (raw.len == 0)
        return;
    option_key(w, name);
    json_raw(&w->json, raw);
}

/* Options of Ollama's own: of a client of its dialect each by its name, of others (and a job's defaults) an object. */
static int own_options_write(struct ollama_writer *w)
{
    struct json_node *object;
    for (const struct chat_member *m = w->chat->extra; m; m = m->next) {
        if (w->chat->from == DIALECT_OLLAMA && str_starts(m->name, STR("options."))) {
            number_write(w, str_skip(m->name, 8), m->value);
            continue;
        }
        if (!str_eq(m->name, STR("options")))
            continue;
        int rc = json_parse(w->to->arena, m->value, &object, w->err);
        if (rc)
            return rc;
        if (object->type != JSON_OBJECT)
            return err_set(w->err, ERR_INVALID, "options must be an object");
        for (const struct json_node *o = object->child; o; o = o->next) {
            if (option_is_given(w, o->key))
                continue;
            option_key(w, o->key);
            if (o->type == JSON_STRING)
                json_str(&w->json, o->text);
            else
                json_raw(&w->json, o->text);
        }
    }
    return 0;
}

static int options_write(struct ollama_writer *w)
{
    const struct chat *c = w->chat;
    if (c->max_tokens >= 0) {
        option_key(w, STR("num_predict"));
        json_i64(&w->json, c->max_tokens);
    }
    number_write(w, STR("temperature"), c->temperature);
    number_write(w, STR("top_p"), c->top_p);
    number_write(w, STR("top_k"), c->top_k);
    number_write(w, STR("min_p"), c->min_p);
    number_write(w, STR("seed"), c->seed);
    number_write(w, STR("presence_penalty"), c->presence_penalty);
    number_write(w, STR("frequency_penalty"), c->frequency_penalty);
    number_write(w, STR("repeat_penalty"), c->repeat_penalty);
    stop_write(w);
    int rc = own_options_write(w);
    if (w->options_open)
        json_object_end(&w->json);
    return rc;
}

/* --- the rest ------------------------------------------------------------------------------------------------------------------- */

static void format_write(struct ollama_writer *w)
{
    const struct chat *c = w->chat;
    if (c->format == FORMAT_TEXT)
        return;
    json_key(&w->json, "format");
    if (c->format == FORMAT_JSON_SCHEMA && c->schema.len)
        json_raw(&w->json, c->schema);
    else
        json_text(&w->json, "json");
    if (c->schema_description.len)
        (void)ollama_cannot(w, "response_format.json_schema.description");
}

static void think_write(struct ollama_writer *w)
{
    const struct chat *c = w->chat;
    enum effort effort = c->effort;
    if (c->budget >= 0) {
        effort = effort == EFFORT_UNSET ? effort_of_budget(c->budget) : effort;
        (void)ollama_cannot(w, "budget_tokens");
    }
    if (effort == EFFORT_UNSET)
        return;
    json_key(&w->json, "think");
    if (effort == EFFORT_NONE || c->thinks)
        json_bool(&w->json, effort != EFFORT_NONE);
    else
        json_text(&w->json, effort <= EFFORT_LOW ? "low" : effort >= EFFORT_XHIGH ? "max" : effort_name(effort));
}

static bool is_written(struct str name)
{
    static const char *const ours[] = {"model", "messages", "prompt", "system", "suffix", "images",
                                       "raw",   "tools",    "stream", "format", "think",  "options"};
    for (size_t i = 0; i < COUNT_OF(ours); i++)
        if (str_eq(name, str_from(ours[i])))
            return true;
    return false;
}

/* Nothing is lost with a wish for nothing. */
static bool is_nothing(struct str value)
{
    return str_eq(value, STR("null")) || str_eq(value, STR("false"));
}

static int extra_write(struct ollama_writer *w)
{
    const struct chat *c = w->chat;
    bool kin = c->from == DIALECT_OLLAMA, told = false;
    int rc = 0;
    for (const struct chat_member *m = c->extra; m && rc == 0; m = m->next) {
        bool done = str_eq(m->name, STR("options")) || (kin && str_starts(m->name, STR("options.")));
        bool carried =
            kin ? !is_written(m->name) : str_eq(m->name, STR("keep_alive")) || str_eq(m->name, STR("truncate"));
        told |= str_eq(m->name, STR("truncate"));
        if (carried && !done) {
            json_key_str(&w->json, m->name);
            json_raw(&w->json, m->value);
        } else if (!done && (kin || !is_nothing(m->value))) {
            rc = codec_cannot(&codec_ollama, w->to, m->name, w->err);
        }
    }
    if (!kin && !told && rc == 0) {
        json_key(&w->json, "truncate");
        json_bool(&w->json, false);
    }
    return rc;
}

static int hints_check(struct ollama_writer *w)
{
    const struct chat *c = w->chat;
    if (c->user.len)
        (void)ollama_cannot(w, "user");
    if (c->tier.len)
        (void)ollama_cannot(w, "service_tier");
    if (c->cache.len)
        (void)ollama_cannot(w, "cache_control");
    return c->choices > 1 ? ollama_cannot(w, "n") : 0;
}

int ollama_request_write(const struct chat *c, const struct chat_write *to, struct buf *out, struct err *e)
{
    struct ollama_writer w = {.chat = c, .to = to, .json = JSON_WRITER(out), .err = e};
    bool generate = to->op == WIRE_GENERATE || to->op == WIRE_COMPLETIONS;
    int rc = hints_check(&w);
    json_object_begin(&w.json);
    json_key(&w.json, "model");
    json_str(&w.json, to->model);
    rc = rc ? rc : generate ? ollama_prompt_write(&w) : ollama_messages_write(&w);
    rc = rc ? rc : tools_write(&w);
    json_key(&w.json, "stream");
    json_bool(&w.json, c->stream);
    format_write(&w);
    think_write(&w);
    rc = rc ? rc : options_write(&w);
    rc = rc ? rc : extra_write(&w);
    json_object_end(&w.json);
    if (rc == 0 && json_done(&w.json) < 0)
        rc = err_set(e, json_done(&w.json), "the request for the upstream does not fit into memory");
    return rc;
}
