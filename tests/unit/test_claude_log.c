/* test_claude_log.c: lines of a client's own logs: what tells use, what is something else, what is told twice. */
#include "wire/claude_log.h"
#include "test.h"

static bool read_line(const char *line, struct claude_log_entry *out)
{
    struct arena a = ARENA_INIT(1 * MiB);
    bool got = claude_log_read(str_from(line), &a, out);
    if (got)
        out->model = str_eq(out->model, STR("claude-opus-5-5")) ? STR("claude-opus-5-5") : STR("other");
    arena_fini(&a);
    return got;
}

#define LINE(usage)                                                                                                                    \
    "{\"type\":\"assistant\",\"timestamp\":\"2026-11-21T13:02:35.123Z\",\"requestId\":\"req_1\",\"message\":{\"id\":\"msg_1\",\"role\":\"assistant\"," \
    "\"model\":\"claude-opus-5-5\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"usage\":" usage "}}"

TEST(an_answers_line_tells_its_use)
{
    struct claude_log_entry e, again;
    REQUIRE(read_line(LINE("{\"input_tokens\":4,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,\"output_tokens\":7}"), &e));
    EXPECT_I64(e.wall_ms, 1795266155000);
    EXPECT_I64(e.usage.input, 1104); /* all of it; the two below are parts */
    EXPECT_I64(e.usage.cached, 1000);
    EXPECT_I64(e.usage.cache_write, 100);
    EXPECT_I64(e.usage.output, 7);
    EXPECT_STR(e.model, "claude-opus-5-5");
    REQUIRE(read_line(LINE("{\"input_tokens\":4,\"output_tokens\":9}"), &again));
    EXPECT(e.id && e.id == again.id); /* the same answer, logged block by block */
}

TEST(other_lines_tell_nothing)
{
    static const char *const lines[] = {
        "", "{", "null", "{\"type\":\"user\",\"message\":{\"content\":\"the word \\\"usage\\\"\"}}", "[\"usage\"]",
        LINE("null"), LINE("{}"), LINE("{\"input_tokens\":0,\"output_tokens\":0}"), LINE("{\"input_tokens\":-1,\"output_tokens\":5}"),
        LINE("{\"input_tokens\":99999999999999,\"output_tokens\":5}"), LINE("{\"input_tokens\":\"4\"}"),
        "{\"timestamp\":\"yesterday\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":4}}}",
        "{\"timestamp\":\"2026-11-21T13:02:35Z\",\"message\":{\"usage\":{\"input_tokens\":4}}}",
    };
    struct claude_log_entry e;
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        EXPECT(!read_line(lines[i], &e));
}
