/* test_wire_audio.c: transcripts in every form they come in, what they say of their cost, and what an hour of sound costs. */
#include "ledger/ledger.h"
#include "test.h"
#include "wire/audio.h"

static void form_with(struct audio_form *f, const char *format)
{
    *f = (struct audio_form){.format_len = strlen(format)};
    memcpy(f->format, format, f->format_len);
}

/* rc 0: an answer, unless `error`. */
struct answer {
    const char *format, *body;
    int rc;
    bool error, content;
    int64_t input, output, ms;
};

TEST(answers_of_every_format_are_recognised)
{
    static const struct answer cases[] = {
        {"", "{\"text\":\"hi\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"output_tokens\":45,\"total_tokens\":59}}", 0, false, true, 14, 45, 0},
        {"json", "{\"text\":\"hi\",\"usage\":{\"type\":\"duration\",\"seconds\":12}}", 0, false, true, 0, 0, 12000},
        {"json", "{\"text\":\"\"}", 0, false, true, 0, 0, 0},
        {"json", "{\"text\":null}", 0, false, false, 0, 0, 0},
        {"json", "{\"error\":{\"message\":\"no\"}}", 0, true, false, 0, 0, 0},
        {"json", "hi", ERR_SYNTAX, false, false, 0, 0, 0},
        {"json", "[]", ERR_SYNTAX, false, false, 0, 0, 0},
        {"json", "{\"text\":\"hi\"", ERR_SYNTAX, false, false, 0, 0, 0},
        {"verbose_json", "{\"text\":\"hi\",\"duration\":8.4,\"segments\":[]}", 0, false, true, 0, 0, 8400},
        {"verbose_json", "{\"text\":\"hi\",\"duration\":\"8.4\",\"usage\":{\"type\":\"duration\",\"seconds\":9}}", 0, false, true, 0, 0, 9000},
        {"verbose_json", "{\"text\":\"hi\",\"duration\":-1}", 0, false, true, 0, 0, 0},
        {"verbose_json", "{\"text\":\"hi\",\"duration\":1e300}", 0, false, true, 0, 0, 0},
        {"diarized_json", "{\"text\":\"hi\",\"duration\":2,\"segments\":[]}", 0, false, true, 0, 0, 2000},
        {"text", "hi\n", 0, false, true, 0, 0, 0},
        {"text", "", 0, false, true, 0, 0, 0},
        {"text", "{he said}", 0, false, true, 0, 0, 0},
        {"text", "{\"error\":\"no\"}", 0, true, false, 0, 0, 0},
        {"text", "<!DOCTYPE html><html>502</html>", ERR_SYNTAX, false, false, 0, 0, 0},
        {"srt", "1\n00:00:00,000 --> 00:00:02,000\nhi\n\n", 0, false, true, 0, 0, 0},
        {"vtt", "WEBVTT\n\n00:00.000 --> 00:02.000\nhi\n", 0, false, true, 0, 0, 0},
        {"vtt", "hi", ERR_SYNTAX, false, false, 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct answer *c = &cases[i];
        struct audio_form f;
        struct wire_answer w;
        struct err e = {0};
        form_with(&f, c->format);
        int rc = audio_answer_read(&f, str_from(c->body), &w, &e);
        if (rc != c->rc || (rc && !e.text[0]))
            test_fail(__FILE__, __LINE__, "%zu: %d %s", i, rc, e.text);
        if (rc || c->rc)
            continue;
        bool same = w.has_error == c->error && (c->error || w.has_content == c->content) && w.has_usage == (c->input || c->output || c->ms) &&
                    (!w.has_usage || (w.usage.input == c->input && w.usage.output == c->output && w.usage.audio_ms == c->ms && w.usage.reported));
        if (!same)
            test_fail(__FILE__, __LINE__, "%zu: error %d content %d usage %lld %lld %lld", i, w.has_error, w.has_content, (long long)w.usage.input,
                      (long long)w.usage.output, (long long)w.usage.audio_ms);
    }
}

TEST(subtitles_are_made_of_segments)
{
#define GIVEN(segments) "{\"text\":\"x\",\"segments\":[" segments "],\"duration\":9}"
    static const struct {
        const char *format, *body;
        int rc;
        const char *want;
    } cases[] = {
        {"srt", GIVEN("{\"id\":0,\"start\":0.0,\"end\":3.3004,\"text\":\" the \\u00e9nd\\n\\nof it \"},{\"start\":3661.5,\"end\":36000.0425,\"text\":\"b\"}"), 0,
         "1\n00:00:00,000 --> 00:00:03,300\nthe \xc3\xa9nd  of it\n\n2\n01:01:01,500 --> 10:00:00,043\nb\n\n"},
        {"vtt", GIVEN("{\"start\":\"1.5\",\"end\":1,\"text\":\"a --> b\"}"), 0, "WEBVTT\n\n00:00:01.500 --> 00:00:01.500\na -> b\n\n"},
        {"vtt", GIVEN(""), 0, "WEBVTT\n\n"}, /* silence */
        {"srt", GIVEN("{\"start\":-1,\"end\":1e300,\"text\":7},3"), 0, "1\n00:00:00,000 --> 00:00:00,000\n\n\n2\n00:00:00,000 --> 00:00:00,000\n\n\n"},
        {"srt", "{\"text\":\"x\"}", ERR_SYNTAX, NULL},
        {"srt", "{\"segments\":null}", ERR_SYNTAX, NULL},
        {"srt", "{\"segments\":[{\"start\":0", ERR_SYNTAX, NULL},
        {"srt", "x", ERR_SYNTAX, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
        struct audio_form f;
        form_with(&f, cases[i].format);
        EXPECT_I64(audio_subtitles_write(&f, str_from(cases[i].body), &out), cases[i].rc);
        if (cases[i].want)
            EXPECT_STR(buf_str(&out), cases[i].want);
    }
}

TEST(events_of_a_stream_are_recognised)
{
    struct wire_answer w;
    EXPECT_I64(chunk_read(WIRE_TRANSCRIBE, STR("{\"type\":\"transcript.text.delta\",\"delta\":\"good\"}"), &w, NULL), 0);
    EXPECT(w.has_content && w.finish == FINISH_NONE && w.tokens_estimated > 0);
    EXPECT_I64(chunk_read(WIRE_TRANSCRIBE, STR("{\"type\":\"transcript.text.delta\",\"delta\":\"\"}"), &w, NULL), 0);
    EXPECT(!w.has_content);
    EXPECT_I64(chunk_read(WIRE_TRANSLATE, STR("{\"type\":\"transcript.text.done\",\"text\":\"\",\"usage\":{\"input_tokens\":14,\"output_tokens\":0}}"), &w, NULL), 0);
    EXPECT(w.has_content && w.finish == FINISH_STOP && w.has_usage);
    EXPECT_I64(w.usage.input, 14);
    EXPECT_I64(chunk_read(WIRE_TRANSCRIBE, STR("{\"type\":\"error\",\"error\":{\"message\":\"no\"}}"), &w, NULL), 0);
    EXPECT(w.has_error);
    EXPECT_I64(chunk_read(WIRE_TRANSCRIBE, STR("{\"object\":\"transcription.chunk\",\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}"), &w, NULL), 0);
    EXPECT(w.has_content && w.finish == FINISH_STOP);
    EXPECT_I64(chunk_read(WIRE_TRANSCRIBE, STR("7"), &w, NULL), ERR_SYNTAX);
    EXPECT_I64(chunk_read(WIRE_TRANSCRIBE, STR("{\"type\":"), &w, NULL), ERR_SYNTAX);
}

TEST(sound_is_paid_by_the_hour_where_it_is_sold_so)
{
    struct price p;
    struct usage u = {.audio_ms = 12000, .cost_nusd = -1, .reported = true}, tokens = {.input = 120, .output = 3};
    REQUIRE(price_find(&p, NULL, 0, STR("openai"), STR("whisper-1"), 1795266155123));
    EXPECT_I64(p.audio_hour, 360000000);
    EXPECT_I64(price_cost(&p, &u), 1200000);
    EXPECT_I64(price_cost(&p, &tokens), COST_UNKNOWN); /* nobody told the seconds */
    EXPECT_I64(price_worst_audio(&p, 3600000), 360000000);
    REQUIRE(price_find(&p, NULL, 0, STR("groq"), STR("whisper-large-v3-turbo"), 1795266155123));
    EXPECT_I64(p.audio_hour, 40000000);
    REQUIRE(price_find(&p, NULL, 0, STR("openai"), STR("gpt-4o-mini-transcribe"), 1795266155123));
    EXPECT_I64(price_cost(&p, &u), COST_UNKNOWN); /* seconds, and a price for tokens */
    EXPECT_I64(price_cost(&p, &tokens), 120 * 1250 + 3 * 5000);
    EXPECT(price_worst_audio(&p, 12000) >= price_cost(&p, &tokens));
    u.audio_ms = INT64_MAX / 2;
    p.audio_hour = INT64_MAX / 2;
    EXPECT_I64(price_cost(&p, &u), COST_UNKNOWN);
    EXPECT_I64(vendor_find(STR("groq"))->audio_ms_least, 10000);
}

/* A form as Python's client sends it: file first, True with a capital, arrays as repeated parts. */
TEST(a_form_is_read_whatever_the_order_of_its_parts)
{
    static const char body[] = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n0123456789\r\n"
                               "--b\r\nContent-Disposition: form-data; name=\"include[]\"\r\n\r\nlogprobs\r\n--b\r\nContent-Disposition: form-data; name=\"include[]\"\r\n\r\nx\r\n"
                               "--b\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\nTrue\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm/x y\r\n--b--\r\n";
    struct audio_form f;
    struct err e = {0};
    struct call c;
    EXPECT_I64(audio_form_open(&f, STR("multipart/form-data; boundary=b"), &e), 0);
    EXPECT_I64(audio_form_feed(&f, str_from(body), &e), 0);
    EXPECT_I64(audio_form_end(&f, &e), 0);
    audio_facts(&f, WIRE_TRANSCRIBE, str_from(body), &c);
    EXPECT_STR(c.model, "m/x y");
    EXPECT_STR(str_slice(str_from(body), f.model_begin, f.model_end), "m/x y");
    EXPECT(c.stream && f.file_bytes == 10 && c.tokens_estimated > 0);
    audio_form_fini(&f);
}
