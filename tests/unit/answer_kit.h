/* answer_kit.h: what the tests of the answer parser and its fuzzer share: the events of an answer as one line of text. */
#pragma once
#include "engine/answer_parse.h"

/* T(text) R(reasoning) C0:name A0(arguments) E0 or X0 (broken); neighbours of one kind are one. */
struct answer_log {
    struct buf text; /* owned */
    int last;        /* kind of the last event, -1 at the start */
};
#define ANSWER_LOG_INIT(bytes_max) ((struct answer_log){.text = BUF_INIT(bytes_max), .last = -1})

static inline void answer_log_close(struct answer_log *l)
{
    if (l->last == ANSWER_TEXT || l->last == ANSWER_REASONING || l->last == ANSWER_CALL_ARGUMENTS)
        (void)buf_append_char(&l->text, ')');
    l->last = -1;
}

static inline int answer_log_event(void *ctx, const struct answer_event *ev)
{
    struct answer_log *l = ctx;
    bool runs = ev->kind == ANSWER_TEXT || ev->kind == ANSWER_REASONING || ev->kind == ANSWER_CALL_ARGUMENTS;
    int rc = 0;

    if (!runs || l->last != (int)ev->kind) {
        answer_log_close(l);
        switch (ev->kind) {
        case ANSWER_TEXT: rc = buf_append_text(&l->text, "T("); break;
        case ANSWER_REASONING: rc = buf_append_text(&l->text, "R("); break;
        case ANSWER_CALL_BEGIN: rc = buf_append_format(&l->text, "C%u:", ev->call); break;
        case ANSWER_CALL_ARGUMENTS: rc = buf_append_format(&l->text, "A%u(", ev->call); break;
        case ANSWER_CALL_END: rc = buf_append_format(&l->text, "%c%u", ev->broken ? 'X' : 'E', ev->call); break;
        }
    }
    l->last = (int)ev->kind;
    return rc < 0 ? rc : buf_append(&l->text, ev->text);
}

/* In pieces of `piece` bytes (0: whole). */
static inline int answer_log_run(const struct answer_options *o, struct str bytes, size_t piece, struct answer_log *l)
{
    struct answer_parser *p;
    struct answer_options mine = *o;

    mine.on_event = answer_log_event;
    mine.ctx = l;
    int rc = answer_parser_new(&p, &mine, NULL);
    if (rc < 0)
        return rc;
    for (size_t at = 0; at < bytes.len && rc == 0; at += piece ? piece : bytes.len)
        rc = answer_feed(p, str_slice(bytes, at, piece ? at + piece : bytes.len));
    if (rc == 0)
        rc = answer_finish(p);
    answer_parser_free(p);
    answer_log_close(l);
    return rc;
}
