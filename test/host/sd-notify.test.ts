import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createNotifier, findNotifyHelper } from '../../src/host/sd-notify.ts';
import { because } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { python, withoutPython } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { startWatcher } from '../support/watcher.ts';

const helper = findNotifyHelper(process.env['PATH']);
const why = withoutPython ?? (helper === null ? 'systemd-notify is not here' : null);

/** Hears what a service says, as systemd does. */
const EAR = `
import array, json, os, socket, sys
name = sys.argv[1]
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind('\\0' + name[1:] if name[0] == '@' else name)
print('"ready"', flush=True)
while True:
    data, ancillary, _, _ = ear.recvmsg(65536, socket.CMSG_LEN(64))
    for _, kind, fds in ancillary:
        if kind == socket.SCM_RIGHTS:
            # The helper waits until this one, which it sends behind its message, is closed.
            for fd in array.array('i', fds[:len(fds) - len(fds) % 4]):
                os.close(fd)
    print(json.dumps(data.decode()), flush=True)
`;

/** Listens there; the messages that came, without the barriers behind them. */
async function listenAt(socket: string): Promise<string[]> {
  const child = spawn(python ?? '', ['-c', EAR, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise(resolve => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  const heard: string[] = [];
  createInterface({ input: child.stdout }).on('line', line => heard.push(JSON.parse(line)));
  await until('it listens', () => heard.length > 0);
  heard.shift();
  return new Proxy(heard, {
    get: (all, key) =>
      Reflect.get(
        all.filter(message => message !== 'BARRIER=1'),
        key,
      ),
  });
}

describe.skipIf(why !== null)(`a service tells its manager${because(why)}`, () => {
  for (const kind of ['a path', 'an abstract name'])
    test(`how it is, at ${kind}: READY with the first STATUS, pings, STOPPING; the child knows nothing of it`, async () => {
      const folder = scratch();
      const socket = kind === 'a path' ? join(folder, 'notify') : `@aw-test-${process.pid}-${Date.now()}`;
      const heard = await listenAt(socket);
      const watcher = startWatcher(
        folder,
        ['--name', 'bot', '--backoff', '1ms', '--', 'sh', '-c', 'env; exec sleep 1000'],
        {
          env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '400000', LISTEN_FDS: '1' },
        },
      );
      await until('it is ready', () => heard.length > 0);
      expect(heard[0]).toMatch(/^READY=1\nSTATUS=running, pid \d+, 0 restarts$/);
      await until('it pings', () => heard.filter(message => /^WATCHDOG=1$/m.test(message)).length >= 3);
      await watcher.printed(/^AGENT_WATCH_RUN=1$/m);
      expect(watcher.out()).not.toMatch(/^(?:NOTIFY_SOCKET|WATCHDOG_|LISTEN_)/m);
      process.kill(watcher.pid, 'SIGTERM');
      expect(await watcher.ended).toEqual({ code: 0, signal: null });
      const last = heard.filter(message => message.includes('STOPPING=1'));
      expect(last).toHaveLength(1);
      expect(last[0]).toMatch(/^EXTEND_TIMEOUT_USEC=30000000$/m);
      expect(heard.filter(message => message.includes('READY=1'))).toHaveLength(1);
    });

  test('its status once a second at most, the latest last', async () => {
    const folder = scratch();
    const socket = join(folder, 'notify');
    const heard = await listenAt(socket);
    const started = performance.now();
    const watcher = startWatcher(
      folder,
      [
        '--name',
        'bot',
        '--backoff',
        '1ms',
        '--backoff-max',
        '1ms',
        '--flap-threshold',
        '0',
        '--max-restarts',
        '40',
        '--',
        'false',
      ],
      { env: { NOTIFY_SOCKET: socket } },
    );
    await until('it holds', () => heard.some(message => message.includes('STATUS=held')));
    const seconds = (performance.now() - started) / 1000;
    expect(heard.filter(message => message.includes('STATUS=')).length).toBeLessThanOrEqual(seconds + 2);
    process.kill(watcher.pid, 'SIGTERM');
    await watcher.ended;
  });

  test('nothing at all where nobody listens, and the command runs on; said once', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'bot', '--', 'sh', '-c', 'echo up; exec sleep 1000'], {
      env: { NOTIFY_SOCKET: join(folder, 'nobody') },
    });
    await watcher.printed(/up/);
    await watcher.said(/systemd was not told .*tried again/);
    process.kill(watcher.pid, 'SIGTERM');
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(watcher.err().match(/systemd was not told/g)).toHaveLength(1);
  });
});

test('what waits goes as one message, the later value of a field, after one that got through', async () => {
  const folder = scratch();
  const said = join(folder, 'said');
  const slow = join(folder, 'helper');
  writeFileSync(slow, `#!/bin/sh\nsleep 0.2\necho "$NOTIFY_SOCKET $*" >> ${said}\n`, { mode: 0o755 });
  const notifier = createNotifier('/socket', slow, () => {});
  notifier.send({ READY: '1', STATUS: 'a' });
  notifier.send({ STATUS: 'b' });
  notifier.send({ STATUS: 'c\nd', WATCHDOG: '1' });
  await notifier.settle(5000);
  expect(spawnSync('cat', [said], { encoding: 'utf8' }).stdout).toBe(
    '/socket READY=1 STATUS=a\n/socket STATUS=c d WATCHDOG=1\n',
  );
});
