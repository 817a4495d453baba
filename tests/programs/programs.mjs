// programs.mjs: programs that people use, as they are, in front of a simulated upstream of every dialect: each is asked once, has a
// command run by its own tool, and reads what came of it. They get a home of their own, and know no address but Hearth's.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { hearth, stopAll, vendors } from './harness.mjs';

const BIN = path.join(process.env.HEARTH_PROGRAMS, 'node_modules');
const NODE = process.execPath, RUN_MS = 100_000;
const UPSTREAMS = [['openai', 'openrouter'], ['responses', 'openai'], ['anthropic', 'anthropic'], ['ollama', 'ollama']];
// The command's output is not in the command, so only the tool's result holds it.
const COMMAND = 'printf hearth-was-%s here', DONE = 'All done by Hearth.';
const json = (value) => JSON.stringify(value), quoted = (text) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
const calls = (offered, name, input) => `when ${quoted(json(offered))} tool ${name} ${quoted(json(input))}`;
const SCRIPT = [`when hearth-was-here reply "${DONE}"`, calls('exec_command', 'exec_command', { cmd: COMMAND }), calls('bash', 'bash', { command: COMMAND, description: 'say' }),
                calls('Bash', 'Bash', { command: COMMAND, description: 'say' }), 'reply "A title"'].join('; ');

let mesh, scratch;

before(async () => {
  scratch = await mkdtemp(path.join(os.homedir(), '.hearth-programs-')); // Codex wants a home that is not below /tmp
  const sims = await vendors(UPSTREAMS.map(([, flavour]) => [flavour, SCRIPT]));
  const upstreams = Object.fromEntries(UPSTREAMS.map(([d], i) => [`up-${d}`, { ...sims[i], says: `dialect: ${d}, url: "@${d === 'openai' || d === 'responses' ? '/v1' : ''}"` }]));
  mesh = await hearth(upstreams, UPSTREAMS.map(([d]) => `  on-${d}: { chain: [up-${d}/m] }`).join('\n'));
});

after(async () => {
  await stopAll();
  await rm(scratch, { recursive: true, force: true });
});

// What it wrote on both outputs, once it has ended.
async function run(program, args, home, environment) {
  const child = spawn(program, args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_MS, killSignal: 'SIGKILL',
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: home, ...environment } });
  let said = '';
  for (const out of [child.stdout, child.stderr]) out.setEncoding('utf8').on('data', (text) => { said += text; });
  await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  return said;
}

const bin = (name) => path.join(BIN, '.bin', name);

const PROGRAMS = {
  'Claude Code': (model, home) => run(bin('claude'), ['-p', 'Say it.', '--output-format', 'stream-json', '--verbose', '--allowedTools', 'Bash'], home, {
    ANTHROPIC_BASE_URL: mesh.url, ANTHROPIC_AUTH_TOKEN: 'EMPTY', ANTHROPIC_MODEL: model, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1', DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1' }),

  Codex: async (model, home) => {
    await writeFile(path.join(home, 'config.toml'), `model = "${model}"\nmodel_provider = "hearth"\ncheck_for_update_on_startup = false\n` +
      `model_providers.hearth = { name = "Hearth", base_url = "${mesh.url}/v1", env_key = "HEARTH_CLIENT_KEY", wire_api = "responses" }\n[analytics]\nenabled = false\n`);
    return run(bin('codex'), ['exec', '--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', 'Say it.'], home,
      { CODEX_HOME: home, HEARTH_CLIENT_KEY: 'EMPTY' });
  },

  opencode: async (model, home) => {
    await writeFile(path.join(home, 'opencode.json'), json({ autoupdate: false, share: 'disabled', permission: { bash: 'allow' }, model: `hearth/${model}`, small_model: `hearth/${model}`,
      provider: { hearth: { npm: '@ai-sdk/openai-compatible', options: { baseURL: `${mesh.url}/v1`, apiKey: 'EMPTY' }, models: { [model]: {} } } } }));
    return run(bin('opencode'), ['run', 'Say it.'], home, { OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1' });
  },

  Continue: async (model, home) => {
    await writeFile(path.join(home, 'config.yaml'), `name: Hearth\nversion: 0.0.1\nmodels:\n  - { name: hard, provider: openai, model: ${model}, apiBase: "${mesh.url}/v1", ` +
      'apiKey: EMPTY, roles: [chat, edit, apply], capabilities: [tool_use] }\n');
    return run(NODE, [path.join(BIN, '@continuedev/cli/dist/cn.js'), '--config', 'config.yaml', '-p', '--auto', 'Say it.'], home,
      { CONTINUE_TELEMETRY_ENABLED: '0', CONTINUE_ALLOW_ANONYMOUS_TELEMETRY: '0' });
  },
};

for (const [name, ask] of Object.entries(PROGRAMS))
  for (const [dialect] of UPSTREAMS)
    test(`${name}: a command, and the answer to what it said, from an upstream of the ${dialect} dialect`, async () => {
      const home = path.join(scratch, `${name.replace(' ', '-')}-${dialect}`);
      await mkdir(home);
      const said = await ask(`on-${dialect}`, home);
      assert.ok(said.includes(DONE), said.slice(-4000));
    });
