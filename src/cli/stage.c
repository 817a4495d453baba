/* stage.c: the stage of a rehearsal: simulated vendors on loopback, a config that points at them, and a data folder that is
 * thrown away. The config is ours, with five vendors, or the owner's, bent towards simulated ones. Formats and prices are the
 * vendors' own; the words of their answers are not. */
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "sim/sim.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name, *flavour, *script;
} actors[] = {
    [STAGE_DEEPSEEK] = {"deepseek", "deepseek", "first 120 every 15 reply \"This answer is simulated: its words are always these.\""},
    [STAGE_CLOSET] = {"closet", "ollama", "first 60 every 25 reply \"This answer is simulated: its words are always these.\""},
    [STAGE_CLAUDE] = {"claude", "anthropic", "first 200 every 20 reply \"This answer is simulated: its words are always these.\""},
    [STAGE_KIMI] = {"kimi", "moonshot", "first 180 every 20 reply \"This answer is simulated: its words are always these.\""},
    [STAGE_PLAN] = {"plan", "anthropic", "reply \"This answer is simulated: its words are always these.\""},
    [STAGE_GROQ] = {"groq", "groq", "first 25 every 3 reply \"This answer is simulated: its words are always these.\""},
};

/* The key every simulated upstream of an owner's config gets, so that none of his is read. */
#define STAGE_KEY_NAME "HEARTH_REHEARSAL_KEY"
static const char own_script[] = "first 40 every 15 reply \"This answer is simulated: its words are always these.\"";

struct stage {
    struct sim *sim;
    struct config *config;
    bool own; /* the owner's config */
    char dir[64];
};

static int write_config(struct stage *s, struct buf *yaml)
{
    (void)buf_append_text(yaml, "upstreams:\n");
    static const char *const vendor[] = {
        [STAGE_DEEPSEEK] = "vendor: deepseek", [STAGE_CLOSET] = "vendor: ollama, place: home", [STAGE_CLAUDE] = "vendor: anthropic",
        [STAGE_KIMI] = "vendor: moonshot", [STAGE_GROQ] = "vendor: groq",
        [STAGE_PLAN] = "vendor: anthropic, dialect: anthropic, key: passthrough, regime: plan, plan: { monthly: 100 USD, windows: [5h] }",
    };
    static const char *const path[] = {
        [STAGE_DEEPSEEK] = "/v1", [STAGE_CLOSET] = "/v1", [STAGE_CLAUDE] = "/v1", [STAGE_KIMI] = "/v1", [STAGE_GROQ] = "/openai/v1",
        [STAGE_PLAN] = "",
    };
    for (size_t i = 0; i < COUNT_OF(actors); i++)
        (void)buf_append_format(yaml, "  %s: { %s, url: \"http://127.0.0.1:%d%s\" }\n", actors[i].name, vendor[i], sim_port(s->sim, (int)i), path[i]);
    return buf_append_text(yaml,
        "jobs:\n"
        "  bulk:    { chain: [deepseek/deepseek-flash, \"closet/llama3.1:8b\", claude/claude-sonnet-5-5] }\n"
        "  reason:  { chain: [deepseek/deepseek-v4-pro, claude/claude-sonnet-5-5] }\n"
        "  long:    { chain: [kimi/kimi-k2.6, claude/claude-sonnet-5-5] }\n"
        "  fast:    { chain: [groq/openai/gpt-oss-120b, \"closet/llama3.1:8b\"] }\n"
        "  hard:    { chain: [claude/claude-opus-5-5] }\n"
        "  code:    { chain: [plan/claude-opus-5-5, deepseek/deepseek-v4-pro, kimi/kimi-k2.6] }\n"
        "  private: { chain: [\"closet/llama3.1:8b\"], boundary: home }\n"
        "  embed:   { chain: [closet/nomic-embed-text], boundary: home }\n");
}

/* A second before the flat removal: only what we made is in it, files and one level of folders. */
static void remove_folder(int at, const char *name, int depth)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(d), entry->d_name, 0) < 0 && depth < 4)
            remove_folder(dirfd(d), entry->d_name, depth + 1);
    }
    closedir(d);
    (void)unlinkat(at, name, AT_REMOVEDIR); /* what is left over is in the system's folder for such things */
}

static int open_actors(struct stage *s, struct err *e)
{
    int rc = sim_open(&s->sim, e);
    for (size_t i = 0; rc == 0 && i < COUNT_OF(actors); i++) {
        int index = sim_add(s->sim, actors[i].name, actors[i].flavour, 0, e);
        rc = index < 0 ? index : sim_script(s->sim, index, actors[i].script, e);
    }
    return rc;
}

static int make_folder(struct stage *s, struct err *e)
{
    text_format(s->dir, sizeof s->dir, "/tmp/hearth-rehearsal-XXXXXX");
    if (mkdtemp(s->dir))
        return 0;
    s->dir[0] = '\0';
    return err_set(e, ERR_IO, "making a temporary folder");
}

static int hand_over(struct stage **out, struct stage *s, int rc)
{
    if (rc < 0)
        stage_close(s);
    else
        *out = s;
    return rc;
}

int stage_open(struct stage **out, struct err *e)
{
    AUTO_BUF struct buf yaml = BUF_INIT(16 * KiB);
    struct stage *s = new0(struct stage);
    if (!s)
        return err_set(e, ERR_NOMEM, "stage");
    int rc = make_folder(s, e);
    if (rc == 0)
        rc = open_actors(s, e);
    if (rc == 0)
        rc = write_config(s, &yaml);
    if (rc == 0)
        rc = config_read(&s->config, buf_str(&yaml), STR("(rehearsal)"), e);
    return hand_over(out, s, rc);
}

/* --- the owner's config ---------------------------------------------------------------------------------------------- */

/* A simulated server with the habits of that vendor, or of a plain OpenAI-compatible one. Its index, or negative. */
static int add_own(struct stage *s, struct str name, struct str vendor, struct err *e)
{
    AUTO_BUF struct buf flavour = BUF_INIT(300), called = BUF_INIT(4 * KiB);
    if (buf_append(&flavour, vendor) < 0 || buf_append(&called, name) < 0 || !buf_text(&flavour) || !buf_text(&called))
        return err_set(e, ERR_NOMEM, "stage");
    int index = vendor.len ? sim_add(s->sim, called.ptr, flavour.ptr, 0, NULL) : ERR_NOT_FOUND;
    if (index < 0)
        index = sim_add(s->sim, called.ptr, "openai", 0, e);
    int rc = index < 0 ? index : sim_script(s->sim, index, own_script, e);
    return rc < 0 ? rc : index;
}

static int bend_upstream(struct stage *s, struct config_upstream *u, struct err *e)
{
    int index = add_own(s, u->name.text, u->vendor.text, e);
    const char *url = index < 0 ? NULL : arena_format(&s->config->arena, "http://127.0.0.1:%d/v1", sim_port(s->sim, index));
    if (!url)
        return index < 0 ? index : err_set(e, ERR_NOMEM, "stage");
    u->url.text = str_from(url);
    u->unix_path.text = u->plan_quota.text = STR_NONE;
    if (u->engine)
        u->dialect.text = STR("openai");
    u->engine = false; /* its models are simulated like any other */
    u->rpm = 0; /* all is played within one minute: what fills that says nothing of who dies */
    u->tpm = 0;
    if (!str_eq(u->key.text, STR("passthrough")))
        u->key.text = STR("env:" STAGE_KEY_NAME);
    return 0;
}

static int bend_required(struct stage *s, struct config_job *j, struct err *e)
{
    if (!j->requires_url.text.len)
        return 0;
    int index = add_own(s, j->requires_url.text, STR_NONE, e);
    const char *url = index < 0 ? NULL : arena_format(&s->config->arena, "http://127.0.0.1:%d/health", sim_port(s->sim, index));
    if (!url)
        return index < 0 ? index : err_set(e, ERR_NOMEM, "stage");
    j->requires_url.text = str_from(url);
    return 0;
}

int stage_open_own(struct stage **out, struct config *own, struct err *e)
{
    struct stage *s = new0(struct stage);
    if (!s) {
        config_free(own);
        return err_set(e, ERR_NOMEM, "stage");
    }
    s->config = own;
    s->own = true;
    own->resolver = own->ca_file = (struct config_text){0};
    int rc = setenv(STAGE_KEY_NAME, "simulated", 1) == 0 ? make_folder(s, e) : err_set(e, ERR_NOMEM, "stage");
    if (rc == 0)
        rc = sim_open(&s->sim, e);
    for (int i = 0; rc == 0 && i < own->upstream_count; i++)
        rc = bend_upstream(s, &own->upstream[i], e);
    for (int i = 0; rc == 0 && i < own->job_count; i++)
        rc = bend_required(s, &own->job[i], e);
    return hand_over(out, s, rc);
}

struct config *stage_config(struct stage *s)
{
    return s->config;
}

struct str stage_data_dir(struct stage *s)
{
    return str_from(s->dir);
}

int stage_usual(struct stage *s, int who, struct err *e)
{
    return sim_script(s->sim, who, s->own ? own_script : actors[who].script, e);
}

int stage_script(struct stage *s, int who, const char *script, struct err *e)
{
    return sim_script(s->sim, who, script, e);
}

void stage_down(struct stage *s, int who)
{
    sim_down(s->sim, who);
}

int stage_up(struct stage *s, int who, struct err *e)
{
    return sim_up(s->sim, who, e);
}

long stage_requests(struct stage *s, int who)
{
    struct sim_seen seen;
    sim_seen(s->sim, who, &seen);
    return seen.requests;
}

void stage_close(struct stage *s)
{
    if (!s)
        return;
    config_free(s->config);
    sim_close(s->sim);
    if (s->dir[0])
        remove_folder(AT_FDCWD, s->dir, 0);
    mem_free(s);
}
