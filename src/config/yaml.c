/* yaml.c: YAML text to a tree with marks, by libyaml's events.
 *
 * Stricter than YAML, because this is a file people trust with their money: duplicate keys, a second document, tags and
 * (except in files of others) merge keys are errors. Anchors and aliases work; an alias shares the node of its anchor, and is counted as everything
 * it stands for, so that ten lines cannot grow into a billion. */
#include "base/mem.h"
#include "config/config_priv.h"
#include <yaml.h>

struct anchor {
    struct str name;
    const struct config_node *node;
    size_t nodes, bytes; /* what an alias of it costs */
    bool open;           /* still being read: an alias here would contain itself */
    struct anchor *older;
};

struct yaml_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one, if has_event */
    bool has_event, merges; /* merges: `<<` takes keys from other maps */
    struct arena *arena;
    struct anchor *anchors; /* newest first: a name given twice means the later one */
    int anchor_count;
    size_t nodes, bytes; /* read so far, aliases expanded */
    struct str text;
    size_t characters;      /* of text */
    struct config_mark end; /* of text */
    struct err *e;
};

/* Columns count characters, as libyaml's do. */
static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

static struct config_mark mark_of_offset(struct str text, size_t offset)
{
    struct config_mark m = {1, 1};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n')
            m = (struct config_mark){m.line + 1, 1};
        else
            m.column += begins_character(text.ptr[i]);
    }
    return m;
}

/* libyaml puts what is missing at the end of a file on a line of its own, which the file may not have. */
static bool is_at_end(const struct yaml_reader *y, yaml_mark_t m)
{
    return m.index >= y->characters;
}

static struct config_mark mark_of(const struct yaml_reader *y, yaml_mark_t m)
{
    return is_at_end(y, m) ? y->end : (struct config_mark){(int)m.line + 1, (int)m.column + 1};
}

static void measure(struct yaml_reader *y)
{
    for (size_t i = 0; i < y->text.len; i++)
        y->characters += begins_character(y->text.ptr[i]);
    y->end = mark_of_offset(y->text, y->text.len);
}

static int fail_at(struct yaml_reader *y, int code, struct config_mark m, const char *why)
{
    return err_set_at(y->e, code, m.line, m.column, "%s", why);
}

static int fail_nomem(struct yaml_reader *y)
{
    return err_set(y->e, ERR_NOMEM, "out of memory while reading the configuration");
}

static bool is_tab_at(struct str text, yaml_mark_t at)
{
    struct str line = STR_NONE;
    for (size_t i = 0; i <= at.line; i++)
        if (!str_cut(&text, '\n', &line))
            return false;
    /* Before it there are only blanks, so bytes are columns. */
    return at.column < line.len && line.ptr[at.column] == '\t';
}

static int fail_parser(struct yaml_reader *y)
{
    const yaml_parser_t *p = &y->parser;
    const char *problem = p->problem ? p->problem : "unreadable";
    if (p->error == YAML_MEMORY_ERROR)
        return fail_nomem(y);
    if (p->error == YAML_READER_ERROR) { /* wrong UTF-8 or a control character: it knows only the byte */
        struct config_mark m = mark_of_offset(y->text, p->problem_offset);
        return err_set_at(y->e, ERR_SYNTAX, m.line, m.column, "not YAML: %s", problem);
    }
    struct config_mark m = mark_of(y, p->problem_mark);
    if (p->error == YAML_SCANNER_ERROR && is_tab_at(y->text, p->problem_mark))
        return err_set_at(y->e, ERR_SYNTAX, m.line, m.column, "not YAML: a tab; indent with blanks");
    if (!p->context)
        return err_set_at(y->e, ERR_SYNTAX, m.line, m.column, "not YAML: %s", problem);
    struct config_mark from = mark_of(y, p->context_mark);
    if (is_at_end(y, p->problem_mark)) /* what is missed only there (a bracket, a colon) is told where it began */
        m = from;
    return err_set_at(y->e, ERR_SYNTAX, m.line, m.column, "not YAML: %s (%s, from line %d)", problem, p->context,
                      from.line);
}

static void drop_event(struct yaml_reader *y)
{
    if (y->has_event)
        yaml_event_delete(&y->event);
    y->has_event = false;
}

static int next_event(struct yaml_reader *y)
{
    drop_event(y);
    if (!yaml_parser_parse(&y->parser, &y->event))
        return fail_parser(y);
    y->has_event = true;
    return 0;
}

static int charge(struct yaml_reader *y, size_t nodes, size_t bytes, struct config_mark m)
{
    y->nodes += nodes;
    y->bytes += bytes;
    if (y->nodes > CONFIG_NODES_MAX)
        return fail_at(y, ERR_LIMIT, m, "too many values, aliases expanded");
    if (y->bytes > CONFIG_TEXT_BYTES_MAX)
        return fail_at(y, ERR_LIMIT, m, "too much text, aliases expanded");
    return 0;
}

static struct anchor *anchor_find(struct yaml_reader *y, const yaml_char_t *name)
{
    struct str wanted = str_from((const char *)name);
    for (struct anchor *a = y->anchors; a; a = a->older)
        if (str_eq(a->name, wanted))
            return a;
    return NULL;
}

static int anchor_add(struct yaml_reader *y, const yaml_char_t *name, const struct config_node *n, struct anchor **out)
{
    if (++y->anchor_count > CONFIG_ANCHORS_MAX)
        return fail_at(y, ERR_LIMIT, n->mark, "too many anchors");
    struct anchor *a = arena_new(y->arena, struct anchor);
    if (!a)
        return fail_nomem(y);
    a->name = arena_dup(y->arena, str_from((const char *)name));
    if (!a->name.ptr)
        return fail_nomem(y);
    a->node = n;
    a->nodes = y->nodes; /* what was read before it; anchor_close makes the differences */
    a->bytes = y->bytes;
    a->open = true;
    a->older = y->anchors;
    *out = y->anchors = a;
    return 0;
}

static void anchor_close(struct yaml_reader *y, struct anchor *a)
{
    a->nodes = y->nodes - a->nodes;
    a->bytes = y->bytes - a->bytes;
    a->open = false;
}

static int read_alias(struct yaml_reader *y, const struct config_node **out)
{
    struct config_mark m = mark_of(y, y->event.start_mark);
    const struct anchor *a = anchor_find(y, y->event.data.alias.anchor);
    if (!a)
        return fail_at(y, ERR_SYNTAX, m, "this alias has no anchor before it (quote a text that begins with `*`)");
    if (a->open)
        return fail_at(y, ERR_SYNTAX, m, "this alias stands inside its own anchor");
    *out = a->node;
    return charge(y, a->nodes, a->bytes, m);
}

static int read_scalar(struct yaml_reader *y, struct config_node *n)
{
    struct str text = str_of(y->event.data.scalar.value, y->event.data.scalar.length);
    if (memchr(text.ptr, '\0', text.len))
        return fail_at(y, ERR_SYNTAX, n->mark, "a text may not hold a NUL character");
    n->plain = y->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    n->text = arena_dup(y->arena, text);
    return n->text.ptr ? charge(y, 0, text.len, n->mark) : fail_nomem(y);
}

static int read_node(struct yaml_reader *y, int depth, const struct config_node **out);

static bool is_merge_key(const struct config_node *key)
{
    return key->plain && str_eq(key->text, STR("<<"));
}

static int read_key(struct yaml_reader *y, const struct config_node *map, int depth, const struct config_node **out)
{
    struct config_mark m = mark_of(y, y->event.start_mark);
    if (y->event.type != YAML_SCALAR_EVENT)
        return fail_at(y, ERR_SYNTAX, m, "a key must be a text; quote one that begins with a special character");
    int rc = read_node(y, depth, out);
    if (rc < 0)
        return rc;
    struct str key = (*out)->text;
    if (is_merge_key(*out) && !y->merges)
        return fail_at(y, ERR_UNSUPPORTED, m,
                       "merge keys (`<<`) are not supported; repeat the keys, or alias the whole value");
    if (key.len == 0)
        return fail_at(y, ERR_SYNTAX, m, "a key is missing before the `:`");
    for (const struct config_item *i = map->first; i; i = i->next)
        if (str_eq(i->key->text, key))
            return err_set_at(y->e, ERR_EXISTS, m.line, m.column, "duplicate key %s; it stands on line %d already",
                              config_quoted(key).text, i->key->mark.line);
    return 0;
}

/* `<<: *base`: the keys of base that the map does not have itself, wherever the line stands. */
static int merge_map(struct yaml_reader *y, struct config_node *n, const struct config_node *from)
{
    if (from->kind != NODE_MAP)
        return fail_at(y, ERR_SYNTAX, from->mark, "`<<` merges maps, and this is none");
    struct config_item **tail = &n->first;
    while (*tail)
        tail = &(*tail)->next;
    for (const struct config_item *i = from->first; i; i = i->next) {
        if (config_node_find(n, i->key->text.ptr))
            continue;
        if (n->count == CONFIG_MAP_KEYS_MAX)
            return fail_at(y, ERR_LIMIT, from->mark, "too many keys in one map");
        struct config_item *copy = arena_new(y->arena, struct config_item);
        if (!copy)
            return fail_nomem(y);
        *copy = (struct config_item){.key = i->key, .value = i->value};
        *tail = copy;
        tail = &copy->next;
        n->count++;
    }
    return 0;
}

/* Takes the `<<` out of a map that is complete and puts in what it stands for: a map, or a list of them. */
static int resolve_merge(struct yaml_reader *y, struct config_node *n)
{
    struct config_item **at = &n->first;
    while (*at && !is_merge_key((*at)->key))
        at = &(*at)->next;
    if (!*at)
        return 0;
    const struct config_node *from = (*at)->value;
    *at = (*at)->next;
    n->count--;
    int rc = from->kind == NODE_LIST ? 0 : merge_map(y, n, from);
    for (const struct config_item *i = from->kind == NODE_LIST ? from->first : NULL; i && rc == 0; i = i->next)
        rc = merge_map(y, n, i->value);
    return rc;
}

/* The items of a list or map, up to its end event. */
static int read_items(struct yaml_reader *y, int depth, yaml_event_type_t end, struct config_node *n)
{
    struct config_item **tail = &n->first;
    for (;;) {
        int rc = next_event(y);
        if (rc < 0 || y->event.type == end)
            return rc;
        if (n->kind == NODE_MAP && n->count == CONFIG_MAP_KEYS_MAX)
            return fail_at(y, ERR_LIMIT, mark_of(y, y->event.start_mark), "too many keys in one map");
        struct config_item *item = arena_new(y->arena, struct config_item);
        if (!item)
            return fail_nomem(y);
        if (n->kind == NODE_MAP) {
            rc = read_key(y, n, depth + 1, &item->key);
            if (rc == 0)
                rc = next_event(y);
        }
        if (rc == 0)
            rc = read_node(y, depth + 1, &item->value);
        if (rc < 0)
            return rc;
        *tail = item;
        tail = &item->next;
        n->count++;
    }
}

/* Anchor and tag of the current event, which starts a node. */
static void event_properties(const yaml_event_t *ev, const yaml_char_t **anchor, const yaml_char_t **tag)
{
    bool list = ev->type == YAML_SEQUENCE_START_EVENT, map = ev->type == YAML_MAPPING_START_EVENT;
    *anchor = list ? ev->data.sequence_start.anchor : map ? ev->data.mapping_start.anchor : ev->data.scalar.anchor;
    *tag = list ? ev->data.sequence_start.tag : map ? ev->data.mapping_start.tag : ev->data.scalar.tag;
}

/* The node that the current event starts; afterwards the current event is its last one. Recursion is bounded by
 * CONFIG_DEPTH_MAX. */
static int read_node(struct yaml_reader *y, int depth, const struct config_node **out)
{
    struct config_mark m = mark_of(y, y->event.start_mark);
    if (y->event.type == YAML_ALIAS_EVENT)
        return read_alias(y, out);
    if (depth > CONFIG_DEPTH_MAX)
        return fail_at(y, ERR_LIMIT, m, "nested too deeply");
    const yaml_char_t *anchor_name, *tag;
    event_properties(&y->event, &anchor_name, &tag);
    if (tag)
        return fail_at(y, ERR_UNSUPPORTED, m, "tags (`!…`) are not supported; quote the value to make it a text");
    struct config_node *n = arena_new(y->arena, struct config_node);
    if (!n)
        return fail_nomem(y);
    n->mark = m;
    struct anchor *anchor = NULL;
    int rc = anchor_name ? anchor_add(y, anchor_name, n, &anchor) : 0;
    if (rc == 0)
        rc = charge(y, 1, 0, m);
    if (rc < 0)
        return rc;
    if (y->event.type == YAML_SCALAR_EVENT) {
        rc = read_scalar(y, n);
    } else {
        n->kind = y->event.type == YAML_MAPPING_START_EVENT ? NODE_MAP : NODE_LIST;
        rc = read_items(y, depth, n->kind == NODE_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT, n);
        if (rc == 0 && n->kind == NODE_MAP && y->merges)
            rc = resolve_merge(y, n);
    }
    if (rc == 0 && anchor)
        anchor_close(y, anchor);
    *out = n;
    return rc;
}

static int read_document(struct yaml_reader *y, const struct config_node **root)
{
    static const struct config_node nothing = {.kind = NODE_MAP, .mark = {1, 1}};
    int rc = next_event(y); /* the stream starts */
    if (rc == 0)
        rc = next_event(y);
    if (rc < 0)
        return rc;
    *root = &nothing;
    if (y->event.type == YAML_STREAM_END_EVENT)
        return 0;
    rc = next_event(y); /* after the document's start: its root */
    if (rc == 0)
        rc = read_node(y, 0, root);
    if (rc == 0)
        rc = next_event(y); /* the document ends */
    if (rc == 0)
        rc = next_event(y);
    if (rc < 0)
        return rc;
    if (y->event.type != YAML_STREAM_END_EVENT)
        return fail_at(y, ERR_SYNTAX, mark_of(y, y->event.start_mark),
                       "a second document begins here; only one is allowed");
    if (config_node_empty(*root))
        *root = &nothing;
    if ((*root)->kind != NODE_MAP)
        return fail_at(y, ERR_INVALID, (*root)->mark, "the file must be a map of options");
    return 0;
}

static int read_text(struct arena *a, struct str text, bool merges, const struct config_node **root, struct err *e)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    if (text.len > CONFIG_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "the configuration is larger than %d bytes", CONFIG_BYTES_MAX);
    if (str_starts(text, str_from(byte_order_mark)))
        text = str_skip(text, 3);
    struct yaml_reader y = {.arena = a, .merges = merges, .text = text, .e = e};
    if (!yaml_parser_initialize(&y.parser)) /* it leaves nothing behind then */
        return fail_nomem(&y);
    /* Said, not guessed: libyaml would take UTF-16 too, and every check here is about bytes of UTF-8. */
    yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&y.parser, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
    measure(&y);
    int rc = read_document(&y, root);
    drop_event(&y);
    yaml_parser_delete(&y.parser);
    return rc;
}

int config_yaml_read(struct arena *a, struct str text, const struct config_node **root, struct err *e)
{
    return read_text(a, text, false, root, e);
}

int config_yaml_read_foreign(struct arena *a, struct str text, const struct config_node **root, struct err *e)
{
    return read_text(a, text, true, root, e);
}

const struct config_item *config_node_find(const struct config_node *map, const char *key)
{
    for (const struct config_item *i = map ? map->first : NULL; i; i = i->next)
        if (str_eq(i->key->text, str_from(key)))
            return i;
    return NULL;
}

bool config_node_empty(const struct config_node *n)
{
    return n->kind == NODE_SCALAR && n->plain &&
           (n->text.len == 0 || str_eq(n->text, STR("~")) || str_eq(n->text, STR("null")));
}
