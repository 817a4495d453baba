/* ollama_kit.h: what the tests of Ollama's dialect and its fuzzer share: a conversation as text, to compare two of them. */
#pragma once
#include "wire/codec.h"

static inline void kit_field(struct buf *b, const char *name, struct str value)
{
    if (value.len)
        (void)buf_append_format(b, " %s=%.*s", name, STR_FMT(value));
}

static inline void kit_parts(struct buf *b, const struct part *list, struct arena *a)
{
    static const char *const kinds[] = {"text",   "image",     "audio",  "file",    "call",
                                        "result", "reasoning", "hidden", "refusal", "opaque"};
    for (const struct part *p = list; p; p = p->next) {
        (void)buf_append_format(b, " [%s", kinds[p->kind]);
        kit_field(b, "id", p->id);
        kit_field(b, "name", p->name);
        kit_field(b, "type", p->media_type);
        kit_field(b, "data", p->data);
        kit_field(b, "text", p->text);
        if (p->kind == PART_CALL)
            kit_field(b, "arguments", chat_arguments_object(p->arguments, a));
        kit_parts(b, p->content, a);
        (void)buf_append_text(b, "]");
    }
}

/* All that Ollama's dialect can say of it. */
static inline void kit_chat(struct buf *b, const struct chat *c, struct arena *a)
{
    static const char *const roles[] = {"system", "system", "user", "assistant"};
    (void)buf_append_format(b, "model=%.*s stream=%d", STR_FMT(c->model), c->stream);
    for (const struct message *m = c->message; m; m = m->next) {
        (void)buf_append_format(b, "\n%s:", roles[m->role]);
        kit_parts(b, m->part, a);
    }
    for (const struct tool *t = c->tool; t; t = t->next) {
        (void)buf_append_format(b, "\ntool %.*s", STR_FMT(t->name));
        kit_field(b, "about", t->description);
        kit_field(b, "schema", t->schema.len ? t->schema : STR("{\"type\":\"object\",\"properties\":{}}"));
        kit_field(b, "opaque", t->opaque);
    }
    (void)buf_append_format(b, "\nmax=%lld format=%d effort=%d thinks=%d show=%d raw=%d", (long long)c->max_tokens,
                            c->format, c->effort, c->thinks, c->show_reasoning, c->raw_prompt);
    kit_field(b, "temperature", c->temperature);
    kit_field(b, "top_p", c->top_p);
    kit_field(b, "top_k", c->top_k);
    kit_field(b, "min_p", c->min_p);
    kit_field(b, "seed", c->seed);
    kit_field(b, "presence", c->presence_penalty);
    kit_field(b, "frequency", c->frequency_penalty);
    kit_field(b, "repeat", c->repeat_penalty);
    kit_field(b, "schema", c->schema);
    kit_field(b, "suffix", c->suffix);
    for (const struct chat_text *t = c->stop; t; t = t->next)
        (void)buf_append_format(b, " stop=\"%.*s\"", STR_FMT(t->text));
    for (int i = 0; i < 2; i++) /* of options first: they have no place among the others */
        for (const struct chat_member *m = c->extra; m; m = m->next)
            if (str_starts(m->name, STR("options.")) == (i == 0))
                (void)buf_append_format(b, "\nextra %.*s=%.*s", STR_FMT(m->name), STR_FMT(m->value));
}
