import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asNobody, because, noSecondUser } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { startInTerminal, withoutPython } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

const sleeps = 'command: [sleep, "1000"]\n';

/** A folder of files, a service each. */
function fleet(folder: string, files: Record<string, string>): void {
  mkdirSync(join(folder, 'fleet'), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, 'fleet', file), text, { mode: 0o644 });
}

const apply = (folder: string, ...more: string[]) => {
  const { code, out, err } = run(folder, ['apply', 'fleet', ...more]);
  return { code, err, lines: out.trim().split('\n').sort() };
};
const started = (text: string) => expect.stringMatching(new RegExp(`^${text}; started, pid \\d+ \\(watcher \\d+\\)$`));

describe('apply', () => {
  test('starts what is new, leaves alone what is unchanged, restarts what has changed, prunes what is gone', () => {
    const folder = scratch();
    fleet(folder, { 'api.yaml': sleeps, 'bot.yaml': `name: trader\n${sleeps}`, 'old.yml': sleeps });
    expect(apply(folder, '--dry-run')).toEqual({
      code: 0,
      err: '',
      lines: ['api: new; would start', 'old: new; would start', 'trader: new; would start'],
    });
    expect(existsSync(join(folder, 'state'))).toBe(false);
    expect(apply(folder)).toEqual({
      code: 0,
      err: '',
      lines: [started('api: new'), started('old: new'), started('trader: new')],
    });
    const pids = ['api', 'old', 'trader'].map(name => statusOf(folder, name).childPid);
    expect(apply(folder).lines).toEqual(['api: unchanged', 'old: unchanged', 'trader: unchanged']);

    fleet(folder, { 'api.yaml': `backoff: 5s\nstop-timeout: 2s\n${sleeps}` });
    rmSync(join(folder, 'fleet/old.yml'));
    const dry = ['api: changed (backoff, stop-timeout); would restart'];
    expect(apply(folder, '--dry-run').lines).toEqual([
      ...dry,
      'old: no longer there (fleet/old.yml); still running: --prune stops it',
      'trader: unchanged',
    ]);
    expect(apply(folder, '--dry-run', '--prune').lines[1]).toBe('old: no longer there (fleet/old.yml); would stop');
    expect(apply(folder, '--prune').lines).toEqual([
      expect.stringMatching(/^api: changed \(backoff, stop-timeout\); restarted, pid \d+ \(watcher \d+\)$/),
      'old: no longer there (fleet/old.yml); stopped',
      'trader: unchanged',
    ]);
    expect(statusOf(folder, 'api').childPid).not.toBe(pids[0]);
    expect(statusOf(folder, 'trader').childPid).toBe(pids[2]);
    expect(statusOf(folder, 'old').phase).toBe('stopped');
    expect(apply(folder).lines).toEqual(['api: unchanged', 'trader: unchanged']);
    expect(run(folder, ['down', 'fleet']).out.trim().split('\n').sort()).toEqual(['api: stopped', 'trader: stopped']);
  });

  test('with one broken file changes nothing anywhere, and lists every fault of every file', () => {
    const folder = scratch();
    fleet(folder, {
      'a.yaml': sleeps,
      'b.yaml': 'nmae: b\nbackof: 1s\nhealthy-after: soon\ncommand: sleep 5\n',
      'c.yaml': 'command: [x\n',
      'd.yaml': 'backoff: 1s\n',
    });
    const { code, err, lines } = apply(folder);
    expect({ code, lines }).toEqual({ code: 125, lines: [''] });
    expect(err.trim().split('\n')).toEqual([
      'agent-watch: fleet/b.yaml:1:1: unknown key "nmae"; did you mean name?',
      'agent-watch: fleet/b.yaml:2:1: unknown key "backof"; did you mean backoff?',
      expect.stringMatching(/^agent-watch: fleet\/b.yaml:4:1: command: is a string; write a list/),
      expect.stringMatching(/^agent-watch: fleet\/b.yaml:3:16: healthy-after: invalid duration "soon"/),
      expect.stringMatching(/^agent-watch: fleet\/c.yaml:/),
      'agent-watch: fleet/d.yaml: has no command; write command: [...]',
    ]);
    expect(existsSync(join(folder, 'state/a'))).toBe(false);
  });

  test('does not start what a person stopped, nor end a hold; new settings are kept for the next start', async () => {
    const folder = scratch();
    const holds = 'hold-codes: 3\ncommand: [sh, -c, "sleep 0.2; exit 3"]\n';
    fleet(folder, { 'api.yaml': sleeps, 'dead.yaml': sleeps, 'held.yaml': holds, 'term.yaml': sleeps });
    apply(folder);
    await phaseIs(folder, 'held', 'held');
    run(folder, ['stop', 'api']);
    process.kill(statusOf(folder, 'dead').watcherPid ?? 0, 'SIGKILL');
    await until('its watcher is dead', () => statusOf(folder, 'dead').watcherPid === null);
    run(folder, ['stop', 'dead']);
    process.kill(statusOf(folder, 'term').watcherPid ?? 0, 'SIGTERM');
    await phaseIs(folder, 'term', 'stopped');
    fleet(folder, { 'api.yaml': `env: {MODE: new}\n${sleeps}` });
    expect(apply(folder).lines).toEqual([
      'api: changed (env); was stopped by hand; agent-watch start api starts it',
      'dead: unchanged; was stopped by hand; agent-watch start dead starts it',
      'held: unchanged',
      started('term: unchanged'),
    ]);
    expect(apply(folder).lines[0]).toBe('api: unchanged; was stopped by hand; agent-watch start api starts it');
    expect(statusOf(folder, 'held').phase).toBe('held');
    expect(run(folder, ['start', 'api'])).toMatchObject({ code: 0, err: '' });
    expect(apply(folder).lines[0]).toBe('api: unchanged');
    run(folder, ['stop', '--all']);
  });

  test('leaves the wait for the end of a limit as it is, also with new settings', async () => {
    const folder = scratch();
    // Three to four hours ahead, in the zone of the tests.
    const hour = (new Date().getUTCHours() + 4) % 24;
    const resets = `${hour % 12 || 12}${hour < 12 ? 'am' : 'pm'}`;
    const limited = (more: string) =>
      `restart: always\n${more}command: [sh, -c, "echo \\"You've hit your session limit · resets ${resets}\\"; exit 1"]\n`;
    fleet(folder, { 'agent.yaml': limited('') });
    run(folder, ['apply', 'fleet']);
    const { nextStartAt } = await phaseIs(folder, 'agent', 'limited');
    fleet(folder, { 'agent.yaml': limited('backoff: 3s\n') });
    expect(apply(folder).lines[0]).toMatch(/^agent: changed \(backoff\); .*limited/);
    const after = await phaseIs(folder, 'agent', 'limited');
    expect(after.nextStartAt).toBe(nextStartAt);
    expect(apply(folder).lines).toEqual(['agent: unchanged']);
    run(folder, ['stop', '--all']);
  });

  test('takes a relative command from the folder of the file, which is the working directory too', async () => {
    const folder = scratch();
    fleet(folder, { 'here.yaml': 'command: [./show.sh]\n' });
    writeFileSync(join(folder, 'fleet/show.sh'), '#!/bin/sh\npwd\nexec sleep 1000\n', { mode: 0o755 });
    expect(apply(folder)).toMatchObject({ code: 0, lines: [started('here: new')] });
    await until('it has printed', () => run(folder, ['logs', 'here', '--raw']).out === `${folder}/fleet\n`);
    run(folder, ['stop', '--all']);
  });

  test('keeps the name of a service that was started by hand from the same folder', () => {
    const folder = scratch();
    fleet(folder, { 'first.yaml': sleeps });
    run(folder, ['start', '--', 'sleep', '1000'], { cwd: join(folder, 'fleet') });
    run(folder, ['stop', 'sleep']);
    expect(apply(folder, '--dry-run').lines[0]).toMatch(/^sleep: /);
  });

  test('--wait returns when all are healthy, or when one cannot become so', () => {
    const folder = scratch();
    fleet(folder, { 'ok.yaml': `healthy-after: 1500ms\n${sleeps}` });
    const waited = apply(folder, '--wait');
    expect(waited).toMatchObject({ code: 0, lines: ['ok: healthy', started('ok: new')] });
    fleet(folder, { 'bad.yaml': 'hold-codes: 3\ncommand: [sh, -c, "sleep 1.2; exit 3"]\n' });
    expect(apply(folder, '--wait')).toMatchObject({ code: 1, err: expect.stringMatching(/bad: not healthy: held/) });
    run(folder, ['stop', '--all']);
  });
});

describe('check', () => {
  test('shows what would run, and every fault', () => {
    const folder = scratch();
    fleet(folder, {
      'api.yaml': 'http: http://127.0.0.1:1/\nenv: {TOKEN: abc}\ncommand: [sleep, "1 2"]\n',
      'bad.yaml': 'x: 1\n',
    });
    const { code, out, err } = run(folder, ['check', 'fleet']);
    expect(code).toBe(125);
    expect(out).toMatch(
      /^api\n {2}file +fleet\/api.yaml\n {2}command +\/\S+\/sleep '1 2'\n {2}cwd +.*\/fleet\n {2}environment +TOKEN\n/,
    );
    expect(out).toMatch(/ probe +http:http:\/\/127.0.0.1:1\/ \(critical\)\n/);
    expect(out).not.toContain('abc');
    expect(err).toContain('fleet/bad.yaml:1:1: unknown key "x"');
    fleet(folder, { 'bad.yaml': 'command: [no-such-command-here]\n' });
    expect(run(folder, ['check', 'fleet'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('fleet/bad.yaml: command: no-such-command-here was not found'),
    });
    expect(existsSync(join(folder, 'state'))).toBe(false);
  });
});

describe('apply and down, beside what is not theirs', () => {
  test('a watcher that another program started is not replaced', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'bot', '--', 'sleep', '999']);
    const { childPid } = await phaseIs(folder, 'bot', 'running');
    fleet(folder, { 'bot.yaml': sleeps });
    for (const more of [['--dry-run'], []])
      expect(apply(folder, ...more)).toMatchObject({
        code: 1,
        err: expect.stringMatching(/^agent-watch: bot: changed \(.*\); its watcher \(pid \d+\) was not started by/),
      });
    expect(statusOf(folder, 'bot').childPid).toBe(childPid);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('down makes no service of a name that never was one', () => {
    const folder = scratch();
    fleet(folder, { 'web.yaml': sleeps });
    expect(run(folder, ['down', 'fleet'])).toMatchObject({ code: 0, out: 'web: not running\n' });
    expect(existsSync(join(folder, 'state/web'))).toBe(false);
  });

  test.skipIf(noSecondUser !== null)(
    `a state folder that takes nothing is said in one line, and the rest goes on${because(noSecondUser)}`,
    () => {
      const folder = scratch();
      chmodSync(folder, 0o755);
      fleet(folder, { 'u.yaml': sleeps });
      mkdirSync(join(folder, 'ro'));
      const [setpriv = '', ...args] = asNobody;
      const as = (...words: string[]) =>
        spawnSync(setpriv, [...args, executable, ...words, '--state-dir', join(folder, 'ro')], {
          cwd: folder,
          encoding: 'utf8',
        });
      const { stdout, stderr, status } = as('apply', 'fleet');
      as('stop', 'u');
      expect({ stdout, status }).toEqual({ stdout: expect.stringMatching(/^u: new; started, pid \d+/), status: 0 });
      expect(stderr).toMatch(/^agent-watch: u: --prune will not know it: .*EACCES/m);
      expect(stderr).not.toContain('internal error');
    },
  );
});

describe('delete', () => {
  test.skipIf(withoutPython)(
    `asks on a terminal: what came since is left alone, and Ctrl-C is a no (${withoutPython ?? 'python3'})`,
    async () => {
      const folder = scratch();
      const start = (name: string) => run(folder, ['start', '--name', name, '--', 'sleep', '1000']);
      start('a1');
      const asked = async (key: string, meanwhile: () => void) => {
        const terminal = await startInTerminal(folder, ['delete', '--all']);
        terminal.read();
        await until('it asks', () => terminal.screen().includes('[y/N]'));
        meanwhile();
        terminal.type(key);
        return { code: await terminal.ended, screen: terminal.screen().toString() };
      };
      const no = await asked('\x03', () => {});
      expect(no).toEqual({
        code: 1,
        screen: expect.stringMatching(/\[y\/N\][^\n]*agent-watch: nothing deleted\r?\n$/),
      });
      const yes = await asked('y\r', () => void start('b2'));
      expect(yes).toEqual({ code: 0, screen: expect.stringMatching(/a1: deleted\r?\n$/) });
      expect(readdirSync(join(folder, 'state'))).toEqual(['b2']);
      run(folder, ['stop', '--all']);
    },
  );

  test('stops a service and leaves no file of it; without a terminal it wants --yes', () => {
    const folder = scratch();
    for (const name of ['a1', 'a2', 'b']) run(folder, ['start', '--name', name, '--', 'sleep', '1000']);
    expect(run(folder, ['delete', 'a1'])).toMatchObject({ code: 1, err: expect.stringContaining('add --yes') });
    const { childPid } = statusOf(folder, 'a1');
    expect(run(folder, ['delete', 'a*', '--yes']).out.trim().split('\n').sort()).toEqual([
      'a1: deleted',
      'a2: deleted',
    ]);
    expect(existsSync(`/proc/${childPid}`)).toBe(false);
    expect(readdirSync(join(folder, 'state'))).toEqual(['b']);
    run(folder, ['rm', 'b', '--yes']);
  });

  test('is refused with a hold by a kill condition, and from inside the run', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'm.json'), '{"loss": 99}');
    const kill = ['--kill-when', 'loss > 5', '--metrics', 'm.json', '--health-interval', '100ms'];
    const watcher = startWatcher(folder, ['--name', 'killed', ...kill, '--', 'sleep', '1000']);
    await phaseIs(folder, 'killed', 'held');
    expect(run(folder, ['delete', 'killed', '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/killed: held by its kill condition \(loss > 5.*agent-watch reset killed/),
    });
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    const own = `"$AGENT_WATCH_TEST" delete inside --yes; echo "said $?"; exec sleep 1000`;
    const inside = startWatcher(folder, ['--name', 'inside', '--', 'sh', '-c', own], {
      env: { AGENT_WATCH_TEST: watcher.process.spawnfile },
    });
    await inside.printed(/said 1/);
    expect(statSync(join(folder, 'state/inside')).isDirectory()).toBe(true);
    run(folder, ['stop', '--all']);
    await inside.ended;
  });
});
