/* host.c: opening a model that answers, its thread, and the way of a call from the inbox to its end. */
#include "engine/host.h"
#include "base/mem.h"
#include "engine/embed.h"
#include "engine/host_priv.h"
#include <assert.h>
#include <errno.h>

static const int64_t KEEP_US_DEFAULT = INT64_C(30) * 60 * 1000 * 1000;
enum { CALLS_DEFAULT = 8, TEXTS_DEFAULT = 64 /* for embeddings: a step takes as many as fit */, QUEUE_DEFAULT = 64, PREFIXES_DEFAULT = 64, STEP_US_DEFAULT = 150 * 1000, PATIENCE_US_DEFAULT = 30 * 1000 * 1000,
       STARVE_US_DEFAULT = 10 * 1000 * 1000, MEMORY_LOOK_US = 100 * 1000 /* a step that reads takes some MiB */, IDLE_LOOK_US = 5 * 1000 * 1000,
       LEFT_SHARE = 32 /* of the machine's memory stays available to others */, LOOK_MS = 200 /* how often deadlines, and calls that no memory was left for, are looked at while nothing can be done */ };

/* --- memory of the machine ---------------------------------------------------------------------------------------------------------- */

static uint64_t left_to_others(const struct room_now *now)
{
    return now->all / LEFT_SHARE;
}

static size_t page_bytes(const struct host *h)
{
    return (size_t)(engine_memory(h->engine).kv / kv_pages_max(h->engine->kv));
}

/* What was planned when the model was loaded may be gone: other programs grow, and so do other models. What is read takes memory only while there is
 * some, since the kernel would else end the largest process, which is this one. Mapped files count as available: they give way. */
static void look_at_memory(struct host *h, int64_t now_us, int64_t every_us)
{
    struct kv_pool *kv = h->engine->kv;
    if (!h->machine || (h->looked_us && now_us - h->looked_us < every_us))
        return;
    h->looked_us = now_us;
    h->machine_now = room_look(h->machine);
    if (!h->machine_now.all)
        return;
    uint64_t left = left_to_others(&h->machine_now), available = h->machine_now.available, used = kv_pages_used(kv);
    uint64_t more = available > left ? (available - left) / page_bytes(h) : 0, fewer = available < left ? (left - available) / page_bytes(h) + 1 : 0;
    kv_pages_bound(kv, (size_t)(fewer > used ? 0 : used - fewer + more));
    if (fewer)
        sched_shed_prefixes(h->scheduler);
}

/* --- the scheduler's hooks -------------------------------------------------------------------------------------------------------- */

static void on_states(void *call, const float *state, size_t rows)
{
    struct host_call *c = call;
    const struct model *m = c->host->engine->model;
    embed_pool(m, state, rows, c->host->vector);
    host_say(c, &(struct host_event){.said = HOST_SAID_VECTOR, .vector = c->host->vector, .vector_count = m->width});
    c->finished = true;
    c->finish = HOST_STOP;
}

static void forget(struct host *h, struct host_call *c)
{
    for (struct host_call **at = &h->calls; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            return;
        }
}

static void count_end(struct host *h, enum host_finish how, const struct sched_counts *c)
{
    struct host_counts *sum = &h->ended;
    sum->calls++;
    sum->failed += how == HOST_FAILED || how == HOST_LATE || how == HOST_NO_ROOM;
    sum->prompt += c->prompt;
    sum->cached += c->cached;
    sum->answer += c->answer;
    sum->prefill_us += c->prefill_us;
    sum->decode_us += c->decode_us;
}

static void end_call(struct host_call *c, enum host_finish how)
{
    struct host *h = c->host;
    struct host_event ended = {.said = HOST_ENDED, .finish = how};
    if (c->scheduled)
        sched_counts(c->scheduled, &ended.counts), ended.counts.answer = c->answered;
    else
        ended.counts.prompt = c->prompt.count;
    if (how == HOST_FAILED || how == HOST_NO_ROOM)
        ended.text = str_from(c->error.text);
    count_end(h, how, &ended.counts);
    forget(h, c);
    (void)atomic_fetch_sub(&h->held, 1);
    host_say(c, &ended);
    host_release(c);
}

static void tell_no_room(struct host_call *c)
{
    const struct room_now *now = &c->host->machine_now;
    (void)err_set(&c->error, ERR_NOMEM,
                  "the machine is short of memory: %zu of %zu MiB are available%s, the last %zu are left to others, and the text so far holds %zu MiB; close "
                  "other programs, or ask again later",
                  room_mib(now->available), room_mib(now->all), now->limited ? " (a limit of the group it runs in)" : "", room_mib(left_to_others(now)),
                  room_mib(kv_pages_used(c->host->engine->kv) * page_bytes(c->host)));
}

static void on_ended(void *call, enum sched_end how)
{
    struct host_call *c = call;
    if (how == SCHED_LATE) {
        end_call(c, HOST_LATE);
        return;
    }
    if (how == SCHED_NO_ROOM) {
        tell_no_room(c);
        end_call(c, HOST_NO_ROOM);
        return;
    }
    if (!c->finished)
        c->finish = HOST_LENGTH;
    if (host_flush(c) < 0)
        c->finish = HOST_FAILED;
    if (c->finish == HOST_STOP && c->called)
        c->finish = HOST_CALLS;
    end_call(c, c->finish);
}

/* --- the thread --------------------------------------------------------------------------------------------------------------------- */

static void take_in(struct host *h, struct host_call *c)
{
    struct sched_call_options o = {.prompt = c->prompt.id, .prompt_count = c->prompt.count, .answer_max = c->answer_max, .class = c->class,
                                   .deadline_us = c->deadline_us, .conversation = c->conversation, .ctx = c};
    c->next = h->calls;
    h->calls = c;
    if (atomic_load(&c->cancel))
        end_call(c, HOST_CANCELLED);
    else if (sched_add(h->scheduler, &o, &c->scheduled, &c->error) < 0)
        end_call(c, HOST_FAILED);
    else
        token_list_fini(&c->prompt); /* the scheduler has its own */
}

static void cancel(struct host *h, struct host_call *c)
{
    sched_cancel(h->scheduler, c->scheduled);
    c->finish = HOST_CANCELLED;
    end_call(c, HOST_CANCELLED);
}

/* Those whose clients have left, or all, end; others stop or go on. */
static void change_some(struct host *h, bool all)
{
    for (struct host_call *c = h->calls, *next; c; c = next) {
        next = c->next;
        if (all || atomic_load(&c->cancel))
            cancel(h, c);
        else
            sched_pause(h->scheduler, c->scheduled, atomic_load(&c->pause));
    }
}

/* What others see of it. Under the lock. */
static void publish(struct host *h)
{
    struct kv_pool *kv = h->engine->kv;
    struct host_counts c = h->ended;
    c.running = sched_running(h->scheduler);
    c.waiting = sched_waiting(h->scheduler);
    c.prefixes = sched_prefixes(h->scheduler);
    c.pages_max = kv_pages_max(kv);
    c.pages = kv_pages_used(kv);
    h->counts = c;
}

/* Nobody has asked for a while: memory goes back to the machine. The next call reads the weights again, and its text from the beginning. */
static void give_back(struct host *h)
{
    sched_forget_prefixes(h->scheduler);
    forward_empty(h->engine->forward);
    gguf_rest(h->engine->file);
    h->rests = true;
    h->ended.rests++;
}

/* There is no call. Waits for one, under the lock; after a while without, it gives back what it can. */
static void wait_for_work(struct host *h)
{
    forward_rest(h->engine->forward);
    if (h->rests) {
        (void)pthread_cond_wait(&h->wake, &h->lock);
        return;
    }
    int64_t at_us = h->ended.used_us + h->keep_us, now_us = clock_mono_us(clock_system());
    bool looks = h->machine && sched_prefixes(h->scheduler) && at_us > now_us + IDLE_LOOK_US;
    at_us = looks ? now_us + IDLE_LOOK_US : at_us;
    struct timespec until = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
    if (pthread_cond_timedwait(&h->wake, &h->lock, &until) != ETIMEDOUT)
        return;
    (void)pthread_mutex_unlock(&h->lock); /* what follows may take a moment */
    if (looks)
        look_at_memory(h, clock_mono_us(clock_system()), 0);
    else
        give_back(h);
    (void)pthread_mutex_lock(&h->lock);
}

/* Waits until there is something to do. False: the end. */
static bool look_around(struct host *h, bool idle)
{
    (void)pthread_mutex_lock(&h->lock);
    publish(h);
    while (idle && !h->inbox && !h->changes && !h->stop) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (!sched_waiting(h->scheduler) && !sched_running(h->scheduler))
            wait_for_work(h);
        else if (pthread_cond_timedwait(&h->wake, &h->lock, &until) != 0)
            break;
        publish(h);
    }
    struct host_call *list = h->inbox;
    bool changes = h->changes, stop = h->stop;
    h->inbox = NULL;
    h->inbox_end = &h->inbox;
    h->changes = false;
    (void)pthread_mutex_unlock(&h->lock);
    while (list) {
        struct host_call *c = list;
        list = c->next;
        take_in(h, c);
    }
    if (changes || stop)
        change_some(h, stop);
    return !stop;
}

/* A step was made. */
static void say_working(struct host *h, int64_t now_us)
{
    for (struct host_call *c = h->calls; c; c = c->next) {
        if (!c->alive_us || now_us - c->working_us < c->alive_us || !sched_began(c->scheduled))
            continue;
        c->working_us = now_us;
        host_say(c, &(struct host_event){.said = HOST_SAID_WORKING});
    }
}

static void *thread_main(void *arg)
{
    struct host *h = arg;
    bool worked = false;
    h->ended.used_us = clock_mono_us(clock_system());
    while (look_around(h, !worked)) {
        int64_t began_us = clock_mono_us(clock_system());
        look_at_memory(h, began_us, MEMORY_LOOK_US);
        worked = sched_step(h->scheduler);
        if (!worked)
            continue;
        h->rests = false;
        h->ended.used_us = clock_mono_us(clock_system());
        h->ended.busy_us += h->ended.used_us - began_us;
        say_working(h, h->ended.used_us);
    }
    return NULL;
}

/* --- opening, closing, calls ----------------------------------------------------------------------------------------------------------- */

static bool has_token(void *ctx, struct str text)
{
    struct tokenizer *t = ctx;
    int32_t id = tokenizer_find(t, text);
    return id != TOKEN_NONE && tokenizer_is_control(t, id);
}

static struct str token_text(const struct tokenizer *t, int32_t id)
{
    return id == TOKEN_NONE ? STR_NONE : tokenizer_text(t, id);
}

/* A model without a chat form still completes texts: why it has none is told to whoever wants to chat. */
static void open_form(struct host *h)
{
    struct chat_source source = {.bos = token_text(h->tokenizer, tokenizer_bos(h->tokenizer)), .eos = token_text(h->tokenizer, tokenizer_eos(h->tokenizer)),
                                 .adds_bos = tokenizer_adds_bos(h->tokenizer), .has_token = has_token, .ctx = h->tokenizer};
    (void)gguf_get_text(h->engine->file, "tokenizer.chat_template", &source.chat_template);
    if (h->engine->model->output.data && chat_form_open(&h->form, &source, &h->form_error) < 0)
        h->form = NULL;
}

static int open_engine(struct host *h, struct gguf *file, const struct host_options *opt, struct err *e)
{
    struct engine_options eo = opt->engine;
    eo.wanted_max = opt->calls_max ? opt->calls_max : CALLS_DEFAULT; /* answers; texts for embeddings need no such room */
    int rc = engine_open(&h->engine, file, &eo, e);
    if (rc == 0)
        rc = tokenizer_open(&h->tokenizer, h->engine->file, e);
    if (rc < 0)
        return rc;
    const struct model *m = h->engine->model;
    h->context_max = opt->context_max ? opt->context_max : m->context_trained;
    if (h->context_max > h->engine->context)
        h->context_max = h->engine->context;
    size_t tokens = (size_t)tokenizer_count(h->tokenizer);
    h->mask = new0_array(uint64_t, (tokens > m->vocab ? tokens : m->vocab) / 64 + 1);
    h->vector = new0_array(float, m->width);
    if (!h->mask || !h->vector)
        return err_set(e, ERR_NOMEM, "engine");
    return sampler_room_new(&h->room, (uint32_t)m->vocab, e);
}

static void step(void *ctx, const struct forward_row *row, size_t rows, float *out)
{
    forward_step(((struct host *)ctx)->engine->forward, row, rows, out);
}

static int open_scheduler(struct host *h, const struct host_options *opt, struct err *e)
{
    static const struct sched_hooks hooks = {host_next, on_states, on_ended};
    const struct model *m = h->engine->model;
    size_t calls = opt->calls_max ? opt->calls_max : m->causal ? CALLS_DEFAULT : TEXTS_DEFAULT;
    struct sched_options so = {
        .machine = {.step = step, .ctx = h, .kv = h->engine->kv, .causal = m->causal, .result_floats = engine_result_floats(h->engine)},
        .clock = h->clock, .rows_max = h->engine->rows_max, .rows_usual = m->causal ? 0 : h->engine->rows_usual, .calls_max = calls,
        .context_max = h->context_max,
        .prefixes_max = opt->prefixes_max ? opt->prefixes_max : PREFIXES_DEFAULT, .step_us_max = opt->step_us_max ? opt->step_us_max : STEP_US_DEFAULT,
        .patience_us = opt->patience_us ? opt->patience_us : PATIENCE_US_DEFAULT,
        .starve_us_max = opt->starve_us_max ? opt->starve_us_max : STARVE_US_DEFAULT};
    h->queue_max = (opt->queue_max ? opt->queue_max : QUEUE_DEFAULT) + so.calls_max;
    so.queue_max = h->queue_max; /* nobody whom host_begin let in is turned away here */
    return sched_new(&h->scheduler, &so, &hooks, e);
}

int host_open(struct host **out, struct gguf *file, const struct host_options *opt, const struct clock *clock, struct err *e)
{
    struct host *h = new0(struct host);
    if (!h) {
        gguf_close(file);
        return err_set(e, ERR_NOMEM, "engine");
    }
    h->clock = clock;
    h->keep_us = opt->keep_us ? opt->keep_us : KEEP_US_DEFAULT;
    h->machine = opt->machine;
    h->inbox_end = &h->inbox;
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&h->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&h->lock, NULL);
    (void)pthread_mutex_init(&h->vocab_lock, NULL);
    int rc = open_engine(h, file, opt, e);
    if (rc == 0)
        rc = open_scheduler(h, opt, e);
    if (rc == 0) {
        open_form(h);
        h->started = pthread_create(&h->thread, NULL, thread_main, h) == 0;
        rc = h->started ? 0 : err_set(e, ERR_NOMEM, "no thread for the engine");
    }
    if (rc < 0) {
        host_close(h);
        return rc;
    }
    *out = h;
    return 0;
}

void host_stop(struct host *h)
{
    (void)pthread_mutex_lock(&h->lock);
    h->stop = true;
    (void)pthread_cond_signal(&h->wake);
    (void)pthread_mutex_unlock(&h->lock);
    if (h->started)
        (void)pthread_join(h->thread, NULL);
    h->started = false;
}

void host_close(struct host *h)
{
    if (!h)
        return;
    host_stop(h);
    assert(atomic_load(&h->held) == 0);
    sched_free(h->scheduler);
    chat_form_close(h->form);
    grammar_vocab_free(h->vocab);
    sampler_room_free(h->room);
    tokenizer_close(h->tokenizer);
    engine_close(h->engine);
    mem_free(h->mask);
    mem_free(h->vector);
    (void)pthread_mutex_destroy(&h->lock);
    (void)pthread_mutex_destroy(&h->vocab_lock);
    (void)pthread_cond_destroy(&h->wake);
    mem_free(h);
}

int host_begin(struct host *h, const struct host_request *r, const struct host_sink *sink, struct buf *note, struct host_call **out, struct err *e)
{
    if (atomic_fetch_add(&h->held, 1) >= h->queue_max) {
        (void)atomic_fetch_sub(&h->held, 1);
        return err_set(e, ERR_BUSY, "%zu calls are under way or waiting for this model already", h->queue_max);
    }
    struct host_call *c = new0(struct host_call);
    int rc = c ? 0 : err_set(e, ERR_NOMEM, "call");
    if (rc == 0) {
        c->sink = *sink;
        atomic_init(&c->refs, 1);
        rc = host_prepare(h, r, c, note, e);
    }
    if (rc < 0) {
        (void)atomic_fetch_sub(&h->held, 1);
        host_release(c);
        return rc;
    }
    atomic_store(&c->refs, 2);
    (void)pthread_mutex_lock(&h->lock);
    bool stop = h->stop;
    if (!stop) {
        *out = c; /* before anything can be said of it */
        *h->inbox_end = c;
        h->inbox_end = &c->next;
        (void)pthread_cond_signal(&h->wake);
    }
    (void)pthread_mutex_unlock(&h->lock);
    if (!stop)
        return 0;
    atomic_store(&c->refs, 1);
    host_release(c);
    (void)atomic_fetch_sub(&h->held, 1);
    return err_set(e, ERR_CLOSED, "the engine is being stopped");
}

static void change(struct host *h, atomic_bool *what, bool to)
{
    atomic_store(what, to);
    (void)pthread_mutex_lock(&h->lock);
    h->changes = true;
    (void)pthread_cond_signal(&h->wake);
    (void)pthread_mutex_unlock(&h->lock);
}

void host_cancel(struct host_call *c)
{
    change(c->host, &c->cancel, true);
}

void host_pause(struct host_call *c, bool pause)
{
    change(c->host, &c->pause, pause);
}

size_t host_dropped(const struct host_call *c)
{
    return c->dropped;
}

const struct engine *host_engine(const struct host *h)
{
    return h->engine;
}

const struct tokenizer *host_tokenizer(const struct host *h)
{
    return h->tokenizer;
}

struct str host_note(const struct host *h)
{
    return h->form ? chat_form_note(h->form) : str_from(h->form_error.text);
}

size_t host_context(const struct host *h)
{
    return h->context_max;
}

struct host_counts host_counts(struct host *h)
{
    (void)pthread_mutex_lock(&h->lock);
    struct host_counts c = h->counts;
    (void)pthread_mutex_unlock(&h->lock);
    return c;
}
