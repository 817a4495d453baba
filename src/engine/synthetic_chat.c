/* synthetic_chat.c: chat templates of our own writing, each in the form its family speaks: the same marks, turns and tool calls,
 * written with the constructs that real templates use. */
#include "engine/synthetic_priv.h"

static const char llama3[] =
    "{{- bos_token }}\n"
    "{%- if tools %}\n"
    "    {{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}\n"
    "    {{- 'To call a function, answer with JSON alone: {\"name\": NAME, \"parameters\": OBJECT}.' }}\n"
    "    {%- for tool in tools %}\n"
    "        {{- '\\n\\n' + (tool | tojson(indent=4)) }}\n"
    "    {%- endfor %}\n"
    "    {{- '<|eot_id|>' }}\n"
    "{%- endif %}\n"
    "{%- for message in messages %}\n"
    "    {%- if message.role == 'tool' or message.role == 'ipython' %}\n"
    "        {{- '<|start_header_id|>ipython<|end_header_id|>\\n\\n' }}\n"
    "        {%- if message.content is mapping or message.content is not string %}\n"
    "            {{- message.content | tojson }}\n"
    "        {%- else %}\n"
    "            {{- message.content }}\n"
    "        {%- endif %}\n"
    "        {{- '<|eot_id|>' }}\n"
    "    {%- elif 'tool_calls' in message and message.tool_calls %}\n"
    "        {%- if message.tool_calls | length != 1 %}\n"
    "            {{- raise_exception('this model calls one function at a time') }}\n"
    "        {%- endif %}\n"
    "        {%- set call = message.tool_calls[0].function %}\n"
    "        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n{\"name\": \"' + call.name + '\", \"parameters\": "
    "' }}\n"
    "        {{- (call.arguments | tojson) + '}<|eot_id|>' }}\n"
    "    {%- else %}\n"
    "        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + "
    "'<|eot_id|>' "
    "}}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n"
    "{%- endif %}\n";

/* ChatML with the tool calls of Hermes and Qwen; what follows the last line differs with thinking. */
#define CHATML                                                                                              \
    "{%- if tools %}\n"                                                                                     \
    "    {{- '<|im_start|>system\\n' }}\n"                                                                  \
    "    {%- if messages[0]['role'] == 'system' %}\n"                                                       \
    "        {{- messages[0]['content'] + '\\n\\n' }}\n"                                                    \
    "    {%- endif %}\n"                                                                                    \
    "    {{- '# Tools\\n\\nThese functions may be called:\\n<tools>' }}\n"                                  \
    "    {%- for tool in tools %}\n"                                                                        \
    "        {{- '\\n' }}\n"                                                                                \
    "        {{- tool | tojson }}\n"                                                                        \
    "    {%- endfor %}\n"                                                                                   \
    "    {{- '\\n</tools>\\n\\nA call is one JSON object:\\n<tool_call>\\n{\"name\": NAME, \"arguments\": " \
    "OBJECT}\\n' }}\n"                                                                                      \
    "    {{- '</tool_call><|im_end|>\\n' }}\n"                                                              \
    "{%- elif messages[0]['role'] == 'system' %}\n"                                                         \
    "    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}\n"                       \
    "{%- endif %}\n"                                                                                        \
    "{%- for message in messages %}\n"                                                                      \
    "    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}\n"               \
    "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n"       \
    "    {%- elif message.role == 'assistant' %}\n"                                                         \
    "        {{- '<|im_start|>assistant' }}\n"                                                              \
    "        {%- if message.content %}\n"                                                                   \
    "            {{- '\\n' + message.content }}\n"                                                          \
    "        {%- endif %}\n"                                                                                \
    "        {%- for tool_call in message.tool_calls %}\n"                                                  \
    "            {%- if tool_call.function is defined %}\n"                                                 \
    "                {%- set tool_call = tool_call.function %}\n"                                           \
    "            {%- endif %}\n"                                                                            \
    "            {{- '\\n<tool_call>\\n{\"name\": \"' + tool_call.name + '\", \"arguments\": ' }}\n"        \
    "            {{- tool_call.arguments | tojson }}\n"                                                     \
    "            {{- '}\\n</tool_call>' }}\n"                                                               \
    "        {%- endfor %}\n"                                                                               \
    "        {{- '<|im_end|>\\n' }}\n"                                                                      \
    "    {%- elif message.role == 'tool' %}\n"                                                              \
    "        {%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}\n"                            \
    "            {{- '<|im_start|>user' }}\n"                                                               \
    "        {%- endif %}\n"                                                                                \
    "        {{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}\n"                    \
    "        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}\n"                             \
    "            {{- '<|im_end|>\\n' }}\n"                                                                  \
    "        {%- endif %}\n"                                                                                \
    "    {%- endif %}\n"                                                                                    \
    "{%- endfor %}\n"                                                                                       \
    "{%- if add_generation_prompt %}\n"                                                                     \
    "    {{- '<|im_start|>assistant\\n' }}\n"

static const char qwen2[] = CHATML "{%- endif %}\n";

static const char qwen3[] = CHATML "    {%- if enable_thinking is defined and enable_thinking is false %}\n"
                                   "        {{- '<think>\\n\\n</think>\\n\\n' }}\n"
                                   "    {%- endif %}\n"
                                   "{%- endif %}\n";

static const char mistral[] =
    "{%- if messages[0]['role'] == 'system' %}\n"
    "    {%- set system_message = messages[0]['content'] %}\n"
    "    {%- set loop_messages = messages[1:] %}\n"
    "{%- else %}\n"
    "    {%- set loop_messages = messages %}\n"
    "{%- endif %}\n"
    "{{- bos_token }}\n"
    "{%- for message in loop_messages %}\n"
    "    {%- if message['role'] == 'user' %}\n"
    "        {%- if tools is defined and tools and loop.last %}\n"
    "            {{- '[AVAILABLE_TOOLS] ' + (tools | tojson) + '[/AVAILABLE_TOOLS]' }}\n"
    "        {%- endif %}\n"
    "        {%- if loop.last and system_message is defined %}\n"
    "            {{- '[INST] ' + system_message + '\\n\\n' + message['content'] + '[/INST]' }}\n"
    "        {%- else %}\n"
    "            {{- '[INST] ' + message['content'] + '[/INST]' }}\n"
    "        {%- endif %}\n"
    "    {%- elif message.tool_calls is defined and message.tool_calls %}\n"
    "        {{- '[TOOL_CALLS] [' }}\n"
    "        {%- for tool_call in message.tool_calls %}\n"
    "            {{- '{\"name\": \"' + tool_call.function.name + '\", \"arguments\": ' }}\n"
    "            {{- (tool_call.function.arguments | tojson) + ', \"id\": \"' + tool_call.id + '\"}' }}\n"
    "            {%- if not loop.last %}\n"
    "                {{- ', ' }}\n"
    "            {%- endif %}\n"
    "        {%- endfor %}\n"
    "        {{- ']' + eos_token }}\n"
    "    {%- elif message['role'] == 'assistant' %}\n"
    "        {{- ' ' + message['content'] + eos_token }}\n"
    "    {%- elif message['role'] == 'tool' %}\n"
    "        {{- '[TOOL_RESULTS] {\"content\": ' + (message.content | tojson) + ', \"call_id\": \"' + "
    "message.tool_call_id + "
    "'\"}[/TOOL_RESULTS]' }}\n"
    "    {%- else %}\n"
    "        {{- raise_exception('a turn is of user, assistant or tool; system stands first') }}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n";

static const char gemma[] = "{{ bos_token }}\n"
                            "{%- if messages[0]['role'] == 'system' -%}\n"
                            "    {%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}\n"
                            "    {%- set loop_messages = messages[1:] -%}\n"
                            "{%- else -%}\n"
                            "    {%- set first_user_prefix = '' -%}\n"
                            "    {%- set loop_messages = messages -%}\n"
                            "{%- endif -%}\n"
                            "{%- for message in loop_messages -%}\n"
                            "    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}\n"
                            "    {{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else '') }}\n"
                            "    {%- if message['content'] is string -%}\n"
                            "        {{ message['content'] | trim }}\n"
                            "    {%- else -%}\n"
                            "        {%- for item in message['content'] -%}\n"
                            "            {%- if item['type'] == 'text' -%}\n"
                            "                {{ item['text'] | trim }}\n"
                            "            {%- endif -%}\n"
                            "        {%- endfor -%}\n"
                            "    {%- endif -%}\n"
                            "    {{ '<end_of_turn>\\n' }}\n"
                            "{%- endfor -%}\n"
                            "{%- if add_generation_prompt -%}\n"
                            "    {{ '<start_of_turn>model\\n' }}\n"
                            "{%- endif -%}\n";

static const char phi3[] = "{% for message in messages %}"
                           "{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
                           "{% endfor %}"
                           "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

const char *synthetic_chat(enum synthetic_family family)
{
    static const char *const chats[] = {
        [SYNTHETIC_LLAMA3] = llama3,   [SYNTHETIC_QWEN2] = qwen2, [SYNTHETIC_QWEN3] = qwen3,
        [SYNTHETIC_MISTRAL] = mistral, [SYNTHETIC_GEMMA] = gemma, [SYNTHETIC_PHI3] = phi3,
        [SYNTHETIC_BERT] = NULL,
    };
    return chats[family];
}
