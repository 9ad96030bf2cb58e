import { spawn } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import type { Mono, Stamp } from '../../src/core/units.ts';
import { cpuMsIn, statFields } from '../../src/host/read-file.ts';
import { cpuProbe, type Members } from '../../src/probes/memory-and-cpu.ts';
import { commandOf } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { ask, spec } from './rig.ts';

function start(script: string): number {
  const child = spawn('/bin/sh', ['-c', script], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child.pid!;
}

/** The probe over these processes, on a clock that the test sets. */
function probeOf(pids: readonly number[], maxPercent: number, forMs: number) {
  const members: Members = { look: () => new Map(pids.map(pid => [pid, ''])), close() {} };
  const clock = { at: 0 as Stamp['mono'] };
  const probe = cpuProbe(spec({ kind: 'cpu', maxPercent, forMs }), members, () => clock.at);
  return (atMs: number) => {
    clock.at = atMs as Mono;
    return ask(probe);
  };
}

test('the use of a busy process is counted from look to look, and fails once it was above the limit for long enough', async () => {
  const pid = start('while :; do :; done');
  const look = probeOf([pid], 10, 2000);
  const usedMs = () => cpuMsIn(statFields(pid) ?? []);
  expect(await look(0)).toMatchObject({ kind: 'none' });
  let from = usedMs();
  await until('it used 200ms', () => usedMs() >= from + 200);
  expect(await look(1000)).toMatchObject({ ok: true, detail: expect.stringMatching(/% CPU, above 10% for 1s$/) });
  from = usedMs();
  await until('it used 200ms more', () => usedMs() >= from + 200);
  expect(await look(2000)).toMatchObject({ ok: false, value: expect.any(Number) });
});

test('a process that sleeps is well, and so is one whose use falls below the limit in between', async () => {
  const sleeper = start('exec sleep 60');
  await until('it sleeps', () => commandOf(sleeper) === 'sleep 60');
  const look = probeOf([sleeper], 10, 1000);
  await look(0);
  for (const atMs of [1000, 2000, 3000])
    expect(await look(atMs)).toMatchObject({ ok: true, detail: expect.stringMatching(/^[0-9]% CPU$/) });
});
