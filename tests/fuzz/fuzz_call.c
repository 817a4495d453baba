/* fuzz_call.c: any bytes as a request. What is accepted is valid JSON with one model in it, and its rewrite is the same
 * document but for the model, the question for usage, the defaults, and what is said to Hearth alone. */
#include "base/json.h"
#include "wire/wire.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_member defaults[] = {
    {STR("max_tokens"), STR("800")}, {STR("top_p"), STR("0.5")}, {STR("own"), STR("[]")}};
static const struct call_rewrite asks = {
    .model = STR("up/stream"), .ask_usage = true, .defaults = defaults, .default_count = COUNT_OF(defaults)};

/* Every member of the original but those that may change is there, in the same order and with the same bytes. */
static void same_but_for_edits(struct str before, struct str after)
{
    struct json_scan a, b;
    struct str key_a, key_b, raw_a, raw_b;

    json_scan_init(&a, before);
    json_scan_init(&b, after);
    bool entered = json_enter(&a) && json_enter(&b);
    assert(entered);
    while (json_member(&a, &key_a)) {
        json_skip(&a, &raw_a);
        if (json_key_is(key_a, STR("hearth"))) /* said to us: it goes no further */
            continue;
        do { /* members that were added stand before those that were there */
            bool found = json_member(&b, &key_b) && json_skip(&b, &raw_b);
            assert(found);
        } while (!str_eq(key_a, key_b));
        if (!json_key_is(key_a, STR("model")) && !json_key_is(key_a, STR("stream_options")))
            assert(str_eq(raw_a, raw_b));
    }
    assert(!json_member(&b, &key_b));
    int rc = json_finish(&b, NULL);
    assert(rc == 0);
}

static void join(const struct call *c, struct arena *a, struct buf *out)
{
    struct str piece[2 * JSON_EDITS_MAX + 1];
    int n = call_write(c, &asks, a, piece);

    assert(n > 0 && (size_t)n <= COUNT_OF(piece));
    for (int i = 0; i < n; i++) {
        int rc = buf_append(out, piece[i]);
        assert(rc == 0 && piece[i].len > 0);
    }
}

static void check_rewrite(const struct call *c, struct arena *a)
{
    AUTO_BUF struct buf b = BUF_INIT(c->body.len + 1000), twice = BUF_INIT(c->body.len + 1000);
    struct call again;

    join(c, a, &b);
    int rc = call_read(&again, c->op, buf_str(&b), a, NULL);
    assert(rc == 0);
    assert(str_eq(again.model, asks.model));
    assert(again.stream == c->stream && (!c->stream || again.wants_usage));
    assert(again.needs == c->needs && again.format == c->format && again.choices == c->choices);
    assert(str_eq(again.lead, c->lead) && str_eq(again.tools, c->tools)); /* the same conversation for whoever asks next */
    assert(again.text_bytes == c->text_bytes && again.tokens_estimated == c->tokens_estimated);
    bool limited = call_has_member(&again, STR("max_tokens")) || call_has_member(&again, STR("max_completion_tokens"));
    bool was_limited = call_has_member(c, STR("max_tokens")) || call_has_member(c, STR("max_completion_tokens"));
    bool text = c->op != WIRE_EMBEDDINGS; /* embeddings know neither of these */
    assert(limited == (text || was_limited));
    assert(call_has_member(&again, STR("top_p")) == (text || call_has_member(c, STR("top_p"))));
    assert(call_has_member(&again, STR("own")) && !call_has_member(&again, STR("hearth")) && again.hearth.len == 0);
    same_but_for_edits(c->body, buf_str(&b));

    join(&again, a, &twice); /* nothing is left to change */
    assert(str_eq(buf_str(&b), buf_str(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = str_of(data, size);

    for (enum wire_op op = WIRE_CHAT; op <= WIRE_EMBEDDINGS; op++) {
        struct arena a = ARENA_INIT(16 * MiB);
        struct call c;
        struct err e = {0};
        int rc = call_read(&c, op, body, &a, &e);
        assert(rc == 0 || ((rc == ERR_SYNTAX || rc == ERR_INVALID) && e.text[0]));
        assert(rc != ERR_SYNTAX || json_check(body, NULL) == ERR_SYNTAX);
        if (rc == 0) {
            assert(json_check(body, NULL) == 0);
            assert(c.model.len > 0 && c.text_bytes >= 0 && c.tokens_estimated >= 0 && c.max_tokens >= -1 &&
                   c.choices >= 1);
            assert(c.body.ptr[c.model_offset] == '"' && c.body.ptr[c.model_offset + c.model_len - 1] == '"');
            assert(c.body.ptr[c.insert_offset - 1] == '{');
            check_rewrite(&c, &a);
        }
        arena_fini(&a);
    }
    return 0;
}
