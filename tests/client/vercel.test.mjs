// vercel.test.mjs: the Vercel AI SDK through its OpenAI provider (chat and responses) and its Anthropic one, whichever vendor answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, embedMany, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { stopAll } from './harness.mjs';
import { CALLS, DIALECTS, PICTURE, REPLY, TARGETS, THOUGHT, world } from './world.mjs';

const ABORT_MS = 1000;
const failure = (promise) => promise.then(() => assert.fail('answered'), (error) => error);
const PROVIDERS = ['chat', 'responses', 'anthropic'];

let w, openai, provide;
before(async () => {
  w = await world({ faults: Object.fromEntries(PROVIDERS.map((p) => [`limited-${p}`, 'fault rate'])) });
  openai = createOpenAI({ baseURL: `${w.mesh.url}/v1`, apiKey: 'EMPTY' });
  const anthropic = createAnthropic({ baseURL: `${w.mesh.url}/v1`, apiKey: 'EMPTY' });
  provide = { chat: (m) => openai.chat(m), responses: (m) => openai.responses(m), anthropic: (m) => anthropic(m) };
});
after(stopAll);

function isUsed(usage) {
  assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0, JSON.stringify(usage));
}

// All of a stream: its text, its reasoning, and what was wrong with it.
async function streamed(options) {
  const out = { text: '', reasoning: '', errors: [] };
  const result = streamText({ maxRetries: 0, onError: () => {}, ...options });
  for await (const part of result.fullStream) {
    if (part.type === 'text-delta') out.text += part.text;
    if (part.type === 'reasoning-delta') out.reasoning += part.text;
    if (part.type === 'error') out.errors.push(part.error);
    if (part.type === 'finish') Object.assign(out, { usage: part.totalUsage, finishReason: part.finishReason });
  }
  return out;
}

for (const t of TARGETS) for (const p of PROVIDERS) {
  const model = () => provide[p](`${t.name}/${t.model}`);

  test(`${t.name} by ${p}: text, whole and streamed`, async () => {
    await w.sim[t.name].script(`reply ${JSON.stringify(REPLY)}`);
    const options = { model: model(), system: 'Be brief.', prompt: 'Hi', maxRetries: 0 };
    for (const answer of [await generateText(options), await streamed(options)]) {
      assert.equal(answer.text, REPLY);
      assert.equal(answer.finishReason, 'stop');
      isUsed(answer.usage);
    }
    assert.match(JSON.stringify((await w.sim[t.name].last()).body), /Be brief\./);
  });

  test(`${t.name} by ${p}: a tool is called, run, and its result answered`, async () => {
    const tools = { get_weather: tool({ description: 'Tells the weather', inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `4 °C in ${city}` }) };
    for (const run of [generateText, (o) => streamText({ ...o, onError: () => {} })]) {
      await w.sim[t.name].script('tool get_weather {"city":"Paris"}; reply "Rain."');
      const result = await run({ model: model(), prompt: 'Weather?', tools, stopWhen: stepCountIs(3), maxRetries: 0 });
      assert.equal(await result.text, 'Rain.');
      const steps = await result.steps;
      assert.deepEqual(steps[0].toolCalls.map((c) => c.input), [{ city: 'Paris' }]);
      assert.equal(steps[0].finishReason, 'tool-calls');
      assert.match(JSON.stringify((await w.sim[t.name].last()).body), /4 °C in Paris/);
    }
  });

  test(`${t.name} by ${p}: structured output comes back parsed, or is refused by name`, async () => {
    // For models it does not know its Anthropic provider makes one of a tool that must be called.
    await w.sim[t.name].script(p === 'anthropic' && !t.model.startsWith('claude') ? 'tool json {"degrees":4}' : 'reply "{\\"degrees\\":4}"');
    const answer = generateText({ model: model(), prompt: 'How warm?', output: Output.object({ schema: z.object({ degrees: z.number() }) }), maxRetries: 0 });
    const refused = p === 'anthropic' ? t.forces === false && /tool_choice/ : t.lacks && new RegExp(t.lacks);
    if (refused) assert.match((await failure(answer)).message, refused);
    else assert.deepEqual((await answer).output, { degrees: 4 });
  });

  if (t.sees) test(`${t.name} by ${p}: a picture reaches it`, async () => {
    await w.sim[t.name].script('reply "A dot."');
    await generateText({ model: model(), maxRetries: 0, messages: [{ role: 'user', content: [{ type: 'text', text: 'What?' }, { type: 'image', image: Buffer.from(PICTURE, 'base64') }] }] });
    assert.ok(JSON.stringify((await w.sim[t.name].last()).body).includes(PICTURE));
  });

  if (t.thinks && p === 'anthropic') test(`${t.name} by ${p}: its thinking is shown`, async () => {
    await w.sim[t.name].script(`reasoning ${JSON.stringify(THOUGHT)} reply "Hello."`);
    const options = { model: model(), prompt: 'Hi', maxRetries: 0, providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 2000 } } } };
    const whole = await generateText(options), stream = await streamed(options);
    assert.deepEqual([whole.reasoningText, stream.reasoning], [THOUGHT, THOUGHT]);
    assert.deepEqual([whole.text, stream.text], ['Hello.', 'Hello.']);
  });
}

for (const d of DIALECTS) for (const p of PROVIDERS) {
  test(`wire-${d} by ${p}: two calls at once, streamed`, async () => {
    const tools = { get_weather: tool({ inputSchema: z.object({ city: z.string() }) }) };
    const result = streamText({ model: provide[p](`wire-${d}/m`), prompt: 'Both?', tools, maxRetries: 0, onError: () => {} });
    assert.deepEqual((await result.toolCalls).map((c) => c.input), CALLS.map((c) => c.input));
    assert.deepEqual((await result.toolCalls).map((c) => c.toolCallId), CALLS.map((c) => c.id));
    assert.equal(await result.text, 'Both.');
    const { inputTokens, outputTokens } = await result.usage;
    assert.deepEqual([inputTokens, outputTokens], [20, 30]);
  });

  test(`${d} by ${p}: errors carry status and words`, async () => {
    for (const [fault, status, words] of [['refuses', 400, /must be at most 2/], [`limited-${p}`, 429, new RegExp(`limited-${p}-${d}`)]]) {
      const error = await failure(generateText({ model: provide[p](`${fault}-${d}/m`), prompt: '?', maxRetries: 0 }));
      assert.ok(APICallError.isInstance(error), String(error));
      assert.equal(error.statusCode, status);
      assert.match(error.message, words);
    }
  });

  test(`${d} by ${p}: an error after content is told in the stream`, async () => {
    const { text, errors } = await streamed({ model: provide[p](`dies-${d}/m`), prompt: '?' });
    assert.ok(text.length > 0);
    assert.equal(errors.length, 1);
    assert.match(errors[0]?.message ?? JSON.stringify(errors[0]), /boiler out/);
  });
}

test('a client that leaves its stream cancels the upstream', async () => {
  for (const d of DIALECTS) {
    const control = new AbortController();
    const result = streamText({ model: provide.chat(`endless-${d}/m`), prompt: '?', abortSignal: control.signal, maxRetries: 0, onError: () => {} });
    let count = 0;
    for await (const part of result.fullStream) if (part.type === 'text-delta' && ++count === 3) control.abort();
    const left = Date.now();
    while ((await w.sim[`endless-${d}`].seen()).aborted < 1) assert.ok(Date.now() - left < ABORT_MS, 'the upstream still streams');
  }
});

test('many texts are embedded', async () => {
  for (const name of ['openai', 'ollama', 'any-ollama', 'llama-server']) {
    const { embeddings, usage } = await embedMany({ model: openai.textEmbeddingModel(`${name}/embedder`), values: ['one', 'two', 'three'], maxRetries: 0 });
    assert.equal(embeddings.length, 3);
    assert.notDeepEqual(embeddings[0], embeddings[1]);
    assert.ok(usage.tokens > 0);
  }
});
