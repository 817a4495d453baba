/* keys.c: `hearth keys`: makes, lists and ends the keys of a data folder. A running daemon takes the change up by itself. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "gateway/keyring.h"

static const char details[] =
    "  hearth keys add NAME      makes a key and prints it, alone, on standard output: it is shown this once\n"
    "  hearth keys list          what keys there are\n"
    "  hearth keys rotate NAME   prints a new key for what the old one may do; the old one ends\n"
    "  hearth keys revoke NAME   ends a key\n\n"
    "A running daemon takes changes up within two seconds, and calls under way go on. Only the SHA-256 of a key is "
    "kept, in\n"
    "keys.json of the data folder. --json fields of a key: name, adopted, boundary (home or any), jobs (empty: every "
    "one), tags,\n"
    "rpm (null: no limit), created. The key in $HEARTH_KEY is called `default` and is not listed here.";

#define RPM_NOT_GIVEN INT64_MIN

struct keys_options {
    const char *from, *jobs, *boundary, *tags, *config, *data;
    int64_t rpm;
    bool json;
};

/* A name of a job that the config does not have is told, not refused: the job may come later. */
static void warn_jobs(const struct keys_options *o)
{
    AUTO_BUF struct buf path = BUF_INIT(8 * KiB);
    struct config *c = NULL;
    struct str list = str_from(o->jobs), one;
    if (!o->jobs || config_find(&path, o->config, NULL) < 0 || !buf_text(&path) || config_load(&c, path.ptr, NULL) < 0)
        return;
    while (str_cut(&list, ',', &one)) {
        bool known = false;
        for (int i = 0; i < c->job_count; i++)
            known |= str_eq(c->job[i].name.text, str_trim(one));
        if (!known)
            fprintf(stderr, "hearth: %s has no job `%.*s`: until it has, the key gets nothing for it\n", path.ptr,
                    STR_FMT(str_trim(one)));
    }
    config_free(c);
}

static int print_secret(struct buf *secret)
{
    int status = buf_append_char(secret, '\n') < 0 ? cli_fail("out of memory") : cli_print(buf_str(secret));
    explicit_bzero(secret->ptr, secret->cap);
    return status;
}

static int add(struct str dir, const char *name, const struct keys_options *o)
{
    AUTO_BUF struct buf secret = BUF_INIT(256), adopted = BUF_INIT(64 * KiB);
    struct err e = {0};
    struct key_wish w = {.name = str_from(name),
                         .jobs = str_from(o->jobs),
                         .tags = str_from(o->tags),
                         .rpm = o->rpm == RPM_NOT_GIVEN ? 0 : o->rpm,
                         .home = o->boundary && strcmp(o->boundary, "home") == 0};
    const char *problem = o->rpm == 0 ? "--rpm is 1 to 1000000; for no limit leave it out" : key_wish_problem(&w);
    if (problem)
        return cli_usage_error(&command_keys, "%s", problem);
    if (o->from && config_secret(&adopted, str_from(o->from), &e) < 0)
        return cli_fail("--from: %s", e.text);
    w.secret = buf_str(&adopted);
    size_t bytes = adopted.len;
    int rc = keyring_add(dir, &w, &secret, &e);
    if (adopted.ptr)
        explicit_bzero(adopted.ptr, adopted.cap);
    if (rc < 0)
        return cli_fail_err(&e);
    warn_jobs(o);
    if (!o->from)
        return print_secret(&secret);
    fprintf(stderr,
            "hearth: the key in %s is now the key `%s`: clients that send it need no change, and it is shown to no "
            "upstream\n",
            o->from, name);
    if (bytes < KEY_SECRET_SHORT)
        fprintf(stderr, "hearth: it has only %zu characters: who can reach this server can guess it\n", bytes);
    return EXIT_OK;
}

static int rotate(struct str dir, const char *name)
{
    AUTO_BUF struct buf secret = BUF_INIT(256);
    struct err e = {0};
    return keyring_rotate(dir, str_from(name), &secret, &e) < 0 ? cli_fail_err(&e) : print_secret(&secret);
}

static int revoke(struct str dir, const char *name)
{
    struct err e = {0};
    if (keyring_revoke(dir, str_from(name), &e) < 0)
        return cli_fail_err(&e);
    fprintf(stderr, "hearth: the key `%s` is revoked; a running daemon refuses it within two seconds\n", name);
    return EXIT_OK;
}

static void list_json(const struct keyring *ring, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    json_array_begin(&w);
    for (size_t i = 0; i < keyring_count(ring); i++)
        if (!keyring_at(ring, i)->revoked_ms)
            key_show(&w, keyring_at(ring, i), STR_NONE);
    json_array_end(&w);
    (void)buf_append_char(out, '\n');
}

static void list_row(const struct key *k, struct buf *out)
{
    char created[CIVIL_ISO_BYTES];
    civil_iso(k->created_ms, created);
    (void)buf_append_format(out, "%-24.*s %-8s %-9s ", STR_FMT(k->name), k->home ? "home" : "any",
                            k->adopted ? "adopted" : "made here");
    if (k->rpm)
        (void)buf_append_format(out, "%7lld ", (long long)k->rpm);
    else
        (void)buf_append_format(out, "%7s ", "-");
    (void)buf_append_format(out, "%.10s  ", created);
    for (int i = 0; i < k->job_count; i++)
        (void)buf_append_format(out, "%s%.*s", i ? "," : "", STR_FMT(k->job[i]));
    (void)buf_append_format(out, "%s%s%.*s\n", k->job_count ? "" : "every job", k->tags.len ? "  tags " : "",
                            STR_FMT(k->tags));
}

static int list(struct str dir, bool json)
{
    struct keyring *ring;
    struct err e = {0};
    AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
    if (keyring_load(&ring, dir, &e) < 0)
        return cli_fail_err(&e);
    if (json)
        list_json(ring, &out);
    else
        (void)buf_append_format(&out, "%-24s %-8s %-9s %7s %-10s  %s\n", "key", "boundary", "secret", "calls/m",
                                "since", "may ask for");
    size_t shown = 0;
    for (size_t i = 0; !json && i < keyring_count(ring); i++) {
        if (keyring_at(ring, i)->revoked_ms)
            continue;
        list_row(keyring_at(ring, i), &out);
        shown++;
    }
    if (!json && !shown) {
        buf_clear(&out);
        (void)buf_append_text(&out, "no keys yet; `hearth keys add NAME` makes one (callers on this machine need none)\n");
    }
    keyring_unref(ring);
    return cli_print(buf_str(&out));
}

static int dispatch(const char *verb, const char *name, const struct keys_options *o)
{
    AUTO_BUF struct buf dir = BUF_INIT(8 * KiB);
    struct err e = {0};
    bool is_list = strcmp(verb, "list") == 0, is_add = strcmp(verb, "add") == 0;
    if (is_list ? name != NULL : !name)
        return cli_usage_error(&command_keys, is_list ? "list takes no name" : "%s needs the name of a key", verb);
    if (!is_add && (o->from || o->jobs || o->boundary || o->tags || o->rpm != RPM_NOT_GIVEN))
        return cli_usage_error(&command_keys, "--from, --jobs, --boundary, --tags and --rpm belong to add");
    if (o->boundary && strcmp(o->boundary, "home") != 0 && strcmp(o->boundary, "any") != 0)
        return cli_usage_error(&command_keys, "--boundary is home or any, not `%s`", o->boundary);
    if (cli_data_dir(&dir, o->data, o->config, &e) < 0)
        return cli_fail_err(&e);
    if (is_add)
        return add(buf_str(&dir), name, o);
    if (is_list)
        return list(buf_str(&dir), o->json);
    return strcmp(verb, "rotate") == 0 ? rotate(buf_str(&dir), name) : revoke(buf_str(&dir), name);
}

static int run(int argc, char **argv)
{
    struct keys_options o = {.rpm = RPM_NOT_GIVEN};
    const struct cli_option options[] = {
        {0, "from", "env:NAME", "add: adopt the key in that variable (or file:PATH), so that no client changes",
         OPTION_TEXT, &o.from},
        {0, "jobs", "A,B", "add: it may ask for these jobs only", OPTION_TEXT, &o.jobs},
        {0, "boundary", "home", "add: its calls stay at home", OPTION_TEXT, &o.boundary},
        {0, "tags", "A,B", "add: tags of all its calls", OPTION_TEXT, &o.tags},
        {0, "rpm", "N", "add: at most so many calls a minute", OPTION_NUMBER, &o.rpm},
        {0, "json", NULL, "list: JSON", OPTION_FLAG, &o.json},
        {'c', "config", "FILE", "the config that names the data folder", OPTION_TEXT, &o.config},
        {'d', "data", "DIR", "the data folder", OPTION_TEXT, &o.data},
    };
    static const char *const verbs[] = {"add", "list", "rotate", "revoke"};
    int words;
    int end = cli_parse(&command_keys, options, COUNT_OF(options), details, argc, argv, &words);
    if (end)
        return end - 1;
    for (size_t i = 0; words >= 1 && words <= 2 && i < COUNT_OF(verbs); i++)
        if (strcmp(argv[0], verbs[i]) == 0)
            return dispatch(argv[0], words == 2 ? argv[1] : NULL, &o);
    return cli_usage_error(&command_keys, "say add NAME, list, rotate NAME or revoke NAME");
}

const struct cli_command command_keys = {
    .name = "keys",
    .synopsis = "add|list|rotate|revoke [NAME] [options]",
    .summary = "who may call: make, list and end keys",
    .run = run,
};
