/* anthropic_model.c: what each generation of Claude models accepts, as data; see anthropic_priv.h. The version is read from
 * the model's name, in which numbers follow the family (claude-sonnet-4-6) or precede it (claude-3-7-sonnet-20250219). */
#include "wire/anthropic_priv.h"

/* Of the rows that fit, the last. Sources: Anthropic's model overview and its pages on extended and adaptive thinking. */
static const struct claude_facts rows[] = {
    {.thinking = THINKS_NOT, .sampling = true, .prefill = true},
    {.from = 307, .thinking = THINKS_BY_BUDGET, .sampling = true, .prefill = true},
    {.from = 401, .thinking = THINKS_BY_BUDGET, .sampling = true, .one_sampler = true, .prefill = true},
    {.from = 405, .thinking = THINKS_BY_BUDGET, .sampling = true, .one_sampler = true, .prefill = true, .schema = true},
    {.family = "opus",
     .from = 405,
     .thinking = THINKS_BY_BUDGET,
     .sampling = true,
     .one_sampler = true,
     .prefill = true,
     .schema = true,
     .effort = true},
    {.from = 406,
     .thinking = THINKS_EITHER,
     .sampling = true,
     .one_sampler = true,
     .prefill = true,
     .schema = true,
     .effort = true},
    {.family = "opus",
     .from = 406,
     .thinking = THINKS_EITHER,
     .sampling = true,
     .one_sampler = true,
     .schema = true,
     .effort = true},
    {.from = 407, .thinking = THINKS_ADAPTIVE, .schema = true, .effort = true, .xhigh = true},
};
/* A model of another vendor behind this dialect: what the dialect had from the beginning, and whatever its client asks for. */
static const struct claude_facts another = {
    .thinking = THINKS_UNKNOWN, .sampling = true, .prefill = true, .schema = true, .effort = true, .xhigh = true};

static bool is_separator(char c)
{
    return c == '-' || c == '.' || c == '/' || c == '@' || c == ':' || c == '_';
}

static struct str next_word(struct str *rest)
{
    while (rest->len && is_separator(rest->ptr[0]))
        *rest = str_skip(*rest, 1);
    size_t len = 0;
    while (len < rest->len && !is_separator(rest->ptr[len]))
        len++;
    struct str word = str_slice(*rest, 0, len);
    *rest = str_skip(*rest, len);
    return word;
}

const struct claude_facts *claude_facts(struct str model)
{
    const struct claude_facts *found = &another;
    struct str rest = model, word, family = STR("");
    int64_t number[2] = {0};
    size_t count = 0;
    do
        word = next_word(&rest);
    while (word.len && !str_eq_fold(word, STR("claude")));
    if (word.len == 0)
        return found;
    while ((word = next_word(&rest)).len) {
        int64_t n;
        bool is_number = str_to_i64(word, &n);
        if (is_number && word.len <= 2 && count < COUNT_OF(number))
            number[count++] = n;
        else if (is_number)
            break; /* a date */
        else if (family.len == 0)
            family = word;
    }
    int64_t version = count ? 100 * number[0] + number[1] : INT64_MAX; /* without a number: the newest */
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (version >= rows[i].from && (!rows[i].family || str_eq_fold(str_from(rows[i].family), family)))
            found = &rows[i];
    return found;
}
