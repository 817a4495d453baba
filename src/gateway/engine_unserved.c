/* engine_unserved.c: members of requests that would change the answer and that the engine does not have. One that asks for something is refused
 * by its name; one that asks for nothing (null, false, empty, or the number with which it does nothing) passes, since clients send whole sets
 * of defaults. Members that are in no list here and are not read either (names, tags, hints for caches) change no answer. */
#include "gateway/engine_face_priv.h"

enum { CHAT = 1 << HOST_CHAT, TEXT = 1 << HOST_TEXT, EMBED = 1 << HOST_EMBED };

static const struct unserved {
    const char *name;
    unsigned kinds;
    double nothing; /* the number that asks for nothing */
    bool on;        /* true is what asks for nothing */
    const char *word; /* so is this text; NULL: the empty one alone */
} unserved[] = {
    /* ways to draw */
    {"mirostat", CHAT | TEXT, 0, false, NULL},
    {"typical_p", CHAT | TEXT, 1, false, NULL},
    {"tfs_z", CHAT | TEXT, 1, false, NULL},
    {"top_a", CHAT | TEXT, 0, false, NULL},
    {"top_n_sigma", CHAT | TEXT, -1, false, NULL},
    {"xtc_probability", CHAT | TEXT, 0, false, NULL},
    {"dry_multiplier", CHAT | TEXT, 0, false, NULL},
    {"dynatemp_range", CHAT | TEXT, 0, false, NULL},
    {"use_beam_search", CHAT | TEXT, 0, false, NULL},
    {"length_penalty", CHAT | TEXT, 1, false, NULL},
    {"samplers", CHAT | TEXT, 0, false, NULL},
    {"allowed_token_ids", CHAT | TEXT, 0, false, NULL},
    /* where it ends */
    {"min_tokens", CHAT | TEXT, 0, false, NULL},
    {"n_predict", CHAT | TEXT, -1, false, NULL},
    {"thinking_budget", CHAT | TEXT, -1, false, NULL},
    {"thinking_budget_tokens", CHAT | TEXT, -1, false, NULL},
    {"ignore_eos", CHAT | TEXT, 0, false, NULL},
    {"stop_token_ids", CHAT | TEXT, 0, false, NULL},
    {"bad_words", CHAT | TEXT, 0, false, NULL},
    {"include_stop_str_in_output", CHAT | TEXT, 0, false, NULL},
    {"skip_special_tokens", CHAT | TEXT, 1, true, NULL},
    /* its form, in other servers' words */
    {"grammar", CHAT | TEXT, 0, false, NULL},
    {"json_schema", CHAT | TEXT, 0, false, NULL},
    {"guided_json", CHAT | TEXT, 0, false, NULL},
    {"guided_regex", CHAT | TEXT, 0, false, NULL},
    {"guided_choice", CHAT | TEXT, 0, false, NULL},
    {"guided_grammar", CHAT | TEXT, 0, false, NULL},
    {"structured_outputs", CHAT | TEXT, 0, false, NULL},
    {"verbosity", CHAT | TEXT, 0, false, "medium"},
    {"n_probs", CHAT | TEXT, 0, false, NULL},
    {"include_reasoning", CHAT, 1, true, NULL},
    {"reasoning_format", CHAT, 0, false, "auto"},
    {"audio", CHAT, 0, false, NULL},
    {"web_search_options", CHAT, 0, false, NULL},
    /* the prompt */
    {"chat_template", CHAT, 0, false, NULL},
    {"add_generation_prompt", CHAT, 1, true, NULL},
    {"continue_final_message", CHAT, 0, false, NULL},
    {"documents", CHAT, 0, false, NULL},
    {"prompt", CHAT, 0, false, NULL},
    {"echo", CHAT | TEXT, 0, false, NULL},
    {"suffix", CHAT | TEXT, 0, false, NULL},
    {"messages", TEXT, 0, false, NULL},
    {"tools", TEXT, 0, false, NULL},
    {"prompt_logprobs", CHAT | TEXT, -1, false, NULL},
    {"truncate_prompt_tokens", CHAT | TEXT | EMBED, -1, false, NULL},
    /* embeddings */
    {"truncate", EMBED, 0, false, "NONE"},
    {"input_type", EMBED, 0, false, NULL},
    {"task", EMBED, 0, false, NULL},
    {"prompt_name", EMBED, 0, false, NULL},
    {"instruction", EMBED, 0, false, NULL},
    {"normalize", EMBED, 1, true, NULL},
};

static bool asks_for_nothing(const struct unserved *u, const struct json_node *n)
{
    double d;
    switch (n->type) {
    case JSON_NULL: return true;
    case JSON_TRUE: return u->on;
    case JSON_FALSE: return !u->on;
    case JSON_NUMBER: return json_to_double(n->text, &d) && d == u->nothing;
    case JSON_STRING: return n->text.len == 0 || (u->word && str_eq(n->text, str_from(u->word)));
    case JSON_ARRAY: return n->count == 0;
    default: return false; /* an object, even an empty one, says something */
    }
}

/* A message that the model is to go on with, in the words of those who offer it: here the template closes every message. */
static int check_messages(const struct json_node *o, struct err *e)
{
    static const char *const going_on[] = {"prefix", "partial"};
    const struct json_node *list = json_get(o, "messages");
    for (const struct json_node *m = list && list->type == JSON_ARRAY ? list->child : NULL; m; m = m->next)
        for (size_t i = 0; i < COUNT_OF(going_on); i++) {
            const struct json_node *n = json_get(m, going_on[i]);
            if (n && n->type == JSON_TRUE)
                return err_set(e, ERR_UNSUPPORTED, "`%s` of a message is not served here: the answer is a message of its own", going_on[i]);
        }
    return 0;
}

int engine_unserved_check(const struct json_node *o, enum host_kind kind, struct err *e)
{
    for (size_t i = 0; i < COUNT_OF(unserved); i++) {
        const struct json_node *n = unserved[i].kinds & 1u << kind ? json_get(o, unserved[i].name) : NULL;
        if (n && !asks_for_nothing(&unserved[i], n))
            return err_set(e, ERR_UNSUPPORTED, "`%s` is not served here", unserved[i].name);
    }
    return kind == HOST_CHAT ? check_messages(o, e) : 0;
}
