import { afterEach, describe, expect, test } from 'vitest';
import { type Ask, exchange } from '../../src/host/http-exchange.ts';
import { type LocalServer, localServer } from '../servers/local-server.ts';

const servers: LocalServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map(server => server.close()));
});

async function ask(answer: LocalServer['answer'], more: Partial<Ask> = {}) {
  const server = await localServer(answer);
  servers.push(server);
  const url = new URL(server.url);
  const whole: Ask = {
    url,
    method: 'GET',
    headers: {},
    body: null,
    timeLimitMs: 60_000,
    answerLimitBytes: 100,
    abort: null,
    proxyEnv: null,
    ...more,
  };
  return exchange(whole);
}

describe('one exchange', () => {
  test('a status line is an answer, though its body never ends', async () => {
    const end = await ask(
      (_, response) => {
        response.writeHead(202);
        response.write('begun');
      },
      { timeLimitMs: 2000 },
    );
    expect(end).toMatchObject({ kind: 'answered', status: 202, body: 'begun', cut: 'time' });
  });

  test('a body beyond the limit is cut there', async () => {
    const end = await ask((_, response) => response.end('x'.repeat(1000)));
    expect(end).toMatchObject({ kind: 'answered', cut: 'size', body: 'x'.repeat(100) });
  });

  test('a redirect is an answer and not followed', async () => {
    const end = await ask((_, response) => {
      response.writeHead(302, { location: '/elsewhere' });
      response.end();
    });
    expect(end).toMatchObject({ kind: 'answered', status: 302 });
    expect(servers[0]?.received).toHaveLength(1);
  });

  test('silence ends at the limit, an abort at once', async () => {
    expect(await ask(() => {}, { timeLimitMs: 300 })).toMatchObject({ fault: 'time', why: 'no answer in 300ms' });
    const abort = new AbortController();
    const asking = ask(() => abort.abort(), { abort: abort.signal, timeLimitMs: 60_000 });
    expect(await asking).toMatchObject({ kind: 'unanswered', fault: 'aborted' });
    expect(await ask(() => {}, { abort: abort.signal })).toMatchObject({ fault: 'aborted' });
  });

  test('the error is described without the address', async () => {
    const nobody = await localServer(() => {});
    await nobody.close();
    const refused = await ask(() => {}, { url: new URL(`${nobody.url}/secret`) });
    expect(refused).toEqual({ kind: 'unanswered', fault: 'network', why: 'connection refused (ECONNREFUSED)' });
    const unknown = await ask(() => {}, { url: new URL('http://nowhere.invalid/secret'), timeLimitMs: 5000 });
    expect(unknown).toMatchObject({ kind: 'unanswered', why: expect.stringMatching(/^(?:its host name|no answer)/) });
    expect(await ask(() => {}, { headers: { 'x-bad': 'a\nb' } })).toMatchObject({ fault: 'network' });
  });
});
