/* discover.c: what this machine has: keys in the usual variables, Ollama and llama-server on loopback; and a config made of
 * it. Nothing is written to disk and nothing is asked of the internet. */
#include "base/json.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "wire/wire.h"
#include <stdlib.h>
#include <unistd.h>

enum { LOCAL_TIMEOUT_MS = 500, NAME_BYTES_MAX = 200 };

/* Which models do which job well, cheapest first (prices of 2026-10); the local model stands where its row says. */
static const struct {
    const char *job;
    const char *target[8]; /* vendor/model; "local" is the chat model found at home */
} preferences[] = {
    {"bulk", {"groq/openai/gpt-oss-20b", "openai/gpt-6-luna", "anthropic/claude-haiku-5-5", "deepseek/deepseek-flash", "local", "gemini/gemini-2.5-flash-lite"}},
    {"reason", {"deepseek/deepseek-v4-pro", "openai/gpt-6.1-terra", "anthropic/claude-sonnet-5-5", "local"}},
    {"long", {"deepseek/deepseek-flash", "moonshot/kimi-k2.6", "gemini/gemini-2.5-flash", "openai/gpt-6.1-terra", "anthropic/claude-sonnet-5-5"}},
    {"fast", {"groq/openai/gpt-oss-120b", "local", "openai/gpt-6-luna", "anthropic/claude-haiku-5-5"}},
    {"hard", {"openai/gpt-6.1-sol", "anthropic/claude-opus-5-5", "deepseek/deepseek-v4-pro", "moonshot/kimi-k3"}},
};

struct found {
    bool vendor[64]; /* by index of the vendor table */
    char chat[2][NAME_BYTES_MAX], embed[2][NAME_BYTES_MAX]; /* of ollama and llama-server: "upstream/model" */
    const char *local[2];
    int local_count;
};

static bool is_embedding_name(struct str name)
{
    return str_contains_fold(name, STR("embed")) || str_contains_fold(name, STR("minilm")) || str_starts_fold(name, STR("bge-"));
}

/* llama-server's ids are paths of files: one with a blank cannot be a target, and one with a quote would break the config. */
static bool is_usable_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == 0x7f || name.ptr[i] == '"' || name.ptr[i] == '\\')
            return false;
    return name.len > 0 && name.len + 32 <= NAME_BYTES_MAX;
}

/* The first chat model and the first embedding model of a list; a model that forwards to a cloud is not local. */
static void read_models(const struct json_node *list, const char *name_key, const char *upstream, char *chat, char *embed)
{
    for (const struct json_node *m = list ? list->child : NULL; m; m = m->next) {
        struct str name = json_get_text(m, name_key);
        bool forwards = json_get_text(m, "remote_host").len || str_ends(name, STR("-cloud")) || str_ends(name, STR(":cloud"));
        char *slot = is_embedding_name(name) ? embed : chat;
        if (!is_usable_name(name) || forwards || slot[0])
            continue;
        text_format(slot, NAME_BYTES_MAX, "%s/%.*s", upstream, STR_FMT(name));
    }
}

static void look_at(struct found *f, const char *url, const char *list_key, const char *name_key, const char *upstream)
{
    struct fetch_reply r;
    struct arena a = ARENA_INIT(16 * MiB);
    struct json_node *root;
    int i = f->local_count;
    if (cli_fetch(&r, str_from(url), STR_NONE, STR_NONE, NULL, NULL, LOCAL_TIMEOUT_MS, NULL, NULL) == 0 && r.status == 200 &&
        json_parse(&a, buf_str(&r.body), &root, NULL) == 0) {
        read_models(json_get(root, list_key), name_key, upstream, f->chat[i], f->embed[i]);
        if (f->chat[i][0] || f->embed[i][0])
            f->local[f->local_count++] = upstream;
    }
    arena_fini(&a);
    fetch_reply_fini(&r);
}

static bool has_key(const struct vendor *v)
{
    const char *key = v->key_env ? getenv(v->key_env) : NULL;
    return key && key[0];
}

static void look_around(struct found *f)
{
    for (size_t i = 0; i < vendor_count() && i < COUNT_OF(f->vendor); i++)
        f->vendor[i] = has_key(vendor_at(i));
    look_at(f, "http://127.0.0.1:11434/api/tags", "models", "name", "ollama");
    look_at(f, "http://127.0.0.1:8080/v1/models", "data", "id", "llama-server");
}

static void write_upstreams(const struct found *f, struct buf *yaml, struct buf *said)
{
    (void)buf_append_text(yaml, "upstreams:\n");
    for (size_t i = 0; i < vendor_count() && i < COUNT_OF(f->vendor); i++) {
        const struct vendor *v = vendor_at(i);
        if (!f->vendor[i])
            continue;
        (void)buf_append_format(yaml, "  %s: { vendor: %s, key: \"env:%s\" }\n", v->name, v->name, v->key_env);
        (void)buf_append_format(said, "found %s: its key is in %s\n", v->title, v->key_env);
    }
    for (int i = 0; i < f->local_count; i++) {
        (void)buf_append_format(yaml, "  %s: { vendor: %s, place: home }\n", f->local[i], f->local[i]);
        (void)buf_append_format(said, "found %s on loopback%s%s%s%s\n", f->local[i], f->chat[i][0] ? ", chat model " : "", f->chat[i],
                                f->embed[i][0] ? ", embedding model " : "", f->embed[i]);
    }
}

static const char *first_local(const struct found *f, const char (*names)[NAME_BYTES_MAX])
{
    for (int i = 0; i < f->local_count; i++)
        if (names[i][0])
            return names[i];
    return NULL;
}

static bool vendor_is_found(const struct found *f, struct str target)
{
    struct str vendor = str_slice(target, 0, (size_t)str_find_char(target, '/'));
    for (size_t i = 0; i < vendor_count() && i < COUNT_OF(f->vendor); i++)
        if (f->vendor[i] && str_eq(str_from(vendor_at(i)->name), vendor))
            return true;
    return false;
}

static void add_target(struct buf *chain, const char *target)
{
    (void)buf_append_format(chain, "%s\"%s\"", chain->len ? ", " : "", target);
}

/* A job nobody of its list can do gets what there is: any vendor's usual model, then the local one. */
static void add_whatever(const struct found *f, struct buf *chain)
{
    for (size_t i = 0; i < vendor_count() && i < COUNT_OF(f->vendor); i++) {
        const struct vendor *v = vendor_at(i);
        char name[NAME_BYTES_MAX];
        if (!f->vendor[i] || !v->default_model)
            continue;
        text_format(name, sizeof name, "%s/%s", v->name, v->default_model);
        add_target(chain, name);
    }
    if (chain->len == 0 && first_local(f, f->chat))
        add_target(chain, first_local(f, f->chat));
}

static void write_jobs(const struct found *f, struct buf *yaml, struct buf *said)
{
    const char *chat = first_local(f, f->chat), *embed = first_local(f, f->embed);
    (void)buf_append_text(yaml, "jobs:\n");
    for (size_t j = 0; j < COUNT_OF(preferences); j++) {
        AUTO_BUF struct buf chain = BUF_INIT(4 * KiB);
        for (size_t i = 0; i < COUNT_OF(preferences[j].target) && preferences[j].target[i]; i++) {
            const char *t = preferences[j].target[i];
            if (strcmp(t, "local") == 0 && chat)
                add_target(&chain, chat);
            else if (strcmp(t, "local") != 0 && vendor_is_found(f, str_from(t)))
                add_target(&chain, t);
        }
        if (chain.len == 0)
            add_whatever(f, &chain);
        if (chain.len) {
            (void)buf_append_format(yaml, "  %s: { chain: [%.*s] }\n", preferences[j].job, STR_FMT(buf_str(&chain)));
            (void)buf_append_format(said, "job %s: %.*s\n", preferences[j].job, STR_FMT(buf_str(&chain)));
        }
    }
    if (chat)
        (void)buf_append_format(yaml, "  private: { chain: [\"%s\"], boundary: home }\n", chat);
    if (embed)
        (void)buf_append_format(yaml, "  embed: { chain: [\"%s\"], boundary: home }\n", embed);
    (void)buf_append_format(said, "job private: %s\njob embed: %s\n", chat ? chat : "none, for no model runs at home",
                            embed ? embed : "none, for no embedding model runs at home");
}

int discover_config(struct buf *yaml, struct buf *said, struct err *e)
{
    struct found f = {0};
    look_around(&f);
    bool any = f.local_count > 0;
    for (size_t i = 0; i < COUNT_OF(f.vendor); i++)
        any = any || f.vendor[i];
    if (!any)
        return err_set(e, ERR_NOT_FOUND,
                       "nothing to work with: no config (hearth.yaml here, in ~/.config/hearth or /etc/hearth), no key in the usual variables "
                       "(DEEPSEEK_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY, ...), and neither Ollama nor llama-server on loopback. Set a key, "
                       "start Ollama, or look around with `hearth serve --rehearse`");
    write_upstreams(&f, yaml, said);
    write_jobs(&f, yaml, said);
    return 0;
}

int cli_config(struct config **out, const char *given, bool *made, struct buf *said, struct err *e)
{
    AUTO_BUF struct buf path = BUF_INIT(8 * KiB), yaml = BUF_INIT(256 * KiB), text = BUF_INIT(8 * KiB);
    *made = false;
    int rc = config_find(&path, given, e);
    if (rc == 0) {
        const char *name = buf_text(&path);
        rc = name ? config_load(out, name, e) : err_set(e, ERR_NOMEM, "config");
        if (rc && e->line && config_error(&text, buf_str(&path), e) == 0)
            return err_set(e, rc == ERR_NOT_FOUND ? ERR_INVALID : rc, "%.*s", STR_FMT(buf_str(&text)));
        return rc;
    }
    if (rc != ERR_NOT_FOUND || given || (getenv("HEARTH_CONFIG") && getenv("HEARTH_CONFIG")[0]))
        return rc; /* a config that was named and is not there: its error names it */
    rc = discover_config(&yaml, said, e);
    if (rc)
        return rc;
    *made = true;
    return config_read(out, buf_str(&yaml), STR("(made from what this machine has)"), e);
}

bool in_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 || getenv("container") != NULL ||
           getenv("KUBERNETES_SERVICE_HOST") != NULL;
}
