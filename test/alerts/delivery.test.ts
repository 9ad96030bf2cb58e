import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Alert } from '../../src/alerts/alert.ts';
import type { Format } from '../../src/alerts/formats.ts';
import { eventually } from '../servers/eventually.ts';
import { type LocalServer, localServer, sendJson } from '../servers/local-server.ts';
import { cpuMsFor } from '../support/processes.ts';
import { eventOf, serving, world } from './world.ts';

const ok: LocalServer['answer'] = (_, response) => response.end('ok');
const secretPath = '/services/T0/B0/geheim';
const kept = (file: string | null) => (JSON.parse(file ?? '{"queue":[]}') as { queue: { alert: Alert }[] }).queue;
/** Something of another cause each time, so that no cooldown folds it. */
const fresh = (cause: string) => eventOf('unhealthy', { cause, probe: { name: cause, message: null } });

let folder = '';
afterEach(() => {
  if (folder !== '') rmSync(folder, { recursive: true });
  folder = '';
});
const inFolder = (name: string) => {
  folder ||= mkdtempSync(join(tmpdir(), 'agent-watch-alerts-'));
  return join(folder, name);
};

describe('webhooks', () => {
  test.each<[Format, number, string, (body: unknown) => unknown]>([
    ['slack', 200, 'application/json; charset=utf-8', body => (body as { text: string }).text],
    ['discord', 204, 'application/json; charset=utf-8', body => (body as { content: string }).content],
    ['generic', 202, 'application/json; charset=utf-8', body => (body as { text: string }).text],
  ])('%s, answering %i', async (format, status, type, textOf) => {
    const server = await serving((_, response) => {
      response.writeHead(status);
      response.end();
    });
    const { alerts, disk, said } = world({ webhooks: [server.url + secretPath], format });
    alerts.raise(eventOf('crash', { exit: { code: 1, signal: null }, tail: ['last words'] }));
    await eventually(() => server.received.length).toBe(1);
    const [request] = server.received;
    expect(request).toMatchObject({ method: 'POST', path: secretPath, headers: { 'content-type': type } });
    expect(textOf(request?.json)).toContain('crashed (exit code 1)');
    expect(request?.body).toContain('last words');
    await eventually(() => kept(disk.file)).toEqual([]);
    expect(said).toEqual([]);
  });

  test('ntfy, with its headers and a token', async () => {
    const server = await serving((_, response) => sendJson(response, 200, { id: 'x' }));
    const url = `${server.url.replace('://', '://:tk_x@')}/topic`;
    const { alerts } = world({ webhooks: [url], format: 'ntfy' });
    alerts.raise(eventOf('hold', { reason: 'daily loss 12 > 10 – ungewöhnlich' }));
    await eventually(() => server.received.length).toBe(1);
    const [request] = server.received;
    expect(request).toMatchObject({ path: '/topic', headers: { title: 'my_agent is held', priority: '5' } });
    expect(request?.headers.authorization).toBe(`Basic ${Buffer.from(':tk_x').toString('base64')}`);
    expect(request?.body).toContain('ungewöhnlich');
  });

  test('raise returns at once even if the receiver never answers', async () => {
    const server = await serving(() => {});
    const { alerts } = world({ webhooks: [server.url] });
    const raise = () => {
      for (let index = 0; index < 1000; index++) alerts.raise(fresh(`p${index}`));
    };
    expect(cpuMsFor(raise)).toBeLessThan(500);
    await eventually(() => server.received.length).toBe(1);
  });

  test.each([401, 403, 404, 405, 410, 302])(
    '%i is a dead hook: said once, one try an hour, and all that was kept once it lives',
    async status => {
      const server = await serving((_, response) => sendJson(response, status, {}));
      const { alerts, clock, said, disk } = world({ webhooks: [server.url + secretPath] });
      alerts.raise(fresh('a'));
      await eventually(() => said.length).toBe(1);
      expect(said[0]).toContain(`${server.host} stop: it answered ${status}`);
      expect(said[0]).not.toContain('geheim');
      alerts.raise(fresh('b'));
      clock.advance(3_600_000 - 1);
      expect(server.received).toHaveLength(1);
      clock.advance(1);
      await eventually(() => server.received.length).toBe(2);
      await eventually(() => clock.timers.length).toBe(1);
      expect(kept(disk.file)).toHaveLength(2);
      expect(disk.file).not.toContain('geheim');
      server.answer = ok;
      clock.advance(3_600_000);
      await eventually(() => said.length).toBe(2);
      expect(said[1]).toContain('are delivered again');
      await eventually(() => clock.timers.length).toBe(1);
      clock.advance(1000);
      await eventually(() => server.received.length).toBe(4);
      await alerts.close(100);
    },
  );

  test.each<[string, number, Record<string, string>, unknown, number]>([
    ['429 with retry-after', 429, { 'retry-after': '120' }, {}, 120_000],
    ['429 of Discord', 429, {}, { message: 'rate limited', retry_after: 64.5, global: false }, 64_500],
    ['429 with neither', 429, {}, {}, 5000],
    ['500', 500, {}, {}, 5000],
    ['429 with a day', 429, { 'retry-after': '86400' }, {}, 3_600_000],
  ])('%s: tried again after that, not before', async (_, status, headers, body, waitMs) => {
    const server = await serving((_request, response) => sendJson(response, status, body, headers));
    const { alerts, clock, said, disk } = world({ webhooks: [server.url] });
    alerts.raise(fresh('a'));
    await eventually(() => said.length).toBe(1);
    server.answer = ok;
    clock.advance(waitMs - 1);
    expect(clock.timers.length).toBe(1);
    clock.advance(1);
    await eventually(() => said.length).toBe(2);
    expect(said[1]).toContain('delivered again');
    expect(server.received).toHaveLength(2);
    expect(kept(disk.file)).toEqual([]);
  });

  test('three tries with growing waits, then now and then; nothing is lost', async () => {
    const server = await serving((_, response) => sendJson(response, 503, {}));
    const { alerts, clock } = world({ webhooks: [server.url] });
    alerts.raise(fresh('a'));
    for (const [tries, waitMs] of [5000, 30_000, 300_000, 900_000, 1_800_000, 1_800_000].entries()) {
      await eventually(() => clock.timers.map(timer => timer.at - clock.now)).toEqual([waitMs]);
      expect(server.received).toHaveLength(tries + 1);
      clock.advance(waitMs);
    }
    await eventually(() => server.received.length).toBe(7);
    const ids = server.received.map(request => (request.json as Alert).id);
    expect(new Set(ids).size).toBe(1);
  });

  test('a new alert is worth a try, though an older one waits for its time', async () => {
    const server = await serving((_, response) => sendJson(response, 503, {}));
    const { alerts, clock, said } = world({ webhooks: [server.url] });
    alerts.raise(fresh('a'));
    await eventually(() => said.length).toBe(1);
    clock.advance(5000);
    await eventually(() => clock.timers.length).toBe(1);
    server.answer = ok;
    clock.advance(6000);
    alerts.raise(fresh('b'));
    await eventually(() => server.received.length).toBe(3);
    await eventually(() => clock.timers.length).toBe(1);
    clock.advance(1000);
    await eventually(() => server.received.length).toBe(4);
    expect(server.received.slice(2).map(request => (request.json as Alert).probe?.name)).toEqual(['a', 'b']);
  });

  test('a dead webhook loses no alert once it is back, over lives of the watcher and more than the queue holds', async () => {
    const gone = await localServer(() => {});
    const { port } = gone;
    await gone.close();
    const { clock, disk, start, alerts } = world({ webhooks: [`http://127.0.0.1:${port}/x`] });
    let life = alerts;
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 15; index++) life.raise(fresh(`p${round}-${index}`));
      await life.close(200);
      expect(kept(disk.file).length).toBeLessThanOrEqual(20);
      life = start();
    }
    const back = await localServer(ok, port);
    try {
      for (let index = 0; index < 25; index++) {
        clock.advance(1000);
        await eventually(() => kept(disk.file).length < 20 - index || kept(disk.file).length === 0).toBe(true);
      }
      expect(kept(disk.file)).toEqual([]);
      const told = back.received.map(request => request.body).join('\n');
      for (let round = 0; round < 3; round++)
        for (let index = 0; index < 15; index++) expect(told).toContain(`(p${round}-${index})`);
      expect(back.received).toHaveLength(20);
    } finally {
      await back.close();
    }
  });

  test('an alert that is refused is sent with less, then given up: it blocks no other', async () => {
    const server = await serving((request, response) => {
      const { probe } = request.json as Alert;
      sendJson(response, probe?.name === 'bad' ? 400 : 200, {});
    });
    const { alerts, clock, said, disk } = world({ webhooks: [server.url] });
    alerts.raise({ ...fresh('bad'), tail: ['a log'] });
    alerts.raise(fresh('good'));
    for (const waitMs of [5000, 30_000]) {
      await eventually(() => clock.timers.map(timer => timer.at - clock.now)).toEqual([waitMs]);
      clock.advance(waitMs);
    }
    await eventually(() => server.received.length).toBe(4);
    expect(server.received.map(request => (request.json as Alert).tail.length)).toEqual([1, 0, 0, 0]);
    await eventually(() => said.length).toBe(3);
    expect(said[1]).toMatch(/given up: it answered 400 3 times\. It was: my_agent is unhealthy/);
    await eventually(() => kept(disk.file)).toEqual([]);
  });

  test.each<[string, LocalServer['answer']]>([
    ['10 MB', (_, response) => response.end('x'.repeat(10_000_000))],
    ['garbage', (_, response) => response.end('<html>')],
    ['nothing', (_, response) => response.end()],
  ])('a 200 with %s is a delivery', async (_, answer) => {
    const server = await serving(answer);
    const { alerts, disk } = world({ webhooks: [server.url] });
    alerts.raise(fresh('a'));
    await alerts.close(500);
    expect(server.received).toHaveLength(1);
    expect(kept(disk.file)).toEqual([]);
  });

  test('a stop waits its time at most, and keeps what is on its way', async () => {
    const server = await serving(() => {});
    const { alerts, clock, disk, start } = world({ webhooks: [server.url] });
    alerts.raise(eventOf('stop'));
    const closing = alerts.close(500);
    await eventually(() => server.received.length).toBe(1);
    clock.advance(500);
    await closing;
    expect(kept(disk.file)).toHaveLength(1);
    server.answer = ok;
    start();
    clock.advance(1000);
    await eventually(() => server.received.length).toBe(2);
    await eventually(() => kept(disk.file)).toEqual([]);
  });

  test('a stop delivers what can be delivered', async () => {
    const server = await serving(ok);
    const { alerts, disk } = world({ webhooks: [server.url] });
    for (const cause of ['a', 'b', 'c']) alerts.raise(fresh(cause));
    alerts.raise(eventOf('stop'));
    await alerts.close(500);
    expect(server.received).toHaveLength(4);
    expect(kept(disk.file)).toEqual([]);
  });

  test('a queue that cannot be saved is reported once, and its alerts are sent', async () => {
    const server = await serving(ok);
    const { alerts, disk, said, clock } = world({ webhooks: [server.url] });
    disk.full = true;
    alerts.raise(fresh('a'));
    alerts.raise(fresh('b'));
    await eventually(() => clock.timers.length).toBeGreaterThan(0);
    clock.advance(1000);
    await eventually(() => server.received.length).toBe(2);
    expect(said).toEqual(['the queue of alerts could not be saved: ENOSPC: no space left on device']);
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"v":1}',
    '{"v":1,"queue":[{"id":1}],"cooldown":{"slots":[null],"told":7}}',
    '\0',
  ])('a queue file of %j stops nothing', async text => {
    const server = await serving(ok);
    const { start, disk } = world({ webhooks: [server.url] });
    disk.file = text;
    start().raise(fresh('a'));
    await eventually(() => server.received.length).toBe(1);
  });

  test('only the kinds that were asked for are sent, and the cooldown outlives the watcher', async () => {
    const server = await serving(ok);
    const { alerts, clock, start } = world({ webhooks: [server.url], on: ['flap'] });
    alerts.raise(eventOf('crash'));
    alerts.raise(eventOf('flap'));
    await alerts.close(500);
    expect(server.received).toHaveLength(1);
    const second = start();
    second.raise(eventOf('flap'));
    await second.close(500);
    expect(server.received).toHaveLength(1);
    const third = start();
    clock.advance(900_000);
    await eventually(() => server.received.length).toBe(2);
    expect((server.received[1]!.json as Alert).text).toContain('1 more time');
    await third.close(500);
  });
});

describe('commands and files', () => {
  test('a command gets the alert as JSON, and nothing of it on its line', async () => {
    const out = inFolder('out');
    const { alerts, disk } = world({
      commands: [`cat > ${out}; tr '\\0' ' ' < /proc/$$/cmdline > ${out}.line`],
      env: { PATH: process.env['PATH'] },
    });
    alerts.raise(eventOf('crash', { tail: ['$(touch pwned)', '`id`', '"""'], reason: '$(touch pwned)' }));
    await eventually(() => existsSync(`${out}.line`) && kept(disk.file).length === 0).toBe(true);
    expect(JSON.parse(readFileSync(out, 'utf8'))).toMatchObject({
      event: 'crash',
      tail: ['$(touch pwned)', '`id`', '"""'],
    });
    expect(readFileSync(`${out}.line`, 'utf8')).not.toContain('pwned');
    expect(existsSync(inFolder('pwned'))).toBe(false);
  });

  test('a command that fails is tried again', async () => {
    const out = inFolder('out');
    const command = `test -e ${out} || { touch ${out}; exit 3; }; cat > ${out}`;
    const { alerts, clock, said } = world({ commands: [command], env: { PATH: process.env['PATH'] } });
    alerts.raise(fresh('a'));
    await eventually(() => said.length).toBe(1);
    expect(said[0]).toBe('alert to the alert command failed: it ended with 3; it is kept and tried again in 5s');
    clock.advance(5000);
    await eventually(() => said.length).toBe(2);
    expect(JSON.parse(readFileSync(out, 'utf8'))).toHaveProperty('event', 'unhealthy');
  });

  test('a file is appended to, 0600, with nothing that steers a terminal', async () => {
    const path = inFolder('alerts.txt');
    const { alerts, disk } = world({ files: [path] });
    alerts.raise(eventOf('crash', { tail: ['\u001b[2Jwords', 'more'], incidentId: 'i1' }));
    alerts.raise(fresh('a'));
    await eventually(() => existsSync(path) && kept(disk.file).length === 0).toBe(true);
    const text = readFileSync(path, 'utf8');
    expect(text.split('\n')).toEqual([
      '2026-11-01T03:00:00.000Z my_agent crashed',
      '    agent-watch incidents show i1',
      expect.stringMatching(/^ {4}on box, 2026-1[01]-[\d]+ [\d:]{8} UTC/),
      '    | [2Jwords',
      '    | more',
      '2026-11-01T03:00:00.000Z my_agent is unhealthy (a)',
      '    agent-watch status my_agent',
      expect.stringMatching(/^ {4}on box, /),
      '',
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('a file that cannot be written is a failure like any other', async () => {
    const { alerts, said } = world({ files: ['/nonexistent/alerts.txt'] });
    alerts.raise(fresh('a'));
    await eventually(() => said).toEqual([
      'alert to /nonexistent/alerts.txt failed: ENOENT: no such file or directory; it is kept and tried again in 5s',
    ]);
  });
});
