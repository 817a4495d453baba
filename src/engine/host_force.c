/* host_force.c: an answer that must be the call of a tool: the mark that opens a call is put behind the prompt, as if the model had said
 * it, and a form holds the rest to the tools that there are and to their parameters. */
#include "engine/host_priv.h"

enum { SCHEMA_MAX = GRAMMAR_SCHEMA_BYTES_MAX };

struct call_form { /* how a family writes a call; see answer_parse.h */
    const char *mark, *arguments;
    bool list;
};

static const struct call_form forms[] = {
    [CHAT_CALLS_LLAMA3] = {"", "parameters", false},
    [CHAT_CALLS_HERMES] = {"<tool_call>\n", "arguments", false},
    [CHAT_CALLS_MISTRAL] = {"[TOOL_CALLS]", "arguments", true},
};

static void write_tool(struct json_writer *w, const struct call_form *f, const struct json_node *tool)
{
    const struct json_node *function = json_get(tool, "function"), *parameters = json_get(function ? function : tool, "parameters");
    json_object_begin(w);
    json_key(w, "type"), json_text(w, "object");
    json_key(w, "properties");
    json_object_begin(w);
    json_key(w, "name");
    json_object_begin(w);
    json_key(w, "const"), json_str(w, json_get_text(function ? function : tool, "name"));
    json_object_end(w);
    json_key(w, f->arguments);
    json_raw(w, parameters && parameters->type == JSON_OBJECT ? parameters->text : STR("{\"type\":\"object\"}"));
    json_object_end(w);
    json_key(w, "required");
    json_array_begin(w);
    json_text(w, "name"), json_text(w, f->arguments);
    json_array_end(w);
    json_key(w, "additionalProperties"), json_bool(w, false);
    json_object_end(w);
}

static bool is_wanted(const struct host_request *r, const struct json_node *tool)
{
    const struct json_node *function = json_get(tool, "function");
    return !r->call_name.len || str_eq(json_get_text(function ? function : tool, "name"), r->call_name);
}

/* How many tools it lets through. */
static size_t write_schema(struct buf *out, const struct host_request *r, const struct call_form *f)
{
    size_t count = 0;
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    if (f->list) {
        json_key(&w, "type"), json_text(&w, "array");
        json_key(&w, "minItems"), json_i64(&w, 1);
        json_key(&w, "maxItems"), json_i64(&w, 1);
        json_key(&w, "items");
        json_object_begin(&w);
    }
    json_key(&w, "anyOf");
    json_array_begin(&w);
    for (const struct json_node *t = r->tools ? r->tools->child : NULL; t; t = t->next)
        if (is_wanted(r, t)) {
            write_tool(&w, f, t);
            count++;
        }
    json_array_end(&w);
    if (f->list)
        json_object_end(&w);
    json_object_end(&w);
    return json_done(&w) < 0 ? SIZE_MAX : count;
}

/* As if the model had said it. Reasoning that the prompt opened is closed: a call was asked for. */
static int put_words(struct host *h, struct host_call *c, struct str words, struct err *e)
{
    int rc = words.len ? tokenizer_encode(h->tokenizer, words, TOKENIZE_SPECIAL, &c->prompt, e) : 0;
    if (rc == 0 && answer_feed(c->parser, words) < 0)
        rc = err_set(e, ERR_NOMEM, "answer");
    return rc;
}

int host_force(struct host *h, const struct host_request *r, struct host_call *c, const struct chat_prompt *p, struct err *e)
{
    enum chat_calls calls = chat_form_calls(h->form);
    if (calls == CHAT_CALLS_NONE)
        return err_set(e, ERR_UNSUPPORTED, "the engine does not know how this model writes calls of tools, so it cannot be made to");
    const struct call_form *f = &forms[calls];
    AUTO_BUF struct buf schema = BUF_INIT(SCHEMA_MAX), words = BUF_INIT(KiB);
    size_t count = write_schema(&schema, r, f);
    if (count == SIZE_MAX)
        return err_set(e, ERR_LIMIT, "the parameters of the tools are more than %d bytes", SCHEMA_MAX);
    if (count == 0)
        return err_set(e, ERR_INVALID, "there is no tool `%.*s` to call", STR_FMT(r->call_name));
    if (p->thinking && c->think_close)
        (void)buf_append_format(&words, "%s\n\n", c->think_close);
    c->reasoning = false;
    if (buf_append_text(&words, f->mark) < 0)
        return err_set(e, ERR_NOMEM, "answer");
    int rc = put_words(h, c, buf_str(&words), e);
    return rc < 0 ? rc : host_set_form(h, c, buf_str(&schema), e);
}
