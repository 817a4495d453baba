/* litellm.c: the importer as a whole, and the notes it takes; see litellm.h. */
#include "config/litellm.h"
#include "base/mem.h"
#include "config/litellm_priv.h"

enum { ARENA_BYTES_MAX = 64 * 1024 * 1024, YAML_BYTES_MAX = 4 * 1024 * 1024, NOTE_BYTES_MAX = 4096 };

void *litellm_alloc(struct litellm *im, size_t bytes)
{
    void *p = arena_zalloc(&im->scratch.arena, bytes);
    im->nomem = im->nomem || !p;
    return p;
}

static struct str format_v(struct litellm *im, const char *format, va_list args)
{
    AUTO_BUF struct buf b = BUF_INIT(NOTE_BYTES_MAX);
    struct str copy = STR_NONE;
    int rc = buf_append_format_v(&b, format, args);
    if (rc == ERR_LIMIT) /* names of absurd length; the note still tells line and key */
        copy = STR("(too long to be told)");
    else if (rc == 0)
        copy = arena_dup(&im->scratch.arena, buf_str(&b));
    im->nomem = im->nomem || !copy.ptr;
    return copy;
}

struct str litellm_format(struct litellm *im, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str s = format_v(im, format, args);
    va_end(args);
    return s;
}

static bool is_before(struct config_mark a, struct config_mark b)
{
    return a.line < b.line || (a.line == b.line && a.column < b.column);
}

/* Anchors, and groups that are fallbacks of several: one line of the file is told once. */
static bool is_told(const struct litellm *im, const struct litellm_note *n)
{
    for (const struct litellm_note *o = im->note; o && !is_before(n->mark, o->mark); o = o->next)
        if (!is_before(o->mark, n->mark) && o->kind == n->kind && str_eq(o->key, n->key) && str_eq(o->text, n->text))
            return true;
    return false;
}

void litellm_note(struct litellm *im, enum litellm_kind kind, struct config_mark at, struct str key, const char *format,
                  ...)
{
    struct litellm_note *n = litellm_alloc(im, sizeof *n);
    va_list args;
    va_start(args, format);
    struct str text = format_v(im, format, args);
    va_end(args);
    if (!n)
        return;
    *n = (struct litellm_note){.kind = kind, .mark = at, .key = key, .text = text};
    if (is_told(im, n))
        return;
    struct litellm_note **where = &im->note;
    while (*where && !is_before(at, (*where)->mark)) /* in the order of the file */
        where = (struct litellm_note **)(void *)&(*where)->next;
    n->next = *where;
    *where = n;
}

int litellm_refuse(struct litellm *im, struct config_mark at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str text = format_v(im, format, args);
    va_end(args);
    return err_set_at(im->e, ERR_INVALID, at.line, at.column, "%.*s", STR_FMT(text));
}

const struct config_item *litellm_item(const struct config_node *map, const char *key)
{
    const struct config_item *i = map && map->kind == NODE_MAP ? config_node_find(map, key) : NULL;
    return i && !config_node_empty(i->value) ? i : NULL;
}

struct str litellm_text(const struct config_node *map, const char *key)
{
    const struct config_item *i = litellm_item(map, key);
    return i && i->value->kind == NODE_SCALAR ? i->value->text : STR_NONE;
}

const struct config_item *litellm_setting(const struct litellm *im, const char *key)
{
    const struct config_item *i = litellm_item(im->router, key);
    return i ? i : litellm_item(im->settings, key);
}

struct str litellm_variable(struct str text)
{
    struct str prefix = STR("os.environ/");
    return str_starts(text, prefix) ? str_skip(text, prefix.len) : STR_NONE;
}

const char *litellm_kind_word(enum litellm_kind k)
{
    static const char *const words[] = {
#define X(name, word, heading) [name] = word,
        LITELLM_NOTES(X)
#undef X
    };
    return words[k];
}

const char *litellm_kind_heading(enum litellm_kind k)
{
    static const char *const headings[] = {
#define X(name, word, heading) [name] = heading,
        LITELLM_NOTES(X)
#undef X
    };
    return headings[k];
}

static int read_section(struct litellm *im, const char *key, const struct config_node **out)
{
    const struct config_item *i = litellm_item(im->root, key);
    *out = i ? i->value : NULL;
    if (i && i->value->kind != NODE_MAP)
        return litellm_refuse(im, i->value->mark, "`%s` must be a map, not %s", key, config_found(i->value).text);
    return 0;
}

static int read_sections(struct litellm *im)
{
    const struct config_item *list = litellm_item(im->root, "model_list");
    if (!list && (litellm_item(im->root, "upstreams") || litellm_item(im->root, "jobs")))
        return litellm_refuse(im, im->root->mark,
                              "this is a hearth.yaml already: it has no `model_list`, but upstreams or jobs");
    if (!list && litellm_item(im->root, "include"))
        return litellm_refuse(im, litellm_item(im->root, "include")->key->mark,
                              "it has no `model_list`: the models are in the files that `include` names; join them "
                              "with this one, and import the result");
    if (!list)
        return litellm_refuse(
            im, im->root->mark,
            "this is no LiteLLM config: it has no `model_list` (models kept in LiteLLM's database are not in the "
            "file)");
    if (list->value->kind != NODE_LIST)
        return litellm_refuse(im, list->value->mark, "`model_list` must be a list, not %s",
                              config_found(list->value).text);
    int rc = read_section(im, "router_settings", &im->router);
    if (rc == 0)
        rc = read_section(im, "litellm_settings", &im->settings);
    return rc ? rc : read_section(im, "general_settings", &im->general);
}

static int import_all(struct litellm *im, struct litellm_import *out, struct str text, struct str name)
{
    int rc = config_yaml_read_foreign(&im->scratch.arena, text, &im->root, im->e);
    if (rc == 0)
        rc = read_sections(im);
    if (rc == 0)
        litellm_environ_read(im);
    if (rc == 0)
        rc = litellm_settings_tell(im);
    if (rc == 0)
        rc = litellm_models_read(im);
    if (rc == 0 && !im->nomem)
        rc = litellm_chains_build(im);
    if (rc == 0 && !im->nomem)
        rc = litellm_write(im, out, name);
    return im->nomem ? err_set(im->e, ERR_NOMEM, "out of memory while importing") : rc;
}

int litellm_import(struct litellm_import **out, struct str text, struct str name, const struct litellm_world *w,
                   struct err *e)
{
    struct err unheard = {0};
    struct litellm_import *result = new0(struct litellm_import);
    struct litellm *im = new0(struct litellm);
    if (!result || !im) {
        mem_free(result);
        mem_free(im);
        return err_set(e, ERR_NOMEM, "out of memory while importing");
    }
    result->yaml = BUF_INIT(YAML_BYTES_MAX);
    im->scratch.arena = ARENA_INIT(ARENA_BYTES_MAX);
    im->e = e ? e : &unheard;
    im->world = w;
    im->reader = (struct config_reader){.c = &im->scratch, .e = im->e};
    int rc = import_all(im, result, text, name);
    result->arena = im->scratch.arena;
    result->note = im->note;
    for (const struct litellm_note *n = im->note; n; n = n->next)
        result->note_count[n->kind]++;
    result->group_count = im->group_count;
    result->job_count = im->job_count;
    result->upstream_count = im->upstream_count;
    mem_free(im);
    if (rc < 0) {
        litellm_import_free(result);
        return rc;
    }
    *out = result;
    return 0;
}

void litellm_import_free(struct litellm_import *im)
{
    if (!im)
        return;
    buf_fini(&im->yaml);
    arena_fini(&im->arena);
    mem_free(im);
}
