/* config_prices.c: the owner's own prices.
 *
 * A target with `hours` becomes several rows of the same target: one for each entry, in the order of the file, then one
 * for all other times. The first row whose hours cover the moment counts; what an entry leaves out is the target's. */
#include "base/mem.h"
#include "config/config_priv.h"

enum { DAY_MINUTES = 24 * 60, EVERY_DAY = 0x7f };

int config_read_hours(struct config_reader *r, const struct config_option *o, const struct config_item *item,
                      void *base)
{
    struct price_reading *p = base;
    const struct config_node *list = item->value;
    if (list->kind != NODE_LIST)
        return FAIL(r, list->mark, "`%s` must be a list of maps, not %s", o->key, config_found(list).text);
    if (list->count > CONFIG_HOURS_MAX)
        return FAIL(r, list->mark, "`%s` may hold at most %d", o->key, CONFIG_HOURS_MAX);
    p->hours = list;
    return 0;
}

int config_read_days(struct config_reader *r, const struct config_option *o, const struct config_item *item, void *base)
{
    struct hours_reading *h = base;
    const struct config_node *n = item->value;
    const struct config_item only = {.value = n};
    for (const struct config_item *i = n->kind == NODE_LIST ? n->first : &only; i; i = i->next) {
        unsigned bits;
        if (i->value->kind != NODE_SCALAR || !config_to_weekdays(i->value->text, &bits))
            return FAIL(r, i->value->mark, "`%s` must be days such as mon-fri or sat,sun, not %s", o->key,
                        config_found(i->value).text);
        h->row.weekdays |= (uint8_t)bits;
    }
    return h->row.weekdays ? 0 : FAIL(r, n->mark, "`%s` needs at least one day", o->key);
}

static bool has_price(const struct config_price *p)
{
    return p->input != INT64_MIN || p->cached != INT64_MIN || p->cache_write != INT64_MIN || p->output != INT64_MIN;
}

/* The spans of a day: over midnight they are two, and then every day must have both, or "fri 22:00 to 06:00" would be
 * read one way by us and the other way by its writer. */
static int set_spans(struct config_reader *r, const struct config_node *n, const struct hours_reading *h,
                     struct config_price *row)
{
    int to = h->to_min == 0 ? DAY_MINUTES : h->to_min;
    row->span[0].from_min = (int16_t)h->from_min;
    row->span[0].to_min = (int16_t)to;
    if (h->from_min < to)
        return 0;
    if (h->from_min == to)
        return FAIL(r, n->mark, "`from` and `to` are the same, so these hours never come");
    if (row->weekdays != EVERY_DAY)
        return FAIL(r, n->mark,
                    "`to` is before `from`; with `days`, write two entries, up to \"24:00\" and from \"00:00\"");
    row->span[0].to_min = DAY_MINUTES;
    row->span[1].to_min = (int16_t)to;
    return 0;
}

static void inherit(int64_t *price, int64_t base)
{
    if (*price == INT64_MIN)
        *price = base;
}

static int read_hours_entry(struct config_reader *r, const struct config_node *n, const struct config_price *base,
                            struct config_price *out)
{
    struct hours_reading h = {0};
    if (n->kind != NODE_MAP)
        return FAIL(r, n->mark, "an entry of `hours` must be a map, not %s", config_found(n).text);
    int rc = config_option_read_map(r, &config_hours_options, n, n->mark, &h);
    if (rc < 0)
        return rc;
    if (!has_price(&h.row))
        return FAIL(r, n->mark, "an entry of `hours` needs at least one of input, cached, cache_write, output");
    if (h.row.weekdays == 0)
        h.row.weekdays = EVERY_DAY;
    *out = h.row;
    out->target = base->target;
    inherit(&out->input, base->input);
    inherit(&out->cached, base->cached);
    inherit(&out->cache_write, base->cache_write);
    inherit(&out->output, base->output);
    return set_spans(r, n, &h, out);
}

static int read_price(struct config_reader *r, const struct config_item *item)
{
    struct config *c = r->c;
    struct price_reading p = {0};
    const struct config_node *map;
    int rc = config_read_name(r, item->key, config_check_target, &p.row.target);
    if (rc == 0)
        rc = config_option_map(r, item, CONFIG_MAP_KEYS_MAX, &map);
    if (rc == 0)
        rc = config_option_read_map(r, &config_price_options, map, item->key->mark, &p);
    if (rc < 0)
        return rc;
    if (!has_price(&p.row) && !(p.hours && p.hours->count))
        return FAIL(r, item->key->mark, "the price of %s needs at least one of input, cached, cache_write, output",
                    config_quoted(item->key->text).text);
    for (const struct config_item *i = p.hours ? p.hours->first : NULL; i; i = i->next) {
        rc = read_hours_entry(r, i->value, &p.row, &c->price[c->price_count]);
        if (rc < 0)
            return rc;
        c->price_count++;
    }
    if (has_price(&p.row))
        c->price[c->price_count++] = p.row;
    return 0;
}

/* The most rows that this map can become. */
static size_t count_rows(const struct config_node *map)
{
    size_t rows = 0;
    for (const struct config_item *i = map->first; i; i = i->next) {
        const struct config_item *hours = i->value->kind == NODE_MAP ? config_node_find(i->value, "hours") : NULL;
        rows += 1 + (hours ? (size_t)hours->value->count : 0);
    }
    return rows;
}

int config_read_prices(struct config_reader *r, const struct config_option *o, const struct config_item *item,
                       void *base)
{
    (void)o;
    struct config *c = base;
    const struct config_node *map;
    int rc = config_option_map(r, item, CONFIG_MAP_KEYS_MAX, &map);
    if (rc < 0 || !map)
        return rc;
    c->price = arena_new_array(&c->arena, struct config_price, count_rows(map));
    if (!c->price)
        return FAIL_NOMEM(r);
    for (const struct config_item *i = map->first; i && rc == 0; i = i->next)
        rc = read_price(r, i);
    return rc;
}
