/* sim_rerank.c: documents in an order, as llama-server and Jina tell it. A document's score is the share of the query's words that
 * stand in it; equals stay in the order they came. */
#include "sim/sim_priv.h"

enum { DOCUMENTS_MAX = 1024 };

struct ranked {
    struct str raw;
    int64_t index, permille;
};

static int64_t score_of(struct str query, struct str document)
{
    int64_t words = 0, found = 0;
    struct str word;
    while (str_cut(&query, ' ', &word)) {
        word = str_trim(word);
        words += word.len > 0;
        found += word.len > 0 && str_contains_fold(document, word);
    }
    return words ? found * 1000 / words : 0;
}

/* An insertion sort: nobody sends many. */
static void put(struct ranked *list, int *count, struct ranked r)
{
    int at = (*count)++;
    for (; at > 0 && list[at - 1].permille < r.permille; at--)
        list[at] = list[at - 1];
    list[at] = r;
}

static void read_documents(struct str raw, struct str query, struct ranked *list, int *count)
{
    struct json_scan s;
    struct str document;
    json_scan_init(&s, raw);
    (void)json_enter(&s);
    for (int64_t i = 0; json_element(&s) && json_skip(&s, &document) && *count < DOCUMENTS_MAX; i++)
        put(list, count, (struct ranked){document, i, score_of(query, document)});
}

static void write_results(const struct ranked *list, int count, bool with_documents, struct json_writer *w)
{
    json_array_begin(w);
    for (int i = 0; i < count; i++) {
        AUTO_BUF struct buf score = BUF_INIT(32);
        json_object_begin(w);
        json_key(w, "index");
        json_i64(w, list[i].index);
        json_key(w, "relevance_score");
        if (buf_append_scaled(&score, list[i].permille, 3) == 0)
            json_raw(w, buf_str(&score));
        else
            json_null(w);
        if (with_documents) {
            json_key(w, "document");
            json_raw(w, list[i].raw);
        }
        json_object_end(w);
    }
    json_array_end(w);
}

int sim_scores_write(const struct sim_answer *a, struct str body, struct json_writer *w)
{
    struct ranked list[DOCUMENTS_MAX];
    struct str key, raw, query = STR_NONE, documents = STR_NONE;
    struct json_scan s;
    int64_t top = DOCUMENTS_MAX;
    bool with_documents = false;
    int count = 0;
    json_scan_init(&s, body);
    if (json_peek(&s) == JSON_OBJECT && json_enter(&s))
        while (json_member(&s, &key) && json_skip(&s, &raw)) {
            if (str_eq(key, STR("query")) && raw.len > 2)
                query = str_slice(raw, 1, raw.len - 1);
            else if (str_eq(key, STR("documents")) || str_eq(key, STR("texts")))
                documents = raw;
            else if (str_eq(key, STR("top_n")))
                (void)json_to_i64(raw, &top);
            else if (str_eq(key, STR("return_documents")))
                with_documents = str_eq(raw, STR("true"));
        }
    read_documents(documents, query, list, &count);
    json_object_begin(w);
    json_key(w, "model");
    json_str(w, buf_str(&a->model));
    json_key(w, "object");
    json_text(w, "list");
    if (!a->step->usage_off) {
        json_key(w, "usage");
        json_object_begin(w);
        json_key(w, "prompt_tokens");
        json_i64(w, a->usage.input);
        json_key(w, "total_tokens");
        json_i64(w, a->usage.input);
        json_object_end(w);
    }
    json_key(w, "results");
    write_results(list, top < count ? (int)top : count, with_documents, w);
    json_object_end(w);
    return json_done(w);
}
