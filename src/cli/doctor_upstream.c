/* doctor_upstream.c: one upstream: its key, whether it answers, whether the models that the config names are there, its clock,
 * and how much of its time is the network's. Asks for lists only: nothing here costs money. */
#include "base/json.h"
#include "base/mem.h"
#include "cli/doctor_priv.h"
#include "config/litellm.h"
#include "net/http_client.h"
#include "wire/models.h"
#include "wire/ollama.h"
#include "wire/wire.h"

enum { SKEW_MAX_MS = 30000, MODELS_MAX = 4096 };

/* Where a dialect's servers list their models, and how a key is shown there. */
struct list_way {
    const char *dialect, *path, *list, *name; /* path: behind the base; members of the answer */
    bool own_header;                          /* x-api-key and a version, not a bearer token */
    const char *begins;                       /* what the base of a url is followed by in calls */
};
static const struct list_way ways[] = {
    {"openai", "/models", "data", "id", false, "/chat/completions begins, usually in /v1"},
    {"responses", "/models", "data", "id", false, "/responses begins, usually in /v1"},
    {"anthropic", "/v1/models?limit=1000", "data", "id", true, "/v1/messages begins"},
    {"ollama", "/api/tags", "models", "name", false, "/api/chat begins"},
};

struct visit { /* of one upstream */
    struct doctor *d;
    const struct config_upstream *u;
    const struct vendor *vendor;
    struct str name, base;
    const struct list_way *way; /* how it is asked for its models */
    bool ollama;
    struct str model[MODELS_MAX]; /* that it lists */
    int model_count;
    bool listed, more; /* the list came; it is longer than we looked */
};

static bool is(const struct vendor *v, const char *name)
{
    return v && strcmp(v->name, name) == 0;
}

/* --- key -------------------------------------------------------------------------------------------------------- */

static struct str key_reference(const struct visit *v)
{
    if (v->u->key.text.ptr)
        return v->u->key.text;
    bool implied =
        v->vendor && v->vendor->key_env && v->u->place != PLACE_HOME && !v->u->url.text.ptr; /* as routes.c has it */
    return implied ? doctor_format(v->d, "env:%s", v->vendor->key_env) : STR_NONE;
}

/* The secret as `Bearer ...`; false when there is none to send. */
static bool read_key(const struct visit *v, struct buf *bearer)
{
    AUTO_BUF struct buf secret = BUF_INIT(16 * KiB);
    struct err why = {0};
    struct str reference = key_reference(v);
    if (!reference.len || str_eq(reference, STR("passthrough"))) {
        if (reference.len)
            doctor_find(v->d, FINDING_INFO, v->name, "key", NULL,
                        "each client's own is passed through; it cannot be tried here");
        return false;
    }
    int rc = config_secret(&secret, reference, &why);
    struct str key = str_trim(buf_str(&secret));
    if (rc || !key.len) {
        doctor_find(
            v->d, FINDING_FAIL, v->name, "key",
            doctor_format(
                v->d, "Set %.*s where Hearth runs (systemd: Environment= or EnvironmentFile=; compose: environment:).",
                STR_FMT(reference))
                .ptr,
            "%s", rc ? why.text : "the key is empty");
        return false;
    }
    rc = buf_append_format(bearer, "Bearer %.*s", STR_FMT(key));
    memset(secret.ptr, 0, secret.len);
    v->d->nomem = v->d->nomem || rc || !buf_text(bearer);
    return !v->d->nomem;
}

/* --- the list of models -------------------------------------------------------------------------------------------- */

static struct str list_url(const struct visit *v)
{
    return doctor_format(v->d, "%.*s%s", STR_FMT(v->base), v->way->path);
}

/* Anthropic's own list of models wants its own header, whichever face it is asked at; servers that imitate it take a bearer token. */
static bool wants_own_header(const struct visit *v)
{
    bool imitates = v->vendor && v->vendor->quirks & QUIRK_BEARER;
    return (v->way->own_header && !imitates) || is(v->vendor, "anthropic");
}

static void ask(const struct visit *v, struct doctor_client *c, struct str url, const char *bearer,
                struct doctor_reply *out)
{
    bool own = wants_own_header(v);
    struct doctor_secret h[] = {
        {!bearer ? NULL : own ? "x-api-key" : "authorization", bearer && own ? bearer + strlen("Bearer ") : bearer},
        {own ? "anthropic-version" : NULL, "2023-06-01"},
    };
    doctor_get(c, url, h, COUNT_OF(h), out);
}

static void read_list(struct visit *v, struct str body)
{
    struct json_node *root;
    if (json_parse(&v->d->arena, body, &root, NULL) < 0)
        return;
    const struct json_node *list = json_get(root, v->way->list);
    v->listed = list && list->type == JSON_ARRAY;
    v->more = json_get_bool(root, "has_more", false);
    for (const struct json_node *m = v->listed ? list->child : NULL; m; m = m->next) {
        struct str id = json_get_text(m, v->way->name);
        v->more = v->more || v->model_count == MODELS_MAX;
        if (id.len && v->model_count < MODELS_MAX)
            v->model[v->model_count++] = arena_dup(&v->d->arena, id);
    }
}

static bool has_model(const struct visit *v, struct str model)
{
    struct str prefix = STR("models/"); /* Gemini's list has it, calls work with and without */
    for (int i = 0; i < v->model_count; i++) {
        struct str m = str_starts(v->model[i], prefix) ? str_skip(v->model[i], prefix.len) : v->model[i];
        if (str_eq(m, model) || str_eq(v->model[i], model) || (v->ollama && ollama_same_model(m, model)))
            return true;
    }
    return false;
}

/* --- what is said about each model ----------------------------------------------------------------------------------- */

static struct str money(struct doctor *d, int64_t nusd)
{
    AUTO_BUF struct buf b = BUF_INIT(64);
    if (nusd == MODEL_UNKNOWN || buf_append_scaled(&b, nusd, 9))
        return STR("?");
    return doctor_format(d, "%.*s", STR_FMT(buf_str(&b)));
}

static struct str prices(struct doctor *d, const struct model_row *row)
{
    if (!row)
        return STR("?");
    return doctor_format(d, "%.*s in, %.*s out", STR_FMT(money(d, row->input)), STR_FMT(money(d, row->output)));
}

static bool find_retired(struct visit *v, struct str model, struct config_mark at)
{
    const struct model_row *row = v->vendor ? model_find(str_from(v->vendor->name), model) : NULL;
    if (!row || !row->retired)
        return false;
    const struct model_row *next =
        row->successor ? model_find(str_from(v->vendor->name), str_from(row->successor)) : NULL;
    const char *todo = row->successor ? doctor_format(v->d, "Write %.*s/%s in the config (or `successors: allow`).",
                                                      STR_FMT(v->name), row->successor)
                                            .ptr
                                      : "Choose another model; no successor is known.";
    if (row->successor)
        doctor_find(v->d, v->d->config->successors_allow ? FINDING_INFO : FINDING_WARN, v->name, "retired", todo,
                    "%.*s (line %d) is retired; its successor is %s: %.*s before, %.*s now (USD per million tokens)",
                    STR_FMT(model), at.line, row->successor, STR_FMT(prices(v->d, row)), STR_FMT(prices(v->d, next)));
    else
        doctor_find(v->d, FINDING_WARN, v->name, "retired", todo, "%.*s (line %d) is retired", STR_FMT(model), at.line);
    return true;
}

static void look_at_model(struct str model, struct config_mark at, int64_t max_context, void *ctx)
{
    struct visit *v = ctx;
    (void)max_context;
    if (find_retired(v, model, at) || !v->listed)
        return;
    if (has_model(v, model))
        doctor_find(v->d, FINDING_OK, v->name, "model", NULL, "%.*s is there", STR_FMT(model));
    else if (v->more)
        doctor_find(v->d, FINDING_INFO, v->name, "model", NULL, "%.*s is not on the first page of its list",
                    STR_FMT(model));
    else
        doctor_find(
            v->d, FINDING_FAIL, v->name, "model",
            v->ollama
                ? doctor_format(v->d, "Run `ollama pull %.*s` there, or name a model that it has.", STR_FMT(model)).ptr
                : doctor_format(v->d, "Name one of its models instead: GET %.*s lists them.", STR_FMT(list_url(v))).ptr,
            "%.*s (line %d) is not among its %d models", STR_FMT(model), at.line, v->model_count);
}

/* --- reachable? -------------------------------------------------------------------------------------------------------- */

static bool find_end(struct visit *v, const struct doctor_reply *r)
{
    static const struct {
        int end;
        const char *check, *todo;
    } rows[] = {
        {FETCH_RESOLVE, "name",
         "Check the name in its url, and this machine's DNS (`resolver:` names another server)."},
        {FETCH_CONNECT, "reachable",
         "Start it, or correct its url; in a container, `localhost` is the container itself."},
        {FETCH_CONNECT_TIMEOUT, "reachable", "Check that the machine is on, and the firewall between."},
        {FETCH_TLS, "tls",
         "Check its certificate and this machine's clock; an authority of your own is named with `ca_file:`."},
        {FETCH_FENCED, "fence",
         "Its address is not at home: correct the url, add the network to `home_networks`, or take `place: home` "
         "away."},
    };
    if (r->end == FETCH_OK && r->status)
        return true;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].end == r->end) {
            struct str host = r->end == FETCH_RESOLVE ? config_url_host(v->base) : STR_NONE; /* the vendor's row may have it */
            doctor_find(v->d, FINDING_FAIL, v->name, rows[i].check, rows[i].todo, "%.*s%s%s", STR_FMT(host), host.len ? ": " : "",
                        r->detail);
            return false;
        }
    doctor_find(v->d, FINDING_FAIL, v->name, "reachable", "Look at its own log.", "%s", r->detail);
    return false;
}

static void find_status(struct visit *v, const struct doctor_reply *r, bool keyed)
{
    if (r->status == 401 || r->status == 403)
        doctor_find(v->d, FINDING_FAIL, v->name, "key",
                    keyed ? "Make a new key there and set it." : "Give it a `key: env:NAME`.", "%s (%d)",
                    keyed ? "it refuses the key" : "it wants a key, and the config gives none", r->status);
    else if (r->status == 404 || r->status == 405)
        doctor_find(v->d, FINDING_INFO, v->name, "models", NULL,
                    "it lists no models (%d), so key and models were not checked; its url must end where %s",
                    r->status, v->way->begins);
    else if (r->status != 200)
        doctor_find(v->d, FINDING_WARN, v->name, "reachable",
                    "Look at its status page or log; calls go elsewhere meanwhile.",
                    "it answers %d when asked for its models", r->status);
    else if (keyed)
        doctor_find(v->d, FINDING_OK, v->name, "key", NULL, "is accepted");
}

/* OpenRouter's list is public; this one is not. */
static void try_openrouter_key(struct visit *v, struct doctor_client *c, const char *bearer)
{
    struct doctor_reply r;
    if (!bearer || !is(v->vendor, "openrouter"))
        return;
    ask(v, c, doctor_format(v->d, "%.*s/key", STR_FMT(v->base)), bearer, &r);
    if (r.status == 401 || r.status == 403)
        find_status(v, &r, true);
    buf_fini(&r.body);
}

static void look_at_clock(struct visit *v, const struct doctor_reply *r)
{
    if (r->date_ms == INT64_MIN)
        return;
    int64_t off = r->date_ms - r->answered_ms, size = off < 0 ? -off : off;
    if (size > SKEW_MAX_MS)
        doctor_find(v->d, FINDING_WARN, v->name, "clock",
                    "Set this machine's clock by the network (`timedatectl set-ntp true`), or that one's: budgets and "
                    "prices go by the time.",
                    "its clock is %lld s %s this machine's", (long long)(size / 1000), off < 0 ? "behind" : "ahead of");
    else
        doctor_find(v->d, FINDING_OK, v->name, "clock", NULL, "agrees with this machine's");
}

static struct str milliseconds(struct doctor *d, int64_t us)
{
    return doctor_format(d, "%lld.%lld", (long long)(us / 1000), (long long)(us / 100 % 10));
}

/* A second question on the same connection: what it takes is the network's round trip and the vendor's own time. */
static void look_at_latency(struct visit *v, struct doctor_client *c, const char *bearer, int64_t connect_us,
                            const char *peer)
{
    struct doctor_reply r;
    struct doctor_latency *l = arena_new(&v->d->arena, struct doctor_latency);
    ask(v, c, list_url(v), bearer, &r);
    int64_t network = v->u->unix_path.text.ptr ? 0 : doctor_network_us(peer, v->base);
    bool good = l && r.end == FETCH_OK && r.status && network >= 0;
    if (good) {
        network = network > r.first_byte_us ? r.first_byte_us : network;
        *l = (struct doctor_latency){
            .upstream = v->name, .connect_us = connect_us, .first_byte_us = r.first_byte_us, .network_us = network};
        *v->d->latency_tail = l;
        v->d->latency_tail = &l->next;
        doctor_find(v->d, FINDING_INFO, v->name, "latency", NULL,
                    "%.*s ms to connect; then %.*s ms to the first byte, %.*s of them network, the rest its own",
                    STR_FMT(milliseconds(v->d, connect_us)), STR_FMT(milliseconds(v->d, r.first_byte_us)),
                    STR_FMT(milliseconds(v->d, network)));
    }
    buf_fini(&r.body);
}

static void visit(struct visit *v, struct doctor_client *c, const char *bearer)
{
    struct doctor_reply r;
    ask(v, c, list_url(v), bearer, &r);
    if (find_end(v, &r)) {
        doctor_find(v->d, FINDING_OK, v->name, "reachable", NULL, "it answers");
        find_status(v, &r, bearer);
        if (r.status == 200)
            read_list(v, buf_str(&r.body));
        try_openrouter_key(v, c, bearer);
        look_at_clock(v, &r);
        look_at_latency(v, c, bearer, r.connect_us, r.peer);
        if (v->u->place == PLACE_HOME)
            doctor_ollama(v->d, c, v->u, v->base);
    }
    buf_fini(&r.body);
    doctor_each_target(v->d, v->name, look_at_model, v);
}

/* Lists stand at the face that the config names; without one at the vendor's openai face, but at Anthropic's own. */
static const struct list_way *way_of(const struct config_upstream *u, const struct vendor *vendor)
{
    bool own = is(vendor, "anthropic") && !u->url.text.ptr;
    bool elsewhere = vendor && !u->url.text.ptr && !own && !is(vendor, "ollama"); /* their other faces are for calls */
    struct str dialect = u->dialect.text.ptr && !elsewhere ? u->dialect.text : own ? STR("anthropic") : STR("openai");
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        if (str_eq(dialect, str_from(ways[i].dialect)))
            return &ways[i];
    return &ways[0];
}

static struct str cut(struct str url, const char *end)
{
    while (url.len && url.ptr[url.len - 1] == '/')
        url.len--;
    return str_ends(url, str_from(end)) ? str_slice(url, 0, url.len - strlen(end)) : url;
}

/* As that dialect's client takes it; what people paste for another one is mended as calls have it (faces.c). */
static struct str base_of(const struct visit *v)
{
    const struct config_upstream *u = v->u;
    bool versioned = v->way == &ways[0] || v->way == &ways[1], tags = v->way == &ways[3];
    struct str given = u->url.text;
    if (!given.ptr && u->unix_path.text.ptr)
        given = STR("http://localhost/v1");
    if (!given.ptr && v->vendor)
        given = str_from(versioned ? v->vendor->openai_url : tags ? v->vendor->ollama_url : v->vendor->anthropic_url);
    if (versioned && v->vendor && v->vendor->quirks & QUIRK_ONE_ROOT)
        return doctor_format(v->d, "%.*s/v1", STR_FMT(cut(given, "/v1")));
    return cut(versioned ? cut(given, "") : cut(cut(given, "/v1"), "/api"), "");
}

void doctor_upstream(struct doctor *d, const struct config_upstream *u)
{
    struct doctor_client *c;
    struct err e = {0};
    AUTO_BUF struct buf bearer = BUF_INIT(20 * KiB);
    struct visit *v = arena_new(&d->arena, struct visit);
    d->nomem = d->nomem || !v;
    if (!v || doctor_client_open(&c, d, u, &e) < 0) {
        d->nomem = true;
        return;
    }
    *v = (struct visit){.d = d, .u = u, .name = u->name.text};
    v->vendor = u->vendor.text.ptr ? vendor_find(u->vendor.text) : NULL;
    v->way = way_of(u, v->vendor);
    v->ollama = is(v->vendor, "ollama") || v->way == &ways[3];
    v->base = base_of(v);
    bool keyed = read_key(v, &bearer);
    visit(v, c, keyed ? bearer.ptr : NULL);
    if (bearer.ptr)
        memset(bearer.ptr, 0, bearer.cap);
    doctor_client_close(c);
}
