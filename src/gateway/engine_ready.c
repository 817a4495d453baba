/* engine_ready.c: a request made ready: read, its prompt rendered and cut into tokens, its form compiled, on a clerk's thread; then it is the
 * loop's again. All of this a stranger's request can make long. */
#include "gateway/engine_face_priv.h"
#include "base/mem.h"

enum { QUICK_BYTES = 64 << 10 /* larger bodies have a clerk of their own: others do not wait for them */, NAME_BYTES_MAX = 4096 };

#define STRICT_NOTE "a tool says `strict`: its arguments are held to its schema where `tool_choice` demands a call; here they are the model's own. "

/* --- a request made ready: on a clerk's thread --------------------------------------------------------------------------------------------- */

/* The next of its texts, as long as there is room for them. When one is refused the others are taken back. */
static int begin_parts(struct face_call *c, struct err *e)
{
    struct host_sink sink = {.event = engine_call_on_host};
    int rc = 0;
    while (rc == 0 && c->begun < c->part_count && c->begun - c->ended < ENGINE_PARTS_AT_ONCE) {
        struct face_part *p = &c->part[c->begun];
        p->call = c;
        sink.ctx = p;
        if (c->ask.text_count)
            c->ask.host.text = c->ask.text[c->begun];
        rc = host_begin(c->model->host, &c->ask.host, &sink, &c->say.note, &p->host, e);
        c->begun += rc == 0;
    }
    /* others fill the queue: its own that are in there make room, one by one */
    return rc == ERR_BUSY && c->begun > c->ended ? 0 : rc;
}

static int read_ask(struct face_call *c, struct err *e)
{
    int rc = engine_ask_read(&c->ask, c->kind, buf_str(&c->body), c->received_us, e);
    if (rc < 0)
        return rc;
    if (!c->model || !str_eq(c->ask.model, c->model->name))
        return err_set(e, ERR_NOT_FOUND, "the engine holds no model `%.*s`", STR_FMT(str_slice(c->ask.model, 0, 200)));
    c->say.stream = c->ask.stream;
    c->say.include_usage = c->ask.include_usage;
    c->say.base64 = c->ask.base64;
    c->part_count = c->ask.text_count ? c->ask.text_count : 1;
    c->part = new0_array(struct face_part, c->part_count);
    if (!c->part || engine_say_init(&c->say, c->ask.text_count) < 0)
        return err_set(e, ERR_NOMEM, "out of memory");
    if (c->ask.strict && buf_append_text(&c->say.note, STRICT_NOTE) < 0)
        return err_set(e, ERR_NOMEM, "out of memory");
    return 0;
}

static struct face_call *call_of(struct clerk_job *job)
{
    return (struct face_call *)(void *)((char *)job - offsetof(struct face_call, job));
}

static void on_clerk(struct clerk_job *job)
{
    struct face_call *c = call_of(job);
    c->rc = c->read ? 0 : read_ask(c, &c->error);
    c->read = true;
    if (c->rc == 0)
        c->rc = begin_parts(c, &c->error);
    if (c->rc == 0 && c->begun < c->part_count)
        return; /* the texts of the others are in it */
    engine_ask_fini(&c->ask);
    c->ask = (struct engine_ask){0};
    buf_fini(&c->body);
}

/* --- and back on the loop ------------------------------------------------------------------------------------------------------------------ */

static void refuse(struct face_call *c)
{
    if (c->rc == ERR_NOT_FOUND)
        engine_reply_error(engine_call_done(c), 404, "model_not_found", str_from(c->error.text));
    else
        engine_call_break_off(c, &c->error, NULL);
}

static void on_prepared(struct clerk_job *job)
{
    struct face_call *c = call_of(job);
    c->preparing = false;
    if (!job->ran)
        c->rc = err_set(&c->error, ERR_CLOSED, "the engine is being stopped");
    if (c->rc < 0 && c->x)
        refuse(c);
    if (!c->x)
        engine_call_leave(c);
    if (c->begun == c->ended) {
        engine_call_free(c);
        return;
    }
    if (c->part_count == 1)
        c->say.dropped = host_dropped(c->part[0].host);
    engine_call_take_early(c);
}

/* False: the call is freed. */
bool engine_call_prepare(struct face_call *c)
{
    struct clerk *clerk = c->body.len > QUICK_BYTES ? c->face->large : c->face->quick;
    c->job = (struct clerk_job){.loop = c->face->loop, .run = on_clerk, .done = on_prepared};
    c->preparing = clerk_submit(clerk, &c->job);
    if (c->preparing)
        return true;
    if (c->x)
        engine_reply_busy(engine_call_done(c), "overloaded", STR("too many requests are being read now; try again in a moment"));
    engine_call_leave(c);
    bool there = c->begun != c->ended;
    if (!there)
        engine_call_free(c);
    return there;
}

/* The member `model`, which is mostly the first: what else is in the request is not looked at here. Decoded into `a`. */
static struct str model_name(struct str body, struct arena *a)
{
    struct json_scan s;
    struct json_node *name = NULL;
    struct str key, raw;
    json_scan_init(&s, body);
    if (!json_enter(&s))
        return STR_NONE;
    while (json_member(&s, &key)) {
        bool it_is = str_eq(key, STR("model"));
        if (!json_skip(&s, &raw))
            return STR_NONE;
        if (it_is)
            return raw.len <= NAME_BYTES_MAX && json_parse(a, raw, &name, NULL) == 0 && name->type == JSON_STRING ? name->text : STR_NONE;
    }
    return STR_NONE;
}

static struct face_call *call_new(struct engine_face *f, struct http_exchange *x, enum host_kind kind)
{
    struct arena a = ARENA_INIT(64 * KiB);
    struct face_call *c = new0(struct face_call);
    if (!c)
        return NULL;
    f->busy++;
    c->face = f;
    c->x = x;
    c->kind = kind;
    c->received_us = loop_now_us(f->loop);
    c->early_end = &c->early;
    c->model = engine_model_find(f, model_name(http_exchange_request(x)->body, &a));
    arena_fini(&a);
    if (c->model)
        c->model->calls++;
    c->say.kind = kind;
    c->say.model = c->model ? c->model->name : STR_NONE;
    c->say.created_s = loop_wall_ms(f->loop) / 1000;
    (void)text_format(c->say.id, sizeof c->say.id, "%s-%08llx%08llx", kind == HOST_CHAT ? "chatcmpl" : "cmpl",
                      (unsigned long long)c->say.created_s & 0xffffffff, (unsigned long long)++f->serial & 0xffffffff);
    http_exchange_body_take(x, &c->body);
    return c;
}

void engine_call_begin(struct engine_face *f, struct http_exchange *x, enum host_kind kind)
{
    struct face_call *c = call_new(f, x, kind);
    http_exchange_set(x, c);
    if (c)
        (void)engine_call_prepare(c);
    else
        engine_reply_busy(x, "overloaded", STR("out of memory"));
}
