/* host_prepare.c: a request made ready on the thread that brings it: prompt, tokens, sampler, form. */
#include "base/mem.h"
#include "engine/host_priv.h"

enum { PROMPT_TOKENS_MAX = 1 << 20, PREPARE_ARENA_MAX = 512 << 20, NAMES_ARENA_MAX = 1 << 20, TEXT_MAX = 1 << 20 };

void host_release(struct host_call *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    token_list_fini(&c->prompt);
    sampler_free(c->sampler);
    grammar_run_free(c->run);
    grammar_free(c->grammar);
    answer_parser_free(c->parser);
    buf_fini(&c->text);
    buf_fini(&c->safe);
    arena_fini(&c->names);
    mem_free(c);
}

/* What is cut into more tokens than any context holds is not cut to its end. */
static int too_long(const struct host *h, int rc, struct err *e)
{
    if (rc != ERR_LIMIT || !e)
        return rc == ERR_LIMIT ? ERR_CONTEXT : rc;
    struct err why = *e;
    return err_set(e, ERR_CONTEXT, "%s; the context holds %zu", why.text, h->context_max);
}

/* The tokenizer puts its BOS in front; a template's own was taken out then (chat_prompt.h). */
static int encode_prompt(struct host *h, const struct chat_prompt *p, struct arena *a, struct host_call *c, struct err *e)
{
    struct tokenizer_part *part = arena_new_array(a, struct tokenizer_part, p->count + 1);
    if (!part)
        return err_set(e, ERR_NOMEM, "prompt");
    for (size_t i = 0; i < p->count; i++)
        part[i] = (struct tokenizer_part){p->piece[i].text, p->piece[i].special};
    token_list_fini(&c->prompt);
    int rc = 0;
    if (tokenizer_adds_bos(h->tokenizer) && tokenizer_bos(h->tokenizer) != TOKEN_NONE)
        rc = token_list_push(&c->prompt, tokenizer_bos(h->tokenizer));
    return rc < 0 ? err_set(e, rc, "prompt") : too_long(h, tokenizer_encode_parts(h->tokenizer, part, p->count, 0, &c->prompt, e), e);
}

int host_render(struct host *h, const struct host_request *r, struct host_call *c, struct host_rendering *out, struct err *e)
{
    struct chat_request cr = {.messages = out->messages, .tools = r->tools, .kwargs = r->kwargs, .add_generation_prompt = true,
                              .now = civil_from_ms(clock_wall_ms(h->clock)), .limits = TEMPLATE_LIMITS_DEFAULT};
    int rc = chat_prompt_render(h->form, &cr, &out->arena, &out->prompt, e);
    return rc < 0 ? rc : encode_prompt(h, &out->prompt, &out->arena, c, e);
}

static struct str name_of(const struct json_node *tool)
{
    const struct json_node *function = json_get(tool, "function");
    return json_get_text(function ? function : tool, "name");
}

/* The parser looks for calls only where there are tools to call. */
static int open_parser(struct host_call *c, const struct chat_form *f, const struct chat_prompt *p, const struct json_node *tools, struct err *e)
{
    size_t count = tools && tools->type == JSON_ARRAY ? tools->count : 0, i = 0;
    struct str *name = count ? arena_new_array(&c->names, struct str, count) : NULL;
    if (count && !name)
        return err_set(e, ERR_NOMEM, "names of tools");
    for (const struct json_node *t = count ? tools->child : NULL; t; t = t->next) {
        name[i] = arena_dup(&c->names, name_of(t));
        if (!name[i++].ptr)
            return err_set(e, ERR_NOMEM, "names of tools");
    }
    c->think_open = p->think_open ? arena_text(&c->names, str_from(p->think_open)) : NULL;
    c->think_close = p->think_close ? arena_text(&c->names, str_from(p->think_close)) : NULL;
    if ((p->think_open && !c->think_open) || (p->think_close && !c->think_close))
        return err_set(e, ERR_NOMEM, "marks of reasoning");
    struct answer_options o = {.think_open = c->think_open, .think_close = c->think_close, .thinking = p->thinking,
                               .calls = count && f ? chat_form_calls(f) : CHAT_CALLS_NONE, .tool = name, .tool_count = count,
                               .on_event = host_on_answer, .ctx = c};
    c->tools = o.calls != CHAT_CALLS_NONE;
    c->reasoning = p->thinking;
    return answer_parser_new(&c->parser, &o, e);
}

static int prepare_chat(struct host *h, const struct host_request *r, struct host_call *c, struct buf *note, struct err *e)
{
    if (!h->form)
        return err_set(e, ERR_UNSUPPORTED, "%s", h->form_error.text);
    struct host_rendering g = {.arena = ARENA_INIT(PREPARE_ARENA_MAX), .messages = r->messages};
    int rc = host_render(h, r, c, &g, e);
    if (rc == 0 && r->drop_oldest)
        rc = host_fit(h, r, c, &g, e);
    if (rc == 0 && note && g.prompt.note.len)
        rc = buf_append(note, g.prompt.note);
    if (rc == 0)
        rc = open_parser(c, h->form, &g.prompt, r->tools, e);
    if (rc == 0 && r->must_call)
        rc = host_force(h, r, c, &g.prompt, e);
    arena_fini(&g.arena);
    return rc;
}

static int prepare_text(struct host *h, const struct host_request *r, struct host_call *c, struct err *e)
{
    struct chat_prompt none = {0};
    int rc = too_long(h, tokenizer_encode(h->tokenizer, r->text, TOKENIZE_ENDS, &c->prompt, e), e);
    return rc == 0 && c->kind == HOST_TEXT ? open_parser(c, NULL, &none, NULL, e) : rc;
}

static struct str piece_of(const void *ctx, uint32_t id)
{
    const struct tokenizer *t = ctx;
    return tokenizer_is_control(t, (int32_t)id) ? STR_NONE : tokenizer_piece(t, (int32_t)id);
}

static bool is_end_of(const void *ctx, uint32_t id)
{
    return tokenizer_is_end(ctx, (int32_t)id);
}

/* The vocabulary as a tree takes a moment to make and some memory: only who asks for a form pays it, once. */
static int open_vocab(struct host *h, struct err *e)
{
    int rc = 0;
    (void)pthread_mutex_lock(&h->vocab_lock);
    if (!h->vocab) {
        struct grammar_pieces p = {.count = (uint32_t)tokenizer_count(h->tokenizer), .ctx = h->tokenizer, .piece = piece_of, .is_end = is_end_of};
        rc = grammar_vocab_new(&h->vocab, &p, e);
    }
    (void)pthread_mutex_unlock(&h->vocab_lock);
    return rc;
}

int host_set_form(struct host *h, struct host_call *c, struct str schema, struct err *e)
{
    int rc = open_vocab(h, e);
    if (rc == 0)
        rc = schema.len ? grammar_schema(&c->grammar, schema, e) : grammar_any_object(&c->grammar, e);
    return rc == 0 ? grammar_run_new(&c->run, c->grammar, h->vocab, e) : rc;
}

static int check_fit(struct host *h, struct host_call *c, size_t answer_max, struct err *e)
{
    size_t count = c->prompt.count, left = count < h->context_max ? h->context_max - count : 0;
    if (count == 0)
        return err_set(e, ERR_INVALID, "the text is empty");
    if (c->kind == HOST_EMBED && count > h->context_max)
        return err_set(e, ERR_CONTEXT, "the text has %zu tokens; the context holds %zu", count, h->context_max);
    if (c->kind != HOST_EMBED && left == 0)
        return err_set(e, ERR_CONTEXT, "the prompt has %zu tokens; the context holds %zu, the answer included", count, h->context_max);
    if (c->kind != HOST_EMBED && answer_max > left)
        return err_set(e, ERR_CONTEXT, "the prompt has %zu tokens and the answer may have %zu; the context holds %zu", count, answer_max, h->context_max);
    c->answer_max = c->kind == HOST_EMBED ? 0 : answer_max ? answer_max : left;
    for (size_t i = 0; i < count; i++)
        if (c->prompt.id[i] < 0 || (size_t)c->prompt.id[i] >= h->engine->model->vocab)
            return err_set(e, ERR_UNSUPPORTED, "the prompt has token %d, and the model file has embeddings for %zu alone", c->prompt.id[i],
                           h->engine->model->vocab);
    return 0;
}

static uint32_t at_most(uint32_t n, size_t most)
{
    return n < most ? n : (uint32_t)most;
}

/* Penalties look back on the prompt too (docs/internals/serving.md). Their windows are no longer than the text may become. */
static int open_sampler(struct host_call *c, size_t vocab, const struct sampler_options *asked, struct err *e)
{
    struct sampler_options o = *asked;
    if (o.repeat_last_n <= SAMPLER_LAST_MAX && o.answer_last_n <= SAMPLER_LAST_MAX) { /* else it says so */
        o.repeat_last_n = at_most(o.repeat_last_n, c->prompt.count + c->answer_max);
        o.answer_last_n = at_most(o.answer_last_n, c->answer_max);
    }
    int rc = sampler_new(&c->sampler, (uint32_t)vocab, &o, e);
    for (size_t i = 0; i < c->prompt.count && rc == 0; i++)
        sampler_read(c->sampler, (uint32_t)c->prompt.id[i]);
    return rc;
}

int host_prepare(struct host *h, const struct host_request *r, struct host_call *c, struct buf *note, struct err *e)
{
    c->host = h;
    c->kind = r->kind;
    c->class = r->class;
    c->one_call = r->one_call;
    c->deadline_us = r->deadline_us;
    c->alive_us = r->alive_us;
    c->conversation = r->conversation;
    c->prompt = TOKEN_LIST_INIT(PROMPT_TOKENS_MAX);
    c->text = c->safe = BUF_INIT(TEXT_MAX);
    c->names = ARENA_INIT(NAMES_ARENA_MAX);
    bool embeds = !h->engine->model->output.data;
    if (embeds != (r->kind == HOST_EMBED))
        return err_set(e, ERR_UNSUPPORTED, embeds ? "this model makes embeddings; it does not write" : "this model writes; it makes no embeddings");
    int rc = r->kind == HOST_CHAT ? prepare_chat(h, r, c, note, e) : prepare_text(h, r, c, e);
    if (rc == 0)
        rc = check_fit(h, c, r->answer_max, e);
    if (rc < 0 || r->kind == HOST_EMBED)
        return rc;
    detokenizer_init(&c->detokenizer, h->tokenizer, r->kind == HOST_CHAT ? DETOKENIZE_START : 0);
    c->logprobs = r->sampling.logprobs;
    rc = stop_init(&c->stop, r->stop, r->stop_count, e);
    if (rc == 0)
        rc = open_sampler(c, h->engine->model->vocab, &r->sampling, e);
    return rc == 0 && !c->run && (r->json || r->schema.len) ? host_set_form(h, c, r->schema, e) : rc;
}
