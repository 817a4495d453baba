/* answer_parse.h: what a model says, taken apart while it speaks: reasoning, text, calls of tools.
 *
 * Bytes go in as the detokenizer gives them, control tokens rendered as text, cut anywhere; events come out, the same ones (up to
 * where a text is cut) whatever the cuts. Held back is only what may still turn out to be a marker: its beginning, and white
 * space before it. Markers and the white space around them are form and do not come out; everything else does:
 *   - a call comes out once its name is known and its arguments begin; what does not get that far (broken JSON, no name) is given
 *     back as text, marker and all;
 *   - if the arguments then break, the call ends as `broken`, and what follows is text.
 *
 *   Llama 3    {"name": "f", "parameters": {…}}   at the beginning, the name being one of the tools'; or behind <|python_tag|>
 *   Hermes     <tool_call>{"name": "f", "arguments": {…}}</tool_call>
 *   Mistral    [TOOL_CALLS][{"name": "f", "arguments": {…}}, …]   or   [TOOL_CALLS]f[ARGS]{…}
 *
 * One parser per answer and thread. Errors: ERR_NOMEM, and what `on_event` answers. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "engine/chat_prompt.h"

#define ANSWER_CALL_BYTES_MAX (1 * MiB) /* of one call; longer ones are broken */

enum answer_event_kind { ANSWER_TEXT, ANSWER_REASONING, ANSWER_CALL_BEGIN, ANSWER_CALL_ARGUMENTS, ANSWER_CALL_END };

struct answer_event {
    enum answer_event_kind kind;
    struct str
        text; /* of TEXT, REASONING and ARGUMENTS (raw JSON); of BEGIN the function's name; valid during the callback */
    uint32_t call; /* counts the calls, from 0 */
    bool broken;   /* END: its arguments are not a whole JSON object */
};
/* 0, or a negative code, which ends the feeding and is its result. */
typedef int answer_fn(void *ctx, const struct answer_event *event);

struct answer_options {
    const char *think_open, *think_close; /* as struct chat_prompt has them; NULL: none */
    bool thinking;                        /* it begins inside of them */
    enum chat_calls calls;                /* CHAT_CALLS_NONE unless the request has tools */
    const struct str *tool;               /* their names; must outlive the parser */
    size_t tool_count;
    answer_fn *on_event;
    void *ctx;
};

struct answer_parser;

int answer_parser_new(struct answer_parser **out, const struct answer_options *o, struct err *e);
void answer_parser_free(struct answer_parser *p);
int answer_feed(struct answer_parser *p, struct str bytes);
/* What comes next still belongs to the reasoning. */
bool answer_reasons(const struct answer_parser *p);
/* The model has stopped, for whatever reason: what was held back comes out. */
int answer_finish(struct answer_parser *p);
