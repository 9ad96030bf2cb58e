import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Status } from '../../src/core/status.ts';
import { existingPrivateFolders } from '../../src/state/private-folder.ts';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, startWatcher, testEnvironment } from '../support/watcher.ts';

const noMount =
  missing('unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt') ?? missing('nsenter', '--version');

const SENT_BYTES = 50_000_000;
/** Fails once; then waits to be told, sends the file, and then a line to each stream's log, for ever. */
const child = [
  '[ -e failed ] || { touch failed; exit 3; }',
  'echo up >&2; while [ ! -e go ]; do sleep 0.02; done; cat sent; echo sent >&2',
  'while [ ! -e tick ]; do sleep 0.02; done; while :; do echo tick >&2; sleep 0.05; done',
].join('\n');

describe.skipIf(noMount !== null)(`a log whose disk takes nothing${because(noMount)}`, () => {
  for (const { what, atStart, spoil, cure, logged } of [
    {
      what: 'full',
      atStart: 'true',
      spoil: 'dd if=/dev/zero of=disk/filler bs=1M count=64 2> /dev/null || true',
      cure: 'rm disk/filler',
      logged: true,
    },
    {
      // A disk is not made read-only under what is open for writing: this one is so from the start.
      what: 'read-only',
      atStart: 'mount -o remount,ro disk',
      spoil: 'true',
      cure: 'mount -o remount,rw disk',
      logged: false,
    },
    {
      what: 'read-only for the log alone',
      atStart: 'true',
      spoil:
        'touch empty; mount --bind empty disk/state/x/output.log; mount -o remount,bind,ro disk/state/x/output.log',
      cure: 'umount disk/state/x/output.log',
      logged: true,
    },
  ] as const) {
    test(`(${what}) costs no byte of 50 MB on stdout: what it misses is counted and said once, then it goes on`, async () => {
      const folder = scratch();
      mkdirSync(join(folder, 'disk'));
      onTestFinished(() => {
        for (const elsewhere of existingPrivateFolders(join(folder, 'disk/state'), 'x'))
          rmSync(elsewhere, { recursive: true });
      });
      const sent = randomBytes(SENT_BYTES);
      writeFileSync(join(folder, 'sent'), sent);
      // Nothing is filled but a disk of our own, and no more than it holds; it goes with the watcher.
      const mount = `mount -t tmpfs -o size=32m none disk && ${atStart} && exec "$0" "$@"`;
      const before = ['unshare', '-m', 'sh', '-c', mount];
      const args = ['--state-dir', 'disk/state', '--name', 'x', '--backoff', '50ms', '--', 'sh', '-c', child];
      const watcher = startWatcher(folder, args, { before });
      const got = createHash('sha256');
      watcher.process.stdout?.on('data', bytes => got.update(bytes));
      const inside = (script: string) =>
        execFileSync('nsenter', ['-t', String(watcher.pid), '-m', '--', 'sh', '-c', `cd "${folder}" && ${script}`], {
          env: testEnvironment(folder),
          encoding: 'latin1',
          maxBuffer: 2 * SENT_BYTES,
        });
      const status = (): Status =>
        JSON.parse(inside(`"${executable}" status x --json --state-dir "${folder}/disk/state"`))[0];
      const logBytes = () =>
        inside('cat disk/state/x/output.log disk/state/x/output.log.? 2> /dev/null || true').length;
      const counted = async () => {
        // On stderr came `up` and `sent`, and every byte is either on the disk or counted.
        const total = SENT_BYTES + 'up\nsent\n'.length;
        let seen = '';
        await until('all that is missing is counted', () => {
          const { phase, outputBlockedSince, logDroppedBytes } = status();
          seen = JSON.stringify({ phase, outputBlockedSince, logDroppedBytes, logBytes: logBytes() });
          return phase === 'running' && outputBlockedSince === null && logDroppedBytes + logBytes() === total;
        }).catch(error => {
          throw new Error(`${error.message}: ${seen}`);
        });
      };

      await watcher.said(/^up$/m);
      if (logged) await until('the log is there', () => logBytes() === 'up\n'.length);
      inside(spoil);
      writeFileSync(join(folder, 'go'), '');
      await watcher.said(/^sent$/m);
      await watcher.said(/the log on disk cannot be written \(.*(no space left|read-only)/i);
      await counted();
      const row = { command: ['sh', '-c', child], restarts: 1, lastExit: { code: 3 }, watcherPid: watcher.pid };
      expect(status()).toMatchObject(row);
      expect(status().logDroppedBytes).toBeGreaterThan(0);
      inside(cure);
      writeFileSync(join(folder, 'tick'), '');
      await watcher.said(/the log on disk can be written again/);
      const end = () => inside(`"${executable}" logs x -n 1 --state-dir "${folder}/disk/state"`);
      await until('the log goes on', () => end() === 'tick\n');
      const elsewhere = () => existingPrivateFolders(join(folder, 'disk/state'), 'x').flatMap(one => readdirSync(one));
      await until('the state is where it belongs, and nowhere else', () => {
        const own = inside('cat disk/state/x/state.json 2> /dev/null || true');
        return own.includes('"savedAt"') && !elsewhere().some(file => file.includes('state'));
      });
      expect(status()).toMatchObject(row);
      watcher.process.kill('SIGTERM');
      expect(await watcher.ended).toEqual({ code: 0, signal: null });
      expect(got.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
      expect(watcher.err().match(/log on disk cannot be written/g)).toHaveLength(1);
      expect(watcher.err().match(/the log on disk can be written again/g)).toHaveLength(1);
    });
  }
});
