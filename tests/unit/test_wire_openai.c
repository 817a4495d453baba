/* test_wire_openai.c: requests in OpenAI's chat dialect, to and from the neutral conversation, with each vendor's accent. */
#include "base/clock.h"
#include "base/err.h"
#include "test.h"
#include "wire/codec.h"
#include "wire/models.h"
#include <time.h>

static struct arena arena = ARENA_INIT(64 * MiB);

static void fresh(void)
{
    arena_fini(&arena);
}

/* --- requests: there and back -------------------------------------------------------------------------------------- */

static int read_request(struct chat *c, const char *json, struct err *e)
{
    *c = (struct chat){.arena = &arena};
    return codec_openai.request_read(c, WIRE_CHAT, str_from(json), e);
}

static int write_request(const struct chat *c, const char *vendor, const char *model, struct lost *lost, struct buf *out, struct err *e)
{
    struct str name = str_from(model);
    struct chat_write w = {.op = WIRE_CHAT, .model = name, .vendor = vendor ? vendor_find(str_from(vendor)) : NULL,
                           .fact = vendor ? model_find(str_from(vendor), name) : NULL, .arena = &arena, .lost = lost};
    return codec_openai.request_write(c, &w, out, e);
}

static void lost_text(const struct lost *l, struct buf *out)
{
    for (int i = 0; i < l->count; i++)
        (void)buf_append_format(out, "%s%.*s", i ? "," : "", STR_FMT(l->name[i]));
}

struct request_case {
    const char *title, *vendor, *model;
    enum dialect from; /* whose words they are taken to be */
    const char *in;    /* members behind "model" */
    const char *out;   /* the same, as sent; NULL: refused */
    const char *lost;  /* or the story of the refusal */
};

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define TOOL "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}}}}"
#define TOOLS "\"tools\":[" TOOL "]"
#define CALLS(calls) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" calls "]}"
#define CALL(id, name, arguments) \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" arguments "\"}}"
#define RESULT(id, text) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" text "\"}"
#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define IMAGE "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBORw0KGgo=\"}}"

static void check_request(const struct request_case *t)
{
    AUTO_BUF struct buf in = BUF_INIT(1 * MiB), out = BUF_INIT(1 * MiB), want = BUF_INIT(1 * MiB), lost = BUF_INIT(8 * KiB);
    struct lost l = {.count = 0};
    struct err e = {0};
    struct chat c;

    fresh();
    (void)buf_append_format(&in, "{\"model\":\"m\",%s}", t->in);
    int rc = read_request(&c, buf_text(&in), &e);
    if (rc == 0) {
        c.from = t->from;
        rc = write_request(&c, t->vendor, t->model, &l, &out, &e);
    }
    if (!t->out) {
        if (rc != ERR_INVALID || !str_contains_fold(str_from(e.text), str_from(t->lost)))
            test_fail(__FILE__, __LINE__, "%s: expected a refusal with \"%s\", got %d \"%s\"", t->title, t->lost, rc, e.text);
        return;
    }
    (void)buf_append_format(&want, "{\"model\":\"%s\",%s}", t->model, t->out);
    lost_text(&l, &lost);
    if (rc || !str_eq(buf_str(&out), buf_str(&want)))
        test_fail(__FILE__, __LINE__, "%s: rc %d %s\n got  %.*s\n want %.*s", t->title, rc, e.text, STR_FMT(buf_str(&out)),
                  STR_FMT(buf_str(&want)));
    if (json_check(buf_str(&out), NULL) < 0)
        test_fail(__FILE__, __LINE__, "%s: not JSON", t->title);
    if (!str_eq(buf_str(&lost), str_from(t->lost ? t->lost : "")))
        test_fail(__FILE__, __LINE__, "%s: lost \"%.*s\", expected \"%s\"", t->title, STR_FMT(buf_str(&lost)), t->lost ? t->lost : "");
}

static void check_requests(const struct request_case *t, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_request(&t[i]);
}
#define CHECK_REQUESTS(table) check_requests(table, COUNT_OF(table))

TEST(a_conversation_keeps_its_words_calls_and_results)
{
    static const struct request_case cases[] = {
        {"text", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI, HI, NULL},
        {"parts of text alone are a string", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\\u00e9\\\"\"}]}]",
         "\"messages\":[" USER("a\\nb\xc3\xa9\\\"") "]", NULL},
        {"an image keeps its text beside it", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"}," IMAGE "]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"see\"}," IMAGE "]}]", NULL},
        {"an image's url as a plain string", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"https://x/y.png\"}]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}}]}]", NULL},
        {"null content beside calls", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[" USER("q") "," CALLS(CALL("c1", "f", "{}")) "," RESULT("c1", "r") "]",
         "\"messages\":[" USER("q") "," CALLS(CALL("c1", "f", "{}")) "," RESULT("c1", "r") "]", NULL},
        {"empty content where null is refused", "vllm", "x", DIALECT_ANTHROPIC,
         "\"messages\":[" USER("q") "," CALLS(CALL("c1", "f", "{}")) "," RESULT("c1", "r") "]",
         "\"messages\":[" USER("q") ",{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[" CALL("c1", "f", "{}") "]}," RESULT("c1", "r") "]",
         NULL},
        {"arguments keep their digits and the order of their keys; empty ones are an object", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[" CALLS(CALL("c1", "f", "{\\\"z\\\":9007199254740993, \\\"a\\\":1.50}") "," CALL("c2", "g", ""))
         "," RESULT("c1", "r") "," RESULT("c2", "s") "]",
         "\"messages\":[" CALLS(CALL("c1", "f", "{\\\"z\\\":9007199254740993, \\\"a\\\":1.50}") "," CALL("c2", "g", "{}"))
         "," RESULT("c1", "r") "," RESULT("c2", "s") "]", NULL},
        {"arguments as an object", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[" CALLS("{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\": 1}}}") "," RESULT("c1", "r") "]",
         "\"messages\":[" CALLS(CALL("c1", "f", "{\\\"a\\\": 1}")) "," RESULT("c1", "r") "]", NULL},
        {"results stand in the order of their calls, before what the user says", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[" CALLS(CALL("c1", "f", "{}") "," CALL("c2", "f", "{}")) "," RESULT("c2", "second") "," RESULT("c1", "first")
         "," USER("so?") "]",
         "\"messages\":[" CALLS(CALL("c1", "f", "{}") "," CALL("c2", "f", "{}")) "," RESULT("c1", "first") "," RESULT("c2", "second")
         "," USER("so?") "]", NULL},
        {"a result behind the user's words is still first", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[" CALLS(CALL("c1", "f", "{}")) "," USER("so?") "," RESULT("c1", "first") "]",
         "\"messages\":[" CALLS(CALL("c1", "f", "{}")) "," RESULT("c1", "first") "," USER("so?") "]", NULL},
        {"a call without a result, a result without a call", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[" CALLS(CALL("c1", "f", "{}")) "," RESULT("c9", "lone") "]",
         "\"messages\":[" CALLS(CALL("c1", "f", "{}")) "," RESULT("c1", "Error: no result of this call was kept") ","
         USER("Output of a tool call that is not part of this conversation:\\nlone") "]", NULL},
        {"two calls with one id", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[" CALLS(CALL("c", "f", "{}") "," CALL("c", "f", "{}")) "," RESULT("c", "1") "," RESULT("c", "2") "]",
         "\"messages\":[" CALLS(CALL("c", "f", "{}") "," CALL("c", "f", "{}")) "," RESULT("c", "1") "," RESULT("c", "2") "]", NULL},
        {"calls at the very end wait for nobody", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[" USER("q") "," CALLS(CALL("c1", "f", "{}")) "]", "\"messages\":[" USER("q") "," CALLS(CALL("c1", "f", "{}")) "]",
         NULL},
        {"an image of a tool follows in a message of the user", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[" CALLS(CALL("c1", "shot", "{}")) ",{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":[{\"type\":\"text\",\"text\":\"ok\"},"
         IMAGE "]}," USER("so?") "]",
         "\"messages\":[" CALLS(CALL("c1", "shot", "{}")) "," RESULT("c1", "ok") ",{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Image output of tool shot:\"},"
         IMAGE "]}," USER("so?") "]", NULL},
        {"and together with what the user says where turns must alternate", "ollama", "x", DIALECT_ANTHROPIC,
         "\"messages\":[" CALLS(CALL("c1", "shot", "{}")) ",{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":[" IMAGE "]}," USER("so?") "]",
         "\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[" CALL("c1", "shot", "{}") "]}," RESULT("c1", "(what it gave follows)")
         ",{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Image output of tool shot:\"}," IMAGE ",{\"type\":\"text\",\"text\":\"so?\"}]}]", NULL},
        {"neighbours are merged for plain templates, and their systems hoisted", "llama-server", "x", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"system\",\"content\":\"s1\"}," USER("a") ",{\"role\":\"developer\",\"content\":\"s2\"}," USER("b")
         ",{\"role\":\"assistant\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"y\"}]",
         "\"messages\":[{\"role\":\"system\",\"content\":\"s1\\ns2\"}," USER("a\\nb") ",{\"role\":\"assistant\",\"content\":\"xy\"}]", NULL},
        {"and kept elsewhere", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"system\",\"content\":\"s1\"}," USER("a") ",{\"role\":\"developer\",\"content\":\"s2\"}," USER("b") "]",
         "\"messages\":[{\"role\":\"system\",\"content\":\"s1\"}," USER("a") ",{\"role\":\"developer\",\"content\":\"s2\"}," USER("b") "]", NULL},
        {"developer is OpenAI's word", "deepseek", "deepseek-flash", DIALECT_RESPONSES,
         "\"messages\":[{\"role\":\"developer\",\"content\":\"s\"}," USER("a") "]", "\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," USER("a") "]", NULL},
        {"the bill of Claude Code is nobody else's", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: cc\"},{\"type\":\"text\",\"text\":\"s\"}]}," USER("a") "]",
         "\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," USER("a") "]", NULL},
        {"an empty message of the user", "openai", "gpt-4o", DIALECT_ANTHROPIC, "\"messages\":[" USER("") "]", "\"messages\":[" USER("") "]", NULL},
        {"an empty turn of the assistant", "openai", "gpt-4o", DIALECT_ANTHROPIC, "\"messages\":[" USER("a") ",{\"role\":\"assistant\"}]",
         "\"messages\":[" USER("a") ",{\"role\":\"assistant\",\"content\":\"\"}]", NULL},
        {"the forms of 2023", "openai", "gpt-4o", DIALECT_OPENAI,
         "\"messages\":[" USER("a") ",{\"role\":\"assistant\",\"content\":null,\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
         "{\"role\":\"function\",\"name\":\"f\",\"content\":\"r\"}],\"functions\":[{\"name\":\"f\"}],\"function_call\":{\"name\":\"f\"}",
         "\"messages\":[" USER("a") "," CALLS(CALL("call_function_1", "f", "{}")) "," RESULT("call_function_1", "r") "]," TOOLS
         ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", NULL},
        {"a refusal at OpenAI", "openai", "gpt-4o", DIALECT_OPENAI,
         "\"messages\":[" USER("a") ",{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}]",
         "\"messages\":[" USER("a") ",{\"role\":\"assistant\",\"content\":\"\",\"refusal\":\"no\"}]", NULL},
        {"a refusal elsewhere", "groq", "x", DIALECT_OPENAI, "\"messages\":[" USER("a") ",{\"role\":\"assistant\",\"refusal\":\"no\"}]",
         "\"messages\":[" USER("a") ",{\"role\":\"assistant\",\"content\":\"no\"}]", NULL},
        {"a name", "openai", "gpt-4o", DIALECT_OPENAI, "\"messages\":[{\"role\":\"user\",\"name\":\"bo\",\"content\":\"x\"}]",
         "\"messages\":[{\"role\":\"user\",\"name\":\"bo\",\"content\":\"x\"}]", NULL},
        {"a name at Groq", "groq", "x", DIALECT_OPENAI, "\"messages\":[{\"role\":\"user\",\"name\":\"bo\",\"content\":\"x\"}]", "\"messages\":[" USER("x") "]",
         "messages.name"},
        {"a document where it is taken", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERi0=\"}}]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERi0=\"}}]}]", NULL},
        {"bare base64 is recognised", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_data\":\"JVBERi0=\"}}]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"document\",\"file_data\":\"data:application/pdf;base64,JVBERi0=\"}}]}]", NULL},
        {"a document where it is not", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,JVBERi0=\"}}]}]", NULL, "file cannot be said"},
        {"a file of an account", "openrouter", "x", DIALECT_OPENAI,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}]}]", NULL, "file cannot be said"},
        {"sound", "openai", "gpt-4o", DIALECT_OPENAI,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"mp3\"}}]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"mp3\"}}]}]", NULL},
        {"a part nobody knows stays in its own dialect", "moonshot", "kimi-k2.6", DIALECT_OPENAI,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"video_url\",\"video_url\":{\"url\":\"u\"}}]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"video_url\",\"video_url\":{\"url\":\"u\"}}]}]", NULL},
        {"and is listed from another", "moonshot", "kimi-k2.6", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"search_result\"}]}]", "\"messages\":[" USER("x") "]", "search_result"},
    };
    CHECK_REQUESTS(cases);
}

TEST(thinking_goes_by_the_vendors_name_for_it)
{
#define THOUGHT(members) "\"messages\":[" USER("q") ",{\"role\":\"assistant\",\"content\":\"a\"" members "}," USER("b") "]"
    static const struct request_case cases[] = {
        {"deepseek", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, THOUGHT(",\"reasoning_content\":\"hm\""), THOUGHT(",\"reasoning_content\":\"hm\""), NULL},
        {"from the other name", "llama-server", "x", DIALECT_ANTHROPIC, THOUGHT(",\"reasoning\":\"hm\""), THOUGHT(",\"reasoning_content\":\"hm\""), NULL},
        {"both names say the same", "vllm", "x", DIALECT_ANTHROPIC, THOUGHT(",\"reasoning\":\"hm\",\"reasoning_content\":\"hm\""), THOUGHT(",\"reasoning\":\"hm\""), NULL},
        {"ollama", "ollama", "x", DIALECT_ANTHROPIC, THOUGHT(",\"reasoning_content\":\"hm\""), THOUGHT(",\"reasoning\":\"hm\""), NULL},
        {"groq", "groq", "x", DIALECT_ANTHROPIC, THOUGHT(",\"reasoning_content\":\"hm\""), THOUGHT(",\"reasoning\":\"hm\""), NULL},
        {"unknown", NULL, "x", DIALECT_ANTHROPIC, THOUGHT(",\"reasoning_content\":\"hm\""), THOUGHT(",\"reasoning_content\":\"hm\""), NULL},
        {"openai", "openai", "gpt-6-luna", DIALECT_ANTHROPIC, THOUGHT(",\"reasoning_content\":\"hm\""), THOUGHT(""), "messages.reasoning"},
        {"gemini", "gemini", "gemini-2.5-flash", DIALECT_ANTHROPIC, THOUGHT(",\"reasoning_content\":\"hm\""), THOUGHT(""), "messages.reasoning"},
        {"openrouter", "openrouter", "x", DIALECT_ANTHROPIC,
         THOUGHT(",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\",\"signature\":\"s\"},{\"type\":\"reasoning.encrypted\",\"data\":\"d\"}]"),
         THOUGHT(",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\",\"signature\":\"s\",\"format\":\"anthropic-claude-v1\"},"
                 "{\"type\":\"reasoning.encrypted\",\"data\":\"d\",\"format\":\"anthropic-claude-v1\",\"index\":0}]"), NULL},
        {"openrouter's own go back unchanged", "openrouter", "x", DIALECT_OPENAI,
         THOUGHT(",\"reasoning\":\"hm\",\"reasoning_details\":[{\"format\":\"openai-responses-v1\",\"data\":\"d\",\"index\":3},{\"text\":\"hm\",\"index\":4}]"),
         THOUGHT(",\"reasoning_details\":[{\"format\":\"openai-responses-v1\",\"data\":\"d\",\"index\":3},{\"text\":\"hm\",\"index\":4}]"), NULL},
        {"a seal apart from its text", "openrouter", "x", DIALECT_ANTHROPIC,
         THOUGHT(",\"reasoning_content\":\"hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"s\"}]"),
         THOUGHT(",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\",\"signature\":\"s\",\"format\":\"anthropic-claude-v1\"}]"), NULL},
        {"two seals, one text", "openrouter", "x", DIALECT_ANTHROPIC, THOUGHT(",\"reasoning\":\"hm\",\"reasoning_details\":[{\"signature\":\"s\"},{\"signature\":\"t\"}]"),
         THOUGHT(",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\",\"signature\":\"s\",\"format\":\"anthropic-claude-v1\"},"
                 "{\"type\":\"reasoning.text\",\"text\":\"\",\"signature\":\"t\",\"format\":\"anthropic-claude-v1\"}]"), NULL},
        {"even when both are openrouter's", "openrouter", "x", DIALECT_OPENAI,
         THOUGHT(",\"reasoning_content\":\"hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"s\"}]"),
         THOUGHT(",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\",\"signature\":\"s\",\"format\":\"anthropic-claude-v1\"}]"), NULL},
        {"what OpenAI sealed for this house is not OpenRouter's", "openrouter", "x", DIALECT_RESPONSES,
         THOUGHT(",\"reasoning_details\":[{\"data\":\"d\",\"id\":\"rs_1\",\"format\":\"hearth-responses-v1\"}]"), THOUGHT(""), "messages.reasoning"},
        {"a beginning of the answer for Kimi", "moonshot", "kimi-k2.6", DIALECT_ANTHROPIC, "\"messages\":[" USER("q") ",{\"role\":\"assistant\",\"content\":\"a\"}]",
         "\"messages\":[" USER("q") ",{\"role\":\"assistant\",\"content\":\"a\",\"partial\":true}]", NULL},
        {"for DeepSeek", "deepseek", "deepseek-flash", DIALECT_OLLAMA, "\"messages\":[" USER("q") ",{\"role\":\"assistant\",\"content\":\"a\"}]",
         "\"messages\":[" USER("q") ",{\"role\":\"assistant\",\"content\":\"a\"}]", "prefill"},
        {"for a server at home", "llama-server", "x", DIALECT_ANTHROPIC, "\"messages\":[" USER("q") ",{\"role\":\"assistant\",\"content\":\"a\"}]",
         "\"messages\":[" USER("q") ",{\"role\":\"assistant\",\"content\":\"a\"}]", NULL},
        {"a client whose dialect means no beginning", "openai", "gpt-4o", DIALECT_RESPONSES, "\"messages\":[" USER("q") ",{\"role\":\"assistant\",\"content\":\"a\"}]",
         "\"messages\":[" USER("q") ",{\"role\":\"assistant\",\"content\":\"a\"}]", NULL},
        {"a turn with calls has it even when empty", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC,
         "\"messages\":[" CALLS(CALL("c", "f", "{}")) "," RESULT("c", "r") "]",
         "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"\",\"tool_calls\":[" CALL("c", "f", "{}") "]}," RESULT("c", "r") "]", NULL},
        {"Gemini's seal of a call goes back", "gemini", "gemini-3-pro", DIALECT_OPENAI,
         "\"messages\":[" CALLS("{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"x\"}}}") "," RESULT("c", "r") "]",
         "\"messages\":[" CALLS("{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"x\"}}}") "," RESULT("c", "r") "]", NULL},
        {"and others' first calls have the documented one", "gemini", "gemini-3-pro", DIALECT_ANTHROPIC,
         "\"messages\":[" CALLS(CALL("c", "f", "{}") "," CALL("d", "f", "{}")) "," RESULT("c", "r") "," RESULT("d", "r") "]",
         "\"messages\":[" CALLS("{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"skip_thought_signature_validator\"}}},"
         CALL("d", "f", "{}")) "," RESULT("c", "r") "," RESULT("d", "r") "]", NULL},
    };
    CHECK_REQUESTS(cases);
}

TEST(how_much_thinking_goes_by_the_vendors_word_for_it)
{
    static const struct request_case cases[] = {
        {"openai", "openai", "gpt-6-luna", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"max\"", HI ",\"reasoning_effort\":\"max\"", NULL},
        {"openai, none", "openai", "gpt-6-luna", DIALECT_ANTHROPIC, HI ",\"thinking\":{\"type\":\"disabled\"}", HI ",\"reasoning_effort\":\"none\"", NULL},
        {"no model that thinks", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"low\"", HI, "reasoning_effort"},
        {"deepseek", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"medium\"",
         HI ",\"thinking\":{\"type\":\"enabled\"},\"reasoning_effort\":\"high\"", NULL},
        {"deepseek, none", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"none\"", HI ",\"thinking\":{\"type\":\"disabled\"}", NULL},
        {"kimi", "moonshot", "kimi-k2.6", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"low\"", HI ",\"thinking\":{\"type\":\"enabled\"}", NULL},
        {"kimi k3", "moonshot", "kimi-k3", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"xhigh\"", HI ",\"reasoning_effort\":\"max\"", NULL},
        {"a budget", "openrouter", "x", DIALECT_ANTHROPIC, HI ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9000}", HI ",\"reasoning\":{\"max_tokens\":9000}", NULL},
        {"openrouter", "openrouter", "x", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"max\",\"include_reasoning\":false", HI ",\"reasoning\":{\"effort\":\"xhigh\",\"exclude\":true}", NULL},
        {"openrouter, none", "openrouter", "x", DIALECT_ANTHROPIC, HI ",\"reasoning\":{\"enabled\":false}", HI ",\"reasoning\":{\"enabled\":false}", NULL},
        {"vllm", "vllm", "x", DIALECT_ANTHROPIC, HI ",\"reasoning\":{\"enabled\":true}",
         HI ",\"chat_template_kwargs\":{\"enable_thinking\":true},\"reasoning_effort\":\"medium\"", NULL},
        {"llama-server, none", "llama-server", "x", DIALECT_ANTHROPIC, HI ",\"chat_template_kwargs\":{\"enable_thinking\":false}",
         HI ",\"chat_template_kwargs\":{\"enable_thinking\":false}", NULL},
        {"a template's own words are kept", "llama-server", "x", DIALECT_OPENAI, HI ",\"chat_template_kwargs\":{\"enable_thinking\":false,\"x\":1}",
         HI ",\"chat_template_kwargs\":{\"enable_thinking\":false,\"x\":1}", NULL},
        {"ollama", "ollama", "x", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"none\"", HI ",\"reasoning_effort\":\"none\"", NULL},
        {"groq's gpt-oss cannot be told not to", "groq", "openai/gpt-oss-120b", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"none\"", HI, "reasoning_effort"},
        {"groq's gpt-oss shows", "groq", "openai/gpt-oss-120b", DIALECT_ANTHROPIC, HI ",\"reasoning_format\":\"hidden\",\"reasoning_effort\":\"max\"",
         HI ",\"include_reasoning\":false,\"reasoning_effort\":\"high\"", NULL},
        {"gemini", "gemini", "gemini-2.5-pro", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"minimal\"", HI ",\"reasoning_effort\":\"minimal\"", NULL},
        {"a word nobody knows", "groq", "x", DIALECT_ANTHROPIC, HI ",\"reasoning_effort\":\"default\"", HI, "reasoning_effort"},
    };
    CHECK_REQUESTS(cases);
}

TEST(members_are_named_dropped_and_listed_as_the_vendor_takes_them)
{
#define LONG "user_0123456789012345678901234567890123456789012345678901234567890123456789"
    static const struct request_case cases[] = {
        {"max, new name", "openai", "gpt-6-luna", DIALECT_ANTHROPIC, HI ",\"max_tokens\":9", HI ",\"max_completion_tokens\":9", NULL},
        {"max, old name", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"max_completion_tokens\":9", HI ",\"max_tokens\":9", NULL},
        {"max, by the name of a model that no table knows", "openai", "o9-mini", DIALECT_ANTHROPIC, HI ",\"max_tokens\":9", HI ",\"max_completion_tokens\":9", NULL},
        {"max, both given", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI ",\"max_completion_tokens\":9,\"max_tokens\":5", HI ",\"max_tokens\":9", NULL},
        {"max, both given, the other way round", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI ",\"max_tokens\":5,\"max_completion_tokens\":9", HI ",\"max_tokens\":9", NULL},
        {"max, as many as fit", "vllm", "x", DIALECT_ANTHROPIC, HI ",\"max_tokens\":-1", HI, NULL},
        {"max, more than the model has", "openai", "gpt-6-luna", DIALECT_ANTHROPIC, HI ",\"max_tokens\":900000", HI ",\"max_completion_tokens\":128000", NULL},
        {"a stream always tells its usage", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI ",\"stream\":true", HI ",\"stream\":true,\"stream_options\":{\"include_usage\":true}", NULL},
        {"numbers as they were written", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI ",\"temperature\":0.70,\"top_p\":1e-1,\"seed\":9007199254740993",
         HI ",\"temperature\":0.70,\"top_p\":1e-1,\"seed\":9007199254740993", NULL},
        {"sampling that reasoning models refuse", "openai", "gpt-6-luna", DIALECT_ANTHROPIC,
         HI ",\"temperature\":1,\"top_p\":1,\"presence_penalty\":0,\"frequency_penalty\":0,\"stop\":[\"x\"],\"seed\":1", HI ",\"seed\":1",
         "temperature,top_p,frequency_penalty,presence_penalty,stop"},
        {"Kimi's one temperature", "moonshot", "kimi-k2.6", DIALECT_ANTHROPIC, HI ",\"temperature\":0", HI, "temperature"},
        {"is only for thinking", "moonshot", "kimi-k2.6", DIALECT_ANTHROPIC, HI ",\"temperature\":0,\"reasoning_effort\":\"none\"",
         HI ",\"temperature\":0,\"thinking\":{\"type\":\"disabled\"}", NULL},
        {"samplers of local servers", "vllm", "x", DIALECT_ANTHROPIC, HI ",\"top_k\":40,\"min_p\":0.1,\"repeat_penalty\":1.1", HI ",\"top_k\":40,\"min_p\":0.1,\"repetition_penalty\":1.1", NULL},
        {"elsewhere", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI ",\"top_k\":40,\"min_p\":0.1,\"repetition_penalty\":1.1", HI, "top_k,min_p,repetition_penalty"},
        {"a stop as a string", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI ",\"stop\":\"x\"", HI ",\"stop\":[\"x\"]", NULL},
        {"five stops", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI ",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]", HI ",\"stop\":[\"1\",\"2\",\"3\",\"4\"]", "stop"},
        {"five stops at home", "ollama", "x", DIALECT_ANTHROPIC, HI ",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]", HI ",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]", NULL},
        {"a user's long name is hashed", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"user\":\"" LONG "\"",
         HI ",\"user\":\"4db1ecb7244a048a7073d7f75ca8b6aaaba82482545456932171da7aaa113249\"", NULL},
        {"a short one is not", "openai", "gpt-4o", DIALECT_OLLAMA, HI ",\"safety_identifier\":\"bo\"", HI ",\"user\":\"bo\"", NULL},
        {"but one of Anthropic's is", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"user\":\"bo\"",
         HI ",\"user\":\"3d099d0f13df9d0bb4427a6ce99d61b988861761e286d6e34b17d6371b46b13f\"", NULL},
        {"nor told to the strict", "groq", "x", DIALECT_ANTHROPIC, HI ",\"user\":\"bo\"", HI, "user"},
        {"tiers", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"service_tier\":\"standard_only\"", HI ",\"service_tier\":\"default\"", NULL},
        {"tiers elsewhere", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC, HI ",\"service_tier\":\"auto\"", HI, "service_tier"},
        {"a schema", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         HI ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"b\":1, \"a\":2},\"strict\":true}}",
         HI ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"output\",\"schema\":{\"b\":1, \"a\":2},\"strict\":true}}", NULL},
        {"where only JSON is promised", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC,
         HI ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{}}}", HI ",\"response_format\":{\"type\":\"json_object\"}", "response_format.json_schema"},
        {"llama-server's schema in json_object", "openai", "gpt-4o", DIALECT_OPENAI, HI ",\"response_format\":{\"type\":\"json_object\",\"schema\":{\"type\":\"object\"}}",
         HI ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"output\",\"schema\":{\"type\":\"object\"}}}", NULL},
        {"text is the default", "openai", "gpt-4o", DIALECT_OPENAI, HI ",\"response_format\":{\"type\":\"text\"}", HI, NULL},
        {"defaults that were spelled out", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         HI ",\"n\":1,\"logprobs\":false,\"top_logprobs\":0,\"logit_bias\":{},\"modalities\":[\"text\"],\"tools\":null,\"stop\":null", HI, NULL},
        {"extras stay in their dialect", "openai", "gpt-4o", DIALECT_OPENAI, HI ",\"logit_bias\":\"{\\\"5\\\":-1}\",\"verbosity\":\"low\",\"n\":2,\"x\":[1 ,2]",
         HI ",\"n\":2,\"logit_bias\":{\"5\":-1},\"verbosity\":\"low\",\"x\":[1 ,2]", NULL},
        {"strict servers get what they know", "groq", "x", DIALECT_OPENAI, HI ",\"logit_bias\":{\"5\":-1},\"reasoning_format\":\"raw\"", HI ",\"reasoning_format\":\"raw\"", "logit_bias"},
        {"extras of others are listed", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"context_management\":{},\"betas\":[]", HI, "context_management,betas"},
        {"some of Responses' mean the same", "openai", "gpt-4o", DIALECT_RESPONSES, HI ",\"prompt_cache_key\":\"k\",\"truncation\":\"auto\"", HI ",\"prompt_cache_key\":\"k\"", "truncation"},
        {"cache marks", "deepseek", "deepseek-flash", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]", "\"messages\":[" USER("x") "]", "cache_control"},
        {"cache marks at OpenRouter", "openrouter", "x", DIALECT_ANTHROPIC,
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]", NULL},
    };
    CHECK_REQUESTS(cases);
}

TEST(tools_are_said_as_the_vendor_takes_them)
{
    static const struct request_case cases[] = {
        {"a function without parameters", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", HI "," TOOLS, NULL},
        {"a flat one", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]", HI "," TOOLS, NULL},
        {"choices", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI "," TOOLS ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false",
         HI "," TOOLS ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false", NULL},
        {"a choice of nothing", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"tool_choice\":\"auto\",\"parallel_tool_calls\":false", HI, NULL},
        {"a named one", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI "," TOOLS ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
         HI "," TOOLS ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", NULL},
        {"allowed tools", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         HI ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}},"
         "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"g\"}}," TOOL "]", HI "," TOOLS ",\"tool_choice\":\"required\"", NULL},
        {"free text at OpenAI", "openai", "gpt-4o", DIALECT_RESPONSES, HI ",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"format\":{\"type\":\"text\"}}}]",
         HI ",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"format\":{\"type\":\"text\"}}}]", NULL},
        {"free text elsewhere", "deepseek", "deepseek-flash", DIALECT_RESPONSES, HI ",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"p\"}}]",
         HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"p\",\"parameters\":{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}}}]", "tools.custom"},
        {"and its calls", "groq", "x", DIALECT_RESPONSES, "\"messages\":[" CALLS("{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"input\":\"a\\\"b\"}}") "," RESULT("c", "r") "]",
         "\"messages\":[" CALLS(CALL("c", "p", "{\\\"input\\\":\\\"a\\\\\\\"b\\\"}")) "," RESULT("c", "r") "]", NULL},
        {"a server's tool", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]", NULL, "tools.type cannot be said"},
        {"a server's tool beside others", "openai", "gpt-4o", DIALECT_ANTHROPIC, HI ",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}," TOOL "]",
         HI "," TOOLS, "tools.hosted"},
        {"a server's tool that must be called", "openai", "gpt-4o", DIALECT_ANTHROPIC,
         HI ",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}," TOOL "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"web_search\"}}", NULL,
         "tools.type cannot be said"},
        {"a server's tool of the same dialect", "moonshot", "kimi-k2.6", DIALECT_OPENAI, HI ",\"tools\":[{\"type\":\"builtin_function\",\"function\":{\"name\":\"$web_search\"}}]",
         HI ",\"tools\":[{\"type\":\"builtin_function\",\"function\":{\"name\":\"$web_search\"}}]", NULL},
        {"strict", "groq", "x", DIALECT_OPENAI, HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":true}}]",
         HI "," TOOLS, "tools.strict"},
        {"Gemini's schemas", "gemini", "gemini-2.5-pro", DIALECT_ANTHROPIC,
         HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"$schema\":\"x\",\"type\":\"object\",\"properties\":{\"not\":{\"const\":1},\"b\":{\"items\":{\"exclusiveMinimum\":0,\"type\":\"number\"}}},"
            "\"anyOf\":[{\"if\":{}}],\"additionalProperties\":false}}}],\"parallel_tool_calls\":true",
         HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"not\":{\"enum\":[1]},\"b\":{\"items\":{\"type\":\"number\"}}},\"anyOf\":[{}]}}}]", "parallel_tool_calls"},
    };
    CHECK_REQUESTS(cases);
}

/* Who wrote a seal decides where it may go: the id is what tells OpenAI's from Anthropic's. */
TEST(a_seal_of_openais_keeps_its_id_and_no_other_does)
{
    struct err e = {0};
    struct chat c;

    fresh();
    REQUIRE(read_request(&c, "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_details\":["
                             "{\"data\":\"d\",\"id\":\"rs_1\",\"format\":\"hearth-responses-v1\"},{\"data\":\"e\",\"id\":\"x\",\"format\":\"anthropic-claude-v1\"},"
                             "{\"data\":\"f\",\"id\":\"rs_2\",\"format\":\"openai-responses-v1\"},{\"data\":\"g\",\"format\":\"hearth-responses-v1\"}]}]}", &e) == 0);
    const struct part *p = c.message->part;
    REQUIRE(p && p->next && p->next->next && p->next->next->next);
    EXPECT(p->kind == PART_HIDDEN && str_eq(p->text, STR("d")) && str_eq(p->id, STR("rs_1")));
    EXPECT(p->next->kind == PART_HIDDEN && str_eq(p->next->text, STR("e")) && p->next->id.len == 0);
    EXPECT(p->next->next->kind == PART_OPAQUE && p->next->next->next->kind == PART_OPAQUE);
}

TEST(a_tool_may_still_be_added_when_the_last_one_was_not_allowed)
{
    struct err e = {0};
    struct chat c;

    fresh();
    REQUIRE(read_request(&c, "{\"model\":\"m\"," HI ",\"tools\":[" TOOL ",{\"type\":\"function\",\"function\":{\"name\":\"g\"}}],\"tool_choice\":{\"type\":"
                             "\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}}}", &e) == 0);
    struct tool *added = chat_tool_add(&c);
    EXPECT(added && c.tool && str_eq(c.tool->name, STR("f")) && c.tool->next == added && !added->next);
}

TEST(a_request_that_is_none_is_refused_by_the_name_of_its_member)
{
    static const struct {
        const char *body, *story;
    } cases[] = {
        {"[]", "must be a JSON object"},
        {"{\"messages\":[]}", "model is missing"},
        {"{\"model\":\"m\"}", "messages is missing"},
        {"{\"model\":7,\"messages\":[]}", "model must be"},
        {"{\"model\":\"m\",\"model\":\"m\",\"messages\":[]}", "twice"},
        {"{\"model\":\"m\",\"messages\":{}}", "messages must be a list"},
        {"{\"model\":\"m\",\"messages\":[7]}", "messages.0 must be an object"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"x\"}]}", "messages.1.role must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", "messages.0.content must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":{}}]}", "messages.0.content must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[\"a\",8]}]}", "messages.0.content.1 must be an object"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{}]}]}", "messages.0.content.0.type must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}", "messages.0.content.0.text must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}", "messages.0.content.0.image_url.url must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\"}]}]}", "messages.0.content.0.input_audio.data must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\"}]}]}", "messages.0.content.0.file must hold"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}", "messages.0.tool_call_id must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"function\",\"content\":\"a\"}]}", "messages.0.name must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":{}}]}", "messages.0.tool_calls must be a list"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{}]}]}", "messages.0.tool_calls.0.id must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"\"}]}]}", "messages.0.tool_calls.0.function.name must be"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"reasoning_details\":[1]}]}", "messages.0.reasoning_details.0 must be"},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":1}", "stream must be true or false"},
        {"{\"model\":\"m\",\"messages\":[],\"n\":0}", "n must be 1 to 128"},
        {"{\"model\":\"m\",\"messages\":[],\"max_tokens\":1.5}", "max_tokens must be a whole number"},
        {"{\"model\":\"m\",\"messages\":[],\"temperature\":\"1\"}", "temperature must be a number"},
        {"{\"model\":\"m\",\"messages\":[],\"stop\":[1]}", "stop must be"},
        {"{\"model\":\"m\",\"messages\":[],\"logit_bias\":\"x\"}", "logit_bias must be an object"},
        {"{\"model\":\"m\",\"messages\":[],\"tools\":[{\"type\":\"function\"}]}", "tools.0.function.name must be"},
        {"{\"model\":\"m\",\"messages\":[],\"tools\":[{\"type\":\"custom\"}]}", "tools.0.custom.name must be"},
        {"{\"model\":\"m\",\"messages\":[],\"functions\":[{}]}", "functions.0.name must be"},
        {"{\"model\":\"m\",\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":[]}}]}", "tools.0.function.parameters must be"},
        {"{\"model\":\"m\",\"messages\":[],\"tool_choice\":\"x\"}", "tool_choice must be"},
        {"{\"model\":\"m\",\"messages\":[],\"tool_choice\":{\"type\":\"function\"}}", "tool_choice.function.name must be"},
        {"{\"model\":\"m\",\"messages\":[],\"tool_choice\":{\"type\":\"allowed_tools\"}}", "allowed_tools.tools must be"},
        {"{\"model\":\"m\",\"messages\":[],\"response_format\":{}}", "response_format.type must be"},
        {"{\"model\":\"m\",\"messages\":[],\"response_format\":{\"type\":\"json_schema\"}}", "response_format.json_schema must be"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = {0};
        struct chat c;
        fresh();
        int rc = read_request(&c, cases[i].body, &e);
        if ((rc != ERR_INVALID && rc != ERR_SYNTAX) || !str_contains_fold(str_from(e.text), str_from(cases[i].story)))
            test_fail(__FILE__, __LINE__, "%s: got %d \"%s\"", cases[i].body, rc, e.text);
    }
}

TEST(only_chat_is_translated)
{
    struct chat c = {.arena = &arena};
    struct err e;
    EXPECT_I64(codec_openai.request_read(&c, WIRE_COMPLETIONS, STR("{\"model\":\"m\",\"prompt\":\"x\"}"), &e), ERR_INVALID);
}

TEST(what_cannot_be_said_in_a_chat_is_refused)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct lost l = {.count = 0};
    struct err e = {0};
    struct chat c;

    REQUIRE(read_request(&c, "{\"model\":\"m\"," HI "}", &e) == 0);
    c.from = DIALECT_OLLAMA;
    c.suffix = STR("}");
    EXPECT_I64(write_request(&c, "ollama", "x", &l, &out, &e), ERR_INVALID);
    EXPECT(str_contains_fold(str_from(e.text), STR("suffix")));
    c.suffix = STR_NONE;
    c.raw_prompt = true;
    EXPECT_I64(write_request(&c, "ollama", "x", &l, &out, &e), ERR_INVALID);
    c.raw_prompt = false;
    c.message->part->kind = PART_IMAGE; /* of an account's files */
    c.message->part->source = SOURCE_ID;
    EXPECT_I64(write_request(&c, "openai", "gpt-4o", &l, &out, &e), ERR_INVALID);
    EXPECT(str_contains_fold(str_from(e.text), STR("image_url")));
}

TEST(a_failed_tool_says_so_in_its_text)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct lost l = {.count = 0};
    struct err e = {0};
    struct chat c;

    fresh();
    REQUIRE(read_request(&c, "{\"model\":\"m\",\"messages\":[" CALLS(CALL("a", "f", "{}") "," CALL("b", "f", "{}")) "," RESULT("a", "no such file")
                         "," RESULT("b", "error: too late") "]}", &e) == 0);
    for (struct part *p = c.last_message->part; p; p = p->next)
        p->failed = true;
    c.from = DIALECT_ANTHROPIC;
    REQUIRE(write_request(&c, "openai", "gpt-4o", &l, &out, &e) == 0);
    EXPECT(str_find(buf_str(&out), STR("\"Error: no such file\"")) > 0);
    EXPECT(str_find(buf_str(&out), STR("\"error: too late\"")) > 0);
}

TEST(a_text_document_is_text_under_its_title)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct lost l = {.count = 0};
    struct err e = {0};
    struct chat c;

    fresh();
    REQUIRE(read_request(&c, "{\"model\":\"m\"," HI "}", &e) == 0);
    struct part *p = chat_part_add(&c, &c.message->part, PART_FILE);
    REQUIRE(p);
    p->source = SOURCE_TEXT;
    p->title = STR("notes");
    p->data = STR("abc");
    REQUIRE(write_request(&c, "groq", "x", &l, &out, &e) == 0);
    EXPECT_STR(buf_str(&out), "{\"model\":\"x\",\"messages\":[" USER("Hi\\nnotes\\nabc") "]}");
}

TEST(a_default_counts_where_the_conversation_says_nothing)
{
    static const struct {
        const char *in, *name, *value, *out;
    } cases[] = {
        {HI, "temperature", "0.5", HI ",\"temperature\":0.5"},
        {HI ",\"temperature\":1.0", "temperature", "0.5", HI ",\"temperature\":1.0"},
        {HI, "max_tokens", "7", HI ",\"max_tokens\":7"},
        {HI ",\"max_completion_tokens\":3", "max_tokens", "7", HI ",\"max_tokens\":3"},
        {HI, "reasoning_effort", "\"low\"", HI ",\"thinking\":{\"type\":\"enabled\"},\"reasoning_effort\":\"low\""},
        {HI ",\"thinking\":{\"type\":\"disabled\"}", "reasoning_effort", "\"low\"", HI ",\"thinking\":{\"type\":\"disabled\"}"},
        {HI, "stop", "[\"x\"]", HI ",\"stop\":[\"x\"]"},
        {HI, "tools", "[" TOOL "]", HI "," TOOLS},
        {HI, "vendor_thing", "{\"a\":1}", HI ",\"vendor_thing\":{\"a\":1}"},
        {HI, "stream", "true", HI},
        {HI, "model", "\"other\"", HI},
        {HI, "user", "null", HI},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf in = BUF_INIT(1 * MiB), out = BUF_INIT(1 * MiB), want = BUF_INIT(1 * MiB);
        struct lost l = {.count = 0};
        struct err e = {0};
        struct chat c;
        fresh();
        (void)buf_append_format(&in, "{\"model\":\"m\",%s}", cases[i].in);
        (void)buf_append_format(&want, "{\"model\":\"deepseek-flash\",%s}", cases[i].out);
        REQUIRE(read_request(&c, buf_text(&in), &e) == 0);
        c.from = DIALECT_ANTHROPIC;
        EXPECT_I64(chat_default(&c, str_from(cases[i].name), str_from(cases[i].value), &e), 0);
        EXPECT_I64(write_request(&c, "deepseek", "deepseek-flash", &l, &out, &e), 0);
        EXPECT_STR(buf_str(&out), buf_text(&want));
    }
    struct err e = {0};
    struct chat c;
    REQUIRE(read_request(&c, "{\"model\":\"m\"," HI "}", &e) == 0);
    EXPECT_I64(chat_default(&c, STR("temperature"), STR("\"hot\""), &e), ERR_INVALID);
    EXPECT(str_contains_fold(str_from(e.text), STR("temperature must be a number")));
}

/* --- round trips --------------------------------------------------------------------------------------------------- */

static int round_trip(const char *body, struct buf *once, struct buf *twice, struct err *e)
{
    struct lost l = {.count = 0};
    struct chat c;

    int rc = read_request(&c, body, e);
    if (rc == 0)
        rc = write_request(&c, "openrouter", "m", &l, once, e);
    if (rc == 0 && !buf_text(once))
        rc = ERR_NOMEM;
    if (rc == 0)
        rc = read_request(&c, once->ptr, e);
    return rc ? rc : write_request(&c, "openrouter", "m", &l, twice, e);
}

TEST(what_was_translated_once_stays_as_it_is)
{
    AUTO_BUF struct buf body = BUF_INIT(4 * MiB), once = BUF_INIT(4 * MiB), twice = BUF_INIT(4 * MiB);
    struct err e = {0};

    fresh();
    REQUIRE(buf_read_file(&body, "tests/golden/openai/request_agent.json", &e) == 0);
    int rc = round_trip(buf_text(&body), &once, &twice, &e);
    if (rc)
        test_fail(__FILE__, __LINE__, "%d %s", rc, e.text);
    EXPECT_STR(buf_str(&twice), buf_text(&once));
}

/* A conversation in words, for comparing. */
static void dump_parts(struct buf *out, const struct part *list)
{
    for (const struct part *p = list; p; p = p->next) {
        const struct str texts[] = {p->text, p->data, p->media_type, p->title, p->detail, p->id, p->name, p->arguments, p->signature, p->cache};
        (void)buf_append_format(out, " %d.%d.%d", p->kind, p->source, p->custom);
        for (size_t i = 0; i < COUNT_OF(texts); i++)
            (void)buf_append_format(out, "|%.*s", STR_FMT(texts[i]));
        (void)buf_append_text(out, "{");
        dump_parts(out, p->content);
        (void)buf_append_text(out, "}");
    }
}

static void dump(struct buf *out, const struct chat *c)
{
    const struct str texts[] = {c->model, c->choice_name, c->temperature, c->top_p, c->top_k, c->min_p, c->frequency_penalty, c->presence_penalty,
                                c->repeat_penalty, c->seed, c->schema, c->schema_name, c->schema_strict, c->user};
    for (const struct message *m = c->message; m; m = m->next) {
        (void)buf_append_format(out, "\n%d %.*s:", m->role, STR_FMT(m->name));
        dump_parts(out, m->part);
    }
    for (const struct tool *t = c->tool; t; t = t->next)
        (void)buf_append_format(out, "\ntool %d %.*s %.*s %.*s %.*s %.*s", t->custom, STR_FMT(t->name), STR_FMT(t->description), STR_FMT(t->schema),
                                STR_FMT(t->strict), STR_FMT(t->format));
    for (const struct chat_text *t = c->stop; t; t = t->next)
        (void)buf_append_format(out, "\nstop %.*s", STR_FMT(t->text));
    (void)buf_append_format(out, "\n%d %d %d %lld %d %d %lld %lld", c->stream, c->choice, c->parallel, (long long)c->max_tokens, c->format, c->effort,
                            (long long)c->budget, (long long)c->choices);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        (void)buf_append_format(out, "|%.*s", STR_FMT(texts[i]));
}

static struct str any_of(struct rng *r, const struct str *list, size_t count)
{
    return list[rng_below(r, count)];
}
#define ANY(r, ...) any_of(r, (const struct str[]){__VA_ARGS__}, COUNT_OF(((const struct str[]){__VA_ARGS__})))
#define WORDS(r) ANY(r, STR("a"), STR("two words"), STR("\"quoted\"\n"), STR("\xc3\xa9\xf0\x9f\x98\x80"), STR("\\ \x01 \t"))

static struct part *part_new(struct chat *c, struct part **list, enum part_kind kind)
{
    struct part *p = chat_part_add(c, list, kind);
    if (!p)
        test_fail(__FILE__, __LINE__, "no memory");
    return p;
}

static void make_user(struct chat *c, struct rng *r)
{
    struct message *m = chat_message_add(c, ROLE_USER);
    part_new(c, &m->part, PART_TEXT)->text = WORDS(r);
    if (rng_below(r, 2)) {
        struct part *image = part_new(c, &m->part, PART_IMAGE);
        image->source = rng_below(r, 2) ? SOURCE_BASE64 : SOURCE_URL;
        image->data = image->source == SOURCE_BASE64 ? STR("iVBORw0KGgo=") : STR("https://x/y?z=\"1\"");
        image->media_type = image->source == SOURCE_BASE64 ? STR("image/png") : STR_NONE;
        image->detail = ANY(r, STR_NONE, STR("low"));
        struct part *text = part_new(c, &m->part, PART_TEXT);
        text->text = WORDS(r);
        text->cache = ANY(r, STR_NONE, STR("{\"type\":\"ephemeral\"}"));
    }
    if (rng_below(r, 4) == 0) {
        struct part *file = part_new(c, &m->part, PART_FILE);
        file->source = SOURCE_BASE64;
        file->data = STR("JVBERi0=");
        file->media_type = STR("application/pdf");
        file->title = WORDS(r);
    }
}

static void make_turn(struct chat *c, struct rng *r, int turn)
{
    struct message *m = chat_message_add(c, ROLE_ASSISTANT), *results = NULL;
    int calls = (int)rng_below(r, 4);

    if (rng_below(r, 2)) {
        struct part *thought = part_new(c, &m->part, PART_REASONING);
        thought->text = WORDS(r);
        thought->signature = ANY(r, STR_NONE, STR("seal=="));
    }
    if (rng_below(r, 3) == 0)
        part_new(c, &m->part, PART_HIDDEN)->text = STR("c2VhbGVk");
    if (!calls || rng_below(r, 2))
        part_new(c, &m->part, PART_TEXT)->text = WORDS(r);
    for (int i = 0; i < calls; i++) {
        struct part *call = part_new(c, &m->part, PART_CALL);
        const char *id = arena_format(c->arena, "functions.f:%d.%d", turn, i);
        call->id = str_from(id);
        call->name = ANY(r, STR("f"), STR("get_weather"));
        call->arguments = ANY(r, STR("{}"), STR("{\"n\": 9007199254740993,\"a\":\"\\n\"}"), STR("{broken"));
    }
    for (const struct part *p = m->part; p; p = p->next) {
        if (p->kind != PART_CALL)
            continue;
        results = results ? results : chat_message_add(c, ROLE_USER);
        struct part *result = part_new(c, &results->part, PART_RESULT);
        result->id = p->id;
        part_new(c, &result->content, PART_TEXT)->text = WORDS(r);
    }
}

static void make_chat(struct chat *c, struct rng *r)
{
    *c = (struct chat){.arena = &arena, .from = DIALECT_OLLAMA, .model = STR("m"), .max_tokens = (int64_t)rng_below(r, 3) - 1, .budget = -1,
                       .choices = 1 + (int64_t)rng_below(r, 2), .stream = rng_below(r, 2)};
    if (rng_below(r, 2))
        part_new(c, &chat_message_add(c, ROLE_SYSTEM)->part, PART_TEXT)->text = WORDS(r);
    for (int turns = (int)rng_below(r, 5), i = 0; i <= turns; i++) {
        make_user(c, r);
        if (i < turns)
            make_turn(c, r, i);
    }
    for (int tools = (int)rng_below(r, 3); tools > 0; tools--) {
        struct tool *t = chat_tool_add(c);
        t->name = STR("f");
        t->description = WORDS(r);
        t->schema = ANY(r, STR("{\"z\":1, \"a\":2}"), STR("{}"));
        t->strict = ANY(r, STR_NONE, STR("true"));
    }
    if (c->tool) {
        c->choice = (enum tool_choice)rng_below(r, CHOICE_NAMED + 1);
        c->choice_name = c->choice == CHOICE_NAMED ? STR("f") : STR_NONE;
        c->parallel = (enum tristate)rng_below(r, 3);
    }
    c->temperature = ANY(r, STR_NONE, STR("0.70"));
    c->top_k = ANY(r, STR_NONE, STR("40"));
    c->repeat_penalty = ANY(r, STR_NONE, STR("1.1"));
    c->seed = ANY(r, STR_NONE, STR("9007199254740993"));
    c->user = ANY(r, STR_NONE, STR("bo"));
    c->effort = ANY(r, STR("n"), STR("y")).ptr[0] == 'y' ? (enum effort)(EFFORT_NONE + rng_below(r, EFFORT_XHIGH)) : EFFORT_UNSET;
    if (rng_below(r, 2))
        (void)chat_stop_add(c, WORDS(r));
    if (rng_below(r, 3) == 0) {
        c->format = FORMAT_JSON_SCHEMA;
        c->schema = STR("{\"b\":1, \"a\":[2]}");
        c->schema_name = STR("out");
    }
}

/* To OpenRouter, whose accent has the most words, and back. */
TEST(what_the_dialect_can_carry_comes_back_as_it_was)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        AUTO_BUF struct buf body = BUF_INIT(1 * MiB), before = BUF_INIT(1 * MiB), after = BUF_INIT(1 * MiB);
        struct lost l = {.count = 0};
        struct err e = {0};
        struct chat c, back;
        struct rng r;

        fresh();
        rng_seed(&r, seed);
        make_chat(&c, &r);
        int rc = write_request(&c, "openrouter", "m", &l, &body, &e);
        if (rc == 0)
            rc = read_request(&back, buf_text(&body), &e);
        if (rc || l.count) {
            test_fail(__FILE__, __LINE__, "seed %llu: %d %s, %d lost", (unsigned long long)seed, rc, e.text, l.count);
            return;
        }
        dump(&before, &c);
        dump(&after, &back);
        if (!str_eq(buf_str(&before), buf_str(&after))) {
            test_fail(__FILE__, __LINE__, "seed %llu:\n%s\nbecame\n%s\nby %s", (unsigned long long)seed, buf_text(&before), buf_text(&after), buf_text(&body));
            return;
        }
    }
}

/* Of this thread alone: how busy the machine is does not count. */
static int64_t cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

/* A long list, and hostile ones, cost no square. */
TEST(long_conversations_cost_what_they_are_long)
{
    AUTO_BUF struct buf body = BUF_INIT(64 * MiB), out = BUF_INIT(64 * MiB);
    struct lost l = {.count = 0};
    struct err e = {0};
    struct chat c;
    enum { MANY = 20000 };

    fresh();
    (void)buf_append_text(&body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}");
    for (int i = 0; i < MANY; i++)
        (void)buf_append_text(&body, ",{\"type\":\"text\",\"text\":\"a\"}");
    (void)buf_append_text(&body, "]},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"x\",\"function\":{\"name\":\"f\"}}");
    for (int i = 0; i < MANY; i++)
        (void)buf_append_format(&body, ",{\"id\":\"c%d\",\"function\":{\"name\":\"f\"}}", i);
    (void)buf_append_text(&body, "]}");
    for (int i = MANY - 1; i >= 0; i--)
        (void)buf_append_format(&body, ",{\"role\":\"tool\",\"tool_call_id\":\"c%d\",\"content\":\"r\"}", i);
    (void)buf_append_text(&body, "]}");
    REQUIRE(buf_text(&body));
    int64_t before = cpu_us();
    REQUIRE(read_request(&c, body.ptr, &e) == 0);
    REQUIRE(write_request(&c, "openai", "gpt-4o", &l, &out, &e) == 0);
    EXPECT(cpu_us() - before < 2000000 * SLOWER); /* squares of 20,000 take longer by far */
    EXPECT(str_find(buf_str(&out), STR("\"tool_call_id\":\"c0\"")) < str_find(buf_str(&out), STR("\"tool_call_id\":\"c1\"")));
}

TEST(members_nobody_knows_are_bounded)
{
    AUTO_BUF struct buf body = BUF_INIT(1 * MiB);
    struct err e = {0};
    struct chat c;

    fresh();
    (void)buf_append_text(&body, "{\"model\":\"m\"," HI);
    for (int i = 0; i < 257; i++)
        (void)buf_append_format(&body, ",\"x%d\":1", i);
    (void)buf_append_text(&body, "}");
    EXPECT_I64(read_request(&c, buf_text(&body), &e), ERR_INVALID);
    EXPECT(str_contains_fold(str_from(e.text), STR("more than 256")));
}

/* --- without memory ------------------------------------------------------------------------------------------------ */

#define FULL                                                                                                            \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\\n\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}," IMAGE \
    ",{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AA\",\"format\":\"wav\"}}]},"                               \
    "{\"role\":\"assistant\",\"reasoning_content\":\"h\",\"tool_calls\":[" CALL("c", "f", "{}") "]}," RESULT("c", "r") "," RESULT("d", "r") \
    "]," TOOLS ",\"stop\":[\"x\"],\"x\":\"y\\u00e9\",\"user\":\"" LONG "\",\"reasoning_effort\":\"low\"}"

static int request_once(void *ctx)
{
    AUTO_BUF struct buf once = BUF_INIT(1 * MiB), twice = BUF_INIT(1 * MiB);
    struct err e;
    (void)ctx;
    fresh();
    return round_trip(FULL, &once, &twice, &e);
}

/* An arena hands out of a block it has, so its ceiling is what makes each of its allocations fail in turn. */
TEST(an_arena_that_is_full_is_out_of_memory)
{
    int failed = 0, rc = ERR_NOMEM;

    for (size_t max = 0; rc && max < 1 * MiB; max += 16) {
        AUTO_BUF struct buf once = BUF_INIT(1 * MiB), twice = BUF_INIT(1 * MiB);
        struct err e = {0};
        fresh();
        arena.max = max;
        rc = round_trip(FULL, &once, &twice, &e);
        failed += rc == ERR_NOMEM;
        if (rc && rc != ERR_NOMEM)
            test_fail(__FILE__, __LINE__, "with %zu bytes: %d %s", max, rc, e.text);
    }
    EXPECT(failed > 100 && rc == 0);
    arena.max = 64 * MiB;
}

TEST(running_out_of_memory_is_an_error_of_its_own)
{
    test_torture("codec_openai requests", request_once, NULL);
    fresh();
}
