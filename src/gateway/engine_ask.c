/* engine_ask.c: a request in OpenAI's dialect as what the engine is asked to do. What it cannot do is refused by name. */
#include "gateway/engine_face_priv.h"
#include <math.h>

enum { ASK_ARENA_MAX = 512 << 20 };

static int refuse(struct err *e, const char *member, const char *why)
{
    return err_set(e, ERR_INVALID, "`%s` %s", member, why);
}

/* A number between `least` and `most`; absent and null leave *out. */
static int read_number(const struct json_node *o, const char *key, double least, double most, double *out, struct err *e)
{
    const struct json_node *n = json_get(o, key);
    double d;
    if (!n || n->type == JSON_NULL)
        return 0;
    if (n->type != JSON_NUMBER || !json_to_double(n->text, &d) || !(d >= least && d <= most))
        return least == most ? err_set(e, ERR_INVALID, "`%s` can only be %g here", key, least)
                             : err_set(e, ERR_INVALID, "`%s` must be a number from %.10g to %.10g", key, least, most);
    *out = d;
    return 0;
}

static int read_flag(const struct json_node *o, const char *key, bool *out, struct err *e)
{
    const struct json_node *n = json_get(o, key);
    if (!n || n->type == JSON_NULL)
        return 0;
    if (n->type != JSON_TRUE && n->type != JSON_FALSE)
        return refuse(e, key, "must be true or false");
    *out = n->type == JSON_TRUE;
    return 0;
}

static int read_text(const struct json_node *o, const char *key, struct str *out, struct err *e)
{
    const struct json_node *n = json_get(o, key);
    if (!n || n->type == JSON_NULL)
        return 0;
    if (n->type != JSON_STRING)
        return refuse(e, key, "must be a text");
    *out = n->text;
    return 0;
}

static int read_float(const struct json_node *o, const char *key, double least, double most, float *out, struct err *e)
{
    double d = (double)*out;
    int rc = read_number(o, key, least, most, &d, e);
    *out = (float)d;
    return rc;
}

static int read_count(const struct json_node *o, const char *key, double least, double most, size_t *out, struct err *e)
{
    double d = (double)*out;
    int rc = read_number(o, key, least, most, &d, e);
    if (rc == 0 && d != floor(d))
        return refuse(e, key, "must be a whole number");
    *out = (size_t)d;
    return rc;
}

static bool is_said(const struct json_node *o, const char *key)
{
    const struct json_node *n = json_get(o, key);
    return n && n->type != JSON_NULL;
}

/* The two names have two makers: `repetition_penalty` looks back on the whole text (vLLM, Hugging Face), `repeat_penalty` on its last 64
 * tokens (llama.cpp, Ollama), unless `repeat_last_n` says how many; -1 is all. */
static int read_repeat(struct sampler_options *s, const struct json_node *o, struct err *e)
{
    float other = 1;
    double last = 0;
    int rc = read_float(o, "repetition_penalty", 0.01, 10, &s->repeat_penalty, e);
    if (rc == 0)
        rc = read_float(o, "repeat_penalty", 0.01, 10, &other, e);
    if (rc == 0)
        rc = read_number(o, "repeat_last_n", -1, SAMPLER_LAST_MAX, &last, e);
    if (rc < 0)
        return rc;
    bool whole = is_said(o, "repetition_penalty");
    if (whole && is_said(o, "repeat_penalty") && other != s->repeat_penalty)
        return refuse(e, "repeat_penalty", "is another number than `repetition_penalty`: say one of them");
    if (!whole)
        s->repeat_penalty = other;
    if (last != floor(last))
        return refuse(e, "repeat_last_n", "must be a whole number");
    if (is_said(o, "repeat_last_n"))
        s->repeat_last_n = s->answer_last_n = last < 0 ? SAMPLER_LAST_MAX : (uint32_t)last;
    else if (whole)
        s->repeat_last_n = SAMPLER_LAST_MAX;
    return 0;
}

static int read_sampling(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    struct sampler_options *s = &a->host.sampling;
    *s = SAMPLER_DEFAULTS;
    size_t top_k = 0;
    int rc = read_float(o, "temperature", 0, 100, &s->temperature, e);
    if (rc == 0)
        rc = read_float(o, "top_p", 0, 1, &s->top_p, e);
    if (rc == 0)
        rc = read_float(o, "min_p", 0, 1, &s->min_p, e);
    if (rc == 0)
        rc = read_count(o, "top_k", 0, 1e7, &top_k, e);
    if (rc == 0)
        rc = read_float(o, "presence_penalty", -2, 2, &s->presence_penalty, e);
    if (rc == 0)
        rc = read_float(o, "frequency_penalty", -2, 2, &s->frequency_penalty, e);
    if (rc == 0)
        rc = read_repeat(s, o, e);
    s->top_k = (uint32_t)top_k;
    return rc;
}

static int read_seed(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    const struct json_node *n = json_get(o, "seed");
    int64_t seed;
    if (!n || n->type == JSON_NULL) {
        struct rng r;
        rng_seed_system(&r);
        a->host.sampling.seed = rng_next(&r);
        return 0;
    }
    if (n->type != JSON_NUMBER || !json_to_i64(n->text, &seed))
        return refuse(e, "seed", "must be a whole number");
    a->host.sampling.seed = (uint64_t)seed;
    return 0;
}

/* {"50256": -100}: token numbers of this model, as strings. */
static int read_bias(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    const struct json_node *n = json_get(o, "logit_bias");
    if (!n || n->type == JSON_NULL)
        return 0;
    if (n->type != JSON_OBJECT || n->count > SAMPLER_BIAS_MAX)
        return refuse(e, "logit_bias", "must be an object of token numbers and biases, 4096 at most");
    a->bias = arena_new_array(&a->arena, struct sampler_bias, n->count + 1);
    if (!a->bias)
        return err_set(e, ERR_NOMEM, "logit_bias");
    for (const struct json_node *c = n->child; c; c = c->next) {
        uint64_t token;
        double bias;
        if (!str_to_u64(c->key, &token) || token > UINT32_MAX || c->type != JSON_NUMBER || !json_to_double(c->text, &bias) || !(fabs(bias) <= 100))
            return refuse(e, "logit_bias", "must map token numbers to biases from -100 to 100");
        a->bias[a->host.sampling.bias_count++] = (struct sampler_bias){(uint32_t)token, bias <= -100 ? -INFINITY : (float)bias};
    }
    a->host.sampling.bias = a->bias;
    return 0;
}

/* Completions say the number of alternatives, chats whether they want any and then how many. */
static int read_logprobs(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    size_t top = 0, count = 0;
    const struct json_node *n = json_get(o, "logprobs");
    bool counted = n && n->type == JSON_NUMBER && a->host.kind == HOST_TEXT;
    int rc = read_count(o, "top_logprobs", 0, SAMPLER_TOP_MAX, &top, e);
    if (rc == 0)
        rc = counted ? read_count(o, "logprobs", 0, SAMPLER_TOP_MAX, &count, e) : read_flag(o, "logprobs", &a->host.sampling.logprobs, e);
    if (rc < 0)
        return rc;
    if (top && a->host.kind == HOST_TEXT)
        return refuse(e, "top_logprobs", "is for chats: a completion says the number as `logprobs`");
    if (top && !a->host.sampling.logprobs)
        return refuse(e, "top_logprobs", "is only taken where `logprobs` is true");
    a->host.sampling.logprobs = a->host.sampling.logprobs || counted;
    a->host.sampling.logprobs_top = (uint32_t)(counted ? count : top);
    return 0;
}

static int read_stop(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    const struct json_node *n = json_get(o, "stop");
    if (!n || n->type == JSON_NULL)
        return 0;
    if (n->type != JSON_STRING && n->type != JSON_ARRAY)
        return refuse(e, "stop", "must be a text or a list of texts");
    for (const struct json_node *c = n->type == JSON_ARRAY ? n->child : n; c; c = n->type == JSON_ARRAY ? c->next : NULL) {
        if (c->type != JSON_STRING || a->host.stop_count == ENGINE_STOPS_MAX)
            return refuse(e, "stop", "must be a text or a list of at most 16 texts");
        if (!c->text.len)
            return refuse(e, "stop", "holds an empty text, which ends nothing");
        a->stop[a->host.stop_count++] = c->text;
    }
    a->host.stop = a->stop;
    return 0;
}

static int read_format(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    const struct json_node *n = json_get(o, "response_format");
    if (!n || n->type == JSON_NULL)
        return 0;
    struct str type = n->type == JSON_OBJECT ? json_get_text(n, "type") : STR_NONE;
    if (str_eq(type, STR("text")))
        return 0;
    if (str_eq(type, STR("json_object"))) {
        a->host.json = true;
        return 0;
    }
    const struct json_node *wrap = json_get(n, "json_schema"), *schema = json_get(wrap ? wrap : n, "schema");
    if (!str_eq(type, STR("json_schema")) || !schema || schema->type != JSON_OBJECT)
        return refuse(e, "response_format", "must have the type text, json_object, or json_schema with a schema that is an object");
    a->host.schema = schema->text;
    return 0;
}

static struct str tool_name(const struct json_node *tool)
{
    return json_get_text(json_get(tool, "function"), "name");
}

/* "auto", "none", "required", or {"type": "function", "function": {"name": …}}; *none: no tools at all. */
static int read_tool_choice(struct engine_ask *a, const struct json_node *choice, bool *none, struct err *e)
{
    *none = false;
    if (!choice || choice->type == JSON_NULL)
        return 0;
    struct str word = choice->type == JSON_STRING ? choice->text : STR_NONE, name = tool_name(choice);
    *none = str_eq(word, STR("none"));
    a->host.must_call = str_eq(word, STR("required")) || name.len;
    a->host.call_name = name;
    if (*none || a->host.must_call || str_eq(word, STR("auto")))
        return 0;
    return refuse(e, "tool_choice", "must be auto, none, required, or a function by its name");
}

static int read_tools(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    const struct json_node *tools = json_get(o, "tools");
    bool none, parallel = true, empty = !tools || tools->type == JSON_NULL || (tools->type == JSON_ARRAY && tools->count == 0);
    int rc = read_tool_choice(a, json_get(o, "tool_choice"), &none, e);
    if (rc == 0)
        rc = read_flag(o, "parallel_tool_calls", &parallel, e);
    if (rc < 0)
        return rc;
    a->host.one_call = !parallel;
    if (empty && a->host.must_call)
        return refuse(e, "tool_choice", "asks for a call, and there are no `tools`");
    if (empty || none)
        return 0;
    if (tools->type != JSON_ARRAY)
        return refuse(e, "tools", "must be a list");
    for (const struct json_node *t = tools->child; t; t = t->next) {
        const struct json_node *type = json_get(t, "type"), *strict = json_get(json_get(t, "function"), "strict");
        if (!tool_name(t).len || (type && !(type->type == JSON_STRING && str_eq(type->text, STR("function")))))
            return refuse(e, "tools", "must hold functions, each with a name");
        a->strict = a->strict || (strict && strict->type == JSON_TRUE && !a->host.must_call);
    }
    a->host.tools = tools;
    return 0;
}

static int read_hearth(struct engine_ask *a, const struct json_node *o, int64_t now_us, struct err *e)
{
    const struct json_node *h = json_get(o, "hearth");
    double ms = 0, alive_ms = 0;
    if (!h || h->type == JSON_NULL)
        return 0;
    if (h->type != JSON_OBJECT)
        return refuse(e, "hearth", "must be an object");
    struct str class = {0}, overflow = {0}, talk = {0};
    int rc = read_text(h, "class", &class, e);
    if (rc == 0)
        rc = read_text(h, "overflow", &overflow, e);
    if (rc == 0)
        rc = read_text(h, "conversation", &talk, e);
    if (rc < 0)
        return rc;
    if (overflow.len && !str_eq(overflow, STR("drop_oldest")) && !str_eq(overflow, STR("error")))
        return refuse(e, "hearth.overflow", "must be error or drop_oldest");
    a->host.drop_oldest = str_eq(overflow, STR("drop_oldest"));
    if (class.len && !str_eq(class, STR("interactive")) && !str_eq(class, STR("batch")))
        return refuse(e, "hearth.class", "must be interactive or batch");
    a->host.class = str_eq(class, STR("batch")) ? SCHED_BATCH : SCHED_INTERACTIVE;
    a->host.conversation = talk.len ? str_hash(talk) | 1 : 0; /* never 0: that is none */
    rc = read_number(h, "deadline_ms", 1, 1e12, &ms, e);
    if (rc == 0 && ms > 0)
        a->host.deadline_us = now_us + (int64_t)(ms * 1000);
    if (rc == 0)
        rc = read_number(h, "alive_ms", 1, 1e12, &alive_ms, e);
    a->host.alive_us = (int64_t)(alive_ms * 1000);
    return rc;
}

static int read_room(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    size_t other = 0;
    int rc = read_count(o, "max_tokens", 1, 1e9, &a->host.answer_max, e);
    if (rc == 0)
        rc = read_count(o, "max_completion_tokens", 1, 1e9, &other, e);
    if (rc < 0 || other == 0)
        return rc;
    if (a->host.answer_max && a->host.answer_max != other)
        return refuse(e, "max_completion_tokens", "is another number than `max_tokens`: say one of them");
    a->host.answer_max = other;
    return 0;
}

static int read_answering(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    size_t n = 1;
    size_t best = 1;
    const struct json_node *options = json_get(o, "stream_options");
    int rc = read_flag(o, "stream", &a->stream, e);
    if (rc == 0 && options && options->type != JSON_OBJECT && options->type != JSON_NULL)
        return refuse(e, "stream_options", "must be an object");
    if (rc == 0)
        rc = read_flag(json_get(o, "stream_options"), "include_usage", &a->include_usage, e);
    if (rc == 0)
        rc = read_count(o, "n", 1, 128, &n, e);
    if (rc == 0 && n != 1)
        return err_set(e, ERR_UNSUPPORTED, "`n` can only be 1 here: ask several times; the prompt is read once");
    if (rc == 0)
        rc = read_count(o, "best_of", 1, 128, &best, e);
    if (rc == 0 && best != 1)
        return err_set(e, ERR_UNSUPPORTED, "`best_of` can only be 1 here: there is one answer");
    if (rc == 0)
        rc = read_room(a, o, e);
    if (rc == 0)
        rc = read_sampling(a, o, e);
    if (rc == 0)
        rc = read_seed(a, o, e);
    if (rc == 0)
        rc = read_bias(a, o, e);
    if (rc == 0)
        rc = read_logprobs(a, o, e);
    if (rc == 0)
        rc = read_stop(a, o, e);
    return rc == 0 ? read_format(a, o, e) : rc;
}

static int read_chat(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    a->host.messages = json_get(o, "messages");
    if (!a->host.messages || a->host.messages->type != JSON_ARRAY || a->host.messages->count == 0)
        return refuse(e, "messages", "must be a list with at least one message");
    a->host.kwargs = json_get(o, "chat_template_kwargs");
    if (a->host.kwargs && a->host.kwargs->type == JSON_NULL)
        a->host.kwargs = NULL;
    if (a->host.kwargs && a->host.kwargs->type != JSON_OBJECT)
        return refuse(e, "chat_template_kwargs", "must be an object");
    if (is_said(o, "functions") || is_said(o, "function_call"))
        return err_set(e, ERR_UNSUPPORTED, "`functions` are not served here: say them as `tools`");
    int rc = engine_think_read(a, o, e);
    return rc == 0 ? read_tools(a, o, e) : rc;
}

static int read_prompt(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    const struct json_node *p = json_get(o, "prompt");
    if (p && p->type == JSON_ARRAY && p->count == 1)
        p = p->child;
    if (!p || p->type != JSON_STRING)
        return refuse(e, "prompt", "must be one text (lists and token numbers are not served here)");
    a->host.text = p->text;
    if (a->host.answer_max == 0)
        a->host.answer_max = 16; /* OpenAI's default here */
    return 0;
}

static int read_texts(struct engine_ask *a, const struct json_node *o, struct err *e)
{
    const struct json_node *input = json_get(o, "input");
    struct str format = {0};
    int rc = read_text(o, "encoding_format", &format, e);
    if (rc < 0)
        return rc;
    if (is_said(o, "dimensions"))
        return err_set(e, ERR_UNSUPPORTED, "`dimensions` is not served here: the vector comes as the model makes it");
    if (format.len && !str_eq(format, STR("float")) && !str_eq(format, STR("base64")))
        return refuse(e, "encoding_format", "must be float or base64");
    a->base64 = str_eq(format, STR("base64"));
    if (!input || (input->type != JSON_STRING && input->type != JSON_ARRAY) || (input->type == JSON_ARRAY && input->count == 0))
        return refuse(e, "input", "must be a text or a list of texts");
    size_t count = input->type == JSON_ARRAY ? input->count : 1;
    if (count > ENGINE_TEXTS_MAX)
        return err_set(e, ERR_INVALID, "`input` has %zu texts, and %d are taken at once: send them in several requests", count, ENGINE_TEXTS_MAX);
    a->text = arena_new_array(&a->arena, struct str, count);
    if (!a->text)
        return err_set(e, ERR_NOMEM, "texts");
    for (const struct json_node *c = input->type == JSON_ARRAY ? input->child : input; c; c = input->type == JSON_ARRAY ? c->next : NULL) {
        if (c->type != JSON_STRING || c->text.len == 0)
            return refuse(e, "input", "must hold texts, none of them empty (token numbers are not served here)");
        a->text[a->text_count++] = c->text;
    }
    return 0;
}

int engine_ask_read(struct engine_ask *a, enum host_kind kind, struct str body, int64_t now_us, struct err *e)
{
    *a = (struct engine_ask){.arena = ARENA_INIT(ASK_ARENA_MAX)};
    a->host.kind = kind;
    struct json_node *o;
    int rc = json_parse(&a->arena, body, &o, e);
    if (rc < 0)
        return rc;
    if (o->type != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "the body must be a JSON object");
    a->model = json_get_text(o, "model");
    if (!a->model.len)
        return refuse(e, "model", "must name a model");
    rc = engine_unserved_check(o, kind, e);
    if (rc == 0)
        rc = read_hearth(a, o, now_us, e);
    if (rc == 0 && kind != HOST_EMBED)
        rc = read_answering(a, o, e);
    if (rc < 0)
        return rc;
    return kind == HOST_CHAT ? read_chat(a, o, e) : kind == HOST_TEXT ? read_prompt(a, o, e) : read_texts(a, o, e);
}

void engine_ask_fini(struct engine_ask *a)
{
    arena_fini(&a->arena);
}
