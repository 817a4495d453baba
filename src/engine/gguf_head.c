/* gguf_head.c: the start of a model file. What is no such file is told apart by what it looks like, since each has its own remedy. */
#include "engine/gguf_priv.h"

/* Smallest a tensor info and a key with its value can be: a name of one byte. */
enum { TENSOR_BYTES_MIN = 8 + 1 + 4 + 8 + 4 + 8, VALUE_BYTES_MIN = 8 + 1 + 4 + 1 };

static const struct look {
    const char *start, *what;
} looks[] = {
    {"lmgg", "a ggml file from before GGUF (or a whisper model): fetch the model again as GGUF"},
    {"fmgg", "a ggml file from before GGUF: fetch the model again as GGUF"},
    {"tjgg", "a ggml file from before GGUF: fetch the model again as GGUF"},
    {"algg", "an old LoRA adapter from before GGUF"},
    {"FUGG", "GGUF with its bytes reversed (big-endian): fetch the little-endian file"},
    {"PK\003\004", "a zip file or a PyTorch checkpoint: it must be converted to GGUF first"},
    {"version https://git-lfs", "a Git LFS pointer: the model itself was not fetched (git lfs pull)"},
    {"<!", "a web page, as some servers send instead of the model: fetch it again, perhaps signed in"},
    {"<html", "a web page, as some servers send instead of the model: fetch it again, perhaps signed in"},
    {"{", "JSON, not a model"},
};

static int refuse_other(const struct gguf_part *p, struct err *e)
{
    struct str all = str_of(p->base, p->size);
    for (size_t i = 0; i < COUNT_OF(looks); i++)
        if (str_starts(all, str_from(looks[i].start)))
            return err_set(e, ERR_SYNTAX, "%s: not a GGUF file but %s", p->name, looks[i].what);
    if (p->size > 9 && p->base[8] == '{' && gguf_u64(p->base) < p->size)
        return err_set(e, ERR_SYNTAX, "%s: not a GGUF file but safetensors: it must be converted to GGUF first",
                       p->name);
    return err_set(e, ERR_SYNTAX, "%s: not a GGUF file: it starts with \"%s\" where \"GGUF\" should stand", p->name,
                   gguf_shown(str_slice(all, 0, 4)).text);
}

static int check_version(const struct gguf_part *p, struct err *e)
{
    uint32_t version = gguf_u32(p->base + 4);
    if (version == 2 || version == 3)
        return 0;
    if ((version & 0xffff) == 0)
        return err_set(e, ERR_UNSUPPORTED, "%s: a big-endian file; fetch the little-endian one", p->name);
    if (version == 1)
        return err_set(e, ERR_UNSUPPORTED,
                       "%s: GGUF version 1, which is obsolete; fetch the model again (2 and 3 are read)", p->name);
    return err_set(e, ERR_UNSUPPORTED, "%s: GGUF version %u; 2 and 3 are read", p->name, version);
}

static int check_count(const struct gguf_part *p, uint64_t count, uint64_t max, uint64_t bytes_min, const char *what,
                       struct err *e)
{
    if (count > max)
        return err_set(e, ERR_LIMIT, "%s: says it has %llu %s; at most %llu are read", p->name,
                       (unsigned long long)count, what, (unsigned long long)max);
    if (count * bytes_min > p->size - GGUF_HEAD_BYTES)
        return err_set(e, ERR_SYNTAX,
                       "%s: says it has %llu %s, but the file ends after %zu bytes, as after a torn download: "
                       "at least %llu bytes are missing; fetch it again",
                       p->name, (unsigned long long)count, what, p->size,
                       (unsigned long long)(count * bytes_min - (p->size - GGUF_HEAD_BYTES)));
    return 0;
}

int gguf_head_read(const struct gguf_part *p, uint64_t *tensor_count, uint64_t *value_count, struct err *e)
{
    if (p->size < 4 || memcmp(p->base, "GGUF", 4) != 0)
        return refuse_other(p, e);
    if (p->size < GGUF_HEAD_BYTES)
        return err_set(e, ERR_SYNTAX,
                       "%s: the file ends after %zu bytes, inside its head of %d: at least %zu bytes are missing, "
                       "as after a torn download; fetch it again",
                       p->name, p->size, GGUF_HEAD_BYTES, GGUF_HEAD_BYTES - p->size);
    int rc = check_version(p, e);
    if (rc < 0)
        return rc;
    uint64_t tensors = gguf_u64(p->base + 8), values = gguf_u64(p->base + 16);
    rc = check_count(p, tensors, GGUF_TENSORS_MAX, TENSOR_BYTES_MIN, "tensors", e);
    if (rc == 0)
        rc = check_count(p, values, GGUF_KEYS_MAX, VALUE_BYTES_MIN, "keys", e);
    if (rc < 0)
        return rc;
    *tensor_count = tensors;
    *value_count = values;
    return 0;
}
