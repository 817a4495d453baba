/* sim_embed.c: embeddings: small vectors that depend on the text alone, as numbers or in base64. */
#include "sim/sim_priv.h"

enum { VECTOR_LENGTH = 8, VECTOR_LENGTH_MAX = 4096 };

/* The same text gives the same vector, another text another one; length 1. */
static void make_vector(uint64_t seed, float *out, int length)
{
    struct rng rng;
    double sum = 0;
    rng_seed(&rng, seed);
    for (int i = 0; i < length; i++) {
        out[i] = (float)((double)rng_below(&rng, 2001) / 1000.0 - 1.0);
        sum += (double)out[i] * (double)out[i];
    }
    double root = 1; /* Newton's method, so that base needs no libm */
    for (int i = 0; i < 30; i++)
        root = (root + sum / root) / 2;
    for (int i = 0; i < length && sum > 0; i++)
        out[i] = (float)((double)out[i] / root);
}

static void write_base64(struct json_writer *w, const uint8_t *bytes, size_t len, struct buf *out)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int rc = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t v =
            (uint32_t)bytes[i] << 16 | (have > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (have > 2 ? bytes[i + 2] : 0);
        char four[4] = {digit[v >> 18], digit[v >> 12 & 63], have > 1 ? digit[v >> 6 & 63] : '=',
                        have > 2 ? digit[v & 63] : '='};
        rc |= buf_append(out, str_of(four, 4));
    }
    if (rc)
        w->rc = ERR_NOMEM;
    else
        json_str(w, buf_str(out));
}

static void write_numbers(struct json_writer *w, const float *vector, int length)
{
    json_array_begin(w);
    for (int i = 0; i < length; i++)
        json_double(w, (double)vector[i]);
    json_array_end(w);
}

static void write_vector(const struct sim_facts *f, struct json_writer *w, struct str text, int64_t index, int length)
{
    float vector[VECTOR_LENGTH_MAX];
    make_vector(str_hash(text), vector, length);
    if (f->bare_vectors) {
        write_numbers(w, vector, length);
        return;
    }
    json_object_begin(w);
    json_key(w, "object");
    json_text(w, "embedding");
    json_key(w, "index");
    json_i64(w, index);
    json_key(w, "embedding");
    if (f->base64) {
        AUTO_BUF struct buf text64 = BUF_INIT(sizeof vector * 2);
        write_base64(w, (const uint8_t *)vector, (size_t)length * sizeof vector[0],
                     &text64); /* little-endian machines only */
    } else {
        write_numbers(w, vector, length);
    }
    json_object_end(w);
}

/* `input` is a text, texts, the token numbers of one text, or those of several. */
static void write_vectors(const struct sim_facts *f, struct json_writer *w, struct str body, int length)
{
    struct json_scan s;
    struct str key, raw = STR_NONE;
    json_scan_init(&s, body);
    (void)json_enter(&s);
    struct str wanted = f->one_vector ? STR("prompt") : STR("input");
    while (json_member(&s, &key) && !str_eq(key, wanted))
        (void)json_skip(&s, NULL);
    struct json_scan inner = s;
    enum json_type type = json_peek(&s);
    if (type != JSON_ARRAY || !json_enter(&inner) || !json_element(&inner) || json_peek(&inner) == JSON_NUMBER) {
        if (json_skip(&s, &raw))
            write_vector(f, w, raw, 0, length);
        return;
    }
    int64_t index = 0;
    do {
        if (json_skip(&inner, &raw))
            write_vector(f, w, raw, index++, length);
    } while (json_element(&inner));
}

/* Ollama's own form. */
static int bare_vectors_write(const struct sim_answer *a, const struct sim_facts *f, struct str body, int length, struct json_writer *w)
{
    json_object_begin(w);
    if (f->one_vector) { /* of the older endpoint, which says no more */
        json_key(w, "embedding");
        write_vectors(f, w, body, length);
        json_object_end(w);
        return 0;
    }
    json_key(w, "model");
    json_str(w, buf_str(&a->model));
    json_key(w, "embeddings");
    json_array_begin(w);
    write_vectors(f, w, body, length);
    json_array_end(w);
    json_key(w, "total_duration");
    json_i64(w, 14143917);
    if (!a->step->usage_off) {
        json_key(w, "prompt_eval_count");
        json_i64(w, a->usage.input);
    }
    json_object_end(w);
    return 0;
}

int sim_vectors_write(const struct sim_answer *a, const struct sim_facts *f, struct str body, struct json_writer *w)
{
    int64_t length = a->step->tokens ? a->step->tokens : f->dimensions ? f->dimensions : VECTOR_LENGTH;
    if (length < 1 || length > VECTOR_LENGTH_MAX)
        length = VECTOR_LENGTH;
    if (f->bare_vectors)
        return bare_vectors_write(a, f, body, (int)length, w);
    json_object_begin(w);
    json_key(w, "object");
    json_text(w, "list");
    json_key(w, "data");
    json_array_begin(w);
    if (a->step->act != ACT_NO_CHOICES)
        write_vectors(f, w, body, (int)length);
    json_array_end(w);
    json_key(w, "model");
    json_str(w, buf_str(&a->model));
    if (!a->step->usage_off) {
        json_key(w, "usage");
        sim_usage_write(a, w);
    }
    json_object_end(w);
    return 0;
}
