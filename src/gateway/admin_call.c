/* admin_call.c: GET /hearth/v1/calls/{id}: why a call went where it went, as `hearth explain --json` prints it. The books are
 * read on the clerk's thread; who would have come next is told by the config in force. */
#include "base/json.h"
#include "gateway/admin_priv.h"
#include "ledger/ledger.h"

enum { CALL_ARENA_MAX = 64 << 20 };

struct call_wish {
    struct id call;
    struct mesh_chains now;
};

static void report(struct errand *r)
{
    const struct call_wish *wish = r->wish;
    struct json_writer w = JSON_WRITER(&r->body);
    struct ledger_reader *books;
    struct ledger_call call;
    struct mesh_story story;
    if (ledger_reader_open(&books, r->gateway->data_dir, &r->err) < 0)
        return;
    int rc = ledger_call_find(books, &wish->call, &r->arena, &call, &r->err);
    ledger_reader_close(books);
    if (rc == 0)
        rc = mesh_story_read(&story, &call, &wish->now, &r->arena, &r->err);
    if (rc < 0)
        return;
    mesh_story_show(&w, &call, &story);
    if (w.rc < 0)
        (void)err_set(&r->err, w.rc, "the report does not fit into memory");
    else
        r->status = 200;
}

void admin_call(const struct admin_ask *ask)
{
    struct errand *r = errand_new(ask, report, sizeof(struct call_wish));
    if (!r)
        return;
    struct call_wish *wish = r->wish;
    r->arena.max = CALL_ARENA_MAX;
    if (!id_from_text(ask->rest, &wish->call))
        reply_error(ask->gl, ask->x, 400, "invalid_value", "that is no id of a call: they have 26 letters and digits");
    else if (mesh_chains(ask->gl->gateway->mesh, &r->arena, &wish->now) < 0)
        reply_error(ask->gl, ask->x, 503, "overloaded", "out of memory; try again");
    else {
        errand_send(r);
        return;
    }
    errand_free(r);
}
