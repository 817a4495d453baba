/* affinity.c: where conversations are: at whose place the prefix of each is cached, how much of it, and for how long.
 *
 * A conversation is known by a keyed hash of what it begins with (job, system text, first message of the user, tools), made
 * under a secret of this process: 64 bits that lead back to nothing. The table is one for all loops and outlives a reload,
 * like the states of the places it points at (states.c); it is bounded, and what was used longest ago makes way. Whoever
 * is wrong about a prefix has only asked another member of a group first, so nothing here needs to be exact: of long texts
 * the two ends and the length are hashed, and two conversations that share all that share their place.
 *
 * Two places are kept: a call that was answered elsewhere for once leaves the cache of the one before as it was. Who comes
 * first is balance.c's and stay.c's business, by docs/decisions/0011 and 0012. */
#include "base/mem.h"
#include "mesh/mesh_priv.h"

enum {
    BUCKETS = 1024,  /* of four: 4,096 conversations, more than people and their programs hold at once */
    IN_BUCKET = 4,
    END_BYTES = 2048, /* of each end of a text that are hashed; between them the length must do */
    PARTS_MAX = 64,   /* of leading messages; more than any client begins with */
    PREFIX_KEEP_S = 300, /* where the vendor's row does not say: what Anthropic promises, and others keep at the least */
};

struct entry {
    uint64_t key; /* 0: free */
    struct conversation known;
};
struct bucket {
    atomic_flag lock; /* guards the entries; held for a few instructions */
    struct entry entry[IN_BUCKET];
};
struct affinity {
    atomic_int refs;
    uint64_t secret[2];
    struct bucket bucket[BUCKETS];
};

struct affinity *affinity_new(void)
{
    struct affinity *t = new0(struct affinity);
    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    if (random_secret(t->secret, sizeof t->secret) < 0) {
        mem_free(t);
        return NULL;
    }
    return t;
}

struct affinity *affinity_ref(struct affinity *t)
{
    atomic_fetch_add(&t->refs, 1);
    return t;
}

void affinity_unref(struct affinity *t)
{
    if (t && atomic_fetch_sub(&t->refs, 1) == 1)
        mem_free(t);
}

/* --- the hash: SipHash-1-3 (Aumasson, Bernstein) over a stream of 64-bit words ------------------------------------------------ */

struct hash {
    uint64_t v[4];
};

static uint64_t rotate(uint64_t n, int by)
{
    return n << by | n >> (64 - by);
}

static void round_once(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void hash_word(struct hash *h, uint64_t word)
{
    h->v[3] ^= word;
    round_once(h->v);
    h->v[0] ^= word;
}

static struct hash hash_begin(const uint64_t secret[2])
{
    return (struct hash){{secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du, secret[0] ^ 0x6c7967656e657261u,
                          secret[1] ^ 0x7465646279746573u}};
}

static uint64_t hash_end(struct hash *h)
{
    h->v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        round_once(h->v);
    uint64_t n = h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
    return n ? n : 1;
}

static void hash_bytes(struct hash *h, struct str s)
{
    while (s.len) {
        uint64_t word = 0;
        size_t n = s.len < sizeof word ? s.len : sizeof word;
        memcpy(&word, s.ptr, n);
        hash_word(h, word);
        s = str_skip(s, n);
    }
}

/* Its length goes first, so that texts one behind the other cannot be taken for others. */
static void hash_text(struct hash *h, struct str s)
{
    hash_word(h, s.len);
    if (s.len <= 2 * END_BYTES) {
        hash_bytes(h, s);
        return;
    }
    hash_bytes(h, str_slice(s, 0, END_BYTES));
    hash_bytes(h, str_skip(s, s.len - END_BYTES));
}

/* --- what a conversation begins with -------------------------------------------------------------------------------------------- */

/* Claude Code's line about itself is another one with every request of older versions; vendors take it out before they cache. */
static bool is_attribution(const struct part *p)
{
    return p->kind == PART_TEXT && str_starts(p->text, STR("x-anthropic-billing-header:"));
}

static void hash_message(struct hash *h, const struct message *m)
{
    int count = 0;
    hash_word(h, m->role);
    for (const struct part *p = m->part; p && count < PARTS_MAX; p = p->next, count++) {
        if (is_attribution(p))
            continue;
        hash_word(h, p->kind);
        hash_text(h, p->text); /* marks of caches wander from turn to turn: they are no part of it */
        hash_text(h, p->data);
    }
}

static bool hash_chat(struct hash *h, const struct chat *chat)
{
    const struct message *m = chat->message;
    for (int count = 0; m && m->role != ROLE_USER && count < PARTS_MAX; m = m->next, count++)
        hash_message(h, m);
    if (!m || m->role != ROLE_USER)
        return false;
    hash_message(h, m);
    for (const struct tool *t = chat->tool; t; t = t->next)
        hash_text(h, t->name);
    return true;
}

static uint64_t key_of(const struct affinity *t, const struct mesh_call *c)
{
    struct hash h = hash_begin(t->secret);
    hash_text(&h, c->route.job ? c->route.job->name : c->route.target->name);
    if (c->chat ? !hash_chat(&h, c->chat) : !c->facts.lead.len)
        return 0;
    if (!c->chat) {
        hash_text(&h, c->facts.lead);
        hash_text(&h, c->facts.tools);
    }
    return hash_end(&h);
}

/* A client's own name for it goes before what it begins with; one that another key gives is another's. */
uint64_t affinity_name(const struct mesh_call *c)
{
    const struct affinity *t = c->ml->mesh->affinity;
    struct hash h = hash_begin(t->secret);
    if (!c->facts.hearth.conversation.len)
        return c->facts.op == WIRE_CHAT ? key_of(t, c) : 0;
    hash_text(&h, c->ask.key);
    hash_text(&h, c->facts.hearth.conversation);
    return hash_end(&h);
}

/* --- the table ---------------------------------------------------------------------------------------------------------------------- */

static struct bucket *enter(struct affinity *t, uint64_t key)
{
    struct bucket *b = &t->bucket[key % BUCKETS];
    while (atomic_flag_test_and_set_explicit(&b->lock, memory_order_acquire)) {
    }
    return b;
}

static void leave(struct bucket *b)
{
    atomic_flag_clear_explicit(&b->lock, memory_order_release);
}

bool affinity_find(struct affinity *t, uint64_t key, int64_t now_ms, struct conversation *out)
{
    bool found = false;
    struct bucket *b = enter(t, key);
    for (int i = 0; i < IN_BUCKET && !found; i++) {
        const struct entry *e = &b->entry[i];
        if (e->key != key || e->known.last.until_ms <= now_ms)
            continue;
        found = true;
        *out = e->known;
        if (out->before.until_ms <= now_ms)
            out->before = (struct seat){0};
    }
    leave(b);
    return found;
}

void affinity_put(struct affinity *t, uint64_t key, const struct conversation *c)
{
    struct bucket *b = enter(t, key);
    struct entry *at = &b->entry[0];
    for (int i = 0; i < IN_BUCKET && at->key != key; i++) /* its own, else the one that is forgotten first */
        if (b->entry[i].key == key || b->entry[i].known.last.until_ms < at->known.last.until_ms)
            at = &b->entry[i];
    *at = (struct entry){.key = key, .known = *c};
    leave(b);
}

/* --- a call of a conversation --------------------------------------------------------------------------------------------------------- */

static int64_t now_ms(const struct mesh_call *c)
{
    return clock_mono_us(c->ml->mesh->clock) / 1000;
}

static bool has_a_choice(const struct mesh_call *c)
{
    return c->chain_count > 1 || (c->chain_count == 1 && c->chain[0].count > 1);
}

static void find_holder(struct mesh_call *c, uint64_t place)
{
    for (int i = 0; i < c->chain_count; i++)
        for (int k = 0; k < c->chain[i].count; k++)
            if (c->chain[i].of[k].target->state->id == place) {
                c->talk.holder = c->chain[i].of[k].target;
                c->talk.step = i;
                return;
            }
}

void affinity_begin(struct mesh_call *c)
{
    struct affinity *t = c->ml->mesh->affinity;
    if (c->facts.op != WIRE_CHAT || !c->route.job || c->facts.tokens_estimated < PREFIX_TOKENS_MIN || !has_a_choice(c))
        return;
    c->talk.key = key_of(t, c);
    if (!c->talk.key || !affinity_find(t, c->talk.key, now_ms(c), &c->talk.known))
        return;
    if (c->talk.known.last.prefix >= PREFIX_TOKENS_MIN)
        find_holder(c, c->talk.known.last.place);
}

/* What is cached at that place, as was known when the call came; NULL: nothing. */
static const struct seat *seat_at(const struct mesh_call *c, uint64_t place)
{
    const struct conversation *k = &c->talk.known;
    const struct seat *s = k->last.place == place ? &k->last : &k->before;
    return s->place == place && s->prefix >= PREFIX_TOKENS_MIN ? s : NULL;
}

/* What of the conversation is cached there now. A vendor that caches what is marked tells how much; others cache all of it by
 * themselves, unless they told that nothing came from where it had to be. Hardware of one's own keeps it and does not tell. */
static int64_t prefix_after(const struct attempt *a)
{
    const struct usage *u = &a->usage;
    const struct vendor *v = a->target->up->vendor;
    bool back = a->call->talk.known.last.place == a->target->state->id || seat_at(a->call, a->target->state->id);
    if (v && v->prefix_marked && u->reported)
        return u->cached + u->cache_write;
    bool told_none = back && u->reported && u->cached == 0 && a->priced && a->price.cached != MODEL_UNKNOWN;
    return told_none && a->target->up->regime != REGIME_POWER ? 0 : u->input;
}

void affinity_done(const struct attempt *a)
{
    struct mesh_call *c = a->call;
    const struct vendor *v = a->target->up->vendor;
    const struct conversation *known = &c->talk.known;
    if (!c->talk.key)
        return;
    bool stayed = known->last.place == a->target->state->id;
    if (known->last.place && known->last.prefix >= PREFIX_TOKENS_MIN) {
        c->talk.ended = true;
        c->talk.stayed = stayed;
        count_conversation(c->ml, c->route.job, stayed);
    }
    int64_t keep_s = v && v->prefix_keep_s ? v->prefix_keep_s : PREFIX_KEEP_S;
    struct conversation now = {
        .last = {.place = a->target->state->id, .prefix = prefix_after(a), .until_ms = now_ms(c) + keep_s * 1000},
        .before = stayed ? known->before : known->last,
        .paid_nusd = stayed && c->talk.why == STAY_PREFIX ? c->talk.paid_nusd : 0,
    };
    affinity_put(c->ml->mesh->affinity, c->talk.key, &now);
}

int64_t affinity_cached(const struct mesh_call *c, const struct target *t)
{
    const struct seat *s = c->talk.key ? seat_at(c, t->state->id) : NULL;
    int64_t prefix = s ? s->prefix : 0;
    return prefix < c->facts.tokens_estimated ? prefix : c->facts.tokens_estimated;
}
