/* admin_look.c: the admin API's view of the daemon: GET /hearth/v1/status and /hearth/v1/targets. What other loops own is
 * read from their atomics; nobody waits. */
#include "base/json.h"
#include "gateway/admin_priv.h"
#include "hearth_version.h"
#include "mesh/counts.h"
#include "net/loop.h"

static void member_i64(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_i64(w, n);
}

static void member_text(struct json_writer *w, const char *key, struct str s)
{
    json_key(w, key);
    if (s.len)
        json_str(w, s);
    else
        json_null(w);
}

void admin_status(const struct admin_ask *ask)
{
    const struct gateway *g = ask->gl->gateway;
    AUTO_BUF struct buf body = BUF_INIT(64 * KiB);
    struct json_writer w = JSON_WRITER(&body);
    char started[CIVIL_ISO_BYTES], loaded[CIVIL_ISO_BYTES];
    int64_t connections = 0, calls = 0;
    for (int i = 0; i < g->loop_count; i++) {
        connections += (int64_t)http_server_connections(g->loop[i]->server);
        calls += mesh_counts_open_calls(g->loop[i]->counts);
    }
    civil_iso(g->started_wall_ms, started);
    civil_iso(atomic_load(&g->loaded_wall_ms), loaded);
    json_object_begin(&w);
    member_text(&w, "version", STR(HEARTH_VERSION));
    member_text(&w, "build", STR(HEARTH_BUILD_ID));
    member_text(&w, "started", str_from(started));
    member_i64(&w, "uptime_ms", (clock_mono_us(loop_clock(ask->gl->loop)) - g->started_mono_us) / 1000);
    member_i64(&w, "loops", g->loop_count);
    member_i64(&w, "connections", connections);
    member_i64(&w, "calls", calls);
    json_key(&w, "ready");
    json_bool(&w, page_why_unready(ask->gl) == NULL);
    member_text(&w, "config", atomic_load(&g->config)->path);
    member_text(&w, "config_loaded", str_from(loaded));
    member_text(&w, "data", g->data_dir);
    json_object_end(&w);
    admin_reply(ask->gl, ask->x, 200, json_done(&w), buf_str(&body));
}

static int write_target(const struct mesh_target *t, void *ctx)
{
    struct json_writer *w = ctx;
    json_object_begin(w);
    member_text(w, "target", t->name);
    member_text(w, "upstream", t->upstream);
    member_text(w, "place", t->home ? STR("home") : STR("cloud"));
    member_text(w, "regime", str_from(regime_name(t->regime)));
    member_text(w, "breaker", str_from(t->breaker));
    json_key(w, "breaker_wait_ms");
    t->breaker_wait_ms ? json_i64(w, t->breaker_wait_ms) : json_null(w);
    member_i64(w, "in_flight", t->in_flight);
    member_i64(w, "upstream_in_flight", t->upstream_in_flight);
    json_key(w, "concurrent");
    t->concurrent ? json_i64(w, t->concurrent) : json_null(w);
    json_key(w, "spill_percent");
    t->spill_percent >= 0 ? json_i64(w, t->spill_percent) : json_null(w);
    member_text(w, "why_not", t->why_not);
    json_object_end(w);
    return w->rc;
}

void admin_targets(const struct admin_ask *ask)
{
    AUTO_BUF struct buf body = BUF_INIT(16 * MiB);
    struct json_writer w = JSON_WRITER(&body);
    json_object_begin(&w);
    json_key(&w, "targets");
    json_array_begin(&w);
    (void)mesh_targets(ask->gl->gateway->mesh, write_target, &w); /* a failure stays in w */
    json_array_end(&w);
    json_object_end(&w);
    admin_reply(ask->gl, ask->x, 200, json_done(&w), buf_str(&body));
}
