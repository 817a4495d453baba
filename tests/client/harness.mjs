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
function start(program, args) {
  const child = spawn(path.join(BUILD, program), args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes) => { said = (said + bytes).slice(-64 * 1024); });
  child.said = () => said;
  cleanups.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  return child;
}

// A simulated vendor: { port, kill() }. `script` is what it does with each request; see src/sim/sim.h.
export async function vendor(flavour, script) {
  const child = start('simd', ['--port', '0', '--flavour', flavour, '--script', script]);
  for await (const line of createInterface({ input: child.stdout })) {
    const found = /^listening 127\.0\.0\.1:(\d+)$/.exec(line);
    if (!found) continue;
    child.stdout.resume();
    const kill = async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    };
    return { port: Number(found[1]), kill };
  }
  throw new Error(`simd ended without listening: ${child.said()}`);
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

// Starts `hearth serve` with upstreams { name: { port } } and the text of `jobs:`; returns a client of it.
export async function hearth(upstreams, jobs) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'hearth-client-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const port = await freePort();
  const config = path.join(folder, 'hearth.yaml');
  const lines = Object.entries(upstreams).map(([name, { port: at }]) =>
    `  ${name}: { dialect: openai, url: "http://127.0.0.1:${at}/v1", place: home }`);
  await writeFile(config, `listen: 127.0.0.1:${port}\nupstreams:\n${lines.join('\n')}\njobs:\n${jobs}\n`);

  const child = start('hearth', ['serve', '--config', config, '--data', path.join(folder, 'data')]);
  child.stdout.resume();
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + READY_MS;
  for (;;) {
    const answer = await fetch(`${url}/healthz`).catch(() => null);
    if (answer?.status === 200) break;
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`hearth is not ready: ${child.said()}`);
    await new Promise(setImmediate);
  }
  return { url, client: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'EMPTY' }), said: child.said };
}
