/* gguf.c: opening model files: the mapping, and the parts of a split model. */
#include "engine/gguf_priv.h"
#include "base/buf.h"
#include "base/mem.h"
#include "engine/torn.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct gguf_shown gguf_shown(struct str s)
{
    struct gguf_shown out;
    bool cut = s.len > 64;
    size_t n = cut ? 64 : s.len;
    for (size_t i = 0; i < n; i++)
        out.text[i] = s.ptr[i] >= ' ' && s.ptr[i] <= '~' ? s.ptr[i] : '?';
    memcpy(out.text + n, cut ? "..." : "", cut ? 4 : 1);
    return out;
}

static void part_unmap(struct gguf_part *p)
{
    if (p->mapped)
        torn_forget(p->base);
    if (p->mapped)
        (void)munmap((void *)(uintptr_t)p->base, p->size); /* ours, and never written */
    mem_free(p->name);
}

void gguf_close(struct gguf *g)
{
    if (!g)
        return;
    gguf_values_fini(&g->values);
    for (size_t i = 0; i < g->part_count; i++)
        part_unmap(&g->parts[i]);
    mem_free(g->parts);
    mem_free(g->tensors);
    mem_free(g->by_name);
    mem_free(g);
}

static struct gguf_part *part_add(struct gguf *g, const char *name, struct err *e)
{
    struct gguf_part *parts = mem_realloc(g->parts, (g->part_count + 1) * sizeof *parts);
    if (parts)
        g->parts = parts;
    char *copy = parts ? mem_dup_text(name) : NULL;
    if (!copy) {
        (void)err_set(e, ERR_NOMEM, "%s: cannot be opened", name);
        return NULL;
    }
    parts[g->part_count] = (struct gguf_part){.name = copy};
    return &parts[g->part_count++];
}

/* The C library's fstat may be a call that could look at any path, which an engine process has given up; this one looks at descriptors alone. */
static int look_at(int fd, struct stat *out)
{
#if defined(__x86_64__) || defined(__aarch64__) /* where the kernel's struct is the library's */
    return (int)syscall(SYS_fstat, fd, out);
#else
    return fstat(fd, out);
#endif
}

static int part_map(struct gguf_part *p, int fd, struct err *e)
{
    struct stat info;
    if (look_at(fd, &info) != 0)
        return err_set_errno(e, ERR_IO, errno, "%s: cannot be looked at", p->name);
    if (!S_ISREG(info.st_mode))
        return err_set(e, ERR_IO, "%s: %s, not a file", p->name,
                       S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
    if (info.st_size == 0)
        return err_set(e, ERR_SYNTAX, "%s: the file is empty; fetch it again", p->name);
    void *base = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return err_set_errno(e, ERR_IO, errno, "%s: cannot be mapped (%lld bytes)", p->name, (long long)info.st_size);
    p->base = base;
    p->size = (size_t)info.st_size;
    p->mapped = true;
    torn_watch(base, p->size, p->name);
    return 0;
}

static int split_number(const struct gguf_values *v, const char *key, int64_t missing, int64_t *out)
{
    const struct gguf_value *found = gguf_value_find(v, key);
    if (!found)
        *out = missing;
    else if (!gguf_value_i64(found, out))
        return ERR_SYNTAX;
    return 0;
}

/* How many parts the model has by what its first part says, which must be the first. */
static int split_count(const struct gguf_part *p, const struct gguf_values *v, size_t *out, struct err *e)
{
    int64_t count = 0, number = 0;
    if (split_number(v, "split.count", 1, &count) < 0 || split_number(v, "split.no", 0, &number) < 0 || count < 0)
        return err_set(e, ERR_SYNTAX, "%s: split.count and split.no are no numbers of parts", p->name);
    if (count > GGUF_PARTS_MAX)
        return err_set(e, ERR_LIMIT, "%s: a model of %lld parts; at most %d are read", p->name, (long long)count,
                       GGUF_PARTS_MAX);
    if (count > 1 && number != 0)
        return err_set(e, ERR_INVALID,
                       "%s: this is part %lld of %lld; name the first part, the others are found beside it", p->name,
                       (long long)number + 1, (long long)count);
    *out = count > 1 ? (size_t)count : 1;
    return 0;
}

/* Reads a part that follows the first, the one with the index. */
static int part_read_next(struct gguf *g, struct gguf_part *p, size_t index, size_t count, struct err *e)
{
    struct gguf_values values = {0};
    int64_t part_count = 0, number = 0;
    int rc = gguf_part_read(g, p, &values, e);
    if (rc == 0 && (split_number(&values, "split.count", 1, &part_count) < 0 ||
                    split_number(&values, "split.no", -1, &number) < 0 || part_count != (int64_t)count ||
                    number != (int64_t)index))
        rc = err_set(e, ERR_SYNTAX, "%s: says it is part %lld of %lld; here part %zu of %zu is wanted", p->name,
                     (long long)number + 1, (long long)part_count, index + 1, count);
    gguf_values_fini(&values);
    return rc;
}

static int finish(struct gguf *g, struct err *e)
{
    const struct gguf_part *p = &g->parts[0];
    struct str twice = STR_NONE;
    if (gguf_index_tensors(g, &twice) < 0)
        return err_set(e, ERR_NOMEM, "%s: %zu tensors", p->name, g->tensor_count);
    if (twice.ptr)
        return err_set(e, ERR_SYNTAX, "%s: the tensor \"%s\" stands in it twice", p->name, gguf_shown(twice).text);
    int64_t want = 0;
    if (g->part_count > 1 && gguf_get_i64(g, "split.tensors.count", &want) && want != (int64_t)g->tensor_count)
        return err_set(e, ERR_SYNTAX,
                       "%s: its %zu parts hold %zu tensors, but it says %lld: parts of different models?", p->name,
                       g->part_count, g->tensor_count, (long long)want);
    return 0;
}

static int part_open(struct gguf *g, const char *path, struct err *e)
{
    struct gguf_part *p = part_add(g, path, e);
    if (!p)
        return ERR_NOMEM;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe would be waited for */
    if (fd < 0)
        return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s: cannot be opened", path);
    int rc = part_map(p, fd, e);
    close(fd);
    return rc;
}

/* PREFIX-00001-of-00005.gguf: the bytes of PREFIX, or 0 when the name has another form or another count. */
static size_t split_prefix(const char *path, size_t count)
{
    char ending[64];
    size_t n = text_format(ending, sizeof ending, "-00001-of-%05zu.gguf", count), len = strlen(path);
    return len > n && strcmp(path + len - n, ending) == 0 ? len - n : 0;
}

size_t gguf_parts_named(const char *path)
{
    enum { DIGITS = 5, ENDING = DIGITS + 5 }; /* NNNNN.gguf */
    size_t len = strlen(path);
    uint64_t count;
    if (len <= ENDING || !str_to_u64(str_of(path + len - ENDING, DIGITS), &count) || count < 1 || count > GGUF_PARTS_MAX)
        return 1;
    return split_prefix(path, (size_t)count) ? (size_t)count : 1;
}

int gguf_part_name(struct buf *out, const char *path, size_t index, size_t count)
{
    if (index == 0)
        return buf_append_text(out, path);
    return buf_append_format(out, "%.*s-%05zu-of-%05zu.gguf", (int)split_prefix(path, count), path, index + 1, count);
}

static int open_others(struct gguf *g, const char *path, size_t count, struct err *e)
{
    if (!split_prefix(path, count))
        return err_set(
            e, ERR_INVALID,
            "%s: the first of %zu parts, but not named like one: the others are found only when it is called "
            "NAME-00001-of-%05zu.gguf",
            path, count, count);
    AUTO_BUF struct buf name = BUF_INIT(64 * KiB);
    for (size_t i = 1; i < count; i++) {
        buf_clear(&name);
        if (gguf_part_name(&name, path, i, count) < 0 || !buf_text(&name))
            return err_set(e, ERR_NOMEM, "%s: the name of part %zu", path, i + 1);
        int rc = part_open(g, buf_text(&name), e);
        if (rc == 0)
            rc = part_read_next(g, &g->parts[i], i, count, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_first(struct gguf *g, size_t *count, struct err *e)
{
    int rc = gguf_part_read(g, &g->parts[0], &g->values, e);
    return rc < 0 ? rc : split_count(&g->parts[0], &g->values, count, e);
}

/* The one way out of every opening. */
static int opened(struct gguf *g, int rc, struct gguf **out, struct err *e)
{
    if (rc == 0)
        rc = finish(g, e);
    if (rc < 0)
        gguf_close(g);
    else
        *out = g;
    return rc;
}

int gguf_open(struct gguf **out, const char *path, struct err *e)
{
    struct gguf *g = new0(struct gguf);
    if (!g)
        return err_set(e, ERR_NOMEM, "%s: cannot be opened", path);
    size_t count = 0;
    int rc = part_open(g, path, e);
    if (rc == 0)
        rc = read_first(g, &count, e);
    if (rc == 0 && count > 1)
        rc = open_others(g, path, count, e);
    return opened(g, rc, out, e);
}

/* What a part is called in messages: by its path where there is one. */
static int name_part(struct buf *name, const char *path, size_t index, size_t count)
{
    buf_clear(name);
    if (path && gguf_parts_named(path) == count)
        return gguf_part_name(name, path, index, count);
    if (count > 1)
        (void)buf_append_format(name, "part %zu of %zu of ", index + 1, count);
    return buf_append_text(name, path ? path : "the model");
}

int gguf_open_fds(struct gguf **out, const char *path, const int *fd, size_t fd_count, struct err *e)
{
    assert(fd_count > 0);
    struct gguf *g = new0(struct gguf);
    if (!g)
        return err_set(e, ERR_NOMEM, "the model cannot be opened");
    size_t count = 0;
    int rc = 0;
    AUTO_BUF struct buf name = BUF_INIT(64 * KiB);
    for (size_t i = 0; rc == 0 && i < fd_count; i++) {
        struct gguf_part *p = name_part(&name, path, i, fd_count) == 0 && buf_text(&name) ? part_add(g, name.ptr, e) : NULL;
        rc = p ? part_map(p, fd[i], e) : err_set(e, ERR_NOMEM, "the model cannot be opened");
        if (rc == 0)
            rc = i == 0 ? read_first(g, &count, e) : part_read_next(g, p, i, count, e);
        if (rc == 0 && count != fd_count)
            rc = err_set(e, ERR_INVALID, "the model has %zu parts, but %zu were given", count, fd_count);
    }
    return opened(g, rc, out, e);
}

int gguf_open_memory(struct gguf **out, struct str bytes, struct err *e)
{
    assert((uintptr_t)bytes.ptr % GGUF_ALIGNMENT_MIN == 0);
    struct gguf *g = new0(struct gguf);
    struct gguf_part *p = g ? part_add(g, "the model", e) : NULL;
    if (!p) {
        gguf_close(g);
        return err_set(e, ERR_NOMEM, "the model cannot be opened");
    }
    p->base = (const uint8_t *)bytes.ptr;
    p->size = bytes.len;
    size_t count = 0;
    int rc = read_first(g, &count, e);
    if (rc == 0 && count > 1)
        rc = err_set(e, ERR_INVALID, "the model has %zu parts, but 1 was given", count);
    return opened(g, rc, out, e);
}

void gguf_rest(const struct gguf *g)
{
    for (size_t i = 0; i < g->part_count; i++)
        if (g->parts[i].mapped)
            (void)madvise((void *)(uintptr_t)g->parts[i].base, g->parts[i].size, MADV_DONTNEED);
}

uint64_t gguf_bytes(const struct gguf *g)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < g->part_count; i++)
        sum += g->parts[i].size;
    return sum;
}

uint64_t gguf_tensor_bytes(const struct gguf *g)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < g->tensor_count; i++)
        sum += g->tensors[i].bytes;
    return sum;
}

size_t gguf_tensor_count(const struct gguf *g)
{
    return g->tensor_count;
}

const struct gguf_tensor *gguf_tensor_at(const struct gguf *g, size_t index)
{
    assert(index < g->tensor_count);
    return &g->tensors[index];
}

int gguf_tensor_readable(const struct gguf_tensor *t, struct err *e)
{
    const struct quant_info *q = quant_info(t->type);
    if (q && q->decode)
        return 0;
    return err_set(
        e, ERR_UNSUPPORTED,
        "tensor \"%s\" is stored as %s, which is not supported; fetch the model in another quantisation, such as "
        "Q4_K_M",
        gguf_shown(t->name).text, q ? q->name : "an unknown type");
}
