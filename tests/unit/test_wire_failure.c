/* test_wire_failure.c: failures of every vendor, in every shape they come in, and what they ask us to wait. */
#include "unit/test.h"
#include "wire/wire.h"

struct sample {
    int status;
    enum wire_fault fault;
    const char *body, *code, *message; /* message NULL: not looked at */
};

static void check_all(const struct sample *sample, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct wire_failure got;
        failure_read(sample[i].status, str_from(sample[i].body), &got);
        if (got.fault != sample[i].fault)
            test_fail(__FILE__, __LINE__, "%d %s: fault %d, expected %d", sample[i].status, sample[i].body, got.fault,
                      sample[i].fault);
        EXPECT_STR(str_from(got.code), sample[i].code);
        if (sample[i].message)
            EXPECT_STR(str_from(got.message), sample[i].message);
    }
}

TEST(the_documented_errors_of_each_vendor_are_recognised)
{
    static const struct sample samples[] = {
        /* OpenAI */
        {400, FAULT_CONTEXT,
         "{\"error\":{\"message\":\"This model's maximum context length is 128000 tokens. However, your messages "
         "resulted "
         "in 130011 tokens.\",\"type\":\"invalid_request_error\",\"param\":\"messages\",\"code\":"
         "\"context_length_exceeded\"}}",
         "context_length_exceeded",
         "This model's maximum context length is 128000 tokens. However, your messages resulted in 130011 tokens."},
        {400, FAULT_CONTEXT,
         "{\"error\":{\"message\":\"Your input exceeds the context window of this model. Please adjust your input and "
         "try "
         "again.\",\"type\":\"invalid_request_error\",\"param\":\"input\",\"code\":null}}",
         "invalid_request_error", NULL},
        {401, FAULT_KEY, "{\"error\":{\"message\":\"no\",\"code\":429}}", "429",
         NULL}, /* the status is not asked twice */
        {401, FAULT_KEY,
         "{\"error\":{\"message\":\"Incorrect API key provided: "
         "sk-ab.\",\"type\":\"invalid_request_error\",\"param\":null,"
         "\"code\":\"invalid_api_key\"}}",
         "invalid_api_key", NULL},
        {404, FAULT_MODEL,
         "{\"error\":{\"message\":\"The model `x` does not exist or you do not have access to it.\",\"type\":"
         "\"invalid_request_error\",\"param\":null,\"code\":\"model_not_found\"}}",
         "model_not_found", "The model `x` does not exist or you do not have access to it."},
        {429, FAULT_QUOTA,
         "{\"error\":{\"message\":\"You exceeded your current quota, please check your plan and billing "
         "details.\",\"type\":"
         "\"insufficient_quota\",\"param\":null,\"code\":\"insufficient_quota\"}}",
         "insufficient_quota", NULL},
        {429, FAULT_RATE,
         "{\"error\":{\"message\":\"Rate limit reached for gpt-x in organization org-a on tokens per min (TPM): Limit "
         "30000, Used 29000, Requested 2000. Please try again in 2s.\",\"type\":\"tokens\",\"param\":null,\"code\":"
         "\"rate_limit_exceeded\"}}",
         "rate_limit_exceeded", NULL},
        {429, FAULT_CONTEXT,
         "{\"error\":{\"message\":\"Request too large for gpt-x on tokens per min (TPM): Limit 30000, Requested "
         "45000.\","
         "\"type\":\"tokens\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}",
         "rate_limit_exceeded", NULL},
        {400, FAULT_FACE,
         "{\"error\":{\"message\":\"Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions. Please use "
         "/v1/responses instead.\",\"type\":\"invalid_request_error\",\"param\":\"reasoning_effort\",\"code\":null}}",
         "invalid_request_error", NULL},
        {404, FAULT_FACE,
         "{\"error\":{\"message\":\"This model is only supported in v1/responses and not in v1/chat/completions.\",\"type\":"
         "\"invalid_request_error\",\"param\":\"model\",\"code\":null}}",
         "invalid_request_error", NULL},
        {400, FAULT_PARAMETER,
         "{\"error\":{\"message\":\"Unsupported parameter: 'max_tokens' is not supported with this model.\",\"type\":"
         "\"invalid_request_error\",\"param\":\"max_tokens\",\"code\":\"unsupported_parameter\"}}",
         "unsupported_parameter", NULL},
        {400, FAULT_POLICY,
         "{\"error\":{\"message\":\"Invalid prompt: your prompt was flagged as potentially violating our usage "
         "policy.\","
         "\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"invalid_prompt\"}}",
         "invalid_prompt", NULL},
        {400, FAULT_UNKNOWN,
         "{\"error\":{\"message\":\"Invalid 'messages[0].content': string_above_max_length, please reduce the length "
         "of the "
         "messages\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"string_above_max_length\"}}",
         "string_above_max_length", NULL},
        {500, FAULT_UNKNOWN,
         "{\"error\":{\"message\":\"oops\",\"type\":\"server_error\",\"param\":null,\"code\":null}}", "server_error",
         "oops"},
        {503, FAULT_OVERLOAD, "{\"error\":{\"message\":\"Slow down.\",\"type\":\"service_unavailable\"}}",
         "service_unavailable", NULL},
        /* Anthropic */
        {529, FAULT_OVERLOAD,
         "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"},\"request_id\":"
         "\"r\"}",
         "overloaded_error", "Overloaded"},
        {400, FAULT_CONTEXT,
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 210000 "
         "tokens "
         "> 200000 maximum\"}}",
         "invalid_request_error", NULL},
        {400, FAULT_CONTEXT,
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"input length and "
         "`max_tokens` "
         "exceed context limit: 190000 + 20000 > 200000, decrease input length or `max_tokens` and try again\"}}",
         "invalid_request_error", NULL},
        {400, FAULT_QUOTA,
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your credit balance is too "
         "low to "
         "access the API.\"}}",
         "invalid_request_error", NULL},
        {413, FAULT_CONTEXT, "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"too big\"}}",
         "request_too_large", "too big"},
        {404, FAULT_MODEL, "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"model: x\"}}",
         "not_found_error", "model: x"},
        {403, FAULT_UNKNOWN, "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":\"no\"}}",
         "permission_error", "no"},
        /* DeepSeek */
        {402, FAULT_QUOTA,
         "{\"error\":{\"message\":\"Insufficient Balance\",\"type\":\"unknown_error\",\"param\":null,\"code\":"
         "\"invalid_request_error\"}}",
         "unknown_error", "Insufficient Balance"},
        {400, FAULT_POLICY, "{\"error\":{\"message\":\"Content Exists Risk\",\"code\":\"invalid_request_error\"}}",
         "invalid_request_error", NULL},
        {0, FAULT_OVERLOAD, "{\"error\":{\"message\":\"interrupted\",\"code\":\"insufficient_system_resource\"}}",
         "insufficient_system_resource", NULL},
        /* Kimi */
        {429, FAULT_QUOTA,
         "{\"error\":{\"message\":\"Your account is suspended, please check your plan\",\"type\":"
         "\"exceeded_current_quota_error\"}}",
         "exceeded_current_quota_error", NULL},
        {429, FAULT_OVERLOAD,
         "{\"error\":{\"message\":\"The engine is currently overloaded, please try again later\",\"type\":"
         "\"engine_overloaded_error\"}}",
         "engine_overloaded_error", NULL},
        {429, FAULT_RATE,
         "{\"error\":{\"message\":\"Your account reached max RPM: 3, please try again after 1 seconds\",\"type\":"
         "\"rate_limit_reached_error\"}}",
         "rate_limit_reached_error", NULL},
        {400, FAULT_CONTEXT,
         "{\"error\":{\"message\":\"Invalid request: Your request exceeded model token limit: 262144 (requested: "
         "269030)\","
         "\"type\":\"invalid_request_error\"}}",
         "invalid_request_error", NULL},
        {400, FAULT_POLICY,
         "{\"error\":{\"message\":\"The request was rejected because it was considered high risk\",\"type\":"
         "\"content_filter\"}}",
         "content_filter", NULL},
        {404, FAULT_MODEL, "{\"error\":{\"message\":\"Not found the model\",\"type\":\"resource_not_found_error\"}}",
         "resource_not_found_error", NULL},
        /* Groq */
        {413, FAULT_CONTEXT,
         "{\"error\":{\"message\":\"Request too large for model `m` in organization `o` service tier `on_demand` on "
         "tokens "
         "per minute (TPM): Limit 6000, Requested 9000, please reduce your message size and try again.\",\"type\":"
         "\"tokens\",\"code\":\"rate_limit_exceeded\"}}",
         "rate_limit_exceeded", NULL},
        {400, FAULT_CONTEXT,
         "{\"error\":{\"message\":\"Please reduce the length of the messages or completion.\",\"type\":"
         "\"invalid_request_error\"}}",
         "invalid_request_error", NULL},
        {400, FAULT_MODEL,
         "{\"error\":{\"message\":\"The model `m` has been "
         "decommissioned\",\"type\":\"invalid_request_error\",\"code\":"
         "\"model_decommissioned\"}}",
         "model_decommissioned", NULL},
        {498, FAULT_OVERLOAD, "{\"error\":{\"message\":\"flex is full\",\"code\":\"capacity_exceeded\"}}",
         "capacity_exceeded", NULL},
        {400, FAULT_PARAMETER, "{\"error\":{\"message\":\"property 'store' is unsupported\"}}", "",
         "property 'store' is unsupported"},
        {400, FAULT_UNKNOWN,
         "{\"error\":{\"message\":\"Failed to call a function.\",\"type\":\"invalid_request_error\",\"code\":"
         "\"tool_use_failed\",\"failed_generation\":\"prompt is too long, rate limit, overloaded\"}}",
         "tool_use_failed", "Failed to call a function."},
        /* OpenRouter */
        {402, FAULT_QUOTA,
         "{\"error\":{\"code\":402,\"message\":\"This request requires more credits, or fewer max_tokens. You "
         "requested up "
         "to 65536 tokens, but can only afford 1200.\"},\"user_id\":\"u\"}",
         "402", NULL},
        {200, FAULT_RATE, "{\"error\":{\"code\":429,\"message\":\"m is temporarily limited upstream\"}}", "429", NULL},
        {200, FAULT_OVERLOAD,
         "{\"id\":\"gen-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"rate "
         "limit\"},\"finish_reason\":\"error\"}],"
         "\"error\":{\"code\":\"server_error\",\"message\":\"Provider disconnected\",\"metadata\":{\"error_type\":"
         "\"provider_overloaded\"}}}",
         "server_error", "Provider disconnected"},
        {403, FAULT_POLICY,
         "{\"error\":{\"code\":403,\"message\":\"m requires moderation. Your input was flagged by the provider\","
         "\"metadata\":{\"reasons\":[\"violence\"],\"flagged_input\":\"…\"}}}",
         "403", NULL},
        {400, FAULT_CONTEXT,
         "{\"error\":{\"message\":\"Provider returned error\",\"code\":400,\"metadata\":{\"raw\":\"{\\\"error\\\":{"
         "\\\"message\\\":\\\"This model's maximum context length is 8192 tokens\\\"}}\",\"provider_name\":\"P\"}}}",
         "400", "Provider returned error"},
        {0, FAULT_UNKNOWN,
         "{\"choices\":[{\"message\":{\"content\":\"x\"},\"error\":{\"message\":\"boom\",\"code\":502}}]}", "502",
         "boom"},
        /* vLLM, new and flat */
        {400, FAULT_CONTEXT,
         "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096 tokens. However, you "
         "requested "
         "5000 tokens (4000 in the messages, 1000 in the completion).\",\"type\":\"BadRequestError\",\"param\":null,"
         "\"code\":400}",
         "BadRequestError", NULL},
        {404, FAULT_MODEL,
         "{\"error\":{\"message\":\"The model `m` does not "
         "exist.\",\"type\":\"NotFoundError\",\"param\":null,\"code\":404}}",
         "NotFoundError", NULL},
        /* llama-server */
        {400, FAULT_CONTEXT,
         "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size, try increasing it\","
         "\"type\":\"exceed_context_size_error\",\"n_prompt_tokens\":5000,\"n_ctx\":4096}}",
         "exceed_context_size_error", NULL},
        {503, FAULT_OVERLOAD, "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}",
         "unavailable_error", "Loading model"},
        {0, FAULT_OVERLOAD, "{\"error\":{\"code\":503,\"message\":\"no slot\",\"type\":\"x\"}}", "x", "no slot"},
        /* Gemini */
        {429, FAULT_RATE,
         "[{\"error\":{\"code\":429,\"message\":\"You exceeded your current "
         "quota.\",\"status\":\"RESOURCE_EXHAUSTED\"}}]",
         "RESOURCE_EXHAUSTED", "You exceeded your current quota."},
        {400, FAULT_KEY,
         "[{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API key.\",\"status\":"
         "\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"t\",\"reason\":\"API_KEY_INVALID\"}]}}]",
         "INVALID_ARGUMENT", NULL},
        {400, FAULT_CONTEXT,
         "[{\"error\":{\"code\":400,\"message\":\"The input token count (2000000) exceeds the maximum number of tokens "
         "allowed (1048576).\",\"status\":\"INVALID_ARGUMENT\"}}]",
         "INVALID_ARGUMENT", NULL},
        {400, FAULT_PARAMETER,
         "[{\"error\":{\"code\":400,\"message\":\"Invalid JSON payload received. Unknown name \\\"store\\\": Cannot "
         "find "
         "field.\",\"status\":\"INVALID_ARGUMENT\"}}]",
         "INVALID_ARGUMENT", NULL},
        {503, FAULT_OVERLOAD, "[{\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}]",
         "UNAVAILABLE", NULL},
        /* Ollama, FastAPI and friends */
        {404, FAULT_MODEL, "{\"error\":\"model 'x' not found\"}", "", "model 'x' not found"},
        {422, FAULT_PARAMETER,
         "{\"detail\":[{\"loc\":[\"body\",\"x\"],\"msg\":\"Extra inputs are not "
         "permitted\",\"type\":\"extra_forbidden\"}]}",
         "extra_forbidden", "Extra inputs are not permitted"},
        {500, FAULT_UNKNOWN, "{\"error\":\"Internal Server Error\",\"message\":\"it broke\"}", "", "it broke"},
        {400, FAULT_UNKNOWN, "{\"message\":[\"a\",\"b\"]}", "", "[\"a\",\"b\"]"},
    };
    check_all(samples, COUNT_OF(samples));
}

TEST(bodies_that_are_not_json_still_speak)
{
    static const struct sample samples[] = {
        {503, FAULT_OVERLOAD, "", "", ""},
        {502, FAULT_UNKNOWN, "{}", "", ""},
        {500, FAULT_UNKNOWN, "null", "", "null"},
        {500, FAULT_CONTEXT, "\n  prompt is too long: 12 > 10  \r\n", "", "prompt is too long: 12 > 10"},
        {429, FAULT_RATE, "\"slow\\ndown\"", "", "slow down"},
        {502, FAULT_UNKNOWN, "<html>\n<head><TITLE lang=en>502 Bad\nGateway</title></head><body>x</body></html>", "",
         "502 Bad Gateway"},
        {500, FAULT_OVERLOAD, "<!doctype html><p> </p><h1>Server busy</h1>", "", "Server busy"},
        {500, FAULT_UNKNOWN, "<", "", ""},
        {500, FAULT_UNKNOWN, "a\x01\x7f\tb\xff\xc3\xa4\xe2\x82", "", "a   b?\xc3\xa4??"},
        {500, FAULT_UNKNOWN, "\xef\xbb\xbf{\"error\":{\"message\":\"with a mark\"}}", "", "with a mark"},
        {400, FAULT_CONTEXT, "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"cut off he", /* torn */
         "context_length_exceeded", ""},
        {400, FAULT_UNKNOWN, "{\"error\":{\"message\":\"one\",\"message\":\"two\"}}", "", "one"},
        {400, FAULT_UNKNOWN, "{\"error\":{\"message\":\"tab\\there \\u00e4\\ud83d\\ude00\\ud83d.\"}}", "",
         "tab here \xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbd."},
    };
    check_all(samples, COUNT_OF(samples));
}

TEST(a_text_about_context_wins_over_the_status_and_over_a_code_of_another_kind)
{
    static const int statuses[] = {0, 200, 400, 413, 422, 429, 500, 503};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        struct wire_failure got;
        failure_read(statuses[i],
                     STR("{\"error\":{\"message\":\"Prompt too long; exceeded max context length\","
                         "\"type\":\"rate_limit_error\"}}"),
                     &got);
        EXPECT_I64(got.fault, FAULT_CONTEXT);
    }
}

TEST(a_long_message_is_cut_at_a_character_and_says_so)
{
    AUTO_BUF struct buf body = BUF_INIT(MiB);
    EXPECT(buf_append_text(&body, "{\"error\":{\"message\":\"x") == 0);
    for (int i = 0; i < 20000; i++)
        EXPECT(buf_append_text(&body, i % 2 ? "\xc3\xa4" : "\\u4e2d") == 0);
    EXPECT(buf_append_text(&body, "\",\"code\":\"late\"}}") == 0);
    EXPECT(body.len > 64 * KiB); /* the end is out of sight */
    struct wire_failure got;
    failure_read(400, buf_str(&body), &got);
    size_t len = strlen(got.message);
    EXPECT(len >= sizeof got.message - 6 && len < sizeof got.message);
    EXPECT(str_ends(str_from(got.message), STR("...")));
    EXPECT_STR(str_from(got.code), "");

    buf_clear(&body);
    EXPECT(buf_append_text(&body, "{\"error\":{\"message\":\"xy") == 0);
    for (int i = 0; i < 5000; i++)
        EXPECT(buf_append_text(&body, "\\u4e2d") == 0);
    EXPECT(buf_append_text(&body,
                           "\",\"code\":\"a_code_that_is_much_longer_than_any_code_that_has_ever_been_seen_in_the_"
                           "wild\"}}") == 0);
    failure_read(400, buf_str(&body), &got);
    EXPECT(str_starts(str_from(got.message), STR("xy\xe4\xb8\xad\xe4\xb8\xad")));
    EXPECT(str_ends(str_from(got.message), STR("\xe4\xb8\xad...")));
    EXPECT_STR(str_from(got.code), "a_code_that_is_much_longer_than_any_code_that_has_ever_been_...");
}

TEST(hostile_bodies_cost_a_bounded_time)
{
    AUTO_BUF struct buf body = BUF_INIT(8 * MiB);
    EXPECT(buf_append_text(&body, "{\"error\":{\"message\":\"") == 0);
    for (int i = 0; i < 100000; i++)
        EXPECT(buf_append_text(&body,
                               "input token count input token violat model usage request too large for limit 1,") == 0);
    struct wire_failure got;
    for (int i = 0; i < 50; i++)
        failure_read(400, buf_str(&body), &got); /* the whole file has the harness's time limit */
    EXPECT_I64(got.fault, FAULT_UNKNOWN);
    buf_clear(&body);
    for (int i = 0; i < 60000; i++)
        EXPECT(buf_append_text(&body, i % 2 ? "[" : "{\"error\":") == 0);
    failure_read(400, buf_str(&body), &got);
    EXPECT_I64(got.fault, FAULT_UNKNOWN);
}

TEST(a_wait_is_found_in_details_and_in_sentences)
{
    static const struct {
        const char *body;
        int64_t ms;
    } samples[] = {
        {"{\"error\":{\"message\":\"x\"}}", -1},
        {"[{\"error\":{\"code\":429,\"details\":[{\"@type\":\"RetryInfo\",\"retryDelay\":\"37.5s\"}],\"message\":\"m\"}"
         "}]",
         37500},
        {"[{\"error\":{\"code\":429,\"details\":[{\"violations\":[{\"quotaId\":\"RequestsPerDayPerProject\"}]},"
         "{\"retryDelay\":\"37s\"}]}}]",
         3600000},
        {"[{\"error\":{\"details\":[{\"violations\":[{\"quotaId\":\"TokensPerMinute\"}]},{\"retryDelay\":\"0.5s\"}]}}]",
         500},
        {"{\"error\":{\"message\":\"Please try again in 7.66s. Visit us\"}}", 7660},
        {"{\"error\":{\"message\":\"please try again after 1 seconds\"}}", 1000},
        {"{\"error\":{\"message\":\"Please try again in 1m26.4s.\"}}", 86400},
        {"{\"error\":{\"message\":\"Try again in 1h2m3.5s\"}}", 3723500},
        {"{\"error\":{\"message\":\"try again in 6ms.\"}}", 6},
        {"{\"error\":{\"message\":\"try again in 0.2ms\"}}", 1},
        {"{\"error\":{\"message\":\"Please retry in 37.489123456s.\"}}", 37490},
        {"{\"error\":{\"message\":\"retry after 20 minutes and 5 apples\"}}", 1200000},
        {"{\"error\":{\"message\":\"try again in 5\"}}", 5000},
        {"{\"error\":{\"message\":\"try again in 5.\"}}", 5000},
        {"{\"error\":{\"message\":\"try again in a while\"}}", -1},
        {"{\"error\":{\"message\":\"try again in 2 days\"}}", 172800000},
        {"{\"error\":{\"message\":\"try again in 99999999999999999999 days\"}}", -1},
        {"{\"error\":{\"message\":\"try again in 1.2.3s\"}}", -1},
        {"{\"error\":{\"message\":\"try again later, or try again in 3 secs\"}}", 3000},
        {"Server busy, retry after 2 Seconds", 2000},
        {"{\"error\":{\"message\":\"Provider returned error\",\"metadata\":{\"raw\":\"limited. Try again in 9s\"}}}",
         9000},
    };
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct wire_failure got;
        failure_read(429, str_from(samples[i].body), &got);
        if (got.retry_after_ms != samples[i].ms)
            test_fail(__FILE__, __LINE__, "%s: %lld ms, expected %lld", samples[i].body, (long long)got.retry_after_ms,
                      (long long)samples[i].ms);
    }
}

TEST(every_form_of_retry_after_is_understood)
{
    const int64_t now = 784111777000; /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct {
        const char *name, *value;
        int64_t ms;
    } samples[] = {
        {"retry-after", "0", 0},
        {"retry-after", "20", 20000},
        {"retry-after", " 20 ", 20000},
        {"retry-after", "7.66", 7660},
        {"retry-after", "7.0001", 7001},
        {"retry-after", "1.23456789012", 1235},
        {"retry-after", "345600", 345600000},
        {"retry-after", "Sun, 06 Nov 1994 08:50:37 GMT", 60000},
        {"retry-after", "Sunday, 06-Nov-94 08:49:38 GMT", 1000},
        {"retry-after", "Sun Nov  6 08:49:39 1994", 2000},
        {"retry-after", "Sun, 06 Nov 1994 08:49:36 GMT", 0},
        {"retry-after", "", -1},
        {"retry-after", "-5", -1},
        {"retry-after", "soon", -1},
        {"retry-after", "99999999999999999999", -1},
        {"retry-after-ms", "250", 250},
        {"retry-after-ms", "0.5", 1},
        {"retry-after-ms", "1s", -1},
        {"x-ratelimit-reset-requests", "1s", 1000},
        {"x-ratelimit-reset-requests", "120ms", 120},
        {"x-ratelimit-reset-tokens", "6m0s", 360000},
        {"x-ratelimit-reset-tokens", "1h2m3.5s", 3723500},
        {"x-ratelimit-reset-tokens", "2m59.56s", 179560},
        {"x-ratelimit-reset-tokens", "1.5", 1500},
        {"x-ratelimit-reset-tokens", "2m59.123456789s", 179124},
        {"x-ratelimit-reset-tokens", "never", -1},
        {"x-ratelimit-reset", "784111779000", 2000},
        {"x-ratelimit-reset", "12", 12000},
        {"x-ratelimit-remaining-tokens", "12", -1},
        {"retry-afterwards", "12", -1},
        {"", "12", -1},
    };
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        int64_t got = retry_after_read(str_from(samples[i].name), str_from(samples[i].value), now);
        if (got != samples[i].ms)
            test_fail(__FILE__, __LINE__, "%s: %s: %lld ms, expected %lld", samples[i].name, samples[i].value,
                      (long long)got, (long long)samples[i].ms);
    }
    EXPECT_I64(retry_after_read(STR("x-ratelimit-reset"), STR("1790000005"), 1790000000000), 5000);
}

static int read_one(void *ctx)
{
    struct wire_failure got;
    const char *body = ctx;
    failure_read(400, str_from(body), &got);
    return got.fault == FAULT_CONTEXT ? 0 : -1; /* holds without memory too */
}

TEST(without_memory_the_verdict_is_the_same)
{
    char body[] = "{\"error\":{\"message\":\"it is\\nprompt is too long\",\"type\":\"a\\tb\"}}";
    test_torture("failure_read", read_one, body);
    mem_fail_at(1);
    EXPECT(read_one(body) == 0);
    mem_fail_at(0);
}

TEST(an_error_object_has_its_four_members)
{
    AUTO_BUF struct buf out = BUF_INIT(1000);
    EXPECT(error_write(&out, 400, STR("say \"no\"\n\xff"), NULL, "model", "model_not_found") == 0);
    EXPECT_STR(buf_str(&out),
               "{\"error\":{\"message\":\"say \\\"no\\\"\\n\xef\xbf\xbd\",\"type\":\"invalid_request_error\","
               "\"param\":\"model\",\"code\":\"model_not_found\"}}");
    buf_clear(&out);
    EXPECT(error_write(&out, 429, STR("m"), NULL, NULL, NULL) == 0);
    EXPECT_STR(buf_str(&out),
               "{\"error\":{\"message\":\"m\",\"type\":\"rate_limit_exceeded\",\"param\":null,\"code\":null}}");
    buf_clear(&out);
    EXPECT(error_write(&out, 502, STR("m"), NULL, NULL, NULL) == 0);
    EXPECT(str_find(buf_str(&out), STR("\"server_error\"")) > 0);
    buf_clear(&out);
    EXPECT(error_write(&out, 502, STR("m"), "budget", NULL, NULL) == 0);
    EXPECT(str_find(buf_str(&out), STR("\"type\":\"budget\"")) > 0);
}

TEST(an_error_object_is_written_whole_or_not_at_all)
{
    AUTO_BUF struct buf out = BUF_INIT(40);
    EXPECT(buf_append_text(&out, "before") == 0);
    EXPECT_I64(error_write(&out, 400, STR("a message that does not fit"), NULL, NULL, NULL), ERR_LIMIT);
    EXPECT_STR(buf_str(&out), "before");
}

static int write_one(void *ctx)
{
    (void)ctx;
    AUTO_BUF struct buf out = BUF_INIT(4000);
    return error_write(&out, 400, STR("m"), NULL, NULL, NULL);
}

TEST(writing_an_error_survives_torture)
{
    test_torture("error_write", write_one, NULL);
}

/* What was written is read back as the same failure. */
TEST(our_own_errors_are_understood_by_us)
{
    AUTO_BUF struct buf out = BUF_INIT(1000);
    EXPECT(error_write(&out, 429, STR("slow down, try again in 2s"), NULL, NULL, "rate_limit_exceeded") == 0);
    struct wire_failure got;
    failure_read(429, buf_str(&out), &got);
    EXPECT_I64(got.fault, FAULT_RATE);
    EXPECT_I64(got.retry_after_ms, 2000);
    EXPECT_STR(str_from(got.message), "slow down, try again in 2s");
    EXPECT_STR(str_from(got.code), "rate_limit_exceeded");
}
