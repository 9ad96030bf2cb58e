import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { libc, NO_LIMIT, whyNoLibc } from '../../src/host/libc.ts';
import { SystemError } from '../../src/host/read-file.ts';
import { because, fixtureCommand, fixtureResult, missing } from '../support/fixture.ts';
import { flagsOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';

const O_NONBLOCK = 0o4000;
const RLIMIT_LOCKS = 10;
const noPython = missing('python3', '-c', '');
const c = libc();
if (c === null) throw new Error(`no libc: ${whyNoLibc()}`);

describe('pipes', () => {
  test('the reading end does not block, the writing end does, and neither outlives an exec', () => {
    const { readFd, writeFd } = c.pipe();
    try {
      expect([fstatSync(readFd).isFIFO(), fstatSync(writeFd).isFIFO()]).toEqual([true, true]);
      expect([flagsOf(readFd) & O_NONBLOCK, flagsOf(writeFd) & O_NONBLOCK]).toEqual([O_NONBLOCK, 0]);
      expect([flagsOf(readFd), flagsOf(writeFd)].every(flags => (flags & 0o2000000) !== 0)).toBe(true);
      writeSync(writeFd, 'through');
      const bytes = Buffer.alloc(16);
      expect(bytes.toString('utf8', 0, readSync(readFd, bytes))).toBe('through');
    } finally {
      closeSync(readFd);
      closeSync(writeFd);
    }
  });

  test('a pipe is enlarged and never made smaller, and its size is returned', () => {
    const { readFd, writeFd } = c.pipe();
    expect(c.enlargePipe(readFd, 200_000)).toBe(262_144);
    expect(c.enlargePipe(writeFd, 65_536)).toBe(262_144);
    closeSync(readFd);
    closeSync(writeFd);
    expect(() => c.enlargePipe(writeFd, 65_536)).toThrow(
      expect.objectContaining({ code: 'EBADF', syscall: 'fcntl', message: 'EBADF: bad file descriptor, fcntl' }),
    );
  });

  test('what a pipe holds goes into another one too, as far as that has room, and stays to be read', () => {
    const [from, to] = [c.pipe(), c.pipe()];
    const bytes = Buffer.alloc(100_000);
    const read = (fd: number) => bytes.toString('utf8', 0, c.read(fd, bytes, bytes.length));
    expect([c.waitingBytes(from.readFd), c.tee(from.readFd, to.writeFd, 100), read(from.readFd)]).toEqual([0, 0, '']);
    writeSync(from.writeFd, 'twice');
    expect([c.waitingBytes(from.readFd), c.tee(from.readFd, to.writeFd, 4)]).toEqual([5, 4]);
    expect([read(to.readFd), read(from.readFd)]).toEqual(['twic', 'twice']);
    writeSync(to.writeFd, Buffer.alloc(65_536));
    writeSync(from.writeFd, 'again');
    expect(c.tee(from.readFd, to.writeFd, 100)).toBe(0);
    const before = performance.now();
    c.awaitRoom(to.writeFd, 20);
    expect(performance.now() - before).toBeGreaterThan(15);
    expect(c.read(to.readFd, bytes, 10_000_000)).toBe(65_536);
    c.awaitRoom(to.writeFd, 600_000);
    expect(c.tee(from.readFd, to.writeFd, 100)).toBe(5);
    closeSync(to.readFd);
    expect(() => c.tee(from.readFd, to.writeFd, 100)).toThrow(
      expect.objectContaining({ code: 'EPIPE', syscall: 'tee' }),
    );
    for (const fd of [from.readFd, from.writeFd, to.writeFd]) closeSync(fd);
  });
});

test('orphans become children of a subreaper, are seen with how they ended, and are reaped once', () => {
  expect(fixtureResult('libc-orphans.ts', [])).toEqual({
    before: null,
    seen: expect.arrayContaining([
      { code: 7, signal: null },
      { code: null, signal: 9 },
    ]),
    after: null,
  });
});

test('a resource limit is read, lowered, and put back', () => {
  const given = c.limit(RLIMIT_LOCKS);
  c.setLimit(RLIMIT_LOCKS, { soft: 123_456_789_012_345_678n, hard: given.hard });
  expect(c.limit(RLIMIT_LOCKS)).toEqual({ soft: 123_456_789_012_345_678n, hard: given.hard });
  c.setLimit(RLIMIT_LOCKS, given);
  expect(c.limit(RLIMIT_LOCKS)).toEqual(given);
  expect(NO_LIMIT).toBe(2n ** 64n - 1n);
  expect(() => c.limit(1000)).toThrow(SystemError);
});

test('one open file has the lock, and another gets it when that one is closed', () => {
  const path = join(scratch(), 'lock');
  const [first, second] = [openSync(path, 'w'), openSync(path, 'w')];
  const lock = (fd: number, start = 100) => c.lockBytes(fd, start, 10);
  expect([lock(first), lock(first), lock(second), lock(second, 109), lock(second, 110)]).toEqual([
    true,
    true,
    false,
    false,
    true,
  ]);
  closeSync(first);
  expect(lock(second)).toBe(true);
  closeSync(second);
  expect(() => lock(second)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'fcntl' }));
});

describe('datagrams', () => {
  test.skipIf(noPython)(`reach a path and an abstract name, with our pid${because(noPython)}`, async () => {
    const folder = scratch();
    for (const where of [join(folder, 'socket'), `@${folder}/abstract`]) {
      const listener = spawn('python3', [fixtureCommand('datagram-socket.py')[1] ?? '', where], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, AW_TEST_FOLDER: folder },
      });
      const lines = createInterface({ input: listener.stdout })[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe('ready');
      c.sendDatagram(where, Buffer.from('READY=1'));
      expect((await lines.next()).value).toBe(`${process.pid} READY=1`);
    }
  });

  test('an address without a listener, or a name that is too long, is a named error', () => {
    const nowhere = join(scratch(), 'nowhere');
    expect(() => c.sendDatagram(nowhere, Buffer.from('x'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => c.sendDatagram(`/${'x'.repeat(107)}`, Buffer.from('x'))).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG' }),
    );
  });
});

test('the kernel says which process connected to a socket', async () => {
  const path = join(scratch(), 'control');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  const client = createConnection(path);
  const [socket] = (await once(server, 'connection')) as [Socket & { _handle: { fd: number } }];
  expect(c.peerOf(socket._handle.fd)).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
  client.destroy();
  socket.destroy();
  server.close();
});

test('a descriptor of a process signals that one, and none after it', async () => {
  const child = spawn('sleep', ['100'], { stdio: 'ignore' });
  const pidFd = c.openProcess(child.pid ?? 0);
  c.signalProcess(pidFd, 15);
  expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  expect(() => c.signalProcess(pidFd, 15)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
  closeSync(pidFd);
  expect(() => c.openProcess(4_194_304)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
});

test('the heap is trimmed', () => {
  expect(c.trimHeap()).toBeUndefined();
});

describe('without node:ffi there are no calls, and the reason is returned', () => {
  const say = (...flags: string[]) => {
    const [node = '', script = ''] = fixtureCommand('libc-or-not.ts');
    return spawnLine(node, [...flags, script]);
  };
  test('--no-experimental-ffi', async () => {
    expect(await say('--no-experimental-ffi')).toMatch(/^none: Node v\d+\.\d+\.\d+ has no node:ffi$/);
  });
  test('--permission', async () => {
    expect(await say('--permission', '--allow-fs-read=*')).toMatch(/^none: Access to this API has been restricted/);
  });
  test('and otherwise there are, without a warning', async () => {
    expect(await say()).toBe('all');
  });
});

async function spawnLine(program: string, args: string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', bytes => (text += bytes));
  child.stderr.on('data', bytes => (text += bytes));
  await once(child, 'close');
  return text.trim();
}
