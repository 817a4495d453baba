/* grammar_schema.c: JSON Schema into a net. docs/internals/forms.md says what each keyword becomes.
 *
 * Each schema is written between two states, in place; what a $ref names becomes a rule, so that recursion is a call. A schema is
 * untrusted text: sizes and depth are bounded, and what is not understood is refused by name. */
#include "base/mem.h"
#include "engine/grammar_priv.h"

enum {
    CHILDREN_MAX = 4096,     /* of one object or list in a schema; merging is quadratic in it */
    ONE_OF_MAX = 256,        /* compared in pairs */
    NAME_BYTES_MAX = 1024,   /* of a property beside which others may stand: each byte is a level of names_below */
    ARENA_MAX = 64 * 1024 * 1024,
};

enum { T_NULL = 1, T_BOOL = 2, T_INTEGER = 4, T_NUMBER = 8, T_STRING = 16, T_ARRAY = 32, T_OBJECT = 64, T_ALL = 127 & ~T_INTEGER };

static void write_schema(struct forms *f, const struct json_node *schema, uint32_t from, uint32_t to, const struct path *p, int depth);

static uint32_t rule_of(struct forms *f, const struct json_node *schema, const struct path *p)
{
    for (struct forms_rule *r = f->rules; r; r = r->next) {
        if (r->node == schema)
            return r->rule;
    }
    struct forms_rule *r = arena_new(f->arena, struct forms_rule);
    char *path = forms_path(f, p);
    if (!r || !path) {
        net_fail(f->net, ERR_LIMIT, "the schema is too large");
        return 0;
    }
    *r = (struct forms_rule){.node = schema, .rule = net_rule(f->net), .path = path};
    if (f->last)
        f->last->next = r;
    else
        f->rules = r;
    f->last = r;
    return r->rule;
}

/* --- strings and numbers ----------------------------------------------------------------------------------------------- */

/* A count that a keyword gives; `otherwise` without it. */
static uint32_t count_of(struct forms *f, const struct json_node *schema, const char *key, uint32_t otherwise, const struct path *p)
{
    const struct json_node *m = json_get(schema, key);
    int64_t value;

    if (!m)
        return otherwise;
    if (m->type != JSON_NUMBER || !json_to_i64(m->text, &value) || value < 0) {
        forms_fail(f, p, ERR_INVALID, "%s must be a whole number, not negative", key);
        return otherwise;
    }
    if (value >= NET_STATES_MAX) {
        if (strncmp(key, "max", 3) == 0)
            return LEFT_FREE; /* no answer is so long */
        forms_fail(f, p, ERR_LIMIT, "%s is more than can be counted", key);
    }
    return (uint32_t)value;
}

static void write_string(struct forms *f, const struct json_node *schema, uint32_t from, uint32_t to, const struct path *p)
{
    const struct json_node *pattern = json_get(schema, "pattern"), *format = json_get(schema, "format");
    uint32_t min = count_of(f, schema, "minLength", 0, p), max = count_of(f, schema, "maxLength", LEFT_FREE, p);
    const char *why = NULL;

    if (min > max)
        return; /* nothing fits */
    if (!pattern && !format) {
        json_string_free(f->net, from, min, max, to);
        return;
    }
    if (pattern && format) {
        forms_fail(f, p, ERR_UNSUPPORTED, "pattern beside format is not supported: use one of them");
        return;
    }
    if ((pattern ? pattern : format)->type != JSON_STRING) {
        forms_fail(f, p, ERR_INVALID, "%s must be a string", pattern ? "pattern" : "format");
        return;
    }
    struct str text = pattern ? pattern->text : format_pattern(format->text);
    if (!text.ptr) {
        forms_fail(f, p, ERR_UNSUPPORTED, "format \"%.*s\" cannot be enforced (date, time, date-time, duration, uuid, ipv4 and email can)",
                   STR_FMT(str_slice(format->text, 0, 60)));
        return;
    }
    int rc = pattern_build(f->net, from, text, min, max, to, &why);
    if (rc < 0)
        forms_fail(f, p, rc, "pattern \"%.*s\" is not supported: %s", STR_FMT(str_slice(text, 0, 100)), why ? why : "");
}

/* A bound, if there is one: of the keyword or of its exclusive twin, the tighter one. */
static struct str bound_of(struct forms *f, const struct json_node *schema, const char *key, const char *exclusive, bool larger, bool *out,
                           const struct path *p)
{
    const struct json_node *a = json_get(schema, key), *b = json_get(schema, exclusive);
    double x = 0, y = 0;

    if ((a && (a->type != JSON_NUMBER || !json_to_double(a->text, &x))) || (b && (b->type != JSON_NUMBER || !json_to_double(b->text, &y)))) {
        forms_fail(f, p, ERR_UNSUPPORTED, "%s and %s must be numbers", key, exclusive);
        return STR_NONE;
    }
    *out = b && (!a || (larger ? y >= x : y <= x));
    return *out ? b->text : a ? a->text : STR_NONE;
}

static void write_number(struct forms *f, const struct json_node *schema, bool integer, uint32_t from, uint32_t to, const struct path *p)
{
    struct number_bounds b = {0};
    const char *why;

    b.low = bound_of(f, schema, "minimum", "exclusiveMinimum", true, &b.low_out, p);
    b.high = bound_of(f, schema, "maximum", "exclusiveMaximum", false, &b.high_out, p);
    if (!b.low.ptr && !b.high.ptr) {
        json_number_free(f->net, from, integer, to);
        return;
    }
    int rc = number_build(f->net, from, &b, integer, to, &why);
    if (rc < 0)
        forms_fail(f, p, rc, "a bound cannot be enforced: %s", why);
}

/* --- lists of values ------------------------------------------------------------------------------------------------------ */

static bool whole_number(struct str text)
{
    return str_find_char(text, '.') < 0 && str_find_char(text, 'e') < 0 && str_find_char(text, 'E') < 0;
}

static bool value_has_type(const struct json_node *n, unsigned types)
{
    switch (n->type) {
    case JSON_NULL: return types & T_NULL;
    case JSON_TRUE:
    case JSON_FALSE: return types & T_BOOL;
    case JSON_NUMBER: return (types & T_NUMBER) || ((types & T_INTEGER) && whole_number(n->text));
    case JSON_STRING: return types & T_STRING;
    case JSON_ARRAY: return types & T_ARRAY;
    default: return types & T_OBJECT;
    }
}

static void write_value(struct forms *f, const struct json_node *value, unsigned types, uint32_t from, uint32_t to)
{
    AUTO_BUF struct buf b = BUF_INIT(4 * GRAMMAR_SCHEMA_BYTES_MAX);
    struct json_writer w = JSON_WRITER(&b);

    if (!value_has_type(value, types))
        return;
    json_value(&w, value);
    if (json_done(&w) < 0)
        net_fail(f->net, ERR_NOMEM, "no memory for the schema");
    else
        net_text(f->net, from, buf_str(&b), to);
}

/* enum and const. Other keywords beside them would have to be checked against each value: refused. */
static void write_values(struct forms *f, const struct json_node *schema, unsigned types, uint32_t from, uint32_t to, const struct path *p)
{
    static const char *const fine[] = {"enum", "const", "type", "nullable"};
    const struct json_node *value = json_get(schema, "const"), *list = json_get(schema, "enum");

    for (const struct json_node *m = schema->child; m; m = m->next) {
        bool known = forms_keyword(m->key) == KEYWORD_ANNOTATION;
        for (size_t i = 0; i < COUNT_OF(fine); i++)
            known = known || str_eq(m->key, str_from(fine[i]));
        if (!known || (value && list)) {
            forms_fail(f, p, ERR_UNSUPPORTED, "%.*s beside enum or const is not supported: list the values that remain",
                       STR_FMT(str_slice(value && list ? STR("enum") : m->key, 0, 60)));
            return;
        }
    }
    if (value)
        write_value(f, value, types, from, to);
    else if (list->type != JSON_ARRAY)
        forms_fail(f, p, ERR_INVALID, "enum must be a list of values");
    for (const struct json_node *x = !value && list->type == JSON_ARRAY ? list->child : NULL; x; x = x->next)
        write_value(f, x, types, from, to);
}

/* --- arrays ----------------------------------------------------------------------------------------------------------------- */

static void write_array(struct forms *f, const struct json_node *schema, uint32_t from, uint32_t to, const struct path *p, int depth)
{
    const struct json_node *prefix = json_get(schema, "prefixItems"), *items = json_get(schema, "items");
    const struct json_node *unique = json_get(schema, "uniqueItems"), *next = prefix ? prefix->child : NULL;
    uint32_t min = count_of(f, schema, "minItems", 0, p), max = count_of(f, schema, "maxItems", LEFT_FREE, p);
    struct path at_items = {p, STR("items")}, at_prefix = {p, STR("prefixItems")};
    struct net *n = f->net;

    if ((prefix && prefix->type != JSON_ARRAY) || (items && items->type == JSON_ARRAY)) {
        forms_fail(f, p, ERR_UNSUPPORTED, prefix && prefix->type != JSON_ARRAY ? "prefixItems must be a list of schemas" :
                   "items as a list is not supported: that is prefixItems now");
        return;
    }
    if (unique && unique->type != JSON_FALSE) {
        forms_fail(f, p, ERR_UNSUPPORTED, "uniqueItems is not supported: an answer that is written from left to right cannot be kept to it");
        return;
    }
    uint32_t open = net_state(n), blank = json_rule_blank(n), item = net_state(n), after = 0;
    uint32_t rest = items ? rule_of(f, items, &at_items) : json_rule_value(n), fixed = prefix ? prefix->count : 0;
    uint32_t turns = max != LEFT_FREE ? max : (min > fixed ? min : fixed) + 1; /* the last turn repeats when there is no end */
    net_byte(n, from, '[', '[', open);
    if (min == 0)
        net_byte(n, open, ']', ']', to);
    net_call(n, open, blank, item);
    for (uint32_t i = 0; i < turns && n->rc == 0; i++) {
        after = net_state(n);
        if (next)
            write_schema(f, next, item, after, &at_prefix, depth + 1);
        else
            net_call(n, item, rest, after);
        next = next ? next->next : NULL;
        if (i + 1 >= min) {
            uint32_t last = net_state(n);
            net_call(n, after, blank, last);
            net_byte(n, last, ']', ']', to);
        }
        uint32_t comma = net_state(n), then = i + 1 < turns ? net_state(n) : max == LEFT_FREE ? item : 0;
        net_byte(n, after, ',', ',', comma);
        net_call(n, comma, blank, then);
        item = then;
    }
}

/* --- objects ------------------------------------------------------------------------------------------------------------------ */

struct member {
    struct str name;
    const struct json_node *schema; /* NULL: what additionalProperties says */
    bool required;
};

struct object {
    struct member *member;
    size_t count;
    const struct json_node *additional; /* its schema, NULL if there is none */
    bool more;                          /* other members may follow */
};

static bool name_listed(const struct json_node *list, struct str name)
{
    for (const struct json_node *x = list ? list->child : NULL; x; x = x->next) {
        if (x->type == JSON_STRING && str_eq(x->text, name))
            return true;
    }
    return false;
}

static bool object_read(struct forms *f, const struct json_node *schema, struct object *o, const struct path *p)
{
    const struct json_node *props = json_get(schema, "properties"), *required = json_get(schema, "required");
    const struct json_node *more = json_get(schema, "additionalProperties");
    size_t max = (props ? props->count : 0) + (required ? required->count : 0);

    if ((props && props->type != JSON_OBJECT) || (required && required->type != JSON_ARRAY)) {
        forms_fail(f, p, ERR_INVALID, props && props->type != JSON_OBJECT ? "properties must be an object" : "required must be a list of names");
        return false;
    }
    *o = (struct object){.additional = more && more->type == JSON_OBJECT ? more : NULL,
                         .more = more ? more->type != JSON_FALSE : !props,
                         .member = arena_new_array(f->arena, struct member, max + 1)};
    if (!o->member) {
        net_fail(f->net, ERR_LIMIT, "the schema is too large");
        return false;
    }
    for (const struct json_node *m = props ? props->child : NULL; m; m = m->next)
        o->member[o->count++] = (struct member){m->key, m, name_listed(required, m->key)};
    for (const struct json_node *x = required ? required->child : NULL; x; x = x->next) {
        if (x->type != JSON_STRING) {
            forms_fail(f, p, ERR_INVALID, "required must be a list of names");
            return false;
        }
        bool known = false;
        for (size_t i = 0; i < o->count && !known; i++)
            known = str_eq(o->member[i].name, x->text);
        if (known)
            continue;
        if (more && more->type == JSON_FALSE) {
            forms_fail(f, p, ERR_INVALID, "\"%.*s\" is required, but is no property, and additionalProperties is false",
                       STR_FMT(str_slice(x->text, 0, 60)));
            return false;
        }
        o->member[o->count++] = (struct member){x->text, o->additional, true};
    }
    return true;
}

/* Names of other members: any but those that have a place of their own, written in the canonical way, so that no name has two. A tree
 * of the listed names, one state per beginning; whoever leaves it may write on freely. */
struct names {
    struct forms *f;
    const struct object *o;
    uint32_t free, colon;
};

/* Members [from, to) of `order` share the first `at` bytes of their names. */
static void names_below(struct names *x, const struct str *order, size_t from, size_t to, size_t at, uint32_t state)
{
    struct net *n = x->f->net;
    struct range *left = arena_new_array(x->f->arena, struct range, to - from + 2);
    size_t count = 0;
    uint32_t next = 0; /* first code point that is not spoken of yet */

    if (!left || n->rc < 0) {
        net_fail(n, ERR_LIMIT, "the schema is too large");
        return;
    }
    if (from < to && order[from].len == at) /* the name itself: it may not end here */
        from++;
    else
        net_byte(n, state, '"', '"', x->colon);
    for (size_t i = from; i < to && n->rc == 0;) {
        size_t k = i + 1, len, other;
        uint32_t c = str_utf8_at(order[i], at, &len);
        while (k < to && str_utf8_at(order[k], at, &other) == c)
            k++;
        if (c > next)
            left[count++] = (struct range){next, c - 1};
        next = c + 1;
        uint32_t child = net_state(n);
        json_class(n, state, &(struct range){c, c}, 1, child);
        names_below(x, order, i, k, at + len, child);
        i = k;
    }
    left[count++] = (struct range){next, 0x10FFFF};
    json_class(n, state, left, count, x->free);
}

static void sort_names(struct str *name, size_t count) /* byte order is code point order */
{
    for (size_t i = 1; i < count; i++) {
        struct str x = name[i];
        size_t j = i;
        for (; j > 0 && str_compare(name[j - 1], x) > 0; j--)
            name[j] = name[j - 1];
        name[j] = x;
    }
}

static void write_other_names(struct forms *f, const struct object *o, uint32_t from, uint32_t colon)
{
    static const struct range any = {0, 0x10FFFF};
    struct names x = {f, o, net_state(f->net), colon};
    struct str *order = arena_new_array(f->arena, struct str, o->count + 1);
    uint32_t root = net_state(f->net);

    if (o->count == 0) {
        json_string_free(f->net, from, 0, LEFT_FREE, colon);
        return;
    }
    if (!order) {
        net_fail(f->net, ERR_LIMIT, "the schema is too large");
        return;
    }
    for (size_t i = 0; i < o->count; i++) {
        order[i] = o->member[i].name;
        if (order[i].len > NAME_BYTES_MAX) {
            net_fail(f->net, ERR_LIMIT, "the name of a property has %zu bytes; beside other properties at most %d are taken", order[i].len, NAME_BYTES_MAX);
            return;
        }
    }
    sort_names(order, o->count);
    net_byte(f->net, from, '"', '"', root);
    json_class(f->net, x.free, &any, 1, x.free);
    net_byte(f->net, x.free, '"', '"', colon);
    names_below(&x, order, 0, o->count, 0, root);
}

/* From after a name to before its value. */
static void write_colon(struct net *n, uint32_t from, uint32_t to)
{
    uint32_t colon = net_state(n);
    net_byte(n, from, ':', ':', colon);
    net_byte(n, colon, ' ', ' ', to);
    net_empty(n, colon, to);
}

/* What stands between members: a comma that leads to the next place, or the end if nothing required is left. */
static void write_after(struct net *n, uint32_t from, uint32_t place, bool may_end, uint32_t to)
{
    uint32_t comma = net_state(n), blank = json_rule_blank(n);
    net_byte(n, from, ',', ',', comma);
    net_call(n, comma, blank, place);
    if (may_end) {
        uint32_t last = net_state(n);
        net_call(n, from, blank, last);
        net_byte(n, last, '}', '}', to);
    }
}

static void write_member(struct forms *f, const struct member *m, uint32_t from, uint32_t to, const struct path *p, int depth)
{
    struct path at = {p, m->name};
    AUTO_BUF struct buf b = BUF_INIT(8 * GRAMMAR_SCHEMA_BYTES_MAX);
    struct json_writer w = JSON_WRITER(&b);
    uint32_t name = net_state(f->net), value = net_state(f->net);

    json_str(&w, m->name);
    if (json_done(&w) < 0) {
        net_fail(f->net, ERR_NOMEM, "no memory for the schema");
        return;
    }
    net_text(f->net, from, buf_str(&b), name);
    write_colon(f->net, name, value);
    if (m->schema)
        write_schema(f, m->schema, value, to, &at, depth + 1);
    else
        net_call(f->net, value, json_rule_value(f->net), to);
}

/* place[i]: a member from number i on must be written now. */
static void write_object(struct forms *f, const struct json_node *schema, uint32_t from, uint32_t to, const struct path *p, int depth)
{
    struct object o;
    struct path at = {p, STR("properties")}, at_more = {p, STR("additionalProperties")};
    struct net *n = f->net;

    if (!object_read(f, schema, &o, p))
        return;
    if (o.count == 0 && o.more && !o.additional) {
        net_call(n, from, json_rule_object(n), to);
        return;
    }
    uint32_t open = net_state(n), first = net_state(n), place = first, last_required = 0;
    for (size_t i = 0; i < o.count; i++)
        last_required = o.member[i].required ? (uint32_t)i + 1 : last_required;
    net_byte(n, from, '{', '{', open);
    if (last_required == 0)
        net_byte(n, open, '}', '}', to);
    net_call(n, open, json_rule_blank(n), first);
    for (size_t i = 0; i < o.count && n->rc == 0; i++) {
        uint32_t after = net_state(n), next = net_state(n);
        write_member(f, &o.member[i], place, after, &at, depth);
        write_after(n, after, next, i + 1 >= last_required, to);
        if (!o.member[i].required)
            net_empty(n, place, next);
        place = next;
    }
    if (o.more && n->rc == 0) {
        uint32_t name = net_state(n), value = net_state(n), after = net_state(n);
        write_other_names(f, &o, place, name);
        write_colon(n, name, value);
        net_call(n, value, o.additional ? rule_of(f, o.additional, &at_more) : json_rule_value(n), after);
        write_after(n, after, place, true, to);
    }
}

/* --- one schema --------------------------------------------------------------------------------------------------------------- */

static unsigned type_named(struct str name)
{
    static const struct {
        struct str name;
        unsigned type;
    } row[] = {{STR("null"), T_NULL},     {STR("boolean"), T_BOOL}, {STR("integer"), T_INTEGER}, {STR("number"), T_NUMBER},
               {STR("string"), T_STRING}, {STR("array"), T_ARRAY},  {STR("object"), T_OBJECT}};
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        if (str_eq(name, row[i].name))
            return row[i].type;
    }
    return 0;
}

/* Without `type`: those that the other keywords speak of; without such, all. */
static unsigned types_spoken_of(const struct json_node *schema)
{
    static const struct {
        const char *key;
        unsigned type;
    } row[] = {{"properties", T_OBJECT}, {"required", T_OBJECT},   {"additionalProperties", T_OBJECT}, {"items", T_ARRAY},
               {"prefixItems", T_ARRAY}, {"minItems", T_ARRAY},    {"maxItems", T_ARRAY},              {"uniqueItems", T_ARRAY},
               {"pattern", T_STRING},    {"format", T_STRING},     {"minLength", T_STRING},            {"maxLength", T_STRING},
               {"minimum", T_NUMBER},    {"maximum", T_NUMBER},    {"exclusiveMinimum", T_NUMBER},     {"exclusiveMaximum", T_NUMBER}};
    unsigned types = 0;

    for (size_t i = 0; i < COUNT_OF(row); i++) {
        if (json_get(schema, row[i].key))
            types |= row[i].type;
    }
    return types ? types : T_ALL;
}

static unsigned types_of(struct forms *f, const struct json_node *schema, const struct path *p)
{
    const struct json_node *type = json_get(schema, "type");
    unsigned types = 0;

    if (!type)
        return json_get(schema, "enum") || json_get(schema, "const") ? T_ALL : types_spoken_of(schema);
    for (const struct json_node *x = type->type == JSON_ARRAY ? type->child : type; x; x = x->next) {
        unsigned one = x->type == JSON_STRING ? type_named(x->text) : 0;
        if (!one)
            forms_fail(f, p, ERR_INVALID, "type names something that is no type: %.*s", STR_FMT(str_slice(x->text, 0, 60)));
        types |= one;
        if (type->type != JSON_ARRAY)
            break;
    }
    return types | (json_get_bool(schema, "nullable", false) ? T_NULL : 0);
}

static void write_types(struct forms *f, const struct json_node *schema, uint32_t from, uint32_t to, const struct path *p, int depth)
{
    unsigned types = types_of(f, schema, p);

    if (json_get(schema, "enum") || json_get(schema, "const")) {
        write_values(f, schema, types, from, to, p);
        return;
    }
    if (types == T_ALL && !json_get(schema, "type")) {
        net_call(f->net, from, json_rule_value(f->net), to);
        return;
    }
    if (types & T_NULL)
        net_text(f->net, from, STR("null"), to);
    if (types & T_BOOL) {
        net_text(f->net, from, STR("true"), to);
        net_text(f->net, from, STR("false"), to);
    }
    if (types & (T_NUMBER | T_INTEGER))
        write_number(f, schema, !(types & T_NUMBER), from, to, p);
    if (types & T_STRING)
        write_string(f, schema, from, to, p);
    if (types & T_ARRAY)
        write_array(f, schema, from, to, p, depth);
    if (types & T_OBJECT)
        write_object(f, schema, from, to, p, depth);
}

/* Each alternative together with what stands beside them. */
static void write_alternatives(struct forms *f, const struct json_node *schema, const char *key, uint32_t from, uint32_t to,
                               const struct path *p, int depth)
{
    const struct json_node *list = json_get(schema, key), *rest = forms_without(f, schema, &key, 1);
    struct path at = {p, str_from(key)};
    size_t other, one;

    if (list->type != JSON_ARRAY || list->count == 0) {
        forms_fail(f, p, ERR_INVALID, "%s must be a list of schemas", key);
        return;
    }
    if (key[0] == 'o' && list->count > ONE_OF_MAX) {
        forms_fail(f, p, ERR_LIMIT, "oneOf of more than %d alternatives", ONE_OF_MAX);
        return;
    }
    if (key[0] == 'o' && list->count > 1 && (one = forms_overlap(f, list, &at, &other)) > 0) {
        forms_fail(f, &at, ERR_UNSUPPORTED, "oneOf is supported where the alternatives exclude each other by type, or by a required property's "
                   "const or enum of strings; %zu and %zu may overlap: write anyOf", one, other);
        return;
    }
    for (const struct json_node *x = list->child; x && f->net->rc == 0 && rest; x = x->next) {
        const struct json_node *const pair[2] = {rest, x};
        const struct json_node *whole = rest->count == 0 ? x : x->type == JSON_FALSE ? NULL : forms_merge(f, pair, 2, &at);
        uint32_t start = net_state(f->net);
        net_empty(f->net, from, start);
        if (whole)
            write_schema(f, whole, start, to, &at, depth + 1);
    }
}

static bool keywords_check(struct forms *f, const struct json_node *schema, const struct path *p)
{
    for (const struct json_node *m = schema->child; m; m = m->next) {
        if (forms_keyword(m->key) == KEYWORD_UNKNOWN) {
            forms_fail(f, p, ERR_UNSUPPORTED, "the keyword \"%.*s\" is not supported", STR_FMT(str_slice(m->key, 0, 60)));
            return false;
        }
    }
    return true;
}

static void write_schema(struct forms *f, const struct json_node *schema, uint32_t from, uint32_t to, const struct path *p, int depth)
{
    if (f->net->rc < 0 || schema->type == JSON_FALSE)
        return;
    if (depth > SCHEMA_DEPTH_MAX) {
        forms_fail(f, p, ERR_LIMIT, "schemas stand more than %d deep in each other", SCHEMA_DEPTH_MAX);
        return;
    }
    if (schema->type == JSON_TRUE) {
        net_call(f->net, from, json_rule_value(f->net), to);
        return;
    }
    if (schema->type != JSON_OBJECT) {
        forms_fail(f, p, ERR_INVALID, "a schema must be an object, true or false");
        return;
    }
    if (!keywords_check(f, schema, p))
        return;
    const struct json_node *ref = json_get(schema, "$ref");
    if (ref && forms_only_says(schema, "$ref")) {
        const struct json_node *target = forms_resolve(f, ref, p);
        struct path at = {NULL, ref->text};
        if (target)
            net_call(f->net, from, rule_of(f, target, &at), to);
    } else if (ref || json_get(schema, "allOf")) {
        const struct json_node *all = json_get(schema, "allOf"), *merged;
        if (!ref && all->type == JSON_ARRAY && all->count == 1 && forms_only_says(schema, "allOf"))
            merged = all->child;
        else
            merged = forms_merge(f, &schema, 1, p);
        if (merged)
            write_schema(f, merged, from, to, p, depth + 1);
    } else if (json_get(schema, "anyOf")) {
        write_alternatives(f, schema, "anyOf", from, to, p, depth);
    } else if (json_get(schema, "oneOf")) {
        write_alternatives(f, schema, "oneOf", from, to, p, depth);
    } else {
        write_types(f, schema, from, to, p, depth);
    }
}

static bool sizes_check(const struct json_node *n)
{
    if (n->count > CHILDREN_MAX)
        return false;
    for (const struct json_node *m = n->child; m; m = m->next) {
        if (!sizes_check(m))
            return false;
    }
    return true;
}

static int compile(struct forms *f, struct grammar **out)
{
    struct path top = {NULL, STR("#")};
    uint32_t root = rule_of(f, f->root, &top);

    for (struct forms_rule *r = f->rules; r && f->net->rc == 0; r = r->next) {
        struct path at = {NULL, str_from(r->path)};
        write_schema(f, r->node, f->net->rule[r->rule].start, f->net->rule[r->rule].end, &at, 0);
    }
    return f->net->rc < 0 ? f->net->rc : net_compile(f->net, root, out);
}

int grammar_schema(struct grammar **out, struct str schema, struct err *e)
{
    struct arena arena = ARENA_INIT(ARENA_MAX);
    struct net net;
    struct json_node *root = NULL;

    if (schema.len > GRAMMAR_SCHEMA_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "a schema of %zu bytes; %d are taken", schema.len, GRAMMAR_SCHEMA_BYTES_MAX);
    int rc = json_parse(&arena, schema, &root, e);
    if (rc == 0 && !sizes_check(root))
        rc = err_set(e, ERR_LIMIT, "an object or list of the schema has more than %d members", CHILDREN_MAX);
    if (rc == 0) {
        rc = net_init(&net, e);
        struct forms f = {.net = &net, .arena = &arena, .root = root};
        if (rc == 0)
            rc = compile(&f, out);
        net_fini(&net);
    }
    arena_fini(&arena);
    return rc;
}
