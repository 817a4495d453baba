// openai.test.mjs: what a program written with OpenAI's own client sees when it points at Hearth.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { hearth, stopAll, upstream, vendor } from './harness.mjs';

const ABORT_MS = 1000;              // promise 5: a client that leaves cancels its upstream within a second
const CALLS = 200, KILL_AFTER = 60, AT_ONCE = 8;
const ask = (text) => [{ role: 'user', content: text }];

let mesh, client, first;
const seen = { failing: 0, bodies: [], streaming: [] };

// An upstream that streams for ever and tells when it was left: seen.streaming gets a promise per request.
function endless(request, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = { id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm',
                  choices: [{ index: 0, delta: { role: 'assistant', content: 'on ' }, finish_reason: null }] };
  const timer = setInterval(() => response.write(`data: ${JSON.stringify(chunk)}\n\n`), 10);
  seen.streaming.push(new Promise((resolve) => response.on('close', () => {
    clearInterval(timer);
    resolve(Date.now());
  })));
}

function failing(request, response) {
  seen.failing++;
  response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":{"message":"boiler out","type":"server_error"}}');
}

function recording(request, response, body) {
  seen.bodies.push(JSON.parse(body));
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({
    id: 'x', object: 'chat.completion', created: 1, model: 'm', unheard_of: { kept: true },
    choices: [{ index: 0, message: { role: 'assistant', content: '{"ok":true}' }, finish_reason: 'stop', logprobs: null }],
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 } }));
}

before(async () => {
  first = await vendor('deepseek', 'first 20 reply "Hello from the first."');
  mesh = await hearth({
    one: first,
    two: await vendor('openai', 'reply "Hello from the second."'),
    three: await vendor('groq', 'reply "Hello from the third."'),
    tooler: await vendor('openai', 'tool get_weather {"city":"Paris"}'),
    endless: await upstream(endless),
    failing: await upstream(failing),
    also_failing: await upstream(failing),
    recorder: await upstream(recording),
  }, `
  talk: { chain: [one/m, two/m, three/m] }
  second: { chain: [two/m] }
  tools: { chain: [tooler/m] }
  vectors: { chain: [two/text-embedding-3-small] }
  endless: { chain: [endless/m] }
  broken: { chain: [failing/m, also_failing/m] }
  record: { chain: [recorder/m] }`);
  client = mesh.client;
});
after(stopAll);

test('a chat call is answered, with its usage and our headers', async () => {
  const { data, response } = await client.chat.completions.create({ model: 'second', messages: ask('Hi') }).withResponse();
  assert.equal(data.choices[0].message.content, 'Hello from the second.');
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.ok(data.usage.prompt_tokens > 0 && data.usage.completion_tokens > 0);
  assert.equal(response.headers.get('x-hearth-job'), 'second');
  assert.equal(response.headers.get('x-hearth-target'), 'two/m');
  assert.equal(response.headers.get('x-hearth-attempts'), '1');
  assert.match(response.headers.get('x-hearth-call'), /^[0-9A-HJKMNP-TV-Z]{26}$/i);
});

test('a stream arrives whole, and hides the usage that only the ledger asked for', async () => {
  const stream = await client.chat.completions.create({ model: 'second', messages: ask('Hi'), stream: true });
  let text = '', finish = null;
  for await (const chunk of stream) {
    assert.equal(chunk.choices.length, 1);
    assert.ok(!chunk.usage);
    text += chunk.choices[0].delta.content ?? '';
    finish = chunk.choices[0].finish_reason ?? finish;
  }
  assert.equal(text, 'Hello from the second.');
  assert.equal(finish, 'stop');
});

test('a stream whose client asked for usage ends with it', async () => {
  const stream = await client.chat.completions.create(
    { model: 'second', messages: ask('Hi'), stream: true, stream_options: { include_usage: true } });
  let last;
  for await (const chunk of stream) last = chunk;
  assert.deepEqual(last.choices, []);
  assert.ok(last.usage.total_tokens > 0);
});

test("the client's stream helper rebuilds the message", async () => {
  const message = await client.chat.completions.stream({ model: 'second', messages: ask('Hi') }).finalMessage();
  assert.equal(message.content, 'Hello from the second.');
});

const weather = [{ type: 'function', function: { name: 'get_weather',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }];

test('a tool call comes back whole', async () => {
  const answer = await client.chat.completions.create({ model: 'tools', messages: ask('Weather?'), tools: weather });
  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(call.function.name, 'get_weather');
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Paris' });
  assert.equal(answer.choices[0].finish_reason, 'tool_calls');
});

test('a tool call comes back streamed', async () => {
  const message = await client.chat.completions.stream(
    { model: 'tools', messages: ask('Weather?'), tools: weather }).finalMessage();
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: 'Paris' });
});

test('embeddings come back in order, as numbers', async () => {
  for (const encoding of [undefined, 'float', 'base64']) {
    const answer = await client.embeddings.create(
      { model: 'vectors', input: ['one', 'two'], ...(encoding && { encoding_format: encoding }) });
    assert.deepEqual(answer.data.map((d) => d.index), [0, 1]);
    assert.ok(answer.data[0].embedding.length > 0);
  }
});

test('a legacy completion is answered', async () => {
  const answer = await client.completions.create({ model: 'second', prompt: 'Once' });
  assert.ok(answer.choices[0].text.length > 0);
});

test('the list of models holds the jobs', async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  for (const job of ['talk', 'tools', 'vectors']) assert.ok(names.includes(job), `${job} in ${names}`);
});

test('members nobody here knows pass both ways untouched', async () => {
  const request = { messages: ask('JSON, please'), n: 1, seed: 7, logprobs: true, top_logprobs: 2, user: 'ünï',
                    response_format: { type: 'json_object' }, metadata: { a: 'b' }, not_invented_yet: { deep: [1, 2.50] } };
  const answer = await client.chat.completions.create({ model: 'record', ...request });
  assert.deepEqual(seen.bodies.at(-1), { model: 'm', ...request });
  assert.deepEqual(answer.unheard_of, { kept: true });
});

test('a client that aborts its stream cancels the upstream within a second', async () => {
  const stream = await client.chat.completions.create({ model: 'endless', messages: ask('Talk'), stream: true });
  let count = 0;
  for await (const chunk of stream) {
    assert.ok(chunk.choices);
    if (++count === 3) break;           // leaving the loop aborts the request
  }
  const left = Date.now();
  assert.ok(await seen.streaming.at(-1) - left < ABORT_MS);
});

test('a client that times out before the first content cancels the upstream too', async () => {
  let gone;
  const silent = await upstream((request, response) => { gone = new Promise((r) => response.on('close', () => r(Date.now()))); });
  const { client: other } = await hearth({ silent }, '  quiet: { chain: [silent/m] }');
  await assert.rejects(other.chat.completions.create({ model: 'quiet', messages: ask('?') }, { timeout: 300, maxRetries: 0 }),
                       OpenAI.APIConnectionTimeoutError);
  const left = Date.now();
  assert.ok(await gone - left < ABORT_MS);
});

test("after the chain is exhausted the client's own retries do not multiply the attempts", async () => {
  const before = seen.failing;
  const failure = await client.chat.completions.create({ model: 'broken', messages: ask('?') }, { maxRetries: 3 })
    .then(() => assert.fail('answered'), (error) => error);
  assert.ok(failure instanceof OpenAI.APIError);
  assert.ok(failure.status >= 500, String(failure.status));
  assert.equal(failure.headers.get('x-should-retry'), 'false');
  assert.match(failure.message, /failing\/m/);
  assert.match(failure.message, /also_failing\/m/);
  assert.equal(seen.failing - before, 2);
});

test('an unknown model is an error of the client that names it', async () => {
  const failure = await client.chat.completions.create({ model: 'nobody-knows-this', messages: ask('?') })
    .then(() => assert.fail('answered'), (error) => error);
  assert.ok(failure instanceof OpenAI.NotFoundError, String(failure));
  assert.match(failure.message, /nobody-knows-this/);
});

test('one of three vendors is killed under 200 calls, and none of them fails', async () => {
  const targets = new Map();
  let started = 0, done = 0;
  const caller = async () => {
    while (started < CALLS) {
      const stream = started++ % 2 === 0;
      const { data, response } = await client.chat.completions.create(
        { model: 'talk', messages: ask('Hi'), stream }, { maxRetries: 0 }).withResponse();
      let text = '';
      if (stream) for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? '';
      else text = data.choices[0].message.content;
      assert.match(text, /^Hello from the (first|second|third)\.$/);
      const target = response.headers.get('x-hearth-target');
      targets.set(target, (targets.get(target) ?? 0) + 1);
      if (++done === KILL_AFTER) await first.kill();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  assert.equal(done, CALLS);
  assert.ok(targets.get('one/m') >= KILL_AFTER, 'the first vendor answered until it died');
  assert.ok(targets.get('two/m') > 0, 'the second took over');
});
