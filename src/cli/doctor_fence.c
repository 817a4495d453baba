/* doctor_fence.c: `hearth doctor --fence`: the walls of the engine, tried from inside: of a process that is started for it, and of the one
 * that a daemon runs beside, which is asked on its socket. What is told is what the kernel answered, not what was configured. */
#include "base/json.h"
#include "cli/cli_priv.h"
#include "cli/doctor_priv.h"
#include "cli/engine_priv.h"
#include <sys/stat.h>

enum { PATIENCE_MS = 10 * 1000, PROOFS_MAX = 2 };

struct proof {
    const char *process;         /* "a process started for this" */
    const struct json_node *said; /* layers and tries; NULL: it could not be had */
    const char *why;             /* not */
};
struct fence {
    struct arena arena;
    struct proof proof[PROOFS_MAX];
    int count;
};

static bool well(const struct proof *p)
{
    const struct json_node *layers = json_get(p->said, "layers"), *tries = json_get(p->said, "tries");
    bool fine = json_get_bool(layers, "system_calls", false) && json_get_bool(layers, "no_new_privileges", false);
    int count = 0;
    for (const struct json_node *t = tries && tries->type == JSON_ARRAY ? tries->child : NULL; t; t = t->next, count++)
        fine = fine && json_get_bool(t, "refused", false);
    return fine && count == CONFINE_TRIES;
}

static bool all_well(const struct fence *f)
{
    bool fine = true;
    for (int i = 0; i < f->count; i++)
        fine = fine && well(&f->proof[i]);
    return fine;
}

/* --- the two processes ------------------------------------------------------------------------------------------------------ */

static void add(struct fence *f, const char *process, struct str json, const char *member, const char *why)
{
    struct json_node *root = NULL;
    struct str copy = json.len ? arena_dup(&f->arena, json) : STR_NONE;
    const struct json_node *said = copy.ptr && json_parse(&f->arena, copy, &root, NULL) == 0 ? root : NULL;
    const char *kept = why ? arena_text(&f->arena, str_from(why)) : NULL;
    f->proof[f->count++] = (struct proof){process, said && member ? json_get(said, member) : said, kept ? kept : "its answer cannot be read"};
}

static void prove_new(struct fence *f)
{
    static const char name[] = "an engine process started for this";
    struct engine_child c;
    struct err e = {0};
    AUTO_BUF struct buf reply = BUF_INIT(ENGINE_PACKET);
    int rc = engine_child_start(&c, -1, &e);
    if (rc == 0) {
        rc = engine_child_ask(&c, STR("{\"do\":\"prove\"}"), NULL, 0, &reply, &e);
        engine_child_end(&c, NULL);
    }
    add(f, name, rc < 0 ? STR_NONE : buf_str(&reply), "proof", rc == ERR_CLOSED ? "it ended in the middle of the proof" : rc < 0 ? e.text : NULL);
}

/* Nobody listens where no daemon with an engine runs. */
static void prove_running(struct fence *f, struct str data_dir)
{
    static const char name[] = "the engine process of the running daemon";
    AUTO_BUF struct buf path = BUF_INIT(8 * KiB);
    struct fetch_reply r;
    struct stat st;
    if (engine_socket_path(&path, data_dir) < 0 || !buf_text(&path) || stat(path.ptr, &st) != 0)
        return;
    int rc = cli_fetch(&r, STR("http://localhost/fence"), buf_str(&path), STR_NONE, NULL, NULL, PATIENCE_MS, NULL, NULL);
    bool nobody = rc != 0 && str_find(str_from(r.problem), STR("refused")) >= 0;
    if (!nobody)
        add(f, name, rc == 0 && r.status == 200 ? buf_str(&r.body) : STR_NONE, NULL, rc != 0 ? r.problem : NULL);
    fetch_reply_fini(&r);
}

/* --- telling ---------------------------------------------------------------------------------------------------------------- */

static const char *have(const struct json_node *layers, const char *key, const char *otherwise)
{
    return json_get_bool(layers, key, false) ? "yes" : otherwise;
}

static void tell_proof(const struct proof *p, struct buf *out)
{
    const struct json_node *layers = json_get(p->said, "layers"), *tries = json_get(p->said, "tries");
    (void)buf_append_format(out, "%s\n", p->process);
    if (!p->said) {
        (void)buf_append_format(out, "  fail     %s\n\n", p->why);
        return;
    }
    for (const struct json_node *t = tries ? tries->child : NULL; t; t = t->next) {
        struct str what = json_get_text(t, "what"), error = json_get_text(t, "error");
        (void)buf_append_format(out, "  %s  %.*s: %.*s\n", json_get_bool(t, "refused", false) ? "refused" : "NOT REFUSED", STR_FMT(what), STR_FMT(error));
    }
    if (!json_get_bool(layers, "system_calls", false))
        (void)buf_append_text(out, "  nothing was tried: this process stands behind no walls\n");
    (void)buf_append_format(out, "  layers   system calls limited (seccomp): %s; no new privileges: %s; a network namespace of its own, empty: %s\n\n",
                            have(layers, "system_calls", "UNAVAILABLE"), have(layers, "no_new_privileges", "UNAVAILABLE"),
                            have(layers, "network_namespace", "unavailable here"));
}

static int tell(const struct fence *f)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    for (int i = 0; i < f->count; i++)
        tell_proof(&f->proof[i], &out);
    if (f->count < PROOFS_MAX)
        (void)buf_append_text(&out, "No engine of a running daemon was found here (--config, --data).\n");
    (void)buf_append_text(&out, all_well(f) ? "The fence holds.\n" : "The fence DOES NOT HOLD: load no model here that you do not trust.\n");
    return cli_print(buf_str(&out));
}

static int tell_json(const struct fence *f)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct json_writer w = JSON_WRITER(&out);
    json_object_begin(&w);
    json_key(&w, "holds"), json_bool(&w, all_well(f));
    json_key(&w, "processes");
    json_array_begin(&w);
    for (int i = 0; i < f->count; i++) {
        const struct proof *p = &f->proof[i];
        json_object_begin(&w);
        json_key(&w, "process"), json_text(&w, p->process);
        json_key(&w, "holds"), json_bool(&w, well(p));
        json_key(&w, "why_not"), json_text(&w, p->said ? NULL : p->why);
        json_key(&w, "proof");
        if (p->said)
            json_raw(&w, p->said->text);
        else
            json_null(&w);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    return json_done(&w) < 0 || buf_append_char(&out, '\n') < 0 ? cli_fail("out of memory") : cli_print(buf_str(&out));
}

int doctor_fence(const char *config, const char *data, bool json)
{
    struct fence f = {.arena = ARENA_INIT(16 * MiB)};
    struct err e = {0}; /* without a folder there is no daemon to look for */
    AUTO_BUF struct buf dir = BUF_INIT(8 * KiB);
    prove_new(&f);
    if (cli_data_dir(&dir, data, config, &e) == 0)
        prove_running(&f, buf_str(&dir));
    int status = json ? tell_json(&f) : tell(&f);
    if (status == EXIT_OK && !all_well(&f))
        status = EXIT_FAILED;
    arena_fini(&f.arena);
    return status;
}
