/* host_answer.c: from logits to what is said: mask, pick, characters, stop strings, reasoning and calls of tools. */
#include "engine/host_priv.h"

void host_say(struct host_call *c, const struct host_event *event)
{
    c->sink.event(c->sink.ctx, event);
}

int host_on_answer(void *call, const struct answer_event *a)
{
    static const enum host_said said[] = {[ANSWER_TEXT] = HOST_SAID_TEXT, [ANSWER_REASONING] = HOST_SAID_REASONING, [ANSWER_CALL_BEGIN] = HOST_SAID_CALL,
                                          [ANSWER_CALL_ARGUMENTS] = HOST_SAID_ARGUMENTS, [ANSWER_CALL_END] = HOST_SAID_CALL_END};
    struct host_call *c = call;
    if (c->one_call && c->call_over)
        return 0;
    c->called = c->called || a->kind == ANSWER_CALL_BEGIN;
    c->call_over = c->call_over || a->kind == ANSWER_CALL_END;
    /* The token that ended the reasoning may have begun the answer too: the form has not seen that yet. */
    if (c->run && c->reasoning && a->kind == ANSWER_TEXT) {
        int rc = grammar_advance(c->run, a->text, &c->error);
        if (rc < 0)
            return rc;
    }
    host_say(c, &(struct host_event){.said = said[a->kind], .text = a->text, .call = a->call, .broken = a->broken});
    return 0;
}

static int32_t finish(struct host_call *c, enum host_finish how)
{
    c->finished = true;
    c->finish = how;
    return -1;
}

static int32_t fail(struct host_call *c)
{
    return finish(c, HOST_FAILED);
}

/* Characters to the stop strings, and what is safe to the parser. */
static int pass_on(struct host_call *c)
{
    int rc = stop_feed(&c->stop, buf_str(&c->text), &c->safe);
    buf_clear(&c->text);
    if (rc == 0 && c->safe.len)
        rc = answer_feed(c->parser, buf_str(&c->safe));
    buf_clear(&c->safe);
    if (rc < 0 && !c->error.code)
        (void)err_set(&c->error, rc, "the answer cannot be held in memory");
    c->reasoning = c->reasoning && answer_reasons(c->parser);
    return rc;
}

int host_flush(struct host_call *c)
{
    if (c->kind == HOST_EMBED || c->finish == HOST_CANCELLED)
        return 0;
    int rc = detokenizer_finish(&c->detokenizer, &c->text), end;
    if (rc == 0 && c->stop.matched < 0) {
        rc = pass_on(c);
        if (rc == 0)
            rc = stop_flush(&c->stop, &c->safe);
        if (rc == 0 && c->safe.len)
            rc = answer_feed(c->parser, buf_str(&c->safe));
    }
    buf_clear(&c->safe);
    end = answer_finish(c->parser); /* what is open is closed, also when something is missing */
    rc = rc < 0 ? rc : end;
    if (rc < 0 && !c->error.code)
        (void)err_set(&c->error, rc, "the end of the answer cannot be held in memory");
    return rc;
}

/* Control tokens are no text, but for the marks that the parser reads. */
static bool is_mark(const struct host_call *c, struct str piece)
{
    static const struct str marks[] = {{"<|python_tag|>", 14}, {"<tool_call>", 11}, {"</tool_call>", 12}, {"[TOOL_CALLS]", 12}, {"[ARGS]", 6}, {"[CALL_ID]", 9}};
    for (size_t i = 0; c->tools && i < COUNT_OF(marks); i++)
        if (str_eq(piece, marks[i]))
            return true;
    return (c->think_open && str_eq(piece, str_from(c->think_open))) || (c->think_close && str_eq(piece, str_from(c->think_close)));
}

static int pick(struct host_call *c, const float *logits, struct sampler_choice *choice)
{
    struct host *h = c->host;
    const uint64_t *mask = NULL;
    if (c->run && !c->reasoning) {
        if (grammar_mask(c->run, h->mask, &c->error) < 0)
            return -1;
        mask = h->mask;
    }
    if (sampler_pick(c->sampler, h->room, logits, mask, choice, &c->error) < 0)
        return -1;
    sampler_accept(c->sampler, choice->token);
    return 0;
}

int32_t host_next(void *call, const float *logits)
{
    struct host_call *c = call;
    struct sampler_choice choice;
    if (atomic_load(&c->cancel))
        return finish(c, HOST_CANCELLED);
    if (pick(c, logits, &choice) < 0)
        return fail(c);
    int32_t token = (int32_t)choice.token;
    const struct tokenizer *t = c->host->tokenizer;
    if (tokenizer_is_end(t, token))
        return finish(c, c->called ? HOST_CALLS : HOST_STOP);
    struct str piece = tokenizer_piece(t, token);
    c->answered++;
    if (c->run && !c->reasoning && grammar_advance(c->run, piece, &c->error) < 0)
        return fail(c);
    if (c->logprobs)
        host_say(c, &(struct host_event){.said = HOST_SAID_TOKEN, .text = piece, .choice = &choice});
    c->detokenizer.special = is_mark(c, piece);
    if (detokenizer_push(&c->detokenizer, token, &c->text) < 0) {
        (void)err_set(&c->error, ERR_NOMEM, "the answer cannot be held in memory");
        return fail(c);
    }
    if (pass_on(c) < 0)
        return fail(c);
    if (c->stop.matched >= 0)
        return finish(c, HOST_STOP);
    return c->one_call && c->call_over ? finish(c, HOST_CALLS) : token;
}
