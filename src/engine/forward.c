/* forward.c: the layers of the network over a batch of rows, shared out over the threads of the pool.
 *
 * A layer is five pieces of work; between two of them the threads meet at a barrier:
 *
 *   enter    norm of x, to integers                   by columns
 *   q, k, v                                           by rows of the matrices
 *   attend   turn, keep k and v, attention            by key heads
 *   out      attention to integers; output matrix     by columns; by rows
 *   middle   x += ; norm; to integers                 by columns
 *   gate, up, activation                              by rows
 *   down     to integers; down matrix                 by columns; by rows
 *
 * With one row (decode), work by columns is so little that each thread does all of it for itself, on a copy of x of its own,
 * and no barrier is needed after it: five barriers a layer. With more rows the columns are shared out, and there are ten. */
#include "engine/forward.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>

enum { ATTEND_ROWS = 8, /* rows of one sequence that go through its pages together */
       PHASES = 6,      /* pieces of work by rows or heads in a layer; each has a counter */
       CHUNK_ROWS = 64, /* of gate and up at a time; their results meet in a buffer of the thread */
       MAP_LEAST = 256 * 1024, /* bytes of a buffer that takes its memory as rows come: steps are mostly far smaller than the largest */
       ROWS_KEPT = 256         /* forward_rest leaves the memory of so many */
};

/* Columns of activations: the state x, what was made of it last, and that as integers. */
struct columns {
    float *x;                     /* (n, width) */
    float *norm;                  /* (n, width) */
    struct act act[ACT_FORM_END]; /* of what is multiplied next */
};

struct block { /* rows of one sequence that attend together */
    size_t row, count;
};

struct worker { /* what a thread has for itself */
    void *scratch;
    float *gate, *up;       /* (columns of a matmul, CHUNK_ROWS) */
    float *q, *o, *m, *l;   /* attention: (ATTEND_ROWS * group, head_dim), … */
    float *k;               /* (head_dim) */
    struct columns alone;   /* one column */
};

struct piece { /* of memory */
    void *at;
    size_t bytes;
};

struct forward {
    const struct model *m;
    struct kv_pool *kv;
    struct forward_options opt;
    const struct kernels *kernels;
    size_t bytes;
    struct piece *memory; /* (memory_count) all that was allocated; owned */
    size_t memory_count, memory_max, rows_touched;

    struct columns shared;
    float *middle;   /* owned: attention's, then the feed-forward part's */
    float *qkv;      /* (n, q + 2 kv) in `middle` */
    float *attended; /* (n, q) behind it */
    float *y;        /* (n, width): what is added to x next */
    float *hidden;   /* (n, ff) in the place of both: attention is through when it begins */
    float *turn[2];  /* (n, dims / 2, 2): cosine and sine, for all keys and for windows */
    size_t *position;
    struct block *block;
    struct worker *worker;
    atomic_size_t *next; /* (layers * PHASES + 1) */
    struct act wanted[ACT_FORM_END];
    float *wanted_norm; /* (wanted, width) */
    size_t *wanted_index; /* per row: its place among the wanted, or SIZE_MAX */

    /* this step's */
    const struct forward_row *row;
    size_t rows, blocks, wanted_count;
    float *out;
};

/* --- memory ------------------------------------------------------------------------------------------------------------------- */

static bool is_mapped(const struct piece *p)
{
    return p->bytes >= MAP_LEAST;
}

static void *take(struct forward *f, size_t count, size_t bytes)
{
    size_t total;
    if (f->memory_count == f->memory_max || __builtin_mul_overflow(count, bytes, &total))
        return NULL;
    total += 64; /* kernels read whole vectors */
    void *p = total >= MAP_LEAST ? mem_map(total) : mem_zalloc_aligned(64, total);
    if (p) {
        f->memory[f->memory_count++] = (struct piece){p, total};
        f->bytes += total;
    }
    return p;
}

static bool act_take(struct forward *f, struct act *a, enum act_form form, size_t n, size_t k)
{
    if (form == ACT_FLOAT)
        return true;
    a->q = take(f, n * k, 1);
    a->d = take(f, n * k / act_block(form) + n, sizeof(float));
    a->sum16 = take(f, n * k / 16 + n, sizeof(int16_t));
    a->sum32 = take(f, n * k / 32 + n, sizeof(int16_t));
    return a->q && a->d && a->sum16 && a->sum32;
}

static size_t longest(const struct model *m)
{
    size_t k = m->width, q = m->heads * m->head_dim;
    k = m->ff > k ? m->ff : k;
    return q > k ? q : k;
}

static bool columns_take(struct forward *f, struct columns *c, size_t n)
{
    c->x = take(f, n * f->m->width, sizeof(float));
    c->norm = take(f, n * f->m->width, sizeof(float));
    for (int form = 0; form < ACT_FORM_END; form++)
        if (!act_take(f, &c->act[form], form, n, longest(f->m)))
            return false;
    return c->x && c->norm;
}

static bool worker_take(struct forward *f, struct worker *w)
{
    const struct model *m = f->m;
    size_t group = m->heads / m->kv_heads, columns = f->opt.rows_max < MATMUL_COLUMNS_MAX ? f->opt.rows_max : MATMUL_COLUMNS_MAX;
    w->scratch = take(f, 1, MATMUL_SCRATCH_BYTES);
    w->gate = take(f, columns * CHUNK_ROWS, sizeof(float));
    w->up = take(f, columns * CHUNK_ROWS, sizeof(float));
    w->q = take(f, ATTEND_ROWS * group * m->head_dim, sizeof(float));
    w->o = take(f, ATTEND_ROWS * group * m->head_dim, sizeof(float));
    w->m = take(f, ATTEND_ROWS * group, sizeof(float));
    w->l = take(f, ATTEND_ROWS * group, sizeof(float));
    w->k = take(f, m->head_dim, sizeof(float));
    return w->scratch && w->gate && w->up && w->q && w->o && w->m && w->l && w->k && columns_take(f, &w->alone, 1);
}

static bool take_all(struct forward *f)
{
    const struct model *m = f->m;
    size_t n = f->opt.rows_max, q = m->heads * m->head_dim, kv = m->kv_heads * m->head_dim, threads = pool_threads(f->opt.pool);
    if (!columns_take(f, &f->shared, n))
        return false;
    size_t attention = 2 * (q + kv), most = attention > m->ff ? attention : m->ff;
    f->middle = take(f, n * most, sizeof(float));
    f->y = take(f, n * m->width, sizeof(float));
    f->turn[0] = take(f, n * m->rope.dims, sizeof(float));
    f->turn[1] = take(f, n * m->rope_local.dims, sizeof(float));
    f->position = take(f, n, sizeof(size_t));
    f->block = take(f, n, sizeof(struct block));
    f->wanted_index = take(f, n, sizeof(size_t));
    f->next = take(f, m->layer_count * PHASES + 1, sizeof(atomic_size_t));
    f->worker = take(f, threads, sizeof(struct worker));
    f->wanted_norm = take(f, f->opt.wanted_max * m->width, sizeof(float));
    if (!f->middle || !f->y || !f->turn[0] || !f->turn[1] || !f->position || !f->block || !f->wanted_index || !f->next ||
        !f->worker || !f->wanted_norm)
        return false;
    for (int form = 0; form < ACT_FORM_END; form++)
        if (!act_take(f, &f->wanted[form], form, f->opt.wanted_max, m->width))
            return false;
    for (size_t i = 0; i < threads; i++)
        if (!worker_take(f, &f->worker[i]))
            return false;
    return true;
}

int forward_new(struct forward **out, const struct model *m, struct kv_pool *kv, const struct forward_options *opt, struct err *e)
{
    struct forward *f = new0(struct forward);
    if (!f)
        return err_set(e, ERR_NOMEM, "engine");
    f->m = m;
    f->kv = kv;
    f->opt = *opt;
    f->kernels = opt->kernels;
    f->memory_max = 64 + 32 * pool_threads(opt->pool);
    f->memory = new0_array(struct piece, f->memory_max);
    if (!f->memory || !take_all(f)) {
        forward_free(f);
        return err_set(e, ERR_NOMEM, "no memory for steps of %zu tokens", opt->rows_max);
    }
    *out = f;
    return 0;
}

void forward_empty(struct forward *f)
{
    for (size_t i = 0; i < f->memory_count; i++)
        if (is_mapped(&f->memory[i]))
            mem_map_empty(f->memory[i].at, f->memory[i].bytes);
    f->rows_touched = 0;
}

void forward_rest(struct forward *f)
{
    if (f->rows_touched > ROWS_KEPT)
        forward_empty(f);
}

void forward_free(struct forward *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->memory_count; i++)
        if (is_mapped(&f->memory[i]))
            mem_unmap(f->memory[i].at, f->memory[i].bytes);
        else
            mem_free(f->memory[i].at);
    mem_free(f->memory);
    mem_free(f);
}

size_t forward_bytes(const struct forward *f)
{
    return f->bytes;
}

/* --- work by columns ------------------------------------------------------------------------------------------------------------ */

typedef void column_fn(struct forward *f, struct columns *c, size_t layer, size_t row, size_t at);

/* fn for every row. One row: each thread for itself. More: shared out, then all meet. */
static void by_columns(struct forward *f, size_t thread, size_t layer, column_fn *fn)
{
    if (f->rows == 1) {
        fn(f, &f->worker[thread].alone, layer, 0, 0);
        return;
    }
    for (size_t row = thread; row < f->rows; row += pool_threads(f->opt.pool))
        fn(f, &f->shared, layer, row, row);
    pool_barrier(f->opt.pool);
}

/* The column as integers, in each form that a matrix among `w` asks for; floats are used where they lie. */
static void to_integers(struct forward *f, struct columns *c, const float *from, size_t k, size_t at, const struct weight *const *w, size_t count)
{
    bool done[ACT_FORM_END] = {false};
    for (size_t i = 0; i < count; i++) {
        enum act_form form = kernels_form(w[i]->type);
        if (!w[i]->data || form == ACT_FLOAT || done[form])
            continue;
        struct act *a = &c->act[form];
        f->kernels->quantise(form, from, k, a->q + at * k, a->d + at * (k / act_block(form)), a->sum16 + at * (k / 16), a->sum32 + at * (k / 32));
        done[form] = true;
    }
}

static void norm(const struct forward *f, const float *x, const float *weight, const float *bias, float *y)
{
    const struct model *m = f->m;
    if (m->layer_norm)
        f->kernels->layer_norm(x, weight, bias, m->epsilon, y, m->width);
    else
        f->kernels->rms_norm(x, weight, m->epsilon, y, m->width);
}

static void embed(struct forward *f, struct columns *c, size_t row, size_t at)
{
    const struct model *m = f->m;
    const struct weight *w = &m->embedding;
    float *x = c->x + at * m->width;
    quant_info(w->type)->decode(w->data + (size_t)f->row[row].token * w->row_bytes, x, m->width);
    if (m->embedding_scale != 1)
        for (size_t i = 0; i < m->width; i++)
            x[i] *= m->embedding_scale;
    if (m->token_type)
        f->kernels->add(x, m->token_type, m->width);
    if (m->position.data) {
        float *learned = c->norm + at * m->width; /* not in use yet */
        w = &m->position;
        quant_info(w->type)->decode(w->data + f->position[row] * w->row_bytes, learned, m->width);
        f->kernels->add(x, learned, m->width);
    }
    if (m->embedding_norm)
        norm(f, x, m->embedding_norm, m->embedding_norm_bias, x);
}

/* x += what a half of a layer made, with the norms and biases that belong there. */
static void join(struct forward *f, struct columns *c, size_t row, size_t at, const float *bias, const float *post, const float *after,
                 const float *after_bias)
{
    size_t width = f->m->width;
    float *x = c->x + at * width, *made = c->norm + at * width;
    memcpy(made, f->y + row * width, width * sizeof *made);
    if (bias)
        f->kernels->add(made, bias, width);
    if (post)
        norm(f, made, post, NULL, made);
    f->kernels->add(x, made, width);
    if (after)
        norm(f, x, after, after_bias, x);
}

static void join_layer(struct forward *f, struct columns *c, size_t layer, size_t row, size_t at)
{
    const struct layer *l = &f->m->layer[layer];
    join(f, c, row, at, l->down_bias, l->ffn_post_norm, l->layer_out_norm, l->layer_out_norm_bias);
}

/* What the half of a layer reads: the norm of x, or x itself where norms come after (bert). */
static void prepare(struct forward *f, struct columns *c, size_t at, const float *weight, const struct weight *const *w, size_t count)
{
    size_t width = f->m->width;
    float *to = c->norm + at * width;
    if (weight)
        norm(f, c->x + at * width, weight, NULL, to);
    else
        memcpy(to, c->x + at * width, width * sizeof *to);
    to_integers(f, c, to, width, at, w, count);
}

static void enter(struct forward *f, struct columns *c, size_t layer, size_t row, size_t at)
{
    const struct layer *l = &f->m->layer[layer];
    if (layer == 0)
        embed(f, c, row, at);
    else
        join_layer(f, c, layer - 1, row, at);
    prepare(f, c, at, l->attn_norm, (const struct weight *const[]){&l->q, &l->k, &l->v}, 3);
}

static void attended_to_integers(struct forward *f, struct columns *c, size_t layer, size_t row, size_t at)
{
    size_t q = f->m->heads * f->m->head_dim;
    to_integers(f, c, f->attended + row * q, q, at, (const struct weight *const[]){&f->m->layer[layer].o}, 1);
}

static void middle(struct forward *f, struct columns *c, size_t layer, size_t row, size_t at)
{
    const struct layer *l = &f->m->layer[layer];
    join(f, c, row, at, l->o_bias, l->attn_post_norm, l->attn_out_norm, l->attn_out_norm_bias);
    prepare(f, c, at, l->ffn_norm, (const struct weight *const[]){&l->gate, &l->up}, 2);
}

static void hidden_to_integers(struct forward *f, struct columns *c, size_t layer, size_t row, size_t at)
{
    to_integers(f, c, f->hidden + row * f->m->ff, f->m->ff, at, (const struct weight *const[]){&f->m->layer[layer].down}, 1);
}

/* After the last layer: states out, or their norm made ready for the output matrix. Each wanted row has its own place, so with one
 * row every thread writes the same bytes there: only thread 0 may. */
static void leave_row(struct forward *f, struct columns *c, size_t row, size_t at, bool write)
{
    const struct model *m = f->m;
    size_t to = f->wanted_index[row];
    join_layer(f, c, m->layer_count - 1, row, at);
    if (to == SIZE_MAX || !write)
        return;
    float *x = c->x + at * m->width;
    if (!m->output.data) {
        memcpy(f->out + to * m->width, x, m->width * sizeof *x);
        return;
    }
    float *y = f->wanted_norm + to * m->width;
    norm(f, x, m->output_norm, NULL, y);
    enum act_form form = kernels_form(m->output.type);
    struct act *a = &f->wanted[form];
    if (form != ACT_FLOAT)
        f->kernels->quantise(form, y, m->width, a->q + to * m->width, a->d + to * (m->width / act_block(form)), a->sum16 + to * (m->width / 16),
                             a->sum32 + to * (m->width / 32));
}

static void leave(struct forward *f, size_t thread)
{
    if (f->rows == 1)
        leave_row(f, &f->worker[thread].alone, 0, 0, thread == 0);
    for (size_t row = thread; f->rows > 1 && row < f->rows; row += pool_threads(f->opt.pool))
        leave_row(f, &f->shared, row, row, true);
    pool_barrier(f->opt.pool);
}

/* --- work by rows of matrices ---------------------------------------------------------------------------------------------------- */

/* Columns `from` and on of activations in the form that a matrix wants. */
static struct act part_of(const struct act *forms, enum act_form form, const float *floats, size_t k, size_t from, size_t n)
{
    struct act a = forms[form];
    a.k = k;
    a.n = n;
    if (form == ACT_FLOAT)
        a.f = (float *)floats + from * k;
    else {
        a.q += from * k;
        a.d += from * (k / act_block(form));
        a.sum16 += from * (k / 16);
        a.sum32 += from * (k / 32);
    }
    return a;
}

struct product { /* y = w x, for all columns */
    const struct weight *w;
    const struct act *forms;
    const float *floats;
    size_t n;
    float *y;
    size_t y_stride;
};

static void multiply(struct forward *f, size_t thread, const struct product *p, size_t row_from, size_t row_to)
{
    for (size_t c = 0; c < p->n; c += MATMUL_COLUMNS_MAX) {
        size_t n = p->n - c < MATMUL_COLUMNS_MAX ? p->n - c : MATMUL_COLUMNS_MAX;
        struct act x = part_of(p->forms, kernels_form(p->w->type), p->floats, p->w->k, c, n);
        struct matmul mm = {p->w->data, p->w->row_bytes, &x, p->y + c * p->y_stride, p->y_stride};
        f->kernels->matmul[p->w->type](&mm, row_from, row_to, f->worker[thread].scratch);
    }
}

/* Rows to take at once: enough pieces for a fair share, large enough to be worth taking. */
static size_t piece_rows(const struct forward *f, size_t rows, size_t columns)
{
    size_t piece = columns > 4 ? MATMUL_TILE_ROWS : rows / (8 * pool_threads(f->opt.pool)) / MATMUL_TILE_ROWS * MATMUL_TILE_ROWS;
    return piece < MATMUL_TILE_ROWS ? MATMUL_TILE_ROWS : piece;
}

/* All rows of some matrices, shared out; then all threads meet. */
static void multiply_all(struct forward *f, size_t thread, atomic_size_t *next, const struct product *p, size_t count)
{
    size_t pieces = 0, first[4] = {0}, piece[3];
    for (size_t i = 0; i < count; i++) {
        piece[i] = piece_rows(f, p[i].w->rows, p[i].n);
        first[i] = pieces;
        pieces += (p[i].w->rows + piece[i] - 1) / piece[i];
    }
    for (size_t at = pool_take(next); at < pieces; at = pool_take(next)) {
        size_t i = count - 1;
        while (at < first[i])
            i--;
        size_t from = (at - first[i]) * piece[i], to = from + piece[i];
        multiply(f, thread, &p[i], from, to < p[i].w->rows ? to : p[i].w->rows);
    }
    pool_barrier(f->opt.pool);
}

static struct columns *columns_of(struct forward *f, size_t thread)
{
    return f->rows == 1 ? &f->worker[thread].alone : &f->shared;
}

static void project(struct forward *f, size_t thread, size_t layer)
{
    const struct layer *l = &f->m->layer[layer];
    const struct columns *c = columns_of(f, thread);
    size_t stride = l->q.rows + l->k.rows + l->v.rows;
    struct product p[3] = {
        {&l->q, c->act, c->norm, f->rows, f->qkv, stride},
        {&l->k, c->act, c->norm, f->rows, f->qkv + l->q.rows, stride},
        {&l->v, c->act, c->norm, f->rows, f->qkv + l->q.rows + l->k.rows, stride},
    };
    multiply_all(f, thread, &f->next[layer * PHASES], p, 3);
}

/* Some rows of gate and up, and what the activation makes of them. */
static void gate_piece(struct forward *f, size_t thread, const struct layer *l, size_t from, size_t to)
{
    const struct columns *c = columns_of(f, thread);
    struct worker *w = &f->worker[thread];
    size_t rows = to - from, ff = f->m->ff;
    for (size_t c0 = 0; c0 < f->rows; c0 += MATMUL_COLUMNS_MAX) {
        size_t n = f->rows - c0 < MATMUL_COLUMNS_MAX ? f->rows - c0 : MATMUL_COLUMNS_MAX;
        struct act up = part_of(c->act, kernels_form(l->up.type), c->norm, l->up.k, c0, n);
        struct matmul mm = {l->up.data, l->up.row_bytes, &up, w->up - from, CHUNK_ROWS};
        f->kernels->matmul[l->up.type](&mm, from, to, w->scratch);
        if (l->gate.data) {
            struct act gate = part_of(c->act, kernels_form(l->gate.type), c->norm, l->gate.k, c0, n);
            mm = (struct matmul){l->gate.data, l->gate.row_bytes, &gate, w->gate - from, CHUNK_ROWS};
            f->kernels->matmul[l->gate.type](&mm, from, to, w->scratch);
        }
        for (size_t i = 0; i < n; i++) {
            float *u = w->up + i * CHUNK_ROWS, *g = w->gate + i * CHUNK_ROWS;
            if (l->up_bias)
                f->kernels->add(u, l->up_bias + from, rows);
            f->kernels->gate(f->m->activation, l->gate.data ? g : u, l->gate.data ? u : NULL, f->hidden + (c0 + i) * ff + from, rows);
        }
    }
}

static void expand(struct forward *f, size_t thread, size_t layer)
{
    const struct layer *l = &f->m->layer[layer];
    size_t rows = f->m->ff, piece = piece_rows(f, rows, f->rows);
    if (piece > CHUNK_ROWS)
        piece = CHUNK_ROWS;
    size_t pieces = (rows + piece - 1) / piece;
    atomic_size_t *next = &f->next[layer * PHASES + 3];
    for (size_t at = pool_take(next); at < pieces; at = pool_take(next))
        gate_piece(f, thread, l, at * piece, (at + 1) * piece < rows ? (at + 1) * piece : rows);
    pool_barrier(f->opt.pool);
}

/* --- attention ----------------------------------------------------------------------------------------------------------------------- */

/* Turns a head by its position. `turn`: (dims / 2, 2) cosine and sine. */
static void turn_head(const struct rope *rope, const float *turn, float *x)
{
    size_t half = rope->dims / 2;
    for (size_t i = 0; i < half; i++) {
        float *a = rope->form == ROPE_PAIRS ? x + 2 * i : x + i, *b = rope->form == ROPE_PAIRS ? a + 1 : a + half;
        float cosine = turn[2 * i], sine = turn[2 * i + 1], was = *a;
        *a = was * cosine - *b * sine;
        *b = was * sine + *b * cosine;
    }
}

/* A head of q or k, as the layer's matrix made it, with bias, norm and turn. */
static void finish_head(struct forward *f, const struct layer *l, size_t row, const float *from, const float *bias, const float *weight, float *to)
{
    const struct model *m = f->m;
    const struct rope *rope = l->sliding ? &m->rope_local : &m->rope;
    for (size_t i = 0; i < m->head_dim; i++)
        to[i] = bias ? from[i] + bias[i] : from[i];
    if (weight)
        f->kernels->rms_norm(to, weight, m->epsilon, to, m->head_dim);
    if (rope->form != ROPE_NONE)
        turn_head(rope, f->turn[l->sliding] + row * rope->dims, to);
}

/* The key w->k and the value v of one token into their page, in eight bits. */
static void keep_small(struct worker *w, size_t dim, size_t slot, const float *v, const float *v_bias, int8_t *keys, int8_t *values)
{
    int8_t code[HEAD_DIM_MAX];
    uint16_t scale[HEAD_DIM_MAX / KV_BLOCK];
    size_t blocks = kv_blocks(dim);
    kv_quantise(w->k, dim, code, scale);
    for (size_t i = 0; i < dim; i++)
        keys[i * KV_PAGE_TOKENS + slot] = code[i];
    for (size_t b = 0; b < blocks; b++)
        kv_scales(keys, dim)[b * KV_PAGE_TOKENS + slot] = scale[b];
    for (size_t i = 0; i < dim; i++)
        w->k[i] = v_bias ? v[i] + v_bias[i] : v[i];
    kv_quantise(w->k, dim, values + slot * dim, kv_scales(values, dim) + slot * blocks);
}

/* A model that sees both ways reads a text in one step and never comes back to it: a page has room for one layer, which each layer takes
 * in turn (all threads have met since the one before was read). */
static size_t layer_place(const struct model *m, size_t layer)
{
    return m->causal ? layer : 0;
}

/* Puts the row's key and value of one head into its page; keys lie transposed. */
static void keep(struct forward *f, struct worker *w, size_t layer, size_t row, size_t head)
{
    const struct model *m = f->m;
    const struct layer *l = &m->layer[layer];
    size_t dim = m->head_dim, stride = l->q.rows + l->k.rows + l->v.rows, slot = f->position[row] % KV_PAGE_TOKENS;
    const float *k = f->qkv + row * stride + l->q.rows + head * dim, *v = k + l->k.rows, *v_bias = l->v_bias ? l->v_bias + head * dim : NULL;
    const struct kv_sequence *s = f->row[row].sequence;
    size_t place = layer_place(m, layer);
    void *keys = kv_keys(f->kv, s, f->position[row] / KV_PAGE_TOKENS, place, head);
    void *values = kv_values(f->kv, s, f->position[row] / KV_PAGE_TOKENS, place, head);
    finish_head(f, l, row, k, l->k_bias ? l->k_bias + head * dim : NULL, l->k_norm, w->k);
    if (f->opt.kv_type == KV_Q8_0) {
        keep_small(w, dim, slot, v, v_bias, keys, values);
        return;
    }
    for (size_t i = 0; i < dim; i++) {
        float value = v_bias ? v[i] + v_bias[i] : v[i];
        if (f->opt.kv_type == KV_F32) {
            ((float *)keys)[i * KV_PAGE_TOKENS + slot] = w->k[i];
            ((float *)values)[slot * dim + i] = value;
        } else {
            ((uint16_t *)keys)[i * KV_PAGE_TOKENS + slot] = quant_f32_to_f16(w->k[i]);
            ((uint16_t *)values)[slot * dim + i] = quant_f32_to_f16(value);
        }
    }
}

/* Which keys a row sees: first <= key < end. */
static void seen(const struct forward *f, const struct layer *l, size_t row, size_t *first, size_t *end)
{
    size_t at = f->position[row];
    *end = f->m->causal ? at + 1 : f->row[row].sequence->length;
    *first = l->sliding && at + 1 > f->m->window ? at + 1 - f->m->window : 0;
}

/* A block of rows through one page: together where all see all of it, else each by itself. */
static void attend_page(struct forward *f, struct worker *w, size_t layer, const struct block *b, size_t head, size_t page)
{
    const struct model *m = f->m;
    const struct layer *l = &m->layer[layer];
    size_t group = m->heads / m->kv_heads, from = page * KV_PAGE_TOKENS, first[ATTEND_ROWS], end[ATTEND_ROWS];
    const struct kv_sequence *s = f->row[b->row].sequence;
    bool whole = true;
    for (size_t i = 0; i < b->count; i++) {
        seen(f, l, b->row + i, &first[i], &end[i]);
        first[i] = first[i] > from ? first[i] - from : 0;
        end[i] = end[i] > from ? end[i] - from : 0;
        end[i] = end[i] < KV_PAGE_TOKENS ? end[i] : KV_PAGE_TOKENS;
        whole = whole && first[i] == 0 && end[i] == KV_PAGE_TOKENS;
    }
    struct attend a = {.type = f->opt.kv_type, .k = kv_keys(f->kv, s, page, layer_place(m, layer), head), .v = kv_values(f->kv, s, page, layer_place(m, layer), head),
                       .head_dim = m->head_dim, .softcap = m->attention_softcap};
    for (size_t i = 0; i < b->count; i += whole ? b->count : 1) {
        if (first[i] >= end[i])
            continue;
        a.first = first[i];
        a.end = end[i];
        a.heads = group * (whole ? b->count : 1);
        a.q = w->q + i * group * m->head_dim;
        a.o = w->o + i * group * m->head_dim;
        a.m = w->m + i * group;
        a.l = w->l + i * group;
        f->kernels->attend_page(&a);
    }
}

static void attend_block(struct forward *f, struct worker *w, size_t layer, const struct block *b, size_t head)
{
    const struct model *m = f->m;
    const struct layer *l = &m->layer[layer];
    size_t group = m->heads / m->kv_heads, dim = m->head_dim, stride = l->q.rows + l->k.rows + l->v.rows, lowest = SIZE_MAX, highest = 0;
    for (size_t i = 0; i < b->count; i++) {
        size_t first, end;
        seen(f, l, b->row + i, &first, &end);
        lowest = first < lowest ? first : lowest;
        highest = end > highest ? end : highest;
        for (size_t g = 0; g < group; g++) {
            size_t q = head * group + g;
            float *to = w->q + (i * group + g) * dim;
            finish_head(f, l, b->row + i, f->qkv + (b->row + i) * stride + q * dim, l->q_bias ? l->q_bias + q * dim : NULL, l->q_norm, to);
            for (size_t d = 0; d < dim; d++)
                to[d] *= m->attention_scale;
        }
    }
    for (size_t i = 0; i < b->count * group; i++)
        w->m[i] = -INFINITY, w->l[i] = 0;
    memset(w->o, 0, b->count * group * dim * sizeof *w->o);
    for (size_t page = lowest / KV_PAGE_TOKENS; page * KV_PAGE_TOKENS < highest; page++)
        attend_page(f, w, layer, b, head, page);
    for (size_t i = 0; i < b->count; i++)
        for (size_t g = 0; g < group; g++) {
            const float *o = w->o + (i * group + g) * dim;
            float *to = f->attended + ((b->row + i) * m->heads + head * group + g) * dim, inverse = 1 / w->l[i * group + g];
            for (size_t d = 0; d < dim; d++)
                to[d] = o[d] * inverse;
        }
}

/* Keys and values first, then attention; one row's can follow each other at once. */
static void attend(struct forward *f, size_t thread, size_t layer)
{
    size_t heads = f->m->kv_heads;
    struct worker *w = &f->worker[thread];
    atomic_size_t *next = &f->next[layer * PHASES + 1];
    if (f->rows > 1) {
        for (size_t at = pool_take(next); at < heads * f->blocks; at = pool_take(next)) {
            const struct block *b = &f->block[at / heads];
            for (size_t i = 0; i < b->count; i++)
                keep(f, w, layer, b->row + i, at % heads);
        }
        pool_barrier(f->opt.pool);
    }
    next = &f->next[layer * PHASES + 2];
    for (size_t at = pool_take(next); at < heads * f->blocks; at = pool_take(next)) {
        if (f->rows == 1)
            keep(f, w, layer, 0, at);
        attend_block(f, w, layer, &f->block[at / heads], at % heads);
    }
    pool_barrier(f->opt.pool);
}

/* --- the whole ------------------------------------------------------------------------------------------------------------------------ */

static void logits(struct forward *f, size_t thread)
{
    const struct model *m = f->m;
    if (!m->output.data || f->wanted_count == 0)
        return;
    struct product p = {&m->output, f->wanted, f->wanted_norm, f->wanted_count, f->out, m->vocab};
    multiply_all(f, thread, &f->next[m->layer_count * PHASES], &p, 1);
    if (!m->output_bias && m->logit_softcap <= 0)
        return;
    for (size_t i = thread; i < f->wanted_count; i += pool_threads(f->opt.pool)) {
        float *l = f->out + i * m->vocab;
        if (m->output_bias)
            f->kernels->add(l, m->output_bias, m->vocab);
        for (size_t t = 0; m->logit_softcap > 0 && t < m->vocab; t++)
            l[t] = m->logit_softcap * tanhf(l[t] / m->logit_softcap);
    }
}

static void step_thread(void *ctx, size_t thread)
{
    struct forward *f = ctx;
    for (size_t layer = 0; layer < f->m->layer_count; layer++) {
        const struct layer *l = &f->m->layer[layer];
        by_columns(f, thread, layer, enter);
        project(f, thread, layer);
        attend(f, thread, layer);
        by_columns(f, thread, layer, attended_to_integers);
        const struct columns *c = columns_of(f, thread);
        struct product o = {&l->o, c->act, f->attended, f->rows, f->y, f->m->width};
        multiply_all(f, thread, &f->next[layer * PHASES + 4], &o, 1);
        by_columns(f, thread, layer, middle);
        expand(f, thread, layer);
        by_columns(f, thread, layer, hidden_to_integers);
        struct product down = {&l->down, c->act, f->hidden, f->rows, f->y, f->m->width};
        multiply_all(f, thread, &f->next[layer * PHASES + 5], &down, 1);
    }
    leave(f, thread);
    logits(f, thread);
}

static void turns(struct forward *f, size_t which, const struct rope *rope)
{
    for (size_t row = 0; row < f->rows && rope->form != ROPE_NONE; row++)
        for (size_t i = 0; i < rope->dims / 2; i++) {
            double angle = (double)f->position[row] * (double)rope->step[i];
            float *t = f->turn[which] + row * rope->dims + 2 * i;
            t[0] = (float)cos(angle) * rope->size;
            t[1] = (float)sin(angle) * rope->size;
        }
}

/* Positions, blocks of rows that attend together, places of the wanted; the sequences move on. */
static void lay_out(struct forward *f)
{
    f->blocks = f->wanted_count = 0;
    for (size_t i = 0; i < f->rows; i++) {
        struct kv_sequence *s = f->row[i].sequence;
        assert(f->row[i].token >= 0 && (size_t)f->row[i].token < f->m->vocab);
        f->position[i] = s->length++;
        assert(f->position[i] / KV_PAGE_TOKENS < s->page_count);
        assert(!f->m->position.data || f->position[i] < f->m->position.rows);
        f->wanted_index[i] = f->row[i].wanted ? f->wanted_count++ : SIZE_MAX;
        struct block *b = f->blocks ? &f->block[f->blocks - 1] : NULL;
        if (b && b->count < ATTEND_ROWS && f->row[b->row].sequence == s)
            b->count++;
        else
            f->block[f->blocks++] = (struct block){i, 1};
    }
    assert(f->wanted_count <= f->opt.wanted_max);
}

void forward_step(struct forward *f, const struct forward_row *row, size_t rows, float *out)
{
    assert(rows >= 1 && rows <= f->opt.rows_max);
    f->row = row;
    f->rows = rows;
    f->qkv = f->hidden = f->middle; /* packed for as many rows as there are: no more memory is touched than they take */
    f->attended = f->qkv + rows * (f->m->heads + 2 * f->m->kv_heads) * f->m->head_dim;
    f->rows_touched = rows > f->rows_touched ? rows : f->rows_touched;
    f->out = out;
    lay_out(f);
    turns(f, 0, &f->m->rope);
    if (f->m->window)
        turns(f, 1, &f->m->rope_local);
    for (size_t i = 0; i <= f->m->layer_count * PHASES; i++)
        atomic_store_explicit(&f->next[i], 0, memory_order_relaxed);
    pool_run(f->opt.pool, step_thread, f);
}
