import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadState, openStateFile, readState, STATE_LIMIT_BYTES } from '../../src/state/state-file.ts';
import { openStateFolder } from '../../src/state/state-folder.ts';
import { asNobody, because, fixtureCommand, fixtureResult, missing, NOBODY, noSecondUser } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

interface Counted {
  count: number;
  again: number;
}

const readCounted = (value: unknown): Counted | string => {
  const { count, again, version } = value as Partial<Counted & { version: number }>;
  if (version !== undefined && version > 1) return `version ${version} is newer than this program`;
  return typeof count === 'number' && count === again ? { count, again } : 'count and again differ';
};
const counted = (count: number) => ({ count, again: count });
const thisBoot = () => true;
const anotherBoot = () => false;
const now = new Date('2026-01-02T03:04:05.678Z');

function place(folder = scratch(), name = 'n') {
  const opened = openStateFolder(join(folder, 'state'), name);
  onTestFinished(() => opened.close());
  return opened;
}

describe('saving', () => {
  test('is found again, by mode 0600 in a folder of 0700 whatever the umask', () => {
    for (const umask of [0o000, 0o777]) {
      const before = process.umask(umask);
      onTestFinished(() => void process.umask(before));
      const at = place(scratch(), 'n');
      const file = openStateFile(at);
      for (const count of [1, 2, 3]) expect(file.save(counted(count))).toEqual({ ok: true });
      process.umask(before);
      expect(loadState(at, readCounted, thisBoot, now)).toEqual({ value: counted(3), said: [] });
      expect(statSync(at.path).mode & 0o777).toBe(0o700);
      for (const name of readdirSync(at.path)) expect(statSync(at.at(name)).mode & 0o777).toBe(0o600);
    }
  });

  test('is in the durable copy once settled, and at most a second later by itself', async () => {
    const at = place();
    const file = openStateFile(at);
    file.save(counted(1));
    await file.settle();
    expect(readState(at.at('state.durable.json'), readCounted)).toEqual({ value: counted(1) });
    for (let count = 2; count < 50; count++) file.save(counted(count));
    await until('the copy follows', () => readFileSync(at.at('state.durable.json'), 'utf8').includes('49'));
    expect(statSync(at.at('state.json')).ino).not.toBe(statSync(at.at('state.durable.json')).ino);
  });

  for (const spare of ['state.json.spare-a', 'state.json.spare-b']) {
    test(`never writes into a spare that is the file itself, as a kill between link and rename leaves it: ${spare}`, () => {
      const at = place();
      openStateFile(at).save(counted(1));
      linkSync(at.at('state.json'), at.at(spare));
      const fd = openSync(at.at('state.json'), 'r');
      onTestFinished(() => closeSync(fd));
      const file = openStateFile(at);
      file.save(counted(2));
      // Whoever still has the old file open reads the old text.
      expect(readFileSync(fd, 'utf8')).toBe(JSON.stringify(counted(1)));
      file.save(counted(3));
      expect(readState(at.at('state.json'), readCounted)).toEqual({ value: counted(3) });
    });
  }

  test('makes a removed folder again, and says why where that fails', () => {
    const at = place();
    const file = openStateFile(at);
    file.save(counted(1));
    rmSync(at.path, { recursive: true });
    expect(file.save(counted(2))).toEqual({ ok: true });
    rmSync(at.path, { recursive: true });
    writeFileSync(at.path, 'a file in its place');
    expect(file.save(counted(3))).toEqual({ ok: false, why: expect.stringMatching(/is not a folder/) });
  });
});

describe('a state file that cannot be read', () => {
  const broken: [string, (path: string) => void, RegExp][] = [
    ['empty', path => writeFileSync(path, ''), /it is empty/],
    ['truncated', path => writeFileSync(path, '{"count": 1, "ag'), /not JSON/],
    ['binary', path => writeFileSync(path, Buffer.from([0, 255, 254, 1, 0, 0])), /not JSON/],
    ['of another shape', path => writeFileSync(path, '{"count": 1}'), /differ/],
    ['null', path => writeFileSync(path, '[]'), /differ/],
    ['of a later version', path => writeFileSync(path, '{"version": 99}'), /version 99 is newer/],
    ['a folder', path => mkdirSync(path), /regular file/],
    ['enormous', path => writeFileSync(path, 'x'.repeat(STATE_LIMIT_BYTES + 1)), /larger than/],
  ];
  for (const [what, make, said] of broken) {
    test(`${what}: is put aside, reported once, and the durable copy stands in`, async () => {
      const at = place();
      const file = openStateFile(at);
      file.save(counted(7));
      await file.settle();
      rmSync(at.at('state.json'));
      make(at.at('state.json'));
      const loaded = loadState(at, readCounted, thisBoot, now);
      expect(loaded.value).toEqual(counted(7));
      expect(loaded.said[0]).toMatch(said);
      expect(loaded.said[0]).toMatch(
        /state\.json could not be read .* kept as state\.json\.corrupt-2026-01-02T030405-678Z/,
      );
      expect(existsSync(at.at('state.json.corrupt-2026-01-02T030405-678Z'))).toBe(true);
      expect(file.save(counted(8))).toEqual({ ok: true });
      expect(loadState(at, readCounted, thisBoot, now)).toEqual({ value: counted(8), said: [] });
    });

    test(`${what}, and so the copy: it starts afresh`, () => {
      const at = place();
      for (const name of ['state.json', 'state.durable.json']) make(at.at(name));
      const loaded = loadState(at, readCounted, thisBoot, now);
      expect(loaded.value).toBeNull();
      expect(loaded.said).toHaveLength(2);
      expect(loadState(at, readCounted, thisBoot, now)).toEqual({ value: null, said: [] });
    });
  }

  test('keeps the newest three of each', () => {
    const at = place();
    for (let day = 1; day <= 9; day++) {
      writeFileSync(at.at('state.json'), 'x');
      loadState(at, readCounted, thisBoot, new Date(Date.UTC(2026, 0, day)));
    }
    const kept = readdirSync(at.path).filter(name => name.includes('corrupt'));
    expect(kept.map(name => name.slice(19, 29)).sort()).toEqual(['2026-01-07', '2026-01-08', '2026-01-09']);
  });

  test.skipIf(noSecondUser !== null)(`unreadable by its mode: is put aside too${because(noSecondUser)}`, () => {
    const folder = scratch();
    chownSync(folder, NOBODY, NOBODY);
    fixtureResult('state-loader.ts', [join(folder, 'state'), 'n'], asNobody);
    const path = join(folder, 'state/n/state.json');
    writeFileSync(path, '{}', { mode: 0o000 });
    chownSync(path, NOBODY, NOBODY);
    chmodSync(path, 0o000);
    const told = fixtureResult('state-loader.ts', [join(folder, 'state'), 'n'], asNobody);
    expect(told).toEqual({
      unwritable: null,
      value: null,
      said: [expect.stringMatching(/EACCES: permission denied\); kept as state\.json\.corrupt-/)],
    });
  });
});

test('in another boot the durable copy comes first, since a power cut may leave an old text behind a new name', async () => {
  const at = place();
  const file = openStateFile(at);
  file.save(counted(5));
  await file.settle();
  writeFileSync(at.at('state.json'), JSON.stringify(counted(3)));
  expect(loadState(at, readCounted, anotherBoot, now).value).toEqual(counted(5));
  expect(loadState(at, readCounted, thisBoot, now).value).toEqual(counted(3));
});

test('120 kills at random moments: the file always loads, nothing surely saved is lost, no reader sees a half', async () => {
  const stateDir = join(scratch(), 'state');
  const readers = await Promise.all(['a', 'b'].map(name => killSavers(stateDir, name, 60)));
  expect(Math.min(...readers)).toBeGreaterThan(60);
});

/** Kills that many savers of one name in a row; returns how often their file was read meanwhile. */
async function killSavers(stateDir: string, name: string, runner: number): Promise<number> {
  let seen = 0;
  let reads = 0;
  for (let round = 0; round < runner; round++) {
    const [program = '', ...args] = fixtureCommand('state-saver.ts', [stateDir, name, String(seen)]);
    const saver = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let told = '';
    saver.stdout.on('data', chunk => {
      told = (told + chunk).slice(-200);
    });
    const exit = once(saver, 'close');
    await until('it saves', () => told.includes('\n'));
    const end = performance.now() + Math.random() * 12;
    for (; performance.now() < end; reads++) {
      const found = readState(join(stateDir, name, 'state.json'), readCounted);
      if (found === null || 'fault' in found) expect.fail(`a reader saw ${JSON.stringify(found)}`);
      await new Promise(resolve => setImmediate(resolve));
    }
    saver.kill('SIGKILL');
    await exit;
    const sure = Number(told.trim().split('\n').at(-1));
    const at = openStateFolder(stateDir, name);
    const loaded = loadState(at, readCounted, thisBoot, now);
    at.close();
    expect(loaded.said).toEqual([]);
    expect(loaded.value?.count).toBeGreaterThanOrEqual(sure);
    seen = loaded.value?.count ?? 0;
  }
  expect(readdirSync(join(stateDir, name)).length).toBeLessThan(6);
  return reads;
}

const noStrace = missing('strace', '-V');
test.skipIf(noStrace !== null)(
  `the durable copy is written, synced, renamed, its folder synced${because(noStrace)}`,
  () => {
    const folder = scratch();
    const trace = join(folder, 'trace');
    const saver = fixtureCommand('state-saver.ts', [join(folder, 'state'), 'n', '1', '3']);
    const ended = spawnSync('strace', ['-f', '-y', '-o', trace, '-e', 'trace=write,pwrite64,fsync,rename', ...saver]);
    expect(ended.status).toBe(0);
    const wanted = [
      /write\w*\(\d+<.*durable\.json\.tmp>/,
      /fsync\(\d+<.*durable\.json\.tmp>/,
      /rename\(".*durable\.json\.tmp", ".*durable\.json"/,
      /fsync\(\d+<.*\/state\/n>/,
    ];
    let step = 0;
    for (const line of readFileSync(trace, 'utf8').split('\n')) if (wanted[step]?.test(line)) step++;
    expect(step).toBe(wanted.length);
  },
);
