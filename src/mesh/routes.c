/* routes.c: from the config to routes: upstreams with their vendors, keys and URLs, targets, jobs and aliases, made once.
 * Everything lives in the mesh's arena. What may not be (unknown upstreams, planned features) is refused here, with the
 * line; what could cross a boundary is refused in prove.c. */
#include "base/mem.h"
#include "mesh/mesh_priv.h"
#include <assert.h>

static int refuse(struct err *e, struct config_mark at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int refuse(struct err *e, struct config_mark at, const char *format, ...)
{
    AUTO_BUF struct buf text = BUF_INIT(2 * KiB);
    va_list args;
    va_start(args, format);
    (void)buf_append_format_v(&text, format, args);
    va_end(args);
    return err_set_at(e, ERR_INVALID, at.line, at.column, "%.*s", STR_FMT(buf_str(&text)));
}

static struct str join(struct mesh *m, struct str a, const char *b)
{
    return str_from(arena_format(&m->arena, "%.*s%s", STR_FMT(a), b));
}

/* --- upstreams ---------------------------------------------------------------------------------------------------------- */

static int upstream_dialect(struct upstream *u, const struct config_upstream *c, struct err *e)
{
    static const struct {
        const char *name;
        enum dialect dialect;
    } words[] = {{"openai", DIALECT_OPENAI}, {"responses", DIALECT_RESPONSES}, {"anthropic", DIALECT_ANTHROPIC}, {"ollama", DIALECT_OLLAMA},
                 {"engine", DIALECT_OPENAI}};
    if (c->engine && !c->model_count)
        return refuse(e, c->mark, "upstream %.*s is the built-in engine: name its models and their files, "
                      "`models: { llama3.2:3b: models/Llama-3.2-3B-Q4_K_M.gguf }`", STR_FMT(c->name.text));
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (!c->dialect.text.ptr || str_eq(c->dialect.text, str_from(words[i].name))) {
            u->dialect = words[i].dialect;
            if (c->dialect.text.ptr && !c->url.text.ptr && u->vendor && !(u->vendor->dialects >> u->dialect & 1))
                return refuse(e, c->dialect.mark, "upstream %.*s: %s is not known to speak the %s dialect; give its `url`",
                              STR_FMT(c->name.text), u->vendor->title, words[i].name);
            return 0;
        }
    return refuse(e, c->dialect.mark, "upstream %.*s: there is no dialect %.*s", STR_FMT(c->name.text), STR_FMT(c->dialect.text));
}

static int upstream_regime(struct upstream *u, const struct config_upstream *c, struct err *e)
{
    struct str r = c->regime.text;
    u->regime = u->home ? REGIME_POWER : REGIME_CREDIT;
    if (str_eq(r, STR("credit")))
        u->regime = REGIME_CREDIT;
    else if (str_eq(r, STR("power")))
        u->regime = REGIME_POWER;
    else if (str_eq(r, STR("plan")))
        u->regime = REGIME_PLAN;
    else if (c->plan_window_count || c->plan_monthly_nusd || c->plan_reserve.text.ptr || c->plan_quota.text.ptr)
        return refuse(e, c->mark, "upstream %.*s has a `plan` section, but not `regime: plan`", STR_FMT(c->name.text));
    return 0;
}

/* https://host:port/path -> host */
static struct str url_host(struct str url)
{
    ptrdiff_t scheme = str_find(url, STR("://"));
    struct str rest = str_skip(url, scheme < 0 ? 0 : (size_t)scheme + 3);
    ptrdiff_t slash = str_find_char(rest, '/');
    struct str authority = slash < 0 ? rest : str_slice(rest, 0, (size_t)slash);
    if (authority.len && authority.ptr[0] == '[') {
        ptrdiff_t close = str_find_char(authority, ']');
        return close < 0 ? authority : str_slice(authority, 0, (size_t)close + 1);
    }
    ptrdiff_t colon = str_find_char(authority, ':');
    return colon < 0 ? authority : str_slice(authority, 0, (size_t)colon);
}

/* By its vendor, its dialect, or the port nobody else uses: a server that is no Ollama shall not hear questions it does not know. */
static bool is_ollama(const struct upstream *u)
{
    if (u->dialect == DIALECT_OLLAMA)
        return true;
    return u->vendor ? str_eq(str_from(u->vendor->name), STR("ollama")) : str_find(u->base, STR(":11434")) >= 0;
}

static int upstream_urls(struct mesh *m, struct upstream *u, const struct config_upstream *c, struct err *e)
{
    struct str given = c->url.text;
    u->unix_path = c->engine ? m->engine_socket : c->unix_path.text;
    if (!given.ptr && u->unix_path.ptr)
        given = u->dialect == DIALECT_OPENAI || u->dialect == DIALECT_RESPONSES ? STR("http://localhost/v1") : STR("http://localhost");
    if (!given.ptr && !u->vendor)
        return refuse(e, c->mark, "upstream %.*s needs a `url` (for OpenAI's dialect with its /v1) or a known `vendor`", STR_FMT(c->name.text));
    if (faces_build(u, given, c->dialect.text.ptr != NULL, &m->arena) < 0)
        return err_set(e, ERR_NOMEM, "routes");
    u->host = url_host(u->base);
    struct str root = str_ends(u->base, STR("/v1")) ? str_slice(u->base, 0, u->base.len - 3) : u->base;
    if (c->engine) /* it forwards to nobody, and cannot */
        return 0;
    if (u->home && !(u->probe_url = join(m, root, "/api/tags")).ptr)
        return err_set(e, ERR_NOMEM, "routes");
    if (u->home && is_ollama(u) && !(u->loaded_url = join(m, root, "/api/ps")).ptr)
        return err_set(e, ERR_NOMEM, "routes");
    return 0;
}

static int upstream_key(struct mesh *m, struct upstream *u, const struct config_upstream *c, struct err *e)
{
    if (str_eq(c->key.text, STR("passthrough"))) {
        u->passthrough = true;
        return 0;
    }
    struct str reference = c->key.text;
    bool implied = !reference.ptr && u->vendor && u->vendor->key_env && !u->home && !c->url.text.ptr;
    if (implied) /* a known vendor at its own address needs a key; its usual variable is where people keep it */
        reference = str_from(arena_format(&m->arena, "env:%s", u->vendor->key_env));
    if (!reference.ptr)
        return 0;
    AUTO_BUF struct buf secret = BUF_INIT(16 * KiB);
    struct err why = {0};
    int rc = config_secret(&secret, reference, &why);
    if (rc == ERR_NOMEM)
        return err_set(e, rc, "routes");
    struct str key = str_trim(buf_str(&secret));
    if (rc || key.len == 0) {
        u->key_problem = arena_dup(&m->arena, rc ? str_from(why.text) : STR("the key is empty"));
        return 0;
    }
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.ptr[i] <= 0x20 || (unsigned char)key.ptr[i] >= 0x7f)
            return refuse(e, c->key.mark.line ? c->key.mark : c->mark, "upstream %.*s: its key holds a blank or a control byte",
                          STR_FMT(c->name.text));
    u->key = arena_dup(&m->arena, key);
    u->authorization = str_from(arena_format(&m->arena, "Bearer %.*s", STR_FMT(key)));
    memset(secret.ptr, 0, secret.len);
    bool made = u->key.ptr && u->authorization.ptr && faces_keys(u, &m->arena) == 0;
    return made ? 0 : err_set(e, ERR_NOMEM, "routes");
}

static int upstream_budgets(struct mesh *m, struct upstream *u, const struct config_upstream *c, struct err *e)
{
    int64_t limit[] = {c->budget_hour_nusd, c->budget_day_nusd, c->budget_month_nusd};
    for (int span = 0; m->ledger && span < 3; span++) {
        if (limit[span] < 0)
            continue;
        int rc = ledger_budget(&u->budget[span], m->ledger, u->name, (enum budget_span)span, limit[span], e);
        if (rc)
            return rc;
    }
    return 0;
}

/* A plan's calls carry a subscription's credential: the client's own, or one that is the owner's. */
static int upstream_plan(struct mesh *m, struct upstream *u, const struct config_upstream *c, struct err *e)
{
    if (u->regime != REGIME_PLAN)
        return 0;
    if (!u->passthrough && !u->authorization.len && !u->key_problem.len)
        return refuse(e, c->regime.mark, "upstream %.*s: `regime: plan` needs the subscription's credential: `key: passthrough` for the "
                      "client's own, or the plan's own key", STR_FMT(c->name.text));
    if (u->passthrough && c->plan_quota.text.ptr)
        return refuse(e, c->plan_quota.mark, "upstream %.*s: `quota` is asked with a key of yours; a client's own credential is used for "
                      "that client's calls alone", STR_FMT(c->name.text));
    return flat_open(m, u, e);
}

static int upstream_build(struct mesh *m, struct upstream *u, const struct config_upstream *c, struct err *e)
{
    enum { CONNECT_MS = 5000, FIRST_BYTE_MS = 120000, IDLE_MS = 120000, TOTAL_MS = 900000 }; /* design §5 */
    u->config = c;
    u->name = c->name.text;
    u->mark = c->mark;
    u->home = c->place == PLACE_HOME;
    if (c->vendor.text.ptr) {
        u->vendor = vendor_find(c->vendor.text);
        u->vendor_name = c->vendor.text;
        if (!u->vendor) {
            AUTO_BUF struct buf names = BUF_INIT(1 * KiB);
            for (size_t i = 0; i < vendor_count(); i++)
                (void)buf_append_format(&names, "%s%s", i ? ", " : "", vendor_at(i)->name);
            return refuse(e, c->vendor.mark, "vendor %.*s is unknown; known are %.*s; anything else takes `url:` instead",
                          STR_FMT(c->vendor.text), STR_FMT(buf_str(&names)));
        }
    }
    u->connect_ms = c->connect_ms ? (int)c->connect_ms : CONNECT_MS;
    u->first_byte_ms = c->first_byte_ms ? (int)c->first_byte_ms : FIRST_BYTE_MS;
    u->idle_ms = c->idle_ms ? (int)c->idle_ms : IDLE_MS;
    u->total_ms = c->total_ms ? (int)c->total_ms : TOTAL_MS;
    u->concurrent = c->concurrent;
    u->rpm = c->rpm;
    u->tpm = c->tpm;
    u->queue_max = c->queue_wait_ms > 0 ? c->queue_max : 0; /* no patience, no line */
    u->queue_wait_ms = c->queue_wait_ms;
    int rc = upstream_dialect(u, c, e);
    if (rc == 0)
        rc = upstream_regime(u, c, e);
    if (rc == 0)
        rc = upstream_urls(m, u, c, e);
    if (rc == 0)
        rc = upstream_key(m, u, c, e);
    if (rc == 0)
        rc = upstream_plan(m, u, c, e);
    return rc ? rc : upstream_budgets(m, u, c, e);
}

/* --- targets ------------------------------------------------------------------------------------------------------------ */

static struct upstream *upstream_named(const struct mesh *m, struct str name)
{
    for (int i = 0; i < m->upstream_count; i++)
        if (str_eq(m->upstream[i].name, name))
            return &m->upstream[i];
    return NULL;
}

static struct target *target_named(const struct mesh *m, struct str name)
{
    for (int i = 0; i < m->target_count; i++)
        if (str_eq(m->target[i].name, name))
            return &m->target[i];
    return NULL;
}

static int target_prices(struct mesh *m, struct target *t, struct err *e)
{
    const struct config *c = m->config;
    size_t n = 0;
    for (int i = 0; i < c->price_count; i++)
        n += str_eq(c->price[i].target.text, t->name);
    struct price *p = n ? arena_new_array(&m->arena, struct price, n) : NULL;
    if (n && !p)
        return err_set(e, ERR_NOMEM, "routes");
    t->price = p;
    for (int i = 0; i < c->price_count; i++) {
        const struct config_price *from = &c->price[i];
        if (!str_eq(from->target.text, t->name))
            continue;
        struct price *to = p + t->price_count++;
        *to = (struct price){.input = from->input, .cached = from->cached, .cache_write = from->cache_write, .output = from->output,
                             .hours = {.weekdays = from->weekdays, .utc_offset_min = from->utc_offset_min}};
        static_assert(sizeof to->hours.span == sizeof from->span, "spans are the same in both modules");
        memcpy(to->hours.span, from->span, sizeof from->span);
    }
    return 0;
}

/* Of the built-in engine it is known what it has. */
static int target_engine(const struct upstream *u, const struct config_text *name, struct str model, struct err *e)
{
    AUTO_BUF struct buf names = BUF_INIT(600);
    for (int i = 0; i < u->config->model_count; i++) {
        if (str_eq(u->config->models[i].text, model))
            return 0;
        (void)buf_append_format(&names, "%s%.*s", i ? ", " : "", STR_FMT(u->config->models[i].text)); /* enough names for one message */
    }
    return refuse(e, name->mark, "target %.*s: the engine has no model %.*s under `models`; it has %.*s", STR_FMT(name->text), STR_FMT(model),
                  STR_FMT(buf_str(&names)));
}

/* Adds upstream/model once; the mark says where it was named. */
static int target_add(struct mesh *m, const struct config_text *name, struct target **out, struct err *e)
{
    struct target *t = target_named(m, name->text);
    if (!t) {
        ptrdiff_t slash = str_find_char(name->text, '/');
        struct upstream *u = slash > 0 ? upstream_named(m, str_slice(name->text, 0, (size_t)slash)) : NULL;
        if (!u)
            return refuse(e, name->mark, "target %.*s: there is no upstream of that name", STR_FMT(name->text));
        int known = u->config->engine ? target_engine(u, name, str_skip(name->text, (size_t)slash + 1), e) : 0;
        if (known < 0)
            return known;
        t = &m->target[m->target_count++];
        *t = (struct target){.name = name->text, .model = str_skip(name->text, (size_t)slash + 1), .up = u};
        t->fact = model_find(u->vendor_name, t->model);
        if (m->config->successors_allow && t->fact && t->fact->retired && t->fact->successor) {
            t->model = str_from(t->fact->successor); /* the target keeps its name; the upstream reads the new one */
            t->fact = model_find(u->vendor_name, t->model);
        }
        int rc = target_prices(m, t, e);
        if (rc)
            return rc;
    }
    *out = t;
    return 0;
}

/* --- jobs ---------------------------------------------------------------------------------------------------------------- */

static int step_build(struct mesh *m, struct step *s, const struct config_step *c, const struct config_job *job, struct err *e)
{
    enum config_balance balance = c->balance ? c->balance : job->balance ? job->balance : BALANCE_ORDER;
    *s = (struct step){.count = c->target_count, .balance = balance, .hedge_after_ms = c->hedge_after_ms,
                       .max_context = c->max_context, .needs = c->needs,
                       .tags = c->tags, .tag_count = c->tag_count};
    s->of = arena_new_array(&m->arena, struct step_target, (size_t)c->target_count);
    if (!s->of)
        return err_set(e, ERR_NOMEM, "routes");
    for (int i = 0; i < c->target_count; i++) {
        struct target *t;
        int rc = target_add(m, &c->target[i].name, &t, e);
        if (rc)
            return rc;
        s->of[i] = (struct step_target){.target = t, .weight = c->target[i].weight ? c->target[i].weight : 1};
    }
    return 0;
}

/* What nobody in the chain can do is a mistake of whoever wrote it. */
static int job_overflow(struct job *j, const struct config_job *c, struct err *e)
{
    bool own = false;
    j->drop_oldest = c->overflow == CONFIG_OVERFLOW_DROP_OLDEST;
    for (int s = 0; s < j->step_count; s++)
        for (int i = 0; i < j->step[s].count; i++)
            own = own || j->step[s].of[i].target->up->config->engine;
    return own || !j->drop_oldest ? 0 : refuse(e, c->overflow_mark, "job %.*s: `overflow: drop_oldest` is done by the built-in engine, and none of its models is in the "
                                               "chain; elsewhere a conversation that is too long is an error, or cut by that server", STR_FMT(c->name.text));
}

/* `private` and `embed` stay at home unless their owner writes otherwise: nobody gets a silent way out by forgetting a line. */
static bool job_is_home(const struct config_job *c)
{
    if (c->boundary != BOUNDARY_UNSET)
        return c->boundary == BOUNDARY_HOME;
    return str_eq(c->name.text, STR("private")) || str_eq(c->name.text, STR("embed"));
}

static int job_build(struct mesh *m, struct job *j, const struct config_job *c, struct err *e)
{
    j->name = c->name.text;
    j->home = job_is_home(c);
    j->requires_url = c->requires_url.text;
    if (str_eq(c->name.text, STR("private")) && c->boundary == BOUNDARY_ANY)
        return refuse(e, c->boundary_mark, "job private cannot have `boundary: any`; name the job otherwise");
    j->step_count = c->step_count;
    j->step = arena_new_array(&m->arena, struct step, (size_t)c->step_count);
    j->default_count = (size_t)c->default_count;
    j->defaults = arena_new_array(&m->arena, struct json_member, j->default_count + 1);
    if (!j->step || !j->defaults)
        return err_set(e, ERR_NOMEM, "routes");
    for (int i = 0; i < c->default_count; i++)
        j->defaults[i] = (struct json_member){c->defaults[i].key, c->defaults[i].json};
    for (int i = 0; i < c->step_count; i++) {
        int rc = step_build(m, &j->step[i], &c->step[i], c, e);
        if (rc)
            return rc;
    }
    return job_overflow(j, c, e);
}

/* --- aliases ------------------------------------------------------------------------------------------------------------- */

static const struct job *job_named(const struct mesh *m, struct str name)
{
    for (int i = 0; i < m->job_count; i++)
        if (str_eq(m->job[i].name, name))
            return &m->job[i];
    return NULL;
}

static int alias_build(struct mesh *m, struct alias *a, const struct config_alias *c, struct err *e)
{
    *a = (struct alias){.name = c->name.text, .to = c->to.text, .pattern = str_find_char(c->name.text, '*') >= 0};
    a->job = job_named(m, c->to.text);
    if (str_eq_fold(a->name, STR("private")) && !(a->job && a->job->home)) /* as for the job of this name */
        return refuse(e, c->to.mark, "alias %.*s: who asks for `private` stays at home: it can lead to a job with `boundary: home` only",
                      STR_FMT(c->name.text));
    if (a->job)
        return 0;
    struct target *t;
    if (str_find_char(c->to.text, '/') < 0)
        return refuse(e, c->to.mark, "alias %.*s: there is no job or target %.*s", STR_FMT(c->name.text), STR_FMT(c->to.text));
    int rc = target_add(m, &c->to, &t, e);
    a->target = t;
    return rc;
}

/* Exact names first; then the pattern that says most (the longest) wins, the earlier one among equals. */
static bool alias_before(const struct alias *a, const struct alias *b)
{
    if (a->pattern != b->pattern)
        return !a->pattern;
    return a->pattern && a->name.len > b->name.len;
}

static void alias_sort(struct alias *a, int count)
{
    for (int i = 1; i < count; i++) {
        struct alias moved = a[i];
        int k = i;
        for (; k > 0 && alias_before(&moved, &a[k - 1]); k--)
            a[k] = a[k - 1];
        a[k] = moved;
    }
}

/* --- all together -------------------------------------------------------------------------------------------------------- */

static size_t targets_at_most(const struct config *c)
{
    size_t n = (size_t)c->alias_count + (size_t)c->price_count;
    for (int i = 0; i < c->job_count; i++)
        for (int k = 0; k < c->job[i].step_count; k++)
            n += (size_t)c->job[i].step[k].target_count;
    return n;
}

int routes_build(struct mesh *m, struct err *e)
{
    const struct config *c = m->config;
    m->upstream = arena_new_array(&m->arena, struct upstream, (size_t)c->upstream_count + 1);
    m->target = arena_new_array(&m->arena, struct target, targets_at_most(c) + 1);
    m->job = arena_new_array(&m->arena, struct job, (size_t)c->job_count + 1);
    m->alias = arena_new_array(&m->arena, struct alias, (size_t)c->alias_count + 1);
    if (!m->upstream || !m->target || !m->job || !m->alias)
        return err_set(e, ERR_NOMEM, "routes");
    int rc = 0;
    for (int i = 0; rc == 0 && i < c->upstream_count; i++) {
        m->upstream[i].index = m->upstream_count++;
        rc = upstream_build(m, &m->upstream[i], &c->upstream[i], e);
    }
    for (int i = 0; rc == 0 && i < c->job_count; i++) {
        m->job[i].index = m->job_count++;
        rc = job_build(m, &m->job[i], &c->job[i], e);
    }
    for (int i = 0; rc == 0 && i < c->alias_count; i++)
        rc = alias_build(m, &m->alias[m->alias_count++], &c->alias[i], e);
    for (int i = 0; rc == 0 && i < c->price_count; i++) { /* a price for a target nobody names is a typing error */
        struct target *t;
        rc = target_add(m, &c->price[i].target, &t, e);
    }
    if (rc)
        return rc;
    alias_sort(m->alias, m->alias_count);
    return 0;
}
