/* call_envelope.c: what is the same in every dialect's request: an object, one `model`, nothing that could pass for it. The
 * conversation inside is its codec's business. See wire.h. */
#include "wire/call_priv.h"

static int member_read(struct call_reader *r, struct str key_raw)
{
    struct call *c = r->call;
    int member = call_member_find(key_raw);

    if (member == CALL_MEMBER_NONE) {
        const char *name = call_disguise_of(key_raw);
        if (name)
            return err_set(r->err, ERR_INVALID, "a member is spelled almost like %s; write it exactly so", name);
        json_skip(&r->scan, NULL);
        return 0;
    }
    uint64_t bit = UINT64_C(1) << member;
    if (c->members & bit & call_members_ours)
        return err_set(r->err, ERR_INVALID, "%s is given twice", call_member_names[member].ptr);
    c->members |= bit;
    if (member == CALL_MEMBER_model)
        return call_model_read(r);
    json_skip(&r->scan, NULL);
    return 0;
}

int call_read_envelope(struct call *c, enum wire_op op, struct str body, struct arena *a, struct err *e)
{
    struct call_reader r = {.call = c, .arena = a, .err = e};
    struct str key;

    *c = (struct call){.op = op, .body = body, .max_tokens = -1, .choices = 1, .prompts = 1};
    json_scan_init(&r.scan, body);
    if (json_peek(&r.scan) != JSON_OBJECT)
        return r.scan.problem ? json_finish(&r.scan, e) : err_set(e, ERR_INVALID, "the body must be a JSON object");
    json_enter(&r.scan);
    c->insert_offset = json_offset(&r.scan);
    while (json_member(&r.scan, &key)) {
        int rc = member_read(&r, key);
        if (rc < 0)
            return rc;
    }
    int rc = json_finish(&r.scan, e);
    if (rc == 0 && c->model_len == 0)
        return err_set(e, ERR_INVALID, "model is missing");
    return rc;
}
