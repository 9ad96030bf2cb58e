import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import {
  bears,
  linuxRow,
  newestPid,
  parsePsLine,
  readProcess,
  readTable,
  usersOf,
} from '../../src/host/process-table.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(command: string, args: string[] = [], env: Record<string, string> = {}): Promise<number> {
  const child = spawn(command, args, { stdio: 'ignore', env: { PATH: process.env['PATH'], ...env } });
  children.push(child);
  return new Promise(resolve => child.on('spawn', () => resolve(child.pid ?? 0)));
}

const tail = (state: string, threads = 1, start = 4711) =>
  `${state} 10 20 30 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 ${threads} 0 ${start} 100 50`;

describe('a line of /proc/PID/stat', () => {
  test('is read from behind the name, whatever the name is', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), name => {
        expect(linuxRow(`99 (${name}) ${tail('S')}`)).toEqual({
          pid: 99,
          parent: 10,
          group: 20,
          session: 30,
          startTicks: 4711,
          dead: false,
          halted: false,
        });
      }),
    );
  });
  test.each([
    ['Z', 1, true, false],
    ['X', 1, true, false],
    ['Z', 3, false, false],
    ['T', 1, false, true],
    ['t', 1, false, true],
    ['D', 1, false, false],
  ])('in state %s with %i threads', (state, threads, dead, halted) => {
    expect(linuxRow(`99 (x) ${tail(state, threads)}`)).toMatchObject({ dead, halted });
  });
  test.each(['', '99', '99 (x', '99 (x) S', '99 (x) S 1 2 3', '(x) S 1'])('that is none, %j, is null', line => {
    expect(linuxRow(line)).toBeNull();
  });
});

describe('a line of ps', () => {
  test('is read', () => {
    expect(parsePsLine('  501   1   501   501 Ss   Mon Nov 23 18:26:01 2026')).toMatchObject({
      pid: 501,
      parent: 1,
      group: 501,
      dead: false,
      startTicks: Date.parse('Mon Nov 23 18:26:01 2026') / 1000,
    });
    expect(parsePsLine('77 1 77 0 Z+ Mon Nov 23 18:26:01 2026')?.dead).toBe(true);
    expect(parsePsLine('')).toBeNull();
  });
  const hasPs = spawnSync('ps', ['--version']).status === 0;
  test.skipIf(!hasPs)(`is what ps here prints${hasPs ? '' : ' (skipped: no ps)'}`, async () => {
    const pid = await start('sleep', ['100']);
    const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,sess=,stat=,lstart='], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    const rows = stdout.split('\n').flatMap(line => parsePsLine(line) ?? []);
    expect(rows.find(row => row.pid === pid)).toMatchObject({ parent: process.pid });
  });
});

describe('the table', () => {
  test('has no threads, though each can be asked for by its number', () => {
    const threads = readdirSync('/proc/self/task').map(Number);
    expect(threads.length).toBeGreaterThan(1);
    expect(threads.filter(thread => readProcess(thread) !== null)).toEqual([process.pid]);
    const first = Math.min(...threads);
    const asked = readTable({ first, last: first + 60 }).map(({ pid }) => pid);
    expect(threads.filter(thread => asked.includes(thread))).toEqual([process.pid]);
  });
  test('knows ourselves and a child', async () => {
    const pid = await start('sleep', ['100']);
    expect(readProcess(pid)).toMatchObject({ pid, parent: process.pid, dead: false });
    const rows = readTable(null);
    expect(rows.some(row => row.pid === pid)).toBe(true);
    expect(rows.some(row => row.pid === process.pid)).toBe(true);
  });
  test('can be asked for a range, around the top too', async () => {
    const pid = await start('sleep', ['100']);
    expect(readTable({ first: pid, last: pid }).map(row => row.pid)).toEqual([pid]);
    expect(readTable({ first: pid, last: pid + 5000 }).some(row => row.pid === pid)).toBe(true);
    const around = readTable({ first: pid, last: 1 }).map(row => row.pid);
    expect(around).toContain(pid);
    expect(around).toContain(1);
    expect(around).not.toContain(process.pid < pid ? process.pid : 0);
  });
  test('says null of a process that is not there', () => {
    expect(readProcess(4_194_305)).toBeNull();
  });
  test('knows the newest pid', async () => {
    const pid = await start('true');
    if (newestPid() === null) expect(() => readFileSync('/proc/sys/kernel/ns_last_pid')).toThrow();
    else expect(newestPid()).toBeGreaterThanOrEqual(pid);
  });
  test('knows who a process belongs to', () => {
    expect(usersOf(process.pid)).toEqual({ real: process.getuid?.(), effective: process.geteuid?.() });
    expect(usersOf(4_194_305)).toBeNull();
  });
});

describe('a mark in the environment', () => {
  test('counts only whole, wherever it stands', async () => {
    const pid = await start('sleep', ['100'], { A: 'x', MARK: 'abc', Z: 'MARK=other', LONG: 'y'.repeat(100_000) });
    expect(bears(pid, 'MARK=abc')).toBe(true);
    expect(bears(pid, 'MARK=ab')).toBe(false);
    expect(bears(pid, 'ARK=abc')).toBe(false);
    expect(bears(pid, 'MARK=other')).toBe(false);
    expect(bears(4_194_305, 'MARK=abc')).toBe(false);
  });
});
