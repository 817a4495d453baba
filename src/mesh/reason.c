/* reason.c: the failure table at work: from what an upstream or the transport did to a row of it. */
#include "mesh/mesh_priv.h"
#include <assert.h>

static const struct reason_row rows[] = {
#define X(name, fault, next, cool, http, text) {#name, fault, next, cool, http, text},
    REASON_TABLE(X)
#undef X
};

/* The ledger and the metrics have the names in lower case; made once, on first use, from the table's own spelling. */
static char lower[REASON_COUNT][32];
static struct reason_row lower_rows[REASON_COUNT];

__attribute__((constructor)) static void lower_names(void)
{
    for (size_t i = 0; i < REASON_COUNT; i++) {
        size_t n = strlen(rows[i].name);
        assert(n < sizeof lower[i]);
        for (size_t k = 0; k < n; k++)
            lower[i][k] = (char)(rows[i].name[k] >= 'A' && rows[i].name[k] <= 'Z' ? rows[i].name[k] | 0x20 : rows[i].name[k]);
        lower_rows[i] = rows[i];
        lower_rows[i].name = lower[i];
    }
}

const struct reason_row *reason_row(enum reason r)
{
    assert((unsigned)r < REASON_COUNT);
    return &lower_rows[r];
}

static enum reason from_fault(enum wire_fault fault)
{
    static const enum reason of[] = {
        [FAULT_UNKNOWN] = REASON_DONE, [FAULT_CONTEXT] = REASON_CONTEXT, [FAULT_QUOTA] = REASON_QUOTA,
        [FAULT_POLICY] = REASON_POLICY, [FAULT_RATE] = REASON_RATE_LIMIT, [FAULT_OVERLOAD] = REASON_OVERLOADED,
        [FAULT_KEY] = REASON_KEY, [FAULT_MODEL] = REASON_MODEL, [FAULT_PARAMETER] = REASON_BAD_REQUEST,
        [FAULT_FACE] = REASON_NO_ENDPOINT,
    };
    return (size_t)fault < COUNT_OF(of) ? of[fault] : REASON_DONE;
}

static enum reason from_status(int status)
{
    switch (status) {
    case 401: return REASON_KEY;
    case 402: return REASON_QUOTA;
    case 403: return REASON_FORBIDDEN;
    case 404: return REASON_MODEL;
    case 408: return REASON_HTTP_408;
    case 409: return REASON_HTTP_409;
    case 410: return REASON_MODEL; /* a retired one */
    case 425: return REASON_HTTP_425;
    case 429: return REASON_RATE_LIMIT;
    case 498: return REASON_OVERLOADED; /* Groq's flex tier */
    case 503: return REASON_OVERLOADED;
    case 504: return REASON_SERVER_ERROR;
    case 529: return REASON_OVERLOADED;
    }
    if (status >= 300 && status < 400)
        return REASON_REDIRECT;
    if (status >= 500)
        return REASON_SERVER_ERROR;
    if (status >= 400)
        return REASON_BAD_REQUEST;
    return REASON_MALFORMED; /* 1xx as final, or a 2xx that carries no answer */
}

enum reason reason_from_failure(int status, const struct wire_failure *f)
{
    enum reason by_text = from_fault(f->fault);
    bool in_band = status == 0 || (status >= 200 && status < 300);
    if (in_band) { /* an error inside a 200 or a stream: only a recognised text tells more than that */
        if (f->fault == FAULT_UNKNOWN || f->fault == FAULT_PARAMETER)
            return status == 0 ? REASON_STREAM_ERROR : REASON_ERROR_IN_200;
        return by_text;
    }
    if (f->fault == FAULT_UNKNOWN || f->fault == FAULT_PARAMETER)
        return from_status(status);
    if (f->fault == FAULT_RATE && status == 413)
        return REASON_CONTEXT; /* Groq: larger than the whole minute's allowance; waiting does not help, elsewhere it may fit */
    return by_text;
}

enum reason reason_from_fetch(enum fetch_end end)
{
    static const enum reason of[] = {
        [FETCH_OK] = REASON_DONE, [FETCH_RESOLVE] = REASON_RESOLVE, [FETCH_CONNECT] = REASON_CONNECT,
        [FETCH_CONNECT_TIMEOUT] = REASON_CONNECT_TIMEOUT, [FETCH_TLS] = REASON_TLS, [FETCH_FENCED] = REASON_FENCED,
        [FETCH_STALE] = REASON_STALE, [FETCH_RESET] = REASON_RESET, [FETCH_TRUNCATED] = REASON_TRUNCATED,
        [FETCH_PROTOCOL] = REASON_MALFORMED, [FETCH_TOO_LARGE] = REASON_TOO_LARGE, [FETCH_NOMEM] = REASON_NO_MEMORY,
    };
    assert((size_t)end < COUNT_OF(of));
    return of[end];
}
