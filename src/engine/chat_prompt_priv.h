/* chat_prompt_priv.h: what a chat form knows, and the steps from a request to a template's inputs. */
#pragma once
#include "engine/chat_prompt.h"

/* Answers to the questions that a form asks its template. */
struct chat_caps {
    bool parts;          /* content only as a list of parts */
    bool system;         /* has a place for the system role */
    bool developer;      /* knows the developer role by its name */
    bool tools;          /* prints the tools */
    bool calls;          /* prints the calls of an assistant's message */
    bool results;        /* prints messages of the role tool */
    bool arguments_text; /* wants arguments as the text that OpenAI sends */
    bool content_text;   /* a message with calls wants "" for its content, not null */
    bool short_ids;      /* wants ids of calls of nine letters and digits */
    bool tools_list;     /* walks through tools even if there are none: an empty list, not none */
};

struct chat_form {
    bool starved;       /* a question found no answer for want of memory: the form cannot be trusted */
    struct template *t; /* owned */
    struct arena arena; /* owned; holds what follows */
    struct str bos, eos;
    bool adds_bos;
    struct chat_caps caps;
    enum chat_calls calls;
    const char *think_open, *think_close;
    struct str note;
    struct chat_form *spare; /* owned; our template of the family, if the model's turns out not to do; or NULL */
};

/* chat_messages.c: the messages in the shape that `caps` asks for, in `a`. `merge` joins neighbours of the same role. `note` grows
 * by what was put differently. */
int chat_messages_shape(const struct chat_caps *caps, const struct json_node *messages, bool merge, struct arena *a,
                        const struct json_node **out, struct buf *note, struct err *e);

/* Trees built by hand, in an arena: NULL when memory is out, and so on upwards. */
struct json_node *chat_node_text(struct arena *a, struct str text);
struct json_node *chat_node_bool(struct arena *a, bool b);
struct json_node *chat_node_null(struct arena *a);
struct json_node *chat_node_new(struct arena *a, enum json_type type);

/* chat_family.c: our own template for the family that this text belongs to, empty when none is recognised. */
struct str chat_family_template(struct str chat_template, const char **name);
struct str chat_family_chatml(void);
