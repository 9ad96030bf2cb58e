import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Hold } from '../../src/core/model.ts';
import type { Wall } from '../../src/core/units.ts';
import { bootId, pidNamespace } from '../../src/host/clock.ts';
import { armHold, readHold, writeHold } from '../../src/state/hold-file.ts';
import { acquireLock } from '../../src/state/lock.ts';
import { readService, resetOffline, socketFolders } from '../../src/state/read-status.ts';
import { openStateFile, readState } from '../../src/state/state-file.ts';
import { namesIn, openStateFolder } from '../../src/state/state-folder.ts';
import { because, missing, startTalker } from '../support/fixture.ts';
import { cpuMsFor } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

interface Small {
  step: number;
}
const read = (value: unknown): Small | string =>
  typeof (value as Small).step === 'number' ? { step: (value as Small).step } : 'no step';
const thisBoot = () => true;
const hold: Hold = { cause: 'kill-condition', why: 'cash < 20', at: 5 as Wall };
const now = new Date('2026-01-02T03:04:05.678Z');

/** A name as a watcher of this process leaves it, the lock held until the test ends if asked for. */
async function leave(stateDir: string, name: string, held: boolean): Promise<void> {
  const place = openStateFolder(stateDir, name);
  const lock = await acquireLock(place);
  if ('heldBy' in lock) throw new Error('held');
  lock.recordRun({ runId: 'a'.repeat(32), childPid: 4_000_000, startTicks: 1 });
  const file = openStateFile(place);
  file.save({ step: 3 });
  armHold(place);
  const end = () => {
    lock.release();
    place.close();
  };
  if (held) onTestFinished(end);
  else end();
  await file.settle();
}

describe('reading a name', () => {
  test('tells state, hold, record and whether its watcher lives', async () => {
    const stateDir = join(scratch(), 'state');
    await leave(stateDir, 'n', true);
    expect(readService(stateDir, 'n', read, thisBoot)).toEqual({
      name: 'n',
      folder: join(stateDir, 'n'),
      state: { step: 3 },
      fault: null,
      hold: null,
      record: {
        bootId: bootId(),
        pidNamespace: pidNamespace(),
        watcher: { pid: process.pid, startTicks: expect.any(Number) },
        run: { runId: 'a'.repeat(32), childPid: 4_000_000, startTicks: 1 },
      },
      alive: true,
    });
    expect(socketFolders(stateDir, 'n')).toEqual([join(stateDir, 'n')]);
  });

  test('writes nothing, whatever lies there', async () => {
    const stateDir = join(scratch(), 'state');
    await leave(stateDir, 'n', false);
    for (const file of ['state.json', 'hold.json', 'watcher.json']) writeFileSync(join(stateDir, 'n', file), 'garbage');
    const look = () =>
      readdirSync(join(stateDir, 'n')).map(file => [file, statSync(join(stateDir, 'n', file)).mtimeMs]);
    const before = look();
    expect(readService(stateDir, 'n', read, thisBoot)).toMatchObject({
      state: { step: 3 },
      fault: 'it is not JSON',
      hold: { cause: 'unreadable' },
      record: 'unreadable',
      alive: false,
    });
    expect(look()).toEqual(before);
    expect(readService(stateDir, 'missing', read, thisBoot)).toMatchObject({ state: null, fault: null, record: null });
    expect(namesIn(stateDir)).toEqual(['n']);
  });

  const noContainer = missing('unshare', '-pf', '--mount-proc', 'true');
  test.skipIf(noContainer !== null)(
    `tells of a watcher in another container by its lock${because(noContainer)}`,
    async () => {
      const folder = scratch();
      const inside = await startTalker(folder, 'lock-taker.ts', ['unshare', '-pf', '--kill-child', '--mount-proc']);
      onTestFinished(() => inside.kill());
      await inside.tell(`take ${folder}/state n`);
      expect(readService(`${folder}/state`, 'n', read, thisBoot).alive).toBe(true);
      const place = openStateFolder(`${folder}/state`, 'n');
      onTestFinished(() => place.close());
      expect(await acquireLock(place)).toEqual({ heldBy: 1 });
      await inside.kill();
      await until('it is seen to be gone', () => !readService(`${folder}/state`, 'n', read, thisBoot).alive);
    },
  );

  test('a hundred names take a moment', async () => {
    const stateDir = join(scratch(), 'state');
    for (let index = 0; index < 100; index++) await leave(stateDir, `name-${index}`, true);
    const look = () => {
      const all = namesIn(stateDir).map(name => readService(stateDir, name, read, thisBoot));
      expect(all.filter(one => one.alive && one.state?.step === 3)).toHaveLength(100);
    };
    expect(Math.min(...Array.from({ length: 15 }, () => cpuMsFor(look)))).toBeLessThan(40);
  });
});

describe('a reset without a watcher', () => {
  const clear = ({ step }: Small): Small => ({ step: step - 3 });
  const of = (stateDir: string, name = 'n') => ({
    stateDir,
    name,
    read,
    ofThisBoot: thisBoot,
    clear,
    now,
    unproved: false,
  });

  test('lifts the hold, clears the state and leaves the run for the next watcher', async () => {
    const stateDir = join(scratch(), 'state');
    await leave(stateDir, 'n', false);
    const place = openStateFolder(stateDir, 'n');
    onTestFinished(() => place.close());
    writeHold(place, hold);
    expect(await resetOffline(of(stateDir))).toEqual({ kind: 'done', lifted: hold, said: [] });
    expect(readHold(place)).toBeNull();
    expect(readState(place.at('state.json'), read)).toEqual({ value: { step: 0 } });
    expect(readState(place.at('state.durable.json'), read)).toEqual({ value: { step: 0 } });
    expect(readService(stateDir, 'n', read, thisBoot)).toMatchObject({
      alive: false,
      record: { run: { childPid: 4_000_000 } },
    });
  });

  test('lifts a hold that cannot be read, without a state, or with a broken one', async () => {
    const stateDir = join(scratch(), 'state');
    mkdirSync(join(stateDir, 'n'), { recursive: true });
    chmodSync(join(stateDir, 'n'), 0o700);
    writeFileSync(join(stateDir, 'n/hold.json'), 'garbage');
    writeFileSync(join(stateDir, 'n/state.json'), 'garbage');
    expect(await resetOffline(of(stateDir))).toMatchObject({
      kind: 'done',
      lifted: { cause: 'unreadable' },
      said: [expect.stringMatching(/kept as/)],
    });
    expect(await resetOffline(of(stateDir))).toEqual({ kind: 'done', lifted: null, said: [] });
  });

  test('of a name that is not there makes nothing', async () => {
    const stateDir = scratch();
    expect(await resetOffline(of(stateDir, 'missing'))).toEqual({ kind: 'unknown-name' });
    expect(readdirSync(stateDir)).toEqual([]);
  });

  test('of a name that is watched names the watcher', async () => {
    const folder = scratch();
    const watcher = await startTalker(folder, 'lock-taker.ts');
    onTestFinished(() => watcher.kill());
    await watcher.tell(`take ${folder}/state n`);
    expect(await resetOffline(of(`${folder}/state`))).toEqual({ kind: 'watched', pid: watcher.pid });
  });

  test('from inside a run of this name is refused, and the hold stays', async () => {
    const stateDir = join(scratch(), 'state');
    await leave(stateDir, 'n', false);
    const place = openStateFolder(stateDir, 'n');
    onTestFinished(() => place.close());
    writeHold(place, hold);
    const { env } = process;
    onTestFinished(() => {
      process.env = env;
    });
    process.env = { ...env, AGENT_WATCH_RUN_ID: 'a'.repeat(32) };
    expect(await resetOffline(of(stateDir))).toEqual({ kind: 'refused', why: expect.stringMatching(/its own hold/) });
    process.env = { ...env, AGENT_WATCH_NAME: 'n', AGENT_WATCH_STATE_DIR: stateDir };
    expect(await resetOffline(of(stateDir))).toEqual({ kind: 'refused', why: expect.stringMatching(/its own hold/) });
    expect(readHold(place)).toEqual(hold);
  });
});
