/* fuzz_config.c: the reader of the configuration against any bytes.
 *
 * Checked: a refusal has a code, a story without control characters and a place inside the file; what is accepted keeps
 * the bounds and rules that the rest of the program relies on; reading with a comment line before it gives
 * the same (the same places one line further down). */
#include "base/json.h"
#include "base/mem.h"
#include "config/config_priv.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DUMP_BYTES_MAX = 64 << 20 };

static void put(struct buf *b, struct str s)
{
    int rc = buf_append_format(b, "%zu:", s.len);
    assert(rc == 0);
    rc = buf_append(b, s);
    assert(rc == 0);
}

static void put_number(struct buf *b, int64_t n)
{
    int rc = buf_append_i64(b, n);
    assert(rc == 0);
    rc = buf_append_char(b, ' ');
    assert(rc == 0);
}

/* A given text is not empty, has a place unless it is a default, and holds no control characters. */
static void put_text(struct buf *b, const struct config_text *t)
{
    for (size_t i = 0; i < t->text.len; i++)
        assert((unsigned char)t->text.ptr[i] >= ' ' && t->text.ptr[i] != 0x7f);
    assert(!t->text.ptr || t->text.len > 0);
    assert(t->text.len <= CONFIG_VALUE_BYTES_MAX);
    put(b, t->text);
}

static void put_texts(struct buf *b, const struct config_text *t, int count, int count_max)
{
    assert(count >= 0 && count <= count_max);
    for (int i = 0; i < count; i++) {
        assert(t[i].text.len > 0);
        put_text(b, &t[i]);
    }
}

static void put_upstream(struct buf *b, const struct config_upstream *u)
{
    const struct config_text *texts[] = {&u->name, &u->vendor, &u->dialect,  &u->url,
                                         &u->key,  &u->regime, &u->unix_path};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        put_text(b, texts[i]);
    assert(!config_check_name(u->name.text) && u->mark.line > 0);
    assert(!u->url.text.ptr || !config_check_http_url(u->url.text));
    assert(!u->key.text.ptr || !config_check_secret(u->key.text));
    assert(!(u->url.text.ptr && u->unix_path.text.ptr));
    assert(u->connect_ms > 0 && u->first_byte_ms > 0 && u->idle_ms > 0 && u->total_ms > 0);
    assert(u->concurrent >= 0 && u->queue_max >= 0 && u->queue_wait_ms >= 0 && u->plan_monthly_nusd >= 0);
    assert(u->budget_hour_nusd >= -1 && u->budget_day_nusd >= -1 && u->budget_month_nusd >= -1);
    const int64_t numbers[] = {u->place,
                               u->connect_ms,
                               u->first_byte_ms,
                               u->idle_ms,
                               u->total_ms,
                               u->concurrent,
                               u->queue_max,
                               u->queue_wait_ms,
                               u->budget_hour_nusd,
                               u->budget_day_nusd,
                               u->budget_month_nusd,
                               u->plan_monthly_nusd,
                               u->plan_window_count};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        put_number(b, numbers[i]);
    for (int i = 0; i < u->plan_window_count; i++)
        put_number(b, u->plan_window_ms[i]);
    put_texts(b, u->models, u->model_count, COUNT_OF(u->models));
}

static void put_step(struct buf *b, const struct config_step *s)
{
    assert(s->mark.line > 0 && s->target_count >= 1 && s->target_count <= CONFIG_TARGETS_MAX);
    for (int i = 0; i < s->target_count; i++) {
        assert(!config_check_target(s->target[i].name.text));
        assert(s->target[i].weight >= 1 && s->target[i].weight <= 1000);
        put_text(b, &s->target[i].name);
        put_number(b, s->target[i].weight);
    }
    assert(s->needs <= 7 && s->hedge_after_ms >= 0 && s->max_context >= 0 && s->tag_count <= CONFIG_TAGS_MAX);
    put_number(b, s->balance);
    put_number(b, s->hedge_after_ms);
    put_number(b, s->max_context);
    put_number(b, s->needs);
    for (int i = 0; i < s->tag_count; i++)
        put(b, s->tags[i]);
}

static void put_job(struct buf *b, const struct config_job *j)
{
    assert(!config_check_name(j->name.text) && j->mark.line > 0 && j->step_count >= 1 &&
           j->step_count <= CONFIG_STEPS_MAX);
    assert((j->boundary != BOUNDARY_UNSET) == (j->boundary_mark.line > 0));
    put_text(b, &j->name);
    put_text(b, &j->requires_url);
    put_number(b, j->balance);
    put_number(b, j->boundary);
    for (int i = 0; i < j->step_count; i++)
        put_step(b, &j->step[i]);
    assert(j->default_count <= CONFIG_DEFAULTS_MAX && CONFIG_DEFAULTS_MAX < JSON_EDITS_MAX);
    for (int i = 0; i < j->default_count; i++) {
        assert(json_check(j->defaults[i].json, NULL) == 0);
        assert(!config_check_default_key(j->defaults[i].key));
        put(b, j->defaults[i].key);
        put(b, j->defaults[i].json);
    }
}

static void put_price(struct buf *b, const struct config_price *p)
{
    assert(!config_check_target(p->target.text));
    const int64_t numbers[] = {p->input, p->cached, p->cache_write, p->output};
    int given = 0;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        assert(numbers[i] >= 0 || numbers[i] == INT64_MIN);
        given += numbers[i] >= 0;
        put_number(b, numbers[i]);
    }
    assert(given > 0 && p->weekdays <= 0x7f && (p->weekdays != 0) == (p->span[0].to_min != 0));
    put_text(b, &p->target);
    put_number(b, p->weekdays);
    put_number(b, p->utc_offset_min);
    for (size_t i = 0; i < COUNT_OF(p->span) && p->span[i].to_min; i++) {
        assert(p->span[i].from_min >= 0 && p->span[i].from_min < p->span[i].to_min && p->span[i].to_min <= 1440);
        put_number(b, p->span[i].from_min);
        put_number(b, p->span[i].to_min);
    }
}

static void put_names(struct buf *b, const struct config *c)
{
    for (int i = 0; i < c->alias_count; i++) {
        assert(!config_check_alias_name(c->alias[i].name.text) && !config_check_alias_to(c->alias[i].to.text));
        for (int k = 0; k < c->job_count; k++)
            assert(!str_eq(c->alias[i].name.text, c->job[k].name.text));
        put_text(b, &c->alias[i].name);
        put_text(b, &c->alias[i].to);
    }
    for (int i = 0; i < c->job_count; i++)
        for (int k = 0; k < i; k++)
            assert(!str_eq(c->job[i].name.text, c->job[k].name.text));
    for (int i = 0; i < c->fx_count; i++) {
        assert(c->fx[i].usd_scaled9 > 0 && c->fx[i].currency.len == 3);
        put(b, c->fx[i].currency);
        put_number(b, c->fx[i].usd_scaled9);
    }
}

/* All that a configuration means, without its places; asserts its rules on the way. */
static void put_config(struct buf *b, const struct config *c)
{
    assert(c->listen_count >= 1);
    put_texts(b, c->listen, c->listen_count, COUNT_OF(c->listen));
    put_texts(b, c->home_networks, c->home_network_count, COUNT_OF(c->home_networks));
    put_texts(b, c->hosts, c->host_count, COUNT_OF(c->hosts));
    put_texts(b, c->origins, c->origin_count, COUNT_OF(c->origins));
    put_text(b, &c->data);
    put_text(b, &c->resolver);
    put_text(b, &c->ca_file);
    const int64_t numbers[] = {c->loops,          c->successors_allow, c->electricity_nusd_kwh,
                               c->ledger_keep_ms, c->body_bytes_max,   c->head_after_ms,
                               c->hops_max};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        put_number(b, numbers[i]);
    assert(c->hops_max >= 1 && c->hops_max <= 64 && c->loops >= 0 && c->loops <= 64 && c->body_bytes_max >= 1024);
    assert(c->upstream_count <= CONFIG_UPSTREAMS_MAX && c->job_count <= CONFIG_JOBS_MAX);
    for (int i = 0; i < c->upstream_count; i++)
        put_upstream(b, &c->upstream[i]);
    for (int i = 0; i < c->job_count; i++)
        put_job(b, &c->job[i]);
    for (int i = 0; i < c->price_count; i++)
        put_price(b, &c->price[i]);
    put_names(b, c);
}

static int lines_of(struct str text)
{
    int lines = 1;
    for (size_t i = 0; i < text.len; i++) /* libyaml's line breaks: LF, CR, NEL, and the two separators */
        lines += text.ptr[i] == '\n' || text.ptr[i] == '\r' || (unsigned char)text.ptr[i] == 0x85 ||
                 (unsigned char)text.ptr[i] == 0xa8 || (unsigned char)text.ptr[i] == 0xa9;
    return lines;
}

static void check_refusal(struct str text, const struct err *e)
{
    assert(e->code < 0 && e->text[0]);
    bool placed = e->line >= 1 && e->column >= 1 && e->line <= lines_of(text);
    assert(placed || (e->line == 0 && e->code == ERR_LIMIT));
    for (const char *p = e->text; *p; p++)
        assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

static int read_dump(struct str text, struct buf *dump, struct err *e)
{
    struct config *c = NULL;
    int rc = config_read(&c, text, STR("fuzz.yaml"), e);
    assert((rc == 0) == (c != NULL) && rc != ERR_NOMEM);
    if (rc == 0)
        put_config(dump, c);
    else
        check_refusal(text, e);
    config_free(c);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of(data, size), comment = STR("# a comment\n");
    AUTO_BUF struct buf first = BUF_INIT(DUMP_BYTES_MAX), second = BUF_INIT(DUMP_BYTES_MAX);
    AUTO_BUF struct buf moved = BUF_INIT(size + comment.len);
    struct err e = {0}, again = {0};
    int rc = read_dump(text, &first, &e);
    bool marked = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0; /* a byte order mark belongs at the front */
    if (marked || size + comment.len > CONFIG_BYTES_MAX)
        return 0;
    int rc_again = buf_append(&moved, comment);
    assert(rc_again == 0);
    rc_again = buf_append(&moved, text);
    assert(rc_again == 0);
    rc_again = read_dump(buf_str(&moved), &second, &again);
    assert(rc == rc_again);
    assert(str_eq(buf_str(&first), buf_str(&second)));
    assert(rc == 0 || (e.line + 1 == again.line && e.column == again.column));
    return 0;
}
