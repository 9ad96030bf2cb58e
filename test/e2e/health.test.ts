import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf, type Watcher } from '../support/watcher.ts';

const fast = ['--health-interval', '200ms', '--health-start-period', '0s'];

/** Starts them all, and ends them when it has been looked at. */
async function watching(folder: string, commands: Record<string, string[]>, look: () => Promise<void>): Promise<void> {
  const watchers: Watcher[] = Object.entries(commands).map(([name, args]) =>
    startWatcher(folder, ['--name', name, ...args]),
  );
  await look();
  for (const watcher of watchers) watcher.process.kill('SIGTERM');
  await Promise.all(watchers.map(({ ended }) => ended));
}

const health = (folder: string, ...more: string[]) => run(folder, ['health', ...more]);

describe('health: one line a thing, exit 0 only if all are well', () => {
  test('no services at all are not well', () => {
    const folder = scratch();
    expect(health(folder)).toMatchObject({ code: 1, out: '', err: `agent-watch: no services in ${folder}/state\n` });
  });

  test('running, waiting for a schedule, finished and stopped are well', async () => {
    const folder = scratch();
    run(folder, ['--name', 'finished', '--restart', 'never', '--', 'true']);
    const stopped = startWatcher(folder, ['--name', 'stopped', '--', 'sleep', '1000']);
    await phaseIs(folder, 'stopped', 'running');
    stopped.process.kill('SIGTERM');
    await stopped.ended;
    await watching(
      folder,
      {
        running: ['--', 'sleep', '1000'],
        waiting: ['--schedule', '0 0 1 1 *', '--', 'true'],
        healthy: ['--healthy-after', '100ms', '--', 'sleep', '1000'],
      },
      async () => {
        for (const phase of ['running', 'waiting', 'healthy'] as const) await phaseIs(folder, phase, phase);
        const { code, out } = health(folder);
        expect(out.trim().split('\n').sort()).toEqual(
          ['finished', 'healthy', 'running', 'stopped', 'waiting'].map(name =>
            expect.stringMatching(new RegExp(`^ok +${name} +${name}$`)),
          ),
        );
        expect(code).toBe(0);
      },
    );
  });

  test('backoff, cooldown, held and lost are not, each with its reason', async () => {
    const folder = scratch();
    const lost = startWatcher(folder, ['--name', 'lost', '--', 'sleep', '1000']);
    await phaseIs(folder, 'lost', 'running');
    lost.process.kill('SIGKILL');
    await lost.ended;
    await watching(
      folder,
      {
        backoff: ['--backoff', '1h', '--', 'sh', '-c', 'exit 3'],
        cooldown: ['--backoff', '1ms', '--flap-threshold', '2', '--', 'sh', '-c', 'kill -SEGV $$'],
        held: ['--hold-codes', '78', '--', 'sh', '-c', 'exit 78'],
        well: ['--', 'sleep', '1000'],
      },
      async () => {
        for (const phase of ['backoff', 'cooldown', 'held'] as const) await phaseIs(folder, phase, phase);
        await phaseIs(folder, 'well', 'running');
        const { code, out } = health(folder);
        expect(code).toBe(1);
        expect(out.trim().split('\n').sort()).toEqual([
          expect.stringMatching(/^BAD +backoff +backoff: last exit: crash \(exit code 3\)$/),
          expect.stringMatching(/^BAD +cooldown +cooldown: last exit: crash \(SIGSEGV\)$/),
          expect.stringMatching(/^BAD +held +held: .*78/),
          expect.stringMatching(/^BAD +lost +lost: its watcher is gone/),
          expect.stringMatching(/^ok +well +running$/),
        ]);
        expect(health(folder, 'well').code).toBe(0);
        expect(health(folder, 'held').code).toBe(1);
        const { out: json } = health(folder, '--json');
        const verdicts = JSON.parse(json) as { name: string; well: boolean; phase: string; problems: string[] }[];
        expect(verdicts.find(({ name }) => name === 'lost')).toMatchObject({
          well: false,
          problems: [expect.stringMatching(/gone/)],
        });
      },
    );
  });

  test('stopping is, whatever it is stopped for; an optional probe that fails is said and is well', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'sick'), '');
    writeFileSync(
      join(folder, 'warned.yaml'),
      'check:\n  - command: test ! -e sick\n    severity: optional\n    retries: 1\n',
    );
    // Being ended takes it a while: then the cure is under way, which is well, and the ill is said.
    const stubborn = 'trap "" TERM; : >deaf; while :; do sleep 0.1; done';
    await watching(
      folder,
      {
        unhealthy: [
          ...fast,
          '--health-retries',
          '1',
          '--check',
          'test ! -e sick || test ! -e deaf',
          '--',
          'sh',
          '-c',
          stubborn,
        ],
        warned: [...fast, '--config', 'warned.yaml', '--', 'sleep', '1000'],
      },
      async () => {
        await phaseIs(folder, 'unhealthy', 'stopping');
        const stopping = health(folder, 'unhealthy');
        expect(stopping).toMatchObject({
          code: 0,
          out: expect.stringMatching(/^ok +unhealthy +stopping: check:1: exit 1/),
        });
        await phaseIs(folder, 'warned', 'running');
        await until('its probe was asked', () => statusOf(folder, 'warned').health[0]?.ok === false);
        expect(health(folder, 'warned')).toMatchObject({
          code: 0,
          out: expect.stringMatching(/^ok +warned +running: check:1 \(optional\): exit 1$/m),
        });
        rmSync(join(folder, 'sick'));
        run(folder, ['stop', 'unhealthy', '--now']);
      },
    );
  });

  test('an unknown name is refused with the nearest', () => {
    const folder = scratch();
    run(folder, ['--name', 'trader', '--restart', 'never', '--', 'true']);
    expect(health(folder, 'tradr')).toMatchObject({ code: 4, err: expect.stringMatching(/tradr.*trader/) });
  });
});
