/* responses_kit.h: what the tests of the Responses dialect and its fuzzer share: a conversation and a stream as one line of text. */
#pragma once
#include "wire/codec.h"

static inline void kit_str(struct buf *b, const char *mark, struct str s)
{
    if (s.len)
        (void)buf_append_format(b, "%s%.*s", mark, STR_FMT(s));
}

static inline void kit_part(struct buf *b, const struct part *p)
{
    static const char *const kinds[] = {
        [PART_TEXT] = "T", [PART_IMAGE] = "I", [PART_AUDIO] = "A", [PART_FILE] = "F", [PART_CALL] = "C", [PART_RESULT] = "R",
        [PART_REASONING] = "Z", [PART_HIDDEN] = "H", [PART_REFUSAL] = "N", [PART_OPAQUE] = "O"};
    static const char *const sources[] = {
        [SOURCE_NONE] = "", [SOURCE_BASE64] = "b64:", [SOURCE_URL] = "url:", [SOURCE_ID] = "id:", [SOURCE_TEXT] = "text:"};
    (void)buf_append_format(b, "%s%s%s(", kinds[p->kind], p->custom ? "*" : "", p->failed ? "!" : "");
    kit_str(b, "", p->text);
    kit_str(b, sources[p->source], p->data);
    kit_str(b, "|type:", p->media_type);
    kit_str(b, "|title:", p->title);
    kit_str(b, "|detail:", p->detail);
    kit_str(b, "#", p->id);
    kit_str(b, "@", p->name);
    kit_str(b, "=", p->arguments);
    kit_str(b, "|seal:", p->signature);
    kit_str(b, "|phase:", p->phase);
    kit_str(b, "|raw:", p->raw);
    for (const struct part *c = p->content; c; c = c->next)
        kit_part(b, c);
    (void)buf_append_text(b, ")");
}

/* "system T(be brief)\nuser T(hi)\n" and what else was said. */
static inline void kit_chat(struct buf *b, const struct chat *c)
{
    static const char *const roles[] = {
        [ROLE_SYSTEM] = "system", [ROLE_DEVELOPER] = "developer", [ROLE_USER] = "user", [ROLE_ASSISTANT] = "assistant"};
    for (const struct message *m = c->message; m; m = m->next) {
        (void)buf_append_format(b, "%s ", roles[m->role]);
        for (const struct part *p = m->part; p; p = p->next)
            kit_part(b, p);
        (void)buf_append_text(b, "\n");
    }
    for (const struct tool *t = c->tool; t; t = t->next) {
        (void)buf_append_format(b, "tool%s %.*s", t->custom ? "*" : "", STR_FMT(t->name));
        kit_str(b, "|", t->description);
        kit_str(b, "|schema:", t->schema);
        kit_str(b, "|strict:", t->strict);
        kit_str(b, "|format:", t->format);
        kit_str(b, "|opaque:", t->opaque);
        (void)buf_append_text(b, "\n");
    }
}

static inline void kit_settings(struct buf *b, const struct chat *c)
{
    (void)buf_append_format(b, "max:%lld stream:%d choice:%d parallel:%d format:%d effort:%d show:%d n:%lld",
                            (long long)c->max_tokens, c->stream, c->choice, c->parallel, c->format, c->effort, c->show_reasoning,
                            (long long)c->choices);
    kit_str(b, " named:", c->choice_name);
    kit_str(b, " temperature:", c->temperature);
    kit_str(b, " top_p:", c->top_p);
    kit_str(b, " schema:", c->schema);
    kit_str(b, " schema_name:", c->schema_name);
    kit_str(b, " schema_strict:", c->schema_strict);
    kit_str(b, " schema_description:", c->schema_description);
    kit_str(b, " user:", c->user);
    kit_str(b, " tier:", c->tier);
    for (const struct chat_member *m = c->extra; m; m = m->next)
        (void)buf_append_format(b, " +%.*s=%.*s", STR_FMT(m->name), STR_FMT(m->value));
}

/* "begin(resp_1,m) text(Hi) call 0(call_1,f) args 0({}) finish:tools usage:10/0/5/0 end" */
static inline void kit_delta(struct buf *b, const struct delta *d)
{
    switch (d->kind) {
    case DELTA_BEGIN: (void)buf_append_format(b, "begin(%.*s,%.*s)", STR_FMT(d->id), STR_FMT(d->model)); break;
    case DELTA_TEXT: (void)buf_append_format(b, "text(%.*s)", STR_FMT(d->text)); break;
    case DELTA_REFUSAL: (void)buf_append_format(b, "refusal(%.*s)", STR_FMT(d->text)); break;
    case DELTA_REASONING: (void)buf_append_format(b, "reasoning(%.*s)", STR_FMT(d->text)); break;
    case DELTA_SIGNATURE: (void)buf_append_format(b, "seal(%.*s)", STR_FMT(d->text)); break;
    case DELTA_HIDDEN: (void)buf_append_format(b, "hidden(%.*s#%.*s)", STR_FMT(d->text), STR_FMT(d->id)); break;
    case DELTA_CALL:
        (void)buf_append_format(b, "call%s %d(%.*s,%.*s)", d->custom ? "*" : "", d->call, STR_FMT(d->id), STR_FMT(d->name));
        break;
    case DELTA_ARGUMENTS: (void)buf_append_format(b, "args %d(%.*s)", d->call, STR_FMT(d->text)); break;
    case DELTA_FINISH: (void)buf_append_format(b, "finish:%s", finish_name(d->finish)); break;
    case DELTA_USAGE:
        (void)buf_append_format(b, "usage:%lld/%lld/%lld/%lld", (long long)d->usage.input, (long long)d->usage.cached,
                                (long long)d->usage.output, (long long)d->usage.reasoning);
        break;
    case DELTA_ALIVE: (void)buf_append_text(b, "."); return;
    case DELTA_DETAIL: (void)buf_append_format(b, "detail(%.*s)", STR_FMT(d->text)); break;
    case DELTA_FAILED: (void)buf_append_text(b, "failed"); break;
    case DELTA_END: (void)buf_append_text(b, "end"); break;
    }
    (void)buf_append_text(b, " ");
}
