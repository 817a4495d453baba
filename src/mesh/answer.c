/* answer.c: the heads of answers, and the errors we answer ourselves: what was tried, why each failed, and when to come
 * back. Errors are in the client's dialect. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"

static struct str text_or_dash(struct str s)
{
    return s.len ? s : STR("-");
}

/* Our own part: from the complete request to this head, less the time spent waiting for upstreams. */
static int64_t overhead_us(const struct mesh_call *c)
{
    int64_t us = clock_mono_us(c->ml->mesh->clock) - c->begin_us - c->waited_us;
    if (c->waiting_count) /* somebody is still being waited for */
        us -= loop_now_us(c->ml->loop) - c->waiting_since_us;
    return us > 0 ? us : 0;
}

static struct str number(struct mesh_call *c, int64_t n)
{
    AUTO_BUF struct buf b = BUF_INIT(32);
    return buf_append_i64(&b, n) == 0 ? text_or_dash(arena_dup(&c->arena, buf_str(&b))) : STR("-");
}

static struct str dollars(struct mesh_call *c, int64_t nusd)
{
    AUTO_BUF struct buf b = BUF_INIT(64);
    if (nusd == COST_UNKNOWN)
        return STR("unknown");
    return buf_append_scaled(&b, nusd, 9) == 0 ? text_or_dash(arena_dup(&c->arena, buf_str(&b))) : STR("-");
}

static size_t common_headers(struct mesh_call *c, struct http_header *h, struct str target, struct str regime)
{
    size_t n = 0;
    bool let_in = c->id_text[0] != '\0';
    h[n++] = (struct http_header){STR("x-hearth-call"), let_in ? str_from(c->id_text) : STR("-")};
    h[n++] = (struct http_header){STR("x-hearth-job"), c->route.job ? c->route.job->name : STR("-")};
    h[n++] = (struct http_header){STR("x-hearth-target"), target};
    h[n++] = (struct http_header){STR("x-hearth-attempts"), number(c, c->attempts)};
    h[n++] = (struct http_header){STR("x-hearth-regime"), regime};
    h[n++] = (struct http_header){STR("x-hearth-boundary"), c->home ? STR("home") : STR("any")};
    h[n++] = (struct http_header){STR("x-hearth-overhead-us"), number(c, overhead_us(c))};
    h[n++] = (struct http_header){STR("x-request-id"), c->at->request_id.len ? c->at->request_id : let_in ? str_from(c->id_text) : STR("-")};
    return n;
}

/* What the upstream said beside its answer, for clients that speak as it does; and where Anthropic's look for the request's id, one in
 * any case. */
static size_t beside_headers(struct mesh_call *c, struct http_header *h, const struct http_header *beside, size_t count)
{
    size_t n = 0;
    bool has_id = c->ask.dialect != DIALECT_ANTHROPIC;
    for (; n < count; n++) {
        h[n] = beside[n];
        has_id = has_id || str_eq(h[n].name, STR("request-id"));
    }
    if (!has_id)
        h[n++] = (struct http_header){STR("request-id"), c->id_text[0] ? str_from(c->id_text) : STR("-")};
    return n;
}

static struct str milliseconds(struct mesh_call *c, int64_t us)
{
    AUTO_BUF struct buf b = BUF_INIT(32);
    return buf_append_scaled(&b, us, 3) == 0 ? text_or_dash(arena_dup(&c->arena, buf_str(&b))) : STR("-");
}

/* What LiteLLM calls the model group: the name that was asked for, which may be any text where a pattern caught it. */
static struct str asked_name(const struct mesh_call *c, struct str otherwise)
{
    enum { BYTES_MAX = 128 };
    struct str name = c->facts.model;
    bool plain = name.len > 0 && name.len <= BYTES_MAX;
    for (size_t i = 0; i < name.len && plain; i++)
        plain = name.ptr[i] > ' ' && name.ptr[i] < 0x7f;
    return plain ? name : otherwise;
}

/* `compat: litellm`: what clients and dashboards of LiteLLM read. A cost that is not known (yet) is left out, for LiteLLM
 * has no word for it; so is the key's spend, which is the ledger's business. */
static size_t litellm_headers(struct mesh_call *c, struct http_header *h, struct str target, const int64_t *cost_nusd)
{
    if (!c->ml->mesh->config->compat_litellm)
        return 0;
    size_t n = 0;
    h[n++] = (struct http_header){STR("x-litellm-call-id"), c->id_text[0] ? str_from(c->id_text) : STR("-")};
    h[n++] = (struct http_header){STR("x-litellm-model-id"), target};
    h[n++] = (struct http_header){STR("x-litellm-model-group"), asked_name(c, c->route.job ? c->route.job->name : target)};
    h[n++] = (struct http_header){STR("x-litellm-attempted-retries"), STR("0")};
    h[n++] = (struct http_header){STR("x-litellm-attempted-fallbacks"), number(c, c->attempts > 1 ? c->attempts - 1 : 0)};
    h[n++] = (struct http_header){STR("x-litellm-overhead-duration-ms"), milliseconds(c, overhead_us(c))};
    if (cost_nusd && *cost_nusd != COST_UNKNOWN)
        h[n++] = (struct http_header){STR("x-litellm-response-cost"), dollars(c, *cost_nusd)};
    return n;
}

static struct str lost_names(struct mesh_call *c)
{
    const struct lost *lost = translate_lost(c);
    AUTO_BUF struct buf b = BUF_INIT(4 * KiB);
    int rc = 0;
    for (int i = 0; i < lost->count && rc == 0; i++)
        rc = buf_append_format(&b, "%s%.*s", i ? "," : "", STR_FMT(lost->name[i]));
    return rc == 0 ? text_or_dash(arena_dup(&c->arena, buf_str(&b))) : STR("more");
}

size_t answer_headers(struct mesh_call *c, struct http_header *h, bool pending, const int64_t *cost_nusd)
{
    struct str target = pending ? STR("pending") : c->at->target->name;
    struct str regime = pending ? STR("-") : str_from(regime_name(c->at->regime));
    size_t n = common_headers(c, h, target, regime);
    bool translated = c->at->translation && !c->at->translation->passes;
    struct str type = c->facts.stream ? call_codec(c)->stream_type : STR("application/json");
    if (!pending && !translated && c->at->content_type.len)
        type = c->at->content_type;
    h[n++] = (struct http_header){STR("content-type"), type};
    if (cost_nusd)
        h[n++] = (struct http_header){STR("x-hearth-cost-usd"), dollars(c, *cost_nusd)};
    int spill = pending ? 0 : spill_percent(c->at->target, loop_now_ms(c->ml->loop));
    if (spill > 0)
        h[n++] = (struct http_header){STR("x-hearth-spill"), number(c, spill)};
    if (!pending && c->at->dropped)
        h[n++] = (struct http_header){STR("x-hearth-dropped"), number(c, c->at->dropped)};
    if (!pending && translated && translate_lost(c)->count)
        h[n++] = (struct http_header){STR("x-hearth-lost"), lost_names(c)};
    n += beside_headers(c, h + n, c->at->beside, pending ? 0 : c->at->beside_count);
    if (c->facts.stream) {
        h[n++] = (struct http_header){STR("cache-control"), STR("no-cache")};
        h[n++] = (struct http_header){STR("x-accel-buffering"), STR("no")};
    }
    return n + litellm_headers(c, h + n, target, cost_nusd);
}

size_t mesh_headers_none(struct http_header *h, const char *boundary)
{
    static const char *const dashes[] = {"x-hearth-call", "x-hearth-job", "x-hearth-target", "x-hearth-regime"};
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(dashes); i++)
        h[n++] = (struct http_header){str_from(dashes[i]), STR("-")};
    h[n++] = (struct http_header){STR("x-hearth-attempts"), STR("0")};
    h[n++] = (struct http_header){STR("x-hearth-boundary"), str_from(boundary)};
    h[n++] = (struct http_header){STR("x-hearth-overhead-us"), STR("0")};
    return n;
}

/* --- sending an error ------------------------------------------------------------------------------------------------------ */

/* Inside the stream whose head is out already. */
static void give_error_event(struct mesh_call *c, const struct wire_error *e)
{
    const struct mesh_sink *sink = c->ask.sink;
    AUTO_BUF struct buf event = BUF_INIT(1 * MiB);
    bool told = translate_error_event(c, e, &event) == 0 && sink->write(c->ask.ctx, buf_str(&event)) >= 0;
    (told ? sink->end : sink->cut)(c->ask.ctx);
    call_free(c);
}

static bool says_retry(const struct http_header *h, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(h[i].name, STR("x-should-retry")))
            return true;
    return false;
}

/* Gives the error to the client, in its dialect; `verbatim`: this body instead, as it came. Ends the call. */
static void give_error(struct mesh_call *c, struct wire_error e, struct str verbatim, int64_t retry_after_ms, bool final)
{
    const struct mesh_sink *sink = c->ask.sink;
    const struct codec *codec = call_codec(c);
    int status = codec->error_status(e.status);
    e.id = str_from(c->id_text);
    call_finish(c, CALL_FAILED, status);
    if (c->client_begun) {
        give_error_event(c, &e);
        return;
    }
    AUTO_BUF struct buf body = BUF_INIT(256 * KiB);
    if (!verbatim.len && codec->error_write(&e, &body) < 0)
        buf_clear(&body);
    struct http_header h[MESH_HEADERS_MAX];
    size_t n = common_headers(c, h, STR("-"), STR("-"));
    h[n++] = (struct http_header){STR("content-type"), STR("application/json")};
    h[n++] = (struct http_header){STR("x-hearth-cost-usd"), dollars(c, c->cost_nusd)};
    if (retry_after_ms >= 0)
        h[n++] = (struct http_header){STR("retry-after"), number(c, (retry_after_ms + 999) / 1000)};
    size_t beside = verbatim.len || status == 429 ? c->beside_count : 0; /* under another status, what they said of theirs would mislead */
    if (final && !says_retry(c->beside, beside))
        h[n++] = (struct http_header){STR("x-should-retry"), STR("false")};
    n += beside_headers(c, h + n, c->beside, beside);
    n += litellm_headers(c, h + n, STR("-"), &c->cost_nusd);
    struct mesh_head head = {.status = verbatim.len ? e.status : status, .header = h, .header_count = n};
    sink->whole(c->ask.ctx, &head, verbatim.len ? verbatim : buf_str(&body));
    call_free(c);
}

void answer_refuse(struct mesh_call *c, int status, const char *type, const char *code, struct str message, int64_t retry_after_ms)
{
    give_error(c, (struct wire_error){.status = status, .message = message, .type = type, .code = code}, STR_NONE, retry_after_ms, false);
}

/* What costs nothing and needs nobody. */
static void give_own(struct mesh_call *c, struct str body)
{
    struct http_header h[MESH_HEADERS_MAX];
    size_t n = common_headers(c, h, STR("-"), STR("-"));
    h[n++] = (struct http_header){STR("content-type"), STR("application/json")};
    h[n++] = (struct http_header){STR("x-hearth-cost-usd"), dollars(c, c->cost_nusd)};
    n += beside_headers(c, h + n, NULL, 0);
    struct mesh_head head = {.status = 200, .header = h, .header_count = n};
    c->at->target = NULL; /* whoever was tried before has not answered */
    call_finish(c, CALL_DONE, 200);
    c->ask.sink->whole(c->ask.ctx, &head, body);
    call_free(c);
}

/* How many tokens a request has, by an estimate. */
void answer_count(struct mesh_call *c)
{
    AUTO_BUF struct buf body = BUF_INIT(1 * KiB);
    (void)buf_append_format(&body, "{\"input_tokens\":%lld}", (long long)c->facts.tokens_estimated);
    give_own(c, buf_str(&body));
}

/* `ollama run` and others load a model before they ask it. When that is done is the upstreams' business. */
void answer_load(struct mesh_call *c)
{
    AUTO_BUF struct buf body = BUF_INIT(16 * KiB);
    (void)ollama_load_write(c->chat, c->facts.op, loop_wall_ms(c->ml->loop) / 1000, &body); /* a name too long for it: an empty body */
    give_own(c, buf_str(&body));
}

/* --- nobody could answer ------------------------------------------------------------------------------------------------------ */

/* One status for the whole chain: the one they share; else a limit only if limits are all there is; else 503. */
static int exhausted_status(const struct mesh_call *c)
{
    int status = 0;
    for (const struct tried *t = c->tried; t; t = t->next) {
        if (t->reason == REASON_CONDITION)
            continue; /* the step was not meant for this call */
        bool limited = t->reason == REASON_COOLING && t->target && atomic_load_explicit(&t->target->state->breaker.limited, memory_order_relaxed);
        int http = limited ? 429 : reason_row(t->reason)->http;
        if (status && status != http)
            return 503;
        status = http;
    }
    return status ? status : 503;
}

/* When this candidate may be back; -1 when waiting does not help. One that failed and does not rest may answer the next time. */
static int64_t back_ms(const struct tried *t)
{
    enum { AT_ONCE_MS = 1000 };
    if (t->wait_ms >= 0)
        return t->wait_ms > AT_ONCE_MS ? t->wait_ms : AT_ONCE_MS;
    enum reason_fault fault = reason_row(t->reason)->fault;
    return t->attempted && (fault == FAULT_TARGET || fault == FAULT_US) ? AT_ONCE_MS : -1;
}

static int64_t soonest_ms(const struct mesh_call *c)
{
    int64_t soonest = -1;
    for (const struct tried *t = c->tried; t; t = t->next)
        if (back_ms(t) >= 0 && (soonest < 0 || back_ms(t) < soonest))
            soonest = back_ms(t);
    return soonest;
}

static void tell_one(const struct mesh_call *c, struct buf *out, const struct tried *t)
{
    const struct reason_row *row = reason_row(t->reason);
    (void)buf_append_format(out, "%.*s: %s%s", STR_FMT(t->target->name), t->attempted ? "" : "not tried, ", row->text);
    if (t->reason == REASON_BUDGET)
        (void)buf_append_format(out, " of upstream %.*s", STR_FMT(t->target->up->name));
    const char *lacking = t->reason == REASON_INCAPABLE ? pick_lacks(c, t->target) : NULL;
    if (lacking)
        (void)buf_append_format(out, ": %s", lacking);
    if (t->http_status >= 300)
        (void)buf_append_format(out, " (%d)", t->http_status);
    if (t->words.len && !str_starts(t->words, str_from(row->text)))
        (void)buf_append_format(out, ": %.*s", STR_FMT(str_slice(t->words, 0, 300)));
    if (t->wait_ms >= 0)
        (void)buf_append_format(out, ", back in %lld s", (long long)((t->wait_ms + 999) / 1000));
}

static void tell_story(const struct mesh_call *c, struct buf *out)
{
    struct str name = c->route.job ? c->route.job->name : c->route.target->name;
    (void)buf_append_format(out, "%s %.*s: nobody could answer", c->route.job ? "job" : "target", STR_FMT(name));
    if (c->home)
        (void)buf_append_text(out, " at home, and this call may not leave (boundary home)");
    const char *separator = ". ";
    for (const struct tried *t = c->tried; t; t = t->next) {
        (void)buf_append_text(out, separator);
        tell_one(c, out, t);
        separator = "; ";
    }
    if (c->attempts >= c->ml->mesh->config->hops_max)
        (void)buf_append_format(out, "; no more than %d attempts are made for one call", c->ml->mesh->config->hops_max);
}

static const char *exhausted_code(const struct mesh_call *c, int status)
{
    bool budget = false, context = false;
    for (const struct tried *t = c->tried; t; t = t->next) {
        budget = budget || t->reason == REASON_BUDGET || t->reason == REASON_NO_PRICE;
        context = context || t->reason == REASON_CONTEXT || t->reason == REASON_TOO_SMALL || t->reason == REASON_OVER_TPM;
    }
    if (status == 400)
        return context ? "context_length_exceeded" : "unsupported_value";
    if (status == 429)
        return budget ? "budget_exhausted" : "rate_limit_exceeded";
    return c->home ? "nobody_home" : "chain_exhausted";
}

/* Then the chain is not exhausted, and a client that tries again soon does well. */
static bool we_failed(const struct mesh_call *c)
{
    bool we = false;
    for (const struct tried *t = c->tried; t; t = t->next)
        we = we || reason_row(t->reason)->fault == FAULT_US;
    return we;
}

void answer_exhausted(struct mesh_call *c)
{
    if (c->facts.op == WIRE_COUNT_TOKENS) {
        answer_count(c);
        return;
    }
    if (c->refusal_status && !c->client_begun) { /* the call's own fault, in the vendor's own words */
        struct wire_error e = {.status = c->refusal_status, .message = c->refusal_body, .code = c->refusal_code};
        bool of_moment = c->refusal_status == 429; /* then whether to try again is its vendor's to say */
        give_error(c, e, c->refusal_words ? STR_NONE : c->refusal_body, c->refusal_retry_ms, !of_moment);
        return;
    }
    AUTO_BUF struct buf story = BUF_INIT(64 * KiB);
    int status = exhausted_status(c);
    tell_story(c, &story);
    const char *type = status == 400 ? "invalid_request_error" : status == 429 ? "rate_limit_error" : "server_error";
    struct wire_error e = {.status = status, .message = buf_str(&story), .type = type, .code = exhausted_code(c, status)};
    give_error(c, e, STR_NONE, soonest_ms(c), !we_failed(c));
}
