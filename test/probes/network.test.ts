import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createPlainServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { httpProbe, portProbe } from '../../src/probes/polled-probes.ts';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { ask, spec, world } from './rig.ts';

const openssl = missing('openssl', 'version');

function closing(server: Server | ReturnType<typeof createPlainServer>): void {
  onTestFinished(
    () =>
      new Promise<void>(resolve => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  );
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  closing(server);
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
}

const http = (url: string, expect: RegExp | null = null, timeoutMs = 60_000, caFile: string | null = null) =>
  httpProbe(spec({ kind: 'http', url, expect, timeoutMs, caFile }), world);

describe('--http', () => {
  test.each([
    ['lines that end with a bare line feed', 'HTTP/1.1 200 OK\n\nok\n'],
    ['two equal lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok'],
    ['20 KB of headers', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}\r\nContent-Length: 2\r\n\r\nok`],
  ])('%s are an answer, as they are for curl', async (_what, text) => {
    const server = createPlainServer(socket => {
      socket.on('error', () => socket.destroy());
      socket.once('data', () => socket.end(text));
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    closing(server);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    expect(await ask(http(url, /^ok/))).toMatchObject({ ok: true });
  });

  test.skipIf(openssl !== null)(
    `a certificate is believed by an authority of one's own${because(openssl)}`,
    async () => {
      const folder = scratch();
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
      const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert];
      execFileSync('openssl', [...made, ...names], { stdio: 'ignore' });
      const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) => {
        response.end('ok');
      });
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
      closing(server);
      const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      expect(await ask(http(url, null, 5000))).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/SELF_SIGNED/),
      });
      expect(await ask(http(url, /ok/, 5000, cert))).toMatchObject({ ok: true });
      expect(await ask(http(url, null, 5000, join(folder, 'none.pem')))).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/none\.pem cannot be read: ENOENT/),
      });
    },
  );

  test('localhost is both of its addresses, whatever the hosts file says', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const server = createServer((_request, response) => void response.end());
      await new Promise<void>(resolve => server.listen(0, host, resolve));
      closing(server);
      const url = `http://localhost:${(server.address() as AddressInfo).port}/`;
      expect(await ask(http(url, null, 2000))).toMatchObject({ ok: true });
    }
  });

  test.each([
    ['200', 200, 'fine', null, true, /^HTTP 200 in [\d.]+m?s$/],
    ['204', 204, '', null, true, /^HTTP 204/],
    ['500', 500, '', null, false, /^HTTP 500$/],
    ['a redirect is no 2xx', 302, '', null, false, /^HTTP 302$/],
    ['the body matches', 200, '{"status":"ok"}', /"status":"ok"/, true, /the body matches$/],
    ['the body does not', 200, '{"status":"degraded"}', /"status":"ok"/, false, /does not match/],
    ['far behind in one line', 200, `${'x'.repeat(60_000)}"status":"ok"`, /"status":"ok"/, true, /the body matches$/],
    ['anchors mean lines too', 200, 'a\nok\nb', /^ok$/, true, /the body matches$/],
  ] as const)('%s', async (_name, status, body, expected, ok, detail) => {
    const url = await serve((_request, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body);
    });
    expect(await ask(http(url, expected))).toMatchObject({ kind: 'answer', ok, detail: expect.stringMatching(detail) });
  });

  test('a server that accepts and never answers', async () => {
    const url = await serve(() => {});
    expect(await ask(http(url, null, 300))).toMatchObject({ ok: false, detail: 'no answer in 300ms' });
  });

  test('a body that never ends hits the timeout', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect(await ask(http(url, /ok/, 2000))).toMatchObject({
      ok: false,
      detail: 'HTTP 200, but its body did not end in 2s',
    });
  });

  test('of an endless flood 64 KiB are looked at', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200);
      response.write(`${'x'.repeat(70_000)}ok`);
    });
    expect(await ask(http(url, /ok/))).toMatchObject({
      ok: false,
      detail: 'HTTP 200, but the body does not match /ok/',
    });
  });

  test('no server listens', async () => {
    expect(await ask(http('http://127.0.0.1:1/'))).toMatchObject({
      ok: false,
      detail: expect.stringContaining('refused'),
    });
  });

  test('when the run ends, it is given up and proves nothing', async () => {
    const url = await serve(() => {});
    const over = new AbortController();
    const asked = ask(http(url, null, 60_000), over.signal);
    over.abort();
    expect(await asked).toMatchObject({ kind: 'none' });
  });
});

describe('--port', () => {
  const port = (host: string, number: number) =>
    portProbe(spec({ kind: 'port', host, port: number, timeoutMs: 60_000 }), world);
  async function listen(host: string): Promise<number> {
    const server = createPlainServer(socket => socket.destroy());
    await new Promise<void>(resolve => server.listen(0, host, resolve));
    closing(server);
    return (server.address() as AddressInfo).port;
  }

  test.each(['127.0.0.1', '::1'])('what listens on %s is found without a host', async host => {
    expect(await ask(port('127.0.0.1', await listen(host)))).toMatchObject({ ok: true });
  });

  test('an address of its own', async () => {
    expect(await ask(port('::1', await listen('::1')))).toMatchObject({ ok: true });
    expect(await ask(port('::1', await listen('127.0.0.1')))).toMatchObject({
      ok: false,
      detail: 'connection refused',
    });
  });

  test('a closed socket is noticed', async () => {
    expect(await ask(port('127.0.0.1', 1))).toEqual({
      kind: 'answer',
      ok: false,
      detail: 'connection refused',
      value: null,
    });
  });
});
