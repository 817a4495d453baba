/* translate_embed.c: embeddings whose client and upstream do not speak the same dialect; as translate.c does it for conversations. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"

enum { VECTORS_ARENA_MAX = 64 * 1024 * 1024 }; /* texts and vectors as lists; the bytes themselves are borrowed */

/* What the client asks to have embedded; read when it is first needed. */
static int need_embed(struct mesh_call *c, struct err *e)
{
    if (c->embed)
        return 0;
    c->chat_arena = ARENA_INIT(4 * c->ask.body.len + VECTORS_ARENA_MAX);
    struct embed *m = arena_new(&c->chat_arena, struct embed);
    if (!m)
        return err_set(e, ERR_NOMEM, "out of memory");
    *m = (struct embed){.arena = &c->chat_arena, .dimensions = -1};
    int rc = embed_read(m, c->ask.dialect, c->ask.op, c->ask.body, e);
    if (rc == 0) {
        chat_extra_drop(&m->extra, STR("hearth")); /* said to us */
        c->embed = m;
    }
    return rc;
}

int translate_embed_read(struct mesh_call *c, struct err *e)
{
    int rc = need_embed(c, e);
    if (rc == 0)
        embed_facts(c->embed, &c->facts);
    return rc;
}

int translate_embed_request(struct attempt *a, const struct chat_write *w, struct err *e)
{
    int rc = need_embed(a->call, e);
    return rc ? rc : embed_write(a->call->embed, a->face, w, &a->translation->request, e);
}

int translate_embed_whole(struct attempt *a, struct wire_answer *out)
{
    struct translation *t = a->translation;
    t->vectors = (struct embed_answer){.arena = &t->arena, .usage = {.cost_nusd = -1}};
    int rc = embed_answer_read(&t->vectors, a->face, buf_str(&a->held), NULL);
    if (rc < 0)
        return rc;
    bool there = t->vectors.count > 0;
    *out = (struct wire_answer){.has_error = t->vectors.has_error, .has_choices = there, .has_content = there,
                                .choice_count = (int64_t)t->vectors.count, .has_usage = t->vectors.has_usage, .usage = t->vectors.usage};
    return 0;
}

int translate_embed_write(struct attempt *a)
{
    struct translation *t = a->translation;
    t->vectors.model = a->call->facts.model;
    t->vectors.elapsed_us = loop_now_us(a->call->ml->loop) - a->call->begin_us;
    if (!t->vectors.has_usage)
        t->vectors.usage = (struct usage){.input = a->call->facts.tokens_estimated, .cost_nusd = -1};
    t->vectors.has_usage = true;
    return embed_answer_write(&t->vectors, a->call->embed, &t->out);
}
