/* scenario.c: reads a scenario line by line and hands each to its verb; declares upstreams; keeps the story of what
 * went wrong, the last word of which counts. */
#include "scenario.h"
#include "base/clock.h"
#include "base/mem.h"
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

int64_t now_ms(void)
{
    return clock_mono_us(clock_system()) / 1000;
}

bool poll_again(const struct scenario *s, int64_t until_ms)
{
    if (now_ms() >= until_ms || now_ms() >= s->deadline_ms)
        return false;
    (void)poll(NULL, 0, POLL_MS);
    return true;
}

bool scenario_fail(struct scenario *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_clear(&s->problem);
    if (buf_append_format_v(&s->problem, format, args) != 0)
        (void)buf_append_text(&s->problem, "something went wrong, and telling it as well");
    va_end(args);
    return false;
}

/* --- upstreams ---------------------------------------------------------------------------------------------------- */

struct upstream *upstream_named(struct scenario *s, struct str name)
{
    for (int i = 0; i < s->upstream_count; i++)
        if (str_eq(s->upstream[i].name, name))
            return &s->upstream[i];
    return NULL;
}

/* A listener whose queue is full: connections to it are neither accepted nor refused. */
static bool dig_hole(struct scenario *s, struct upstream *u)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    u->sim = -1;
    int fd = u->hole[u->hole_count++] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 0) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return scenario_fail(s, "no port for a hole");
    u->port = ntohs(a.sin_port);
    while (u->hole_count < HOLE_FDS) {
        fd = u->hole[u->hole_count++] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fd, (struct sockaddr *)&a, sizeof a); /* the first fill the queue, the rest wait for ever */
    }
    return true;
}

static bool add_sim(struct scenario *s, struct upstream *u, struct str flavour)
{
    struct err e = {0};
    if (!s->sim && sim_open(&s->sim, &e) != 0)
        return scenario_fail(s, "%s", e.text);
    u->sim = sim_add(s->sim, text_c(s, u->name), text_c(s, flavour), 0, &e);
    if (u->sim < 0)
        return scenario_fail(s, "%s", e.text);
    u->port = sim_port(s->sim, u->sim);
    return true;
}

static bool add_timed(struct scenario *s, struct upstream *u)
{
    u->sim = -1;
    u->port = timed_open(s);
    return u->port != 0 || scenario_fail(s, "no upstream that times");
}

/* tls:KIND: an upstream of flavour openai behind TLS. */
static bool add_tls(struct scenario *s, struct upstream *u, struct str kind)
{
    if (!add_sim(s, u, STR("openai")) || !tls_front_open(s, &u->tls, kind, u->port))
        return false;
    u->port = tls_front_port(u->tls);
    return true;
}

/* upstream NAME FLAVOUR|hole|timed|tls:KIND [members of its mapping in the config] */
static bool upstream_verb(struct scenario *s, struct words *w)
{
    struct str name = words_next(w), flavour = words_next(w);
    if (!flavour.ptr || s->upstream_count == UPSTREAMS_MAX)
        return scenario_fail(s, "upstream NAME FLAVOUR [yaml]");
    struct upstream *u = &s->upstream[s->upstream_count++];
    *u = (struct upstream){.name = name};
    bool ok;
    if (str_eq(flavour, STR("hole")))
        ok = dig_hole(s, u);
    else if (str_eq(flavour, STR("timed")))
        ok = add_timed(s, u);
    else if (str_starts(flavour, STR("tls:")))
        ok = add_tls(s, u, str_skip(flavour, 4));
    else
        ok = add_sim(s, u, flavour);
    if (!ok)
        return false;
    AUTO_BUF struct buf yaml = BUF_INIT(64 * KiB);
    if (!text_expand(s, str_trim(w->tail), &yaml))
        return false;
    bool own_url = str_find(buf_str(&yaml), STR("url:")) >= 0;
    int rc = buf_append_format(&s->upstreams, "  %.*s: { ", STR_FMT(name));
    if (rc == 0 && !own_url)
        rc = buf_append_format(&s->upstreams, "url: \"http%s://127.0.0.1:%d/v1\"%s", u->tls ? "s" : "", u->port,
                               yaml.len ? ", " : "");
    if (rc == 0)
        rc = buf_append_format(&s->upstreams, "%.*s }\n", STR_FMT(buf_str(&yaml)));
    return rc == 0 || scenario_fail(s, "out of memory");
}

static struct upstream *sim_named(struct scenario *s, struct words *w)
{
    struct str name = words_next(w);
    struct upstream *u = upstream_named(s, name);
    if (u && u->sim >= 0)
        return u;
    (void)scenario_fail(s, "there is no upstream `%.*s`", STR_FMT(name));
    return NULL;
}

/* script NAME then the rest of the line as it stands; a here-text is appended to it as one quoted word. */
static bool script_verb(struct scenario *s, struct words *w)
{
    struct upstream *u = sim_named(s, w);
    AUTO_BUF struct buf text = BUF_INIT(16 * MiB);
    struct err e = {0};
    if (!u || !text_expand(s, w->tail, &text))
        return false;
    if (w->here.ptr) {
        (void)buf_append_text(&text, " \""); /* its ceiling is far above any script */
        for (size_t i = 0; i < w->here.len; i++)
            (void)buf_append_format(&text, "%s%c", w->here.ptr[i] == '"' || w->here.ptr[i] == '\\' ? "\\" : "",
                                    w->here.ptr[i]);
        (void)buf_append_char(&text, '"');
    }
    return sim_script(s->sim, u->sim, buf_text(&text), &e) == 0 || scenario_fail(s, "%s", e.text);
}

static bool down_verb(struct scenario *s, struct words *w)
{
    struct upstream *u = sim_named(s, w);
    if (u)
        sim_down(s->sim, u->sim);
    return u != NULL;
}

static bool up_verb(struct scenario *s, struct words *w)
{
    struct upstream *u = sim_named(s, w);
    struct err e = {0};
    return u && (sim_up(s->sim, u->sim, &e) == 0 || scenario_fail(s, "%s", e.text));
}

static bool forget_verb(struct scenario *s, struct words *w)
{
    struct upstream *u = sim_named(s, w);
    if (u)
        sim_seen_reset(s->sim, u->sim);
    return u != NULL;
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static bool config_take(struct scenario *s, struct str text, bool alone)
{
    buf_clear(&s->config);
    s->config_alone = alone;
    return buf_append(&s->config, text) == 0 || scenario_fail(s, "out of memory");
}

static bool config_verb(struct scenario *s, struct words *w)
{
    return config_take(s, w->here, words_take(w, "alone"));
}

static bool env_verb(struct scenario *s, struct words *w)
{
    struct str name = words_next(w), value = words_next(w);
    return buf_append_format(&s->env, "%.*s=%.*s\n", STR_FMT(name), STR_FMT(value)) == 0 ||
           scenario_fail(s, "out of memory");
}

static bool argument_verb(struct scenario *s, struct words *w)
{
    s->argument = text_c(s, words_next(w));
    return s->argument != NULL;
}

static bool start_verb(struct scenario *s, struct words *w)
{
    (void)w;
    return process_start(s);
}

static bool refused_verb(struct scenario *s, struct words *w)
{
    return process_start_refused(s, words_next(w));
}

static bool stop_verb(struct scenario *s, struct words *w)
{
    (void)w;
    return process_end(s, SIGTERM);
}

static bool signal_verb(struct scenario *s, struct words *w)
{
    return process_signal(s, words_next(w));
}

static bool ended_verb(struct scenario *s, struct words *w)
{
    int64_t ms = SCENARIO_LIMIT_MS;
    if (words_take(w, "within") && !words_number(w, &ms))
        return scenario_fail(s, "ended [within MS]");
    return process_ended(s, (int)ms);
}

static bool rewrite_verb(struct scenario *s, struct words *w)
{
    (void)w;
    return process_rewrite(s);
}

/* reload [TEXT]: a config with its own upstreams, or the one that stands. */
static bool reload_verb(struct scenario *s, struct words *w)
{
    struct str text = words_next(w);
    return (!text.ptr || config_take(s, text, true)) && process_reload(s);
}

static bool kill_verb(struct scenario *s, struct words *w)
{
    (void)w;
    return process_end(s, SIGKILL);
}

static bool cli_verb(struct scenario *s, struct words *w)
{
    return process_cli(s, w, &s->cli, &s->cli_status);
}

static bool cli_left_verb(struct scenario *s, struct words *w)
{
    return process_cli_left(s, w, &s->cli, &s->cli_status);
}

static bool one_client_verb(struct scenario *s, struct words *w)
{
    return client_verb(s, w, 1);
}

static bool repeat_verb(struct scenario *s, struct words *w)
{
    int64_t times;
    if (!words_number(w, &times) || times < 1 || !words_take(w, "client"))
        return scenario_fail(s, "repeat N client ...");
    return client_verb(s, w, (int)times);
}

static const struct {
    const char *word;
    bool (*fn)(struct scenario *s, struct words *w);
} verbs[] = {
    {"upstream", upstream_verb}, {"script", script_verb},
    {"down", down_verb},         {"up", up_verb},
    {"forget", forget_verb},     {"dns", dns_verb},
    {"config", config_verb},     {"env", env_verb},
    {"start", start_verb},       {"refused", refused_verb},
    {"stop", stop_verb},         {"kill", kill_verb},
    {"signal", signal_verb},     {"ended", ended_verb},
    {"reload", reload_verb},     {"crowd", crowd_verb},
    {"notify", notify_verb},     {"file", file_verb},
    {"argument", argument_verb}, {"rewrite", rewrite_verb},
    {"cli", cli_verb},           {"client", one_client_verb},
    {"repeat", repeat_verb},     {"client-until", client_until_verb},
    {"burst", burst_verb},       {"probe", probe_verb},
    {"send", send_verb},         {"storm", storm_verb},
    {"raw", raw_verb},           {"wait", wait_verb},
    {"abort", abort_verb},       {"read", read_verb},
    {"reply", reply_verb},       {"timed", timed_verb},
    {"clock", clock_verb},       {"disk", disk_verb},
    {"memory", memory_verb},     {"each", each_verb},
    {"elsewhere", elsewhere_verb}, {"keep", keep_verb},
    {"cli-left", cli_left_verb},   {"model", model_verb},
    {"engine", engine_verb},
    {"expect", expect_verb},       {"flood", flood_verb},
    {"chaos", chaos_verb},
};

bool scenario_line(struct scenario *s, struct words *w)
{
    struct str verb = words_next(w);
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (str_eq(verb, str_from(verbs[i].word)))
            return verbs[i].fn(s, w);
    return scenario_fail(s, "unknown verb `%.*s`", STR_FMT(verb));
}

bool scenario_run(struct scenario *s)
{
    AUTO_BUF struct buf text = BUF_INIT(16 * MiB);
    struct err e = {0};
    bool ok = buf_read_file(&text, s->path, &e) == 0 || scenario_fail(s, "%s", e.text);
    struct words w;
    int line = 0;
    s->rest = buf_str(&text);
    s->deadline_ms = now_ms() + SCENARIO_LIMIT_MS;
    while (ok && words_read(s, &w)) {
        line = s->line;
        ok = scenario_line(s, &w);
        if (ok && now_ms() > s->deadline_ms)
            ok = scenario_fail(s, "the scenario takes longer than %d ms", SCENARIO_LIMIT_MS);
    }
    if (s->problem.len && ok) { /* words_read failed */
        line = s->line;
        ok = false;
    }
    s->line = line;
    for (int i = 0; i < s->client_count; i++)
        client_close(&s->client[i]);
    crowd_close(s);
    notify_close(s);
    process_fini(s);
    dns_close(s->dns);
    timed_close(s->timed);
    for (int i = 0; i < s->upstream_count; i++)
        tls_front_close(s->upstream[i].tls);
    tls_authority_free(s->authority);
    sim_close(s->sim);
    for (int i = 0; i < s->upstream_count; i++)
        for (int k = 0; k < s->upstream[i].hole_count; k++)
            close(s->upstream[i].hole[k]);
    return ok;
}
