/* prove.c: what a config may not do, shown before it runs: no chain of a home job can reach a target outside, and no job
 * mixes embedding models. The run-time checks (addresses, redirects, forwarding models) stand behind this one. */
#include "mesh/mesh_priv.h"

/* Ollama answers names with these endings from its own cloud, whatever machine it runs on. */
bool model_forwards(struct str model)
{
    model = str_trim(model);
    struct str end = str_skip(model, model.len > 6 ? model.len - 6 : 0); /* Ollama minds neither case nor blanks */
    return str_eq_fold(end, STR(":cloud")) || str_eq_fold(end, STR("-cloud"));
}

/* The table knows the vendors' embedding models; local ones are known by the families people run. */
bool model_is_embedding(const struct target *t)
{
    static const char *const families[] = {"embed", "bge-", "minilm", "e5-", "gte-"};
    if (t->fact)
        return t->fact->embedding;
    for (size_t i = 0; i < COUNT_OF(families); i++)
        if (str_contains_fold(t->model, str_from(families[i])))
            return true;
    return false;
}

static int prove_target(const struct job *j, const struct target *t, struct config_mark at, struct err *e)
{
    if (!t->up->home)
        return err_set_at(e, ERR_INVALID, at.line, at.column,
                          "job %.*s has boundary home, but %.*s is outside: upstream %.*s is not `place: home`; take it out of the "
                          "chain%s", STR_FMT(j->name), STR_FMT(t->name), STR_FMT(t->up->name),
                          str_eq(j->name, STR("embed")) ? " (or write `boundary: any` if the texts may leave)" : "");
    if (model_forwards(t->model))
        return err_set_at(e, ERR_INVALID, at.line, at.column,
                          "job %.*s has boundary home, but %.*s is a model that Ollama forwards to its cloud", STR_FMT(j->name),
                          STR_FMT(t->name));
    return 0;
}

static int prove_job(const struct mesh *m, const struct job *j, struct err *e)
{
    const struct target *embedding = NULL, *other = NULL;
    struct config_mark at = m->config->job[j->index].mark; /* design §5: at the offending job; the story names the target */
    for (int s = 0; s < j->step_count; s++) {
        for (int i = 0; i < j->step[s].count; i++) {
            const struct target *t = j->step[s].of[i].target;
            int rc = j->home ? prove_target(j, t, at, e) : 0;
            if (rc)
                return rc;
            const struct target **seen = model_is_embedding(t) ? &embedding : &other;
            bool mixes = embedding && seen == &embedding && !str_eq(embedding->model, t->model);
            *seen = t;
            if (mixes || (embedding && other))
                return err_set_at(e, ERR_INVALID, at.line, at.column,
                                  "job %.*s: %.*s beside another model in a chain of embeddings; vectors of two models do not mix",
                                  STR_FMT(j->name), STR_FMT(t->name));
        }
    }
    return 0;
}

/* place: home is a claim about an address; a literal one can be checked now, a name when it is resolved. */
static int prove_place(const struct mesh *m, const struct upstream *u, struct err *e)
{
    struct sockaddr_storage address;
    if (!u->home || u->unix_path.ptr || !fence_literal(u->host, &address) || fence_is_home(m, (struct sockaddr *)&address))
        return 0;
    struct config_mark at = u->config->place_mark.line ? u->config->place_mark : u->mark;
    return err_set_at(e, ERR_INVALID, at.line, at.column,
                      "upstream %.*s says `place: home`, but %.*s is no address of a home network; add its network to home_networks",
                      STR_FMT(u->name), STR_FMT(u->host));
}

int routes_prove_fence(const struct mesh *m, struct err *e)
{
    for (int i = 0; i < m->upstream_count; i++) {
        int rc = prove_place(m, &m->upstream[i], e);
        if (rc)
            return rc;
    }
    for (int i = 0; i < m->job_count; i++) {
        int rc = prove_job(m, &m->job[i], e);
        if (rc)
            return rc;
    }
    return 0;
}
