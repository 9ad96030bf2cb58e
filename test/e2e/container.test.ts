import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { zombiesOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, testEnvironment } from '../support/watcher.ts';

const noNamespace = missing('unshare', '-pf', '--mount-proc', 'true');
const inside = ['-pf', '--kill-child', '--mount-proc'];

/** The executable as PID 1 of a pid namespace of its own; what is started is unshare, which waits for it. */
function asInit(folder: string, args: string[], before: string[] = []) {
  const child = spawn('unshare', [...inside, ...before, executable, ...args], {
    env: testEnvironment(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.on('data', bytes => (text += bytes));
  child.stderr.on('data', bytes => (text += bytes));
  const code = new Promise<number | null>(resolve => child.once('close', resolve));
  return { pid: child.pid ?? -1, code, text: () => text };
}

/** The only child of a process: of unshare, the PID 1 inside, as we see it from outside. */
function firstChildOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}

test.skipIf(noNamespace)(
  `as PID 1 it ends with the command's code, and asks for nothing${because(noNamespace)}`,
  async () => {
    for (const [command, expected] of [
      ['exit 7', 7],
      ['kill -KILL $$', 137],
      ['exit 0', 0],
    ] as const) {
      const watcher = asInit(scratch(), ['--restart', 'never', '--', 'sh', '-c', command]);
      expect(await watcher.code).toBe(expected);
      expect(watcher.text()).not.toMatch(/PID 1|--init/);
    }
  },
);

test.skipIf(noNamespace)(`as PID 1 it forwards signals and stops in order${because(noNamespace)}`, async () => {
  const script = 'trap "echo got USR1" USR1; trap "echo got TERM; exit 3" TERM; echo up; while :; do sleep 0.05; done';
  const watcher = asInit(scratch(), ['--', 'sh', '-c', script]);
  await until('it is up', () => watcher.text().includes('up\n'));
  const init = firstChildOf(watcher.pid);
  process.kill(init, 'SIGUSR1');
  await until('USR1 came', () => watcher.text().includes('got USR1'));
  process.kill(init, 'SIGTERM');
  expect(await watcher.code).toBe(0);
  expect(watcher.text()).toContain('got TERM');
});

test.skipIf(noNamespace)(`as PID 1 it reaps 1000 orphans${because(noNamespace)}`, async () => {
  const orphans = 'i=0; while [ $i -lt 1000 ]; do ( : & ); i=$((i+1)); done; echo up; exec sleep 1000';
  const watcher = asInit(scratch(), ['--', 'sh', '-c', orphans]);
  await until('it is up', () => watcher.text().includes('up\n'));
  const init = firstChildOf(watcher.pid);
  await until('no zombie is left', () => zombiesOf(init) === 0);
  process.kill(init, 'SIGTERM');
  expect(await watcher.code).toBe(0);
});

/** A /dev of its own with the file that Kubernetes mounts there. */
const withTerminationLog =
  'mount -t tmpfs none "$1" && cp -a /dev/null /dev/zero /dev/urandom "$1" && : >"$1/termination-log" &&' +
  'mount --bind "$2" "$1/termination-log" && mount --rbind "$1" /dev && shift 2 && exec "$@"';
const noMount = noNamespace ?? missing('unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /mnt && cp -a /dev/null /mnt');

test.skipIf(noMount)(
  `where there is a /dev/termination-log, the last incident is in it${because(noMount)}`,
  async () => {
    const folder = scratch();
    const [dev, message] = [join(folder, 'dev'), join(folder, 'message')];
    mkdirSync(dev);
    writeFileSync(message, '');
    const script = 'echo "Error: listen EADDRINUSE: address already in use :::8080" >&2; exit 4';
    const before = ['sh', '-c', withTerminationLog, 'sh', dev, message];
    const watcher = asInit(
      folder,
      [
        '--name',
        'web',
        '--restart',
        'on-failure',
        '--max-restarts',
        '1',
        '--on-hold',
        'exit',
        '--backoff',
        '10ms',
        '--',
        'sh',
        '-c',
        script,
      ],
      before,
    );
    expect(await watcher.code).toBe(69);
    const text = readFileSync(message, 'utf8');
    expect(text).toMatch(/^web: crash, port-in-use; exit code 4 after /);
    expect(text).toContain('EADDRINUSE');
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
  },
);
