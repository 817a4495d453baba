/* openai_stream.c: one event of a stream in OpenAI's dialect, as deltas: thinking, refusal and text, calls, finish, usage,
 * whatever order they stand in. Warm path. */
#include "wire/openai_priv.h"
#include <assert.h>

enum { LEGACY_KEY = -1 }; /* of function_call, which has no index */

/* Emits raw string text, unescaped; a copy is made only where there is an escape. */
static int say(struct stream_reader *r, struct delta d, struct str raw)
{
    if (raw.len == 0)
        return 0;
    d.text = raw;
    if (!memchr(raw.ptr, '\\', raw.len))
        return r->emit(&d, r->ctx);
    AUTO_BUF struct buf text = BUF_INIT(raw.len);
    int rc = json_unescape(raw, &text);
    d.text = buf_str(&text);
    return rc ? rc : r->emit(&d, r->ctx);
}

static int say_piece(const struct openai_piece *p, void *ctx)
{
    enum delta_kind kind = p->kind == PART_REASONING ? DELTA_REASONING : p->kind == PART_REFUSAL ? DELTA_REFUSAL : DELTA_TEXT;
    return say(ctx, (struct delta){.kind = kind}, p->text);
}

static int begin(struct stream_reader *r, const struct openai_said *said)
{
    struct arena *a = r->arena;

    if (r->begun || (!said->id.len && !said->choice_count)) /* Azure's first event has neither */
        return 0;
    struct str id = json_unescape_arena(said->id, a), model = json_unescape_arena(said->model, a);
    id = said->id.len ? arena_dup(a, id) : STR("");
    if ((said->id.len && !id.ptr) || (said->model.len && !model.ptr))
        return ERR_NOMEM;
    r->begun = true;
    r->id = id;
    return r->emit(&(struct delta){.kind = DELTA_BEGIN, .id = id, .model = model}, r->ctx);
}

/* --- thinking ------------------------------------------------------------------------------------------------------ */

static int detail_say(struct stream_reader *r, const struct openai_detail *d, bool with_text)
{
    int rc = with_text ? say(r, (struct delta){.kind = DELTA_REASONING}, d->text) : 0;
    enum openai_seal by = openai_seal_of(d->format);
    if (rc || by == SEAL_FOREIGN || (by == SEAL_RESPONSES && !d->id.len))
        return rc;
    if (by == SEAL_RESPONSES) /* ids of ours have no escapes */
        return say(r, (struct delta){.kind = DELTA_HIDDEN, .id = d->id}, d->data);
    rc = say(r, (struct delta){.kind = DELTA_SIGNATURE}, d->signature);
    return rc ? rc : say(r, (struct delta){.kind = DELTA_HIDDEN}, d->data);
}

static int thought_say(struct stream_reader *r, const struct openai_said *said)
{
    struct openai_detail d;
    struct json_scan s;

    int rc = say(r, (struct delta){.kind = DELTA_REASONING}, said->reasoning);
    if (!said->details.len)
        return rc;
    json_scan_init(&s, said->details);
    json_enter(&s);
    while (rc == 0 && openai_detail_next(&s, &d)) {
        rc = detail_say(r, &d, said->reasoning.len == 0);
        if (rc == 0 && r->details)
            rc = r->emit(&(struct delta){.kind = DELTA_DETAIL, .text = d.whole}, r->ctx);
    }
    return rc;
}

/* --- calls --------------------------------------------------------------------------------------------------------- */

static struct stream_call *call_by_id(struct stream_reader *r, struct str id_raw)
{
    for (int i = r->call_count - 1; i >= 0; i--)
        if (r->call[i].id.len && json_key_is(id_raw, r->call[i].id))
            return &r->call[i];
    return NULL;
}

/* Gemini's endpoint leaves the index out: a new id, or a name after a name, starts the next call; else the last goes on. */
static struct stream_call *call_without_index(struct stream_reader *r, const struct openai_fragment *f)
{
    struct stream_call *last = r->call_count ? &r->call[r->call_count - 1] : NULL;
    struct stream_call *same = f->id.len ? call_by_id(r, f->id) : NULL;

    if (same)
        return same;
    bool next = !last || (f->id.len && last->id.len) || (!f->id.len && f->name.len && last->name.len);
    return next ? stream_call_new(r, r->call_count) : last;
}

/* Some count every parallel call as 0 but give each an id; others, who are not meant, a new id to every piece of one call. */
static struct stream_call *call_of(struct stream_reader *r, const struct openai_fragment *f)
{
    if (f->index < 0)
        return call_without_index(r, f);
    struct stream_call *c = stream_call_of(r, f->index);
    bool other = c && c->id.len && f->id.len && f->name.len && !json_key_is(f->id, c->id);
    if (!other)
        return c;
    struct stream_call *same = call_by_id(r, f->id);
    return same && same->key == f->index ? same : stream_call_new(r, f->index);
}

static int identify(struct stream_reader *r, struct stream_call *c, const struct openai_fragment *f)
{
    struct str *const to[] = {&c->id, &c->name};
    const struct str from[] = {f->id, f->name};

    c->custom |= f->custom;
    if (f->extra.len && !c->told && !(c->extra = arena_dup(r->arena, f->extra)).ptr)
        return ERR_NOMEM;
    for (size_t i = 0; i < COUNT_OF(to) && !c->told; i++) {
        if (to[i]->len || !from[i].len)
            continue;
        struct str plain = json_unescape_arena(from[i], r->arena);
        plain = plain.ptr ? arena_dup(r->arena, plain) : plain;
        if (!plain.ptr)
            return ERR_NOMEM;
        *to[i] = plain;
    }
    return c->name.len ? stream_call_tell(r, c) : 0;
}

static int arguments_say(struct stream_reader *r, struct stream_call *c, const struct openai_fragment *f)
{
    struct delta d = {.kind = DELTA_ARGUMENTS, .call = (int)(c - r->call), .text = f->arguments};

    if (f->arguments.len == 0)
        return 0;
    c->pieces = true;
    if (!c->told)
        return f->arguments_plain ? buf_append(&c->waiting, f->arguments) : json_unescape(f->arguments, &c->waiting);
    return f->arguments_plain ? r->emit(&d, r->ctx) : say(r, d, f->arguments);
}

static int fragment_say(struct stream_reader *r, struct stream_call *c, const struct openai_fragment *f)
{
    if (!c)
        return r->call_count == STREAM_CALLS_MAX ? ERR_LIMIT : ERR_NOMEM;
    int rc = identify(r, c, f);
    return rc ? rc : arguments_say(r, c, f);
}

static int calls_say(struct stream_reader *r, const struct openai_said *said)
{
    struct openai_fragment f;
    struct json_scan s;
    int rc = 0;

    json_scan_init(&s, said->calls);
    json_enter(&s);
    while (rc == 0 && openai_fragment_next(&s, &f))
        if (f.index >= 0 || f.id.len || f.name.len || f.arguments.len)
            rc = fragment_say(r, said->is_message ? stream_call_new(r, r->call_count) : call_of(r, &f), &f);
    return rc;
}

static int legacy_say(struct stream_reader *r, const struct openai_said *said)
{
    struct openai_fragment f = {.index = LEGACY_KEY};
    struct json_scan s;

    json_scan_init(&s, said->function_call);
    openai_function_read(&s, &f);
    return fragment_say(r, stream_call_of(r, LEGACY_KEY), &f);
}

/* --- the rest ------------------------------------------------------------------------------------------------------ */

static int words_say(struct stream_reader *r, const struct openai_said *said)
{
    int rc = thought_say(r, said);
    if (rc == 0)
        rc = say(r, (struct delta){.kind = DELTA_REFUSAL}, said->refusal);
    if (rc == 0)
        rc = say(r, (struct delta){.kind = DELTA_TEXT}, said->content);
    if (rc == 0 && said->content_list.len)
        rc = openai_pieces(said->content_list, say_piece, r);
    if (rc == 0)
        rc = say(r, (struct delta){.kind = DELTA_TEXT}, said->transcript);
    if (rc == 0 && said->calls.len)
        rc = calls_say(r, said);
    return rc == 0 && said->function_call.len ? legacy_say(r, said) : rc;
}

static int end_say(struct stream_reader *r, const struct openai_said *said)
{
    int rc = 0;

    if (said->finish != FINISH_NONE && !r->finished) {
        r->finished = true;
        struct delta d = {.kind = DELTA_FINISH, .finish = said->finish};
        rc = said->stop.len ? say(r, d, said->stop) : r->emit(&d, r->ctx);
    }
    if (rc || !said->has_usage)
        return rc;
    r->usage = said->usage; /* totals, wherever they stand: the last ones count */
    r->has_usage = true;
    return r->emit(&(struct delta){.kind = DELTA_USAGE, .usage = r->usage}, r->ctx);
}

int openai_event_read(struct stream_reader *r, struct str name, struct str data)
{
    struct openai_said said;

    if (sse_is_done(data))
        return r->emit(&(struct delta){.kind = DELTA_END}, r->ctx);
    if (data.len == 0)
        return r->emit(&(struct delta){.kind = DELTA_ALIVE}, r->ctx);
    bool failed = str_eq(name, STR("error")); /* Groq; its data may be any text */
    int rc = failed ? 0 : openai_said_read(&said, data, NULL);
    if (rc)
        return rc;
    if (failed || said.failed)
        return r->emit(&(struct delta){.kind = DELTA_FAILED, .text = data}, r->ctx);
    rc = begin(r, &said);
    if (rc == 0)
        rc = words_say(r, &said);
    return rc ? rc : end_say(r, &said);
}
