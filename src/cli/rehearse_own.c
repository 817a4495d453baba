/* rehearse_own.c: `hearth rehearse --config FILE`: the owner's jobs, chains, budgets and fence, with a simulated upstream in
 * place of each of his own. Each dies in turn, then the line to the internet; what becomes of every job is told, and at the
 * end which job hangs on what. Each act has a Hearth of its own, so that no breaker remembers the act before. */
#include "cli/rehearse_priv.h"
#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "mesh/mesh.h"
#include <poll.h>

struct own_job {
    const struct config_job *config;
    const char *name;
    bool home, embeds;
    const struct play_line *normally;  /* its call with everything up */
    const struct play_line *offline;   /* without the internet; NULL: not asked, it needs none */
    struct str hangs_on;               /* the first whose death leaves it without an answer */
    int hangs_on_count;
};

struct own {
    struct play play;
    struct arena arena;
    const struct config *config;
    struct own_job *job;
    int job_count;
    long home_calls, leaks; /* calls of jobs that stay at home; requests at cloud upstreams meanwhile */
};

/* --- who depends on whom --------------------------------------------------------------------------------------------- */

static bool is_cloud(const struct config_upstream *u)
{
    return u->place != PLACE_HOME;
}

static bool is_of(const struct config_target *t, const struct config_upstream *u)
{
    struct str name = t->name.text, up = u->name.text;
    return name.len > up.len && str_starts(name, up) && name.ptr[up.len] == '/';
}

static bool job_uses(const struct own_job *j, const struct config_upstream *u)
{
    for (int i = 0; i < j->config->step_count; i++)
        for (int k = 0; k < j->config->step[i].target_count; k++)
            if (is_of(&j->config->step[i].target[k], u))
                return true;
    return false;
}

static bool job_uses_cloud(const struct own *o, const struct own_job *j)
{
    for (int i = 0; i < o->config->upstream_count; i++)
        if (is_cloud(&o->config->upstream[i]) && job_uses(j, &o->config->upstream[i]))
            return true;
    return false;
}

/* --- one act --------------------------------------------------------------------------------------------------------- */

static long cloud_requests(const struct own *o)
{
    long sum = 0;
    for (int i = 0; i < o->config->upstream_count; i++)
        if (is_cloud(&o->config->upstream[i]))
            sum += stage_requests(o->play.stage, i);
    return sum;
}

static const struct play_line *ask(struct own *o, const char *act, const struct own_job *j)
{
    long before = j->home ? cloud_requests(o) : 0;
    const struct play_line *l = play_ask(&o->play, act, j->name, j->embeds, NULL, NULL);
    if (j->home) {
        o->home_calls++;
        o->leaks += cloud_requests(o) - before;
    }
    return l;
}

static int act_all_up(struct own *o, struct err *e)
{
    int rc = play_start(&o->play, e);
    printf("\nAll are up:\n");
    for (int i = 0; rc == 0 && i < o->job_count; i++)
        o->job[i].normally = ask(o, "all up", &o->job[i]);
    play_stop(&o->play);
    return rc;
}

static void note_fall(struct own_job *j, const struct play_line *l, struct str who)
{
    if (l->status == 200 || j->normally->status != 200)
        return;
    if (!j->hangs_on_count++)
        j->hangs_on = who;
}

/* `who` dies, and those of the jobs that `touches` says are asked. */
static int act_without(struct own *o, int actor, const char *act, struct str who, bool (*touches)(const struct own_job *j, const void *what),
                       const void *what, struct err *e)
{
    bool told = false;
    int rc = play_start(&o->play, e);
    stage_down(o->play.stage, actor);
    for (int i = 0; rc == 0 && i < o->job_count; i++) {
        if (!touches(&o->job[i], what))
            continue;
        if (!told)
            printf("\n%.*s is down:\n", STR_FMT(who));
        told = true;
        note_fall(&o->job[i], ask(o, act, &o->job[i]), who);
    }
    play_stop(&o->play);
    if (rc == 0 && !told)
        printf("\n%.*s is in no chain: nobody would notice\n", STR_FMT(who));
    return rc < 0 ? rc : stage_up(o->play.stage, actor, e);
}

static bool touches_upstream(const struct own_job *j, const void *what)
{
    return job_uses(j, what);
}

static bool touches_required(const struct own_job *j, const void *what)
{
    return j->config == what;
}

static int upstream_down(struct own *o, int i, struct err *e)
{
    const struct config_upstream *u = &o->config->upstream[i];
    const char *act = arena_format(&o->arena, "no %.*s", STR_FMT(u->name.text));
    return act ? act_without(o, i, act, u->name.text, touches_upstream, u, e) : err_set(e, ERR_NOMEM, "rehearsal");
}

static int required_down(struct own *o, int actor, const struct own_job *j, struct err *e)
{
    const char *who = arena_format(&o->arena, "what %s requires", j->name);
    return who ? act_without(o, actor, "unmet", str_from(who), touches_required, j->config, e) : err_set(e, ERR_NOMEM, "rehearsal");
}

static int acts_one_down(struct own *o, struct err *e)
{
    const struct config *c = o->config;
    int rc = 0, actor = c->upstream_count;
    for (int i = 0; rc == 0 && i < c->upstream_count; i++)
        rc = upstream_down(o, i, e);
    for (int i = 0; rc == 0 && i < o->job_count; i++)
        if (o->job[i].config->requires_url.text.len)
            rc = required_down(o, actor++, &o->job[i], e);
    return rc;
}

static void ask_users_of(struct own *o, const struct config_upstream *u, const char *act)
{
    for (int i = 0; i < o->job_count; i++)
        if (job_uses(&o->job[i], u)) {
            (void)ask(o, act, &o->job[i]);
            o->play.line[o->play.lines - 1].plan = u->name.text;
        }
}

/* Its window is spent at the first call, and begins anew some seconds later. */
static int plan_spent(struct own *o, int i, struct err *e)
{
    const struct config_upstream *u = &o->config->upstream[i];
    AUTO_BUF struct buf script = BUF_INIT(4 * KiB);
    int64_t wait_ms = 0;
    int rc = play_start(&o->play, e);
    if (rc == 0)
        rc = plan_script_spent(&script, &wait_ms);
    if (rc == 0)
        rc = buf_text(&script) ? stage_script(o->play.stage, i, script.ptr, e) : err_set(e, ERR_NOMEM, "rehearsal");
    int64_t end_ms = clock_mono_us(clock_system()) / 1000 + wait_ms;
    if (rc == 0) {
        printf("\nThe window of %.*s is spent (a simulated one, which lasts seconds here):\n", STR_FMT(u->name.text));
        ask_users_of(o, u, "plan spent");
        int64_t left_ms = end_ms - clock_mono_us(clock_system()) / 1000;
        if (left_ms > 0)
            (void)poll(NULL, 0, (int)left_ms);
        printf("\nThe window of %.*s has begun anew:\n", STR_FMT(u->name.text));
        ask_users_of(o, u, "plan back");
    }
    play_stop(&o->play);
    return rc < 0 ? rc : stage_usual(o->play.stage, i, e);
}

static int acts_plan(struct own *o, struct err *e)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < o->config->upstream_count && !o->config->plans_off; i++)
        if (str_eq(o->config->upstream[i].regime.text, STR("plan")))
            rc = plan_spent(o, i, e);
    return rc;
}

static int act_offline(struct own *o, struct err *e)
{
    bool any = false;
    for (int i = 0; i < o->job_count; i++)
        any |= job_uses_cloud(o, &o->job[i]);
    if (!any)
        return 0;
    for (int i = 0; i < o->config->upstream_count; i++)
        if (is_cloud(&o->config->upstream[i]))
            stage_down(o->play.stage, i);
    int rc = play_start(&o->play, e);
    printf("\nThe line to the internet is down:\n");
    for (int i = 0; rc == 0 && i < o->job_count; i++)
        if (job_uses_cloud(o, &o->job[i]))
            o->job[i].offline = ask(o, "no internet", &o->job[i]);
    play_stop(&o->play);
    return rc;
}

/* --- what it means --------------------------------------------------------------------------------------------------- */

static const char *offline_words(const struct own_job *j)
{
    const struct play_line *l = j->offline ? j->offline : j->normally;
    return l->status == 200 ? l->target : "fails";
}

static void print_meaning(const struct own *o)
{
    printf("\nWhat it means:\n  %-12s %-30s %-34s %s\n", "job", "all up", "when one dies", "without the internet");
    for (int i = 0; i < o->job_count; i++) {
        const struct own_job *j = &o->job[i];
        AUTO_BUF struct buf one = BUF_INIT(4 * KiB);
        (void)(j->normally->status != 200   ? buf_append_text(&one, "-")
               : !j->hangs_on_count         ? buf_append_text(&one, "answered, whichever it is")
               : j->hangs_on_count == 1     ? buf_append_format(&one, "fails without %.*s", STR_FMT(j->hangs_on))
                                            : buf_append_format(&one, "fails without any of %d", j->hangs_on_count));
        printf("  %-12s %-30s %-34.*s %s\n", j->name, j->normally->status == 200 ? j->normally->target : "fails",
               STR_FMT(buf_str(&one)), offline_words(j));
    }
    if (o->home_calls)
        printf("The fence: %ld call%s of jobs that stay at home, %ld request%s at cloud upstreams meanwhile.\n", o->home_calls,
               o->home_calls == 1 ? "" : "s", o->leaks, o->leaks == 1 ? "" : "s");
}

static int conclude(const struct own *o)
{
    int unanswered = 0;
    for (int i = 0; i < o->job_count; i++)
        unanswered += o->job[i].normally->status != 200;
    bool booked = play_bill(&o->play) && play_plan_bill(&o->play);
    print_meaning(o);
    if (unanswered)
        printf("\n%d job%s not answered even with everything up; the first lines above say why.\n", unanswered, unanswered == 1 ? " is" : "s are");
    return unanswered || o->leaks || !booked ? EXIT_FAILED : EXIT_OK;
}

static int perform(struct own *o)
{
    struct err e = {0};
    printf("A rehearsal of %.*s: each of its upstreams is simulated on this machine, and taken to have a good key. Nothing of it is\n"
           "reached, nothing is booked in your own ledger. Conditions, budgets, time-outs and the fence are yours;\n"
           "calls and tokens a minute are not counted.\n", STR_FMT(o->config->path));
    int rc = act_all_up(o, &e);
    if (rc == 0)
        rc = acts_one_down(o, &e);
    if (rc == 0)
        rc = acts_plan(o, &e);
    if (rc == 0)
        rc = act_offline(o, &e);
    return rc < 0 ? cli_fail_err(&e) : conclude(o);
}

/* --- setting up ------------------------------------------------------------------------------------------------------ */

static int note_job(const struct mesh_name *n, void *ctx)
{
    struct own *o = ctx;
    for (int i = 0; i < o->job_count; i++)
        if (str_eq(n->name, o->job[i].config->name.text) && strcmp(n->kind, "job") == 0) {
            o->job[i].home = n->home;
            o->job[i].embeds = n->embeds;
        }
    return 0;
}

/* The config as it is must be one that `serve` takes; then its jobs are known by what the mesh makes of them. */
static int learn_jobs(struct own *o, const struct config *c, struct err *e)
{
    struct mesh *m;
    o->config = c;
    o->job = arena_new_array(&o->arena, struct own_job, (size_t)c->job_count + 1);
    o->play.lines_max = (3 * c->upstream_count + c->job_count + 2) * c->job_count + 1;
    o->play.line = arena_new_array(&o->arena, struct play_line, (size_t)o->play.lines_max);
    if (!o->job || !o->play.line)
        return err_set(e, ERR_NOMEM, "rehearsal");
    for (int i = 0; i < c->job_count; i++) {
        o->job[i] = (struct own_job){.config = &c->job[i], .name = arena_format(&o->arena, "%.*s", STR_FMT(c->job[i].name.text))};
        if (!o->job[i].name)
            return err_set(e, ERR_NOMEM, "rehearsal");
    }
    o->job_count = c->job_count;
    for (int i = 0; i < c->upstream_count; i++)
        o->play.credential |= str_eq(c->upstream[i].key.text, STR("passthrough"));
    int rc = mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, e);
    if (rc < 0)
        return rc;
    (void)mesh_names(m, note_job, o);
    mesh_close(m);
    return c->job_count ? 0 : err_set(e, ERR_INVALID, "it has no jobs; there is nothing to rehearse");
}

static int fail_at(const char *path, const struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB);
    (void)config_error(&text, str_from(path), e);
    fprintf(stderr, "%.*s\n", STR_FMT(buf_str(&text)));
    return EXIT_FAILED;
}

int rehearse_own(const char *path)
{
    enum { LINES_BYTES_MAX = 64 << 20 };
    struct own o = {.arena = ARENA_INIT(LINES_BYTES_MAX), .play = {.url = BUF_INIT(1 * KiB)}};
    struct config *c = NULL;
    struct err e = {0};
    int rc = config_load(&c, path, &e);
    if (rc == 0)
        rc = learn_jobs(&o, c, &e);
    if (rc == 0) {
        rc = stage_open_own(&o.play.stage, c, &e);
        c = NULL; /* the stage's now */
    }
    int status = rc < 0 ? fail_at(path, &e) : perform(&o);
    stage_close(o.play.stage);
    config_free(c);
    buf_fini(&o.play.url);
    arena_fini(&o.arena);
    return status;
}
