/* scenario_text.c: lines into words. A word is bare, or in double quotes with \n \r \t \0 \" \\ \xHH; `<<WORD` at the
 * end of a line takes the following lines up to WORD as a here-text. $NAME stands for the port of upstream NAME, $port
 * for the binary's, $dns for our name server's, $call for the id of the current reply, $inNs for the HTTP date N
 * seconds from now, $folder for the scenario's own; {{text*N}} stands for N times text. */
#include "base/clock.h"
#include "base/mem.h"
#include "scenario.h"

char *text_c(struct scenario *s, struct str text)
{
    return arena_text(&s->arena, text);
}

/* --- expansion ---------------------------------------------------------------------------------------------------- */

static size_t name_length(struct str s)
{
    size_t n = 0;
    while (n < s.len && ((s.ptr[n] >= 'a' && s.ptr[n] <= 'z') || (s.ptr[n] >= '0' && s.ptr[n] <= '9')))
        n++;
    return n;
}

/* "in30s" */
static bool date_from_now(struct str name, struct buf *out, int *rc)
{
    static const char *const day[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const month[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t seconds;
    if (name.len < 4 || !str_starts(name, STR("in")) || !str_ends(name, STR("s")) ||
        !str_to_i64(str_slice(name, 2, name.len - 1), &seconds))
        return false;
    struct civil c = civil_from_ms(clock_wall_ms(clock_system()) + seconds * 1000);
    *rc = buf_append_format(out, "%s, %02d %s %d %02d:%02d:%02d GMT", day[c.weekday], c.day, month[c.month - 1], c.year,
                            c.hour, c.minute, c.second);
    return true;
}

/* "unix7200": Unix seconds in two hours */
static bool seconds_from_now(struct str name, struct buf *out, int *rc)
{
    int64_t seconds;
    if (!str_starts(name, STR("unix")) || !str_to_i64(str_skip(name, 4), &seconds))
        return false;
    *rc = buf_append_i64(out, clock_wall_ms(clock_system()) / 1000 + seconds);
    return true;
}

/* False when the name means nothing: the $ then stands for itself. */
static bool expand_name(struct scenario *s, struct str name, struct buf *out, int *rc)
{
    struct upstream *u = upstream_named(s, name);
    struct str of_row = row_column(s, name), kept = kept_text(s, name);
    if (of_row.ptr) {
        *rc = text_expand(s, of_row, out) ? 0 : ERR_NOMEM; /* names of columns in a column are the file's own fault */
    } else if (kept.ptr) {
        *rc = buf_append(out, kept);
    } else if (str_eq(name, STR("port"))) {
        *rc = buf_append_i64(out, s->port);
    } else if (str_eq(name, STR("dns"))) {
        *rc = buf_append_i64(out, dns_port(s));
    } else if (str_eq(name, STR("call")) && s->current && s->current->reply_count) {
        *rc = buf_append(out, reply_header(&s->current->reply[s->current_reply], STR("x-hearth-call")));
    } else if (str_eq(name, STR("folder"))) {
        *rc = buf_append_text(out, s->folder);
    } else if (date_from_now(name, out, rc) || seconds_from_now(name, out, rc)) {
        return true;
    } else if (u) {
        *rc = buf_append_i64(out, u->port);
    } else {
        return false;
    }
    return true;
}

/* {{text*N}}; the bytes it took, 0 if it is none. */
static size_t expand_repeat(struct str text, struct buf *out, int *rc)
{
    ptrdiff_t end = str_find(text, STR("}}"));
    if (!str_starts(text, STR("{{")) || end < 0)
        return 0;
    struct str inner = str_slice(text, 2, (size_t)end);
    size_t star = inner.len;
    while (star > 0 && inner.ptr[star - 1] != '*')
        star--;
    uint64_t times;
    if (star < 2 || !str_to_u64(str_skip(inner, star), &times))
        return 0;
    for (uint64_t i = 0; i < times && *rc == 0; i++)
        *rc = buf_append(out, str_slice(inner, 0, star - 1));
    return (size_t)end + 2;
}

bool text_expand(struct scenario *s, struct str text, struct buf *out)
{
    int rc = 0;
    while (text.len && rc == 0) {
        size_t took = expand_repeat(text, out, &rc);
        if (took == 0 && text.ptr[0] == '$') {
            size_t n = name_length(str_skip(text, 1));
            if (n && expand_name(s, str_slice(text, 1, 1 + n), out, &rc))
                took = 1 + n;
        }
        if (took == 0) {
            rc = buf_append_char(out, text.ptr[0]);
            took = 1;
        }
        text = str_skip(text, took);
    }
    return rc == 0 || scenario_fail(s, "out of memory");
}

static struct str expanded(struct scenario *s, struct str text)
{
    AUTO_BUF struct buf out = BUF_INIT(256 * MiB);
    if (!text_expand(s, text, &out))
        return STR_NONE;
    struct str kept = arena_dup(&s->arena, buf_str(&out));
    return kept.ptr ? kept : STR("");
}

/* --- words -------------------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 0;
}

static void append_escape(struct str *line, struct buf *out)
{
    static const char from[] = "nrt0", to[] = "\n\r\t\0";
    char c = line->len > 1 ? line->ptr[1] : '\\';
    const char *known = memchr(from, c, sizeof from - 1);
    size_t took = 2;
    if (c == 'x' && line->len > 3) {
        c = (char)(hex_digit(line->ptr[2]) * 16 + hex_digit(line->ptr[3]));
        took = 4;
    } else if (known) {
        c = to[known - from];
    }
    (void)buf_append_char(out, c); /* text_expand's ceiling is far above a line's length */
    *line = str_skip(*line, took);
}

static bool quoted_word(struct scenario *s, struct str *line, struct str *out)
{
    AUTO_BUF struct buf text = BUF_INIT(1 * MiB);
    *line = str_skip(*line, 1);
    while (line->len && line->ptr[0] != '"') {
        if (line->ptr[0] == '\\') {
            append_escape(line, &text);
            continue;
        }
        (void)buf_append_char(&text, line->ptr[0]);
        *line = str_skip(*line, 1);
    }
    if (line->len == 0)
        return scenario_fail(s, "a closing quote is missing");
    *line = str_skip(*line, 1);
    *out = expanded(s, buf_str(&text));
    return true;
}

static bool split(struct scenario *s, struct words *w, struct str line)
{
    while ((line = str_trim(line)).len) {
        if (w->count == WORDS_MAX)
            return scenario_fail(s, "more than %d words", WORDS_MAX);
        struct str *word = &w->word[w->count];
        if (line.ptr[0] == '"') {
            if (!quoted_word(s, &line, word))
                return false;
        } else {
            size_t n = 0;
            while (n < line.len && line.ptr[n] != ' ' && line.ptr[n] != '\t')
                n++;
            *word = expanded(s, str_slice(line, 0, n));
            line = str_skip(line, n);
        }
        w->after[w->count++] = line;
    }
    return true;
}

static struct str next_line(struct scenario *s)
{
    struct str line = STR_NONE;
    (void)str_cut(&s->rest, '\n', &line);
    s->line++;
    return line;
}

static bool read_here(struct scenario *s, struct words *w, struct str end)
{
    AUTO_BUF struct buf text = BUF_INIT(16 * MiB);
    while (s->rest.len) {
        struct str line = next_line(s);
        if (str_eq(str_trim(line), end)) {
            if (text.len)
                text.len--; /* the line end before the closing word is no part of it */
            w->here_raw = arena_dup(&s->arena, buf_str(&text));
            w->here = expanded(s, buf_str(&text));
            return true;
        }
        (void)buf_append(&text, line);
        (void)buf_append_char(&text, '\n');
    }
    return scenario_fail(s, "no line `%.*s` ends the text", STR_FMT(end));
}

bool words_read(struct scenario *s, struct words *w)
{
    struct str line = STR_NONE;
    *w = (struct words){0};
    while (s->rest.len) {
        line = str_trim(next_line(s));
        if (line.len && line.ptr[0] != '#')
            break;
        line = STR_NONE;
    }
    if (line.len == 0)
        return false;
    ptrdiff_t here = str_find(line, STR("<<"));
    if (str_ends(line, STR(" &"))) {
        w->background = true;
        line = str_trim(str_slice(line, 0, line.len - 2));
    }
    struct str end = here < 0 ? STR_NONE : str_trim(str_skip(line, (size_t)here + 2));
    if (here >= 0)
        line = str_trim(str_slice(line, 0, (size_t)here));
    return split(s, w, line) && (here < 0 || read_here(s, w, end));
}

struct str words_peek(const struct words *w)
{
    return w->at < w->count ? w->word[w->at] : STR_NONE;
}

struct str words_next(struct words *w)
{
    struct str word = words_peek(w);
    if (w->at < w->count)
        w->tail = w->after[w->at++];
    return word;
}

bool words_take(struct words *w, const char *word)
{
    if (!words_peek(w).ptr || !str_eq(words_peek(w), str_from(word)))
        return false;
    (void)words_next(w);
    return true;
}

bool words_number(struct words *w, int64_t *out)
{
    struct str word = words_peek(w);
    if (!word.ptr || !str_to_i64(word, out))
        return false;
    (void)words_next(w);
    return true;
}
