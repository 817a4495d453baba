/* plan_feed.c: what the logs show goes to the running daemon, over its admin API, so that the rest of the house knows it too. That nobody
 * runs there is told once, and no mistake: what is watched is shown here in any case. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/plan_priv.h"
#include "config/config.h"

enum { FEED_TIMEOUT_MS = 3000 };

/* Of the config that is there; none is made. */
static int find_address(const struct plan_feed *f, struct buf *out, struct err *e)
{
    AUTO_BUF struct buf path = BUF_INIT(8 * KiB);
    struct config *c = NULL;
    int rc = config_find(&path, f->config, e);
    if (rc == 0 && buf_text(&path))
        rc = config_load(&c, path.ptr, e);
    if (rc == 0)
        rc = buf_append(out, c && c->listen_count ? c->listen[0].text : STR("127.0.0.1:4242"));
    config_free(c);
    return rc;
}

static int find_token(const struct plan_feed *f, struct buf *out, struct err *e)
{
    AUTO_BUF struct buf path = BUF_INIT(8 * KiB), text = BUF_INIT(4 * KiB);
    int rc = cli_data_dir(&path, f->data, f->config, e);
    if (rc == 0 && (buf_append_text(&path, "/admin-token") < 0 || !buf_text(&path)))
        rc = err_set(e, ERR_NOMEM, "out of memory");
    if (rc == 0)
        rc = buf_read_file(&text, path.ptr, e);
    if (rc == 0)
        rc = buf_append_format(out, "Bearer %.*s", STR_FMT(str_trim(buf_str(&text))));
    if (text.ptr)
        explicit_bzero(text.ptr, text.cap);
    return rc == 0 && !buf_text(out) ? ERR_NOMEM : rc;
}

static void write_window(struct json_writer *w, const char *name, int64_t nusd, int64_t resets_ms)
{
    char iso[CIVIL_ISO_BYTES];
    if (resets_ms)
        civil_iso(resets_ms, iso);
    json_object_begin(w);
    json_key(w, "window");
    json_text(w, name);
    json_key(w, "list_nusd");
    json_i64(w, nusd);
    json_key(w, "resets");
    json_text(w, resets_ms ? iso : NULL);
    json_object_end(w);
}

static int write_body(const struct plan_feed *f, struct buf *out, int64_t block_nusd, int64_t resets_ms, int64_t week_nusd)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    if (f->upstream) {
        json_key(&w, "upstream");
        json_text(&w, f->upstream);
    }
    json_key(&w, "windows");
    json_array_begin(&w);
    write_window(&w, "5h", block_nusd, resets_ms);
    write_window(&w, "7d", week_nusd, 0);
    json_array_end(&w);
    json_object_end(&w);
    return json_done(&w);
}

/* Each reason once. */
static void say(struct plan_feed *f, const char *why)
{
    if (strcmp(f->said, why) == 0)
        return;
    text_format(f->said, sizeof f->said, "%s", why);
    fprintf(stderr, why[0] ? "hearth: the daemon is not told: %s; it is tried again\n" : "hearth: the daemon is told from now on\n", why);
}

static void ask(struct plan_feed *f, struct str url, struct str unix_path, struct str body, const char *token)
{
    struct fetch_reply r;
    char why[300] = "";
    if (cli_fetch(&r, url, unix_path, body, "authorization", token, FEED_TIMEOUT_MS, NULL, NULL) < 0) {
        text_format(why, sizeof why, "%s", r.problem);
    } else if (r.status != 200) {
        struct arena a = ARENA_INIT(1 * MiB);
        struct json_node *root = NULL;
        struct str message = json_parse(&a, buf_str(&r.body), &root, NULL) == 0 ? json_get_text(json_get(root, "error"), "message") : STR_NONE;
        text_format(why, sizeof why, "%d %.*s", r.status, STR_FMT(str_slice(message, 0, 200)));
        arena_fini(&a);
    }
    say(f, why);
    fetch_reply_fini(&r);
}

void plan_feed_send(struct plan_feed *f, int64_t block_nusd, int64_t resets_ms, int64_t week_nusd)
{
    AUTO_BUF struct buf address = BUF_INIT(4 * KiB), url = BUF_INIT(8 * KiB), unix_path = BUF_INIT(4 * KiB), token = BUF_INIT(8 * KiB);
    AUTO_BUF struct buf body = BUF_INIT(1 * KiB);
    struct err e = {0};
    int rc = find_address(f, &address, &e);
    if (rc == 0)
        rc = find_token(f, &token, &e);
    if (rc < 0) {
        say(f, e.text[0] ? e.text : "out of memory");
        return;
    }
    if (cli_base_url(&url, &unix_path, buf_str(&address)) == 0 && buf_append_text(&url, "/hearth/v1/plan/estimate") == 0 &&
        write_body(f, &body, block_nusd, resets_ms, week_nusd) == 0)
        ask(f, buf_str(&url), buf_str(&unix_path), buf_str(&body), token.ptr);
    explicit_bzero(token.ptr, token.cap);
}
