// ollama.test.mjs: what a program written with Ollama's own client sees, whichever vendor answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Ollama } from 'ollama';
import { stopAll } from './harness.mjs';
import { CALLS, DIALECTS, PICTURE, REPLY, TARGETS, THOUGHT, WEATHER, world } from './world.mjs';

const ABORT_MS = 1000;
const ask = (content) => [{ role: 'user', content }];
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'Tells the weather', parameters: WEATHER } }];
const failure = (promise) => promise.then(() => assert.fail('answered'), (error) => error);

let w, client;
before(async () => {
  w = await world();
  client = new Ollama({ host: w.mesh.url });
});
after(stopAll);

// The parts of a stream as one answer, as programs put them together.
async function joined(stream) {
  const message = { role: 'assistant', content: '', thinking: '', tool_calls: [] };
  let last;
  for await (const part of stream) {
    assert.ok(Date.parse(part.created_at) > 0, part.created_at);
    message.content += part.message.content;
    message.thinking += part.message.thinking ?? '';
    message.tool_calls.push(...part.message.tool_calls ?? []);
    last = part;
  }
  return { ...last, message };
}

async function both(request) {
  return [await client.chat(request), await joined(await client.chat({ ...request, stream: true }))];
}

function isDone(answer, reason = 'stop') {
  assert.equal(answer.done, true);
  assert.equal(answer.done_reason, reason);
  for (const count of ['prompt_eval_count', 'eval_count', 'total_duration']) assert.ok(answer[count] > 0, `${count} in ${JSON.stringify(answer)}`);
}

for (const t of TARGETS) {
  const model = `${t.name}/${t.model}`;

  test(`${t.name}: chat and generate, whole and streamed`, async () => {
    await w.sim[t.name].script(`reply ${JSON.stringify(REPLY)}`);
    for (const answer of await both({ model, messages: ask('Hi') })) {
      assert.equal(answer.message.content, REPLY);
      assert.equal(answer.message.role, 'assistant');
      isDone(answer);
    }
    const whole = await client.generate({ model, prompt: 'Hi', system: 'Be brief.' });
    assert.equal(whole.response, REPLY);
    isDone(whole);
    assert.match(JSON.stringify((await w.sim[t.name].last()).body), /Be brief\./);
    let text = '', last;
    for await (last of await client.generate({ model, prompt: 'Hi', stream: true })) text += last.response;
    assert.equal(text, REPLY);
    isDone(last);
  });

  test(`${t.name}: a tool call and its result`, async () => {
    const request = { model, messages: ask('Weather?'), tools };
    await w.sim[t.name].script('tool get_weather {"city":"Paris"}');
    for (const answer of await both(request)) {
      const [call] = answer.message.tool_calls;
      assert.equal(call.function.name, 'get_weather');
      assert.deepEqual(call.function.arguments, { city: 'Paris' });
      await w.sim[t.name].script('reply "Rain."');
      const next = await client.chat({ ...request, messages: [...request.messages, answer.message, { role: 'tool', tool_name: 'get_weather', content: '4 °C, rain' }] });
      assert.equal(next.message.content, 'Rain.');
      const sent = JSON.stringify((await w.sim[t.name].last()).body);
      assert.match(sent, /4 °C, rain/);
      assert.match(sent, /Paris/);
    }
  });

  test(`${t.name}: system, several turns, options${t.sees ? ' and a picture' : ''} reach it`, async () => {
    await w.sim[t.name].script('reply "Seen."');
    await client.chat({ model, options: { num_predict: 77 }, keep_alive: '5m', messages: [{ role: 'system', content: 'Be brief.' }, ...ask('One'),
      { role: 'assistant', content: 'Two' }, { role: 'user', content: 'What is this?', ...(t.sees && { images: [PICTURE] }) }] });
    const sent = JSON.stringify((await w.sim[t.name].last()).body);
    for (const text of ['Be brief.', 'One', 'Two', 'What is this?', '77', ...(t.sees ? [PICTURE] : [])]) assert.ok(sent.includes(text), `${text} in ${sent}`);
  });

  if (t.thinks) test(`${t.name}: its thinking is shown`, async () => {
    await w.sim[t.name].script(`reasoning ${JSON.stringify(THOUGHT)} reply "Hello."`);
    for (const answer of await both({ model, messages: ask('Hi'), think: true })) {
      assert.equal(answer.message.thinking, THOUGHT);
      assert.equal(answer.message.content, 'Hello.');
    }
  });

  test(`${t.name}: an answer that was cut says so`, async () => {
    await w.sim[t.name].script('reply "And then" finish length');
    for (const answer of await both({ model, messages: ask('Tell') })) isDone(answer, 'length');
  });

  if (!t.lacks) test(`${t.name}: structured output is asked for`, async () => {
    await w.sim[t.name].script('reply "{\\"degrees\\":4}"');
    const format = { type: 'object', properties: { degrees: { type: 'number' } }, required: ['degrees'] };
    for (const answer of await both({ model, messages: ask('How warm?'), format })) assert.deepEqual(JSON.parse(answer.message.content), { degrees: 4 });
    assert.match(JSON.stringify((await w.sim[t.name].last()).body), /degrees/);
    await client.chat({ model, messages: ask('How warm? As JSON'), format: 'json' });
  });

  if (t.lacks) test(`${t.name}: it has no structured output, and that is said`, async () => {
    const error = await failure(client.chat({ model, messages: ask('?'), format: WEATHER }));
    assert.equal(error.status_code, 400);
    assert.match(error.message, new RegExp(t.lacks));
  });
}

for (const t of TARGETS.filter((t) => !['anthropic', 'responses'].includes(t.dialect))) {
  test(`${t.name}: embeddings`, async () => {
    const { embeddings, prompt_eval_count } = await client.embed({ model: `${t.name}/embedder`, input: ['one', 'two'] });
    assert.equal(embeddings.length, 2);
    for (const e of embeddings) assert.ok(e.length > 0 && e.every(Number.isFinite));
    assert.notDeepEqual(embeddings[0], embeddings[1]);
    assert.ok(prompt_eval_count > 0);
    const { embedding } = await client.embeddings({ model: `${t.name}/embedder`, prompt: 'one' });
    assert.equal(embedding.length, embeddings[0].length);
  });
}

for (const d of DIALECTS) {
  test(`wire-${d}: two calls at once, and their results`, async () => {
    const request = { model: `wire-${d}/m`, messages: ask('Weather in both?'), tools };
    for (const { message } of await both(request)) {
      assert.equal(message.content, 'Both.');
      assert.deepEqual(message.tool_calls.map((c) => [c.function.name, c.function.arguments]), CALLS.map((c) => [c.name, c.input]));
      await client.chat({ ...request, messages: [...request.messages, message, { role: 'tool', tool_name: 'get_weather', content: 'warm' }, { role: 'tool', tool_name: 'get_weather', content: 'hot' }] });
      const { raw } = w.wire[d].last();
      for (const text of ['São Paulo', 'warm', 'hot']) assert.ok(raw.includes(text), `${text} in ${raw}`);
      assert.ok(raw.indexOf('warm') < raw.indexOf('hot'), raw);
    }
  });

  test(`${d}: errors are errors, in its shape`, async () => {
    for (const [fault, status, words] of [['refuses', 400, /must be at most 2/], ['limited', 429, new RegExp(`limited-${d}`)], ['full', 503, new RegExp(`full-${d}`)]]) {
      const error = await failure(client.chat({ model: `${fault}-${d}/m`, messages: ask('?') }));
      assert.equal(error.name, 'ResponseError', String(error));
      assert.equal(error.status_code, status);
      assert.match(error.message, words);
    }
  });

  test(`${d}: an error after content ends the stream as an error`, async () => {
    let text = '';
    const error = await failure((async () => {
      for await (const part of await client.chat({ model: `dies-${d}/m`, messages: ask('?'), stream: true })) text += part.message.content;
    })());
    assert.match(error.message, /boiler out/);
    assert.ok(text.length > 0);
  });

  test(`${d}: a client that leaves its stream cancels the upstream`, async () => {
    let count = 0;
    const stream = await client.chat({ model: `endless-${d}/m`, messages: ask('?'), stream: true });
    await failure((async () => { for await (const part of stream) if (part && ++count === 3) stream.abort(); })());
    const left = Date.now();
    while ((await w.sim[`endless-${d}`].seen()).aborted < 1) assert.ok(Date.now() - left < ABORT_MS, 'the upstream still streams');
  });
}

test('an unknown model is not found, in words that clients look for', async () => {
  const error = await failure(client.chat({ model: 'nobody-knows-this', messages: ask('?') }));
  assert.equal(error.status_code, 404);
  assert.match(error.message, /nobody-knows-this/);
});

test('lists, shows, and what is loaded', async () => {
  const { models } = await client.list();
  assert.ok(models.some((m) => m.name === 'any' && m.model === 'any' && m.digest.length === 64 && Date.parse(m.modified_at) > 0));
  const shown = await client.show({ model: 'any' });
  assert.ok(shown.capabilities.includes('completion'));
  assert.ok(shown.capabilities.includes('tools'));
  assert.equal((await failure(client.show({ model: 'nobody-knows-this' }))).status_code, 404);
  assert.deepEqual((await client.ps()).models, []);
  assert.match((await client.version()).version, /^0\.\d+\.\d+$/);
  assert.equal((await client.pull({ model: 'any' })).status, 'success');
  const statuses = [];
  for await (const { status } of await client.pull({ model: 'any', stream: true })) statuses.push(status);
  assert.equal(statuses.at(-1), 'success');
});

test('an empty call, by which a model is loaded, finds it there and takes no call', async () => {
  const before = w.wire.openai.asked.length;
  for (const chat of [await client.chat({ model: 'wire-openai/m', messages: [] }), await joined(await client.chat({ model: 'wire-openai/m', messages: [], stream: true }))])
    assert.deepEqual([chat.done, chat.done_reason, chat.message.content], [true, 'load', '']);
  const generate = await client.generate({ model: 'wire-openai/m', prompt: '' });
  assert.deepEqual([generate.done, generate.done_reason, generate.response], [true, 'load', '']);
  assert.equal(w.wire.openai.asked.length, before);
});

test('to a server of its own dialect the bytes go as they are', async () => {
  const request = { model: 'm', messages: ask('Hi'), options: { mirostat: 1, num_ctx: 2048 }, keep_alive: '5m', unheard_of: [1, 2.5], stream: false };
  const answer = await client.chat({ ...request, model: 'wire-ollama/m' });
  assert.equal(answer.message.content, 'Both.');
  assert.equal(w.wire.ollama.last().raw, JSON.stringify(request));
});
