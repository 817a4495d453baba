/* plan_windows.c: whose windows a plan has, and of which models: credentials, known by a keyed hash, and the windows of each. */
#include "base/mem.h"
#include "ledger/plan_priv.h"
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* --- names -------------------------------------------------------------------------------------------------------------- */

/* The first part of the name that is a word and not the maker's. */
void plan_family(struct str model, char out[PLAN_FAMILY_BYTES])
{
    static const struct str makers[] = {STR("claude"), STR("anthropic")};
    size_t slash = 0;
    for (size_t i = 0; i < model.len; i++)
        if (model.ptr[i] == '/')
            slash = i + 1;
    struct str rest = str_skip(model, slash);
    size_t i = 0;
    out[0] = '\0';
    while (i < rest.len) {
        size_t from = i;
        bool word = true;
        for (; i < rest.len && !strchr("-._:@ ", rest.ptr[i]); i++)
            word = word && (rest.ptr[i] | 0x20) >= 'a' && (rest.ptr[i] | 0x20) <= 'z';
        struct str part = str_slice(rest, from, i++);
        bool maker = false;
        for (size_t k = 0; k < COUNT_OF(makers); k++)
            maker = maker || str_eq_fold(part, makers[k]);
        if (!word || maker || part.len == 0 || part.len >= PLAN_FAMILY_BYTES)
            continue;
        for (size_t k = 0; k < part.len; k++)
            out[k] = (char)(part.ptr[k] | 0x20);
        out[part.len] = '\0';
        return;
    }
}

/* "7d_opus" -> "opus"; empty for a window of all models. */
struct str plan_window_class(struct str window)
{
    ptrdiff_t at = str_find_char(window, '_');
    return at < 0 ? STR_NONE : str_skip(window, (size_t)at + 1);
}

static bool list_has(struct str list, struct str word)
{
    struct str one;
    while (str_cut(&list, ',', &one))
        if (str_eq(one, word))
            return true;
    return false;
}

/* A class that is a family's name is of that family; any other is of those whose answers have told of it. */
bool plan_span_covers(const struct plan_span *s, const char *family)
{
    static const struct str names[] = {STR("opus"), STR("sonnet"), STR("haiku"), STR("fable")};
    struct str class = plan_window_class(str_from(s->name));
    if (!class.len)
        return true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_eq(class, names[i]))
            return str_eq(class, str_from(family));
    return family[0] && list_has(str_from(s->families), str_from(family));
}

static void add_family(struct plan_span *s, const char *family)
{
    size_t len = strlen(s->families), more = strlen(family);
    if (!plan_window_class(str_from(s->name)).len || !more || list_has(str_from(s->families), str_from(family)) ||
        len + more + 2 > sizeof s->families)
        return;
    text_format(s->families + len, sizeof s->families - len, "%s%s", len ? "," : "", family);
}

/* --- credentials -------------------------------------------------------------------------------------------------------- */

uint64_t plan_holder(const struct plan *p, struct str credential)
{
    uint8_t digest[EVP_MAX_MD_SIZE] = {0};
    unsigned bytes = 0;
    uint64_t id;
    (void)HMAC(EVP_sha256(), p->secret, sizeof p->secret, (const unsigned char *)(credential.len ? credential.ptr : ""),
               credential.len, digest, &bytes);
    assert(bytes >= sizeof id); /* it only fails without memory at the library's own start */
    memcpy(&id, digest, sizeof id);
    return id ? id : 1;
}

struct plan_holder_state *plan_holder_find(const struct plan *p, uint64_t id)
{
    for (int i = 0; i < p->holder_count; i++)
        if (p->holder[i]->id == id)
            return p->holder[i];
    return NULL;
}

/* Which one to forget: that was used longest ago, of those that rest for nothing if there is such a one. */
static int oldest_holder(const struct plan *p)
{
    int found = 0;
    for (int i = 1; i < p->holder_count; i++) {
        const struct plan_holder_state *h = p->holder[i], *best = p->holder[found];
        bool freer = !h->block_count && best->block_count, less_free = h->block_count && !best->block_count;
        if (freer || (!less_free && h->used_last_ms < best->used_last_ms))
            found = i;
    }
    return found;
}

/* NULL without memory: then nothing is known, and nothing stands in the way. */
struct plan_holder_state *plan_holder_take(struct plan *p, uint64_t id)
{
    struct plan_holder_state *h = plan_holder_find(p, id);
    if (h)
        return h;
    if (p->holder_count == HOLDERS_MAX) {
        h = p->holder[oldest_holder(p)];
    } else {
        if (!(h = new0(struct plan_holder_state)))
            return NULL;
        p->holder[p->holder_count++] = h;
    }
    *h = (struct plan_holder_state){.id = id, .turn = 1};
    return h;
}

/* --- windows ------------------------------------------------------------------------------------------------------------ */

struct plan_span *plan_span_find(struct plan_holder_state *h, struct str name)
{
    for (int i = 0; i < h->span_count; i++)
        if (str_eq(str_from(h->span[i].name), name))
            return &h->span[i];
    return NULL;
}

/* The one that the provider told longest ago, and not just now: it names its windows anew once in a while. NULL: there is none. */
static struct plan_span *oldest_span(struct plan_holder_state *h, struct plan_now now)
{
    struct plan_span *found = NULL;
    for (int i = 0; i < h->span_count; i++) {
        struct plan_span *s = &h->span[i];
        if (s->seen_ms && s->seen_ms != now.wall_ms && (!found || s->seen_ms < found->seen_ms))
            found = s;
    }
    return found;
}

struct plan_span *plan_span_take(struct plan_holder_state *h, struct str name, int64_t span_ms, struct plan_now now)
{
    struct plan_span *s = plan_span_find(h, name);
    if (s)
        return s;
    s = h->span_count < PLAN_WINDOWS_MAX ? &h->span[h->span_count++] : oldest_span(h, now);
    if (!s)
        return NULL;
    *s = (struct plan_span){.used_ppm = -1, .anchor_ppm = -1, .span_ms = span_ms};
    text_format(s->name, sizeof s->name, "%.*s", STR_FMT(str_slice(name, 0, sizeof s->name - 1)));
    return s;
}

static void span_name(char out[PLAN_NAME_BYTES], int64_t ms)
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}};
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (ms % units[i].ms == 0 || i + 1 == COUNT_OF(units)) {
            text_format(out, PLAN_NAME_BYTES, "%lld%c", (long long)(ms / units[i].ms), units[i].unit);
            return;
        }
}

/* The windows that the config names are counted before the provider has said a word. */
void plan_spans_configured(const struct plan *p, struct plan_holder_state *h, struct plan_now now)
{
    for (int i = 0; i < p->terms.window_count; i++) {
        char name[PLAN_NAME_BYTES];
        span_name(name, p->terms.window_ms[i]);
        struct plan_span *s = plan_span_take(h, str_from(name), p->terms.window_ms[i], now);
        if (s && !s->seen_ms)
            s->sliding = p->terms.sliding;
    }
}

void plan_spans_roll(struct plan_holder_state *h, struct plan_now now)
{
    for (int i = 0; i < h->span_count; i++)
        plan_span_roll(&h->span[i], now);
}

void plan_spans_told(struct plan_holder_state *h, const struct plan_signal *s, const char *family, struct plan_now now)
{
    for (int i = 0; i < s->window_count; i++) {
        const struct plan_window_signal *w = &s->window[i];
        struct plan_span *span = plan_span_take(h, str_from(w->name), w->span_ms, now);
        if (!span)
            continue;
        enum plan_status before = span->status;
        plan_span_told(span, w, s->date_ms, now);
        add_family(span, family);
        h->urgent = h->urgent || span->status != before;
    }
    h->changed = h->changed || s->window_count;
    h->speaks = h->speaks || s->unified;
}
