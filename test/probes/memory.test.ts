import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readProcess } from '../../src/host/process-table.ts';
import { memoryProbe, openMembers, residentBytes } from '../../src/probes/memory-and-cpu.ts';
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

function opened(pid: number | undefined) {
  const members = openMembers(runOf(pid));
  onTestFinished(() => members.close());
  return members;
}

describe('--max-memory', () => {
  test('a small parent with a big grandchild trips on the tree', async () => {
    const holder = 'import time,os,sys\nb=bytearray(b"x")*(200*2**20)\nprint("up",flush=True)\ntime.sleep(60)';
    const child = start('/bin/sh', '-c', `python3 -c '${holder}' & wait`);
    await new Promise(resolve => child.stdout.once('data', resolve));
    const finder = opened(child.pid);
    const seen = await ask(memoryProbe(spec({ kind: 'memory', maxBytes: 100 * MiB }), finder));
    expect(seen).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^2\d\dM in 2 processes .*more than 100M$/),
    });
    expect(await ask(memoryProbe(spec({ kind: 'memory', maxBytes: 900 * MiB }), finder))).toMatchObject({ ok: true });
    expect(residentBytes(new Map([[child.pid!, finder.look().get(child.pid!)!]]))).toBeLessThan(50 * MiB);
  });

  test('the threads of one process are one process', async () => {
    const child = start(process.execPath, '-e', 'console.log("up");setInterval(()=>{},1000)');
    const found = opened(child.pid);
    await new Promise(resolve => child.stdout.once('data', resolve));
    expect([...found.look().keys()]).toEqual([child.pid]);
  });

  test('pages that processes share are counted once where that decides', async () => {
    const forks =
      'import os,time\nb=bytearray(b"x")*(100*2**20)\nfor _ in range(3):\n  if os.fork()==0: time.sleep(60)\nprint("up",flush=True)\ntime.sleep(60)';
    const child = start('python3', '-c', forks);
    await new Promise(resolve => child.stdout.once('data', resolve));
    const finder = opened(child.pid);
    await until('all are found', () => finder.look().size === 4);
    expect(residentBytes(finder.look())).toBeGreaterThan(350 * MiB);
    const seen = await ask(memoryProbe(spec({ kind: 'memory', maxBytes: 200 * MiB }), finder));
    expect(seen).toMatchObject({ ok: true, detail: expect.stringContaining('shared pages counted once') });
  });

  test('members come and go', async () => {
    const child = start('/bin/sh', '-c', 'sleep 60 & setsid sleep 60 & wait');
    const finder = opened(child.pid);
    await until('three are found', () => finder.look().size === 3);
    const [last] = [...finder.look().keys()].slice(-1);
    process.kill(last!, 'SIGKILL');
    await until('two are left', () => finder.look().size === 2);
  });

  test('a zombie is none', async () => {
    const folder = scratch();
    const wait = `until [ -e ${folder}/go ]; do sleep 0.05; done`;
    const child = start('/bin/sh', '-c', `{ ${wait}; } & echo $! >${folder}/pid; exec sleep 60`);
    const finder = opened(child.pid);
    // Not before it has a parent that reaps nothing.
    await until('it is a sleep', () => readFileSync(`/proc/${child.pid}/comm`, 'utf8') === 'sleep\n');
    writeFileSync(`${folder}/go`, '');
    const pid = Number(readFileSync(`${folder}/pid`, 'utf8'));
    await until('its child is dead', () => readProcess(pid)?.dead === true);
    expect([...finder.look().keys()]).toEqual([child.pid]);
    expect(readProcess(pid)?.parent).toBe(child.pid);
  });

  test('a run of which nothing is left has no memory to judge', async () => {
    const child = start('/bin/true');
    const run = runOf(child.pid);
    await new Promise(resolve => child.once('exit', resolve));
    expect(await ask(memoryProbe(spec({ kind: 'memory', maxBytes: 1 }), openMembers(run)))).toMatchObject({
      kind: 'none',
    });
  });
});
