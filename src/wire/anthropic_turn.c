/* anthropic_turn.c: a conversation in the order that Anthropic asks for; see anthropic_priv.h.
 *
 *   as the client wrote it                      as it is sent
 *   assistant: call a, call b            -->    assistant: call a, call b
 *   user: result b                              user: result b, result a (failed: none came), text
 *   user: text, result c
 *
 * Neighbours of one role become one message, results stand first in the message after their calls, a call without a result gets
 * one, a result without a call (c) is left out, empty texts are left out, the user begins. */
#include "wire/anthropic_part_priv.h"

/* --- messages to turns -------------------------------------------------------------------------------------------- */

static struct turn *turn_add(struct anthropic_write *w, struct turns *t, enum chat_role role)
{
    struct turn *turn = arena_new(w->how->arena, struct turn);
    if (!turn)
        return NULL;
    turn->role = role;
    turn->number = t->last ? t->last->number + 1 : 0;
    turn->result.end = &turn->result.first;
    turn->item.end = &turn->item.first;
    if (t->last)
        t->last->next = turn;
    else
        t->first = turn;
    t->before_last = t->last;
    return t->last = turn;
}

static struct turn_item *item_add(struct anthropic_write *w, struct turn_list *list, const struct part *p)
{
    struct turn_item *item = arena_new(w->how->arena, struct turn_item);
    if (!item)
        return NULL;
    item->part = p;
    *list->end = item;
    list->end = &item->next;
    return item;
}

static const struct part placeholder = {.kind = PART_TEXT,
                                        .text = {".", 1}}; /* where a message must be and none is; blank ones
                                                                                * are refused */

static int placeholder_add(struct anthropic_write *w, struct turn *turn)
{
    return turn && item_add(w, &turn->item, &placeholder) ? 0 : ERR_NOMEM;
}

/* Who seals nothing, or as it likes, takes the thinking of others, and its own. */
static bool takes_any_thinking(const struct anthropic_write *w)
{
    return w->own && w->how->vendor && !(w->how->vendor->quirks & QUIRK_SEALED);
}

/* May it be sent in a message of that role? What is worth telling is told. */
static int may_be_sent(struct anthropic_write *w, enum chat_role role, const struct part *p, bool *may)
{
    bool assistant = role == ROLE_ASSISTANT;
    *may = false;
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL: *may = !anthropic_blank(p->text); break;
    case PART_IMAGE:
    case PART_FILE: *may = !assistant || w->own; return *may ? 0 : anthropic_lost(w, STR("assistant_media"));
    case PART_AUDIO: return anthropic_lost(w, STR("input_audio"));
    case PART_CALL: *may = assistant; break;
    case PART_RESULT: *may = !assistant; break;
    case PART_REASONING:
        *may = assistant && !w->chat->seals_doubted && ((p->signature.len > 0 && !p->foreign) || takes_any_thinking(w));
        return *may || !assistant ? 0 : anthropic_lost(w, STR("reasoning_content"));
    case PART_HIDDEN:
        *may = assistant && w->own && !p->foreign && !w->chat->seals_doubted;
        return *may || !assistant ? 0 : anthropic_lost(w, STR("encrypted_content"));
    case PART_OPAQUE: *may = w->own; return *may ? 0 : anthropic_lost(w, p->name);
    }
    return 0;
}

static int message_take(struct anthropic_write *w, struct turns *t, const struct message *m)
{
    enum chat_role role = m->role == ROLE_ASSISTANT ? ROLE_ASSISTANT : ROLE_USER;
    for (const struct part *p = m->part; p; p = p->next) {
        bool may;
        int rc = may_be_sent(w, role, p, &may);
        if (rc)
            return rc;
        if (!may)
            continue;
        if (!t->first && role == ROLE_ASSISTANT && (rc = placeholder_add(w, turn_add(w, t, ROLE_USER))))
            return rc;
        struct turn *turn = t->last && t->last->role == role ? t->last : turn_add(w, t, role);
        if (!turn || !item_add(w, p->kind == PART_RESULT ? &turn->result : &turn->item, p))
            return ERR_NOMEM;
        turn->call_count += p->kind == PART_CALL;
        t->call_count += p->kind == PART_CALL;
    }
    return m->name.len ? anthropic_lost(w, STR("name")) : 0;
}

/* --- calls and results in pairs ----------------------------------------------------------------------------------- */

/* All calls, by id, turn and place. */
struct call_ref {
    struct turn_item *item;
    size_t turn, place;
    size_t used; /* of the first of its id in its turn: results so far */
};

static int call_compare(const void *a, const void *b)
{
    const struct call_ref *x = a, *y = b;
    int order = str_compare(x->item->part->id, y->item->part->id);
    if (order == 0)
        order = (x->turn > y->turn) - (x->turn < y->turn);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* Ids are unique in a conversation: some servers count from 0 in each answer, so that the same one comes again. */
static int ids_make(struct anthropic_write *w, struct call_ref *call, size_t count)
{
    size_t again = 0;
    for (size_t i = 0; i < count; i++) {
        struct turn_item *item = call[i].item;
        again = i && str_eq(call[i - 1].item->part->id, item->part->id) ? again + 1 : 0;
        item->id = anthropic_id_safe(w, item->part->id);
        if (item->id.ptr && again)
            item->id = str_from(arena_format(w->how->arena, "%.*s_again%zu", STR_FMT(item->id), again));
        if (!item->id.ptr)
            return ERR_NOMEM;
    }
    return 0;
}

static struct call_ref *calls_sort(struct anthropic_write *w, const struct turns *t)
{
    struct call_ref *call = arena_new_array(w->how->arena, struct call_ref, t->call_count + 1);
    size_t count = 0;
    if (!call)
        return NULL;
    for (struct turn *turn = t->first; turn; turn = turn->next)
        for (struct turn_item *i = turn->item.first; i && turn->call_count; i = i->next)
            if (i->part->kind == PART_CALL) {
                call[count] = (struct call_ref){.item = i, .turn = turn->number, .place = count};
                count++;
            }
    qsort(call, count, sizeof call[0], call_compare);
    return call;
}

/* The call of that turn which this result answers: of several with one id, one after the other. NULL: none is left. */
static struct call_ref *call_answered(struct call_ref *call, size_t count, size_t turn, struct str id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_compare(call[middle].item->part->id, id);
        if (order < 0 || (order == 0 && call[middle].turn < turn))
            low = middle + 1;
        else
            high = middle;
    }
    size_t at = low < count ? low + call[low].used : count;
    if (at >= count || call[at].turn != turn || !str_eq(call[at].item->part->id, id))
        return NULL;
    call[low].used++;
    return &call[at];
}

/* Keeps of the results of `turn` those that answer a call of the turn before it. */
static int results_sift(struct anthropic_write *w, struct turn *turn, struct call_ref *call, size_t count)
{
    int rc = 0;
    struct turn_item **at = &turn->result.first;
    while (*at && rc == 0) {
        struct call_ref *c = turn->number ? call_answered(call, count, turn->number - 1, (*at)->part->id) : NULL;
        if (c) {
            (*at)->id = c->item->id;
            c->item->answered = true;
            at = &(*at)->next;
        } else {
            *at = (*at)->next;
            rc = anthropic_lost(w, STR("tool_result"));
        }
    }
    turn->result.end = at;
    return rc;
}

static int results_complete(struct anthropic_write *w, const struct turn *asked, struct turn *turn)
{
    static const struct part text = {.kind = PART_TEXT, .text = {"no result", 9}};
    static const struct part none = {.kind = PART_RESULT, .failed = true, .content = (struct part *)&text};
    for (struct turn_item *i = asked->item.first; i; i = i->next) {
        if (i->part->kind != PART_CALL || i->answered)
            continue;
        struct turn_item *item = item_add(w, &turn->result, &none);
        if (!item)
            return ERR_NOMEM;
        item->id = i->id;
    }
    return 0;
}

static int pairs_make(struct anthropic_write *w, struct turns *t)
{
    if (t->last && t->last->call_count && !turn_add(w, t, ROLE_USER))
        return ERR_NOMEM;
    struct call_ref *call = calls_sort(w, t);
    int rc = call ? ids_make(w, call, t->call_count) : ERR_NOMEM;
    const struct turn *before = NULL;
    for (struct turn *turn = t->first; turn && rc == 0; before = turn, turn = turn->next) {
        rc = results_sift(w, turn, call, t->call_count);
        if (rc == 0 && before && before->call_count)
            rc = results_complete(w, before, turn);
        if (rc == 0 && !turn->result.first && !turn->item.first) /* all it had were results of nothing */
            rc = placeholder_add(w, turn);
    }
    return rc;
}

static bool is_thinking(const struct turn_item *i)
{
    return i && (i->part->kind == PART_REASONING || i->part->kind == PART_HIDDEN);
}

/* A message does not end with thinking: what it led to was said in another dialect's way, and is lost. */
static int thoughts_end(struct anthropic_write *w, struct turns *t)
{
    for (struct turn *turn = t->first; turn; turn = turn->next) {
        struct turn_item *last = turn->item.first;
        while (last && last->next)
            last = last->next;
        if (is_thinking(last) && placeholder_add(w, turn))
            return ERR_NOMEM;
    }
    return 0;
}

int anthropic_turns_make(struct anthropic_write *w, struct turns *out)
{
    int rc = 0;
    *out = (struct turns){0};
    for (const struct message *m = w->chat->message; m && rc == 0; m = m->next)
        if (m->role == ROLE_USER || m->role == ROLE_ASSISTANT)
            rc = message_take(w, out, m);
    if (rc == 0 && !out->first)
        rc = placeholder_add(w, turn_add(w, out, ROLE_USER));
    if (rc == 0)
        rc = pairs_make(w, out);
    return rc || w->own ? rc : thoughts_end(w, out);
}

bool anthropic_turns_unthought(const struct turns *t)
{
    const struct turn *last = t->last->role == ROLE_ASSISTANT ? t->last : t->before_last;
    return last && last->call_count && !is_thinking(last->item.first);
}

static struct str trim_end(struct str text)
{
    size_t head = (size_t)(str_trim(text).ptr - text.ptr);
    return str_slice(text, 0, head + str_trim(text).len);
}

int anthropic_turns_close(struct anthropic_write *w, struct turns *t)
{
    struct turn_item *last = t->last->item.first;
    if (t->last->role != ROLE_ASSISTANT)
        return 0;
    if (!w->model->prefill || w->thinks) {
        int rc = anthropic_lost(w, STR("prefill"));
        return rc ? rc : placeholder_add(w, turn_add(w, t, ROLE_USER));
    }
    while (last->next)
        last = last->next;
    if (last->part->kind != PART_TEXT)
        return 0;
    struct part *trimmed = arena_new(w->how->arena, struct part);
    if (!trimmed)
        return ERR_NOMEM;
    *trimmed = *last->part;
    trimmed->raw = STR_NONE;
    trimmed->text = trim_end(trimmed->text);
    last->part = trimmed;
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static int items_write(struct anthropic_write *w, const struct turn_item *i)
{
    int rc = 0;
    for (; i && rc == 0; i = i->next)
        rc = anthropic_item_write(w, i);
    return rc;
}

static bool is_plain_text(const struct turn *turn)
{
    const struct turn_item *i = turn->item.first;
    return !turn->result.first && i && !i->next && i->part->kind == PART_TEXT && !i->part->cache.len &&
           !i->part->raw.len;
}

static int turn_write(struct anthropic_write *w, const struct turn *turn)
{
    int rc = 0;
    json_object_begin(w->json);
    json_key(w->json, "role");
    json_text(w->json, turn->role == ROLE_USER ? "user" : "assistant");
    json_key(w->json, "content");
    if (is_plain_text(turn)) {
        json_str(w->json, turn->item.first->part->text);
    } else {
        json_array_begin(w->json);
        rc = items_write(w, turn->result.first);
        rc = rc ? rc : items_write(w, turn->item.first);
        json_array_end(w->json);
    }
    json_object_end(w->json);
    return rc;
}

int anthropic_turns_write(struct anthropic_write *w, const struct turns *t)
{
    int rc = 0;
    json_key(w->json, "messages");
    json_array_begin(w->json);
    for (const struct turn *turn = t->first; turn && rc == 0; turn = turn->next)
        rc = turn_write(w, turn);
    json_array_end(w->json);
    return rc;
}
