/* rerank.c: the answers of rerankers, read and told again; see rerank.h. */
#include "wire/rerank.h"
#include "wire/answer_priv.h"

struct item {
    struct str index, score, document, text; /* raw; ptr NULL: not given */
};

/* --- reading ----------------------------------------------------------------------------------------------------------- */

static bool item_read(struct json_scan *s, struct item *out)
{
    struct str key, raw;
    enum json_type type;

    *out = (struct item){.index = STR_NONE};
    if (json_peek(s) != JSON_OBJECT) {
        json_skip(s, NULL);
        return false;
    }
    json_enter(s);
    while (json_member(s, &key)) {
        type = json_peek(s);
        if (!json_skip(s, &raw))
            break;
        bool number = type == JSON_NUMBER;
        if (json_key_is(key, STR("index")) && number)
            out->index = raw;
        else if ((json_key_is(key, STR("relevance_score")) || (json_key_is(key, STR("score")) && !out->score.ptr)) && number)
            out->score = raw;
        else if (json_key_is(key, STR("document")) && type != JSON_NULL)
            out->document = raw;
        else if (json_key_is(key, STR("text")) && type == JSON_STRING)
            out->text = raw;
    }
    int64_t index;
    return !s->problem && out->index.ptr && out->score.ptr && json_to_i64(out->index, &index) && index >= 0;
}

/* The list that starts here. An empty one is an answer to no documents. */
static int list_read(struct rerank_answer *a, struct json_scan *s, struct err *e)
{
    struct item item;
    size_t begin;

    (void)json_peek(s);
    begin = json_offset(s);
    json_enter(s);
    for (a->count = 0; json_element(s); a->count++)
        if (!item_read(s, &item) && !s->problem)
            return err_set(e, ERR_SYNTAX, "a result has no index or no score");
    a->list = str_of(s->start + begin, json_offset(s) - begin);
    return 0;
}

/* Jina and vLLM count tokens; Cohere bills by search and says tokens beside it, if at all. */
static void tokens_read(struct rerank_answer *a, struct json_scan *s)
{
    struct str key;
    int64_t total = -1, prompt = -1, input = -1, cost = -1;

    if (json_peek(s) != JSON_OBJECT) {
        json_skip(s, NULL);
        return;
    }
    json_enter(s);
    while (json_member(s, &key)) {
        if (json_key_is(key, STR("total_tokens")))
            total = answer_count_read(s);
        else if (json_key_is(key, STR("prompt_tokens")))
            prompt = answer_count_read(s);
        else if (json_key_is(key, STR("input_tokens")))
            input = answer_count_read(s);
        else if (json_key_is(key, STR("cost")))
            cost = answer_cost_read(s);
        else
            json_skip(s, NULL);
    }
    int64_t tokens = total > 0 ? total : prompt > 0 ? prompt : input;
    if (tokens <= 0 || a->has_usage)
        return;
    a->has_usage = true;
    a->usage = (struct usage){.input = tokens, .cost_nusd = cost, .reported = true};
}

static void meta_read(struct rerank_answer *a, struct json_scan *s)
{
    struct str key;

    if (json_peek(s) != JSON_OBJECT) {
        json_skip(s, NULL);
        return;
    }
    json_enter(s);
    while (json_member(s, &key)) {
        if (json_key_is(key, STR("tokens")) || json_key_is(key, STR("billed_units")))
            tokens_read(a, s);
        else
            json_skip(s, NULL);
    }
}

/* The raw text of what `read` steps over. */
static struct str kept(struct rerank_answer *a, struct json_scan *s, void (*read)(struct rerank_answer *a, struct json_scan *s))
{
    (void)json_peek(s);
    size_t begin = json_offset(s);
    read(a, s);
    return s->problem ? STR_NONE : str_of(s->start + begin, json_offset(s) - begin);
}

static int member_read(struct rerank_answer *a, struct json_scan *s, struct str key, struct err *e)
{
    enum json_type type = json_peek(s);
    bool results = json_key_is(key, STR("results"));

    if (type == JSON_ARRAY && (results || (json_key_is(key, STR("data")) && !a->has_results))) {
        a->has_results = results;
        return list_read(a, s, e);
    }
    if (json_key_is(key, STR("usage"))) {
        a->usage_raw = kept(a, s, tokens_read);
    } else if (json_key_is(key, STR("meta"))) {
        a->meta = kept(a, s, meta_read);
    } else if (json_key_is(key, STR("id")) && type == JSON_STRING) {
        (void)json_skip(s, &a->id);
    } else if (json_key_is(key, STR("model")) && type == JSON_STRING) {
        (void)json_skip(s, &a->model);
    } else {
        a->has_error = a->has_error || (json_key_is(key, STR("error")) && type != JSON_NULL);
        (void)json_skip(s, NULL);
    }
    return 0;
}

static int object_read(struct rerank_answer *a, struct json_scan *s, struct err *e)
{
    struct str key;
    int rc = 0;

    json_enter(s);
    while (rc == 0 && json_member(s, &key))
        rc = member_read(a, s, key, e);
    return rc;
}

int rerank_read(struct rerank_answer *a, struct str body, struct err *e)
{
    struct json_scan s;
    int rc;

    *a = (struct rerank_answer){.usage = {.cost_nusd = -1}};
    if (str_starts(body, STR("\xef\xbb\xbf")))
        body = str_skip(body, 3);
    json_scan_init(&s, body);
    switch (json_peek(&s)) {
    case JSON_ARRAY:
        a->bare = true;
        rc = list_read(a, &s, e);
        break;
    case JSON_OBJECT: rc = object_read(a, &s, e); break;
    default: return s.problem ? json_finish(&s, e) : err_set(e, ERR_SYNTAX, "the answer is neither an object nor a list");
    }
    return rc ? rc : json_finish(&s, e);
}

void rerank_facts(const struct rerank_answer *a, struct wire_answer *out)
{
    *out = (struct wire_answer){.has_error = a->has_error, .has_choices = a->list.ptr != NULL, .choice_count = a->count,
                                .has_content = a->count > 0, .has_usage = a->has_usage, .usage = a->usage, .finish = FINISH_STOP};
}

/* --- telling it again ---------------------------------------------------------------------------------------------------- */

bool rerank_passes(const struct rerank_answer *a, bool texts)
{
    return a->has_results ? !texts : a->bare && texts;
}

/* What the document is as text: it may be an object around it. */
static struct str document_text(const struct item *i)
{
    struct json_scan s;
    struct str key, raw;

    if (i->text.ptr || !i->document.ptr || i->document.ptr[0] == '"')
        return i->text.ptr ? i->text : i->document;
    json_scan_init(&s, i->document);
    if (json_peek(&s) == JSON_OBJECT && json_enter(&s))
        while (json_member(&s, &key) && json_skip(&s, &raw))
            if (json_key_is(key, STR("text")) && raw.ptr[0] == '"')
                return raw;
    return STR_NONE;
}

static void raw_member(struct json_writer *w, const char *key, struct str raw)
{
    json_key(w, key);
    json_raw(w, raw);
}

static void item_write(struct json_writer *w, const struct item *i, bool texts)
{
    json_object_begin(w);
    raw_member(w, "index", i->index);
    raw_member(w, texts ? "score" : "relevance_score", i->score);
    if (texts && document_text(i).ptr)
        raw_member(w, "text", document_text(i));
    if (!texts && i->document.ptr) {
        raw_member(w, "document", i->document);
    } else if (!texts && i->text.ptr) {
        json_key(w, "document");
        json_object_begin(w);
        raw_member(w, "text", i->text);
        json_object_end(w);
    }
    json_object_end(w);
}

static void list_write(const struct rerank_answer *a, struct json_writer *w, bool texts)
{
    struct json_scan s;
    struct item item;

    json_array_begin(w);
    json_scan_init(&s, a->list);
    (void)json_enter(&s);
    while (json_element(&s) && item_read(&s, &item))
        item_write(w, &item, texts);
    json_array_end(w);
}

static void usage_write(const struct rerank_answer *a, struct json_writer *w)
{
    if (a->usage_raw.ptr) {
        raw_member(w, "usage", a->usage_raw);
    } else if (a->has_usage) {
        json_key(w, "usage");
        json_object_begin(w);
        json_key(w, "total_tokens");
        json_i64(w, a->usage.input);
        json_object_end(w);
    }
}

int rerank_write(const struct rerank_answer *a, bool texts, struct str id, struct str model, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);

    if (texts) {
        list_write(a, &w, true);
        return json_done(&w);
    }
    json_object_begin(&w);
    json_key(&w, "id");
    a->id.ptr ? json_raw(&w, a->id) : json_str(&w, id);
    json_key(&w, "model");
    a->model.ptr ? json_raw(&w, a->model) : json_str(&w, model);
    json_key(&w, "results");
    list_write(a, &w, false);
    json_key(&w, "data"); /* Continue's adapter and Voyage's clients look here */
    list_write(a, &w, false);
    usage_write(a, &w);
    if (a->meta.ptr)
        raw_member(&w, "meta", a->meta);
    json_object_end(&w);
    return json_done(&w);
}
