/* call_envelope.c: what is the same in every dialect's request: an object, one `model`, nothing that could pass for it. The
 * conversation inside is its codec's business. See wire.h. */
#include "wire/call_priv.h"

static int member_read(struct call_reader *r, int member)
{
    if (member == CALL_MEMBER_model)
        return call_model_read(r);
    json_skip(&r->scan, NULL);
    return 0;
}

int call_read_envelope(struct call *c, enum wire_op op, struct str body, struct arena *a, struct err *e)
{
    int rc = call_members_read(c, op, body, a, member_read, e);
    if (rc == 0 && c->model_len == 0)
        return err_set(e, ERR_INVALID, "model is missing");
    return rc;
}
