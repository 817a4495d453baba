/* lookup.c: what the `model` of a request means: a job, an alias, a target, or a bare model name of some upstream. */
#include "mesh/mesh_priv.h"

static bool find_job(struct route *out, const struct mesh *m, struct str name)
{
    for (int i = 0; i < m->job_count; i++)
        if (str_eq(m->job[i].name, name)) {
            *out = (struct route){.job = &m->job[i]};
            return true;
        }
    return false;
}

/* A pattern such as `*` never catches these two: who asks for `private` means it, whether such a job exists or not. */
static bool stays_home_by_name(struct str name)
{
    return str_eq_fold(name, STR("private")) || str_eq_fold(name, STR("embed"));
}

static bool find_alias(struct route *out, const struct mesh *m, struct str name)
{
    for (int i = 0; i < m->alias_count; i++) {
        const struct alias *a = &m->alias[i];
        if (a->pattern && stays_home_by_name(name))
            continue;
        if (a->pattern ? str_match_glob(a->name, name) : str_eq(a->name, name)) {
            *out = (struct route){.job = a->job, .target = a->target};
            return true;
        }
    }
    return false;
}

static struct upstream *upstream_of(const struct mesh *m, struct str target_name)
{
    ptrdiff_t slash = str_find_char(target_name, '/');
    if (slash <= 0 || (size_t)slash + 1 == target_name.len)
        return NULL;
    for (int i = 0; i < m->upstream_count; i++)
        if (str_eq(m->upstream[i].name, str_slice(target_name, 0, (size_t)slash)))
            return &m->upstream[i];
    return NULL;
}

/* upstream/model: one that the config names, or any model of a known upstream. */
static int find_target(struct route *out, const struct mesh *m, struct str name, struct arena *a, struct err *e)
{
    for (int i = 0; i < m->target_count; i++)
        if (str_eq(m->target[i].name, name)) {
            *out = (struct route){.target = &m->target[i]};
            return 0;
        }
    struct upstream *u = upstream_of(m, name);
    if (!u)
        return ERR_NOT_FOUND;
    struct target *t = arena_new(a, struct target);
    struct str copy = arena_dup(a, name);
    if (!t || !copy.ptr)
        return err_set(e, ERR_NOMEM, "route");
    *t = (struct target){.name = copy, .model = str_skip(copy, u->name.len + 1), .up = u, .state = u->direct};
    t->fact = model_find(u->vendor_name, t->model);
    *out = (struct route){.target = t};
    return 0;
}

static bool serves(const struct mesh *m, const struct upstream *u, struct str model)
{
    for (int i = 0; i < m->target_count; i++)
        if (m->target[i].up == u && str_eq(m->target[i].model, model))
            return true;
    for (int i = 0; i < u->config->model_count; i++)
        if (str_eq(u->config->models[i].text, model))
            return true;
    const struct model_row *fact = u->vendor_name.len ? model_find(u->vendor_name, model) : NULL;
    return fact && !fact->retired;
}

static int find_bare(struct route *out, const struct mesh *m, struct str model, struct arena *a, struct err *e)
{
    const struct upstream *found = NULL;
    int count = 0;
    AUTO_BUF struct buf names = BUF_INIT(4 * KiB);
    for (int i = 0; i < m->upstream_count; i++) {
        if (!serves(m, &m->upstream[i], model))
            continue;
        found = &m->upstream[i];
        (void)buf_append_format(&names, "%s%.*s/%.*s", count++ ? ", " : "", STR_FMT(found->name), STR_FMT(model));
    }
    if (count == 0)
        return ERR_NOT_FOUND;
    if (count > 1)
        return err_set(e, ERR_INVALID, "model `%.*s` is ambiguous; say which: %.*s", STR_FMT(model), STR_FMT(buf_str(&names)));
    return find_target(out, m, buf_str(&names), a, e);
}

static int not_found(const struct mesh *m, struct str model, struct err *e)
{
    AUTO_BUF struct buf names = BUF_INIT(700);
    for (int i = 0; i < m->job_count; i++)
        if (buf_append_format(&names, "%s%.*s", i ? ", " : "", STR_FMT(m->job[i].name)))
            break; /* enough names for one message */
    return err_set(e, ERR_NOT_FOUND, "there is no job, alias, target or model `%.*s`; the jobs here are: %.*s",
                   STR_FMT(str_slice(model, 0, 128)), STR_FMT(buf_str(&names)));
}

int route_find(struct route *out, const struct mesh *m, struct str model, struct arena *a, struct err *e)
{
    if (find_job(out, m, model) || find_alias(out, m, model))
        return 0;
    int rc = find_target(out, m, model, a, e);
    if (rc == ERR_NOT_FOUND)
        rc = find_bare(out, m, model, a, e);
    return rc == ERR_NOT_FOUND ? not_found(m, model, e) : rc;
}
