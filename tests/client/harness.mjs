// harness.mjs: starts Hearth, simulated vendors and scripted upstreams on loopback for the client tests, and ends them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import OpenAI from 'openai';

const BUILD = process.env.HEARTH_BUILD;
const READY_MS = 10_000;
const cleanups = [];

// Runs what was registered, last first; the tests call it once, at their end.
export async function stopAll() {
  while (cleanups.length) await cleanups.pop()();
}

// Its standard input stays open: a simulated vendor ends with it, so none outlives the tests.
function start(program, args, environment = {}) {
  const child = spawn(path.join(BUILD, program), args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
  let said = '';
  child.stderr.on('data', (bytes) => { said = (said + bytes).slice(-64 * 1024); });
  child.said = () => said;
  child.on('exit', (code, signal) => {
    if (signal && !child.killed) console.error(`${program} ended by ${signal}: ${said}`);
  });
  cleanups.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  return child;
}

// Simulated vendors in one process: for each [flavour, script] an object { port, script(text), seen(), last() }; what a script does
// with each request is in src/sim/sim.h. last() is { line, headers, body } of the last request as it arrived.
export async function vendors(list) {
  const child = start('simd', list.flatMap(([flavour, script]) => ['--port', '0', '--flavour', flavour, '--script', script]));
  const ports = [], waiting = [];
  let listening;
  const ready = new Promise((resolve, reject) => {
    listening = resolve;
    child.on('exit', () => reject(new Error(`simd ended without listening: ${child.said()}`)));
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const found = /^listening 127\.0\.0\.1:(\d+)$/.exec(line);
    if (!found) waiting.shift()(line);
    else if (ports.push(Number(found[1])) === list.length) listening();
  });
  await ready;
  const ask = (command) => new Promise((resolve) => {
    waiting.push(resolve);
    child.stdin.write(`${command}\n`);
  });
  const kill = async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return ports.map((port, i) => ({
    port, kill,
    script: async (text) => {
      const said = await ask(`script ${i} ${text}`);
      if (said !== 'ok') throw new Error(`${text}: ${said}`);
    },
    seen: async () => JSON.parse(await ask(`seen ${i}`)),
    last: async () => {
      const request = JSON.parse(await ask(`last ${i}`)), end = request.indexOf('\r\n\r\n');
      const [line, ...fields] = request.slice(0, end).split('\r\n');
      const headers = Object.fromEntries(fields.map((f) => [f.slice(0, f.indexOf(':')).toLowerCase(), f.slice(f.indexOf(':') + 1).trim()]));
      return { line, headers, body: JSON.parse(request.slice(end + 4)) };
    },
  }));
}

// One of them: { port, kill(), … }.
export async function vendor(flavour, script) {
  return (await vendors([[flavour, script]]))[0];
}

// An upstream of the test's own, for what a vendor would not tell: handler(request, response, body) is an http one.
export async function upstream(handler) {
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const bytes of request.setEncoding('utf8')) body += bytes;
    handler(request, response, body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: server.address().port };
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// An upstream that keeps the calls it got, as { path, headers, raw, body } in `asked`, and answers them with what `answer(body, asked)`
// returns: { status, headers, body }, where body is an object, a text, or a list of texts that are written one by one.
export async function recorder(answer) {
  const self = { asked: [], answer };
  const { port } = await upstream(async (request, response, raw) => {
    if (request.method !== 'POST') return response.writeHead(404).end(); // a question about the server itself
    const one = { path: request.url, headers: request.headers, raw, body: JSON.parse(raw) };
    self.asked.push(one);
    const { status = 200, headers = {}, body } = self.answer(one.body, one);
    const text = typeof body === 'string' || Array.isArray(body) ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    for (const piece of [].concat(text)) {
      response.write(piece);
      await new Promise(setImmediate);
    }
    response.end();
  });
  return Object.assign(self, { port, last: () => self.asked.at(-1) });
}

// A model file with made-up weights: its path.
export async function model(shape, quant = 'Q8_0') {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-client-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const file = path.join(folder, `${shape}.gguf`);
  const child = start('hearth', ['bench', '--shape', shape, '--quant', quant, '--write', file]);
  child.stdout.resume();
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`no model ${shape}: ${child.said()}`);
  return file;
}

const OWN_KEY = 'sk-of-the-house';

// Starts `hearth serve` with upstreams { name: { port, says } } and the text of `jobs:`, and what else its config and its
// environment hold. `says` is the upstream in the config, where @ stands for its address; usually OpenAI's dialect. Each upstream's key
// is `key` below, unless `says` names another. One without a port is the built-in engine, as `says` has it.
export async function hearth(upstreams, jobs, { config: more = '', environment = {} } = {}) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-client-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const port = await freePort();
  const config = path.join(folder, 'hearth.yaml');
  const lines = Object.entries(upstreams).map(([name, { port: at, says = 'dialect: openai, url: "@/v1"' }]) => {
    if (at === undefined) return `  ${name}: { ${says} }`;
    const key = says.includes('key:') ? '' : 'key: env:HOUSE_KEY, ';
    return `  ${name}: { ${key}${says.replace('@', `http://127.0.0.1:${at}`)}, place: home }`;
  });
  await writeFile(config, `listen: 127.0.0.1:${port}\nupstreams:\n${lines.join('\n')}\njobs:\n${jobs}\n${more}`);

  const data = path.join(folder, 'data');
  const child = start('hearth', ['serve', '--config', config, '--data', data], { HOUSE_KEY: OWN_KEY, ...environment });
  child.stdout.resume();
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + READY_MS;
  for (;;) {
    const answer = await fetch(`${url}/healthz`).catch(() => null);
    if (answer?.status === 200) break;
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`hearth is not ready: ${child.said()}`);
    await new Promise((r) => setTimeout(r, 20));
  }
  return { url, data, pid: child.pid, key: OWN_KEY, client: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'EMPTY' }), said: child.said };
}
