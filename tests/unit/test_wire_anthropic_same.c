/* test_wire_anthropic_same.c: requests that come and go in the Anthropic dialect: what was said is said, and what it can carry
 * comes back the same. */
#include "anthropic_kit.h"
#include "base/clock.h"

/* --- the same dialect on both sides ------------------------------------------------------------------------------- */

TEST(a_translated_call_of_the_same_dialect_says_the_same)
{
    static const char *const bodies[] = {
        "{\"model\":\"claude-opus-5\",\"max_tokens\":32000,\"stream\":true,"
        "\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"b\":{"
        "},\"a\":{}}},\"cache_control\":{\"type\":\"ephemeral\"}},"
        "{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":3},{\"name\":\"g\",\"input_schema\":{},"
        "\"defer_loading\":true}],"
        "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":false},"
        "\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: cc_version=2; "
        "cch=1;\"},{\"type\":\"text\",\"text\":\"Be "
        "brief.\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
        "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":["
        "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"EqQB\"},{\"type\":\"redacted_thinking\",\"data\":"
        "\"D\"},"
        "{\"type\":\"text\",\"text\":\"I look.\",\"citations\":[{\"type\":\"char_location\"}]},"
        "{\"type\":\"server_tool_use\",\"id\":\"srvtoolu_1\",\"name\":\"web_search\",\"input\":{\"q\":1}},"
        "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{\"n\":12345678901234567890, \"a\":1.0}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\",\"content\":[{\"type\":"
        "\"text\",\"text\":\"ok\"},{\"type\":\"tool_reference\",\"tool_name\":\"x\"}],\"is_error\":true},"
        "{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
        "\"type\":\"text\",\"text\":\"b\"}]},\"context\":\"c\"}]}],"
        "\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},\"output_config\":{\"effort\":\"high\",\"task_"
        "budget\":{\"total\":5}},"
        "\"service_tier\":\"standard_only\",\"stop_sequences\":[\"END\"],\"metadata\":{\"user_id\":\"u\",\"x\":1},"
        "\"context_management\":{\"edits\":[]},\"speed\":\"fast\"}",
        "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":0,\"system\":\"S\",\"messages\":[{\"role\":\"user\","
        "\"content\":\"hi\"}],"
        "\"thinking\":{\"type\":\"disabled\"},\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{"
        "\"b\":1,\"a\":2}}},\"temperature\":0.70,\"top_k\":5,"
        "\"metadata\":{\"user_id\":\"u\"},\"cache_control\":{\"type\":\"ephemeral\"}}",
        "{\"model\":\"claude-haiku-4-5\",\"max_tokens\":9000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
        "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048,\"new\":1}}",
        "{\"model\":\"kimi-k3\",\"max_tokens\":9000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"thinking\":"
        "{\"type\":\"adaptive\"}}",
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
        struct chat c;
        struct err e = {0};
        if (read_request(&c, bodies[i], &e))
            test_fail(__FILE__, __LINE__, "%s", e.text);
        AUTO_BUF struct buf model = BUF_INIT(KiB);
        EXPECT(buf_append(&model, c.model) == 0);
        EXPECT(write_chat(&c, buf_text(&model), NULL, &out, &e) == 0);
        EXPECT_STR(buf_str(&out), bodies[i]);
        EXPECT_STR(lost_text(&names), "");
        reset();
    }
}

/* Back at Anthropic after a time at another vendor. */
TEST(what_another_vendor_thought_does_not_go_back)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
    struct chat c;
    REQUIRE(read_request(
                &c,
                "{\"model\":\"claude-haiku-4-5\",\"max_tokens\":9000,\"tools\":[{\"name\":\"f\",\"input_schema\":{}}],"
                "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":["
                "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"\"},{\"type\":\"redacted_thinking\","
                "\"data\":\"hx_D\"},"
                "{\"type\":\"tool_use\",\"id\":\"hx_f-3A0\",\"name\":\"f\",\"input\":{}}]},"
                "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"hx_f-3A0\",\"content\":"
                "\"ok\"}]}],"
                "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}}",
                NULL) == 0);
    REQUIRE(write_chat(&c, "claude-haiku-4-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "messages"),
               "[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
               "\"id\":\"hx_f-3A0\",\"name\":\"f\",\"input\":{}}]},"
               "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"hx_f-3A0\",\"content\":"
               "\"ok\"}]}]");
    EXPECT_STR(member_of(&out, "thinking"), "");
    EXPECT_STR(lost_text(&names), "reasoning_content,encrypted_content,reasoning_effort");
    reset();
}

/* The wish for thought in the words of another generation. */
TEST(thinking_is_said_in_the_words_of_the_model)
{
    static const struct {
        const char *wish, *model, *thinking, *config;
    } cases[] = {
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":20000}", "claude-opus-5",
         "{\"type\":\"adaptive\",\"display\":\"summarized\"}", "{\"effort\":\"high\"}"},
        {"\"thinking\":{\"type\":\"adaptive\"}", "claude-sonnet-4-5", "{\"type\":\"enabled\",\"budget_tokens\":24576}",
         ""},
        {"\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\"}", "claude-sonnet-4-5",
         "{\"type\":\"enabled\",\"budget_tokens\":1024}", ""},
        {"\"thinking\":{\"type\":\"disabled\"}", "claude-opus-5", "", ""},
        {"\"thinking\":{\"type\":\"disabled\"}", "claude-sonnet-4-5", "{\"type\":\"disabled\"}", ""},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":20000}", "claude-opus-4-6",
         "{\"type\":\"enabled\",\"budget_tokens\":20000}", ""},
        {"\"output_config\":{\"effort\":\"high\"}", "claude-opus-4-5", "", "{\"effort\":\"high\"}"},
        {"\"output_config\":{\"effort\":\"high\"}", "claude-sonnet-4-5", "", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf body = BUF_INIT(MiB), out = BUF_INIT(MiB);
        struct chat c;
        EXPECT(buf_append_format(
                   &body,
                   "{\"model\":\"m\",\"max_tokens\":50000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],%s}",
                   cases[i].wish) == 0);
        EXPECT(read_request(&c, buf_text(&body), NULL) == 0);
        EXPECT(write_chat(&c, cases[i].model, NULL, &out, NULL) == 0);
        EXPECT_STR(member_of(&out, "thinking"), cases[i].thinking);
        EXPECT_STR(member_of(&out, "output_config"), cases[i].config);
        reset();
    }
}

/* --- round trips -------------------------------------------------------------------------------------------------- */

static const char *word(struct rng *r)
{
    static const char *const words[] = {"a", "b\n\"c\"", "gro\xC3\x9F", "{\"x\":[1]}", "-", "\x01", "two words"};
    return words[rng_below(r, COUNT_OF(words))];
}

static void random_media(struct rng *r, struct part *p)
{
    p->source = rng_below(r, 2) ? SOURCE_URL : SOURCE_BASE64;
    p->media_type = p->source == SOURCE_URL ? STR_NONE
                    : p->kind == PART_IMAGE ? STR("image/png")
                                            : STR("application/pdf");
    p->data = str_from(word(r));
}

static void random_assistant(struct rng *r, struct chat *c, int turn, uint64_t calls)
{
    struct part *p = say(c, ROLE_ASSISTANT, PART_REASONING, word(r));
    p->signature = STR("sig");
    if (rng_below(r, 2))
        also(c, PART_TEXT, word(r));
    for (uint64_t i = 0; i < calls; i++)
        call(also(c, PART_CALL, ""), arena_format(&arena, "%s%d_%d", rng_below(r, 2) ? "toolu_" : "f.x:", turn, (int)i),
             "f", rng_below(r, 2) ? "{}" : "{\"n\":12345678901234567890,  \"m\":-0.0}");
    also(c, PART_TEXT, word(r));
}

static void random_chat(struct rng *r, struct chat *c)
{
    chat_begin(c);
    c->from = DIALECT_ANTHROPIC;
    if (rng_below(r, 2))
        say(c, ROLE_SYSTEM, PART_TEXT, word(r));
    say(c, ROLE_USER, PART_TEXT, word(r));
    for (int turn = 0; turn < (int)rng_below(r, 4); turn++) {
        uint64_t calls = rng_below(r, 4);
        random_assistant(r, c, turn, calls);
        const struct part *asked = c->last_message->part;
        struct message *m = chat_message_add(c, ROLE_USER);
        for (; asked; asked = asked->next) {
            if (asked->kind != PART_CALL)
                continue;
            struct part *p = chat_part_add(c, &m->part, PART_RESULT);
            p->failed = rng_below(r, 2);
            result(c, p, "", word(r));
            p->id = asked->id;
            if (rng_below(r, 2))
                random_media(r, chat_part_add(c, &p->content, PART_IMAGE));
        }
        random_media(r, also(c, rng_below(r, 2) ? PART_IMAGE : PART_FILE, ""));
        also(c, PART_TEXT, word(r));
    }
}

TEST(what_the_dialect_can_carry_comes_back_the_same)
{
    struct rng r;
    rng_seed(&r, 7);
    for (int i = 0; i < 500; i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB), first = BUF_INIT(MiB), again = BUF_INIT(MiB);
        struct chat c, d;
        struct err e = {0};
        random_chat(&r, &c);
        dump(&first, &c);
        EXPECT(write_chat(&c, "claude-opus-5", NULL, &out, &e) == 0);
        if (read_request(&d, buf_text(&out), &e))
            test_fail(__FILE__, __LINE__, "%d: %s", i, e.text);
        else
            dump(&again, &d);
        EXPECT_STR(buf_str(&again), buf_text(&first));
        EXPECT(lost.count == 0);
        reset();
    }
}

/* --- without memory ---------------------------------------------------------------------------------------------- */

static int torture_request(void *ctx)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct arena a = ARENA_INIT(MiB);
    struct chat c = {.arena = &a};
    struct lost l = {0};
    struct chat_write w = {.op = WIRE_CHAT, .model = STR("claude-sonnet-4-5"), .arena = &a, .lost = &l};
    int rc = codec_anthropic.request_read(&c, WIRE_CHAT, str_from(ctx), NULL);
    if (rc == 0)
        rc = codec_anthropic.request_write(&c, &w, &out, NULL);
    arena_fini(&a);
    return rc;
}

TEST(torture_a_request)
{
    EXPECT(test_torture(
               "anthropic request", torture_request,
               "{\"model\":\"m\\u0041\",\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: "
               "a\"},{\"type\":\"text\",\"text\":\"S\\n\"}],"
               "\"metadata\":{\"user_id\":\"u\\n\",\"x\":1},\"extra\\u0041\":1,\"stop_sequences\":[\"a\\n\"],\"tools\":"
               "[{\"name\":\"f.x\",\"input_schema\":{}}],"
               "\"output_config\":{\"effort\":\"low\"},\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},"
               "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"search_result\",\"source\":\"s\",\"content\":"
               "[{\"type\":\"text\",\"text\":\"a\\n\"},{\"type\":\"text\",\"text\":\"b\"}]}]},"
               "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"hx_a-3A\",\"name\":\"f\","
               "\"input\":{}}]},"
               "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"hx_a-3A\",\"content\":"
               "\"r\\n\"}]},"
               "{\"role\":\"assistant\",\"content\":\"pre \"}]}") > 0);
}
