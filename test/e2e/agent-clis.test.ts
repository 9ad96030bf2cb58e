import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type ModelApi, modelApi } from '../servers/model-api.ts';
import { incidentsOf } from '../support/incidents.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

/** Real agent CLIs are no dependency: they run here where they are installed, in a folder of the PATH or in this one. */
const folders = [process.env['AGENT_WATCH_TEST_CLIS'] ?? '', ...(process.env['PATH'] ?? '').split(':')];

function installed(program: string): string | null {
  for (const folder of folders.filter(name => name !== '')) {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return join(folder, program);
    } catch {
      // Not in this one.
    }
  }
  return null;
}

/** What docs/agents/ says of it. */
function documented(name: string): { command: string[]; resume: string } {
  const text = readFileSync(resolve(import.meta.dirname, `../../docs/agents/${name}.yaml`), 'utf8');
  const { command, 'resume-command': resumed } = parse(text);
  return { command, resume: resumed };
}

interface Cli {
  readonly name: string;
  env(api: ModelApi, home: string): Record<string, string>;
  /** What it reads beside that: the server, and that it may run `sleep`. */
  settle(api: ModelApi, folder: string): void;
}

const clis: readonly Cli[] = [
  {
    name: 'claude',
    env: (api, home) => ({
      HOME: home,
      ANTHROPIC_BASE_URL: api.url,
      ANTHROPIC_API_KEY: 'not-a-key',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    }),
    settle: (_api, folder) =>
      writeJson(folder, 'home/.claude', 'settings.json', { permissions: { allow: ['Bash(sleep:*)'] } }),
  },
  {
    name: 'codex',
    env: (_api, home) => ({ HOME: home, CODEX_HOME: join(home, 'codex'), LOCAL_KEY: 'not-a-key' }),
    settle: (api, folder) => {
      const provider = { name: 'local', base_url: `${api.url}/v1`, env_key: 'LOCAL_KEY', wire_api: 'responses' };
      const lines = Object.entries(provider).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
      const retries = ['request_max_retries = 0', 'stream_max_retries = 0'];
      const text = ['model = "gpt-5"', 'model_provider = "local"', '[model_providers.local]', ...lines, ...retries];
      mkdirSync(join(folder, 'home/codex'), { recursive: true });
      writeFileSync(join(folder, 'home/codex/config.toml'), `${text.join('\n')}\n`);
    },
  },
  {
    name: 'gemini',
    env: (api, home) => ({
      HOME: home,
      GOOGLE_GEMINI_BASE_URL: api.url,
      GEMINI_API_KEY: 'not-a-key',
      GEMINI_MODEL: 'gemini-2.5-pro',
    }),
    settle: (_api, folder) =>
      writeJson(folder, 'home/.gemini', 'settings.json', { security: { auth: { selectedType: 'gemini-api-key' } } }),
  },
  {
    name: 'qwen',
    env: (api, home) => ({
      HOME: home,
      OPENAI_BASE_URL: `${api.url}/v1`,
      OPENAI_API_KEY: 'not-a-key',
      OPENAI_MODEL: 'test-model',
    }),
    settle: () => {},
  },
  {
    name: 'opencode',
    env: (_api, home) => ({ HOME: home, OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_MODELS_FETCH: '1' }),
    settle: (api, folder) => {
      const options = { baseURL: `${api.url}/v1`, apiKey: 'not-a-key' };
      const local = { npm: '@ai-sdk/openai-compatible', name: 'local', options, models: { 'test-model': {} } };
      writeJson(folder, '.', 'opencode.json', { provider: { local }, model: 'local/test-model' });
    },
  },
];

function writeJson(folder: string, under: string, name: string, value: object): void {
  mkdirSync(join(folder, under), { recursive: true });
  writeFileSync(join(folder, under, name), JSON.stringify(value));
}

const SLOW = { timeout: 240_000 };
/** For `--stale-when idle`: a fiftieth of the suggested 10 minutes, as are all times of the server. */
const IDLE_S = 12;
const idle = ['--stale-when', 'idle', '--stale-after', `${IDLE_S}s`, '--health-start-period', '0s'];

describe.each(clis)('the real $name', ({ name, env, settle }) => {
  const { command, resume } = documented(name);
  const program = installed(name);
  const here = program === null ? `${name} is not installed` : null;

  /** Its folders, and how it is watched with these options. */
  async function rig(mood: ModelApi['mood']) {
    const api = await modelApi(mood);
    const folder = scratch();
    const home = join(folder, 'home');
    mkdirSync(home);
    writeFileSync(join(folder, 'PROMPT.md'), 'Say hello.\n');
    settle(api, folder);
    // A resume command is looked up by its shell.
    const start = { env: { ...env(api, home), PATH: `${dirname(program ?? '')}:${process.env['PATH']}` } };
    const args = (...options: string[]) => [
      '--name',
      name,
      '--stdin',
      'PROMPT.md',
      ...options,
      '--',
      ...[program ?? '', ...command.slice(1)],
    ];
    return { api, folder, start, args };
  }

  test.skipIf(here !== null)('that succeeds is a success', SLOW, async () => {
    const { folder, start, args } = await rig({ kind: 'success', text: 'Hello there.' });
    const watcher = startWatcher(folder, args('--restart', 'on-failure'), start);
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(watcher.out()).toContain('Hello there.');
    expect(incidentsOf(folder, name)).toEqual([]);
  });

  test.skipIf(here !== null)('goes on with its session after a crash', SLOW, async () => {
    const { api, folder, start, args } = await rig({ kind: 'success', text: 'Hello there.' });
    const resumes = ['--restart', 'on-failure', '--resume-command', resume];
    expect(await startWatcher(folder, args(...resumes), start).ended).toMatchObject({ code: 0 });
    const before = api.received.length;
    api.mood = { kind: 'stalled' };
    const watcher = startWatcher(folder, args(...resumes), start);
    await until('it has asked', () => api.received.length > before);
    api.mood = { kind: 'success', text: 'Gone on.' };
    process.kill(statusOf(folder, name).childPid ?? 0, 'SIGKILL');
    expect(await watcher.ended).toMatchObject({ code: 0 });
    expect(watcher.err()).toMatch(/by --resume-command/);
    expect(watcher.out()).toContain('Gone on.');
    expect(api.received.at(-1)?.body).toContain('go on');
    expect(api.received.at(-1)?.body).toContain('Say hello.');
  });

  test.skipIf(here !== null)('gets its prompt at each run', SLOW, async () => {
    const { api, folder, start, args } = await rig({ kind: 'success', text: 'Hello there.' });
    startWatcher(folder, args('--backoff', '10ms'), start);
    // With the third run the second has ended.
    await until('two runs', () => statusOf(folder, name).restarts > 1);
    expect(run(folder, ['stop', name]).code).toBe(0);
    expect(incidentsOf(folder, name)).toEqual([]);
    expect(api.received.filter(({ body }) => body.includes('Say hello.')).length).toBeGreaterThan(1);
  });

  test.skipIf(here !== null)('that is told of a limit with a time waits in the phase limited', SLOW, async () => {
    const { folder, start, args } = await rig({ kind: 'limit', resetsInS: 7200 });
    const before = Date.now();
    startWatcher(folder, args(), start);
    const { limit } = await phaseIs(folder, name, 'limited');
    expect(limit?.cause).toBe('rate-limited');
    // A clock of minutes is all that some of them name.
    expect(Math.abs(Date.parse(limit?.until ?? '') - before - 7_200_000)).toBeLessThan(120_000);
    expect(run(folder, ['stop', name]).code).toBe(0);
  });

  test.skipIf(here !== null)('whose login is refused waits for a new one after two tries', SLOW, async () => {
    const { folder, start, args } = await rig({ kind: 'refused' });
    startWatcher(folder, args('--backoff', '10ms'), start);
    expect((await phaseIs(folder, name, 'limited')).limit).toMatchObject({
      cause: 'auth-failed',
      until: null,
    });
    expect(run(folder, ['stop', name]).code).toBe(0);
  });

  test.skipIf(here !== null)('whose balance is used up waits in the phase limited', SLOW, async () => {
    const { folder, start, args } = await rig({ kind: 'spent' });
    startWatcher(folder, args(), start);
    expect((await phaseIs(folder, name, 'limited')).limit).toMatchObject({
      cause: 'rate-limited',
      until: null,
    });
    expect(run(folder, ['stop', name]).code).toBe(0);
  });

  test.skipIf(here !== null)('whose conversation is too long is restarted', SLOW, async () => {
    const { folder, start, args } = await rig({ kind: 'too-long' });
    startWatcher(folder, args('--backoff', '10m'), start);
    await phaseIs(folder, name, 'backoff');
    const { category } = await until('an incident', () => incidentsOf(folder, name)[0] ?? false);
    expect(category).toBe('context-overflow');
    expect(run(folder, ['stop', name]).code).toBe(0);
  });

  test.skipIf(here !== null)('whose stream stalls is restarted for its silence', SLOW, async () => {
    const { folder, start, args } = await rig({ kind: 'stalled' });
    const watcher = startWatcher(folder, args('--stale-after', '10s', '--stop-timeout', '2s'), start);
    await watcher.said(/stale/);
    expect((await phaseIs(folder, name, 'backoff')).lastExit?.cause).toBe('probe');
    expect(run(folder, ['stop', name]).code).toBe(0);
  });

  test.skipIf(here !== null)('whose stream stalls is idle, and alerted before it is restarted', SLOW, async () => {
    const { folder, start, args } = await rig({ kind: 'stalled' });
    const watcher = startWatcher(folder, args(...idle, '--stop-timeout', '2s'), start);
    await watcher.said(/stale:early: [\s\S]*stopping: stale: no output[^\n]* no activity/);
    expect((await phaseIs(folder, name, 'backoff')).lastExit?.cause).toBe('probe');
    expect(run(folder, ['stop', name]).code).toBe(0);
  });

  test.skipIf(here !== null).each<[string, ModelApi['mood']]>([
    ['that receives a word each second', { kind: 'slow', forMs: 2.5 * IDLE_S * 1000 }],
    ['that is answered after half of the time', { kind: 'late', afterMs: 0.5 * IDLE_S * 1000 }],
    ['that runs a tool for twice the time', { kind: 'tool', sleepS: 2 * IDLE_S }],
  ])('%s is not idle', SLOW, async (_what, mood) => {
    const { api, folder, start, args } = await rig(mood);
    const began = Date.now();
    const watcher = startWatcher(folder, args(...idle, '--restart', 'on-failure'), start);
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(watcher.err()).not.toMatch(/stale:|stopping/);
    const leastMs = mood.kind === 'late' ? mood.afterMs : 2 * IDLE_S * 1000;
    expect(Date.now() - began, JSON.stringify(api.received.map(one => one.path))).toBeGreaterThan(leastMs);
  });
});
