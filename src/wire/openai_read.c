/* openai_read.c: a request in OpenAI's chat dialect, member by member, into the neutral conversation; see codec.h. The same
 * rows read a job's defaults.
 *
 * A member that is null was not given. What has no neutral form is kept by its name. */
#include "wire/openai_priv.h"
#include <assert.h>

enum {
    EXTRA_MAX = 256, /* members without a neutral form; nobody sends more than a dozen, and they are looked through */
    STOP_MAX = 256,  /* stop sequences; OpenAI takes 4 */
    CHOICES_MAX = 128,
};

int openai_out_of_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "out of memory while reading the request");
}

int openai_must_be(struct openai_reader *r, const struct openai_row *row, const char *what)
{
    return err_set(r->err, ERR_INVALID, "%s must be %s", row->name, what);
}

/* The text of a value as JSON; ptr NULL when memory is out. */
static struct str raw_text(const struct json_node *n, struct arena *a)
{
    if (n->type != JSON_STRING)
        return n->text;
    AUTO_BUF struct buf b = BUF_INIT(6 * n->text.len + 2); /* every byte may need an escape */
    struct json_writer w = JSON_WRITER(&b);
    json_str(&w, n->text);
    return json_done(&w) < 0 ? STR_NONE : arena_dup(a, buf_str(&b));
}

struct str openai_text(const struct json_node *object, const char *key)
{
    struct str text = json_get_text(object, key);
    return text.len ? text : STR_NONE;
}

bool openai_is_flag(const struct json_node *n)
{
    return n && (n->type == JSON_TRUE || n->type == JSON_FALSE);
}

/* --- rows: plain values -------------------------------------------------------------------------------------------- */

int openai_keep(struct openai_reader *r, const char *name, const struct json_node *n)
{
    size_t count = 0;
    for (const struct chat_member *m = r->chat->extra; m; m = m->next)
        count++;
    if (count >= EXTRA_MAX)
        return err_set(r->err, ERR_INVALID, "the request has more than %d members that are not known", EXTRA_MAX);
    struct str raw = raw_text(n, r->chat->arena), own = arena_dup(r->chat->arena, str_from(name));
    if (!raw.ptr || !own.ptr || !chat_extra_add(r->chat, own, raw))
        return openai_out_of_memory(r->err);
    return 0;
}

static int extra_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    return openai_keep(r, row->name, n);
}

static int number_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (n->type != JSON_NUMBER)
        return openai_must_be(r, row, "a number");
    *(struct str *)(void *)((char *)r->chat + row->at) = n->text;
    return 0;
}

static int model_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (n->type != JSON_STRING || n->text.len == 0)
        return openai_must_be(r, row, "a string that is not empty");
    r->chat->model = n->text;
    return 0;
}

static int messages_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    return n->type == JSON_ARRAY ? openai_messages_read(r, n) : openai_must_be(r, row, "a list");
}

static int stream_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (!openai_is_flag(n))
        return openai_must_be(r, row, "true or false");
    r->chat->stream = n->type == JSON_TRUE;
    return 0;
}

static int stream_options_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (n->type != JSON_OBJECT)
        return openai_must_be(r, row, "an object");
    r->chat->wants_usage = json_get_bool(n, "include_usage", false);
    return 0;
}

/* Local servers' clients send -1 for "as many as fit": no limit given. max_completion_tokens wins over its old name. */
static int max_tokens_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    bool new_name = str_eq(str_from(row->name), STR("max_completion_tokens"));
    int64_t max;

    if (n->type != JSON_NUMBER || !json_to_i64(n->text, &max) || max > OPENAI_TOKENS_MAX)
        return openai_must_be(r, row, "a whole number");
    if (max < 0 || (r->completion_max && !new_name))
        return 0;
    r->chat->max_tokens = max;
    r->completion_max |= new_name;
    return 0;
}

static int choices_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    int64_t count;

    if (n->type != JSON_NUMBER || !json_to_i64(n->text, &count) || count < 1 || count > CHOICES_MAX)
        return openai_must_be(r, row, "1 to 128");
    r->chat->choices = count;
    return 0;
}

static int stop_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    const struct json_node *one = n->type == JSON_ARRAY ? n->child : n;

    if (n->type == JSON_ARRAY && n->count > STOP_MAX)
        return openai_must_be(r, row, "a list of at most 256 strings");
    for (; one; one = n->type == JSON_ARRAY ? one->next : NULL) {
        if (one->type != JSON_STRING)
            return openai_must_be(r, row, "a string or a list of strings");
        if (one->text.len && !chat_stop_add(r->chat, one->text))
            return openai_out_of_memory(r->err);
    }
    return 0;
}

static int user_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (n->type != JSON_STRING)
        return openai_must_be(r, row, "a string");
    bool other = str_eq(str_from(row->name), STR("safety_identifier")) && openai_text(r->root, "user").len;
    if (other)
        return openai_keep(r, row->name, n);
    r->chat->user = n->text;
    return 0;
}

static int tier_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (n->type != JSON_STRING)
        return openai_must_be(r, row, "a string");
    r->chat->tier = n->text;
    return 0;
}

static int parallel_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (!openai_is_flag(n))
        return openai_must_be(r, row, "true or false");
    r->chat->parallel = n->type == JSON_TRUE ? YES : NO;
    return 0;
}

static int cache_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    (void)row;
    r->chat->cache = raw_text(n, r->chat->arena);
    return r->chat->cache.ptr ? 0 : openai_out_of_memory(r->err);
}

/* Asked for and yet the default: saying nothing is the same, and no other dialect has to refuse it. */
static int unless_default_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    int64_t number;
    bool zero = n->type == JSON_NUMBER && json_to_i64(n->text, &number) && number == 0;
    bool only_text = n->type == JSON_ARRAY && n->count == 1 && n->child->type == JSON_STRING &&
                     str_eq(n->child->text, STR("text"));
    bool empty = n->type == JSON_OBJECT && n->count == 0;
    return n->type == JSON_FALSE || zero || only_text || empty ? 0 : openai_keep(r, row->name, n);
}

/* Some clients send the map as a string that holds it. */
static int logit_bias_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    struct json_node *inside;

    if (n->type != JSON_STRING)
        return n->type == JSON_OBJECT ? unless_default_read(r, row, n) : openai_must_be(r, row, "an object");
    int rc = json_parse(r->chat->arena, n->text, &inside, NULL);
    if (rc == ERR_NOMEM)
        return openai_out_of_memory(r->err);
    return rc == 0 && inside->type == JSON_OBJECT ? unless_default_read(r, row, inside) : openai_must_be(r, row, "an object");
}

/* --- rows: tools --------------------------------------------------------------------------------------------------- */

static int tools_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    return n->type == JSON_ARRAY ? openai_tools_read(r, n) : openai_must_be(r, row, "a list");
}

static int functions_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    return n->type == JSON_ARRAY ? openai_functions_read(r, n) : openai_must_be(r, row, "a list");
}

static int tool_choice_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    (void)row;
    return openai_tool_choice_read(r, n);
}

static int function_call_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    (void)row;
    return openai_function_call_read(r, n);
}

/* --- what was given ------------------------------------------------------------------------------------------------ */

static bool always(const struct chat *c)
{
    (void)c;
    return true;
}

static bool has_max(const struct chat *c)
{
    return c->max_tokens >= 0;
}

static bool has_choices(const struct chat *c)
{
    return c->choices != 1;
}

static bool has_stop(const struct chat *c)
{
    return c->stop;
}

static bool has_format(const struct chat *c)
{
    return c->format != FORMAT_TEXT;
}

static bool has_tools(const struct chat *c)
{
    return c->tool;
}

static bool has_choice(const struct chat *c)
{
    return c->choice != CHOICE_UNSET;
}

static bool has_parallel(const struct chat *c)
{
    return c->parallel != UNSET;
}

static bool has_effort(const struct chat *c)
{
    return c->effort != EFFORT_UNSET || c->budget >= 0;
}

static bool has_show(const struct chat *c)
{
    return c->show_reasoning != UNSET;
}

/* --- the table ----------------------------------------------------------------------------------------------------- */

#define NUMBER(name, field) {name, number_read, offsetof(struct chat, field), NULL}
static const struct openai_row rows[] = {
    {"model", model_read, 0, always},
    {"messages", messages_read, 0, always},
    {"stream", stream_read, 0, always},
    {"stream_options", stream_options_read, 0, always},
    {"max_completion_tokens", max_tokens_read, 0, has_max},
    {"max_tokens", max_tokens_read, 0, has_max},
    NUMBER("temperature", temperature),
    NUMBER("top_p", top_p),
    NUMBER("top_k", top_k),
    NUMBER("min_p", min_p),
    NUMBER("frequency_penalty", frequency_penalty),
    NUMBER("presence_penalty", presence_penalty),
    NUMBER("repetition_penalty", repeat_penalty),
    NUMBER("repeat_penalty", repeat_penalty),
    NUMBER("seed", seed),
    {"stop", stop_read, 0, has_stop},
    {"n", choices_read, 0, has_choices},
    {"response_format", openai_format_read, 0, has_format},
    {"tools", tools_read, 0, has_tools},
    {"functions", functions_read, 0, has_tools},
    {"tool_choice", tool_choice_read, 0, has_choice},
    {"function_call", function_call_read, 0, has_choice},
    {"parallel_tool_calls", parallel_read, 0, has_parallel},
    {"reasoning_effort", openai_effort_read, 0, has_effort},
    {"reasoning", openai_reasoning_read, 0, has_effort},
    {"thinking", openai_thinking_read, 0, has_effort},
    {"enable_thinking", openai_enable_thinking_read, 0, has_effort},
    {"chat_template_kwargs", openai_template_read, 0, has_effort},
    {"include_reasoning", openai_include_reasoning_read, 0, has_show},
    {"reasoning_format", openai_reasoning_format_read, 0, has_show},
    {"user", user_read, offsetof(struct chat, user), NULL},
    {"safety_identifier", user_read, offsetof(struct chat, user), NULL},
    {"service_tier", tier_read, offsetof(struct chat, tier), NULL},
    {"cache_control", cache_read, offsetof(struct chat, cache), NULL},
    {"logit_bias", logit_bias_read, 0, NULL},
    {"logprobs", unless_default_read, 0, NULL},
    {"top_logprobs", unless_default_read, 0, NULL},
    {"modalities", unless_default_read, 0, NULL},
};

static const struct openai_row *row_of(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (str_eq(name, str_from(rows[i].name)))
            return &rows[i];
    return NULL;
}

static int member_read(struct openai_reader *r, const struct openai_row *row, struct str name, const struct json_node *n)
{
    if (n->type == JSON_NULL)
        return 0;
    if (row)
        return row->read(r, row, n);
    const char *text = arena_text(r->chat->arena, name);
    return text ? extra_read(r, &(struct openai_row){.name = text}, n) : openai_out_of_memory(r->err);
}

/* A switch says only whether; how much, somebody else may have said. */
static void thinking_settle(struct openai_reader *r)
{
    struct chat *c = r->chat;

    if (r->thinking == NO)
        c->effort = EFFORT_NONE;
    else if (r->thinking == YES && c->effort == EFFORT_UNSET)
        c->effort = c->budget > 0 ? effort_of_budget(c->budget) : EFFORT_MEDIUM;
}

int openai_request_read(struct chat *c, enum wire_op op, struct str body, struct err *e)
{
    struct arena *arena = c->arena;
    struct json_node *root;

    *c = (struct chat){.arena = arena, .from = DIALECT_OPENAI, .max_tokens = -1, .budget = -1, .choices = 1};
    if (op != WIRE_CHAT)
        return err_set(e, ERR_INVALID, "only chat completions can be translated; this kind of call needs an upstream that "
                                       "speaks OpenAI's dialect");
    int rc = json_parse(arena, body, &root, e);
    if (rc < 0)
        return rc;
    if (root->type != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "the body must be a JSON object");
    struct openai_reader r = {.chat = c, .err = e, .root = root};
    for (const struct json_node *m = root->child; m && rc == 0; m = m->next)
        rc = member_read(&r, row_of(m->key), m->key, m);
    if (rc < 0)
        return rc;
    if (!c->model.len)
        return err_set(e, ERR_INVALID, "model is missing");
    if (!json_get(root, "messages") || json_get(root, "messages")->type == JSON_NULL)
        return err_set(e, ERR_INVALID, "messages is missing");
    openai_tools_allowed(&r);
    thinking_settle(&r);
    return 0;
}

/* --- a job's defaults ---------------------------------------------------------------------------------------------- */

static bool is_given(const struct chat *c, const struct openai_row *row, struct str name)
{
    if (row && row->given && row->given(c))
        return true;
    if (row && row->at && ((const struct str *)(const void *)((const char *)c + row->at))->len)
        return true;
    return chat_extra_find(c, name);
}

int chat_default(struct chat *c, struct str name, struct str value, struct err *e)
{
    const struct openai_row *row = row_of(name);
    struct openai_reader r = {.chat = c, .err = e};
    struct json_node *n;

    if (is_given(c, row, name))
        return 0;
    int rc = json_parse(c->arena, value, &n, e);
    if (rc == 0)
        rc = member_read(&r, row, name, n);
    if (rc < 0)
        return rc;
    openai_tools_allowed(&r);
    thinking_settle(&r);
    for (struct chat_member *m = c->extra; m; m = m->next)
        if (str_eq(m->name, name)) /* it was not there before */
            m->by_default = true;
    return 0;
}
