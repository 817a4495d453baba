/* chat_family.c: templates of our own for the families of chat formats, for files whose template we cannot use, or that have none.
 * They take text content, system, user and assistant; tools only where the format has one usual way (ChatML). */
#include "engine/chat_prompt_priv.h"

#define CHATML                                                                                                         \
    "{%- if tools %}{{ '<|im_start|>system\\n' }}{%- if messages and messages[0].role == 'system' %}{{ "               \
    "messages[0].content + '\\n\\n' }}"                                                                                \
    "{%- endif %}{{ '# Tools\\n\\nYou may call one or more functions to assist with the user query.\\n\\nYou are "     \
    "provided with function"                                                                                           \
    " signatures within <tools></tools> XML tags:\\n<tools>' }}{%- for tool in tools %}{{ '\\n' ~ (tool | tojson) "    \
    "}}{%- endfor %}"                                                                                                  \
    "{{ '\\n</tools>\\n\\nFor each function call, return a json object with function name and arguments within "       \
    "<tool_call></tool_call>"                                                                                          \
    " XML tags:\\n<tool_call>\\n{\"name\": <function-name>, \"arguments\": "                                           \
    "<args-json-object>}\\n</tool_call><|im_end|>\\n' }}{%- endif %}"                                                  \
    "{%- for m in messages %}{%- if m.role == 'tool' %}{%- if loop.first or loop.previtem.role != 'tool' %}{{ "        \
    "'<|im_start|>user' }}{%- endif %}"                                                                                \
    "{{ '\\n<tool_response>\\n' ~ m.content ~ '\\n</tool_response>' }}{%- if loop.last or loop.nextitem.role != "      \
    "'tool' %}"                                                                                                        \
    "{{ '<|im_end|>\\n' }}{%- endif %}{%- elif not (tools and loop.first and m.role == 'system') %}{{ '<|im_start|>' " \
    "~ m.role ~ '\\n' }}"                                                                                              \
    "{{ m.content if m.content }}{%- for c in m.tool_calls or [] %}{{ '\\n' if m.content or not loop.first }}"         \
    "{{ '<tool_call>\\n{\"name\": \"' ~ c.function.name ~ '\", \"arguments\": ' ~ (c.function.arguments | tojson) ~ "  \
    "'}\\n</tool_call>' }}"                                                                                            \
    "{%- endfor %}{{ '<|im_end|>\\n' }}{%- endif %}{%- endfor %}{%- if add_generation_prompt %}{{ "                    \
    "'<|im_start|>assistant\\n' }}{%- endif %}"

/* clang-format off */
#define LLAMA3                                                                                                           \
    "{{ bos_token }}{%- for m in messages if m.role in ['system', 'user', 'assistant'] %}{{ '<|start_header_id|>' ~ m.role ~ '<|end_header_id|>\\n\\n' ~ (m.content | trim) ~" \
    " '<|eot_id|>' }}{%- endfor %}{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
#define MISTRAL                                                                                                          \
    "{{ bos_token }}{%- set ns = namespace(system='') %}{%- for m in messages %}{%- if m.role == 'system' %}"            \
    "{%- set ns.system = ns.system ~ m.content ~ '\\n\\n' %}{%- elif m.role == 'user' %}{{ '[INST] ' ~ ns.system ~ m.content ~ ' [/INST]' }}" \
    "{%- set ns.system = '' %}{%- elif m.role == 'assistant' %}{{ ' ' ~ (m.content | trim) ~ eos_token }}{%- endif %}{%- endfor %}"
#define GEMMA                                                                                                            \
    "{{ bos_token }}{%- set ns = namespace(system='') %}{%- for m in messages %}{%- if m.role == 'system' %}"            \
    "{%- set ns.system = ns.system ~ m.content ~ '\\n\\n' %}{%- elif m.role in ['system', 'user', 'assistant'] %}{{ '<start_of_turn>' ~ ('model' if m.role == 'assistant' else m.role)" \
    " ~ '\\n' ~ ns.system ~ (m.content | trim) ~ '<end_of_turn>\\n' }}{%- set ns.system = '' %}{%- endif %}{%- endfor %}"   \
    "{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{%- endif %}"
#define PHI3                                                                                                             \
    "{%- for m in messages if m.role in ['system', 'user', 'assistant'] %}{{ '<|' ~ m.role ~ '|>\\n' ~ m.content ~ '<|end|>\\n' }}{%- endfor %}"                        \
    "{%- if add_generation_prompt %}{{ '<|assistant|>\\n' }}{%- endif %}"
#define ZEPHYR                                                                                                           \
    "{%- for m in messages if m.role in ['system', 'user', 'assistant'] %}{{ '<|' ~ m.role ~ '|>\\n' ~ m.content ~ eos_token ~ '\\n' }}{%- endfor %}"                   \
    "{%- if add_generation_prompt %}{{ '<|assistant|>\\n' }}{%- endif %}"

/* The first row whose marks all stand in the template. */
static const struct family {
    const char *name;
    const char *mark[2];
    struct str text;
} families[] = {
    {"ChatML", {"<|im_start|>", "<|im_end|>"}, {CHATML, sizeof(CHATML) - 1}},
    {"Llama 3", {"<|start_header_id|>", "<|end_header_id|>"}, {LLAMA3, sizeof(LLAMA3) - 1}},
    {"Mistral", {"[INST]", "[/INST]"}, {MISTRAL, sizeof(MISTRAL) - 1}},
    {"Gemma", {"<start_of_turn>", "<end_of_turn>"}, {GEMMA, sizeof(GEMMA) - 1}},
    {"Phi 3", {"<|assistant|>", "<|end|>"}, {PHI3, sizeof(PHI3) - 1}},
    {"Zephyr", {"<|assistant|>", "<|user|>"}, {ZEPHYR, sizeof(ZEPHYR) - 1}},
};
/* clang-format on */

struct str chat_family_template(struct str chat_template, const char **name)
{
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        const struct family *f = &families[i];
        if (str_find(chat_template, str_from(f->mark[0])) >= 0 && str_find(chat_template, str_from(f->mark[1])) >= 0) {
            *name = f->name;
            return f->text;
        }
    }
    return STR_NONE;
}

struct str chat_family_chatml(void)
{
    return families[0].text;
}
