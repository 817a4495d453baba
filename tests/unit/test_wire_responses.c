/* test_wire_responses.c: requests and whole answers of the Responses dialect, both ways. */
#include "responses_kit.h"
#include "test.h"
#include "wire/models.h"

static const struct codec *const it = &codec_responses;

static int read_request(struct chat *c, struct arena *a, const char *body, struct err *e)
{
    *c = (struct chat){.arena = a};
    return it->request_read(c, WIRE_CHAT, str_from(body), e);
}

/* {"model":"m","input":INPUT} */
static const char *with_input(struct arena *a, const char *input)
{
    return arena_format(a, "{\"model\":\"m\",\"input\":%s}", input);
}

TEST(items_become_messages)
{
    static const struct {
        const char *input, *want;
    } rows[] = {
        {"\"Hi\\n\"", "user T(Hi\n)\n"},
        {"[{\"role\":\"user\",\"content\":\"a\"},{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
         "\"output_text\",\"text\":\"b\",\"annotations\":[]}],\"id\":\"msg_1\",\"status\":\"completed\"}]",
         "user T(a)\nassistant T(b)\n"},
        {"[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"s\"}]}]",
         "developer T(d)\nsystem T(s)\n"},
        {"[{\"role\":\"assistant\",\"content\":null}]", "assistant \n"},
        /* calls join the message just before, results are one message */
        {"[{\"role\":\"assistant\",\"content\":\"x\"},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":"
         "\"{\\\"a\\\":1}\",\"id\":\"fc_1\"},{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\",\"arguments\":\"\"},"
         "{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":\"two\"},{\"type\":\"function_call_output\",\"call_id\":"
         "\"c1\",\"output\":[{\"type\":\"input_text\",\"text\":\"one\"},{\"type\":\"input_image\",\"image_url\":"
         "\"data:image/jpg;base64,AAAA\"}]},{\"role\":\"user\",\"content\":\"go on\"}]",
         "assistant T(x)C(#c1@f={\"a\":1})C(#c2@g)\nuser R(#c2T(two))R(#c1T(one)I(b64:AAAA|type:image/jpeg))\nuser T(go on)\n"},
        {"[{\"role\":\"user\",\"content\":\"a\"},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":"
         "{\"n\":12345678901234567890}}]",
         "user T(a)\nassistant C(#c1@f={\"n\":12345678901234567890})\n"},
        /* a turn of the model in its items */
        {"[{\"role\":\"assistant\",\"content\":\"a\",\"phase\":\"commentary\"},{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{"
         "\"type\":\"summary_text\",\"text\":\"s1\"},{\"type\":\"summary_text\",\"text\":\"s2\"}],\"content\":[{\"type\":"
         "\"reasoning_text\",\"text\":\"r\"}],\"encrypted_content\":\"ENC\"},{\"role\":\"assistant\",\"content\":\"b\"},{\"role\":"
         "\"assistant\",\"content\":\"c\"}]",
         "assistant T(a|phase:commentary)Z(s1#rs_1)Z(s2#rs_1)Z(r#rs_1)H(ENC#rs_1)T(b)\nassistant T(c)\n"},
        {"[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":null}]", ""},
        {"[{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"patch\",\"input\":\"*** free\"},"
         "{\"type\":\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":\"done\"}]",
         "assistant C*(#c@patch=*** free)\nuser R*(#cT(done))\n"},
        /* media */
        {"[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"https://x/y.png\",\"detail\":\"low\"},{\"type\":"
         "\"input_image\",\"file_id\":\"file-1\",\"image_url\":null},{\"type\":\"input_file\",\"file_data\":"
         "\"data:application/pdf;base64,JVBERi0\",\"filename\":\"a.pdf\"},{\"type\":\"input_file\",\"file_data\":\"JVBERi0x\"},{"
         "\"type\":\"input_file\",\"file_url\":\"https://x/a.pdf\"},{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklG\","
         "\"format\":\"wav\"}}]}]",
         "user I(url:https://x/y.png|detail:low)I(id:file-1)F(b64:JVBERi0|type:application/pdf|title:a.pdf)"
         "F(b64:JVBERi0x|type:application/pdf)F(url:https://x/a.pdf)A(b64:UklG|type:audio/wav)\n"},
        /* what nobody here knows is kept whole */
        {"[{\"type\":\"web_search_call\",\"id\":\"ws_1\"},{\"type\":\"computer_call_output\",\"call_id\":\"k\"},{\"role\":\"user\","
         "\"content\":[{\"type\":\"input_video\",\"v\":1}]}]",
         "assistant O(|detail:item@web_search_call|raw:{\"type\":\"web_search_call\",\"id\":\"ws_1\"})\n"
         "user O(|detail:item@computer_call_output|raw:{\"type\":\"computer_call_output\",\"call_id\":\"k\"})\n"
         "user O(@input_video|raw:{\"type\":\"input_video\",\"v\":1})\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a = ARENA_INIT(MiB);
        AUTO_BUF struct buf b = BUF_INIT(MiB);
        struct chat c;
        struct err e = {0};
        bool empty = rows[i].want[0] == '\0';
        int rc = read_request(&c, &a, with_input(&a, rows[i].input), &e);
        if (rc != (empty ? ERR_INVALID : 0))
            test_fail(__FILE__, __LINE__, "row %zu: %d %s", i, rc, e.text);
        kit_chat(&b, &c);
        EXPECT_STR(buf_str(&b), rows[i].want);
        arena_fini(&a);
    }
}

TEST(settings_are_read)
{
    static const char body[] =
        "{\"input\":\"Hi\",\"stream\":true,\"store\":true,\"stream_options\":{\"include_obfuscation\":false},"
        "\"instructions\":\"Be \\\"brief\\\"\",\"max_output_tokens\":900,\"temperature\":0.70,\"top_p\":null,"
        "\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"b\":1,\"a\":2},\"strict\":true},"
        "{\"type\":\"custom\",\"name\":\"patch\",\"format\":{\"type\":\"grammar\",\"syntax\":\"lark\",\"definition\":\"a\\n\"}},"
        "{\"type\":\"web_search\",\"search_context_size\":\"low\"}],"
        "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},\"parallel_tool_calls\":false,"
        "\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"z\":1,\"a\":2},\"strict\":true,\"description\":"
        "\"x\"},\"verbosity\":\"low\",\"new\":1},"
        "\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\",\"context\":2},"
        "\"include\":[\"reasoning.encrypted_content\",\"message.output_text.logprobs\"],\"truncation\":\"auto\",\"top_logprobs\":3,"
        "\"metadata\":{\"k\":\"v\"},\"safety_identifier\":\"u1\",\"service_tier\":\"flex\",\"prompt_cache_key\":\"k\","
        "\"background\":false,\"previous_response_id\":null,\"conversation\":null,\"prompt\":null,\"max_tool_calls\":2,"
        "\"unknown\":[1, 2],\"model\":\"m\\u0061\"}";
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf b = BUF_INIT(MiB), s = BUF_INIT(MiB);
    struct chat c;
    struct err e = {0};
    EXPECT_I64(read_request(&c, &a, body, &e), 0);
    EXPECT_STR(str_from(e.text), "");
    EXPECT_STR(c.model, "ma");
    kit_chat(&b, &c);
    kit_settings(&s, &c);
    EXPECT_STR(buf_str(&b),
               "system T(Be \"brief\")\nuser T(Hi)\ntool f|d|schema:{\"b\":1,\"a\":2}|strict:true\n"
               "tool* patch|format:{\"type\":\"grammar\",\"grammar\":{\"syntax\":\"lark\",\"definition\":\"a\\n\"}}\n"
               "tool |schema:{\"type\":\"web_search\",\"search_context_size\":\"low\"}|opaque:web_search\n");
    EXPECT_STR(buf_str(&s),
               "max:900 stream:1 choice:4 parallel:1 format:2 effort:5 show:2 n:1 named:f temperature:0.70 "
               "schema:{\"z\":1,\"a\":2} schema_name:n schema_strict:true schema_description:x user:u1 tier:flex "
               "+verbosity=\"low\" +text.new=1 +reasoning.context=2 +truncation=\"auto\" +top_logprobs=3 +logprobs=true "
               "+metadata={\"k\":\"v\"} +prompt_cache_key=\"k\" +max_tool_calls=2 +unknown=[1, 2]");
    arena_fini(&a);
}

TEST(allowed_tools_are_the_only_ones_left)
{
    struct arena a = ARENA_INIT(MiB);
    struct chat c;
    struct err e = {0};
    EXPECT_I64(read_request(&c, &a,
                            "{\"model\":\"m\",\"input\":\"x\",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[{"
                            "\"type\":\"function\",\"name\":\"b\"},{\"type\":\"function\",\"name\":\"c\"}]},\"tools\":[{\"type\":\"function\","
                            "\"name\":\"a\"},{\"type\":\"function\",\"name\":\"b\"},{\"type\":\"web_search\"},{\"type\":\"custom\",\"name\":"
                            "\"c\"},{\"type\":\"function\",\"name\":\"d\"}]}",
                            &e), 0);
    EXPECT(c.choice == CHOICE_REQUIRED);
    REQUIRE(c.tool && c.tool->next);
    EXPECT_STR(c.tool->name, "b");
    EXPECT(c.tool->next == c.last_tool && !c.last_tool->next);
    EXPECT_STR(c.last_tool->name, "c");
    arena_fini(&a);
}

/* Each refusal names the member; none repeats what stands in it. */
TEST(what_is_wrong_is_named)
{
    static const struct {
        const char *body, *words;
        int code;
    } rows[] = {
        {"[]", "must be a JSON object", ERR_INVALID},
        {"{\"model\":", "not valid JSON", ERR_SYNTAX},
        {"{\"input\":\"x\"}", "model is missing", ERR_INVALID},
        {"{\"model\":\"\",\"input\":\"x\"}", "model is empty", ERR_INVALID},
        {"{\"model\":\"a\\u0001\",\"input\":\"x\"}", "model holds a control character", ERR_INVALID},
        {"{\"model\":7,\"input\":\"x\"}", "model must be a string", ERR_INVALID},
        {"{\"model\":\"m\",\"model\":\"n\",\"input\":\"x\"}", "given twice", ERR_SYNTAX},
        {"{\"model\":\"m\",\"input\":\"x\",\"\\u0069nput\":\"y\"}", "given twice", ERR_SYNTAX},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"role\":\"user\"}]}", "given twice", ERR_SYNTAX},
        {"{\"model\":\"m\"}", "input is missing: this server keeps no responses; send the whole conversation in `input`",
         ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[]}", "input is empty", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":7}", "input must be a string or an array", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[7]}", "input.0 must be an object", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[{}]}", "input.0.type is missing", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"SECRET\"}]}", "input.0.role must be user, assistant", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":7}]}", "input.0.content must be a string or an array",
         ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"SECRET\"},{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
         "\"text\":\"SECRET\"},{\"type\":\"input_text\",\"text\":7}]}]}", "input.1.content.1.text must be a string", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]}",
         "input.0.content.0 must have image_url or file_id", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"filename\":\"SECRET\"}]}]}",
         "input.0.content.0 must have file_data", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"name\":\"f\"}]}", "input.0.call_id is missing", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call_output\",\"output\":\"SECRET\"}]}", "input.0.call_id is missing",
         ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":[7]}]}",
         "input.0.output.0 must be an object", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_SECRET\"}]}",
         "input.0 is an item_reference, which cannot be followed: this server keeps no responses; set `store` to false, and the client sends the whole "
         "conversation in `input` (Vercel's AI SDK: providerOptions: { openai: { store: false } })", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"previous_response_id\":\"SECRET\"}",
         "previous_response_id cannot be followed: this server keeps no responses; send the whole conversation in `input`",
         ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"conversation\":\"SECRET\"}", "conversation cannot be followed", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"prompt\":{\"id\":\"SECRET\"}}", "prompt names a template", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"background\":true}", "background cannot be true", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"stream\":1}", "stream must be true or false", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"max_output_tokens\":0}", "max_output_tokens must be a whole number, 1 or more",
         ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"max_output_tokens\":\"9\"}", "max_output_tokens must be a whole", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"temperature\":\"1\"}", "temperature must be a number", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"tools\":{}}", "tools must be an array", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
         "tools.0.name is missing", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":\"SECRET\"}]}",
         "tools.0.parameters must be an object", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"tool_choice\":\"SECRET\"}", "tool_choice must be none, auto, required", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"tool_choice\":{\"type\":\"function\"}}", "tool_choice.name is missing", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"SECRET\"}}}", "text.format.type must be", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\"}}}", "text.format.schema must be",
         ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"reasoning\":{\"effort\":3}}", "reasoning.effort must be a string", ERR_INVALID},
        {"{\"model\":\"m\",\"input\":\"x\",\"include\":\"SECRET\"}", "include must be an array", ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a = ARENA_INIT(MiB);
        struct chat c;
        struct err e = {0};
        int rc = read_request(&c, &a, rows[i].body, &e);
        if (rc != rows[i].code || str_find(str_from(e.text), str_from(rows[i].words)) < 0)
            test_fail(__FILE__, __LINE__, "row %zu: %d \"%s\", expected \"%s\"", i, rc, e.text, rows[i].words);
        EXPECT(str_find(str_from(e.text), STR("SECRET")) < 0);
        arena_fini(&a);
    }
}

TEST(a_request_of_countless_members_is_refused)
{
    AUTO_BUF struct buf b = BUF_INIT(MiB);
    struct arena a = ARENA_INIT(16 * MiB);
    struct chat c;
    struct err e = {0};
    (void)buf_append_text(&b, "{\"model\":\"m\",\"input\":\"x\"");
    for (int i = 0; i < 300; i++)
        (void)buf_append_format(&b, ",\"k%d\":1", i);
    (void)buf_append_text(&b, "}");
    EXPECT_I64(read_request(&c, &a, buf_text(&b), &e), ERR_INVALID);
    EXPECT_STR(str_from(e.text), "the request has more than 200 members");
    buf_clear(&b);
    (void)buf_append_text(&b, "{\"model\":\"m\",\"input\":\"x\",\"text\":{\"k\":1");
    for (int i = 0; i < 40; i++)
        (void)buf_append_format(&b, ",\"k%d\":1", i);
    (void)buf_append_text(&b, "}}");
    EXPECT_I64(read_request(&c, &a, buf_text(&b), &e), ERR_INVALID);
    EXPECT_STR(str_from(e.text), "text has more than 32 members");
    arena_fini(&a);
}

/* --- to an upstream -------------------------------------------------------------------------------------------------------------- */

static int write_request(const struct chat *c, struct arena *a, struct lost *lost, struct buf *out, struct err *e)
{
    struct chat_write w = {.op = WIRE_CHAT, .model = STR("up"), .arena = a, .lost = lost};
    return it->request_write(c, &w, out, e);
}

static struct part *say(struct message *m, struct chat *c, enum part_kind kind, const char *text)
{
    struct part *p = chat_part_add(c, &m->part, kind);
    p->text = str_from(text);
    return p;
}

static struct part *call(struct message *m, struct chat *c, const char *id, const char *name, const char *arguments)
{
    struct part *p = say(m, c, PART_CALL, NULL);
    p->id = str_from(id);
    p->name = str_from(name);
    p->arguments = str_from(arguments);
    return p;
}

/* An agent's conversation as the reader of another dialect leaves it. */
static void make_agent(struct chat *c, struct arena *a)
{
    *c = (struct chat){.arena = a, .from = DIALECT_OPENAI, .max_tokens = 32000, .budget = -1, .choices = 1, .stream = true};
    say(chat_message_add(c, ROLE_SYSTEM), c, PART_TEXT, "You are terse.");
    struct message *m = chat_message_add(c, ROLE_USER);
    say(m, c, PART_TEXT, "Look");
    struct part *p = say(m, c, PART_IMAGE, NULL);
    p->source = SOURCE_BASE64;
    p->data = STR("iVBORw0KGgo=");
    p->media_type = STR("image/png");
    p = say(m, c, PART_FILE, NULL);
    p->source = SOURCE_BASE64;
    p->data = STR("JVBERi0x");
    p->media_type = STR("application/pdf");
    p->title = STR("a.pdf");
    m = chat_message_add(c, ROLE_ASSISTANT);
    say(m, c, PART_TEXT, "I call");
    call(m, c, "functions.f:0", "f", "{\"id\":12345678901234567890,\"b\":1,\"a\":2}");
    call(m, c, "call_2", "patch", "*** free \"text\"")->custom = true;
    m = chat_message_add(c, ROLE_USER);
    p = say(m, c, PART_RESULT, NULL);
    p->id = STR("functions.f:0");
    chat_part_add(c, &p->content, PART_TEXT)->text = STR("4 \xC2\xB0""C");
    p = say(m, c, PART_RESULT, NULL);
    p->id = STR("call_2");
    p->custom = true;
    chat_part_add(c, &p->content, PART_TEXT)->text = STR("see");
    p = chat_part_add(c, &p->content, PART_IMAGE);
    p->source = SOURCE_URL;
    p->data = STR("https://x/y.png");
    p->detail = STR("low");
    say(chat_message_add(c, ROLE_ASSISTANT), c, PART_REFUSAL, "No.");
    say(chat_message_add(c, ROLE_DEVELOPER), c, PART_TEXT, "Hm");
    struct tool *t = chat_tool_add(c);
    t->name = STR("f");
    t->description = STR("does f");
    t->schema = STR("{\"type\":\"object\",\"properties\":{\"z\":{},\"a\":{}}}");
    t->strict = STR("false");
    t = chat_tool_add(c);
    t->name = STR("patch");
    t->custom = true;
    t->format = STR("{\"type\":\"grammar\",\"grammar\":{\"syntax\":\"lark\",\"definition\":\"a\"}}");
    c->choice = CHOICE_NAMED;
    c->choice_name = STR("patch");
    c->parallel = NO;
    c->temperature = STR("0.70");
    c->top_p = STR("1");
    c->format = FORMAT_JSON_SCHEMA;
    c->schema = STR("{\"type\":\"object\"}");
    c->schema_name = STR("n");
    c->schema_strict = STR("true");
    c->effort = EFFORT_HIGH;
    c->show_reasoning = YES;
    c->user = STR("u1");
    c->tier = STR("flex");
}

TEST(an_upstream_gets_the_whole_conversation)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c;
    struct lost lost = {.count = 0};
    struct err e = {0};
    make_agent(&c, &a);
    EXPECT_I64(write_request(&c, &a, &lost, &out, &e), 0);
    EXPECT_STR(str_from(e.text), "");
    EXPECT_I64(lost.count, 0);
    EXPECT_STR(buf_str(&out),
               "{\"model\":\"up\",\"stream\":true,\"store\":false,\"max_output_tokens\":32000,\"temperature\":0.70,\"top_p\":1,"
               "\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"does f\",\"parameters\":{\"type\":\"object\","
               "\"properties\":{\"z\":{},\"a\":{}}},\"strict\":false},{\"type\":\"custom\",\"name\":\"patch\",\"format\":{\"type\":"
               "\"grammar\",\"syntax\":\"lark\",\"definition\":\"a\"}}],\"tool_choice\":{\"type\":\"custom\",\"name\":\"patch\"},"
               "\"parallel_tool_calls\":false,\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":"
               "\"object\"},\"strict\":true}},\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},\"user\":\"u1\","
               "\"service_tier\":\"flex\",\"input\":["
               "{\"type\":\"message\",\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"You are terse.\"}]},"
               "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"Look\"},{\"type\":"
               "\"input_image\",\"image_url\":\"data:image/png;base64,iVBORw0KGgo=\"},{\"type\":\"input_file\",\"filename\":"
               "\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERi0x\"}]},"
               "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"I call\","
               "\"annotations\":[],\"logprobs\":[]}]},"
               "{\"type\":\"function_call\",\"call_id\":\"functions.f:0\",\"name\":\"f\",\"arguments\":"
               "\"{\\\"id\\\":12345678901234567890,\\\"b\\\":1,\\\"a\\\":2}\"},"
               "{\"type\":\"custom_tool_call\",\"call_id\":\"call_2\",\"name\":\"patch\",\"input\":\"*** free \\\"text\\\"\"},"
               "{\"type\":\"function_call_output\",\"call_id\":\"functions.f:0\",\"output\":\"4 \xC2\xB0""C\"},"
               "{\"type\":\"custom_tool_call_output\",\"call_id\":\"call_2\",\"output\":[{\"type\":\"input_text\",\"text\":\"see\"},"
               "{\"type\":\"input_image\",\"image_url\":\"https://x/y.png\",\"detail\":\"low\"}]},"
               "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"No.\"}]},"
               "{\"type\":\"message\",\"role\":\"developer\",\"content\":[{\"type\":\"input_text\",\"text\":\"Hm\"}]}]}");
    arena_fini(&a);
}

/* chat -> Responses -> chat is identity on what the dialect carries. */
TEST(a_conversation_survives_the_way_there_and_back)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf wire = BUF_INIT(MiB), before = BUF_INIT(MiB), after = BUF_INIT(MiB);
    struct chat c, again = {.arena = &a};
    struct lost lost = {.count = 0};
    struct err e = {0};
    make_agent(&c, &a);
    kit_chat(&before, &c);
    kit_settings(&before, &c);
    EXPECT_I64(write_request(&c, &a, &lost, &wire, &e), 0);
    EXPECT_I64(it->request_read(&again, WIRE_CHAT, buf_str(&wire), &e), 0);
    kit_chat(&after, &again);
    kit_settings(&after, &again);
    EXPECT_STR(buf_str(&after), buf_text(&before));
    arena_fini(&a);
}

TEST(only_reasoning_that_its_vendor_sealed_goes_back)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c = {.arena = &a, .from = DIALECT_ANTHROPIC, .max_tokens = -1, .budget = -1, .choices = 1};
    struct lost lost = {.count = 0};
    struct err e = {0};
    struct message *m = chat_message_add(&c, ROLE_ASSISTANT);
    say(m, &c, PART_REASONING, "foreign")->signature = STR("sig");
    say(m, &c, PART_HIDDEN, "redacted by another vendor");
    say(m, &c, PART_REASONING, "s1")->id = STR("rs_1");
    say(m, &c, PART_REASONING, "s2")->id = STR("rs_1");
    say(m, &c, PART_HIDDEN, "ENC")->id = STR("rs_1");
    say(m, &c, PART_HIDDEN, "ENC2")->id = STR("rs_2");
    call(m, &c, "c1", "f", " ");
    EXPECT_I64(write_request(&c, &a, &lost, &out, &e), 0);
    EXPECT_STR(buf_str(&out),
               "{\"model\":\"up\",\"store\":false,\"input\":["
               "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"s1\"},{\"type\":"
               "\"summary_text\",\"text\":\"s2\"}],\"encrypted_content\":\"ENC\"},"
               "{\"type\":\"reasoning\",\"id\":\"rs_2\",\"summary\":[],\"encrypted_content\":\"ENC2\"},"
               "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"},"
               "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"Error: no result of this call was kept\"}]}");
    EXPECT_I64(lost.count, 1);
    EXPECT_STR(lost.name[0], "reasoning_content");
    arena_fini(&a);
}

/* OpenAI refuses a call without its result and a result without its call: the one gets one, the other is told in words. */
TEST(calls_and_results_that_miss_each_other_are_repaired)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c = {.arena = &a, .from = DIALECT_ANTHROPIC, .max_tokens = -1, .budget = -1, .choices = 1};
    struct lost lost = {.count = 0};
    struct err e = {0};
    struct message *m = chat_message_add(&c, ROLE_ASSISTANT);
    call(m, &c, "c1", "f", "{}");
    call(m, &c, "c2", "f", "{}");
    m = chat_message_add(&c, ROLE_USER);
    struct part *p = say(m, &c, PART_RESULT, NULL);
    p->id = STR("nobody");
    chat_part_add(&c, &p->content, PART_TEXT)->text = STR("late");
    say(m, &c, PART_RESULT, NULL)->id = STR("c2");
    EXPECT_I64(write_request(&c, &a, &lost, &out, &e), 0);
    EXPECT_STR(buf_str(&out),
               "{\"model\":\"up\",\"store\":false,\"input\":["
               "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"},"
               "{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"f\",\"arguments\":\"{}\"},"
               "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"Error: no result of this call was kept\"},"
               "{\"type\":\"message\",\"role\":\"user\",\"content\":["
               "{\"type\":\"input_text\",\"text\":\"Output of a tool call that is not part of this conversation:\"},"
               "{\"type\":\"input_text\",\"text\":\"late\"}]},"
               "{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":\"\"}]}");
    arena_fini(&a);
}

/* Results stand before what else the user said, and a tool's failure is in its words. */
TEST(results_come_first_and_failures_are_said)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c = {.arena = &a, .from = DIALECT_ANTHROPIC, .max_tokens = 1, .budget = 8000, .choices = 1};
    struct lost lost = {.count = 0};
    struct err e = {0};
    struct message *m = chat_message_add(&c, ROLE_ASSISTANT);
    call(m, &c, "an-id-that-is-longer-than-the-sixty-four-bytes-which-the-api-takes-for-it", "f", "{}");
    call(m, &c, "c2", "f", "{}");
    m = chat_message_add(&c, ROLE_USER);
    say(m, &c, PART_TEXT, "and?");
    struct part *p = say(m, &c, PART_RESULT, NULL);
    p->id = STR("an-id-that-is-longer-than-the-sixty-four-bytes-which-the-api-takes-for-it");
    p->failed = true;
    chat_part_add(&c, &p->content, PART_TEXT)->text = STR("no file");
    p = say(m, &c, PART_RESULT, NULL);
    p->id = STR("c2");
    EXPECT_I64(write_request(&c, &a, &lost, &out, &e), 0);
    EXPECT_STR(buf_str(&out),
               "{\"model\":\"up\",\"store\":false,\"max_output_tokens\":16,\"reasoning\":{\"effort\":\"medium\"},\"input\":["
               "{\"type\":\"function_call\",\"call_id\":\"call_4527276ecb31480a\",\"name\":\"f\",\"arguments\":\"{}\"},"
               "{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"f\",\"arguments\":\"{}\"},"
               "{\"type\":\"function_call_output\",\"call_id\":\"call_4527276ecb31480a\",\"output\":\"Error: no file\"},"
               "{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":\"\"},"
               "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"and?\"}]}]}");
    arena_fini(&a);
}

/* A client of this dialect keeps its settings to the byte, whatever they mean; only what is foreign in its history goes. */
TEST(a_client_of_the_same_dialect_keeps_its_settings)
{
    static const char body[] =
        "{\"model\":\"m\",\"stream\":true,\"instructions\":\"I\",\"store\":false,\"include\":[\"reasoning.encrypted_content\"],"
        "\"text\":{ \"verbosity\":\"low\" },\"reasoning\":{\"effort\":\"ultra\",\"summary\":\"concise\"},\"tools\":[{\"type\":"
        "\"web_search\"},{\"type\":\"function\",\"name\":\"f\"}],\"user\":\"u\",\"new_member\":{\"x\":1.50},\"top_logprobs\":2,\"input\":[{"
        "\"role\":\"user\",\"content\":\"a\"},{\"type\":\"reasoning\",\"id\":\"rs_hx_x_0\",\"summary\":[{\"type\":\"summary_text\","
        "\"text\":\"s\"}],\"encrypted_content\":\"hearth-seal:SIG\"},{\"type\":\"web_search_call\",\"id\":\"ws\"},{\"role\":"
        "\"assistant\",\"content\":\"b\",\"phase\":\"final_answer\"}]}";
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB), dump = BUF_INIT(MiB);
    struct chat c;
    struct lost lost = {.count = 0};
    struct err e = {0};
    EXPECT_I64(read_request(&c, &a, body, &e), 0);
    EXPECT(!c.has_signed_only);
    kit_chat(&dump, &c);
    EXPECT(str_find(buf_str(&dump), STR("Z(s#rs_hx_x_0|seal:SIG)")) > 0);
    c.temperature = STR("0.5"); /* a default of the job */
    EXPECT_I64(write_request(&c, &a, &lost, &out, &e), 0);
    EXPECT_STR(buf_str(&out),
               "{\"model\":\"up\",\"stream\":true,\"instructions\":\"I\",\"store\":false,\"include\":[\"reasoning.encrypted_content\"],"
               "\"text\":{ \"verbosity\":\"low\" },\"reasoning\":{\"effort\":\"ultra\",\"summary\":\"concise\"},\"tools\":[{\"type\":"
               "\"web_search\"},{\"type\":\"function\",\"name\":\"f\"}],\"user\":\"u\",\"new_member\":{\"x\":1.50},\"top_logprobs\":2,"
               "\"temperature\":0.5,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"
               "\"a\"}]},{\"type\":\"web_search_call\",\"id\":\"ws\"},{\"type\":\"message\",\"role\":\"assistant\",\"phase\":"
               "\"final_answer\",\"content\":[{\"type\":\"output_text\",\"text\":\"b\",\"annotations\":[],\"logprobs\":[]}]}]}");
    arena_fini(&a);
}

/* Elsewhere a function of a namespace has a longer name; here it keeps both, there and back. */
TEST(functions_stay_in_their_namespaces)
{
    static const char body[] = "{\"model\":\"m\",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}],"
                               "\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"namespace\":\"n\",\"arguments\":\"{}\"},"
                               "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"r\"}]}";
    static const char answer[] = "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\",\"model\":\"m\",\"output\":[{\"type\":\"function_call\","
                                 "\"id\":\"fc_1\",\"call_id\":\"d\",\"name\":\"f\",\"namespace\":\"n\",\"arguments\":\"{}\",\"status\":\"completed\"}]}";
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c;
    struct lost lost = {.count = 0};
    struct err e = {0};
    EXPECT_I64(read_request(&c, &a, body, &e), 0);
    REQUIRE(c.tool && !c.tool->next && c.message && c.message->part);
    EXPECT_STR(c.tool->name, "n__f");
    EXPECT_STR(c.message->part->name, "n__f");
    EXPECT_I64(write_request(&c, &a, &lost, &out, &e), 0);
    EXPECT(str_find(buf_str(&out), STR("\"name\":\"f\",\"namespace\":\"n\",\"arguments\"")) > 0);
    EXPECT(str_find(buf_str(&out), STR("n__f")) < 0);

    struct chat_answer said = {.arena = &a, .asked = &c};
    EXPECT_I64(it->answer_read(&said, WIRE_CHAT, str_from(answer), &e), 0);
    REQUIRE(said.part);
    EXPECT_STR(said.part->name, "n__f");
    buf_clear(&out);
    EXPECT_I64(it->answer_write(&said, WIRE_CHAT, &lost, &out), 0);
    EXPECT(str_find(buf_str(&out), STR("\"name\":\"f\",\"namespace\":\"n\"")) > 0);
    EXPECT_I64(lost.count, 0);

    EXPECT_I64(read_request(&c, &a, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\"}]}", &e), ERR_INVALID);
    EXPECT_STR(str_from(e.text), "tools.0.tools must be an array");
    EXPECT_I64(read_request(&c, &a, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\"}]}]}", &e), ERR_INVALID);
    EXPECT_STR(str_from(e.text), "tools.0.tools.0.name is missing");
    arena_fini(&a);
}

TEST(what_is_not_foreign_may_pass_as_it_is)
{
    static const struct {
        const char *item;
        bool own;
    } rows[] = {
        {"{\"role\":\"user\",\"content\":\"a\"}", true},
        {"{\"type\":\"reasoning\",\"id\":\"rs_0a\",\"summary\":[],\"encrypted_content\":\"gAAAA\"}", true},
        {"{\"type\":\"reasoning\",\"id\":\"rs_hx_1_0\",\"summary\":[]}", false},
        {"{\"type\":\"reasoning\",\"id\":\"rs_0a\",\"summary\":[],\"encrypted_content\":\"hearth-hidden:X\"}", false},
        {"{\"type\":\"item_reference\",\"id\":\"rs_0a\"}", true}, /* its vendor may still have it */
        {"{\"type\":\"item_reference\",\"id\":\"rs_hx_1_0\"}", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a = ARENA_INIT(MiB);
        struct chat c;
        const char *input = arena_format(&a, "[{\"role\":\"user\",\"content\":\"x\"},%s]", rows[i].item);
        EXPECT_I64(read_request(&c, &a, with_input(&a, input), NULL), 0);
        EXPECT(c.has_signed_only == rows[i].own);
        arena_fini(&a);
    }
}

static void one_user(struct chat *c, struct arena *a)
{
    *c = (struct chat){.arena = a, .from = DIALECT_OPENAI, .max_tokens = -1, .budget = -1, .choices = 1};
    say(chat_message_add(c, ROLE_USER), c, PART_TEXT, "x");
}

TEST(what_an_answer_would_be_wrong_without_is_refused)
{
    for (int i = 0; i < 9; i++) {
        static const char *const names[] = {"n", "stop", "suffix", "raw", "server_tools", "logprobs", "logit_bias", "audio",
                                            "web_search_options"};
        struct arena a = ARENA_INIT(MiB);
        AUTO_BUF struct buf out = BUF_INIT(MiB);
        struct chat c;
        struct lost lost = {.count = 0};
        struct err e = {0};
        one_user(&c, &a);
        c.choices = i == 0 ? 2 : 1;
        if (i == 1)
            chat_stop_add(&c, STR("\n"));
        c.suffix = i == 2 ? STR("s") : STR_NONE;
        c.raw_prompt = i == 3;
        if (i == 4)
            chat_tool_add(&c)->opaque = STR("web_search_20250305");
        if (i > 4)
            chat_extra_add(&c, str_from(names[i]), STR("{\"1\":2}"));
        EXPECT_I64(write_request(&c, &a, &lost, &out, &e), ERR_INVALID);
        EXPECT(str_starts(str_from(e.text), str_from(names[i])) && str_find(str_from(e.text), STR("responses dialect")) > 0);
        EXPECT_I64(out.len, 0);
        arena_fini(&a);
    }
}

TEST(hints_are_lost_and_listed)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c;
    struct lost lost = {.count = 0};
    struct err e = {0};
    one_user(&c, &a);
    c.top_k = STR("40");
    c.seed = STR("7");
    c.frequency_penalty = STR("0.0"); /* asks for nothing */
    c.presence_penalty = STR("0.5");
    chat_tool_add(&c)->name = STR("f"); /* not strict, unless somebody said so */
    c.message->name = STR("anna");
    c.message->part->cache = STR("{}");
    chat_extra_add(&c, STR("logprobs"), STR("false"));
    chat_extra_add(&c, STR("store"), STR("true"));
    chat_extra_add(&c, STR("something"), STR("1"));
    chat_extra_add(&c, STR("verbosity"), STR("\"low\""));
    chat_extra_add(&c, STR("metadata"), STR("{\"k\":\"v\"}"));
    EXPECT_I64(write_request(&c, &a, &lost, &out, &e), 0);
    static const char *const names[] = {"top_k", "presence_penalty", "seed", "name", "cache_control", "store", "something"};
    EXPECT_I64(lost.count, COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names) && (int)i < lost.count; i++)
        EXPECT_STR(lost.name[i], names[i]);
    EXPECT_STR(buf_str(&out),
               "{\"model\":\"up\",\"store\":false,\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\","
               "\"properties\":{}},\"strict\":false}],\"text\":{\"verbosity\":\"low\"},\"metadata\":{\"k\":\"v\"},\"input\":[{\"type\":"
               "\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"x\"}]}]}");
    arena_fini(&a);
}

TEST(a_models_own_limits_are_kept)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat c;
    struct lost lost = {.count = 0};
    struct err e = {0};
    struct model_row row = {.reasoning = true, .output_tokens_max = 1000};
    struct chat_write w = {.op = WIRE_CHAT, .model = STR("up"), .arena = &a, .lost = &lost, .fact = &row,
                           .vendor = vendor_find(STR("openai"))};
    REQUIRE(w.vendor);
    one_user(&c, &a);
    c.temperature = STR("0.5");
    c.max_tokens = 32000;
    c.user = STR("a-tag-that-is-longer-than-the-sixty-four-bytes-which-the-api-takes-for-it");
    EXPECT_I64(it->request_write(&c, &w, &out, &e), 0);
    EXPECT(str_starts(buf_str(&out), STR("{\"model\":\"up\",\"store\":false,\"max_output_tokens\":1000,\"user\":\"user_")));
    EXPECT_I64(lost.count, 1);
    EXPECT_STR(lost.name[0], "temperature");
    arena_fini(&a);
}

/* --- whole answers ------------------------------------------------------------------------------------------------------------------ */

static void dump_answer(struct buf *b, const struct chat_answer *a)
{
    for (const struct part *p = a->part; p; p = p->next)
        kit_part(b, p);
    (void)buf_append_format(b, " %s", finish_name(a->finish));
    if (a->has_usage)
        (void)buf_append_format(b, " %lld/%lld/%lld/%lld/%lld/%lld", (long long)a->usage.input, (long long)a->usage.cached,
                                (long long)a->usage.cache_write, (long long)a->usage.output, (long long)a->usage.reasoning,
                                (long long)a->usage.cost_nusd);
    if (a->has_error)
        (void)buf_append_text(b, " error");
}

TEST(answers_are_read)
{
    static const struct {
        const char *body, *want;
    } rows[] = {
        {"{\"id\":\"resp_1\",\"created_at\":1790000000,\"model\":\"gpt-x\",\"status\":\"completed\",\"error\":null,\"output\":[{\"type\":"
         "\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"s\"}],\"encrypted_content\":\"E\"},{\"type\":"
         "\"message\",\"id\":\"msg_1\",\"content\":[{\"type\":\"output_text\",\"text\":\"H\\u00e9\",\"annotations\":[]},{\"type\":"
         "\"refusal\",\"refusal\":\"no\"}]},{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"call_1\",\"name\":\"f\","
         "\"arguments\":\"{\\\"n\\\":9007199254740993}\"},{\"type\":\"custom_tool_call\",\"call_id\":\"call_2\",\"name\":\"p\",\"input\":"
         "\"free\"},{\"type\":\"web_search_call\",\"id\":\"w\"}],\"usage\":{\"input_tokens\":10,\"input_tokens_details\":{"
         "\"cached_tokens\":4,\"cache_write_tokens\":2},\"output_tokens\":5,\"output_tokens_details\":{\"reasoning_tokens\":3},"
         "\"total_tokens\":15,\"cost\":0.0015}}",
         "Z(s#rs_1)H(E#rs_1)T(H\xC3\xA9)N(no)C(#call_1@f={\"n\":9007199254740993})C*(#call_2@p=free)"
         "O(|detail:item@web_search_call|raw:{\"type\":\"web_search_call\",\"id\":\"w\"}) tool_calls 10/4/2/5/3/1500000"},
        {"{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"output\":[{\"type\":\"function_call\","
         "\"name\":\"f\",\"arguments\":\"{\"}]}", "C(#call_842223250000@f={) length"},
        {"{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"content_filter\"},\"output\":[]}", " content_filter"},
        {"{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"next year's\"},\"output\":[]}", " interrupted"},
        {"{\"status\":\"cancelled\",\"output\":[]}", " interrupted"},
        {"{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"x\"},\"output\":[]}", " interrupted error"},
        {"{\"error\":{\"message\":\"x\"}}", " stop error"},
        {" \n{\"output\":[{\"type\":\"message\",\"content\":\"plain\"},7],\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}",
         "T(plain) stop"},
        /* numbers that make no sense are no numbers; reasoning that is counted apart is output */
        {"{\"output\":[],\"usage\":{\"input_tokens\":-1,\"output_tokens\":5}}", " stop"},
        {"{\"output\":[],\"usage\":{\"input_tokens\":10,\"output_tokens\":5,\"total_tokens\":22,\"input_tokens_details\":{"
         "\"cached_tokens\":99},\"output_tokens_details\":{\"reasoning_tokens\":7}}}", " stop 10/10/0/12/7/-1"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena arena = ARENA_INIT(MiB);
        AUTO_BUF struct buf b = BUF_INIT(MiB);
        struct chat_answer a = {.arena = &arena};
        struct err e = {0};
        int rc = it->answer_read(&a, WIRE_CHAT, str_from(rows[i].body), &e);
        if (rc)
            test_fail(__FILE__, __LINE__, "row %zu: %s", i, e.text);
        dump_answer(&b, &a);
        EXPECT_STR(buf_str(&b), rows[i].want);
        arena_fini(&arena);
    }
}

TEST(what_is_no_answer_is_said_to_be_none)
{
    static const char *const bodies[] = {"", "{", "[]", "7", "{}", "{\"choices\":[]}", "{\"output\":7}", "<html>"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct arena arena = ARENA_INIT(MiB);
        struct chat_answer a = {.arena = &arena};
        struct err e = {0};
        EXPECT_I64(it->answer_read(&a, WIRE_CHAT, str_from(bodies[i]), &e), ERR_SYNTAX);
        EXPECT(e.text[0]);
        arena_fini(&arena);
    }
}

TEST(an_answer_has_every_member_and_repeats_what_was_asked)
{
    struct arena arena = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat asked;
    struct lost lost = {.count = 0};
    EXPECT_I64(read_request(&asked, &arena,
                            "{\"model\":\"m\",\"input\":\"x\",\"instructions\":\"a\\nb\",\"temperature\":0.70,\"store\":true,\"tools\":[{"
                            "\"type\":\"custom\",\"name\":\"patch\"}],\"tool_choice\":\"required\",\"metadata\":{\"k\":\"v\"},\"reasoning\":{"
                            "\"effort\":\"low\"},\"max_output_tokens\":null}", NULL), 0);
    struct chat_answer a = {.arena = &arena, .asked = &asked, .id = STR("h1"), .model = STR("m"), .created_s = 1790000000,
                            .finish = FINISH_TOOLS, .has_usage = true,
                            .usage = {.input = 10, .cached = 4, .cache_write = 1, .output = 5, .reasoning = 2}};
    struct part *p = chat_answer_add(&a, PART_REASONING);
    p->text = STR("think");
    p->signature = STR("SIG");
    chat_answer_add(&a, PART_HIDDEN)->text = STR("RED");
    p = chat_answer_add(&a, PART_HIDDEN);
    p->text = STR("ENC");
    p->id = STR("rs_9");
    chat_answer_add(&a, PART_TEXT)->text = STR("Hi");
    p = chat_answer_add(&a, PART_CALL);
    p->id = STR("call_1");
    p->name = STR("f");
    p = chat_answer_add(&a, PART_CALL);
    p->id = STR("call_2");
    p->name = STR("patch");
    p->arguments = STR("{\"input\":\"*** \\\"x\\\"\"}");
    chat_answer_add(&a, PART_OPAQUE)->name = STR("web_search_tool_result");
    EXPECT_I64(tool_calls_plain(&a, &asked, NULL), 0);
    EXPECT_I64(it->answer_write(&a, WIRE_CHAT, &lost, &out), 0);
    EXPECT_STR(buf_str(&out),
               "{\"id\":\"resp_h1\",\"object\":\"response\",\"created_at\":1790000000,\"completed_at\":null,\"status\":\"completed\","
               "\"error\":null,\"incomplete_details\":null,\"background\":false,\"model\":\"m\",\"output\":["
               "{\"type\":\"reasoning\",\"id\":\"rs_hx_h1_0\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"think\"}],"
               "\"encrypted_content\":\"hearth-seal:SIG\"},"
               "{\"type\":\"reasoning\",\"id\":\"rs_hx_h1_1\",\"summary\":[],\"encrypted_content\":\"hearth-hidden:RED\"},"
               "{\"type\":\"reasoning\",\"id\":\"rs_9\",\"summary\":[],\"encrypted_content\":\"ENC\"},"
               "{\"type\":\"message\",\"id\":\"msg_h1_3\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":"
               "\"output_text\",\"text\":\"Hi\",\"annotations\":[],\"logprobs\":[]}]},"
               "{\"type\":\"function_call\",\"id\":\"fc_h1_4\",\"call_id\":\"call_1\",\"name\":\"f\",\"arguments\":\"{}\",\"status\":"
               "\"completed\"},"
               "{\"type\":\"custom_tool_call\",\"id\":\"ctc_h1_5\",\"call_id\":\"call_2\",\"name\":\"patch\",\"input\":\"*** "
               "\\\"x\\\"\",\"status\":\"completed\"}],"
               "\"previous_response_id\":null,\"store\":false,\"instructions\":\"a\\nb\",\"max_output_tokens\":null,"
               "\"max_tool_calls\":null,\"parallel_tool_calls\":true,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":\"low\"},"
               "\"safety_identifier\":null,\"service_tier\":\"default\",\"temperature\":0.70,\"text\":{\"format\":{\"type\":\"text\"}},"
               "\"tool_choice\":\"required\",\"tools\":[{\"type\":\"custom\",\"name\":\"patch\"}],\"top_logprobs\":0,\"top_p\":1.0,"
               "\"truncation\":\"disabled\",\"user\":null,\"metadata\":{\"k\":\"v\"},\"usage\":{\"input_tokens\":10,"
               "\"input_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":1},\"output_tokens\":5,"
               "\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":15}}");
    EXPECT_I64(lost.count, 1);
    EXPECT_STR(lost.name[0], "web_search_tool_result");
    arena_fini(&arena);
}

/* What a client gets as reasoning and hands back is what its vendor said: text, seal, hidden data. */
TEST(foreign_reasoning_comes_back_as_it_went)
{
    struct arena arena = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB), dump = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    struct chat_answer a = {.arena = &arena, .id = STR("resp_h1"), .model = STR("m"), .finish = FINISH_STOP};
    struct part *p = chat_answer_add(&a, PART_REASONING);
    p->text = STR("a \"b\"\n\nc");
    p->signature = STR("SIG==");
    chat_answer_add(&a, PART_REASONING)->signature = STR("of nothing that is shown");
    chat_answer_add(&a, PART_HIDDEN)->text = STR("RED");
    chat_answer_add(&a, PART_TEXT)->text = STR("Hi");
    EXPECT_I64(it->answer_write(&a, WIRE_CHAT, &lost, &out), 0);
    struct json_node *root;
    struct chat c;
    REQUIRE(json_parse(&arena, buf_str(&out), &root, NULL) == 0);
    const char *body = with_input(&arena, arena_text(&arena, json_get(root, "output")->text));
    EXPECT_I64(read_request(&c, &arena, body, NULL), 0);
    kit_chat(&dump, &c);
    EXPECT_STR(buf_str(&dump), "assistant Z(a \"b\"\n\nc#rs_hx_h1_0|seal:SIG==)Z(|seal:of nothing that is shown)H(RED)T(Hi)\n");
    arena_fini(&arena);
}

TEST(an_answer_that_was_cut_says_so)
{
    static const struct {
        enum finish finish;
        const char *words;
    } rows[] = {
        {FINISH_LENGTH, "\"status\":\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"},
        {FINISH_FILTER, "\"status\":\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":\"content_filter\"}"},
        {FINISH_INTERRUPTED, "\"status\":\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":\"interrupted\"}"},
        {FINISH_STOP, "\"status\":\"completed\",\"error\":null,\"incomplete_details\":null"},
        {FINISH_OTHER, "\"status\":\"completed\",\"error\":null,\"incomplete_details\":null"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena arena = ARENA_INIT(MiB);
        AUTO_BUF struct buf out = BUF_INIT(MiB);
        struct chat_answer a = {.arena = &arena, .id = STR("h"), .finish = rows[i].finish};
        struct lost lost = {.count = 0};
        chat_answer_add(&a, PART_TEXT)->text = STR("x");
        EXPECT_I64(it->answer_write(&a, WIRE_CHAT, &lost, &out), 0);
        EXPECT(str_find(buf_str(&out), str_from(rows[i].words)) > 0);
        EXPECT(str_find(buf_str(&out), STR("\"usage\":null")) > 0);
        bool cut = str_find(buf_str(&out), STR("\"id\":\"msg_h_0\",\"status\":\"incomplete\"")) > 0;
        EXPECT(cut == (i < 3));
        arena_fini(&arena);
    }
}

TEST(errors_are_openais)
{
    AUTO_BUF struct buf out = BUF_INIT(KiB);
    struct wire_error e = {.status = 429, .message = STR("slow \"down\""), .code = "rate_limit_exceeded"};
    EXPECT_I64(it->error_write(&e, &out), 0);
    EXPECT_STR(buf_str(&out), "{\"error\":{\"message\":\"slow \\\"down\\\"\",\"type\":\"rate_limit_exceeded\",\"param\":null,\"code\":"
                              "\"rate_limit_exceeded\"}}");
    EXPECT_I64(it->error_status(529), 503);
    EXPECT_I64(it->error_status(429), 429);
}

/* --- no memory -------------------------------------------------------------------------------------------------------------------------- */

static int ask_and_answer(void *ctx)
{
    static const char body[] =
        "{\"model\":\"\\u0061\",\"instructions\":\"a\\nb\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":"
        "{\"data\":\"AA\",\"format\":\"wav\"}}]},{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"text\":\"s\"}],"
        "\"encrypted_content\":\"E\"},{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\"},{\"type\":\"function_call_output\","
        "\"call_id\":\"c\",\"output\":\"o\"}],\"tools\":[{\"type\":\"custom\",\"name\":\"p\",\"format\":{\"type\":\"grammar\",\"syntax\":\"lark\","
        "\"definition\":\"x\"}}],\"text\":{\"verbosity\":\"low\",\"x\":1},\"reasoning\":{\"effort\":\"ultra\"},\"more\":1}";
    static const char answer[] =
        "{\"id\":\"r\",\"output\":[{\"type\":\"message\",\"content\":[{\"text\":\"a\\nb\"}]},{\"type\":\"function_call\",\"name\":\"p\","
        "\"arguments\":\"{\\\"input\\\":\\\"\\\\n\\\"}\"}]}";
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB), back = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    struct chat c;
    struct chat_answer said = {.arena = &a, .asked = &c};
    (void)ctx;
    int rc = read_request(&c, &a, body, NULL);
    if (rc == 0) {
        c.extra = NULL;
        c.from = DIALECT_OPENAI; /* so that all of it is written anew */
        rc = write_request(&c, &a, &lost, &out, NULL);
    }
    if (rc == 0)
        rc = it->answer_read(&said, WIRE_CHAT, str_from(answer), NULL);
    if (rc == 0)
        rc = it->answer_write(&said, WIRE_CHAT, &lost, &back);
    EXPECT(rc == 0 || rc == ERR_NOMEM);
    EXPECT(rc == 0 || !back.len);
    arena_fini(&a);
    return rc;
}

TEST(running_out_of_memory_is_an_error_of_its_own)
{
    test_torture("responses: requests and answers", ask_and_answer, NULL);
}
