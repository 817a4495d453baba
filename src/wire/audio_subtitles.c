/* audio_subtitles.c: subtitles (srt, vtt) out of the segments of a transcript, for a client whose vendor writes none; see audio.h. */
#include "wire/audio.h"

struct segment {
    int64_t begin_ms, end_ms;
    struct str text; /* raw string text */
};

/* Seconds with decimals, as a number or a text; 0 when they make no sense. */
static int64_t moment_read(struct json_scan *s)
{
    static const double SECONDS_MAX = 1e7; /* four months of sound */
    enum json_type type = json_peek(s);
    struct str raw;
    double seconds;
    if (!json_skip(s, &raw))
        return 0;
    if (type == JSON_STRING)
        raw = str_slice(raw, 1, raw.len - 1);
    bool fine = json_to_double(raw, &seconds) && seconds > 0 && seconds <= SECONDS_MAX;
    return fine ? (int64_t)(seconds * 1000 + 0.5) : 0;
}

static bool segment_next(struct json_scan *s, struct segment *out)
{
    struct str key;
    *out = (struct segment){.text = STR("")};
    if (!json_element(s))
        return false;
    if (json_peek(s) != JSON_OBJECT)
        return json_skip(s, NULL);
    json_enter(s);
    while (json_member(s, &key)) {
        if (json_key_is(key, STR("start")))
            out->begin_ms = moment_read(s);
        else if (json_key_is(key, STR("end")))
            out->end_ms = moment_read(s);
        else if (json_key_is(key, STR("text")) && json_peek(s) == JSON_STRING)
            (void)json_string(s, &out->text);
        else
            json_skip(s, NULL);
    }
    return true;
}

static int moment_write(struct buf *out, int64_t ms, char dot)
{
    return buf_append_format(out, "%02lld:%02lld:%02lld%c%03lld", (long long)(ms / 3600000), (long long)(ms / 60000 % 60),
                             (long long)(ms / 1000 % 60), dot, (long long)(ms % 1000));
}

/* On one line: a blank one would end it, and so would what looks like the next time to a reader of vtt. */
static int words_write(struct buf *out, struct str raw)
{
    AUTO_BUF struct buf plain = BUF_INIT(raw.len + 4);
    int rc = json_unescape(raw, &plain);
    struct str text = str_trim(buf_str(&plain));
    for (size_t i = 0; i < text.len && rc == 0; i++) {
        bool arrow = str_starts(str_skip(text, i), STR("-->"));
        char c = text.ptr[i];
        rc = arrow ? buf_append(out, STR("->")) : buf_append_char(out, c == '\n' || c == '\r' ? ' ' : c);
        i += arrow ? 2 : 0;
    }
    return rc;
}

static int segment_write(struct buf *out, const struct segment *g, int number, bool vtt)
{
    char dot = vtt ? '.' : ',';
    int rc = vtt ? 0 : buf_append_format(out, "%d\n", number);
    rc = rc ? rc : moment_write(out, g->begin_ms, dot);
    rc = rc ? rc : buf_append(out, STR(" --> "));
    rc = rc ? rc : moment_write(out, g->end_ms > g->begin_ms ? g->end_ms : g->begin_ms, dot);
    rc = rc ? rc : buf_append_char(out, '\n');
    rc = rc ? rc : words_write(out, g->text);
    return rc ? rc : buf_append(out, STR("\n\n"));
}

int audio_subtitles_write(const struct audio_form *f, struct str body, struct buf *out)
{
    bool vtt = str_eq(str_of(f->format, f->format_len), STR("vtt")), found = false;
    int rc = vtt ? buf_append(out, STR("WEBVTT\n\n")) : 0, number = 0;
    struct json_scan s;
    struct str key;
    json_scan_init(&s, body);
    if (json_peek(&s) != JSON_OBJECT || !json_enter(&s))
        return ERR_SYNTAX;
    while (rc == 0 && json_member(&s, &key)) {
        if (!json_key_is(key, STR("segments")) || json_peek(&s) != JSON_ARRAY || found) {
            json_skip(&s, NULL);
            continue;
        }
        found = true;
        json_enter(&s);
        for (struct segment g; rc == 0 && segment_next(&s, &g);)
            rc = segment_write(out, &g, ++number, vtt);
    }
    return rc ? rc : found && json_finish(&s, NULL) == 0 ? 0 : ERR_SYNTAX;
}
