/* fuzz_rerank.c: any bytes as a reranker's answer. What is taken can be told to clients of either kind, and what was told reads the
 * same again and passes as it stands. */
#include "base/json.h"
#include "wire/rerank.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct rerank_answer *a, bool texts)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
    struct rerank_answer again;
    int rc = rerank_write(a, texts, STR("id"), STR("model"), &out);
    assert(rc == 0 && json_check(buf_str(&out), NULL) == 0);
    rc = rerank_read(&again, buf_str(&out), NULL);
    assert(rc == 0 && again.count == a->count && rerank_passes(&again, texts));
    assert(texts || again.usage.input == a->usage.input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rerank_answer a;
    struct err e = {0};
    struct str body = str_of(data, size);
    int rc = rerank_read(&a, body, &e);
    assert(rc == 0 || (rc == ERR_SYNTAX && e.text[0]));
    if (rc == 0 && a.list.ptr) {
        check(&a, false);
        check(&a, true);
    }
    return 0;
}
