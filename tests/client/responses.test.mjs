// responses.test.mjs: what a program written with OpenAI's client sees that asks at /v1/responses, whichever vendor answers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { stopAll } from './harness.mjs';
import { CALLS, DIALECTS, PICTURE, REPLY, TARGETS, THOUGHT, WEATHER, world } from './world.mjs';

const ABORT_MS = 1000;
const tools = [{ type: 'function', name: 'get_weather', description: 'Tells the weather', parameters: WEATHER, strict: false }];
const failure = (promise) => promise.then(() => assert.fail('answered'), (error) => error);
const of = (response, type) => response.output.filter((item) => item.type === type);

let w, client;
before(async () => {
  w = await world();
  client = new OpenAI({ baseURL: `${w.mesh.url}/v1`, apiKey: 'EMPTY', maxRetries: 0 });
});
after(stopAll);

async function both(request) {
  return [await client.responses.create(request), await client.responses.stream(request).finalResponse()];
}

for (const t of TARGETS) {
  const model = `${t.name}/${t.model}`;

  test(`${t.name}: text, whole and streamed`, async () => {
    await w.sim[t.name].script(`reply ${JSON.stringify(REPLY)}`);
    const whole = await client.responses.create({ model, input: 'Hi', store: false });
    assert.equal(whole.output_text, REPLY);
    assert.equal(whole.status, 'completed');
    let text = '', number = -1, done;
    for await (const event of await client.responses.create({ model, input: 'Hi', store: false, stream: true })) {
      assert.ok(event.sequence_number > number, JSON.stringify(event));
      number = event.sequence_number;
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.completed') done = event.response;
    }
    assert.equal(text, REPLY);
    for (const { usage } of [whole, done]) {
      assert.ok(usage.input_tokens > 0 && usage.output_tokens > 0, JSON.stringify(usage));
      assert.equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
    }
    assert.equal((await client.responses.stream({ model, input: 'Hi' }).finalResponse()).output_text, REPLY);
  });

  test(`${t.name}: a tool call and its result`, async () => {
    await w.sim[t.name].script('tool get_weather {"city":"Paris"}');
    const input = [{ role: 'user', content: 'Weather?' }];
    for (const response of await both({ model, input, tools, store: false })) {
      const [call] = of(response, 'function_call');
      assert.equal(call.name, 'get_weather');
      assert.deepEqual(JSON.parse(call.arguments), { city: 'Paris' });
      await w.sim[t.name].script('reply "Rain."');
      const next = await client.responses.create({ model, tools, store: false,
        input: [...input, ...response.output, { type: 'function_call_output', call_id: call.call_id, output: '4 °C, rain' }] });
      assert.equal(next.output_text, 'Rain.');
      const sent = JSON.stringify((await w.sim[t.name].last()).body);
      assert.match(sent, /4 °C, rain/);
      assert.match(sent, /Paris/);
    }
  });

  test(`${t.name}: instructions, several turns${t.sees ? ' and a picture' : ''} reach it`, async () => {
    await w.sim[t.name].script('reply "Seen."');
    const content = [{ type: 'input_text', text: 'What is this?' }];
    if (t.sees) content.push({ type: 'input_image', image_url: `data:image/png;base64,${PICTURE}`, detail: 'auto' });
    await client.responses.create({ model, instructions: 'Be brief.', store: false, max_output_tokens: 77,
      input: [{ role: 'user', content: 'One' }, { role: 'assistant', content: 'Two' }, { role: 'user', content }] });
    const sent = JSON.stringify((await w.sim[t.name].last()).body);
    for (const text of ['Be brief.', 'One', 'Two', 'What is this?', '77', ...(t.sees ? [PICTURE] : [])]) assert.ok(sent.includes(text), `${text} in ${sent}`);
  });

  if (t.thinks) test(`${t.name}: its reasoning is shown`, async () => {
    await w.sim[t.name].script(`reasoning ${JSON.stringify(THOUGHT)} reply "Hello."`);
    const request = { model, input: 'Hi', store: false, reasoning: { effort: 'medium', summary: 'auto' }, include: ['reasoning.encrypted_content'] };
    for (const response of await both(request)) {
      const [item] = of(response, 'reasoning');
      assert.match(JSON.stringify(item), new RegExp(THOUGHT));
      assert.equal(response.output_text, 'Hello.');
      const next = await client.responses.create({ ...request, input: [{ role: 'user', content: 'Hi' }, ...response.output, { role: 'user', content: 'Again' }] });
      assert.equal(next.output_text, 'Hello.');
    }
  });

  test(`${t.name}: an answer that was cut says so`, async () => {
    await w.sim[t.name].script('reply "And then" finish length');
    for (const response of await both({ model, input: 'Tell', max_output_tokens: 16 })) {
      assert.equal(response.status, 'incomplete');
      assert.equal(response.incomplete_details.reason, 'max_output_tokens');
    }
  });

  if (!t.lacks) test(`${t.name}: structured output comes back parsed`, async () => {
    await w.sim[t.name].script('reply "{\\"degrees\\":4}"');
    const response = await client.responses.parse({ model, input: 'How warm?', text: { format: zodTextFormat(z.object({ degrees: z.number() }), 'warmth') } });
    assert.deepEqual(response.output_parsed, { degrees: 4 });
    assert.match(JSON.stringify((await w.sim[t.name].last()).body), /degrees/);
  });

  if (t.lacks) test(`${t.name}: it has no structured output, and that is said`, async () => {
    const error = await failure(client.responses.create({ model, input: '?', text: { format: { type: 'json_schema', name: 'weather', schema: WEATHER } } }));
    assert.equal(error.status, 400);
    assert.match(error.message, new RegExp(t.lacks));
  });
}

for (const d of DIALECTS) {
  test(`wire-${d}: two calls at once, and their results in any order`, async () => {
    const input = [{ role: 'user', content: 'Weather in both?' }];
    for (const response of await both({ model: `wire-${d}/m`, input, tools })) {
      assert.equal(response.output_text, 'Both.');
      assert.deepEqual(of(response, 'function_call').map((c) => ({ id: c.call_id, name: c.name, input: JSON.parse(c.arguments) })), CALLS);
      assert.equal(response.usage.input_tokens, 20);
      await client.responses.create({ model: `wire-${d}/m`, tools, input: [...input, ...response.output,
        { type: 'function_call_output', call_id: 'call_two', output: 'hot' }, { type: 'function_call_output', call_id: 'call_one', output: 'warm' }] });
      const { raw } = w.wire[d].last();
      for (const text of ['São Paulo', 'warm', 'hot']) assert.ok(raw.includes(text), `${text} in ${raw}`);
    }
  });

  test(`wire-${d}: a tool that takes free text, as Codex has one`, async () => {
    const patch = '*** Begin Patch\n"quoted" \\ and ünï\n', [call] = CALLS;
    const custom = [{ type: 'custom', name: 'apply_patch', description: 'Changes files' }, ...tools];
    const input = [{ role: 'user', content: 'Fix' }, { type: 'custom_tool_call', call_id: 'call_p', name: 'apply_patch', input: patch },
      { type: 'custom_tool_call_output', call_id: 'call_p', output: 'done' }];
    const response = await client.responses.stream({ model: `wire-${d}/m`, input, tools: custom, store: false }).finalResponse();
    assert.equal(of(response, 'function_call')[0].call_id, call.id);
    const { raw } = w.wire[d].last();
    for (const text of ['apply_patch', 'Begin Patch', 'ünï', 'done']) assert.ok(raw.includes(text), `${text} in ${raw}`);
  });

  test(`${d}: errors are errors, by class`, async () => {
    for (const [fault, kind, words] of [['refuses', OpenAI.BadRequestError, /must be at most 2/], ['limited', OpenAI.RateLimitError, new RegExp(`limited-${d}`)],
      ['full', OpenAI.InternalServerError, new RegExp(`full-${d}`)]]) {
      const error = await failure(client.responses.create({ model: `${fault}-${d}/m`, input: '?' }));
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, words);
    }
  });

  test(`${d}: an error after content ends the stream as an error`, async () => {
    let text = '', failed;
    const error = await (async () => {
      for await (const event of await client.responses.create({ model: `dies-${d}/m`, input: '?', stream: true })) {
        if (event.type === 'response.output_text.delta') text += event.delta;
        if (event.type === 'response.failed' || event.type === 'error') failed = event;
      }
    })().then(() => null, (e) => e);
    assert.match(error ? error.message : JSON.stringify(failed), /boiler out/);
    assert.ok(text.length > 0);
  });

  test(`${d}: a client that leaves its stream cancels the upstream`, async () => {
    let count = 0;
    for await (const event of await client.responses.create({ model: `endless-${d}/m`, input: '?', stream: true }))
      if (event.type === 'response.output_text.delta' && ++count === 3) break;
    const left = Date.now();
    while ((await w.sim[`endless-${d}`].seen()).aborted < 1) assert.ok(Date.now() - left < ABORT_MS, 'the upstream still streams');
  });
}

test('to a server of its own dialect the bytes go as they are', async () => {
  const request = { model: 'm', input: [{ role: 'user', content: 'Hi', not_invented_yet: 1 }], store: false, include: ['reasoning.encrypted_content'],
    prompt_cache_key: 'k', unheard_of: [2.5], tools: [{ type: 'custom', name: 'apply_patch', format: { type: 'grammar', syntax: 'lark', definition: 'start: "a"' } }] };
  const answer = await client.responses.create({ ...request, model: 'wire-responses/m' });
  assert.equal(answer.output_text, 'Both.');
  assert.equal(w.wire.responses.last().raw, JSON.stringify(request));
});

test('what only a server with a store can do is refused by name', async () => {
  const error = await failure(client.responses.create({ model: 'wire-openai/m', input: 'Hi', previous_response_id: 'resp_1' }));
  assert.ok(error instanceof OpenAI.BadRequestError, String(error));
  assert.match(error.message, /previous_response_id/);
});

test('an unknown model is not found, by name', async () => {
  const error = await failure(client.responses.create({ model: 'nobody-knows-this', input: '?' }));
  assert.ok(error instanceof OpenAI.NotFoundError, String(error));
  assert.match(error.message, /nobody-knows-this/);
});
