/* config_read.c: the file as a whole: its top level, upstreams, aliases and rates of exchange; see config.h. */
#include "base/mem.h"
#include "config/config_priv.h"
#include <assert.h>

enum { CONFIG_ARENA_BYTES_MAX = 64 * 1024 * 1024 }; /* what a file within its bounds can come to, and far from it */

int config_read_name(struct config_reader *r, const struct config_node *key, const char *(*check)(struct str),
                     struct config_text *out)
{
    const char *wrong = check(key->text);
    if (wrong)
        return FAIL(r, key->mark, "%s %s", config_quoted(key->text).text, wrong);
    *out = (struct config_text){arena_dup(&r->c->arena, key->text), key->mark};
    return out->text.ptr ? 0 : FAIL_NOMEM(r);
}

/* url: unix:/path is a path, not a URL, to everyone behind us. */
static void split_unix_url(struct config_upstream *u)
{
    struct str prefix = STR("unix:");
    if (!u->url.text.ptr || !str_starts(u->url.text, prefix))
        return;
    u->unix_path = (struct config_text){str_skip(u->url.text, prefix.len), u->url.mark};
    u->url = (struct config_text){0};
}

static int read_upstream(struct config_reader *r, const struct config_item *item, struct config_upstream *u)
{
    const struct config_node *map;
    int rc = config_read_name(r, item->key, config_check_name, &u->name);
    u->mark = item->key->mark;
    if (rc == 0)
        rc = config_option_map(r, item, CONFIG_MAP_KEYS_MAX, &map);
    if (rc == 0)
        rc = config_option_read_map(r, &config_upstream_options, map, u->mark, u);
    if (rc < 0)
        return rc;
    if (!u->vendor.text.ptr && !u->dialect.text.ptr && !u->url.text.ptr)
        return FAIL(r, u->mark, "upstream %s needs a `vendor`, a `dialect` or a `url`",
                    config_quoted(u->name.text).text);
    split_unix_url(u);
    return config_check_engine(r, u);
}

int config_read_upstreams(struct config_reader *r, const struct config_option *o, const struct config_item *item,
                          void *base)
{
    (void)o;
    struct config *c = base;
    const struct config_node *map;
    int rc = config_option_map(r, item, CONFIG_UPSTREAMS_MAX, &map);
    if (rc < 0 || !map)
        return rc;
    c->upstream = arena_new_array(&c->arena, struct config_upstream, (size_t)map->count);
    if (!c->upstream)
        return FAIL_NOMEM(r);
    for (const struct config_item *i = map->first; i && rc == 0; i = i->next)
        rc = read_upstream(r, i, &c->upstream[c->upstream_count++]);
    return rc < 0 ? rc : config_check_engines(r);
}

int config_read_aliases(struct config_reader *r, const struct config_option *o, const struct config_item *item,
                        void *base)
{
    (void)o;
    struct config *c = base;
    const struct config_node *map;
    int rc = config_option_map(r, item, CONFIG_MAP_KEYS_MAX, &map);
    if (rc < 0 || !map)
        return rc;
    c->alias = arena_new_array(&c->arena, struct config_alias, (size_t)map->count);
    if (!c->alias)
        return FAIL_NOMEM(r);
    for (const struct config_item *i = map->first; i && rc == 0; i = i->next) {
        struct config_alias *a = &c->alias[c->alias_count++];
        rc = config_read_name(r, i->key, config_check_alias_name, &a->name);
        const struct config_option to = {.key = a->name.text.ptr, .kind = OPTION_TEXT, .check = config_check_alias_to};
        if (rc == 0)
            rc = config_option_read_text(r, &to, i->value, &a->to);
    }
    return rc;
}

static const char *check_foreign_currency(struct str s)
{
    bool upper = s.len == 3;
    for (size_t i = 0; i < s.len; i++)
        upper = upper && s.ptr[i] >= 'A' && s.ptr[i] <= 'Z';
    return upper && !str_eq(s, STR("USD")) ? NULL : "must be a currency other than USD such as EUR";
}

int config_read_fx(struct config_reader *r, const struct config_option *o, const struct config_item *item, void *base)
{
    enum { RATE_DECIMALS = 9 };
    const int64_t rate_max = INT64_C(1000000) * 1000000000; /* no currency is worth a million dollars */
    struct config *c = base;
    const struct config_node *map;
    int rc = config_option_map(r, item, COUNT_OF(c->fx), &map);
    for (const struct config_item *i = rc == 0 && map ? map->first : NULL; i; i = i->next) {
        struct config_text currency;
        int64_t rate;
        rc = config_read_name(r, i->key, check_foreign_currency, &currency);
        if (rc < 0)
            return rc;
        bool good = i->value->kind == NODE_SCALAR && str_to_scaled(i->value->text, RATE_DECIMALS, &rate) && rate > 0 &&
                    rate <= rate_max;
        if (!good)
            return FAIL(r, i->value->mark, "`%s` must be the price of one %.*s in USD such as 1.08, not %s", o->key,
                        STR_FMT(currency.text), config_found(i->value).text);
        c->fx[c->fx_count].currency = currency.text;
        c->fx[c->fx_count++].usd_scaled9 = rate;
    }
    return rc;
}

int config_check_namespace(struct config_reader *r)
{
    const struct config *c = r->c;
    for (int a = 0; a < c->alias_count; a++)
        for (int j = 0; j < c->job_count; j++)
            if (str_eq(c->alias[a].name.text, c->job[j].name.text))
                return err_set_at(r->e, ERR_EXISTS, c->alias[a].name.mark.line, c->alias[a].name.mark.column,
                                  "alias `%s` on line %d has the name of the job on line %d", c->alias[a].name.text.ptr,
                                  c->alias[a].name.mark.line, c->job[j].name.mark.line);
    return 0;
}

/* A body that fits `limits.body` and can never be taken in would be refused with "try again" for ever. */
static int check_memory(const struct config_reader *r, struct config_mark at)
{
    if (r->c->buffered_bytes_max >= r->c->body_bytes_max)
        return 0;
    return FAIL(r, at, "`memory.buffered` is smaller than `limits.body`: the largest body would never be taken in");
}

static int read_tree(struct config *c, struct arena *tree, struct str text, struct err *e)
{
    struct config_reader r = {.c = c, .e = e};
    const struct config_node *root;
    int rc = config_yaml_read(tree, text, &root, e);
    if (rc == 0)
        rc = config_option_read_map(&r, &config_options, root, root->mark, c);
    if (rc == 0)
        rc = config_check_namespace(&r);
    if (rc == 0)
        rc = check_memory(&r, root->mark);
    return rc;
}

int config_read(struct config **out, struct str text, struct str path, struct err *e)
{
    struct config *c = new0(struct config);
    if (!c)
        return err_set(e, ERR_NOMEM, "configuration");
    c->arena = ARENA_INIT(CONFIG_ARENA_BYTES_MAX);
    struct arena tree = ARENA_INIT(CONFIG_ARENA_BYTES_MAX);
    c->path = arena_dup(&c->arena, path);
    int rc = c->path.ptr ? read_tree(c, &tree, text, e) : err_set(e, ERR_NOMEM, "configuration");
    arena_fini(&tree);
    if (rc < 0) {
        config_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

int config_load(struct config **out, const char *path, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(CONFIG_BYTES_MAX);
    int rc = buf_read_file(&text, path, e);
    return rc < 0 ? rc : config_read(out, buf_str(&text), str_from(path), e);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    arena_fini(&c->arena);
    mem_free(c);
}
