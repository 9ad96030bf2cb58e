import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { libc } from '../../src/host/libc.ts';
import { SystemError } from '../../src/host/read-file.ts';
import { createNotifier } from '../../src/supervisor/observers/service-manager.ts';
import { because } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { python, withoutPython } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { startWatcher } from '../support/watcher.ts';

const why = withoutPython;

/** Hears what a service says, as systemd does. */
const EAR = `
import json, socket, struct, sys
name = sys.argv[1]
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
ear.bind('\\0' + name[1:] if name[0] == '@' else name)
print('[0, "ready"]', flush=True)
while True:
    data, ancillary, _, _ = ear.recvmsg(65536, 64)
    print(json.dumps([struct.unpack('3i', ancillary[0][2])[0], data.decode()]), flush=True)
`;

/** Listens there; what came, and the processes that it came from, as the kernel names them. */
async function listenAt(socket: string): Promise<string[] & { senders: Set<number> }> {
  const child = spawn(python ?? '', ['-c', EAR, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise(resolve => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  const heard = Object.assign([] as string[], { senders: new Set<number>() });
  createInterface({ input: child.stdout }).on('line', line => {
    const [pid, text] = JSON.parse(line);
    heard.push(text);
    heard.senders.add(pid);
  });
  await until('it listens', () => heard.length > 0);
  heard.shift();
  heard.senders.clear();
  return heard;
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
          env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '400000', LISTEN_FDS: '1', LISTEN_ADDR: ':8080' },
        },
      );
      await until('it is ready', () => heard.length > 0);
      expect(heard[0]).toMatch(/^READY=1\nSTATUS=running, pid \d+, 0 restarts$/);
      await until('it pings', () => heard.filter(message => /^WATCHDOG=1$/m.test(message)).length >= 3);
      await watcher.printed(/^AGENT_WATCH_RUN=1$/m);
      expect(watcher.out()).not.toMatch(/^(?:NOTIFY_SOCKET|WATCHDOG_|LISTEN_FDS)/m);
      expect(watcher.out()).toMatch(/^LISTEN_ADDR=:8080$/m);
      process.kill(watcher.pid, 'SIGTERM');
      expect(await watcher.ended).toEqual({ code: 0, signal: null });
      await until('its end is heard', () => heard.some(message => message.includes('STOPPING=1')));
      const last = heard.filter(message => message.includes('STOPPING=1'));
      expect(last).toHaveLength(1);
      expect(last[0]).toMatch(/^EXTEND_TIMEOUT_USEC=30000000$/m);
      expect(heard.filter(message => message.includes('READY=1'))).toHaveLength(1);
      expect([...heard.senders]).toEqual([watcher.pid]);
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

  test('without a listener nothing is sent, the command runs on, and it is reported once', async () => {
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

test('what did not get through goes as one message, the later value of a field, without the pings', async () => {
  const sent: string[] = [];
  const heard: string[] = [];
  let busy = true;
  const calls = libc();
  if (calls === null) throw new Error('no libc');
  const sendDatagram = (_address: string, bytes: Buffer) => {
    if (busy) throw new SystemError(constants.errno.EAGAIN, 'sendto');
    sent.push(bytes.toString());
  };
  const notifier = createNotifier('/socket', { ...calls, sendDatagram }, text => heard.push(text));
  notifier.send({ READY: '1', STATUS: 'a', WATCHDOG: '1' });
  busy = false;
  notifier.send({ STATUS: 'b' });
  notifier.send({ STATUS: 'c\nd' });
  await notifier.settle(5000);
  expect(sent).toEqual(['READY=1\nSTATUS=c d']);
  notifier.send({ WATCHDOG: '1' });
  expect(sent.at(-1)).toBe('WATCHDOG=1');
  expect(heard).toEqual([expect.stringMatching(/^systemd was not told .*EAGAIN/)]);
});
