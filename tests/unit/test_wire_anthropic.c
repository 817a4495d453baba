/* test_wire_anthropic.c: requests in the Anthropic dialect, read from a client and written for an upstream. */
#include "anthropic_kit.h"

/* --- requests, read ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *messages, *expected;
} contents[] = {
    {"{\"role\":\"user\",\"content\":\"hi\"}", "user: [text hi]\n"},
    {"{\"content\":\"a\\nb\",\"role\":\"assistant\"}", "assistant: [text a\nb]\n"},
    {"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}},{"
     "\"text\":\"b\",\"type\":\"text\"}]}",
     "user: [text a cache={\"type\":\"ephemeral\"}] [text b]\n"},
    {"{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/"
     "png\",\"data\":\"iVBO\"}},"
     "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x/"
     "y\"}},{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f1\"}}]}",
     "user: [image base64 image/png iVBO] [image url https://x/y] [image id f1]\n"},
    {"{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"title\":\"T\",\"source\":{\"type\":\"base64\",\"media_"
     "type\":\"application/pdf\",\"data\":\"JVBERi0\"}},"
     "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"words\"}},"
     "{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
     "\"type\":\"text\",\"text\":\"b\"}]}},"
     "{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":"
     "\"url\",\"url\":\"u\"}}]}}]}",
     "user: [file base64 application/pdf JVBERi0 title=T] [file text text/plain words] [file text a\nb] [opaque text "
     "name=document]\n"},
    {"{\"role\":\"user\",\"content\":[{\"type\":\"search_result\",\"source\":\"https://"
     "s\",\"title\":\"T\",\"content\":[{\"type\":\"text\",\"text\":\"found\"}]}]}",
     "user: [file text https://s\nfound title=T]\n"},
    {"{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"S\"},{\"type\":"
     "\"redacted_thinking\",\"data\":\"D\"},"
     "{\"type\":\"redacted_thinking\",\"data\":\"hx_E\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\","
     "\"input\":{\"b\":12345678901234567890, \"a\":1.0}}]}",
     "assistant: [reasoning hm sig=S] [hidden D] [hidden E foreign ] [call id=toolu_1 name=f "
     "args={\"b\":12345678901234567890, \"a\":1.0}]\n"},
    {"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"hx_functions-2Ef-3A0\",\"content\":"
     "\"ok\"},"
     "{\"type\":\"tool_result\",\"tool_use_id\":\"b\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":"
     "\"no\"},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}},"
     "{\"type\":\"tool_reference\",\"tool_name\":\"x\"}]},{\"type\":\"tool_result\",\"tool_use_id\":\"c\"}]}",
     "user: [result id=functions.f:0 [text ok]] [result id=b failed  [text no] [image url u] [opaque "
     "name=tool_reference]] [result id=c]\n"},
    {"{\"role\":\"assistant\",\"content\":[{\"type\":\"server_tool_use\",\"id\":\"srvtoolu_1\",\"name\":\"web_search\","
     "\"input\":{}}]}",
     "assistant: [opaque name=server_tool_use]\n"},
    {"{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":"
     "\"document\",\"source\":"
     "{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}}]}}]}",
     "user: [opaque text name=document]\n"},
    {"{\"role\":\"system\",\"content\":\"now\"}", "system: [text now]\n"},
};

TEST(content_blocks_become_parts)
{
    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        AUTO_BUF struct buf body = BUF_INIT(MiB), text = BUF_INIT(MiB);
        struct chat c;
        struct err e = {0};
        EXPECT(buf_append_format(&body, "{\"model\":\"m\",\"max_tokens\":5,\"messages\":[%s]}", contents[i].messages) ==
               0);
        if (read_request(&c, buf_text(&body), &e))
            test_fail(__FILE__, __LINE__, "%zu: %s", i, e.text);
        else
            dump(&text, &c);
        EXPECT_STR(buf_str(&text), contents[i].expected);
        reset();
    }
}

TEST(a_request_is_read_whole)
{
    struct chat c;
    struct err e;
    REQUIRE(
        read_request(
            &c,
            "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"system\":[{\"type\":\"text\",\"text\":\"x-"
            "anthropic-billing-header: cch=1;\"},"
            "{\"type\":\"text\",\"text\":\"Be "
            "brief.\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],\"model\":\"claude-x\",\"stream\":"
            "true,"
            "\"max_tokens\":32000,\"temperature\":0.70,\"top_p\":0.9,\"top_k\":5,\"stop_sequences\":[\"A\",\"\\n\"],"
            "\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"},\"strict\":true,"
            "\"cache_control\":{\"type\":\"ephemeral\"}},"
            "{\"type\":\"web_search_20250305\",\"name\":\"web_search\"},{\"name\":\"g\",\"input_schema\":{},\"defer_"
            "loading\":true}],"
            "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true},"
            "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},\"output_config\":{\"effort\":\"high\","
            "\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}},"
            "\"metadata\":{\"user_id\":\"u1\"},\"service_tier\":\"standard_only\",\"context_management\":{\"edits\":[]}"
            ",\"speed\":\"fast\"}",
            &e) == 0);
    AUTO_BUF struct buf text = BUF_INIT(MiB);
    dump(&text, &c);
    EXPECT_STR(buf_str(&text),
               "system: [text Be brief. cache={\"type\":\"ephemeral\",\"ttl\":\"1h\"}]\nuser: [text hi]\n");
    EXPECT_STR(c.model, "claude-x");
    EXPECT(c.stream && c.from == DIALECT_ANTHROPIC && c.has_signed_only && c.choices == 1);
    EXPECT_I64(c.max_tokens, 32000);
    EXPECT_STR(c.temperature, "0.70");
    EXPECT_STR(c.top_p, "0.9");
    EXPECT_STR(c.top_k, "5");
    REQUIRE(c.stop && c.stop->next && !c.stop->next->next);
    EXPECT_STR(c.stop->text, "A");
    EXPECT_STR(c.stop->next->text, "\n");
    REQUIRE(c.tool && c.tool->next && c.tool->next->next && !c.tool->next->next->next);
    EXPECT_STR(c.tool->name, "f");
    EXPECT_STR(c.tool->schema, "{\"type\":\"object\"}");
    EXPECT_STR(c.tool->strict, "true");
    EXPECT_STR(c.tool->cache, "{\"type\":\"ephemeral\"}");
    EXPECT(c.tool->raw.len == 0);
    EXPECT_STR(c.tool->next->opaque, "web_search_20250305");
    EXPECT(c.tool->next->next->raw.len > 0);
    EXPECT(c.choice == CHOICE_NAMED && c.parallel == NO);
    EXPECT_STR(c.choice_name, "f");
    EXPECT_I64(c.budget, 2048);
    EXPECT(c.effort == EFFORT_HIGH && c.show_reasoning == YES);
    EXPECT(c.format == FORMAT_JSON_SCHEMA);
    EXPECT_STR(c.schema, "{\"type\":\"object\"}");
    EXPECT_STR(c.user, "u1");
    EXPECT_STR(c.tier, "default");
    REQUIRE(chat_extra_find(&c, STR("context_management")) != NULL);
    EXPECT_STR(chat_extra_find(&c, STR("speed"))->value, "\"fast\"");
    reset();
}

TEST(a_body_of_count_tokens_needs_no_max_tokens)
{
    struct chat c;
    REQUIRE(read_request(&c, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", NULL) == 0);
    EXPECT_I64(c.max_tokens, -1);
    EXPECT_I64(c.budget, -1);
    reset();
}

TEST(only_signed_thinking_and_own_ids_may_pass_as_they_are)
{
    static const struct {
        const char *block;
        bool pass;
    } cases[] = {
        {"{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"s\"}", true},
        {"{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"\"}", false},
        {"{\"type\":\"thinking\",\"thinking\":\"t\"}", false},
        {"{\"type\":\"redacted_thinking\",\"data\":\"d\"}", true},
        {"{\"type\":\"redacted_thinking\",\"data\":\"hx_d\"}", false},
        {"{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}", true},
        {"{\"type\":\"tool_use\",\"id\":\"hx_a-3A0\",\"name\":\"f\",\"input\":{}}", false},
        {"{\"type\":\"tool_result\",\"tool_use_id\":\"hx_a-3A0\"}", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf body = BUF_INIT(MiB);
        struct chat c;
        EXPECT(buf_append_format(&body, "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":[%s]}]}",
                                 cases[i].block) == 0);
        EXPECT(read_request(&c, buf_text(&body), NULL) == 0);
        if (c.has_signed_only != cases[i].pass)
            test_fail(__FILE__, __LINE__, "%s: %d", cases[i].block, c.has_signed_only);
        reset();
    }
}

TEST(a_bad_request_is_refused_by_the_name_of_its_member)
{
    static const struct {
        const char *body, *story;
    } cases[] = {
        {"[]", "the request must be a JSON object"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "model is missing"},
        {"{\"model\":\"m\"}", "messages is missing"},
        {"{\"model\":\"m\",\"messages\":[]}", "messages must not be empty"},
        {"{\"model\":1,\"messages\":[]}", "model must be a string"},
        {"{\"model\":\"m\",\"model\":\"n\",\"messages\":[]}", "model is there twice"},
        {"{\"model\":\"m\",\"x\":1,\"x\":2}", "x is there twice"},
        {"{\"model\":\"m\",\"messages\":{}}", "messages must be a list"},
        {"{\"model\":\"m\",\"messages\":null}", "messages must be a list"},
        {"{\"model\":\"m\",\"messages\":[1]}", "messages.0 must be an object"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", "messages.0.content is missing"},
        {"{\"model\":\"m\",\"messages\":[{\"content\":\"x\"}]}", "messages.0.role is missing"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}",
         "messages.0.role must be user or assistant"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\",\"content\":5}]}",
         "messages.1.content must be a string or a list of blocks"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
         "\"text\"}]}]}",
         "messages.0.content.1.text is missing"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":7}]}]}",
         "messages.0.content.0.text must be a string"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":"
         "\"f\",\"input\":[]}]}]}",
         "messages.0.content.0.input must be an object"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\"}]}]}",
         "messages.0.content.0.source must be an object"},
        {"{\"model\":\"m\",\"system\":5}", "system must be a string or a list of blocks"},
        {"{\"model\":\"m\",\"max_tokens\":-1}", "max_tokens must be a whole number, 0 or more"},
        {"{\"model\":\"m\",\"max_tokens\":\"5\"}", "max_tokens must be a number"},
        {"{\"model\":\"m\",\"stream\":1}", "stream must be true or false"},
        {"{\"model\":\"m\",\"tools\":[{\"input_schema\":{}}]}", "tools.0.name is missing"},
        {"{\"model\":\"m\",\"tool_choice\":{\"type\":\"all\"}}", "tool_choice.type must be auto, any, tool or none"},
        {"{\"model\":\"m\",\"thinking\":{\"type\":\"enabled\"}}", "thinking.budget_tokens must be a whole number"},
        {"{\"model\":\"m\",\"stop_sequences\":[1]}", "stop_sequences must be a list of strings"},
        {"{\"model\":\"m\",\"output_config\":{\"format\":{\"type\":\"xml\"}}}",
         "output_config.format.type must be json_schema"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct chat c;
        struct err e = {0};
        EXPECT(read_request(&c, cases[i].body, &e) < 0);
        EXPECT_STR(str_from(e.text), cases[i].story);
        reset();
    }
}

/* --- requests, written -------------------------------------------------------------------------------------------- */

TEST(a_conversation_is_put_in_order)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
    struct chat c;
    chat_begin(&c);
    say(&c, ROLE_SYSTEM, PART_TEXT, "S1");
    say(&c, ROLE_ASSISTANT, PART_TEXT, "early");
    say(&c, ROLE_USER, PART_TEXT, "");
    also(&c, PART_TEXT, "go");
    say(&c, ROLE_DEVELOPER, PART_TEXT, "S2");
    say(&c, ROLE_ASSISTANT, PART_TEXT, "");
    also(&c, PART_REASONING, "foreign thought");
    call(also(&c, PART_CALL, ""), "functions.f:0", "f.x", "{\"n\":12345678901234567890, \"a\":1}");
    call(also(&c, PART_CALL, ""), "b", "g", "");
    call(also(&c, PART_CALL, ""), "c", "g", "{broken");
    result(&c, say(&c, ROLE_USER, PART_RESULT, ""), "b", "B");
    say(&c, ROLE_USER, PART_TEXT, "and");
    result(&c, say(&c, ROLE_USER, PART_RESULT, ""), "functions.f:0", "");
    result(&c, say(&c, ROLE_USER, PART_RESULT, ""), "nobody", "N");
    say(&c, ROLE_ASSISTANT, PART_TEXT, "done \n");
    REQUIRE(write_chat(&c, "claude-sonnet-4-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "system"), "S1\nS2");
    EXPECT_STR(member_of(&out, "max_tokens"), "8192");
    EXPECT_STR(member_of(&out, "messages"),
               "[{\"role\":\"user\",\"content\":\".\"},{\"role\":\"assistant\",\"content\":\"early\"},{\"role\":"
               "\"user\",\"content\":\"go\"},"
               "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"hx_functions-2Ef-3A0\",\"name\":"
               "\"hx_f-2Ex\",\"input\":{\"n\":12345678901234567890, \"a\":1}},"
               "{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"g\",\"input\":{}},{\"type\":\"tool_use\",\"id\":\"c\","
               "\"name\":\"g\",\"input\":{\"_raw\":\"{broken\"}}]},"
               "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"b\",\"content\":\"B\"},{"
               "\"type\":\"tool_result\",\"tool_use_id\":\"hx_functions-2Ef-3A0\"},"
               "{\"type\":\"tool_result\",\"tool_use_id\":\"c\",\"content\":\"no "
               "result\",\"is_error\":true},{\"type\":\"text\",\"text\":\"and\"}]},"
               "{\"role\":\"assistant\",\"content\":\"done\"}]");
    EXPECT_STR(lost_text(&names), "reasoning_content,tool_result");
    reset();
}

TEST(a_call_at_the_end_gets_its_result_and_ids_stay_unique)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c;
    chat_begin(&c);
    say(&c, ROLE_USER, PART_TEXT, "go");
    for (int i = 0; i < 2; i++) {
        call(say(&c, ROLE_ASSISTANT, PART_CALL, ""), "call_0", "f", "{}");
        if (i == 0)
            result(&c, say(&c, ROLE_USER, PART_RESULT, ""), "call_0", "first");
    }
    REQUIRE(write_chat(&c, "claude-opus-5", NULL, &out, NULL) == 0);
    EXPECT_STR(
        member_of(&out, "messages"),
        "[{\"role\":\"user\",\"content\":\"go\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":"
        "\"call_0\",\"name\":\"f\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"call_0\",\"content\":\"first\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"call_0_again1\",\"name\":\"f\",\"input\":"
        "{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"call_0_again1\",\"content\":\"no "
        "result\",\"is_error\":true}]}]");
    EXPECT_STR(member_of(&out, "tools"), "[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]");
    EXPECT_STR(member_of(&out, "tool_choice"), "{\"type\":\"none\"}");
    reset();
}

TEST(nothing_to_send_is_still_a_message)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c;
    chat_begin(&c);
    say(&c, ROLE_SYSTEM, PART_TEXT, "only this");
    result(&c, say(&c, ROLE_USER, PART_RESULT, ""), "lost", "N");
    REQUIRE(write_chat(&c, "claude-opus-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "messages"), "[{\"role\":\"user\",\"content\":\".\"}]");
    reset();
}

TEST(images_and_documents_keep_their_source)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c;
    struct err e;
    chat_begin(&c);
    struct part *p = say(&c, ROLE_USER, PART_IMAGE, "");
    p->source = SOURCE_BASE64;
    p->data = STR("/9j/xx");
    p = also(&c, PART_IMAGE, "");
    p->source = SOURCE_URL;
    p->data = STR("https://x/y.png");
    p->cache = STR("{\"type\":\"ephemeral\"}");
    p = also(&c, PART_FILE, "");
    p->source = SOURCE_BASE64;
    p->media_type = STR("application/pdf");
    p->data = STR("JVBERi0");
    p->title = STR("a.pdf");
    p = also(&c, PART_FILE, "");
    p->source = SOURCE_TEXT;
    p->data = STR("words");
    REQUIRE(write_chat(&c, "claude-opus-5", NULL, &out, NULL) == 0);
    EXPECT_STR(
        member_of(&out, "messages"),
        "[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/"
        "jpeg\",\"data\":\"/9j/xx\"}},"
        "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x/"
        "y.png\"},\"cache_control\":{\"type\":\"ephemeral\"}},"
        "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/"
        "pdf\",\"data\":\"JVBERi0\"},\"title\":\"a.pdf\"},"
        "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"words\"}}]}]");
    static const struct {
        enum part_kind kind;
        enum part_source source;
        const char *data, *story;
    } cases[] = {
        {PART_IMAGE, SOURCE_BASE64, "Qk0",
         "image cannot be said in the anthropic dialect: images are JPEG, PNG, GIF or WebP, or an address"},
        {PART_IMAGE, SOURCE_ID, "file-1",
         "file_id cannot be said in the anthropic dialect: a file that lies with one vendor is not there for another"},
        {PART_FILE, SOURCE_BASE64, "UEsD",
         "file cannot be said in the anthropic dialect: documents are PDF or plain text, or an address"},
        {PART_AUDIO, SOURCE_BASE64, "UklG", "input_audio cannot be said in the anthropic dialect: it takes no sound"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        chat_begin(&c);
        p = say(&c, ROLE_USER, cases[i].kind, "");
        p->source = cases[i].source;
        p->data = str_from(cases[i].data);
        EXPECT_I64(write_chat(&c, "claude-opus-5", NULL, &out, &e), ERR_INVALID);
        EXPECT_STR(str_from(e.text), cases[i].story);
        EXPECT(out.len == 0);
    }
    reset();
}

/* What a model of each generation is asked for, from the same wishes. */
TEST(each_generation_is_asked_for_what_it_takes)
{
    static const struct {
        const char *model;
        enum effort effort;
        int64_t max_tokens;
        const char *thinking, *config, *temperature, *top_p, *tokens, *lost;
    } cases[] = {
        {"claude-3-5-haiku-20241022", EFFORT_UNSET, 900, "", "", "0.5", "0.9", "900", ""},
        {"claude-3-5-haiku-20241022", EFFORT_HIGH, 900, "", "", "0.5", "0.9", "900", "reasoning_effort"},
        {"claude-3-7-sonnet-20250219", EFFORT_MEDIUM, 20000, "{\"type\":\"enabled\",\"budget_tokens\":8192}", "", "",
         "", "20000", "temperature,top_p"},
        {"claude-sonnet-4-5-20250929", EFFORT_HIGH, 9000, "{\"type\":\"enabled\",\"budget_tokens\":4500}", "", "", "",
         "9000", "temperature,top_p"},
        {"claude-sonnet-4-5", EFFORT_MAX, 9000, "{\"type\":\"enabled\",\"budget_tokens\":4500}", "", "", "", "9000",
         "temperature,top_p"},
        {"claude-haiku-4.5", EFFORT_LOW, 1000, "", "", "0.5", "", "1000", "reasoning_effort,top_p"},
        {"claude-haiku-4.5", EFFORT_LOW, 1025, "{\"type\":\"enabled\",\"budget_tokens\":1024}", "", "", "", "1025",
         "temperature,top_p"},
        {"claude-haiku-4-5", EFFORT_UNSET, 1000, "", "", "0.5", "", "1000", "top_p"},
        {"anthropic/claude-opus-4-6", EFFORT_XHIGH, -1, "{\"type\":\"adaptive\"}", "{\"effort\":\"high\"}", "", "",
         "64000", "temperature,top_p"},
        {"claude-opus-4-6", EFFORT_MAX, -1, "{\"type\":\"adaptive\"}", "{\"effort\":\"max\"}", "", "", "64000",
         "temperature,top_p"},
        {"claude-opus-4-7", EFFORT_MINIMAL, 700000, "{\"type\":\"adaptive\"}", "{\"effort\":\"low\"}", "", "", "64000",
         "temperature,top_p"},
        {"claude-fable-5-1", EFFORT_XHIGH, 100, "{\"type\":\"adaptive\"}", "{\"effort\":\"xhigh\"}", "", "", "100",
         "temperature,top_p"},
        {"claude-opus-5-5", EFFORT_NONE, 100, "", "", "", "", "100", "temperature,top_p"},
        {"kimi-k3", EFFORT_LOW, 4000, "{\"type\":\"enabled\",\"budget_tokens\":1024}", "", "", "", "4000",
         "temperature,top_p"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
        struct chat c;
        struct model_row fact = {.output_tokens_max = 64000, .json_schema = true};
        chat_begin(&c);
        say(&c, ROLE_USER, PART_TEXT, "go");
        c.effort = cases[i].effort;
        c.max_tokens = cases[i].max_tokens;
        c.temperature = STR("0.5");
        c.top_p = STR("0.9");
        EXPECT(write_chat(&c, cases[i].model, &fact, &out, NULL) == 0);
        EXPECT_STR(member_of(&out, "thinking"), cases[i].thinking);
        EXPECT_STR(member_of(&out, "output_config"), cases[i].config);
        EXPECT_STR(member_of(&out, "temperature"), cases[i].temperature);
        EXPECT_STR(member_of(&out, "top_p"), cases[i].top_p);
        EXPECT_STR(member_of(&out, "max_tokens"), cases[i].tokens);
        EXPECT_STR(lost_text(&names), cases[i].lost);
        reset();
    }
}

TEST(temperature_is_clamped_where_it_is_taken)
{
    static const struct {
        const char *model, *given, *written, *lost;
    } cases[] = {
        {"claude-sonnet-4-5", "2", "1", "temperature"}, {"claude-sonnet-4-5", "1", "1", ""},
        {"claude-sonnet-4-5", "0.70", "0.70", ""},      {"claude-opus-5", "1.0", "", ""},
        {"claude-opus-5", "0", "", "temperature"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
        struct chat c;
        chat_begin(&c);
        say(&c, ROLE_USER, PART_TEXT, "go");
        c.temperature = str_from(cases[i].given);
        EXPECT(write_chat(&c, cases[i].model, NULL, &out, NULL) == 0);
        EXPECT_STR(member_of(&out, "temperature"), cases[i].written);
        EXPECT_STR(lost_text(&names), cases[i].lost);
        reset();
    }
}

TEST(a_prefill_goes_where_it_is_taken_and_is_listed_elsewhere)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
    struct chat c;
    chat_begin(&c);
    say(&c, ROLE_USER, PART_TEXT, "go");
    say(&c, ROLE_ASSISTANT, PART_TEXT, "{ ");
    REQUIRE(write_chat(&c, "claude-haiku-4-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "messages"),
               "[{\"role\":\"user\",\"content\":\"go\"},{\"role\":\"assistant\",\"content\":\"{\"}]");
    EXPECT(lost.count == 0);
    REQUIRE(write_chat(&c, "claude-opus-4-8", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "messages"), "[{\"role\":\"user\",\"content\":\"go\"},{\"role\":\"assistant\","
                                            "\"content\":\"{ \"},{\"role\":\"user\",\"content\":\".\"}]");
    EXPECT_STR(lost_text(&names), "prefill");
    reset();
}

TEST(thinking_by_budget_waits_for_a_call_that_began_without_it)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
    struct chat c;
    chat_begin(&c);
    say(&c, ROLE_USER, PART_TEXT, "go");
    call(say(&c, ROLE_ASSISTANT, PART_CALL, ""), "a", "f", "{}");
    result(&c, say(&c, ROLE_USER, PART_RESULT, ""), "a", "A");
    c.effort = EFFORT_LOW;
    REQUIRE(write_chat(&c, "claude-sonnet-4-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "thinking"), "");
    EXPECT_STR(lost_text(&names), "reasoning_effort");
    REQUIRE(write_chat(&c, "claude-sonnet-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "thinking"), "{\"type\":\"adaptive\"}");
    reset();
}

TEST(tools_and_choices_are_written)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c;
    struct err e;
    chat_begin(&c);
    say(&c, ROLE_USER, PART_TEXT, "go");
    struct tool *t = chat_tool_add(&c);
    t->name = STR("mcp.a");
    t->description = STR("d");
    t->schema = STR(" {\"properties\":{\"b\":{},\"a\":{}}} ");
    t->strict = STR("true");
    t = chat_tool_add(&c);
    t->name = STR("none");
    t = chat_tool_add(&c);
    t->name = STR("free");
    t->custom = true;
    t = chat_tool_add(&c);
    t->name = STR("empty");
    t->schema = STR("{ }");
    c.choice = CHOICE_NAMED;
    c.choice_name = STR("mcp.a");
    c.parallel = NO;
    REQUIRE(write_chat(&c, "claude-opus-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "tools"), "[{\"name\":\"hx_mcp-2Ea\",\"description\":\"d\",\"input_schema\":{\"type\":"
                                         "\"object\",\"properties\":{\"b\":{},\"a\":{}}},\"strict\":true},"
                                         "{\"name\":\"none\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}},"
                                         "{\"name\":\"free\",\"input_schema\":{\"type\":\"object\",\"properties\":{"
                                         "\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}},"
                                         "{\"name\":\"empty\",\"input_schema\":{\"type\":\"object\"}}]");
    EXPECT_STR(member_of(&out, "tool_choice"),
               "{\"type\":\"tool\",\"name\":\"hx_mcp-2Ea\",\"disable_parallel_tool_use\":true}");
    c.choice = CHOICE_UNSET;
    REQUIRE(write_chat(&c, "claude-opus-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "tool_choice"), "{\"type\":\"auto\",\"disable_parallel_tool_use\":true}");
    struct tool *searches = chat_tool_add(&c);
    searches->opaque = STR("web_search");
    REQUIRE(write_chat(&c, "claude-opus-5", NULL, &out, NULL) == 0); /* it has others, and need not call any */
    EXPECT_I64(lost.count, 1);
    EXPECT_STR(lost.name[0], "tools.hosted");
    EXPECT(str_find(member_of(&out, "tools"), STR("web_search")) < 0);
    c.tool = searches;
    EXPECT_I64(write_chat(&c, "claude-opus-5", NULL, &out, &e), ERR_INVALID);
    EXPECT_STR(
        str_from(e.text),
        "server_tools cannot be said in the anthropic dialect: a tool that one vendor runs is not there at another");
    reset();
}

TEST(formats_are_written_or_refused)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c;
    struct err e;
    chat_begin(&c);
    say(&c, ROLE_USER, PART_TEXT, "go");
    c.format = FORMAT_JSON_SCHEMA;
    c.schema = STR("{\"b\":1,\"a\":2}");
    REQUIRE(write_chat(&c, "claude-sonnet-4-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "output_config"),
               "{\"format\":{\"type\":\"json_schema\",\"schema\":{\"b\":1,\"a\":2}}}");
    EXPECT_I64(write_chat(&c, "claude-sonnet-4-20250514", NULL, &out, &e), ERR_INVALID);
    EXPECT_STR(str_from(e.text),
               "response_format cannot be said in the anthropic dialect: models before Claude 4.5 follow no schema");
    c.format = FORMAT_JSON_OBJECT;
    REQUIRE(write_chat(&c, "claude-sonnet-4-20250514", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "system"),
               "Answer with one valid JSON object and nothing else: no words around it, no code fence.");
    reset();
}

TEST(what_cannot_be_said_is_listed_or_refused)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
    struct chat c;
    struct err e;
    chat_begin(&c);
    say(&c, ROLE_USER, PART_TEXT, "go");
    c.seed = STR("1");
    c.frequency_penalty = STR("0");
    c.presence_penalty = STR("0.5");
    c.tier = STR("flex");
    c.user = STR("me");
    EXPECT(chat_stop_add(&c, STR(" ")) && chat_stop_add(&c, STR("END")));
    EXPECT(chat_extra_add(&c, STR("logprobs"), STR("false")) && chat_extra_add(&c, STR("store"), STR("true")));
    REQUIRE(write_chat(&c, "claude-opus-5", NULL, &out, NULL) == 0);
    EXPECT_STR(lost_text(&names), "presence_penalty,seed,service_tier,store");
    EXPECT_STR(member_of(&out, "stop_sequences"), "[\"END\"]");
    EXPECT_STR(member_of(&out, "metadata"), "{\"user_id\":\"me\"}");
    EXPECT(chat_extra_add(&c, STR("logit_bias"), STR("{\"5\":1}")));
    EXPECT_I64(write_chat(&c, "claude-opus-5", NULL, &out, &e), ERR_INVALID);
    EXPECT_STR(str_from(e.text), "logit_bias cannot be said in the anthropic dialect: tokens cannot be weighted");
    chat_begin(&c);
    c.choices = 2;
    EXPECT_I64(write_chat(&c, "claude-opus-5", NULL, &out, &e), ERR_INVALID);
    reset();
}

TEST(cache_marks_stay_up_to_four)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
    struct chat c;
    chat_begin(&c);
    struct part *p = say(&c, ROLE_SYSTEM, PART_TEXT, "a");
    p->cache = STR("{\"type\":\"ephemeral\"}");
    say(&c, ROLE_SYSTEM, PART_TEXT, "b");
    for (int i = 0; i < 4; i++) {
        p = i ? also(&c, PART_TEXT, "x") : say(&c, ROLE_USER, PART_TEXT, "x");
        p->cache = STR("{\"type\":\"ephemeral\"}");
    }
    REQUIRE(write_chat(&c, "claude-opus-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "system"), "[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":"
                                          "\"ephemeral\"}},{\"type\":\"text\",\"text\":\"b\"}]");
    EXPECT_STR(lost_text(&names), "cache_control");
    size_t marks = 0;
    for (struct str rest = buf_str(&out); str_find(rest, STR("cache_control")) >= 0; marks++)
        rest = str_skip(rest, (size_t)str_find(rest, STR("cache_control")) + 1);
    EXPECT_I64(marks, 4);
    reset();
}

TEST(without_room_to_think_the_wish_is_listed)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
    struct chat c;
    chat_begin(&c);
    say(&c, ROLE_USER, PART_TEXT, "go");
    c.effort = EFFORT_HIGH;
    c.max_tokens = 1024;
    REQUIRE(write_chat(&c, "claude-haiku-4-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "thinking"), "");
    EXPECT_STR(member_of(&out, "max_tokens"), "1024");
    EXPECT_STR(lost_text(&names), "reasoning_effort");
    reset();
}

TEST(a_forced_tool_and_thinking_do_not_go_together)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB), names = BUF_INIT(KiB);
    struct chat c;
    chat_begin(&c);
    say(&c, ROLE_USER, PART_TEXT, "go");
    chat_tool_add(&c)->name = STR("f");
    c.choice = CHOICE_REQUIRED;
    c.effort = EFFORT_HIGH;
    REQUIRE(write_chat(&c, "claude-opus-5", NULL, &out, NULL) == 0);
    EXPECT_STR(member_of(&out, "thinking"), "");
    EXPECT_STR(member_of(&out, "tool_choice"), "{\"type\":\"any\"}");
    EXPECT_STR(lost_text(&names), "reasoning_effort");
    reset();
}
