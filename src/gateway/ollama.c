/* ollama.c: the pages of Ollama's API that are no calls: what there is (tags, show), what is loaded (ps), and pulls, which bring
 * nothing here. Jobs, aliases and targets are what its clients call models.
 *
 * What belongs to a model file (digest, size, template) does not exist for a job. Clients want the members all the same: the digest is made
 * of the name, and the size is 0. Format: Ollama's API of August 2026. */
#include "base/json.h"
#include "gateway/gateway_priv.h"

#define MODIFIED_AT "2026-09-21T14:13:20Z" /* names have no birthday; a fixed one keeps menus stable */

static void put_text(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_text(w, text);
}

static void put_details(struct json_writer *w)
{
    json_key(w, "details");
    json_object_begin(w);
    put_text(w, "parent_model", "");
    put_text(w, "format", "gguf");
    put_text(w, "family", "hearth");
    json_key(w, "families");
    json_raw(w, STR("[\"hearth\"]"));
    put_text(w, "parameter_size", "");
    put_text(w, "quantization_level", "");
    json_object_end(w);
}

static void put_capabilities(struct json_writer *w, const struct mesh_name *n)
{
    json_key(w, "capabilities");
    json_array_begin(w);
    json_text(w, n->embeds ? "embedding" : "completion");
    if (n->tools)
        json_text(w, "tools");
    if (n->vision)
        json_text(w, "vision");
    if (n->thinks)
        json_text(w, "thinking");
    json_array_end(w);
}

static void put_digest(struct json_writer *w, struct str name)
{
    char digest[65];
    uint64_t h = str_hash(name);
    size_t n = text_format(digest, sizeof digest, "%016llx%016llx%016llx%016llx", (unsigned long long)h, (unsigned long long)~h,
                           (unsigned long long)(h * 31), (unsigned long long)(h * 131));
    json_key(w, "digest");
    json_str(w, str_of(digest, n));
}

struct listing {
    struct json_writer w;
    const struct key *key; /* lists what it may ask for; NULL: everything */
};

static int list_one(const struct mesh_name *n, void *ctx)
{
    struct listing *l = ctx;
    struct json_writer *w = &l->w;
    if (l->key && !key_may_ask(l->key, n->job))
        return 0;
    json_object_begin(w);
    json_key(w, "name");
    json_str(w, n->name);
    json_key(w, "model");
    json_str(w, n->name);
    put_text(w, "modified_at", MODIFIED_AT);
    json_key(w, "size");
    json_i64(w, 0);
    put_digest(w, n->name);
    put_details(w);
    put_capabilities(w, n);
    json_object_end(w);
    return 0;
}

static void reply_json(struct gateway_loop *gl, struct http_exchange *x, struct json_writer *w)
{
    if (json_done(w) < 0)
        reply_error(gl, x, 503, "overloaded", "the list of models does not fit into memory");
    else
        reply_with(gl, x, 200, STR("application/json; charset=utf-8"), buf_str(w->out));
}

void page_ollama_tags(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    struct caller who;
    if (!keys_admit(gl, x, &who))
        return;
    AUTO_BUF struct buf body = BUF_INIT(4 * MiB);
    struct listing l = {.w = JSON_WRITER(&body), .key = who.key};
    json_object_begin(&l.w);
    json_key(&l.w, "models");
    json_array_begin(&l.w);
    (void)mesh_names(gl->gateway->mesh, list_one, &l);
    json_array_end(&l.w);
    json_object_end(&l.w);
    reply_json(gl, x, &l.w);
}

/* What is loaded is the upstreams' business; none of it is ours to unload. */
void page_ollama_ps(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    struct caller who;
    if (keys_admit(gl, x, &who))
        reply_with(gl, x, 200, STR("application/json; charset=utf-8"), STR("{\"models\":[]}"));
}

/* Of the API that is spoken here, not of this program: clients choose by it what they ask. */
void page_ollama_version(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    reply_with(gl, x, 200, STR("application/json; charset=utf-8"), STR("{\"version\":\"0.14.2\"}"));
}

/* --- one of them ---------------------------------------------------------------------------------------------------------- */

struct search {
    struct str wanted;
    const struct key *key;
    struct mesh_name found;
    bool is_there;
};

/* Ollama's clients add a tag to what has none. */
static bool is_same(struct str name, struct str wanted)
{
    struct str latest = STR(":latest");
    return str_eq(name, wanted) || (str_ends(wanted, latest) && str_eq(name, str_slice(wanted, 0, wanted.len - latest.len)));
}

static int look(const struct mesh_name *n, void *ctx)
{
    struct search *s = ctx;
    if (!is_same(n->name, s->wanted) || (s->key && !key_may_ask(s->key, n->job)))
        return 0;
    s->found = *n;
    s->is_there = true;
    return 1;
}

/* The model that the body names, as `model` or, in older clients, `name`. False when it is answered. */
static bool find_model(struct gateway_loop *gl, struct http_exchange *x, struct search *s, struct arena *a)
{
    struct caller who;
    struct json_node *root;
    struct err e = {0};
    if (!keys_admit(gl, x, &who))
        return false;
    int rc = json_parse(a, http_exchange_request(x)->body, &root, &e);
    struct str model = rc < 0 ? STR_NONE : json_get_text(root, "model");
    *s = (struct search){.wanted = model.len ? model : rc < 0 ? STR_NONE : json_get_text(root, "name"), .key = who.key};
    if (rc < 0)
        reply_error(gl, x, rc == ERR_NOMEM ? 503 : 400, "bad_request", "%s", e.text);
    else if (!s->wanted.len)
        reply_error(gl, x, 400, "bad_request", "model is required");
    else
        (void)mesh_names(gl->gateway->mesh, look, s);
    if (s->wanted.len && !s->is_there)
        reply_error(gl, x, 404, "model_not_found", "model '%.*s' not found; /api/tags lists the jobs, aliases and targets there are",
                    STR_FMT(str_slice(s->wanted, 0, 200)));
    return s->is_there;
}

static void put_show(struct json_writer *w, const struct mesh_name *n)
{
    json_object_begin(w);
    put_text(w, "license", "");
    put_text(w, "modelfile", "# answered by Hearth, which sends it on\n");
    put_text(w, "parameters", "");
    put_text(w, "template", "{{ .Prompt }}");
    put_details(w);
    json_key(w, "model_info");
    json_object_begin(w);
    put_text(w, "general.architecture", "hearth");
    if (n->context_tokens) {
        json_key(w, "hearth.context_length");
        json_i64(w, n->context_tokens);
    }
    json_object_end(w);
    put_capabilities(w, n);
    put_text(w, "modified_at", MODIFIED_AT);
    json_object_end(w);
}

void page_ollama_show(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    struct arena a = ARENA_INIT(1 * MiB);
    struct search s;
    if (find_model(gl, x, &s, &a)) {
        AUTO_BUF struct buf body = BUF_INIT(1 * MiB);
        struct json_writer w = JSON_WRITER(&body);
        put_show(&w, &s.found);
        reply_json(gl, x, &w);
    }
    arena_fini(&a);
}

/* Many clients pull at start, to be sure. What is there need not be brought; what is not there is not brought from here. */
void page_ollama_pull(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    struct arena a = ARENA_INIT(1 * MiB);
    struct search s;
    if (find_model(gl, x, &s, &a))
        reply_with(gl, x, 200, STR("application/x-ndjson"), STR("{\"status\":\"success\"}\n"));
    arena_fini(&a);
}
