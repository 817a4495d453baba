/* openai_write_assistant.c: the turns of the assistant for an upstream that speaks OpenAI's dialect: text, thinking by the name
 * that the vendor reads, calls. */
#include "wire/openai_parts_priv.h"

static void tool_call_write(struct openai_writer *o, const struct part *p, bool first)
{
    bool own = p->custom && openai_has(o, TRAIT_OWN_FORMS), wrapped = p->custom && !own;
    const char *type = own ? "custom" : "function";

    json_object_begin(&o->json);
    openai_pair(o, "id", p->id);
    openai_pair(o, "type", str_from(type));
    json_key(&o->json, type);
    json_object_begin(&o->json);
    openai_tool_name_write(o, p->name);
    if (wrapped) {
        struct str text = tool_input_object(p->arguments, o->to->arena);
        if (!text.ptr)
            openai_no_memory(o);
        openai_pair(o, "arguments", text);
    } else {
        openai_pair(o, own ? "input" : "arguments", p->arguments.len || own ? p->arguments : STR("{}"));
    }
    json_object_end(&o->json);
    if (p->raw.len && o->chat->from == DIALECT_OPENAI) {
        json_key(&o->json, "extra_content");
        json_raw(&o->json, p->raw);
    } else if (openai_has(o, TRAIT_SIGNED_CALLS)) {
        struct keepsake kept;
        bool signed_once = openai_recall(o->to, p, &kept) && kept.extra.len;
        if (signed_once || first) {
            json_key(&o->json, "extra_content");
            json_raw(&o->json, signed_once ? kept.extra : STR(OPENAI_UNSIGNED));
        }
    }
    json_object_end(&o->json);
}

static void detail_write(struct openai_writer *o, const struct part *p)
{
    if (p->raw.len && o->chat->from == DIALECT_OPENAI) {
        json_raw(&o->json, p->raw);
    } else if (p->kind == PART_HIDDEN) {
        openai_hidden_write(&o->json, p->text, STR_NONE);
    } else {
        json_object_begin(&o->json);
        openai_pair(o, "type", STR("reasoning.text"));
        openai_pair(o, "text", p->text);
        if (p->signature.len) {
            openai_pair(o, "signature", p->signature);
            openai_pair(o, "format", STR("anthropic-claude-v1"));
        }
        json_object_end(&o->json);
    }
}

static bool is_detail(const struct openai_writer *o, const struct part *p)
{
    bool own = p->kind == PART_OPAQUE && o->chat->from == DIALECT_OPENAI && str_eq(p->name, STR("reasoning_details"));
    bool responses = p->kind == PART_HIDDEN && p->id.len; /* of an account at OpenAI that is not OpenRouter's */
    return p->kind == PART_REASONING || (p->kind == PART_HIDDEN && !responses) || own;
}

/* OpenRouter: whatever has a seal goes back with it. */
static void details_write(struct openai_writer *o, const struct openai_run *run)
{
    size_t count = 0;

    EACH_PART (p, *run) {
        count += is_detail(o, p);
        if (p->kind == PART_HIDDEN && !is_detail(o, p))
            openai_cannot(o, "messages.reasoning");
    }
    if (count == 0)
        return;
    json_key(&o->json, "reasoning_details");
    json_array_begin(&o->json);
    EACH_PART (p, *run)
        if (is_detail(o, p))
            detail_write(o, p);
    json_array_end(&o->json);
}

/* What the upstream itself had said before a call of this turn, to the byte: better than what its client could hold of it. */
static bool kept_details_write(struct openai_writer *o, const struct openai_run *run)
{
    struct keepsake kept;

    EACH_PART (p, *run) {
        if (p->kind != PART_CALL || !openai_recall(o->to, p, &kept) || !kept.details.len)
            continue;
        json_key(&o->json, "reasoning_details");
        json_raw(&o->json, kept.details);
        return true;
    }
    return false;
}

static void thinking_write(struct openai_writer *o, const struct openai_run *run, size_t calls)
{
    const char *name = o->accent->thinking;
    size_t readable = 0, hidden = 0, sealed = 0, count = 0;

    EACH_PART (p, *run) {
        sealed += p->kind == PART_REASONING && p->signature.len;
        readable += p->kind == PART_REASONING && p->text.len; /* newer Claude models show a seal and no words */
        hidden += p->kind == PART_HIDDEN || (p->kind == PART_OPAQUE && str_eq(p->name, STR("reasoning_details")));
    }
    bool must = calls && openai_has(o, TRAIT_REASONING_BACK), detailed = name && str_eq(str_from(name), STR("reasoning_details"));
    if (detailed && calls && kept_details_write(o, run))
        return;
    if (readable + hidden == 0 && !must && !sealed)
        return;
    if (detailed) {
        details_write(o, run);
        return;
    }
    if (hidden || (readable && !name))
        openai_cannot(o, "messages.reasoning");
    if (!name || (!readable && !must))
        return;
    struct str *piece = arena_new_array(o->to->arena, struct str, readable + 1);
    if (!piece) {
        openai_no_memory(o);
        return;
    }
    EACH_PART (p, *run)
        if (p->kind == PART_REASONING && p->text.len)
            piece[count++] = p->text;
    struct keepsake kept;
    EACH_PART (p, *run)
        if (count == 0 && p->kind == PART_CALL && openai_recall(o->to, p, &kept) && kept.thought.len)
            piece[count++] = kept.thought;
    json_key(&o->json, name);
    json_str_pieces(&o->json, piece, count);
}

/* What is said aloud; OpenAI has its own place for refusals, elsewhere they are text. */
static bool is_said(struct openai_writer *o, const struct part *p)
{
    if (p->kind == PART_TEXT)
        return true;
    if (p->kind == PART_REFUSAL)
        return !openai_has(o, TRAIT_OWN_FORMS);
    if (p->kind != PART_OPAQUE || str_eq(p->name, STR("audio")) || str_eq(p->name, STR("reasoning_details")))
        return false;
    return openai_can(o, p);
}

static void own_forms_write(struct openai_writer *o, const struct openai_run *run)
{
    EACH_PART (p, *run) {
        if (p->kind == PART_REFUSAL && openai_has(o, TRAIT_OWN_FORMS)) {
            openai_pair(o, "refusal", p->text);
            break; /* a message has one */
        }
    }
    EACH_PART (p, *run) {
        if (p->kind != PART_OPAQUE || !str_eq(p->name, STR("audio")))
            continue;
        if (o->chat->from == DIALECT_OPENAI && openai_has(o, TRAIT_OWN_FORMS)) {
            json_key(&o->json, "audio");
            json_raw(&o->json, p->raw);
        } else {
            openai_cannot(o, "audio");
        }
        break;
    }
}

/* In these dialects a last message of the assistant is the beginning of the answer. */
static void prefill_write(struct openai_writer *o)
{
    if (o->chat->from != DIALECT_ANTHROPIC && o->chat->from != DIALECT_OLLAMA)
        return;
    if (openai_has(o, TRAIT_ANEW))
        openai_cannot(o, "prefill");
    if (!openai_has(o, TRAIT_PARTIAL))
        return;
    json_key(&o->json, "partial");
    json_bool(&o->json, true);
}

static void assistant_write(struct openai_writer *o, const struct openai_run *run)
{
    struct openai_parts list;
    size_t count = 0, calls = 0;

    EACH_PART (p, *run) {
        count++;
        calls += p->kind == PART_CALL;
    }
    if (!openai_parts_init(o, &list, count))
        return;
    EACH_PART (p, *run)
        if (is_said(o, p)) {
            if (p->cache.len && !openai_has(o, TRAIT_CACHE_MARKS))
                openai_cannot(o, "cache_control");
            openai_parts_add(&list, p);
        }
    openai_message_begin(o, "assistant", run->from->name);
    if (list.count || !calls || !openai_has(o, TRAIT_NULL_CONTENT)) {
        openai_content_write(o, &list, STR(""));
    } else {
        json_key(&o->json, "content");
        json_null(&o->json);
    }
    own_forms_write(o, run);
    thinking_write(o, run, calls);
    if (calls) {
        json_key(&o->json, "tool_calls");
        json_array_begin(&o->json);
        bool first = true;
        EACH_PART (p, *run)
            if (p->kind == PART_CALL) {
                tool_call_write(o, p, first);
                first = false;
            }
        json_array_end(&o->json);
    } else if (!run->to && list.count) {
        prefill_write(o);
    }
    json_object_end(&o->json);
}

static bool has_calls(const struct openai_run *run)
{
    EACH_PART (p, *run)
        if (p->kind == PART_CALL)
            return true;
    return false;
}

/* Neighbours stay apart, unless a template could not take that or calls would lose sight of their results. */
void openai_assistants_write(struct openai_writer *o, const struct openai_run *run)
{
    if (openai_has(o, TRAIT_PLAIN_TEMPLATE) || has_calls(run)) {
        assistant_write(o, run);
        return;
    }
    for (const struct message *m = run->from; m != run->to && !o->rc; m = m->next)
        assistant_write(o, &(struct openai_run){m, m->next, m->role});
}
