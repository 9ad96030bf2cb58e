import { spawn } from 'node:child_process';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createMemberFinder } from '../../src/probes/members.ts';
import { memoryProbe } from '../../src/probes/memory.ts';
import { residentBytes } from '../../src/probes/resident-bytes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { ask, runOf, spec } from './rig.ts';

const MiB = 2 ** 20;

function start(command: string, ...args: string[]) {
  const env = { ...process.env, AW_TEST_FOLDER: scratch() };
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'ignore'], env });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

describe('--max-memory', () => {
  test('a small parent with a big grandchild trips on the tree', async () => {
    const holder = 'import time,os,sys\nb=bytearray(b"x")*(200*2**20)\nprint("up",flush=True)\ntime.sleep(60)';
    const child = start('/bin/sh', '-c', `python3 -c '${holder}' & wait`);
    await new Promise(resolve => child.stdout.once('data', resolve));
    const finder = createMemberFinder(runOf(child.pid));
    const seen = await ask(memoryProbe(spec({ kind: 'memory', maxBytes: 100 * MiB }), finder));
    expect(seen).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^2\d\dM in 2 processes .*more than 100M$/),
    });
    expect(await ask(memoryProbe(spec({ kind: 'memory', maxBytes: 900 * MiB }), finder))).toMatchObject({ ok: true });
    expect(residentBytes([child.pid!])).toBeLessThan(50 * MiB);
  });

  test('pages that processes share are counted once where that decides', async () => {
    const forks =
      'import os,time\nb=bytearray(b"x")*(100*2**20)\nfor _ in range(3):\n  if os.fork()==0: time.sleep(60)\nprint("up",flush=True)\ntime.sleep(60)';
    const child = start('python3', '-c', forks);
    await new Promise(resolve => child.stdout.once('data', resolve));
    const finder = createMemberFinder(runOf(child.pid));
    await until('all are found', () => finder().length === 4);
    expect(residentBytes(finder())).toBeGreaterThan(350 * MiB);
    const seen = await ask(memoryProbe(spec({ kind: 'memory', maxBytes: 200 * MiB }), finder));
    expect(seen).toMatchObject({ ok: true, detail: expect.stringContaining('shared pages counted once') });
  });

  test('members come and go', async () => {
    const child = start('/bin/sh', '-c', 'sleep 60 & setsid sleep 60 & wait');
    const finder = createMemberFinder(runOf(child.pid));
    await until('three are found', () => finder().length === 3);
    const [last] = finder().slice(-1);
    process.kill(last!, 'SIGKILL');
    await until('two are left', () => finder().length === 2);
    const quick = start('/bin/sh', '-c', 'exit 0');
    await new Promise(resolve => quick.once('exit', resolve));
    expect(finder()).not.toContain(quick.pid);
  });

  test('a run of which nothing is left has no memory to judge', async () => {
    const child = start('/bin/true');
    const run = runOf(child.pid);
    await new Promise(resolve => child.once('exit', resolve));
    expect(await ask(memoryProbe(spec({ kind: 'memory', maxBytes: 1 }), createMemberFinder(run)))).toMatchObject({
      kind: 'none',
    });
  });
});
