/* tell.c: what rests and what is back, for those who watch (GET /hearth/v1/events). The log says the same to people. */
#include "base/json.h"
#include "base/news.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"

static void put(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    text.len ? json_str(w, text) : json_null(w);
}

static void put_time(struct json_writer *w, const char *key, int64_t wall_ms)
{
    char iso[CIVIL_ISO_BYTES];
    if (wall_ms)
        civil_iso(wall_ms, iso);
    put(w, key, wall_ms ? str_from(iso) : STR_NONE);
}

static void begin(struct json_writer *w, const struct attempt *a)
{
    json_object_begin(w);
    put_time(w, "time", loop_wall_ms(a->call->ml->loop));
}

static void end(const struct attempt *a, struct json_writer *w, const char *event)
{
    json_object_end(w);
    if (json_done(w) == 0)
        news_tell(a->call->ml->mesh->news, event, buf_str(w->out));
}

void tell_plan(const struct attempt *a, const struct plan_heard *heard)
{
    AUTO_BUF struct buf text = BUF_INIT(NEWS_BYTES_MAX);
    struct json_writer w = JSON_WRITER(&text);
    char holder[PLAN_HOLDER_TEXT];
    plan_holder_text(a->ticket.holder, holder);
    begin(&w, a);
    put(&w, "upstream", a->target->up->name);
    put(&w, "credential", str_from(holder));
    put(&w, "window", str_from(heard->why.window));
    put(&w, "family", str_from(heard->family));
    put_time(&w, "until", heard->became_spent ? heard->why.until_ms : 0);
    json_key(&w, "overage");
    json_bool(&w, heard->verdict == PLAN_PAID);
    end(a, &w, heard->became_spent ? "plan_spent" : "plan_back");
}

void tell_rest(const struct attempt *a, enum reason r, int64_t rest_ms)
{
    AUTO_BUF struct buf text = BUF_INIT(NEWS_BYTES_MAX);
    struct json_writer w = JSON_WRITER(&text);
    begin(&w, a);
    put(&w, "target", a->target->name);
    put(&w, "reason", str_from(reason_row(r)->name));
    json_key(&w, "rest_ms");
    json_i64(&w, rest_ms);
    json_key(&w, "owner_has_to_act");
    json_bool(&w, reason_row(r)->cool == COOL_LONG);
    end(a, &w, "target_rests");
}

void tell_back(const struct attempt *a)
{
    AUTO_BUF struct buf text = BUF_INIT(NEWS_BYTES_MAX);
    struct json_writer w = JSON_WRITER(&text);
    begin(&w, a);
    put(&w, "target", a->target->name);
    end(a, &w, "target_back");
}
