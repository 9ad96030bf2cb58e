import { describe, expect, test } from 'vitest';
import { createHeartbeat, speaksHealthchecks } from '../../src/alerts/send.ts';
import { eventually } from '../servers/eventually.ts';
import type { LocalServer } from '../servers/local-server.ts';
import { Clock, serving } from './world.ts';

const uuid = '/ping/11111111-2222-3333-4444-555555555555';
const ok: LocalServer['answer'] = (_, response) => response.end('OK');

function beating(url: string) {
  const clock = new Clock();
  const said: string[] = [];
  const heartbeat = createHeartbeat(
    { url: new URL(url), intervalMs: 30_000, env: {} },
    { after: clock.after, say: line => said.push(line) },
  );
  return { clock, said, heartbeat };
}

describe('the heartbeat', () => {
  test('start, a ping at once and at each interval while well, the exit code at a crash', async () => {
    const server = await serving(ok);
    const { clock, heartbeat, said } = beating(server.url + uuid);
    const paths = () => server.received.map(request => request.path.replace(uuid, ''));
    /** So many pings were answered, so many timers are armed: the beat's, and the one that keeps pings apart. */
    const settled = (pings: string[], timers: number) =>
      eventually(() => [paths(), clock.timers.length]).toEqual([pings, timers]);
    heartbeat.started();
    heartbeat.well(true);
    await settled(['/start'], 2);
    clock.advance(1000);
    await settled(['/start', ''], 2);
    clock.advance(29_000);
    await settled(['/start', '', ''], 2);
    clock.advance(1000);
    heartbeat.ended('crashed', 3);
    await settled(['/start', '', '', '/3'], 1);
    clock.advance(300_000);
    heartbeat.ended('crashed', null);
    await settled(['/start', '', '', '/3', '/fail'], 1);
    clock.advance(1000);
    heartbeat.ended('asked', 143);
    heartbeat.ended('succeeded', 0);
    await settled(['/start', '', '', '/3', '/fail', ''], 1);
    expect(said).toEqual([]);
    heartbeat.close();
  });

  test('unhealthy is silence', async () => {
    const server = await serving(ok);
    const { clock, heartbeat } = beating(server.url + uuid);
    heartbeat.well(true);
    await eventually(() => clock.timers.length).toBe(2);
    heartbeat.well(false);
    clock.advance(600_000);
    expect(clock.timers).toEqual([]);
    expect(server.received).toHaveLength(1);
  });

  test('another address gets plain GETs, with its query, and only while well', async () => {
    const server = await serving(ok);
    const { clock, heartbeat } = beating(`${server.url}/api/push/KEY/?status=up`);
    heartbeat.started();
    heartbeat.well(true);
    await eventually(() => clock.timers.length).toBe(2);
    heartbeat.ended('crashed', 1);
    clock.advance(60_000);
    expect(server.received).toMatchObject([{ method: 'GET', path: '/api/push/KEY/?status=up' }]);
  });

  test('an unreachable heartbeat is reported once, without its address, and so is its return', async () => {
    const server = await serving((_, response) => {
      response.writeHead(404);
      response.end();
    });
    const { clock, heartbeat, said } = beating(server.url + uuid);
    heartbeat.well(true);
    for (let round = 1; round <= 3; round++) {
      await eventually(() => [server.received.length, clock.timers.length]).toEqual([round, 2]);
      if (round === 3) server.answer = ok;
      clock.advance(30_000);
    }
    await eventually(() => said).toEqual([
      `heartbeat to ${server.host} failed: it answered 404; next in 30s`,
      `heartbeat to ${server.host} is back`,
    ]);
  });

  test('a crash loop is no flood: one at a time, a second apart, the latest word wins', async () => {
    const server = await serving(ok);
    const { clock, heartbeat } = beating(server.url + uuid);
    for (let crash = 0; crash < 200; crash++) {
      heartbeat.started();
      heartbeat.ended('crashed', 7);
    }
    for (let round = 1; round <= 3; round++) {
      await eventually(() => [server.received.length, clock.timers.length]).toEqual([round, 1]);
      clock.advance(1000);
    }
    expect(server.received.map(request => request.path.replace(uuid, ''))).toEqual(['/start', '/start', '/7']);
  });

  test('which addresses speak the convention', () => {
    for (const url of [
      'https://hc-ping.com/KEY/slug',
      `https://hc.example.org${uuid}`,
      `https://hc.example.org${uuid}/`,
    ])
      expect(speaksHealthchecks(new URL(url))).toBe(true);
    for (const url of ['https://example.org/hc-ping.com', 'https://uptime.example/api/push/x'])
      expect(speaksHealthchecks(new URL(url))).toBe(false);
  });
});
