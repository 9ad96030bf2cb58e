import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { startInTerminal, withoutPython } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, statusOf } from '../support/watcher.ts';

const burn = 'while :; do :; done';
const crash = 'sleep 1.1; echo "MemoryError: no room for 5 GB" >&2; exit 3';

describe('status', () => {
  test('is a table with CPU, memory and the cause of the last crash, what needs attention first', async () => {
    const folder = scratch();
    run(folder, ['start', '--name', 'a-busy', '--', 'sh', '-c', burn]);
    run(folder, ['start', '--name', 'b-done', '--restart', 'never', '--', 'true']);
    run(folder, ['start', '--name', 'c-bad', '--backoff', '1h', '--', 'sh', '-c', crash]);
    await phaseIs(folder, 'c-bad', 'backoff');
    await until('the incident is written', () => /MemoryError/.test(run(folder, ['status']).out));
    const [head, ...rows] = run(folder, ['status']).out.trimEnd().split('\n');
    expect(head).toMatch(/^NAME +PHASE +PID +UP +CPU +MEM +RESTARTS +DETAILS$/);
    expect(rows.map(row => row.split(/ +/)[0])).toEqual(['c-bad', 'a-busy', 'b-done']);
    expect(rows[0]).toMatch(
      /starts in .*; last exit: crash \(exit code 3\) .* ago: out-of-memory: MemoryError: no room for 5 GB$/,
    );
    const [, cpu = '', memory] = /(\d+(?:\.\d)?)% +([\d.]+[KM]) +0\b/.exec(rows[1] ?? '') ?? [];
    expect(Number(cpu)).toBeGreaterThan(1);
    expect(memory).toBeDefined();
    run(folder, ['stop', '--all', '--now']);
  });

  test('names a service by its folder, also one that was copied', () => {
    const folder = scratch();
    run(folder, ['--name', 'first', '--restart', 'never', '--', 'true']);
    cpSync(join(folder, 'state', 'first'), join(folder, 'state', 'second'), { recursive: true });
    const shown = JSON.parse(run(folder, ['status', '--json']).out) as { name: string }[];
    expect(shown.map(({ name }) => name)).toEqual(['first', 'second']);
  });

  test.skipIf(withoutPython)(
    `is not cut on a terminal that does not tell its size (${withoutPython ?? 'python3'})`,
    async () => {
      const folder = scratch();
      run(folder, ['--name', 'first', '--restart', 'never', '--', 'true']);
      const terminal = await startInTerminal(folder, ['status']);
      terminal.read();
      expect(await terminal.ended).toBe(0);
      expect(terminal.screen().toString()).toMatch(/ DETAILS\b/);
      expect(terminal.screen().toString()).not.toContain('…');
    },
  );

  test('of one name is the whole picture', async () => {
    const folder = scratch();
    writeFileSync(
      join(folder, 'bot.yaml'),
      `name: bot\ncheck: "true"\nhealth-interval: 50ms\ncommand: [sh, -c, 'echo said; ${burn}']\n`,
      {
        mode: 0o644,
      },
    );
    run(folder, ['apply', 'bot.yaml']);
    await until('the probe is known', () => statusOf(folder, 'bot').health[0]?.ok === true);
    await until('it has said it', () => run(folder, ['logs', 'bot', '--raw']).out === 'said\n');
    const { childPid, watcherPid } = statusOf(folder, 'bot');
    const { out } = run(folder, ['status', 'bot']);
    expect(run(folder, ['show', 'bot']).out.split('\n')[0]).toBe('bot: running');
    expect(out).toMatch(/^bot: running\n {2}command +sh -c 'echo said; while/);
    expect(out).toMatch(
      new RegExp(
        `\n  cwd +${folder}\n  config +${folder}/bot.yaml\n  processes +command ${childPid}, watcher ${watcherPid}\n`,
      ),
    );
    expect(out).toMatch(
      /\n {2}since +\d{4}-\d\d-\d\d [\d:]{8} \(.*\)\n {2}CPU +\d+% now, [\d.]+% over the run\n {2}memory +[\d.]+[KM] now/,
    );
    expect(out).toMatch(/\n {2}probe +check:1 passing: .*\n {2}restarts +0\n {2}last lines\n {4}said\n$/);
    run(folder, ['stop', 'bot', '--now']);
    expect(run(folder, ['status', 'bot']).out).toMatch(/next +agent-watch start bot starts it/);
  });
});

test('restarts counts what followed an exit, not what a person asked for nor scheduled runs', async () => {
  const folder = scratch();
  run(folder, ['start', '--name', 'bot', '--backoff', '10ms', '--', 'sleep', '1000']);
  process.kill(statusOf(folder, 'bot').childPid ?? 0, 'SIGKILL');
  await until('it is up again', () => statusOf(folder, 'bot').restarts === 1);
  run(folder, ['restart', 'bot']);
  run(folder, ['stop', 'bot']);
  run(folder, ['start', 'bot']);
  expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'running', restarts: 1 });
  run(folder, ['start', '--name', 'cron', '--schedule', '* * * * * *', '--', 'true']);
  await until('it has run twice', () => run(folder, ['events', 'cron']).out.split('started').length > 2);
  expect(statusOf(folder, 'cron').restarts).toBe(0);
  run(folder, ['stop', '--all']);
});
