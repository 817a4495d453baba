/* usage_table.c: the sums of `hearth usage` as a table for people: columns as wide as what is in them, a total, and what the
 * numbers do not say (unknown costs, estimated tokens, days that were pruned). */
#include "cli/usage_priv.h"
#include "base/arena.h"
#include "base/mem.h"

enum { COLUMNS = 5, ROWS_BYTES_MAX = 1 << 30, OUT_BYTES_MAX = 1 << 30 };
static const char *const heads[COLUMNS] = {"calls", "failed", "tokens in", "tokens out", "cost"};

struct row {
    struct row *next;
    struct usage_group g;
};

struct table {
    struct arena arena;
    struct row *first, **tail;
    struct usage_group total;
    size_t name_width, width[COLUMNS];
    int64_t rows;
};

static void add(int64_t *sum, int64_t n)
{
    if (__builtin_add_overflow(*sum, n, sum))
        *sum = INT64_MAX;
}

static void add_to_total(const struct usage_group *g, struct usage_group *t)
{
    add(&t->calls, g->calls);
    add(&t->failed, g->failed);
    add(&t->usage.input, g->usage.input);
    add(&t->usage.output, g->usage.output);
    add(&t->cost_nusd, g->cost_nusd);
    add(&t->cost_unknown, g->cost_unknown);
    add(&t->estimated, g->estimated);
}

static int count_in_total(const struct usage_group *g, void *ctx)
{
    add_to_total(g, ctx);
    return 0;
}

static void write_cell(struct buf *out, const struct usage_group *g, int column)
{
    bool none_known = g->calls && g->cost_unknown == g->calls && g->cost_nusd == 0;
    const int64_t counts[] = {g->calls, g->failed, g->usage.input, g->usage.output};
    if (column < (int)COUNT_OF(counts))
        cli_count(out, counts[column]);
    else
        cli_money(out, none_known ? COST_UNKNOWN : g->cost_nusd);
}

/* Characters, not bytes: names may hold letters beyond ASCII. */
static size_t shown_width(struct str name)
{
    size_t n = 0;
    for (size_t i = 0; i < name.len; i++)
        n += ((unsigned char)name.ptr[i] & 0xc0) != 0x80;
    return n;
}

static void measure(struct table *t, struct str name, const struct usage_group *g)
{
    size_t shown = shown_width(name);
    if (shown > t->name_width)
        t->name_width = shown;
    for (int i = 0; i < COLUMNS; i++) {
        AUTO_BUF struct buf cell = BUF_INIT(64);
        write_cell(&cell, g, i);
        if (cell.len > t->width[i])
            t->width[i] = cell.len;
    }
}

static int on_group(const struct usage_group *g, void *ctx)
{
    struct table *t = ctx;
    struct row *row = arena_new(&t->arena, struct row);
    struct str name = row ? arena_dup(&t->arena, g->name) : STR_NONE;
    if (!row || !name.ptr)
        return ERR_NOMEM;
    row->g = *g;
    row->g.name = name;
    *t->tail = row;
    t->tail = &row->next;
    t->rows++;
    measure(t, name, g);
    return 0;
}

static void pad(struct buf *out, size_t from, size_t to)
{
    for (; from < to; from++)
        (void)buf_append_char(out, ' ');
}

static void write_row(struct buf *out, const struct table *t, const struct usage_group *g)
{
    (void)buf_append(out, g->name);
    pad(out, shown_width(g->name), t->name_width);
    for (int i = 0; i < COLUMNS; i++) {
        AUTO_BUF struct buf cell = BUF_INIT(64);
        write_cell(&cell, g, i);
        pad(out, cell.len, t->width[i] + 2);
        (void)buf_append(out, buf_str(&cell));
    }
    if (g->cost_unknown && (g->cost_unknown != g->calls || g->cost_nusd)) {
        (void)buf_append_text(out, "  + ");
        cli_count(out, g->cost_unknown);
        (void)buf_append_text(out, g->cost_unknown == 1 ? " call of unknown cost" : " calls of unknown cost");
    }
    if (g->estimated) {
        (void)buf_append_text(out, "  (");
        cli_count(out, g->estimated);
        (void)buf_append_text(out, " with estimated tokens)");
    }
    (void)buf_append_char(out, '\n');
}

static void write_heads(struct buf *out, const struct table *t, const char *by)
{
    (void)buf_append_text(out, by);
    pad(out, strlen(by), t->name_width);
    for (int i = 0; i < COLUMNS; i++) {
        pad(out, strlen(heads[i]), t->width[i] + 2);
        (void)buf_append_text(out, heads[i]);
    }
    (void)buf_append_char(out, '\n');
}

static int write_table(struct table *t, const char *by)
{
    AUTO_BUF struct buf out = BUF_INIT(OUT_BYTES_MAX);
    t->total.name = STR("total");
    measure(t, strlen(by) > t->total.name.len ? str_from(by) : t->total.name, &t->total);
    for (int i = 0; i < COLUMNS; i++)
        if (strlen(heads[i]) > t->width[i])
            t->width[i] = strlen(heads[i]);
    write_heads(&out, t, by);
    for (const struct row *row = t->first; row; row = row->next)
        write_row(&out, t, &row->g);
    if (t->rows > 1)
        write_row(&out, t, &t->total);
    return cli_print(buf_str(&out));
}

static int fill(struct table *t, struct ledger_reader *books, const struct usage_filter *f, enum usage_by by, struct err *e)
{
    int rc = ledger_groups(books, by, f, on_group, t, e);
    if (rc == ERR_NOMEM)
        (void)err_set(e, rc, "out of memory for the table");
    for (const struct row *row = t->first; by != USAGE_BY_TAG && row; row = row->next)
        add_to_total(&row->g, &t->total);
    /* A call with two tags is in two rows, but once in the total: it has one regime. */
    return rc || by != USAGE_BY_TAG ? rc : ledger_groups(books, USAGE_BY_REGIME, f, count_in_total, &t->total, e);
}

int usage_table(struct ledger_reader *books, const struct usage_filter *f, enum usage_by by, const char *by_name)
{
    struct table t = {.arena = ARENA_INIT(ROWS_BYTES_MAX)};
    struct err e = {0};
    t.tail = &t.first;
    int rc = fill(&t, books, f, by, &e);
    int status = rc < 0 ? cli_fail_err(&e) : t.rows ? write_table(&t, by_name) : cli_print(str_from(usage_no_calls(f)));
    arena_fini(&t.arena);
    return status;
}
