/* sim_answer.c: what is said, whole answers of chat and completions, and usage figures computed from the request: about
 * four bytes make a token. */
#include "base/mem.h"
#include "sim/sim_priv.h"

enum { BYTES_PER_TOKEN = 4 };

static int64_t tokens_of(size_t bytes)
{
    return ((int64_t)bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
}

/* --- what is said ------------------------------------------------------------------------------------------------- */

/* Without `bytes` a token is a word; with it, it is that many bytes of an endless text. */
int sim_tokens(const struct sim_step *s, int64_t i, int64_t count, struct buf *out)
{
    static const char *const words[] = {"the ", "quick ", "brown ", "fox ", "jumps ", "over ", "the ", "lazy ", "dog "};
    static const char text[] = "the quick brown fox jumps over the lazy dog ";
    size_t bytes = (size_t)s->bytes;
    for (int rc = 0; count > 0; count--, i++) {
        if (bytes == 0)
            rc = buf_append_text(out, words[(size_t)i % COUNT_OF(words)]);
        for (size_t left = bytes, at = (size_t)i * bytes; left && rc == 0;) {
            size_t from = at % (sizeof text - 1), n = sizeof text - 1 - from < left ? sizeof text - 1 - from : left;
            rc = buf_append(out, str_of(text + from, n));
            at += n;
            left -= n;
        }
        if (rc)
            return rc;
    }
    return 0;
}

static int compose(struct sim_answer *a, const struct sim_facts *f)
{
    const struct sim_step *s = a->step;
    if (s->tokens || s->refusal.ptr || (s->tool_name.ptr && !s->text.ptr))
        return 0;
    if (s->act == ACT_ECHO)
        return json_unescape(f->last_user, &a->text);
    if (s->text.ptr)
        return buf_append(&a->text, s->text);
    return buf_append_format(
        &a->text, f->wants_json ? "{\"answer\": \"Hello from %s.\"}" : "Hello from %s, how can I help you today?",
        a->flavour->name);
}

static void count(struct sim_answer *a, const struct sim_facts *f)
{
    const struct sim_step *s = a->step;
    int64_t said =
        s->tokens ? s->tokens : tokens_of(a->text.len + s->refusal.len + s->tool_name.len + s->tool_json.len);
    a->usage.input =
        s->usage_in >= 0 ? s->usage_in : tokens_of((size_t)f->text_bytes) + 3; /* the template's own tokens */
    a->usage.reasoning = tokens_of(a->reasoning.len);
    a->usage.output = s->usage_out >= 0              ? s->usage_out
                      : a->endpoint == EP_EMBEDDINGS || f->bare_vectors || a->endpoint == EP_RERANK ? 0
                                                     : said * a->choices + a->usage.reasoning;
    a->usage.cached = s->cached < a->usage.input ? s->cached : a->usage.input;
}

int sim_answer_init(struct sim_answer *a, const struct sim_facts *f)
{
    a->text = BUF_INIT(SIM_BODY_MAX);
    a->model = BUF_INIT(64 * KiB);
    a->choices = a->face ? 1 : f->choices;
    a->include_usage = f->include_usage;
    a->seconds = f->file_bytes / 1000;
    a->seals = f->seals;
    bool thinks = (a->flavour->habits & HABIT_THINKS) && !f->no_thinking && !f->wants_json;
    a->reasoning = a->step->reasoning.ptr         ? a->step->reasoning
                   : thinks && !a->step->text.ptr ? STR("They greet me. I greet them.")
                                                  : STR_NONE;
    int rc = json_unescape(f->model, &a->model);
    if (rc == 0)
        rc = compose(a, f);
    count(a, f);
    return rc;
}

void sim_answer_fini(struct sim_answer *a)
{
    buf_fini(&a->text);
    buf_fini(&a->model);
}

const char *sim_finish(const struct sim_answer *a)
{
    return a->step->tool_name.ptr ? "tool_calls" : "stop";
}

/* --- usage -------------------------------------------------------------------------------------------------------- */

static void write_number(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_i64(w, n);
}

static void write_details(const struct sim_answer *a, struct json_writer *w)
{
    unsigned habits = a->flavour->habits;
    if (habits & (HABIT_DETAILS | HABIT_CACHED_ON_TOP)) {
        json_key(w, "prompt_tokens_details");
        json_object_begin(w);
        write_number(w, "cached_tokens", a->usage.cached);
        json_object_end(w);
    }
    if ((habits & HABIT_DETAILS) && a->endpoint == EP_CHAT) {
        json_key(w, "completion_tokens_details");
        json_object_begin(w);
        write_number(w, "reasoning_tokens", a->usage.reasoning);
        json_object_end(w);
    }
}

/* Nano-dollars of a price that never changes: 0.5 and 2 USD per million tokens. */
static int64_t cost_nusd(const struct sim_answer *a)
{
    return a->usage.input * 500 + a->usage.output * 2000;
}

void sim_usage_write(const struct sim_answer *a, struct json_writer *w)
{
    unsigned habits = a->flavour->habits;
    json_object_begin(w);
    write_number(w, "prompt_tokens", a->usage.input);
    if (a->endpoint != EP_EMBEDDINGS)
        write_number(w, "completion_tokens", a->usage.output);
    write_number(w, "total_tokens", a->usage.input + a->usage.output);
    if (a->endpoint != EP_EMBEDDINGS) {
        write_details(a, w);
        if (habits & HABIT_CACHE_HIT_MISS) {
            write_number(w, "prompt_cache_hit_tokens", a->usage.cached);
            write_number(w, "prompt_cache_miss_tokens", a->usage.input - a->usage.cached);
        }
        if (habits & HABIT_CACHED_ON_TOP)
            write_number(w, "cached_tokens", a->usage.cached);
        if (habits & HABIT_X_GROQ) {
            json_key(w, "queue_time");
            json_raw(w, STR("0.018,\"prompt_time\":0.004,\"completion_time\":0.091,\"total_time\":0.095"));
        }
        if (habits & HABIT_PROVIDER) {
            char text[32];
            AUTO_BUF struct buf cost = BUF_INIT(sizeof text);
            json_key(w, "cost");
            if (buf_append_scaled(&cost, cost_nusd(a), 9) == 0)
                json_raw(w, buf_str(&cost));
            else
                json_null(w);
            json_key(w, "is_byok");
            json_bool(w, false);
        }
    }
    json_object_end(w);
}

/* --- chat and completions ----------------------------------------------------------------------------------------- */

/* Opens the object and writes what all answers and chunks of one call have in common. */
void sim_id_write(const struct sim_answer *a, struct json_writer *w, const char *object)
{
    char id[64];
    const char *prefix = a->endpoint == EP_COMPLETIONS         ? "cmpl-"
                         : a->flavour->habits & HABIT_PROVIDER ? "gen-"
                                                               : "chatcmpl-";
    (void)text_format(id, sizeof id, "%s%lld%08llx", prefix, (long long)a->created, (unsigned long long)a->serial);
    json_object_begin(w);
    json_key(w, "id");
    json_text(w, id);
    json_key(w, "object");
    json_text(w, object);
    write_number(w, "created", a->created);
    json_key(w, "model");
    json_str(w, buf_str(&a->model));
    if (a->flavour->habits & HABIT_PROVIDER) {
        json_key(w, "provider");
        json_text(w, "Simulated");
    }
    if (a->flavour->habits & HABIT_FINGERPRINT) {
        json_key(w, "system_fingerprint");
        json_text(w, a->flavour->habits & HABIT_OLLAMA ? "fp_ollama" : "fp_simulated");
    }
}

/* Another one for other arguments, so that a mixed-up one would be seen. */
void sim_signature_write(const struct sim_answer *a, struct json_writer *w)
{
    char text[32];
    size_t len = text_format(text, sizeof text, "sig_%016llx", (unsigned long long)str_hash(a->step->tool_json));
    if (!(a->flavour->habits & HABIT_SIGNED_CALLS) || a->face)
        return;
    json_key(w, "extra_content");
    json_object_begin(w);
    json_key(w, "google");
    json_object_begin(w);
    json_key(w, "thought_signature");
    json_str(w, str_of(text, len));
    json_object_end(w);
    json_object_end(w);
}

static void write_tool(const struct sim_answer *a, struct json_writer *w)
{
    json_key(w, "tool_calls");
    json_array_begin(w);
    json_object_begin(w);
    if (a->flavour->habits & HABIT_CACHE_HIT_MISS)
        write_number(w, "index", 0);
    json_key(w, "id");
    json_text(w, "call_simulated1");
    json_key(w, "type");
    json_text(w, "function");
    json_key(w, "function");
    json_object_begin(w);
    json_key(w, "name");
    json_str(w, a->step->tool_name);
    json_key(w, "arguments");
    json_str(w, a->step->tool_json);
    json_object_end(w);
    sim_signature_write(a, w);
    json_object_end(w);
    json_array_end(w);
}

static int write_message(struct sim_answer *a, struct json_writer *w)
{
    const struct sim_step *s = a->step;
    if (s->tokens && a->text.len == 0) {
        int rc = sim_tokens(s, 0, s->tokens, &a->text);
        if (rc)
            return rc;
    }
    json_key(w, "message");
    json_object_begin(w);
    json_key(w, "role");
    json_text(w, "assistant");
    json_key(w, "content");
    if (a->text.len || (!s->tool_name.ptr && !s->refusal.ptr))
        json_str(w, buf_str(&a->text));
    else
        json_null(w);
    if (a->reasoning.len && a->flavour->reasoning) {
        json_key(w, a->flavour->reasoning);
        json_str(w, a->reasoning);
    }
    if (s->refusal.ptr) {
        json_key(w, "refusal");
        json_str(w, s->refusal);
    }
    if (s->tool_name.ptr)
        write_tool(a, w);
    json_object_end(w);
    return 0;
}

static int write_choice(struct sim_answer *a, struct json_writer *w, int64_t index)
{
    int rc = 0;
    json_object_begin(w);
    write_number(w, "index", index);
    if (a->endpoint == EP_CHAT) {
        rc = write_message(a, w);
    } else {
        if (a->step->tokens && a->text.len == 0)
            rc = sim_tokens(a->step, 0, a->step->tokens, &a->text);
        json_key(w, "text");
        json_str(w, buf_str(&a->text));
    }
    json_key(w, "logprobs");
    json_null(w);
    json_key(w, "finish_reason");
    if (a->step->finish.ptr)
        json_str(w, a->step->finish);
    else
        json_text(w, sim_finish(a));
    json_object_end(w);
    return rc;
}

static int write_chat(struct sim_answer *a, struct json_writer *w)
{
    sim_id_write(a, w, a->endpoint == EP_CHAT ? "chat.completion" : "text_completion");
    json_key(w, "choices");
    json_array_begin(w);
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < a->choices && a->step->act != ACT_NO_CHOICES; i++)
        rc = write_choice(a, w, i);
    json_array_end(w);
    if (!a->step->usage_off) {
        json_key(w, "usage");
        sim_usage_write(a, w);
    }
    if (a->flavour->habits & HABIT_X_GROQ) {
        json_key(w, "x_groq");
        json_raw(w, STR("{\"id\":\"req_simulated\",\"seed\":1}"));
    }
    json_object_end(w);
    return rc;
}

int sim_answer_whole(struct sim_answer *a, const struct sim_facts *f, struct str body, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    if (a->endpoint == EP_COUNT_TOKENS)
        return buf_append_format(out, "{\"input_tokens\":%lld}", (long long)a->usage.input);
    if (a->face && a->face->whole)
        return a->face->whole(a, out);
    if (a->endpoint == EP_TRANSCRIBE)
        return sim_transcript_write(a, f, out);
    if (a->endpoint == EP_RERANK)
        return sim_scores_write(a, body, &w);
    int rc = a->endpoint == EP_EMBEDDINGS || f->bare_vectors ? sim_vectors_write(a, f, body, &w) : write_chat(a, &w);
    return rc ? rc : json_done(&w);
}
