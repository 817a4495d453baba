/* tools.c: tools whose name or kind an upstream does not know, on their way there and back; see codec.h.
 *
 * A name that the upstream would refuse goes as another one, the same for the tool itself, for a choice of it and for its calls
 * in the history; in answers it is undone by looking through the tools that were asked for:
 *
 *   files.read                             ->  hx_files-2Eread
 *   a.name.of.more.than.sixty-four.bytes…  ->  hx_a_name_of…_0123456789abcdef (a hash of the whole)
 *
 * A tool that takes free text goes to those who know functions only as one with a single string, and its calls come back as free
 * text. */
#include "wire/codec.h"

static const struct str MARK = {"hx_", 3};
enum { HASH_BYTES = 17 }; /* _ and 16 digits */

/* --- names ----------------------------------------------------------------------------------------------------------------------- */

/* The first row that fits; `vendor` NULL: any. Local servers hand names to their templates as they are. */
static const struct {
    enum dialect to;
    const char *vendor;
    struct name_rule rule;
} rows[] = {
    {DIALECT_OPENAI, "gemini", {64, true}},
    {DIALECT_OPENAI, "anthropic", {128, false}},
    {DIALECT_OPENAI, "ollama", {0, false}},
    {DIALECT_OPENAI, "llama-server", {0, false}},
    {DIALECT_OPENAI, "vllm", {0, false}},
    {DIALECT_OPENAI, NULL, {64, false}},
    {DIALECT_RESPONSES, NULL, {64, false}},
    {DIALECT_ANTHROPIC, NULL, {128, false}},
};

const struct name_rule *tool_names_of(enum dialect to, enum dialect from, const struct vendor *v)
{
    for (size_t i = 0; i < COUNT_OF(rows) && to != from; i++) { /* to its own dialect a name goes as it is */
        bool fits = !rows[i].vendor || (v && str_eq(str_from(rows[i].vendor), str_from(v->name)));
        if (rows[i].to == to && fits)
            return rows[i].rule.bytes_max ? &rows[i].rule : NULL;
    }
    return NULL;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_char(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

/* Names that look like those made here do not, or two could become one. */
static bool fits(const struct name_rule *rule, struct str name)
{
    if (name.len == 0 || name.len > (size_t)rule->bytes_max || str_starts(name, MARK))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_char(name.ptr[i]))
            return false;
    return !rule->letter_first || is_letter(name.ptr[0]);
}

/* What begins it as far as there is room, then what tells it from others. */
static struct str shortened(const struct name_rule *rule, struct str name, struct arena *a)
{
    size_t room = (size_t)rule->bytes_max - MARK.len - HASH_BYTES, len = name.len < room ? name.len : room;
    char *out = arena_alloc(a, (size_t)rule->bytes_max + 1);
    if (!out)
        return STR_NONE;
    memcpy(out, MARK.ptr, MARK.len);
    for (size_t i = 0; i < len; i++)
        out[MARK.len + i] = is_name_char(name.ptr[i]) ? name.ptr[i] : '_';
    size_t hash = text_format(out + MARK.len + len, HASH_BYTES + 1, "_%016llx", (unsigned long long)str_hash(name));
    return str_of(out, MARK.len + len + hash);
}

static size_t coded_bytes(struct str name)
{
    size_t bytes = MARK.len;
    for (size_t i = 0; i < name.len; i++)
        bytes += is_name_char(name.ptr[i]) && name.ptr[i] != '-' ? 1 : 3;
    return bytes;
}

struct str tool_name_fit(const struct name_rule *rule, struct str name, struct arena *a)
{
    if (!rule || name.len == 0 || fits(rule, name))
        return name;
    return coded_bytes(name) > (size_t)rule->bytes_max ? shortened(rule, name, a) : chat_id_coded(name, a);
}

static const struct tool *tool_by_name(const struct chat *asked, struct str name)
{
    for (const struct tool *t = asked ? asked->tool : NULL; t; t = t->next)
        if (!t->opaque.len && str_eq(t->name, name))
            return t;
    return NULL;
}

/* The tool that went under that name. */
static const struct tool *tool_by_other_name(const struct chat *asked, const struct name_rule *rule, struct str name, struct arena *a)
{
    const struct tool *found = NULL;
    struct arena_mark mark = arena_mark(a);
    for (const struct tool *t = asked ? asked->tool : NULL; t && !found; t = t->next)
        if (!t->opaque.len && !fits(rule, t->name) && str_eq(tool_name_fit(rule, t->name, a), name))
            found = t;
    arena_reset(a, mark);
    return found;
}

bool tool_name_plain(const struct chat *asked, const struct name_rule *rule, struct str *name, struct arena *a)
{
    if (!rule || !str_starts(*name, MARK))
        return true;
    const struct tool *t = tool_by_other_name(asked, rule, *name, a);
    *name = t ? t->name : chat_id_plain(*name, a); /* one of the history, if it is none of the tools */
    return name->ptr != NULL;
}

/* --- namespaces, tools that a vendor runs ---------------------------------------------------------------------------------------- */

/* Some spaces end so by themselves. */
static struct str between(struct str space)
{
    return str_ends(space, STR("__")) ? STR("") : STR("__");
}

struct str tool_name_join(struct str space, struct str name, struct arena *a)
{
    return str_from(arena_format(a, "%.*s%.*s%.*s", STR_FMT(space), STR_FMT(between(space)), STR_FMT(name)));
}

struct str tool_name_inside(struct str space, struct str name)
{
    return space.len ? str_skip(name, space.len + between(space).len) : name;
}

struct str tool_space_of(const struct chat *asked, struct str name)
{
    const struct tool *t = tool_by_name(asked, name);
    return t ? t->space : STR_NONE;
}

bool tool_is_spared(const struct chat *c)
{
    bool others = false;
    for (const struct tool *t = c->tool; t && !others; t = t->next)
        others = !t->opaque.len;
    bool forced = (c->choice == CHOICE_NAMED && !tool_by_name(c, c->choice_name)) || chat_extra_find(c, STR("tool_choice"));
    return others && !forced;
}

/* --- free text --------------------------------------------------------------------------------------------------------------------- */

bool tool_is_custom(const struct chat *asked, struct str name)
{
    const struct tool *t = tool_by_name(asked, name);
    return t && t->custom;
}

struct str tool_input_plain(struct str arguments, struct arena *a)
{
    struct json_scan s;
    struct str key, raw, input = STR_NONE;
    json_scan_init(&s, arguments);
    if (json_peek(&s) != JSON_OBJECT)
        return arguments;
    json_enter(&s);
    while (json_member(&s, &key)) {
        bool string = json_peek(&s) == JSON_STRING;
        if (string && json_key_is(key, STR("input")) && json_string(&s, &raw))
            input = raw;
        else if (!json_skip(&s, NULL))
            break;
    }
    return json_finish(&s, NULL) || !input.ptr ? arguments : json_unescape_arena(input, a);
}

struct str tool_input_object(struct str input, struct arena *a)
{
    AUTO_BUF struct buf text = BUF_INIT(6 * input.len + 64); /* every byte may need an escape */
    struct json_writer w = JSON_WRITER(&text);
    json_object_begin(&w);
    json_key(&w, "input");
    json_str(&w, input);
    json_object_end(&w);
    return json_done(&w) < 0 ? STR_NONE : arena_dup(a, buf_str(&text));
}

/* --- whole answers ----------------------------------------------------------------------------------------------------------------- */

int tool_calls_plain(struct chat_answer *answer, const struct chat *asked, const struct name_rule *rule)
{
    for (struct part *p = answer->part; p; p = p->next) {
        if (p->kind != PART_CALL)
            continue;
        if (!tool_name_plain(asked, rule, &p->name, answer->arena))
            return ERR_NOMEM;
        if (p->custom || !tool_is_custom(asked, p->name))
            continue;
        p->custom = true;
        p->arguments = tool_input_plain(p->arguments, answer->arena);
        if (!p->arguments.ptr)
            return ERR_NOMEM;
    }
    return 0;
}
