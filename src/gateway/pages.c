/* pages.c: what is served without a call: health, the list of models, and the root. */
#include "base/json.h"
#include "gateway/gateway_priv.h"
#include "net/loop.h"

static bool is_page_method(struct gateway_loop *gl, struct http_exchange *x)
{
    (void)gl;
    enum http_method m = http_exchange_request(x)->method;
    return m == HTTP_GET || m == HTTP_HEAD;
}

void page_healthz(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    reply_with(gl, x, 200, STR("text/plain; charset=utf-8"), STR("ok\n"));
}

const char *page_why_unready(const struct gateway_loop *gl)
{
    return atomic_load(&gl->gateway->draining) ? "stopping\n" : mesh_loop_ready(gl->mesh) ? NULL : "the journal cannot be written\n";
}

void page_readyz(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    const char *why = page_why_unready(gl);
    reply_with(gl, x, why ? 503 : 200, STR("text/plain; charset=utf-8"), str_from(why ? why : "ready\n"));
}

void page_root(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    struct str accept = http_request_header(http_exchange_request(x), "accept");
    if (accept.len && str_contains_fold(accept, STR("text/html")))
        reply_with(gl, x, 200, STR("text/html; charset=utf-8"),
                   STR("<!doctype html><meta charset=utf-8><title>Hearth</title><h1>Hearth is running</h1>"
                       "<p>OpenAI's clients use <code>/v1</code> of this address, Anthropic's and Ollama's the address itself. The models are at "
                       "<a href=\"/v1/models\">/v1/models</a>. A console is planned.</p>\n"));
    else
        reply_with(gl, x, 200, STR("text/plain; charset=utf-8"), STR("Ollama is running"));
}

/* One object that both OpenAI's and Anthropic's clients can read (wire-formats.md 8.1). */
static void write_model(struct json_writer *w, const struct mesh_name *n)
{
    enum { CREATED = 1790000000 }; /* names have no birthday; a fixed one keeps menus stable */
    json_object_begin(w);
    json_key(w, "id");
    json_str(w, n->name);
    json_key(w, "object");
    json_text(w, "model");
    json_key(w, "type");
    json_text(w, "model");
    json_key(w, "created");
    json_i64(w, CREATED);
    json_key(w, "created_at");
    json_text(w, "2026-09-21T14:13:20Z");
    json_key(w, "owned_by");
    json_str(w, n->owner);
    json_key(w, "display_name");
    json_str(w, n->name);
    if (n->context_tokens) {
        json_key(w, "context_length");
        json_i64(w, n->context_tokens);
    }
    json_key(w, "hearth_kind");
    json_text(w, n->kind);
    json_object_end(w);
}

struct listing {
    struct json_writer w;
    struct str wanted; /* one id only; empty: all */
    const struct key *key; /* lists what it may ask for; NULL: everything */
    struct str first, last;
    bool found;
};

static int list_one(const struct mesh_name *n, void *ctx)
{
    struct listing *l = ctx;
    if ((l->wanted.len && !str_eq(l->wanted, n->name)) || (l->key && !key_may_ask(l->key, n->job)))
        return 0;
    l->found = true;
    if (!l->first.ptr)
        l->first = n->name;
    l->last = n->name;
    write_model(&l->w, n);
    return l->wanted.len ? 1 : 0;
}

static void write_list(struct listing *l, const struct mesh *m)
{
    struct json_writer *w = &l->w;
    json_object_begin(w);
    json_key(w, "object");
    json_text(w, "list");
    json_key(w, "data");
    json_array_begin(w);
    (void)mesh_names(m, list_one, l);
    json_array_end(w);
    json_key(w, "has_more");
    json_bool(w, false);
    json_key(w, "first_id");
    l->first.ptr ? json_str(w, l->first) : json_null(w);
    json_key(w, "last_id");
    l->last.ptr ? json_str(w, l->last) : json_null(w);
    json_object_end(w);
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* SDKs encode the slash of upstream/model. What is no proper %XX stays as it is: it names nothing here. */
static int decode(struct buf *out, struct str s)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s.len; i++) {
        bool coded = s.ptr[i] == '%' && i + 2 < s.len && hex(s.ptr[i + 1]) >= 0 && hex(s.ptr[i + 2]) >= 0;
        rc = buf_append_char(out, coded ? (char)(hex(s.ptr[i + 1]) * 16 + hex(s.ptr[i + 2])) : s.ptr[i]);
        i += coded ? 2 : 0;
    }
    return rc;
}

void page_models(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    struct caller who;
    if (!is_page_method(gl, x) || !keys_admit(gl, x, &who))
        return;
    struct str path = http_exchange_request(x)->path;
    ptrdiff_t at = str_find(path, STR("/models"));
    AUTO_BUF struct buf body = BUF_INIT(4 * MiB), wanted = BUF_INIT(64 * KiB);
    if (decode(&wanted, str_skip(path, (size_t)at + 8)) < 0) {
        reply_error(gl, x, 503, "overloaded", "out of memory; try again");
        return;
    }
    struct listing l = {.w = JSON_WRITER(&body), .wanted = buf_str(&wanted), .key = who.key};
    if (l.wanted.len)
        (void)mesh_names(gl->gateway->mesh, list_one, &l);
    else
        write_list(&l, gl->gateway->mesh);
    if (l.wanted.len && !l.found)
        reply_error(gl, x, 404, "model_not_found", "there is no job, alias or target `%.*s` here", STR_FMT(str_slice(l.wanted, 0, 200)));
    else if (json_done(&l.w) < 0)
        reply_error(gl, x, 503, "overloaded", "the list of models does not fit into memory");
    else
        reply_with(gl, x, 200, STR("application/json"), buf_str(&body));
}
