/* openai_write_result.c: what tools said, as tool messages for an upstream that speaks OpenAI's dialect: one for each call, in
 * the calls' order, which is what OpenAI enforces. */
#include "wire/openai_parts_priv.h"
#include <stdlib.h>

struct result {
    const struct part *part;
    size_t order;
    bool taken;
};
struct results {
    struct result *at; /* by id, then as they came */
    size_t count;
};

static int compare_results(const void *a, const void *b)
{
    const struct result *x = a, *y = b;
    int by_id = str_compare(x->part->id, y->part->id);
    return by_id ? by_id : x->order < y->order ? -1 : x->order > y->order;
}

static bool results_sort(struct openai_writer *o, const struct openai_run *run, struct results *out)
{
    size_t count = 0;

    EACH_PART (p, *run)
        count += p->kind == PART_RESULT;
    *out = (struct results){.at = arena_new_array(o->to->arena, struct result, count ? count : 1)};
    if (!out->at) {
        openai_no_memory(o);
        return false;
    }
    EACH_PART (p, *run)
        if (p->kind == PART_RESULT) {
            out->at[out->count] = (struct result){p, out->count, false};
            out->count++;
        }
    qsort(out->at, out->count, sizeof(*out->at), compare_results);
    return true;
}

/* The first result of that call that was not taken. */
static struct result *result_of(const struct results *r, struct str id)
{
    size_t low = 0, high = r->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct result *m = &r->at[middle];
        int order = str_compare(m->part->id, id);
        if (order < 0 || (order == 0 && m->taken))
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->count && str_eq(r->at[low].part->id, id) ? &r->at[low] : NULL;
}

static bool has_more_than_text(const struct part *result)
{
    for (const struct part *p = result->content; p; p = p->next)
        if (p->kind != PART_TEXT)
            return true;
    return false;
}

/* What is no text cannot ride in a tool message: it follows in a message of the user. */
static void aside_add(struct openai_writer *o, struct openai_parts *aside, const struct part *result, struct str tool)
{
    bool said = false;

    for (const struct part *p = result->content; p && !o->rc; p = p->next) {
        if (p->kind == PART_TEXT || !openai_can(o, p))
            continue;
        if (!said)
            openai_parts_add_text(o, aside, arena_format(o->to->arena, "%s output of tool %.*s:", p->kind == PART_IMAGE ? "Image" : "File",
                                                  STR_FMT(tool)));
        said = true;
        if (!o->rc)
            openai_parts_add(aside, p);
    }
}

static struct str result_text(struct openai_writer *o, const struct part *result)
{
    struct str text = chat_join_text(result->content, STR("\n"), o->to->arena);
    if (!text.ptr)
        openai_no_memory(o);
    if (text.len == 0 && has_more_than_text(result))
        return STR("(what it gave follows)");
    return text;
}

static void tool_message(struct openai_writer *o, struct str id, bool failed, struct str text)
{
    struct str pieces[] = {failed && !str_starts_fold(text, STR("error")) ? STR("Error: ") : STR_NONE, text};

    json_object_begin(&o->json);
    openai_pair(o, "role", STR("tool"));
    openai_pair(o, "tool_call_id", id);
    json_key(&o->json, "content");
    json_str_pieces(&o->json, pieces, COUNT_OF(pieces));
    json_object_end(&o->json);
}

/* One tool message per call, in the order of the calls: a call without one, and one without a call, are both refused. */
static void answered_write(struct openai_writer *o, const struct openai_run *calls, const struct results *results, struct openai_parts *aside)
{
    EACH_PART (call, *calls) {
        if (call->kind != PART_CALL || o->rc)
            continue;
        struct result *r = result_of(results, call->id);
        if (!r) {
            tool_message(o, call->id, true, STR("no result of this call was kept"));
            continue;
        }
        r->taken = true;
        if (r->part->cache.len && !openai_has(o, TRAIT_CACHE_MARKS))
            openai_cannot(o, "cache_control");
        tool_message(o, call->id, r->part->failed, result_text(o, r->part));
        aside_add(o, aside, r->part, call->name);
    }
}

static void orphans_add(struct openai_writer *o, const struct results *results, struct openai_parts *aside)
{
    for (size_t i = 0; i < results->count && !o->rc; i++) {
        const struct part *p = results->at[i].part;
        if (results->at[i].taken)
            continue;
        struct str text = result_text(o, p);
        openai_parts_add_text(o, aside, arena_format(o->to->arena, "Output of a tool call that is not part of this conversation:\n%.*s",
                                              STR_FMT(text)));
        aside_add(o, aside, p, p->name.len ? p->name : p->id);
    }
}

size_t openai_results_aside(const struct openai_run *run)
{
    size_t count = 0;
    EACH_PART (p, *run)
        if (p->kind == PART_RESULT) {
            count += 2;
            for (const struct part *c = p->content; c; c = c->next)
                count++;
        }
    return count;
}

size_t openai_results_write(struct openai_writer *o, const struct openai_run *calls, const struct openai_run *run,
                            struct openai_parts *aside)
{
    struct results results;

    if (!results_sort(o, run, &results))
        return 0;
    answered_write(o, calls, &results, aside);
    orphans_add(o, &results, aside);
    return results.count;
}
