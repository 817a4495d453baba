/* discover.c: a config made from what this machine has, said line by line and written down when its owner wants it.
 *
 * The text that is used and the text that is written are the same, so the file gives the same jobs. It stays below forty
 * lines: one for each upstream and job, each with its reason. */
#include "cli/discover_priv.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "wire/wire.h"
#include <stdlib.h>
#include <unistd.h>

/* Which models do which job well, cheapest first (prices of 2026-10); `small` and `large` are the chat models at home. */
static const struct {
    const char *job, *why;
    const char *target[8]; /* vendor/model */
} preferences[] = {
    {"bulk",
     "much and simple: at home first, then the cheapest",
     {"small", "groq/openai/gpt-oss-20b", "gemini/gemini-2.5-flash-lite", "openai/gpt-6-luna",
      "anthropic/claude-haiku-5-5", "deepseek/deepseek-flash"}},
    {"reason",
     "thinking, at a moderate price",
     {"deepseek/deepseek-v4-pro", "openai/gpt-6.1-terra", "anthropic/claude-sonnet-5-5", "large"}},
    {"long",
     "large contexts",
     {"deepseek/deepseek-flash", "gemini/gemini-2.5-flash", "moonshot/kimi-k2.6", "openai/gpt-6.1-terra",
      "anthropic/claude-sonnet-5-5"}},
    {"fast",
     "an answer soon",
     {"groq/openai/gpt-oss-120b", "small", "openai/gpt-6-luna", "anthropic/claude-haiku-5-5"}},
    {"hard",
     "the best there is",
     {"openai/gpt-6.1-sol", "anthropic/claude-opus-5-5", "deepseek/deepseek-v4-pro", "moonshot/kimi-k3", "large"}},
};
static const char monthly_cap[] = "10 USD"; /* nobody's first month should cost more by surprise */

/* --- upstreams ----------------------------------------------------------------------------------------------- */

static void write_vendor(const struct vendor *v, struct buf *yaml, struct buf *said)
{
    (void)buf_append_format(yaml, "  %s: { vendor: %s, key: \"env:%s\", budget: { month: %s } }    # %s is set\n",
                            v->name, v->name, v->key_env, monthly_cap, v->key_env);
    (void)buf_append_format(said, "found %s: its key is in %s; at most %s a month\n", v->title, v->key_env,
                            monthly_cap);
}

static void write_place(const struct found_place *p, struct buf *yaml, struct buf *said)
{
    (void)buf_append_format(yaml, "  %s: { vendor: %s", p->name, p->vendor);
    if (p->url[0])
        (void)buf_append_format(yaml, ", url: \"%s\"", p->url);
    (void)buf_append_format(yaml, ", place: home }    # answers with %d model%s\n", p->model_count,
                            p->model_count == 1 ? "" : "s");
    (void)buf_append_format(said, "found %s at %s with %d model%s", p->name, p->base, p->model_count,
                            p->model_count == 1 ? "" : "s");
    if (p->small.name[0])
        (void)buf_append_format(said, "; to chat: %s", p->small.name);
    if (p->large.name[0] && strcmp(p->large.name, p->small.name) != 0)
        (void)buf_append_format(said, ", %s", p->large.name);
    if (p->embed.name[0])
        (void)buf_append_format(said, "; to embed: %s", p->embed.name);
    (void)buf_append_char(said, '\n');
}

static void write_upstreams(const struct found *f, struct buf *yaml, struct buf *said)
{
    (void)buf_append_text(yaml, "upstreams:\n");
    for (size_t i = 0; i < vendor_count() && i < DISCOVER_VENDORS_MAX; i++)
        if (f->vendor[i])
            write_vendor(vendor_at(i), yaml, said);
    for (int i = 0; i < f->place_count; i++)
        write_place(&f->place[i], yaml, said);
}

/* --- jobs ------------------------------------------------------------------------------------------------------ */

static bool vendor_is_found(const struct found *f, struct str target)
{
    struct str vendor = str_slice(target, 0, (size_t)str_find_char(target, '/'));
    for (size_t i = 0; i < vendor_count() && i < DISCOVER_VENDORS_MAX; i++)
        if (f->vendor[i] && str_eq(str_from(vendor_at(i)->name), vendor))
            return true;
    return false;
}

static void add_target(struct buf *chain, const char *target)
{
    (void)buf_append_format(chain, "%s\"%s\"", chain->len ? ", " : "", target);
}

/* One model of each place, in the order of the places. */
static void add_home(const struct found *f, struct buf *chain, bool large)
{
    for (int i = 0; i < f->place_count; i++) {
        const struct found_model *m = large ? &f->place[i].large : &f->place[i].small;
        char target[DISCOVER_NAME_BYTES + 40];
        if (!m->name[0])
            continue;
        text_format(target, sizeof target, "%s/%s", f->place[i].name, m->name);
        add_target(chain, target);
    }
}

/* Vectors of two models do not mix: the first place's model, and the others only when theirs is called the same. */
static void add_embed(const struct found *f, struct buf *chain)
{
    const char *first = NULL;
    for (int i = 0; i < f->place_count; i++) {
        const char *name = f->place[i].embed.name;
        char target[DISCOVER_NAME_BYTES + 40];
        if (!name[0] || (first && strcmp(first, name) != 0))
            continue;
        first = name;
        text_format(target, sizeof target, "%s/%s", f->place[i].name, name);
        add_target(chain, target);
    }
}

/* A job nobody of its list can do gets what there is: any vendor's usual model, else the one at home. */
static void add_whatever(const struct found *f, struct buf *chain)
{
    for (size_t i = 0; i < vendor_count() && i < DISCOVER_VENDORS_MAX; i++) {
        const struct vendor *v = vendor_at(i);
        char name[DISCOVER_NAME_BYTES];
        if (!f->vendor[i] || !v->default_model)
            continue;
        text_format(name, sizeof name, "%s/%s", v->name, v->default_model);
        add_target(chain, name);
    }
    if (chain->len == 0)
        add_home(f, chain, true);
}

static void write_job(struct buf *yaml, struct buf *said, const char *job, const char *why, const struct buf *chain,
                      bool home)
{
    if (chain->len == 0) {
        (void)buf_append_format(said, "job %s: none, for no model for it runs at home\n", job);
        return;
    }
    (void)buf_append_format(yaml, "  %s: { chain: [%.*s]%s }    # %s\n", job, STR_FMT(buf_str(chain)),
                            home ? ", boundary: home" : "", why);
    (void)buf_append_format(said, "job %s (%s): %.*s\n", job, why, STR_FMT(buf_str(chain)));
}

static void write_jobs(const struct found *f, struct buf *yaml, struct buf *said)
{
    AUTO_BUF struct buf private = BUF_INIT(8 * KiB), embed = BUF_INIT(8 * KiB);
    (void)buf_append_text(yaml, "jobs:    # clients ask for these as if they were models\n");
    for (size_t j = 0; j < COUNT_OF(preferences); j++) {
        AUTO_BUF struct buf chain = BUF_INIT(8 * KiB);
        for (size_t i = 0; i < COUNT_OF(preferences[j].target) && preferences[j].target[i]; i++) {
            const char *t = preferences[j].target[i];
            if (strcmp(t, "small") == 0 || strcmp(t, "large") == 0)
                add_home(f, &chain, t[0] == 'l');
            else if (vendor_is_found(f, str_from(t)))
                add_target(&chain, t);
        }
        if (chain.len == 0)
            add_whatever(f, &chain);
        write_job(yaml, said, preferences[j].job, preferences[j].why, &chain, false);
    }
    add_home(f, &private, false);
    add_embed(f, &embed);
    write_job(yaml, said, "private", "never leaves the house", &private, true);
    write_job(yaml, said, "embed", "vectors, made at home", &embed, true);
}

static int nothing_found(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND,
                   "nothing to work with: no config (hearth.yaml here, in ~/.config/hearth or /etc/hearth), no key in "
                   "the usual variables (DEEPSEEK_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY, ...), and neither Ollama "
                   "(on loopback or OLLAMA_HOST) nor llama-server on loopback. Set a key, start Ollama, name a model file of your own in a hearth.yaml "
                   "(upstreams: { engine: { dialect: engine, models: { NAME: FILE.gguf } } }), or look around with `hearth rehearse`");
}

static int make(struct buf *yaml, struct buf *said, bool measure, struct err *e)
{
    struct found f = {0};
    discover_look(&f, said);
    bool any = f.place_count > 0;
    for (size_t i = 0; i < COUNT_OF(f.vendor); i++)
        any = any || f.vendor[i];
    if (!any)
        return nothing_found(e);
    if (measure)
        discover_measure(&f, said);
    int rc =
        buf_append_text(yaml, "# Made by `hearth serve` from what this machine has; change what you like. `hearth "
                              "config check` explains it.\n"
                              "listen: 127.0.0.1:4242    # \":4242\" lets other machines in, who then need a key\n");
    write_upstreams(&f, yaml, said);
    write_jobs(&f, yaml, said);
    return rc ? err_set(e, rc, "first config") : 0;
}

/* --- the config to use ------------------------------------------------------------------------------------------- */

static int load(struct config **out, struct buf *path, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB);
    const char *name = buf_text(path);
    int rc = name ? config_load(out, name, e) : err_set(e, ERR_NOMEM, "config");
    if (rc && e->line && config_error(&text, buf_str(path), e) == 0)
        return err_set(e, rc == ERR_NOT_FOUND ? ERR_INVALID : rc, "%.*s", STR_FMT(buf_str(&text)));
    return rc;
}

int cli_config_or_make(struct config **out, const char *given, struct buf *yaml, bool measure, struct buf *said,
                       struct err *e)
{
    AUTO_BUF struct buf path = BUF_INIT(8 * KiB);
    int rc = config_find(&path, given, e);
    if (rc == 0)
        return load(out, &path, e);
    if (rc != ERR_NOT_FOUND || given || (getenv("HEARTH_CONFIG") && getenv("HEARTH_CONFIG")[0]))
        return rc; /* a config that was named and is not there: its error names it */
    rc = make(yaml, said, measure, e);
    return rc ? rc : config_read(out, buf_str(yaml), STR("(made from what this machine has)"), e);
}

int cli_config(struct config **out, const char *given, bool *made, struct buf *said, struct err *e)
{
    AUTO_BUF struct buf yaml = BUF_INIT(256 * KiB);
    int rc = cli_config_or_make(out, given, &yaml, false, said, e);
    *made = yaml.len > 0;
    return rc;
}

bool in_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 || getenv("container") != NULL ||
           getenv("KUBERNETES_SERVICE_HOST") != NULL;
}
