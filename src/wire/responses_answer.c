/* responses_answer.c: reads an upstream's whole answer in the Responses dialect, and the pieces that its streams share with it:
 * output items, the reason why it ended. */
#include "wire/responses_priv.h"
#include "wire/answer_priv.h"

/* --- items ------------------------------------------------------------------------------------------------------------------------ */

static bool text_add(struct chat_answer *a, enum part_kind kind, struct str text, struct str id)
{
    if (!text.len)
        return true;
    struct part *p = chat_answer_add(a, kind);
    if (!p)
        return false;
    p->text = text;
    p->id = id;
    return true;
}

static bool message_add(struct chat_answer *a, const struct json_node *item)
{
    const struct json_node *content = json_get(item, "content");
    bool fine = true;
    if (content && content->type == JSON_STRING)
        return text_add(a, PART_TEXT, content->text, STR_NONE);
    for (const struct json_node *n = content ? content->child : NULL; n && fine; n = n->next) {
        bool refusal = str_eq(json_get_text(n, "type"), STR("refusal"));
        fine = text_add(a, refusal ? PART_REFUSAL : PART_TEXT, json_get_text(n, refusal ? "refusal" : "text"), STR_NONE);
    }
    return fine;
}

static bool thoughts_add(struct chat_answer *a, const struct json_node *item, const char *key)
{
    const struct json_node *list = json_get(item, key);
    bool fine = true;
    for (const struct json_node *n = list ? list->child : NULL; n && fine; n = n->next)
        fine = text_add(a, PART_REASONING, json_get_text(n, "text"), json_get_text(item, "id"));
    return fine;
}

static bool call_add(struct chat_answer *a, const struct json_node *item, bool custom)
{
    const struct json_node *arguments = json_get(item, custom ? "input" : "arguments");
    struct part *p = chat_answer_add(a, PART_CALL);
    if (!p)
        return false;
    p->id = json_get_text(item, "call_id");
    if (!p->id.len) /* small servers know one id only */
        p->id = json_get_text(item, "id");
    p->name = json_get_text(item, "name");
    p->space = json_get_text(item, "namespace");
    p->custom = custom;
    if (p->space.len && !(p->name = tool_name_join(p->space, p->name, a->arena)).ptr)
        return false;
    if (arguments && (arguments->type == JSON_STRING || arguments->type == JSON_OBJECT))
        p->arguments = arguments->text;
    return true;
}

bool responses_item_read(struct chat_answer *a, const struct json_node *item)
{
    struct str type = json_get_text(item, "type");
    if (str_eq(type, STR("message")))
        return message_add(a, item);
    if (str_eq(type, STR("function_call")) || str_eq(type, STR("custom_tool_call")))
        return call_add(a, item, type.ptr[0] == 'c');
    if (str_eq(type, STR("reasoning")))
        return thoughts_add(a, item, "summary") && thoughts_add(a, item, "content") &&
               text_add(a, PART_HIDDEN, json_get_text(item, "encrypted_content"), json_get_text(item, "id"));
    struct part *p = chat_answer_add(a, PART_OPAQUE);
    if (!p)
        return false;
    p->name = type;
    p->detail = RESPONSES_ITEM;
    p->raw = item->text;
    return true;
}

/* --- the answer ---------------------------------------------------------------------------------------------------------------------- */

enum finish responses_finish(struct str status, struct str reason, bool has_calls)
{
    if (str_eq(status, STR("incomplete"))) {
        if (str_eq(reason, STR("content_filter")))
            return FINISH_FILTER;
        return str_eq(reason, STR("max_output_tokens")) ? FINISH_LENGTH : FINISH_INTERRUPTED;
    }
    if (str_eq(status, STR("cancelled")) || str_eq(status, STR("failed")))
        return FINISH_INTERRUPTED;
    if (str_eq(status, STR("queued")) || str_eq(status, STR("in_progress")))
        return FINISH_NONE; /* it works in the background, which nobody asked for */
    return has_calls ? FINISH_TOOLS : FINISH_STOP;
}

static int64_t seconds_of(const struct json_node *n)
{
    int64_t whole;
    double d;
    if (!n || n->type != JSON_NUMBER)
        return 0;
    if (json_to_i64(n->text, &whole))
        return whole > 0 ? whole : 0;
    return json_to_double(n->text, &d) && d > 0 && d < 1e12 ? (int64_t)d : 0; /* vLLM counts fractions */
}

static bool has_calls(const struct chat_answer *a)
{
    for (const struct part *p = a->part; p; p = p->next)
        if (p->kind == PART_CALL)
            return true;
    return false;
}

static int id_of_calls(struct chat_answer *a)
{
    int i = 0;
    for (struct part *p = a->part; p; p = p->next)
        if (p->kind == PART_CALL && ++i && !p->id.len) {
            p->id = str_from(arena_format(a->arena, "call_%08x%04d", (unsigned)str_hash(a->id), i - 1));
            if (!p->id.ptr)
                return ERR_NOMEM;
        }
    return 0;
}

int responses_answer_read(struct chat_answer *a, enum wire_op op, struct str body, struct err *e)
{
    struct json_node *root;
    int rc = json_parse(a->arena, body, &root, e);
    (void)op;
    if (rc)
        return rc;
    const struct json_node *error = json_get(root, "error"), *output = json_get(root, "output");
    bool failed = (error && error->type != JSON_NULL) || str_eq(json_get_text(root, "status"), STR("failed"));
    bool whole = output && output->type == JSON_ARRAY;
    if (root->type != JSON_OBJECT || (!whole && !failed))
        return err_set(e, ERR_SYNTAX, "the answer is no response object: it has neither output nor error");
    a->id = json_get_text(root, "id");
    a->model = json_get_text(root, "model");
    a->created_s = seconds_of(json_get(root, "created_at"));
    a->has_error = failed;
    a->choice_count = whole;
    for (const struct json_node *n = whole ? output->child : NULL; n; n = n->next)
        if (n->type == JSON_OBJECT && !responses_item_read(a, n))
            return err_set(e, ERR_NOMEM, "out of memory while reading the answer");
    if (id_of_calls(a))
        return err_set(e, ERR_NOMEM, "out of memory while reading the answer");
    a->finish = responses_finish(json_get_text(root, "status"), json_get_text(json_get(root, "incomplete_details"), "reason"),
                                 has_calls(a));
    const struct json_node *usage = json_get(root, "usage");
    if (usage && usage->type == JSON_OBJECT) {
        struct json_scan s;
        json_scan_init(&s, usage->text);
        a->has_usage = answer_usage_read_responses(&s, &a->usage);
    }
    return 0;
}
