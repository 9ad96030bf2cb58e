import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readRecord } from '../../src/state/lock-record.ts';
import { asNobody, because, missing, NOBODY, noSecondUser } from '../support/fixture.ts';
import { lives } from '../support/processes.ts';
import { processesWithEnvironment, scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

const family = 'setsid sleep 1001 & sleep 1002 & echo ready; wait';
/** What is alive of the test, the watcher apart. */
const alive = (folder: string) => processesWithEnvironment(`AW_TEST_FOLDER=${folder}`);

describe('stop, of a service whose watcher was killed', () => {
  test('ends what it left and reports it; a second stop finds nothing', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'bot', '--', 'sh', '-c', family]);
    await watcher.printed(/ready/);
    watcher.process.kill('SIGKILL');
    await watcher.ended;
    expect(statusOf(folder, 'bot').phase).toBe('lost');
    await until('three are left', () => alive(folder).length === 3);
    const stopped = run(folder, ['stop', 'bot']);
    expect(stopped).toMatchObject({ code: 0, err: '' });
    expect(stopped.out).toMatch(/^bot: stopped; its watcher was dead and had left .*sh \(pid \d+\).* running\n$/);
    expect(alive(folder)).toEqual([]);
    expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'stopped', lastExit: { cause: 'orphan' } });
    expect(run(folder, ['stop', 'bot'])).toMatchObject({ code: 0, out: 'bot: not running\n' });
    expect(run(folder, ['health']).code).toBe(0);
  });

  test('gives it the signal and the grace that it was started with, and --now none', async () => {
    const folder = scratch();
    const script = `trap 'echo INT >>got; exit' INT; trap '' TERM; echo ready; while :; do sleep 0.05; done`;
    const args = ['--name', 'bot', '--stop-signal', 'SIGINT', '--stop-timeout', '1h', '--', 'sh', '-c', script];
    for (const [flags, got] of [
      [[], 'INT\n'],
      [['--now'], 'INT\n'],
    ] as const) {
      const watcher = startWatcher(folder, args);
      await watcher.printed(/ready/);
      watcher.process.kill('SIGKILL');
      await watcher.ended;
      expect(run(folder, ['stop', 'bot', ...flags]).code).toBe(0);
      expect(alive(folder)).toEqual([]);
      expect(readFileSync(join(folder, 'got'), 'utf8')).toBe(got);
    }
  });

  test('a run that was being stopped by its kill condition is held afterwards', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'm.json'), '{"loss":1}');
    const kill = ['--kill-when', 'loss > 10', '--metrics', 'm.json', '--health-interval', '200ms'];
    const script = `trap '' TERM; echo ready; while :; do sleep 0.1; done`;
    const watcher = startWatcher(folder, ['--name', 'bot', ...kill, '--stop-timeout', '1h', '--', 'sh', '-c', script]);
    await watcher.printed(/ready/);
    writeFileSync(join(folder, 'm.json'), '{"loss":11}');
    await phaseIs(folder, 'bot', 'stopping');
    watcher.process.kill('SIGKILL');
    await watcher.ended;
    expect(run(folder, ['stop', 'bot', '--now']).code).toBe(0);
    expect(alive(folder)).toEqual([]);
    expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'held', holdReason: expect.stringContaining('loss') });
  });
});

describe('a live watcher whose files were swept', () => {
  test('makes socket, lock, record and state anew within seconds, and reports it', async () => {
    const folder = scratch();
    const place = join(folder, 'state/bot');
    const watcher = startWatcher(folder, ['--name', 'bot', '--', 'sleep', '1003']);
    const { childPid } = await phaseIs(folder, 'bot', 'running');
    for (const file of ['control', 'lock', 'watcher.json', 'state.json', 'state.durable.json'])
      rmSync(join(place, file), { force: true });
    await watcher.said(/lock, state, socket in .* had been removed( or moved away)?; made again/);
    expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'running', childPid, watcherPid: watcher.pid });
    expect(readRecord(join(place, 'watcher.json'))).toMatchObject({ run: { childPid } });
    expect(run(folder, ['--name', 'bot', '--', 'true']).code).toBe(75);
    expect(run(folder, ['signal', 'bot', 'SIGUSR1']).code).toBe(0);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('is stopped by a stop that comes before the socket is back', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'bot', '--', 'sleep', '1004']);
    await phaseIs(folder, 'bot', 'running');
    rmSync(join(folder, 'state/bot/control'));
    expect(run(folder, ['stop', 'bot'])).toMatchObject({ code: 0, out: 'bot: stopped\n' });
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
  });
});

const noCompiler = missing('cc', '--version');
/** Lets binding a Unix socket fail in a folder of that name, as some network, FUSE and shared file systems do. */
const NO_SOCKETS = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
int bind(int fd, const struct sockaddr *to, socklen_t size) {
  int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
  if (to->sa_family == AF_UNIX && strstr(((const struct sockaddr_un *)to)->sun_path, "/state/")) { errno = EOPNOTSUPP; return -1; }
  return real(fd, to, size);
}
`;

test.skipIf(noCompiler !== null)(
  `a folder that takes no socket: requests go by the private folder${because(noCompiler)}`,
  async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'no.c'), NO_SOCKETS);
    expect(missing('cc', '-shared', '-fPIC', '-o', `${folder}/no.so`, `${folder}/no.c`, '-ldl')).toBeNull();
    const env = { LD_PRELOAD: `${folder}/no.so` };
    const watcher = startWatcher(folder, ['--name', 'bot', '--', 'env', '-u', 'LD_PRELOAD', 'sleep', '1005'], { env });
    await phaseIs(folder, 'bot', 'running');
    expect(run(folder, ['stop', 'bot'])).toMatchObject({ code: 0, out: 'bot: stopped\n' });
    expect((await watcher.ended).code).toBe(0);
  },
);

const noSetuid = noSecondUser ?? missing('setpriv', '--version');

describe.skipIf(noSetuid !== null)(`a command that became another user${because(noSetuid)}`, () => {
  /** A watcher of nobody's, whose command turns into root's, as by sudo. */
  async function unkillable(flags: string[]) {
    // Not below the usual folder for temporary files, which may forbid setuid.
    const folder = mkdtempSync('/var/tmp/aw-test-');
    chmodSync(folder, 0o755);
    const up = join(folder, 'up');
    copyFileSync('/usr/bin/setpriv', up);
    chmodSync(up, 0o4755);
    mkdirSync(join(folder, 'state'));
    for (const path of ['state', '.']) chownSync(join(folder, path), NOBODY, NOBODY);
    const command = [up, '--reuid=0', '--regid=0', '--clear-groups', 'sleep', '1006'];
    const before = [...asNobody];
    const watcher = startWatcher(folder, ['--name', 'bot', ...flags, '--', ...command], { before });
    onTestFinished(async () => {
      for (const pid of alive(folder)) process.kill(pid, 'SIGKILL');
      await until('nothing is left', () => alive(folder).length === 0);
      rmSync(folder, { recursive: true });
    });
    await watcher.said(/started, pid \d+/);
    const pid = Number(/started, pid (\d+)/.exec(watcher.err())?.[1]);
    await until('it is root', () => /^Uid:\s+0\s+0\s+0/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')));
    return { folder, watcher, pid };
  }

  test('is said within seconds, alerted, not well; nothing starts beside it; a second TERM ends the watcher', async () => {
    const alerts = ['--alert-on', 'all', '--alert-file', 'alerts'];
    const check = ['--check', 'test ! -e sick', '--health-interval', '200ms', '--health-retries', '1'];
    const options = [...check, '--health-start-period', '0s', '--stop-timeout', '300ms', ...alerts];
    const { folder, watcher, pid } = await unkillable(options);
    writeFileSync(join(folder, 'sick'), '');
    await watcher.said(/cannot be ended: pid \d+ \(sleep\) belongs to user 0, and the kernel refuses our signals/);
    await until('the alert is there', () =>
      /unhealthy.*cannot be ended/s.test(readFileSync(join(folder, 'alerts'), 'utf8')),
    );
    const health = run(folder, ['health']);
    expect(health.code).toBe(1);
    expect(health.out).toMatch(/bot.*cannot be ended: pid/);
    expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'stopping', childPid: pid });
    const signalled = run(folder, ['signal', 'bot', 'USR1']);
    expect(signalled.code).toBe(1);
    expect(signalled.err).toMatch(/belongs to user 0, and the kernel refuses our signals/);
    const stopped = run(folder, ['stop', 'bot']);
    expect(stopped.code).toBe(1);
    expect(stopped.err).toMatch(/not stopped: cannot be ended: pid/);
    await until('a second has passed since the stop', () => {
      watcher.process.kill('SIGTERM');
      return watcher.process.exitCode !== null;
    });
    expect((await watcher.ended).code).toBe(125);
    expect(watcher.err()).toMatch(/leaves running what it cannot end/);
    expect(lives(pid)).toBe(true);
    expect(watcher.err().match(/started, pid/g)).toHaveLength(1);
  });

  test('left by a killed watcher: stop fails and names it, a new watcher starts nothing beside it', async () => {
    const { folder, watcher, pid } = await unkillable([]);
    watcher.process.kill('SIGKILL');
    const lost = processesWithEnvironment(`AW_TEST_FOLDER=${folder}`).filter(one => one !== pid);
    for (const one of lost) process.kill(one, 'SIGKILL');
    await watcher.ended;
    const asNobodyStop = startWatcher(folder, ['stop', 'bot'], { before: [...asNobody] });
    expect((await asNobodyStop.ended).code).toBe(1);
    expect(asNobodyStop.err()).toMatch(/its watcher is dead, and what it left cannot be ended: pid \d+ \(sleep\)/);
    const next = startWatcher(folder, ['--name', 'bot', '--', 'sleep', '1007'], { before: [...asNobody] });
    await next.said(/cannot be ended: pid/);
    process.kill(pid, 'SIGKILL');
    await next.said(/have ended[\s\S]*started, pid/);
    next.process.kill('SIGTERM');
    await next.ended;
  });
});
