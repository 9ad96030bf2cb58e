import { openSync, writeSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readTreeActivity, tcpSockets } from '../../src/host/socket-table.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

test.each(['127.0.0.1', '::1'])('the counters of connections over %s are those of this process', async host => {
  const server = createServer(socket => socket.write('0123456789'));
  await new Promise<void>(listening => server.listen(0, host, listening));
  const { port } = server.address() as AddressInfo;
  const client: Socket = createConnection(port, host);
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  await new Promise(resolve => client.once('data', resolve));
  const { sockets } = readTreeActivity([process.pid]);
  expect(sockets).toContainEqual(expect.objectContaining({ received: 10 }));
  const shown = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const inodes = new Set(sockets.map(({ inode }) => inode));
  const table = tcpSockets(inodes) ?? [];
  expect(table).toContainEqual(expect.objectContaining({ state: 'ESTABLISHED', peer: shown, receiveQueue: 0 }));
  expect(table).toContainEqual(expect.objectContaining({ state: 'LISTEN', local: shown }));
});

test('CPU time, and a file that is held open for writing, are seen to grow', async () => {
  const path = join(scratch(), 'grows');
  const fd = openSync(path, 'w');
  const before = readTreeActivity([process.pid]);
  expect(before.files).toContainEqual({ name: path, bytes: 0 });
  writeSync(fd, 'twelve bytes');
  const cpu = ({ processes }: typeof before) => processes[0]?.threadsMs ?? 0;
  await until('more CPU time', () => cpu(readTreeActivity([process.pid])) > cpu(before) + 1);
  expect(readTreeActivity([process.pid]).files).toContainEqual({ name: path, bytes: 12 });
});

test('a process that is gone is left out', () => {
  expect(readTreeActivity([2 ** 22 + 1])).toMatchObject({ processes: [], sockets: [], files: [] });
});
