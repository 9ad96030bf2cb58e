import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type HttpViews, openHttpServer, type View } from '../../src/control/http-server.ts';
import { deadPort } from '../servers/serving.ts';
import { until } from '../support/until.ts';

const view: View = { audience: 'readers', reply: () => ({ code: 200, type: 'text/plain', text: 'seen' }) };
const all: Readonly<Record<string, View>> = {
  '/status': view,
  '/metrics': view,
  '/page': { ...view, audience: 'everybody' },
  '/own': { ...view, audience: 'owner' },
};
const views: HttpViews = { ready: () => true, view: path => all[path] ?? null, paths: '/status' };

async function listen(token: string | null = null, host = '127.0.0.1'): Promise<number> {
  const port = await deadPort();
  const server = await openHttpServer({ host, port, token }, views);
  if (typeof server === 'string') throw new Error(server);
  onTestFinished(() => server.close());
  return port;
}

function get(port: number, path: string, host: string, to = '127.0.0.1'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: to, port, path, headers: { host }, agent: false }, answer => {
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
  test('that connect and say nothing keep no other out', async () => {
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

  test('that send their request a letter at a time are cut off in time', async () => {
    const { socket, closed } = await dial(await listen());
    const letters = setInterval(() => socket.writable && socket.write('x'), 200);
    onTestFinished(() => clearInterval(letters));
    socket.write('GET /status HTTP/1.1\r\nHost: localhost\r\nX: ');
    await until('the connection is closed', closed);
  });

  test('that wait for an answer first may ask again on the same connection', async () => {
    const { socket, said } = await dial(await listen());
    for (const count of [1, 2]) {
      socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await until(`answer ${count}`, () => said().split('200 OK').length === count + 1);
    }
  });
});

describe('what is not for everybody', () => {
  test('needs the token where there is one, which a page that holds nothing does not', async () => {
    const port = await listen('a-token');
    expect(await get(port, '/page', 'anything.example')).toBe(200);
    for (const path of ['/own', '/status', '/nothing']) expect(await get(port, path, 'anything.example')).toBe(401);
  });

  test('is answered to programs of our own user without one', async () => {
    const port = await listen();
    expect(await get(port, '/own', 'localhost')).toBe(200);
    expect(await get(port, '/page', 'rebound.example')).toBe(421);
  });

  test('knows them by IPv4, by IPv6, and by IPv4 to a socket of IPv6', async () => {
    const port = await listen(null, '::');
    for (const to of ['127.0.0.1', '::1']) expect(await get(port, '/own', 'localhost', to)).toBe(200);
  });

  test.skipIf(process.getuid?.() !== 0)('is refused to other users of the machine (needs root)', async () => {
    const port = await listen();
    const ask = async (path: string) => {
      const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; printf 'GET ${path} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3`;
      const strangers = ['--reuid=65534', '--regid=65534', '--clear-groups', 'bash', '-c', script];
      return (await promisify(execFile)('setpriv', strangers)).stdout;
    };
    expect(await ask('/own')).toMatch(
      /^HTTP\/1.1 403 [\s\S]*only for user 0 and root; for others, use --listen-token-file\n/,
    );
    expect(await ask('/status')).toMatch(/^HTTP\/1.1 200 [\s\S]*\nseen/);
  });
});
