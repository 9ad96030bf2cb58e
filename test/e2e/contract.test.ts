import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import type { Status } from '../../src/core/status.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, type Watcher } from '../support/watcher.ts';

/** Each option of a watched command, and its default as the help says it; null: the help need not name one. */
const CONTRACT: Record<string, RegExp | null> = {
  '--name': /from the command/,
  '--state-dir': /\$AGENT_WATCH_STATE_DIR.*\/var\/lib\/agent-watch.*\.local\/state\/agent-watch/,
  '--config': null,
  '--cwd': /inherited/,
  '--env': /inherited/,
  '--env-file': null,
  '--stdin': /a pipe or file is passed to the first run/,
  '--restart': /always/,
  '--backoff': /1s/,
  '--backoff-factor': /2/,
  '--backoff-max': /1h/,
  '--jitter': /0/,
  '--healthy-after': /2m/,
  '--flap-threshold': /5/,
  '--flap-window': /5m/,
  '--flap-cooldown': /10m/,
  '--max-restarts': /none/,
  '--success-codes': /0/,
  '--hold-codes': /none/,
  '--on-hold': /wait/,
  '--stop-signal': /SIGTERM/,
  '--stop-timeout': /10s/,
  '--max-runtime': /none/,
  '--expect-duration': /none/,
  '--schedule': /none/,
  '--timezone': /local/,
  '--feed-last-output': null,
  '--log-max-size': /10M/,
  '--log-keep': /5/,
  '--no-log': null,
  '--tail-lines': /20/,
  '--buffer-size': /256K/,
  '--quiet': null,
};

test('every option of identity, restart and output is in the help with its default', () => {
  const { out } = run(scratch(), ['--help', 'all']);
  // An entry begins with its flag two blanks in; what follows it is further in.
  const entries = new Map<string, string>();
  for (const entry of out.split(/\n(?= {2}-)/)) {
    const [flag] = /--[a-z-]+/.exec(entry) ?? [];
    if (flag !== undefined) entries.set(flag, entry.split('\n\n')[0]?.replaceAll(/\s+/g, ' ') ?? '');
  }
  for (const [flag, value] of Object.entries(CONTRACT)) {
    const entry = entries.get(flag);
    expect(entry, flag).toBeDefined();
    const named = /\(default: (.*)\)$/.exec(entry ?? '')?.[1];
    if (value !== null)
      expect(named, `${flag}: ${entry}`).toMatch(
        new RegExp(`^${value.source}(?:[ ;,]|$)|${value.source.length > 6 ? value.source : '^$'}`),
      );
  }
});

const schema = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../docs/status.schema.json'), 'utf8'));
const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(schema);

/** All rows of this folder, which must be of the schema. */
function rows(folder: string): Status[] {
  const found = JSON.parse(run(folder, ['status', '--json']).out);
  expect(validate(found), JSON.stringify(validate.errors)).toBe(true);
  return found;
}

describe('`status --json` holds against its schema', () => {
  const stop = async (watcher: Watcher) => {
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  };
  const sleeps = ['--', 'sleep', '1000'];
  const deaf = ['--', 'sh', '-c', "trap '' TERM; echo up; while :; do sleep 0.1; done"];
  const cases: Record<
    string,
    {
      phase: Status['phase'];
      args: string[];
      prepare?(watcher: Watcher, folder: string): Promise<void> | void;
      end?(folder: string): void;
      row: Partial<Status>;
    }
  > = {
    running: { phase: 'running', args: sleeps, row: { nextStartAt: null, lastExit: null, restarts: 0 } },
    healthy: { phase: 'healthy', args: ['--healthy-after', '50ms', ...sleeps], row: { crashesInWindow: 0 } },
    backoff: {
      phase: 'backoff',
      args: ['--backoff', '1h', '--', 'sh', '-c', 'exit 3'],
      row: { childPid: null, startedAt: null, uptimeMs: null, backoffMs: 3_600_000, crashesInWindow: 1 },
    },
    cooldown: {
      phase: 'cooldown',
      args: ['--backoff', '1ms', '--', 'sh', '-c', 'kill -9 $$'],
      row: { crashesInWindow: 5, backoffMs: 600_000, restarts: 4 },
    },
    held: {
      phase: 'held',
      args: ['--hold-codes', '78', '--', 'sh', '-c', 'exit 78'],
      row: { holdReason: expect.stringMatching(/78/), childPid: null, nextStartAt: null },
    },
    waiting: {
      phase: 'waiting',
      args: ['--schedule', '0 0 29 2 *', ...sleeps],
      row: { nextStartAt: expect.stringMatching(/-02-(28|29)T/), childPid: null, restarts: 0 },
    },
    stopping: {
      phase: 'stopping',
      args: ['--stop-timeout', '1h', ...deaf],
      prepare: async watcher => {
        await watcher.printed(/up/);
        watcher.process.kill('SIGTERM');
      },
      end: folder => void run(folder, ['stop', 'it', '--now']),
      row: { childPid: expect.any(Number), startedAt: expect.any(String) },
    },
    finished: {
      phase: 'finished',
      args: ['--restart', 'never', '--', 'sh', '-c', 'exit 7'],
      // The phase is on disk a moment before the watcher has ended.
      prepare: async watcher => void (await watcher.ended),
      row: { watcherPid: null, lastExit: { code: 7, signal: null, cause: 'crash', at: expect.any(String) } },
    },
    stopped: {
      phase: 'stopped',
      args: sleeps,
      prepare: async (watcher, folder) => {
        await phaseIs(folder, 'it', 'running');
        await stop(watcher);
      },
      row: {
        watcherPid: null,
        childPid: null,
        lastExit: { code: null, signal: 'SIGTERM', cause: 'stopped', at: expect.any(String) },
      },
    },
    lost: {
      phase: 'lost',
      args: sleeps,
      prepare: async (watcher, folder) => {
        await phaseIs(folder, 'it', 'running');
        watcher.process.kill('SIGKILL');
        await watcher.ended;
      },
      row: { watcherPid: null, childPid: expect.any(Number), uptimeMs: null },
    },
  };
  for (const [what, { phase, args, prepare, end, row }] of Object.entries(cases)) {
    test(what, async () => {
      const folder = scratch();
      const watcher = startWatcher(folder, ['--name', 'it', ...args]);
      await prepare?.(watcher, folder);
      await phaseIs(folder, 'it', phase);
      const [status] = rows(folder);
      expect(status).toMatchObject({ name: 'it', phase, ...row });
      if (status?.watcherPid !== null) expect(status?.watcherPid).toBe(watcher.pid);
      end?.(folder);
      await stop(watcher);
    });
  }

  test('starting, and whatever else is seen on the way', async () => {
    const folder = scratch();
    expect(rows(folder)).toEqual([]);
    const watcher = startWatcher(folder, [
      '--name',
      'it',
      '--backoff',
      '0ms',
      '--flap-threshold',
      '0',
      '--',
      'sh',
      '-c',
      'exit 1',
    ]);
    const seen = new Set<string>();
    await until('twenty looks', () => {
      const [row] = rows(folder);
      if (row !== undefined) seen.add(row.phase);
      return (row?.restarts ?? 0) > 20;
    });
    for (const phase of seen) expect(['starting', 'running', 'backoff', 'stopped']).toContain(phase);
    await stop(watcher);
  });

  test('of several names at once', async () => {
    const folder = scratch();
    const watchers = ['b', 'a.2', 'a@1'].map(name => startWatcher(folder, ['--name', name, ...sleeps]));
    for (const name of ['b', 'a.2', 'a@1']) await phaseIs(folder, name, 'running');
    expect(
      rows(folder)
        .map(row => row.name)
        .sort(),
    ).toEqual(['a.2', 'a@1', 'b']);
    expect(run(folder, ['status']).out.trim().split('\n')).toHaveLength(4);
    await Promise.all(watchers.map(stop));
  });
});

test('what a child did to its command line is shown without control sequences', async () => {
  const folder = scratch();
  const watcher = startWatcher(folder, ['--name', 'it', '--', 'sh', '-c', 'sleep 1000', '\x1b]0;title\x07\x1b[31mred']);
  await phaseIs(folder, 'it', 'running');
  expect(run(folder, ['status']).out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  expect(run(folder, ['status', '--json']).out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  watcher.process.kill('SIGTERM');
  await watcher.ended;
});
