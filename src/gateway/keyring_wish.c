/* keyring_wish.c: what somebody wants a new key to be, and whether it can be had: from the command line, and as the JSON of the
 * admin API. Over HTTP no secret can be given, nor read from this machine's files. */
#include "base/json.h"
#include "gateway/keyring_priv.h"

static bool each_is_fine(struct str list, int count_max, bool (*fine)(struct str))
{
    struct str one;
    int count = 0;
    while (str_cut(&list, ',', &one))
        if (!fine(str_trim(one)) || ++count > count_max)
            return false;
    return true;
}

/* It must survive being a header's value, and must be worth keeping secret. */
static const char *secret_problem(struct str s)
{
    if (key_is_placeholder(s))
        return "that is a word clients send when no key is needed, so it cannot be one";
    if (s.len < KEY_SECRET_BYTES_MIN || s.len > KEY_SECRET_BYTES_MAX)
        return "a key has 6 to 1024 characters";
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
            return "a key holds no blanks, control characters or letters beyond ASCII";
    return NULL;
}

const char *key_wish_problem(const struct key_wish *w)
{
    if (str_eq(w->name, STR("default")))
        return "the name `default` belongs to the key in $HEARTH_KEY";
    if (!key_name_is_fine(w->name))
        return "a name has 1 to 64 of a-z, 0-9 and ._-, and begins with a letter or a digit";
    if (!each_is_fine(w->jobs, KEY_JOBS_MAX, key_job_is_fine))
        return "jobs are 1 to 64 names of jobs, separated by commas";
    if (!each_is_fine(w->tags, KEY_TAGS_MAX, key_tag_is_fine))
        return "tags are 1 to 8, separated by commas, each of at most 64 letters, digits and ._:/@+-";
    if (w->rpm < 0 || w->rpm > KEY_RPM_MAX)
        return "calls a minute are 1 to 1000000";
    return w->secret.len ? secret_problem(w->secret) : NULL;
}

/* --- as JSON -------------------------------------------------------------------------------------------------------------------- */

/* ["a","b"] as "a,b". */
static int read_list(struct arena *a, const struct json_node *n, struct str *out, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB);
    if (n->type != JSON_ARRAY)
        return err_set(e, ERR_INVALID, "`%.*s` is a list of texts", STR_FMT(n->key));
    for (const struct json_node *one = n->child; one; one = one->next) {
        if (one->type != JSON_STRING || !one->text.len || str_find_char(one->text, ',') >= 0)
            return err_set(e, ERR_INVALID, "`%.*s` is a list of texts", STR_FMT(n->key));
        if (buf_append_text(&text, text.len ? "," : "") < 0 || buf_append(&text, one->text) < 0)
            return err_set(e, ERR_INVALID, "`%.*s` is too long", STR_FMT(n->key));
    }
    *out = arena_dup(a, buf_str(&text));
    return out->ptr ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

static int read_member(struct arena *a, const struct json_node *n, struct key_wish *w, struct err *e)
{
    static const char *const never[] = {"key", "from", "url", "run", "secret", "sha256"};
    for (size_t i = 0; i < COUNT_OF(never); i++)
        if (str_eq(n->key, str_from(never[i])))
            return err_set(e, ERR_INVALID,
                           "`%s` cannot be set over HTTP; `hearth keys add NAME --from` adopts an existing key",
                           never[i]);
    if (str_eq(n->key, STR("jobs")))
        return read_list(a, n, &w->jobs, e);
    if (str_eq(n->key, STR("tags")))
        return read_list(a, n, &w->tags, e);
    if (str_eq(n->key, STR("name")) && n->type == JSON_STRING) {
        w->name = arena_dup(a, n->text);
        return w->name.ptr ? 0 : err_set(e, ERR_NOMEM, "out of memory");
    }
    bool boundary = str_eq(n->key, STR("boundary")) && n->type == JSON_STRING;
    if (boundary && (str_eq(n->text, STR("home")) || str_eq(n->text, STR("any")))) {
        w->home = str_eq(n->text, STR("home"));
        return 0;
    }
    if (str_eq(n->key, STR("rpm")) && n->type == JSON_NUMBER && json_to_i64(n->text, &w->rpm) && w->rpm > 0)
        return 0;
    return err_set(
        e, ERR_INVALID,
        "`%.*s` is not known here, or not of that kind; a key has name, jobs, boundary (home or any), tags and rpm",
        STR_FMT(str_slice(n->key, 0, 60)));
}

int key_wish_read(struct key_wish *w, struct arena *a, struct str json, struct err *e)
{
    enum { WISH_BYTES_MAX = 32 * 1024 };
    struct json_node *root;
    *w = (struct key_wish){0};
    if (json.len > WISH_BYTES_MAX)
        return err_set(e, ERR_INVALID, "a key is told in less than %d KiB", WISH_BYTES_MAX / 1024);
    struct arena scratch = ARENA_INIT(4 * MiB);
    int rc = json_parse(&scratch, json, &root, e);
    if (rc == 0 && root->type != JSON_OBJECT)
        rc = err_set(e, ERR_INVALID, "a JSON object with the key's `name` is expected");
    for (const struct json_node *n = rc == 0 ? root->child : NULL; n && rc == 0; n = n->next)
        rc = read_member(a, n, w, e);
    arena_fini(&scratch);
    const char *problem = rc == 0 ? key_wish_problem(w) : NULL;
    return problem ? err_set(e, ERR_INVALID, "%s", problem) : rc;
}
