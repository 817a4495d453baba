// move.mjs: a client as a person has one: the official library, configured by OPENAI_BASE_URL and OPENAI_API_KEY alone, asking for
// the models given, each whole and streamed. Prints one JSON line a model; knows nothing of who answers. For tools/move-check.
import OpenAI from 'openai';

const client = new OpenAI({ maxRetries: 0, timeout: 20_000 });
const messages = [{ role: 'user', content: 'hello' }];

async function streamed(model) {
  let text = '';
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true }))
    text += chunk.choices[0]?.delta?.content ?? '';
  return text;
}

for (const model of process.argv.slice(2)) {
  const said = { model };
  try {
    const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
    said.answer = data.choices[0].message.content;
    said.target = response.headers.get('x-litellm-model-id');
    said.streamed = await streamed(model);
  } catch (error) {
    said.status = error.status ?? 0;
    said.error = error.message;
  }
  console.log(JSON.stringify(said));
}
