/* sim_stream.c: an answer as server-sent events, one call per event:
 *
 *   role -> reasoning... -> content... -> refusal -> tool call, its arguments... -> finish -> usage -> [DONE]
 *
 * Stages without anything to say are left out. What is put where depends on the vendor's habits. */
#include "sim/sim_priv.h"

enum { PIECE_BYTES = 6 }; /* a text is cut after the first blank from here on */

/* The next piece of a text, never ending inside a character. */
static struct str piece_of(struct str text, int64_t at)
{
    struct str rest = str_skip(text, (size_t)at);
    size_t n = rest.len < PIECE_BYTES ? rest.len : PIECE_BYTES;
    while (n < rest.len && rest.ptr[n - 1] != ' ' && n < 4 * (size_t)PIECE_BYTES)
        n++;
    while (n < rest.len && ((unsigned char)rest.ptr[n] & 0xc0) == 0x80)
        n++;
    return str_slice(rest, 0, n);
}

/* --- what a stage has to say -------------------------------------------------------------------------------------- */

static bool calls_whole(const struct sim_answer *a)
{
    return !a->face && (a->flavour->habits & HABIT_SIGNED_CALLS);
}

static struct str stage_text(const struct sim_answer *a)
{
    switch (a->stage) {
    case STAGE_REASONING: return a->face || (a->flavour->reasoning && a->endpoint == EP_CHAT) ? a->reasoning : STR_NONE;
    case STAGE_CONTENT: return buf_str(&a->text);
    case STAGE_REFUSAL: return a->step->refusal;
    case STAGE_TOOL_ARGUMENTS: return calls_whole(a) ? STR_NONE : a->step->tool_json;
    default: return STR_NONE;
    }
}

static bool stage_applies(const struct sim_answer *a)
{
    switch (a->stage) {
    case STAGE_ROLE: return a->face || a->endpoint == EP_CHAT;
    case STAGE_CONTENT:
        if (a->step->tokens)
            return a->at < a->step->tokens;
        break;
    case STAGE_TOOL: return a->step->tool_name.ptr && a->at == 0;
    case STAGE_USAGE:
        return !a->face && !a->step->usage_off &&
               (a->flavour->usage == USAGE_EXTRA_CHOICE || (a->flavour->usage == USAGE_EXTRA && a->include_usage));
    case STAGE_FINISH:
    case STAGE_DONE:
    case STAGE_OVER: return true;
    default: break;
    }
    return (size_t)a->at < stage_text(a).len;
}

/* To the first stage from here on that has something to say. */
static void settle(struct sim_answer *a)
{
    while (!stage_applies(a)) {
        a->stage++;
        a->at = 0;
    }
}

/* --- one chunk ---------------------------------------------------------------------------------------------------- */

static void write_text(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    json_str(w, text);
}

static void write_tool_delta(const struct sim_answer *a, struct json_writer *w, struct str arguments)
{
    bool first = a->stage == STAGE_TOOL;
    json_key(w, "tool_calls");
    json_array_begin(w);
    json_object_begin(w);
    if (!calls_whole(a)) {
        json_key(w, "index");
        json_i64(w, 0);
    }
    if (first) {
        write_text(w, "id", STR("call_simulated1"));
        write_text(w, "type", STR("function"));
    }
    json_key(w, "function");
    json_object_begin(w);
    if (first)
        write_text(w, "name", a->step->tool_name);
    write_text(w, "arguments", calls_whole(a) ? a->step->tool_json : arguments);
    json_object_end(w);
    sim_signature_write(a, w);
    json_object_end(w);
    json_array_end(w);
}

static void write_delta(const struct sim_answer *a, struct json_writer *w, struct str piece)
{
    unsigned habits = a->flavour->habits;
    json_key(w, "delta");
    json_object_begin(w);
    if (a->stage == STAGE_ROLE || (habits & HABIT_ROLE_ALWAYS))
        write_text(w, "role", STR("assistant"));
    switch (a->stage) {
    case STAGE_ROLE:
        json_key(w, "content");
        if (habits & HABIT_NULL_CONTENT)
            json_null(w);
        else
            json_str(w, STR(""));
        if (a->reasoning.len && a->flavour->reasoning)
            write_text(w, a->flavour->reasoning, STR(""));
        break;
    case STAGE_REASONING:
        json_key(w, "content");
        json_null(w);
        write_text(w, a->flavour->reasoning, piece);
        break;
    case STAGE_CONTENT: write_text(w, "content", piece); break;
    case STAGE_REFUSAL: write_text(w, "refusal", piece); break;
    case STAGE_TOOL:
    case STAGE_TOOL_ARGUMENTS: write_tool_delta(a, w, piece); break;
    default:
        if (habits & HABIT_PROVIDER)
            write_text(w, "content", STR(""));
    }
    json_object_end(w);
}

static void write_finish_reason(const struct sim_answer *a, struct json_writer *w)
{
    json_key(w, "finish_reason");
    if (a->stage != STAGE_FINISH)
        json_null(w);
    else if (a->step->finish.ptr)
        json_str(w, a->step->finish);
    else
        json_text(w, sim_finish(a));
}

static void write_choice(const struct sim_answer *a, struct json_writer *w, struct str piece, bool last)
{
    json_object_begin(w);
    json_key(w, "index");
    json_i64(w, a->index);
    if (a->endpoint == EP_CHAT)
        write_delta(a, w, piece);
    else
        write_text(w, "text", piece);
    json_key(w, "logprobs");
    json_null(w);
    write_finish_reason(a, w);
    if (last && a->flavour->usage == USAGE_CHOICE && !a->step->usage_off) {
        json_key(w, "usage");
        sim_usage_write(a, w);
    }
    json_object_end(w);
}

static void write_x_groq(const struct sim_answer *a, struct json_writer *w, bool last)
{
    json_key(w, "x_groq");
    json_object_begin(w);
    write_text(w, "id", STR("req_simulated"));
    if (last && !a->step->usage_off) {
        json_key(w, "usage");
        sim_usage_write(a, w);
    }
    json_object_end(w);
}

static void write_usage(const struct sim_answer *a, struct json_writer *w, bool last)
{
    enum sim_usage_place place = a->flavour->usage;
    bool here = a->stage == STAGE_USAGE ||
                (last && (place == USAGE_FINISH || (place == USAGE_FINISH_ASKED && a->include_usage)));
    if (here && !a->step->usage_off) {
        json_key(w, "usage");
        sim_usage_write(a, w);
    } else if (a->include_usage && (a->flavour->habits & HABIT_USAGE_NULL)) {
        json_key(w, "usage");
        json_null(w);
    }
}

static int write_chunk(const struct sim_answer *a, struct str piece, struct buf *out)
{
    bool last = a->stage == STAGE_FINISH && a->index + 1 == a->choices;
    struct json_writer w = JSON_WRITER(out);
    sim_id_write(a, &w, a->endpoint == EP_CHAT ? "chat.completion.chunk" : "text_completion");
    json_key(&w, "choices");
    json_array_begin(&w);
    if (a->step->act != ACT_NO_CHOICES && (a->stage != STAGE_USAGE || a->flavour->usage == USAGE_EXTRA_CHOICE))
        write_choice(a, &w, piece, last);
    json_array_end(&w);
    if ((a->flavour->habits & HABIT_X_GROQ) && (last || a->stage == STAGE_ROLE))
        write_x_groq(a, &w, last);
    write_usage(a, &w, last);
    if ((a->flavour->habits & HABIT_TIMINGS) && last) {
        json_key(&w, "timings");
        json_raw(&w,
                 STR("{\"cache_n\":0,\"prompt_n\":12,\"prompt_ms\":31.5,\"predicted_n\":8,\"predicted_ms\":201.2}"));
    }
    json_object_end(&w);
    return json_done(&w);
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static int next_piece(struct sim_answer *a, struct buf *made, struct str *piece)
{
    if (a->stage != STAGE_CONTENT || !a->step->tokens) {
        *piece = piece_of(stage_text(a), a->at);
        return 0;
    }
    int rc = sim_tokens(a->step, a->at, 1, made);
    *piece = buf_str(made);
    return rc;
}

/* To the next choice, and behind the last one to the next piece or stage. */
static void advance(struct sim_answer *a, size_t piece_bytes)
{
    a->sent++;
    if (++a->index < a->choices && a->stage != STAGE_USAGE)
        return;
    a->index = 0;
    if (a->stage == STAGE_ROLE || a->stage == STAGE_FINISH || a->stage == STAGE_USAGE || a->stage == STAGE_TOOL) {
        a->stage++;
        a->at = 0;
    } else {
        a->at += a->stage == STAGE_CONTENT && a->step->tokens ? 1 : (int64_t)piece_bytes;
    }
}

int sim_answer_event(struct sim_answer *a, struct buf *out)
{
    settle(a);
    if (a->step->act == ACT_NO_CHOICES && a->sent > 0)
        a->stage = a->stage == STAGE_OVER ? STAGE_OVER : STAGE_DONE;
    if (a->stage == STAGE_OVER)
        return 0;
    if (a->stage == STAGE_DONE) {
        a->stage = STAGE_OVER;
        a->sent++;
        return a->face ? buf_append_text(out, a->face->last) : buf_append(out, STR("data: [DONE]\n\n"));
    }
    AUTO_BUF struct buf made = BUF_INIT(2 * MiB);
    struct str piece;
    int rc = next_piece(a, &made, &piece);
    if (rc == 0 && a->face) {
        rc = a->face->event(a, piece, out);
    } else if (rc == 0) {
        rc = buf_append(out, STR("data: "));
        if (rc == 0)
            rc = write_chunk(a, piece, out);
        if (rc == 0)
            rc = buf_append(out, STR("\n\n"));
    }
    if (rc)
        return rc;
    advance(a, piece.len);
    return 1;
}
