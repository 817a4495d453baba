/* engine.c: opening a model with everything it needs, and reading a run of tokens. */
#include "engine/engine.h"
#include "base/buf.h"
#include "base/mem.h"
#include "engine/embed.h"
#include "engine/room.h"
#include <assert.h>
#include <sched.h>

enum { ROWS_DEFAULT = 256, CONTEXT_MAX = 1 << 20, CONTEXT_LEAST = 2048 /* without being asked; little memory is the system's to deal with */,
       TEXTS_TOGETHER = 64 /* of a step, when they are short */,
       TEXT_TOKENS_MAX = 1 << 14 /* of a model that sees both ways: its buffers hold a whole text; the longest in use read 8192 */ };

static size_t cores(void)
{
    cpu_set_t set;
    size_t n = sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > POOL_THREADS_MAX ? POOL_THREADS_MAX : n;
}

static int open_kernels(struct engine *g, const char *name, struct err *e)
{
    g->kernels = kernels_pick(name);
    if (g->kernels)
        return 0;
    AUTO_BUF struct buf names = BUF_INIT(256);
    kernels_names(&names);
    return err_set(e, ERR_INVALID, "there are no kernels `%s` that this machine can run; it runs %.*s", name, STR_FMT(buf_str(&names)));
}

/* A model that sees both ways reads a text in one step. */
static size_t rows_of(const struct model *m, const struct engine_options *opt, size_t context)
{
    size_t rows = opt->rows_max ? opt->rows_max : ROWS_DEFAULT;
    return m->causal || rows > context ? rows : context;
}

/* What was asked for; else what the model was trained for, as far as the engine goes. */
static size_t context_of(const struct model *m, const struct engine_options *opt)
{
    size_t most = m->causal ? CONTEXT_MAX : TEXT_TOKENS_MAX, context = opt->context;
    if (context == 0)
        context = m->context_trained < most ? m->context_trained : most;
    if (!m->causal && context > m->context_trained)
        context = m->context_trained;
    return context;
}

static int refuse_context(const struct engine *g, const struct engine_options *opt, uint64_t wanted, size_t page_bytes, struct err *e)
{
    uint64_t weights = gguf_tensor_bytes(g->file), taken = weights + opt->memory_others, room = opt->memory_all > taken ? opt->memory_all - taken : 0;
    char others[80] = "";
    if (opt->memory_others)
        (void)text_format(others, sizeof others, " and %zu MiB that other models here may come to take", room_mib(opt->memory_others));
    return err_set(e, ERR_LIMIT,
                   "a context of %zu tokens takes %zu MiB for keys and values beside %zu MiB of weights%s, and there are %zu MiB of memory in all: "
                   "room for %zu tokens at the very most; ask for a smaller context%s",
                   g->context, room_mib(wanted), room_mib(weights), others, room_mib(opt->memory_all), (size_t)(room / page_bytes * KV_PAGE_TOKENS),
                   *others ? ", of this model or of the others" : "");
}

/* The context that memory allows. One that was asked for is given if it can ever be had; else keys and values get half of what is free beside
 * the weights: prefixes fill it over time, and other models and programs live here too. */
static int fit_context(struct engine *g, const struct engine_options *opt, size_t page_bytes, struct err *e)
{
    uint64_t weights = gguf_tensor_bytes(g->file), wanted = ((uint64_t)g->context + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS * page_bytes;
    g->context_wished = g->context;
    if (opt->context && opt->memory_all && weights + wanted + opt->memory_others > opt->memory_all)
        return refuse_context(g, opt, wanted, page_bytes, e);
    if (opt->context || !opt->memory_free)
        return 0;
    uint64_t half = opt->memory_free > weights ? (opt->memory_free - weights) / 2 : 0, fits = half / page_bytes * KV_PAGE_TOKENS;
    fits = fits < CONTEXT_LEAST ? CONTEXT_LEAST : fits;
    g->context = g->context < fits ? g->context : (size_t)fits;
    return 0;
}

/* Pages for so many tokens; texts that are read together each begin a page of their own, so they need more than their tokens do. */
static size_t pages_of(const struct model *m, size_t context, size_t rows)
{
    return ((m->causal ? context : rows) + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS + (m->causal ? 0 : TEXTS_TOGETHER);
}

static int open_all(struct engine *g, const struct engine_options *opt, struct err *e)
{
    int rc = open_kernels(g, opt->kernels, e);
    if (rc == 0)
        rc = model_open(&g->model, g->file, opt->context, e);
    if (rc == 0)
        rc = pool_new(&g->pool, opt->threads ? opt->threads : cores(), e);
    if (rc < 0)
        return rc;
    const struct model *m = g->model;
    size_t context = context_of(m, opt), most = m->causal ? CONTEXT_MAX : TEXT_TOKENS_MAX;
    if (context > most)
        return err_set(e, ERR_INVALID, "a context of %zu tokens: the engine takes up to %zu", context, most);
    g->context = g->context_wished = context;
    struct kv_shape shape;
    model_kv_shape(m, opt->kv_type, &shape);
    if (m->causal && (rc = fit_context(g, opt, kv_page_bytes(&shape), e)) < 0)
        return rc;
    context = g->context;
    g->rows_max = rows_of(m, opt, context);
    g->rows_usual = g->rows_max < ROWS_DEFAULT ? g->rows_max : ROWS_DEFAULT;
    rc = kv_pool_new(&g->kv, &shape, pages_of(m, context, g->rows_max), e);
    struct forward_options fo = {.kernels = g->kernels, .pool = g->pool, .kv_type = opt->kv_type, .rows_max = g->rows_max,
                                 .wanted_max = m->output.data ? (opt->wanted_max ? opt->wanted_max : 1) : g->rows_max};
    return rc < 0 ? rc : forward_new(&g->forward, m, g->kv, &fo, e);
}

int engine_open(struct engine **out, struct gguf *file, const struct engine_options *opt, struct err *e)
{
    struct engine *g = new0(struct engine);
    if (!g) {
        gguf_close(file);
        return err_set(e, ERR_NOMEM, "engine");
    }
    g->file = file;
    int rc = open_all(g, opt, e);
    if (rc < 0) {
        engine_close(g);
        return rc;
    }
    *out = g;
    return 0;
}

void engine_close(struct engine *g)
{
    if (!g)
        return;
    forward_free(g->forward);
    kv_pool_free(g->kv);
    pool_free(g->pool);
    model_close(g->model);
    gguf_close(g->file);
    mem_free(g);
}

struct engine_memory engine_memory(const struct engine *g)
{
    struct kv_shape shape;
    model_kv_shape(g->model, kv_type(g->kv), &shape);
    return (struct engine_memory){gguf_tensor_bytes(g->file), kv_pages_max(g->kv) * kv_page_bytes(&shape), forward_bytes(g->forward)};
}

uint64_t engine_context_of(const struct engine *g, uint64_t bytes)
{
    struct kv_shape shape;
    model_kv_shape(g->model, kv_type(g->kv), &shape);
    return bytes / kv_page_bytes(&shape) * KV_PAGE_TOKENS;
}

size_t engine_result_floats(const struct engine *g)
{
    return g->model->output.data ? g->model->vocab : g->model->width;
}

static int check_tokens(const struct engine *g, const struct kv_sequence *s, const int32_t *token, size_t count, struct err *e)
{
    const struct model *m = g->model;
    if (count == 0)
        return err_set(e, ERR_INVALID, "no tokens");
    for (size_t i = 0; i < count; i++)
        if (token[i] < 0 || (size_t)token[i] >= m->vocab)
            return err_set(e, ERR_INVALID, "token %d is not in the vocabulary of %zu tokens", token[i], m->vocab);
    if (!m->causal && count > g->rows_max)
        return err_set(e, ERR_LIMIT, "the text has %zu tokens, and the model reads %zu at most", count, g->rows_max);
    if (m->position.data && s->length + count > m->position.rows)
        return err_set(e, ERR_LIMIT, "the text has %zu tokens, and the model knows %zu positions", s->length + count, m->position.rows);
    return 0;
}

int engine_read(struct engine *g, struct kv_sequence *s, const int32_t *token, size_t count, float *out, struct err *e)
{
    bool states = !g->model->output.data;
    int rc = check_tokens(g, s, token, count, e);
    if (rc == 0)
        rc = kv_reserve(g->kv, s, count, e);
    if (rc < 0)
        return rc;
    size_t most = g->rows_max < count ? g->rows_max : count;
    struct forward_row *row = new0_array(struct forward_row, most);
    float *state = states ? mem_zalloc_array(most, g->model->width * sizeof *state) : out;
    if (!row || !state) {
        rc = err_set(e, ERR_NOMEM, "engine");
        goto out;
    }
    for (size_t at = 0; at < count;) {
        size_t n = count - at < most ? count - at : most;
        for (size_t i = 0; i < n; i++)
            row[i] = (struct forward_row){token[at + i], s, states || at + i + 1 == count};
        forward_step(g->forward, row, n, state);
        at += n;
    }
    if (states)
        embed_pool(g->model, state, most, out);
out:
    mem_free(row);
    if (states)
        mem_free(state);
    return rc;
}
