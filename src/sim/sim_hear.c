/* sim_hear.c: transcripts of sound that nobody listens to: the words are the script's, the length is that of the file. Whisper tells its
 * usage in seconds and does not stream; other models tell tokens, ten a second. */
#include "sim/sim_priv.h"

static struct str between(struct str body, size_t from, struct str boundary)
{
    struct str rest = str_skip(body, from);
    ptrdiff_t end = str_find(rest, boundary);
    return end < 2 ? STR_NONE : str_slice(rest, 0, (size_t)end - 2); /* the line end belongs to the boundary */
}

/* The content of the first part of that name; lenient, as everything here. */
static struct str part_of(struct str body, const char *disposition)
{
    ptrdiff_t line = str_find(body, STR("\r\n")), at = str_find(body, str_from(disposition));
    if (line < 0 || at < 0)
        return STR_NONE;
    ptrdiff_t head = str_find(str_skip(body, (size_t)at), STR("\r\n\r\n"));
    return head < 0 ? STR_NONE : between(body, (size_t)(at + head) + 4, str_slice(body, 0, (size_t)line));
}

void sim_form_read(struct sim_facts *f, struct str body)
{
    f->model = part_of(body, "name=\"model\"");
    f->format = part_of(body, "name=\"response_format\"");
    f->file_bytes = (int64_t)part_of(body, "name=\"file\"").len;
    f->stream = str_eq(part_of(body, "name=\"stream\""), STR("true")) && !str_contains_fold(f->model, STR("whisper"));
}

static void number(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_i64(w, n);
}

static void usage(const struct sim_answer *a, struct json_writer *w)
{
    bool by_time = str_contains_fold(buf_str(&a->model), STR("whisper"));
    if (a->step->usage_off || a->flavour->habits & HABIT_X_GROQ)
        return;
    json_key(w, "usage");
    json_object_begin(w);
    json_key(w, "type");
    json_text(w, by_time ? "duration" : "tokens");
    if (by_time) {
        number(w, "seconds", a->seconds);
    } else {
        number(w, "input_tokens", a->seconds * 10);
        number(w, "output_tokens", a->usage.output);
        number(w, "total_tokens", a->seconds * 10 + a->usage.output);
    }
    json_object_end(w);
}

static int subtitles(const struct sim_answer *a, bool vtt, struct buf *out)
{
    char dot = vtt ? '.' : ',';
    return buf_append_format(out, "%s00:00:00%c000 --> %02lld:%02lld:%02lld%c000\n%.*s\n\n", vtt ? "WEBVTT\n\n" : "1\n", dot,
                             (long long)a->seconds / 3600, (long long)a->seconds / 60 % 60, (long long)a->seconds % 60, dot,
                             STR_FMT(buf_str(&a->text)));
}

int sim_transcript_write(const struct sim_answer *a, const struct sim_facts *f, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    if (str_eq(f->format, STR("srt")) || str_eq(f->format, STR("vtt")))
        return subtitles(a, str_eq(f->format, STR("vtt")), out);
    if (str_eq(f->format, STR("text")))
        return buf_append_format(out, "%.*s\n", STR_FMT(buf_str(&a->text)));
    json_object_begin(&w);
    json_key(&w, "text");
    json_str(&w, buf_str(&a->text));
    if (str_eq(f->format, STR("verbose_json"))) {
        json_key(&w, "task");
        json_text(&w, "transcribe");
        json_key(&w, "language");
        json_text(&w, "english");
        number(&w, "duration", a->seconds);
        json_key(&w, "segments");
        json_array_begin(&w);
        json_object_begin(&w);
        number(&w, "id", 0);
        number(&w, "start", 0);
        number(&w, "end", a->seconds);
        json_key(&w, "text");
        json_str(&w, buf_str(&a->text));
        json_object_end(&w);
        json_array_end(&w);
    }
    usage(a, &w);
    if (a->flavour->habits & HABIT_X_GROQ) {
        json_key(&w, "x_groq");
        json_raw(&w, STR("{\"id\":\"req_simulated\"}"));
    }
    json_object_end(&w);
    return json_done(&w);
}

int sim_transcript_event(struct sim_answer *a, struct str piece, struct buf *out)
{
    AUTO_BUF struct buf data = BUF_INIT(4 * MiB);
    struct json_writer w = JSON_WRITER(&data);
    bool last = a->stage == STAGE_FINISH;
    if (a->stage != STAGE_CONTENT && !last)
        return 0;
    json_object_begin(&w);
    json_key(&w, "type");
    json_text(&w, last ? "transcript.text.done" : "transcript.text.delta");
    json_key(&w, last ? "text" : "delta");
    json_str(&w, last ? buf_str(&a->text) : piece);
    if (last)
        usage(a, &w);
    json_object_end(&w);
    int rc = json_done(&w);
    return rc ? rc : buf_append_format(out, "data: %.*s\n\n", STR_FMT(buf_str(&data)));
}
