// engine.test.mjs: the official clients against models that Hearth computes itself: files with made-up weights, so what is said makes
// no sense, but how it is said must: lengths, forms, calls, streams that say what whole answers say, errors, and an end that is heard.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, Output, streamText, tool } from 'ai';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { hearth, model, stopAll } from './harness.mjs';

const CONTEXT = 2048, LEFT_MS = 1000;      // promise 5: whoever leaves frees his place within a second
const SHAPES = { llama: 'tiny-llama3', qwen2: 'tiny-qwen2', qwen3: 'tiny-qwen3', mistral: 'tiny-mistral' }, NAMES = Object.keys(SHAPES);
const ask = (content) => [{ role: 'user', content }];
const failure = (promise) => promise.then(() => assert.fail('answered'), (error) => error);
// Bounded on all sides: a model that knows nothing finds no end of its own.
const Weather = z.object({ sky: z.enum(['clear', 'grey']), degrees: z.number().int().min(-50).max(50), rain: z.boolean(), days: z.array(z.enum(['mon', 'tue'])).max(3) });
const Sky = Weather.pick({ sky: true, rain: true }); // Anthropic's client takes bounds out of a schema
const City = z.object({ city: z.enum(['Paris', 'Oslo']), days: z.number().int().min(1).max(9) });
const cityTool = { type: 'object', properties: { city: { enum: ['Paris', 'Oslo'] }, days: { type: 'integer', minimum: 1, maximum: 9 } }, required: ['city', 'days'], additionalProperties: false };
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'Tells the weather', parameters: cityTool } }];

let mesh, openai, anthropic, ollama;
before(async () => {
  const files = await Promise.all([...Object.values(SHAPES), 'tiny-nomic-bert'].map((shape) => model(shape)));
  const models = [...NAMES, 'vectors'].map((name, i) => `${name}: "${files[i]}"`).join(', ');
  mesh = await hearth({ engine: { says: `dialect: engine, context: ${CONTEXT}, threads: 2, calls: 2, models: { ${models} }` } }, `
  talk: { chain: [engine/llama] }
  endless: { chain: [engine/llama], defaults: { logit_bias: { "300": 100 } } }
  short: { chain: [engine/llama], overflow: drop_oldest }
  embed: { chain: [engine/vectors] }`);
  openai = new OpenAI({ baseURL: `${mesh.url}/v1`, apiKey: 'EMPTY', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: mesh.url, apiKey: 'EMPTY', maxRetries: 0 });
  ollama = new Ollama({ host: mesh.url });
});
after(stopAll);

for (const name of NAMES) {
  const request = { model: `engine/${name}`, messages: ask('Hi'), max_completion_tokens: 12, temperature: 0 };

  test(`${name}: a stream says what a whole answer says, with its usage and our headers`, async () => {
    const { data: whole, response } = await openai.chat.completions.create(request).withResponse();
    const streamed = await openai.chat.completions.stream({ ...request, stream_options: { include_usage: true } }).finalChatCompletion();
    assert.equal(streamed.choices[0].message.content, whole.choices[0].message.content);
    assert.equal(streamed.choices[0].message.reasoning_content, whole.choices[0].message.reasoning_content);
    assert.ok(['length', 'stop'].includes(whole.choices[0].finish_reason));
    assert.equal(streamed.choices[0].finish_reason, whole.choices[0].finish_reason);
    assert.ok(whole.usage.prompt_tokens > 0 && whole.usage.completion_tokens > 0 && whole.usage.completion_tokens <= 12, JSON.stringify(whole.usage));
    assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
    assert.deepEqual([streamed.usage.prompt_tokens, streamed.usage.completion_tokens], [whole.usage.prompt_tokens, whole.usage.completion_tokens]);
    assert.deepEqual([response.headers.get('x-hearth-target'), response.headers.get('x-hearth-regime'), response.headers.get('x-hearth-dropped')], [`engine/${name}`, 'power', null]);
    assert.ok(streamed.choices[0].message.content.length + (streamed.choices[0].message.reasoning_content?.length ?? 0) > 0);
  });

  test(`${name}: structured output fits, whole and streamed`, async () => {
    for (let seed = 0; seed < 4; seed++) {
      const formed = { ...request, temperature: 1, seed, max_completion_tokens: 400, reasoning_effort: 'none', response_format: zodResponseFormat(Weather, 'weather') };
      const answers = [await openai.chat.completions.parse(formed), await openai.chat.completions.stream(formed).finalChatCompletion()];
      for (const { choices: [{ message, finish_reason }] } of answers) {
        assert.equal(finish_reason, 'stop', message.content);
        assert.ok(Weather.safeParse(message.parsed).success, message.content);
      }
      assert.deepEqual(answers[0].choices[0].message.parsed, answers[1].choices[0].message.parsed);
    }
  });

  test(`${name}: a call that is asked for comes, fits, and takes its result back`, async () => {
    for (const tool_choice of ['required', { type: 'function', function: { name: 'get_weather' } }]) {
      const called = { ...request, temperature: 1, seed: 1, max_completion_tokens: 400, tools, tool_choice };
      const answers = [await openai.chat.completions.create(called), await openai.chat.completions.stream(called).finalChatCompletion()];
      for (const { choices: [{ message, finish_reason }] } of answers) {
        const [call] = message.tool_calls;
        assert.equal(finish_reason, 'tool_calls');
        assert.equal(call.function.name, 'get_weather');
        assert.ok(City.safeParse(JSON.parse(call.function.arguments)).success, call.function.arguments);
        const next = await openai.chat.completions.create({ ...request, tools, messages: [...request.messages, message, { role: 'tool', tool_call_id: call.id, content: 'rain' }] });
        assert.ok(next.usage.prompt_tokens > 0 && next.choices.length === 1);
      }
    }
  });

  test(`${name}: Anthropic's client, whole and streamed, with a call and its result`, async () => {
    const plain = { model: `engine/${name}`, max_tokens: 12, temperature: 0, messages: ask('Hi') };
    const whole = await anthropic.messages.create(plain), streamed = await anthropic.messages.stream(plain).finalMessage();
    assert.deepEqual(streamed.content, whole.content);
    assert.ok(['end_turn', 'max_tokens'].includes(whole.stop_reason));
    const read = ({ usage }) => usage.input_tokens + (usage.cache_read_input_tokens ?? 0);
    assert.deepEqual([streamed.stop_reason, read(streamed), streamed.usage.output_tokens], [whole.stop_reason, read(whole), whole.usage.output_tokens]);
    assert.ok(read(whole) > 0 && whole.usage.output_tokens > 0);
    const called = { ...plain, max_tokens: 400, tools: [{ name: 'get_weather', description: 'Tells the weather', input_schema: cityTool }], tool_choice: { type: 'any' } };
    for (const message of [await anthropic.messages.create(called), await anthropic.messages.stream(called).finalMessage()]) {
      const [call] = message.content.filter((b) => b.type === 'tool_use');
      assert.equal(message.stop_reason, 'tool_use');
      assert.ok(City.safeParse(call.input).success, JSON.stringify(call.input));
      const next = await anthropic.messages.create({ ...called, max_tokens: 12, tool_choice: { type: 'auto' }, messages: [...ask('Hi'), { role: 'assistant', content: message.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'rain' }] }] });
      assert.ok(Math.min(read(next), read(message)) > read(whole) + 50, `${read(next)}, ${read(message)}: tools, the call and its result are read`);
    }
    const formed = await anthropic.messages.parse({ ...plain, max_tokens: 400, output_config: { format: zodOutputFormat(Sky) } });
    assert.ok(Sky.safeParse(formed.parsed_output).success, JSON.stringify(formed.content));
  });

  test(`${name}: Ollama's client: chat, generate, a form`, async () => {
    const options = { num_predict: 12, temperature: 0 }, plain = { model: `engine/${name}`, messages: ask('Hi'), options };
    const whole = await ollama.chat({ ...plain, stream: false });
    let content = '', thinking = '', last;
    for await (const part of await ollama.chat({ ...plain, stream: true })) {
      content += part.message.content;
      thinking += part.message.thinking ?? '';
      last = part;
    }
    assert.deepEqual([content, thinking], [whole.message.content, whole.message.thinking ?? '']);
    assert.ok(last.done && last.eval_count === whole.eval_count && whole.eval_count > 0 && last.prompt_eval_count === whole.prompt_eval_count, JSON.stringify(last));
    const made = await ollama.generate({ model: `engine/${name}`, prompt: 'Hi', options, stream: false });
    assert.ok(made.done && made.eval_count > 0);
    const formed = await ollama.chat({ ...plain, stream: false, think: false, options: { num_predict: 400, temperature: 0 }, format: z.toJSONSchema(Weather) });
    assert.ok(Weather.safeParse(JSON.parse(formed.message.content)).success, formed.message.content);
  });

  test(`${name}: OpenAI's responses, whole and streamed, with a form and a call`, async () => {
    const plain = { model: `engine/${name}`, input: 'Hi', max_output_tokens: 16, temperature: 0 };
    const whole = await openai.responses.create(plain), streamed = await openai.responses.stream(plain).finalResponse();
    assert.equal(streamed.output_text, whole.output_text);
    assert.ok(['completed', 'incomplete'].includes(whole.status));
    assert.equal(streamed.status, whole.status);
    assert.ok(whole.usage.output_tokens > 0 && whole.usage.input_tokens > 0);
    const formed = await openai.responses.parse({ ...plain, max_output_tokens: 400, reasoning: { effort: 'none' }, text: { format: zodTextFormat(Weather, 'weather') } });
    assert.ok(Weather.safeParse(formed.output_parsed).success, formed.output_text);
    const called = await openai.responses.create({ ...plain, max_output_tokens: 400, tools: [{ type: 'function', name: 'get_weather', parameters: cityTool, strict: true }], tool_choice: 'required' });
    const call = called.output.find((item) => item.type === 'function_call');
    assert.ok(City.safeParse(JSON.parse(call.arguments)).success, call.arguments);
  });
}

test("Vercel's library: text, a stream, an object, tools", async () => {
  for (const make of [createOpenAI({ baseURL: `${mesh.url}/v1`, apiKey: 'EMPTY' }).chat, createOpenAI({ baseURL: `${mesh.url}/v1`, apiKey: 'EMPTY' }).responses,
                      createAnthropic({ baseURL: `${mesh.url}/v1`, apiKey: 'EMPTY' })]) {
    const plain = { model: make('engine/qwen2'), prompt: 'Hi', maxOutputTokens: 16, temperature: 0, maxRetries: 0 };
    const whole = await generateText(plain), streamed = streamText(plain);
    assert.equal(await streamed.text, whole.text);
    assert.equal(await streamed.finishReason, whole.finishReason);
    assert.ok(whole.usage.outputTokens > 0);
    const { output } = await generateText({ ...plain, maxOutputTokens: 400, output: Output.object({ schema: Weather }) });
    assert.ok(Weather.safeParse(output).success, JSON.stringify(output));
    const called = await generateText({ ...plain, maxOutputTokens: 400, toolChoice: 'required', tools: { get_weather: tool({ description: 'Tells the weather', inputSchema: City }) } });
    assert.ok(City.safeParse(called.toolCalls[0].input).success, JSON.stringify(called.toolCalls));
  }
});

test("LangChain's OpenAI model: text, a stream, a form, tools", async () => {
  const chat = new ChatOpenAI({ model: 'engine/qwen2', temperature: 0, maxTokens: 400, maxRetries: 0, apiKey: 'EMPTY', configuration: { baseURL: `${mesh.url}/v1` } });
  const short = new ChatOpenAI({ model: 'engine/qwen2', temperature: 0, maxTokens: 12, maxRetries: 0, apiKey: 'EMPTY', configuration: { baseURL: `${mesh.url}/v1` } });
  const whole = await short.invoke('Hi');
  let text = '';
  for await (const chunk of await short.stream('Hi')) text += chunk.content;
  assert.equal(text, whole.content);
  assert.ok(whole.usage_metadata.output_tokens > 0);
  assert.ok(Weather.safeParse(await chat.withStructuredOutput(Weather, { method: 'jsonSchema', name: 'weather' }).invoke('Hi')).success);
  assert.ok(City.safeParse(await chat.withStructuredOutput(City, { method: 'functionCalling', name: 'get_weather' }).invoke('Hi')).success);
});

test('JSON mode is an object', async () => {
  const answer = await openai.chat.completions.create({ model: 'talk', messages: ask('JSON'), temperature: 1, seed: 5, max_tokens: 600, response_format: { type: 'json_object' } });
  const [{ message, finish_reason }] = answer.choices;
  if (finish_reason === 'stop') assert.equal(typeof JSON.parse(message.content), 'object');
  else assert.ok(finish_reason === 'length' && message.content.trimStart().startsWith('{'), message.content);
});

test('log probabilities, a stop string and a seed', async () => {
  const request = { model: 'talk', messages: ask('Hi'), temperature: 1, seed: 9, max_tokens: 20, logprobs: true, top_logprobs: 3 };
  const one = await openai.chat.completions.create(request), two = await openai.chat.completions.create(request);
  const text = one.choices[0].message.content, said = one.choices[0].logprobs.content;
  assert.equal(two.choices[0].message.content, text);
  assert.equal(said.length, one.usage.completion_tokens);
  assert.ok(said.every((t) => t.logprob <= 0 && t.top_logprobs.length === 3));
  const stop = text.slice(4, 7), stopped = await openai.chat.completions.create({ ...request, stop: [stop] });
  assert.equal(stopped.choices[0].message.content, text.slice(0, text.indexOf(stop)));
  assert.equal(stopped.choices[0].finish_reason, 'stop');
});

test('a legacy completion, whole and streamed', async () => {
  const request = { model: 'talk', prompt: 'Once', max_tokens: 10, temperature: 0 };
  const whole = await openai.completions.create(request);
  let text = '';
  for await (const chunk of await openai.completions.create({ ...request, stream: true })) text += chunk.choices[0]?.text ?? '';
  assert.equal(text, whole.choices[0].text);
  assert.ok(whole.usage.completion_tokens > 0);
});

test('embeddings: base64 as the client asks for them, and numbers; alone and among others; of length one', async () => {
  const input = Array.from({ length: 70 }, (_, i) => `text number ${i}`);
  const coded = await openai.embeddings.create({ model: 'embed', input }), plain = await openai.embeddings.create({ model: 'embed', input, encoding_format: 'float' });
  assert.deepEqual(coded.data.map((d) => d.index), input.map((_, i) => i));
  assert.deepEqual(coded.data.map((d) => [...d.embedding]), plain.data.map((d) => d.embedding.map(Math.fround)));
  const alone = await openai.embeddings.create({ model: 'embed', input: input[33], encoding_format: 'float' });
  assert.deepEqual(alone.data[0].embedding, plain.data[33].embedding);
  assert.ok(Math.abs(Math.hypot(...alone.data[0].embedding) - 1) < 1e-4);
  assert.ok(coded.usage.prompt_tokens > 70 && coded.usage.total_tokens === coded.usage.prompt_tokens);
  const theirs = await ollama.embed({ model: 'embed', input: input.slice(33, 35) });
  assert.equal(theirs.embeddings.length, 2);
  theirs.embeddings[0].forEach((x, i) => assert.ok(Math.abs(x - plain.data[33].embedding[i]) < 1e-6));
});

// Calls that the engine computes, as it says itself on its own socket.
async function running() {
  const response = await new Promise((resolve, reject) => http.get({ socketPath: path.join(mesh.data, 'engine.sock'), path: '/v1/models' }, resolve).on('error', reject));
  let text = '';
  for await (const bytes of response.setEncoding('utf8')) text += bytes;
  return [...text.matchAll(/"running":(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
}

test('whoever leaves in the middle of a stream frees the place', async () => {
  const endless = { model: 'endless', max_tokens: 1900, messages: ask('Talk') };
  let most = 0;
  const look = async () => { most = Math.max(most, await running()); };
  for (const leave of [
    async () => { for await (const chunk of await openai.chat.completions.create({ ...endless, stream: true })) if (chunk.choices[0]?.delta.content) { await look(); break; } },
    async () => { for await (const event of anthropic.messages.stream(endless)) if (event.type === 'content_block_delta') { await look(); break; } },
    async () => {
      const stream = await ollama.chat({ model: 'endless', messages: ask('Talk'), stream: true, options: { num_predict: 1900 } });
      await failure((async () => { for await (const part of stream) if (part.message.content) { await look(); stream.abort(); } })());
    },
  ]) {
    most = 0;
    await Promise.all([leave(), leave(), leave()]);     // one more than there are places
    assert.ok(most > 0, `it was being computed: ${leave}`);
    const left = Date.now();
    const next = await openai.chat.completions.create({ model: 'talk', messages: ask('Hi'), max_tokens: 1 });
    assert.equal(next.usage.completion_tokens, 1);
    while (await running()) assert.ok(Date.now() - left < LEFT_MS, 'somebody is still being computed for');
    assert.ok(Date.now() - left < LEFT_MS, `${Date.now() - left} ms`);
  }
});

// The engine's process: the daemon's child.
async function enginePid() {
  for (const task of await readdir(`/proc/${mesh.pid}/task`)) {
    const children = await readFile(`/proc/${mesh.pid}/task/${task}/children`, 'utf8');
    if (children.trim()) return Number(children.trim().split(' ')[0]);
  }
  return 0;
}

test('an engine that dies in the middle of a stream is an error for that client, and the next call is answered', async () => {
  const endless = { model: 'endless', max_tokens: 1900, messages: ask('Talk') };
  for (const [talk, kind] of [
    [async (begun) => { for await (const chunk of await openai.chat.completions.create({ ...endless, stream: true })) if (chunk.choices[0]?.delta.content) begun(); }, OpenAI.APIError],
    [async (begun) => { for await (const event of anthropic.messages.stream(endless)) if (event.type === 'content_block_delta') begun(); }, Anthropic.APIError],
    [async (begun) => { for await (const part of await ollama.chat({ ...endless, stream: true, options: { num_predict: 1900 } })) if (part.message.content) begun(); }, Error],
  ]) {
    const pid = await enginePid();
    let killed = 0;
    const error = await failure(talk(() => { if (!killed++) process.kill(pid, 'SIGKILL'); }));
    assert.ok(killed && error instanceof kind, String(error));
    assert.match(error.message, /engine\/llama stopped after about \d+ tokens/);
    const next = await openai.chat.completions.create({ model: 'talk', messages: ask('Hi'), max_tokens: 1 });
    assert.equal(next.usage.completion_tokens, 1);
    assert.notEqual(await enginePid(), pid);
  }
});

test('errors are errors, by class, in each dialect', async () => {
  const long = 'word '.repeat(3 * CONTEXT), numbers = new RegExp(`prompt has \\d+ tokens.*context holds ${CONTEXT}`);
  const theirs = [
    [(o) => openai.chat.completions.create({ model: 'talk', messages: ask('Hi'), ...o }), OpenAI.BadRequestError],
    [(o) => openai.chat.completions.create({ model: 'talk', messages: ask('Hi'), stream: true, ...o }), OpenAI.BadRequestError],
    [(o) => anthropic.messages.create({ model: 'talk', max_tokens: 5, messages: ask('Hi'), ...o }), Anthropic.BadRequestError],
    [(o) => anthropic.messages.stream({ model: 'talk', max_tokens: 5, messages: ask('Hi'), ...o }).finalMessage(), Anthropic.BadRequestError],
  ];
  for (const [call, kind] of theirs) {
    const error = await failure(call({ messages: ask(long) }));
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, numbers);
  }
  assert.equal((await failure(theirs[0][0]({ messages: ask(long) }))).code, 'context_length_exceeded');
  assert.match((await failure(ollama.chat({ model: 'talk', messages: ask(long) }))).message, numbers);

  const schema = { type: 'object', properties: { a: { type: 'string', format: 'hostname' }, b: { not: { type: 'string' } } }, required: ['a', 'b'] };
  const refused = await failure(theirs[0][0]({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } }));
  assert.ok(refused instanceof OpenAI.BadRequestError, String(refused));
  assert.match(refused.message, /not|format/);
  const n = await failure(theirs[0][0]({ n: 2 }));
  assert.ok(n instanceof OpenAI.BadRequestError && /`n`/.test(n.message), String(n));
  const unknown = await failure(theirs[0][0]({ model: 'engine/nobody' }));
  assert.ok(unknown instanceof OpenAI.NotFoundError && /nobody/.test(unknown.message), String(unknown));
  const texts = await failure(openai.embeddings.create({ model: 'embed', input: Array(2049).fill('a') }));
  assert.ok(texts instanceof OpenAI.BadRequestError && /2048/.test(texts.message), String(texts));
  const chat = await failure(openai.embeddings.create({ model: 'talk', input: 'a' }));
  assert.ok(chat instanceof OpenAI.BadRequestError, String(chat));
  const vectors = await failure(theirs[0][0]({ model: 'embed' }));
  assert.ok(vectors instanceof OpenAI.BadRequestError, String(vectors));
  const picture = await failure(theirs[0][0]({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] }] }));
  assert.ok(picture instanceof OpenAI.BadRequestError && /image|picture/.test(picture.message), String(picture));
});

test('a conversation that is too long loses its oldest turns where the job says so, and every client can read how much', async () => {
  const messages = [...ask('word '.repeat(CONTEXT)), { role: 'assistant', content: 'Yes.' }, ...ask('Hi')];
  const { response } = await openai.chat.completions.create({ model: 'short', messages, max_tokens: 5 }).withResponse();
  const other = await anthropic.messages.create({ model: 'short', messages, max_tokens: 5 }).withResponse();
  for (const r of [response, other.response]) assert.ok(Number(r.headers.get('x-hearth-dropped')) > CONTEXT / 2, r.headers.get('x-hearth-dropped'));
});
