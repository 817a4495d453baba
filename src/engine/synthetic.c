/* synthetic.c: writing a made-up model: the head is built in memory, the weights follow as they are made. */
#include "engine/synthetic.h"
#include "engine/gguf.h"
#include "engine/synthetic_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIGNMENT = 32, VERSION = 3, QUANTISATION_VERSION = 2 };
#define HEAD_BYTES_MAX (64 * MiB)   /* the largest vocabularies take some twelve */
#define ARENA_BYTES_MAX (512 * MiB) /* vocabulary, and pools of a million weights per type and width */

void synthetic_put(struct synthetic_head *h, const void *bytes, size_t n)
{
    if (h->rc == 0)
        h->rc = buf_append(h->out, str_of(bytes, n));
}

void synthetic_put_u32(struct synthetic_head *h, uint32_t v)
{
    synthetic_put(h, &v, sizeof v);
}

void synthetic_put_u64(struct synthetic_head *h, uint64_t v)
{
    synthetic_put(h, &v, sizeof v);
}

void synthetic_put_text(struct synthetic_head *h, struct str s)
{
    synthetic_put_u64(h, s.len);
    synthetic_put(h, s.ptr, s.len);
}

static void put_key(struct synthetic_head *h, const char *key, enum gguf_type type)
{
    synthetic_put_text(h, str_from(key));
    synthetic_put_u32(h, type);
    h->key_count++;
}

void synthetic_key_u32(struct synthetic_head *h, const char *key, uint32_t v)
{
    put_key(h, key, GGUF_U32);
    synthetic_put_u32(h, v);
}

void synthetic_key_f32(struct synthetic_head *h, const char *key, double v)
{
    float f = (float)v;
    put_key(h, key, GGUF_F32);
    synthetic_put(h, &f, sizeof f);
}

void synthetic_key_bool(struct synthetic_head *h, const char *key, bool v)
{
    put_key(h, key, GGUF_BOOL);
    synthetic_put(h, &(uint8_t){v}, 1);
}

void synthetic_key_text(struct synthetic_head *h, const char *key, const char *v)
{
    put_key(h, key, GGUF_STRING);
    synthetic_put_text(h, str_from(v));
}

void synthetic_key_array(struct synthetic_head *h, const char *key, uint32_t type, uint64_t count)
{
    put_key(h, key, GGUF_ARRAY);
    synthetic_put_u32(h, type);
    synthetic_put_u64(h, count);
}

static uint64_t aligned(uint64_t at)
{
    return (at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint64_t tensor_bytes(const struct synthetic_tensor *t)
{
    return quant_row_bytes(quant_info(t->type), t->ne[0]) * t->ne[1];
}

static void put_tensors(struct synthetic_head *h, const struct synthetic_plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct synthetic_tensor *t = &p->list[i];
        synthetic_put_text(h, str_from(t->name));
        synthetic_put_u32(h, t->dims);
        synthetic_put(h, t->ne, t->dims * sizeof t->ne[0]);
        synthetic_put_u32(h, t->type);
        synthetic_put_u64(h, t->offset);
    }
    while (h->rc == 0 && h->out->len % ALIGNMENT)
        h->rc = buf_append_char(h->out, 0);
}

static int head_make(struct buf *out, struct synthetic_plan *p, const struct synthetic_mix *m, struct arena *a)
{
    enum { KEY_COUNT_AT = 16 };
    struct synthetic_head h = {.out = out};
    uint64_t at = 0;
    for (size_t i = 0; i < p->count; i++) {
        p->list[i].type = synthetic_mix_type(m, &p->list[i], p->shape->layers);
        p->list[i].offset = at;
        at = aligned(at + tensor_bytes(&p->list[i]));
    }
    synthetic_put(&h, "GGUF", 4);
    synthetic_put_u32(&h, VERSION);
    synthetic_put_u64(&h, p->count);
    synthetic_put_u64(&h, 0); /* the number of keys, once it is known */
    synthetic_key_text(&h, "general.architecture", p->shape->arch);
    synthetic_key_text(&h, "general.type", "model");
    synthetic_key_text(&h, "general.name", arena_format(a, "%s (made-up weights)", p->shape->name));
    synthetic_key_u32(&h, "general.file_type", m->file_type);
    synthetic_key_u32(&h, "general.quantization_version", QUANTISATION_VERSION);
    synthetic_shape_keys(&h, p->shape);
    int rc = synthetic_vocab_keys(&h, p->shape, a);
    put_tensors(&h, p);
    if (rc == 0 && h.rc == 0)
        memcpy(out->ptr + KEY_COUNT_AT, &h.key_count, sizeof h.key_count);
    return rc < 0 ? rc : h.rc;
}

struct file {
    const char *path;
    int fd;
    uint64_t at;
    struct err *e;
};

static int file_write(void *ctx, const void *bytes, size_t n)
{
    struct file *f = ctx;
    for (size_t done = 0; done < n;) {
        ssize_t now = write(f->fd, (const char *)bytes + done, n - done);
        if (now < 0 && errno == EINTR)
            continue;
        if (now <= 0)
            return err_set_errno(f->e, ERR_IO, errno, "%s: cannot be written after %llu bytes", f->path,
                                 (unsigned long long)(f->at + done));
        done += (size_t)now;
    }
    f->at += n;
    return 0;
}

static int file_pad(struct file *f)
{
    static const char zeros[ALIGNMENT];
    return file_write(f, zeros, (size_t)(aligned(f->at) - f->at));
}

static int write_all(struct file *f, const struct buf *head, const struct synthetic_plan *p, struct arena *a,
                     uint64_t seed)
{
    struct synthetic_filler filler = {.shape = p->shape, .a = a, .seed = seed};
    int rc = file_write(f, head->ptr, head->len);
    for (size_t i = 0; rc == 0 && i < p->count; i++) {
        rc = synthetic_fill(&filler, &p->list[i], file_write, f);
        if (rc == 0)
            rc = file_pad(f);
    }
    return rc == ERR_NOMEM ? err_set(f->e, rc, "%s: cannot be made", f->path) : rc;
}

static int write_file(const char *path, const struct buf *head, const struct synthetic_plan *p, struct arena *a,
                      uint64_t seed, struct err *e)
{
    struct file f = {.path = path, .e = e, .fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (f.fd < 0)
        return err_set_errno(e, ERR_IO, errno, "%s: cannot be written", path);
    struct stat info;
    bool regular = fstat(f.fd, &info) == 0 && S_ISREG(info.st_mode);
    int rc = write_all(&f, head, p, a, seed);
    if (close(f.fd) != 0 && rc == 0)
        rc = err_set_errno(e, ERR_IO, errno, "%s: cannot be written", path);
    if (rc < 0 && regular)
        (void)unlink(path); /* half a model is worse than none; the error that stands is the first */
    return rc;
}

static const struct synthetic_shape *shape_find(struct str name)
{
    for (size_t i = 0; i < synthetic_shape_count; i++)
        if (str_eq(str_from(synthetic_shapes[i].name), name))
            return &synthetic_shapes[i];
    return NULL;
}

/* "no shape "x"; there are a, b, c" */
static int refuse(struct err *e, const char *kind, struct str name, const char *(*at)(size_t))
{
    AUTO_BUF struct buf all = BUF_INIT(4 * KiB);
    for (size_t i = 0; at(i); i++)
        (void)buf_append_format(&all, "%s%s", i ? ", " : "", at(i)); /* without memory the list is shorter */
    return err_set(e, ERR_NOT_FOUND, "no %s \"%.*s\"; there are %.*s", kind, STR_FMT(name), STR_FMT(buf_str(&all)));
}

int synthetic_write(const char *path, struct str shape, struct str quant, uint64_t seed, struct err *e)
{
    const struct synthetic_shape *s = shape_find(shape);
    const struct synthetic_mix *m = synthetic_mix_find(quant);
    if (!s)
        return refuse(e, "shape", shape, synthetic_shape_at);
    if (!m)
        return refuse(e, "quantisation", quant, synthetic_quant_at);
    AUTO_BUF struct buf head = BUF_INIT(HEAD_BYTES_MAX);
    struct arena a = ARENA_INIT(ARENA_BYTES_MAX);
    struct synthetic_plan p;
    int rc = synthetic_plan_make(&p, &a, s);
    if (rc == 0)
        rc = head_make(&head, &p, m, &a);
    if (rc == 0)
        rc = write_file(path, &head, &p, &a, seed, e);
    else
        rc = err_set(e, rc, "%s: its head cannot be made", path);
    arena_fini(&a);
    return rc;
}
