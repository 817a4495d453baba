/* test_reason.c: the failure table: from a status and a body to whose fault it is and what comes next. */
#include "mesh/mesh_priv.h"
#include "test.h"

static const struct {
    int status; /* 0: inside a stream */
    const char *body;
    enum reason reason;
} cases[] = {
    {401, "{\"error\":{\"message\":\"Incorrect API key provided\",\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}}", REASON_KEY},
    {402, "{\"error\":{\"message\":\"Insufficient Balance\"}}", REASON_QUOTA},
    {429, "{\"error\":{\"message\":\"You exceeded your current quota\",\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}", REASON_QUOTA},
    {429, "{\"error\":{\"message\":\"slow down\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\"}}", REASON_RATE_LIMIT},
    {429, "", REASON_RATE_LIMIT},
    {403, "{\"error\":{\"message\":\"not in your country\"}}", REASON_FORBIDDEN},
    {404, "{\"error\":{\"message\":\"The model `x` does not exist\",\"code\":\"model_not_found\"}}", REASON_MODEL},
    {408, "", REASON_HTTP_408},
    {409, "", REASON_HTTP_409},
    {410, "", REASON_MODEL},
    {425, "", REASON_HTTP_425},
    {500, "oops", REASON_SERVER_ERROR},
    {502, "<html><title>Bad gateway</title></html>", REASON_SERVER_ERROR},
    {503, "", REASON_OVERLOADED},
    {529, "{\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", REASON_OVERLOADED},
    {400, "{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens. However, your messages resulted in 9000\",\"code\":\"context_length_exceeded\"}}", REASON_CONTEXT},
    {500, "{\"error\":{\"message\":\"prompt is too long: 250000 tokens > 200000 maximum\"}}", REASON_CONTEXT},
    {400, "{\"error\":{\"message\":\"refused\",\"code\":\"content_policy_violation\"}}", REASON_POLICY},
    {400, "{\"error\":{\"message\":\"temperature must be below 2\",\"type\":\"invalid_request_error\",\"code\":\"decimal_above_max_value\"}}", REASON_BAD_REQUEST},
    {422, "{\"detail\":\"no\"}", REASON_BAD_REQUEST},
    {302, "", REASON_REDIRECT},
    {200, "{\"error\":{\"message\":\"upstream broke\"}}", REASON_ERROR_IN_200},
    {200, "{\"error\":{\"message\":\"Overloaded\",\"type\":\"overloaded_error\"}}", REASON_OVERLOADED},
    {0, "{\"error\":{\"message\":\"something\"}}", REASON_STREAM_ERROR},
};

TEST(every_failure_finds_its_row)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire_failure f;
        failure_read(cases[i].status, str_from(cases[i].body), &f);
        enum reason r = reason_from_failure(cases[i].status, &f);
        if (r != cases[i].reason)
            test_fail(__FILE__, __LINE__, "%d %s: %s, expected %s", cases[i].status, cases[i].body, reason_row(r)->name, reason_row(cases[i].reason)->name);
    }
}

TEST(a_clients_own_error_is_never_tried_elsewhere)
{
    EXPECT(reason_row(REASON_BAD_REQUEST)->next == NEXT_STOP);
    EXPECT(reason_row(REASON_PASSTHROUGH_AUTH)->next == NEXT_STOP);
    for (int r = 0; r < REASON_COUNT; r++)
        EXPECT(reason_row(r)->fault != FAULT_CLIENT || reason_row(r)->next == NEXT_STOP);
}

TEST(only_what_a_target_did_makes_it_rest)
{
    for (int r = 0; r < REASON_COUNT; r++)
        EXPECT(reason_row(r)->cool == COOL_NONE || reason_row(r)->fault == FAULT_TARGET);
}
