/* openai_parts_priv.h: what the openai_write_*.c files share: runs of messages, and the parts that become one. */
#pragma once
#include "wire/openai_priv.h"

/* Neighbours of one role. */
struct openai_run {
    const struct message *from, *to; /* to: excluded */
    enum chat_role role;             /* of the messages that count; others between them were hoisted */
};
struct openai_walk {
    struct openai_run left;
    const struct part *part;
};
const struct part *openai_walk_next(struct openai_walk *k);

/* The outer loop runs once: it only declares the walk. */
#define EACH_PART(p, run)                                                                                     \
    for (struct openai_walk walk_##p = {(run), NULL}, *once_##p = &walk_##p; once_##p; once_##p = NULL) \
        for (const struct part *p; (p = openai_walk_next(&walk_##p));)

/* Parts of a message to be written, picked from a run or made. */
struct openai_parts {
    const struct part **at;
    size_t count, max;
};
bool openai_parts_init(struct openai_writer *o, struct openai_parts *list, size_t max);
void openai_parts_add(struct openai_parts *list, const struct part *p);
void openai_parts_add_text(struct openai_writer *o, struct openai_parts *list, const char *text);

/* Can this part stand in a message? Reports it when not. */
bool openai_can(struct openai_writer *o, const struct part *p);
void openai_pair(struct openai_writer *o, const char *key, struct str text);
void openai_content_write(struct openai_writer *o, const struct openai_parts *list, struct str between);
/* An object with role and name, still open. */
void openai_message_begin(struct openai_writer *o, const char *role, struct str name);
void openai_message_write(struct openai_writer *o, const char *role, struct str name, const struct openai_parts *list);

/* The results in `run` as tool messages, one for each call in `calls`, in their order. Into `aside`, which has room for
 * openai_results_aside(run), goes what cannot ride in them. Returns how many results there were. */
size_t openai_results_write(struct openai_writer *o, const struct openai_run *calls, const struct openai_run *run,
                            struct openai_parts *aside);
size_t openai_results_aside(const struct openai_run *run);

void openai_assistants_write(struct openai_writer *o, const struct openai_run *run);
