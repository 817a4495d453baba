/* fuzz_failure.c: any bytes as the body of a failed answer, and as the value of a retry header. The first byte picks
 * the status, the rest is the body. What we hand on must be clean text, must not depend on what stands beyond the
 * bound, and must survive being written as an error of ours and read again. */
#include "wire/wire.h"
#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A C string of valid UTF-8 without control bytes; strict, through our own JSON writer: what it has to replace would
 * make the text different. */
static void check_text(const char *text, size_t room)
{
    AUTO_BUF struct buf json = BUF_INIT(64 * KiB);
    AUTO_BUF struct buf back = BUF_INIT(64 * KiB);
    struct json_writer w = JSON_WRITER(&json);
    assert(strlen(text) < room);
    for (const char *p = text; *p; p++)
        assert((unsigned char)*p >= 0x20 && *p != 0x7f);
    json_str(&w, str_from(text));
    assert(json_done(&w) == 0 && json_check(buf_str(&json), NULL) == 0);
    assert(json_unescape(str_slice(buf_str(&json), 1, json.len - 1), &back) == 0);
    assert(str_eq(buf_str(&back), str_from(text)));
}

static void check_same(const struct wire_failure *a, const struct wire_failure *b)
{
    assert(a->fault == b->fault && a->retry_after_ms == b->retry_after_ms);
    assert(str_eq(str_from(a->message), str_from(b->message)) && str_eq(str_from(a->code), str_from(b->code)));
}

/* Our own error with the vendor's words in it means the same failure as long as the words decide. */
static void check_rewritten(const struct wire_failure *got)
{
    AUTO_BUF struct buf body = BUF_INIT(64 * KiB);
    struct wire_failure again;
    assert(error_write(&body, 400, str_from(got->message), NULL, NULL, got->code[0] ? got->code : NULL) == 0);
    assert(json_check(buf_str(&body), NULL) == 0);
    failure_read(400, buf_str(&body), &again);
    assert(str_eq(str_trim(str_from(again.message)), str_trim(str_from(got->message))) ||
           str_trim(str_from(got->message)).len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {0, 200, 400, 401, 402, 403, 404, 413, 422, 429, 498, 500, 502, 503, 529};
    static const char *const names[] = {"retry-after", "retry-after-ms", "x-ratelimit-reset",
                                        "x-ratelimit-reset-tokens"};
    struct wire_failure got, again;
    if (size == 0)
        return 0;
    int status = statuses[data[0] % COUNT_OF(statuses)];
    struct str body = str_of(data + 1, size - 1);
    failure_read(status, body, &got);
    assert(got.fault <= FAULT_PARAMETER && got.retry_after_ms >= -1);
    assert(status != 402 || got.fault == FAULT_QUOTA || got.fault == FAULT_CONTEXT);
    check_text(got.message, sizeof got.message);
    check_text(got.code, sizeof got.code);
    failure_read(status, str_slice(body, 0, 64 * KiB), &again);
    check_same(&got, &again);
    check_rewritten(&got);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert(retry_after_read(str_from(names[i]), body, 1790000000000) >= -1);
    return 0;
}
