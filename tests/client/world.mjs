// world.mjs: every vendor simulated, and every dialect alone, behind one Hearth; and what upstreams of each dialect say when the
// simulator's one tool call is not enough. Written by hand after the vendors' documents.
import { hearth, recorder, vendors } from './harness.mjs';

export const PICTURE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
export const WEATHER = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
export const REPLY = 'Hello, "world" — ünï.', THOUGHT = 'A greeting wants one.';

// Name, flavour of the simulator, how it is written in a config, model. `thinks`: its reasoning can be read; `sees`: takes pictures;
// `lacks`: what its calls are refused for; `forces: false`: no model of it can be made to call a tool;
// `reasoning`: what its OpenAI face calls that, where it is not reasoning_content.
export const TARGETS = [
  { name: 'openai', flavour: 'openai', says: 'vendor: openai, url: "@/v1"', model: 'gpt-5.4-mini', dialect: 'openai', sees: true },
  { name: 'deepseek', flavour: 'deepseek', says: 'vendor: deepseek, url: "@"', model: 'deepseek-flash', dialect: 'openai', thinks: true, sees: true, lacks: 'structured output' },
  { name: 'moonshot', flavour: 'moonshot', says: 'vendor: moonshot, url: "@/v1"', model: 'kimi-k2.6', dialect: 'openai', thinks: true, sees: true },
  { name: 'groq', flavour: 'groq', says: 'vendor: groq, url: "@/openai/v1"', model: 'openai/gpt-oss-20b', dialect: 'openai', thinks: true, reasoning: 'reasoning' },
  { name: 'openrouter', flavour: 'openrouter', says: 'vendor: openrouter, url: "@/api/v1"', model: 'moonshotai/kimi-k2.6', dialect: 'openai', thinks: true, sees: true, reasoning: 'reasoning' },
  { name: 'gemini', flavour: 'gemini', says: 'vendor: gemini, url: "@/v1beta/openai"', model: 'gemini-3.8-flash', dialect: 'openai', sees: true },
  { name: 'anthropic', flavour: 'anthropic', says: 'vendor: anthropic, dialect: anthropic, url: "@"', model: 'claude-haiku-4-5', dialect: 'anthropic', thinks: true, sees: true },
  { name: 'ollama', flavour: 'ollama', says: 'vendor: ollama, url: "@"', model: 'llama3.1:8b', dialect: 'each', thinks: true, sees: true, reasoning: 'reasoning' },
  { name: 'llama-server', flavour: 'llama-server', says: 'vendor: llama-server, url: "@"', model: 'llama-3.1-8b-instruct', dialect: 'each', thinks: true, sees: true },
  { name: 'any-openai', flavour: 'openrouter', says: 'dialect: openai, url: "@/v1"', model: 'm', dialect: 'openai', thinks: true, sees: true, reasoning: 'reasoning' },
  { name: 'any-responses', flavour: 'openai', says: 'dialect: responses, url: "@/v1"', model: 'm', dialect: 'responses', thinks: true, sees: true },
  { name: 'any-anthropic', flavour: 'anthropic', says: 'dialect: anthropic, url: "@"', model: 'm', dialect: 'anthropic', thinks: true, sees: true },
  { name: 'any-ollama', flavour: 'ollama', says: 'dialect: ollama, url: "@"', model: 'm', dialect: 'ollama', thinks: true, sees: true, forces: false },
];
export const DIALECTS = ['openai', 'responses', 'anthropic', 'ollama'];
const BY_DIALECT = Object.fromEntries(DIALECTS.map((d) => [d, TARGETS.find((t) => t.name === `any-${d}`)]));

// What goes wrong, by name; each has an upstream of every dialect of its own, for a failure rests its target.
const FAULTS = {
  refuses: 'fault parameter', limited: 'fault rate', full: 'fault overload', dies: 'tokens 9 every 1 sse-error 5 "boiler out"',
  endless: 'tokens 1000000 every 5',
};

// { mesh, sim: { name: simulated vendor }, wire: { dialect: recorder } }. Targets are asked for as name/model; faults as
// fault-dialect/m, `faults` being further ones; recorders as wire-dialect/m.
export async function world({ jobs = '  any: { chain: [openai/gpt-5.4-mini] }', faults: more = {}, ...options } = {}) {
  const faults = DIALECTS.flatMap((d) => Object.entries({ ...FAULTS, ...more }).map(([fault, script]) => ({ ...BY_DIALECT[d], name: `${fault}-${d}`, script })));
  const all = [...TARGETS, ...faults];
  const sims = await vendors(all.map((t) => [t.flavour, t.script ?? 'reply']));
  const wire = Object.fromEntries(await Promise.all(DIALECTS.map(async (d) => [d, await recorder((body) => parallel(d, body))])));
  const upstreams = Object.fromEntries(all.map((t, i) => [t.name, { ...sims[i], says: t.says }]));
  for (const d of DIALECTS) upstreams[`wire-${d}`] = { port: wire[d].port, says: BY_DIALECT[d].says };
  return { mesh: await hearth(upstreams, jobs, options), wire, sim: Object.fromEntries(all.map((t, i) => [t.name, sims[i]])) };
}

// --- answers with text and two tool calls at once, streamed in pieces ---

export const CALLS = [{ id: 'call_one', name: 'get_weather', input: { city: 'Paris' } }, { id: 'call_two', name: 'get_weather', input: { city: 'São Paulo' } }];
const pieces = (value) => JSON.stringify(value).match(/.{1,7}/gsu);
const sse = (events) => ({ headers: { 'content-type': 'text/event-stream' }, body: events });

function openaiParallel(body) {
  const head = { id: 'chatcmpl-1', created: 1, model: body.model };
  const usage = { prompt_tokens: 20, completion_tokens: 30, total_tokens: 50 };
  const calls = CALLS.map((c) => ({ id: c.id, type: 'function', function: { name: c.name, arguments: JSON.stringify(c.input) } }));
  if (!body.stream)
    return { body: { ...head, object: 'chat.completion', usage, choices: [
      { index: 0, message: { role: 'assistant', content: 'Both.', tool_calls: calls }, finish_reason: 'tool_calls', logprobs: null }] } };
  const chunk = (delta, finish_reason = null) =>
    `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const events = [chunk({ role: 'assistant', content: 'Both.' })];
  CALLS.forEach((c, index) => events.push(chunk({ tool_calls: [{ index, id: c.id, type: 'function', function: { name: c.name, arguments: '' } }] })));
  const [one, two] = CALLS.map((c) => pieces(c.input));
  for (let i = 0; i < Math.max(one.length, two.length); i++)      // interleaved, as vLLM does
    [one, two].forEach((p, index) => p[i] && events.push(chunk({ tool_calls: [{ index, function: { arguments: p[i] } }] })));
  events.push(chunk({}, 'tool_calls'), `data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [], usage })}\n\n`, 'data: [DONE]\n\n');
  return sse(events);
}

function anthropicParallel(body) {
  const usage = { input_tokens: 20, output_tokens: 30 };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: body.model, stop_sequence: null };
  const blocks = [{ type: 'text', text: 'Both.' }, ...CALLS.map((c) => ({ type: 'tool_use', id: c.id, name: c.name, input: c.input }))];
  if (!body.stream) return { body: { ...message, content: blocks, stop_reason: 'tool_use', usage } };
  const event = (type, data) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
  const events = [event('message_start', { message: { ...message, content: [], stop_reason: null, usage: { input_tokens: 20, output_tokens: 1 } } })];
  blocks.forEach((b, index) => {
    events.push(event('content_block_start', { index, content_block: b.type === 'text' ? { type: 'text', text: '' } : { ...b, input: {} } }));
    for (const p of b.type === 'text' ? [b.text] : pieces(b.input))
      events.push(event('content_block_delta', { index, delta: b.type === 'text' ? { type: 'text_delta', text: p } : { type: 'input_json_delta', partial_json: p } }));
    events.push(event('content_block_stop', { index }));
  });
  events.push(event('message_delta', { delta: { stop_reason: 'tool_use', stop_sequence: null }, usage }), event('message_stop', {}));
  return sse(events);
}

function responsesParallel(body) {
  const usage = { input_tokens: 20, input_tokens_details: { cached_tokens: 0 }, output_tokens: 30, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 50 };
  const output = [
    { type: 'message', id: 'msg_1', status: 'completed', role: 'assistant', content: [{ type: 'output_text', text: 'Both.', annotations: [] }] },
    ...CALLS.map((c, i) => ({ type: 'function_call', id: `fc_${i}`, call_id: c.id, name: c.name, arguments: JSON.stringify(c.input), status: 'completed' }))];
  const object = { id: 'resp_1', object: 'response', created_at: 1, status: 'completed', error: null, incomplete_details: null, model: body.model, output, usage };
  if (!body.stream) return { body: object };
  let sequence_number = 0;
  const event = (type, data) => `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence_number++, ...data })}\n\n`;
  const events = [event('response.created', { response: { ...object, status: 'in_progress', output: [], usage: null } })];
  output.forEach((item, output_index) => {
    const text = item.type === 'message';
    events.push(event('response.output_item.added', { output_index, item: { ...item, status: 'in_progress', ...(text ? { content: [] } : { arguments: '' }) } }));
    if (text) events.push(event('response.content_part.added', { item_id: item.id, output_index, content_index: 0, part: { type: 'output_text', text: '', annotations: [] } }));
    for (const delta of text ? ['Both.'] : item.arguments.match(/.{1,7}/gsu))
      events.push(event(text ? 'response.output_text.delta' : 'response.function_call_arguments.delta', { item_id: item.id, output_index, ...(text && { content_index: 0 }), delta }));
    if (!text) events.push(event('response.function_call_arguments.done', { item_id: item.id, output_index, arguments: item.arguments }));
    events.push(event('response.output_item.done', { output_index, item }));
  });
  events.push(event('response.completed', { response: object }));
  return sse(events);
}

function ollamaParallel(body) {
  const head = { model: body.model, created_at: '2026-10-01T08:00:00Z' };
  const tool_calls = CALLS.map((c, index) => ({ id: c.id, function: { index, name: c.name, arguments: c.input } }));
  const end = { done: true, done_reason: 'stop', prompt_eval_count: 20, eval_count: 30, total_duration: 1, load_duration: 1, prompt_eval_duration: 1, eval_duration: 1 };
  if (body.stream === false) return { body: { ...head, message: { role: 'assistant', content: 'Both.', tool_calls }, ...end } };
  const lines = [{ ...head, message: { role: 'assistant', content: 'Both.' }, done: false }, { ...head, message: { role: 'assistant', content: '', tool_calls }, done: false },
                 { ...head, message: { role: 'assistant', content: '' }, ...end }];
  return { headers: { 'content-type': 'application/x-ndjson' }, body: lines.map((l) => `${JSON.stringify(l)}\n`) };
}

export function parallel(dialect, body) {
  return { openai: openaiParallel, anthropic: anthropicParallel, responses: responsesParallel, ollama: ollamaParallel }[dialect](body);
}
