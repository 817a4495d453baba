/* fuzz_answer.c: any bytes as an answer, whole or in chunks. Accepted is exactly what is a JSON object (a whole one
 * may begin with a byte order mark), and the numbers that come out make sense whatever went in. */
#include "base/json.h"
#include "wire/audio.h"
#include "wire/wire.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_object(struct str text)
{
    struct json_scan s;

    json_scan_init(&s, text);
    return json_peek(&s) == JSON_OBJECT && json_check(text, NULL) == 0;
}

static void check_usage(const struct wire_answer *w)
{
    const struct usage *u = &w->usage;
    const int64_t most = (int64_t)1 << 41;

    assert(u->reported == w->has_usage);
    assert(u->input >= 0 && u->input <= most && u->output >= 0 && u->output <= most);
    assert(u->cached >= 0 && u->cache_write >= 0 && u->cached + u->cache_write <= u->input);
    assert(u->reasoning >= 0 && u->reasoning <= u->output);
    assert(u->cost_nusd >= -1);
}

static void check_answer(const struct wire_answer *w, struct str text)
{
    check_usage(w);
    assert(w->choice_count >= 0 && (w->has_choices || w->choice_count == 0));
    assert(w->content_bytes >= 0 && w->content_bytes <= (int64_t)text.len && w->tokens_estimated >= 0);
    assert(w->content_bytes == 0 || w->has_content);
    assert(finish_name(w->finish));
    if (w->content.ptr) {
        assert(w->content.ptr >= text.ptr && w->content.ptr + w->content.len <= text.ptr + text.len);
        (void)answer_keeps_format(w, FORMAT_JSON_OBJECT);
    }
}

/* Subtitles of it: of what is no transcript none, and else whole ones. */
static void check_subtitles(struct str text)
{
    for (int i = 0; i < 2; i++) {
        AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
        struct audio_form f = {.format_len = 3};
        memcpy(f.format, i ? "srt" : "vtt", 3);
        int rc = audio_subtitles_write(&f, text, &out);
        assert(rc == 0 || rc == ERR_SYNTAX);
        assert(rc || json_check(text, NULL) == 0);
        assert(rc || !out.len || str_ends(buf_str(&out), STR("\n\n")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of(data, size);
    bool marked = str_starts(text, STR("\xef\xbb\xbf")); /* taken before a whole answer, and nowhere else */
    bool object = is_object(text), whole_object = is_object(marked ? str_skip(text, 3) : text);

    for (enum wire_op op = WIRE_CHAT; op <= WIRE_EMBEDDINGS; op++) {
        struct wire_answer whole, chunk;
        struct err e = {0};
        int rc = answer_read(op, text, &whole, &e);
        assert(rc == (whole_object ? 0 : ERR_SYNTAX) && (rc == 0 || e.text[0]));
        if (rc == 0)
            check_answer(&whole, text);
        assert(chunk_read(op, text, &chunk, NULL) == (object ? 0 : ERR_SYNTAX));
        if (!object)
            continue;
        check_answer(&chunk, text);
        assert(!chunk.content.ptr && !chunk.finish_pending);
        assert(chunk.has_content == whole.has_content && chunk.content_bytes == whole.content_bytes);
    }
    (void)sse_is_done(text);
    check_subtitles(text);
    return 0;
}
