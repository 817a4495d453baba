/* find.c: one call out of a reader, by its id: what `hearth explain` tells. A call that the journal tells of is complete in
 * the reader's book; any other is a row of the store. */
#include "ledger/ledger_priv.h"
#include <stdlib.h>

static int compare_id(const void *id, const void *call)
{
    return memcmp(id, (*(struct store_call *const *)call)->id, STORE_ID_BYTES);
}

/* NULL with rc 0: there is none. */
static const struct store_call *find(struct ledger_reader *r, const struct id *id, struct arena *a, int *rc, struct err *e)
{
    struct store_call *stored = NULL;
    struct store_call **booked = r->book.count ? bsearch(id->byte, r->call, r->book.count, sizeof(struct store_call *), compare_id) : NULL;
    if (booked)
        return *booked;
    *rc = r->db ? store_call_get(r->db, id->byte, a, &stored, e) : 0;
    return *rc == 0 ? stored : NULL;
}

static int64_t time_of(const struct id *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->byte[i];
    return ms;
}

/* Pruned calls are sums of their days now; else the id is of other books, or was never given. */
static int tell_missing(struct ledger_reader *r, const struct id *id, struct err *e)
{
    char text[ID_TEXT_BYTES];
    int64_t pruned = 0, until_ms = 0;
    id_to_text(id, text);
    int rc = ledger_pruned(r, &(struct usage_filter){0}, &pruned, &until_ms, e);
    if (rc < 0)
        return rc;
    if (time_of(id) < until_ms)
        return err_set(e, ERR_NOT_FOUND, "call %s is not in the books: of calls that old only the sums of their days are kept (`ledger: { keep: }`)", text);
    return err_set(e, ERR_NOT_FOUND, "call %s is not in these books; `hearth usage --calls` lists those that are", text);
}

static bool copy(struct arena *a, struct str *s)
{
    if (!s->len)
        return true;
    *s = arena_dup(a, *s);
    return s->ptr != NULL;
}

static bool copy_attempts(struct ledger_call *out, const struct store_call *c, struct arena *a)
{
    int count = 0;
    for (const struct store_attempt *at = c->attempts; at; at = at->next)
        count++;
    out->attempt = arena_new_array(a, struct usage_attempt, (size_t)(count ? count : 1));
    bool fine = out->attempt != NULL;
    for (const struct store_attempt *at = c->attempts; fine && at; at = at->next) {
        struct usage_attempt *told = &out->attempt[out->attempt_count++];
        *told = usage_attempt_of(&out->call, at);
        told->job = STR_NONE; /* is the call's */
        fine = copy(a, &told->target) && copy(a, &told->reason);
    }
    return fine;
}

int ledger_call_find(struct ledger_reader *r, const struct id *call, struct arena *a, struct ledger_call *out, struct err *e)
{
    int rc = 0;
    const struct store_call *c = find(r, call, a, &rc, e);
    if (!c)
        return rc < 0 ? rc : tell_missing(r, call, e);
    struct ledger_call told = {.call = usage_call_of(c), .asked = c->asked, .home = c->home, .under_way = !c->closed && r->live,
                               .http_status = c->closed ? c->http_status : 0, .story = c->story};
    struct usage_call *u = &told.call;
    if (!copy(a, &u->job) || !copy(a, &u->target) || !copy(a, &u->key) || !copy(a, &u->tags) || !copy(a, &u->task) ||
        !copy(a, &told.asked) || !copy(a, &told.story) || !copy_attempts(&told, c, a))
        return err_set(e, ERR_NOMEM, "call %s", u->call);
    *out = told;
    return 0;
}
