import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootId, pidNamespace } from '../../src/host/clock.ts';
import { checksum } from '../../src/state/atomic-file.ts';
import { asNobody, because, NOBODY, noSecondUser } from '../support/fixture.ts';
import { lives, startTicksOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher } from '../support/watcher.ts';

/** What the other user types. */
function nobodySays(script: string): void {
  const [setpriv = '', ...args] = asNobody;
  const { status, stderr } = spawnSync(setpriv, [...args, 'sh', '-c', script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** A folder of the other user, as root's state folder has it above itself. */
function foreignFolder(): string {
  const folder = scratch();
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'theirs'));
  chownSync(join(folder, 'theirs'), NOBODY, NOBODY);
  mkdirSync(join(folder, 'root-only'), { mode: 0o700 });
  return folder;
}

function victim(): ChildProcess {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** A record of a dead watcher that names a process which it never started. */
function forgedRecord(pid: number): string {
  const run = { runId: 'a'.repeat(32), childPid: pid, startTicks: startTicksOf(pid) };
  const watcher = { pid: 999_999, startTicks: 1 };
  const text = JSON.stringify({ bootId: bootId(), pidNamespace: pidNamespace(), watcher, run });
  return `${`{"sum":"${checksum(text)}","record":${text}}`.padEnd(511)}\n`;
}

describe.skipIf(noSecondUser !== null)(`root, in a folder of another user${because(noSecondUser)}`, () => {
  test('writes nothing where a link leads that takes the place of its folder', async () => {
    const folder = foreignFolder();
    const stateDir = join(folder, 'theirs/state');
    const script = 'while :; do echo line; sleep 0.05; done';
    const watcher = startWatcher(folder, ['--state-dir', stateDir, '--name', 'bot', '--', 'sh', '-c', script]);
    await until('it is logged', () => existsSync(join(stateDir, 'bot/output.log')));
    // As often as the watcher makes the folder again between the two.
    const swap = `mv -T state gone$i && ln -sT ${folder}/root-only state 2>/dev/null`;
    nobodySays(`cd ${folder}/theirs; for i in 1 2 3 4 5 6 7 8 9; do ${swap} && exit 0; done; exit 1`);
    await watcher.said(/symbolic link of another user/);
    watcher.process.kill('SIGTERM');
    expect((await watcher.ended).signal).toBeNull();
    expect(readdirSync(join(folder, 'root-only'))).toEqual([]);
  });

  test('starts nothing below a link of theirs', () => {
    const folder = foreignFolder();
    nobodySays(`ln -s ${folder}/root-only ${folder}/theirs/state`);
    const ended = run(folder, ['--state-dir', `${folder}/theirs/state`, '--name', 'bot', '--', 'true']);
    expect(ended).toMatchObject({ code: 125, err: expect.stringContaining('symbolic link of another user') });
    expect(readdirSync(join(folder, 'root-only'))).toEqual([]);
  });

  test('ends no process that a record of theirs names', async () => {
    const folder = foreignFolder();
    const child = victim();
    await until('the victim lives', () => child.pid !== undefined && lives(child.pid));
    const place = join(folder, 'theirs/state/bot');
    writeFileSync(join(folder, 'record'), forgedRecord(child.pid ?? 0), { mode: 0o644 });
    nobodySays(
      `mkdir -p ${place} && chmod 700 ${place} && cp ${folder}/record ${place}/watcher.json && chmod 600 ${place}/watcher.json`,
    );
    const at = ['--state-dir', `${folder}/theirs/state`];
    expect(run(folder, [...at, '--name', 'bot', '--', 'true']).code).toBe(125);
    run(folder, ['stop', 'bot', ...at]);
    expect(lives(child.pid ?? 0)).toBe(true);
  });
});

describe('a folder that is moved away under its watcher', () => {
  test('is made again, so that no second watcher starts, and a trip holds where it counts', async () => {
    const folder = scratch();
    const metrics = join(folder, 'm.json');
    writeFileSync(metrics, '{"loss": 1}');
    const options = ['--name', 'bot', '--metrics', metrics, '--kill-when', 'loss > 10', '--health-interval', '200ms'];
    const watcher = startWatcher(folder, [...options, '--', 'sleep', '60']);
    await phaseIs(folder, 'bot', 'running');
    renameSync(join(folder, 'state/bot'), join(folder, 'state/aside'));
    await watcher.said(/moved away; made again/);
    expect(run(folder, ['--name', 'bot', '--', 'true']).code).toBe(75);
    writeFileSync(metrics, '{"loss": 11}');
    await phaseIs(folder, 'bot', 'held');
    expect(readFileSync(join(folder, 'state/bot/hold.json'), 'utf8')).toContain('loss 11');
    renameSync(join(folder, 'state/bot'), join(folder, 'state/again'));
    await until('the hold is there again', () => existsSync(join(folder, 'state/bot/hold.json')));
    watcher.process.kill('SIGKILL');
    await watcher.ended;
    expect(run(folder, ['--name', 'bot', '--on-hold', 'exit', '--', 'true']).code).toBe(69);
  });

  test('and where nothing can be made, a hold that is not on the disk is said and alerted', async () => {
    const folder = scratch();
    const options = ['--name', 'bot', '--hold-codes', '78', '--alert-file', 'alerts', '--alert-on', 'hold'];
    const command = ['sh', '-c', 'until [ -e go ]; do sleep 0.05; done; exit 78'];
    const watcher = startWatcher(folder, [...options, '--', ...command]);
    await phaseIs(folder, 'bot', 'running');
    renameSync(join(folder, 'state/bot'), join(folder, 'state/aside'));
    writeFileSync(join(folder, 'state/bot'), 'in the way');
    writeFileSync(join(folder, 'go'), '');
    await watcher.said(/the hold could not be written to the disk/);
    const alerts = () => (existsSync(join(folder, 'alerts')) ? readFileSync(join(folder, 'alerts'), 'utf8') : '');
    await until('it is alerted', () => alerts().includes('the hold could not be written to the disk'));
    rmSync(join(folder, 'state/bot'));
    await until('the hold is there', () => existsSync(join(folder, 'state/bot/hold.json')));
    watcher.process.kill('SIGKILL');
    await watcher.ended;
  });
});
