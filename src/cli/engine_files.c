/* engine_files.c: the models of a config, their files opened here, where files can be opened, and handed to the engine process.
 *
 * The descriptors are kept: a process that is started again gets the same files, whatever became of their names. */
#include "base/json.h"
#include "base/mem.h"
#include "cli/engine_priv.h"
#include "engine/gguf.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct err *e, int code, const struct engine_file *f, const char *text)
{
    return err_set_at(e, code, f->mark.line, f->mark.column, "model %.*s: %.800s", STR_FMT(f->name), text);
}

/* A name as one types it into a shell. */
static bool is_shells(const char *path)
{
    return path[0] == '~' || strstr(path, "/~/") || strchr(path, '$');
}

/* O_NONBLOCK: a named pipe would be waited for. */
static int open_part(struct engine_file *f, const char *path, struct err *e)
{
    struct stat st;
    struct err why = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        int rc = err_set_errno(&why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s cannot be opened", path);
        if (rc == ERR_NOT_FOUND && is_shells(path))
            rc = err_set(&why, rc, "%s cannot be opened: there is no such file; `~` and `$` mean nothing in a config, write the whole path", path);
        return fail(e, rc, f, why.text);
    }
    f->fd[f->count++] = fd;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return 0;
    return fail(e, err_set(&why, ERR_INVALID, "%s is no file", path), f, why.text);
}

static int open_parts(struct engine_file *f, const char *path, struct err *e)
{
    size_t parts = gguf_parts_named(path);
    struct err why = {0};
    if (parts > ENGINE_PARTS)
        return fail(e, err_set(&why, ERR_LIMIT, "%s is the first of %zu files; at most %d can be handed over", path, parts, ENGINE_PARTS), f, why.text);
    f->fd = new0_array(int, parts);
    int rc = f->fd ? 0 : err_set(e, ERR_NOMEM, "models");
    AUTO_BUF struct buf name = BUF_INIT(64 * KiB);
    for (size_t i = 0; rc == 0 && i < parts; i++) {
        buf_clear(&name);
        if (gguf_part_name(&name, path, i, parts) < 0 || !buf_text(&name))
            rc = err_set(e, ERR_NOMEM, "models");
        else
            rc = open_part(f, name.ptr, e);
    }
    return rc;
}

static const struct config_upstream *engine_of(const struct config *c)
{
    for (int i = 0; i < c->upstream_count; i++)
        if (c->upstream[i].engine)
            return &c->upstream[i];
    return NULL;
}

int engine_files_open(struct engine_files *out, const struct config *c, struct err *e)
{
    static const enum kv_type kv[] = {[CONFIG_KV_F16] = KV_F16, [CONFIG_KV_Q8_0] = KV_Q8_0, [CONFIG_KV_F32] = KV_F32};
    const struct config_upstream *u = engine_of(c);
    int rc = 0;
    *out = (struct engine_files){0};
    for (int i = 0; u && i < u->model_count && rc == 0; i++) {
        struct engine_file *f = &out->model[out->count++];
        struct str path = u->model_file[i].text, name = u->models[i].text;
        *f = (struct engine_file){.name = {mem_dup(name.ptr, name.len), name.len}, .path = {mem_dup_text(path.ptr), path.len},
                                  .mark = u->model_file[i].mark, .context = u->engine_context, .threads = u->engine_threads, .calls = u->engine_calls,
                                  .keep_ms = u->engine_keep_ms, .kv = kv[u->engine_kv]};
        rc = f->name.ptr && f->path.ptr ? open_parts(f, path.ptr, e) : err_set(e, ERR_NOMEM, "models");
    }
    if (rc < 0)
        engine_files_close(out);
    return rc;
}

void engine_files_close(struct engine_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct engine_file *f = &files->model[i];
        for (size_t k = 0; k < f->count; k++)
            (void)close(f->fd[k]);
        mem_free(f->fd);
        mem_free((char *)(uintptr_t)f->name.ptr);
        mem_free((char *)(uintptr_t)f->path.ptr);
    }
    *files = (struct engine_files){0};
}

/* The same bytes, as far as the file system knows. */
static bool same_part(int a, int b)
{
    struct stat x, y;
    if (fstat(a, &x) != 0 || fstat(b, &y) != 0)
        return false;
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino && x.st_size == y.st_size && x.st_mtim.tv_sec == y.st_mtim.tv_sec && x.st_mtim.tv_nsec == y.st_mtim.tv_nsec;
}

bool engine_file_same(const struct engine_file *a, const struct engine_file *b)
{
    bool same = str_eq(a->name, b->name) && a->count == b->count && a->context == b->context && a->threads == b->threads && a->calls == b->calls && a->keep_ms == b->keep_ms &&
                a->kv == b->kv;
    for (size_t i = 0; same && i < a->count; i++)
        same = same_part(a->fd[i], b->fd[i]);
    return same;
}

int engine_file_load(const struct engine_file *f, const struct engine_files *files, struct engine_child *c, struct err *e)
{
    AUTO_BUF struct buf command = BUF_INIT(ENGINE_PACKET), reply = BUF_INIT(ENGINE_PACKET);
    struct err why = {0};
    struct json_writer w = JSON_WRITER(&command);
    json_object_begin(&w);
    json_key(&w, "do"), json_text(&w, "load");
    json_key(&w, "id"), json_i64(&w, f->id);
    json_key(&w, "name"), json_str(&w, f->name);
    json_key(&w, "path"), json_str(&w, f->path);
    json_key(&w, "context"), json_i64(&w, f->context);
    json_key(&w, "threads"), json_i64(&w, f->threads);
    json_key(&w, "calls"), json_i64(&w, f->calls);
    json_key(&w, "keep_ms"), json_i64(&w, f->keep_ms);
    json_key(&w, "kv"), json_i64(&w, (int64_t)f->kv);
    json_key(&w, "beside");
    json_array_begin(&w);
    for (size_t i = 0; i < files->count; i++)
        if (files->model[i].id && &files->model[i] != f)
            json_i64(&w, files->model[i].id);
    json_array_end(&w);
    json_object_end(&w);
    if (json_done(&w) < 0)
        return err_set(e, ERR_NOMEM, "models");
    int rc = engine_child_ask(c, buf_str(&command), f->fd, f->count, &reply, &why);
    return rc < 0 ? fail(e, rc, f, rc == ERR_CLOSED ? "the engine process ended while it read the file" : why.text) : 0;
}

static bool has(const struct engine_files *files, struct str name)
{
    for (size_t i = 0; i < files->count; i++)
        if (str_eq(files->model[i].name, name))
            return true;
    return false;
}

static void list(struct json_writer *w, const struct engine_files *files, const struct engine_files *before)
{
    for (size_t i = 0; files && i < files->count; i++) {
        const struct engine_file *f = &files->model[i];
        if (!f->id || (before && has(before, f->name)))
            continue;
        json_object_begin(w);
        json_key(w, "id"), json_i64(w, f->id);
        json_key(w, "name"), json_str(w, f->name);
        json_object_end(w);
    }
}

int engine_files_serve(const struct engine_files *a, const struct engine_files *b, struct engine_child *c, struct err *e)
{
    AUTO_BUF struct buf command = BUF_INIT(ENGINE_PACKET), reply = BUF_INIT(ENGINE_PACKET);
    struct json_writer w = JSON_WRITER(&command);
    json_object_begin(&w);
    json_key(&w, "do"), json_text(&w, "serve");
    json_key(&w, "models");
    json_array_begin(&w);
    list(&w, a, NULL);
    list(&w, b, a);
    json_array_end(&w);
    json_object_end(&w);
    return json_done(&w) < 0 ? err_set(e, ERR_NOMEM, "models") : engine_child_ask(c, buf_str(&command), NULL, 0, &reply, e);
}
