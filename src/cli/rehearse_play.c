/* rehearse_play.c: calls to a Hearth in front of simulated vendors, told line by line, and what the books say of them. */
#include "cli/rehearse_priv.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include <assert.h>

enum { CALL_TIMEOUT_MS = 20000, STOP_MS = 1000 };

int play_start(struct play *p, struct err *e)
{
    AUTO_BUF struct buf address = BUF_INIT(4 * KiB);
    struct service_options opt = {.config = stage_config(p->stage), .data_dir = stage_data_dir(p->stage), .listen = STR("127.0.0.1:0")};
    int rc = service_open(&p->service, &opt, e);
    if (rc == 0)
        rc = service_start(p->service, e);
    if (rc == 0)
        rc = service_address(p->service, 0, &address);
    p->url.len = 0;
    if (rc == 0)
        rc = buf_append_format(&p->url, "http://%.*s", STR_FMT(buf_str(&address)));
    return rc;
}

void play_stop(struct play *p)
{
    if (p->service)
        service_stop(p->service, STOP_MS);
    service_close(p->service);
    p->service = NULL;
}

/* --- calls ----------------------------------------------------------------------------------------------------------- */

static const char question[] = "Sum up this note in one line: the roof needs two new tiles before winter, the gutter is fine.";

static void write_call(struct buf *out, const char *job, bool embeds)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "model");
    json_text(&w, job);
    if (embeds) {
        json_key(&w, "input");
        json_text(&w, question);
    } else {
        json_key(&w, "messages");
        json_raw(&w, STR("[{\"role\":\"user\",\"content\":"));
        w.comma = false;
        json_text(&w, question);
        (void)buf_append_text(out, "}]");
        w.comma = true;
    }
    json_object_end(&w);
}

static void error_message(const struct fetch_reply *r, char *out, size_t out_bytes)
{
    struct arena a = ARENA_INIT(1 * MiB);
    struct json_node *root;
    struct str text = STR_NONE;
    if (json_parse(&a, buf_str(&r->body), &root, NULL) == 0)
        text = str_slice(json_get_text(json_get(root, "error"), "message"), 0, out_bytes - 1);
    if (text.len)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    arena_fini(&a);
}

static void fetch_line(struct play *p, struct play_line *l, const char *path, struct str body, bool credential)
{
    AUTO_BUF struct buf url = BUF_INIT(1 * KiB);
    struct fetch_reply r;
    int64_t start_us = clock_mono_us(clock_system());
    (void)buf_append_format(&url, "%.*s/v1/%s", STR_FMT(buf_str(&p->url)), path);
    int rc = cli_fetch(&r, buf_str(&url), STR_NONE, body, credential ? "authorization" : NULL, credential ? "Bearer simulated" : NULL,
                       CALL_TIMEOUT_MS, NULL, NULL);
    l->ms = (clock_mono_us(clock_system()) - start_us) / 1000;
    l->status = rc ? 0 : r.status;
    text_format(l->target, sizeof l->target, "%s", r.target);
    text_format(l->attempts, sizeof l->attempts, "%s", r.attempts);
    text_format(l->call, sizeof l->call, "%s", r.call);
    if (rc)
        text_format(l->why, sizeof l->why, "%s", r.problem);
    else if (l->status != 200)
        error_message(&r, l->why, sizeof l->why);
    fetch_reply_fini(&r);
}

static struct play_line *begin(struct play *p, const char *act, const char *job)
{
    assert(p->lines < p->lines_max);
    struct play_line *l = &p->line[p->lines++];
    *l = (struct play_line){.act = act, .job = job};
    return l;
}

static struct play_line *tell(struct play_line *l, const char *(*remark)(const struct play_line *l, void *ctx), void *ctx)
{
    const char *said = remark ? remark(l, ctx) : NULL;
    printf("  %-8s -> %-30s %s attempt%s, %lld ms%s%s\n", l->job, l->status == 200 ? l->target : "nobody: it fails", l->attempts,
           strcmp(l->attempts, "1") == 0 ? "" : "s", (long long)l->ms, said ? "   " : "", said ? said : "");
    if (l->status != 200)
        printf("           %s\n", l->why);
    (void)fflush(stdout);
    return l;
}

struct play_line *play_ask(struct play *p, const char *act, const char *job, bool embeds,
                           const char *(*remark)(const struct play_line *l, void *ctx), void *ctx)
{
    AUTO_BUF struct buf body = BUF_INIT(16 * KiB);
    struct play_line *l = begin(p, act, job);
    write_call(&body, job, embeds);
    fetch_line(p, l, embeds ? "embeddings" : "chat/completions", buf_str(&body), p->credential);
    return tell(l, remark, ctx);
}

static void write_turn(struct json_writer *w, const char *role, const char *text)
{
    json_object_begin(w);
    json_key(w, "role");
    json_text(w, role);
    json_key(w, "content");
    json_text(w, text);
    json_object_end(w);
}

struct play_line *play_talk(struct play *p, const char *act, const char *job, int message,
                            const char *(*remark)(const struct play_line *l, void *ctx), void *ctx)
{
    AUTO_BUF struct buf body = BUF_INIT(64 * KiB);
    struct json_writer w = JSON_WRITER(&body);
    struct play_line *l = begin(p, act, job);
    l->plan = STR("plan");
    json_object_begin(&w);
    json_key(&w, "model");
    json_text(&w, job);
    json_key(&w, "max_tokens");
    json_i64(&w, 32000);
    json_key(&w, "messages");
    json_array_begin(&w);
    for (int i = 1; i <= message; i++) {
        write_turn(&w, "user", question);
        if (i < message)
            write_turn(&w, "assistant", "The roof needs two tiles before winter.");
    }
    json_array_end(&w);
    json_object_end(&w);
    (void)json_done(&w); /* far below its ceiling */
    fetch_line(p, l, "messages", buf_str(&body), true);
    return tell(l, remark, ctx);
}

/* --- the bill -------------------------------------------------------------------------------------------------------- */

struct booked { /* of the line with the same number */
    int64_t nusd;
    bool found;
    enum regime regime;
};
struct costs {
    const struct play *play;
    struct booked *of;
};

static int on_call(const struct usage_call *c, void *ctx)
{
    struct costs *k = ctx;
    for (int i = 0; i < k->play->lines; i++)
        if (strcmp(k->play->line[i].call, c->call) == 0)
            k->of[i] = (struct booked){.found = true, .nusd = c->cost_nusd, .regime = c->regime};
    return 0;
}

static void print_cost(const struct booked *b)
{
    AUTO_BUF struct buf text = BUF_INIT(100);
    if (!b->found)
        (void)buf_append_text(&text, "not booked");
    else if (b->regime == REGIME_PLAN)
        (void)buf_append_text(&text, "within the plan");
    else if (b->nusd == COST_UNKNOWN)
        (void)buf_append_text(&text, b->regime == REGIME_POWER ? "electricity (not metered)" : "unknown");
    else if (buf_append_text(&text, "$ ") == 0)
        (void)buf_append_scaled(&text, b->nusd, 9);
    printf("%.*s\n", STR_FMT(buf_str(&text)));
}

static void print_bill(const struct play *p, const struct costs *k)
{
    printf("\nWhat the books say:\n  %-14s %-8s %-30s %8s %8s  %s\n", "", "job", "target", "attempts", "ms", "cost");
    for (int i = 0; i < p->lines; i++) {
        const struct play_line *l = &p->line[i];
        printf("  %-14s %-8s %-30s %8s %8lld  ", l->act, l->job, l->status == 200 ? l->target : "failed", l->attempts, (long long)l->ms);
        print_cost(&k->of[i]);
    }
}

bool play_bill(const struct play *p)
{
    struct costs k = {.play = p, .of = new0_array(struct booked, (size_t)p->lines_max)};
    struct ledger_reader *books = NULL;
    struct err e = {0};
    int rc = k.of ? ledger_reader_open(&books, stage_data_dir(p->stage), &e) : err_set(&e, ERR_NOMEM, "the bill");
    if (rc == 0)
        rc = ledger_calls(books, &(struct usage_filter){0}, on_call, &k, &e);
    bool fine = rc == 0;
    if (fine)
        print_bill(p, &k);
    else
        cli_fail_err(&e);
    for (int i = 0; i < p->lines && fine; i++)
        fine = k.of[i].found;
    ledger_reader_close(books);
    mem_free(k.of);
    return fine;
}
