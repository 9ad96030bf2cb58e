import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Status } from '../../src/core/status.ts';
import { because } from '../support/fixture.ts';
import { commandOf, lives } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { withoutPython } from '../support/terminal.ts';
import { openShell, withoutBash } from '../support/typed-shell.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, statusOf, testEnvironment } from '../support/watcher.ts';

describe('restart --watcher', () => {
  test('restarts watcher and command with the executable that is called, and the settings it had', async () => {
    const folder = scratch();
    const own = join(folder, 'agent-watch');
    const call = (...args: string[]) =>
      spawnSync(own, args, { cwd: folder, env: testEnvironment(folder), encoding: 'utf8', timeout: 60_000 });
    const replace = () => {
      copyFileSync(executable, `${own}.new`);
      renameSync(`${own}.new`, own);
    };
    replace();
    expect(
      call('start', '--name', 'bot', '--env', 'COLOR=blue', '--', 'sh', '-c', 'echo $COLOR; exec sleep 1000').status,
    ).toBe(0);
    const before = statusOf(folder, 'bot');
    replace();
    expect(call('doctor', 'bot').stdout).toMatch(/has been replaced[\s\S]*cure: agent-watch restart --watcher bot/);
    const restarted = call('restart', '--watcher', 'bot');
    expect(restarted).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^bot: watcher and command; restarted, pid \d+/),
    });
    const after = statusOf(folder, 'bot');
    expect(after.watcherPid).not.toBe(before.watcherPid);
    expect(readlinkSync(`/proc/${after.watcherPid}/exe`)).toBe(own);
    expect(lives(before.watcherPid ?? 0) || lives(before.childPid ?? 0)).toBe(false);
    expect(call('doctor', 'bot').stdout).not.toMatch(/has been replaced/);
    await until('both runs are logged', () => call('logs', 'bot', '--no-events').stdout === 'blue\nblue\n');
    expect(call('stop', 'bot').status).toBe(0);
  });

  test('is refused where another program started the watcher, and from inside the run', async () => {
    const folder = scratch();
    startWatcher(folder, ['--name', 'bot', '--', 'sleep', '1000']);
    const { childPid } = await phaseIs(folder, 'bot', 'running');
    const refused = run(folder, ['restart', '--watcher', 'bot']);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(
      /^agent-watch: bot: its watcher \(pid \d+\) was not started by agent-watch start; .*\n$/,
    );
    expect(statusOf(folder, 'bot').childPid).toBe(childPid);
    expect(run(folder, ['stop', 'bot']).code).toBe(0);
    const script = '"$0" restart --watcher inner 2>&1; exec sleep 1000';
    expect(run(folder, ['start', '--name', 'inner', '--', 'sh', '-c', script, executable]).code).toBe(0);
    await until('it was refused', () => /part of its run/.test(run(folder, ['logs', 'inner']).out));
    expect(run(folder, ['stop', 'inner']).code).toBe(0);
  });
});

describe('start', () => {
  test('returns when the child is up; the watcher has its own session and is not our descendant', async () => {
    const folder = scratch();
    const started = run(folder, ['start', '--name', 'bot', '--', 'sleep', '1000']);
    expect(started).toMatchObject({ code: 0, out: expect.stringMatching(/^bot: started, pid \d+ \(watcher \d+\)\n$/) });
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
      expect(started.code).toBe(code);
    });
  }

  test('of a name that is already watched: 75, and by whom', () => {
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
    expect(started).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^(?:one: started.*\ntwo|two: started.*\none): started/),
    });
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

describe('start says that a command is started', () => {
  test('when it is up for a second or has passed a probe, and else how it failed', async () => {
    const folder = scratch();
    const crash = run(folder, ['start', '--name', 'bad', '--backoff', '1h', '--', 'sh', '-c', 'exit 7']);
    expect(crash.code).toBe(1);
    expect(crash.err).toMatch(
      /bad: failed at once \(exit code 7 after [\d.]+ ?(?:ms|s)\); backoff until (?:\w+ \d+ )?[\d:]+/,
    );
    const probed = ['--check', 'true', '--health-interval', '50ms'];
    await until('a start takes less than the second', () => {
      const before = performance.now();
      const { out } = run(folder, ['start', '--name', 'ok', ...probed, '--', 'sleep', '1000']);
      const tookMs = performance.now() - before;
      run(folder, ['stop', 'ok']);
      return /^ok: started, pid/.test(out) && tookMs < 1000;
    });
    run(folder, ['stop', '--all']);
  });
});

describe('start says what a service waits for', () => {
  test('its schedule; and after a watcher that was killed it waits for the command, which starts at once', async () => {
    const folder = scratch();
    const { out } = run(folder, ['start', '--name', 'job', '--schedule', '0 3 * * *', '--', 'true']);
    expect(out).toMatch(/^job: waiting until \S.* \(watcher \d+\)\n$/);
    run(folder, ['start', '--name', 'bot', '--', 'sleep', '1000']);
    process.kill(statusOf(folder, 'bot').watcherPid ?? 0, 'SIGKILL');
    await phaseIs(folder, 'bot', 'lost');
    expect(run(folder, ['start', 'bot'])).toMatchObject({ code: 0, out: expect.stringMatching(/^bot: started, pid/) });
    run(folder, ['stop', '--all']);
  });
});

describe('start NAME', () => {
  const show = 'echo "$AGENT_WATCH_RUN <$MODE> <$API_TOKEN> $PWD $0"; exec sleep 1000';
  const printed = (folder: string, name: string, text: string) =>
    until(`${name} printed ${text}`, () => run(folder, ['logs', name, '--raw']).out.includes(text));

  test('starts a service with the settings it had last, argument for argument, in its folder', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'work'));
    const odd = ['--name', 'odd', '--env', 'MODE=a b', '--stop-timeout', '3s', '--', 'sh', '-c', show, "it's * \n"];
    expect(run(folder, ['start', ...odd], { cwd: join(folder, 'work') }).code).toBe(0);
    const kept = statusOf(folder, 'odd');
    await printed(folder, 'odd', '1 <a b>');
    run(folder, ['stop', 'odd']);
    expect(statSync(join(folder, 'state/odd/settings.json')).mode & 0o777).toBe(0o600);
    const again = run(folder, ['start', 'odd']);
    expect(again).toMatchObject({ code: 0, out: expect.stringMatching(/^odd: started, pid \d+/) });
    expect(statusOf(folder, 'odd').command).toEqual(kept.command);
    await printed(folder, 'odd', '2 <a b>');
    const log = run(folder, ['logs', 'odd', '--raw']).out.trim();
    expect(log).toMatch(/^1 <a b> <> .*\/work it's .*\n?.*2 <a b> <> .*\/work it's/s);
    expect(run(folder, ['start', 'odd']).out).toMatch(/^odd: already running, pid \d+/);
    expect(run(folder, ['start', 'od'])).toMatchObject({ code: 4, err: expect.stringContaining('did you mean odd?') });
    run(folder, ['stop', 'odd']);
  });

  test('keeps no secret of --env, says which is missing, and takes it again or from the environment', async () => {
    const folder = scratch();
    const args = ['--name', 'bot', '--env', 'API_TOKEN=tok-81f3a2', '--env', 'MODE=x', '--', 'sh', '-c', show];
    run(folder, ['start', ...args]);
    await printed(folder, 'bot', '1 <x>');
    run(folder, ['stop', 'bot']);
    expect(readFileSync(join(folder, 'state/bot/settings.json'), 'utf8')).not.toContain('tok-81f3a2');
    expect(run(folder, ['start', 'bot'])).toMatchObject({
      code: 1,
      err: 'agent-watch: bot: secrets are not kept, and these are missing: --env API_TOKEN; write: agent-watch start bot --env API_TOKEN=…\n',
    });
    expect(run(folder, ['start', 'bot', '--env', 'API_TOKEN=tok-2']).code).toBe(0);
    await printed(folder, 'bot', '2 <x>');
    run(folder, ['stop', 'bot']);
    expect(run(folder, ['start', 'bot'], { env: { API_TOKEN: 'tok-3' } }).code).toBe(0);
    await printed(folder, 'bot', '3 <x>');
    run(folder, ['stop', 'bot']);
    const lines = run(folder, ['logs', 'bot', '--raw']).out.trim().split('\n');
    expect(lines.map(line => line.split(' ').slice(0, 3).join(' '))).toEqual([
      '1 <x> <tok-81f3a2>',
      '2 <x> <tok-2>',
      '3 <x> <tok-3>',
    ]);
  });

  test('keeps the settings of a file that has been changed or removed since', async () => {
    const folder = scratch();
    const file = join(folder, 'bot.yaml');
    const text = (mode: string) =>
      `name: bot\nenv: {MODE: ${mode}}\ncheck: {command: "true", interval: 100ms, name: ping}\ncommand: [sh, -c, '${show}']\n`;
    writeFileSync(file, text('old'), { mode: 0o644 });
    run(folder, ['start', '--config', 'bot.yaml']);
    run(folder, ['stop', 'bot']);
    writeFileSync(file, text('new'), { mode: 0o644 });
    const changed = run(folder, ['start', 'bot']);
    expect(changed).toMatchObject({ code: 0, err: expect.stringMatching(/bot\.yaml has changed since/) });
    await until('it has printed', () => /2 <old>/.test(run(folder, ['logs', 'bot', '--raw']).out));
    await until('the probe is known', () => statusOf(folder, 'bot').health[0]?.name === 'ping');
    run(folder, ['stop', 'bot']);
  });
});

describe('a started watcher outlives', () => {
  test('the watcher of the run that started it, and knows nothing of that run', async () => {
    const folder = scratch();
    const inner = `${executable} start --name inner -- sh -c 'env; exec sleep 1000'; exec sleep 1000`;
    const outer = startWatcher(folder, ['--name', 'outer', '--', 'sh', '-c', inner]);
    await outer.printed(/inner: started/);
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
