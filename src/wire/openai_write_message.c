/* openai_write_message.c: the messages of a request for an upstream that speaks OpenAI's dialect.
 *
 * Neighbours of one role are taken together, as a run, because results must follow their calls at once:
 *
 *   assistant: TEXT, CALL a, CALL b        ->  assistant {content, tool_calls [a, b]}
 *   user: RESULT b, TEXT, RESULT a{image}  ->  tool a, tool b, user {"Image output of tool …", image}, user {text}
 *
 * Servers with plain chat templates (TRAIT_PLAIN_TEMPLATE) get one system message and turns that alternate; others get the
 * messages as they are. */
#include "wire/openai_parts_priv.h"

static bool is_system(const struct message *m)
{
    return m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER;
}

static struct openai_run run_of(const struct openai_writer *o, const struct message *m)
{
    struct openai_run run = {m, m->next, m->role};
    bool hoisted = openai_has(o, TRAIT_PLAIN_TEMPLATE);
    while (run.to && (run.to->role == run.role || (hoisted && is_system(run.to))))
        run.to = run.to->next;
    return run;
}

/* --- system -------------------------------------------------------------------------------------------------------- */

/* Claude Code's, for its vendor's books; it changes with each call and would spoil every prompt cache. */
static bool is_bill(const struct openai_writer *o, const struct part *p)
{
    return o->chat->from == DIALECT_ANTHROPIC && p->kind == PART_TEXT && str_starts(p->text, STR("x-anthropic-billing-header"));
}

static void system_add(struct openai_writer *o, struct openai_parts *list, const struct message *m)
{
    for (const struct part *p = m->part; p; p = p->next)
        if (!is_bill(o, p) && openai_can(o, p))
            openai_parts_add(list, p);
}

static size_t count_parts(const struct message *m)
{
    size_t count = 0;
    for (const struct part *p = m->part; p; p = p->next)
        count++;
    return count;
}

static void systems_hoist(struct openai_writer *o)
{
    struct openai_parts list;
    size_t count = 0;

    for (const struct message *m = o->chat->message; m; m = m->next)
        count += is_system(m) ? count_parts(m) : 0;
    if (!openai_parts_init(o, &list, count))
        return;
    for (const struct message *m = o->chat->message; m; m = m->next)
        if (is_system(m))
            system_add(o, &list, m);
    if (list.count)
        openai_message_write(o, "system", STR_NONE, &list);
}

static void system_write(struct openai_writer *o, const struct message *m)
{
    struct openai_parts list;

    if (!openai_parts_init(o, &list, count_parts(m)))
        return;
    system_add(o, &list, m);
    if (list.count || !m->part) /* nothing left of it: nothing said */
        openai_message_write(o, m->role == ROLE_DEVELOPER && openai_has(o, TRAIT_DEVELOPER) ? "developer" : "system", m->name, &list);
}

/* --- user ---------------------------------------------------------------------------------------------------------- */

/* What a message says beside results; false when there is nothing. */
static bool words_add(struct openai_writer *o, struct openai_parts *list, const struct message *m)
{
    size_t before = list->count;
    for (const struct part *p = m->part; p && !o->rc; p = p->next)
        if (p->kind != PART_RESULT && openai_can(o, p))
            openai_parts_add(list, p);
    return list->count > before;
}

static void user_apart(struct openai_writer *o, const struct openai_run *run, struct openai_parts *aside)
{
    if (aside->count)
        openai_message_write(o, "user", STR_NONE, aside);
    for (const struct message *m = run->from; m != run->to && !o->rc; m = m->next) {
        struct openai_parts list;
        if (m->role == run->role && openai_parts_init(o, &list, count_parts(m)) && (words_add(o, &list, m) || !m->part))
            openai_message_write(o, "user", m->name, &list);
    }
}

/* As one message. */
static void user_together(struct openai_writer *o, const struct openai_run *run, struct openai_parts *aside, bool answered)
{
    size_t count = aside->count;
    struct openai_parts list;

    EACH_PART (p, *run)
        count++;
    if (!openai_parts_init(o, &list, count))
        return;
    for (size_t i = 0; i < aside->count; i++)
        openai_parts_add(&list, aside->at[i]);
    for (const struct message *m = run->from; m != run->to && !o->rc; m = m->next)
        if (m->role == run->role)
            (void)words_add(o, &list, m);
    if (list.count || !answered)
        openai_message_write(o, "user", run->from->name, &list);
}

static void user_write(struct openai_writer *o, const struct openai_run *run, const struct openai_run *calls)
{
    struct openai_parts aside;

    if (!openai_parts_init(o, &aside, openai_results_aside(run)))
        return;
    size_t results = openai_results_write(o, calls, run, &aside);
    if (o->rc)
        return;
    if (openai_has(o, TRAIT_PLAIN_TEMPLATE))
        user_together(o, run, &aside, results > 0);
    else
        user_apart(o, run, &aside);
}

/* --- all of them --------------------------------------------------------------------------------------------------- */

void openai_messages_write(struct openai_writer *o)
{
    struct openai_run calls = {NULL, NULL, ROLE_ASSISTANT}; /* of the last assistant, as long as nobody answered them */
    bool hoisted = openai_has(o, TRAIT_PLAIN_TEMPLATE);

    json_key(&o->json, "messages");
    json_array_begin(&o->json);
    if (hoisted)
        systems_hoist(o);
    for (const struct message *m = o->chat->message; m && !o->rc;) {
        struct openai_run run = is_system(m) ? (struct openai_run){m, m->next, m->role} : run_of(o, m);
        struct arena_mark mark = arena_mark(o->to->arena);
        if (is_system(m)) {
            if (!hoisted)
                system_write(o, m);
        } else if (m->role == ROLE_USER) {
            user_write(o, &run, &calls);
            calls.from = calls.to = NULL;
        } else {
            openai_assistants_write(o, &run);
            calls = run;
        }
        arena_reset(o->to->arena, mark);
        m = run.to;
    }
    json_array_end(&o->json);
}
