/* tokenizer_kit.h: model files that are a vocabulary and nothing else, made in memory, for tests and fuzzing. */
#pragma once
#include "base/buf.h"
#include "engine/gguf.h"
#include "engine/tokenizer.h"

enum { VOCAB_BYTES_MAX = 32 << 20 };
#define VOCAB_UNUSED __attribute__((unused))

struct vocab {
    struct buf keys, file; /* file: what `tokenizer` lends from */
    uint64_t count;
    struct gguf *gguf;
    struct tokenizer *tokenizer;
    int rc; /* of opening */
    struct err e;
};
#define VOCAB_INIT ((struct vocab){.keys = BUF_INIT(VOCAB_BYTES_MAX), .file = BUF_INIT(VOCAB_BYTES_MAX)})

static VOCAB_UNUSED void vocab_raw(struct vocab *v, const void *bytes, size_t len)
{
    (void)buf_append(&v->keys, str_of(bytes, len)); /* a file that lacks something is refused, and the test fails */
}

static VOCAB_UNUSED void vocab_string(struct vocab *v, struct str s)
{
    uint64_t len = s.len;
    vocab_raw(v, &len, sizeof len);
    vocab_raw(v, s.ptr, s.len);
}

static VOCAB_UNUSED void vocab_key(struct vocab *v, const char *key, int32_t type)
{
    vocab_string(v, str_from(key));
    vocab_raw(v, &type, sizeof type);
    v->count++;
}

static VOCAB_UNUSED void vocab_text(struct vocab *v, const char *key, struct str text)
{
    vocab_key(v, key, GGUF_STRING);
    vocab_string(v, text);
}

static VOCAB_UNUSED void vocab_u32(struct vocab *v, const char *key, uint32_t n)
{
    vocab_key(v, key, GGUF_U32);
    vocab_raw(v, &n, sizeof n);
}

static VOCAB_UNUSED void vocab_bool(struct vocab *v, const char *key, bool b)
{
    vocab_key(v, key, GGUF_BOOL);
    vocab_raw(v, &b, 1);
}

static VOCAB_UNUSED void vocab_array(struct vocab *v, const char *key, int32_t type, uint64_t count)
{
    vocab_key(v, key, GGUF_ARRAY);
    vocab_raw(v, &type, sizeof type);
    vocab_raw(v, &count, sizeof count);
}

static VOCAB_UNUSED void vocab_texts(struct vocab *v, const char *key, const struct str *text, size_t count)
{
    vocab_array(v, key, GGUF_STRING, count);
    for (size_t i = 0; i < count; i++)
        vocab_string(v, text[i]);
}

static VOCAB_UNUSED void vocab_i32s(struct vocab *v, const char *key, const int32_t *n, size_t count)
{
    vocab_array(v, key, GGUF_I32, count);
    vocab_raw(v, n, count * sizeof *n);
}

static VOCAB_UNUSED void vocab_f32s(struct vocab *v, const char *key, const float *f, size_t count)
{
    vocab_array(v, key, GGUF_F32, count);
    vocab_raw(v, f, count * sizeof *f);
}

/* Puts the file together, without tensors, and opens it. */
static VOCAB_UNUSED int vocab_open(struct vocab *v)
{
    const uint32_t version = 3;
    const uint64_t tensors = 0;
    buf_clear(&v->file);
    (void)buf_append_text(&v->file, "GGUF");
    (void)buf_append(&v->file, str_of(&version, sizeof version));
    (void)buf_append(&v->file, str_of(&tensors, sizeof tensors));
    (void)buf_append(&v->file, str_of(&v->count, sizeof v->count));
    (void)buf_append(&v->file, buf_str(&v->keys));
    v->rc = gguf_open_memory(&v->gguf, buf_str(&v->file), &v->e);
    if (v->rc == 0)
        v->rc = tokenizer_open(&v->tokenizer, v->gguf, &v->e);
    return v->rc;
}

static VOCAB_UNUSED void vocab_fini(struct vocab *v)
{
    tokenizer_close(v->tokenizer);
    gguf_close(v->gguf);
    buf_fini(&v->keys);
    buf_fini(&v->file);
    *v = VOCAB_INIT;
}

/* How a byte is written in the vocabularies of byte-level BPE, as first published: those that print stand for themselves, the others
 * are numbered from 256 as they come. */
static VOCAB_UNUSED struct str vocab_byte(unsigned byte, char out[4])
{
    unsigned cp = 256;
    for (unsigned b = 0; b <= byte; b++) {
        bool prints = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
        if (b == byte && prints)
            cp = b;
        else if (b < byte && !prints)
            cp++;
    }
    if (cp < 0x80) {
        out[0] = (char)cp;
        return str_of(out, 1);
    }
    out[0] = (char)(0xC0 | cp >> 6);
    out[1] = (char)(0x80 | (cp & 0x3F));
    return str_of(out, 2);
}
