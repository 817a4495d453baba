/* admin_usage.c: GET /hearth/v1/usage: the sums that `hearth usage --json` prints, with the same filters. Read beside the daemon
 * from the books, on the clerk's thread. */
#include "base/json.h"
#include "gateway/admin_priv.h"
#include "ledger/ledger.h"

struct usage_wish {
    enum usage_by by;
    struct usage_filter filter;
};

static int show_group(const struct usage_group *g, void *ctx)
{
    struct json_writer *w = ctx;
    usage_group_show(w, g);
    return w->rc;
}

static void report(struct errand *r)
{
    const struct usage_wish *wish = r->wish;
    struct json_writer w = JSON_WRITER(&r->body);
    struct ledger_reader *books;
    if (ledger_reader_open(&books, r->gateway->data_dir, &r->err) < 0)
        return;
    json_object_begin(&w);
    json_key(&w, "groups");
    json_array_begin(&w);
    int rc = ledger_groups(books, wish->by, &wish->filter, show_group, &w, &r->err);
    json_array_end(&w);
    json_object_end(&w);
    ledger_reader_close(books);
    if (w.rc < 0)
        (void)err_set(&r->err, w.rc, "the report does not fit into memory");
    else if (rc == 0)
        r->status = 200;
}

/* Which part of the query is not understood; NULL when all is. */
static const char *read_query(struct arena *a, struct str query, struct usage_wish *w)
{
    struct str by, from, to;
    struct usage_filter *f = &w->filter;
    struct {
        const char *name;
        struct str *value;
    } parts[] = {{"by", &by},      {"from", &from},  {"to", &to},       {"job", &f->job}, {"target", &f->target},
                 {"key", &f->key}, {"tag", &f->tag}, {"task", &f->task}};
    struct str rest = query, pair;
    while (str_cut(&rest, '&', &pair)) {
        ptrdiff_t equals = str_find_char(pair, '=');
        size_t i = 0;
        while (i < COUNT_OF(parts) &&
               !str_eq(equals < 0 ? pair : str_slice(pair, 0, (size_t)equals), str_from(parts[i].name)))
            i++;
        if (i == COUNT_OF(parts))
            return "the query has by, from, to, job, target, key, tag and task";
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (!query_value(a, query, parts[i].name, parts[i].value))
            return "the query is not well encoded, or too long";
    if (by.ptr && !usage_by_read(by, &w->by))
        return "by is job, target, regime, day, key or tag";
    if ((from.ptr && !usage_day_read(from, &f->from_ms)) || (to.ptr && !usage_day_read(to, &f->to_ms)))
        return "a day looks like 2026-11-21";
    return NULL;
}

void admin_usage(const struct admin_ask *ask)
{
    struct errand *r = errand_new(ask, report, sizeof(struct usage_wish));
    if (!r)
        return;
    const char *problem = read_query(&r->arena, http_exchange_request(ask->x)->query, r->wish);
    if (!problem) {
        errand_send(r);
        return;
    }
    reply_error(ask->gl, ask->x, 400, "invalid_value", "%s", problem);
    errand_free(r);
}
