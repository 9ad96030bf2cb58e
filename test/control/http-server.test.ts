import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openHttpServer } from '../../src/control/http-server.ts';
import { deadPort } from '../servers/serving.ts';
import { until } from '../support/until.ts';

const views = { ready: () => true, status: () => '[]', metrics: async () => ({ type: 'text/plain', text: '' }) };

async function listen(token: string | null = null): Promise<number> {
  const port = await deadPort();
  const server = await openHttpServer({ host: '127.0.0.1', port, token }, views);
  if (typeof server === 'string') throw new Error(server);
  onTestFinished(() => server.close());
  return port;
}

function get(port: number, path: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, path, headers: { host }, agent: false }, answer => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('error', reject).end();
  });
}

async function dial(port: number): Promise<{ socket: Socket; said: () => string; closed: () => boolean }> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let said = '';
  socket.on('data', bytes => {
    said += bytes;
  });
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  return { socket, said: () => said, closed: () => socket.closed };
}

describe('the host name that a caller names', () => {
  test.each(['localhost', '127.0.0.1:8080', '[::1]:80', '127.1.2.3'])('%s is served on loopback', async host => {
    expect(await get(await listen(), '/status', host)).toBe(200);
  });

  test('any other is not, but for whether we live', async () => {
    const port = await listen();
    for (const host of ['rebound.example', 'localhost.example', '10.0.0.1'])
      expect(await get(port, '/status', host)).toBe(421);
    expect(await get(port, '/livez', 'rebound.example')).toBe(200);
  });

  test('does not matter where a token is needed', async () => {
    expect(await get(await listen('a-token'), '/readyz', 'service.example')).toBe(200);
  });
});

describe('callers without manners', () => {
  test('that connect and say nothing keep nobody out', async () => {
    const port = await listen();
    const silent = await Promise.all(Array.from({ length: 80 }, () => dial(port)));
    expect(await get(port, '/livez', 'localhost')).toBe(200);
    await until('the oldest have gone', () => silent.filter(({ closed }) => closed()).length >= 64);
  });

  test('that send the next request before the answer to the last are cut off', async () => {
    const port = await listen();
    const { socket, closed } = await dial(port);
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1000));
    await until('the connection is closed', closed);
    expect(await get(port, '/livez', 'localhost')).toBe(200);
  });

  test('that wait for an answer first may ask again on the same connection', async () => {
    const { socket, said } = await dial(await listen());
    for (const count of [1, 2]) {
      socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await until(`answer ${count}`, () => said().split('200 OK').length === count + 1);
    }
  });
});
