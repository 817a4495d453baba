/* story.c: what is kept with a call so that `hearth explain` can tell why it went where it went.
 *
 * The attempts and their reasons are in the books anyway. Here is the rest: who was skipped and why, the dialects on both
 * sides, what a translation left out, what was hedged or probed, and the prices that were compared. It is written into the
 * record that closes the call, as JSON (docs/internals/call.md has its members), and only where there is something to tell:
 * most calls go to their first candidate, and cost nothing here. No text of an upstream is in it, for that may quote the
 * prompt: reasons are codes, and the only words are our own. */
#include "mesh/mesh_priv.h"
#include "base/json.h"

void story_add(struct mesh_call *c, const struct target *t, enum reason r, bool attempted, int status, int64_t wait_ms,
               struct str words)
{
    struct tried *entry = c->tried_count < TRIED_MAX ? arena_new(&c->arena, struct tried) : NULL;
    if (!entry)
        return; /* the story gets shorter, the call goes on */
    *entry = (struct tried){.target = t, .reason = r, .attempted = attempted, .http_status = status, .wait_ms = wait_ms, .after = c->attempts,
                            .words = words.len ? arena_dup(&c->arena, words) : STR_NONE};
    *c->tried_tail = entry;
    c->tried_tail = &entry->next;
    c->tried_count++;
}

void story_attempt(const struct attempt *a)
{
    struct mesh_call *c = a->call;
    const struct attempt *beside = hedge_other(a);
    bool probe = a->probe || a->ticket.probe;
    if (a->face == c->ask.dialect && !beside && !probe)
        return;
    struct attempt_note *n = arena_new(&c->arena, struct attempt_note);
    if (!n)
        return;
    *n = (struct attempt_note){.next = c->story.attempts, .number = a->number, .beside = beside ? beside->number : 0, .face = a->face, .probe = probe};
    c->story.attempts = n;
}

void story_price(struct mesh_call *c, const struct target *t, int64_t nusd, int64_t cached)
{
    struct price_note *n = c->story.prices;
    while (n && n->target != t)
        n = n->next;
    if (!n && (n = arena_new(&c->arena, struct price_note))) {
        n->next = c->story.prices;
        c->story.prices = n;
    }
    if (!n)
        return;
    n->target = t;
    n->nusd = nusd;
    n->cached = cached;
}

static bool has_skips(const struct mesh_call *c)
{
    const struct tried *t = c->tried;
    while (t && t->attempted)
        t = t->next;
    return t != NULL;
}

bool story_is_worth_it(const struct mesh_call *c)
{
    return c->story.attempts || c->story.prices || translate_lost(c)->count || c->talk.ended || has_skips(c);
}

/* As the config calls them. */
static const char *const dialect_words[DIALECT_COUNT] = {
    [DIALECT_OPENAI] = "openai", [DIALECT_RESPONSES] = "responses", [DIALECT_ANTHROPIC] = "anthropic", [DIALECT_OLLAMA] = "ollama",
    [DIALECT_ENGINE] = "engine"};

/* --- writing ------------------------------------------------------------------------------------------------------------- */

static void member_i64(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_i64(w, n);
}

static void write_skip(struct json_writer *w, const struct tried *t)
{
    json_object_begin(w);
    if (t->after)
        member_i64(w, "after", t->after);
    json_key(w, "target");
    json_str(w, t->target->name);
    json_key(w, "reason");
    json_text(w, reason_row(t->reason)->name);
    if (t->wait_ms >= 0)
        member_i64(w, "back_ms", t->wait_ms);
    if (t->words.len) { /* of a skip they are ours: a plan's window, a key's name */
        json_key(w, "note");
        json_str(w, str_slice(t->words, 0, 200));
    }
    json_object_end(w);
}

/* As many as there is room for; the rest is told as a number. */
static void write_skips(struct json_writer *w, const struct mesh_call *c)
{
    enum { ROOM = 12 * KiB }; /* for everything behind them */
    int64_t more = 0;
    json_key(w, "skips");
    json_array_begin(w);
    for (const struct tried *t = c->tried; t; t = t->next)
        if (!t->attempted && w->out->len + ROOM < STORY_BYTES_MAX)
            write_skip(w, t);
        else
            more += !t->attempted;
    json_array_end(w);
    if (more)
        member_i64(w, "more", more);
}

static void write_attempts(struct json_writer *w, const struct mesh_call *c)
{
    json_key(w, "attempts");
    json_array_begin(w);
    for (const struct attempt_note *n = c->story.attempts; n; n = n->next) {
        json_object_begin(w);
        member_i64(w, "n", n->number);
        if (n->face != c->ask.dialect) {
            json_key(w, "face");
            json_text(w, dialect_words[n->face]);
        }
        if (n->beside)
            member_i64(w, "beside", n->beside);
        if (n->probe) {
            json_key(w, "probe");
            json_bool(w, true);
        }
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_prices(struct json_writer *w, const struct mesh_call *c)
{
    enum { PRICES_MAX = 32 }; /* two groups of the largest */
    int count = 0;
    json_key(w, "prices");
    json_array_begin(w);
    for (const struct price_note *n = c->story.prices; n && count < PRICES_MAX; n = n->next, count++) {
        json_object_begin(w);
        json_key(w, "target");
        json_str(w, n->target->name);
        json_key(w, "nusd");
        if (n->nusd == INT64_MAX)
            json_null(w);
        else
            json_i64(w, n->nusd);
        if (n->cached)
            member_i64(w, "cached", n->cached);
        json_object_end(w);
    }
    json_array_end(w);
}

/* Names of members that are the client's own invention are its words, and those stay out of the books. */
static void write_lost(struct json_writer *w, const struct lost *lost)
{
    bool others = false;
    json_key(w, "lost");
    json_array_begin(w);
    for (int i = 0; i < lost->count; i++) {
        if (codec_knows(lost->name[i]))
            json_str(w, lost->name[i]);
        else
            others = true;
    }
    if (others)
        json_text(w, "others");
    json_array_end(w);
}

static void write_conversation(struct json_writer *w, const struct mesh_call *c)
{
    json_key(w, "conversation");
    json_object_begin(w);
    json_key(w, "at");
    json_str(w, c->talk.holder ? c->talk.holder->name : STR("-")); /* it is in no chain any more */
    member_i64(w, "prefix", c->talk.known.last.prefix);
    json_key(w, "stayed");
    json_bool(w, c->talk.stayed);
    if (c->talk.why != STAY_NONE && (c->talk.why == STAY_PREFIX) == c->talk.stayed) { /* else something came in between */
        json_key(w, "why");
        json_text(w, stay_name(c->talk.why));
    }
    json_object_end(w);
}

int story_write(const struct mesh_call *c, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "dialect");
    json_text(&w, dialect_words[c->ask.dialect]);
    if (has_skips(c))
        write_skips(&w, c);
    if (c->story.attempts)
        write_attempts(&w, c);
    if (c->story.prices)
        write_prices(&w, c);
    if (c->talk.ended)
        write_conversation(&w, c);
    if (translate_lost(c)->count)
        write_lost(&w, translate_lost(c));
    json_object_end(&w);
    return json_done(&w);
}
