/* answer_parse.c: an automaton over the bytes of an answer; see answer_parse.h.
 *
 *   LEAD --<think>--> REASON --</think>--> GAP --> TEXT --marker--> OPEN --{--> OBJECT (or NAME --[ARGS]--> ARGS) --> CLOSE --+
 *     |                                             ^  \                                                                      |
 *     +---------------------------------------------+   +<--- broken: the marker is text, what followed is read again <-------+
 *
 * `held` has what is not decided yet; within a call, all of it since (and with) the white space before its marker. */
#include "engine/answer_parse.h"
#include "base/mem.h"
#include "engine/answer_json_priv.h"
#include <assert.h>

enum phase { LEAD, REASON, GAP, TEXT, OPEN, OBJECT, NAME, ARGS, CLOSE };
enum key { KEY_OTHER, KEY_NAME, KEY_ARGUMENTS };

#define NAME_BYTES_MAX 256
#define OUT_BYTES_MAX (64 * KiB)
#define BLANKS_MAX 1024 /* held back: no form has as many before a mark */

struct answer_parser {
    struct answer_options o; /* borrowed texts */
    enum phase phase;
    struct buf held; /* owned */
    struct buf
        out; /* owned; text or reasoning that goes out when something else does, or when the bytes fed are through */
    enum answer_event_kind out_kind;
    struct buf again; /* owned; what is to be read once more, from again_at on, before anything new */
    size_t again_at;
    bool said;       /* text has come out: a JSON object no longer begins the answer */
    bool after_call; /* nothing but white space since a call: it does not come out if nothing else follows */
    bool reasoned;   /* reasoning has come out */
    uint32_t calls;  /* begun */

    /* the call being read; offsets in `held` */
    size_t marker_end; /* behind white space and marker */
    bool unmarked;     /* Llama's object without a tag: only with a tool's name */
    bool array;        /* Mistral's list */
    bool begun;        /* BEGIN has come out */
    bool whole;        /* its arguments have all come out */
    struct answer_json json;
    enum key key;
    size_t key_from, value_from, told; /* told: arguments up to here have come out */
    struct buf name;                   /* owned */
    bool has_name, has_arguments;
    size_t arguments_from, arguments_to;
};

int answer_parser_new(struct answer_parser **out, const struct answer_options *o, struct err *e)
{
    struct answer_parser *p = new0(struct answer_parser);

    if (!p)
        return err_set(e, ERR_NOMEM, "out of memory for an answer");
    p->o = *o;
    if (o->tool_count == 0)
        p->o.calls = CHAT_CALLS_NONE;
    p->phase = o->thinking ? REASON : o->think_open ? LEAD : TEXT;
    p->held = BUF_INIT(ANSWER_CALL_BYTES_MAX + KiB);
    p->name = BUF_INIT(ANSWER_CALL_BYTES_MAX);
    p->out = BUF_INIT(2 * OUT_BYTES_MAX);
    p->again = BUF_INIT(4 * ANSWER_CALL_BYTES_MAX);
    *out = p;
    return 0;
}

void answer_parser_free(struct answer_parser *p)
{
    if (!p)
        return;
    buf_fini(&p->held);
    buf_fini(&p->name);
    buf_fini(&p->out);
    buf_fini(&p->again);
    mem_free(p);
}

bool answer_reasons(const struct answer_parser *p)
{
    return p->phase == REASON;
}

/* --- events ------------------------------------------------------------------------------------------------------------- */

static int flush(struct answer_parser *p)
{
    struct answer_event ev = {.kind = p->out_kind, .text = buf_str(&p->out), .call = p->calls ? p->calls - 1 : 0};
    int rc = ev.text.len ? p->o.on_event(p->o.ctx, &ev) : 0;

    buf_clear(&p->out);
    return rc;
}

static int tell_now(struct answer_parser *p, enum answer_event_kind kind, struct str text)
{
    struct answer_event ev = {.kind = kind, .text = text, .call = p->calls ? p->calls - 1 : 0};
    int rc = flush(p);

    return rc < 0 || text.len == 0 ? rc : p->o.on_event(p->o.ctx, &ev);
}

/* Text or reasoning, together with what came before. */
static int tell(struct answer_parser *p, enum answer_event_kind kind, struct str text)
{
    if (text.len == 0)
        return 0;
    if (text.len >= OUT_BYTES_MAX)
        return tell_now(p, kind, text);
    int rc = kind != p->out_kind || p->out.len >= OUT_BYTES_MAX ? flush(p) : 0;
    p->out_kind = kind;
    return rc < 0 ? rc : buf_append(&p->out, text);
}

static int tell_text(struct answer_parser *p, struct str text)
{
    p->said |= text.len > 0;
    if (text.len)
        p->after_call = false;
    return tell(p, ANSWER_TEXT, text);
}

static int tell_end(struct answer_parser *p)
{
    struct answer_event ev = {.kind = ANSWER_CALL_END, .call = p->calls - 1, .broken = !p->whole};

    p->after_call = true;
    int rc = flush(p);
    return rc < 0 ? rc : p->o.on_event(p->o.ctx, &ev);
}

static int begin(struct answer_parser *p)
{
    if (p->begun)
        return 0;
    p->begun = true;
    p->calls++;
    return tell_now(p, ANSWER_CALL_BEGIN, buf_str(&p->name));
}

/* --- markers -------------------------------------------------------------------------------------------------------------- */

static size_t blanks(struct str s)
{
    size_t n = 0;

    while (n < s.len && answer_json_blank(s.ptr[n]))
        n++;
    return n;
}

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

static enum match match(struct str s, struct str marker)
{
    if (s.len >= marker.len)
        return str_starts(s, marker) ? MATCH_YES : MATCH_NO;
    return str_starts(marker, s) ? MATCH_MAYBE : MATCH_NO;
}

/* What may open a call here; *len is the marker's length. */
static enum match match_call(const struct answer_parser *p, struct str s, size_t *len, bool *unmarked)
{
    static const struct str marker[] = {[CHAT_CALLS_LLAMA3] = {"<|python_tag|>", 14},
                                        [CHAT_CALLS_HERMES] = {"<tool_call>", 11},
                                        [CHAT_CALLS_MISTRAL] = {"[TOOL_CALLS]", 12}};

    *unmarked = p->o.calls == CHAT_CALLS_LLAMA3 && !p->said && s.ptr[0] == '{';
    if (*unmarked) {
        *len = 0;
        return MATCH_YES;
    }
    *len = marker[p->o.calls].len;
    return match(s, marker[p->o.calls]);
}

/* --- a call ----------------------------------------------------------------------------------------------------------------- */

static void call_reset(struct answer_parser *p)
{
    p->begun = p->whole = p->has_name = p->has_arguments = false;
    p->json = (struct answer_json){0};
    p->key = KEY_OTHER;
    p->told = p->arguments_from = p->arguments_to = 0;
    buf_clear(&p->name);
}

static bool is_tool(const struct answer_parser *p, struct str name)
{
    for (size_t i = 0; i < p->o.tool_count; i++) {
        if (str_eq(p->o.tool[i], name))
            return true;
    }
    return false;
}

/* The held bytes from `from` are read once more, in the phase that is now set, before what was to come. Where they have been read again
 * already, that is a step back: else every mark in a long text that is no call would copy the rest of it. */
static int read_again(struct answer_parser *p, size_t from)
{
    struct str back = str_skip(buf_str(&p->held), from);
    if (back.len && back.len <= p->again_at && memcmp(p->again.ptr + p->again_at - back.len, back.ptr, back.len) == 0) {
        p->again_at -= back.len;
        buf_clear(&p->held);
        return 0;
    }
    struct buf all = BUF_INIT(p->again.max);
    int rc = buf_append(&all, back);

    if (rc == 0)
        rc = buf_append(&all, str_skip(buf_str(&p->again), p->again_at));
    buf_fini(&p->again);
    p->again = all;
    p->again_at = 0;
    buf_clear(&p->held);
    return rc;
}

static int tell_arguments(struct answer_parser *p, size_t to)
{
    struct str some = str_slice(buf_str(&p->held), p->told, to);

    p->told = to;
    return tell_now(p, ANSWER_CALL_ARGUMENTS, some);
}

/* The byte held last does not fit. What was begun ends; else it was no call: the marker, or the bracket that might have been one,
 * is text. */
static int broken(struct answer_parser *p)
{
    size_t from = p->unmarked ? p->marker_end + 1 : p->marker_end;
    int rc;

    if (p->begun) {
        from = p->whole ? p->arguments_to : p->held.len - 1;
        rc = p->whole ? 0 : tell_arguments(p, from);
        if (rc == 0)
            rc = tell_end(p);
        p->phase = p->whole ? CLOSE : TEXT;
    } else {
        rc = tell_text(p, str_slice(buf_str(&p->held), 0, from));
        p->phase = TEXT;
    }
    call_reset(p);
    return rc < 0 ? rc : read_again(p, from);
}

static int call_done(struct answer_parser *p)
{
    int rc = begin(p);

    if (rc == 0 && !p->has_arguments)
        rc = tell_now(p, ANSWER_CALL_ARGUMENTS, STR("{}"));
    p->whole = true;
    if (rc == 0)
        rc = tell_end(p);
    bool array = p->array;
    call_reset(p);
    buf_clear(&p->held);
    p->marker_end = 0;
    p->array = array;
    p->phase = CLOSE;
    return rc;
}

/* The arguments as a text with JSON in it. 1: they are not. */
static int quoted_arguments(struct answer_parser *p)
{
    struct str raw = str_slice(buf_str(&p->held), p->arguments_from + 1, p->arguments_to - 1);
    AUTO_BUF struct buf plain = BUF_INIT(ANSWER_CALL_BYTES_MAX);
    int rc = json_unescape(raw, &plain);

    if (rc < 0)
        return rc == ERR_LIMIT ? 1 : rc;
    struct str text = str_trim(buf_str(&plain));
    if (text.len == 0 || text.ptr[0] != '{' || json_check(text, NULL) < 0)
        return 1;
    rc = begin(p);
    return rc < 0 ? rc : tell_now(p, ANSWER_CALL_ARGUMENTS, text);
}

/* Name and all of the arguments are there. 1: the arguments are none. */
static int all_there(struct answer_parser *p)
{
    char first = p->held.ptr[p->arguments_from];
    int rc = 0;

    if (first == '"') {
        rc = quoted_arguments(p);
    } else {
        rc = begin(p);
        if (rc == 0 && first == 'n') {
            rc = tell_now(p, ANSWER_CALL_ARGUMENTS, STR("{}"));
        } else if (rc == 0) {
            if (p->told < p->arguments_from)
                p->told = p->arguments_from;
            rc = tell_arguments(p, p->arguments_to);
        }
    }
    if (rc == 0) {
        p->told = p->arguments_to;
        p->whole = true;
    }
    return rc;
}

static enum key key_of(struct str name)
{
    return str_eq(name, STR("name"))                                           ? KEY_NAME
           : str_eq(name, STR("arguments")) || str_eq(name, STR("parameters")) ? KEY_ARGUMENTS
                                                                               : KEY_OTHER;
}

/* What follows: 0 all is well, 1 this is no call, negative an error. */

static int key_ended(struct answer_parser *p, size_t at)
{
    struct str name = str_slice(buf_str(&p->held), p->key_from, at);

    p->key = key_of(name);
    if ((p->key == KEY_NAME && p->has_name) || (p->key == KEY_ARGUMENTS && p->has_arguments))
        return 1;
    return p->unmarked && p->key == KEY_OTHER && !str_eq(name, STR("type")) && !str_eq(name, STR("id"));
}

static int value_started(struct answer_parser *p, size_t at, char c)
{
    p->value_from = at;
    if (p->key == KEY_NAME)
        return c != '"';
    if (p->key != KEY_ARGUMENTS)
        return 0;
    p->arguments_from = at;
    if (c != '{' && c != '"' && c != 'n')
        return 1;
    if (c != '{' || !p->has_name)
        return 0;
    p->told = at;
    return begin(p);
}

static int value_ended(struct answer_parser *p, size_t at)
{
    struct str raw = str_slice(buf_str(&p->held), p->value_from + 1, at);

    if (p->key == KEY_NAME) {
        if (json_unescape(raw, &p->name) < 0)
            return ERR_NOMEM; /* never over the limit: it is not longer than what is held */
        if (p->name.len == 0 || p->name.len > NAME_BYTES_MAX || (p->unmarked && !is_tool(p, buf_str(&p->name))))
            return 1;
        p->has_name = true;
    } else if (p->key == KEY_ARGUMENTS) {
        p->has_arguments = true;
        p->arguments_to = at + 1;
    } else {
        return 0;
    }
    return p->has_name && p->has_arguments ? all_there(p) : 0;
}

/* One byte of {"name": …}, the last one held. */
static int object_byte(struct answer_parser *p, char c)
{
    struct answer_json before = p->json;
    size_t at = p->held.len - 1;
    int rc = 0;

    if (!answer_json_step(&p->json, c))
        return broken(p);
    bool top = before.depth == 1 && !answer_json_blank(c);
    if (top && (before.state == AJ_KEY || before.state == AJ_KEY_OR_END) && p->json.state == AJ_STRING)
        p->key_from = at + 1;
    else if (before.depth == 1 && before.state == AJ_STRING && p->json.state == AJ_COLON)
        rc = key_ended(p, at);
    else if (top && before.state == AJ_VALUE)
        rc = value_started(p, at, c);
    /* A value of depth 1 ends with its own last byte, but for numbers, which are neither name nor arguments. */
    bool number = before.state >= AJ_MINUS && before.state <= AJ_EXPONENT;
    bool plain_end = before.depth == 1 && before.state != AJ_AFTER && !number;
    if (rc == 0 && p->json.depth == 1 && p->json.state == AJ_AFTER && (before.depth == 2 || plain_end))
        rc = value_ended(p, at);
    if (rc == 0 && p->json.state == AJ_DONE)
        return p->has_name ? call_done(p) : broken(p);
    return rc > 0 ? broken(p) : rc;
}

/* Mistral's name[ARGS]{…}, maybe with [CALL_ID]… between: 0, or 1 when it is none. */
static int name_byte(struct answer_parser *p, char c)
{
    struct str all = str_skip(buf_str(&p->held), p->marker_end);
    ptrdiff_t bracket = str_find_char(all, '['), brace = str_find_char(all, '{');
    struct str name = str_trim(str_slice(all, 0,
                                         bracket >= 0 ? (size_t)bracket
                                         : brace >= 0 ? (size_t)brace
                                                      : all.len));

    if (name.len == 0 || name.len > NAME_BYTES_MAX || all.len > 3 * NAME_BYTES_MAX)
        return name.len || all.len > NAME_BYTES_MAX;
    for (size_t i = 0; i < name.len; i++) {
        char n = name.ptr[i];
        if (!((n | 32) >= 'a' && (n | 32) <= 'z') && !(n >= '0' && n <= '9') && n != '_' && n != '-' && n != '.')
            return 1;
    }
    if (c != '{') {
        struct str rest = bracket >= 0 ? str_skip(all, (size_t)bracket) : STR("");
        if (rest.len && match(rest, STR("[ARGS]")) == MATCH_NO && match(rest, STR("[CALL_ID]")) == MATCH_NO)
            return 1;
        return str_find(all, STR("[ARGS]")) >= 0 && !str_ends(all, STR("[ARGS]")) && !answer_json_blank(c);
    }
    if (bracket >= 0 && !str_ends(str_trim(str_slice(all, 0, (size_t)brace)), STR("[ARGS]")))
        return 1;
    if (buf_append(&p->name, name) < 0)
        return ERR_NOMEM;
    p->has_name = p->has_arguments = true;
    p->json = (struct answer_json){0};
    (void)answer_json_step(&p->json, c); /* a bracket begins a value */
    p->told = p->arguments_from = p->held.len - 1;
    p->phase = ARGS;
    return begin(p);
}

static int args_byte(struct answer_parser *p, char c)
{
    if (!answer_json_step(&p->json, c))
        return broken(p);
    if (p->json.state != AJ_DONE)
        return 0;
    p->arguments_to = p->held.len;
    int rc = tell_arguments(p, p->arguments_to);
    return rc < 0 ? rc : call_done(p);
}

/* Behind the marker: what kind of call. */
static int open_byte(struct answer_parser *p, char c)
{
    if (answer_json_blank(c))
        return 0;
    if (c == '[' && p->o.calls != CHAT_CALLS_HERMES && !p->array) {
        p->array = true;
        return 0;
    }
    if (c == '{') {
        p->json = (struct answer_json){0};
        (void)answer_json_step(&p->json, c);
        p->phase = OBJECT;
        return 0;
    }
    if (p->o.calls != CHAT_CALLS_MISTRAL || p->array)
        return broken(p);
    p->phase = NAME;
    int rc = name_byte(p, c);
    return rc > 0 ? broken(p) : rc;
}

/* Behind a call: its closing marker, or another call without one of its own. Anything else is text again. */
static int close_byte(struct answer_parser *p, char c)
{
    struct str all = buf_str(&p->held), rest = str_skip(all, blanks(all));

    if (rest.len == 0)
        return 0;
    if (p->o.calls == CHAT_CALLS_HERMES) {
        enum match m = match(rest, STR("</tool_call>"));
        if (m == MATCH_MAYBE)
            return 0;
        p->phase = TEXT;
        if (m == MATCH_YES) {
            buf_clear(&p->held);
            return 0;
        }
        return read_again(p, 0);
    }
    bool next = p->array ? c == ',' : p->o.calls == CHAT_CALLS_LLAMA3 && (c == ';' || c == ',');
    bool object = !p->array && p->o.calls == CHAT_CALLS_LLAMA3 && c == '{';
    if (rest.len == 1 && next) {
        p->marker_end = all.len;
        p->unmarked = false;
        p->phase = OPEN;
        return 0;
    }
    if (rest.len == 1 && object) {
        p->marker_end = all.len - 1;
        p->unmarked = true;
        p->phase = OPEN;
        return open_byte(p, c);
    }
    bool closes = p->array && c == ']';
    p->array = false;
    p->phase = TEXT;
    if (closes) {
        buf_clear(&p->held);
        return 0;
    }
    return read_again(p, 0);
}

/* --- outside of calls ---------------------------------------------------------------------------------------------------------- */

static int lead_byte(struct answer_parser *p)
{
    struct str all = buf_str(&p->held), rest = str_skip(all, blanks(all));
    enum match m = rest.len ? match(rest, str_from(p->o.think_open)) : MATCH_MAYBE;

    if (m == MATCH_MAYBE)
        return 0;
    p->phase = m == MATCH_YES ? REASON : TEXT;
    if (m == MATCH_NO)
        return read_again(p, 0);
    buf_clear(&p->held);
    return 0;
}

/* Gives out what is decided: all but white space and the beginning of a marker at the end. White space at the start of reasoning is
 * form. */
static int reason_byte(struct answer_parser *p)
{
    for (;;) {
        struct str all = buf_str(&p->held);
        size_t space = blanks(all);
        struct str rest = str_skip(all, space);
        enum match m = rest.len ? match(rest, str_from(p->o.think_close)) : MATCH_MAYBE;
        enum match opened = rest.len && !p->reasoned ? match(rest, str_from(p->o.think_open)) : MATCH_NO;
        if (m == MATCH_MAYBE || opened == MATCH_MAYBE)
            return 0;
        if (opened == MATCH_YES) { /* by the prompt and by the model */
            buf_clear(&p->held);
            return 0;
        }
        if (m == MATCH_YES) {
            buf_clear(&p->held);
            p->phase = GAP;
            return 0;
        }
        int rc = tell(p, ANSWER_REASONING, str_slice(all, p->reasoned ? 0 : space, space + 1));
        p->reasoned = true;
        buf_consume(&p->held, space + 1);
        if (rc < 0 || p->held.len == 0)
            return rc;
    }
}

static int text_byte(struct answer_parser *p)
{
    for (;;) {
        struct str all = buf_str(&p->held);
        size_t space = blanks(all), len;
        struct str rest = str_skip(all, space);
        bool unmarked;
        enum match m = rest.len ? match_call(p, rest, &len, &unmarked) : MATCH_MAYBE;
        if (m == MATCH_MAYBE)
            return 0;
        if (m == MATCH_YES) {
            call_reset(p);
            p->array = false;
            p->unmarked = unmarked;
            p->marker_end = space + len;
            p->phase = OPEN;
            return unmarked ? open_byte(p, '{') : 0;
        }
        int rc = tell_text(p, str_slice(all, 0, space + 1));
        buf_consume(&p->held, space + 1);
        if (rc < 0 || p->held.len == 0)
            return rc;
    }
}

static int step(struct answer_parser *p, char c)
{
    if (p->phase == GAP) {
        if (answer_json_blank(c))
            return 0;
        p->phase = TEXT;
    }
    if (p->phase == TEXT && p->o.calls == CHAT_CALLS_NONE)
        return tell_text(p, str_of(&c, 1));
    if (p->held.len >= ANSWER_CALL_BYTES_MAX && p->phase >= OPEN && p->phase < CLOSE) {
        /* Too long for a call. What is held is no longer one; this byte comes behind it. */
        if (buf_append_char(&p->held, c) < 0)
            return ERR_NOMEM;
        return broken(p);
    }
    if (p->held.len >= BLANKS_MAX && !(p->phase >= OPEN && p->phase < CLOSE)) { /* white space without end, which is looked through again for each byte */
        struct str space = str_slice(buf_str(&p->held), 0, blanks(buf_str(&p->held))); /* the rest may be a mark */
        int rc = p->phase != REASON ? tell_text(p, space) : p->reasoned ? tell(p, ANSWER_REASONING, space) : 0;
        buf_consume(&p->held, space.len);
        if (rc < 0)
            return rc;
    }
    if (buf_append_char(&p->held, c) < 0)
        return ERR_NOMEM;
    int rc;
    switch (p->phase) {
    case LEAD: return lead_byte(p);
    case REASON: return reason_byte(p);
    case TEXT: return text_byte(p);
    case OPEN: return open_byte(p, c);
    case OBJECT: return object_byte(p, c);
    case NAME: rc = name_byte(p, c); return rc > 0 ? broken(p) : rc;
    case ARGS: return args_byte(p, c);
    default: return close_byte(p, c);
    }
}

/* One byte that came in, and whatever it makes us read again. */
static int feed_byte(struct answer_parser *p, char c)
{
    int rc = step(p, c);

    while (rc == 0 && p->again_at < p->again.len)
        rc = step(p, p->again.ptr[p->again_at++]);
    buf_clear(&p->again);
    p->again_at = 0;
    return rc;
}

int answer_feed(struct answer_parser *p, struct str bytes)
{
    int rc = 0;

    if (p->phase == TEXT && p->o.calls == CHAT_CALLS_NONE)
        return tell_now(p, ANSWER_TEXT, bytes);
    for (size_t i = 0; i < bytes.len && rc == 0; i++)
        rc = feed_byte(p, bytes.ptr[i]);
    if (rc == 0)
        rc = flush(p);
    /* Arguments need not wait for anything. */
    bool told = (p->phase == OBJECT || p->phase == ARGS) && p->begun && !p->whole;
    return rc == 0 && told && p->told < p->held.len ? tell_arguments(p, p->held.len) : rc;
}

/* A call that is not through: its arguments may be. */
static int finish_call(struct answer_parser *p)
{
    struct str behind = p->whole ? str_skip(buf_str(&p->held), p->arguments_to) : STR("");
    int rc = tell_end(p);

    return rc == 0 && blanks(behind) < behind.len ? tell_text(p, behind) : rc;
}

int answer_finish(struct answer_parser *p)
{
    struct str left = buf_str(&p->held);
    bool blank = blanks(left) == left.len;
    int rc = 0;

    if (p->phase == REASON)
        rc = tell(p, ANSWER_REASONING, p->reasoned || !blank ? left : STR(""));
    else if (p->phase >= OPEN && p->phase < CLOSE && p->begun)
        rc = finish_call(p);
    else if (p->phase == CLOSE ? !blank : !(p->after_call && blank))
        rc = tell_text(p, left);
    buf_clear(&p->held);
    p->phase = TEXT;
    return rc < 0 ? rc : flush(p);
}
