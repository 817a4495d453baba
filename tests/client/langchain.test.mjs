// langchain.test.mjs: LangChain's models for OpenAI and Anthropic, whichever vendor answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ChatAnthropic } from '@langchain/anthropic';
import { HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { stopAll } from './harness.mjs';
import { CALLS, DIALECTS, PICTURE, REPLY, TARGETS, THOUGHT, world } from './world.mjs';

const ABORT_MS = 1000;
const failure = (promise) => promise.then(() => assert.fail('answered'), (error) => error);
const weather = { name: 'get_weather', description: 'Tells the weather', schema: z.object({ city: z.string() }) };
const CHATS = ['openai', 'anthropic'];

let w, chat;
before(async () => {
  w = await world({ faults: Object.fromEntries(CHATS.map((p) => [`limited-${p}`, 'fault rate'])) });
  const common = { apiKey: 'EMPTY', maxRetries: 0 };
  chat = {
    openai: (model) => new ChatOpenAI({ ...common, model, configuration: { baseURL: `${w.mesh.url}/v1` } }),
    anthropic: (model) => new ChatAnthropic({ ...common, model, maxTokens: 200, anthropicApiUrl: w.mesh.url }),
    thinking: (model) => new ChatAnthropic({ ...common, model, maxTokens: 4000, anthropicApiUrl: w.mesh.url, thinking: { type: 'enabled', budget_tokens: 2000 } }),
  };
});
after(stopAll);

async function joined(stream) {
  let all;
  for await (const chunk of await stream) all = all ? all.concat(chunk) : chunk;
  return all;
}

for (const t of TARGETS) for (const c of CHATS) {
  const model = () => chat[c](`${t.name}/${t.model}`);

  test(`${t.name} by ${c}: text, whole and streamed`, async () => {
    await w.sim[t.name].script(`reply ${JSON.stringify(REPLY)}`);
    const messages = [new SystemMessage('Be brief.'), new HumanMessage('Hi')];
    for (const answer of [await model().invoke(messages), await joined(model().stream(messages))]) {
      assert.equal(answer.text, REPLY);
      assert.ok(answer.usage_metadata.input_tokens > 0 && answer.usage_metadata.output_tokens > 0, JSON.stringify(answer.usage_metadata));
    }
    assert.match(JSON.stringify((await w.sim[t.name].last()).body), /Be brief\./);
  });

  test(`${t.name} by ${c}: a tool call and its result`, async () => {
    const able = model().bindTools([weather]), question = new HumanMessage('Weather?');
    for (const run of [() => able.invoke([question]), () => joined(able.stream([question]))]) {
      await w.sim[t.name].script('tool get_weather {"city":"Paris"}');
      const answer = await run();
      assert.deepEqual(answer.tool_calls.map(({ name, args }) => ({ name, args })), [{ name: 'get_weather', args: { city: 'Paris' } }]);
      await w.sim[t.name].script('reply "Rain."');
      const next = await able.invoke([question, answer, new ToolMessage({ tool_call_id: answer.tool_calls[0].id, content: '4 °C, rain' })]);
      assert.equal(next.text, 'Rain.');
      assert.match(JSON.stringify((await w.sim[t.name].last()).body), /4 °C, rain/);
    }
  });

  test(`${t.name} by ${c}: structured output comes back parsed, or is refused by name`, async () => {
    const schema = z.object({ degrees: z.number() });
    const asked = (method) => model().withStructuredOutput(schema, { name: 'warmth', method }).invoke('How warm?');
    await w.sim[t.name].script('reply "{\\"degrees\\":4}"');
    if (t.lacks) assert.match((await failure(asked('jsonSchema'))).message, new RegExp(t.lacks));
    else assert.deepEqual(await asked('jsonSchema'), { degrees: 4 });
    await w.sim[t.name].script('tool warmth {"degrees":5}');
    if (t.forces === false) assert.match((await failure(asked('functionCalling'))).message, /tool_choice/);
    else assert.deepEqual(await asked('functionCalling'), { degrees: 5 });
  });

  if (t.thinks) test(`${t.name} by ${c}: its reasoning is shown`, async () => {
    await w.sim[t.name].script(`reasoning ${JSON.stringify(THOUGHT)} reply "Hello."`);
    const thinker = c === 'openai' ? model() : chat.thinking(`${t.name}/${t.model}`);
    const shown = (m) => m.additional_kwargs.reasoning_content ?? m.content.filter((b) => b.type === 'thinking').map((b) => b.thinking).join('');
    if (c === 'anthropic' || t.reasoning !== 'reasoning')     // `reasoning` is a name that its OpenAI model does not know
      for (const answer of [await thinker.invoke('Hi'), await joined(thinker.stream('Hi'))]) assert.deepEqual([shown(answer), answer.text], [THOUGHT, 'Hello.']);
  });

  if (t.sees) test(`${t.name} by ${c}: a picture reaches it`, async () => {
    await w.sim[t.name].script('reply "A dot."');
    await model().invoke([new HumanMessage({ content: [{ type: 'text', text: 'What?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${PICTURE}` } }] })]);
    assert.ok(JSON.stringify((await w.sim[t.name].last()).body).includes(PICTURE));
  });
}

for (const d of DIALECTS) for (const c of CHATS) {
  test(`wire-${d} by ${c}: two calls at once, and their results`, async () => {
    const able = chat[c](`wire-${d}/m`).bindTools([weather]), question = new HumanMessage('Both?');
    const answer = await joined(able.stream([question]));
    assert.deepEqual(answer.tool_calls.map(({ id, name, args }) => ({ id, name, input: args })), CALLS);
    await able.invoke([question, answer, ...CALLS.map(({ id, input }) => new ToolMessage({ tool_call_id: id, content: `warm in ${input.city}` }))]);
    const { raw } = w.wire[d].last();
    for (const { input } of CALLS) assert.ok(raw.includes(`warm in ${input.city}`), raw);
  });

  test(`${d} by ${c}: errors carry status and words`, async () => {
    for (const [fault, status, words] of [['refuses', 400, /must be at most 2/], [`limited-${c}`, 429, new RegExp(`limited-${c}-${d}`)]]) {
      const error = await failure(chat[c](`${fault}-${d}/m`).invoke('?'));
      assert.equal(error.status, status, String(error));
      assert.match(error.message, words);
    }
    assert.match((await failure(joined(chat[c](`dies-${d}/m`).stream('?')))).message, /boiler out/);
  });

  test(`${d} by ${c}: a client that leaves its stream cancels the upstream`, async () => {
    const before = (await w.sim[`endless-${d}`].seen()).aborted;
    let count = 0;
    for await (const chunk of await chat[c](`endless-${d}/m`).stream('?')) if (chunk && ++count === 4) break;
    const left = Date.now();
    while ((await w.sim[`endless-${d}`].seen()).aborted === before) assert.ok(Date.now() - left < ABORT_MS, 'the upstream still streams');
  });
}

test('documents are embedded, in base64 too, as the client likes it', async () => {
  for (const name of ['openai', 'ollama', 'any-ollama', 'llama-server']) {
    const embed = new OpenAIEmbeddings({ model: `${name}/embedder`, apiKey: 'EMPTY', maxRetries: 0, configuration: { baseURL: `${w.mesh.url}/v1` } });
    const [one, two] = await embed.embedDocuments(['one', 'two']);
    assert.ok(one.length > 0 && one.every(Number.isFinite));
    assert.notDeepEqual(one, two);
    assert.deepEqual(await embed.embedQuery('one'), one);
  }
});
