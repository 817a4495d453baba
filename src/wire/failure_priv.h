/* failure_priv.h: what an error body says, before anyone judges it. Inside wire/ only. */
#pragma once
#include "wire/wire.h"

enum {
    FAILURE_BODY_MAX = 64 * 1024, /* looked at; error bodies are a few hundred bytes, echoes of a request may be long */
    FAILURE_MESSAGE_MAX = 4096,   /* given to the text rules; what vendors say stands at the beginning */
    FAILURE_INNER_MAX = 1024,
    FAILURE_CODE_MAX = 64,
};

/* All NUL-terminated, valid UTF-8 and free of control bytes. */
struct failure_facts {
    char message[FAILURE_MESSAGE_MAX];
    char inner[FAILURE_INNER_MAX]; /* what a provider behind the upstream said (OpenRouter's metadata.raw) */
    char code[FAILURE_CODE_MAX];
    char type[FAILURE_CODE_MAX];
    char status[FAILURE_CODE_MAX];     /* Gemini's word for the HTTP status */
    char inner_code[FAILURE_CODE_MAX]; /* first of the codes inside metadata and details */
    int message_rank;                  /* where the message came from; lower is better */
    int number;                        /* a numeric code, 0 when there is none */
    int64_t retry_after_ms;            /* -1 when nothing was said */
    bool per_day;                      /* the exhausted limit is one of a day */
};

void failure_body_read(struct failure_facts *f, struct str body);
/* "try again in 7.66s", "retry after 20 minutes" somewhere in the text; -1 when it says nothing like it. */
int64_t retry_in_text(struct str text);
