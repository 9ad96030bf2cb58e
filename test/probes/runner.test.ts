import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { liveWatch, type Own } from './live-watch.ts';

function watch(script: string, specs: Own[]) {
  const live = liveWatch(script, specs, { ...process.env, AW_TEST_FOLDER: scratch() }, () => {});
  onTestFinished(() => live.close());
  const { state: _, ...rest } = live;
  return {
    ...rest,
    get state() {
      return live.state;
    },
    ended: () => until('it is unhealthy', () => live.state.reasons.length > 0 && live.state.reasons),
  };
}

const second = 1000;
/** What two busy cores may add. */
const BUSY_MS = 10_000;

describe('each breaks in its own way, and is noticed in time', () => {
  test('silence after three lines', async () => {
    const watched = watch('echo 1; echo 2; echo 3; sleep 60', [
      { kind: 'stale', afterMs: second, progressPattern: null, when: 'silent' },
    ]);
    expect(await watched.ended()).toEqual([
      { name: 'stale', detail: expect.stringMatching(/^no output for [1-9][\d.]*s$/), severity: 'critical' },
    ]);
    expect(watched.elapsedMs()).toBeLessThan(2 * second + BUSY_MS);
  });

  test('retry chatter is life, but no progress', async () => {
    const chatter = 'echo done 1; while :; do echo retrying…; sleep 0.1; done';
    const watched = watch(chatter, [
      { kind: 'stale', name: 'any', afterMs: 3 * second, progressPattern: null, when: 'silent' },
      { kind: 'stale', name: 'progress', afterMs: 6 * second, progressPattern: /^done/, when: 'silent' },
    ]);
    expect((await watched.ended()).map(({ name }) => name)).toEqual(['progress']);
  });

  test('a stopped child', async () => {
    const watched = watch('while :; do echo tick; sleep 0.1; done', [
      { kind: 'stale', afterMs: second, progressPattern: null, when: 'silent' },
    ]);
    await until('it is well', () => watched.verdicts.some(({ kind }) => kind === 'green'));
    process.kill(-watched.child.pid!, 'SIGSTOP');
    expect(await watched.ended()).toHaveLength(1);
  });

  test('a file that is written no more, and artifacts that do not grow', async () => {
    const folder = scratch();
    const script = `cd ${folder}; for i in 1 2 3; do echo x >> out.json; touch beat; sleep 0.2; done; while :; do echo alive; sleep 0.1; done`;
    const watched = watch(script, [
      { kind: 'fresh-file', path: join(folder, 'beat'), maxAgeMs: second },
      { kind: 'grow', glob: join(folder, '*.json'), withinMs: second },
    ]);
    await watched.ended();
    await until('both', () => watched.state.reasons.length === 2);
    expect(watched.elapsedMs()).toBeLessThan(0.6 * second + 2.5 * second + BUSY_MS);
    const said = watched.verdicts.filter(({ kind }) => kind === 'unhealthy');
    expect(said.length).toBeLessThanOrEqual(2);
  });

  test('a server whose answers go bad; a failing line; a check', async () => {
    let status = 200;
    const server = createServer((_request, response) => void response.writeHead(status).end());
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const watched = watch('sleep 60', [{ kind: 'http', url, expect: null, caFile: null, intervalMs: 200, retries: 2 }]);
    await until('it is well', () => watched.verdicts.some(({ kind }) => kind === 'green'));
    status = 503;
    expect(await watched.ended()).toMatchObject([{ name: 'http', detail: 'HTTP 503 (2 times in a row)' }]);
    const line = watch('sleep 0.2; echo "CUDA error: lost" >&2; sleep 60', [
      { kind: 'fail-pattern', pattern: /CUDA error/ },
    ]);
    expect(await line.ended()).toMatchObject([{ detail: 'a line matched: CUDA error: lost' }]);
    const flag = join(scratch(), 'flag');
    const check = watch('sleep 60', [{ kind: 'check', command: `test ! -e ${flag}`, intervalMs: 200, retries: 2 }]);
    await until('it is well', () => check.verdicts.some(({ kind }) => kind === 'green'));
    writeFileSync(flag, '');
    expect(await check.ended()).toMatchObject([{ detail: 'exit 1 (2 times in a row)' }]);
  });

  test('a child that is well in every way stays so', async () => {
    const folder = scratch();
    const watched = watch(`cd ${folder}; while :; do echo x; echo x >> out.json; sleep 0.1; done`, [
      { kind: 'stale', afterMs: 2 * second, progressPattern: null, when: 'silent' },
      { kind: 'fresh-file', path: join(folder, 'out.json'), maxAgeMs: 2 * second },
      { kind: 'grow', glob: join(folder, '*.json'), withinMs: 2 * second },
      { kind: 'memory', maxBytes: 2 ** 30, intervalMs: 200 },
      { kind: 'disk', minFreeBytes: 1, path: folder, intervalMs: 200 },
      { kind: 'check', command: 'true', intervalMs: 200 },
    ]);
    await until('it is well', () => watched.verdicts.length > 0);
    await until('four seconds have passed', () => watched.elapsedMs() > 4 * second);
    expect(watched.verdicts).toEqual([{ kind: 'green' }]);
    expect(watched.state.memory.length).toBeGreaterThan(5);
  });

  test('a watcher that was stopped for longer than every threshold fails no probe when it continues', async () => {
    const watcher = spawn(process.execPath, [join(import.meta.dirname, 'stopped-watcher.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, AW_TEST_FOLDER: scratch() },
    });
    onTestFinished(() => void watcher.kill('SIGKILL'));
    let said = '';
    watcher.stdout.on('data', bytes => {
      said += bytes;
    });
    await until('it is well', () => said.includes('green'));
    for (const ms of [2500, 5000]) {
      watcher.kill('SIGSTOP');
      await until('the stop has lasted', stopped(ms));
      watcher.kill('SIGCONT');
      const before = said.length;
      await until('it has gone on', () => said.slice(before).includes('alive 15'));
    }
    expect(said).not.toContain('unhealthy');
  });
});

function stopped(ms: number): () => boolean {
  const since = performance.now();
  return () => performance.now() - since > ms;
}
