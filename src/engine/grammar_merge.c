/* grammar_merge.c: schemas as texts: what a keyword is, where a $ref leads, several schemas made into one that says what all of them
 * say, and whether alternatives exclude each other. Nothing is built here. */
#include "engine/grammar_priv.h"

/* Keywords that say nothing about what is valid. */
static const char *const ANNOTATIONS[] = {"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default",
                                          "examples", "example", "deprecated", "readOnly", "writeOnly", "contentEncoding",
                                          "contentMediaType", "externalDocs", "discriminator", "xml", "$anchor"};
static const char *const ENFORCED[] = {"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "nullable",
                                       "properties", "required", "additionalProperties", "items", "prefixItems",
                                       "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "format",
                                       "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};

static bool listed(struct str key, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(key, str_from(list[i])))
            return true;
    }
    return false;
}

enum keyword_kind forms_keyword(struct str key)
{
    if (listed(key, ANNOTATIONS, COUNT_OF(ANNOTATIONS)) || str_starts(key, STR("x-")))
        return KEYWORD_ANNOTATION;
    return listed(key, ENFORCED, COUNT_OF(ENFORCED)) ? KEYWORD_ENFORCED : KEYWORD_UNKNOWN;
}

bool forms_only_says(const struct json_node *schema, const char *key)
{
    for (const struct json_node *m = schema->child; m; m = m->next) {
        if (!str_eq(m->key, str_from(key)) && forms_keyword(m->key) != KEYWORD_ANNOTATION)
            return false;
    }
    return true;
}

/* --- paths and references ------------------------------------------------------------------------------------------------- */

static int path_write(struct buf *b, const struct path *p)
{
    int rc = p->up ? path_write(b, p->up) : 0;
    if (rc == 0 && p->up)
        rc = buf_append_char(b, '/');
    return rc == 0 ? buf_append(b, p->part) : rc;
}

char *forms_path(struct forms *f, const struct path *p)
{
    AUTO_BUF struct buf b = BUF_INIT(64 * KiB);
    if (path_write(&b, p) < 0)
        return NULL;
    struct str s = buf_str(&b);
    if (s.len > 400) /* the end tells more than the beginning, and all of it must fit a sentence */
        s = str_skip(s, s.len - 400);
    return arena_text(f->arena, s);
}

int forms_fail(struct forms *f, const struct path *p, int code, const char *format, ...)
{
    AUTO_BUF struct buf b = BUF_INIT(4 * KiB);
    char *path = forms_path(f, p);
    va_list args;

    va_start(args, format);
    int rc = buf_append_format_v(&b, format, args);
    va_end(args);
    if (rc < 0 || !path)
        return net_fail(f->net, ERR_NOMEM, "no memory for the schema");
    return net_fail(f->net, code, "%.*s (at %s of the schema)", STR_FMT(buf_str(&b)), path);
}

/* Walking over members is what merging costs. After the last step nothing is found, and the net has failed. */
static bool spend(struct forms *f, size_t steps)
{
    f->steps += steps;
    if (f->steps > FORMS_STEPS_MAX)
        net_fail(f->net, ERR_LIMIT, "the schema is too large once its parts are put together");
    return f->net->rc == 0;
}

static const struct json_node *step_into(struct forms *f, const struct json_node *node, struct str part)
{
    if (!spend(f, node->count))
        return NULL;
    for (const struct json_node *m = node->child; m && node->type == JSON_OBJECT; m = m->next) {
        if (str_eq(m->key, part))
            return m;
    }
    uint64_t index;
    const struct json_node *m = node->type == JSON_ARRAY && str_to_u64(part, &index) ? node->child : NULL;
    for (; m && index > 0; index--)
        m = m->next;
    return m;
}

/* ~0 ~1 of a JSON pointer, and %XX of a fragment. */
static struct str pointer_part(struct forms *f, struct str part)
{
    char *out = arena_alloc(f->arena, part.len + 1);
    size_t n = 0;
    if (!out)
        return STR_NONE;
    for (size_t i = 0; i < part.len; i++) {
        char c = part.ptr[i];
        if (c == '%' && i + 2 < part.len && hex_digit(part.ptr[i + 1]) >= 0 && hex_digit(part.ptr[i + 2]) >= 0) {
            c = (char)(hex_digit(part.ptr[i + 1]) * 16 + hex_digit(part.ptr[i + 2]));
            i += 2;
        }
        if (c == '~' && i + 1 < part.len && (part.ptr[i + 1] == '0' || part.ptr[i + 1] == '1'))
            c = part.ptr[++i] == '0' ? '~' : '/';
        out[n++] = c;
    }
    return str_of(out, n);
}

const struct json_node *forms_resolve(struct forms *f, const struct json_node *ref, const struct path *p)
{
    struct str rest = ref->text, part;
    if (ref->type != JSON_STRING || !str_starts(rest, STR("#")) || (rest.len > 1 && rest.ptr[1] != '/')) {
        forms_fail(f, p, ERR_UNSUPPORTED, "$ref %.*s is not understood: only what is in the same schema can be referred to, as #/…",
                   STR_FMT(str_slice(ref->text, 0, 100)));
        return NULL;
    }
    const struct json_node *node = f->root;
    rest = str_skip(rest, rest.len > 1 ? 2 : 1);
    bool more = ref->text.len > 1;
    while (node && more) {
        ptrdiff_t slash = str_find_char(rest, '/');
        part = pointer_part(f, slash < 0 ? rest : str_slice(rest, 0, (size_t)slash));
        if (!part.ptr) {
            net_fail(f->net, ERR_NOMEM, "no memory for the schema");
            return NULL;
        }
        node = step_into(f, node, part);
        more = slash >= 0;
        rest = more ? str_skip(rest, (size_t)slash + 1) : rest;
    }
    if (!node)
        forms_fail(f, p, ERR_INVALID, "$ref %.*s leads nowhere", STR_FMT(str_slice(ref->text, 0, 100)));
    return node;
}

/* --- merging -------------------------------------------------------------------------------------------------------------- */

static struct json_node *node_new(struct forms *f, enum json_type type)
{
    struct json_node *n = f->net->rc < 0 ? NULL : arena_new(f->arena, struct json_node);
    if (!n)
        net_fail(f->net, ERR_LIMIT, "the schema is too large once its parts are put together");
    else
        n->type = type;
    return n;
}

/* A member or element is copied, its value shared. */
static struct json_node *append(struct forms *f, struct json_node *to, const struct json_node *value, struct str key)
{
    struct json_node *n = spend(f, to->count) ? node_new(f, value->type) : NULL, **at = &to->child;
    if (!n)
        return NULL;
    *n = *value;
    n->key = key;
    n->next = NULL;
    while (*at)
        at = &(*at)->next;
    *at = n;
    to->count++;
    return n;
}

struct json_node *forms_without(struct forms *f, const struct json_node *schema, const char *const *key, size_t count)
{
    struct json_node *out = node_new(f, JSON_OBJECT);
    for (const struct json_node *m = schema->child; m && out; m = m->next) {
        if (!listed(m->key, key, count) && forms_keyword(m->key) != KEYWORD_ANNOTATION && !append(f, out, m, m->key))
            return NULL;
    }
    return out;
}

static bool value_same(const struct json_node *a, const struct json_node *b)
{
    if (a->type != b->type || a->count != b->count)
        return false;
    if (a->type != JSON_OBJECT && a->type != JSON_ARRAY)
        return str_eq(a->text, b->text);
    const struct json_node *x = a->child, *y = b->child;
    for (; x && y; x = x->next, y = y->next) {
        if (!str_eq(x->key, y->key) || !value_same(x, y))
            return false;
    }
    return true;
}

static bool in_list(struct forms *f, const struct json_node *list, const struct json_node *value)
{
    if (!spend(f, list->count))
        return false;
    for (const struct json_node *x = list->child; x; x = x->next) {
        if (value_same(x, value))
            return true;
    }
    return false;
}

static struct json_node *as_list(struct forms *f, const struct json_node *value)
{
    struct json_node *list = node_new(f, JSON_ARRAY);
    if (!list || value->type != JSON_ARRAY)
        return list && append(f, list, value, STR_NONE) ? list : NULL;
    list->child = value->child;
    list->count = value->count;
    return list;
}

/* Types in both; an integer is a number too. */
static struct json_node *both_types(struct forms *f, const struct json_node *a, const struct json_node *b)
{
    static const struct json_node integer = {.type = JSON_STRING, .text = STR("integer")}, number = {.type = JSON_STRING, .text = STR("number")};
    struct json_node *x = as_list(f, a), *y = as_list(f, b), *out = node_new(f, JSON_ARRAY);
    if (!x || !y || !out)
        return NULL;
    for (const struct json_node *t = x->child; t; t = t->next) {
        if ((in_list(f, y, t) || (value_same(t, &integer) && in_list(f, y, &number))) && !append(f, out, t, STR_NONE))
            return NULL;
        if (value_same(t, &number) && in_list(f, y, &integer) && !in_list(f, x, &integer) && !append(f, out, &integer, STR_NONE))
            return NULL;
    }
    return out;
}

static struct json_node *both_lists(struct forms *f, const struct json_node *a, const struct json_node *b, bool all)
{
    struct json_node *out = node_new(f, JSON_ARRAY);
    if (!out || a->type != JSON_ARRAY || b->type != JSON_ARRAY)
        return NULL;
    for (const struct json_node *x = a->child; x; x = x->next) {
        if ((all || in_list(f, b, x)) && !append(f, out, x, STR_NONE))
            return NULL;
    }
    for (const struct json_node *x = b->child; x && all; x = x->next) {
        if (!in_list(f, a, x) && !append(f, out, x, STR_NONE))
            return NULL;
    }
    return out;
}

/* { "allOf": [a, b] } */
static struct json_node *both_schemas(struct forms *f, const struct json_node *a, const struct json_node *b)
{
    struct json_node *out = node_new(f, JSON_OBJECT), *list = node_new(f, JSON_ARRAY);
    if (!out || !list || !append(f, list, a, STR_NONE) || !append(f, list, b, STR_NONE) || !append(f, out, list, STR("allOf")))
        return NULL;
    return out;
}

static struct json_node *both_properties(struct forms *f, const struct json_node *a, const struct json_node *b)
{
    struct json_node *out = node_new(f, JSON_OBJECT);
    if (!out || a->type != JSON_OBJECT || b->type != JSON_OBJECT)
        return NULL;
    for (const struct json_node *m = a->child; m; m = m->next) {
        const struct json_node *other = step_into(f, b, m->key), *value = other ? both_schemas(f, m, other) : m;
        if (!value || !append(f, out, value, m->key))
            return NULL;
    }
    for (const struct json_node *m = b->child; m; m = m->next) {
        if (!step_into(f, a, m->key) && !append(f, out, m, m->key))
            return NULL;
    }
    return out;
}

static const struct json_node *tighter(const struct json_node *a, const struct json_node *b, bool larger)
{
    double x, y;
    if (a->type != JSON_NUMBER || b->type != JSON_NUMBER || !json_to_double(a->text, &x) || !json_to_double(b->text, &y) || x == y)
        return NULL; /* as good as equal: not decided here */
    return (x > y) == larger ? a : b;
}

/* What two values of one keyword say together; NULL when that is not known. */
static const struct json_node *both(struct forms *f, const char *key, const struct json_node *a, const struct json_node *b)
{
    static const char *const larger[] = {"minLength", "minItems", "minimum", "exclusiveMinimum"};
    static const char *const smaller[] = {"maxLength", "maxItems", "maximum", "exclusiveMaximum"};

    if (value_same(a, b))
        return a;
    if (strcmp(key, "type") == 0)
        return both_types(f, a, b);
    if (strcmp(key, "required") == 0 || strcmp(key, "enum") == 0)
        return both_lists(f, a, b, key[0] == 'r');
    if (strcmp(key, "properties") == 0)
        return both_properties(f, a, b);
    if (strcmp(key, "items") == 0 && a->type == JSON_OBJECT && b->type == JSON_OBJECT)
        return both_schemas(f, a, b);
    if (listed(str_from(key), larger, COUNT_OF(larger)))
        return tighter(a, b, true);
    return listed(str_from(key), smaller, COUNT_OF(smaller)) ? tighter(a, b, false) : NULL;
}

/* additionalProperties of one speaks of the properties of that one alone: together with others' it would mean something else. */
static bool closed(const struct json_node *schema)
{
    const struct json_node *m = json_get(schema, "additionalProperties");
    return m && m->type != JSON_TRUE;
}

/* All properties of one are properties of the other too. */
static bool within(struct forms *f, const struct json_node *schema, const struct json_node *other)
{
    const struct json_node *mine = json_get(schema, "properties"), *theirs = json_get(other, "properties");
    for (const struct json_node *m = mine ? mine->child : NULL; m; m = m->next) {
        if (!theirs || !step_into(f, theirs, m->key))
            return false;
    }
    return true;
}

/* Puts one schema into another. */
static bool merge_into(struct forms *f, struct json_node *out, const struct json_node *from, const struct path *p)
{
    if ((closed(out) && !within(f, from, out)) || (closed(from) && !within(f, out, from))) {
        forms_fail(f, p, ERR_UNSUPPORTED, "allOf of objects one of which limits additionalProperties is not supported: that would exclude "
                                          "the properties of the others; write them as one object");
        return false;
    }
    for (const struct json_node *m = from->child; m; m = m->next) {
        if (forms_keyword(m->key) == KEYWORD_ANNOTATION)
            continue;
        struct json_node *old = (struct json_node *)(uintptr_t)step_into(f, out, m->key); /* ours: append copied it */
        if (!old) {
            if (!append(f, out, m, m->key))
                return false;
            continue;
        }
        char *key = arena_text(f->arena, m->key);
        const struct json_node *value = key ? both(f, key, old, m) : NULL;
        if (!value) {
            forms_fail(f, p, ERR_UNSUPPORTED, "allOf (or a $ref with more beside it) says %.*s twice, in ways that are not put together",
                       STR_FMT(str_slice(m->key, 0, 60)));
            return false;
        }
        struct json_node *next = old->next;
        struct str k = old->key;
        *old = *value;
        old->next = next;
        old->key = k;
    }
    return true;
}

static bool merge_one(struct forms *f, struct json_node *out, const struct json_node *schema, const struct path *p, int depth)
{
    static const char *const parts[] = {"allOf", "$ref"};
    if (schema->type == JSON_TRUE)
        return true;
    if (schema->type != JSON_OBJECT || depth > SCHEMA_DEPTH_MAX) {
        forms_fail(f, p, depth > SCHEMA_DEPTH_MAX ? ERR_LIMIT : ERR_UNSUPPORTED,
                   depth > SCHEMA_DEPTH_MAX ? "allOf or $ref lead on without end" : "allOf holds something that is no object");
        return false;
    }
    const struct json_node *ref = json_get(schema, "$ref"), *all = json_get(schema, "allOf");
    const struct json_node *rest = ref || all ? forms_without(f, schema, parts, COUNT_OF(parts)) : schema;
    if (!rest || !merge_into(f, out, rest, p))
        return false;
    if (ref) {
        const struct json_node *target = forms_resolve(f, ref, p);
        if (!target || !merge_one(f, out, target, p, depth + 1))
            return false;
    }
    if (all && all->type != JSON_ARRAY) {
        forms_fail(f, p, ERR_INVALID, "allOf must be a list of schemas");
        return false;
    }
    for (const struct json_node *x = all ? all->child : NULL; x; x = x->next) {
        if (!merge_one(f, out, x, p, depth + 1))
            return false;
    }
    return true;
}

const struct json_node *forms_merge(struct forms *f, const struct json_node *const *schema, size_t count, const struct path *p)
{
    struct json_node *out = node_new(f, JSON_OBJECT);
    for (size_t i = 0; i < count && out; i++) {
        if (!schema[i] || !merge_one(f, out, schema[i], p, 0))
            return NULL;
    }
    return out;
}

/* --- alternatives ------------------------------------------------------------------------------------------------------------ */

enum { KIND_NULL = 1, KIND_BOOL = 2, KIND_NUMBER = 4, KIND_STRING = 8, KIND_ARRAY = 16, KIND_OBJECT = 32, KIND_ALL = 63 };

static unsigned kind_of(const struct json_node *value)
{
    static const unsigned kinds[] = {[JSON_NULL] = KIND_NULL, [JSON_FALSE] = KIND_BOOL, [JSON_TRUE] = KIND_BOOL, [JSON_NUMBER] = KIND_NUMBER,
                                     [JSON_STRING] = KIND_STRING, [JSON_ARRAY] = KIND_ARRAY, [JSON_OBJECT] = KIND_OBJECT};
    return kinds[value->type];
}

static unsigned kind_named(struct str name)
{
    return str_eq(name, STR("null"))      ? KIND_NULL
           : str_eq(name, STR("boolean")) ? KIND_BOOL
           : str_eq(name, STR("number")) || str_eq(name, STR("integer")) ? KIND_NUMBER
           : str_eq(name, STR("string")) ? KIND_STRING
           : str_eq(name, STR("array"))  ? KIND_ARRAY
           : str_eq(name, STR("object")) ? KIND_OBJECT
                                         : KIND_ALL;
}

/* Follows a bare $ref; what it cannot follow stays what it is, and overlaps with everything. */
static const struct json_node *follow(struct forms *f, const struct json_node *schema, const struct path *p)
{
    for (int i = 0; i < SCHEMA_DEPTH_MAX && schema && schema->type == JSON_OBJECT && json_get(schema, "$ref"); i++)
        schema = forms_resolve(f, json_get(schema, "$ref"), p);
    return schema;
}

static unsigned kinds_of(struct forms *f, const struct json_node *schema)
{
    const struct json_node *type = json_get(schema, "type"), *list = NULL;
    unsigned kinds = 0;

    if (json_get(schema, "nullable") && json_get(schema, "nullable")->type == JSON_TRUE)
        kinds |= KIND_NULL;
    if (json_get(schema, "const"))
        return kinds | kind_of(json_get(schema, "const"));
    if ((list = json_get(schema, "enum"))) {
        for (const struct json_node *x = list->child; x; x = x->next)
            kinds |= kind_of(x);
        return kinds;
    }
    if (!type)
        return KIND_ALL;
    list = as_list(f, type);
    for (const struct json_node *x = list ? list->child : NULL; x; x = x->next)
        kinds |= kind_named(x->text);
    return kinds;
}

/* Both list their values, all are strings, and none is in both. */
static bool values_apart(struct forms *f, const struct json_node *a, const struct json_node *b)
{
    if (!a || !b || a->type != JSON_ARRAY || b->type != JSON_ARRAY)
        return false;
    for (const struct json_node *x = a->child; x; x = x->next) {
        if (x->type != JSON_STRING || in_list(f, b, x))
            return false;
    }
    for (const struct json_node *x = b->child; x; x = x->next) {
        if (x->type != JSON_STRING)
            return false;
    }
    return true;
}

static bool is_required(const struct json_node *schema, struct str name)
{
    const struct json_node *list = json_get(schema, "required");
    for (const struct json_node *x = list ? list->child : NULL; x; x = x->next) {
        if (x->type == JSON_STRING && str_eq(x->text, name))
            return true;
    }
    return false;
}

/* The values that a schema lists; NULL if it lists none. */
static const struct json_node *value_list(struct forms *f, const struct json_node *schema)
{
    const struct json_node *value = json_get(schema, "const");
    if (value)
        return value->type == JSON_ARRAY ? NULL : as_list(f, value);
    return json_get(schema, "enum");
}

static bool apart(struct forms *f, const struct json_node *a, const struct json_node *b, const struct path *p)
{
    a = follow(f, a, p);
    b = follow(f, b, p);
    if (!a || !b || a->type != JSON_OBJECT || b->type != JSON_OBJECT)
        return false;
    unsigned common = kinds_of(f, a) & kinds_of(f, b);
    if (common == 0 || values_apart(f, value_list(f, a), value_list(f, b)))
        return true;
    const struct json_node *props = common == KIND_OBJECT ? json_get(a, "properties") : NULL, *others = json_get(b, "properties");
    for (const struct json_node *m = props && others ? props->child : NULL; m; m = m->next) {
        const struct json_node *other = step_into(f, others, m->key);
        if (other && is_required(a, m->key) && is_required(b, m->key) &&
            values_apart(f, value_list(f, follow(f, m, p)), value_list(f, follow(f, other, p))))
            return true;
    }
    return false;
}

size_t forms_overlap(struct forms *f, const struct json_node *list, const struct path *p, size_t *other)
{
    size_t i = 1;
    for (const struct json_node *a = list->child; a && f->net->rc == 0; a = a->next, i++) {
        size_t k = i + 1;
        for (const struct json_node *b = a->next; b; b = b->next, k++) {
            if (!apart(f, a, b, p)) {
                *other = k;
                return i;
            }
        }
    }
    return 0;
}
