// chat.test.mjs: chat completions and embeddings with OpenAI's own client, whichever vendor and dialect answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { stopAll } from './harness.mjs';
import { CALLS, DIALECTS, PICTURE, REPLY, TARGETS, THOUGHT, WEATHER, world } from './world.mjs';

const ABORT_MS = 1000;
const ask = (content) => [{ role: 'user', content }];
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'Tells the weather', parameters: WEATHER } }];
const failure = (promise) => promise.then(() => assert.fail('answered'), (error) => error);

let w, client;
before(async () => {
  w = await world();
  client = new OpenAI({ baseURL: `${w.mesh.url}/v1`, apiKey: 'EMPTY', maxRetries: 0 });
});
after(stopAll);

async function both(request) {
  return [await client.chat.completions.create(request),
          await client.chat.completions.stream({ ...request, stream_options: { include_usage: true } }).finalChatCompletion()];
}

for (const t of TARGETS) {
  const model = `${t.name}/${t.model}`;

  test(`${t.name}: text, whole and streamed`, async () => {
    await w.sim[t.name].script(`reply ${JSON.stringify(REPLY)}`);
    for (const answer of await both({ model, messages: ask('Hi') })) {
      assert.equal(answer.choices[0].message.content, REPLY);
      assert.equal(answer.choices[0].finish_reason, 'stop');
      assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0, JSON.stringify(answer.usage));
    }
  });

  test(`${t.name}: a tool call and its result`, async () => {
    await w.sim[t.name].script('tool get_weather {"city":"Paris"}');
    const request = { model, messages: ask('Weather?'), tools };
    for (const { choices: [{ message, finish_reason }] } of await both(request)) {
      const [call] = message.tool_calls;
      assert.equal(call.function.name, 'get_weather');
      assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Paris' });
      assert.equal(finish_reason, 'tool_calls');
      await w.sim[t.name].script('reply "Rain."');
      const next = await client.chat.completions.create({ ...request, messages: [...request.messages, message, { role: 'tool', tool_call_id: call.id, content: '4 °C, rain' }] });
      assert.equal(next.choices[0].message.content, 'Rain.');
      const sent = JSON.stringify((await w.sim[t.name].last()).body);
      assert.match(sent, /4 °C, rain/);
      assert.match(sent, /Paris/);
    }
  });

  test(`${t.name}: system, several turns${t.sees ? ' and a picture' : ''} reach it`, async () => {
    await w.sim[t.name].script('reply "Seen."');
    const content = [{ type: 'text', text: 'What is this?' }];
    if (t.sees) content.push({ type: 'image_url', image_url: { url: `data:image/png;base64,${PICTURE}` } });
    await client.chat.completions.create({ model, max_completion_tokens: 77,
      messages: [{ role: 'system', content: 'Be brief.' }, ...ask('One'), { role: 'assistant', content: 'Two' }, { role: 'user', content }] });
    const sent = JSON.stringify((await w.sim[t.name].last()).body);
    for (const text of ['Be brief.', 'One', 'Two', 'What is this?', '77', ...(t.sees ? [PICTURE] : [])]) assert.ok(sent.includes(text), `${text} in ${sent}`);
  });

  if (t.thinks) test(`${t.name}: its reasoning is shown`, async () => {
    await w.sim[t.name].script(`reasoning ${JSON.stringify(THOUGHT)} reply "Hello."`);
    const request = { model, messages: ask('Hi'), reasoning_effort: 'medium' };
    const streamed = { content: '', reasoning: '' };
    for await (const { choices: [choice] } of await client.chat.completions.create({ ...request, stream: true })) {
      streamed.content += choice?.delta.content ?? '';
      streamed.reasoning += choice?.delta.reasoning_content ?? choice?.delta.reasoning ?? '';
    }
    const { message } = (await client.chat.completions.create(request)).choices[0];
    assert.deepEqual(streamed, { content: 'Hello.', reasoning: THOUGHT });
    assert.deepEqual([message.content, message.reasoning_content ?? message.reasoning], ['Hello.', THOUGHT]);
  });

  test(`${t.name}: an answer that was cut says so`, async () => {
    await w.sim[t.name].script('reply "And then" finish length');
    for (const answer of await both({ model, messages: ask('Tell') })) assert.equal(answer.choices[0].finish_reason, 'length');
  });

  if (!t.lacks) test(`${t.name}: structured output comes back parsed`, async () => {
    await w.sim[t.name].script('reply "{\\"degrees\\":4}"');
    const answer = await client.chat.completions.parse({ model, messages: ask('How warm? As JSON'), response_format: zodResponseFormat(z.object({ degrees: z.number() }), 'warmth') });
    assert.deepEqual(answer.choices[0].message.parsed, { degrees: 4 });
  });

  if (t.lacks) test(`${t.name}: it has no structured output, and that is said`, async () => {
    const error = await failure(client.chat.completions.create({ model, messages: ask('?'), response_format: { type: 'json_schema', json_schema: { name: 'weather', schema: WEATHER } } }));
    assert.equal(error.status, 400);
    assert.match(error.message, new RegExp(t.lacks));
  });
}

for (const t of TARGETS.filter((t) => !['anthropic', 'responses'].includes(t.dialect))) {
  test(`${t.name}: embeddings, in base64 as the client asks for them, and as numbers`, async () => {
    const request = { model: `${t.name}/embedder`, input: ['one', 'two'] };
    const coded = await client.embeddings.create(request), plain = await client.embeddings.create({ ...request, encoding_format: 'float' });
    assert.deepEqual(coded.data.map((d) => d.index), [0, 1]);
    coded.data.forEach((d, i) => d.embedding.forEach((x, k) => assert.ok(Math.abs(x - plain.data[i].embedding[k]) < 1e-6)));
    assert.ok(coded.data[0].embedding.length > 0 && plain.usage.prompt_tokens > 0);
  });
}

for (const d of DIALECTS) {
  test(`wire-${d}: two calls at once, and their results in any order`, async () => {
    const request = { model: `wire-${d}/m`, messages: ask('Weather in both?'), tools };
    for (const answer of await both(request)) {
      const { message } = answer.choices[0];
      assert.equal(message.content, 'Both.');
      assert.deepEqual(message.tool_calls.map((c) => ({ id: c.id, name: c.function.name, input: JSON.parse(c.function.arguments) })), CALLS);
      assert.deepEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens], [20, 30]);
      await client.chat.completions.create({ ...request, messages: [...request.messages, message, { role: 'tool', tool_call_id: 'call_two', content: 'hot' }, { role: 'tool', tool_call_id: 'call_one', content: 'warm' }] });
      const { raw } = w.wire[d].last();
      for (const text of ['São Paulo', 'warm', 'hot']) assert.ok(raw.includes(text), `${text} in ${raw}`);
    }
  });

  test(`wire-${d}: the helper that runs tools goes through both calls and comes back`, async () => {
    let turn = 0;
    const answer = w.wire[d].answer;
    w.wire[d].answer = (body) => (turn++ ? { status: 400, body: { error: { message: 'enough', type: 'invalid_request_error' } } } : answer(body));
    const asked = [];
    const runner = client.chat.completions.runTools({ model: `wire-${d}/m`, messages: ask('Both?'), stream: true,
      tools: [{ type: 'function', function: { ...tools[0].function, parse: JSON.parse, function: ({ city }) => { asked.push(city); return `warm in ${city}`; } } }] });
    const error = await failure(runner.finalContent());
    w.wire[d].answer = answer;
    assert.match(error.message, /enough/);
    assert.deepEqual(asked, CALLS.map((c) => c.input.city));
    for (const city of asked) assert.ok(w.wire[d].last().raw.includes(`warm in ${city}`));
  });

  test(`${d}: errors are errors, by class`, async () => {
    for (const [fault, kind, words] of [['refuses', OpenAI.BadRequestError, /must be at most 2/], ['limited', OpenAI.RateLimitError, new RegExp(`limited-${d}`)],
      ['full', OpenAI.InternalServerError, new RegExp(`full-${d}`)]]) {
      const error = await failure(client.chat.completions.create({ model: `${fault}-${d}/m`, messages: ask('?') }));
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, words);
      assert.ok(error.requestID);
    }
  });

  test(`${d}: an error after content ends the stream as an error`, async () => {
    let text = '';
    const error = await failure((async () => {
      for await (const chunk of await client.chat.completions.create({ model: `dies-${d}/m`, messages: ask('?'), stream: true })) text += chunk.choices[0]?.delta.content ?? '';
    })());
    assert.ok(error instanceof OpenAI.APIError, String(error));
    assert.match(error.message, /boiler out/);
    assert.ok(text.length > 0);
  });

  test(`${d}: a client that leaves its stream cancels the upstream`, async () => {
    let count = 0;
    for await (const chunk of await client.chat.completions.create({ model: `endless-${d}/m`, messages: ask('?'), stream: true }))
      if (chunk.choices[0]?.delta.content && ++count === 3) break;
    const left = Date.now();
    while ((await w.sim[`endless-${d}`].seen()).aborted < 1) assert.ok(Date.now() - left < ABORT_MS, 'the upstream still streams');
  });
}
