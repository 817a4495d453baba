/* host_priv.h: a call as the host's thread has it, and what its files share. (host*.c) */
#pragma once
#include "engine/answer_parse.h"
#include "engine/grammar.h"
#include "engine/host.h"
#include "engine/room.h"
#include "engine/stop.h"
#include <pthread.h>
#include <stdatomic.h>

struct host {
    struct engine *engine;
    struct tokenizer *tokenizer;
    struct chat_form *form;            /* NULL: the model has none */
    struct err form_error;             /* why */
    struct grammar_vocab *vocab;       /* made when the first form is asked for; under `vocab_lock` */
    pthread_mutex_t vocab_lock;
    struct sampler_room *room;         /* the host's thread's */
    struct scheduler *scheduler;       /* the host's thread's */
    const struct clock *clock;
    size_t context_max, queue_max;
    uint64_t *mask;                    /* a bit for each token of model and tokenizer, the host's thread's */
    float *vector;                     /* (width), the host's thread's */

    struct host_call *calls;           /* the host's thread's: accepted and not ended */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;              /* guards what follows */
    pthread_cond_t wake;
    struct host_call *inbox, **inbox_end; /* begun, not seen by the thread yet */
    bool changes;                      /* some call's `cancel` or `pause` was set */
    bool stop;
    struct host_counts counts;
    atomic_size_t held;                /* accepted and not ended */
    int64_t keep_us;
    const struct room *machine;        /* NULL: nobody looks */
    struct room_now machine_now;       /* the host's thread's: at the last look, */
    int64_t looked_us;                 /* then */
    bool rests;                        /* the host's thread's: everything is given back that can be */
    struct host_counts ended;          /* the host's thread's: what calls came to that ended */
};

struct host_call {
    struct host *host;
    struct host_sink sink;
    struct host_call *next;            /* in the inbox, then among the thread's calls */
    atomic_uint refs;                  /* the thread's until it ended, and the caller's */
    atomic_bool cancel, pause;
    enum host_kind kind;
    struct token_list prompt;
    size_t answer_max, dropped;
    size_t answered;                   /* tokens picked, the one in which a stop string ends among them, but none that only ends the answer */
    enum sched_class class;
    int64_t deadline_us, alive_us, working_us; /* working_us: when it was said last that it is worked on */
    uint64_t conversation;
    struct sampler *sampler;
    bool logprobs;
    struct grammar *grammar;
    struct grammar_run *run;
    bool reasoning;                    /* a form holds only after it */
    bool tools;                        /* the marks of calls are to be read */
    const char *think_open, *think_close; /* in `names`, or NULL */
    struct detokenizer detokenizer;
    struct stop stop;
    struct answer_parser *parser;
    struct buf text, safe;
    struct arena names;                /* texts that the parser borrows */
    bool called, finished;
    bool one_call, call_over;          /* one_call: nothing is said behind a call */
    enum host_finish finish;
    struct err error;
    struct sched_call *scheduled;
};

/* host_prepare.c: everything of a call but the thread's part. */
int host_prepare(struct host *h, const struct host_request *r, struct host_call *c, struct buf *note, struct err *e);
/* What a template is to say, and what it said. */
struct host_rendering {
    struct arena arena;
    const struct json_node *messages; /* those that are left */
    struct chat_prompt prompt;
};
/* Renders and cuts into tokens: fills c->prompt anew. */
int host_render(struct host *h, const struct host_request *r, struct host_call *c, struct host_rendering *out, struct err *e);
/* host_fit.c: leaves out as many of the oldest turns as it takes for prompt and answer to fit. */
int host_fit(struct host *h, const struct host_request *r, struct host_call *c, struct host_rendering *out, struct err *e);
/* host_force.c: puts the beginning of a call behind the prompt, and sets the form of the rest. The parser is there already. */
int host_force(struct host *h, const struct host_request *r, struct host_call *c, const struct chat_prompt *p, struct err *e);
int host_set_form(struct host *h, struct host_call *c, struct str schema, struct err *e); /* empty: any object */
/* host_answer.c: the next token of a call from its logits, and all that follows from it. -1: it is complete. */
int32_t host_next(void *call, const float *logits);
int host_on_answer(void *call, const struct answer_event *event);
int host_flush(struct host_call *c); /* what was held back comes out; not all of it: an error, told in c->error */
void host_say(struct host_call *c, const struct host_event *event);
