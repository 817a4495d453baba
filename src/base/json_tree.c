/* json_tree.c: a small tree in an arena, for translation and cold paths. Built on the scanner, one recursion per level,
 * which JSON_DEPTH_MAX bounds. */
#include "base/json.h"
#include <assert.h>
#include <stdlib.h>

struct tree {
    struct json_scan scan;
    struct arena *arena;
    int rc; /* what the scan does not know: out of memory, a key given twice */
    struct err *err;
};

static bool read_value(struct tree *t, struct json_node *node);

static bool out_of_memory(struct tree *t)
{
    t->rc = err_set(t->err, ERR_NOMEM, "out of memory while reading JSON");
    return false;
}

static bool read_text(struct tree *t, struct str raw, struct str *out)
{
    *out = json_unescape_arena(raw, t->arena);
    return out->ptr || out_of_memory(t);
}

static int compare_keys(const void *a, const void *b)
{
    const struct json_node *const *x = a, *const *y = b;

    return str_compare((*x)->key, (*y)->key);
}

static bool key_twice(struct tree *t)
{
    t->rc = err_set(t->err, ERR_SYNTAX, "not valid JSON: a key is given twice (in the object that ends at byte %zu)",
                    json_offset(&t->scan));
    return false;
}

/* Sorted, so that a hostile object of a million keys costs n log n. */
static bool check_many_keys(struct tree *t, const struct json_node *object)
{
    struct arena_mark mark = arena_mark(t->arena);
    const struct json_node **sorted = arena_zalloc_array(t->arena, object->count, sizeof(*sorted));
    if (!sorted)
        return out_of_memory(t);

    size_t n = 0;
    for (const struct json_node *m = object->child; m; m = m->next)
        sorted[n++] = m;
    qsort(sorted, n, sizeof(*sorted), compare_keys);
    bool twice = false;
    for (size_t i = 1; i < n && !twice; i++)
        twice = str_eq(sorted[i - 1]->key, sorted[i]->key);
    arena_reset(t->arena, mark);
    return !twice || key_twice(t);
}

static bool check_keys(struct tree *t, const struct json_node *object)
{
    enum { FEW = 16 }; /* up to here comparing each with each beats sorting */

    if (object->count > FEW)
        return check_many_keys(t, object);
    for (const struct json_node *a = object->child; a; a = a->next) {
        for (const struct json_node *b = a->next; b; b = b->next) {
            if (str_eq(a->key, b->key))
                return key_twice(t);
        }
    }
    return true;
}

static bool read_children(struct tree *t, struct json_node *parent)
{
    bool object = parent->type == JSON_OBJECT;
    struct json_node **tail = &parent->child;
    struct str key = STR_NONE;

    while (object ? json_member(&t->scan, &key) : json_element(&t->scan)) {
        struct json_node *child = arena_new(t->arena, struct json_node);
        if (!child)
            return out_of_memory(t);
        if (object && !read_text(t, key, &child->key))
            return false;
        if (!read_value(t, child))
            return false;
        *tail = child;
        tail = &child->next;
        parent->count++;
    }
    return !t->scan.problem && (!object || check_keys(t, parent));
}

static bool read_value(struct tree *t, struct json_node *node)
{
    struct str raw;

    node->type = json_peek(&t->scan);
    const char *from = t->scan.pos;
    switch (node->type) {
    case JSON_BAD: return false;
    case JSON_STRING: return json_string(&t->scan, &raw) && read_text(t, raw, &node->text);
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (!json_enter(&t->scan) || !read_children(t, node))
            return false;
        node->text = str_of(from, (size_t)(t->scan.pos - from));
        return true;
    default: return json_skip(&t->scan, &node->text);
    }
}

int json_parse(struct arena *a, struct str text, struct json_node **out, struct err *e)
{
    struct tree t = {.arena = a, .err = e};
    struct json_node *root = arena_new(a, struct json_node);

    json_scan_init(&t.scan, text);
    if (!root)
        return err_set(e, ERR_NOMEM, "out of memory while reading JSON");
    bool whole = read_value(&t, root);
    if (t.rc < 0)
        return t.rc;
    int rc = json_finish(&t.scan, e);
    if (rc < 0)
        return rc;
    assert(whole);
    *out = root;
    return 0;
}

const struct json_node *json_get(const struct json_node *object, const char *key)
{
    if (!object || object->type != JSON_OBJECT)
        return NULL;
    struct str wanted = str_from(key);
    for (const struct json_node *m = object->child; m; m = m->next) {
        if (str_eq(m->key, wanted))
            return m;
    }
    return NULL;
}

struct str json_get_text(const struct json_node *object, const char *key)
{
    const struct json_node *m = json_get(object, key);

    return m && m->type == JSON_STRING ? m->text : STR_NONE;
}

bool json_get_i64(const struct json_node *object, const char *key, int64_t *out)
{
    const struct json_node *m = json_get(object, key);

    return m && m->type == JSON_NUMBER && json_to_i64(m->text, out);
}

bool json_get_bool(const struct json_node *object, const char *key, bool otherwise)
{
    const struct json_node *m = json_get(object, key);

    return m && (m->type == JSON_TRUE || m->type == JSON_FALSE) ? m->type == JSON_TRUE : otherwise;
}
