/* responses_request_priv.h: what the readers of a Responses request's members share: the request under way, and values. */
#pragma once
#include "wire/responses_priv.h"

struct request {
    struct chat *c;
    struct err *e;
    struct str input;
};

static inline int no_memory(struct request *r)
{
    return err_set(r->e, ERR_NOMEM, "out of memory while reading the request");
}

/* --- values ------------------------------------------------------------------------------------------------------------------- */

static inline int text_read(struct request *r, const char *name, struct str raw, struct str *out)
{
    if (raw.ptr[0] != '"')
        return err_set(r->e, ERR_INVALID, "%s must be a string", name);
    struct str text = json_unescape_arena(str_slice(raw, 1, raw.len - 1), r->c->arena);
    if (!text.ptr)
        return no_memory(r);
    *out = text;
    return 0;
}

static inline int bool_read(struct request *r, const char *name, struct str raw, bool *out)
{
    if (!str_eq(raw, STR("true")) && !str_eq(raw, STR("false")))
        return err_set(r->e, ERR_INVALID, "%s must be true or false", name);
    *out = raw.ptr[0] == 't';
    return 0;
}

static inline int number_read(struct request *r, const char *name, struct str raw, struct str *out)
{
    double d;
    if (!json_to_double(raw, &d))
        return err_set(r->e, ERR_INVALID, "%s must be a number", name);
    *out = raw;
    return 0;
}

static inline int tree_read(struct request *r, const char *name, enum json_type type, struct str raw, const struct json_node **out)
{
    struct json_node *node;
    int rc = json_parse(r->c->arena, raw, &node, r->e);
    if (rc)
        return rc;
    if (node->type != type)
        return err_set(r->e, ERR_INVALID, "%s must be %s", name, type == JSON_OBJECT ? "an object" : "an array");
    *out = node;
    return 0;
}

static inline int extra(struct request *r, struct str name, struct str raw)
{
    return raw.ptr && name.ptr && chat_extra_add(r->c, name, raw) ? 0 : no_memory(r);
}

int responses_tools_read(struct request *r, const char *name, struct str raw);
int responses_choice_read(struct request *r, const char *name, struct str raw);
int responses_text_read(struct request *r, const char *name, struct str raw);
int responses_reasoning_read(struct request *r, const char *name, struct str raw);
