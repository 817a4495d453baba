/* failure.c: what kind of failure a vendor's answer is; see wire.h.
 *
 * Codes and types are trusted first; words after them, because vendors use one status for many things and many statuses
 * for one thing (a prompt that is too long comes as 400, 413, 422 or 500). The rules are data, both tables in order of
 * precedence. Only failed attempts come here; it is not a hot path, but it is hostile text on a loop thread, so what is
 * matched is bounded (failure_priv.h), and the expressions have no back references, which keeps them linear. */
#include "wire/failure_priv.h"
#include <assert.h>
#include <pthread.h>
#include <regex.h>

/* --- codes and types ---------------------------------------------------------------------------------------------- */

static const struct {
    enum wire_fault fault;
    struct str code;
} code_rules[] = {
    {FAULT_CONTEXT, STR("context_length_exceeded")},
    {FAULT_CONTEXT, STR("exceed_context_size_error")},
    {FAULT_CONTEXT, STR("request_too_large")},
    {FAULT_CONTEXT, STR("model_context_window_exceeded")},
    {FAULT_QUOTA, STR("insufficient_quota")},
    {FAULT_QUOTA, STR("exceeded_current_quota_error")},
    {FAULT_QUOTA, STR("billing_error")},
    {FAULT_QUOTA, STR("payment_required")},
    {FAULT_POLICY, STR("content_policy_violation")},
    {FAULT_POLICY, STR("content_filter")},
    {FAULT_OVERLOAD, STR("overloaded_error")},
    {FAULT_OVERLOAD, STR("engine_overloaded_error")},
    {FAULT_OVERLOAD, STR("provider_overloaded")},
    {FAULT_OVERLOAD, STR("overloaded")},
    {FAULT_OVERLOAD, STR("capacity_exceeded")},
    {FAULT_OVERLOAD, STR("service_unavailable")},
    {FAULT_OVERLOAD, STR("unavailable_error")}, /* llama-server while it loads */
    {FAULT_OVERLOAD, STR("UNAVAILABLE")},
    {FAULT_OVERLOAD, STR("insufficient_system_resource")},
    {FAULT_RATE, STR("rate_limit_exceeded")},
    {FAULT_RATE, STR("rate_limit_error")},
    {FAULT_RATE, STR("rate_limit_reached_error")},
    {FAULT_RATE, STR("RESOURCE_EXHAUSTED")},
    {FAULT_KEY, STR("invalid_api_key")},
    {FAULT_KEY, STR("authentication_error")},
    {FAULT_KEY, STR("invalid_authentication_error")},
    {FAULT_KEY, STR("UNAUTHENTICATED")},
    {FAULT_KEY, STR("API_KEY_INVALID")},
    {FAULT_MODEL, STR("model_not_found")},
    {FAULT_MODEL, STR("model_decommissioned")},
    {FAULT_MODEL, STR("resource_not_found_error")},
    {FAULT_MODEL, STR("not_found_error")},
    {FAULT_PARAMETER, STR("unsupported_parameter")},
    {FAULT_PARAMETER, STR("unsupported_value")},
};

static enum wire_fault fault_of_codes(const struct failure_facts *f)
{
    const char *given[] = {f->code, f->type, f->status, f->inner_code};
    for (size_t i = 0; i < COUNT_OF(code_rules); i++)
        for (size_t g = 0; g < COUNT_OF(given); g++)
            if (str_eq_fold(str_from(given[g]), code_rules[i].code))
                return code_rules[i].fault;
    return FAULT_UNKNOWN;
}

/* --- words -------------------------------------------------------------------------------------------------------- */

/* POSIX extended, case is ignored. One line each; those of a fault are joined into one expression. */
static const struct {
    enum wire_fault fault;
    const char *pattern;
} text_rules[] = {
    {FAULT_CONTEXT, "prompt is too long"},
    {FAULT_CONTEXT, "request_too_large"},
    {FAULT_CONTEXT, "input is too long for requested model"},
    {FAULT_CONTEXT, "exceeds? the context window"},
    {FAULT_CONTEXT, "input token count.*exceeds the maximum"},
    {FAULT_CONTEXT, "maximum prompt length is [0-9]+"},
    {FAULT_CONTEXT, "reduce the length of the messages"},
    {FAULT_CONTEXT, "maximum context length is [0-9]+ tokens"},
    {FAULT_CONTEXT, "exceeds? (the )?(model'?s )?maximum context length"},
    {FAULT_CONTEXT, "longer than the model'?s context length"},
    {FAULT_CONTEXT, "exceeds the available context size"},
    {FAULT_CONTEXT, "exceed_context_size_error"},
    {FAULT_CONTEXT, "greater than the context length"},
    {FAULT_CONTEXT, "context window exceeds limit"},
    {FAULT_CONTEXT, "exceeded model token limit"},
    {FAULT_CONTEXT, "context[_ ]length[_ ]exceeded"},
    {FAULT_CONTEXT, "model_context_window_exceeded"},
    {FAULT_CONTEXT, "too large for model with [0-9]+ maximum context length"},
    {FAULT_CONTEXT, "prompt too long"},
    {FAULT_CONTEXT, "exceeded (max )?context length"},
    {FAULT_CONTEXT, "the prompt is longer than the context length"},
    {FAULT_CONTEXT, "exceed context limit"},
    /* One request over a limit of a minute: waiting does not help, a target with more room does. */
    {FAULT_CONTEXT, "request too large for .*limit:? [0-9]+, requested:? [0-9]+"},
    {FAULT_QUOTA, "insufficient[_ ]quota"},
    {FAULT_QUOTA, "insufficient balance"},
    {FAULT_QUOTA, "exceeded_current_quota"},
    {FAULT_QUOTA, "credit balance is too low"},
    {FAULT_QUOTA, "requires more credits"},
    {FAULT_QUOTA, "can only afford"},
    {FAULT_QUOTA, "out of credits"},
    {FAULT_QUOTA, "billing[_ ]error"},
    {FAULT_POLICY, "content_policy_violation"},
    {FAULT_POLICY, "content[_ ]filter"},
    {FAULT_POLICY, "violat.*usage polic"},
    {FAULT_POLICY, "flagged (as|by|for)"},
    {FAULT_POLICY, "content exists risk"},
    {FAULT_POLICY, "request was rejected because.*high risk"},
    {FAULT_RATE, "rate[-_ ]limit"},
    {FAULT_RATE, "too many requests"},
    {FAULT_RATE, "RESOURCE_EXHAUSTED"},
    {FAULT_RATE, "rate_limit_reached"},
    {FAULT_OVERLOAD, "overloaded"},
    {FAULT_OVERLOAD, "at capacity|capacity_exceeded"},
    {FAULT_OVERLOAD, "server busy"},
    {FAULT_OVERLOAD, "UNAVAILABLE"},
    {FAULT_OVERLOAD, "Loading model"},
    {FAULT_OVERLOAD, "insufficient_system_resource"},
    {FAULT_KEY, "invalid[_ ]api[_ ]key"},
    {FAULT_KEY, "incorrect api key"},
    {FAULT_KEY, "api key not valid"},
    {FAULT_KEY, "invalid x-api-key"},
    {FAULT_MODEL, "model_not_found"},
    {FAULT_MODEL, "model .*(does not exist|not found)"},
    {FAULT_MODEL, "decommissioned"},
    {FAULT_MODEL, "not a valid model id"},
    {FAULT_FACE, "v1/responses"},
    {FAULT_PARAMETER, "unsupported_(parameter|value)"},
    {FAULT_PARAMETER, "unknown name \"[^\"]+\""},
    {FAULT_PARAMETER, "extra inputs are not permitted"},
    {FAULT_PARAMETER, "property '[^']+' is unsupported"},
    {FAULT_PARAMETER, "unrecognized request argument"},
};

enum { FAULT_COUNT = FAULT_PARAMETER + 1, PATTERN_MAX = 2048 };

static struct {
    bool ready;
    regex_t regex;
} rules[FAULT_COUNT];
static pthread_once_t rules_once = PTHREAD_ONCE_INIT;

static void rule_compile(enum wire_fault fault)
{
    char joined[PATTERN_MAX];
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(text_rules); i++)
        if (text_rules[i].fault == fault)
            n += text_format(joined + n, sizeof joined - n, "%s%s", n ? "|" : "", text_rules[i].pattern);
    if (n == 0)
        return;
    int rc = regcomp(&rules[fault].regex, joined, REG_EXTENDED | REG_ICASE | REG_NOSUB | REG_NEWLINE);
    assert(rc == 0 || rc == REG_ESPACE); /* without memory we live by codes and statuses from here on */
    rules[fault].ready = rc == 0;
}

/* Lazily: most lives of the program see no failure in their first second, and this takes a millisecond. */
static void rules_compile(void)
{
    for (int fault = 0; fault < FAULT_COUNT; fault++)
        rule_compile((enum wire_fault)fault);
}

static bool text_says(const char *text, enum wire_fault fault)
{
    return rules[fault].ready && regexec(&rules[fault].regex, text, 0, NULL, 0) == 0;
}

/* A single string over its limit is the client's to mend, however its message is worded. */
static bool text_says_context(const char *text)
{
    return text_says(text, FAULT_CONTEXT) && !str_contains_fold(str_from(text), STR("string_above_max_length"));
}

/* --- the verdict -------------------------------------------------------------------------------------------------- */

/* Inside a stream and under a 200 the number in the body (OpenRouter, vLLM, llama-server) is the status. */
static int status_effective(int status, const struct failure_facts *f)
{
    bool silent = status == 0 || (status >= 200 && status < 300);
    return silent && f->number >= 400 && f->number < 600 ? f->number : status;
}

/* Words of a filter count only where a filter speaks: elsewhere they are about accounts and networks. */
static bool status_may_be_policy(int status)
{
    return status < 400 || status == 400 || status == 403 || status == 413 || status == 422 || status == 451 ||
           status == 500;
}

static enum wire_fault fault_of_status(int status, const char *text)
{
    switch (status) {
    case 401: return FAULT_KEY;
    case 404: return FAULT_MODEL;
    case 429: /* some say "slow down" and mean themselves */
        return text_says(text, FAULT_OVERLOAD) && !text_says(text, FAULT_RATE) ? FAULT_OVERLOAD : FAULT_RATE;
    case 498: /* Groq's flex tier */
    case 503:
    case 529: return FAULT_OVERLOAD;
    default: return FAULT_UNKNOWN;
    }
}

static enum wire_fault classify(int status, const struct failure_facts *f, const char *text)
{
    enum wire_fault by_code = fault_of_codes(f);
    if (by_code == FAULT_CONTEXT || by_code == FAULT_QUOTA)
        return by_code;
    if (text_says_context(text))
        return FAULT_CONTEXT;
    if (status == 402 || text_says(text, FAULT_QUOTA))
        return FAULT_QUOTA;
    if (status == 413) /* Groq calls it a rate limit, but waiting does not help */
        return FAULT_CONTEXT;
    if ((status == 400 || status == 404) && text_says(text, FAULT_FACE)) /* OpenAI calls the one a bad value and the other no such model */
        return FAULT_FACE;
    if (by_code != FAULT_UNKNOWN)
        return by_code;
    if (status_may_be_policy(status) && text_says(text, FAULT_POLICY))
        return FAULT_POLICY;
    enum wire_fault by_status = fault_of_status(status, text);
    if (by_status != FAULT_UNKNOWN)
        return by_status;
    static const enum wire_fault by_text[] = {FAULT_RATE, FAULT_OVERLOAD, FAULT_KEY, FAULT_MODEL, FAULT_PARAMETER};
    for (size_t i = 0; i < COUNT_OF(by_text); i++)
        if (text_says(text, by_text[i]))
            return by_text[i];
    return FAULT_UNKNOWN;
}

/* --- what the caller gets ----------------------------------------------------------------------------------------- */

/* The word that says most: a code, unless it only repeats that the request was bad. */
static const char *code_telling(const struct failure_facts *f)
{
    const char *given[] = {f->code, f->type, f->status, f->inner_code};
    const char *any = "";
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        if (given[i][0] && !str_eq(str_from(given[i]), STR("invalid_request_error")))
            return given[i];
        if (given[i][0])
            any = given[i];
    }
    return any;
}

/* The message, cut at a character and marked where it does not fit. */
static void message_copy(char *out, size_t out_bytes, const char *message)
{
    size_t len = strlen(message);
    if (len >= out_bytes) {
        size_t keep = out_bytes - sizeof "...";
        while (keep > 0 && ((unsigned char)message[keep] & 0xc0) == 0x80)
            keep--;
        text_format(out, out_bytes, "%.*s...", (int)keep, message);
    } else {
        memcpy(out, message, len + 1);
    }
}

static int64_t retry_after(const struct failure_facts *f)
{
    const int64_t day_limit_ms = 3600 * 1000; /* the day ends at an hour we do not know: look in again hourly */
    int64_t ms = f->retry_after_ms >= 0 ? f->retry_after_ms : retry_in_text(str_from(f->message));
    if (ms < 0)
        ms = retry_in_text(str_from(f->inner));
    return f->per_day && ms < day_limit_ms ? day_limit_ms : ms;
}

void failure_read(int status, struct str body, struct wire_failure *out)
{
    struct failure_facts f;
    char text[FAILURE_MESSAGE_MAX + FAILURE_INNER_MAX + 4 * FAILURE_CODE_MAX + 8];
    (void)pthread_once(&rules_once, rules_compile); /* fails only for a bad argument */
    failure_body_read(&f, body);
    /* REG_NEWLINE keeps an expression inside one line, so that it never spans two of these. */
    text_format(text, sizeof text, "%s\n%s\n%s\n%s\n%s\n%s", f.code, f.type, f.status, f.inner_code, f.message,
                f.inner);
    *out = (struct wire_failure){.retry_after_ms = retry_after(&f)};
    out->fault = classify(status_effective(status, &f), &f, text);
    message_copy(out->message, sizeof out->message, f.message[0] ? f.message : f.inner);
    if (code_telling(&f)[0])
        text_format(out->code, sizeof out->code, "%s", code_telling(&f));
    else if (f.number)
        text_format(out->code, sizeof out->code, "%d", f.number);
}
