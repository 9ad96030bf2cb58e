import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Status } from '../../src/core/status.ts';
import { because } from '../support/fixture.ts';
import { commandOf, lives } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { withoutPython } from '../support/terminal.ts';
import { openShell, withoutBash } from '../support/typed-shell.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

describe('start', () => {
  test('returns when the child is up; the watcher has a session of its own and none of our family', async () => {
    const folder = scratch();
    const started = run(folder, ['start', '--name', 'bot', '--', 'sleep', '1000']);
    expect(started).toMatchObject({ code: 0, out: expect.stringMatching(/^bot: running, pid \d+, 0 restarts/) });
    const { phase, watcherPid, childPid } = statusOf(folder, 'bot');
    expect(phase).toBe('running');
    const [, parent, group, session, terminal] = fieldsOf(watcherPid ?? 0);
    expect(Number(parent)).not.toBe(process.pid);
    expect(Number(session)).not.toBe(Number(fieldsOf(process.pid)[3]));
    expect(session).toBe(group);
    expect(terminal).toBe('0');
    run(folder, ['stop', 'bot']);
    // Its socket closes a moment before the process ends.
    await until('both are gone', () => !lives(watcherPid ?? 0) && !lives(childPid ?? 0));
  });

  const failures: [string, number, string[], RegExp][] = [
    ['a missing command', 127, ['--', 'no-such-command-here'], /no-such-command-here was not found/],
    ['a command that is not executable', 126, ['--', './plain'], /plain is not executable/],
    ['a missing folder', 125, ['--cwd', '/no/such/folder', '--', 'true'], /\/no\/such\/folder/],
    ['an unknown option', 125, ['--bogus', '--', 'true'], /unknown option/],
    [
      'the end of its only run',
      7,
      ['--restart', 'never', '--', 'sh', '-c', 'echo last words >&2; exit 7'],
      /last words/,
    ],
  ];
  for (const [what, code, args, said] of failures) {
    test(`says ${what}, with the watcher's own code ${code}`, async () => {
      const folder = scratch();
      writeFileSync(join(folder, 'plain'), 'nothing');
      chmodSync(join(folder, 'plain'), 0o644);
      const started = run(folder, ['start', '--name', 'bot', ...args]);
      expect(started.err).toMatch(said);
      // A run that was up for a moment is up; then its end is in the status.
      if (code === 7) await phaseIs(folder, 'bot', 'finished');
      else expect(started.code).toBe(code);
    });
  }

  test('of a name that is watched already: 75, and by whom', () => {
    const folder = scratch();
    run(folder, ['start', '--name', 'bot', '--', 'sleep', '1000']);
    const second = run(folder, ['start', '--name', 'bot', '--', 'sleep', '1000']);
    expect(second.code).toBe(75);
    expect(second.err).toContain(`pid ${statusOf(folder, 'bot').watcherPid}`);
    run(folder, ['stop', 'bot']);
  });

  test('of a held name returns, says why it is held, and 69', async () => {
    const folder = scratch();
    const command = ['--name', 'bot', '--hold-codes', '3', '--', 'sh', '-c', 'exit 3'];
    run(folder, ['start', ...command]);
    await phaseIs(folder, 'bot', 'held');
    run(folder, ['stop', 'bot']);
    const again = run(folder, ['start', ...command]);
    expect(again).toMatchObject({ code: 69, out: expect.stringMatching(/^bot: held \(.*code 3/) });
    run(folder, ['stop', 'bot']);
  });

  test('starts each file of a folder', () => {
    const folder = scratch();
    mkdirSync(join(folder, 'fleet'));
    for (const name of ['one', 'two'])
      writeFileSync(join(folder, 'fleet', `${name}.yaml`), `name: ${name}\ncommand: [sleep, "1000"]\n`, {
        mode: 0o644,
      });
    const started = run(folder, ['start', '--config', 'fleet']);
    expect(started).toMatchObject({ code: 0, out: expect.stringMatching(/^one: running.*\ntwo: running/) });
    const rows = JSON.parse(run(folder, ['status', '--json']).out) as Status[];
    expect(rows.map(row => [row.name, row.phase])).toEqual([
      ['one', 'running'],
      ['two', 'running'],
    ]);
    for (const name of ['one', 'two']) run(folder, ['stop', name]);
  });

  test('shows no secret in the command line of the watcher, and the child has it', async () => {
    const folder = scratch();
    const script = 'echo "<$BOT_TOKEN>"; env | grep -c AGENT_WATCH_OPTION; exec sleep 1000';
    const secret = 'tok-4c1f9e7a2b';
    run(folder, ['start', '--name', 'bot', '--env', `BOT_TOKEN=${secret}`, '--', 'sh', '-c', script]);
    await until('it has printed', () => run(folder, ['logs', 'bot']).out.includes('\n0\n'));
    expect(run(folder, ['logs', 'bot']).out).toContain(`<${secret}>`);
    const shown = commandOf(statusOf(folder, 'bot').watcherPid ?? 0);
    expect(shown).toContain('--name bot');
    expect(shown).not.toContain(secret);
    run(folder, ['stop', 'bot']);
  });
});

describe('a started watcher outlives', () => {
  test('the watcher of the run that started it, and knows nothing of that run', async () => {
    const folder = scratch();
    const inner = `${executable} start --name inner -- sh -c 'env; exec sleep 1000'; exec sleep 1000`;
    const outer = startWatcher(folder, ['--name', 'outer', '--', 'sh', '-c', inner]);
    await outer.printed(/inner: running/);
    const { watcherPid, childPid } = await phaseIs(folder, 'inner', 'running');
    expect(run(folder, ['stop', 'outer']).code).toBe(0);
    expect(await outer.ended).toEqual({ code: 0, signal: null });
    expect(statusOf(folder, 'inner')).toMatchObject({ phase: 'running', watcherPid, childPid });
    const seen = run(folder, ['logs', 'inner', '-n', '1000']).out;
    expect(seen).toMatch(/^AGENT_WATCH_NAME=inner$/m);
    expect(seen).toMatch(/^AGENT_WATCH_RUN=1$/m);
    expect(seen).not.toMatch(/outer/);
    run(folder, ['stop', 'inner']);
  });

  const why = withoutPython ?? withoutBash;
  const start = `${executable} start --name bot -- sleep 1000`;

  test.skipIf(why !== null)(`its terminal, closed under it${because(why)}`, async () => {
    const folder = scratch();
    const shell = await openShell(folder);
    await shell.run(start);
    const { watcherPid, childPid } = statusOf(folder, 'bot');
    shell.hangUp();
    await shell.ended;
    expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'running', watcherPid, childPid });
    expect(run(folder, ['stop', 'bot']).code).toBe(0);
  });

  test.skipIf(why !== null)(`a login shell that hangs up its jobs as it exits${because(why)}`, async () => {
    const folder = scratch();
    const shell = await openShell(folder);
    await shell.run(start);
    const { watcherPid, childPid } = statusOf(folder, 'bot');
    shell.last('exit');
    await shell.ended;
    expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'running', watcherPid, childPid });
    expect(run(folder, ['stop', 'bot']).code).toBe(0);
  });

  for (const way of ['exit', 'the window closed'])
    test.skipIf(why !== null)(
      `the logout when it was begun with nohup … & instead: ${way}${because(why)}`,
      async () => {
        const folder = scratch();
        const shell = await openShell(folder);
        await shell.run(`nohup ${executable} --name bot -- sleep 1000 &`);
        const { watcherPid, childPid } = await phaseIs(folder, 'bot', 'running');
        if (way === 'exit') shell.last('exit');
        else shell.hangUp();
        await shell.ended;
        expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'running', watcherPid, childPid });
        expect(run(folder, ['stop', 'bot']).code).toBe(0);
      },
    );
});

/** state, ppid, pgrp, session, tty_nr of /proc/PID/stat. */
function fieldsOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
