/* doctor.c: `hearth doctor`: looks at everything a call will need and says, finding by finding, what is and what to do. */
#include "cli/doctor_priv.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "mesh/mesh.h"

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024, TEXT_BYTES_MAX = 4096 };

/* --- findings --------------------------------------------------------------------------------------------------- */

static struct str format_v(struct doctor *d, const char *format, va_list args)
{
    AUTO_BUF struct buf b = BUF_INIT(TEXT_BYTES_MAX);
    struct str s = buf_append_format_v(&b, format, args) == 0 ? arena_dup(&d->arena, buf_str(&b)) : STR_NONE;
    d->nomem = d->nomem || !s.ptr;
    return s.ptr ? s : STR("");
}

struct str doctor_format(struct doctor *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str s = format_v(d, format, args);
    va_end(args);
    return s;
}

void doctor_find(struct doctor *d, enum finding_level level, struct str subject, const char *check, const char *todo,
                 const char *format, ...)
{
    struct finding *f = arena_new(&d->arena, struct finding);
    va_list args;
    va_start(args, format);
    struct str text = format_v(d, format, args);
    va_end(args);
    d->bad += level >= FINDING_WARN;
    d->nomem = d->nomem || !f;
    if (!f)
        return;
    *f = (struct finding){
        .level = level, .subject = subject, .check = str_from(check), .text = text, .todo = str_from(todo)};
    *d->tail = f;
    d->tail = &f->next;
}

/* --- the targets of an upstream ------------------------------------------------------------------------------------ */

static struct str model_at(struct str target, struct str upstream)
{
    bool ours = target.len > upstream.len + 1 && str_starts(target, upstream) && target.ptr[upstream.len] == '/';
    return ours ? str_skip(target, upstream.len + 1) : STR_NONE;
}

/* The n-th target of the config, chains first; false behind the last. */
static bool target_at(const struct config *c, int n, struct str *name, struct config_mark *at, int64_t *max_context)
{
    for (int j = 0; j < c->job_count; j++)
        for (int s = 0; s < c->job[j].step_count; s++) {
            const struct config_step *step = &c->job[j].step[s];
            if (n < step->target_count) {
                *name = step->target[n].name.text;
                *at = step->target[n].name.mark;
                *max_context = step->max_context;
                return true;
            }
            n -= step->target_count;
        }
    if (n >= c->alias_count)
        return false;
    *name = c->alias[n].to.text;
    *at = c->alias[n].to.mark;
    *max_context = 0;
    return true;
}

static bool is_first(const struct config *c, int n, struct str name)
{
    struct str other;
    struct config_mark at;
    int64_t context;
    for (int i = 0; i < n; i++)
        if (target_at(c, i, &other, &at, &context) && str_eq(other, name))
            return false;
    return true;
}

void doctor_each_target(const struct doctor *d, struct str upstream,
                        void (*fn)(struct str model, struct config_mark at, int64_t max_context, void *ctx), void *ctx)
{
    struct str name;
    struct config_mark at;
    int64_t context;
    for (int n = 0; target_at(d->config, n, &name, &at, &context); n++) {
        struct str model = model_at(name, upstream);
        if (model.len && is_first(d->config, n, name))
            fn(model, at, context, ctx);
    }
}

/* --- telling --------------------------------------------------------------------------------------------------------- */

static const char *const level_names[] = {
    [FINDING_OK] = "ok",
    [FINDING_INFO] = "info",
    [FINDING_WARN] = "warn",
    [FINDING_FAIL] = "fail",
};

static int tell(const struct doctor *d)
{
    AUTO_BUF struct buf out = BUF_INIT(16 * MiB);
    struct str subject = STR_NONE;
    for (const struct finding *f = d->first; f; f = f->next) {
        if (!str_eq(subject, f->subject))
            (void)buf_append_format(&out, "%s%.*s\n", subject.len ? "\n" : "", STR_FMT(f->subject));
        subject = f->subject;
        (void)buf_append_format(&out, "  %-4s %.*s: %.*s\n", level_names[f->level], STR_FMT(f->check),
                                STR_FMT(f->text));
        if (f->todo.len && f->level >= FINDING_WARN)
            (void)buf_append_format(&out, "       %.*s\n", STR_FMT(f->todo));
    }
    if (d->bad)
        (void)buf_append_format(&out, "\n%d of these want%s a look\n", d->bad, d->bad == 1 ? "s" : "");
    else
        (void)buf_append_text(&out, "\nall is well\n");
    return cli_print(buf_str(&out));
}

static void member(struct json_writer *w, const char *key, struct str value)
{
    json_key(w, key);
    json_str(w, value);
}

static int tell_json(const struct doctor *d)
{
    AUTO_BUF struct buf out = BUF_INIT(16 * MiB);
    struct json_writer w = JSON_WRITER(&out);
    json_object_begin(&w);
    json_key(&w, "well");
    json_bool(&w, d->bad == 0);
    json_key(&w, "findings");
    json_array_begin(&w);
    for (const struct finding *f = d->first; f; f = f->next) {
        json_object_begin(&w);
        member(&w, "subject", f->subject);
        member(&w, "check", f->check);
        member(&w, "level", str_from(level_names[f->level]));
        member(&w, "text", f->text);
        member(&w, "todo", f->todo);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_key(&w, "latency");
    json_array_begin(&w);
    for (const struct doctor_latency *l = d->latency; l; l = l->next) {
        json_object_begin(&w);
        member(&w, "upstream", l->upstream);
        json_key(&w, "connect_us");
        json_i64(&w, l->connect_us);
        json_key(&w, "first_byte_us");
        json_i64(&w, l->first_byte_us);
        json_key(&w, "network_us");
        json_i64(&w, l->network_us);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    if (json_done(&w) < 0 || buf_append_char(&out, '\n'))
        return cli_fail("out of memory");
    return cli_print(buf_str(&out));
}

/* --- the whole --------------------------------------------------------------------------------------------------------- */

static int examine(struct doctor *d, struct str data_dir, bool json)
{
    d->tail = &d->first;
    d->latency_tail = &d->latency;
    for (int i = 0; i < d->config->upstream_count; i++)
        if (d->config->upstream[i].engine)
            doctor_engine(d, &d->config->upstream[i], data_dir);
        else
            doctor_upstream(d, &d->config->upstream[i]);
    doctor_machine(d, data_dir);
    if (d->nomem)
        return cli_fail("out of memory");
    int status = json ? tell_json(d) : tell(d);
    return status ? status : d->bad ? EXIT_FAILED : EXIT_OK;
}

static int fail_at(const struct config *c, const struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB);
    (void)config_error(&text, c->path, e);
    fprintf(stderr, "%.*s\n", STR_FMT(buf_str(&text)));
    return EXIT_FAILED;
}

static int doctor(const char *config, const char *data, bool json)
{
    struct doctor d = {.arena = ARENA_INIT(ARENA_BYTES_MAX)};
    struct config *c = NULL;
    struct mesh *m = NULL;
    struct err e = {0};
    bool made;
    AUTO_BUF struct buf said = BUF_INIT(64 * KiB), dir = BUF_INIT(8 * KiB);
    int status = EXIT_FAILED;
    if (cli_config(&c, config, &made, &said, &e) < 0) {
        cli_fail_err(&e);
    } else if (mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, &e) < 0) {
        status = fail_at(c, &e);
    } else if (config_data_dir(&dir, data, c, &e) < 0) {
        cli_fail_err(&e);
    } else {
        d.config = c;
        d.mesh = m;
        status = examine(&d, buf_str(&dir), json);
    }
    mesh_close(m);
    config_free(c);
    arena_fini(&d.arena);
    return status;
}

static const char details[] = "Asks each upstream of the config for its list of models (no call that costs money), and "
                              "looks at this machine; works beside\n"
                              "a running daemon. Exit status 0 when all is well, 1 when something wants a look.\n"
                              "--json fields: well; findings: subject (an upstream, or `machine`), check, level (ok, "
                              "info, warn, fail), text, todo;\n"
                              "latency: upstream, connect_us (name, TCP, TLS), first_byte_us (of a list, on that "
                              "connection), network_us (of it).\n"
                              "--fence --json fields: holds; processes: process, holds, why_not (null: it could be asked), proof: layers (system_calls,\n"
                              "no_new_privileges, network_namespace), tries (what, refused, error). Exit status 1 when anything got out.";

static int run(int argc, char **argv)
{
    const char *config = NULL, *data = NULL;
    bool json = false, fence = false;
    const struct cli_option options[] = {
        {'c', "config", "FILE", "the config; else where `serve` looks for it", OPTION_TEXT, &config},
        {'d', "data", "DIR", "the data folder", OPTION_TEXT, &data},
        {0, "fence", NULL, "only try the engine's walls, from inside: connections, files and programs must be refused", OPTION_FLAG, &fence},
        {0, "json", NULL, "the findings as JSON", OPTION_FLAG, &json},
    };
    int words;
    int end = cli_parse(&command_doctor, options, COUNT_OF(options), details, argc, argv, &words);
    if (end)
        return end - 1;
    if (words)
        return cli_usage_error(&command_doctor, "unexpected `%s`", argv[0]);
    return fence ? doctor_fence(config, data, json) : doctor(config, data, json);
}

const struct cli_command command_doctor = {
    .name = "doctor",
    .synopsis = "[options]",
    .summary = "look at every upstream and this machine, and say what to do",
    .run = run,
};
