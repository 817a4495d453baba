/* sim_reply.c: what is sent when: heads, waits, keep-alive comments, streams, and every way to break off. Nothing here
 * touches the socket or frees the connection: it queues bytes and sets the phase; sim_conn.c does the rest. */
#include "base/mem.h"
#include "sim/sim_priv.h"

enum { STREAM_QUEUE_MAX = 256 * 1024 }; /* bytes queued before a stream waits for its reader */

static int64_t now_ms(const struct sim_conn *c)
{
    return loop_now_ms(c->up->sim->loop);
}

static void out_text(struct sim_conn *c, const char *text)
{
    sim_conn_out(c, str_from(text));
}

static void out_chunk(struct sim_conn *c, struct str bytes)
{
    char size[24];
    size_t n = text_format(size, sizeof size, "%zx\r\n", bytes.len);
    sim_conn_out(c, str_of(size, n));
    sim_conn_out(c, bytes);
    out_text(c, "\r\n");
}

static void end(struct sim_conn *c)
{
    if (c->chunked)
        out_text(c, "0\r\n\r\n");
    c->phase = PHASE_END;
}

/* --- what will be said -------------------------------------------------------------------------------------------- */

static const char json_type[] = "application/json", html_type[] = "text/html", text_type[] = "text/plain";

static int prepare_error(struct sim_conn *c, int status, struct str message)
{
    const struct sim_face *face = sim_face_find(c->endpoint);
    if (face && face->error == NULL)
        face = NULL;
    if (status == 503 && c->endpoint == EP_MESSAGES && strcmp(c->up->flavour->name, "anthropic") == 0)
        status = 529; /* what this vendor calls overloaded */
    c->status = status;
    c->type = json_type;
    if (face)
        return face->error(status, message.len ? message : sim_fault_words(c->up->flavour, status, c->step->fault), &c->whole);
    return sim_error_write(c->up->flavour, status, c->step->fault, message, &c->whole);
}

static int prepare_status(struct sim_conn *c)
{
    const struct sim_step *s = c->step;
    if (!s->body.ptr)
        return prepare_error(c, s->status ? s->status : sim_fault_status(c->up->flavour, s->fault), STR_NONE);
    c->status = s->status;
    c->type = s->body.len && (s->body.ptr[0] == '{' || s->body.ptr[0] == '[') ? json_type : text_type;
    return buf_append(&c->whole, s->body);
}

static int prepare_html(struct sim_conn *c)
{
    c->status = c->step->status ? c->step->status : 200;
    c->type = html_type;
    return buf_append(
        &c->whole,
        STR("<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center>"
            "<hr><center>cloud edge</center></body></html>\r\n"));
}

static int prepare_answer(struct sim_conn *c, const struct sim_facts *f, struct str body)
{
    struct sim_answer *a = &c->answer;
    *a = (struct sim_answer){.face = sim_face_find(c->endpoint),
                             .flavour = c->up->flavour,
                             .step = c->step,
                             .endpoint = c->endpoint,
                             .serial = c->up->serial++,
                             .created = loop_wall_ms(c->up->sim->loop) / 1000};
    c->status = c->step->status ? c->step->status : 200;
    c->type = json_type;
    bool json = f->format.len == 0 || str_ends(f->format, STR("json"));
    if (c->endpoint == EP_TRANSCRIBE && !json)
        c->type = "text/plain; charset=utf-8";
    int rc = sim_answer_init(a, f);
    if (rc == 0 && !c->streams)
        rc = sim_answer_whole(a, f, body, &c->whole);
    return rc;
}

/* What this vendor says to a history that lacks what it had said itself; empty: nothing is missing. */
static struct str missing_words(const struct sim_conn *c, const struct sim_facts *f)
{
    unsigned habits = c->endpoint == EP_CHAT ? c->up->flavour->habits : 0;
    if ((habits & HABIT_WANTS_REASONING) && f->bare_calls && !f->no_thinking)
        return STR("The `reasoning_content` in the thinking mode must be passed back to the API.");
    if ((habits & HABIT_SIGNED_CALLS) && f->unsigned_calls)
        return STR("Function call is missing a thought_signature in functionCall parts.");
    return STR_NONE;
}

static int prepare_reply(struct sim_conn *c, const struct sim_facts *f, struct str body)
{
    if (c->endpoint == EP_UNKNOWN)
        return prepare_error(c, 404, STR("no such path"));
    struct str missing = missing_words(c, f);
    if (missing.len) {
        c->streams = false;
        return prepare_error(c, 400, missing);
    }
    if (c->endpoint != EP_HEALTH)
        return prepare_answer(c, f, body);
    c->status = 200;
    c->type = json_type;
    return buf_append(&c->whole, STR("{\"status\":\"ok\"}"));
}

static int prepare(struct sim_conn *c, const struct sim_facts *f, struct str body)
{
    const struct sim_step *s = c->step;
    const struct sim_face *face = sim_face_find(c->endpoint);
    bool works = c->endpoint == EP_CHAT || c->endpoint == EP_COMPLETIONS || (face && face->event);
    bool answers = s->act == ACT_REPLY || s->act == ACT_ECHO || s->act == ACT_NO_CHOICES || s->act == ACT_EMPTY ||
                   s->act == ACT_MALFORMED;
    c->streams = f->stream && works && answers;
    c->status = s->status ? s->status : 200;
    c->type = json_type;
    if (s->act == ACT_REPLY && s->fault && s->error_after == SIM_NEVER) {
        c->streams = false;
        return prepare_status(c);
    }
    switch (s->act) {
    case ACT_REPLY:
    case ACT_ECHO:
    case ACT_NO_CHOICES: return prepare_reply(c, f, body);
    case ACT_STATUS: return prepare_status(c);
    case ACT_ERROR_200: return prepare_error(c, c->status, s->error_text);
    case ACT_HTML: return prepare_html(c);
    case ACT_REDIRECT: c->status = s->status ? s->status : 307; return 0;
    case ACT_MALFORMED:
        return buf_append_text(&c->whole, c->streams ? "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\n\n"
                                                     : "{\"id\":\"chatcmpl-1\",\"choices\":[{");
    case ACT_RAW:
    case ACT_GARBAGE:
    case ACT_EMPTY:
    case ACT_REFUSE:
    case ACT_HANG: return 0;
    }
    return 0;
}

/* --- the head ----------------------------------------------------------------------------------------------------- */

static const char *reason_phrase(int status)
{
    switch (status) {
    case 200: return "OK";
    case 307: return "Temporary Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return status < 400 ? "Fine" : "Failed";
    }
}

static void vendor_headers(struct sim_conn *c)
{
    char line[160];
    bool anthropic = c->endpoint == EP_MESSAGES || c->endpoint == EP_COUNT_TOKENS;
    size_t n = text_format(line, sizeof line, "%srequest-id: req_%08llx\r\n", anthropic ? "" : "x-", (unsigned long long)c->up->serial);
    sim_conn_out(c, str_of(line, n));
    if (c->up->flavour->habits & HABIT_X_GROQ)
        out_text(c, "x-ratelimit-limit-requests: 14400\r\nx-ratelimit-remaining-requests: 14370\r\n"
                    "x-ratelimit-reset-requests: 2m59.56s\r\n");
}

static const char *stream_type(const struct sim_conn *c)
{
    const struct sim_face *face = sim_face_find(c->endpoint);
    return face ? face->type : "text/event-stream";
}

static void write_head(struct sim_conn *c)
{
    char line[128];
    size_t n = text_format(line, sizeof line, "HTTP/1.1 %d %s\r\ncontent-type: %s\r\n", c->status,
                           reason_phrase(c->status), c->streams ? stream_type(c) : c->type);
    sim_conn_out(c, str_of(line, n));
    vendor_headers(c);
    sim_conn_out(c, c->step->headers);
    if (c->step->act == ACT_REDIRECT) {
        out_text(c, "location: ");
        sim_conn_out(c, c->step->body);
        out_text(c, "\r\n");
    }
    c->chunked = c->streams || c->step->ping_ms > 0;
    n = c->chunked ? text_format(line, sizeof line, "transfer-encoding: chunked\r\n\r\n")
                   : text_format(line, sizeof line, "content-length: %zu\r\n\r\n", c->whole.len);
    sim_conn_out(c, str_of(line, n));
}

/* --- the body ----------------------------------------------------------------------------------------------------- */

static void error_event(struct sim_conn *c)
{
    AUTO_BUF struct buf text = BUF_INIT(1 * MiB);
    const struct sim_face *face = sim_face_find(c->endpoint);
    if (face && face->error) {
        int failed = buf_append_text(&text, face->error_begin);
        if (failed == 0)
            failed = face->error(c->step->fault == SIM_FAULT_OVERLOAD ? 529 : 500,
                                 c->step->error_text.len ? c->step->error_text : sim_fault_words(c->up->flavour, 500, c->step->fault), &text);
        if (failed == 0)
            failed = buf_append_text(&text, face->error_end);
        if (failed)
            c->broken = true;
        else
            out_chunk(c, buf_str(&text));
        return;
    }
    int rc = buf_append_text(&text, c->up->flavour->habits & HABIT_EVENT_ERROR ? "event: error\ndata: " : "data: ");
    if (rc == 0)
        rc = sim_error_write(c->up->flavour, 500, c->step->fault, c->step->error_text, &text);
    if (rc == 0)
        rc = buf_append(&text, STR("\n\n"));
    if (rc)
        c->broken = true;
    else
        out_chunk(c, buf_str(&text));
}

/* True when the script wants the stream to break off here. */
static bool breaks_off(struct sim_conn *c)
{
    const struct sim_step *s = c->step;
    if (c->answer.sent == s->drop) {
        c->phase = PHASE_RESET;
        return true;
    }
    if (c->answer.sent == s->error_after)
        error_event(c);
    if (c->answer.sent == s->error_after || c->answer.sent == s->cut) {
        end(c);
        return true;
    }
    return false;
}

static void pump(struct sim_conn *c)
{
    struct buf *scratch = &c->up->sim->scratch;
    for (;;) {
        if (breaks_off(c))
            return;
        if (c->out.len - c->out_at > STREAM_QUEUE_MAX)
            return; /* sim_reply_drained goes on */
        buf_clear(scratch);
        int rc = sim_answer_event(&c->answer, scratch);
        if (rc < 0) {
            c->broken = true;
            return;
        }
        if (scratch->len)
            out_chunk(c, buf_str(scratch));
        if (rc == 0) {
            if (!breaks_off(c))
                end(c);
            return;
        }
        if (c->step->every_ms && (c->answer.stage == STAGE_CONTENT || c->answer.stage == STAGE_REASONING) &&
            c->answer.at > 0) {
            c->due_ms = now_ms(c) + c->step->every_ms;
            sim_conn_wait(c, c->step->ping_ms && c->step->ping_ms < c->step->every_ms ? c->step->ping_ms
                                                                                      : c->step->every_ms);
            return;
        }
    }
}

static void send_whole(struct sim_conn *c)
{
    struct str body = buf_str(&c->whole);
    bool breaks = c->step->drop > 0 || c->step->cut >= 0;
    if (breaks)
        body = str_slice(body, 0, body.len / 2);
    if (body.len && c->chunked)
        out_chunk(c, body);
    else
        sim_conn_out(c, body);
    if (!breaks) {
        end(c);
    } else if (c->step->drop > 0) {
        c->phase = PHASE_RESET;
    } else { /* a length was announced that does not come */
        c->close = true;
        c->phase = PHASE_END;
    }
}

static void begin_body(struct sim_conn *c)
{
    enum sim_act act = c->step->act;
    if (!c->streams || act == ACT_EMPTY || act == ACT_MALFORMED) {
        send_whole(c);
        return;
    }
    c->phase = PHASE_STREAM;
    pump(c);
}

/* --- in order ----------------------------------------------------------------------------------------------------- */

static void begin(struct sim_conn *c)
{
    const struct sim_step *s = c->step;
    if (s->act == ACT_RAW || s->act == ACT_GARBAGE) {
        sim_conn_out(c, s->act == ACT_RAW ? s->body : STR("\x01\xff\xfe this is no HTTP at all \x00\x02\r\n\r\n"));
        c->close = true;
        c->phase = PHASE_END;
        return;
    }
    if (s->drop == -1) {
        c->phase = PHASE_RESET;
        return;
    }
    write_head(c);
    if (s->drop == 0 && !s->head_ms) {
        c->phase = PHASE_RESET;
    } else if (s->head_ms) {
        c->phase = PHASE_WAIT_BODY;
        c->due_ms = now_ms(c) + s->head_ms;
        sim_conn_wait(c, s->ping_ms && s->ping_ms < s->head_ms ? s->ping_ms : s->head_ms);
    } else {
        begin_body(c);
    }
}

void sim_reply_start(struct sim_conn *c, const struct sim_head *head, struct str body)
{
    static const struct sim_step plain = {.drop = SIM_NEVER, .cut = SIM_NEVER, .error_after = SIM_NEVER};
    struct sim_facts facts;
    int rc;
    c->close |= c->step && c->step->close;
    if (c->endpoint >= EP_FIRST_INFO) {
        c->step = &plain;
        c->streams = false;
        c->type = json_type;
        const struct sim_step *next = sim_script_peek(c->up->script);
        if (next->info.len) {
            sim_conn_out(c, next->info);
            c->close = true;
            c->phase = PHASE_END;
            return;
        }
        rc = sim_info_write(c->up->flavour, c->endpoint, head->path, next, &c->status, &c->whole);
    } else {
        sim_facts_read(&facts, c->endpoint, body);
        rc = prepare(c, &facts, body);
    }
    if (rc) {
        c->broken = true;
        return;
    }
    const struct sim_step *s = c->step;
    int64_t wait =
        s->first_ms + (c->streams ? 0 : s->tokens * s->every_ms); /* what is held whole takes as long to make */
    if (s->act == ACT_HANG) {
        c->phase = PHASE_HANG;
    } else if (s->act == ACT_REFUSE) {
        c->phase = PHASE_RESET;
    } else if (wait) {
        c->phase = PHASE_WAIT_HEAD;
        c->due_ms = now_ms(c) + wait;
        sim_conn_wait(c, wait);
    } else {
        begin(c);
    }
}

static void ping(struct sim_conn *c)
{
    int64_t left = c->due_ms - now_ms(c);
    const struct sim_face *face = sim_face_find(c->endpoint);
    const char *comment = face ? face->comment : c->up->flavour->comment;
    if (!c->streams || comment[0]) /* an empty chunk would be the last */
        out_chunk(c, c->streams ? str_from(comment) : STR("\n"));
    sim_conn_wait(c, left < c->step->ping_ms ? left : c->step->ping_ms);
}

void sim_reply_timer(struct sim_conn *c)
{
    if (c->phase == PHASE_WAIT_HEAD) {
        begin(c);
    } else if (now_ms(c) < c->due_ms) {
        ping(c);
    } else if (c->phase == PHASE_WAIT_BODY && c->step->drop == 0) {
        c->phase = PHASE_RESET;
    } else if (c->phase == PHASE_WAIT_BODY) {
        begin_body(c);
    } else if (c->phase == PHASE_STREAM) {
        pump(c);
    }
}

void sim_reply_drained(struct sim_conn *c)
{
    if (c->phase == PHASE_STREAM && !loop_timer_pending(&c->timer))
        pump(c);
}
