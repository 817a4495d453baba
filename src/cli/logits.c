/* logits.c: `hearth logits FILE`: what a model computes for given tokens, before anything is made of it. For comparing engines. */
#include "base/json.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "engine/engine.h"
#include <stdlib.h>

enum { OUT_MAX = 64 << 20 };

struct asked {
    const char *path, *kernels;
    int32_t *token;
    size_t count;
    int64_t threads, top;
    bool embedding, json;
};

static int read_tokens(struct asked *a, const char *text, struct err *e)
{
    struct str rest = str_from(text), part;
    a->token = new0_array(int32_t, rest.len / 2 + 1);
    bool more = true;
    if (!a->token)
        return err_set(e, ERR_NOMEM, "tokens");
    while (more) { /* a comma at the end leaves a number that is missing */
        int64_t n;
        more = str_find_char(rest, ',') >= 0;
        if (!str_cut(&rest, ',', &part))
            part = STR_NONE;
        if (!str_to_i64(str_trim(part), &n) || n < 0 || n > INT32_MAX)
            return err_set(e, ERR_INVALID, "`%.*s` in --tokens is no token number", STR_FMT(part));
        a->token[a->count++] = (int32_t)n;
    }
    return 0;
}

struct scored {
    float logit;
    int32_t id;
};

/* Highest first; equal ones by number. What is no number comes last. */
static int compare(const void *pa, const void *pb)
{
    const struct scored *a = pa, *b = pb;
    bool a_nan = a->logit != a->logit, b_nan = b->logit != b->logit;
    if (a_nan != b_nan)
        return a_nan ? 1 : -1;
    if (!a_nan && a->logit != b->logit)
        return a->logit > b->logit ? -1 : 1;
    return a->id < b->id ? -1 : 1;
}

/* %.9g, which tells every binary32 apart; JSON has no word for what is not finite. */
static void number(struct buf *out, float f)
{
    if (f - f == 0)
        (void)buf_append_format(out, "%.9g", (double)f);
    else
        (void)buf_append_text(out, "null");
}

static int show_embedding(struct buf *out, const struct asked *a, const float *v, size_t n)
{
    (void)buf_append_text(out, a->json ? "{\"embedding\":[" : "");
    for (size_t i = 0; i < n; i++) {
        (void)buf_append_text(out, i == 0 ? "" : a->json ? "," : "\n");
        number(out, v[i]);
    }
    return buf_append_text(out, a->json ? "]}\n" : "\n");
}

static int show_top(struct buf *out, const struct asked *a, const float *logit, size_t n)
{
    struct scored *s = new0_array(struct scored, n);
    if (!s)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        s[i] = (struct scored){logit[i], (int32_t)i};
    qsort(s, n, sizeof *s, compare);
    size_t top = (uint64_t)a->top < n ? (size_t)a->top : n;
    (void)buf_append_text(out, a->json ? "{\"top\":[" : "");
    for (size_t i = 0; i < top; i++) {
        (void)buf_append_format(out, a->json ? "%s[%d," : "%s%8d  ", i == 0 ? "" : a->json ? "," : "\n", s[i].id);
        number(out, s[i].logit);
        (void)buf_append_text(out, a->json ? "]" : "");
    }
    mem_free(s);
    return buf_append_text(out, a->json ? "]}\n" : "\n");
}

static int compute(const struct asked *a, struct buf *out, struct err *e)
{
    struct gguf *file = NULL;
    struct engine *g = NULL;
    struct kv_sequence s = {0};
    int rc = gguf_open(&file, a->path, e);
    struct engine_options opt = {.kernels = a->kernels, .threads = (size_t)a->threads, .kv_type = KV_F32, .context = a->count};
    if (rc == 0)
        rc = engine_open(&g, file, &opt, e);
    if (rc < 0)
        return rc;
    size_t n = engine_result_floats(g);
    float *result = mem_zalloc_array(n, sizeof *result);
    bool embeds = !g->model->output.data;
    if (a->embedding != embeds)
        rc = err_set(e, ERR_INVALID, embeds ? "the model makes embeddings and has no logits: ask with --embedding" : "the model makes logits and no embeddings: ask without --embedding");
    else if (!result)
        rc = err_set(e, ERR_NOMEM, "logits");
    else
        rc = engine_read(g, &s, a->token, a->count, result, e);
    if (rc == 0 && (a->embedding ? show_embedding : show_top)(out, a, result, n) < 0)
        rc = err_set(e, ERR_NOMEM, "the result does not fit into memory");
    mem_free(result);
    kv_clear(g->kv, &s);
    engine_close(g);
    return rc;
}

static const char details[] =
    "The tokens are computed exactly as given: nothing is put before them. Logits are those of the last position, before any\n"
    "sampling; keys and values are kept in binary32. An embedding is pooled as the file says and scaled to length 1.\n\n"
    "--json: {\"top\":[[id,logit],…]}, highest first, equal ones by id; with --embedding {\"embedding\":[…]}.";

static int run(int argc, char **argv)
{
    struct asked a = {.top = 16};
    const char *tokens = NULL;
    const struct cli_option options[] = {
        {'t', "tokens", "LIST", "token numbers, separated by commas", OPTION_TEXT, &tokens},
        {'n', "top", "N", "how many logits to print (16); past the vocabulary: all", OPTION_NUMBER, &a.top},
        {0, "embedding", NULL, "the text's vector, of a model that makes embeddings", OPTION_FLAG, &a.embedding},
        {0, "threads", "N", "threads (one for each core)", OPTION_NUMBER, &a.threads},
        {0, "kernels", "NAME", "ref, or a level of this machine such as avx2 (the best)", OPTION_TEXT, &a.kernels},
        {0, "json", NULL, "the same as JSON", OPTION_FLAG, &a.json},
    };
    int words;
    int end = cli_parse(&command_logits, options, COUNT_OF(options), details, argc, argv, &words);
    if (end)
        return end - 1;
    if (words != 1 || !tokens)
        return cli_usage_error(&command_logits, words > 1 ? "one file at a time" : words < 1 ? "which model file?" : "which tokens? --tokens 1,2,3");
    if (a.top < 1 || a.threads < 0 || a.threads > POOL_THREADS_MAX)
        return cli_usage_error(&command_logits, a.top < 1 ? "--top starts at 1" : "--threads is at most %d", POOL_THREADS_MAX);
    a.path = argv[0];
    AUTO_BUF struct buf out = BUF_INIT(OUT_MAX);
    struct err e = {0};
    int rc = read_tokens(&a, tokens, &e);
    if (rc == ERR_INVALID) {
        mem_free(a.token);
        return cli_usage_error(&command_logits, "%s", e.text);
    }
    if (rc == 0)
        rc = compute(&a, &out, &e);
    mem_free(a.token);
    return rc < 0 ? cli_fail_err(&e) : cli_print(buf_str(&out));
}

const struct cli_command command_logits = {
    .name = "logits", .synopsis = "FILE --tokens LIST [options]", .summary = "what a model file computes for given tokens", .run = run,
};
