import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../servers/eventually.ts';
import { type LocalServer, localServer, sendJson } from '../servers/local-server.ts';
import { baseCase, serving, world } from './world.ts';

const provider = { kind: 'openai' } as const;
const fine = { choices: [{ message: { content: 'fine' }, finish_reason: 'stop' }] };

describe('a server in trouble', () => {
  const bad: [string, LocalServer['answer'], string][] = [
    ['hangs', () => {}, 'no answer in 300ms'],
    [
      'never ends its body',
      (_, response) => {
        response.writeHead(200);
        response.write('{"choices":');
      },
      'did not end in time',
    ],
    ['sends garbage', (_, response) => response.end('<html>proxy</html>'), 'not JSON'],
    ['sends an empty 200', (_, response) => response.end(), 'its answer is empty'],
    [
      'sends 10 MB',
      (_, response) => {
        response.write('{"choices":[{"message":{"content":"');
        flood(response, 160);
      },
      'longer than 1M',
    ],
    ['cuts the line', (_, response) => response.socket?.destroy(), 'the connection was cut'],
    [
      'breaks off in the body',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"choices":', () => response.socket?.destroy());
      },
      'is incomplete',
    ],
    [
      'redirects',
      (_, response) => {
        response.writeHead(307, { location: 'http://127.0.0.1:1/elsewhere' });
        response.end();
      },
      'a redirect, which is not followed',
    ],
    ['nests 100,000 brackets', (_, response) => response.end('['.repeat(100_000)), 'not JSON'],
  ];

  test.each(bad)('%s: a failure with its reason, no second call, supervision unharmed', async (_, answer, why) => {
    const server = await serving(answer);
    const timeoutMs = why === 'no answer in 300ms' ? 300 : why === 'did not end in time' ? 2000 : 60_000;
    const { diagnosis } = world({ provider, url: server.url, timeoutMs, env: { OPENAI_API_KEY: 'sk-secret' } });
    expect(await diagnosis.ask(baseCase)).toMatchObject({ failed: expect.stringContaining(why), news: true });
    expect(server.received.length).toBeLessThanOrEqual(1);
  });

  test('an answer that is not HTTP', async () => {
    const server = createServer(socket => {
      socket.on('error', () => {});
      socket.on('data', () => socket.end('220 mail.example ESMTP\r\n'));
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const result = await world({ provider, url: `http://127.0.0.1:${port}` }).diagnosis.ask(baseCase);
    expect(result).toMatchObject({ failed: expect.stringContaining('is not HTTP') });
    await new Promise(resolve => server.close(resolve));
  });

  test('no server listens', async () => {
    const server = await localServer(() => {});
    await server.close();
    const { diagnosis } = world({ provider, url: server.url });
    expect(await diagnosis.ask(baseCase)).toMatchObject({ failed: expect.stringContaining('connection refused') });
  });

  test.each([
    ['3', 3000],
    [undefined, 2000],
    ['60', 60_000],
  ])('429 with retry-after %s is tried once more after that', async (header, waited) => {
    let calls = 0;
    const server = await serving((_, response) => {
      if (calls++ > 0) return sendJson(response, 200, fine);
      sendJson(response, 429, { error: { message: 'slow' } }, header === undefined ? {} : { 'retry-after': header });
    });
    const { diagnosis, waits } = world({ provider, url: server.url });
    expect(await diagnosis.ask(baseCase)).toHaveProperty('text', 'fine');
    expect(waits).toEqual([waited]);
  });

  test('429 with a longer retry-after is left alone', async () => {
    const server = await serving((_, response) => sendJson(response, 429, {}, { 'retry-after': '61' }));
    const { diagnosis, waits } = world({ provider, url: server.url });
    await diagnosis.ask(baseCase);
    expect(waits).toEqual([]);
    expect(server.received).toHaveLength(1);
  });

  test('closing gives up what is under way, and costs no pause', async () => {
    const server = await serving(() => {});
    const { diagnosis, start, state } = world({ provider, url: server.url, timeoutMs: 3_600_000 });
    const asking = diagnosis.ask(baseCase);
    await eventually(() => server.received.length).toBe(1);
    diagnosis.close();
    expect(await asking).toEqual({ failed: 'cancelled because the watcher is stopping', news: false });
    expect(JSON.parse(state.file ?? '{}')).toHaveProperty('pausedUntil', null);
    server.answer = (_, response) => sendJson(response, 200, fine);
    expect(await start().ask(baseCase)).toHaveProperty('text', 'fine');
  });

  test('https goes through the proxy of the environment, in a tunnel: what is sent stays unseen', async () => {
    const seen: string[] = [];
    const proxy = createServer(socket => {
      socket.on('error', () => {});
      socket.on('data', chunk => {
        seen.push(chunk.toString('latin1'));
        socket.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n');
      });
    });
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as { port: number };
    const env = { HTTPS_PROXY: `http://127.0.0.1:${port}`, OPENAI_API_KEY: 'sk-secret' };
    const result = await world({ provider, url: 'https://models.example.com', env }).diagnosis.ask(baseCase);
    expect(result).toHaveProperty('failed');
    expect(seen.join('')).toMatch(/^CONNECT models\.example\.com:443 /);
    expect(seen.join('')).not.toContain('sk-secret');
    await new Promise(resolve => proxy.close(resolve));
  });
});

const floods: NodeJS.Timeout[] = [];
afterEach(() => {
  for (const flood of floods.splice(0)) clearInterval(flood);
});

// 64 KiB at a time, so that the reader has the chance to hang up.
function flood(response: ServerResponse, chunks: number) {
  let left = chunks;
  const timer = setInterval(() => {
    if (left-- > 0 && !response.destroyed) response.write('x'.repeat(65_536));
    else clearInterval(timer);
  }, 1);
  floods.push(timer);
}
