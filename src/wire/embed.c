/* embed.c: questions for vectors, both ways; see embed.h. One scan and no tree: inputs may be a hundred thousand token ids. */
#include "wire/embed.h"
#include "wire/ollama_priv.h"

/* --- reading ----------------------------------------------------------------------------------------------------------- */

struct embed_reader {
    struct embed *embed;
    struct err *err;
    struct json_scan scan;
    struct embed_input **input; /* ends of lists */
    struct chat_member **extra;
    bool has_input;
    unsigned seen; /* bit per row of `members` */
};

static int no_memory(struct embed_reader *r)
{
    return err_set(r->err, ERR_NOMEM, "out of memory while reading the request");
}

static struct embed_input *input_add(struct embed_reader *r)
{
    struct embed_input *in = arena_new(r->embed->arena, struct embed_input);
    if (!in)
        return NULL;
    *r->input = in;
    r->input = &in->next;
    r->embed->count++;
    return in;
}

static int text_add(struct embed_reader *r, bool skip_empty)
{
    struct str raw;
    if (!json_string(&r->scan, &raw) || (skip_empty && raw.len == 0))
        return 0;
    struct embed_input *in = input_add(r);
    if (!in)
        return no_memory(r);
    in->text = raw.len ? json_unescape_arena(raw, r->embed->arena) : STR("");
    return in->text.ptr ? 0 : no_memory(r);
}

static int input_invalid(struct embed_reader *r, const char *name, bool ids)
{
    return r->scan.problem ? 0
                           : err_set(r->err, ERR_INVALID, "%s must be a string or a list of strings%s", name,
                                     ids ? ", or of token ids" : "");
}

static bool is_token_list(struct str raw)
{
    struct json_scan s;
    struct str n;
    int64_t id;
    bool fine = true;
    json_scan_init(&s, raw);
    (void)json_enter(&s);
    while (fine && json_element(&s))
        fine = json_peek(&s) == JSON_NUMBER && json_skip(&s, &n) && json_to_i64(n, &id) && id >= 0;
    return fine;
}

static int tokens_add(struct embed_reader *r, const char *name)
{
    struct str raw;
    if (!json_skip(&r->scan, &raw))
        return 0;
    if (!is_token_list(raw))
        return input_invalid(r, name, true);
    struct embed_input *in = input_add(r);
    if (!in)
        return no_memory(r);
    in->tokens = raw;
    return 0;
}

/* The type of the first element of the array that starts here. */
static enum json_type first_type(const struct json_scan *s)
{
    struct json_scan ahead = *s;
    return json_enter(&ahead) && json_element(&ahead) ? json_peek(&ahead) : JSON_BAD;
}

static int input_list_read(struct embed_reader *r, const char *name, bool ids)
{
    int rc = 0;
    if (ids && first_type(&r->scan) == JSON_NUMBER)
        return tokens_add(r, name);
    (void)json_enter(&r->scan);
    while (rc == 0 && json_element(&r->scan)) {
        enum json_type type = json_peek(&r->scan);
        if (type == JSON_STRING)
            rc = text_add(r, false);
        else if (type == JSON_ARRAY && ids)
            rc = tokens_add(r, name);
        else
            return input_invalid(r, name, ids);
    }
    return rc;
}

static int input_read(struct embed_reader *r)
{
    bool openai = r->embed->from == DIALECT_OPENAI;
    enum json_type type = json_peek(&r->scan);
    r->has_input = true;
    if (type == JSON_STRING) /* an empty one means to an Ollama: load the model */
        return text_add(r, !openai);
    return type == JSON_ARRAY ? input_list_read(r, "input", openai) : input_invalid(r, "input", openai);
}

static int prompt_read(struct embed_reader *r)
{
    if (json_peek(&r->scan) == JSON_STRING)
        return text_add(r, true);
    return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "prompt must be a string");
}

static int string_read(struct embed_reader *r, const char *name, struct str *out)
{
    struct str raw;
    if (json_peek(&r->scan) != JSON_STRING)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "%s must be a string", name);
    if (!json_string(&r->scan, &raw))
        return 0;
    *out = ollama_plain(raw, r->embed->arena);
    return out->ptr ? 0 : no_memory(r);
}

static int model_read(struct embed_reader *r)
{
    int rc = string_read(r, "model", &r->embed->model);
    return rc || r->scan.problem ? rc : ollama_model_check(r->embed->model, r->err);
}

static int user_read(struct embed_reader *r)
{
    return string_read(r, "user", &r->embed->user);
}

static int encoding_read(struct embed_reader *r)
{
    struct str word = STR_NONE;
    int rc = string_read(r, "encoding_format", &word);
    r->embed->base64 = str_eq(word, STR("base64"));
    if (rc || r->scan.problem || r->embed->base64 || str_eq(word, STR("float")))
        return rc;
    return err_set(r->err, ERR_INVALID, "encoding_format must be float or base64");
}

static int dimensions_read(struct embed_reader *r)
{
    struct str raw;
    int64_t n;
    enum json_type type = json_peek(&r->scan);
    if (!json_skip(&r->scan, &raw))
        return 0;
    if (type != JSON_NUMBER || !json_to_i64(raw, &n) || n < 0)
        return err_set(r->err, ERR_INVALID, "dimensions must be a whole number");
    r->embed->dimensions = n ? n : -1;
    return 0;
}

static int extra_read(struct embed_reader *r, struct str name)
{
    struct chat_member *m = arena_new(r->embed->arena, struct chat_member);
    if (!m)
        return no_memory(r);
    m->name = name;
    if (!json_skip(&r->scan, &m->value))
        return 0;
    *r->extra = m;
    r->extra = &m->next;
    return 0;
}

enum { OPENAI = 1, OLLAMA = 2, OLLAMA_ONE = 4, ALL = 7 };
static const struct {
    struct str name;
    unsigned in;
    int (*read)(struct embed_reader *r);
} members[] = {
    {{"model", 5}, ALL, model_read},
    {{"input", 5}, OPENAI | OLLAMA, input_read},
    {{"prompt", 6}, OLLAMA_ONE, prompt_read},
    {{"dimensions", 10}, OPENAI | OLLAMA, dimensions_read},
    {{"encoding_format", 15}, OPENAI, encoding_read},
    {{"user", 4}, OPENAI, user_read},
};

static int member_read(struct embed_reader *r, unsigned in, struct str key_raw)
{
    struct str key = ollama_plain(key_raw, r->embed->arena);
    if (!key.ptr)
        return no_memory(r);
    bool nothing = json_peek(&r->scan) == JSON_NULL;
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const char *name = members[i].name.ptr;
        if (!ollama_key_passes_for(key, members[i].name))
            continue;
        if (!str_eq(key, members[i].name))
            return err_set(r->err, ERR_INVALID, "a member is spelled almost like %s; write it exactly so", name);
        if (!(members[i].in & in))
            break;
        if (r->seen >> i & 1)
            return err_set(r->err, ERR_INVALID, "%s is given twice", name);
        r->seen |= 1u << i;
        if (!nothing)
            return members[i].read(r);
    }
    if (!nothing)
        return extra_read(r, key);
    (void)json_skip(&r->scan, NULL);
    return 0;
}

int embed_read(struct embed *m, enum dialect from, enum wire_op op, struct str body, struct err *e)
{
    struct arena *arena = m->arena;
    struct str key;
    int rc = 0;
    *m = (struct embed){.arena = arena, .from = from, .dimensions = -1, .single = op == WIRE_EMBED_ONE};
    struct embed_reader r = {.embed = m, .err = e, .input = &m->input, .extra = &m->extra};
    unsigned in = from == DIALECT_OPENAI ? OPENAI : m->single ? OLLAMA_ONE : OLLAMA;

    json_scan_init(&r.scan, body);
    if (json_peek(&r.scan) != JSON_OBJECT)
        return r.scan.problem ? json_finish(&r.scan, e) : err_set(e, ERR_INVALID, "the body must be a JSON object");
    (void)json_enter(&r.scan);
    while (rc == 0 && json_member(&r.scan, &key))
        rc = member_read(&r, in, key);
    rc = rc ? rc : json_finish(&r.scan, e);
    if (rc == 0 && m->model.len == 0)
        rc = err_set(e, ERR_INVALID, "model is missing");
    if (rc == 0 && in == OPENAI && !r.has_input)
        rc = err_set(e, ERR_INVALID, "input is missing");
    return rc;
}

void embed_facts(const struct embed *m, struct call *out)
{
    for (const struct embed_input *in = m->input; in; in = in->next) {
        out->text_bytes += (int64_t)(in->text.len + in->tokens.len);
        out->tokens_estimated += tokens_estimate(in->text, false);
        for (size_t i = 0; i < in->tokens.len; i++) /* an id is a token */
            out->tokens_estimated += in->tokens.ptr[i] == ',' || (in->tokens.ptr[i] == ']' && in->tokens.len > 2);
    }
    out->max_tokens = -1;
    out->choices = 1;
    out->stream = false;
}

/* --- writing ------------------------------------------------------------------------------------------------------------ */

static void input_write(struct json_writer *w, const struct embed_input *in)
{
    if (in->tokens.len)
        json_raw(w, in->tokens);
    else
        json_str(w, in->text);
}

/* One of no token ids: by itself it would read as no input at all. */
static bool is_empty_list(struct str tokens)
{
    return tokens.len && str_trim(str_slice(tokens, 1, tokens.len - 1)).len == 0;
}

static void inputs_write(struct json_writer *w, const struct embed *m)
{
    json_key(w, "input");
    if (m->count == 1 && !is_empty_list(m->input->tokens)) {
        input_write(w, m->input);
        return;
    }
    json_array_begin(w);
    for (const struct embed_input *in = m->input; in; in = in->next)
        input_write(w, in);
    json_array_end(w);
}

/* Of another operation, and then said in our own way. */
static bool is_written(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (str_eq(name, members[i].name))
            return true;
    return false;
}

/* What another dialect does not know is lost, but for what only an Ollama does: from a job's defaults it passes. */
static void extra_write(struct json_writer *w, const struct embed *m, enum dialect to, struct lost *lost)
{
    bool told = false;
    for (const struct chat_member *x = m->extra; x; x = x->next) {
        bool truncate = str_eq(x->name, STR("truncate"));
        bool ollamas = truncate || str_eq(x->name, STR("options")) || str_eq(x->name, STR("keep_alive"));
        if (is_written(x->name) || (m->from != to && !(to == DIALECT_OLLAMA && ollamas))) {
            lost_add(lost, x->name);
            continue;
        }
        told |= truncate;
        json_key_str(w, x->name);
        json_raw(w, x->value);
    }
    if (m->from == to || to != DIALECT_OLLAMA || told)
        return;
    json_key(w, "truncate"); /* as with every other vendor: what is too long is refused, not cut in silence */
    json_bool(w, false);
}

static int inputs_check(const struct embed *m, bool one, struct err *e)
{
    for (const struct embed_input *in = m->input; in; in = in->next)
        if (in->tokens.len)
            return err_set(e, ERR_INVALID,
                           "input is token ids of another model's vocabulary, which an Ollama cannot read; send text "
                           "(in LangChain: check_embedding_ctx_length=False)");
    if (one && m->count > 1)
        return err_set(e, ERR_INVALID,
                       "input has several texts, and /api/embeddings takes one prompt; /api/embed takes many");
    return 0;
}

int embed_write(const struct embed *m, enum dialect to, const struct chat_write *to_what, struct buf *out,
                struct err *e)
{
    struct json_writer w = JSON_WRITER(out);
    bool ollama = to == DIALECT_OLLAMA, one = ollama && to_what->op == WIRE_EMBED_ONE;
    int rc = ollama ? inputs_check(m, one, e) : 0;
    if (rc)
        return rc;
    json_object_begin(&w);
    json_key(&w, "model");
    json_str(&w, to_what->model);
    if (one) {
        json_key(&w, "prompt");
        json_str(&w, m->input ? m->input->text : STR(""));
    } else {
        inputs_write(&w, m);
    }
    if (m->dimensions >= 0 && one) {
        lost_add(to_what->lost, STR("dimensions"));
    } else if (m->dimensions >= 0) {
        json_key(&w, "dimensions");
        json_i64(&w, m->dimensions);
    }
    if (m->base64 && !ollama) {
        json_key(&w, "encoding_format");
        json_text(&w, "base64");
    }
    if (m->user.len && ollama) {
        lost_add(to_what->lost, STR("user"));
    } else if (m->user.len) {
        json_key(&w, "user");
        json_str(&w, m->user);
    }
    extra_write(&w, m, to, to_what->lost);
    json_object_end(&w);
    return json_done(&w) ? err_set(e, json_done(&w), "the request for the upstream does not fit into memory") : 0;
}
