/* config_engine.c: the upstream that is the built-in engine: its models and their files, and what it cannot have. */
#include "config/config_priv.h"
#include <assert.h>

/* A file is meant from where the config lies; one that was made, or came from standard input, has no such place. */
static struct str from_config(struct config_reader *r, struct str file)
{
    struct str path = r->c->path;
    size_t folder = path.len;
    while (folder > 0 && path.ptr[folder - 1] != '/')
        folder--;
    return file.ptr[0] == '/' ? file : str_from(arena_format(&r->c->arena, "%.*s%.*s", (int)folder, path.ptr, STR_FMT(file)));
}

static int read_model(struct config_reader *r, const struct config_item *i, struct config_upstream *u)
{
    int at = u->model_count;
    if (at == COUNT_OF(u->model_file))
        return FAIL(r, i->key->mark, "the engine holds %d models at most", (int)COUNT_OF(u->model_file));
    int rc = config_read_name(r, i->key, config_check_model, &u->models[at]);
    const struct config_option file = {.key = u->models[at].text.ptr, .kind = OPTION_TEXT};
    if (rc == 0)
        rc = config_option_read_text(r, &file, i->value, &u->model_file[at]);
    if (rc < 0)
        return rc;
    u->model_file[at].text = from_config(r, u->model_file[at].text);
    u->model_count++;
    return u->model_file[at].text.ptr ? 0 : FAIL_NOMEM(r);
}

/* A map gives files, for the engine; anything else is names. Which of the two is right is seen when the dialect is known. */
int config_read_models(struct config_reader *r, const struct config_option *o, const struct config_item *item, void *base)
{
    (void)o;
    struct config_upstream *u = base;
    static const struct config_option names = {.key = "models", .kind = OPTION_TEXTS, FIELDS(config_upstream, models, model_count), .check = config_check_model};
    if (item->value->kind != NODE_MAP)
        return config_option_read_texts(r, &names, item->value, base);
    int rc = 0;
    for (const struct config_item *i = item->value->first; i && rc == 0; i = i->next)
        rc = read_model(r, i, u);
    return rc;
}

static int check_other(struct config_reader *r, const struct config_upstream *u)
{
    const char *name = u->name.text.ptr;
    if (u->model_file[0].text.ptr)
        return FAIL(r, u->model_mark, "upstream %s: `models` gives files; only `dialect: engine` reads some. Names alone are a list: `models: [a, b]`", name);
    const struct {
        const char *key;
        struct config_mark at;
    } own[] = {{"context", u->context_mark}, {"threads", u->threads_mark}, {"calls", u->calls_mark}, {"keep", u->keep_mark}, {"kv", u->kv_mark}};
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (own[i].at.line)
            return FAIL(r, own[i].at, "upstream %s: `%s` is an option of `dialect: engine`%s", name, own[i].key,
                        i == 2 ? "; elsewhere `concurrent` limits the calls in flight" : "");
    return 0;
}

static int check_own(struct config_reader *r, const struct config_upstream *u)
{
    const char *name = u->name.text.ptr;
    const struct {
        const char *key, *why;
        const struct config_text *text;
    } never[] = {{"vendor", "it is nobody's server", &u->vendor}, {"url", "Hearth starts it and knows the way", &u->url}, {"url", "Hearth starts it and knows the way", &u->unix_path},
                 {"key", "nobody else can reach it", &u->key}};
    for (size_t i = 0; i < COUNT_OF(never); i++)
        if (never[i].text->text.ptr)
            return FAIL(r, never[i].text->mark, "upstream %s is the built-in engine, which has no `%s`: %s", name, never[i].key, never[i].why);
    if (u->place == PLACE_CLOUD)
        return FAIL(r, u->place_mark, "upstream %s is the built-in engine, which is always at home", name);
    if (u->regime.text.ptr && !str_eq(u->regime.text, STR("power")))
        return FAIL(r, u->regime.mark, "upstream %s is the built-in engine, which is paid by your electricity: `regime: power`, or none", name);
    if (u->model_count && !u->model_file[0].text.ptr)
        return FAIL(r, u->model_mark, "upstream %s is the built-in engine: its models have files, `models: { llama3.2:3b: models/Llama-3.2-3B-Q4_K_M.gguf }`", name);
    return 0;
}

int config_check_engine(struct config_reader *r, struct config_upstream *u)
{
    u->engine = str_eq(u->dialect.text, STR("engine"));
    int rc = u->engine ? check_own(r, u) : check_other(r, u);
    if (rc == 0 && u->engine)
        u->place = PLACE_HOME;
    return rc;
}

/* One process computes for all models: two would halve each other. */
int config_check_engines(struct config_reader *r)
{
    const struct config_upstream *first = NULL;
    for (int i = 0; i < r->c->upstream_count; i++) {
        const struct config_upstream *u = &r->c->upstream[i];
        if (u->engine && first)
            return FAIL(r, u->mark, "upstream %s is a second built-in engine beside %s on line %d; give all models to one", u->name.text.ptr,
                        first->name.text.ptr, first->mark.line);
        first = u->engine ? u : first;
    }
    return 0;
}
