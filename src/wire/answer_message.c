/* answer_message.c: what one message or delta says (hot path of streams).
 *
 * Whether something was said decides when an answer is committed to, so only what a client could see counts: not a
 * role, not an empty string, not an empty list. */
#include "wire/answer_priv.h"

static void value_skip(struct answer_reader *r)
{
    json_skip(&r->scan, NULL);
}

static void text_count(struct answer_reader *r, struct str text, bool escaped)
{
    if (text.len == 0)
        return;
    r->out->has_content = true;
    r->out->content_bytes += (int64_t)text.len;
    if (r->estimate)
        r->out->tokens_estimated += tokens_estimate(text, escaped);
}

/* A string that is part of what was generated; null and other types are not. */
static struct str text_read(struct answer_reader *r)
{
    struct str raw = STR_NONE;

    if (json_peek(&r->scan) != JSON_STRING)
        value_skip(r);
    else if (json_string(&r->scan, &raw))
        text_count(r, raw, true);
    return raw;
}

/* Arguments are a string that holds JSON; sloppy servers send the object itself. */
static void arguments_read(struct answer_reader *r)
{
    struct str raw;

    if (json_peek(&r->scan) != JSON_OBJECT)
        (void)text_read(r);
    else if (json_skip(&r->scan, &raw))
        text_count(r, raw, false);
}

/* Each member of an object; what is no object is stepped over. */
static void members_read(struct answer_reader *r, void (*member)(struct answer_reader *r, struct str key))
{
    struct str key;

    if (!answer_object_enter(r))
        return;
    while (json_member(&r->scan, &key))
        member(r, key);
}

/* Each member of each object of a list. */
static void objects_read(struct answer_reader *r, void (*member)(struct answer_reader *r, struct str key))
{
    if (!answer_array_enter(r))
        return;
    while (json_element(&r->scan))
        members_read(r, member);
}

static void parts_read(struct answer_reader *r);

/* Some send content, and reasoning inside it, as a list of parts. */
static void part_member(struct answer_reader *r, struct str key)
{
    if (json_key_is(key, STR("text")))
        (void)text_read(r);
    else if (json_key_is(key, STR("thinking")))
        parts_read(r);
    else
        value_skip(r);
}

/* Recursion is bounded by the scan's depth limit. */
static void parts_read(struct answer_reader *r)
{
    if (json_peek(&r->scan) == JSON_STRING)
        (void)text_read(r);
    else
        objects_read(r, part_member);
}

void answer_content_read(struct answer_reader *r)
{
    if (json_peek(&r->scan) != JSON_STRING) {
        parts_read(r);
        return;
    }
    struct str raw = text_read(r);
    if (r->keep_content && r->out->choice_count == 1)
        r->out->content = raw;
}

/* A function or custom tool; its name begins it, its arguments follow in pieces. */
static void function_member(struct answer_reader *r, struct str key)
{
    if (json_key_is(key, STR("name")))
        (void)text_read(r);
    else if (json_key_is(key, STR("arguments")) || json_key_is(key, STR("input")))
        arguments_read(r);
    else
        value_skip(r);
}

static void tool_call_member(struct answer_reader *r, struct str key)
{
    if (json_key_is(key, STR("function")) || json_key_is(key, STR("custom")))
        members_read(r, function_member);
    else if (json_key_is(key, STR("id")))
        r->out->has_content |= answer_filled_skip(r);
    else
        value_skip(r);
}

/* The sound itself is not text; what was said is. */
static void audio_member(struct answer_reader *r, struct str key)
{
    if (json_key_is(key, STR("transcript")))
        (void)text_read(r);
    else if (json_key_is(key, STR("data")))
        r->out->has_content |= answer_filled_skip(r);
    else
        value_skip(r);
}

/* OpenRouter's second form of the reasoning. Its text is in `reasoning` too and is counted there; what is encrypted is
 * only here. */
static void reasoning_detail_member(struct answer_reader *r, struct str key)
{
    bool says = json_key_is(key, STR("text")) || json_key_is(key, STR("summary")) || json_key_is(key, STR("data"));
    bool filled = answer_filled_skip(r);
    r->out->has_content |= says && filled;
}

static void message_member(struct answer_reader *r, struct str key)
{
    if (json_key_is(key, STR("content")))
        answer_content_read(r);
    else if (json_key_is(key, STR("reasoning_content")) || json_key_is(key, STR("reasoning")) ||
             json_key_is(key, STR("thinking")) || json_key_is(key, STR("refusal")))
        (void)text_read(r);
    else if (json_key_is(key, STR("tool_calls")))
        objects_read(r, tool_call_member);
    else if (json_key_is(key, STR("function_call")))
        members_read(r, function_member);
    else if (json_key_is(key, STR("reasoning_details")))
        objects_read(r, reasoning_detail_member);
    else if (json_key_is(key, STR("audio")))
        members_read(r, audio_member);
    else if (json_key_is(key, STR("images")))
        r->out->has_content |= answer_filled_skip(r);
    else
        value_skip(r);
}

void answer_message_read(struct answer_reader *r)
{
    members_read(r, message_member);
}
