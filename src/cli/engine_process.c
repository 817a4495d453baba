/* engine_process.c: the process that computes: one loop with the HTTP face on it, the walls, and the models, each with threads of its own. */
#include "base/log.h"
#include "base/mem.h"
#include "cli/engine_priv.h"
#include "engine/host.h"
#include "engine/room.h"
#include "engine/torn.h"
#include "gateway/engine_face.h"

int engine_process_open(struct engine_process *p, struct err *e)
{
    torn_install();
    int rc = loop_open(&p->loop, &(struct loop_options){.clock = clock_system()}, e);
    if (rc == 0)
        rc = engine_face_open(&p->face, p->loop, e);
    if (rc == 0)
        rc = room_open(&p->room, NULL, e);
    if (rc == 0)
        engine_face_walls(p->face, &p->walls);
    return rc;
}

int engine_process_confine(struct engine_process *p, bool open, struct err *e)
{
    if (open || !confine_available()) {
        log_line(LOG_WARN, "engine", "the engine is not shut in: %s", open ? "--open was given" : "this build cannot");
        return 0;
    }
    int rc = confine_self(&p->walls, e);
    if (rc == 0)
        log_line(LOG_INFO, "engine", "shut in: system calls limited, no new privileges, %s",
                 p->walls.network_namespace ? "a network of its own with nothing in it" : "no network namespace (this system does not let us make one)");
    return rc;
}

/* What models that stay may come to take: mapped, and of their own as texts grow. */
static void add_up(const struct engine_process *p, uint64_t *weights, uint64_t *own)
{
    *weights = *own = 0;
    for (const struct engine_loaded *l = p->loaded; l; l = l->next) {
        struct engine_memory m = engine_memory(host_engine(l->host));
        *weights += l->stays ? m.weights : 0;
        *own += l->stays ? m.kv + m.work : 0;
    }
}

/* The machine's memory, and what of it the next model may take: what is available now, where the weights of models that are loaded count, since
 * they are mapped; less those, less what is promised and not taken yet, and a sixteenth of all for others. */
void engine_process_plan(const struct engine_process *p, struct host_options *host)
{
    struct engine_options *o = &host->engine;
    struct room_now now = room_look(p->room);
    uint64_t weights, own;
    add_up(p, &weights, &own);
    uint64_t taken = weights + (own > now.anonymous ? own - now.anonymous : 0) + now.all / 16;
    o->memory_others = own;
    host->machine = p->room;
    o->memory_all = now.all;
    o->memory_free = now.all == 0 ? 0 : now.available > taken ? now.available - taken : 1;
    log_line(LOG_INFO, "engine", "memory: %zu of %zu MiB%s available, %zu for the next model", room_mib(now.available), room_mib(now.all),
             now.limited ? " (a limit of the group it runs in)" : "", room_mib(o->memory_free));
}

/* It is loaded all the same: memory that is taken now may be free when texts grow. */
static void warn_of_memory(const struct engine *g, uint64_t free, struct str name)
{
    struct engine_memory m = engine_memory(g);
    if (g->context < g->context_wished)
        log_line(LOG_INFO, "engine", "model %.*s: a context of %zu tokens by the memory that is free; it was trained for %zu (`context` asks for more)", STR_FMT(name),
                 g->context, g->context_wished);
    if (free && m.weights + m.kv + m.work > free)
        log_line(LOG_WARN, "engine", "model %.*s may come to take %zu MiB, and %zu are free for it now: close other programs, or make `context` smaller",
                 STR_FMT(name), room_mib(m.weights + m.kv + m.work), room_mib(free));
}

static void tell(const struct host *h, struct str name)
{
    struct engine_memory m = engine_memory(host_engine(h));
    struct str note = host_note(h);
    const char *warning = tokenizer_warning(host_tokenizer(h));
    log_line(LOG_INFO, "engine", "model %.*s: %s, weights %llu MiB, up to %llu MiB for what is read (%zu tokens), %llu MiB for steps", STR_FMT(name),
             host_engine(h)->kernels->name, (unsigned long long)(m.weights >> 20), (unsigned long long)(m.kv >> 20), host_context(h),
             (unsigned long long)(m.work >> 20));
    if (note.len)
        log_line(LOG_WARN, "engine", "model %.*s: %.*s", STR_FMT(name), STR_FMT(note));
    if (warning)
        log_line(LOG_WARN, "engine", "model %.*s: %s", STR_FMT(name), warning);
}

int engine_process_loaded(struct engine_process *p, struct host *h, const struct host_options *o, struct str name, int64_t id, struct err *e)
{
    struct engine_loaded *l = new0(struct engine_loaded);
    if (!l) {
        host_close(h);
        return err_set(e, ERR_NOMEM, "engine");
    }
    *l = (struct engine_loaded){.host = h, .id = id, .stays = true, .next = p->loaded};
    p->loaded = l;
    tell(h, name);
    warn_of_memory(host_engine(h), o->engine.memory_free, name);
    return 0;
}

int engine_process_load(struct engine_process *p, struct gguf *file, const struct host_options *o, struct str name, int64_t id, struct err *e)
{
    struct host *h = NULL;
    struct host_options with = *o;
    engine_process_plan(p, &with);
    int rc = host_open(&h, file, &with, clock_system(), e);
    return rc < 0 ? rc : engine_process_loaded(p, h, &with, name, id, e);
}

int engine_process_serve(struct engine_process *p, struct engine_loaded *l, struct str name, struct err *e)
{
    const char *copy = mem_dup(name.ptr, name.len);
    if (!copy)
        return err_set(e, ERR_NOMEM, "engine");
    l->name = str_of(copy, name.len);
    int rc = engine_face_add(p->face, name, l->host, e);
    if (rc < 0) {
        mem_free((char *)(uintptr_t)copy);
        l->name = STR_NONE;
    }
    return rc;
}

/* Nobody uses it any more. */
static void forget(struct host *h, void *process)
{
    struct engine_process *p = process;
    for (struct engine_loaded **at = &p->loaded, *l; (l = *at); at = &l->next)
        if (l->host == h) {
            *at = l->next;
            host_close(h);
            mem_free((char *)(uintptr_t)l->name.ptr);
            mem_free(l);
            return;
        }
}

void engine_process_drop(struct engine_process *p, struct engine_loaded *l)
{
    if (l->leaving)
        return;
    l->leaving = true;
    if (l->name.ptr)
        engine_face_remove(p->face, l->name, forget, p);
    else
        forget(l->host, p);
}

void engine_process_close(struct engine_process *p)
{
    for (struct engine_loaded *l = p->loaded; l; l = l->next)
        host_stop(l->host); /* every call ends; what they say is still to be heard */
    for (int turns = 0; p->face && engine_face_busy(p->face) && turns < 1000; turns++)
        loop_turn(p->loop, 10);
    engine_face_close(p->face);
    while (p->loaded)
        forget(p->loaded->host, p);
    loop_close(p->loop);
    room_close(p->room);
}
