/* claude_log.c: one line of Claude Code's logs; see claude_log.h. */
#include "wire/claude_log.h"
#include "base/json.h"
#include "wire/plan_signal.h"

/* A count of tokens; absent is none. False when it is absurd. */
static bool tokens(const struct json_node *usage, const char *key, int64_t *out)
{
    const int64_t most = 1000000000; /* no call has a milliard */
    *out = 0;
    return !json_get(usage, key) || (json_get_i64(usage, key, out) && *out >= 0 && *out <= most);
}

/* The vendor counts fresh, cached and written input apart; ours is the sum, of which the others are parts. */
static bool read_usage(const struct json_node *n, struct usage *out)
{
    int64_t fresh, output, cached, written;
    if (!n || n->type != JSON_OBJECT || !tokens(n, "input_tokens", &fresh) || !tokens(n, "output_tokens", &output) ||
        !tokens(n, "cache_read_input_tokens", &cached) || !tokens(n, "cache_creation_input_tokens", &written))
        return false;
    *out = (struct usage){.input = fresh + cached + written, .cached = cached, .cache_write = written, .output = output, .cost_nusd = -1};
    return out->input || out->output;
}

static uint64_t id_of(struct str message, struct str request)
{
    if (!message.len)
        return 0;
    uint64_t id = str_hash(message) * 31 + str_hash(request);
    return id ? id : 1;
}

bool claude_log_read(struct str line, struct arena *a, struct claude_log_entry *out)
{
    struct json_node *root = NULL;
    struct claude_log_entry got;
    if (str_find(line, STR("\"usage\"")) < 0 || json_parse(a, line, &root, NULL) < 0)
        return false;
    const struct json_node *message = json_get(root, "message");
    if (!read_usage(json_get(message, "usage"), &got.usage) || !plan_read_iso(json_get_text(root, "timestamp"), &got.wall_ms))
        return false;
    got.model = json_get_text(message, "model");
    got.id = id_of(json_get_text(message, "id"), json_get_text(root, "requestId"));
    if (!got.model.len)
        return false;
    *out = got;
    return true;
}
