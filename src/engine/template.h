/* template.h: chat templates: the subset of Jinja that model files really use, compiled once and rendered in a sandbox.
 *
 * A template comes out of a model file, so it is hostile input: it has no way to the outside (the date is an input), and a
 * rendering that needs more steps, output, memory or depth than its limits allow ends with an error that says which. The
 * dialect is Jinja2 as the Python libraries set it up for chat templates: trim_blocks and lstrip_blocks on, loop controls on,
 * undefined is falsy and prints empty, `tojson` is json.dumps with ensure_ascii off. docs/internals/templates.md lists it.
 *
 * What comes out is pieces. Each says whether its text was written by the template (`special`: control tokens in it are
 * meant) or came in from the conversation (a "<|im_end|>" in it is just text). The mark follows the text through slices,
 * filters and concatenations. Only the border between tokens depends on it: where no control token stands, the texts of
 * neighbouring pieces belong together and are to be tokenized as one.
 *
 * A compiled template is immutable and safe from any thread; a rendering belongs to one. Errors: ERR_SYNTAX (no such
 * template), ERR_UNSUPPORTED (a construct we do not have, by name), ERR_INVALID (the template does not take these inputs, or
 * calls raise_exception), ERR_LIMIT, ERR_NOMEM; `e->line` is the template's line. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"

struct template;

#define TEMPLATE_SOURCE_MAX (512 * KiB) /* real ones have up to 30 KB */

struct template_limits {
    uint64_t steps_max; /* expressions, statements and turns of loops, long texts counting for more */
    size_t output_bytes_max;
    size_t memory_bytes_max; /* of everything that the rendering makes */
    uint32_t depth_max;      /* of calls in calls in expressions */
};
/* A thousand messages need half a million steps; 20 million are about a second. */
#define TEMPLATE_LIMITS_DEFAULT \
    ((struct template_limits){  \
        .steps_max = 20000000, .output_bytes_max = 32 * MiB, .memory_bytes_max = 256 * MiB, .depth_max = 400})

struct template_input {
    struct str name; /* the variable */
    const struct json_node *value;
    bool trusted; /* its texts are the model's own (bos_token), not the conversation's */
};

struct template_piece {
    struct str text;
    bool special; /* control tokens in it are meant */
};

struct template_output {
    struct template_piece *piece; /* neighbours differ in `special`; none is empty */
    size_t count;
    uint64_t steps; /* what it took */
};

/* `source` is copied. */
int template_compile(struct template **out, struct str source, struct err *e);
void template_free(struct template *t);
/* Fills `out` with pieces in `a`, which holds nothing else of the rendering. `now` is what strftime_now tells. */
int template_render(const struct template *t, const struct template_input *input, size_t input_count,
                    const struct civil *now, const struct template_limits *limits, struct arena *a,
                    struct template_output *out, struct err *e);
