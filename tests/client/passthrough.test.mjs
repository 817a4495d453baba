// passthrough.test.mjs: whose credential goes where, with the clients that carry one of their own: Claude Code's calls as it sends them, and
// the SDKs'. Upstreams of the test's own tell what reached them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { hearth, recorder, stopAll } from './harness.mjs';
import { parallel } from './world.mjs';

const KEY = 'hearth_key_of_a_test_0123456789abcdef', BEARER = 'sk-ant-oat01-of-a-subscription', BETAS = 'claude-code-20250219,oauth-2025-04-20,interleaved-thinking-2025-05-14';
const CODE = { 'user-agent': 'claude-cli/2.1.181 (external, cli)', 'x-app': 'cli', 'x-claude-code-session-id': 'c0ffee', 'anthropic-dangerous-direct-browser-access': 'true' };
const RESET = String(Math.floor(Date.now() / 1000) + 3600);
const LIMIT = { status: 429, headers: { 'anthropic-ratelimit-unified-status': 'rejected', 'anthropic-ratelimit-unified-reset': RESET,
  'anthropic-ratelimit-unified-5h-status': 'rejected', 'anthropic-ratelimit-unified-5h-reset': RESET, 'anthropic-ratelimit-unified-representative-claim': 'five_hour' },
  body: { type: 'error', error: { type: 'rate_limit_error', message: "This request would exceed your account's rate limit." } } };
const body = { model: 'claude-opus-5-5', max_tokens: 100, stream: true, messages: [{ role: 'user', content: 'Hi' }], unheard_of: 1,
  system: [{ type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.181; cc_entrypoint=cli; cch=abcde;' }, { type: 'text', text: 'You are a tool.' }] };

let mesh, plan, cheap, house;
before(async () => {
  plan = await recorder((b) => parallel('anthropic', b));
  cheap = await recorder((b) => parallel('openai', b));
  house = await recorder((b) => parallel('anthropic', b));
  mesh = await hearth({
    plan: { port: plan.port, says: 'vendor: anthropic, dialect: anthropic, url: "@", key: passthrough, regime: plan, plan: { windows: [5h] }' },
    cheap: { port: cheap.port, says: 'dialect: openai, url: "@/v1"' },
    house: { port: house.port, says: 'vendor: anthropic, dialect: anthropic, url: "@"' },
  }, `  code: { chain: [plan/claude-opus-5-5, cheap/m] }
  own: { chain: [house/claude-haiku-4-5] }`, { config: 'aliases:\n  claude-*: code\n', environment: { HEARTH_KEY: KEY } });
});
after(stopAll);

// As Claude Code asks: the path has a query, the credential is a bearer, Hearth's key stands in a header of its own.
function code(more = {}, credential = BEARER) {
  return fetch(`${mesh.url}/v1/messages?beta=true`, { method: 'POST', body: JSON.stringify({ ...body, ...more }), headers: { 'content-type': 'application/json',
    authorization: `Bearer ${credential}`, 'x-hearth-key': KEY, 'anthropic-version': '2023-06-01', 'anthropic-beta': BETAS, ...CODE } });
}

function never(asked, ...texts) {
  const all = JSON.stringify(asked);
  for (const text of texts) assert.ok(!all.includes(text), `${text} in ${all}`);
}

test('to its own plan a call goes as Claude Code sent it, without the key of the house', async () => {
  const answer = await code();
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('x-hearth-target'), 'plan/claude-opus-5-5');
  assert.match(await answer.text(), /message_stop/);
  const { headers, raw } = plan.last();
  assert.equal(raw, JSON.stringify(body));
  assert.equal(headers.authorization, `Bearer ${BEARER}`);
  assert.equal(headers['anthropic-beta'], BETAS);
  for (const [name, value] of Object.entries(CODE)) assert.equal(headers[name], value);
  never(plan.asked, KEY, mesh.key);
});

test('a call without a credential of its own takes the next step', async () => {
  const count = plan.asked.length;
  const answer = await fetch(`${mesh.url}/v1/messages`, { method: 'POST', body: JSON.stringify(body), headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' } });
  assert.equal(answer.headers.get('x-hearth-target'), 'cheap/m');
  await answer.text();
  assert.equal(plan.asked.length, count);
});

test('when the plan is spent the next step gets the call, its own key, and nothing of the client', async () => {
  const answer = plan.answer;
  plan.answer = () => LIMIT;
  const { headers, status } = await code();
  assert.deepEqual([status, headers.get('x-hearth-target'), headers.get('x-hearth-attempts')], [200, 'cheap/m', '2']);
  const count = plan.asked.length;
  const next = await code({ stream: false });
  plan.answer = answer;
  assert.equal(next.headers.get('x-hearth-target'), 'cheap/m');
  assert.equal(plan.asked.length, count, 'a spent plan is not asked again');
  const { content, usage } = await next.json();
  assert.deepEqual(content.map((b) => b.type), ['text', 'tool_use', 'tool_use']);
  assert.ok(usage.input_tokens > 0);
  const sent = cheap.last();
  assert.equal(sent.headers.authorization, `Bearer ${mesh.key}`);
  never(cheap.asked, BEARER, KEY, 'claude-cli', 'c0ffee', 'anthropic-beta', 'cch=', 'unheard_of');
  assert.match(sent.raw, /You are a tool\./);
});

test('to another key of the same vendor the betas of the body go, those of the credential do not', async () => {
  await (await code({ model: 'own' })).text();
  const { headers, raw } = house.last();
  assert.equal(headers['anthropic-beta'], 'claude-code-20250219,interleaved-thinking-2025-05-14');
  assert.equal(headers['x-api-key'], mesh.key);
  assert.equal(raw, JSON.stringify({ ...body, model: 'claude-haiku-4-5' }));
  never(house.asked, BEARER, KEY, 'claude-cli', 'c0ffee');
});

test("SDKs show Hearth's key where they show any, and no vendor sees it", async () => {
  for (const stream of [false, true]) {
    const anthropic = new Anthropic({ baseURL: mesh.url, apiKey: KEY }), bearer = new Anthropic({ baseURL: mesh.url, authToken: KEY, apiKey: null });
    const openai = new OpenAI({ baseURL: `${mesh.url}/v1`, apiKey: KEY });
    for (const client of [anthropic, bearer]) await client.messages.create({ model: 'own', max_tokens: 9, messages: body.messages, stream });
    for (const model of ['own', 'code']) await openai.chat.completions.create({ model, messages: body.messages, stream });
  }
  never([house.asked, cheap.asked], KEY, 'x-stainless');
});

test('what Claude Code looks for at its start is there, without a key', async () => {
  for (const path of ['/', '/api/hello']) assert.equal((await fetch(mesh.url + path, { method: 'HEAD' })).status, 200);
  const models = await (await fetch(`${mesh.url}/v1/models?limit=1000`, { headers: { authorization: `Bearer ${BEARER}`, 'x-hearth-key': KEY, 'anthropic-version': '2023-06-01' } })).json();
  for (const { id, display_name, type } of models.data) assert.deepEqual([typeof id, typeof display_name, type], ['string', 'string', 'model']);
});
