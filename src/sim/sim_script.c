/* sim_script.c: the language of behaviours (sim.h): steps separated by ';', words separated by blanks, texts in double
 * quotes with the escapes \n \r \t \0 \" \\ and \xHH. */
#include "base/mem.h"
#include "sim/sim_priv.h"

struct word {
    struct str text;
    bool quoted;
};
struct parser {
    struct str rest;
    struct sim_script *script;
    struct sim_step *step;
    struct err *e;
};

static int fail(struct parser *p, const char *what, struct str word)
{
    return err_set(p->e, ERR_SYNTAX, "script: %s `%.*s`", what, STR_FMT(str_slice(word, 0, 200)));
}

static void skip_blanks(struct parser *p)
{
    while (p->rest.len && (p->rest.ptr[0] == ' ' || p->rest.ptr[0] == '\t' || p->rest.ptr[0] == '\n'))
        p->rest = str_skip(p->rest, 1);
}

static bool at_end_of_step(struct parser *p)
{
    skip_blanks(p);
    return p->rest.len == 0 || p->rest.ptr[0] == ';';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* What follows a backslash; the number of bytes it took, 0 if it is none we know. */
static size_t unescape(struct str s, char *out)
{
    static const char from[] = "nrt0\"\\", to[] = "\n\r\t\0\"\\";
    if (s.len == 0)
        return 0;
    const char *known = memchr(from, s.ptr[0], sizeof from - 1);
    if (known) {
        *out = to[known - from];
        return 1;
    }
    if (s.ptr[0] != 'x' || s.len < 3 || hex_digit(s.ptr[1]) < 0 || hex_digit(s.ptr[2]) < 0)
        return 0;
    *out = (char)(hex_digit(s.ptr[1]) * 16 + hex_digit(s.ptr[2]));
    return 3;
}

static int quoted(struct parser *p, struct word *out)
{
    char *text = arena_alloc(&p->script->arena, p->rest.len);
    if (!text)
        return err_set(p->e, ERR_NOMEM, "script");
    struct str s = str_skip(p->rest, 1);
    size_t len = 0;
    while (s.len && s.ptr[0] != '"') {
        size_t took = 1;
        text[len] = s.ptr[0];
        if (s.ptr[0] == '\\') {
            took = unescape(str_skip(s, 1), &text[len]);
            if (took == 0)
                return fail(p, "unknown escape in", p->rest);
            took++;
        }
        len++;
        s = str_skip(s, took);
    }
    if (s.len == 0)
        return fail(p, "no closing quote in", p->rest);
    p->rest = str_skip(s, 1);
    *out = (struct word){str_of(text, len), true};
    return 0;
}

static int next_word(struct parser *p, struct word *out)
{
    if (at_end_of_step(p))
        return err_set(p->e, ERR_SYNTAX, "script: a word is missing at the end of a step");
    if (p->rest.ptr[0] == '"')
        return quoted(p, out);
    size_t n = 0;
    while (n < p->rest.len && !strchr(" \t\n;", p->rest.ptr[n]))
        n++;
    struct str copy = arena_dup(&p->script->arena, str_slice(p->rest, 0, n));
    if (!copy.ptr)
        return err_set(p->e, ERR_NOMEM, "script");
    p->rest = str_skip(p->rest, n);
    *out = (struct word){copy, false};
    return 0;
}

static int next_text(struct parser *p, struct str *out)
{
    struct word w;
    int rc = next_word(p, &w);
    if (rc == 0)
        *out = w.text;
    return rc;
}

static int next_number(struct parser *p, int64_t *out)
{
    struct word w;
    int rc = next_word(p, &w);
    if (rc == 0 && !str_to_i64(w.text, out))
        rc = fail(p, "no number:", w.text);
    return rc;
}

static bool at_quote(struct parser *p)
{
    return !at_end_of_step(p) && p->rest.ptr[0] == '"';
}

static bool at_digit(struct parser *p)
{
    return !at_end_of_step(p) && p->rest.ptr[0] >= '0' && p->rest.ptr[0] <= '9';
}

static int read_file(struct parser *p, struct str path, struct str *out)
{
    AUTO_BUF struct buf bytes = BUF_INIT(SIM_BODY_MAX);
    char *name = arena_text(&p->script->arena, path);
    if (!name)
        return err_set(p->e, ERR_NOMEM, "script");
    int rc = buf_read_file(&bytes, name, p->e);
    if (rc == 0 && !(*out = arena_dup(&p->script->arena, buf_str(&bytes))).ptr)
        rc = err_set(p->e, ERR_NOMEM, "script");
    return rc;
}

/* --- one function per kind of word -------------------------------------------------------------------------------- */

static int word_reply(struct parser *p)
{
    p->step->act = ACT_REPLY;
    return at_quote(p) ? next_text(p, &p->step->text) : 0;
}

static int word_status(struct parser *p)
{
    int64_t n = 0;
    int rc = next_number(p, &n);
    if (rc == 0 && (n < 100 || n > 999))
        return err_set(p->e, ERR_SYNTAX, "script: no HTTP status: %lld", (long long)n);
    if (p->step->act == ACT_REPLY)
        p->step->act = ACT_STATUS; /* html, redirect and their like keep what they are and take the number */
    p->step->status = (int)n;
    return rc;
}

static int word_header(struct parser *p)
{
    struct str name, value;
    int rc = next_text(p, &name);
    if (rc == 0)
        rc = next_text(p, &value);
    if (rc)
        return rc;
    struct str before = p->step->headers;
    p->step->headers =
        str_from(arena_format(&p->script->arena, "%.*s%.*s: %.*s\r\n", STR_FMT(before), STR_FMT(name), STR_FMT(value)));
    return p->step->headers.ptr ? 0 : err_set(p->e, ERR_NOMEM, "script");
}

static int word_body(struct parser *p)
{
    return next_text(p, &p->step->body);
}

static int word_file(struct parser *p)
{
    struct str path;
    int rc = next_text(p, &path);
    return rc ? rc : read_file(p, path, &p->step->body);
}

static int word_raw(struct parser *p)
{
    struct word w;
    p->step->act = ACT_RAW;
    int rc = next_word(p, &w);
    if (rc)
        return rc;
    if (!w.quoted)
        return read_file(p, w.text, &p->step->body);
    p->step->body = w.text;
    return 0;
}

static int word_fault(struct parser *p)
{
    struct str name;
    int rc = next_text(p, &name);
    if (rc)
        return rc;
    p->step->fault = sim_fault_find(name);
    return p->step->fault == SIM_FAULT_NONE ? fail(p, "unknown fault", name) : 0;
}

static int word_sse_error(struct parser *p)
{
    int rc = next_number(p, &p->step->error_after);
    return rc || !at_quote(p) ? rc : next_text(p, &p->step->error_text);
}

static int word_error_200(struct parser *p)
{
    p->step->act = ACT_ERROR_200;
    return at_quote(p) ? next_text(p, &p->step->error_text) : 0;
}

/* usage on | off | INPUT OUTPUT */
static int word_usage(struct parser *p)
{
    if (at_digit(p)) {
        int rc = next_number(p, &p->step->usage_in);
        return rc ? rc : next_number(p, &p->step->usage_out);
    }
    struct str word;
    int rc = next_text(p, &word);
    if (rc)
        return rc;
    p->step->usage_off = str_eq(word, STR("off"));
    return p->step->usage_off || str_eq(word, STR("on")) ? 0 : fail(p, "usage on, off or two numbers, not", word);
}

static int word_tool(struct parser *p)
{
    int rc = next_text(p, &p->step->tool_name);
    return rc ? rc : next_text(p, &p->step->tool_json);
}

static int word_redirect(struct parser *p)
{
    p->step->act = ACT_REDIRECT;
    return next_text(p, &p->step->body);
}

/* --- the words ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    int (*read)(struct parser *p);
} special_words[] = {
    {"reply", word_reply},         {"status", word_status}, {"header", word_header}, {"body", word_body},
    {"file", word_file},           {"raw", word_raw},       {"fault", word_fault},   {"sse-error", word_sse_error},
    {"error-200", word_error_200}, {"usage", word_usage},   {"tool", word_tool},     {"redirect", word_redirect},
};
static const struct {
    const char *word;
    enum sim_act act;
} act_words[] = {
    {"echo", ACT_ECHO},   {"refuse", ACT_REFUSE},         {"hang", ACT_HANG}, {"garbage", ACT_GARBAGE},
    {"empty", ACT_EMPTY}, {"no-choices", ACT_NO_CHOICES}, {"html", ACT_HTML}, {"malformed", ACT_MALFORMED},
};
static const struct {
    const char *word;
    size_t offset;
    int64_t min, max;
} number_words[] = {
    {"tokens", offsetof(struct sim_step, tokens), 1, 10000000},
    {"every", offsetof(struct sim_step, every_ms), 0, 3600000},
    {"bytes", offsetof(struct sim_step, bytes), 1, 1048576},
    {"first", offsetof(struct sim_step, first_ms), 0, 3600000},
    {"head", offsetof(struct sim_step, head_ms), 0, 3600000},
    {"ping", offsetof(struct sim_step, ping_ms), 1, 3600000},
    {"drop", offsetof(struct sim_step, drop), -1, 10000000},
    {"cut", offsetof(struct sim_step, cut), 0, 10000000},
    {"cached", offsetof(struct sim_step, cached), 0, 1000000000},
};
static const struct {
    const char *word;
    size_t offset;
} text_words[] = {
    {"finish", offsetof(struct sim_step, finish)},
    {"reasoning", offsetof(struct sim_step, reasoning)},
    {"refusal", offsetof(struct sim_step, refusal)},
    {"forwards", offsetof(struct sim_step, forwards)},
    {"info", offsetof(struct sim_step, info)},
    {"ps", offsetof(struct sim_step, ps)},
    {"when", offsetof(struct sim_step, when)},
};
static const struct {
    const char *word;
    size_t offset;
} flag_words[] = {{"slow-read", offsetof(struct sim_step, slow_read)}, {"close", offsetof(struct sim_step, close)}};

#define FIND(table, text)                        \
    for (size_t i = 0; i < COUNT_OF(table); i++) \
        if (str_eq(str_from((table)[i].word), (text)))

static int read_word(struct parser *p, struct str word)
{
    char *step = (char *)p->step;
    FIND(special_words, word)
    return special_words[i].read(p);
    FIND(act_words, word)
    {
        p->step->act = act_words[i].act;
        return 0;
    }
    FIND(number_words, word)
    {
        int64_t n = 0;
        int rc = next_number(p, &n);
        if (rc == 0 && (n < number_words[i].min || n > number_words[i].max))
            return fail(p, "number out of range after", word);
        *(int64_t *)(void *)(step + number_words[i].offset) = n;
        return rc;
    }
    FIND(text_words, word)
    return next_text(p, (struct str *)(void *)(step + text_words[i].offset));
    FIND(flag_words, word)
    {
        *(bool *)(step + flag_words[i].offset) = true;
        return 0;
    }
    return fail(p, "unknown word", word);
}

static const struct sim_step STEP_USUAL = {
    .drop = SIM_NEVER, .cut = SIM_NEVER, .error_after = SIM_NEVER, .usage_in = -1, .usage_out = -1};

static int read_step(struct parser *p)
{
    *p->step = STEP_USUAL;
    while (!at_end_of_step(p)) {
        struct word w;
        int rc = next_word(p, &w);
        if (rc == 0)
            rc = w.quoted ? fail(p, "a text where a word should be:", w.text) : read_word(p, w.text);
        if (rc)
            return rc;
    }
    return 0;
}

int sim_script_parse(struct sim_script **out, struct str text, struct err *e)
{
    struct sim_script *s = new0(struct sim_script);
    if (!s)
        return err_set(e, ERR_NOMEM, "script");
    s->arena = ARENA_INIT(2 * SIM_BODY_MAX);
    s->refs = 1;
    size_t steps = 1;
    for (size_t i = 0; i < text.len; i++)
        steps += text.ptr[i] == ';'; /* those inside quotes only make the array a little larger */
    s->step = arena_new_array(&s->arena, struct sim_step, steps + 1);
    s->when = arena_new_array(&s->arena, struct sim_step, steps);
    struct parser p = {.rest = text, .script = s, .e = e};
    int rc = s->step && s->when ? 0 : err_set(e, ERR_NOMEM, "script");
    while (rc == 0) {
        p.step = &s->step[s->count];
        rc = read_step(&p);
        if (p.step->when.ptr)
            s->when[s->when_count++] = *p.step;
        else
            s->count++;
        if (p.rest.len == 0 || str_trim(str_skip(p.rest, 1)).len == 0) /* a last ';' is fine */
            break;
        p.rest = str_skip(p.rest, 1);
    }
    if (rc) {
        sim_script_unref(s);
        return rc;
    }
    if (s->count == 0) /* only steps with `when`: the others get the usual answer */
        s->step[s->count++] = STEP_USUAL;
    *out = s;
    return 0;
}

void sim_script_unref(struct sim_script *s)
{
    if (!s || --s->refs > 0)
        return;
    arena_fini(&s->arena);
    mem_free(s);
}

const struct sim_step *sim_script_peek(const struct sim_script *s)
{
    return &s->step[s->next];
}

const struct sim_step *sim_script_take(struct sim_script *s)
{
    const struct sim_step *step = &s->step[s->next];
    if (s->next + 1 < s->count)
        s->next++;
    return step;
}

const struct sim_step *sim_script_when(const struct sim_script *s, struct str body)
{
    for (int i = 0; i < s->when_count; i++)
        if (str_find(body, s->when[i].when) >= 0)
            return &s->when[i];
    return NULL;
}
