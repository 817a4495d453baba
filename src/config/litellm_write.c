/* litellm_write.c: the hearth.yaml of an import, with the lines of the old file beside what came of them, and the names that
 * clients go on using. */
#include "base/json.h"
#include "base/mem.h"
#include "config/litellm_priv.h"

void litellm_put(struct litellm_writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (w->rc == 0)
        w->rc = buf_append_format_v(w->b, format, args);
    va_end(args);
}

void litellm_put_text(struct litellm_writer *w, struct str s)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    bool plain = s.len && ((s.ptr[0] >= 'a' && s.ptr[0] <= 'z') || (s.ptr[0] >= 'A' && s.ptr[0] <= 'Z'));
    for (size_t i = 0; i < s.len && plain; i++) {
        char c = s.ptr[i];
        plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-/", c);
    }
    for (size_t i = 0; i < COUNT_OF(words) && plain; i++)
        plain = !str_eq_fold(s, str_from(words[i]));
    if (plain) {
        litellm_put(w, "%.*s", STR_FMT(s));
        return;
    }
    struct json_writer json = JSON_WRITER(w->b);
    json_str(&json, s);
    if (w->rc == 0)
        w->rc = json_done(&json);
}

static void put_comment_text(struct litellm_writer *w, struct str s)
{
    for (size_t i = 0; i < s.len; i++) /* nothing of a name may end the comment */
        litellm_put(w, "%c", (unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f ? '?' : s.ptr[i]);
}

static void put_duration(struct litellm_writer *w, int64_t ms)
{
    if (ms % 1000)
        litellm_put(w, "%lldms", (long long)ms);
    else
        litellm_put(w, "%llds", (long long)(ms / 1000));
}

static void put_amount(struct litellm_writer *w, int64_t nusd)
{
    if (w->rc == 0)
        w->rc = buf_append_scaled(w->b, nusd, 9);
}

/* --- upstreams --------------------------------------------------------------------------------------- */

static void put_timeout(struct litellm_writer *w, const struct litellm_upstream *u)
{
    if (!u->total_ms && !u->first_byte_ms)
        return;
    litellm_put(w, ", timeout: {");
    if (u->first_byte_ms) {
        litellm_put(w, " first_byte: ");
        put_duration(w, u->first_byte_ms);
    }
    if (u->total_ms) {
        litellm_put(w, "%s total: ", u->first_byte_ms ? "," : "");
        put_duration(w, u->total_ms);
    }
    litellm_put(w, " }");
}

static void put_budget(struct litellm_writer *w, const struct litellm_upstream *u)
{
    static const char *const names[] = {"hour", "day", "month"};
    const char *separator = ", budget: {";
    for (int i = 0; i < 3; i++) {
        if (u->budget_nusd[i] < 0)
            continue;
        litellm_put(w, "%s %s: ", separator, names[i]);
        put_amount(w, u->budget_nusd[i]);
        litellm_put(w, " USD");
        separator = ",";
    }
    if (separator[1] == '\0')
        litellm_put(w, " }");
}

static void put_upstream(struct litellm_writer *w, const struct litellm_upstream *u)
{
    const char *separator = "";
    litellm_put(w, "  ");
    litellm_put_text(w, u->name);
    litellm_put(w, ": { ");
    if (u->vendor.len) {
        litellm_put(w, "vendor: %.*s", STR_FMT(u->vendor));
        separator = ", ";
    }
    if (u->dialect.len)
        litellm_put(w, "%sdialect: %.*s", separator, STR_FMT(u->dialect));
    if (u->url.len) {
        litellm_put(w, "%surl: ", separator);
        litellm_put_text(w, u->url);
    }
    if (u->home)
        litellm_put(w, ", place: home");
    if (u->key.len)
        litellm_put(w, ", key: \"%.*s\"", STR_FMT(u->key));
    if (u->concurrent)
        litellm_put(w, ", concurrent: %lld", (long long)u->concurrent);
    if (u->rpm)
        litellm_put(w, ", rpm: %lld", (long long)u->rpm);
    if (u->tpm)
        litellm_put(w, ", tpm: %lld", (long long)u->tpm);
    put_timeout(w, u);
    put_budget(w, u);
    litellm_put(w, " }\n");
}

/* --- chains ------------------------------------------------------------------------------------------- */

static int64_t gcd(int64_t a, int64_t b)
{
    return b ? gcd(b, a % b) : a;
}

/* Weights in the smallest whole numbers, at most 1000; what had none counts as one. */
static void reduce_weights(struct litellm_step *s)
{
    enum { ONE = 1000, WEIGHT_MAX = 1000 };
    int64_t common = 0, most = 1;
    for (int i = 0; i < s->count; i++) {
        if (!s->member[i].weight)
            s->member[i].weight = ONE;
        common = gcd(s->member[i].weight, common);
    }
    for (int i = 0; i < s->count; i++) {
        s->member[i].weight /= common;
        if (s->member[i].weight > most)
            most = s->member[i].weight;
    }
    for (int i = 0; i < s->count && most > WEIGHT_MAX; i++) {
        int64_t scaled = (int64_t)((__int128)s->member[i].weight * WEIGHT_MAX / most);
        s->member[i].weight = scaled ? scaled : 1;
    }
}

static void put_try(struct litellm_writer *w, struct litellm_step *s)
{
    if (s->count == 1) {
        litellm_put_text(w, s->member[0].of->target);
        return;
    }
    reduce_weights(s);
    for (int i = 0; i < s->count; i++) {
        litellm_put(w, i ? ", " : "[");
        if (s->member[i].weight != 1)
            litellm_put(w, "{ target: ");
        litellm_put_text(w, s->member[i].of->target);
        if (s->member[i].weight != 1)
            litellm_put(w, ", weight: %lld }", (long long)s->member[i].weight);
    }
    litellm_put(w, "]");
}

static void put_step(struct litellm_writer *w, struct litellm_step *s)
{
    litellm_put(w, "      - ");
    if (s->max_context) {
        litellm_put(w, "{ try: ");
        put_try(w, s);
        litellm_put(w, ", when: { max_context: %lld } }", (long long)s->max_context);
    } else {
        put_try(w, s);
    }
    if (s->why)
        litellm_put(w, "    # %s, line %d", s->why, s->mark.line);
    litellm_put(w, "\n");
}

/* --- jobs, aliases, prices ---------------------------------------------------------------------------------- */

static bool leads_out(const struct litellm_group *g)
{
    for (int s = 0; s < g->step_count; s++)
        for (int i = 0; i < g->step[s].count; i++)
            if (!g->step[s].member[i].of->up->home)
                return true;
    return false;
}

/* As before, but nobody should find out by the bill. */
static void tell_way_out(struct litellm_writer *w, const struct litellm_group *g)
{
    if (g->step[0].member[0].of->up->home && leads_out(g))
        litellm_note(
            w->im, LITELLM_DIFFERENT, g->mark, g->name,
            "begins at home and leads out when home fails, as it did before; `boundary: home` on the job forbids it");
}

static void put_job(struct litellm_writer *w, struct litellm_group *g)
{
    bool balanced = false;
    litellm_put(w, "  ");
    litellm_put_text(w, g->job);
    litellm_put(w, ":    # ");
    put_comment_text(w, g->name);
    litellm_put(w, ", line %d\n    chain:\n", g->mark.line);
    for (int s = 0; s < g->step_count; s++) {
        balanced = balanced || g->step[s].count > 1;
        put_step(w, &g->step[s]);
    }
    tell_way_out(w, g);
    if (balanced)
        litellm_put(w, "    balance: %s\n", g->balance);
    if (g->is_private)
        litellm_put(w, "    boundary: home\n");
    else if (str_eq(g->job, STR("embed")))
        litellm_put(w, "    boundary: %s\n", leads_out(g) ? "any" : "home");
    litellm_put_defaults(w, g);
}

static void add_name(struct litellm_writer *w, struct str name, const char *as, struct str to)
{
    w->name[w->out->name_count++] = (struct litellm_name){name, str_from(as), to};
}

/* A name that an alias cannot have as it is gets `*` for each byte in the way, if enough of it is left to mean something. */
static struct str alias_pattern(struct litellm *im, struct str name)
{
    char *out = litellm_alloc(im, name.len + 1);
    size_t n = 0, kept = 0;
    for (size_t i = 0; out && i < name.len; i++) {
        bool fine = !config_check_alias_name(str_slice(name, i, i + 1)) || (i && strchr("._-/:@+", name.ptr[i]));
        kept += fine;
        if (fine || (n == 0 || out[n - 1] != '*'))
            out[n++] = fine ? name.ptr[i] : '*';
    }
    struct str pattern = str_of(out ? out : "", n);
    return kept >= 4 && kept * 2 >= name.len && !config_check_alias_name(pattern) ? pattern : STR_NONE;
}

static void put_alias(struct litellm_writer *w, struct str name, struct config_mark mark, struct str to, bool *begun)
{
    struct str alias = config_check_alias_name(name) ? alias_pattern(w->im, name) : name;
    if (!alias.len) {
        litellm_note(w->im, LITELLM_LOST, mark, STR("model_name"),
                     "%s can be no name here: clients ask for `%.*s` instead", config_quoted(name).text, STR_FMT(to));
        add_name(w, name, "renamed", to);
        return;
    }
    litellm_put(w, "%s  ", *begun ? "" : "aliases:    # names that clients use\n");
    *begun = true;
    litellm_put_text(w, alias);
    litellm_put(w, ": ");
    litellm_put_text(w, to);
    litellm_put(w, "\n");
    if (!str_eq(alias, name))
        litellm_note(w->im, LITELLM_DIFFERENT, mark, STR("model_name"), "%s is caught by the pattern `%.*s`",
                     config_quoted(name).text, STR_FMT(alias));
    add_name(w, name, "alias", to);
}

static void tell_wildcard(struct litellm_writer *w, const struct litellm_group *g)
{
    const struct litellm_deployment *d = w->im->deployment;
    while (d && (d->group != g || !d->up))
        d = d->next;
    if (!d) {
        add_name(w, g->name, "none", STR_NONE);
        return;
    }
    struct str all = litellm_format(w->im, "%.*s/*", STR_FMT(d->up->name));
    bool same = str_eq(all, g->name);
    add_name(w, g->name, same ? "target" : "model", all);
    litellm_note(w->im, LITELLM_DIFFERENT, g->mark, g->name,
                 same ? "any model of this upstream can be asked for as `%.*s`"
                      : "models of this upstream are asked for as `%.*s`; by their bare names only where the table of "
                        "models knows them and no other upstream serves them. For other names write aliases",
                 STR_FMT(all));
    for (const struct litellm_deployment *o = d->next; o; o = o->next)
        if (o->group == g && o->up && o->up != d->up)
            litellm_note(w->im, LITELLM_LOST, o->mark, o->written,
                         "a pattern leads to one upstream, %.*s: this one is asked for as `%.*s/` and the model",
                         STR_FMT(d->up->name), STR_FMT(o->up->name));
}

/* What a group alias stands for: the job of a group, or a model that a pattern of the list catches. */
static struct str behind_alias(struct litellm *im, const struct config_node *n)
{
    struct str name = n->kind == NODE_MAP ? litellm_text(n, "model") : n->text;
    const struct litellm_group *g = litellm_group_named(im, name);
    const struct litellm_deployment *d = g ? NULL : litellm_by_wildcard(im, name);
    return g && g->step_count ? g->job : d ? d->target : STR_NONE;
}

static bool is_job(const struct litellm *im, struct str name)
{
    for (const struct litellm_group *g = im->group; g; g = g->next)
        if (str_eq(g->job, name))
            return true;
    return false;
}

static void put_group_alias(struct litellm_writer *w, const struct config_item *i, bool *begun)
{
    struct litellm *im = w->im;
    struct str to = behind_alias(im, i->value);
    bool shadowed = litellm_group_named(im, i->key->text) || is_job(im, i->key->text);
    if (to.len && !shadowed) {
        put_alias(w, i->key->text, i->key->mark, to, begun);
        return;
    }
    litellm_note(im, LITELLM_LOST, i->key->mark, STR("model_group_alias"), "%s: %s", config_quoted(i->key->text).text,
                 to.len ? "a group has this name already" : "it leads to no group");
    if (!shadowed)
        add_name(w, i->key->text, "none", STR_NONE);
}

static void put_aliases(struct litellm_writer *w)
{
    bool begun = false;
    const struct config_item *map = litellm_setting(w->im, "model_group_alias");
    for (const struct litellm_group *g = w->im->group; g; g = g->next) {
        if (!g->step_count)
            tell_wildcard(w, g);
        else if (str_eq(g->job, g->name))
            add_name(w, g->name, "job", g->job);
        else
            put_alias(w, g->name, g->mark, g->job, &begun);
    }
    for (const struct config_item *i = map && map->value->kind == NODE_MAP ? map->value->first : NULL; i; i = i->next)
        put_group_alias(w, i, &begun);
}

static bool is_priced(const struct litellm_deployment *d)
{
    for (int k = 0; k < 4; k++)
        if (d->price[k] != INT64_MIN)
            return d->up && !d->wildcard;
    return false;
}

/* The first of a target's entries with a price; a later one that says otherwise is told. */
static bool is_priced_before(struct litellm_writer *w, const struct litellm_deployment *d)
{
    for (const struct litellm_deployment *o = w->im->deployment; o != d; o = o->next) {
        if (!is_priced(o) || !str_eq(o->target, d->target))
            continue;
        if (memcmp(o->price, d->price, sizeof d->price) != 0)
            litellm_note(w->im, LITELLM_LOST, d->mark, d->written,
                         "its price differs from that of line %d, which is used", o->mark.line);
        return true;
    }
    return false;
}

static void put_prices(struct litellm_writer *w)
{
    static const char *const keys[] = {"input", "cached", "cache_write", "output"};
    bool begun = false;
    for (const struct litellm_deployment *d = w->im->deployment; d; d = d->next) {
        if (!is_priced(d) || is_priced_before(w, d))
            continue;
        litellm_put(w, "%s  ", begun ? "" : "prices:    # USD per million tokens\n");
        litellm_put_text(w, d->target);
        const char *separator = ": { ";
        for (int k = 0; k < 4; k++) {
            if (d->price[k] == INT64_MIN)
                continue;
            litellm_put(w, "%s%s: ", separator, keys[k]);
            put_amount(w, d->price[k]);
            separator = ", ";
        }
        litellm_put(w, " }\n");
        begun = true;
    }
}

/* A limit that cannot be checked is not kept: without a price every call there would be refused. */
static void tell_unpriced(struct litellm *im)
{
    for (const struct litellm_deployment *d = im->deployment; d; d = d->next) {
        bool own = d->price[0] != INT64_MIN && d->price[3] != INT64_MIN, budget = false;
        for (int k = 0; d->up && k < 3; k++)
            budget = budget || d->up->budget_nusd[k] >= 0;
        if (budget && !own && !d->priced && !d->wildcard)
            litellm_note(im, LITELLM_STRICTER, d->mark, d->written,
                         "has a budget and no known price, so every call would be REFUSED: write its price under "
                         "`prices:` (%.*s: { input, output })",
                         STR_FMT(d->target));
        if (budget && d->wildcard)
            litellm_note(im, LITELLM_STRICTER, d->mark, d->written,
                         "has a budget: models of it without a known price are REFUSED: write theirs under `prices:`");
    }
}

static int count_names(const struct litellm *im)
{
    const struct config_item *map = litellm_setting(im, "model_group_alias");
    return im->group_count + (map ? map->value->count : 0) + 1;
}

/* Limits of the whole that have a place here. */
static void put_limits(struct litellm_writer *w)
{
    enum { MIB_MAX = 512, CALLS_MAX = 1000000, KEEP_DAYS_MAX = 36500 };
    struct litellm *im = w->im;
    const struct config_item *keep = litellm_item(im->general, "maximum_spend_logs_retention_period"),
                             *body = litellm_item(im->general, "max_request_size_mb");
    int64_t mib = litellm_count(im, body),
            calls = litellm_count(im, litellm_item(im->general, "global_max_parallel_requests")), days = 0;
    if (mib > MIB_MAX) {
        litellm_note(im, LITELLM_STRICTER, body->key->mark, body->key->text, "%d MiB are the most", MIB_MAX);
        mib = MIB_MAX;
    }
    if (mib && calls)
        litellm_put(w, "limits: { body: %lld MiB, calls: %lld }\n", (long long)mib,
                    (long long)(calls < CALLS_MAX ? calls : CALLS_MAX));
    else if (mib)
        litellm_put(w, "limits: { body: %lld MiB }\n", (long long)mib);
    else if (calls)
        litellm_put(w, "limits: { calls: %lld }\n", (long long)(calls < CALLS_MAX ? calls : CALLS_MAX));
    if (keep && !litellm_days(keep->value, &days))
        litellm_note(im, LITELLM_LOST, keep->key->mark, keep->key->text, "is no time; write `ledger: { keep: 400d }`");
    if (days)
        litellm_put(w, "ledger: { keep: %lldd }    # sums of older calls stay\n",
                    (long long)(days < KEEP_DAYS_MAX ? days : KEEP_DAYS_MAX));
}

static void put_head(struct litellm_writer *w, struct str name)
{
    struct str rest = w->im->world->hosts, host, listen = w->im->world->listen;
    const char *separator = "hosts: [";
    litellm_put(w, "# Made from ");
    put_comment_text(w, name);
    litellm_put(
        w, " by `hearth config import litellm`.\ncompat: litellm    # answers carry x-litellm-* headers beside ours\n");
    if (listen.len) {
        litellm_put(w, "listen: ");
        litellm_put_text(w, listen);
        litellm_put(w, "\n");
    }
    while (str_cut(&rest, ',', &host)) {
        litellm_put(w, "%s", separator);
        litellm_put_text(w, str_trim(host));
        separator = ", ";
    }
    if (separator[0] == ',')
        litellm_put(w, "]    # names under which clients reach it\n");
    put_limits(w);
}

static int refuse_nothing(struct litellm *im)
{
    const struct litellm_note *n = im->note;
    struct config_mark at = litellm_item(im->root, "model_list")->key->mark;
    while (n && n->kind != LITELLM_SKIPPED)
        n = n->next;
    if (!n)
        return litellm_refuse(im, at, "`model_list` is empty: there is nothing to import");
    return litellm_refuse(im, at, "none of its models can be reached by Hearth; of the first, line %d: %.*s",
                          n->mark.line, STR_FMT(n->text));
}

int litellm_write(struct litellm *im, struct litellm_import *out, struct str name)
{
    struct litellm_writer w = {.im = im, .out = out, .b = &out->yaml};
    if (im->upstream_count == 0)
        return refuse_nothing(im);
    w.name = litellm_alloc(im, (size_t)count_names(im) * sizeof *w.name);
    if (!w.name)
        return ERR_NOMEM;
    out->name = w.name;
    put_head(&w, name);
    litellm_put(&w, "upstreams:\n");
    for (const struct litellm_upstream *u = im->upstream; u; u = u->next)
        put_upstream(&w, u);
    if (im->job_count)
        litellm_put(&w, "jobs:\n");
    for (struct litellm_group *g = im->group; g; g = g->next)
        if (g->step_count)
            put_job(&w, g);
    put_aliases(&w);
    put_prices(&w);
    tell_unpriced(im);
    return w.rc ? err_set(im->e, w.rc, "the result is too large") : 0;
}
