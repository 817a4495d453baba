/* grammar_net.c: building a network, and putting it into its final shape; see grammar_priv.h. */
#include "engine/grammar_priv.h"
#include "base/mem.h"

int net_fail(struct net *n, int code, const char *format, ...)
{
    if (n->rc < 0)
        return n->rc;
    n->rc = code;
    if (n->e) {
        va_list args;
        va_start(args, format);
        AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
        if (buf_append_format_v(&text, format, args) < 0)
            buf_clear(&text);
        va_end(args);
        (void)err_set(n->e, code, "%.*s", STR_FMT(buf_str(&text)));
    }
    return code;
}

/* Doubles an array; false (and the net failed) when it may not or cannot. */
static bool grow(struct net *n, void **array, uint32_t *max, uint32_t limit, size_t bytes, const char *what)
{
    uint32_t more = *max ? *max * 2 : 256;
    if (*max >= limit) {
        net_fail(n, ERR_LIMIT, "the schema is too large: it needs more than %u %s", limit, what);
        return false;
    }
    void *p = mem_realloc(*array, more * bytes);
    if (!p) {
        net_fail(n, ERR_NOMEM, "no memory for the schema");
        return false;
    }
    *array = p;
    *max = more;
    return true;
}

uint32_t net_state(struct net *n)
{
    if (n->rc < 0 || (n->state_count == n->state_max &&
                      !grow(n, (void **)&n->state, &n->state_max, NET_STATES_MAX, sizeof *n->state, "states")))
        return 0;
    n->state[n->state_count] = (struct net_state){.height = HEIGHT_NONE};
    return n->state_count++;
}

uint32_t net_rule(struct net *n)
{
    uint32_t start = net_state(n), end = net_state(n);

    if (n->rc < 0 || (n->rule_count == n->rule_max &&
                      !grow(n, (void **)&n->rule, &n->rule_max, NET_RULES_MAX, sizeof *n->rule, "rules")))
        return 0;
    n->state[end].accept = true;
    n->rule[n->rule_count] = (struct net_rule){start, end};
    return n->rule_count++;
}

int net_init(struct net *n, struct err *e)
{
    *n = (struct net){.e = e};
    net_state(n); /* 0 leads nowhere */
    net_rule(n);  /* and rule 0 is none */
    return n->rc;
}

void net_fini(struct net *n)
{
    mem_free(n->state);
    mem_free(n->edge);
    mem_free(n->rule);
}

static void edge(struct net *n, uint32_t from, struct net_edge new)
{
    if (n->rc < 0 || from == 0 || new.to == 0 ||
        (n->edge_count == n->edge_max && !grow(n, (void **)&n->edge, &n->edge_max, NET_EDGES_MAX, sizeof *n->edge, "edges")))
        return;
    new.next = n->state[from].edges; /* index plus one */
    n->edge[n->edge_count] = new;
    n->state[from].edges = ++n->edge_count;
}

void net_byte(struct net *n, uint32_t from, uint8_t low, uint8_t high, uint32_t to)
{
    edge(n, from, (struct net_edge){.kind = EDGE_BYTE, .to = to, .low = low, .high = high});
}

void net_empty(struct net *n, uint32_t from, uint32_t to)
{
    edge(n, from, (struct net_edge){.kind = EDGE_EMPTY, .to = to});
}

void net_call(struct net *n, uint32_t from, uint32_t rule, uint32_t to)
{
    if (rule)
        edge(n, from, (struct net_edge){.kind = EDGE_CALL, .to = to, .rule = rule});
}

void net_text(struct net *n, uint32_t from, struct str text, uint32_t to)
{
    for (size_t i = 0; i < text.len; i++) {
        uint32_t next = i + 1 == text.len ? to : net_state(n);
        net_byte(n, from, (uint8_t)text.ptr[i], (uint8_t)text.ptr[i], next);
        from = next;
    }
    if (text.len == 0)
        net_empty(n, from, to);
}

/* --- heights -------------------------------------------------------------------------------------------------------- */

/* Which edges arrive at a state, or return there, or call the rule that it starts. */
struct back {
    uint32_t *first, *edge_from, *list;
};

static uint32_t callee(const struct net *n, const struct net_edge *x)
{
    return n->rule[x->rule].start;
}

static bool back_build(const struct net *n, struct back *b)
{
    b->first = new0_array(uint32_t, (size_t)n->state_count + 2);
    b->edge_from = new0_array(uint32_t, (size_t)n->edge_count + 1);
    b->list = new0_array(uint32_t, 2 * (size_t)n->edge_count + 1);
    if (!b->first || !b->edge_from || !b->list)
        return false;
    for (uint32_t s = 0; s < n->state_count; s++) {
        for (uint32_t i = n->state[s].edges; i; i = n->edge[i - 1].next)
            b->edge_from[i - 1] = s;
    }
    for (int fill = 0; fill < 2; fill++) { /* count, then place from the back */
        for (uint32_t i = 0; i < n->edge_count; i++) {
            uint32_t end[2] = {n->edge[i].to, n->edge[i].kind == EDGE_CALL ? callee(n, &n->edge[i]) : 0};
            for (int k = 0; k < 2; k++) {
                if (end[k] && fill)
                    b->list[--b->first[end[k]]] = i;
                else if (end[k])
                    b->first[end[k]]++;
            }
        }
        for (uint32_t s = 1; s <= n->state_count + 1 && !fill; s++)
            b->first[s] += b->first[s - 1];
    }
    return true;
}

/* The height of a state is final when it is set: heights are tried in ascending order. */
static void heights_spread(struct net *n, const struct back *b, uint32_t *queue, uint32_t count, uint16_t height)
{
    while (count > 0) {
        uint32_t s = queue[--count];
        for (uint32_t i = b->first[s]; i < b->first[s + 1]; i++) {
            const struct net_edge *x = &n->edge[b->list[i]];
            struct net_state *from = &n->state[b->edge_from[b->list[i]]];
            if (from->height != HEIGHT_NONE || n->state[x->to].height > height)
                continue;
            if (x->kind == EDGE_CALL && (height == 0 || n->state[callee(n, x)].height >= height))
                continue;
            from->height = height;
            queue[count++] = b->edge_from[b->list[i]];
        }
    }
}

static bool heights(struct net *n)
{
    struct back b = {0};
    uint32_t *queue = new0_array(uint32_t, n->state_count);
    bool fine = back_build(n, &b) && queue;

    for (uint32_t height = 0; fine && height <= RUN_DEPTH_MAX; height++) {
        uint32_t count = 0;
        for (uint32_t s = 1; s < n->state_count; s++) {
            if (height == 0 ? n->state[s].accept : n->state[s].height == height - 1) {
                if (height == 0)
                    n->state[s].height = 0;
                queue[count++] = s;
            }
        }
        if (count == 0)
            break;
        heights_spread(n, &b, queue, count, (uint16_t)height);
    }
    mem_free(b.first);
    mem_free(b.edge_from);
    mem_free(b.list);
    mem_free(queue);
    return fine;
}

/* --- the final shape ------------------------------------------------------------------------------------------------ */

static bool leads_on(const struct net *n, const struct net_edge *x)
{
    return n->state[x->to].height != HEIGHT_NONE && (x->kind != EDGE_CALL || n->state[callee(n, x)].height != HEIGHT_NONE);
}

static void classes(struct grammar *g)
{
    bool border[257] = {0};

    for (uint32_t i = 0; i < g->edge_count; i++) {
        if (g->edge[i].kind == EDGE_BYTE)
            border[g->edge[i].low] = border[g->edge[i].high + 1] = true;
    }
    for (int b = 0; b < 256; b++) {
        if (b == 0 || border[b])
            g->class_byte[g->class_count++] = (uint8_t)b;
        g->class_of[b] = (uint8_t)(g->class_count - 1);
    }
}

static void fill(const struct net *n, struct grammar *g)
{
    for (uint32_t s = 0; s < n->state_count; s++) {
        g->first[s] = g->edge_count;
        g->left[s] = n->state[s].left;
        g->height[s] = n->state[s].height;
        g->flags[s] = n->state[s].accept ? STATE_ACCEPT : 0;
        for (uint32_t i = n->state[s].edges; i; i = n->edge[i - 1].next) {
            if (!leads_on(n, &n->edge[i - 1]))
                continue;
            g->edge[g->edge_count++] = n->edge[i - 1];
            if (n->edge[i - 1].kind == EDGE_BYTE)
                g->flags[s] |= STATE_READS;
        }
    }
    g->first[n->state_count] = g->edge_count;
    for (uint32_t i = 0; i < n->rule_count; i++)
        g->rule_start[i] = n->rule[i].start;
}

int net_compile(struct net *n, uint32_t rule, struct grammar **out)
{
    if (n->rc == 0 && !heights(n))
        return net_fail(n, ERR_NOMEM, "no memory for the schema");
    if (n->rc < 0)
        return n->rc;
    if (n->state[n->rule[rule].start].height == HEIGHT_NONE)
        return net_fail(n, ERR_INVALID, "no value fits the schema: what it requires excludes itself, or refers to itself without end");
    struct grammar *g = new0(struct grammar);
    if (!g)
        return net_fail(n, ERR_NOMEM, "no memory for the schema");
    g->state_count = n->state_count;
    g->rule_count = n->rule_count;
    g->start = n->rule[rule].start;
    g->char_start = n->rule_char ? n->rule[n->rule_char].start : 0;
    g->first = new0_array(uint32_t, (size_t)n->state_count + 1);
    g->edge = new0_array(struct net_edge, (size_t)n->edge_count + 1);
    g->left = new0_array(uint32_t, n->state_count);
    g->height = new0_array(uint16_t, n->state_count);
    g->flags = new0_array(uint8_t, n->state_count);
    g->rule_start = new0_array(uint32_t, n->rule_count);
    if (!g->first || !g->edge || !g->left || !g->height || !g->flags || !g->rule_start) {
        grammar_free(g);
        return net_fail(n, ERR_NOMEM, "no memory for the schema");
    }
    fill(n, g);
    classes(g);
    *out = g;
    return 0;
}

void grammar_free(struct grammar *g)
{
    if (!g)
        return;
    mem_free(g->first);
    mem_free(g->edge);
    mem_free(g->left);
    mem_free(g->height);
    mem_free(g->flags);
    mem_free(g->rule_start);
    mem_free(g);
}

size_t grammar_bytes(const struct grammar *g)
{
    return sizeof *g + g->state_count * (2 * sizeof(uint32_t) + sizeof(uint16_t) + 1) + g->edge_count * sizeof *g->edge +
           g->rule_count * sizeof(uint32_t);
}
