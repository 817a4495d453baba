// audio.test.mjs: OpenAI's own client hands a file over and reads what was said in it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { hearth, stopAll, upstream, vendor } from './harness.mjs';

let mesh, client;
const seen = [];
const file = (bytes) => toFile(Buffer.alloc(bytes, 's'), 'speech.mp3', { type: 'audio/mpeg' });

function recording(request, response, body) {
  seen.push({ type: request.headers['content-type'], body: body.toString() });
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"text":"heard","usage":{"type":"duration","seconds":12}}');
}

before(async () => {
  mesh = await hearth({ one: await upstream((request, response) => response.writeHead(503).end()), two: await vendor('openai', 'reply "good morning"'),
                        recorder: await upstream(recording) }, `
  hear: { chain: [one/whisper-1, two/whisper-1] }
  record: { chain: [recorder/whisper-1] }
  talk: { chain: [two/gpt-4o-transcribe] }`);
  client = mesh.client;
});
after(stopAll);

test('a transcript comes from whoever of the chain can give it', async () => {
  const said = await client.audio.transcriptions.create({ file: await file(12_000), model: 'hear' });
  assert.equal(said.text, 'good morning');
});

test('the form arrives as the client wrote it, but for the model', async () => {
  const said = await client.audio.transcriptions.create({ file: await file(12_000), model: 'record' });
  assert.deepEqual(said.usage, { type: 'duration', seconds: 12 });
  const { type, body } = seen[0];
  assert.ok(body.startsWith(`--${/boundary=(.+)$/.exec(type)[1]}\r\n`));
  assert.match(body, /name="model"\r\n\r\nwhisper-1\r\n/);
  assert.ok(body.includes('s'.repeat(12_000)));
});

test('segments, subtitles and text', async () => {
  const verbose = await client.audio.transcriptions.create({ file: await file(12_000), model: 'hear', response_format: 'verbose_json',
                                                             timestamp_granularities: ['segment', 'word'] });
  assert.equal(verbose.segments[0].text, 'good morning');
  assert.equal(await client.audio.transcriptions.create({ file: await file(12_000), model: 'hear', response_format: 'text' }), 'good morning\n');
  assert.match(await client.audio.transcriptions.create({ file: await file(12_000), model: 'hear', response_format: 'vtt' }), /^WEBVTT/);
});

test('a transcript is streamed', async () => {
  const events = [];
  for await (const event of await client.audio.transcriptions.create({ file: await file(12_000), model: 'talk', stream: true })) events.push(event);
  assert.equal(events.filter((e) => e.type === 'transcript.text.delta').map((e) => e.delta).join(''), 'good morning');
  assert.equal(events.at(-1).type, 'transcript.text.done');
});

test('a large file, and another language', async () => {
  const said = await client.audio.translations.create({ file: await file(5_000_000), model: 'hear' });
  assert.equal(said.text, 'good morning');
});

test('what is missing is named', async () => {
  await assert.rejects(client.audio.transcriptions.create({ file: await file(10) }), (e) => {
    assert.ok(e instanceof OpenAI.BadRequestError);
    assert.match(e.message, /model is missing/);
    return true;
  });
});
