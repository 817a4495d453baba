/* stage.c: the stage of a rehearsal: five simulated vendors on loopback, a config that points at them, and a data folder that
 * is thrown away. Their formats and prices are the vendors' own; their words are not. */
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
    [STAGE_GROQ] = {"groq", "groq", "first 25 every 3 reply \"This answer is simulated: its words are always these.\""},
};

struct stage {
    struct sim *sim;
    struct config *config;
    char dir[64];
};

static int write_config(struct stage *s, struct buf *yaml)
{
    (void)buf_append_text(yaml, "upstreams:\n");
    static const char *const vendor[] = {
        [STAGE_DEEPSEEK] = "vendor: deepseek", [STAGE_CLOSET] = "vendor: ollama, place: home", [STAGE_CLAUDE] = "vendor: anthropic",
        [STAGE_KIMI] = "vendor: moonshot", [STAGE_GROQ] = "vendor: groq",
    };
    static const char *const path[] = {
        [STAGE_DEEPSEEK] = "/v1", [STAGE_CLOSET] = "/v1", [STAGE_CLAUDE] = "/v1", [STAGE_KIMI] = "/v1", [STAGE_GROQ] = "/openai/v1",
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

int stage_open(struct stage **out, struct err *e)
{
    AUTO_BUF struct buf yaml = BUF_INIT(16 * KiB);
    struct stage *s = new0(struct stage);
    if (!s)
        return err_set(e, ERR_NOMEM, "stage");
    text_format(s->dir, sizeof s->dir, "/tmp/hearth-rehearsal-XXXXXX");
    int rc = mkdtemp(s->dir) ? 0 : err_set(e, ERR_IO, "making a temporary folder");
    if (rc)
        s->dir[0] = '\0';
    if (rc == 0)
        rc = open_actors(s, e);
    if (rc == 0)
        rc = write_config(s, &yaml);
    if (rc == 0)
        rc = config_read(&s->config, buf_str(&yaml), STR("(rehearsal)"), e);
    if (rc) {
        stage_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

struct config *stage_config(struct stage *s)
{
    return s->config;
}

struct str stage_data_dir(struct stage *s)
{
    return str_from(s->dir);
}

void stage_down(struct stage *s, enum stage_actor who)
{
    sim_down(s->sim, (int)who);
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
