/* beside.c: chat templates rendered as requests on standard input ask, for tools/vocabularies, which has others render the same.
 *
 * A line in is {"template": …, "variables": {…}}, or {"template": …, "bos": …, "eos": …, "messages": […], "tools": […], "kwargs": {…}}, which
 * goes the way of a call of a client, and may say what the model answered ("said"). A line out is {"text": …} or {"error": …}; of a call
 * also its "note", "calls", "thinking", what the form had to say when it was opened ("form"), and the answer taken apart ("answer"). The
 * date stands still. */
#include "engine/answer_parse.h"
#include <stdio.h>

static const struct civil NOW = {2026, 11, 21, 15, 31, 44, 6};
static const char *const CALLS[] = {"none", "llama3", "hermes", "mistral"};
enum { LINE_MAX_BYTES = 4 * MiB, INPUTS_MAX = 64 };

static bool any_token(void *ctx, struct str text)
{
    (void)ctx, (void)text;
    return true;
}

static void put_pieces(struct json_writer *w, const struct template_piece *piece, size_t count)
{
    AUTO_BUF struct buf text = BUF_INIT(32 * MiB);
    for (size_t i = 0; i < count; i++)
        (void)buf_append(&text, piece[i].text);
    json_key(w, "text");
    json_str(w, buf_str(&text));
}

static int render_variables(const struct json_node *root, struct arena *a, struct json_writer *w, struct err *e)
{
    struct template *t = NULL;
    struct template_input in[INPUTS_MAX];
    struct template_output o = {0};
    const struct template_limits limits = TEMPLATE_LIMITS_DEFAULT;
    const struct json_node *variables = json_get(root, "variables");
    size_t n = 0;
    for (const struct json_node *m = variables ? variables->child : NULL; m && n < INPUTS_MAX; m = m->next)
        in[n++] = (struct template_input){m->key, m, str_ends(m->key, STR("_token"))};
    int rc = template_compile(&t, json_get_text(root, "template"), e);
    if (rc == 0)
        rc = template_render(t, in, n, &NOW, &limits, a, &o, e);
    if (rc == 0)
        put_pieces(w, o.piece, o.count);
    template_free(t);
    return rc;
}

/* The answer's texts, reasoning and calls; a call as name, arguments and whether they broke off. */
struct taken {
    struct buf text, reasoning, arguments;
    struct json_writer *calls;
};

static int take(void *ctx, const struct answer_event *event)
{
    struct taken *t = ctx;
    switch (event->kind) {
    case ANSWER_TEXT: return buf_append(&t->text, event->text);
    case ANSWER_REASONING: return buf_append(&t->reasoning, event->text);
    case ANSWER_CALL_BEGIN:
        buf_clear(&t->arguments);
        json_array_begin(t->calls);
        json_str(t->calls, event->text);
        return 0;
    case ANSWER_CALL_ARGUMENTS: return buf_append(&t->arguments, event->text);
    case ANSWER_CALL_END:
        json_str(t->calls, buf_str(&t->arguments));
        json_bool(t->calls, event->broken);
        json_array_end(t->calls);
        return 0;
    }
    return 0;
}

static int take_apart(const struct chat_form *f, const struct chat_prompt *p, const struct json_node *tools, struct str said, struct json_writer *w)
{
    enum { TOOLS_MAX = 16 };
    struct str name[TOOLS_MAX];
    size_t count = 0;
    for (const struct json_node *t = tools ? tools->child : NULL; t && count < TOOLS_MAX; t = t->next)
        name[count++] = json_get_text(json_get(t, "function"), "name");
    struct taken t = {BUF_INIT(4 * MiB), BUF_INIT(4 * MiB), BUF_INIT(4 * MiB), w};
    const struct answer_options o = {.think_open = p->think_open, .think_close = p->think_close, .thinking = p->thinking,
                                     .calls = count ? chat_form_calls(f) : CHAT_CALLS_NONE, .tool = name, .tool_count = count, .on_event = take, .ctx = &t};
    struct answer_parser *parser = NULL;
    json_key(w, "answer");
    json_array_begin(w);
    int rc = answer_parser_new(&parser, &o, NULL);
    for (size_t i = 0; i < said.len && rc == 0; i++) /* a byte at a time: the cuts make no difference */
        rc = answer_feed(parser, str_slice(said, i, i + 1));
    if (rc == 0)
        rc = answer_finish(parser);
    json_array_end(w);
    json_key(w, "reasoning");
    json_str(w, buf_str(&t.reasoning));
    json_key(w, "rest");
    json_str(w, buf_str(&t.text));
    answer_parser_free(parser);
    buf_fini(&t.text), buf_fini(&t.reasoning), buf_fini(&t.arguments);
    return rc;
}

static int render_call(const struct json_node *root, struct arena *a, struct json_writer *w, struct err *e)
{
    struct chat_form *f = NULL;
    const struct chat_source s = {.chat_template = json_get_text(root, "template"), .bos = json_get_text(root, "bos"), .eos = json_get_text(root, "eos"),
                                  .has_token = any_token};
    const struct chat_request r = {.messages = json_get(root, "messages"), .tools = json_get(root, "tools"), .kwargs = json_get(root, "kwargs"),
                                   .add_generation_prompt = true, .now = NOW, .limits = TEMPLATE_LIMITS_DEFAULT};
    struct chat_prompt p = {0};
    int rc = chat_form_open(&f, &s, e);
    if (rc < 0)
        return rc;
    json_key(w, "form");
    json_str(w, chat_form_note(f));
    json_key(w, "calls");
    json_text(w, CALLS[chat_form_calls(f)]);
    json_key(w, "tools");
    json_bool(w, chat_form_takes_tools(f));
    rc = chat_prompt_render(f, &r, a, &p, e);
    if (rc == 0) {
        put_pieces(w, p.piece, p.count);
        json_key(w, "note");
        json_str(w, p.note);
        json_key(w, "think_open");
        json_text(w, p.think_open);
        json_key(w, "think_close");
        json_text(w, p.think_close);
        json_key(w, "thinking");
        json_bool(w, p.thinking);
        if (json_get(root, "said"))
            rc = take_apart(f, &p, r.tools, json_get_text(root, "said"), w);
    }
    chat_form_close(f);
    return rc;
}

static void answer(struct str line)
{
    struct arena a = ARENA_INIT(512 * MiB);
    AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
    struct json_writer w = JSON_WRITER(&out);
    struct json_node *root = NULL;
    struct err e = {0};
    json_object_begin(&w);
    int rc = json_parse(&a, line, &root, &e);
    if (rc == 0)
        rc = json_get(root, "variables") ? render_variables(root, &a, &w, &e) : render_call(root, &a, &w, &e);
    if (rc < 0) {
        json_key(&w, "error");
        json_text(&w, e.text);
        json_key(&w, "unsupported");
        json_bool(&w, rc == ERR_UNSUPPORTED || rc == ERR_SYNTAX || rc == ERR_LIMIT);
    }
    json_object_end(&w);
    printf("%.*s\n", STR_FMT(buf_str(&out)));
    fflush(stdout);
    arena_fini(&a);
}

int main(void)
{
    static char line[LINE_MAX_BYTES];
    while (fgets(line, sizeof line, stdin)) {
        struct str s = str_from(line);
        answer(str_ends(s, STR("\n")) ? str_slice(s, 0, s.len - 1) : s);
    }
    return 0;
}
