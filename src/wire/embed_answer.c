/* embed_answer.c: vectors, both ways; see embed.h.
 *
 *   OpenAI   {"data": [{"index": 0, "embedding": [0.1, …] or "base64…"}, …], "model", "usage": {"prompt_tokens"}}
 *   Ollama   {"embeddings": [[0.1, …], …], "model", "prompt_eval_count"}, the older form {"embedding": [0.1, …]}
 *
 * The official clients of OpenAI ask for base64 when their user asks for nothing, and one of them reads nothing else. */
#include "wire/embed.h"
#include "base/base64.h"
#include "wire/ollama_priv.h"
#include <float.h>
#include <math.h>

#define TOKENS_MAX ((int64_t)1 << 40) /* as in call.c */

/* --- reading ----------------------------------------------------------------------------------------------------------- */

struct answer_reader {
    struct embed_answer *answer;
    struct json_scan scan;
    struct vector **end;
    bool has_vectors;
    const char *problem; /* of ours, beside the scanner's */
    int rc;
};

static bool is_numbers(struct str raw)
{
    struct json_scan s;
    bool fine = true;
    json_scan_init(&s, raw);
    (void)json_enter(&s);
    while (fine && json_element(&s))
        fine = json_peek(&s) == JSON_NUMBER && json_skip(&s, NULL);
    return fine;
}

/* The vector that starts here, into the list; NULL when there is none or memory is out. */
static struct vector *vector_read(struct answer_reader *r)
{
    enum json_type type = json_peek(&r->scan);
    struct str text;
    bool base64 = type == JSON_STRING;
    if (base64 ? !json_string(&r->scan, &text) : !json_skip(&r->scan, &text))
        return NULL;
    if (!base64 && (type != JSON_ARRAY || !is_numbers(text))) {
        r->problem = "an embedding is no list of numbers";
        return NULL;
    }
    struct vector *v = arena_new(r->answer->arena, struct vector);
    if (!v) {
        r->rc = ERR_NOMEM;
        return NULL;
    }
    *(base64 ? &v->base64 : &v->numbers) = base64 ? ollama_plain(text, r->answer->arena) : text;
    r->rc = v->base64.ptr || v->numbers.ptr ? r->rc : ERR_NOMEM;
    *r->end = v;
    r->end = &v->next;
    r->answer->count++;
    return v;
}

/* A list of vectors (Ollama). */
static void vectors_read(struct answer_reader *r)
{
    r->has_vectors = true;
    if (json_peek(&r->scan) != JSON_ARRAY) { /* null: none were asked for */
        (void)json_skip(&r->scan, NULL);
        return;
    }
    (void)json_enter(&r->scan);
    while (json_element(&r->scan))
        if (!vector_read(r))
            return;
}

/* One of OpenAI's list: {"index", "embedding"}. */
static bool item_read(struct answer_reader *r, int64_t *index)
{
    struct str key, raw;
    bool found = false;
    if (json_peek(&r->scan) != JSON_OBJECT) {
        r->problem = "its data is no list of embeddings";
        return false;
    }
    (void)json_enter(&r->scan);
    while (json_member(&r->scan, &key)) {
        if (json_key_is(key, STR("embedding")) && !found) {
            found = vector_read(r);
            if (!found)
                return false;
        } else if (json_key_is(key, STR("index")) && json_skip(&r->scan, &raw)) {
            (void)json_to_i64(raw, index);
        } else {
            (void)json_skip(&r->scan, NULL);
        }
    }
    if (!found)
        r->problem = "an embedding is missing";
    return found;
}

/* Into the order that the indices say: each is there once. */
static void in_order(struct answer_reader *r, const int64_t *index)
{
    struct embed_answer *a = r->answer;
    struct vector **at = arena_zalloc_array(a->arena, a->count + 1, sizeof *at);
    if (!at) {
        r->rc = ERR_NOMEM;
        return;
    }
    size_t i = 0;
    for (struct vector *v = a->vector; v; v = v->next, i++) {
        if (index[i] < 0 || (size_t)index[i] >= a->count || at[index[i]]) {
            r->problem = "its embeddings are counted wrong";
            return;
        }
        at[index[i]] = v;
    }
    r->end = &a->vector;
    for (i = 0; i < a->count; i++) {
        *r->end = at[i];
        r->end = &at[i]->next;
    }
    *r->end = NULL;
}

static void data_read(struct answer_reader *r)
{
    AUTO_BUF struct buf indices = BUF_INIT(SIZE_MAX / 2);
    r->has_vectors = true;
    if (json_peek(&r->scan) != JSON_ARRAY) {
        (void)json_skip(&r->scan, NULL);
        r->problem = "its data is no list of embeddings";
        return;
    }
    (void)json_enter(&r->scan);
    while (json_element(&r->scan)) {
        int64_t index = (int64_t)r->answer->count; /* some servers leave it out */
        if (!item_read(r, &index))
            return;
        if (buf_append(&indices, str_of(&index, sizeof index)) < 0) {
            r->rc = ERR_NOMEM;
            return;
        }
    }
    if (!r->scan.problem && r->rc == 0 && r->answer->count)
        in_order(r, (const int64_t *)(const void *)indices.ptr);
}

static void count_read(struct answer_reader *r)
{
    struct str raw;
    int64_t n;
    struct embed_answer *a = r->answer;
    if (!json_skip(&r->scan, &raw) || !json_to_i64(raw, &n) || n < 0)
        return;
    a->usage.input = n < TOKENS_MAX ? n : TOKENS_MAX;
    a->has_usage = a->usage.reported = true;
}

static void usage_read(struct answer_reader *r)
{
    struct str key;
    if (json_peek(&r->scan) != JSON_OBJECT) {
        (void)json_skip(&r->scan, NULL);
        return;
    }
    (void)json_enter(&r->scan);
    while (json_member(&r->scan, &key)) {
        if (json_key_is(key, STR("prompt_tokens")))
            count_read(r);
        else
            (void)json_skip(&r->scan, NULL);
    }
}

static void model_read(struct answer_reader *r)
{
    struct str raw;
    if (json_peek(&r->scan) != JSON_STRING) {
        (void)json_skip(&r->scan, NULL);
        return;
    }
    if (!json_string(&r->scan, &raw))
        return;
    r->answer->model = ollama_plain(raw, r->answer->arena);
    r->rc = r->answer->model.ptr ? r->rc : ERR_NOMEM;
}

static void member_read(struct answer_reader *r, bool ollama, struct str key)
{
    bool first = !r->has_vectors;
    if (!ollama && first && json_key_is(key, STR("data"))) {
        data_read(r);
    } else if (ollama && first && json_key_is(key, STR("embeddings"))) {
        vectors_read(r);
    } else if (ollama && first && json_key_is(key, STR("embedding"))) {
        r->has_vectors = vector_read(r);
    } else if (ollama && json_key_is(key, STR("prompt_eval_count"))) {
        count_read(r);
    } else if (!ollama && json_key_is(key, STR("usage"))) {
        usage_read(r);
    } else if (json_key_is(key, STR("model"))) {
        model_read(r);
    } else {
        r->answer->has_error |= json_key_is(key, STR("error")) && json_peek(&r->scan) != JSON_NULL;
        (void)json_skip(&r->scan, NULL);
    }
}

int embed_answer_read(struct embed_answer *a, enum dialect from, struct str body, struct err *e)
{
    struct arena *arena = a->arena;
    struct str key;
    *a = (struct embed_answer){.arena = arena, .model = STR(""), .usage = {.cost_nusd = -1}};
    struct answer_reader r = {.answer = a, .end = &a->vector};
    json_scan_init(&r.scan, body);
    if (json_peek(&r.scan) != JSON_OBJECT)
        r.problem = "it is no JSON object";
    else
        (void)json_enter(&r.scan);
    while (!r.problem && r.rc == 0 && json_member(&r.scan, &key))
        member_read(&r, from == DIALECT_OLLAMA, key);
    if (r.rc)
        return err_set(e, r.rc, "out of memory while reading an answer");
    if (r.scan.problem)
        return json_finish(&r.scan, e);
    if (!r.problem && !r.has_vectors && !a->has_error)
        r.problem = "it has no embeddings";
    if (r.problem)
        return err_set(e, ERR_SYNTAX, "not an answer with embeddings: %s", r.problem);
    return json_finish(&r.scan, e);
}

/* --- base64 of floats --------------------------------------------------------------------------------------------------- */

/* The numbers of a list as little-endian floats. */
static int floats_pack(struct str numbers, struct buf *out)
{
    struct json_scan s;
    struct str raw;
    double d;
    int rc = 0;
    json_scan_init(&s, numbers);
    (void)json_enter(&s);
    while (rc == 0 && json_element(&s) && json_skip(&s, &raw)) {
        if (!json_to_double(raw, &d) || fabs(d) > (double)FLT_MAX)
            return ERR_SYNTAX;
        float f = (float)d;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        unsigned char bytes[] = {bits & 255, bits >> 8 & 255, bits >> 16 & 255, bits >> 24};
        rc = buf_append(out, str_of(bytes, sizeof bytes));
    }
    return rc;
}

static int base64_write(struct json_writer *w, const struct vector *v)
{
    if (v->base64.ptr) {
        json_str(w, v->base64);
        return 0;
    }
    AUTO_BUF struct buf packed = BUF_INIT(4 * v->numbers.len + 4), text = BUF_INIT(8 * v->numbers.len + 8);
    int rc = floats_pack(v->numbers, &packed);
    rc = rc ? rc : base64_append(&text, buf_str(&packed));
    if (rc == 0)
        json_str(w, buf_str(&text));
    return rc;
}

/* Nine digits tell any float from its neighbours. */
static int float_write(struct json_writer *w, const unsigned char *bytes)
{
    char text[32];
    float f;
    uint32_t bits = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    memcpy(&f, &bits, sizeof f);
    if (!isfinite(f))
        return ERR_SYNTAX;
    size_t len = text_format(text, sizeof text, "%.9g", (double)f);
    json_raw(w, str_of(text, len));
    return 0;
}

static int numbers_write(struct json_writer *w, const struct vector *v)
{
    if (v->numbers.ptr) {
        json_raw(w, v->numbers);
        return 0;
    }
    AUTO_BUF struct buf bytes = BUF_INIT(v->base64.len + 4);
    int rc = base64_read(v->base64, &bytes);
    if (rc == 0 && bytes.len % 4)
        rc = ERR_SYNTAX;
    json_array_begin(w);
    for (size_t i = 0; i + 4 <= bytes.len && rc == 0; i += 4)
        rc = float_write(w, (const unsigned char *)bytes.ptr + i);
    json_array_end(w);
    return rc;
}

/* --- writing ------------------------------------------------------------------------------------------------------------ */

static int openai_write(const struct embed_answer *a, bool base64, struct json_writer *w)
{
    int64_t index = 0;
    int rc = 0;
    json_key(w, "object");
    json_text(w, "list");
    json_key(w, "data");
    json_array_begin(w);
    for (const struct vector *v = a->vector; v && rc == 0; v = v->next) {
        json_object_begin(w);
        json_key(w, "object");
        json_text(w, "embedding");
        json_key(w, "index");
        json_i64(w, index++);
        json_key(w, "embedding");
        rc = base64 ? base64_write(w, v) : numbers_write(w, v);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "model");
    json_str(w, a->model);
    if (!a->has_usage)
        return rc;
    json_key(w, "usage");
    json_object_begin(w);
    json_key(w, "prompt_tokens");
    json_i64(w, a->usage.input);
    json_key(w, "total_tokens");
    json_i64(w, a->usage.input);
    json_object_end(w);
    return rc;
}

static int ollama_write(const struct embed_answer *a, struct json_writer *w)
{
    int rc = 0;
    json_key(w, "model");
    json_str(w, a->model);
    json_key(w, "embeddings");
    json_array_begin(w);
    for (const struct vector *v = a->vector; v && rc == 0; v = v->next)
        rc = numbers_write(w, v);
    json_array_end(w);
    if (a->elapsed_us > 0 && a->elapsed_us < INT64_MAX / 1000) {
        json_key(w, "total_duration");
        json_i64(w, a->elapsed_us * 1000);
    }
    if (a->has_usage) {
        json_key(w, "prompt_eval_count");
        json_i64(w, a->usage.input);
    }
    return rc;
}

static int ollama_one_write(const struct embed_answer *a, struct json_writer *w)
{
    json_key(w, "embedding");
    if (a->vector)
        return numbers_write(w, a->vector);
    json_array_begin(w);
    json_array_end(w);
    return 0;
}

int embed_answer_write(const struct embed_answer *a, const struct embed *asked, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    int rc = asked->from == DIALECT_OPENAI ? openai_write(a, asked->base64, &w)
             : asked->single               ? ollama_one_write(a, &w)
                                           : ollama_write(a, &w);
    json_object_end(&w);
    return rc ? rc : json_done(&w);
}
