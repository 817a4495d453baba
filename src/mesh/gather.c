/* gather.c: the two ways between an attempt and what is kept of its upstream (keepsake.c): gathered from an answer while it passes,
 * and found again for a history whose client left it out.
 *
 * Only upstreams whose vendor has such a quirk have keepsakes, and only calls with tools are listened to. An answer that is
 * translated is heard delta by delta; one whose bytes pass is read beside, by a reader of its own. */
#include "base/mem.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"

enum {
    CALLS_MAX = 64,                           /* of one answer */
    TEXT_MAX = KEEPSAKE_ONE_MAX,              /* of its thinking and arguments together */
    GATHER_ARENA_MAX = 64 * 1024 * 1024,      /* a whole answer, read once more */
    ENOUGH_QUIRKS = QUIRK_THOUGHT_BACK | QUIRK_SIGNED_CALLS | QUIRK_DETAILS_BACK,
};

struct gathered {
    struct str id, extra, sealed_id, sealed; /* in the arena */
    bool custom;
    struct buf arguments;
};
struct gather {
    struct arena arena;
    struct stream_reader reader; /* of an answer whose bytes pass */
    struct buf thought;
    struct buf details;          /* reasoning_details: a list without its end; empty: none */
    bool wants_details;
    struct str sealed_id, sealed; /* for the next call */
    struct gathered call[CALLS_MAX];
    int count;
    size_t bytes; /* of thinking and arguments */
    bool lost; /* there is too much of it, or memory is out: nothing is kept */
};

/* --- what is asked for -------------------------------------------------------------------------------------------------------- */

static unsigned quirks_of(const struct attempt *a)
{
    const struct vendor *v = a->target->up->vendor;
    return v ? v->quirks : 0;
}

bool keepsakes_wanted(const struct upstream *u)
{
    return u->vendor && u->vendor->quirks & (ENOUGH_QUIRKS | QUIRK_SEALED_ITEMS);
}

/* Do calls of this kind need it, at that face? A client of Responses holds its items itself. */
static bool is_concerned(const struct attempt *a)
{
    unsigned quirk = a->face == DIALECT_OPENAI ? ENOUGH_QUIRKS : a->face == DIALECT_RESPONSES ? QUIRK_SEALED_ITEMS : 0;
    bool own = a->face == DIALECT_RESPONSES && a->call->ask.dialect == DIALECT_RESPONSES;
    return a->target->up->kept && quirks_of(a) & quirk && !own && a->call->facts.op == WIRE_CHAT;
}

/* --- gathered ------------------------------------------------------------------------------------------------------------------ */

static struct str take(struct gather *g, struct str text)
{
    struct str made = text.len ? arena_dup(&g->arena, text) : STR_NONE;
    g->lost |= text.len && !made.ptr;
    return made;
}

static void say(struct gather *g, struct buf *to, struct str text)
{
    g->bytes += text.len;
    g->lost |= g->bytes > TEXT_MAX || buf_append(to, text) < 0;
}

static void detail(struct gather *g, struct str whole)
{
    if (!g->wants_details)
        return;
    say(g, &g->details, g->details.len ? STR(",") : STR("["));
    say(g, &g->details, whole);
}

static void call_begins(struct gather *g, struct str id, bool custom, struct str extra)
{
    if (g->count == CALLS_MAX) {
        g->lost = true;
        return;
    }
    g->call[g->count++] = (struct gathered){.id = take(g, id), .extra = take(g, extra), .sealed_id = g->sealed_id, .sealed = g->sealed,
                                            .custom = custom, .arguments = BUF_INIT(TEXT_MAX)};
    g->sealed_id = g->sealed = STR_NONE;
}

static int on_delta(const struct delta *d, void *ctx)
{
    struct gather *g = ctx;
    switch (d->kind) {
    case DELTA_REASONING: say(g, &g->thought, d->text); break;
    case DELTA_DETAIL: detail(g, d->text); break;
    case DELTA_HIDDEN:
        g->sealed_id = take(g, d->id);
        g->sealed = d->id.len ? take(g, d->text) : STR_NONE;
        break;
    case DELTA_CALL: call_begins(g, d->id, d->custom, d->extra); break;
    case DELTA_ARGUMENTS:
        if (d->call < g->count)
            say(g, &g->call[d->call].arguments, d->text);
        break;
    default: break;
    }
    return 0;
}

int gather_begin(struct attempt *a)
{
    if (!is_concerned(a) || !(a->call->facts.needs & NEED_TOOLS))
        return 0;
    struct gather *g = a->gather = new0(struct gather);
    if (!g)
        return ERR_NOMEM;
    g->arena = ARENA_INIT(GATHER_ARENA_MAX);
    g->thought = BUF_INIT(TEXT_MAX);
    g->details = BUF_INIT(TEXT_MAX);
    stream_reader_init(&g->reader, &codec_openai, WIRE_CHAT, &g->arena, on_delta, g);
    g->wants_details = a->face == DIALECT_OPENAI && quirks_of(a) & QUIRK_DETAILS_BACK;
    g->reader.details = g->wants_details;
    if (a->translation)
        a->translation->reader.details = g->wants_details;
    return 0;
}

void gather_delta(struct attempt *a, const struct delta *d)
{
    if (a->gather && !a->gather->lost)
        (void)on_delta(d, a->gather);
}

void gather_event(struct attempt *a, struct str name, struct str data)
{
    struct gather *g = a->gather;
    if (g && !g->lost)
        g->lost |= g->reader.codec->event_read(&g->reader, name, data) < 0;
}

static void gather_parts(struct gather *g, const struct part *list)
{
    for (const struct part *p = list; p; p = p->next) {
        bool detailed = p->kind == PART_REASONING || p->kind == PART_HIDDEN || str_eq(p->name, STR("reasoning_details"));
        if (detailed && p->raw.len)
            detail(g, p->raw);
        if (p->kind == PART_REASONING) {
            say(g, &g->thought, p->text);
        } else if (p->kind == PART_HIDDEN) {
            g->sealed_id = take(g, p->id);
            g->sealed = p->id.len ? take(g, p->text) : STR_NONE;
        } else if (p->kind == PART_CALL) {
            call_begins(g, p->id, p->custom, p->raw);
            if (!g->lost)
                say(g, &g->call[g->count - 1].arguments, p->arguments);
        }
    }
}

void gather_whole(struct attempt *a, const struct chat_answer *answer)
{
    struct gather *g = a->gather;
    struct chat_answer own = {.arena = g ? &g->arena : NULL};
    if (!g || g->lost)
        return;
    if (!answer && codec_openai.answer_read(&own, WIRE_CHAT, buf_str(&a->held), NULL) < 0)
        return; /* the relay judges it */
    gather_parts(g, answer ? answer->part : own.part);
}

size_t gather_held(const struct attempt *a)
{
    return a->gather ? a->gather->bytes : 0;
}

void gather_free(struct attempt *a)
{
    struct gather *g = a->gather;
    if (!g)
        return;
    stream_reader_fini(&g->reader);
    for (int i = 0; i < g->count; i++)
        buf_fini(&g->call[i].arguments);
    buf_fini(&g->thought);
    buf_fini(&g->details);
    arena_fini(&g->arena);
    mem_free(g);
    a->gather = NULL;
}

/* --- kept, and found ----------------------------------------------------------------------------------------------------------- */

/* Free text is told apart as the object in which functions get it, since some vendors know only those. */
static bool digest_of(const struct attempt *a, struct str id, struct str arguments, bool custom, struct arena *arena,
                      uint8_t out[KEEPSAKE_DIGEST_BYTES])
{
    const struct mesh_ask *ask = &a->call->ask;
    struct str object = custom ? tool_input_object(arguments, arena) : arguments;
    return (!custom || object.ptr) && keepsake_digest(out, ask->key, ask->credential, id, object);
}

void gather_keep(struct attempt *a)
{
    struct gather *g = a->gather;
    uint8_t digest[KEEPSAKE_DIGEST_BYTES];
    AUTO_BUF struct buf details = BUF_INIT(2 * TEXT_MAX);
    if (g && g->details.len) {
        say(g, &g->details, STR("]"));
        g->lost |= openai_details_join(buf_str(&g->details), &details) < 0;
    }
    for (int i = 0; g && !g->lost && i < g->count; i++) {
        const struct gathered *c = &g->call[i];
        struct keepsake what = {.thought = i == 0 ? buf_str(&g->thought) : STR_NONE, .extra = c->extra, .sealed_id = c->sealed_id,
                                .sealed = c->sealed, .details = i == 0 ? buf_str(&details) : STR_NONE};
        if (!what.thought.len && !what.extra.len && !what.sealed.len && !what.details.len)
            continue;
        if (digest_of(a, c->id, buf_str(&c->arguments), c->custom, &g->arena, digest))
            keepsakes_put(a->target->up->kept, digest, &what, loop_now_ms(a->call->ml->loop));
    }
    gather_free(a);
}

static bool find(void *ctx, const struct part *call, struct keepsake *out)
{
    const struct gather_recall *r = ctx;
    const struct attempt *a = r->attempt;
    uint8_t digest[KEEPSAKE_DIGEST_BYTES];
    return digest_of(a, call->id, call->arguments, call->custom, r->arena, digest) &&
           keepsakes_find(a->target->up->kept, digest, loop_now_ms(a->call->ml->loop), r->arena, out);
}

const struct recall *gather_recall(struct gather_recall *r, struct attempt *a, struct arena *arena)
{
    *r = (struct gather_recall){.attempt = a, .arena = arena, .recall = {find, r}};
    return is_concerned(a) ? &r->recall : NULL;
}

int gather_mend(struct attempt *a, struct json_edit *out)
{
    struct mesh_call *c = a->call;
    struct gather_recall r;
    const struct recall *recall = gather_recall(&r, a, &c->arena);
    *out = (struct json_edit){.offset = 0};
    if (!recall)
        return 0;
    if (quirks_of(a) & QUIRK_THOUGHT_BACK)
        return openai_mend(c->facts.body, MEND_THOUGHT, recall, &c->arena, out);
    if (quirks_of(a) & QUIRK_DETAILS_BACK)
        return openai_mend(c->facts.body, MEND_DETAILS, recall, &c->arena, out);
    struct chat_write w = {.model = a->target->model, .engine = a->target->up->config->engine, .vendor = a->target->up->vendor, .fact = a->target->fact};
    return openai_signs_calls(&w) ? openai_mend(c->facts.body, MEND_SIGNATURE, recall, &c->arena, out) : 0;
}
