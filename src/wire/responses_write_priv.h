/* responses_write_priv.h: what the two halves of the writer of Responses requests share: the request under way. */
#pragma once
#include "wire/responses_priv.h"

struct id_list {
    struct str *at;
    size_t count;
};
struct upstream {
    const struct chat *c;
    const struct chat_write *w;
    struct json_writer j;
    struct err *e;
    bool same; /* the client speaks this dialect, too */
    struct id_list called, answered; /* ids of all calls and of all results, in order; empty for a client of this dialect */
};

static inline int no_memory(struct upstream *u)
{
    return err_set(u->e, ERR_NOMEM, "out of memory while writing the request");
}

static inline void key_str(struct upstream *u, const char *key, struct str value)
{
    json_key(&u->j, key);
    json_str(&u->j, value);
}

static inline void key_raw(struct upstream *u, const char *key, struct str raw)
{
    json_key(&u->j, key);
    json_raw(&u->j, raw);
}

/* Of a tool, as the upstream takes it. */
static inline int tool_name_write(struct upstream *u, struct str name)
{
    struct str fitting = tool_name_fit(tool_names_of(DIALECT_RESPONSES, u->c->from, u->w->vendor), name, u->w->arena);
    key_str(u, "name", fitting);
    return fitting.ptr || !name.ptr ? 0 : no_memory(u);
}

static inline void begin_of_type(struct upstream *u, const char *type)
{
    json_object_begin(&u->j);
    json_key(&u->j, "type");
    json_text(&u->j, type);
}

static inline int cannot(struct upstream *u, const char *field)
{
    return codec_cannot(&codec_responses, u->w, str_from(field), u->e);
}

/* The client's own member of that name, as it stood. */
static inline struct str own(const struct upstream *u, const char *name)
{
    for (const struct chat_member *m = u->same ? u->c->own : NULL; m; m = m->next)
        if (str_eq(m->name, str_from(name)))
            return str_eq(m->value, STR("null")) ? STR_NONE : m->value;
    return STR_NONE;
}

static inline bool has_own(const struct upstream *u, const char *name)
{
    return own(u, name).len > 0;
}

int responses_input_write(struct upstream *u); /* the member `input` */
