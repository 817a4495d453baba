/* ollama_request.c: a client's request in Ollama's dialect: /api/chat, /api/generate.
 *
 * Ollama answers in a stream unless told not to, and takes a call without messages, or without a prompt, as a wish to load the
 * model: such a chat has no message. What the conversation has no word for goes on as it is, to an Ollama and to nobody else. */
#include "wire/ollama_priv.h"

enum { MODEL_BYTES_MAX = 256 };       /* as in call.c */
#define TOKENS_MAX ((int64_t)1 << 40) /* as in call.c */

/* --- names --------------------------------------------------------------------------------------------------------- */

bool ollama_key_passes_for(struct str key, struct str name)
{
    size_t n = 0;
    for (size_t i = 0; i < key.len; i++, n++) {
        struct str rest = str_skip(key, i);
        char c = *rest.ptr;
        if (str_starts(rest, STR("\xc5\xbf"))) {
            c = 's';
            i += 1;
        } else if (str_starts(rest, STR("\xe2\x84\xaa"))) {
            c = 'k';
            i += 2;
        }
        if (n == name.len || !str_eq_fold(str_of(&c, 1), str_slice(name, n, n + 1)))
            return false;
    }
    return n == name.len;
}

int ollama_model_check(struct str model, struct err *e)
{
    if (model.len == 0)
        return err_set(e, ERR_INVALID, "model is empty");
    if (model.len > MODEL_BYTES_MAX)
        return err_set(e, ERR_INVALID, "model is longer than %d bytes", MODEL_BYTES_MAX);
    for (size_t i = 0; i < model.len; i++) {
        const unsigned char *p = (const unsigned char *)model.ptr + i;
        bool high = p[0] == 0xC2 && i + 1 < model.len && p[1] < 0xA0; /* U+0080 to U+009F: some terminals obey them */
        if (p[0] < 0x20 || p[0] == 0x7F || high)
            return err_set(e, ERR_INVALID, "model holds a control character");
    }
    return 0;
}

/* --- single values --------------------------------------------------------------------------------------------------- */

static int flag_read(struct ollama_reader *r, const struct json_node *v, const char *name, bool *out)
{
    if (v->type != JSON_TRUE && v->type != JSON_FALSE)
        return err_set(r->err, ERR_INVALID, "%s must be true or false", name);
    *out = v->type == JSON_TRUE;
    return 0;
}

static int extra_add(struct ollama_reader *r, struct str name, struct str value)
{
    struct chat_member *m = arena_new(r->chat->arena, struct chat_member);
    if (!m)
        return ollama_no_memory(r);
    *m = (struct chat_member){.name = name, .value = value};
    *r->extra = m;
    r->extra = &m->next;
    return 0;
}

/* A value's own bytes, for what goes on unread; a string's node has lost its quotes. */
static int raw_of(struct ollama_reader *r, const struct json_node *v, struct str *out)
{
    *out = v->text;
    if (v->type != JSON_STRING)
        return 0;
    AUTO_BUF struct buf text = BUF_INIT(6 * v->text.len + 2);
    struct json_writer w = JSON_WRITER(&text);
    json_str(&w, v->text);
    *out = json_done(&w) < 0 ? STR_NONE : arena_dup(r->chat->arena, buf_str(&text));
    return out->ptr ? 0 : ollama_no_memory(r);
}

static int extra_read(struct ollama_reader *r, struct str name, const struct json_node *v)
{
    struct str raw;
    int rc = raw_of(r, v, &raw);
    return rc ? rc : extra_add(r, name, raw);
}

/* --- options ------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    size_t offset;
} numbers[] = {
    {"temperature", offsetof(struct chat, temperature)},
    {"top_p", offsetof(struct chat, top_p)},
    {"top_k", offsetof(struct chat, top_k)},
    {"min_p", offsetof(struct chat, min_p)},
    {"seed", offsetof(struct chat, seed)},
    {"presence_penalty", offsetof(struct chat, presence_penalty)},
    {"frequency_penalty", offsetof(struct chat, frequency_penalty)},
    {"repeat_penalty", offsetof(struct chat, repeat_penalty)},
};

static int stop_add(struct ollama_reader *r, const struct json_node *v)
{
    if (v->type != JSON_STRING)
        return err_set(r->err, ERR_INVALID, "options.stop must be a string or a list of strings");
    struct chat_text *t = arena_new(r->chat->arena, struct chat_text);
    if (!t)
        return ollama_no_memory(r);
    t->text = v->text;
    *r->stop = t;
    r->stop = &t->next;
    return 0;
}

static int stop_read(struct ollama_reader *r, const struct json_node *v)
{
    int rc = 0;
    if (v->type != JSON_ARRAY)
        return stop_add(r, v);
    for (const struct json_node *s = v->child; s && rc == 0; s = s->next)
        rc = stop_add(r, s);
    return rc;
}

/* -1 and -2 are the server's words for "as many as fit", and it takes 0 for the same. */
static int num_predict_read(struct ollama_reader *r, const struct json_node *v)
{
    int64_t n;
    if (v->type != JSON_NUMBER || !json_to_i64(v->text, &n) || n > TOKENS_MAX)
        return err_set(r->err, ERR_INVALID, "options.num_predict must be a whole number");
    r->chat->max_tokens = n > 0 ? n : -1;
    return 0;
}

static int option_unknown(struct ollama_reader *r, const struct json_node *v)
{
    struct str dotted = STR("options.");
    char *name = arena_alloc(r->chat->arena, dotted.len + v->key.len + 1);
    if (!name)
        return ollama_no_memory(r);
    memcpy(name, dotted.ptr, dotted.len);
    if (v->key.len)
        memcpy(name + dotted.len, v->key.ptr, v->key.len);
    return extra_read(r, str_of(name, dotted.len + v->key.len), v);
}

static int option_read(struct ollama_reader *r, const struct json_node *v)
{
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        if (!str_eq(v->key, str_from(numbers[i].name)))
            continue;
        if (v->type != JSON_NUMBER)
            return err_set(r->err, ERR_INVALID, "options.%s must be a number", numbers[i].name);
        *(struct str *)((char *)r->chat + numbers[i].offset) = v->text;
        return 0;
    }
    if (str_eq(v->key, STR("stop")))
        return stop_read(r, v);
    if (str_eq(v->key, STR("num_predict")))
        return num_predict_read(r, v);
    return option_unknown(r, v);
}

static int options_read(struct ollama_reader *r, const struct json_node *v)
{
    int rc = 0;
    if (v->type != JSON_OBJECT)
        return err_set(r->err, ERR_INVALID, "options must be an object");
    for (const struct json_node *o = v->child; o && rc == 0; o = o->next)
        rc = ollama_given(o) ? option_read(r, o) : 0;
    return rc;
}

/* --- wishes ---------------------------------------------------------------------------------------------------------------- */

static int format_read(struct ollama_reader *r, const struct json_node *v)
{
    struct chat *c = r->chat;
    if (v->type == JSON_OBJECT) {
        c->format = FORMAT_JSON_SCHEMA;
        c->schema = v->text;
        return 0;
    }
    if (v->type != JSON_STRING || (v->text.len && !str_eq(v->text, STR("json"))))
        return err_set(r->err, ERR_INVALID, "format must be \"json\" or a JSON schema");
    c->format = v->text.len ? FORMAT_JSON_OBJECT : FORMAT_TEXT;
    return 0;
}

/* Whoever asks for it reads it: Ollama has no thinking that is not shown. */
static int think_read(struct ollama_reader *r, const struct json_node *v)
{
    struct chat *c = r->chat;
    static const struct {
        const char *word;
        enum effort effort;
    } words[] = {{"low", EFFORT_LOW}, {"medium", EFFORT_MEDIUM}, {"high", EFFORT_HIGH}, {"max", EFFORT_MAX}};
    for (size_t i = 0; v->type == JSON_STRING && i < COUNT_OF(words); i++)
        if (str_eq(v->text, str_from(words[i].word)))
            c->effort = words[i].effort;
    if (v->type == JSON_TRUE || v->type == JSON_FALSE)
        c->effort = v->type == JSON_TRUE ? EFFORT_MEDIUM : EFFORT_NONE;
    if (c->effort == EFFORT_UNSET && !(v->type == JSON_STRING && v->text.len == 0))
        return err_set(r->err, ERR_INVALID, "think must be true, false, or one of low, medium, high and max");
    c->thinks = v->type == JSON_TRUE;
    if (c->effort != EFFORT_UNSET)
        c->show_reasoning = c->effort == EFFORT_NONE ? NO : YES;
    return 0;
}

static int tool_read(struct ollama_reader *r, const struct json_node *v, size_t i)
{
    struct str type = json_get_text(v, "type");
    const struct json_node *function = json_get(v, "function"), *schema = json_get(function, "parameters");
    bool foreign = type.len && !str_eq(type, STR("function"));
    if (v->type != JSON_OBJECT || (!foreign && json_get_text(function, "name").len == 0))
        return err_set(r->err, ERR_INVALID, "tools.%zu must be a function with a name", i);
    if (!foreign && ollama_given(schema) && schema->type != JSON_OBJECT)
        return err_set(r->err, ERR_INVALID, "tools.%zu.function.parameters must be an object", i);
    struct tool *t = chat_tool_add(r->chat);
    if (!t)
        return ollama_no_memory(r);
    if (foreign) {
        t->opaque = type;
        t->schema = v->text;
        return 0;
    }
    t->name = json_get_text(function, "name");
    t->description = json_get_text(function, "description");
    t->schema = ollama_given(schema) ? schema->text : STR_NONE;
    static const char *const known[] = {"name", "description", "parameters", NULL};
    return chat_odd_members(r->chat, "tools", function, known, false) ? 0 : ollama_no_memory(r);
}

static int tools_read(struct ollama_reader *r, const struct json_node *v)
{
    size_t i = 0;
    int rc = 0;
    if (v->type != JSON_ARRAY)
        return err_set(r->err, ERR_INVALID, "tools must be an array");
    for (const struct json_node *t = v->child; t && rc == 0; t = t->next)
        rc = tool_read(r, t, i++);
    return rc;
}

/* --- generate ------------------------------------------------------------------------------------------------------------------- */

/* Without a prompt and a picture the model is but loaded, whatever else is said. */
static int prompt_read(struct ollama_reader *r, const struct json_node *root)
{
    const struct json_node *images = json_get(root, "images");
    struct str prompt = STR_NONE, system = STR_NONE;
    int rc = ollama_text_read(r, json_get(root, "prompt"), "prompt", &prompt);
    rc = rc ? rc : ollama_text_read(r, json_get(root, "system"), "system", &system);
    rc = rc ? rc : ollama_text_read(r, json_get(root, "suffix"), "suffix", &r->chat->suffix);
    if (rc || (prompt.len == 0 && !(ollama_given(images) && images->child)))
        return rc;
    struct message *m = system.len ? chat_message_add(r->chat, ROLE_SYSTEM) : NULL;
    struct part **end = m ? &m->part : NULL;
    if (system.len)
        rc = m ? ollama_words_add(r, PART_TEXT, system, &end) : ollama_no_memory(r);
    if (rc)
        return rc;
    m = chat_message_add(r->chat, ROLE_USER);
    if (!m)
        return ollama_no_memory(r);
    end = &m->part;
    rc = ollama_images_read(r, images, "images", &end);
    return rc ? rc : ollama_words_add(r, PART_TEXT, prompt, &end);
}

/* --- the whole -------------------------------------------------------------------------------------------------------------------- */

static int model_read(struct ollama_reader *r, const struct json_node *v)
{
    int rc = v->type == JSON_STRING ? ollama_model_check(v->text, r->err)
                                    : err_set(r->err, ERR_INVALID, "model must be a string");
    if (rc == 0)
        r->chat->model = v->text;
    return rc;
}

static int stream_read(struct ollama_reader *r, const struct json_node *v)
{
    return flag_read(r, v, "stream", &r->chat->stream);
}

static int raw_read(struct ollama_reader *r, const struct json_node *v)
{
    return flag_read(r, v, "raw", &r->chat->raw_prompt);
}

enum { IN_CHAT = 1, IN_GENERATE = 2, IN_BOTH = 3 };
static const struct {
    struct str name;
    unsigned in;
    int (*read)(struct ollama_reader *r, const struct json_node *v); /* NULL: prompt_read has it */
} members[] = {
    {{"model", 5}, IN_BOTH, model_read},     {{"stream", 6}, IN_BOTH, stream_read},
    {{"format", 6}, IN_BOTH, format_read},   {{"think", 5}, IN_BOTH, think_read},
    {{"options", 7}, IN_BOTH, options_read}, {{"messages", 8}, IN_CHAT, ollama_messages_read},
    {{"tools", 5}, IN_CHAT, tools_read},     {{"prompt", 6}, IN_GENERATE, NULL},
    {{"system", 6}, IN_GENERATE, NULL},      {{"suffix", 6}, IN_GENERATE, NULL},
    {{"images", 6}, IN_GENERATE, NULL},      {{"raw", 3}, IN_GENERATE, raw_read},
};

static int unknown_read(struct ollama_reader *r, const struct json_node *v)
{
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (ollama_key_passes_for(v->key, members[i].name) && !str_eq(v->key, members[i].name))
            return err_set(r->err, ERR_INVALID, "a member is spelled almost like %s; write it exactly so",
                           members[i].name.ptr);
    if (str_starts(v->key, STR("options.")))
        return err_set(r->err, ERR_INVALID, "a member's name begins with \"options.\"; put it into the object options");
    return ollama_given(v) ? extra_read(r, v->key, v) : 0;
}

static int member_read(struct ollama_reader *r, unsigned in, const struct json_node *v)
{
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (members[i].in & in && str_eq(v->key, members[i].name))
            return ollama_given(v) && members[i].read ? members[i].read(r, v) : 0;
    return unknown_read(r, v);
}

int ollama_request_read(struct chat *c, enum wire_op op, struct str body, struct err *e)
{
    struct json_node *root;
    struct arena *arena = c->arena;
    int rc = json_parse(arena, body, &root, e);
    if (rc)
        return rc;
    if (root->type != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "the body must be a JSON object");

    *c = (struct chat){.arena = arena,
                       .from = DIALECT_OLLAMA,
                       .stream = true,
                       .wants_usage = true,
                       .max_tokens = -1,
                       .budget = -1,
                       .choices = 1};
    struct ollama_reader r = {.chat = c, .err = e, .extra = &c->extra, .stop = &c->stop};
    bool generate = op == WIRE_GENERATE;
    for (const struct json_node *m = root->child; m && rc == 0; m = m->next)
        rc = member_read(&r, generate ? IN_GENERATE : IN_CHAT, m);
    if (rc == 0 && generate)
        rc = prompt_read(&r, root);
    if (rc == 0 && c->model.len == 0)
        rc = err_set(e, ERR_INVALID, "model is missing");
    return rc;
}
