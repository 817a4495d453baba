/* test_chat_prompt.c: conversations in OpenAI's form, put in the shape that each template takes; what a template has no place for;
 * families of our own when it cannot be used. Templates of whole families are those of tests/golden/templates. */
#include "engine/chat_prompt.h"
#include "test.h"
#include "work_kit.h"

static const struct civil NOW = {2026, 11, 21, 15, 31, 44, 6};

static bool no_token(void *ctx, struct str text)
{
    (void)ctx, (void)text;
    return false;
}

static bool chatml_token(void *ctx, struct str text)
{
    (void)ctx;
    return str_eq(text, STR("<|im_start|>")) || str_eq(text, STR("<|im_end|>"));
}

static struct chat_form *open_form(struct str text, bool adds_bos, struct err *e)
{
    struct chat_form *f = NULL;
    const struct chat_source s = {
        .chat_template = text, .bos = STR("<s>"), .eos = STR("</s>"), .adds_bos = adds_bos, .has_token = no_token};

    (void)chat_form_open(&f, &s, e);
    return f;
}

static struct chat_form *open_golden(const char *family)
{
    AUTO_BUF struct buf text = BUF_INIT(1 * MiB);
    char path[200];
    struct err e = {0};

    (void)text_format(path, sizeof(path), "tests/golden/templates/%s/template.jinja", family);
    if (buf_read_file(&text, path, &e) < 0)
        return NULL;
    return open_form(buf_str(&text), false, &e);
}

/* Renders {"messages":…,"tools":…,"kwargs":…}; the text, and the prompt's other members in *p (with texts in `a`). */
static int render(const struct chat_form *f, const char *request, struct arena *a, struct chat_prompt *p,
                  struct buf *text, struct err *e)
{
    struct json_node *root;
    int rc = json_parse(a, str_from(request), &root, e);

    buf_clear(text);
    if (rc < 0)
        return rc;
    const struct chat_request r = {.messages = json_get(root, "messages"),
                                   .tools = json_get(root, "tools"),
                                   .kwargs = json_get(root, "kwargs"),
                                   .add_generation_prompt = true,
                                   .now = NOW,
                                   .limits = TEMPLATE_LIMITS_DEFAULT};
    rc = chat_prompt_render(f, &r, a, p, e);
    for (size_t i = 0; rc == 0 && i < p->count; i++)
        rc = buf_append(text, p->piece[i].text);
    return rc;
}

/* `want` is the text or, when it begins with '!', what the error says; `note` a part of the note, "" for none. */
static void expect(const struct chat_form *f, const char *request, const char *want, const char *note)
{
    struct arena a = ARENA_INIT(64 * MiB);
    struct buf text = BUF_INIT(1 * MiB);
    struct chat_prompt p = {0};
    struct err e = {0};
    int rc = render(f, request, &a, &p, &text, &e);
    bool same = *want == '!' ? rc < 0 && str_contains_fold(str_from(e.text), str_from(want + 1))
                             : rc == 0 && str_eq(buf_str(&text), str_from(want));

    if (!same)
        test_fail(__FILE__, __LINE__, "%s\n  gives (%d %s)\n%.*s\n  expected\n%s", request, rc, e.text,
                  STR_FMT(buf_str(&text)), want);
    else if (rc == 0 && (*note ? !str_contains_fold(p.note, str_from(note)) : p.note.len > 0))
        test_fail(__FILE__, __LINE__, "%s\n  notes \"%.*s\", expected \"%s\"", request, STR_FMT(p.note), note);
    buf_fini(&text);
    arena_fini(&a);
}

#define SIMPLE "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"

TEST(content_is_text_where_the_template_adds_texts)
{
    struct err e = {0};
    struct chat_form *f =
        open_form(STR("{% for m in messages %}{{ '<' + m.role + '>' + m.content }}{% endfor %}"), false, &e);

    REQUIRE(f);
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "<user>a", "");
    expect(f,
           "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\","
           "\"text\":\"b\"}]}]}",
           "<user>a\nb", "");
    expect(f,
           "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"x\"}}]}]}",
           "!a part of the type image_url: this model reads text only", "");
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":5}]}",
           "!the content of a message is text or a list of parts", "");
    expect(f, "{\"messages\":[{\"role\":\"user\"}]}", "<user>", "");
    expect(f, "{\"messages\":[{\"content\":\"a\"}]}", "!a message without a role", "");
    expect(f, "{\"messages\":[5]}", "!a message is an object", "");
    expect(f, "{\"messages\":5}", "!messages is a list", "");
    chat_form_close(f);
}

TEST(content_is_parts_where_the_template_walks_them)
{
    struct err e = {0};
    struct chat_form *f = open_form(
        STR("{% for m in messages %}<{{ m.role }}>{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"), false,
        &e);

    REQUIRE(f);
    expect(f, "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"a\"}]}",
           "<system>s<user>a", "");
    chat_form_close(f);
}

TEST(a_system_text_finds_its_place)
{
    struct err e = {0};
    struct chat_form *f =
        open_form(STR("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
                      "<{{ m.role }}>{{ m.content }}{% endfor %}"),
                  false, &e);
    REQUIRE(f);
    expect(f,
           "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
           "\"user\",\"content\":\"b\"}]}",
           "<user>s\n\na<user>b", "the system text stands in the first user message");
    expect(f,
           "{\"messages\":[{\"role\":\"developer\",\"content\":\"s\"},{\"role\":\"system\",\"content\":\"t\"},{"
           "\"role\":\"user\",\"content\":\"a\"}]}",
           "<user>s\n\nt\n\na", "the system text");
    expect(f, "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"}]}", "<user>s", "the system text");
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "<user>a", "");
    chat_form_close(f);
    f = open_form(STR(SIMPLE), false, &e);
    REQUIRE(f);
    expect(f, "{\"messages\":[{\"role\":\"developer\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"a\"}]}",
           "<system>s<user>a", "");
    chat_form_close(f);
}

TEST(neighbours_of_one_role_are_joined_where_the_template_refuses_them)
{
    struct chat_form *f = open_golden("gemma");

    REQUIRE(f);
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"}]}",
           "<s><start_of_turn>user\na\n\nb<end_of_turn>\n<start_of_turn>model\n",
           "neighbouring messages of one role are joined");
    expect(f, "{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}]}", "!roles must alternate", "");
    chat_form_close(f);
}

#define TOOLS                                                                                                        \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":" \
    "\"object\",\"properties\":{}}}}]"
#define CALLED                                                                                                          \
    "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_"    \
    "0123456789\",\"type\":"                                                                                            \
    "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\\\"é\\\"}\"}}]},{\"role\":\"tool\",\"tool_" \
    "call_id\":\"call_0123456789\","                                                                                    \
    "\"content\":\"42\"}"

TEST(arguments_come_as_the_template_wants_them)
{
    struct chat_form *f = open_golden("qwen25");

    REQUIRE(f);
    EXPECT(chat_form_takes_tools(f) && chat_form_calls(f) == CHAT_CALLS_HERMES);
    expect(f, "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," CALLED "]}",
           "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n<tool_call>\n{"
           "\"name\": \"f\", \"arguments\": "
           "{\"a\": "
           "\"é\"}}\n</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n42\n</"
           "tool_response><|im_end|>\n<|im_start|>assistant\n",
           "");
    chat_form_close(f);
    f = open_golden("r1"); /* adds the arguments to a text */
    REQUIRE(f);
    expect(f,
           "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":null,\"tool_"
           "calls\":[{\"type\":\"function\","
           "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]}]}",
           "<s><｜User｜>u<｜Assistant｜><｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{"
           "\"a\":1}\n```<｜tool▁call▁end｜>"
           "<｜Assistant｜><think>\n",
           "");
    chat_form_close(f);
}

TEST(ids_of_calls_are_shortened_where_the_template_wants_nine_letters)
{
    struct arena a = ARENA_INIT(16 * MiB);
    struct buf text = BUF_INIT(1 * MiB);
    struct chat_prompt p;
    struct err e = {0};
    struct chat_form *f = open_golden("mistral3");

    REQUIRE(f);
    EXPECT(chat_form_takes_tools(f) && chat_form_calls(f) == CHAT_CALLS_MISTRAL);
    EXPECT(render(f, "{\"messages\":[" CALLED "]}", &a, &p, &text, &e) == 0);
    /* the same nine in the call and in its result */
    ptrdiff_t call = str_find(buf_str(&text), STR("\"id\": \"")),
              result = str_find(buf_str(&text), STR("\"call_id\": \""));
    REQUIRE(call > 0 && result > 0);
    struct str one = str_slice(buf_str(&text), (size_t)call + 7, (size_t)call + 17),
               two = str_slice(buf_str(&text), (size_t)result + 12, (size_t)result + 22);
    EXPECT(str_eq(one, two) && one.ptr[9] == '"');
    chat_form_close(f);
    buf_fini(&text);
    arena_fini(&a);
}

TEST(tools_are_refused_where_there_is_no_place_for_them)
{
    struct chat_form *f = open_golden("zephyr"), *qwen = open_golden("qwen3"), *r1 = open_golden("r1");
    struct err e = {0};

    REQUIRE(f && qwen && r1);
    EXPECT(!chat_form_takes_tools(f) && chat_form_takes_tools(qwen) && !chat_form_takes_tools(r1));
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]," TOOLS "}", "!no place for tools", "");
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],\"tools\":[]}", "<|user|>\nu</s>\n<|assistant|>\n",
           "");
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],\"tools\":{}}", "!tools is a list", "");
    chat_form_close(f);
    chat_form_close(qwen);
    chat_form_close(r1);
    /* prints tools, but calls them in a way that nobody here reads */
    f = open_form(STR(SIMPLE "{{ tools|tojson }}"), false, &e);
    REQUIRE(f);
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]," TOOLS "}", "!in a way that is not read here",
           "");
    chat_form_close(f);
}

TEST(earlier_calls_are_told_as_words_where_there_is_no_place_for_them)
{
    struct chat_form *f = open_golden("zephyr");

    REQUIRE(f);
    expect(f, "{\"messages\":[" CALLED "]}",
           "<|user|>\nu</s>\n<|assistant|>\n<tool_call>\n{\"name\":\"f\",\"arguments\":{\"a\":\"é\"}}\n</tool_call></"
           "s>\n<|user|>\n<tool_response>\n42\n"
           "</tool_response></s>\n<|assistant|>\n",
           "results of tools are told as the user's words");
    chat_form_close(f);
}

TEST(thinking_is_known_from_the_prompt)
{
    static const struct {
        const char *family, *kwargs;
        bool knows, thinking;
    } rows[] = {{"qwen3", "{}", true, false},
                {"qwen3", "{\"enable_thinking\":false}", true, false},
                {"r1", "{}", true, true},
                {"chatml", "{}", false, false}};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a = ARENA_INIT(16 * MiB);
        struct buf text = BUF_INIT(1 * MiB);
        struct chat_prompt p = {0};
        struct err e = {0};
        char request[300];
        struct chat_form *f = open_golden(rows[i].family);
        REQUIRE(f);
        (void)text_format(request, sizeof(request),
                          "{\"messages\":[{\"role\":\"user\",\"content\":\"say <think>\"}],\"kwargs\":%s}",
                          rows[i].kwargs);
        EXPECT(render(f, request, &a, &p, &text, &e) == 0);
        EXPECT((p.think_open != NULL) == rows[i].knows);
        EXPECT_I64(p.thinking, rows[i].thinking);
        if (i == 1)
            EXPECT(str_ends(buf_str(&text), STR("<think>\n\n</think>\n\n")));
        chat_form_close(f);
        buf_fini(&text);
        arena_fini(&a);
    }
}

TEST(reasoning_reaches_the_template)
{
    struct chat_form *f = open_golden("qwen3");

    REQUIRE(f);
    expect(f,
           "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"a\","
           "\"reasoning\":\"why\"}]}",
           "<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n<think>\nwhy\n</"
           "think>\n\na<|im_end|>\n<|im_start|>assistant\n",
           "");
    chat_form_close(f);
}

TEST(of_two_bos_one_goes)
{
    struct arena a = ARENA_INIT(16 * MiB);
    struct buf text = BUF_INIT(1 * MiB);
    struct err e = {0};

    for (int adds = 0; adds < 2; adds++) {
        struct chat_prompt p = {0};
        struct chat_form *f = open_form(STR("{{ bos_token }}" SIMPLE), adds, &e);
        REQUIRE(f);
        EXPECT(render(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"<s>u\"}]}", &a, &p, &text, &e) == 0);
        EXPECT_STR(buf_str(&text), adds ? "<user><s>u" : "<s><user><s>u");
        EXPECT_I64(p.bos_dropped, adds);
        chat_form_close(f);
    }
    /* what the user writes is no BOS */
    struct chat_prompt p = {0};
    struct chat_form *f = open_form(STR("{% for m in messages %}{{ m.content }}{% endfor %}"), true, &e);
    REQUIRE(f);
    EXPECT(render(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"<s>u\"}]}", &a, &p, &text, &e) == 0);
    EXPECT_STR(buf_str(&text), "<s>u");
    EXPECT(!p.bos_dropped && p.count == 1 && !p.piece[0].special);
    chat_form_close(f);
    buf_fini(&text);
    arena_fini(&a);
}

TEST(variables_of_the_request_do_not_replace_ours)
{
    struct err e = {0};
    struct chat_form *f = open_form(STR("{{ bos_token }}" SIMPLE "{{ x }}"), false, &e);

    REQUIRE(f);
    expect(f,
           "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],\"kwargs\":{\"bos_token\":\"no\",\"messages\":[],"
           "\"x\":7}}",
           "<s><user>u7", "");
    chat_form_close(f);
}

/* --- families ------------------------------------------------------------------------------------------------------------------- */

TEST(a_template_that_cannot_be_used_is_replaced_by_its_family)
{
    static const struct {
        const char *marks, *family, *want;
    } rows[] = {
        {"<|im_start|><|im_end|>", "ChatML",
         "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"
         "<|im_start|>user\nv<|im_end|>\n<|im_start|>assistant\n"},
        {"<|start_header_id|><|end_header_id|>", "Llama 3",
         "<s><|start_header_id|>system<|end_header_id|>\n\ns<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nu<|"
         "eot_id|><|start_header_id|>assistant"
         "<|end_header_id|>\n\na<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nv<|eot_id|><|start_header_id|>"
         "assistant<|end_header_id|>\n\n"},
        {"[INST] [/INST]", "Mistral", "<s>[INST] s\n\nu [/INST] a</s>[INST] v [/INST]"},
        {"<start_of_turn><end_of_turn>", "Gemma",
         "<s><start_of_turn>user\ns\n\nu<end_of_turn>\n<start_of_turn>model\na<end_of_turn>\n<start_of_turn>user\n"
         "v<end_of_turn>\n<start_of_turn>model\n"},
        {"<|user|><|assistant|><|end|>", "Phi 3",
         "<|system|>\ns<|end|>\n<|user|>\nu<|end|>\n<|assistant|>\na<|end|>\n<|user|>\nv<|end|>\n<|assistant|>\n"},
        {"<|user|><|assistant|></s>", "Zephyr",
         "<|system|>\ns</s>\n<|user|>\nu</s>\n<|assistant|>\na</s>\n<|user|>\nv</s>\n<|assistant|>\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[200], said[100];
        struct err e = {0};
        (void)text_format(text, sizeof(text), "{%% import 'x' as y %%}%s", rows[i].marks);
        struct chat_form *f = open_form(str_from(text), false, &e);
        REQUIRE(f);
        (void)text_format(said, sizeof(said), "{%% import %%} is not supported; conversations are written as %s",
                          rows[i].family);
        if (!str_contains_fold(chat_form_note(f), str_from(said)))
            test_fail(__FILE__, __LINE__, "%.*s", STR_FMT(chat_form_note(f)));
        expect(f,
               "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u\"},{\"role\":"
               "\"assistant\",\"content\":\"a\"},"
               "{\"role\":\"user\",\"content\":\"v\"}]}",
               rows[i].want, "");
        chat_form_close(f);
    }
}

TEST(a_template_that_fails_later_has_its_family_too)
{
    struct err e = {0};
    struct chat_form *f = open_form(STR("{% for m in messages %}[INST] {{ m.content if messages|length == 1 or m.role "
                                        "== 'system' else m|groupby('x') }} [/INST]"
                                        "{% endfor %}"),
                                    false, &e);
    REQUIRE(f);
    EXPECT(chat_form_note(f).len == 0);
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]}", "[INST] u [/INST]", "");
    expect(f,
           "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":"
           "\"user\",\"content\":\"v\"}]}",
           "<s>[INST] u [/INST] a</s>[INST] v [/INST]",
           "filter 'groupby': there is no filter of that name here; the prompt is written by a template of our own");
    chat_form_close(f);
}

TEST(a_template_of_no_family_that_cannot_be_used_is_an_error)
{
    struct err e = {0};

    EXPECT(!open_form(STR("{% import 'x' as y %}"), false, &e));
    EXPECT_I64(e.code, ERR_UNSUPPORTED);
    EXPECT(!open_form(STR("Hello"), false, &e));
    EXPECT(str_contains_fold(str_from(e.text), STR("does not print what the user says")));
}

TEST(without_a_template_chatml_needs_its_tokens)
{
    struct chat_form *f = NULL;
    struct err e = {0};
    struct chat_source s = {.has_token = no_token};

    EXPECT_I64(chat_form_open(&f, &s, &e), ERR_NOT_FOUND);
    EXPECT(str_contains_fold(str_from(e.text), STR("use it for plain completions")));
    s.has_token = chatml_token;
    REQUIRE(chat_form_open(&f, &s, &e) == 0);
    EXPECT(str_contains_fold(chat_form_note(f), STR("has no chat template; conversations are written as ChatML")));
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]}",
           "<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n", "");
    /* tools too, in their usual form */
    EXPECT(chat_form_takes_tools(f) && chat_form_calls(f) == CHAT_CALLS_HERMES);
    chat_form_close(f);
}

TEST(the_way_of_calling_is_read_from_the_template)
{
    static const struct {
        const char *family;
        enum chat_calls calls;
        bool tools;
    } rows[] = {{"llama3", CHAT_CALLS_LLAMA3, true},    {"qwen25", CHAT_CALLS_HERMES, true},
                {"qwen3", CHAT_CALLS_HERMES, true},     {"hermes", CHAT_CALLS_HERMES, true},
                {"mistral3", CHAT_CALLS_MISTRAL, true}, {"mistral7", CHAT_CALLS_MISTRAL, true},
                {"chatml", CHAT_CALLS_NONE, false},     {"gemma", CHAT_CALLS_NONE, false},
                {"phi3", CHAT_CALLS_NONE, false},       {"zephyr", CHAT_CALLS_NONE, false}};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct chat_form *f = open_golden(rows[i].family);
        REQUIRE(f);
        if (chat_form_calls(f) != rows[i].calls || chat_form_takes_tools(f) != rows[i].tools || chat_form_note(f).len)
            test_fail(__FILE__, __LINE__, "%s: calls %d, tools %d, note %.*s", rows[i].family, chat_form_calls(f),
                      chat_form_takes_tools(f), STR_FMT(chat_form_note(f)));
        chat_form_close(f);
    }
}

/* A template may mention a marker that we read and write its calls in another way: then tools are refused, not left in the text. */
TEST(what_a_template_calls_is_read_back_before_it_counts)
{
#define TURNS                                                                                                                     \
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>" \
    "{{ m.content or '' }}{% for c in m.tool_calls or [] %}"
#define NAME "{{ c.function.name }}"
#define ARGUMENTS "{{ c.function.arguments | tojson }}"
    static const struct {
        const char *call;
        enum chat_calls calls;
    } rows[] = {
        {"{\"name\": \"" NAME "\", \"parameters\": " ARGUMENTS "}", CHAT_CALLS_LLAMA3},
        {"<|python_tag|>{\"name\": \"" NAME "\", \"parameters\": " ARGUMENTS "}", CHAT_CALLS_LLAMA3},
        {"<function=" NAME ">" ARGUMENTS "</function>{# parameters #}", CHAT_CALLS_NONE},
        {">>>" NAME "\n" ARGUMENTS "{# parameters #}", CHAT_CALLS_NONE},
        {"<tool_call>\n{\"name\": \"" NAME "\", \"arguments\": " ARGUMENTS "}\n</tool_call>", CHAT_CALLS_HERMES},
        {"<tool_calls>[{\"name\": \"" NAME "\", \"arguments\": " ARGUMENTS "}]</tool_calls>{# <tool_call> #}", CHAT_CALLS_NONE},
        {"<tool_call><invoke name=\"" NAME "\">" ARGUMENTS "</invoke></tool_call>", CHAT_CALLS_NONE},
        {"[TOOL_CALLS][{\"name\": \"" NAME "\", \"arguments\": " ARGUMENTS ", \"id\": \"123456789\"}]", CHAT_CALLS_MISTRAL},
        {"[TOOL_CALLS]" NAME "[CALL_ID]123456789[ARGS]" ARGUMENTS, CHAT_CALLS_MISTRAL},
        {"[TOOL_CALLS]" NAME "(" ARGUMENTS ")", CHAT_CALLS_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
        struct err e = {0};
        REQUIRE(buf_append_text(&text, TURNS) == 0 && buf_append_text(&text, rows[i].call) == 0 &&
                buf_append_text(&text, "{% endfor %}<|eot_id|>{% endfor %}") == 0);
        struct chat_form *f = open_form(buf_str(&text), false, &e);
        REQUIRE(f);
        if (chat_form_calls(f) != rows[i].calls || chat_form_takes_tools(f) != (rows[i].calls != CHAT_CALLS_NONE))
            test_fail(__FILE__, __LINE__, "%s: calls %d, tools %d", rows[i].call, chat_form_calls(f), chat_form_takes_tools(f));
        chat_form_close(f);
    }
}

struct torture {
    struct buf text, want;
};

static int once(void *ctx)
{
    struct torture *t = ctx;
    struct arena a = ARENA_INIT(16 * MiB);
    struct chat_prompt p;
    struct chat_form *f = NULL;
    const struct chat_source s = {
        .chat_template = STR("{% import 'x' %}<|im_start|><|im_end|>"), .bos = STR("<s>"), .has_token = no_token};
    int rc = chat_form_open(&f, &s, NULL);

    if (rc == 0)
        rc = render(f, "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," CALLED "]," TOOLS "}", &a, &p,
                    &t->text, NULL);
    /* It fails, or it is what it always was: a question that found no memory must not change the answer. */
    EXPECT(rc < 0 || t->want.len == 0 || str_eq(buf_str(&t->text), buf_str(&t->want)));
    chat_form_close(f);
    arena_fini(&a);
    return rc;
}

TEST(a_chat_form_copes_when_memory_is_out)
{
    struct torture t = {BUF_INIT(1 * MiB), BUF_INIT(1 * MiB)};

    REQUIRE(once(&t) == 0);
    REQUIRE(buf_append(&t.want, buf_str(&t.text)) == 0);
    EXPECT(test_torture("chat form", once, &t) > 20);
    buf_fini(&t.text);
    buf_fini(&t.want);
}

TEST(a_template_that_walks_through_no_tools_gets_an_empty_list)
{
    struct err e = {0};
    struct chat_form *f = open_form(STR("{% for t in tools %}{{ t.function.name }}{% endfor %}" SIMPLE), false, &e);

    REQUIRE(f);
    expect(f, "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]}", "<user>u", "");
    chat_form_close(f);
}

/* Members that we do not know are passed on, however many there are. */
TEST(a_message_of_very_many_members_is_no_trouble)
{
    AUTO_BUF struct buf b = BUF_INIT(16 * MiB), text = BUF_INIT(1 * MiB);
    struct arena a = ARENA_INIT(256 * MiB);
    struct chat_form *f = open_form(STR("{% for m in messages %}{{ m.content }}{% endfor %}"), false, NULL);
    struct chat_prompt p;
    struct err e = {0};
    REQUIRE(f && buf_append_text(&b, "{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"") == 0);
    for (int i = 0; i < 200000; i++)
        REQUIRE(buf_append_format(&b, ",\"x%d\":1", i) == 0);
    REQUIRE(buf_append_text(&b, "}]}") == 0);
    double t = cpu_seconds();
    EXPECT(render(f, buf_text(&b), &a, &p, &text, &e) == 0 && str_eq(buf_str(&text), STR("hello")));
    EXPECT(cpu_seconds() - t < 2 * SLOWER);
    chat_form_close(f);
    arena_fini(&a);
}
