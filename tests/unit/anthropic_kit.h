/* anthropic_kit.h: what the tests of Anthropic's requests share: a conversation as text, one made by hand, both ways. */
#pragma once
#include "test.h"
#include "wire/codec.h"
#include "wire/models.h"

/* --- a conversation as text --------------------------------------------------------------------------------------- */

static inline void put(struct buf *b, const char *label, struct str s)
{
    if (s.len)
        (void)buf_append_format(b, "%s%.*s", label, STR_FMT(s));
}

static inline void dump_parts(struct buf *b, const struct part *p)
{
    static const char *const kinds[] = {"text",   "image",     "audio",  "file",    "call",
                                        "result", "reasoning", "hidden", "refusal", "opaque"};
    static const char *const sources[] = {"", " base64", " url", " id", " text"};
    for (; p; p = p->next) {
        (void)buf_append_format(b, " [%s%s", kinds[p->kind], sources[p->source]);
        put(b, " ", p->text);
        put(b, " ", p->media_type);
        put(b, " ", p->data);
        put(b, " title=", p->title);
        put(b, " id=", p->id);
        put(b, " name=", p->name);
        put(b, " args=", p->arguments);
        put(b, " sig=", p->signature);
        put(b, " cache=", p->cache);
        if (p->failed)
            put(b, " failed", STR(" "));
        if (p->foreign)
            put(b, " foreign", STR(" "));
        dump_parts(b, p->content);
        (void)buf_append_text(b, "]");
    }
}

static inline void dump(struct buf *b, const struct chat *c)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant"};
    for (const struct message *m = c->message; m; m = m->next) {
        (void)buf_append_format(b, "%s:", roles[m->role]);
        dump_parts(b, m->part);
        (void)buf_append_text(b, "\n");
    }
}

static struct arena arena = ARENA_INIT(64 * MiB);

static inline void reset(void)
{
    arena_fini(&arena);
    arena = ARENA_INIT(64 * MiB);
}

static inline int read_request(struct chat *c, const char *body, struct err *e)
{
    *c = (struct chat){.arena = &arena};
    return codec_anthropic.request_read(c, WIRE_CHAT, str_from(body), e);
}

/* --- a conversation made, and written ---------------------------------------------------------------------------- */

static struct lost lost;

static inline struct str lost_text(struct buf *b)
{
    for (int i = 0; i < lost.count; i++)
        (void)buf_append_format(b, "%s%.*s", i ? "," : "", STR_FMT(lost.name[i]));
    return b->len ? buf_str(b) : STR("");
}

static inline int write_chat(const struct chat *c, const char *model, const struct model_row *fact, struct buf *out,
                             struct err *e)
{
    struct chat_write w = {.op = WIRE_CHAT, .model = str_from(model), .fact = fact, .arena = &arena, .lost = &lost};
    lost = (struct lost){0};
    buf_clear(out);
    int rc = codec_anthropic.request_write(c, &w, out, e);
    if (rc == 0)
        EXPECT(json_check(buf_str(out), NULL) == 0);
    return rc;
}

static inline void chat_begin(struct chat *c)
{
    *c = (struct chat){.arena = &arena, .from = DIALECT_OPENAI, .max_tokens = -1, .budget = -1, .choices = 1};
}

static inline struct part *say(struct chat *c, enum chat_role role, enum part_kind kind, const char *text)
{
    struct message *m = chat_message_add(c, role);
    struct part *p = m ? chat_part_add(c, &m->part, kind) : NULL;
    if (p)
        p->text = str_from(text);
    return p;
}

static inline struct part *also(struct chat *c, enum part_kind kind, const char *text)
{
    struct part *p = chat_part_add(c, &c->last_message->part, kind);
    if (p)
        p->text = str_from(text);
    return p;
}

static inline void call(struct part *p, const char *id, const char *name, const char *arguments)
{
    p->id = str_from(id);
    p->name = str_from(name);
    p->arguments = str_from(arguments);
}

static inline void result(struct chat *c, struct part *p, const char *id, const char *text)
{
    p->id = str_from(id);
    struct part *inner = chat_part_add(c, &p->content, PART_TEXT);
    if (inner)
        inner->text = str_from(text);
}

/* The part of `body` from `from` to the end of that member's value. */
static inline struct str member_of(const struct buf *body, const char *name)
{
    static struct arena a = ARENA_INIT(MiB);
    struct json_node *root;
    arena_fini(&a);
    a = ARENA_INIT(MiB);
    if (json_parse(&a, buf_str(body), &root, NULL))
        return STR("no JSON");
    const struct json_node *n = json_get(root, name);
    return n ? n->text : STR("");
}
