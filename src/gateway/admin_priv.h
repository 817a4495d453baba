/* admin_priv.h: what the files of the admin API share. An endpoint is a row of the table in admin.c and a function; one
 * whose work may wait does it in an errand, on the clerk's thread. */
#pragma once
#include "gateway/gateway_priv.h"

struct admin_ask {
    struct gateway_loop *gl;
    struct http_exchange *x;
    struct str rest; /* what stands for the {name} at the end of the row's path; checked by nobody yet */
};
struct admin_row {
    enum http_method method;
    const char *path; /* as the OpenAPI file has it */
    void (*fn)(const struct admin_ask *ask);
};
const struct admin_row *admin_row(size_t i); /* NULL behind the last */

/* An answer that must not be kept: JSON, no-store. Writes an error when `rc` says that it did not fit. */
void admin_reply(struct gateway_loop *gl, struct http_exchange *x, int status, int rc, struct str body);
void admin_fail(struct gateway_loop *gl, struct http_exchange *x, const struct err *e);

/* --- errands ------------------------------------------------------------------------------------------------------------ */

enum { ERRAND_ARENA_MAX = 256 * 1024, ERRAND_BODY_MAX = 64 << 20 };

struct errand {
    struct reply_owner owner;
    struct clerk_job job;
    struct gateway *gateway;
    struct gateway_loop *gl;
    struct http_exchange *x; /* NULL once the client is gone */
    struct arena arena;      /* what the request said */
    void (*fn)(struct errand *r);
    void *wish; /* of the endpoint; in the arena */
    /* made by fn */
    int status;
    struct buf body;
    struct err err; /* of a failure; status is then 0 */
};
/* NULL when it is answered, for want of memory. `wish_bytes` of the arena are cleared for the endpoint. */
struct errand *errand_new(const struct admin_ask *ask, void (*fn)(struct errand *r), size_t wish_bytes);
void errand_free(struct errand *r); /* one that was not sent */
void errand_send(struct errand *r); /* fn runs on the clerk's thread, and its answer goes out */

/* Values of a query: the decoded one of `name` into *out; its ptr is NULL when it is not there. False when it is malformed
 * or memory is out. */
bool query_value(struct arena *a, struct str query, const char *name, struct str *out);

/* admin_look.c */
void admin_status(const struct admin_ask *ask);
void admin_targets(const struct admin_ask *ask);
/* admin_keys.c */
void admin_keys_list(const struct admin_ask *ask);
void admin_keys_add(const struct admin_ask *ask);
void admin_keys_revoke(const struct admin_ask *ask);
/* admin_reload.c */
void admin_reload(const struct admin_ask *ask);
/* admin_events.c */
void admin_events(const struct admin_ask *ask);
/* admin_plan.c */
void admin_plan(const struct admin_ask *ask);
void admin_plan_estimate(const struct admin_ask *ask);
/* admin_call.c */
void admin_call(const struct admin_ask *ask);
/* admin_usage.c */
void admin_usage(const struct admin_ask *ask);
