/* chat_prompt.c: a template with what it takes, and a request put through it; see chat_prompt.h. */
#include "engine/chat_prompt_priv.h"
#include "base/buf.h"
#include "base/mem.h"
#include "engine/answer_parse.h"
#include <assert.h>

enum { NOTE_BYTES_MAX = 2000 };

struct str chat_form_note(const struct chat_form *f)
{
    return f->note;
}

bool chat_form_takes_tools(const struct chat_form *f)
{
    return f->caps.tools && f->calls != CHAT_CALLS_NONE;
}

enum chat_calls chat_form_calls(const struct chat_form *f)
{
    return f->calls;
}

void chat_form_close(struct chat_form *f)
{
    if (!f)
        return;
    chat_form_close(f->spare);
    template_free(f->t);
    arena_fini(&f->arena);
    mem_free(f);
}

/* --- rendering ------------------------------------------------------------------------------------------------------------ */

struct inputs {
    struct template_input *at;
    size_t count;
};

static void give(struct inputs *in, struct str name, const struct json_node *value, bool trusted)
{
    in->at[in->count++] = (struct template_input){name, value, trusted};
}

/* The variables that every template may count on, after those of the request: the latter cannot replace them. */
static int gather(const struct chat_form *f, const struct chat_request *r, const struct json_node *messages,
                  struct arena *a, struct inputs *in, struct err *e)
{
    enum { OURS = 6 };
    size_t more = r->kwargs && r->kwargs->type == JSON_OBJECT ? r->kwargs->count : 0;
    struct json_node *none = chat_node_null(a), *no_tools = f->caps.tools_list ? chat_node_new(a, JSON_ARRAY) : none,
                     *add = chat_node_bool(a, r->add_generation_prompt), *bos = chat_node_text(a, f->bos),
                     *eos = chat_node_text(a, f->eos);

    *in = (struct inputs){.at = arena_new_array(a, struct template_input, more + OURS)};
    if (!in->at || !none || !no_tools || !add || !bos || !eos)
        return err_set(e, ERR_NOMEM, "out of memory for a prompt");
    for (const struct json_node *m = more ? r->kwargs->child : NULL; m; m = m->next)
        give(in, m->key, m, false);
    give(in, STR("messages"), messages, false);
    give(in, STR("tools"), r->tools && r->tools->count ? r->tools : no_tools, false);
    give(in, STR("documents"), none, false);
    give(in, STR("add_generation_prompt"), add, true);
    give(in, STR("bos_token"), bos, true);
    give(in, STR("eos_token"), eos, true);
    assert(in->count == more + OURS);
    return 0;
}

static int render(const struct chat_form *f, const struct chat_request *r, const struct json_node *messages,
                  struct arena *a, struct template_output *out, struct err *e)
{
    struct inputs in;
    int rc = gather(f, r, messages, a, &in, e);

    return rc < 0 ? rc : template_render(f->t, in.at, in.count, &r->now, &r->limits, a, out, e);
}

/* Loader trap: a template that prints BOS for a tokenizer that adds it. */
static bool drop_bos(const struct chat_form *f, struct template_output *out)
{
    if (!f->adds_bos || f->bos.len == 0 || out->count == 0 || !out->piece[0].special ||
        !str_starts(out->piece[0].text, f->bos))
        return false;
    out->piece[0].text = str_skip(out->piece[0].text, f->bos.len);
    if (out->piece[0].text.len == 0) {
        out->piece++;
        out->count--;
    }
    return true;
}

static bool ends_thinking(const struct chat_form *f, const struct template_output *out)
{
    if (!f->think_open || out->count == 0 || !out->piece[out->count - 1].special)
        return false;
    return str_ends(str_trim(out->piece[out->count - 1].text), str_from(f->think_open));
}

static int finish(const struct chat_form *f, struct template_output *t, struct arena *a, const struct buf *note,
                  struct chat_prompt *out, struct err *e)
{
    struct str said = note->len ? arena_dup(a, buf_str(note)) : STR("");

    if (!said.ptr)
        return err_set(e, ERR_NOMEM, "out of memory for a prompt");
    bool dropped = drop_bos(f, t);
    *out = (struct chat_prompt){.piece = t->piece,
                                .count = t->count,
                                .think_open = f->think_open,
                                .think_close = f->think_close,
                                .thinking = ends_thinking(f, t),
                                .bos_dropped = dropped,
                                .note = said};
    return 0;
}

static int check(const struct chat_form *f, const struct chat_request *r, struct err *e)
{
    if (r->tools && r->tools->type != JSON_ARRAY && r->tools->type != JSON_NULL)
        return err_set(e, ERR_INVALID, "tools is a list");
    if (r->tools && r->tools->count && !chat_form_takes_tools(f))
        return err_set(
            e, ERR_UNSUPPORTED,
            f->caps.tools
                ? "this model writes its tool calls in a way that is not read here: send the request without tools, or "
                  "to another model"
                : "this model's chat template has no place for tools: send the request without them, or to another "
                  "model");
    return 0;
}

/* With the model's template, and if it refuses the conversation, once more with neighbours of one role joined. */
static int try_form(const struct chat_form *f, const struct chat_request *r, struct arena *a, struct buf *note,
                    struct chat_prompt *out, struct err *e)
{
    const struct json_node *messages;
    struct template_output t;
    struct err again = {0};

    buf_clear(note);
    int rc = check(f, r, e);
    if (rc == 0)
        rc = chat_messages_shape(&f->caps, r->messages, false, a, &messages, note, e);
    if (rc < 0)
        return rc;
    rc = render(f, r, messages, a, &t, e);
    if (rc == ERR_INVALID) {
        size_t said = note->len;
        if (chat_messages_shape(&f->caps, r->messages, true, a, &messages, note, &again) == 0 && note->len > said &&
            render(f, r, messages, a, &t, &again) == 0)
            rc = 0;
    }
    return rc < 0 ? rc : finish(f, &t, a, note, out, e);
}

int chat_prompt_render(const struct chat_form *f, const struct chat_request *r, struct arena *a,
                       struct chat_prompt *out, struct err *e)
{
    AUTO_BUF struct buf note = BUF_INIT(NOTE_BYTES_MAX);
    struct err first = {0}, second = {0};
    int rc = try_form(f, r, a, &note, out, &first);

    if (rc == ERR_UNSUPPORTED && f->spare && check(f, r, NULL) == 0 &&
        try_form(f->spare, r, a, &note, out, &second) == 0) {
        const char *said = arena_format(a, "%s; the prompt is written by a template of our own for this family%s%.*s",
                                        first.text, out->note.len ? "; " : "", STR_FMT(out->note));
        if (!said)
            return err_set(e, ERR_NOMEM, "out of memory for a prompt");
        out->note = str_from(said);
        return 0;
    }
    if (rc < 0 && e)
        *e = first;
    return rc;
}

/* --- questions to a template -------------------------------------------------------------------------------------------------- */

#define TOOLS                                                                                                        \
    "[{\"type\":\"function\",\"function\":{\"name\":\"needle_tool\",\"description\":\"d\",\"parameters\":{\"type\":" \
    "\"object\","                                                                                                    \
    "\"properties\":{\"needle_key\":{\"type\":\"string\",\"description\":\"k\"}},\"required\":[\"needle_key\"]}}}]"
#define USER "{\"role\":\"user\",\"content\":\"needle-user\"}"

/* Renders made-up messages (JSON) and keeps the text. */
static int ask(struct chat_form *f, const char *messages, const char *tools, struct buf *text, struct err *e)
{
    struct arena a = ARENA_INIT(4 * MiB);
    struct json_node *m, *t = NULL;
    struct template_output out;
    struct chat_request r = {
        .add_generation_prompt = true,
        .now = {.year = 2026, .month = 1, .day = 1, .weekday = 4},
        .limits = {.steps_max = 1000000, .output_bytes_max = 1 * MiB, .memory_bytes_max = 64 * MiB, .depth_max = 400}};

    buf_clear(text);
    int rc = json_parse(&a, str_from(messages), &m, e);
    if (rc == 0 && tools)
        rc = json_parse(&a, str_from(tools), &t, e);
    r.tools = t;
    if (rc == 0)
        rc = render(f, &r, m, &a, &out, e);
    for (size_t i = 0; rc == 0 && i < out.count; i++)
        rc = buf_append(text, out.piece[i].text);
    f->starved |= rc == ERR_NOMEM;
    arena_fini(&a);
    return rc;
}

static bool has(const struct buf *text, const char *what)
{
    return str_find(buf_str(text), str_from(what)) >= 0;
}

/* Content as text, or else as parts. */
static int ask_content(struct chat_form *f, struct buf *text, struct err *e)
{
    int rc = ask(f, "[" USER "]", NULL, text, e);

    if (rc == ERR_INVALID) { /* some walk through tools without asking whether there are any */
        f->caps.tools_list = true;
        if (ask(f, "[" USER "]", NULL, text, NULL) == 0)
            rc = 0;
        else
            f->caps.tools_list = false;
    }
    if (rc == 0 && has(text, "needle-user"))
        return 0;
    if (rc == ERR_NOMEM)
        return rc;
    int parts =
        ask(f, "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"needle-user\"}]}]", NULL, text, NULL);
    f->caps.parts = parts == 0 && has(text, "needle-user");
    if (f->caps.parts)
        return 0;
    return rc < 0 ? rc : err_set(e, ERR_UNSUPPORTED, "the template does not print what the user says");
}

struct call_question {
    bool result, short_id, text, empty;
};

/* A call of a tool, its result, an answer: told in one of sixteen ways. */
static bool ask_call(struct chat_form *f, const struct call_question *q, struct buf *text)
{
    AUTO_BUF struct buf m = BUF_INIT(4 * KiB);
    const char *id = q->short_id ? "needleid1" : "call_0123456789abcdef";
    const char *content = !q->empty ? "null" : f->caps.parts ? "[{\"type\":\"text\",\"text\":\"\"}]" : "\"\"";
    int rc = buf_append_format(
        &m,
        "[" USER ",{\"role\":\"assistant\",\"content\":%s,\"tool_calls\":[{\"id\":\"%s\",\"type\":\"function\","
        "\"function\":{\"name\":\"needle_call\",\"arguments\":%s}}]}",
        content, id, q->text ? "\"{\\\"needle_arg\\\": 1}\"" : "{\"needle_arg\":1}");
    if (rc == 0 && q->result)
        rc = buf_append_format(
            &m, ",{\"role\":\"tool\",\"tool_call_id\":\"%s\",\"name\":\"needle_call\",\"content\":\"needle-result\"}",
            id);
    const char *messages = rc == 0 && buf_append_text(&m, "]") == 0 ? buf_text(&m) : NULL;
    f->starved |= !messages;
    if (!messages || ask(f, messages, TOOLS, text, NULL) < 0)
        return false;
    return has(text, "needle_call") && has(text, "needle_arg") && !has(text, "\\\"needle_arg") &&
           !has(text, "'needle_arg'") && !has(text, "None") && (!q->result || has(text, "needle-result"));
}

struct read_back {
    bool begun, whole;
};

static int note_call(void *ctx, const struct answer_event *event)
{
    struct read_back *r = ctx;
    r->begun |= event->kind == ANSWER_CALL_BEGIN && str_eq(event->text, STR("needle_call"));
    r->whole |= r->begun && event->kind == ANSWER_CALL_END && !event->broken;
    return 0;
}

/* Whether the call in this prompt is one for the parser that answers will go through. What Llama 3 writes has no marker: there it
 * begins with the brace before the name. */
static bool reads_back(struct chat_form *f, struct str prompt)
{
    static const struct str name = {"needle_call", 11};
    struct read_back r = {0};
    struct answer_parser *p = NULL;
    const struct answer_options o = {.calls = f->calls, .tool = &name, .tool_count = 1, .on_event = note_call, .ctx = &r};
    ptrdiff_t user = str_find(prompt, STR("needle-user"));
    struct str said = user < 0 ? prompt : str_skip(prompt, (size_t)user);
    if (f->calls == CHAT_CALLS_LLAMA3) {
        ptrdiff_t at = str_find(said, name);
        while (at > 0 && said.ptr[at] != '{')
            at--;
        said = at > 0 ? str_skip(said, (size_t)at) : STR("");
    }
    int rc = answer_parser_new(&p, &o, NULL);
    if (rc == 0)
        rc = answer_feed(p, said);
    if (rc == 0)
        rc = answer_finish(p);
    f->starved |= rc == ERR_NOMEM;
    answer_parser_free(p);
    return r.whole;
}

static void ask_calls(struct chat_form *f, struct buf *text)
{
    for (int way = 0; way < 16; way++) {
        const struct call_question q = {.result = !(way & 8), .short_id = way & 4, .text = way & 2, .empty = way & 1};
        if (!ask_call(f, &q, text))
            continue;
        f->caps.calls = true;
        f->caps.results = q.result;
        f->caps.short_ids = q.short_id;
        f->caps.arguments_text = q.text;
        f->caps.content_text = q.empty;
        if (f->calls != CHAT_CALLS_NONE && !reads_back(f, buf_str(text)))
            f->calls = CHAT_CALLS_NONE; /* its words mention our markers, but it writes calls in another way */
        break;
    }
    if (!f->caps.calls || !f->caps.results) {
        int rc = ask(f,
                     "[" USER ",{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"tool\",\"tool_call_id\":"
                     "\"needleid1\",\"name\":\"n\","
                     "\"content\":\"needle-result\"}]",
                     NULL, text, NULL);
        f->caps.results = rc == 0 && has(text, "needle-result");
    }
}

static int ask_all(struct chat_form *f, struct str source, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(4 * MiB);
    int rc = ask_content(f, &text, e);

    if (rc < 0)
        return rc;
    rc = ask(
        f,
        f->caps.parts
            ? "[{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"needle-system\"}]},{\"role\":\"user\","
              "\"content\":[{\"type\":\"text\",\"text\":\"needle-user\"}]}]"
            : "[{\"role\":\"system\",\"content\":\"needle-system\"}," USER "]",
        NULL, &text, NULL);
    f->caps.system = rc == 0 && has(&text, "needle-system");
    f->caps.developer = str_find(source, STR("developer")) >= 0;
    rc = ask(f,
             f->caps.parts ? "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"needle-user\"}]}]"
                           : "[" USER "]",
             TOOLS, &text, NULL);
    f->caps.tools = rc == 0 && has(&text, "needle_tool");
    ask_calls(f, &text);
    return f->starved ? err_set(e, ERR_NOMEM, "out of memory for a chat template") : 0;
}

/* --- from the model file --------------------------------------------------------------------------------------------------------- */

static bool mentions(struct str s, const char *what)
{
    return str_find(s, str_from(what)) >= 0;
}

static void read_markers(struct chat_form *f, struct str source)
{
    static const char *const think[][2] = {{"<think>", "</think>"}, {"[THINK]", "[/THINK]"}};

    /* <function=name> inside of <tool_call> is another form, which is not read here. Whether the template's own calls are in the form is
     * asked later; some print none. */
    f->calls = mentions(source, "[TOOL_CALLS]") ? CHAT_CALLS_MISTRAL
               : mentions(source, "<tool_call>") && !mentions(source, "<function=") && !mentions(source, "<arg_key>")
                   ? CHAT_CALLS_HERMES
               : mentions(source, "<|start_header_id|>") && mentions(source, "parameters") ? CHAT_CALLS_LLAMA3
                                                                                           : CHAT_CALLS_NONE;
    for (size_t i = 0; i < COUNT_OF(think); i++) {
        if (mentions(source, think[i][1])) {
            f->think_open = think[i][0];
            f->think_close = think[i][1];
            return;
        }
    }
}

static int open_one(struct chat_form **out, struct str text, const struct chat_source *source, struct err *e)
{
    struct chat_form *f = new0(struct chat_form);

    if (!f)
        return err_set(e, ERR_NOMEM, "out of memory for a chat template");
    f->arena = ARENA_INIT(64 * KiB);
    f->adds_bos = source->adds_bos;
    f->bos = arena_dup(&f->arena, source->bos);
    f->eos = arena_dup(&f->arena, source->eos);
    int rc = f->bos.ptr && f->eos.ptr ? template_compile(&f->t, text, e)
                                      : err_set(e, ERR_NOMEM, "out of memory for a chat template");
    if (rc == 0) {
        read_markers(f, text);
        rc = ask_all(f, text, e);
    }
    if (rc < 0) {
        chat_form_close(f);
        return rc;
    }
    *out = f;
    return 0;
}

static int set_note(struct chat_form *f, const char *why, const char *family)
{
    const char *said =
        arena_format(&f->arena, "%s; conversations are written as %s by a template of our own", why, family);

    if (!said)
        return ERR_NOMEM;
    f->note = str_from(said);
    return 0;
}

static int open_without(struct chat_form **out, const struct chat_source *s, struct err *e)
{
    bool chatml = s->has_token && s->has_token(s->ctx, STR("<|im_start|>")) && s->has_token(s->ctx, STR("<|im_end|>"));

    if (!chatml)
        return err_set(
            e, ERR_NOT_FOUND,
            "the model file has no chat template (tokenizer.chat_template), and its vocabulary not the tokens of "
            "ChatML: use it for plain completions, or take a file that was converted with its template");
    int rc = open_one(out, chat_family_chatml(), s, e);
    if (rc == 0 && set_note(*out, "the model file has no chat template", "ChatML") < 0) {
        chat_form_close(*out);
        rc = err_set(e, ERR_NOMEM, "out of memory for a chat template");
    }
    return rc;
}

int chat_form_open(struct chat_form **out, const struct chat_source *source, struct err *e)
{
    const char *name = NULL;
    struct chat_form *own = NULL, *family = NULL;
    struct err why = {0};

    if (source->chat_template.len == 0)
        return open_without(out, source, e);
    struct str spare = chat_family_template(source->chat_template, &name);
    int rc = open_one(&own, source->chat_template, source, &why);
    if (rc == ERR_NOMEM || (rc < 0 && spare.len == 0)) {
        if (e)
            *e = why;
        return rc;
    }
    if (spare.len && open_one(&family, spare, source, e) < 0) {
        chat_form_close(own);
        return ERR_NOMEM; /* ours compile: a test says so */
    }
    if (rc == 0) {
        own->spare = family;
        *out = own;
        return 0;
    }
    if (set_note(family, why.text, name) < 0) {
        chat_form_close(family);
        return err_set(e, ERR_NOMEM, "out of memory for a chat template");
    }
    *out = family;
    return 0;
}
