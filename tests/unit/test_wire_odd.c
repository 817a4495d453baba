/* test_wire_odd.c: what stands inside messages, their parts and tools and that no reader knows is lost by its name, never silently. */
#include "unit/test.h"
#include "base/buf.h"
#include "matrix_kit.h"

static struct arena arena = ARENA_INIT(16 * MiB);

/* The names that a request loses on its way to that dialect, joined. */
static void lost_of(enum dialect from, enum wire_op op, struct str body, const struct matrix_target *to, struct buf *out)
{
    AUTO_BUF struct buf request = BUF_INIT(1 * MiB);
    struct lost lost = {.count = 0};
    struct err e = {0};
    struct chat c;
    int rc = matrix_read(&c, &arena, from, op, body, &e);
    rc = rc ? rc : matrix_write(&c, to, &lost, &request, &e);
    if (rc)
        test_fail(__FILE__, __LINE__, "%.*s: %s", STR_FMT(body), e.text);
    for (int i = 0; i < lost.count; i++)
        (void)buf_append_format(out, "%s%.*s", i ? "," : "", STR_FMT(lost.name[i]));
    arena_fini(&arena);
}

#define OA(members) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}," members "]}"
#define AN(members) "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]," members "}"
#define RE(members) "{\"model\":\"m\",\"input\":[" members "]}"

TEST(members_that_nobody_knows_are_lost_by_name)
{
    static const struct matrix_target anthropic = {"anthropic", "anthropic", "claude-sonnet-5-5", DIALECT_ANTHROPIC},
                                      ollama = {"ollama", "ollama", "m", DIALECT_OLLAMA}, openai = {"openai", NULL, "m", DIALECT_OPENAI},
                                      responses = {"responses", "openai", "m", DIALECT_RESPONSES};
    static const struct {
        enum dialect from;
        const struct matrix_target *to;
        const char *body, *lost;
    } cases[] = {
        {DIALECT_OPENAI, &ollama, OA("{\"role\":\"assistant\",\"content\":\"a\",\"prefix\":true}"), "messages.prefix"},
        {DIALECT_OPENAI, &anthropic, OA("{\"role\":\"user\",\"content\":\"a\",\"partial\":true,\"x\":null,\"y\":[],\"z\":{},\"w\":\"\",\"v\":false}"), "messages.partial"},
        {DIALECT_OPENAI, &ollama, OA("{\"role\":\"assistant\",\"content\":\"a\",\"annotations\":[{\"type\":\"url_citation\"}],\"refusal\":null,\"tool_calls\":[]}"), ""},
        {DIALECT_OPENAI, &ollama, OA("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"prompt_cache_breakpoint\":{\"mode\":\"x\"}}]}"), "content.prompt_cache_breakpoint"},
        {DIALECT_OPENAI, &anthropic, OA("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"index\":0,\"type\":\"function\",\"odd\":1,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}"), "tool_calls.odd"},
        {DIALECT_OPENAI, &ollama, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"return_schema\":{\"a\":1}}}]}", "tools.return_schema"},
        {DIALECT_ANTHROPIC, &openai, AN("\"system\":[{\"type\":\"text\",\"text\":\"s\",\"citations\":[{\"type\":\"char_location\"}]}]"), "content.citations"},
        {DIALECT_ANTHROPIC, &openai, AN("\"tools\":[{\"name\":\"f\",\"input_schema\":{},\"input_examples\":[{\"a\":1}],\"defer_loading\":false}]"), "tools.input_examples"},
        {DIALECT_ANTHROPIC, &anthropic, AN("\"tools\":[{\"name\":\"f\",\"input_schema\":{},\"input_examples\":[{\"a\":1}]}]"), ""},
        {DIALECT_ANTHROPIC, &openai, AN("\"metadata\":{\"user_id\":\"u\",\"team\":\"t\"}"), "metadata.team"},
        {DIALECT_ANTHROPIC, &openai, AN("\"output_config\":{\"effort\":\"low\",\"task_budget\":{\"total\":9}}"), "output_config.task_budget"},
        {DIALECT_ANTHROPIC, &openai, "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"id\":\"m_1\"}]}", "messages.id"},
        {DIALECT_ANTHROPIC, &anthropic, "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"id\":\"m_1\"}]}", "messages.id"},
        {DIALECT_RESPONSES, &openai, RE("{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"x\",\"odd\":1}],\"more\":1}"), "content.odd,input.more"},
        {DIALECT_RESPONSES, &responses, RE("{\"type\":\"function_call\",\"id\":\"fc_1\",\"status\":\"completed\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\",\"mood\":\"n\"}"), "input.mood"},
        {DIALECT_OLLAMA, &openai, OA("{\"role\":\"user\",\"content\":\"a\",\"odd\":1}"), "messages.odd"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf lost = BUF_INIT(64 * KiB);
        lost_of(cases[i].from, WIRE_CHAT, str_from(cases[i].body), cases[i].to, &lost);
        if (!str_eq(buf_str(&lost), str_from(cases[i].lost)))
            test_fail(__FILE__, __LINE__, "%s: lost \"%s\", expected \"%s\"", cases[i].body, buf_text(&lost), cases[i].lost);
    }
}

/* A thousand names cost what they are, and no more of them are kept than are listed. */
TEST(names_of_odd_members_are_bounded)
{
    AUTO_BUF struct buf body = BUF_INIT(4 * MiB), lost = BUF_INIT(64 * KiB);
    (void)buf_append_text(&body, "{\"model\":\"m\",\"messages\":[");
    for (int i = 0; i < 20000; i++)
        (void)buf_append_format(&body, "%s{\"role\":\"user\",\"content\":\"x\",\"odd%d\":1}", i ? "," : "", i);
    (void)buf_append_text(&body, "]}");
    lost_of(DIALECT_OPENAI, WIRE_CHAT, buf_str(&body), &matrix_targets[6], &lost);
    EXPECT(str_starts(buf_str(&lost), STR("messages.odd0,messages.odd1,")));
    EXPECT(str_ends(buf_str(&lost), STR(",more")));
}
