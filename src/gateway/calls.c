/* calls.c: the client APIs that are calls: from the HTTP request to the mesh, and the answer back into the exchange. */
#include "base/mem.h"
#include "gateway/gateway_priv.h"
#include "net/loop.h"

/* What ties an exchange to its call; lives until the reply has ended or the peer is gone. */
struct pending {
    struct reply_owner owner;
    struct http_exchange *x;
    struct gateway_loop *gl;
    struct mesh_call *call; /* NULL before it started and after it is over */
    struct upload *upload;  /* owned; NULL: the body is the exchange's */
    struct arena arena;     /* names, tags, the list of headers that go on */
};

static void pending_free(struct pending *p)
{
    http_exchange_set(p->x, NULL);
    upload_free(p->upload);
    arena_fini(&p->arena);
    mem_free(p);
}

/* --- the way back ------------------------------------------------------------------------------------------------------------ */

static size_t with_browser(const struct pending *p, const struct mesh_head *head, struct http_header *h)
{
    size_t n = head->header_count;
    memcpy(h, head->header, n * sizeof *h);
    return n + browser_headers(p->gl->gateway, http_exchange_request(p->x), h + n);
}

static void on_whole(void *ctx, const struct mesh_head *head, struct str body)
{
    struct pending *p = ctx;
    struct http_exchange *x = p->x;
    struct http_header h[REPLY_HEADERS_MAX];
    size_t n = with_browser(p, head, h);
    pending_free(p);
    if (http_reply(x, head->status, h, n, body) < 0)
        http_reply_abort(x);
}

static void on_begin(void *ctx, const struct mesh_head *head)
{
    struct pending *p = ctx;
    struct http_header h[REPLY_HEADERS_MAX];
    (void)http_reply_begin(p->x, head->status, h, with_browser(p, head, h)); /* a failure shows at the first write */
}

static int on_write(void *ctx, struct str bytes)
{
    struct pending *p = ctx;
    return http_reply_begun(p->x) ? http_reply_write(p->x, bytes) : ERR_NOMEM;
}

static void on_end(void *ctx)
{
    struct http_exchange *x = ((struct pending *)ctx)->x;
    pending_free(ctx);
    (http_reply_begun(x) ? http_reply_end : http_reply_abort)(x);
}

static void on_cut(void *ctx)
{
    struct http_exchange *x = ((struct pending *)ctx)->x;
    pending_free(ctx);
    http_reply_abort(x);
}

static void on_body_free(void *ctx)
{
    struct pending *p = ctx;
    if (p->upload)
        upload_body_free(p->upload);
    else
        http_exchange_body_free(p->x);
}

static const struct mesh_sink sink = {.whole = on_whole, .begin = on_begin, .write = on_write, .end = on_end, .cut = on_cut};

/* --- the way in --------------------------------------------------------------------------------------------------------------- */

static bool is_label(struct str s, size_t bytes_max)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._:/@+-", c));
        if (!fine)
            return false;
    }
    return s.len > 0 && s.len <= bytes_max;
}

enum { TAGS_MAX = 16, TAG_BYTES_MAX = 64, TASK_BYTES_MAX = 128 };

static bool tags_are_fine(struct str tags)
{
    struct str one;
    int count = 0;
    while (str_cut(&tags, ',', &one))
        if (!is_label(str_trim(one), TAG_BYTES_MAX) || ++count > TAGS_MAX)
            return false;
    return true;
}

static int header_count(const struct http_request *r, const char *name)
{
    int n = 0;
    for (size_t i = 0; i < r->header_count; i++)
        n += str_eq(r->header[i].name, str_from(name));
    return n;
}

/* Reads x-hearth-boundary, -tags and -task. False when one of them was refused, and answered. */
static bool read_wishes(struct gateway_loop *gl, struct http_exchange *x, struct mesh_ask *ask)
{
    const struct http_request *r = http_exchange_request(x);
    struct str boundary = str_trim(http_request_header(r, "x-hearth-boundary"));
    ask->tags = str_trim(http_request_header(r, "x-hearth-tags"));
    ask->task = str_trim(http_request_header(r, "x-hearth-task"));
    ask->home = str_eq(boundary, STR("home"));
    if (header_count(r, "x-hearth-boundary") > 1 || header_count(r, "x-hearth-tags") > 1 || header_count(r, "x-hearth-task") > 1)
        reply_error(gl, x, 400, "invalid_value", "x-hearth-boundary, x-hearth-tags and x-hearth-task are given once at most");
    else if (boundary.ptr && !ask->home && !str_eq(boundary, STR("any"))) /* an empty one, too: somebody meant something */
        reply_error(gl, x, 400, "invalid_value", "x-hearth-boundary is home or any");
    else if (!tags_are_fine(ask->tags))
        reply_error(gl, x, 400, "invalid_value", "x-hearth-tags: at most %d tags of at most %d letters, digits and ._:/@+-, separated by commas",
                    TAGS_MAX, TAG_BYTES_MAX);
    else if (ask->task.len && !is_label(ask->task, TASK_BYTES_MAX))
        reply_error(gl, x, 400, "invalid_value", "x-hearth-task: at most %d letters, digits and ._:/@+-", TASK_BYTES_MAX);
    else
        return true;
    return false;
}

static bool has_tag(struct str tags, struct str tag)
{
    struct str one;
    while (str_cut(&tags, ',', &one))
        if (str_eq(str_trim(one), str_trim(tag)))
            return true;
    return false;
}

/* The key's tags, and those of the call that are not among them. */
static struct str join_tags(struct arena *a, struct str of_key, struct str of_call)
{
    AUTO_BUF struct buf all = BUF_INIT(8 * KiB); /* 24 tags of 64 bytes, and blanks */
    struct str one;
    if (!of_key.len || !of_call.len)
        return arena_dup(a, of_key.len ? of_key : of_call);
    int rc = buf_append(&all, of_key);
    while (rc == 0 && str_cut(&of_call, ',', &one))
        if (!has_tag(of_key, one))
            rc = buf_append_char(&all, ',') ? ERR_NOMEM : buf_append(&all, str_trim(one));
    return rc == 0 ? arena_dup(a, buf_str(&all)) : STR_NONE;
}

/* What the key says of all its calls. A header adds tags; it narrows the boundary and never widens it. */
static bool apply_key(struct pending *p, const struct key *k, struct mesh_ask *ask)
{
    ask->key = k ? arena_dup(&p->arena, k->name) : STR("-");
    if (!k)
        return true;
    ask->home |= k->home;
    ask->jobs = k->job; /* read before this turn ends */
    ask->job_count = k->job_count;
    if (k->tags.len && !(ask->tags = join_tags(&p->arena, k->tags, ask->tags)).ptr)
        ask->key = STR_NONE;
    if (!ask->key.ptr)
        reply_error(p->gl, p->x, 503, "overloaded", "out of memory; try again");
    return ask->key.ptr != NULL;
}

static bool fill_ask(struct pending *p, struct mesh_ask *ask)
{
    struct caller who;
    if (!keys_admit(p->gl, p->x, &who) || !read_wishes(p->gl, p->x, ask))
        return false;
    if ((who.key && !keys_count(p->gl, p->x, who.key)) || !apply_key(p, who.key, ask))
        return false;
    ask->credential = who.credential;
    if (headers_collect(ask, http_exchange_request(p->x), who.credential_in, &p->arena))
        return true;
    reply_error(p->gl, p->x, 503, "overloaded", "out of memory; try again");
    return false;
}

static void on_gone(struct reply_owner *o)
{
    struct pending *p = (struct pending *)o;
    mesh_call_left(p->call);
    pending_free(p);
}

static void on_drain(struct reply_owner *o)
{
    mesh_call_resume(((struct pending *)o)->call);
}

const struct codec *dialect_of(const struct http_request *r)
{
    static const struct {
        struct str path;
        enum dialect dialect;
    } paths[] = {{STR("/v1/messages"), DIALECT_ANTHROPIC}, {STR("/messages"), DIALECT_ANTHROPIC}, {STR("/v1/v1/messages"), DIALECT_ANTHROPIC},
                 {STR("/api/"), DIALECT_OLLAMA}};
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        if (str_starts(r->path, paths[i].path))
            return codec_of(paths[i].dialect);
    if (http_request_header(r, "anthropic-version").ptr) /* pages that both dialects have */
        return codec_of(DIALECT_ANTHROPIC);
    return codec_of(DIALECT_OPENAI);
}

/* `upload` is taken over; NULL: the body is the exchange's. */
static void start(struct gateway_loop *gl, struct http_exchange *x, int api, struct upload *upload, bool complete)
{
    enum { ARENA_BYTES_MAX = 64 * 1024 };
    struct pending *p = new0(struct pending);
    http_exchange_set(x, NULL);
    if (!p) {
        upload_free(upload);
        reply_error_later(gl, x, 503, "overloaded", 1000, "out of memory; try again");
        return;
    }
    *p = (struct pending){.owner = {on_gone, on_drain}, .x = x, .gl = gl, .upload = upload, .arena = ARENA_INIT(ARENA_BYTES_MAX)};
    struct mesh_ask ask = {.dialect = (enum dialect)(api >> 8), .op = (enum wire_op)(api & 0xff), .body = http_exchange_request(x)->body, .sink = &sink, .ctx = p,
                           .body_free = on_body_free, .received_us = loop_now_us(gl->loop)};
    if (upload)
        upload_ask(upload, complete, &ask);
    if (!fill_ask(p, &ask)) {
        upload_free(upload);
        arena_fini(&p->arena); /* answered already: the exchange is not ours to touch */
        mem_free(p);
        return;
    }
    struct mesh_call *call = NULL;
    if (mesh_call_start(&call, gl->mesh, &ask) < 0) {
        pending_free(p);
        reply_error_later(gl, x, 503, "overloaded", 1000, "out of memory; try again");
    } else if (call) { /* else it is over, and the exchange with it */
        p->call = call;
        http_exchange_set(x, p);
    }
}

/* --- forms, which are sent on while they come ------------------------------------------------------------------------------------ */

/* A form that is being sent on turns out to be no good. */
static void refuse_started(struct pending *p, int rc, const struct err *e)
{
    mesh_call_refuse(p->call, rc == ERR_INVALID ? 400 : 503, str_from(e->text));
}

void calls_piece(struct gateway_loop *gl, struct http_exchange *x, int api, struct str bytes)
{
    struct reply_owner *o = http_exchange_get(x);
    struct pending *p = upload_is(o) ? NULL : (struct pending *)o;
    struct upload *u = p ? p->upload : (struct upload *)o;
    struct err e = {0};
    int rc = upload_feed(u, bytes, &e);
    if (rc < 0 && p)
        refuse_started(p, rc, &e);
    else if (rc < 0)
        upload_refuse(gl, u, rc, &e);
    else if (p)
        mesh_call_more(p->call, upload_bytes(u), false);
    else if (upload_is_routable(u))
        start(gl, x, api, u, false);
}

/* The last of it has come. */
static void form_complete(struct gateway_loop *gl, struct http_exchange *x, int api)
{
    struct reply_owner *o = http_exchange_get(x);
    struct pending *p = upload_is(o) ? NULL : (struct pending *)o;
    struct upload *u = p ? p->upload : (struct upload *)o;
    struct err e = {0};
    int rc = upload_end(u, &e);
    if (rc < 0 && p)
        refuse_started(p, rc, &e);
    else if (rc < 0)
        upload_refuse(gl, u, rc, &e);
    else if (p)
        mesh_call_more(p->call, upload_bytes(u), true);
    else
        start(gl, x, api, u, true);
}

void calls_start(struct gateway_loop *gl, struct http_exchange *x, int api)
{
    if (wire_op_hears((enum wire_op)(api & 0xff)))
        form_complete(gl, x, api);
    else
        start(gl, x, api, NULL, true);
}
