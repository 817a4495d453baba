/* import.c: `hearth config import litellm FILE`: hands the importer what is known about vendors and models, proves that the
 * result is a config that `serve` would take, and prints it, with the report of what became of everything on standard error. */
#include "base/json.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "config/litellm.h"
#include "mesh/mesh.h"
#include "wire/models.h"
#include "wire/wire.h"
#include <stdlib.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 * MiB };

/* --- what is known ------------------------------------------------------------------------------------- */

static bool know_vendor(struct str name, const char **url, const char **key_env)
{
    const struct vendor *v = vendor_find(name);
    if (!v)
        return false;
    *url = v->openai_url;
    *key_env = v->key_env;
    return true;
}

static bool know_model(struct str vendor, struct str model, struct litellm_fact *out)
{
    const struct model_row *row = model_find(vendor, model);
    if (!row)
        return false;
    *out = (struct litellm_fact){.retired = row->retired,
                                 .embedding = row->embedding,
                                 .successor = row->successor,
                                 .input = row->input,
                                 .cached = row->cached,
                                 .cache_write = row->cache_write,
                                 .output = row->output,
                                 .context_tokens = row->context_tokens};
    return true;
}

static const char *know_variable(const char *name)
{
    return getenv(name);
}

/* --- the report ------------------------------------------------------------------------------------------ */

static void tell_note(const char *path, const struct litellm_note *n)
{
    struct str rest = n->text, line;
    fprintf(stderr, "  %s:%d: %.*s:", path, n->mark.line, STR_FMT(n->key));
    bool diff = str_find_char(rest, '\n') >= 0;
    if (diff) /* lines of a diff stand below, each on its own */
        fprintf(stderr, "\n");
    while (str_cut(&rest, '\n', &line))
        fprintf(stderr, "%s%.*s\n", diff ? "      " : " ", STR_FMT(line));
}

static void tell_names(const struct litellm_import *im)
{
    fprintf(stderr, "\nwhat clients ask for\n");
    for (int i = 0; i < im->name_count; i++) {
        const struct litellm_name *n = &im->name[i];
        if (str_eq(n->as, STR("none")))
            fprintf(stderr, "  %.*s: NOT reachable any more\n", STR_FMT(n->name));
        else if (str_eq(n->as, STR("model")))
            fprintf(stderr, "  %.*s: NOT as a pattern any more: ask for %.*s\n", STR_FMT(n->name), STR_FMT(n->to));
        else if (str_eq(n->as, STR("renamed")))
            fprintf(stderr, "  %.*s: NOT under this name any more: ask for %.*s\n", STR_FMT(n->name), STR_FMT(n->to));
        else
            fprintf(stderr, "  %.*s: %.*s %.*s\n", STR_FMT(n->name), STR_FMT(n->as), STR_FMT(n->to));
    }
}

static void tell(const char *path, const struct litellm_import *im)
{
    fprintf(stderr, "%s: %d model groups became %d jobs on %d upstreams\n", path, im->group_count, im->job_count,
            im->upstream_count);
    for (int kind = 0; kind < LITELLM_KINDS; kind++) {
        if (im->note_count[kind] == 0)
            continue;
        fprintf(stderr, "\n%s\n", litellm_kind_heading((enum litellm_kind)kind));
        for (const struct litellm_note *n = im->note; n; n = n->next)
            if ((int)n->kind == kind)
                tell_note(path, n);
    }
    tell_names(im);
}

static void member(struct json_writer *w, const char *key, struct str value)
{
    json_key(w, key);
    json_str(w, value);
}

static void number(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_i64(w, value);
}

static void write_report(struct json_writer *w, const char *path, const struct litellm_import *im)
{
    json_object_begin(w);
    member(w, "file", str_from(path));
    number(w, "groups", im->group_count);
    number(w, "jobs", im->job_count);
    number(w, "upstreams", im->upstream_count);
    json_key(w, "names");
    json_array_begin(w);
    for (int i = 0; i < im->name_count; i++) {
        json_object_begin(w);
        member(w, "name", im->name[i].name);
        member(w, "as", im->name[i].as);
        member(w, "to", im->name[i].to);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "notes");
    json_array_begin(w);
    for (const struct litellm_note *n = im->note; n; n = n->next) {
        json_object_begin(w);
        member(w, "kind", str_from(litellm_kind_word(n->kind)));
        number(w, "line", n->mark.line);
        number(w, "column", n->mark.column);
        member(w, "key", n->key);
        member(w, "text", n->text);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static int report(const char *path, const struct litellm_import *im, bool json)
{
    if (!json) {
        tell(path, im);
        return 0;
    }
    AUTO_BUF struct buf out = BUF_INIT(8 * MiB);
    struct json_writer w = JSON_WRITER(&out);
    write_report(&w, path, im);
    int rc = json_done(&w);
    if (rc == 0)
        fprintf(stderr, "%.*s\n", STR_FMT(buf_str(&out)));
    return rc;
}

static int refuse(const char *path, const struct err *e, bool json)
{
    AUTO_BUF struct buf out = BUF_INIT(8 * KiB);
    if (!json) {
        (void)config_error(&out, str_from(path), e);
        fprintf(stderr, "%.*s\n", STR_FMT(buf_str(&out)));
        return EXIT_FAILED;
    }
    struct json_writer w = JSON_WRITER(&out);
    json_object_begin(&w);
    member(&w, "file", str_from(path));
    json_key(&w, "refused");
    json_object_begin(&w);
    number(&w, "line", e->line);
    number(&w, "column", e->column);
    member(&w, "text", str_from(e->text));
    json_object_end(&w);
    json_object_end(&w);
    if (json_done(&w) == 0)
        fprintf(stderr, "%.*s\n", STR_FMT(buf_str(&out)));
    return EXIT_FAILED;
}

/* --- the whole --------------------------------------------------------------------------------------------- */

/* The promise of this command: what it prints, `serve` takes. */
static int prove(const struct litellm_import *im, struct err *e)
{
    struct config *c = NULL;
    struct mesh *m = NULL;
    int rc = config_read(&c, buf_str(&im->yaml), STR("the result"), e);
    if (rc == 0)
        rc = mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, e);
    mesh_close(m);
    config_free(c);
    if (rc) {
        struct err why = *e;
        err_set(e, rc, "the result would not be a config (its line %d: %s); nothing was written", why.line, why.text);
    }
    return rc;
}

static int give(const struct import_options *opt, const struct litellm_import *im)
{
    struct err e = {0};
    if (!opt->out)
        return cli_print(buf_str(&im->yaml));
    if (cli_write_file(opt->out, buf_str(&im->yaml), opt->force, &e) == 0)
        return EXIT_OK;
    return cli_fail("%s%s", e.text, e.code == ERR_EXISTS ? "; --force replaces it" : "");
}

int cli_import_litellm(const char *path, const struct import_options *opt)
{
    struct litellm_import *im = NULL;
    struct err e = {0};
    AUTO_BUF struct buf text = BUF_INIT(FILE_BYTES_MAX);
    bool standard = str_eq(str_from(path), STR("-")); /* of a container the file is often not to be seen, or not to be read */
    if (standard)
        path = "standard input";
    if (standard ? buf_read_fd(&text, STDIN_FILENO, path, &e) < 0 : buf_read_file(&text, path, &e) < 0)
        return cli_fail_err(&e);
    const char *slash = strrchr(path, '/');
    const struct litellm_world world = {.vendor = know_vendor,
                                        .model = know_model,
                                        .variable = know_variable,
                                        .listen = str_from(opt->listen),
                                        .hosts = str_from(opt->hosts)};
    int rc = litellm_import(&im, buf_str(&text), str_from(slash ? slash + 1 : path), &world, &e);
    if (rc == 0)
        rc = prove(im, &e);
    int status = EXIT_FAILED;
    if (rc)
        status = refuse(path, &e, opt->json);
    else if (report(path, im, opt->json))
        status = cli_fail("out of memory");
    else if (opt->strict && im->note_count[LITELLM_SKIPPED])
        status = cli_fail("%d models were left out, and --strict forbids that; nothing was written",
                          im->note_count[LITELLM_SKIPPED]);
    else
        status = give(opt, im);
    litellm_import_free(im);
    return status;
}
