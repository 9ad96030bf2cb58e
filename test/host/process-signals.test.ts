import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { signalGroup, signalProcess } from '../../src/host/process-signals.ts';
import { readProcess } from '../../src/host/process-table.ts';

// Signal 0 asks only; but what is refused here must be refused before the kernel is asked.
describe('a group is not signalled', () => {
  test.each([
    ['0, which means our own', 0],
    ['1, which means everybody', 1],
    ['-1', -1],
    ['not a number', Number.NaN],
    ['a fraction', 1.5],
    ['ours by pid', process.pid],
    ['our own', readProcess(process.pid)?.group ?? 0],
  ])('that is %s', (_name, group) => {
    expect(signalGroup(group, 'SIGWINCH')).toBe('forbidden');
  });
  test('that is not there', () => {
    expect(signalGroup(4_194_305, 'SIGWINCH')).toBe('gone');
  });
});

describe('a process is not signalled', () => {
  test('that is init, or ourselves', () => {
    expect(signalProcess(1, readProcess(1)?.startTicks ?? 0, 'SIGWINCH')).toBe('forbidden');
    expect(signalProcess(process.pid, readProcess(process.pid)?.startTicks ?? 0, 'SIGWINCH')).toBe('forbidden');
  });
  test('that started at another time, and is when it is the one', async () => {
    const child = spawn('sleep', ['100'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const row = readProcess(child.pid ?? 0);
    expect(row).not.toBeNull();
    expect(signalProcess(row?.pid ?? 0, (row?.startTicks ?? 0) + 1, 'SIGKILL')).toBe('gone');
    expect(signalProcess(row?.pid ?? 0, row?.startTicks ?? 0, 'SIGKILL')).toBe('sent');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    expect(signalProcess(row?.pid ?? 0, row?.startTicks ?? 0, 'SIGKILL')).toBe('gone');
  });
});
