/* sim_faces.c: answers in the dialects that are not OpenAI's chat: Anthropic's messages, Ollama's own API, Responses. Written apart
 * from src/wire on purpose: what reads them in the tests is not what wrote them. Reference: the vendors' documents. */
#include "sim/sim_priv.h"

static void put_text(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    json_str(w, text);
}

static void put_number(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_i64(w, n);
}

static struct str arguments_of(const struct sim_answer *a)
{
    return a->step->tool_json.len ? a->step->tool_json : STR("{}");
}

static bool finishes(const struct sim_answer *a, const char *reason)
{
    return a->step->finish.ptr ? str_eq(a->step->finish, str_from(reason)) : strcmp(sim_finish(a), reason) == 0;
}

/* For whole answers `tokens` is a text, too. */
static int say_all(struct sim_answer *a)
{
    return a->step->tokens && a->text.len == 0 ? sim_tokens(a->step, 0, a->step->tokens, &a->text) : 0;
}

static int event(struct buf *out, const char *name, struct buf *data)
{
    int rc = buf_append_format(out, "event: %s\ndata: ", name);
    if (rc == 0)
        rc = buf_append(out, buf_str(data));
    buf_clear(data);
    return rc ? rc : buf_append_text(out, "\n\n");
}

/* --- Anthropic -------------------------------------------------------------------------------------------------------------- */

static const char *anthropic_stop(const struct sim_answer *a)
{
    return finishes(a, "tool_calls")       ? "tool_use"
           : finishes(a, "length")         ? "max_tokens"
           : finishes(a, "content_filter") ? "refusal"
                                           : "end_turn";
}

static void anthropic_usage(const struct sim_answer *a, struct json_writer *w, int64_t output)
{
    json_key(w, "usage");
    json_object_begin(w);
    put_number(w, "input_tokens", a->usage.input - a->usage.cached);
    put_number(w, "cache_creation_input_tokens", 0);
    put_number(w, "cache_read_input_tokens", a->usage.cached);
    put_number(w, "output_tokens", output);
    json_object_end(w);
}

static void anthropic_tool(const struct sim_answer *a, struct json_writer *w, bool whole)
{
    json_object_begin(w);
    put_text(w, "type", STR("tool_use"));
    put_text(w, "id", STR("toolu_simulated1"));
    put_text(w, "name", a->step->tool_name);
    json_key(w, "input");
    json_raw(w, whole ? arguments_of(a) : STR("{}"));
    json_object_end(w);
}

static void anthropic_message(const struct sim_answer *a, struct json_writer *w, bool whole)
{
    char id[40];
    (void)text_format(id, sizeof id, "msg_simulated%08llx", (unsigned long long)a->serial);
    json_object_begin(w);
    put_text(w, "id", str_from(id));
    put_text(w, "type", STR("message"));
    put_text(w, "role", STR("assistant"));
    put_text(w, "model", buf_str(&a->model));
    json_key(w, "content");
    json_array_begin(w);
    if (whole && a->reasoning.len) {
        json_object_begin(w);
        put_text(w, "type", STR("thinking"));
        put_text(w, "thinking", a->reasoning);
        put_text(w, "signature", STR("EqQBsimulated"));
        json_object_end(w);
    }
    if (whole && (a->text.len || a->step->refusal.len)) {
        json_object_begin(w);
        put_text(w, "type", STR("text"));
        put_text(w, "text", a->text.len ? buf_str(&a->text) : a->step->refusal);
        json_object_end(w);
    }
    if (whole && a->step->tool_name.ptr)
        anthropic_tool(a, w, true);
    json_array_end(w);
    json_key(w, "stop_reason");
    whole ? json_text(w, anthropic_stop(a)) : json_null(w);
    json_key(w, "stop_sequence");
    json_null(w);
    anthropic_usage(a, w, whole ? a->usage.output : 1);
    json_object_end(w);
}

static int anthropic_whole(struct sim_answer *a, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    int rc = say_all(a);
    anthropic_message(a, &w, true);
    return rc ? rc : json_done(&w);
}

static void begin_typed(struct json_writer *w, const char *type)
{
    json_object_begin(w);
    put_text(w, "type", str_from(type));
}

/* The kind of block that a stage belongs to; NULL: none. */
static const char *block_of(enum sim_stage stage)
{
    switch (stage) {
    case STAGE_REASONING: return "thinking";
    case STAGE_CONTENT:
    case STAGE_REFUSAL: return "text";
    case STAGE_TOOL:
    case STAGE_TOOL_ARGUMENTS: return "tool_use";
    default: return NULL;
    }
}

static int anthropic_delta(struct sim_answer *a, const char *type, const char *member, struct str text, struct buf *out)
{
    AUTO_BUF struct buf data = BUF_INIT(4 * MiB);
    struct json_writer w = JSON_WRITER(&data);
    begin_typed(&w, "content_block_delta");
    put_number(&w, "index", a->block);
    json_key(&w, "delta");
    begin_typed(&w, type);
    put_text(&w, member, text);
    json_object_end(&w);
    json_object_end(&w);
    int rc = json_done(&w);
    return rc ? rc : event(out, "content_block_delta", &data);
}

static int anthropic_close(struct sim_answer *a, struct buf *out)
{
    int rc = 0;
    if (!a->open)
        return 0;
    if (strcmp(a->open, "thinking") == 0)
        rc = anthropic_delta(a, "signature_delta", "signature", STR("EqQBsimulated"), out);
    a->open = NULL;
    if (rc == 0)
        rc = buf_append_format(out, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":%lld}\n\n",
                               (long long)a->block);
    a->block++;
    return rc;
}

static int anthropic_open(struct sim_answer *a, const char *kind, struct buf *out)
{
    AUTO_BUF struct buf data = BUF_INIT(1 * MiB);
    struct json_writer w = JSON_WRITER(&data);
    a->open = kind;
    begin_typed(&w, "content_block_start");
    put_number(&w, "index", a->block);
    json_key(&w, "content_block");
    if (strcmp(kind, "tool_use") == 0)
        anthropic_tool(a, &w, false);
    else
        json_raw(&w, strcmp(kind, "text") == 0 ? STR("{\"type\":\"text\",\"text\":\"\"}")
                                               : STR("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"));
    json_object_end(&w);
    int rc = json_done(&w);
    return rc ? rc : event(out, "content_block_start", &data);
}

static int anthropic_begin(struct sim_answer *a, struct buf *out)
{
    AUTO_BUF struct buf data = BUF_INIT(1 * MiB);
    struct json_writer w = JSON_WRITER(&data);
    begin_typed(&w, "message_start");
    json_key(&w, "message");
    anthropic_message(a, &w, false);
    json_object_end(&w);
    int rc = json_done(&w);
    if (rc == 0)
        rc = event(out, "message_start", &data);
    return rc ? rc : buf_append_text(out, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

static int anthropic_finish(struct sim_answer *a, struct buf *out)
{
    AUTO_BUF struct buf data = BUF_INIT(1 * MiB);
    struct json_writer w = JSON_WRITER(&data);
    int rc = anthropic_close(a, out);
    begin_typed(&w, "message_delta");
    json_key(&w, "delta");
    json_object_begin(&w);
    put_text(&w, "stop_reason", str_from(anthropic_stop(a)));
    json_key(&w, "stop_sequence");
    json_null(&w);
    json_object_end(&w);
    anthropic_usage(a, &w, a->usage.output);
    json_object_end(&w);
    if (rc == 0)
        rc = json_done(&w);
    return rc ? rc : event(out, "message_delta", &data);
}

static int anthropic_event(struct sim_answer *a, struct str piece, struct buf *out)
{
    const char *kind = block_of(a->stage);
    int rc = 0;
    if (a->stage == STAGE_ROLE)
        return anthropic_begin(a, out);
    if (a->stage == STAGE_FINISH)
        return anthropic_finish(a, out);
    if (a->open && (!kind || strcmp(a->open, kind) != 0))
        rc = anthropic_close(a, out);
    if (rc == 0 && kind && !a->open)
        rc = anthropic_open(a, kind, out);
    if (rc || piece.len == 0)
        return rc;
    return a->stage == STAGE_REASONING        ? anthropic_delta(a, "thinking_delta", "thinking", piece, out)
           : a->stage == STAGE_TOOL_ARGUMENTS ? anthropic_delta(a, "input_json_delta", "partial_json", piece, out)
                                              : anthropic_delta(a, "text_delta", "text", piece, out);
}

/* --- Ollama -------------------------------------------------------------------------------------------------------------------- */

static void ollama_line(struct sim_answer *a, struct json_writer *w, struct str thinking, struct str text, bool call)
{
    json_object_begin(w);
    put_text(w, "model", buf_str(&a->model));
    put_text(w, "created_at", STR("2026-10-01T08:00:00.123456789Z"));
    if (a->endpoint == EP_OLLAMA_GENERATE) {
        put_text(w, "response", text);
        if (thinking.len)
            put_text(w, "thinking", thinking);
        return;
    }
    json_key(w, "message");
    json_object_begin(w);
    put_text(w, "role", STR("assistant"));
    put_text(w, "content", text);
    if (thinking.len)
        put_text(w, "thinking", thinking);
    if (call) {
        json_key(w, "tool_calls");
        json_raw(w, STR("[{\"id\":\"call_simulated1\",\"function\":{\"index\":0,\"name\":"));
        w->comma = false;
        json_str(w, a->step->tool_name);
        json_key(w, "arguments");
        json_raw(w, arguments_of(a));
        (void)buf_append_text(w->out, "}}]");
    }
    json_object_end(w);
}

static void ollama_end(struct sim_answer *a, struct json_writer *w)
{
    json_key(w, "done");
    json_bool(w, true);
    put_text(w, "done_reason", finishes(a, "length") ? STR("length") : STR("stop"));
    put_number(w, "total_duration", 123456789);
    put_number(w, "load_duration", 1234567);
    if (!a->step->usage_off) {
        put_number(w, "prompt_eval_count", a->usage.input);
        put_number(w, "prompt_eval_duration", 12345678);
        put_number(w, "eval_count", a->usage.output);
        put_number(w, "eval_duration", 98765432);
    }
    json_object_end(w);
}

static int ollama_whole(struct sim_answer *a, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    int rc = say_all(a);
    ollama_line(a, &w, a->reasoning, buf_str(&a->text), a->step->tool_name.ptr != NULL);
    ollama_end(a, &w);
    return rc ? rc : json_done(&w);
}

static int ollama_event(struct sim_answer *a, struct str piece, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    if (a->stage == STAGE_ROLE || a->stage == STAGE_TOOL_ARGUMENTS || a->stage == STAGE_DONE)
        return 0;
    bool thinks = a->stage == STAGE_REASONING;
    ollama_line(a, &w, thinks ? piece : STR_NONE, a->stage == STAGE_CONTENT || a->stage == STAGE_REFUSAL ? piece : STR(""),
                a->stage == STAGE_TOOL);
    if (a->stage == STAGE_FINISH) {
        ollama_end(a, &w);
    } else {
        json_key(&w, "done");
        json_bool(&w, false);
        json_object_end(&w);
    }
    int rc = json_done(&w);
    return rc ? rc : buf_append_char(out, '\n');
}

/* --- Responses --------------------------------------------------------------------------------------------------------------------- */

static void responses_item(const struct sim_answer *a, struct json_writer *w, const char *kind, bool done)
{
    json_object_begin(w);
    if (strcmp(kind, "thinking") == 0) {
        put_text(w, "type", STR("reasoning"));
        put_text(w, "id", STR("rs_simulated"));
        json_key(w, "summary");
        json_array_begin(w);
        if (done) {
            begin_typed(w, "summary_text");
            put_text(w, "text", a->reasoning);
            json_object_end(w);
        }
        json_array_end(w);
        if (a->seals && done)
            put_text(w, "encrypted_content", STR("sealed_simulated"));
    } else if (strcmp(kind, "tool_use") == 0) {
        put_text(w, "type", STR("function_call"));
        put_text(w, "id", STR("fc_simulated"));
        put_text(w, "call_id", STR("call_simulated1"));
        put_text(w, "name", a->step->tool_name);
        put_text(w, "arguments", done ? arguments_of(a) : STR(""));
        put_text(w, "status", done ? STR("completed") : STR("in_progress"));
    } else {
        put_text(w, "type", STR("message"));
        put_text(w, "id", STR("msg_simulated"));
        put_text(w, "status", done ? STR("completed") : STR("in_progress"));
        put_text(w, "role", STR("assistant"));
        json_key(w, "content");
        json_array_begin(w);
        if (done) {
            begin_typed(w, "output_text");
            put_text(w, "text", buf_str(&a->text));
            json_key(w, "annotations");
            json_raw(w, STR("[]"));
            json_object_end(w);
        }
        json_array_end(w);
    }
    json_object_end(w);
}

static void responses_object(struct sim_answer *a, struct json_writer *w, bool done)
{
    bool cut = finishes(a, "length");
    json_object_begin(w);
    put_text(w, "id", STR("resp_simulated"));
    put_text(w, "object", STR("response"));
    put_number(w, "created_at", a->created);
    put_text(w, "status", !done ? STR("in_progress") : cut ? STR("incomplete") : STR("completed"));
    json_key(w, "error");
    json_null(w);
    json_key(w, "incomplete_details");
    json_raw(w, done && cut ? STR("{\"reason\":\"max_output_tokens\"}") : STR("null"));
    put_text(w, "model", buf_str(&a->model));
    json_key(w, "output");
    json_array_begin(w);
    if (done && a->reasoning.len)
        responses_item(a, w, "thinking", true);
    if (done && a->text.len)
        responses_item(a, w, "text", true);
    if (done && a->step->tool_name.ptr)
        responses_item(a, w, "tool_use", true);
    json_array_end(w);
    json_key(w, "usage");
    if (done && !a->step->usage_off) {
        json_object_begin(w);
        put_number(w, "input_tokens", a->usage.input);
        json_key(w, "input_tokens_details");
        json_object_begin(w);
        put_number(w, "cached_tokens", a->usage.cached);
        json_object_end(w);
        put_number(w, "output_tokens", a->usage.output);
        json_key(w, "output_tokens_details");
        json_object_begin(w);
        put_number(w, "reasoning_tokens", a->usage.reasoning);
        json_object_end(w);
        put_number(w, "total_tokens", a->usage.input + a->usage.output);
        json_object_end(w);
    } else {
        json_null(w);
    }
    json_object_end(w);
}

static int responses_whole(struct sim_answer *a, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    int rc = say_all(a);
    responses_object(a, &w, true);
    return rc ? rc : json_done(&w);
}

static struct json_writer responses_begin(struct sim_answer *a, struct buf *data, const char *type)
{
    struct json_writer w = JSON_WRITER(data);
    begin_typed(&w, type);
    put_number(&w, "sequence_number", a->sequence++);
    return w;
}

static int responses_state(struct sim_answer *a, const char *type, bool done, struct buf *out)
{
    AUTO_BUF struct buf data = BUF_INIT(8 * MiB);
    struct json_writer w = responses_begin(a, &data, type);
    json_key(&w, "response");
    responses_object(a, &w, done);
    json_object_end(&w);
    int rc = json_done(&w);
    return rc ? rc : event(out, type, &data);
}

static int responses_move(struct sim_answer *a, const char *type, const char *kind, bool done, struct buf *out)
{
    AUTO_BUF struct buf data = BUF_INIT(8 * MiB);
    struct json_writer w = responses_begin(a, &data, type);
    put_number(&w, "output_index", a->block);
    json_key(&w, "item");
    responses_item(a, &w, kind, done);
    json_object_end(&w);
    int rc = json_done(&w);
    return rc ? rc : event(out, type, &data);
}

/* An event about the part that is under way, with `text` as its `member` or, where that is NULL, as a part. */
static int responses_part(struct sim_answer *a, const char *type, const char *member, struct str text, struct buf *out)
{
    bool thinks = strcmp(a->open, "thinking") == 0, calls = strcmp(a->open, "tool_use") == 0;
    AUTO_BUF struct buf data = BUF_INIT(8 * MiB);
    struct json_writer w = responses_begin(a, &data, type);
    put_text(&w, "item_id", calls ? STR("fc_simulated") : thinks ? STR("rs_simulated") : STR("msg_simulated"));
    put_number(&w, "output_index", a->block);
    if (!calls)
        put_number(&w, thinks ? "summary_index" : "content_index", 0);
    if (member) {
        put_text(&w, member, text);
    } else {
        json_key(&w, "part");
        begin_typed(&w, thinks ? "summary_text" : "output_text");
        put_text(&w, "text", text);
        if (!thinks) {
            json_key(&w, "annotations");
            json_raw(&w, STR("[]"));
        }
        json_object_end(&w);
    }
    json_object_end(&w);
    int rc = json_done(&w);
    return rc ? rc : event(out, type, &data);
}

struct responses_words {
    const char *kind, *part_added, *delta, *done, *part_done;
};

static const struct responses_words *responses_words_of(const char *kind)
{
    static const struct responses_words words[] = {
        {"thinking", "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
         "response.reasoning_summary_text.done", "response.reasoning_summary_part.done"},
        {"tool_use", NULL, "response.function_call_arguments.delta", "response.function_call_arguments.done", NULL},
        {"text", "response.content_part.added", "response.output_text.delta", "response.output_text.done", "response.content_part.done"},
    };
    size_t i = 0;
    while (strcmp(words[i].kind, kind) != 0)
        i++;
    return &words[i];
}

static int responses_open(struct sim_answer *a, const char *kind, struct buf *out)
{
    const struct responses_words *w = responses_words_of(kind);
    a->open = kind;
    int rc = responses_move(a, "response.output_item.added", kind, false, out);
    return rc || !w->part_added ? rc : responses_part(a, w->part_added, NULL, STR(""), out);
}

static int responses_close(struct sim_answer *a, struct buf *out)
{
    if (!a->open)
        return 0;
    const struct responses_words *w = responses_words_of(a->open);
    bool calls = strcmp(a->open, "tool_use") == 0;
    struct str all = calls ? arguments_of(a) : strcmp(a->open, "thinking") == 0 ? a->reasoning : buf_str(&a->text);
    int rc = responses_part(a, w->done, calls ? "arguments" : "text", all, out);
    if (rc == 0 && w->part_done)
        rc = responses_part(a, w->part_done, NULL, all, out);
    if (rc == 0)
        rc = responses_move(a, "response.output_item.done", a->open, true, out);
    a->open = NULL;
    a->block++;
    return rc;
}

static int responses_event(struct sim_answer *a, struct str piece, struct buf *out)
{
    const char *kind = block_of(a->stage);
    int rc = 0;
    if (a->stage == STAGE_ROLE)
        return responses_state(a, "response.created", false, out);
    if (a->open && (!kind || strcmp(a->open, kind) != 0))
        rc = responses_close(a, out);
    if (a->stage == STAGE_FINISH)
        return rc ? rc : responses_state(a, finishes(a, "length") ? "response.incomplete" : "response.completed", true, out);
    if (rc == 0 && kind && !a->open)
        rc = responses_open(a, kind, out);
    return rc || piece.len == 0 ? rc : responses_part(a, responses_words_of(kind)->delta, "delta", piece, out);
}

/* --- errors --------------------------------------------------------------------------------------------------------------------------- */

static const char *anthropic_type(int status)
{
    switch (status) {
    case 400: return "invalid_request_error";
    case 401: return "authentication_error";
    case 402: return "billing_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 529: return "overloaded_error";
    default: return "api_error";
    }
}

static int anthropic_error(int status, struct str message, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    begin_typed(&w, "error");
    json_key(&w, "error");
    begin_typed(&w, anthropic_type(status));
    put_text(&w, "message", message);
    json_object_end(&w);
    put_text(&w, "request_id", STR("req_simulated"));
    json_object_end(&w);
    return json_done(&w);
}

static int ollama_error(int status, struct str message, struct buf *out)
{
    (void)status;
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    put_text(&w, "error", message);
    json_object_end(&w);
    return json_done(&w);
}

static const struct sim_face faces[] = {
    {EP_MESSAGES, "text/event-stream; charset=utf-8", "event: ping\ndata: {\"type\":\"ping\"}\n\n", "event: error\ndata: ", "\n\n",
     anthropic_whole, anthropic_event, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", anthropic_error},
    {EP_COUNT_TOKENS, "application/json", "", "", "", NULL, NULL, "", anthropic_error},
    {EP_RESPONSES, "text/event-stream; charset=utf-8", ": keep-alive\n\n", "event: error\ndata: ", "\n\n", responses_whole,
     responses_event, "", NULL},
    {EP_TRANSCRIBE, "text/event-stream", "", "", "", NULL, sim_transcript_event, "data: [DONE]\n\n", NULL},
    {EP_OLLAMA_CHAT, "application/x-ndjson", "", "", "\n", ollama_whole, ollama_event, "", ollama_error},
    {EP_OLLAMA_GENERATE, "application/x-ndjson", "", "", "\n", ollama_whole, ollama_event, "", ollama_error},
    {EP_OLLAMA_EMBED, "application/json", "", "", "", NULL, NULL, "", ollama_error},
    {EP_OLLAMA_EMBED_ONE, "application/json", "", "", "", NULL, NULL, "", ollama_error},
};

const struct sim_face *sim_face_find(enum sim_endpoint ep)
{
    for (size_t i = 0; i < COUNT_OF(faces); i++)
        if (faces[i].endpoint == ep)
            return &faces[i];
    return NULL;
}
