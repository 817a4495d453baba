/* matrix_kit.h: what the matrix of dialects and its fuzzer share: the targets, and the calls of a conversation as text. */
#pragma once
#include "wire/codec.h"
#include "wire/models.h"

struct matrix_target {
    const char *name, *vendor, *model;
    enum dialect dialect;
};
static const struct matrix_target matrix_targets[] = {
    {"openai: any compatible server", NULL, "m", DIALECT_OPENAI},
    {"openai: gpt-5.4-mini", "openai", "gpt-5.4-mini", DIALECT_OPENAI},
    {"openai: deepseek-v4-pro", "deepseek", "deepseek-v4-pro", DIALECT_OPENAI},
    {"responses: gpt-6-luna", "openai", "gpt-6-luna", DIALECT_RESPONSES},
    {"anthropic: claude-sonnet-5-5", "anthropic", "claude-sonnet-5-5", DIALECT_ANTHROPIC},
    {"anthropic: claude-haiku-4-5", "anthropic", "claude-haiku-4-5", DIALECT_ANTHROPIC},
    {"ollama: llama3.1:8b", "ollama", "llama3.1:8b", DIALECT_OLLAMA},
};

static inline int matrix_read(struct chat *c, struct arena *a, enum dialect from, enum wire_op op, struct str body, struct err *e)
{
    *c = (struct chat){.arena = a, .from = from, .max_tokens = -1, .budget = -1, .choices = 1};
    return codec_of(from)->request_read(c, op, body, e);
}

static inline int matrix_write(const struct chat *c, const struct matrix_target *t, struct lost *lost, struct buf *out, struct err *e)
{
    struct str model = str_from(t->model);
    struct chat_write w = {.op = WIRE_CHAT, .model = model, .arena = c->arena, .lost = lost};
    w.vendor = t->vendor ? vendor_find(str_from(t->vendor)) : NULL;
    w.fact = t->vendor ? model_find(str_from(t->vendor), model) : NULL;
    *lost = (struct lost){.count = 0};
    return codec_request_write(codec_of(t->dialect), c, &w, out, e);
}

/* --- what a conversation says ------------------------------------------------------------------------------------------------- */

static inline const struct part *matrix_result(const struct chat *c, struct str id)
{
    for (const struct message *m = c->message; m; m = m->next)
        for (const struct part *p = m->part; p; p = p->next)
            if (p->kind == PART_RESULT && str_eq(p->id, id))
                return p;
    return NULL;
}

/* Calls, each with what came of it: results may stand in any order. */
static inline void matrix_calls(struct buf *b, const struct chat *c)
{
    for (const struct message *m = c->message; m; m = m->next) {
        for (const struct part *p = m->part; p; p = p->next) {
            if (p->kind != PART_CALL)
                continue;
            (void)buf_append_format(b, "call %.*s %.*s %.*s\n", STR_FMT(p->id), STR_FMT(p->name),
                                    STR_FMT(chat_arguments_object(p->arguments, c->arena)));
            (void)buf_append_text(b, matrix_result(c, p->id) ? "has a result\n" : "has none\n");
        }
    }
}
