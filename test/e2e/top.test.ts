import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, statusOf, testEnvironment, type Watcher } from '../support/watcher.ts';

const withoutTmux = spawnSync('tmux', ['-V']).status === 0 ? null : 'tmux is not here';

/** A terminal with a shell in it. */
interface Tmux {
  keys(...keys: string[]): void;
  screen(): string;
  resize(columns: number, rows: number): void;
  /** Waits until the screen matches, and returns it. */
  shows(pattern: RegExp): Promise<string>;
  cursorIsVisible(): boolean;
}

async function openTmux(folder: string, columns: number, rows: number): Promise<Tmux> {
  const tmux = (...args: string[]) =>
    execFileSync('tmux', ['-S', `${folder}/tmux`, '-f', '/dev/null', ...args], {
      env: testEnvironment(folder),
      encoding: 'utf8',
    });
  tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), 'sh');
  onTestFinished(() => void spawnSync('tmux', ['-S', `${folder}/tmux`, 'kill-server']));
  const screen = () => tmux('capture-pane', '-p');
  const terminal: Tmux = {
    keys: (...keys) => void tmux('send-keys', ...keys),
    screen,
    resize: (width, height) => void tmux('resize-window', '-x', String(width), '-y', String(height)),
    shows: async pattern => {
      let seen = '';
      return await until(`${pattern}`, () => {
        seen = screen();
        return pattern.test(seen) ? seen : false;
      }).catch(error => {
        throw new Error(`${error.message}\n--- screen\n${seen}`);
      });
    },
    cursorIsVisible: () => tmux('display-message', '-p', '#{cursor_flag}').trim() === '1',
  };
  terminal.keys(`PS1='ready '; clear; echo before`, 'Enter');
  await terminal.shows(/^before/m);
  return terminal;
}

async function start(folder: string, name: string, script: string, options: string[] = []): Promise<Watcher> {
  const watcher = startWatcher(folder, ['--name', name, ...options, '--', 'sh', '-c', script]);
  onTestFinished(async () => {
    run(folder, ['stop', name]);
    await watcher.ended;
  });
  return watcher;
}

const TALKS = 'i=0; while :; do i=$((i+1)); echo "request $i 日本語 ✅"; sleep 0.2; done';
const selected = (name: string) => new RegExp(`^> ${name} `, 'm');

/** Leaves the view; the shell's screen must be as it was. */
async function quits(terminal: Tmux, ...keys: string[]): Promise<void> {
  terminal.keys(...keys);
  const after = await terminal.shows(/^ready *$/m);
  expect(after).toMatch(/^before/m);
  expect(after).not.toMatch(/in trouble/);
  expect(terminal.cursorIsVisible()).toBe(true);
  terminal.keys('echo "code $?"; stty -a | tr " ;" "\\n\\n" | grep -x -e icanon -e echo', 'Enter');
  await terminal.shows(/^code 0\nicanon\necho$/m);
}

describe.skipIf(withoutTmux)(`top in a terminal (${withoutTmux ?? 'tmux'})`, () => {
  test('at 80x24 restarts, stops, starts and resets the selected service by keys, and asks first', async () => {
    const folder = scratch();
    await start(folder, 'web', TALKS);
    const secret = 'korrekt-pferd-7391';
    await start(folder, 'worker', 'echo "using $SERVICE_TOKEN"; sleep 1000', ['--env', `SERVICE_TOKEN=${secret}`]);
    await start(folder, 'trader', 'exit 7', ['--hold-codes', '7']);
    await phaseIs(folder, 'web', 'running');
    await phaseIs(folder, 'trader', 'held');
    await until('the worker has said it', () => run(folder, ['logs', 'worker']).out !== '');
    const terminal = await openTmux(folder, 80, 24);
    terminal.keys(`${executable} top`, 'Enter');
    const first = await terminal.shows(/^ {2}web +running +[\d.]+% +[\d.]+M .* request \d+ 日本語 ✅$/m);
    expect(first).toMatch(/^3 services: 1 in trouble, 2 well {2}CPU [\d.]+% {2}memory [\d.]+M {2}\d\d:\d\d:\d\d$/m);
    expect(first).toMatch(/^> trader +held /m);
    expect(first).toMatch(/^ {2}worker .* using \[redacted/m);
    expect(first).not.toContain(secret.slice(0, 5));
    expect(first).toMatch(/^trader: it exited with code 7/m);

    const { childPid } = statusOf(folder, 'web');
    terminal.keys('Down');
    await terminal.shows(selected('web'));
    terminal.keys('r');
    await terminal.shows(/^restart web\? y\/N$/m);
    terminal.keys('n');
    await terminal.shows(/^Enter details/m);
    terminal.keys('r', 'y');
    await terminal.shows(/^web: restarted, pid \d+$/m);
    expect(statusOf(folder, 'web').childPid).not.toBe(childPid);

    terminal.keys('s', 'y');
    await terminal.shows(/^web: stopped$/m);
    expect(statusOf(folder, 'web').phase).toBe('stopped');
    await terminal.shows(/^> web +stopped /m);
    terminal.keys('S', 'y');
    await terminal.shows(/^web: started, pid \d+/m);
    await terminal.shows(/^> web +running /m);

    const endedAt = statusOf(folder, 'trader').lastExit?.at;
    terminal.keys('Home');
    await terminal.shows(selected('trader'));
    terminal.keys('R', 'y');
    await terminal.shows(/^trader: reset$/m);
    await until('it was started by the reset', () => statusOf(folder, 'trader').lastExit?.at !== endedAt);
    await quits(terminal, 'q');
  });

  test('shows details, the log as it grows, and the post-mortem of the selected service', async () => {
    const folder = scratch();
    await start(folder, 'web', `until [ -e talk ]; do sleep 0.1; done; ${TALKS}`);
    await start(folder, 'agent', 'echo "ValueError: bad row 7" >&2; exit 3', ['--backoff', '119s']);
    await phaseIs(folder, 'agent', 'backoff');
    const terminal = await openTmux(folder, 120, 40);
    terminal.keys(`${executable} status --watch`, 'Enter');
    await terminal.shows(selected('agent'));
    terminal.keys('Enter');
    const details = await terminal.shows(/^ {2}last exit +exit code 3 \(crash\)/m);
    expect(details).toMatch(/^agent: details {3}/m);
    expect(details).toMatch(/^ {2}next +starts in 1m/m);
    terminal.keys('i');
    const report = await terminal.shows(/^agent: incident 1 of 1 /m);
    expect(report).toMatch(/^Key line: `ValueError: bad row 7`$/m);
    expect(report).toMatch(/^… \d+ more below$/m);
    terminal.keys('End');
    await terminal.shows(/agent-watch status agent/);

    terminal.keys('q', 'Down', 'l');
    writeFileSync(`${folder}/talk`, '');
    const log = await terminal.shows(/^request \d+ 日本語 ✅$/m);
    expect(log).toMatch(/^web: log, followed {3}/m);
    expect(log).toMatch(/^-- started, pid \d+$/m);
    const lastOf = (screen: string) =>
      Math.max(...[...screen.matchAll(/^request (\d+) /gm)].map(found => Number(found[1])));
    await until('it is followed', () => lastOf(terminal.screen()) > lastOf(log) + 45);
    terminal.keys('Up', 'Up');
    const stays = await terminal.shows(/^… 2 more below, \d+ above$/m);
    await until('more has been printed', () =>
      readFileSync(`${folder}/state/web/output.log`, 'utf8').includes(`request ${lastOf(stays) + 12} `),
    );
    expect(lastOf(terminal.screen())).toBe(lastOf(stays));

    terminal.keys('?');
    await terminal.shows(/^Help {3}/m);
    await quits(terminal, 'C-c');
  });

  test('of 60 services it shows those that fit at any size, filters and sorts them', async () => {
    const folder = scratch();
    await start(folder, 'busy', 'while :; do :; done');
    for (const name of ['one', 'two']) await start(folder, name, 'sleep 1000');
    await phaseIs(folder, 'two', 'running');
    run(folder, ['--name', 'past-00', '--restart', 'never', '--', 'true']);
    for (let index = 1; index < 57; index++) copyService(folder, 'past-00', `past-${String(index).padStart(2, '0')}`);
    const terminal = await openTmux(folder, 80, 24);
    terminal.keys(`${executable} top`, 'Enter');
    const small = await terminal.shows(/^60 services: 0 in trouble, 3 well, 57 stopped/m);
    const rowsOf = (screen: string) =>
      screen.split('\n').filter(line => /^[> ] (?:past-\d\d|busy|one|two) /.test(line)).length;
    expect(small).toMatch(new RegExp(`^… ${60 - rowsOf(small)} more below$`, 'm'));
    terminal.keys('End');
    await terminal.shows(/^> past-56 /m);

    terminal.resize(120, 40);
    const large = await terminal.shows(/^Enter details .* S start .* q quit$/m);
    expect(rowsOf(large)).toBeGreaterThan(rowsOf(small));
    expect(large).toMatch(new RegExp(`^… ${60 - rowsOf(large)} more above$`, 'm'));
    expect(large).toMatch(/^> past-56 /m);
    terminal.resize(30, 6);
    const tiny = await terminal.shows(/^60 services: [\s\S]*^> past-56 +finished +- *$/m);
    expect(tiny).toMatch(/^… \d+ more above$/m);
    terminal.resize(80, 24);
    await terminal.shows(/LAST LINE/);

    terminal.keys('o', 'o', 'Home');
    await terminal.shows(/^by CPU .*\n+.*\n> busy +\w+ +[1-9][\d.]*%/m);
    terminal.keys('/', 'past-4');
    const filtered = await terminal.shows(/^by CPU {3}filter "past-4": 10 of 60/m);
    expect(rowsOf(filtered)).toBe(10);
    expect(filtered).toMatch(/^filter: past-4_/m);
    terminal.keys('Enter', 'q');
    await quits(terminal);
  });

  test('puts the terminal back when it is ended from outside', async () => {
    const folder = scratch();
    await start(folder, 'web', 'sleep 1000');
    await phaseIs(folder, 'web', 'running');
    const terminal = await openTmux(folder, 80, 24);
    terminal.keys(`sh -c 'echo $$ > ${folder}/pid; exec ${executable} top'`, 'Enter');
    await terminal.shows(selected('web'));
    process.kill(Number(readFileSync(`${folder}/pid`, 'utf8')), 'SIGTERM');
    await quits(terminal);
  });

  test('puts the terminal back before the words of an error that nobody caught', async () => {
    const folder = scratch();
    const screenTs = resolve(import.meta.dirname, '../../src/cli/top/content.ts');
    const program = `${folder}/falls.mjs`;
    writeFileSync(
      program,
      `import { openScreen } from ${JSON.stringify(screenTs)};
const screen = openScreen({ key() { throw new Error('fell over'); }, resized() {}, gone() {} });
screen.draw(['press a key'.padEnd(80)]);`,
    );
    const terminal = await openTmux(folder, 80, 24);
    terminal.keys(`${process.execPath} ${program}`, 'Enter');
    await terminal.shows(/^press a key/m);
    terminal.keys('x');
    const after = await terminal.shows(/Error: fell over/);
    expect(after).toMatch(/^before/m);
    expect(after).not.toMatch(/press a key/);
    expect(terminal.cursorIsVisible()).toBe(true);
  });
});

/** Another service that has finished as this one has: its files under another name. */
function copyService(folder: string, from: string, to: string): void {
  cpSync(`${folder}/state/${from}`, `${folder}/state/${to}`, {
    recursive: true,
    filter: path => !path.endsWith('.sock'),
  });
  for (const file of ['state.json', 'state.durable.json']) {
    const path = `${folder}/state/${to}/${file}`;
    if (existsSync(path)) writeFileSync(path, readFileSync(path, 'utf8').replaceAll(from, to));
  }
}

test('top into a pipe is refused, and names what prints into one', () => {
  const folder = scratch();
  expect(run(folder, ['top'])).toEqual({
    code: 125,
    out: '',
    err: 'agent-watch: top needs a terminal; into a pipe, agent-watch status --watch prints what changes\n',
  });
});

test('status --watch into a pipe says only what has changed, without control sequences', async () => {
  const folder = scratch();
  const watcher = startWatcher(folder, ['--name', 'one', '--', 'sleep', '1000']);
  await phaseIs(folder, 'one', 'running');
  const view = startWatcher(folder, ['status', '--watch']);
  await view.printed(/one +running/);
  watcher.process.kill('SIGTERM');
  await watcher.ended;
  await view.printed(/one +stopped/);
  view.process.kill('SIGINT');
  expect(await view.ended).toMatchObject({ code: 0 });
  expect(view.out()).not.toContain('\u001b');
});
