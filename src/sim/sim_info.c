/* sim_info.c: what a server says about itself (models, and Ollama's own endpoints, so that discovery finds it), and
 * errors in each vendor's shape and words (reference: the vendors' documents; the shapes are what failover has to
 * read). */
#include "sim/sim_priv.h"

/* --- models ------------------------------------------------------------------------------------------------------- */

static void write_text(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_text(w, value);
}

static void write_model(const struct sim_flavour *f, struct json_writer *w, const char *id)
{
    json_object_begin(w);
    write_text(w, "id", id);
    write_text(w, "object", "model");
    json_key(w, "created");
    json_i64(w, 1790000000);
    write_text(w, "owned_by", f->owner);
    json_object_end(w);
}

static int write_models(const struct sim_flavour *f, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    write_text(&w, "object", "list");
    json_key(&w, "data");
    json_array_begin(&w);
    for (size_t i = 0; i < COUNT_OF(f->model) && f->model[i]; i++)
        write_model(f, &w, f->model[i]);
    json_array_end(&w);
    json_object_end(&w);
    return json_done(&w);
}

static int write_one_model(const struct sim_flavour *f, struct str path, int *status, struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(f->model) && f->model[i]; i++) {
        size_t at = (size_t)str_find(path, STR("/models/")) + strlen("/models/");
        if (!str_eq(str_skip(path, at), str_from(f->model[i])))
            continue;
        struct json_writer w = JSON_WRITER(out);
        write_model(f, &w, f->model[i]);
        return json_done(&w);
    }
    *status = 404;
    return sim_error_write(f, 404, SIM_FAULT_MODEL, STR_NONE, out);
}

/* --- Ollama's own ------------------------------------------------------------------------------------------------- */

/* As Ollama lists a model that it hands on to its cloud. */
static void write_forwarded(struct json_writer *w, struct str name)
{
    json_object_begin(w);
    json_key(w, "name");
    json_str(w, name);
    json_key(w, "model");
    json_str(w, name);
    write_text(w, "remote_model", "gpt-oss:120b");
    write_text(w, "remote_host", "https://cloud.example:443");
    json_key(w, "size");
    json_i64(w, 0);
    json_object_end(w);
}

static int write_tags(const struct sim_flavour *f, struct str forwards, bool loaded, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "models");
    json_array_begin(&w);
    for (size_t i = 0; i < COUNT_OF(f->model) && f->model[i]; i++) {
        json_object_begin(&w);
        write_text(&w, "name", f->model[i]);
        write_text(&w, "model", f->model[i]);
        write_text(&w, "modified_at", "2026-10-01T08:00:00.000000000Z");
        json_key(&w, "size");
        json_i64(&w, 4920753328);
        write_text(&w, "digest", "46e0c10c039e019119339687c3c1757cc81b9da49709a3b3924863ba87ca666e");
        json_key(&w, "details");
        json_raw(&w, STR("{\"parent_model\":\"\",\"format\":\"gguf\",\"family\":\"llama\",\"families\":[\"llama\"],"
                         "\"parameter_size\":\"8.0B\",\"quantization_level\":\"Q4_K_M\"}"));
        if (loaded) {
            write_text(&w, "expires_at", "2026-12-31T23:59:59Z");
            json_key(&w, "size_vram");
            json_i64(&w, 4920753328);
            json_key(&w, "context_length");
            json_i64(&w, 4096);
        }
        json_object_end(&w);
    }
    if (forwards.len)
        write_forwarded(&w, forwards);
    json_array_end(&w);
    json_object_end(&w);
    return json_done(&w);
}

static const char show_text[] = "{\"license\":\"\",\"modelfile\":\"\",\"parameters\":\"\",\"template\":\"{{ .Prompt "
                                "}}\",\"details\":{\"parent_model\":\"\","
                                "\"format\":\"gguf\",\"family\":\"llama\",\"families\":[\"llama\"],\"parameter_size\":"
                                "\"8.0B\",\"quantization_level\":\"Q4_K_M\"},"
                                "\"model_info\":{\"general.architecture\":\"llama\",\"llama.context_length\":131072},"
                                "\"capabilities\":[\"completion\",\"tools\"],"
                                "\"modified_at\":\"2026-10-01T08:00:00Z\"}";

int sim_info_write(const struct sim_flavour *f, enum sim_endpoint ep, struct str path, const struct sim_step *next, int *status,
                   struct buf *out)
{
    *status = 200;
    switch (ep) {
    case EP_MODELS: return write_models(f, out);
    case EP_MODEL: return write_one_model(f, path, status, out);
    case EP_TAGS: return write_tags(f, next->forwards, false, out);
    case EP_PS: return next->ps.len ? buf_append(out, next->ps) : write_tags(f, STR_NONE, true, out);
    case EP_VERSION: return buf_append(out, STR("{\"version\":\"0.14.2\"}"));
    case EP_SHOW: return buf_append_text(out, show_text);
    case EP_ROOT:
        if (f->habits & HABIT_OLLAMA)
            return buf_append(out, STR("Ollama is running"));
        break;
    default: break;
    }
    *status = 404;
    return sim_error_write(f, 404, SIM_FAULT_NONE, STR("no such path"), out);
}

/* --- errors ------------------------------------------------------------------------------------------------------- */

struct fault_row {
    const char *flavour; /* NULL: every other one */
    enum sim_fault fault;
    int status;
    const char *type, *code, *message;
};
/* The first row that fits counts. */
static const struct fault_row faults[] = {
    {"moonshot", SIM_FAULT_CONTEXT, 400, "invalid_request_error", "INVALID_ARGUMENT",
     "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)"},
    {"groq", SIM_FAULT_CONTEXT, 400, "invalid_request_error", "context_length_exceeded",
     "Please reduce the length of the messages or completion."},
    {"llama-server", SIM_FAULT_CONTEXT, 400, "exceed_context_size_error", NULL,
     "the request exceeds the available context size, try increasing it"},
    {"gemini", SIM_FAULT_CONTEXT, 400, NULL, "INVALID_ARGUMENT",
     "The input token count (1250000) exceeds the maximum number of tokens allowed (1048576)."},
    {"ollama", SIM_FAULT_CONTEXT, 400, "invalid_request_error", NULL, "the prompt is longer than the context length"},
    {"anthropic", SIM_FAULT_CONTEXT, 400, "invalid_request_error", NULL,
     "prompt is too long: 1250000 tokens > 1000000 maximum"},
    {NULL, SIM_FAULT_CONTEXT, 400, "invalid_request_error", "context_length_exceeded",
     "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens."},
    {"deepseek", SIM_FAULT_QUOTA, 402, "unknown_error", "invalid_request_error", "Insufficient Balance"},
    {"moonshot", SIM_FAULT_QUOTA, 429, "exceeded_current_quota_error", NULL,
     "Your account is suspended due to insufficient balance, please recharge your account"},
    {"openrouter", SIM_FAULT_QUOTA, 402, NULL, NULL, "This request requires more credits, or fewer max_tokens."},
    {NULL, SIM_FAULT_QUOTA, 429, "insufficient_quota", "insufficient_quota",
     "You exceeded your current quota, please check your plan and billing details."},
    {"deepseek", SIM_FAULT_POLICY, 400, "invalid_request_error", "invalid_request_error", "Content Exists Risk"},
    {"moonshot", SIM_FAULT_POLICY, 400, "content_filter", NULL,
     "The request was rejected because it was considered high risk"},
    {NULL, SIM_FAULT_POLICY, 400, "invalid_request_error", "content_policy_violation",
     "Your request was flagged as potentially violating our usage policy."},
    {"moonshot", SIM_FAULT_RATE, 429, "rate_limit_reached_error", NULL,
     "Your account reached its max RPM: 20, please try again after 1 seconds"},
    {"gemini", SIM_FAULT_RATE, 429, NULL, "RESOURCE_EXHAUSTED", "You exceeded your current requests per minute."},
    {NULL, SIM_FAULT_RATE, 429, "requests", "rate_limit_exceeded", "Rate limit reached for requests per minute."},
    {"moonshot", SIM_FAULT_OVERLOAD, 429, "engine_overloaded_error", NULL,
     "The engine is currently overloaded, please try again later"},
    {"llama-server", SIM_FAULT_OVERLOAD, 503, "unavailable_error", NULL, "Loading model"},
    {"ollama", SIM_FAULT_OVERLOAD, 503, "api_error", NULL,
     "server busy, please try again.  maximum pending requests exceeded"},
    {"gemini", SIM_FAULT_OVERLOAD, 503, NULL, "UNAVAILABLE", "The model is overloaded. Please try again later."},
    {NULL, SIM_FAULT_OVERLOAD, 503, "server_error", "overloaded", "The server is currently overloaded."},
    {"gemini", SIM_FAULT_KEY, 400, NULL, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."},
    {NULL, SIM_FAULT_KEY, 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."},
    {NULL, SIM_FAULT_FORBIDDEN, 403, "permission_error", "permission_denied", "This account may not use this model."},
    {NULL, SIM_FAULT_MODEL, 404, "invalid_request_error", "model_not_found",
     "The model does not exist or you do not have access to it."},
    {NULL, SIM_FAULT_PARAMETER, 400, "invalid_request_error", "invalid_value",
     "Invalid value for 'temperature': must be at most 2."},
    {NULL, SIM_FAULT_SERVER, 500, "server_error", "internal_error",
     "The server had an error while processing your request."},
};

enum sim_fault sim_fault_find(struct str name)
{
    static const char *const names[] = {
        [SIM_FAULT_CONTEXT] = "context",     [SIM_FAULT_QUOTA] = "quota",       [SIM_FAULT_POLICY] = "policy",
        [SIM_FAULT_RATE] = "rate",           [SIM_FAULT_OVERLOAD] = "overload", [SIM_FAULT_KEY] = "key",
        [SIM_FAULT_FORBIDDEN] = "forbidden", [SIM_FAULT_MODEL] = "model",       [SIM_FAULT_PARAMETER] = "parameter",
        [SIM_FAULT_SERVER] = "server",
    };
    for (size_t i = SIM_FAULT_CONTEXT; i < COUNT_OF(names); i++)
        if (str_eq(str_from(names[i]), name))
            return (enum sim_fault)i;
    return SIM_FAULT_NONE;
}

static const struct fault_row *row_of(const struct sim_flavour *f, enum sim_fault fault)
{
    size_t i = 0;
    while (faults[i].fault != fault || (faults[i].flavour && strcmp(faults[i].flavour, f->name) != 0))
        i++;
    return &faults[i];
}

static enum sim_fault fault_of_status(int status)
{
    switch (status) {
    case 401: return SIM_FAULT_KEY;
    case 402: return SIM_FAULT_QUOTA;
    case 403: return SIM_FAULT_FORBIDDEN;
    case 404: return SIM_FAULT_MODEL;
    case 429: return SIM_FAULT_RATE;
    case 503:
    case 529: return SIM_FAULT_OVERLOAD;
    default: return status >= 500 || status < 400 ? SIM_FAULT_SERVER : SIM_FAULT_PARAMETER;
    }
}

int sim_fault_status(const struct sim_flavour *f, enum sim_fault fault)
{
    return row_of(f, fault)->status;
}

struct str sim_fault_words(const struct sim_flavour *f, int status, enum sim_fault fault)
{
    return str_from(row_of(f, fault ? fault : fault_of_status(status))->message);
}

static void write_code(const struct sim_flavour *f, const struct fault_row *r, int status, struct json_writer *w)
{
    switch (f->shape) {
    case SHAPE_NO_CODE: return;
    case SHAPE_INT_CODE:
    case SHAPE_ARRAY:
        json_key(w, "code");
        json_i64(w, status);
        if (f->shape == SHAPE_ARRAY)
            write_text(w, "status", r->code ? r->code : "INTERNAL");
        return;
    case SHAPE_OPENAI:
    case SHAPE_NULL_CODE:
        json_key(w, "param");
        json_null(w);
        write_text(w, "code", f->shape == SHAPE_OPENAI ? r->code : NULL);
        return;
    }
}

int sim_error_write(const struct sim_flavour *f, int status, enum sim_fault fault, struct str message, struct buf *out)
{
    const struct fault_row *r = row_of(f, fault ? fault : fault_of_status(status));
    struct json_writer w = JSON_WRITER(out);
    if (f->shape == SHAPE_ARRAY)
        json_array_begin(&w);
    json_object_begin(&w);
    json_key(&w, "error");
    json_object_begin(&w);
    json_key(&w, "message");
    json_str(&w, message.len ? message : str_from(r->message));
    if (r->type && f->shape != SHAPE_ARRAY)
        write_text(&w, "type", r->type);
    write_code(f, r, status, &w);
    json_object_end(&w);
    json_object_end(&w);
    if (f->shape == SHAPE_ARRAY)
        json_array_end(&w);
    return json_done(&w);
}
