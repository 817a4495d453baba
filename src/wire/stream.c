/* stream.c: the halves of a stream's translation that no dialect owns: the table of tool calls of a reader, and the order in
 * which a writer says things.
 *
 *   deltas, as they come             blocks, one after the other
 *   TEXT a, CALL 0, ARGS 0,    -->   open text, piece, close, open call 0, piece, close, open call 1, ...
 *   CALL 1, ARGS 1, ARGS 0
 *
 * What a call says while another block is still under way waits in its own buffer, and so does whatever else comes in the middle of a call:
 * words, thinking, seals. A call under way makes room for them and for the next one as soon as its arguments are a complete JSON value; one
 * that never is, at the end. */
#include "wire/codec.h"
#include "base/mem.h"
#include <assert.h>

enum {
    CALL_WAITING_MAX = 8 * 1024 * 1024, /* arguments of one call */
    KEPT_MAX = 16 * 1024 * 1024,        /* text of one block, or the items of a whole answer */
};

/* --- reading ------------------------------------------------------------------------------------------------------------------ */

void stream_reader_init(struct stream_reader *r, const struct codec *codec, enum wire_op op, struct arena *arena, delta_fn *emit,
                        void *ctx)
{
    *r = (struct stream_reader){.codec = codec, .op = op, .arena = arena, .emit = emit, .ctx = ctx, .block = -1,
                                .usage = {.cost_nusd = -1}};
}

static void calls_fini(struct stream_call *call, int count)
{
    for (int i = 0; call && i < count; i++)
        buf_fini(&call[i].waiting);
}

void stream_reader_fini(struct stream_reader *r)
{
    calls_fini(r->call, r->call_count);
    r->call_count = 0;
}

struct stream_call *stream_call_of(struct stream_reader *r, int64_t key)
{
    for (int i = r->call_count - 1; i >= 0; i--) /* of several with one key, the last */
        if (r->call[i].key == key)
            return &r->call[i];
    return stream_call_new(r, key);
}

struct stream_call *stream_call_new(struct stream_reader *r, int64_t key)
{
    if (!r->call)
        r->call = arena_new_array(r->arena, struct stream_call, STREAM_CALLS_MAX);
    if (!r->call || r->call_count == STREAM_CALLS_MAX)
        return NULL;
    struct stream_call *c = &r->call[r->call_count++];
    *c = (struct stream_call){.key = key, .waiting = BUF_INIT(CALL_WAITING_MAX)};
    return c;
}

int stream_call_tell(struct stream_reader *r, struct stream_call *c)
{
    int index = (int)(c - r->call);
    if (c->told)
        return 0;
    if (c->id.len == 0) {
        const char *made = arena_format(r->arena, "call_%08x%04d", (unsigned)str_hash(r->id), index);
        if (!made)
            return ERR_NOMEM;
        c->id = str_from(made);
    }
    c->told = true;
    int rc = r->emit(&(struct delta){.kind = DELTA_CALL, .call = index, .id = c->id, .name = c->name, .custom = c->custom,
                                     .extra = c->extra}, r->ctx);
    if (rc == 0 && c->waiting.len)
        rc = r->emit(&(struct delta){.kind = DELTA_ARGUMENTS, .call = index, .text = buf_str(&c->waiting)}, r->ctx);
    buf_fini(&c->waiting);
    return rc;
}

/* --- writing -------------------------------------------------------------------------------------------------------------------- */

void stream_writer_init(struct stream_writer *w, const struct codec *codec, enum wire_op op, struct arena *arena)
{
    *w = (struct stream_writer){.codec = codec, .op = op, .arena = arena, .kept = BUF_INIT(KEPT_MAX), .items = BUF_INIT(KEPT_MAX),
                                .later = {BUF_INIT(KEPT_MAX), BUF_INIT(KEPT_MAX), BUF_INIT(KEPT_MAX)},
                                .usage = {.cost_nusd = -1}};
}

void stream_writer_fini(struct stream_writer *w)
{
    calls_fini(w->call, w->call ? STREAM_CALLS_MAX : 0);
    buf_fini(&w->kept);
    buf_fini(&w->items);
    for (size_t i = 0; i < COUNT_OF(w->later); i++)
        buf_fini(&w->later[i]);
}

static int begin(struct stream_writer *w, struct buf *out)
{
    if (w->begun)
        return 0;
    w->begun = true;
    return w->codec->write.begin(w, out);
}

static int say(struct stream_writer *w, struct str text, struct buf *out)
{
    w->block.pieces += (int64_t)text.len;
    return w->codec->write.piece(w, text, out);
}

/* A call that came as a function's, of a tool that takes free text: whole now. */
static int unwrap(struct stream_writer *w, struct buf *out)
{
    struct str input = tool_input_plain(buf_str(&w->kept), w->arena);
    if (w->kept.len && !input.ptr)
        return ERR_NOMEM;
    input = input.len ? arena_dup(w->arena, input) : STR_NONE; /* it may be in w->kept */
    buf_clear(&w->kept);
    if (!input.len)
        return 0;
    int rc = input.ptr ? buf_append(&w->kept, input) : ERR_NOMEM;
    return rc ? rc : say(w, input, out);
}

static int close_block(struct stream_writer *w, struct buf *out)
{
    if (!w->open)
        return 0;
    w->open = false;
    int rc = w->block.wrapped ? unwrap(w, out) : 0;
    if (rc == 0)
        rc = w->codec->write.close(w, out);
    buf_clear(&w->kept);
    return rc;
}

static int open_block(struct stream_writer *w, struct stream_block block, struct buf *out)
{
    int rc = begin(w, out);
    if (rc == 0)
        rc = close_block(w, out);
    if (rc)
        return rc;
    block.index = w->block_count++;
    w->block = block;
    w->open = true;
    return w->codec->write.open(w, out);
}

static int piece(struct stream_writer *w, struct str text, struct buf *out)
{
    if (text.len == 0)
        return 0;
    int rc = w->codec->write.keeps_text || w->block.kind == PART_CALL ? buf_append(&w->kept, text) : 0;
    return rc || w->block.wrapped ? rc : say(w, text, out);
}

/* --- calls, one after the other --- */

static bool call_is_open(const struct stream_writer *w, int call)
{
    return w->open && w->block.kind == PART_CALL && w->block.call == call;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void value_byte(struct stream_value *v, char c)
{
    if (v->in_string) {
        v->in_string = v->escaped || c != '"';
        v->escaped = !v->escaped && c == '\\';
    } else if (v->over) {
        v->broken |= !is_blank(c);
    } else if (c == '"') {
        v->in_string = true;
    } else {
        v->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    }
    v->over |= v->depth <= 0 && !v->in_string;
}

/* The grammar is checked once, when all brackets are closed: asking at each piece would read a long value as often as it has
 * pieces. What has no brackets or quotes ends nowhere by itself; it is short, or waits for the end. */
static bool value_is_whole(struct stream_value *v, struct str text)
{
    enum { WORD_BYTES_MAX = 64 };
    size_t blanks = 0;
    while (v->seen == 0 && blanks < text.len && is_blank(text.ptr[blanks]))
        blanks++;
    if (v->seen == 0 && (blanks == text.len || !strchr("{[\"", text.ptr[blanks])))
        return text.len <= WORD_BYTES_MAX && json_check(text, NULL) == 0;
    for (v->seen += blanks; v->seen < text.len && !v->broken; v->seen++)
        value_byte(v, text.ptr[v->seen]);
    if (v->over && !v->broken && !v->checked) {
        v->checked = json_check(text, NULL) == 0;
        v->broken = !v->checked;
    }
    return v->checked && !v->broken;
}

/* Nothing more can come for the open block: it is no call, or a call whose arguments are complete. */
static bool may_close(struct stream_writer *w)
{
    if (!w->open || w->block.kind != PART_CALL)
        return true;
    bool ends = !w->block.custom || w->block.wrapped; /* free text has no end of its own */
    return ends && value_is_whole(&w->block.value, buf_str(&w->kept));
}

static int open_call(struct stream_writer *w, int call, struct buf *out)
{
    struct stream_call *c = &w->call[call];
    struct stream_block block = {.kind = PART_CALL, .call = call, .id = c->id, .name = c->name};
    block.wrapped = !c->custom && tool_is_custom(w->asked, c->name);
    block.custom = c->custom || block.wrapped;
    int rc = open_block(w, block, out);
    c->told = true;
    if (rc == 0)
        rc = piece(w, buf_str(&c->waiting), out);
    buf_fini(&c->waiting);
    return rc;
}

/* The next call that waits, or all of them; they are told in their order. */
static int open_waiting(struct stream_writer *w, bool all, struct buf *out)
{
    int rc = 0;
    for (int i = 0; i < w->call_count && rc == 0; i++) {
        if (w->call[i].told || !w->call[i].id.ptr)
            continue;
        if (!all && !may_close(w))
            return 0;
        rc = open_call(w, i, out);
    }
    return rc;
}

static int call_begins(struct stream_writer *w, const struct delta *d, struct buf *out)
{
    if (!w->call)
        w->call = arena_new_array(w->arena, struct stream_call, STREAM_CALLS_MAX);
    if (!w->call)
        return ERR_NOMEM;
    if (d->call < 0 || d->call >= STREAM_CALLS_MAX)
        return ERR_LIMIT;
    if (d->call >= w->call_count) /* one that came before may not have told its name yet */
        w->call_count = d->call + 1;
    struct stream_call *c = &w->call[d->call];
    struct str name = d->name;
    if (!tool_name_plain(w->asked, w->names, &name, w->arena))
        return ERR_NOMEM;
    *c = (struct stream_call){.key = d->call, .id = arena_dup(w->arena, d->id), .name = arena_dup(w->arena, name),
                              .custom = d->custom, .waiting = BUF_INIT(CALL_WAITING_MAX)};
    if (!c->id.ptr || !c->name.ptr)
        return ERR_NOMEM;
    return open_waiting(w, false, out);
}

static const enum part_kind words[] = {PART_REASONING, PART_TEXT, PART_REFUSAL};

static int hidden_say(struct stream_writer *w, struct str id, struct str text, struct buf *out)
{
    int rc = open_block(w, (struct stream_block){.kind = PART_HIDDEN, .id = id}, out);
    if (rc == 0)
        rc = piece(w, text, out);
    return rc ? rc : close_block(w, out);
}

static bool waits(const struct stream_writer *w)
{
    return w->later[0].len || w->later[1].len || w->later[2].len || w->later_seal.len || w->later_hidden;
}

/* What was said in the middle of a call, now that it is over. */
static int say_later(struct stream_writer *w, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < COUNT_OF(words) && rc == 0; i++) {
        struct str seal = i == 0 ? w->later_seal : STR_NONE;
        if (w->later[i].len == 0 && seal.len == 0)
            continue;
        rc = open_block(w, (struct stream_block){.kind = words[i], .signature = seal}, out);
        if (rc == 0)
            rc = piece(w, buf_str(&w->later[i]), out);
        buf_clear(&w->later[i]);
    }
    w->later_seal = STR_NONE;
    for (; w->later_hidden && rc == 0; w->later_hidden = w->later_hidden->next)
        rc = hidden_say(w, w->later_hidden->id, w->later_hidden->text, out);
    w->later_hidden_count = 0;
    return rc;
}

static int call_goes_on(struct stream_writer *w, const struct delta *d, struct buf *out)
{
    assert(d->call >= 0 && d->call < w->call_count);
    if (call_is_open(w, d->call)) {
        int rc = piece(w, d->text, out);
        if (rc == 0 && waits(w) && may_close(w))
            rc = say_later(w, out);
        return rc ? rc : open_waiting(w, false, out);
    }
    if (w->call[d->call].told)
        return 0; /* it was complete, and is over: what comes behind a whole value is no argument */
    return buf_append(&w->call[d->call].waiting, d->text);
}

/* --- the rest --- */

static int text(struct stream_writer *w, enum part_kind kind, struct str bytes, struct buf *out)
{
    int rc = 0;
    w->refused |= kind == PART_REFUSAL;
    if (!may_close(w))
        return buf_append(&w->later[kind == PART_REASONING ? 0 : kind == PART_TEXT ? 1 : 2], bytes);
    if (!w->open || w->block.kind != kind)
        rc = open_block(w, (struct stream_block){.kind = kind}, out);
    return rc ? rc : piece(w, bytes, out);
}

/* Of thinking that waits, too: one seal after the other cannot be told apart there, and the last one holds. */
static int signature(struct stream_writer *w, struct str seal, struct buf *out)
{
    int rc = 0;
    if (!may_close(w)) {
        w->later_seal = arena_dup(w->arena, seal);
        return w->later_seal.ptr ? 0 : ERR_NOMEM;
    }
    if (!w->open || w->block.kind != PART_REASONING) /* thinking that is not shown has a seal all the same */
        rc = open_block(w, (struct stream_block){.kind = PART_REASONING}, out);
    if (rc)
        return rc;
    w->block.signature = arena_dup(w->arena, seal);
    return w->block.signature.ptr ? close_block(w, out) : ERR_NOMEM;
}

static int hidden_later(struct stream_writer *w, struct str id, struct str text)
{
    struct stream_hidden *h = arena_new(w->arena, struct stream_hidden), **end = &w->later_hidden;
    struct str own = text.len ? arena_dup(w->arena, text) : STR("");
    if (!h || !own.ptr)
        return ERR_NOMEM;
    *h = (struct stream_hidden){.id = id, .text = own};
    while (*end) /* nearly always there is none, and more than one only where the upstream makes a mess */
        end = &(*end)->next;
    *end = h;
    return ++w->later_hidden_count > STREAM_CALLS_MAX ? ERR_LIMIT : 0;
}

static int hidden(struct stream_writer *w, const struct delta *d, struct buf *out)
{
    struct str id = d->id.len ? arena_dup(w->arena, d->id) : STR_NONE;
    if (d->id.len && !id.ptr)
        return ERR_NOMEM;
    return may_close(w) ? hidden_say(w, id, d->text, out) : hidden_later(w, id, d->text);
}

static int finish(struct stream_writer *w, const struct delta *d)
{
    w->finish = d->finish;
    w->stop = d->text.len ? arena_dup(w->arena, d->text) : STR_NONE;
    return d->text.len && !w->stop.ptr ? ERR_NOMEM : 0;
}

int stream_write(struct stream_writer *w, const struct delta *d, struct buf *out)
{
    switch (d->kind) {
    case DELTA_BEGIN: return begin(w, out);
    case DELTA_TEXT: return text(w, PART_TEXT, d->text, out);
    case DELTA_REFUSAL: return text(w, PART_REFUSAL, d->text, out);
    case DELTA_REASONING: return text(w, PART_REASONING, d->text, out);
    case DELTA_SIGNATURE: return signature(w, d->text, out);
    case DELTA_HIDDEN: return hidden(w, d, out);
    case DELTA_CALL: return call_begins(w, d, out);
    case DELTA_ARGUMENTS: return call_goes_on(w, d, out);
    case DELTA_FINISH: return finish(w, d);
    case DELTA_USAGE:
        w->usage = d->usage;
        w->has_usage = true;
        return 0;
    case DELTA_ALIVE: return w->codec->keep_alive.len ? buf_append(out, w->codec->keep_alive) : 0;
    case DELTA_DETAIL:
    case DELTA_FAILED:
    case DELTA_END: return 0;
    }
    return 0;
}

/* Calls were made: every dialect has a word for that, and agents wait for it; an answer that was cut stays cut. */
static void repair_finish(struct stream_writer *w)
{
    bool plain = w->finish == FINISH_NONE || w->finish == FINISH_STOP || w->finish == FINISH_OTHER;
    if (w->call_count && plain)
        w->finish = FINISH_TOOLS;
    else if (w->finish == FINISH_NONE)
        w->finish = FINISH_STOP;
}

int stream_write_end(struct stream_writer *w, struct buf *out)
{
    int rc = begin(w, out);
    if (rc == 0)
        rc = say_later(w, out);
    if (rc == 0)
        rc = open_waiting(w, true, out);
    if (rc == 0)
        rc = close_block(w, out);
    repair_finish(w);
    w->ended = true;
    return rc ? rc : w->codec->write.end(w, out);
}

int stream_write_error(struct stream_writer *w, const struct wire_error *e, struct buf *out)
{
    w->ended = true;
    return w->codec->write.error(w, e, out);
}
