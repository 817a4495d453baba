/* chat_prompt.h: a conversation in OpenAI's form as the prompt that a model was trained on.
 *
 * A chat form is worked out once, when a model is loaded: its template is compiled and asked, with small made-up conversations,
 * what it takes: content as text or as parts, a system role, tools, arguments as object or as text, ids of calls. Each request
 * is then put in that shape and rendered. A template that we cannot compile, or that does not survive the questions, is
 * replaced by one of our own for its family (ChatML, Llama 3, Mistral, Gemma, Phi 3, Zephyr), and chat_form_note() says so.
 * Nothing is left out in silence: what a template has no place for is an error, or stands in `note`.
 *
 * A chat form is immutable and safe from any thread. Errors: those of template.h, and ERR_UNSUPPORTED for what this model cannot
 * be told (images, tools). */
#pragma once
#include "engine/template.h"

struct chat_form;

/* How a model writes the calls of tools; answer_parse.h reads them. */
enum chat_calls { CHAT_CALLS_NONE, CHAT_CALLS_LLAMA3, CHAT_CALLS_HERMES, CHAT_CALLS_MISTRAL };

/* What the model file says; texts are copied. */
struct chat_source {
    struct str chat_template;                      /* tokenizer.chat_template; empty when there is none */
    struct str bos, eos;                           /* texts of these tokens, empty when there are none */
    bool adds_bos;                                 /* the tokenizer puts BOS in front by itself */
    bool (*has_token)(void *ctx, struct str text); /* whether the vocabulary has that control token */
    void *ctx;
};

int chat_form_open(struct chat_form **out, const struct chat_source *source, struct err *e);
void chat_form_close(struct chat_form *f);
/* What is to be announced when the model is loaded; empty when its own template is used as it is. */
struct str chat_form_note(const struct chat_form *f);
bool chat_form_takes_tools(const struct chat_form *f);
enum chat_calls chat_form_calls(const struct chat_form *f);

struct chat_request {
    const struct json_node *messages; /* OpenAI's array */
    const struct json_node *tools;    /* OpenAI's array, or NULL */
    const struct json_node *kwargs;   /* an object of further variables (enable_thinking …), or NULL */
    bool add_generation_prompt;
    struct civil now;
    struct template_limits limits;
};

struct chat_prompt {
    const struct template_piece *piece; /* see template.h */
    size_t count;
    const char *think_open,
        *think_close; /* the markers of reasoning in the answer, NULL when the template knows none */
    bool thinking;    /* the prompt ends inside of them: the answer begins with reasoning */
    bool bos_dropped; /* the template printed the BOS that the tokenizer adds: one of the two is gone */
    struct str note;  /* what was put differently than asked, to be announced; empty when nothing was */
};
/* Everything in `out` lives in `a`. */
int chat_prompt_render(const struct chat_form *f, const struct chat_request *r, struct arena *a,
                       struct chat_prompt *out, struct err *e);
