// anthropic.test.mjs: what a program written with Anthropic's own client sees, whichever vendor answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { z } from 'zod';
import { stopAll } from './harness.mjs';
import { CALLS, DIALECTS, PICTURE, REPLY, TARGETS, THOUGHT, WEATHER, world } from './world.mjs';

const ABORT_MS = 1000;
const ask = (content) => [{ role: 'user', content }];
const tools = [{ name: 'get_weather', description: 'Tells the weather', input_schema: WEATHER }];
const failure = (promise) => promise.then(() => assert.fail('answered'), (error) => error);

let w, client;
before(async () => {
  w = await world();
  client = new Anthropic({ baseURL: w.mesh.url, apiKey: 'EMPTY', maxRetries: 0 });
});
after(stopAll);

function isUsed(usage) {
  assert.ok(usage.input_tokens > 0, JSON.stringify(usage));
  assert.ok(usage.output_tokens > 0, JSON.stringify(usage));
}

for (const t of TARGETS) {
  const model = `${t.name}/${t.model}`;

  test(`${t.name}: text, whole and streamed`, async () => {
    await w.sim[t.name].script(`reply ${JSON.stringify(REPLY)}`);
    const whole = await client.messages.create({ model, max_tokens: 100, messages: ask('Hi') });
    assert.deepEqual(whole.content.filter((b) => b.type === 'text').map((b) => b.text), [REPLY]);
    assert.equal(whole.role, 'assistant');
    assert.equal(whole.stop_reason, 'end_turn');
    assert.equal(whole.model, t.dialect === 'anthropic' || t.dialect === 'each' ? t.model : model);
    isUsed(whole.usage);

    const stream = client.messages.stream({ model, max_tokens: 100, messages: ask('Hi') });
    const texts = [], starts = [];
    stream.on('text', (text) => texts.push(text)).on('streamEvent', (e) => e.type === 'message_start' && starts.push(e.message.usage));
    const streamed = await stream.finalMessage();
    assert.equal(texts.join(''), REPLY);
    assert.equal(await stream.finalText(), REPLY);
    assert.equal(streamed.stop_reason, 'end_turn');
    isUsed(streamed.usage);
    assert.ok(starts[0].input_tokens > 0, 'agents count their context by the first event');
  });

  test(`${t.name}: a tool call and its result`, async () => {
    await w.sim[t.name].script('tool get_weather {"city":"Paris"}');
    const request = { model, max_tokens: 100, messages: ask('Weather?'), tools };
    for (const message of [await client.messages.create(request), await client.messages.stream(request).finalMessage()]) {
      const [call] = message.content.filter((b) => b.type === 'tool_use');
      assert.equal(call.name, 'get_weather');
      assert.deepEqual(call.input, { city: 'Paris' });
      assert.match(call.id, /^[a-zA-Z0-9_-]+$/);
      assert.equal(message.stop_reason, 'tool_use');
      await w.sim[t.name].script('reply "Rain."');
      const next = await client.messages.create({ ...request, messages: [...request.messages, { role: 'assistant', content: message.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: '4 °C, rain' }] }] });
      assert.equal(next.content.at(-1).text, 'Rain.');
      const sent = JSON.stringify((await w.sim[t.name].last()).body);
      assert.match(sent, /4 °C, rain/);
      assert.match(sent, /Paris/);
    }
  });

  test(`${t.name}: system, several turns${t.sees ? ' and a picture' : ''} reach it`, async () => {
    await w.sim[t.name].script('reply "Seen."');
    const content = [{ type: 'text', text: 'What is this?' }];
    if (t.sees) content.push({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PICTURE } });
    await client.messages.create({ model, max_tokens: 100, system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      messages: [...ask('One'), { role: 'assistant', content: 'Two' }, { role: 'user', content }] });
    const { body } = await w.sim[t.name].last(), sent = JSON.stringify(body);
    for (const text of ['Be brief.', 'One', 'Two', 'What is this?', ...(t.sees ? [PICTURE] : [])]) assert.ok(sent.includes(text), `${text} in ${sent}`);
    assert.equal(body.model, t.model);
  });

  if (t.thinks) test(`${t.name}: its thinking is shown`, async () => {
    await w.sim[t.name].script(`reasoning ${JSON.stringify(THOUGHT)} reply "Hello."`);
    const request = { model, max_tokens: 4000, messages: ask('Hi'), thinking: { type: 'enabled', budget_tokens: 2000 } };
    for (const message of [await client.messages.create(request), await client.messages.stream(request).finalMessage()]) {
      assert.deepEqual(message.content.map((b) => b.type), ['thinking', 'text']);
      assert.equal(message.content[0].thinking, THOUGHT);
      assert.equal(message.content[1].text, 'Hello.');
      const next = await client.messages.create({ ...request, messages: [...ask('Hi'), { role: 'assistant', content: message.content }, ...ask('Again')] });
      assert.equal(next.content.at(-1).text, 'Hello.');
    }
  });

  test(`${t.name}: an answer that was cut says so`, async () => {
    await w.sim[t.name].script('reply "And then" finish length');
    const request = { model, max_tokens: 5, messages: ask('Tell') };
    for (const message of [await client.messages.create(request), await client.messages.stream(request).finalMessage()])
      assert.equal(message.stop_reason, 'max_tokens');
  });

  if (!t.lacks) test(`${t.name}: structured output comes back parsed`, async () => {
    await w.sim[t.name].script('reply "{\\"city\\":\\"Oslo\\",\\"degrees\\":4}"');
    const format = zodOutputFormat(z.object({ city: z.string(), degrees: z.number() }));
    const message = await client.messages.parse({ model, max_tokens: 100, messages: ask('Where?'), output_config: { format } });
    assert.deepEqual(message.parsed_output, { city: 'Oslo', degrees: 4 });
    assert.match(JSON.stringify((await w.sim[t.name].last()).body), /degrees/);
  });

  if (t.lacks) test(`${t.name}: it has no structured output, and that is said`, async () => {
    const error = await failure(client.messages.create({ model, max_tokens: 100, messages: ask('?'), output_config: { format: { type: 'json_schema', schema: WEATHER } } }));
    assert.equal(error.status, 400);
    assert.match(error.message, new RegExp(t.lacks));
  });

  test(`${t.name}: tokens are counted`, async () => {
    const short = await client.messages.countTokens({ model, messages: ask('Hi') });
    const long = await client.messages.countTokens({ model, messages: ask('Hi '.repeat(500)), system: 'Be brief.', tools });
    assert.ok(short.input_tokens > 0);
    assert.ok(long.input_tokens > short.input_tokens, `${long.input_tokens} > ${short.input_tokens}`);
  });
}

for (const d of DIALECTS) {
  test(`wire-${d}: two calls at once, and their results in one message`, async () => {
    const request = { model: `wire-${d}/m`, max_tokens: 100, messages: ask('Weather in both?'), tools };
    for (const message of [await client.messages.create(request), await client.messages.stream(request).finalMessage()]) {
      assert.deepEqual(message.content.map((b) => b.type), ['text', 'tool_use', 'tool_use']);
      assert.deepEqual(message.content.slice(1).map(({ id, name, input }) => ({ id, name, input })), CALLS);
      assert.equal(message.stop_reason, 'tool_use');
      assert.deepEqual([message.usage.input_tokens, message.usage.output_tokens], [20, 30]);
      await client.messages.create({ ...request, messages: [...request.messages, { role: 'assistant', content: message.content }, { role: 'user', content: [
        { type: 'tool_result', tool_use_id: 'call_two', content: [{ type: 'text', text: 'hot' }] },
        { type: 'tool_result', tool_use_id: 'call_one', content: 'no answer', is_error: true }] }] });
      const { raw } = w.wire[d].last();
      for (const text of ['São Paulo', 'hot', 'no answer']) assert.ok(raw.includes(text), `${text} in ${raw}`);
      if (d !== 'ollama') for (const { id } of CALLS) assert.ok(raw.includes(id), `${id} in ${raw}`);
    }
  });

  test(`${d}: what the vendor refuses is the client's error, in its words`, async () => {
    for (const stream of [false, true]) {
      const error = await failure(client.messages.create({ model: `refuses-${d}/m`, max_tokens: 9, messages: ask('?'), stream }));
      assert.ok(error instanceof Anthropic.BadRequestError, String(error));
      assert.match(error.message, /must be at most 2/);
      assert.equal(error.error.type, 'error');
      assert.equal(error.error.error.type, 'invalid_request_error');
      assert.ok(error.requestID, 'request-id is what its users report');
    }
  });

  test(`${d}: a limit is a rate limit, overload is overload`, async () => {
    const limited = await failure(client.messages.create({ model: `limited-${d}/m`, max_tokens: 9, messages: ask('?') }));
    assert.ok(limited instanceof Anthropic.RateLimitError, String(limited));
    assert.equal(limited.error.error.type, 'rate_limit_error');
    assert.match(limited.message, new RegExp(`limited-${d}`));
    const full = await failure(client.messages.create({ model: `full-${d}/m`, max_tokens: 9, messages: ask('?') }));
    assert.ok(full instanceof Anthropic.InternalServerError, String(full));
    assert.equal(full.error.error.type, 'overloaded_error');
    assert.equal(full.status, 529);
  });

  test(`${d}: an error after content ends the stream as an error`, async () => {
    let text = '';
    const stream = client.messages.stream({ model: `dies-${d}/m`, max_tokens: 99, messages: ask('?') }).on('text', (t) => { text += t; });
    const error = await failure(stream.finalMessage());
    assert.ok(error instanceof Anthropic.APIError, String(error));
    assert.match(error.message, /boiler out/);
    assert.ok(text.length > 0);
  });

  test(`${d}: a client that leaves its stream cancels the upstream`, async () => {
    const stream = client.messages.stream({ model: `endless-${d}/m`, max_tokens: 99, messages: ask('?') });
    let count = 0;
    await new Promise((resolve) => stream.on('text', () => { if (++count === 3) resolve(); }).on('error', () => {}).on('abort', () => {}));
    const left = Date.now();
    stream.abort();
    while ((await w.sim[`endless-${d}`].seen()).aborted < 1) assert.ok(Date.now() - left < ABORT_MS, 'the upstream still streams');
  });
}

test('where its server cannot count tokens they are estimated', async () => {
  const answer = w.wire.anthropic.answer;
  let asked = 0;
  w.wire.anthropic.answer = () => (asked++, { status: 404, body: { type: 'error', error: { type: 'not_found_error', message: 'no such path' } } });
  const { input_tokens } = await client.messages.countTokens({ model: 'wire-anthropic/m', messages: ask('Hi '.repeat(300)) });
  w.wire.anthropic.answer = answer;
  assert.ok(input_tokens > 200 && input_tokens < 600, String(input_tokens));
  assert.equal(asked, 1);
  assert.equal((await client.messages.create({ model: 'wire-anthropic/m', max_tokens: 9, messages: ask('Hi') })).content[0].text, 'Both.');
});

test("after the chain is exhausted the client's own retries do not multiply the attempts", async () => {
  const eager = new Anthropic({ baseURL: w.mesh.url, apiKey: 'EMPTY', maxRetries: 3 }), sim = w.sim['any-responses'];
  await sim.script('status 500');
  const before = (await sim.seen()).requests;
  const error = await failure(eager.messages.create({ model: 'any-responses/m', max_tokens: 9, messages: ask('?') }));
  assert.ok(error instanceof Anthropic.InternalServerError, String(error));
  assert.equal((await sim.seen()).requests - before, 1);
});

test('an unknown model is not found, by name', async () => {
  const error = await failure(client.messages.create({ model: 'nobody-knows-this', max_tokens: 9, messages: ask('?') }));
  assert.ok(error instanceof Anthropic.NotFoundError, String(error));
  assert.equal(error.error.error.type, 'not_found_error');
  assert.match(error.message, /nobody-knows-this/);
});

test('a request that is none is a bad one', async () => {
  const error = await failure(client.messages.create({ model: 'any', max_tokens: 9, messages: 'no list' }));
  assert.ok(error instanceof Anthropic.BadRequestError, String(error));
  assert.match(error.message, /messages/);
});

test('the list of models is in its shape', async () => {
  const models = [];
  for await (const model of client.models.list({ limit: 1000 })) models.push(model);
  const any = models.find((m) => m.id === 'any');
  assert.equal(any.type, 'model');
  assert.equal(any.display_name, 'any');
  assert.ok(Date.parse(any.created_at) > 0);
  assert.equal((await client.models.retrieve('openai/gpt-5.4-mini')).id, 'openai/gpt-5.4-mini');
  const error = await failure(client.models.retrieve('nobody-knows-this'));
  assert.ok(error instanceof Anthropic.NotFoundError, String(error));
  assert.equal(error.error.error.type, 'not_found_error');
});

test("to a server of its own dialect the client's bytes go as they are", async () => {
  const request = { max_tokens: 100, messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi', cache_control: { type: 'ephemeral', ttl: '1h' }, not_invented_yet: [1, 2.50] }] }],
    context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] }, unheard_of: { deep: true }, thinking: { type: 'adaptive' },
    system: [{ type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.0; cch=abcde;' }] };
  w.wire.anthropic.asked.length = 0;
  const answer = await client.beta.messages.create({ model: 'wire-anthropic/m', ...request, betas: ['not-invented-2027-01-01', 'context-1m-2025-08-07'] });
  assert.equal(answer.content[0].text, 'Both.');
  const { body, headers, raw, path } = w.wire.anthropic.last();
  assert.deepEqual(body, { model: 'm', ...request });
  assert.equal(raw, JSON.stringify({ model: 'm', ...request }));
  assert.match(path, /^\/v1\/messages/);
  assert.equal(headers['anthropic-beta'], 'not-invented-2027-01-01,context-1m-2025-08-07');
  assert.match(headers['anthropic-version'], /^20\d\d-\d\d-\d\d$/);
});

test("a key of Hearth's never reaches a vendor, nor does the program behind it", async () => {
  const key = 'hearth_not_a_key_that_exists';
  const other = new Anthropic({ baseURL: w.mesh.url, apiKey: 'sk-ant-of-the-client', maxRetries: 0 });
  const refused = await failure(new Anthropic({ baseURL: w.mesh.url, apiKey: 'EMPTY', maxRetries: 0, defaultHeaders: { 'x-hearth-key': key } })
    .messages.create({ model: 'any', max_tokens: 9, messages: ask('?') }));
  assert.ok(refused instanceof Anthropic.AuthenticationError, String(refused));
  assert.equal(refused.error.error.type, 'authentication_error');
  for (const d of DIALECTS) {
    await other.messages.create({ model: `wire-${d}/m`, max_tokens: 9, messages: ask('Hi') });
    const { headers, raw } = w.wire[d].last();
    const sent = JSON.stringify(headers) + raw;
    assert.ok(!sent.includes('sk-ant-of-the-client'), sent);
    assert.ok(!Object.keys(headers).some((h) => h.startsWith('x-stainless') || h.startsWith('x-hearth')), sent);
    assert.ok(sent.includes(w.mesh.key), 'the upstream gets the key of its config');
  }
});
