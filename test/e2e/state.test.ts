import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readSnapshot } from '../../src/core/snapshot.ts';
import { existingPrivateFolders } from '../../src/state/private-folder.ts';
import { readState } from '../../src/state/state-file.ts';
import { asNobody, missing } from '../support/fixture.ts';
import { heard } from '../support/heard.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, statusOf, testEnvironment } from '../support/watcher.ts';

const KILLS = 60;

test(`the state loads after each of ${KILLS} kills at random moments of a fast crash loop`, async () => {
  const folder = scratch();
  const loop = ['--name', 'loop', '--backoff', '0ms', '--flap-threshold', '0', '--quiet', '--no-log'];
  const args = [...loop, '--', 'sh', '-c', 'echo $AGENT_WATCH_RUN; exit 1'];
  let last = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    const watcher = startWatcher(folder, args);
    // Only in a loop that turns is there something to tear: the first runs are waited for, what comes then is chance.
    await watcher.printed(/\n/);
    await pause(Math.random() * 30);
    watcher.process.kill('SIGKILL');
    await watcher.ended;
    const runs = watcher.out().trim().split('\n').map(Number);
    expect(runs[0], 'a run number is never used again').toBeGreaterThan(last);
    expect(runs).toEqual([...runs].sort((a, b) => a - b));
    last = Math.max(last, runs.at(-1) ?? 0);
    const loaded = readState(join(folder, 'state/loop/state.json'), readSnapshot);
    const state = loaded !== null && 'value' in loaded ? loaded.value.state : null;
    expect(state?.run ?? loaded).toBeGreaterThanOrEqual(last);
    if (kill % 20 === 0) expect(statusOf(folder, 'loop').restarts).toBe(state?.restarts);
  }
  expect(readdirSync(join(folder, 'state/loop')).filter(name => name.includes('corrupt'))).toEqual([]);
});

describe('a state file that cannot be read is kept aside, reported once, and hinders nothing', () => {
  const base = ['--name', 'bad', '--restart', 'never', '--', 'sh', '-c', 'echo ran $AGENT_WATCH_RUN'];
  const noOtherUser = missing(asNobody[0] ?? '', ...asNobody.slice(1), executable, '--version');
  const cases: Record<string, (path: string) => void> = {
    empty: path => writeFileSync(path, ''),
    truncated: path => writeFileSync(path, readFileSync(path).subarray(0, 200)),
    binary: path => writeFileSync(path, Buffer.from([0, 255, 254, 0, 1, 2, 128, 10])),
    'of NULs': path => writeFileSync(path, Buffer.alloc(4096)),
    'of another shape': path => writeFileSync(path, '{"version":1,"state":{"phase":"running"}}'),
    'no object': path => writeFileSync(path, '[1,2,3]'),
    'of a future version': path =>
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), version: 99 })),
    'a folder': path => {
      rmSync(path);
      mkdirSync(path);
      writeFileSync(join(path, 'inside'), 'x');
    },
  };
  for (const [what, spoil] of Object.entries(cases)) {
    test(what, () => {
      const folder = scratch();
      const place = join(folder, 'state/bad');
      expect(run(folder, base)).toMatchObject({ code: 0, out: 'ran 1\n' });
      spoil(join(place, 'state.json'));
      const before = contentOf(join(place, 'state.json'));
      // The copy that is safe from a power cut stands in.
      keptAside(run(folder, base), place, before, 'ran 2\n');
      spoil(join(place, 'state.json'));
      spoil(join(place, 'state.durable.json'));
      const ended = run(folder, base);
      expect(ended).toMatchObject({ code: 0, out: expect.stringMatching(/^ran \d\n$/) });
      expect(ended.err.match(/could not be read/g)).toHaveLength(2);
      const after = run(folder, base);
      expect(after.err).not.toMatch(/corrupt/);
      expect(statusOf(folder, 'bad').phase).toBe('finished');
    });
  }

  test.skipIf(noOtherUser)(`not ours to read${noOtherUser ? ` (skipped: ${noOtherUser})` : ''}`, () => {
    const folder = scratch();
    chmodSync(folder, 0o755);
    chownSync(folder, 65534, 65534);
    const asOther = () => {
      const [program = '', ...before] = asNobody;
      const { status, stdout, stderr } = spawnSync(program, [...before, executable, ...base], {
        cwd: folder,
        env: testEnvironment(folder),
        encoding: 'utf8',
      });
      return { code: status, out: stdout, err: stderr };
    };
    expect(asOther()).toMatchObject({ code: 0, out: 'ran 1\n' });
    const place = join(folder, 'state/bad');
    chmodSync(join(place, 'state.json'), 0);
    const before = contentOf(join(place, 'state.json'));
    keptAside(asOther(), place, before, 'ran 2\n');
  });
});

function contentOf(path: string): string {
  return statSync(path).isDirectory() ? readdirSync(path).join() : readFileSync(path, 'latin1');
}

function keptAside(
  ended: { code: number | null; out: string; err: string },
  place: string,
  content: string,
  out: string,
): void {
  expect(ended).toMatchObject({ code: 0, out });
  const said = ended.err.match(/state\.json could not be read \(.+\); kept as (state\.json\.corrupt-\S+)$/m);
  expect(ended.err.match(/corrupt/g)).toHaveLength(1);
  expect(contentOf(join(place, said?.[1] ?? ''))).toBe(content);
}

describe('what survives a kill -9', () => {
  const at = 'date +%s%N | cut -c1-13 >> times';
  const times = (folder: string) =>
    existsSync(join(folder, 'times')) ? readFileSync(join(folder, 'times'), 'utf8').trim().split('\n').map(Number) : [];

  test('a backoff is waited out by the next watcher, and the one after it is longer', async () => {
    const folder = scratch();
    const args = ['--name', 'wait', '--backoff', '10s', '--', 'sh', '-c', `${at}; exit 1`];
    const first = startWatcher(folder, args);
    await first.said(/restart 1 in 10s/);
    first.process.kill('SIGKILL');
    await first.ended;
    const second = startWatcher(folder, args);
    await second.said(/resuming the backoff of the previous watcher/);
    await until('the second run', () => times(folder).length === 2);
    const [one = 0, two = 0] = times(folder);
    expect(two - one).toBeGreaterThanOrEqual(10_000);
    await second.said(/restart 2 in 20s/);
    second.process.kill('SIGTERM');
    await second.ended;
  });

  test('crashes of the window lead to the cooldown, and the cooldown is waited out', async () => {
    const folder = scratch();
    const flap = ['--flap-threshold', '4', '--flap-cooldown', '1h', '--backoff', '10ms'];
    // Two crashes; the third run waits to be killed with its watcher, which is no crash.
    const script = 'case $AGENT_WATCH_RUN in 3) exec sleep 1000;; esac; exit 1';
    const args = ['--name', 'flap', ...flap, '--', 'sh', '-c', script];
    const first = startWatcher(folder, args);
    await first.said(/run 3/);
    first.process.kill('SIGKILL');
    await first.ended;
    const second = startWatcher(folder, args);
    const status = await phaseIs(folder, 'flap', 'cooldown');
    expect(status).toMatchObject({ restarts: 4, crashesInWindow: 4 });
    second.process.kill('SIGKILL');
    await second.ended;
    const third = startWatcher(folder, args);
    await third.said(/resuming the cooldown of the previous watcher/);
    expect(await phaseIs(folder, 'flap', 'cooldown')).toMatchObject({ restarts: 4, crashesInWindow: 4 });
    third.process.kill('SIGTERM');
    await third.ended;
  });

  test('restarts in a row are counted on', async () => {
    const folder = scratch();
    const limits = ['--max-restarts', '3', '--backoff', '10ms', '--flap-threshold', '0', '--on-hold', 'exit'];
    const script = 'case $AGENT_WATCH_RUN in 3) exec sleep 1000;; esac; exit 1';
    const args = ['--name', 'row', ...limits, '--', 'sh', '-c', script];
    const first = startWatcher(folder, args);
    await first.said(/run 3/);
    first.process.kill('SIGKILL');
    await first.ended;
    const second = run(folder, args);
    expect(second.code).toBe(69);
    expect(statusOf(folder, 'row')).toMatchObject({ phase: 'held', restarts: 4 });
  });
});

const noMount =
  missing('unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=64k none /mnt') ?? missing('nsenter', '--version');

test('a state that its own folder refuses is shown as it is now, kept over a kill -9, and goes home when it can', async () => {
  const folder = scratch();
  const place = join(folder, 'state/bot');
  onTestFinished(() => {
    for (const elsewhere of existingPrivateFolders(join(folder, 'state'), 'bot'))
      rmSync(elsewhere, { recursive: true });
  });
  const args = ['--name', 'bot', '--backoff', '1h', '--', 'sh', '-c', 'until [ -e go ]; do sleep 0.02; done; exit 3'];
  const first = startWatcher(folder, args);
  await phaseIs(folder, 'bot', 'running');
  rmSync(join(place, 'state.json'));
  mkdirSync(join(place, 'state.json/in-the-way'), { recursive: true });
  writeFileSync(join(folder, 'go'), '');
  await first.said(/cannot save the state/);
  expect(await phaseIs(folder, 'bot', 'backoff')).toMatchObject({ watcherPid: first.pid, lastExit: { code: 3 } });
  expect(run(folder, ['health']).code).toBe(1);
  first.process.kill('SIGKILL');
  await first.ended;
  const second = startWatcher(folder, args);
  await second.said(/resuming the backoff of the previous watcher/);
  expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'backoff', lastExit: { code: 3 } });
  second.process.kill('SIGTERM');
  await second.ended;
});

describe.skipIf(noMount)(`a state folder that cannot be written${noMount ? ` (skipped: ${noMount})` : ''}`, () => {
  for (const [what, spoil, cure] of [
    ['full', 'dd if=/dev/zero of=disk/filler bs=1k count=128 2> /dev/null || true', 'rm disk/filler'],
    ['read-only', 'mount -o remount,ro disk', 'mount -o remount,rw disk'],
  ] as const) {
    test(`(${what}) is warned of once, restarts continue, and it is saved again when that is over`, async () => {
      const folder = scratch();
      mkdirSync(join(folder, 'disk'));
      onTestFinished(() => {
        for (const elsewhere of existingPrivateFolders(join(folder, 'disk/state'), 'disk'))
          rmSync(elsewhere, { recursive: true });
      });
      // Nothing is filled but a disk of our own, and no more than it holds.
      const script = `mount -t tmpfs -o size=64k none disk && { ${spoil}; } && exec "$0" "$@"`;
      const place = ['--state-dir', 'disk/state', '--name', 'disk', '--no-log'];
      const loop = ['--backoff', '50ms', '--backoff-factor', '1', '--flap-threshold', '0'];
      const child = ['--', 'sh', '-c', 'echo $AGENT_WATCH_RUN; exit 1'];
      const watched = ['-m', 'sh', '-c', script, executable, ...place, ...loop, ...child];
      const { process: watcher, said, closed } = heard(folder, 'unshare', watched);
      const inside = (...command: string[]) =>
        execFileSync('nsenter', ['-t', String(watcher.pid), '-m', '--', ...command], {
          cwd: folder,
          env: testEnvironment(folder),
          encoding: 'utf8',
        });
      await until('restarts go on', () => /^5$/m.test(said.out));
      await until('it is said', () => /cannot save the state: .*(no space left|read-only)/i.test(said.err));
      inside('sh', '-c', `cd ${folder} && ${cure}`);
      await until('it is saved again', () => /the state is saved again/.test(said.err));
      const rows = JSON.parse(inside(executable, 'status', 'disk', '--json', '--state-dir', `${folder}/disk/state`));
      expect(rows[0]).toMatchObject({ name: 'disk', watcherPid: watcher.pid });
      expect(rows[0].restarts).toBeGreaterThanOrEqual(4);
      watcher.kill('SIGTERM');
      expect(await closed).toBe(0);
      expect(said.err.match(/cannot save the state|state.*can be kept/g)).toHaveLength(1);
      expect(said.err.match(/is saved again/g)).toHaveLength(1);
    });
  }
});
