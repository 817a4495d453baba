/* scheduler.c: admission, the make-up of a step, and what becomes of its results. */
#include "engine/scheduler.h"
#include "base/mem.h"
#include "engine/forward.h"
#include "engine/prefix.h"
#include <assert.h>

enum { PIECE_LEAST = 32 /* rows of a prompt: below this, reading the weights costs more than computing */ };

struct sched_call {
    struct sched_call_options opt;
    int32_t *token; /* prompt and answer so far; owned */
    size_t count;   /* of `token`; those past sequence.length are still to be computed */
    struct kv_sequence sequence;
    size_t cached, answered;
    int64_t arrived_us, began_us, first_us, last_us;
    bool began, answering, cancelled, ended, paused; /* answering: its first token is there */
    bool stalled; /* no room for it in the step that is being made */
    size_t rows;  /* in that step */
    uint64_t serial;
};

struct scheduler {
    struct sched_options opt;
    struct sched_hooks hooks;
    struct prefix_index *prefixes;
    struct sched_call **waiting, **running; /* both in order of arrival */
    size_t waiting_count, running_count;
    struct forward_row *row;
    float *out;
    double row_us; /* what a row of a prompt costs; 0: not known yet */
    int64_t starved_us; /* since when no step could be made for want of pages; 0: the last one was */
    uint64_t serial;
};

static int64_t now_us(const struct scheduler *s)
{
    return clock_mono_us(s->opt.clock);
}

int sched_new(struct scheduler **out, const struct sched_options *opt, const struct sched_hooks *hooks, struct err *e)
{
    struct scheduler *s = new0(struct scheduler);
    if (!s)
        return err_set(e, ERR_NOMEM, "scheduler");
    s->opt = *opt;
    s->hooks = *hooks;
    size_t wanted = opt->machine.causal ? opt->calls_max : opt->rows_max;
    s->waiting = new0_array(struct sched_call *, opt->queue_max + opt->calls_max); /* those that start over come back here */
    s->running = new0_array(struct sched_call *, opt->calls_max);
    s->row = new0_array(struct forward_row, opt->rows_max);
    s->out = mem_zalloc_array(wanted, opt->machine.result_floats * sizeof *s->out);
    int rc = s->waiting && s->running && s->row && s->out ? prefix_new(&s->prefixes, opt->machine.kv, opt->prefixes_max ? opt->prefixes_max : 1, e)
                                                          : err_set(e, ERR_NOMEM, "scheduler");
    if (rc < 0) {
        sched_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

/* --- calls ------------------------------------------------------------------------------------------------------------------------ */

static void call_free(struct scheduler *s, struct sched_call *c)
{
    kv_clear(s->opt.machine.kv, &c->sequence);
    mem_free(c->token);
    mem_free(c);
}

void sched_free(struct scheduler *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->waiting_count; i++)
        call_free(s, s->waiting[i]);
    for (size_t i = 0; i < s->running_count; i++)
        call_free(s, s->running[i]);
    prefix_free(s->prefixes);
    mem_free(s->waiting);
    mem_free(s->running);
    mem_free(s->row);
    mem_free(s->out);
    mem_free(s);
}

int sched_add(struct scheduler *s, const struct sched_call_options *opt, struct sched_call **out, struct err *e)
{
    size_t max = opt->prompt_count + opt->answer_max;
    assert(opt->prompt_count > 0 && s->opt.context_max <= kv_pages_max(s->opt.machine.kv) * KV_PAGE_TOKENS);
    if (opt->prompt_count > s->opt.context_max || opt->answer_max > s->opt.context_max || max > s->opt.context_max)
        return err_set(e, ERR_INVALID, "the prompt has %zu tokens and the answer may have %zu; the context holds %zu", opt->prompt_count, opt->answer_max,
                       s->opt.context_max);
    if (!s->opt.machine.causal && opt->prompt_count > s->opt.rows_max)
        return err_set(e, ERR_INVALID, "the text has %zu tokens; the model reads %zu at most", opt->prompt_count, s->opt.rows_max);
    if (s->waiting_count >= s->opt.queue_max)
        return err_set(e, ERR_LIMIT, "%zu calls are waiting already", s->waiting_count);
    struct sched_call *c = new0(struct sched_call);
    if (c)
        c->token = new0_array(int32_t, max);
    if (!c || !c->token) {
        mem_free(c);
        return err_set(e, ERR_NOMEM, "call");
    }
    c->opt = *opt;
    memcpy(c->token, opt->prompt, opt->prompt_count * sizeof *c->token);
    c->opt.prompt = NULL;
    c->count = opt->prompt_count;
    c->arrived_us = now_us(s);
    c->serial = s->serial++;
    s->waiting[s->waiting_count++] = c;
    *out = c;
    return 0;
}

void sched_cancel(struct scheduler *s, struct sched_call *c)
{
    c->cancelled = true; /* it goes before the next step */
    c->last_us = now_us(s);
}

void sched_pause(struct scheduler *s, struct sched_call *c, bool pause)
{
    (void)s;
    c->paused = pause;
}

void sched_counts(const struct sched_call *c, struct sched_counts *out)
{
    *out = (struct sched_counts){.prompt = c->opt.prompt_count, .cached = c->cached, .answer = c->answered,
                                 .queued_us = (c->began ? c->began_us : c->last_us) - c->arrived_us};
    if (c->answering) {
        out->prefill_us = c->first_us - c->began_us;
        out->decode_us = c->last_us - c->first_us;
    }
}

bool sched_began(const struct sched_call *c)
{
    return c->began;
}

size_t sched_waiting(const struct scheduler *s)
{
    return s->waiting_count;
}

size_t sched_running(const struct scheduler *s)
{
    return s->running_count;
}

size_t sched_prefixes(const struct scheduler *s)
{
    return prefix_count(s->prefixes);
}

void sched_forget_prefixes(struct scheduler *s)
{
    while (prefix_drop_oldest(s->prefixes)) {
    }
}

void sched_shed_prefixes(struct scheduler *s)
{
    while (kv_pages_free(s->opt.machine.kv) == 0 && prefix_drop_oldest(s->prefixes)) {
    }
}

static void take_out(struct sched_call **list, size_t *count, size_t i)
{
    memmove(list + i, list + i + 1, (--*count - i) * sizeof *list);
}

/* Whoever waited long counts as interactive. */
static enum sched_class class_now(const struct scheduler *s, const struct sched_call *c, int64_t now)
{
    return now - c->arrived_us > s->opt.patience_us ? SCHED_INTERACTIVE : c->opt.class;
}

static bool goes_before(const struct scheduler *s, const struct sched_call *a, const struct sched_call *b, int64_t now)
{
    enum sched_class ca = class_now(s, a, now), cb = class_now(s, b, now);
    return ca != cb ? ca < cb : a->serial < b->serial;
}

/* The cancelled go, and those that would begin too late. */
static void sweep_lists(struct scheduler *s, int64_t now)
{
    for (size_t i = s->waiting_count; i-- > 0;) {
        struct sched_call *c = s->waiting[i];
        bool late = c->opt.deadline_us && now > c->opt.deadline_us && !c->began;
        if (!c->cancelled && !late)
            continue;
        take_out(s->waiting, &s->waiting_count, i);
        if (!c->cancelled) {
            c->last_us = now;
            s->hooks.ended(c->opt.ctx, SCHED_LATE);
        }
        call_free(s, c);
    }
    for (size_t i = s->running_count; i-- > 0;) {
        struct sched_call *c = s->running[i];
        if (!c->cancelled && !c->ended)
            continue;
        take_out(s->running, &s->running_count, i);
        if (s->opt.machine.causal && c->sequence.length)
            prefix_keep(s->prefixes, &c->sequence, c->token, c->opt.conversation);
        call_free(s, c);
    }
}

/* The longest beginning that anybody has read already. */
static void find_prefix(struct scheduler *s, struct sched_call *c)
{
    if (!s->opt.machine.causal)
        return;
    size_t found = prefix_find(s->prefixes, c->token, c->count, &c->sequence);
    for (size_t i = 0; i < s->running_count; i++) {
        const struct sched_call *r = s->running[i];
        found = prefix_share(s->opt.machine.kv, &r->sequence, r->token, c->token, c->count, found, &c->sequence);
    }
    if (!c->began)
        c->cached = found; /* below the prompt's count: its last token is always computed */
}

/* The call that goes last of a list, of `class` only. */
static size_t last_of(const struct scheduler *s, struct sched_call *const *list, size_t count, enum sched_class class, int64_t now)
{
    size_t last = count;
    for (size_t i = 0; i < count; i++)
        if (class_now(s, list[i], now) == class && (last == count || goes_before(s, list[last], list[i], now)))
            last = i;
    return last;
}

/* The place of a paused call, or of a batch call where `batch` may be asked for it. */
static size_t whose_place(const struct scheduler *s, bool batch, int64_t now)
{
    for (size_t i = 0; i < s->running_count; i++)
        if (s->running[i]->paused)
            return i;
    return batch ? last_of(s, s->running, s->running_count, SCHED_BATCH, now) : s->running_count;
}

/* It goes back to those who wait; what it has read is kept for its return while there is room. */
static bool step_aside(struct scheduler *s, bool batch, int64_t now)
{
    size_t i = whose_place(s, batch, now);
    if (i == s->running_count)
        return false;
    struct sched_call *c = s->running[i];
    take_out(s->running, &s->running_count, i);
    if (s->opt.machine.causal)
        prefix_keep(s->prefixes, &c->sequence, c->token, 0); /* it is no turn that is over: another may not take its place */
    s->waiting[s->waiting_count++] = c;
    return true;
}

static void admit(struct scheduler *s, int64_t now)
{
    for (;;) {
        size_t best = s->waiting_count;
        for (size_t i = 0; i < s->waiting_count; i++)
            if (!s->waiting[i]->paused && (best == s->waiting_count || goes_before(s, s->waiting[i], s->waiting[best], now)))
                best = i;
        if (best == s->waiting_count)
            return;
        struct sched_call *c = s->waiting[best];
        if (s->running_count == s->opt.calls_max && !step_aside(s, class_now(s, c, now) == SCHED_INTERACTIVE, now))
            return;
        bool room = kv_pages_free(s->opt.machine.kv) || prefix_count(s->prefixes) || whose_place(s, false, now) < s->running_count;
        if (s->running_count && !room && class_now(s, c, now) == SCHED_BATCH)
            return; /* it would only push out somebody */
        take_out(s->waiting, &s->waiting_count, best);
        find_prefix(s, c);
        if (!c->began) {
            c->began = true;
            c->began_us = now;
        }
        s->running[s->running_count++] = c;
    }
}

/* --- room in the cache --------------------------------------------------------------------------------------------------------------- */

/* The running call that is to make room: a paused one, else of the lowest class the newest; not one that has rows in this step already. */
static struct sched_call *whom_to_stop(const struct scheduler *s, const struct sched_call *for_whom, int64_t now)
{
    struct sched_call *last = NULL;
    for (size_t i = 0; i < s->running_count; i++) {
        struct sched_call *c = s->running[i];
        if (c->paused && c->sequence.page_count)
            return c;
        if (c->rows == 0 && !c->ended && !c->cancelled && (!last || goes_before(s, last, c, now)))
            last = c;
    }
    return last == for_whom ? NULL : last;
}

/* It starts over later, with what it has said so far as a part of its prompt. */
static void start_over(struct scheduler *s, struct sched_call *c)
{
    for (size_t i = 0; i < s->running_count; i++)
        if (s->running[i] == c) {
            take_out(s->running, &s->running_count, i);
            break;
        }
    kv_clear(s->opt.machine.kv, &c->sequence);
    s->waiting[s->waiting_count++] = c;
}

static bool reserve(struct scheduler *s, struct sched_call *c, size_t rows, int64_t now)
{
    for (;;) {
        int rc = kv_reserve(s->opt.machine.kv, &c->sequence, rows, NULL);
        if (rc != ERR_LIMIT)
            return rc == 0; /* out of memory for the list: it tries again in the next step */
        if (prefix_drop_oldest(s->prefixes))
            continue;
        struct sched_call *other = whom_to_stop(s, c, now);
        if (!other || (!other->paused && !goes_before(s, c, other, now)))
            return false; /* the others are before it: it waits for its turn */
        start_over(s, other);
    }
}

/* --- a step ---------------------------------------------------------------------------------------------------------------------------- */

static bool is_answering(const struct sched_call *c)
{
    return c->count - c->sequence.length == 1 && c->answered > 0;
}

static size_t put_rows(struct scheduler *s, struct sched_call *c, size_t at, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        size_t t = c->sequence.length + i;
        s->row[at + i] = (struct forward_row){c->token[t], &c->sequence, !s->opt.machine.causal || t + 1 == c->count};
    }
    c->rows = rows;
    return at + rows;
}

/* Rows that prompts may have beside `answering` answers. */
static size_t room_for_prompts(const struct scheduler *s, size_t answering)
{
    size_t room = s->opt.rows_max - answering;
    if (answering == 0 || s->row_us <= 0)
        return answering && room > PIECE_LEAST ? PIECE_LEAST : room;
    double rows = (double)s->opt.step_us_max / s->row_us;
    size_t few = rows < PIECE_LEAST ? PIECE_LEAST : rows > (double)room ? room : (size_t)rows;
    return few < room ? few : room;
}

/* The first by class and arrival that is answering, or that has a prompt to be read, and is not in this step yet. */
static struct sched_call *next_call(const struct scheduler *s, bool answering, int64_t now)
{
    struct sched_call *best = NULL;
    for (size_t i = 0; i < s->running_count; i++) {
        struct sched_call *c = s->running[i];
        if (c->rows == 0 && !c->stalled && !c->paused && is_answering(c) == answering && (!best || goes_before(s, c, best, now)))
            best = c;
    }
    return best;
}

static size_t compose(struct scheduler *s, int64_t now, bool *prompts)
{
    struct sched_call *c;
    size_t rows = 0;
    for (size_t i = 0; i < s->running_count; i++) {
        s->running[i]->rows = 0;
        s->running[i]->stalled = false;
    }
    while (rows < s->opt.rows_max && (c = next_call(s, true, now))) {
        c->stalled = !reserve(s, c, 1, now);
        if (!c->stalled)
            rows = put_rows(s, c, rows, 1);
    }
    size_t room = room_for_prompts(s, rows), usual = s->opt.rows_usual ? s->opt.rows_usual : s->opt.rows_max;
    *prompts = false;
    while (room && (c = next_call(s, false, now))) {
        size_t left = c->count - c->sequence.length, piece = left < room ? left : room;
        bool whole = s->opt.machine.causal || (left <= room && (rows == 0 || rows + left <= usual)); /* texts are */
        c->stalled = !whole || !reserve(s, c, piece, now);
        if (c->stalled)
            break; /* nobody overtakes it */
        rows = put_rows(s, c, rows, piece);
        room -= piece;
        *prompts = true;
    }
    return rows;
}

static void take_token(struct scheduler *s, struct sched_call *c, const float *logits, int64_t now)
{
    c->last_us = now;
    if (!c->answering)
        c->first_us = now;
    c->answering = true;
    int32_t token = s->hooks.next(c->opt.ctx, logits);
    if (token >= 0 && ++c->answered < c->opt.answer_max) {
        c->token[c->count++] = token;
        return;
    }
    c->ended = true;
    s->hooks.ended(c->opt.ctx, SCHED_DONE);
}

static void hand_out(struct scheduler *s, int64_t now)
{
    const float *out = s->out;
    for (size_t i = 0; i < s->running_count; i++) {
        struct sched_call *c = s->running[i];
        if (c->rows == 0)
            continue;
        bool last = c->sequence.length == c->count;
        size_t results = s->opt.machine.causal ? (last ? 1 : 0) : c->rows;
        if (results && !c->cancelled && s->opt.machine.causal)
            take_token(s, c, out, now);
        else if (results && !c->cancelled) {
            c->last_us = c->first_us = now;
            c->answering = true;
            s->hooks.states(c->opt.ctx, out, results);
            c->ended = true;
            s->hooks.ended(c->opt.ctx, SCHED_DONE);
        }
        out += results * s->opt.machine.result_floats;
    }
}

/* Rows stand in the step in the order in which they were put there, which is not that of the list. */
static void sort_running_by_row(struct scheduler *s, size_t rows)
{
    size_t done = 0;
    for (size_t at = 0; at < rows;)
        for (size_t i = done; i < s->running_count; i++) {
            struct sched_call *c = s->running[i];
            if (s->row[at].sequence != &c->sequence)
                continue;
            s->running[i] = s->running[done];
            s->running[done++] = c;
            at += c->rows;
            break;
        }
}

/* The first call by class and arrival that the step had no room for. */
static struct sched_call *first_stalled(const struct scheduler *s, int64_t now)
{
    struct sched_call *best = NULL;
    for (size_t i = 0; i < s->running_count; i++) {
        struct sched_call *c = s->running[i];
        if (c->stalled && (!best || goes_before(s, c, best, now)))
            best = c;
    }
    return best;
}

/* There is no step to make. If that is for want of pages, with everybody else out of the way, it does not stay so for ever. */
static void starve(struct scheduler *s, int64_t now)
{
    struct sched_call *c = first_stalled(s, now);
    if (!c || !s->starved_us)
        s->starved_us = c ? now : 0;
    if (!c || !s->opt.starve_us_max || now - s->starved_us < s->opt.starve_us_max)
        return;
    s->starved_us = 0;
    c->last_us = now;
    c->ended = true;
    s->hooks.ended(c->opt.ctx, SCHED_NO_ROOM);
}

bool sched_step(struct scheduler *s)
{
    int64_t began = now_us(s);
    sweep_lists(s, began);
    admit(s, began);
    bool prompts;
    size_t rows = compose(s, began, &prompts);
    if (rows == 0) {
        starve(s, began);
        return false;
    }
    s->starved_us = 0;
    sort_running_by_row(s, rows);
    s->opt.machine.step(s->opt.machine.ctx, s->row, rows, s->out);
    int64_t ended = now_us(s);
    if (prompts && rows >= PIECE_LEAST) {
        double cost = (double)(ended - began) / (double)rows;
        s->row_us = s->row_us > 0 ? s->row_us + (cost - s->row_us) / 4 : cost;
    }
    hand_out(s, ended);
    sweep_lists(s, ended);
    return true;
}
