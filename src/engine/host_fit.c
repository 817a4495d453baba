/* host_fit.c: a conversation that is too long for the context, when its author would rather lose its beginning than get an error.
 *
 * What is left out is whole turns, the oldest first: a user's message with all that followed until the user spoke again, so that no
 * result of a tool stands without its call, and what is left begins as a conversation does. System messages stay, and the last turn. */
#include "engine/host_priv.h"

/* Of the context, kept for an answer whose length was left open. */
enum { ANSWER_SHARE = 4 };

static bool is_system(const struct json_node *message)
{
    struct str role = json_get_text(message, "role");
    return str_eq(role, STR("system")) || str_eq(role, STR("developer"));
}

static bool is_user(const struct json_node *message)
{
    return str_eq(json_get_text(message, "role"), STR("user"));
}

/* Walks the messages by their turns, from 0; system messages belong to none. */
struct walk {
    size_t turns;
    bool user; /* the last one was a user's */
};

static bool begins_turn(struct walk *w, const struct json_node *message)
{
    bool begins = w->turns == 0 || (is_user(message) && !w->user);
    w->user = is_user(message);
    w->turns += begins;
    return begins;
}

static size_t count_turns(const struct json_node *messages)
{
    struct walk w = {0};
    for (const struct json_node *m = messages->child; m; m = m->next)
        if (!is_system(m))
            (void)begins_turn(&w, m);
    return w.turns;
}

/* The messages without the first `drop` turns, in the rendering's arena. */
static struct json_node *without(struct arena *a, const struct json_node *messages, size_t drop)
{
    struct json_node *list = arena_new(a, struct json_node), **end = list ? &list->child : NULL;
    struct walk w = {0};
    if (!list)
        return NULL;
    list->type = JSON_ARRAY;
    for (const struct json_node *m = messages->child; m; m = m->next) {
        if (!is_system(m) && (begins_turn(&w, m), w.turns <= drop))
            continue;
        struct json_node *copy = arena_new(a, struct json_node);
        if (!copy)
            return NULL;
        *copy = *m;
        copy->next = NULL;
        *end = copy;
        end = &copy->next;
        list->count++;
    }
    return list;
}

static int render_without(struct host *h, const struct host_request *r, struct host_call *c, struct host_rendering *g, size_t drop, struct err *e)
{
    arena_fini(&g->arena);
    g->messages = without(&g->arena, r->messages, drop);
    return g->messages ? host_render(h, r, c, g, e) : err_set(e, ERR_NOMEM, "messages");
}

static bool fits(const struct host *h, const struct host_request *r, const struct host_call *c)
{
    size_t answer = r->answer_max ? r->answer_max : h->context_max / ANSWER_SHARE;
    return c->prompt.count < h->context_max && answer <= h->context_max - c->prompt.count;
}

/* Fewer messages are fewer tokens, so the least number of turns to leave out is found by halving. */
int host_fit(struct host *h, const struct host_request *r, struct host_call *c, struct host_rendering *g, struct err *e)
{
    if (fits(h, r, c))
        return 0;
    size_t whole = c->prompt.count, turns = count_turns(r->messages), least = 1, most = turns ? turns - 1 : 0, now = 0;
    int rc = 0;
    while (least < most && rc == 0) {
        now = least + (most - least) / 2;
        rc = render_without(h, r, c, g, now, e);
        if (rc == 0 && fits(h, r, c))
            most = now;
        else
            least = now + 1;
    }
    if (rc == 0 && now != most)
        rc = render_without(h, r, c, g, most, e);
    c->dropped = whole > c->prompt.count ? whole - c->prompt.count : 0;
    return rc; /* whether it fits now is checked by whoever checks the others */
}
