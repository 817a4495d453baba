/* scenario_keep.c: texts that are known only while a scenario runs, such as a new key: kept under a name, and written as
 * $name from then on. */
#include "scenario.h"
#include <sys/stat.h>

enum { KEPT_BYTES_MAX = 64 * 1024 };

static bool take_file(struct scenario *s, struct str name, struct buf *out)
{
    char *path = arena_format(&s->arena, "%s/%.*s", s->folder, STR_FMT(name));
    struct err e = {0};
    return path && (buf_read_file(out, path, &e) == 0 || scenario_fail(s, "%s", e.text));
}

static bool take_json(struct scenario *s, struct str path, struct buf *out)
{
    if (!s->current || !s->current->reply_count)
        return scenario_fail(s, "there is no reply");
    return json_path(s, s->current->reply[s->current_reply].body, path, out) ||
           scenario_fail(s, "the reply has no %.*s", STR_FMT(path));
}

/* keep NAME cli | keep NAME file PATH | keep NAME json PATH | keep NAME text <<X */
bool keep_verb(struct scenario *s, struct words *w)
{
    struct str name = words_next(w), what = words_next(w);
    AUTO_BUF struct buf text = BUF_INIT(KEPT_BYTES_MAX);
    bool ok;
    if (s->kept_count == KEPT_MAX || !what.ptr)
        return scenario_fail(s, "keep NAME cli | file PATH | json PATH | text <<X");
    if (str_eq(what, STR("cli")))
        ok = buf_append(&text, buf_str(&s->cli)) == 0;
    else if (str_eq(what, STR("text")))
        ok = buf_append(&text, w->here) == 0;
    else
        ok = str_eq(what, STR("file")) ? take_file(s, words_next(w), &text) : take_json(s, words_next(w), &text);
    if (!ok)
        return false;
    s->kept[s->kept_count++] = (struct kept){name, arena_dup(&s->arena, str_trim(buf_str(&text)))};
    return true;
}

/* file NAME <<X */
bool file_verb(struct scenario *s, struct words *w)
{
    struct str name = words_next(w);
    char *path = name.len ? arena_format(&s->arena, "%s/%.*s", s->folder, STR_FMT(name)) : NULL;
    FILE *f = path && w->here.ptr ? fopen(path, "we") : NULL;
    bool ok = f && fwrite(w->here.ptr, 1, w->here.len, f) == w->here.len;
    if (f && fclose(f) != 0)
        ok = false;
    return ok || scenario_fail(s, "file NAME <<X: it cannot be written");
}

/* The newest of that name; ptr NULL when there is none. */
struct str kept_text(const struct scenario *s, struct str name)
{
    for (int i = s->kept_count - 1; i >= 0; i--)
        if (str_eq(s->kept[i].name, name))
            return s->kept[i].text;
    return STR_NONE;
}

/* expect mode PATH 600 */
bool expect_mode(struct scenario *s, struct words *w)
{
    struct str name = words_next(w), want = words_next(w);
    char *path = arena_format(&s->arena, "%s/%.*s", s->folder, STR_FMT(name)), got[8];
    struct stat st;
    if (!path || stat(path, &st) != 0)
        return scenario_fail(s, "there is no %.*s", STR_FMT(name));
    (void)text_format(got, sizeof got, "%o", (unsigned)st.st_mode & 0777);
    return str_eq(str_from(got), want) ||
           scenario_fail(s, "%.*s: expected mode %.*s, got %s", STR_FMT(name), STR_FMT(want), got);
}
