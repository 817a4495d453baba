/* test_wire_answer.c: answers and chunks, as the vendors send them (tests/golden/openai) and as they should not. */
#include "test.h"
#include "wire/wire.h"

static bool golden_read(struct buf *b, const char *name)
{
    char path[200];
    struct err e;
    text_format(path, sizeof(path), "tests/golden/openai/%s", name);
    if (buf_read_file(b, path, &e) == 0)
        return true;
    test_fail(__FILE__, __LINE__, "%s: %s", path, e.text);
    return false;
}

/* What a whole stream says when its chunks are put together as the relay does: totals, and the last of the rest. */
struct told {
    int chunks, first_content; /* number of the first chunk with content, from 1; 0 when there is none */
    bool error, done, usage;
    enum finish finish;
    int64_t content_bytes, input, cached, cache_write, output, reasoning, cost_nusd;
};

static void chunk_tell(struct told *t, struct str data)
{
    struct wire_answer w;
    struct err e;

    if (sse_is_done(data)) {
        t->done = true;
        return;
    }
    t->chunks++;
    if (chunk_read(WIRE_CHAT, data, &w, &e) < 0) {
        test_fail(__FILE__, __LINE__, "chunk %d: %s", t->chunks, e.text);
        return;
    }
    EXPECT(w.content.ptr == NULL);
    EXPECT(!w.finish_pending);
    if (w.has_content && !t->first_content)
        t->first_content = t->chunks;
    t->error |= w.has_error;
    t->content_bytes += w.content_bytes;
    t->finish = w.finish != FINISH_NONE ? w.finish : t->finish;
    if (w.has_usage) {
        EXPECT(w.usage.reported);
        t->usage = true;
        t->input = w.usage.input;
        t->cached = w.usage.cached;
        t->cache_write = w.usage.cache_write;
        t->output = w.usage.output;
        t->reasoning = w.usage.reasoning;
        t->cost_nusd = w.usage.cost_nusd;
    }
}

static struct told stream_tell(const char *name)
{
    AUTO_BUF struct buf b = BUF_INIT(MiB);
    struct told t = {.finish = FINISH_NONE, .cost_nusd = -1};
    if (!golden_read(&b, name))
        return t;
    struct str rest = buf_str(&b), line;
    while (str_cut(&rest, '\n', &line)) {
        if (str_starts(line, STR("data: ")))
            chunk_tell(&t, str_skip(line, 6));
    }
    return t;
}

TEST(every_vendors_stream_is_understood)
{
    static const struct {
        const char *name;
        struct told want;
    } rows[] = {
        {"openai_stream.sse", {5, 2, false, true, true, FINISH_STOP, 5, .input = 12, .output = 2, .cost_nusd = -1}},
        {"openai_stream_tools.sse", {5, 2, false, true, false, FINISH_TOOLS, 11 + 9 + 10, .cost_nusd = -1}},
        {"deepseek_stream.sse",
         {4, 2, false, true, true, FINISH_STOP, 4, .input = 100, .cached = 64, .output = 20, .reasoning = 15,
          .cost_nusd = -1}},
        {"kimi_stream.sse",
         {3, 2, false, true, true, FINISH_TOOLS, 13, .input = 40, .cached = 32, .output = 9, .cost_nusd = -1}},
        {"groq_stream.sse",
         {4, 2, false, true, true, FINISH_STOP, 6, .input = 70, .output = 11, .reasoning = 5, .cost_nusd = -1}},
        {"groq_error.sse", {2, 0, true, false, false, FINISH_NONE, 0, .cost_nusd = -1}},
        {"openrouter_stream.sse",
         {5, 2, false, true, true, FINISH_LENGTH, 3, .input = 14, .cached = 2, .cache_write = 5, .output = 3,
          .reasoning = 1, .cost_nusd = 123450}},
        {"openrouter_error.sse", {2, 1, true, false, false, FINISH_INTERRUPTED, 3, .cost_nusd = -1}},
        {"vllm_stream_usage_in_each.sse",
         {4, 2, false, true, true, FINISH_STOP, 5, .input = 9, .output = 2, .cost_nusd = -1}},
        {"vllm_flat_error.sse", {1, 0, true, true, false, FINISH_NONE, 0, .cost_nusd = -1}},
        {"llama_server_stream.sse",
         {4, 2, false, true, true, FINISH_STOP, 2, .input = 10, .cached = 4, .output = 1, .cost_nusd = -1}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct told got = stream_tell(rows[i].name), want = rows[i].want;
        if (got.chunks != want.chunks || got.first_content != want.first_content || got.error != want.error ||
            got.done != want.done || got.usage != want.usage || got.finish != want.finish ||
            got.content_bytes != want.content_bytes)
            test_fail(__FILE__, __LINE__,
                      "%s: %d chunks, first content %d, error %d, done %d, usage %d, finish %s, %lld bytes",
                      rows[i].name, got.chunks, got.first_content, got.error, got.done, got.usage,
                      finish_name(got.finish), (long long)got.content_bytes);
        if (got.input != want.input || got.cached != want.cached || got.cache_write != want.cache_write ||
            got.output != want.output || got.reasoning != want.reasoning || got.cost_nusd != want.cost_nusd)
            test_fail(__FILE__, __LINE__,
                      "%s: input %lld cached %lld written %lld output %lld reasoning %lld cost %lld", rows[i].name,
                      (long long)got.input, (long long)got.cached, (long long)got.cache_write, (long long)got.output,
                      (long long)got.reasoning, (long long)got.cost_nusd);
    }
}

TEST(every_vendors_whole_answer_is_understood)
{
    static const struct {
        const char *name;
        enum wire_op op;
        bool error, content, usage, pending;
        enum finish finish;
        int64_t choices, bytes, input, cached, output, reasoning;
        const char *text;
    } rows[] = {
        {"openai_chat.json", WIRE_CHAT, false, true, true, false, FINISH_STOP, 1, 15, 12, 4, 30, 22,
         "Hello, \\\"you\\\"."},
        {"openai_chat_tools.json", WIRE_CHAT, false, true, true, false, FINISH_TOOLS, 1, 11 + 19, 80, 0, 17, 0, NULL},
        {"deepseek_keep_alive.json", WIRE_CHAT, false, true, true, false, FINISH_STOP, 1, 14 + 15, 50, 32, 12, 0,
         "{\\\"ok\\\": true}"},
        {"deepseek_interrupted.json", WIRE_CHAT, false, true, true, false, FINISH_INTERRUPTED, 1, 9, 50, 0, 2, 0,
         "The first"},
        {"openrouter_choice_error.json", WIRE_CHAT, true, false, false, false, FINISH_INTERRUPTED, 1, 0, 0, 0, 0, 0,
         ""},
        {"gemini_tool.json", WIRE_CHAT, false, true, true, false, FINISH_TOOLS, 1, 11 + 19, 40, 0, 35, 0, NULL},
        {"mistral_parts.json", WIRE_CHAT, false, true, true, false, FINISH_STOP, 1, 12, 20, 0, 8, 0, NULL},
        {"completions.json", WIRE_COMPLETIONS, false, true, true, false, FINISH_LENGTH, 1, 13, 6, 0, 5, 0,
         "return a + b;"},
        {"embeddings.json", WIRE_EMBEDDINGS, false, true, true, false, FINISH_NONE, 2, 0, 5, 0, 0, 0, NULL},
        {"embeddings_hollow.json", WIRE_EMBEDDINGS, false, false, true, false, FINISH_NONE, 2, 0, 5, 0, 0, 0, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf b = BUF_INIT(MiB);
        struct wire_answer w = {0};
        struct err e = {0};
        if (!golden_read(&b, rows[i].name))
            continue;
        if (answer_read(rows[i].op, buf_str(&b), &w, &e) != 0 || !w.has_choices || w.has_error != rows[i].error ||
            w.has_content != rows[i].content || w.has_usage != rows[i].usage || w.finish_pending != rows[i].pending ||
            w.finish != rows[i].finish || w.choice_count != rows[i].choices || w.content_bytes != rows[i].bytes)
            test_fail(__FILE__, __LINE__,
                      "%s: %s, error %d, content %d, usage %d, pending %d, finish %s, %lld choices, %lld bytes",
                      rows[i].name, e.text, w.has_error, w.has_content, w.has_usage, w.finish_pending,
                      finish_name(w.finish), (long long)w.choice_count, (long long)w.content_bytes);
        if (w.usage.input != rows[i].input || w.usage.cached != rows[i].cached || w.usage.output != rows[i].output ||
            w.usage.reasoning != rows[i].reasoning || w.usage.cost_nusd != -1)
            test_fail(__FILE__, __LINE__, "%s: input %lld cached %lld output %lld reasoning %lld", rows[i].name,
                      (long long)w.usage.input, (long long)w.usage.cached, (long long)w.usage.output,
                      (long long)w.usage.reasoning);
        if (!rows[i].text != !w.content.ptr || (rows[i].text && !str_eq(w.content, str_from(rows[i].text))))
            test_fail(__FILE__, __LINE__, "%s: \"%.*s\"", rows[i].name, STR_FMT(w.content));
    EXPECT((w.tokens_estimated > 0) == (w.content_bytes > 0 && !w.has_usage));
    }
}

TEST(only_what_a_client_can_see_is_content)
{
    static const struct {
        const char *delta;
        bool content;
    } rows[] = {
        {"{}", false},
        {"null", false},
        {"{\"role\":\"assistant\"}", false},
        {"{\"role\":\"assistant\",\"content\":\"\"}", false},
        {"{\"content\":null}", false},
        {"{\"content\":[]}", false},
        {"{\"content\":7}", false},
        {"{\"content\":\" \"}", true},
        {"{\"content\":\"a\"}", true},
        {"{\"c\\u006fntent\":\"a\"}", true},
        {"{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}", true},
        {"{\"content\":[{\"type\":\"text\",\"text\":\"\"}]}", false},
        {"{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"a\"}]}]}", true},
        {"{\"content\":[{\"type\":\"thinking\",\"thinking\":\"a\"}]}", true},
        {"{\"reasoning\":\"\",\"reasoning_content\":null}", false},
        {"{\"reasoning\":\"a\"}", true},
        {"{\"reasoning_content\":\"a\"}", true},
        {"{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"\",\"index\":0}]}", false},
        {"{\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"summary\":\"a\",\"index\":0}]}", true},
        {"{\"refusal\":null}", false},
        {"{\"refusal\":\"no\"}", true},
        {"{\"tool_calls\":null}", false},
        {"{\"tool_calls\":[]}", false},
        {"{\"tool_calls\":[{\"index\":0}]}", false},
        {"{\"tool_calls\":[{\"index\":0,\"id\":\"\",\"function\":{\"name\":null,\"arguments\":\"\"}}]}", false},
        {"{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\"}]}", true},
        {"{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\"}}]}", true},
        {"{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\"}}]}", true},
        {"{\"tool_calls\":[{\"function\":{\"arguments\":{\"a\":1}}}]}", true},
        {"{\"tool_calls\":[{\"custom\":{\"input\":\"x\"}}]}", true},
        {"{\"tool_calls\":[7,null]}", false},
        {"{\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}}", true},
        {"{\"function_call\":{\"arguments\":\"\"}}", false},
        {"{\"function_call\":null}", false},
        {"{\"audio\":{\"id\":\"audio_1\"}}", false},
        {"{\"audio\":{\"data\":\"AAAA\"}}", true},
        {"{\"audio\":{\"transcript\":\"hm\"}}", true},
        {"{\"audio\":null}", false},
        {"{\"images\":[]}", false},
        {"{\"images\":[{\"image_url\":{\"url\":\"data:\"}}]}", true},
        {"{\"obfuscation\":\"abcdef\",\"x\":{\"content\":\"a\"}}", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf b = BUF_INIT(1000);
        EXPECT(buf_append_format(&b, "{\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":null}]}",
                                 rows[i].delta) == 0);
        struct wire_answer w;
        if (chunk_read(WIRE_CHAT, buf_str(&b), &w, NULL) != 0 || w.has_content != rows[i].content ||
            w.finish != FINISH_NONE)
            test_fail(__FILE__, __LINE__, "%s", rows[i].delta);
    }
}

TEST(finish_reasons_have_one_meaning_each)
{
    static const struct {
        const char *reason;
        enum finish finish;
    } rows[] = {
        {"\"stop\"", FINISH_STOP},
        {"\"length\"", FINISH_LENGTH},
        {"\"tool_calls\"", FINISH_TOOLS},
        {"\"function_call\"", FINISH_TOOLS},
        {"\"content_filter\"", FINISH_FILTER},
        {"\"insufficient_system_resource\"", FINISH_INTERRUPTED},
        {"\"error\"", FINISH_INTERRUPTED},
        {"\"abort\"", FINISH_INTERRUPTED},
        {"\"cancelled\"", FINISH_INTERRUPTED},
        {"\"eos\"", FINISH_STOP},
        {"\"eos_token\"", FINISH_STOP},
        {"\"stop_sequence\"", FINISH_STOP},
        {"\"end_turn\"", FINISH_STOP},
        {"\"tool_use\"", FINISH_TOOLS},
        {"\"max_tokens\"", FINISH_LENGTH},
        {"\"MAX_TOKENS\"", FINISH_LENGTH},
        {"\"SAFETY\"", FINISH_FILTER},
        {"\"RECITATION\"", FINISH_FILTER},
        {"\"MALFORMED_FUNCTION_CALL\"", FINISH_OTHER},
        {"\"repetition\"", FINISH_OTHER},
        {"\"load\"", FINISH_OTHER},
        {"\"\"", FINISH_NONE},
        {"null", FINISH_NONE},
        {"3", FINISH_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf b = BUF_INIT(1000);
        EXPECT(buf_append_format(&b, "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":%s}]}",
                                 rows[i].reason) == 0);
        struct wire_answer w;
        if (answer_read(WIRE_CHAT, buf_str(&b), &w, NULL) != 0 || w.finish != rows[i].finish ||
            w.finish_pending != (rows[i].finish == FINISH_NONE))
            test_fail(__FILE__, __LINE__, "%s", rows[i].reason);
    }
}

static bool usage_of(const char *usage, struct wire_answer *w)
{
    AUTO_BUF struct buf b = BUF_INIT(1000);
    EXPECT(buf_append_format(&b, "{\"usage\":%s,\"choices\":[]}", usage) == 0);
    EXPECT_I64(chunk_read(WIRE_CHAT, buf_str(&b), w, NULL), 0);
    return w->has_usage;
}

TEST(usage_that_makes_no_sense_is_not_usage)
{
    static const char *const nothing[] = {
        "null",
        "{}",
        "[]",
        "7",
        "\"x\"",
        "{\"total_tokens\":5}",
        "{\"prompt_tokens\":null}",
        "{\"completion_tokens\":5}",
        "{\"prompt_tokens\":-1,\"completion_tokens\":5}",
        "{\"prompt_tokens\":1.5,\"completion_tokens\":5}",
        "{\"prompt_tokens\":\"1\",\"completion_tokens\":5}",
        "{\"prompt_tokens\":1099511627777,\"completion_tokens\":5}",
        "{\"prompt_tokens\":1e300,\"completion_tokens\":5}",
        "{\"prompt_tokens\":5,\"completion_tokens\":-5}",
        "{\"prompt_tokens\":5,\"completion_tokens\":2.5}",
        "{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}",
    };
    struct wire_answer w;
    for (size_t i = 0; i < COUNT_OF(nothing); i++) {
        if (usage_of(nothing[i], &w) || w.usage.input != 0 || w.usage.output != 0 || w.usage.reported)
            test_fail(__FILE__, __LINE__, "%s", nothing[i]);
    }
    EXPECT(usage_of("{\"prompt_tokens\":5}", &w)); /* an embedding has no output */
    EXPECT(usage_of("{\"prompt_tokens\":1099511627776,\"completion_tokens\":0}", &w));
    EXPECT(usage_of("{\"prompt_tokens\":2.0,\"completion_tokens\":1e1}", &w));
    EXPECT_I64(w.usage.output, 10);
}

TEST(a_part_of_usage_never_exceeds_its_whole)
{
    struct wire_answer w;
    EXPECT(usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":99,"
                    "\"cache_write_tokens\":7},\"completion_tokens_details\":{\"reasoning_tokens\":50}}",
                    &w));
    EXPECT_I64(w.usage.cached, 10);
    EXPECT_I64(w.usage.cache_write, 0);
    EXPECT_I64(w.usage.reasoning, 5);
    EXPECT(usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":-4,"
                    "\"cache_write_tokens\":99},\"completion_tokens_details\":{\"reasoning_tokens\":0.5}}",
                    &w));
    EXPECT_I64(w.usage.cached, 0);
    EXPECT_I64(w.usage.cache_write, 10);
    EXPECT_I64(w.usage.reasoning, 0);
}

TEST(cached_tokens_are_found_wherever_they_are)
{
    struct wire_answer w;
    EXPECT(usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5,\"cached_tokens\":3}", &w));
    EXPECT_I64(w.usage.cached, 3);
    EXPECT(usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_cache_hit_tokens\":4}", &w));
    EXPECT_I64(w.usage.cached, 4);
    EXPECT(usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5,\"cached_tokens\":3,\"prompt_tokens_details\":{"
                    "\"cached_tokens\":2}}",
                    &w));
    EXPECT_I64(w.usage.cached, 2);
    EXPECT(usage_of("{\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_tokens_details\":null,\"cached_tokens\":3}",
                    &w));
    EXPECT_I64(w.usage.cached, 3);
}

TEST(reasoning_that_only_the_total_holds_is_output)
{
    struct wire_answer w;
    EXPECT(usage_of("{\"prompt_tokens\":40,\"completion_tokens\":10,\"total_tokens\":75}", &w));
    EXPECT_I64(w.usage.output, 35);
    EXPECT(usage_of("{\"prompt_tokens\":40,\"completion_tokens\":10,\"total_tokens\":20}", &w));
    EXPECT_I64(w.usage.output, 10);
}

TEST(a_vendors_own_cost_is_kept)
{
    static const struct {
        const char *cost;
        int64_t nusd;
    } rows[] = {{"0", 0},   {"0.5", 500000000}, {"1.5e-05", 15000}, {"0.0000000014", 1},
                {"-1", -1}, {"null", -1},       {"\"1\"", -1},      {"1e9", -1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char usage[100];
        struct wire_answer w;
        text_format(usage, sizeof(usage), "{\"prompt_tokens\":1,\"completion_tokens\":1,\"cost\":%s}", rows[i].cost);
        EXPECT(usage_of(usage, &w));
        EXPECT_I64(w.usage.cost_nusd, rows[i].nusd);
    }
}

TEST(a_top_level_usage_wins_over_the_others)
{
    static const char *const orders[] = {
        "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1},\"choices\":[{\"usage\":{\"prompt_tokens\":2}}],\"x_"
        "groq\":{\"usage\":{\"prompt_tokens\":3}}}",
        "{\"choices\":[{\"usage\":{\"prompt_tokens\":2}}],\"x_groq\":{\"usage\":{\"prompt_tokens\":3}},\"usage\":{"
        "\"prompt_tokens\":1,\"completion_tokens\":1}}",
        "{\"x_groq\":{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}},\"usage\":null}",
    };
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        struct wire_answer w;
        EXPECT_I64(chunk_read(WIRE_CHAT, str_from(orders[i]), &w, NULL), 0);
        EXPECT(w.has_usage);
        EXPECT_I64(w.usage.input, 1);
    }
}

TEST(several_choices_are_counted_and_the_first_is_kept)
{
    struct wire_answer w;
    EXPECT_I64(answer_read(WIRE_CHAT,
                           STR("{\"choices\":[{\"message\":{\"content\":\"one\"},\"finish_reason\":\"stop\"},"
                               "{\"message\":{\"content\":\"three\"},\"finish_reason\":null},null]}"),
                           &w, NULL),
               0);
    EXPECT_I64(w.choice_count, 3);
    EXPECT_STR(w.content, "one");
    EXPECT_I64(w.content_bytes, 8);
    EXPECT(w.finish_pending);
    EXPECT_I64(w.finish, FINISH_STOP);
    EXPECT_I64(answer_read(WIRE_CHAT,
                           STR("{\"choices\":[{\"message\":{},\"finish_reason\":\"stop\"},"
                               "{\"message\":{\"content\":\"two\"},\"finish_reason\":\"length\"}]}"),
                           &w, NULL),
               0);
    EXPECT(w.content.ptr == NULL); /* the second's text is not the first's */
    EXPECT(!w.finish_pending);
    EXPECT_I64(w.finish, FINISH_LENGTH);
}

TEST(an_error_is_one_wherever_it_stands)
{
    static const struct {
        const char *text;
        bool error;
    } rows[] = {
        {"{\"error\":null,\"choices\":[]}", false},
        {"{\"error\":{\"message\":\"x\"}}", true},
        {"{\"error\":\"x\"}", true},
        {"{\"err\\u006fr\":{}}", true},
        {"{\"choices\":[{\"error\":{\"code\":502}}]}", true},
        {"{\"choices\":[{\"error\":null,\"delta\":{}}]}", false},
        {"{\"choices\":[{\"delta\":{\"content\":\"error\"}}],\"object\":\"chat.completion.chunk\"}", false},
        {"{\"object\":\"error\",\"message\":\"x\"}", true},
        {"{\"x_groq\":{\"error\":\"over capacity\"}}", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct wire_answer w;
        if (chunk_read(WIRE_CHAT, str_from(rows[i].text), &w, NULL) != 0 || w.has_error != rows[i].error)
            test_fail(__FILE__, __LINE__, "%s", rows[i].text);
    }
}

TEST(what_is_no_object_is_no_answer)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "[]",
                                      "null",
                                      "\"x\"",
                                      "[{\"error\":{}}]",
                                      "{\"choices\":[",
                                      "{\"choices\":[]}x",
                                      "<html>",
                                      "[DONE]",
                                      "{\"choices\":[{\"delta\":{\"content\":\"\xFF\"}}]}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct wire_answer w;
        struct err e = {0};
        EXPECT_I64(answer_read(WIRE_CHAT, str_from(bad[i]), &w, &e), ERR_SYNTAX);
        EXPECT(e.text[0]);
        EXPECT_I64(chunk_read(WIRE_CHAT, str_from(bad[i]), &w, NULL), ERR_SYNTAX);
    }
}

TEST(a_byte_order_mark_before_an_answer_is_passed_over)
{
    struct wire_answer w;
    struct str body = STR("\xef\xbb\xbf {\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}");
    EXPECT_I64(answer_read(WIRE_CHAT, body, &w, NULL), 0);
    EXPECT(w.has_content && w.finish == FINISH_STOP);
    EXPECT_STR(w.content, "hi");
    EXPECT_I64(answer_read(WIRE_CHAT, STR("\xef\xbb{}"), &w, NULL), ERR_SYNTAX);
    EXPECT_I64(answer_read(WIRE_CHAT, STR("\xef\xbb\xbf"), &w, NULL), ERR_SYNTAX);
}

TEST(choices_are_not_data_and_data_not_choices)
{
    struct wire_answer w;
    EXPECT_I64(answer_read(WIRE_EMBEDDINGS, STR("{\"choices\":[{\"message\":{\"content\":\"a\"}}]}"), &w, NULL), 0);
    EXPECT(!w.has_choices && !w.has_content);
    EXPECT_I64(answer_read(WIRE_CHAT, STR("{\"data\":[{\"embedding\":[1]}]}"), &w, NULL), 0);
    EXPECT(!w.has_choices && !w.has_content);
    EXPECT_I64(answer_read(WIRE_EMBEDDINGS, STR("{\"data\":[]}"), &w, NULL), 0);
    EXPECT(w.has_choices && !w.has_content);
    EXPECT_I64(answer_read(WIRE_EMBEDDINGS, STR("{\"data\":[{\"embedding\":\"\"}]}"), &w, NULL), 0);
    EXPECT(!w.has_content);
}

TEST(a_promised_format_is_checked)
{
    static const struct {
        const char *content; /* raw */
        bool json, list; /* list: fine under a schema only */
    } rows[] = {
        {"{}", true, false},
        {" {\\\"a\\\":[1,2]}\\n", true, false},
        {"{\\\"a\\\":\\\"\\\\u00e9 \\u00e9\\\"}", true, false},
        {"[]", false, true},
        {"\\\"a\\\"", false, true},
        {"7", false, true},
        {"", false, false},
        {"Sure! {}", false, false},
        {"{\\\"a\\\":1} Hope that helps.", false, false},
        {"{\\\"a\\\":", false, false},
        {"{'a':1}", false, false},
        {"```json\\n{}\\n```", false, false},
        {"{\\\"a\\\":1,}", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct wire_answer w = {.content = str_from(rows[i].content)};
        EXPECT(answer_keeps_format(&w, FORMAT_TEXT));
        if (answer_keeps_format(&w, FORMAT_JSON_OBJECT) != rows[i].json ||
            answer_keeps_format(&w, FORMAT_JSON_SCHEMA) != (rows[i].json || rows[i].list))
            test_fail(__FILE__, __LINE__, "%s", rows[i].content);
    }
    struct wire_answer none = {0};
    EXPECT(answer_keeps_format(&none, FORMAT_JSON_OBJECT));
}

TEST(the_end_of_a_stream_is_known)
{
    EXPECT(sse_is_done(STR("[DONE]")));
    EXPECT(sse_is_done(STR("[DONE] ")));
    EXPECT(!sse_is_done(STR("{\"a\":\"[DONE]\"}")));
    EXPECT(!sse_is_done(STR("[DON")));
}

static int format_once(void *ctx)
{
    (void)ctx;
    struct wire_answer w = {.content = STR("{\\\"a\\\":1}")};
    return answer_keeps_format(&w, FORMAT_JSON_OBJECT) ? 0 : -1;
}

TEST(running_out_of_memory_does_not_break_a_good_answer)
{
    test_torture("answer_keeps_format", format_once, NULL);
}
