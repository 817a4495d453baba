/* litellm_place.c: where an entry's model is reached: the upstream with its URL, its key and its limits. Entries that agree
 * in all of these share one. */
#include "base/mem.h"
#include "config/litellm_priv.h"

struct litellm_secret { /* a key that stood in the file; it goes nowhere but into comparisons */
    struct str literal, variable;
    struct litellm_secret *next;
};

/* --- names ----------------------------------------------------------------------------------------- */

struct str litellm_free_name(struct litellm *im, struct str wish,
                             bool (*taken)(const struct litellm *im, struct str name))
{
    enum { ROOM_FOR_NUMBER = 8 };
    char clean[CONFIG_NAME_BYTES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < wish.len && n < sizeof clean - ROOM_FOR_NUMBER; i++) {
        char c = wish.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'), upper = c >= 'A' && c <= 'Z';
        if (letter || upper || (n && (c == '.' || c == '_' || c == '-')))
            clean[n++] = upper ? (char)(c - 'A' + 'a') : c;
        else if (n && clean[n - 1] != '-' && c != '*')
            clean[n++] = '-';
    }
    while (n && clean[n - 1] == '-')
        n--;
    struct str base = n ? str_of(clean, n) : STR("any"), name = litellm_format(im, "%.*s", STR_FMT(base));
    for (int i = 2; taken(im, name) && !im->nomem; i++)
        name = litellm_format(im, "%.*s-%d", STR_FMT(base), i);
    return name;
}

static bool upstream_taken(const struct litellm *im, struct str name)
{
    for (const struct litellm_upstream *u = im->upstream; u; u = u->next)
        if (str_eq(u->name, name))
            return true;
    return false;
}

/* ollama, openai; what has a URL of its own is called after its host. */
static struct str name_wish(const struct litellm_provider *p, struct str vendor, struct str url)
{
    struct str host = config_url_host(url);
    ptrdiff_t dot = str_find_char(host, '.');
    bool number = host.len && host.ptr[0] >= '0' && host.ptr[0] <= '9';
    if (vendor.len)
        return vendor;
    if (p->url && p->reach == REACH_URL)
        return str_from(p->name);
    if (str_eq_fold(host, STR("localhost")) || str_starts(host, STR("127.")))
        return p->reach == REACH_LOCAL ? str_from(p->name) : STR("local");
    return dot > 0 && !number ? str_slice(host, 0, (size_t)dot) : host;
}

/* --- keys ------------------------------------------------------------------------------------------- */

/* Recursion is bounded by CONFIG_DEPTH_MAX. */
static bool names_variable(const struct config_node *n, struct str name)
{
    if (n->kind == NODE_SCALAR)
        return str_eq(litellm_variable(n->text), name);
    for (const struct config_item *i = n->first; i; i = i->next)
        if (names_variable(i->value, name))
            return true;
    return false;
}

static bool variable_is_other(const struct litellm *im, struct str name, struct str literal)
{
    for (const struct litellm_secret *s = im->secret; s; s = s->next)
        if (str_eq(s->variable, name))
            return true;
    const char *set = im->world->variable(name.ptr);
    return names_variable(im->root, name) || (set && !str_eq(str_from(set), literal));
}

static struct str upper(struct litellm *im, struct str s)
{
    char *out = litellm_alloc(im, s.len + 1);
    for (size_t i = 0; out && i < s.len; i++) {
        char c = s.ptr[i];
        bool lower = c >= 'a' && c <= 'z';
        out[i] = lower ? (char)(c - 'a' + 'A') : (c >= 'A' && c <= 'Z') || (i && c >= '0' && c <= '9') ? c : '_';
    }
    return str_of(out ? out : "", out ? s.len : 0);
}

static struct str name_secret(struct litellm *im, struct str literal, struct str wish)
{
    for (const struct litellm_secret *s = im->secret; s; s = s->next)
        if (str_eq(s->literal, literal))
            return s->variable;
    struct str name = litellm_format(im, "%.*s", STR_FMT(wish));
    for (int i = 2; !im->nomem && variable_is_other(im, name, literal); i++)
        name = litellm_format(im, "%.*s_%d", STR_FMT(wish), i);
    struct litellm_secret *s = litellm_alloc(im, sizeof *s);
    if (s) {
        *s = (struct litellm_secret){.literal = literal, .variable = name, .next = im->secret};
        im->secret = s;
    }
    return name;
}

/* credential_list: [{ credential_name, credential_values: { api_key, api_base } }] */
static const struct config_node *credential_of(struct litellm *im, const struct litellm_deployment *d)
{
    struct str wanted = litellm_text(d->params, "litellm_credential_name");
    const struct config_item *list = litellm_item(im->root, "credential_list");
    for (const struct config_item *i = wanted.len && list && list->value->kind == NODE_LIST ? list->value->first : NULL;
         i; i = i->next) {
        const struct config_item *values = litellm_item(i->value, "credential_values");
        if (str_eq(litellm_text(i->value, "credential_name"), wanted))
            return values ? values->value : NULL;
    }
    if (wanted.len)
        litellm_note(im, LITELLM_LOST, d->mark, STR("litellm_credential_name"), "%s is not in credential_list",
                     config_quoted(wanted).text);
    return NULL;
}

static const struct config_item *param(struct litellm *im, const struct litellm_deployment *d, const char *key)
{
    const struct config_item *i = litellm_item(d->params, key);
    return i ? i : litellm_item(credential_of(im, d), key);
}

struct str litellm_key_reference(struct litellm *im, const struct litellm_provider *p,
                                 const struct litellm_deployment *d, bool home, bool own_url)
{
    const char *url = NULL, *usual = p->key_env;
    const struct config_item *i = param(im, d, "api_key");
    if (p->vendor && !usual)
        (void)im->world->vendor(str_from(p->vendor), &url, &usual);
    struct str text = i && i->value->kind == NODE_SCALAR ? i->value->text : STR_NONE, variable = litellm_variable(text);
    if (variable.len) {
        struct str reference = litellm_format(im, "env:%.*s", STR_FMT(variable));
        if (!config_check_secret(reference))
            return reference;
        litellm_note(im, LITELLM_LOST, i->value->mark, STR("api_key"), "this is no name of a variable");
        return STR_NONE;
    }
    if (!i)
        return home || own_url || !usual ? STR_NONE : litellm_format(im, "env:%s", usual);
    if (!text.len || litellm_key_is_placeholder(text))
        return STR_NONE;
    struct str wish =
        usual && !own_url ? str_from(usual) : litellm_format(im, "%.*s_API_KEY", STR_FMT(upper(im, d->group->name)));
    struct str name = name_secret(im, text, wish);
    litellm_note(im, LITELLM_SECRET, i->value->mark, STR("api_key"),
                 "the key of %.*s stands in the file: set it as %.*s", STR_FMT(d->written), STR_FMT(name));
    return litellm_format(im, "env:%.*s", STR_FMT(name));
}

/* --- URLs ------------------------------------------------------------------------------------------- */

static struct str resolve(struct litellm *im, const struct config_item *i)
{
    struct str name = litellm_variable(i->value->text);
    return name.len ? litellm_value_of(im, name) : i->value->text; /* a URL is no secret */
}

static struct str base_of(struct litellm *im, const struct litellm_deployment *d, bool *wrong)
{
    const struct config_item *i = param(im, d, "api_base");
    *wrong = false;
    if (!i)
        i = param(im, d, "base_url");
    if (!i || i->value->kind != NODE_SCALAR)
        return STR_NONE;
    struct str url = resolve(im, i);
    while (url.len && url.ptr[url.len - 1] == '/')
        url.len--;
    ptrdiff_t all = str_find(url, STR("://0.0.0.0")); /* where a server listens; it is called on loopback */
    if (all > 0)
        url = litellm_format(im, "%.*s://127.0.0.1%.*s", STR_FMT(str_slice(url, 0, (size_t)all)),
                             STR_FMT(str_skip(url, (size_t)all + strlen("://0.0.0.0"))));
    const char *why = url.len ? config_check_http_url(url) : "is not set in this environment: set it and import again";
    if (!why && str_find_char(url, '?') >= 0)
        why = "must hold no query";
    if (!why)
        return url;
    *wrong = true;
    litellm_note(im, LITELLM_SKIPPED, i->value->mark, d->written, "its api_base %s", why);
    return STR_NONE;
}

static struct str with_v1(struct litellm *im, struct str url)
{
    return str_ends(url, STR("/v1")) ? url : litellm_format(im, "%.*s/v1", STR_FMT(url));
}

static struct str azure_url(struct litellm *im, const struct litellm_deployment *d, struct str base)
{
    ptrdiff_t path = str_find(base, STR("/openai"));
    if (path > 0)
        base = str_slice(base, 0, (size_t)path);
    litellm_note(im, LITELLM_DIFFERENT, d->mark, d->written, "reached by Azure's v1 face; try it once");
    return litellm_format(im, "%.*s/openai/v1", STR_FMT(base));
}

/* --- upstreams --------------------------------------------------------------------------------------- */

static bool same_upstream(const struct litellm_upstream *a, const struct litellm_upstream *b)
{
    return str_eq(a->vendor, b->vendor) && str_eq(a->dialect, b->dialect) && str_eq(a->url, b->url) && str_eq(a->key, b->key) && a->home == b->home &&
           a->total_ms == b->total_ms && a->first_byte_ms == b->first_byte_ms && a->concurrent == b->concurrent &&
           a->rpm == b->rpm && a->tpm == b->tpm && str_eq(a->limited, b->limited) &&
           memcmp(a->budget_nusd, b->budget_nusd, sizeof a->budget_nusd) == 0;
}

static void tell_shared(struct litellm *im, const struct litellm_deployment *d, const struct litellm_upstream *u)
{
    const struct config_item *own = litellm_item(d->params, "max_parallel_requests");
    for (const struct litellm_deployment *o = im->deployment; own && o; o = o->next)
        if (o->up == u && !str_eq(o->model, d->model)) {
            litellm_note(im, LITELLM_STRICTER, own->key->mark, own->key->text,
                         "is one `concurrent` for all models of upstream %.*s", STR_FMT(u->name));
            break;
        }
    static const char *const rates[] = {"rpm", "tpm"};
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        const struct config_item *rate = litellm_item(d->params, rates[i]);
        if (rate && u->limited.len)
            litellm_note(im, LITELLM_STRICTER, rate->key->mark, rate->key->text,
                         "is one limit for all entries of %.*s/%.*s", STR_FMT(u->name), STR_FMT(d->model));
    }
}

static struct litellm_upstream *upstream_add(struct litellm *im, const struct litellm_deployment *d,
                                             const struct litellm_upstream *u, struct str wish)
{
    struct litellm_upstream **tail = &im->upstream;
    for (; *tail; tail = &(*tail)->next)
        if (same_upstream(*tail, u)) {
            tell_shared(im, d, *tail);
            return *tail;
        }
    struct litellm_upstream *copy = litellm_alloc(im, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *u;
    copy->name = litellm_free_name(im, wish, upstream_taken);
    *tail = copy;
    im->upstream_count++;
    return copy;
}

static void read_limits(struct litellm *im, const struct litellm_deployment *d, struct litellm_upstream *u)
{
    const struct config_item *total = litellm_item(d->params, "timeout"),
                             *first = litellm_item(d->params, "stream_timeout"),
                             *parallel = litellm_item(d->params, "max_parallel_requests");
    enum { CONCURRENT_MAX = 65535 };
    if (!total)
        total = litellm_item(d->params, "request_timeout");
    if (!total)
        total = litellm_setting(im, "timeout");
    u->total_ms = litellm_seconds(im, total ? total : litellm_item(im->settings, "request_timeout"));
    u->first_byte_ms = litellm_seconds(im, first ? first : litellm_setting(im, "stream_timeout"));
    if (!parallel && (parallel = litellm_setting(im, "default_max_parallel_requests")))
        litellm_note(im, LITELLM_STRICTER, parallel->key->mark, parallel->key->text,
                     "is the `concurrent` of each upstream now, of all its models together");
    u->concurrent = litellm_count(im, parallel);
    if (u->concurrent > CONCURRENT_MAX)
        u->concurrent = CONCURRENT_MAX;
    litellm_rates(im, d, u);
    litellm_budget(im, d, u);
}

/* Clients ask for `openai/gpt-4o` where the list has openai and a star: the upstream behind it is the one to be called openai,
 * for under that name another account's key would answer them. */
static void claim_name(struct litellm *im, const struct litellm_deployment *d)
{
    struct str name = d->group->name, end = STR("/*");
    struct str wish = str_ends(name, end) ? str_slice(name, 0, name.len - end.len) : STR_NONE;
    if (config_check_name(wish) || !str_eq(d->model, STR("*")) || d->up->claimed)
        return;
    for (struct litellm_upstream *u = im->upstream; u; u = u->next) {
        if (u == d->up || !str_eq(u->name, wish))
            continue;
        if (u->claimed)
            return;
        u->name = d->up->name;
    }
    d->up->name = wish;
    d->up->claimed = true;
}

void litellm_upstreams_name(struct litellm *im)
{
    for (const struct litellm_deployment *d = im->deployment; d; d = d->next)
        if (d->up && d->wildcard)
            claim_name(im, d);
    for (struct litellm_deployment *d = im->deployment; d; d = d->next)
        if (d->up)
            d->target = litellm_format(im, "%.*s/%.*s", STR_FMT(d->up->name), STR_FMT(d->model));
}

static bool is_vendors_own(const char *own, struct str base)
{
    return own && str_eq_fold(config_url_host(str_from(own)), config_url_host(base));
}

static struct str without(struct str url, const char *end)
{
    return str_ends(url, str_from(end)) ? str_slice(url, 0, url.len - strlen(end)) : url;
}

static void set_url(struct litellm *im, const struct litellm_deployment *d, const struct litellm_provider *p,
                    struct str base, struct litellm_upstream *u)
{
    const char *own = p->url, *key_env = NULL;
    if (p->vendor)
        (void)im->world->vendor(str_from(p->vendor), &own, &key_env);
    u->vendor = str_from(p->vendor);
    if (p->reach == REACH_AZURE && base.len) {
        u->url = azure_url(im, d, base);
    } else if (p->reach == REACH_LOCAL && p->vendor) {
        struct str url = base.len || !p->url ? base : str_from(p->url);
        u->url = url.len ? with_v1(im, url) : url;
    } else if (p->reach == REACH_VENDOR && (!base.len || is_vendors_own(own, base))) {
        u->url = STR_NONE;
    } else {
        u->url = base.len ? base : str_from(p->url);
        if (str_eq(u->vendor, STR("anthropic"))) { /* called there as at Anthropic itself, whatever of the path they wrote */
            u->dialect = u->vendor;
            u->url = without(without(u->url, "/messages"), "/v1");
        }
        if (str_eq(u->vendor, STR("openai"))) /* a server of the same dialect: none of OpenAI's models and prices */
            u->vendor = STR_NONE;
    }
}

void litellm_place(struct litellm *im, struct litellm_deployment *d)
{
    bool wrong;
    const struct litellm_provider *p =
        litellm_provider_of(d->written, litellm_text(d->params, "custom_llm_provider"), &d->model);
    struct str base = base_of(im, d, &wrong);
    static const struct litellm_provider like = {"openai_like", REACH_URL, NULL, NULL, NULL};
    if (wrong)
        return;
    if (!p && base.len)
        p = &like;
    struct litellm_upstream u = {.budget_nusd = {-1, -1, -1}};
    if (p && p->reach != REACH_NOT)
        set_url(im, d, p, base, &u);
    const char *why = str_eq(d->written, STR("*"))            ? "it stands for every provider at once: clients ask for "
                                                                "`upstream/model`, or make `\"*\"` an alias of a job"
                      : !p                                    ? "no provider that this importer knows"
                      : p->reach == REACH_NOT                 ? "Hearth does not speak to this provider"
                      : !u.vendor.len && !u.url.len           ? "it needs an `api_base`"
                      : p->reach == REACH_LOCAL && !u.url.len ? "it needs an `api_base`"
                          : NULL;
    if (why) {
        litellm_note(im, LITELLM_SKIPPED, d->mark, d->written, "%s", why);
        return;
    }
    u.home = u.url.len && config_host_looks_home(config_url_host(u.url));
    if (p->reach == REACH_LOCAL && !u.home)
        litellm_note(im, LITELLM_DIFFERENT, d->mark, d->written,
                     "stands outside by its address; if that network is yours: `home_networks: [...]`, and `place: "
                     "home` on the upstream");
    u.provider = str_from(p->name);
    u.key = litellm_key_reference(im, p, d, u.home, u.url.len > 0 && !p->key_env);
    read_limits(im, d, &u);
    d->up = upstream_add(im, d, &u, name_wish(p, u.vendor, u.url));
}
