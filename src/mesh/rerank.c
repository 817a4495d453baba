/* rerank.c: scores on their way to the client: rerankers tell them in several shapes, and a client reads one. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include "wire/rerank.h"

enum { RERANK_OUT_MAX = 8 * 1024 * 1024 }; /* what was held is 1 MiB at most; every list twice, and longer names */

int rerank_answer_write(struct attempt *a)
{
    struct mesh_call *c = a->call;
    bool texts = call_has_member(&c->facts, STR("texts"));
    struct rerank_answer answer;
    int rc = rerank_read(&answer, buf_str(&a->held), NULL);
    if (rc < 0 || rerank_passes(&answer, texts))
        return rc;
    struct buf told = BUF_INIT(RERANK_OUT_MAX);
    rc = rerank_write(&answer, texts, str_from(c->id_text), c->facts.model, &told);
    if (rc < 0) {
        buf_fini(&told);
        return rc;
    }
    buf_fini(&a->held);
    a->held = told;
    return 0;
}
