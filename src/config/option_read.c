/* option_read.c: reads a map of the tree along the rows of an option table.
 *
 * What a row says is all there is to know about an option: this file finds the row of a key, turns the value into a
 * number or text, holds it against the row's range, words or check, and writes the field. Defaults go the same way. */
#include "base/mem.h"
#include "config/config_priv.h"
#include <assert.h>
#include <limits.h>

static const char *const kind_must[] = {
#define X(name, is, must) must,
    OPTION_KINDS(X)
#undef X
};
static const char *const kind_is[] = {
#define X(name, is, must) is,
    OPTION_KINDS(X)
#undef X
};

const char *config_kind_name(enum option_kind k)
{
    return kind_is[k];
}

/* --- fields -------------------------------------------------------------------------------------- */

static void *field_at(void *base, size_t offset)
{
    return (char *)base + offset;
}

/* The ranges of the rows keep every value inside its field. */
static void store_number(void *at, size_t bytes, int64_t value)
{
    if (bytes == sizeof(bool))
        *(uint8_t *)at = (uint8_t)value;
    else if (bytes == sizeof(int16_t))
        *(int16_t *)at = (int16_t)value;
    else if (bytes == sizeof(int))
        *(int *)at = (int)value;
    else if (bytes == sizeof(int64_t))
        *(int64_t *)at = value;
    else
        assert(bytes == 0);
}

static void store_mark(const struct config_option *o, void *base, struct config_mark mark)
{
    if (o->mark_offset)
        *(struct config_mark *)field_at(base, o->mark_offset) = mark;
}

/* --- numbers ------------------------------------------------------------------------------------- */

static bool is_money(enum option_kind k)
{
    return k == OPTION_MONEY || k == OPTION_PRICE || k == OPTION_ENERGY;
}

static int read_money(struct config_reader *r, const struct config_option *o, const struct config_node *n, int64_t *out)
{
    struct str amount = n->text, currency, per = STR("/kWh");
    if (o->kind == OPTION_ENERGY) {
        if (!str_ends(amount, per))
            return FAIL(r, n->mark, "`%s` %s, not %s", o->key, kind_must[o->kind], config_found(n).text);
        amount = str_slice(amount, 0, amount.len - per.len);
    }
    int rc = config_to_nusd(r->c, amount, o->kind == OPTION_PRICE, out, &currency);
    if (rc == ERR_NOT_FOUND)
        return FAIL(r, n->mark, "`%s` is in %.*s, which has no rate; say under `fx` how many USD one %.*s is", o->key,
                    STR_FMT(currency), STR_FMT(currency));
    if (rc == ERR_LIMIT)
        return FAIL(r, n->mark, "`%s` is too large an amount: %s", o->key, config_found(n).text);
    if (rc < 0)
        return FAIL(r, n->mark, "`%s` %s, not %s", o->key, kind_must[o->kind], config_found(n).text);
    return 0;
}

static bool parse_number(enum option_kind k, struct str s, int64_t *out)
{
    switch (k) {
    case OPTION_COUNT: return str_to_i64(s, out);
    case OPTION_TOKENS: return config_to_tokens(s, out);
    case OPTION_DURATION:
    case OPTION_DURATIONS: return config_to_duration_ms(s, out);
    case OPTION_SIZE: return config_to_bytes(s, out);
    case OPTION_MINUTE: return config_to_minute(s, out);
    case OPTION_OFFSET: return config_to_offset_minutes(s, out);
    default: return false;
    }
}

static int check_range(struct config_reader *r, const struct config_option *o, const struct config_node *n,
                       int64_t value)
{
    if (value >= o->min && value <= o->max)
        return 0;
    if (o->min == o->max)
        return FAIL(r, n->mark, "`%s` must be %s, not %s", o->key, config_value_words(o->kind, o->min).text,
                    config_found(n).text);
    return FAIL(r, n->mark, "`%s` must be %s to %s, not %s", o->key, config_value_words(o->kind, o->min).text,
                config_value_words(o->kind, o->max).text, config_found(n).text);
}

static int read_number(struct config_reader *r, const struct config_option *o, const struct config_node *n,
                       int64_t *out)
{
    if (n->kind != NODE_SCALAR)
        return FAIL(r, n->mark, "`%s` %s, not %s", o->key, kind_must[o->kind], config_found(n).text);
    if (o->zero && str_eq(n->text, str_from(o->zero))) {
        *out = 0;
        return 0;
    }
    if (is_money(o->kind)) {
        int rc = read_money(r, o, n, out);
        return rc < 0 ? rc : check_range(r, o, n, *out);
    }
    if (!parse_number(o->kind, n->text, out))
        return FAIL(r, n->mark, "`%s` %s%s%s%s, not %s", o->key, kind_must[o->kind], o->zero ? ", or `" : "",
                    o->zero ? o->zero : "", o->zero ? "`" : "", config_found(n).text);
    return check_range(r, o, n, *out);
}

/* --- words --------------------------------------------------------------------------------------- */

static int word_index(const struct config_option *o, struct str s)
{
    for (int i = 0; o->words[i]; i++)
        if (str_eq(s, str_from(o->words[i])))
            return i;
    return -1;
}

/* "home or cloud", "order, weighted or fastest" */
static void list_words(struct buf *out, const char *const *words)
{
    for (int i = 0; words[i]; i++) {
        const char *between = words[i + 1] ? ", " : " or ";
        (void)buf_append_format(out, "%s%s", i ? between : "", words[i]); /* without memory, a shorter story */
    }
}

static int read_word(struct config_reader *r, const struct config_option *o, const struct config_node *n, int *index)
{
    *index = n->kind == NODE_SCALAR ? word_index(o, n->text) : -1;
    if (*index >= 0)
        return 0;
    AUTO_BUF struct buf words = BUF_INIT(512);
    list_words(&words, o->words);
    const char *text = buf_text(&words);
    return text ? FAIL(r, n->mark, "`%s` must be %s, not %s", o->key, text, config_found(n).text) : FAIL_NOMEM(r);
}

/* --- text ---------------------------------------------------------------------------------------- */

static const char *check_text(const struct config_option *o, struct str s)
{
    size_t bytes_max = o->max ? (size_t)o->max : CONFIG_VALUE_BYTES_MAX;
    if (s.len > bytes_max)
        return "is too long";
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return "may not hold control characters or line breaks";
    return o->check ? o->check(s) : NULL;
}

int config_option_read_text(struct config_reader *r, const struct config_option *o, const struct config_node *n,
                            struct config_text *out)
{
    int rc, index;
    if (n->kind != NODE_SCALAR || n->text.len == 0 || config_node_empty(n))
        return FAIL(r, n->mark, "`%s` %s, not %s", o->key, kind_must[o->kind],
                    n->kind == NODE_SCALAR ? "nothing" : config_found(n).text);
    if (o->words && (rc = read_word(r, o, n, &index)) < 0)
        return rc;
    const char *wrong = check_text(o, n->text);
    if (wrong && o->secret)
        return FAIL(r, n->mark, "`%s` %s", o->key, wrong);
    if (wrong)
        return FAIL(r, n->mark, "`%s` %s: found %s", o->key, wrong, config_found(n).text);
    struct str copy = arena_dup(&r->c->arena, n->text);
    if (!copy.ptr)
        return FAIL_NOMEM(r);
    *out = (struct config_text){copy, n->mark};
    return 0;
}

/* --- one value, or a list of them ---------------------------------------------------------------- */

typedef int read_part_fn(struct config_reader *r, const struct config_option *o, const struct config_node *n,
                         void *base);

static int read_text_part(struct config_reader *r, const struct config_option *o, const struct config_node *n,
                          void *base)
{
    int *count = field_at(base, o->count_offset);
    struct config_text *array = field_at(base, o->offset);
    if (*count == o->room)
        return FAIL(r, n->mark, "`%s` may hold at most %d", o->key, o->room);
    int rc = config_option_read_text(r, o, n, &array[*count]);
    if (rc == 0)
        ++*count;
    return rc;
}

static int read_duration_part(struct config_reader *r, const struct config_option *o, const struct config_node *n,
                              void *base)
{
    int *count = field_at(base, o->count_offset);
    int64_t *array = field_at(base, o->offset), value;
    if (*count == o->room)
        return FAIL(r, n->mark, "`%s` may hold at most %d", o->key, o->room);
    if (n->kind != NODE_SCALAR || !config_to_duration_ms(n->text, &value))
        return FAIL(r, n->mark, "`%s` %s, not %s", o->key, kind_must[o->kind], config_found(n).text);
    int rc = check_range(r, o, n, value);
    if (rc == 0)
        array[(*count)++] = value;
    return rc;
}

static int read_bit_part(struct config_reader *r, const struct config_option *o, const struct config_node *n,
                         void *base)
{
    int index, rc = read_word(r, o, n, &index);
    if (rc == 0)
        *(unsigned *)field_at(base, o->offset) |= 1u << index;
    return rc;
}

/* One value stands for a list of one. */
static int read_parts(struct config_reader *r, const struct config_option *o, const struct config_node *n, void *base,
                      read_part_fn *read)
{
    if (n->kind != NODE_LIST)
        return read(r, o, n, base);
    if (n->count < o->room_min)
        return FAIL(r, n->mark, "`%s` needs at least %d", o->key, o->room_min);
    int rc = 0;
    for (const struct config_item *i = n->first; i && rc == 0; i = i->next)
        rc = read(r, o, i->value, base);
    return rc;
}

int config_option_read_texts(struct config_reader *r, const struct config_option *o, const struct config_node *n, void *base)
{
    return read_parts(r, o, n, base, read_text_part);
}

static int read_value(struct config_reader *r, const struct config_option *o, const struct config_node *n, void *base)
{
    int64_t value = 0;
    int index = 0, rc;
    switch (o->kind) {
    case OPTION_TEXT: return config_option_read_text(r, o, n, field_at(base, o->offset));
    case OPTION_TEXTS: return config_option_read_texts(r, o, n, base);
    case OPTION_DURATIONS: return read_parts(r, o, n, base, read_duration_part);
    case OPTION_BITS: return read_parts(r, o, n, base, read_bit_part);
    case OPTION_WORD:
        rc = read_word(r, o, n, &index);
        value = o->first_word + index;
        break;
    default: rc = read_number(r, o, n, &value); break;
    }
    if (rc == 0)
        store_number(field_at(base, o->offset), o->bytes, value);
    return rc;
}

/* --- sections ------------------------------------------------------------------------------------ */

static int fail_shape(struct config_reader *r, const struct config_item *item, const char *shape)
{
    return FAIL(r, item->value->mark, "%s must be %s, not %s", config_quoted(item->key->text).text, shape,
                config_found(item->value).text);
}

int config_option_map(struct config_reader *r, const struct config_item *item, int count_max,
                      const struct config_node **map)
{
    if (item->value->kind != NODE_MAP && !config_node_empty(item->value))
        return fail_shape(r, item, "a map");
    *map = item->value->kind == NODE_MAP ? item->value : NULL;
    if (*map && (*map)->count > count_max)
        return err_set_at(r->e, ERR_LIMIT, item->key->mark.line, item->key->mark.column, "%s may hold at most %d",
                          config_quoted(item->key->text).text, count_max);
    return 0;
}

static int read_row(struct config_reader *r, const struct config_option *o, const struct config_item *item, void *base)
{
    bool deep = o->kind == OPTION_SECTION || o->kind == OPTION_OWN;
    store_mark(o, base, deep ? item->key->mark : item->value->mark);
    if (o->kind == OPTION_OWN)
        return o->read(r, o, item, base);
    if (o->kind != OPTION_SECTION)
        return read_value(r, o, item->value, base);
    const struct config_node *map;
    int rc = config_option_map(r, item, CONFIG_MAP_KEYS_MAX, &map);
    return rc < 0 ? rc : config_option_read_map(r, o->table, map, item->key->mark, base);
}

static int fill_missing(struct config_reader *r, const struct config_option *o, struct config_mark at, void *base)
{
    if (o->required)
        return FAIL(r, at, "`%s` is missing here", o->key);
    if (o->kind == OPTION_SECTION)
        return config_option_read_map(r, o->table, NULL, at, base);
    if (o->standard) {
        struct config_node n = {.kind = NODE_SCALAR, .plain = true, .text = str_from(o->standard)};
        return read_value(r, o, &n, base);
    }
    if (o->kind >= OPTION_COUNT && o->kind < OPTION_SECTION && !o->count_offset)
        store_number(field_at(base, o->offset), o->bytes, o->missing);
    return 0;
}

static int fail_unknown(struct config_reader *r, const struct option_table *t, const struct config_node *key)
{
    const char *known[OPTION_ROWS_MAX];
    assert(t->count <= OPTION_ROWS_MAX);
    for (int i = 0; i < t->count; i++)
        known[i] = t->row[i].key;
    struct config_words found = config_quoted(key->text);
    const char *near = config_nearest(key->text, known, t->count);
    if (near)
        return FAIL(r, key->mark, "unknown key %s; did you mean `%s`?", found.text, near);
    AUTO_BUF struct buf all = BUF_INIT(768);
    for (int i = 0; i < t->count; i++)
        (void)buf_append_format(&all, "%s%s", i ? ", " : "", known[i]); /* without memory, a shorter story */
    const char *text = buf_text(&all);
    return text ? FAIL(r, key->mark, "unknown key %s; known here: %s", found.text, text) : FAIL_NOMEM(r);
}

static int check_keys(struct config_reader *r, const struct option_table *t, const struct config_node *map)
{
    for (const struct config_item *i = map ? map->first : NULL; i; i = i->next) {
        int row = 0;
        while (row < t->count && !str_eq(i->key->text, str_from(t->row[row].key)))
            row++;
        if (row == t->count)
            return fail_unknown(r, t, i->key);
    }
    return 0;
}

int config_option_read_map(struct config_reader *r, const struct option_table *t, const struct config_node *map,
                           struct config_mark at, void *base)
{
    int rc = check_keys(r, t, map);
    for (int pass = 0; pass < 2 && rc == 0; pass++) {
        for (int i = 0; i < t->count && rc == 0; i++) {
            const struct config_option *o = &t->row[i];
            if (o->early != (pass == 0))
                continue;
            const struct config_item *item = config_node_find(map, o->key);
            rc = item ? read_row(r, o, item, base) : fill_missing(r, o, at, base);
        }
    }
    return rc;
}
