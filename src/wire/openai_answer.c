/* openai_answer.c: a whole answer in OpenAI's dialect: an upstream's, in any vendor's dress, and a client's. */
#include "wire/openai_priv.h"

/* --- read ---------------------------------------------------------------------------------------------------------- */

static bool plain(const struct chat_answer *a, struct str raw, struct str *out)
{
    *out = raw.len ? json_unescape_arena(raw, a->arena) : raw;
    return raw.len == 0 || out->ptr;
}

static int text_add(struct chat_answer *a, enum part_kind kind, struct str raw)
{
    if (raw.len == 0)
        return 0;
    struct part *p = chat_answer_add(a, kind);
    return p && plain(a, raw, &p->text) ? 0 : ERR_NOMEM;
}

static int piece_add(const struct openai_piece *p, void *ctx)
{
    return text_add(ctx, p->kind, p->text);
}

static int opaque_add(struct chat_answer *a, struct str name, struct str raw)
{
    if (raw.len == 0)
        return 0;
    struct part *p = chat_answer_add(a, PART_OPAQUE);
    if (!p)
        return ERR_NOMEM;
    p->name = name;
    p->raw = raw;
    return 0;
}

/* `thought`: the same thinking without its seal, if it stands elsewhere and was not said yet. */
static int detail_add(struct chat_answer *a, const struct openai_detail *d, struct str *thought)
{
    struct str text = d->text, format;

    if (!plain(a, d->format, &format))
        return ERR_NOMEM;
    enum openai_seal by = openai_seal_of(format);
    struct str id = by == SEAL_RESPONSES ? d->id : STR_NONE; /* without one it is Anthropic's */
    if (d->data.len && (by == SEAL_FOREIGN || (by == SEAL_RESPONSES && !id.len)))
        return opaque_add(a, STR("reasoning_details"), d->whole);
    if (text.len == 0 && d->data.len == 0) {
        text = *thought;
        *thought = STR_NONE;
    }
    if (text.len == 0 && d->data.len == 0 && d->signature.len == 0)
        return 0;
    struct part *p = chat_answer_add(a, d->data.len ? PART_HIDDEN : PART_REASONING);
    if (!p || !plain(a, d->data.len ? d->data : text, &p->text) || !plain(a, d->data.len ? id : STR_NONE, &p->id) ||
        !plain(a, by == SEAL_ANTHROPIC && !d->data.len ? d->signature : STR_NONE, &p->signature))
        return ERR_NOMEM;
    p->raw = d->whole;
    return 0;
}

static int thought_add(struct chat_answer *a, const struct openai_said *said)
{
    struct str thought = said->reasoning;
    bool detailed = false, sealed_only = false;
    struct openai_detail d;
    struct json_scan s;
    int rc = 0;

    if (!said->details.len)
        return text_add(a, PART_REASONING, thought);
    json_scan_init(&s, said->details);
    json_enter(&s);
    while (openai_detail_next(&s, &d)) {
        detailed |= d.text.len > 0;
        sealed_only |= !d.text.len && d.signature.len;
    }
    if (!detailed && !sealed_only)
        rc = text_add(a, PART_REASONING, thought);
    if (detailed || !sealed_only)
        thought = STR_NONE; /* it is said in the details, or was just now */
    json_scan_init(&s, said->details);
    json_enter(&s);
    while (rc == 0 && openai_detail_next(&s, &d))
        rc = detail_add(a, &d, &thought);
    return rc;
}

static int call_add(struct chat_answer *a, const struct openai_fragment *f, int64_t index)
{
    struct part *p = chat_answer_add(a, PART_CALL);

    if (!p || !plain(a, f->id, &p->id) || !plain(a, f->name, &p->name))
        return ERR_NOMEM;
    if (f->arguments_plain)
        p->arguments = f->arguments;
    else if (!plain(a, f->arguments, &p->arguments))
        return ERR_NOMEM;
    p->custom = f->custom;
    p->raw = f->extra;
    if (p->id.len)
        return 0;
    const char *made = arena_format(a->arena, "call_%08x%04lld", (unsigned)str_hash(a->id), (long long)index);
    p->id = str_from(made);
    return made ? 0 : ERR_NOMEM;
}

static int calls_add(struct chat_answer *a, const struct openai_said *said)
{
    struct openai_fragment f = {.index = -1};
    struct json_scan s;
    int64_t count = 0;
    int rc = 0;

    if (said->calls.len) {
        json_scan_init(&s, said->calls);
        json_enter(&s);
        while (rc == 0 && openai_fragment_next(&s, &f))
            rc = f.name.len ? call_add(a, &f, count++) : 0; /* without a name nobody can run it */
    }
    if (rc || !said->function_call.len)
        return rc;
    f = (struct openai_fragment){.index = -1};
    json_scan_init(&s, said->function_call);
    openai_function_read(&s, &f);
    return f.name.len ? call_add(a, &f, count) : 0;
}

static int parts_add(struct chat_answer *a, const struct openai_said *said)
{
    int rc = thought_add(a, said);
    if (rc == 0)
        rc = text_add(a, PART_TEXT, said->content);
    if (rc == 0 && said->content_list.len)
        rc = openai_pieces(said->content_list, piece_add, a);
    if (rc == 0)
        rc = text_add(a, PART_TEXT, said->transcript);
    if (rc == 0)
        rc = text_add(a, PART_REFUSAL, said->refusal);
    if (rc == 0)
        rc = opaque_add(a, STR("images"), said->images);
    if (rc == 0)
        rc = opaque_add(a, STR("annotations"), said->annotations);
    return rc ? rc : calls_add(a, said);
}

/* Some finish with `stop` although calls were made; agents wait for the other word. */
static enum finish finish_repaired(const struct chat_answer *a)
{
    bool may = a->finish == FINISH_NONE || a->finish == FINISH_STOP || a->finish == FINISH_OTHER;

    for (const struct part *p = a->part; p && may; p = p->next)
        if (p->kind == PART_CALL)
            return FINISH_TOOLS;
    return a->finish;
}

int openai_answer_read(struct chat_answer *a, enum wire_op op, struct str body, struct err *e)
{
    struct arena *arena = a->arena;
    struct openai_said said;
    (void)op;

    *a = (struct chat_answer){.arena = arena, .usage = {.cost_nusd = -1}};
    if (str_starts(body, STR("\xef\xbb\xbf"))) /* as in answer.c */
        body = str_skip(body, 3);
    int rc = openai_said_read(&said, body, e);
    if (rc)
        return rc;
    a->has_error = said.failed;
    a->created_s = said.created_s;
    a->choice_count = said.choice_count;
    a->finish = said.finish;
    a->usage = said.usage;
    a->has_usage = said.has_usage;
    if (!plain(a, said.id, &a->id) || !plain(a, said.model, &a->model) || !plain(a, said.stop, &a->stop) ||
        parts_add(a, &said))
        return err_set(e, ERR_NOMEM, "out of memory while reading the answer");
    a->finish = finish_repaired(a);
    return 0;
}

/* --- written ------------------------------------------------------------------------------------------------------- */

const char *openai_finish_word(enum finish f)
{
    switch (f) {
    case FINISH_LENGTH:
    case FINISH_INTERRUPTED: return "length"; /* no word of its own that clients know; it is not whole */
    case FINISH_TOOLS: return "tool_calls";
    case FINISH_FILTER: return "content_filter";
    case FINISH_NONE:
    case FINISH_STOP:
    case FINISH_OTHER: return "stop";
    }
    return "stop";
}

static void count(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_i64(w, n);
}

void openai_usage_write(struct json_writer *w, const struct usage *u)
{
    json_object_begin(w);
    count(w, "prompt_tokens", u->input);
    count(w, "completion_tokens", u->output);
    count(w, "total_tokens", u->input + u->output);
    json_key(w, "prompt_tokens_details");
    json_object_begin(w);
    count(w, "cached_tokens", u->cached);
    if (u->cache_write)
        count(w, "cache_write_tokens", u->cache_write);
    json_object_end(w);
    json_key(w, "completion_tokens_details");
    json_object_begin(w);
    count(w, "reasoning_tokens", u->reasoning);
    json_object_end(w);
    json_object_end(w);
}

static void pair(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    json_str(w, text);
}

void openai_seal_write(struct json_writer *w, struct str signature)
{
    json_object_begin(w);
    pair(w, "type", STR("reasoning.text"));
    pair(w, "signature", signature);
    pair(w, "format", STR("anthropic-claude-v1"));
    count(w, "index", 0);
    json_object_end(w);
}

void openai_hidden_write(struct json_writer *w, struct str data, struct str id)
{
    json_object_begin(w);
    pair(w, "type", STR("reasoning.encrypted"));
    pair(w, "data", data);
    if (id.len)
        pair(w, "id", id);
    pair(w, "format", id.len ? STR("hearth-responses-v1") : STR("anthropic-claude-v1"));
    count(w, "index", 0);
    json_object_end(w);
}

/* All parts of one kind as one string, or null. */
static int joined(struct json_writer *w, const struct chat_answer *a, const char *key, enum part_kind kind, bool or_null)
{
    size_t parts = 0;

    for (const struct part *p = a->part; p; p = p->next)
        parts += p->kind == kind;
    if (parts == 0 && !or_null)
        return 0;
    json_key(w, key);
    if (parts == 0) {
        json_null(w);
        return 0;
    }
    struct str *piece = arena_new_array(a->arena, struct str, parts);
    if (!piece)
        return ERR_NOMEM;
    parts = 0;
    for (const struct part *p = a->part; p; p = p->next)
        if (p->kind == kind)
            piece[parts++] = p->text;
    json_str_pieces(w, piece, parts);
    return 0;
}

/* What seals the thinking, so that a client that sends reasoning_details back can go on thinking at the same vendor. */
static void details_write(struct json_writer *w, const struct chat_answer *a)
{
    bool any = false;

    for (const struct part *p = a->part; p; p = p->next) {
        bool sealed = p->kind == PART_REASONING && p->signature.len;
        if (!sealed && p->kind != PART_HIDDEN)
            continue;
        if (!any) {
            json_key(w, "reasoning_details");
            json_array_begin(w);
        }
        any = true;
        if (sealed)
            openai_seal_write(w, p->signature);
        else
            openai_hidden_write(w, p->text, p->id);
    }
    if (any)
        json_array_end(w);
}

static void tool_call_write(struct json_writer *w, const struct part *p)
{
    const char *type = p->custom ? "custom" : "function";

    json_object_begin(w);
    pair(w, "id", p->id);
    pair(w, "type", str_from(type));
    json_key(w, type);
    json_object_begin(w);
    pair(w, "name", p->name);
    pair(w, p->custom ? "input" : "arguments", p->arguments.len || p->custom ? p->arguments : STR("{}"));
    json_object_end(w);
    json_object_end(w);
}

static void calls_write(struct json_writer *w, const struct chat_answer *a)
{
    bool any = false;

    for (const struct part *p = a->part; p; p = p->next) {
        if (p->kind != PART_CALL)
            continue;
        if (!any) {
            json_key(w, "tool_calls");
            json_array_begin(w);
        }
        any = true;
        tool_call_write(w, p);
    }
    if (any)
        json_array_end(w);
}

static bool has_kind(const struct chat_answer *a, enum part_kind kind)
{
    for (const struct part *p = a->part; p; p = p->next)
        if (p->kind == kind)
            return true;
    return false;
}

static int message_write(struct json_writer *w, const struct chat_answer *a)
{
    json_object_begin(w);
    pair(w, "role", STR("assistant"));
    bool silent = !has_kind(a, PART_TEXT) && !has_kind(a, PART_CALL) && !has_kind(a, PART_REFUSAL);
    int rc = 0;
    if (silent)
        pair(w, "content", STR(""));
    else
        rc = joined(w, a, "content", PART_TEXT, true);
    if (rc == 0)
        rc = joined(w, a, "refusal", PART_REFUSAL, true);
    if (rc == 0)
        rc = joined(w, a, "reasoning_content", PART_REASONING, false);
    details_write(w, a);
    calls_write(w, a);
    json_object_end(w);
    return rc;
}

int openai_answer_write(const struct chat_answer *a, enum wire_op op, struct lost *lost, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    (void)op;

    for (const struct part *p = a->part; p; p = p->next)
        if (p->kind == PART_OPAQUE)
            lost_add(lost, p->name);
    json_object_begin(&w);
    pair(&w, "id", a->id);
    pair(&w, "object", STR("chat.completion"));
    count(&w, "created", a->created_s);
    pair(&w, "model", a->model);
    json_key(&w, "choices");
    json_array_begin(&w);
    json_object_begin(&w);
    count(&w, "index", 0);
    json_key(&w, "message");
    int rc = message_write(&w, a);
    json_key(&w, "logprobs");
    json_null(&w);
    pair(&w, "finish_reason", str_from(openai_finish_word(finish_repaired(a))));
    json_object_end(&w);
    json_array_end(&w);
    if (a->has_usage) {
        json_key(&w, "usage");
        openai_usage_write(&w, &a->usage);
    }
    json_object_end(&w);
    return rc ? rc : json_done(&w);
}
