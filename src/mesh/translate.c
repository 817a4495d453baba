/* translate.c: an attempt whose client or upstream does not speak OpenAI's dialect: the request in the upstream's words, and its
 * answer in the client's. Where both speak the same, the bytes pass and only the readers are used, for what a relay must know. */
#include "base/mem.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

enum {
    REQUEST_EXTRA_BYTES = 1024 * 1024,      /* what a translated request may be larger than twice the client's: escapes, schemas */
    RECALLED_BYTES_MAX = 2 * KEEPSAKE_BYTES_MAX, /* what is put back into it, with escapes */
    TRANSLATION_ARENA_MAX = 64 * 1024 * 1024, /* a whole answer as a tree; ids and names of a stream */
    EVENT_OUT_MAX = 32 * 1024 * 1024,       /* what one event becomes; the end of a Responses stream repeats the whole answer */
    LINE_BYTES_MAX = 8 * 1024 * 1024,       /* one event of an NDJSON stream */
    ROOM_BYTES = 512,                       /* what another dialect says more, usually */
};

/* --- the conversation ---------------------------------------------------------------------------------------------------- */

const struct lost *translate_lost(const struct mesh_call *c)
{
    static const struct lost nothing;
    return c->at->translation ? &c->at->translation->lost : &nothing;
}

const struct codec *call_codec(const struct mesh_call *c)
{
    return codec_of(c->ask.dialect);
}

/* The job's defaults, once, where the client gave nothing. A default that fits no conversation is the config's fault and is left out, as
 * the plain path does. */
static int apply_defaults(struct mesh_call *c)
{
    const struct job *j = c->route.job;
    for (size_t i = 0; j && i < j->default_count; i++)
        if (chat_default(c->chat, j->defaults[i].key, j->defaults[i].value, NULL) == ERR_NOMEM)
            return ERR_NOMEM;
    return 0;
}

/* What the client said, as a conversation; read when it is first needed. */
static int need_chat(struct mesh_call *c, struct err *e)
{
    if (!c->chat) {
        c->chat_arena = ARENA_INIT(4 * c->ask.body.len + TRANSLATION_ARENA_MAX);
        struct chat *chat = arena_new(&c->chat_arena, struct chat);
        if (!chat)
            return err_set(e, ERR_NOMEM, "out of memory");
        *chat = (struct chat){.arena = &c->chat_arena, .from = c->ask.dialect, .max_tokens = -1, .budget = -1, .choices = 1};
        int rc = call_codec(c)->request_read(chat, c->facts.op, c->ask.body, e);
        if (rc < 0)
            return rc;
        chat_extra_drop(&chat->extra, STR("hearth")); /* said to us */
        c->chat = chat;
    }
    if (c->chat_has_defaults)
        return 0;
    c->chat_has_defaults = true;
    return apply_defaults(c) < 0 ? err_set(e, ERR_NOMEM, "out of memory") : 0;
}

int translate_read(struct mesh_call *c, struct err *e)
{
    int rc = call_read_envelope(&c->facts, c->ask.op, c->ask.body, &c->arena, e);
    if (rc < 0)
        return rc;
    if (wire_op_embeds(c->facts.op))
        return translate_embed_read(c, e);
    c->chat_has_defaults = true; /* the job is not known yet */
    rc = need_chat(c, e);
    c->chat_has_defaults = false;
    if (rc == 0)
        chat_facts(c->chat, &c->facts);
    return rc;
}

int translate_defaults(struct mesh_call *c)
{
    if (!c->chat || !c->route.job || !c->route.job->default_count)
        return 0;
    c->chat_has_defaults = true;
    int rc = apply_defaults(c);
    if (rc == 0)
        chat_facts(c->chat, &c->facts);
    return rc;
}

/* --- the request --------------------------------------------------------------------------------------------------------------- */

/* The client's bytes can go as they are, but for the model's name. */
static bool may_pass(const struct attempt *a)
{
    const struct mesh_call *c = a->call;
    const struct vendor *v = a->target->up->vendor;
    bool anthropic = a->face == DIALECT_ANTHROPIC && v, sealed = a->face == DIALECT_RESPONSES || (anthropic && v->quirks & QUIRK_SEALED);
    if (c->chat && (c->chat->seals_doubted || (c->chat->has_billing && anthropic && !sealed)))
        return false;
    bool defaults = c->route.job && c->route.job->default_count && c->facts.op != WIRE_COUNT_TOKENS;
    return a->face == c->ask.dialect && !defaults && (!sealed || !c->chat || c->chat->has_signed_only);
}

static int write_through(struct attempt *a)
{
    struct call_rewrite w = {.model = a->target->model};
    return a->piece_count = call_write(&a->call->facts, &w, &a->call->arena, a->piece);
}

static int write_translated(struct attempt *a, struct err *e)
{
    struct mesh_call *c = a->call;
    struct translation *t = a->translation;
    bool embeds = wire_op_embeds(c->facts.op);
    int rc = embeds ? 0 : need_chat(c, e);
    if (rc < 0)
        return rc;
    struct chat_write w = {.op = face_op(c->facts.op, c->ask.dialect, a->face), .model = a->target->model, .engine = a->target->up->config->engine,
                           .vendor = a->target->up->vendor, .fact = a->target->fact, .arena = &t->arena, .lost = &t->lost};
    struct gather_recall recall;
    w.recall = gather_recall(&recall, a, &t->arena);
    t->request = BUF_INIT(2 * c->ask.body.len + REQUEST_EXTRA_BYTES + (w.recall ? RECALLED_BYTES_MAX : 0));
    (void)buf_reserve(&t->request, c->ask.body.len + c->ask.body.len / 8 + ROOM_BYTES); /* at once; without it, step by step */
    rc = embeds ? translate_embed_request(a, &w, e) : codec_request_write(t->from, c->chat, &w, &t->request, e);
    a->piece[0] = buf_str(&t->request);
    a->piece_count = 1;
    return rc;
}

static const char *id_prefix(enum dialect d)
{
    return d == DIALECT_ANTHROPIC ? "msg_" : d == DIALECT_RESPONSES ? "resp_" : "chatcmpl-";
}

static int on_delta(const struct delta *d, void *ctx);

/* Names of the answer that the client reads: its own word for the model, and an id of ours. */
static int open_writer(struct attempt *a)
{
    struct mesh_call *c = a->call;
    struct translation *t = a->translation;
    stream_writer_init(&t->writer, t->to, c->facts.op, &t->arena);
    const char *id = arena_format(&t->arena, "%s%s", id_prefix(t->to->dialect), c->id_text);
    if (!id)
        return ERR_NOMEM;
    t->writer.id = str_from(id);
    t->writer.model = c->facts.model;
    t->writer.created_s = loop_wall_ms(c->ml->loop) / 1000;
    t->alive_us = loop_now_us(c->ml->loop);
    t->writer.input_estimated = c->facts.tokens_estimated;
    t->writer.include_usage = c->facts.wants_usage;
    t->writer.names = t->names;
    return 0;
}

int translate_request(struct attempt *a, struct err *e)
{
    struct mesh_call *c = a->call;
    if (a->face == DIALECT_OPENAI && c->ask.dialect == DIALECT_OPENAI)
        return ERR_UNSUPPORTED;
    struct translation *t = a->translation = new0(struct translation);
    if (!t)
        return err_set(e, ERR_NOMEM, "out of memory");
    t->from = codec_of(a->face);
    t->to = call_codec(c);
    t->passes = t->from == t->to;
    t->names = tool_names_of(a->face, c->ask.dialect, a->target->up->vendor);
    t->arena = ARENA_INIT(2 * c->ask.body.len + TRANSLATION_ARENA_MAX);
    t->out = BUF_INIT(EVENT_OUT_MAX);
    t->line = BUF_INIT(LINE_BYTES_MAX);
    stream_reader_init(&t->reader, t->from, face_op(c->facts.op, c->ask.dialect, a->face), &t->arena, on_delta, a);
    if (open_writer(a) < 0)
        return err_set(e, ERR_NOMEM, "out of memory");
    int rc = may_pass(a) ? write_through(a) : write_translated(a, e);
    t->writer.asked = c->chat;
    return rc;
}

void translate_request_free(struct attempt *a)
{
    if (a->translation)
        buf_fini(&a->translation->request);
}

void translate_close(struct attempt *a)
{
    struct translation *t = a->translation;
    if (!t)
        return;
    stream_reader_fini(&t->reader);
    stream_writer_fini(&t->writer);
    buf_fini(&t->out);
    buf_fini(&t->line);
    buf_fini(&t->request);
    arena_fini(&t->arena);
    mem_free(t);
    a->translation = NULL;
}

size_t translate_held(const struct attempt *a)
{
    const struct translation *t = a->translation;
    return t ? t->out.cap + t->line.cap + t->writer.kept.cap + t->writer.items.cap + t->writer.later[1].cap : 0;
}

/* --- streams ---------------------------------------------------------------------------------------------------------------------- */

static void note_text(struct wire_answer *f, struct str text)
{
    f->has_content = true;
    f->content_bytes += (int64_t)text.len;
    f->tokens_estimated += tokens_estimate(text, false);
}

/* A sign of life is worth its bytes when the client has heard nothing for a while. */
static bool is_due(struct attempt *a, struct translation *t)
{
    enum { SILENCE_US = 5000000 };
    int64_t now = loop_now_us(a->call->ml->loop), since = now - t->alive_us;
    t->alive_us = now;
    return since >= SILENCE_US;
}

static int on_delta(const struct delta *d, void *ctx)
{
    struct attempt *a = ctx;
    struct translation *t = a->translation;
    struct wire_answer *f = &t->facts;
    gather_delta(a, d);
    switch (d->kind) {
    case DELTA_TEXT:
    case DELTA_REFUSAL:
    case DELTA_REASONING:
    case DELTA_ARGUMENTS: note_text(f, d->text); break;
    case DELTA_CALL: note_text(f, d->name); break;
    case DELTA_HIDDEN: f->has_content = true; break;
    case DELTA_FINISH: f->finish = d->finish; break;
    case DELTA_USAGE:
        f->has_usage = true;
        f->usage = d->usage;
        break;
    case DELTA_FAILED: f->has_error = true; return 0;
    case DELTA_END: t->ended = true; return 0;
    case DELTA_ALIVE:
        if (!is_due(a, t))
            return 0;
        break;
    case DELTA_DETAIL: return 0;
    case DELTA_BEGIN:
    case DELTA_SIGNATURE: break;
    }
    return t->passes ? 0 : stream_write(&t->writer, d, &t->out);
}

int translate_event(struct attempt *a, struct str name, struct str data)
{
    struct translation *t = a->translation;
    t->facts = (struct wire_answer){.choice_count = 1, .has_choices = true};
    buf_clear(&t->out);
    return t->from->event_read(&t->reader, name, data);
}

int translate_lines(struct attempt *a, struct str bytes, int (*fn)(const struct sse_event *ev, void *ctx), void *ctx)
{
    struct buf *line = &a->translation->line;
    size_t begin = 0, looked = line->len; /* what is there from before has no end: else it were gone */
    int rc = buf_append(line, bytes);
    for (ptrdiff_t len; rc == 0 && (len = str_find_char(str_skip(buf_str(line), looked), '\n')) >= 0; begin = looked) {
        looked += (size_t)len + 1;
        struct str raw = str_slice(buf_str(line), begin, looked), data = str_trim(raw);
        if (data.len)
            rc = fn(&(struct sse_event){.raw = raw, .data = data}, ctx);
    }
    buf_consume(line, begin);
    return rc;
}

int translate_last_line(struct attempt *a, int (*fn)(const struct sse_event *ev, void *ctx), void *ctx)
{
    struct str data = str_trim(buf_str(&a->translation->line));
    return data.len ? fn(&(struct sse_event){.raw = buf_str(&a->translation->line), .data = data}, ctx) : 0;
}

/* A client in this dialect always reads how much was used: what the upstream did not say is estimated, and so is a half that it gives
 * as 0 (an Ollama leaves out the prompt that it had computed before): agents go by it. */
static struct usage told_usage(const struct attempt *a)
{
    struct usage u = a->has_usage ? a->usage : (struct usage){.cost_nusd = -1};
    if (u.input == 0)
        u.input = a->call->facts.tokens_estimated;
    if (u.output == 0)
        u.output = a->output_estimated > 0 ? a->output_estimated : 1;
    return u;
}

int translate_end(struct attempt *a)
{
    struct translation *t = a->translation;
    if (t->passes)
        return 0;
    buf_clear(&t->out);
    t->writer.usage = told_usage(a);
    t->writer.has_usage = true;
    t->writer.elapsed_us = loop_now_us(a->call->ml->loop) - a->call->begin_us;
    return stream_write_end(&t->writer, &t->out);
}

int translate_error_event(struct mesh_call *c, const struct wire_error *e, struct buf *out)
{
    struct translation *t = c->at->translation;
    if (t && !t->passes)
        return stream_write_error(&t->writer, e, out);
    struct arena arena = ARENA_INIT(64 * KiB);
    struct stream_writer w; /* no stream of ours was begun: the error stands alone */
    stream_writer_init(&w, call_codec(c), c->facts.op, &arena);
    w.id = str_from(c->id_text);
    w.model = c->facts.model;
    int rc = stream_write_error(&w, e, out);
    stream_writer_fini(&w);
    arena_fini(&arena);
    return rc;
}

/* --- whole answers ------------------------------------------------------------------------------------------------------------------- */

/* {"input_tokens":N}: nothing was generated, and nothing is paid. */
static int read_count(struct attempt *a, struct wire_answer *out)
{
    struct json_node *root;
    int64_t tokens;
    int rc = json_parse(&a->translation->arena, buf_str(&a->held), &root, NULL);
    if (rc < 0)
        return rc;
    bool told = json_get_i64(root, "input_tokens", &tokens);
    *out = (struct wire_answer){.has_error = json_get(root, "error") != NULL, .has_choices = told, .has_content = told, .choice_count = told,
                                .has_usage = told, .usage = {.cost_nusd = -1, .reported = true}, .finish = FINISH_STOP};
    return 0;
}

int translate_whole(struct attempt *a, struct wire_answer *out, enum wire_format format, bool *keeps_format)
{
    struct translation *t = a->translation;
    *keeps_format = true;
    if (a->call->facts.op == WIRE_COUNT_TOKENS)
        return read_count(a, out);
    if (wire_op_embeds(t->reader.op))
        return translate_embed_whole(a, out);
    t->answer = (struct chat_answer){.arena = &t->arena, .usage = {.cost_nusd = -1}};
    int rc = t->from->answer_read(&t->answer, t->reader.op, buf_str(&a->held), NULL);
    if (rc == 0)
        gather_whole(a, &t->answer);
    if (rc == 0)
        rc = tool_calls_plain(&t->answer, t->passes ? NULL : a->call->chat, t->names);
    if (rc < 0)
        return rc;
    chat_answer_facts(&t->answer, out);
    if (format != FORMAT_TEXT && t->answer.finish == FINISH_STOP) {
        struct str text = chat_join_text(t->answer.part, STR(""), &t->arena);
        *keeps_format = text.len == 0 || text_keeps_format(text, format);
    }
    return 0;
}

int translate_whole_write(struct attempt *a)
{
    struct translation *t = a->translation;
    if (t->passes)
        return 0;
    if (wire_op_embeds(t->reader.op))
        return translate_embed_write(a);
    t->answer.id = t->writer.id;
    t->answer.model = t->writer.model;
    t->answer.created_s = t->writer.created_s;
    t->answer.usage = told_usage(a);
    t->answer.has_usage = true;
    t->answer.asked = a->call->chat;
    t->answer.elapsed_us = loop_now_us(a->call->ml->loop) - a->call->begin_us;
    buf_clear(&t->out);
    (void)buf_reserve(&t->out, a->held.len + ROOM_BYTES);
    return t->to->answer_write(&t->answer, a->call->facts.op, &t->lost, &t->out);
}
