import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Status } from '../../src/core/status.ts';
import { realPipe } from '../support/pipe.ts';
import { memoryOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { startInTerminal, withoutPython } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, testEnvironment } from '../support/watcher.ts';

const MIB = 1024 * 1024;
const once1 = ['--restart', 'never', '--quiet'];
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** `cat` of two files at once, one to each stream. */
const catBoth = ['sh', '-c', 'cat out & cat err >&2; wait'];

describe('the bytes of the child', () => {
  for (const kind of ['pipes', 'sockets', 'files'] as const) {
    test(`arrive bit-exact through ${kind}: 64 MiB at random on stdout and stderr apart`, async () => {
      const folder = scratch();
      const sent = { out: randomBytes(64 * MIB), err: randomBytes(64 * MIB) };
      writeFileSync(join(folder, 'out'), sent.out);
      writeFileSync(join(folder, 'err'), sent.err);
      const got = await received(folder, kind, [...once1, '--', ...catBoth]);
      expect(got.out).toBe(sha256(sent.out));
      expect(got.err).toBe(sha256(sent.err));
    });
  }

  test('keep their order where both streams lead to one pipe', async () => {
    const folder = scratch();
    const pipe = realPipe(folder);
    const script = 'i=0; while [ $i -lt 2000 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done';
    const watcher = startWatcher(folder, [...once1, '--', 'sh', '-c', script], {
      stdio: ['ignore', pipe.writeFd, pipe.writeFd],
    });
    pipe.closeWriteEnd();
    let text = '';
    pipe.flow(bytes => {
      text += bytes;
    });
    await Promise.all([watcher.ended, pipe.end]);
    expect(text).toBe(Array.from({ length: 2000 }, (_, i) => `o${i}\ne${i}\n`).join(''));
  });

  test('the last of them before a SIGKILL, without a newline, come out and stand in the incident, 50 times of 50', () => {
    const folder = scratch();
    const ended = run(folder, [
      // So slow that each crash has an incident of its own, which the next run waits for.
      ...['--name', 'last', '--quiet', '--backoff', '100ms', '--backoff-factor', '1', '--flap-threshold', '0'],
      ...['--max-restarts', '49', '--on-hold', 'exit', '--', 'sh', '-c'],
      'until [ -e "${AGENT_WATCH_LAST_INCIDENT:-/}" ]; do sleep 0.01; done; seq 10000; printf "last of $AGENT_WATCH_RUN|"; kill -9 $$',
    ]);
    expect(ended.code).toBe(69);
    const numbers = Array.from({ length: 10_000 }, (_, i) => `${i + 1}\n`).join('');
    const runs = ended.out.split('|');
    const incidents: { tail: string[] }[] = JSON.parse(run(folder, ['incidents', 'last', '--json']).out);
    expect([runs.length, incidents.length]).toEqual([51, 50]);
    for (let number = 1; number <= 50; number++) {
      expect(runs[number - 1] === `${numbers}last of ${number}`, `run ${number}`).toBe(true);
      expect(incidents[number - 1]?.tail.slice(-2)).toEqual(['10000', `last of ${number}|`]);
    }
  });

  test('go through without a newline for 2 GiB, and the watcher stays below 200 MB', async () => {
    const folder = scratch();
    const size = 2 * 1024 * MIB;
    const pipeline = spawn(
      'sh',
      ['-c', `"$0" --name long ${once1.join(' ')} -- sh -c 'head -c ${size} /dev/zero; sleep 1' | wc -c`, executable],
      { cwd: folder, env: testEnvironment(folder), stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let counted = '';
    pipeline.stdout.on('data', text => {
      counted += text;
    });
    const closed = once(pipeline, 'close');
    const { watcherPid } = await phaseIs(folder, 'long', 'running');
    let peak = 0;
    await until('it is through', () => {
      if (pipeline.exitCode === null) peak = Math.max(peak, peakOf(watcherPid ?? 0));
      return counted !== '';
    });
    await closed;
    expect(Number(counted)).toBe(size);
    expect(peak).toBeGreaterThan(MIB);
    expect(peak).toBeLessThan(200e6);
  });

  test('can be written by opening /dev/stdout and /dev/stderr', () => {
    const folder = scratch();
    const ended = run(folder, [...once1, '--', 'sh', '-c', 'echo a > /dev/stdout; echo b > /dev/stderr']);
    expect(ended).toEqual({ code: 0, out: 'a\n', err: 'b\n' });
  });
});

/** The most that was ever resident of a process; 0 once it is gone. */
function peakOf(pid: number): number {
  try {
    return memoryOf(pid, 'VmHWM');
  } catch {
    return 0;
  }
}

async function received(folder: string, kind: 'pipes' | 'sockets' | 'files', args: string[]) {
  const digests = { out: createHash('sha256'), err: createHash('sha256') };
  if (kind === 'files') {
    const files = [join(folder, 'got-out'), join(folder, 'got-err')] as const;
    const stdio = ['ignore' as const, openSync(files[0], 'w'), openSync(files[1], 'w')];
    await startWatcher(folder, args, { stdio }).ended;
    return { out: sha256(readFileSync(files[0])), err: sha256(readFileSync(files[1])) };
  }
  if (kind === 'sockets') {
    const child = startWatcher(folder, args).process;
    child.stdout?.on('data', bytes => digests.out.update(bytes));
    child.stderr?.on('data', bytes => digests.err.update(bytes));
    await once(child, 'close');
  } else {
    const [out, err] = [realPipe(folder), realPipe(folder)];
    const watcher = startWatcher(folder, args, { stdio: ['ignore', out.writeFd, err.writeFd] });
    out.closeWriteEnd();
    err.closeWriteEnd();
    out.flow(bytes => digests.out.update(bytes));
    err.flow(bytes => digests.err.update(bytes));
    await Promise.all([watcher.ended, out.end, err.end]);
  }
  return { out: digests.out.digest('hex'), err: digests.err.digest('hex') };
}

describe('a reader that stalls', () => {
  test.skipIf(withoutPython)(
    `neither stops the watcher nor costs a byte, as a pipe and as a terminal${withoutPython ? ` (skipped: ${withoutPython})` : ''}`,
    async () => {
      const folder = scratch();
      await Promise.all([stalledPipe(folder), stalledTerminal(folder)]);
    },
  );
});

/** Longer than every time limit of the watcher's own, and than a grace period. */
const STALL_MS = 12_000;
/** Numbers for ever, a block of 4096 bytes a write, and how many bytes of them are out is known to the kernel. */
const numbers = ['--quiet', '--backoff', '10ms', '--stop-timeout', '20s', '--', 'seq', '1', '900000000'];

async function stalledPipe(folder: string): Promise<void> {
  const pipe = realPipe(folder);
  const watcher = startWatcher(folder, ['--name', 'pipe', ...numbers], {
    stdio: ['ignore', pipe.writeFd, 'ignore'],
  });
  pipe.closeWriteEnd();
  const chunks: Buffer[] = [];
  await stall(folder, 'pipe', watcher.pid, async () => {
    pipe.flow(bytes => chunks.push(bytes));
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    await pipe.end;
    return Buffer.concat(chunks);
  });
}

async function stalledTerminal(folder: string): Promise<void> {
  const terminal = await startInTerminal(folder, ['--name', 'terminal', ...numbers]);
  await stall(folder, 'terminal', terminal.pid, async () => {
    terminal.read();
    expect(await terminal.ended).toBe(0);
    return terminal.screen();
  });
}

/** From the stall to its end: the first run is killed, the second stopped with the watcher, then `take` lets the bytes come. */
async function stall(folder: string, name: string, pid: number, take: () => Promise<Buffer>): Promise<void> {
  const began = performance.now();
  await until('the stall is told', () => statusNow(folder, name)?.outputBlockedSince);
  const first = await stuck(folder, name, 0);
  process.kill(first.pid, 'SIGKILL');
  await until('the death is seen', () => statusNow(folder, name)?.restarts === 1);
  const written = [first.bytes, (await stuck(folder, name, 1)).bytes] as const;
  await until('the stall has lasted', () => performance.now() - began > STALL_MS);
  // What is resident besides are pages of the executable, which belong to the page cache.
  expect(memoryOf(pid, 'RssAnon')).toBeLessThan(60e6);
  process.kill(pid, 'SIGTERM');
  await until('the stop is done but for the reader', () => statusNow(folder, name)?.phase === 'stopped');
  const got = await take();
  // Each run's bytes are a beginning of the same endless text, and nowhere else in it does it begin again.
  const second = got.indexOf('1\n2\n3\n', 1);
  const cut = second === -1 ? got.length : second;
  isBeginning(got.subarray(0, cut), written[0]);
  isBeginning(got.subarray(cut), written[1]);
}

const statusNow = (folder: string, name: string): Status | undefined =>
  JSON.parse(run(folder, ['status', name, '--json']).out || '[]')[0];

/** Waits until the child of that run has come to a stop before a full pipe, and says how many bytes it has written. */
async function stuck(folder: string, name: string, restarts: number): Promise<{ pid: number; bytes: number }> {
  let last = { pid: 0, bytes: -1, same: 0 };
  await until(`run ${restarts + 1} of ${name} has filled its pipe`, () => {
    const status = statusNow(folder, name);
    if (status?.restarts !== restarts || status.childPid === null) return false;
    // One byte of these is libuv's own, to its event loop, between fork and exec.
    const bytes = Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${status.childPid}/io`, 'utf8'))?.[1]) - 1;
    last = { pid: status.childPid, bytes, same: bytes === last.bytes ? last.same + 1 : 0 };
    return last.same >= 5;
  });
  return last;
}

function isBeginning(got: Buffer, writtenBytes: number): void {
  let text = '';
  for (let number = 1; text.length < got.length; number++) text += `${number}\n`;
  expect(got.equals(Buffer.from(text.slice(0, got.length))), 'no byte is missing or changed').toBe(true);
  // At a death one write more may have been under way.
  expect(got.length).toBeGreaterThanOrEqual(writtenBytes);
  expect(got.length).toBeLessThanOrEqual(writtenBytes + 65_536);
}
