/* config_find.c: where configuration, data and secrets lie, and how an error names its place; see config.h. */
#include "base/mem.h"
#include "config/config.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECRET_BYTES_MAX = 16 * 1024 }; /* service-account keys of some vendors are whole files */

static int fail_buf(struct err *e, int rc, const char *what)
{
    return err_set(e, rc, "%s: %s", what, err_text(rc));
}

/* The variable if it is set and not empty. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

static int take_named(struct buf *out, const char *path, const char *named_by, struct err *e)
{
    if (access(path, F_OK) != 0)
        return err_set_errno(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, errno,
                             "the configuration %s (%s)", path, named_by);
    int rc = buf_append_text(out, path);
    return rc < 0 ? fail_buf(e, rc, path) : 0;
}

/* 1 when it is there, 0 when not. A folder we may not enter cannot have been meant for us: the search goes on. */
static int try_path(struct buf *out, const char *folder, const char *name, struct err *e)
{
    AUTO_BUF struct buf path = BUF_INIT(out->max);
    int rc = buf_append_format(&path, "%s%s", folder, name);
    const char *text = rc < 0 ? NULL : buf_text(&path);
    if (!text)
        return fail_buf(e, rc < 0 ? rc : ERR_NOMEM, name);
    if (access(text, F_OK) != 0)
        return 0;
    rc = buf_append(out, buf_str(&path));
    return rc < 0 ? fail_buf(e, rc, text) : 1;
}

int config_find(struct buf *out, const char *given, struct err *e)
{
    if (given)
        return take_named(out, given, "as given", e);
    const char *named = environment("HEARTH_CONFIG"), *home = environment("HOME");
    if (named)
        return take_named(out, named, "named by $HEARTH_CONFIG", e);
    int rc = try_path(out, "./", "hearth.yaml", e);
    if (rc == 0 && home)
        rc = try_path(out, home, "/.config/hearth/hearth.yaml", e);
    if (rc == 0)
        rc = try_path(out, "/etc/hearth/", "hearth.yaml", e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "no configuration: there is no ./hearth.yaml, ~/.config/hearth/hearth.yaml or "
                       "/etc/hearth/hearth.yaml");
    return rc < 0 ? rc : 0;
}

/* "~/x" is in the home folder; a shell would have said so already, a file cannot. */
static int append_path(struct buf *out, struct str path, struct err *e)
{
    struct str tilde = STR("~/");
    const char *home = environment("HOME");
    int rc = 0;
    if (str_starts(path, tilde)) {
        if (!home)
            return err_set(e, ERR_NOT_FOUND, "%.*s: HOME is not set", STR_FMT(path));
        rc = buf_append_format(out, "%s/", home);
        path = str_skip(path, tilde.len);
    }
    if (rc == 0)
        rc = buf_append(out, path);
    return rc < 0 ? fail_buf(e, rc, "path") : 0;
}

int config_data_dir(struct buf *out, const char *given, const struct config *c, struct err *e)
{
    const char *named = given ? given : environment("HEARTH_DATA");
    if (named) {
        int rc = buf_append_text(out, named);
        return rc < 0 ? fail_buf(e, rc, named) : 0;
    }
    if (c && c->data.text.ptr)
        return append_path(out, c->data.text, e);
    if (!environment("HOME"))
        return err_set(e, ERR_NOT_FOUND, "no data folder: HOME is not set; give --data or HEARTH_DATA");
    return append_path(out, STR("~/.local/share/hearth"), e);
}

int config_error(struct buf *out, struct str path, const struct err *e)
{
    if (path.len == 0)
        path = STR("(built-in configuration)");
    int rc = buf_append(out, path);
    if (rc == 0 && e->line)
        rc = buf_append_format(out, ":%d:%d", e->line, e->column);
    return rc ? rc : buf_append_format(out, ": %s", e->text);
}

/* --- secrets ------------------------------------------------------------------------------------- */

/* A secret ends up in a header, where a line break would begin another one. */
static int append_secret(struct buf *out, struct str secret, struct str reference, struct err *e)
{
    secret = str_trim(secret);
    if (secret.len == 0)
        return err_set(e, ERR_NOT_FOUND, "%.*s is empty", STR_FMT(reference));
    for (size_t i = 0; i < secret.len; i++)
        if ((unsigned char)secret.ptr[i] < ' ' || secret.ptr[i] == 0x7f)
            return err_set(e, ERR_INVALID, "%.*s holds more than one line or control characters", STR_FMT(reference));
    int rc = buf_append(out, secret);
    return rc < 0 ? fail_buf(e, rc, "secret") : 0;
}

static int read_variable(struct buf *out, struct str name, struct str reference, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(SECRET_BYTES_MAX);
    int rc = buf_append(&text, name);
    const char *c_name = rc < 0 ? NULL : buf_text(&text);
    if (!c_name)
        return fail_buf(e, rc < 0 ? rc : ERR_NOMEM, "secret");
    const char *value = getenv(c_name);
    if (!value)
        return err_set(e, ERR_NOT_FOUND, "the environment variable %s is not set", c_name);
    return append_secret(out, str_from(value), reference, e);
}

static int read_secret_file(struct buf *out, struct str path, struct str reference, struct err *e)
{
    AUTO_BUF struct buf name = BUF_INIT(SECRET_BYTES_MAX), content = BUF_INIT(SECRET_BYTES_MAX);
    int rc = append_path(&name, path, e);
    if (rc < 0)
        return rc;
    const char *c_name = buf_text(&name);
    if (!c_name || buf_reserve(&content, SECRET_BYTES_MAX) < 0) /* at once: growing would leave copies behind */
        return fail_buf(e, ERR_NOMEM, "secret");
    rc = buf_read_file(&content, c_name, e);
    if (rc == 0)
        rc = append_secret(out, buf_str(&content), reference, e);
    explicit_bzero(content.ptr, content.cap);
    return rc;
}

int config_secret(struct buf *out, struct str reference, struct err *e)
{
    if (str_starts(reference, STR("env:")))
        return read_variable(out, str_skip(reference, 4), reference, e);
    if (str_starts(reference, STR("file:")))
        return read_secret_file(out, str_skip(reference, 5), reference, e);
    return err_set(e, ERR_INVALID,
                   "a secret must be env:NAME or file:PATH"); /* not repeated: it may be the key itself */
}
