import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ModelApi, modelApi } from '../servers/model-api.ts';
import { incidentsOf } from '../support/incidents.ts';
import { scratch } from '../support/scratch.ts';
import { phaseIs, run, startWatcher } from '../support/watcher.ts';

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

interface Cli {
  readonly name: string;
  command(program: string, api: ModelApi): string[];
  env(api: ModelApi, home: string): Record<string, string>;
}

const clis: readonly Cli[] = [
  {
    name: 'claude',
    command: program => [
      ...[program, '-p', 'Say hello.', '--output-format', 'stream-json', '--verbose'],
      ...['--allowedTools', 'Bash(sleep:*)'],
    ],
    env: (api, home) => ({
      HOME: home,
      ANTHROPIC_BASE_URL: api.url,
      ANTHROPIC_API_KEY: 'not-a-key',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    }),
  },
  {
    name: 'codex',
    command: (program, api) => {
      const provider = `model_providers.local={name="local",base_url="${api.url}/v1",env_key="LOCAL_KEY",wire_api="responses",request_max_retries=0,stream_max_retries=0}`;
      const settings = ['-c', 'model_provider="local"', '-c', provider];
      const alone = ['--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'];
      return [program, 'exec', ...alone, ...settings, '--model', 'gpt-5', 'Say hello.'];
    },
    env: (_api, home) => ({ HOME: home, CODEX_HOME: join(home, 'codex'), LOCAL_KEY: 'not-a-key' }),
  },
];

const SLOW = { timeout: 120_000 };
/** For `--stale-when idle`: a fiftieth of the suggested 10 minutes, as are all times of the server. */
const IDLE_S = 12;
const idle = ['--stale-when', 'idle', '--stale-after', `${IDLE_S}s`, '--health-start-period', '0s'];

describe.each(clis)('the real $name', ({ name, command, env }) => {
  const program = installed(name);
  const here = program === null ? `${name} is not installed` : null;

  /** Its folders, and how it is watched with these options. */
  async function rig(mood: ModelApi['mood']) {
    const api = await modelApi(mood);
    const folder = scratch();
    const home = join(folder, 'home');
    mkdirSync(join(home, 'codex'), { recursive: true });
    const start = { env: env(api, home) };
    const args = (...options: string[]) => [
      '--name',
      name,
      '--stdin',
      'null',
      ...options,
      '--',
      ...command(program ?? '', api),
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
