import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { budgetFromText, budgetToText, called, emptyBudget, mayCall, settled } from '../../src/diagnosis/budget.ts';
import { sendJson } from '../servers/local-server.ts';
import { baseCase, serving, world } from './world.ts';

const provider = { kind: 'openai' } as const;
const fine = { choices: [{ message: { content: 'fine' }, finish_reason: 'stop' }] };
const day = 86_400_000;

describe('the budget of calls', () => {
  test('1000 crashes of one fingerprint cost one call, over restarts of the watcher too', async () => {
    const server = await serving((_, response) => sendJson(response, 200, fine));
    const { start } = world({ provider, url: server.url });
    for (let life = 0; life < 10; life++) {
      const diagnosis = start();
      await Promise.all(Array.from({ length: 50 }, () => diagnosis.ask(baseCase)));
      for (let crash = 0; crash < 50; crash++) expect(await diagnosis.ask(baseCase)).toHaveProperty('text', 'fine');
    }
    expect(server.received).toHaveLength(1);
  });

  test('different fingerprints: no more than the limit, whatever happens, then reported once', async () => {
    const server = await serving((_, response) => sendJson(response, 200, fine));
    const { start, state } = world({ provider, url: server.url });
    const news: string[] = [];
    for (let crash = 0; crash < 100; crash++) {
      const result = await start().ask({ ...baseCase, fingerprint: `f${crash}` });
      if ('failed' in result) news.push(result.failed);
    }
    expect(server.received).toHaveLength(20);
    const diagnosis = start();
    const results = [];
    for (let crash = 0; crash < 5; crash++)
      results.push(await diagnosis.ask({ ...baseCase, fingerprint: `g${crash}` }));
    expect(results.map(result => 'news' in result && result.news)).toEqual([true, false, false, false, false]);
    state.now += day;
    expect(await diagnosis.ask({ ...baseCase, fingerprint: 'next day' })).toHaveProperty('text', 'fine');
  });

  test('a retry is paid for too', async () => {
    const server = await serving((_, response) => sendJson(response, 500, {}));
    const { diagnosis, state } = world({ provider, url: server.url, maxCalls: { count: 3, windowMs: day } });
    for (let crash = 0; crash < 5; crash++) {
      await diagnosis.ask({ ...baseCase, fingerprint: `f${crash}` });
      state.now += 16 * 60_000;
    }
    expect(server.received).toHaveLength(3);
  });

  test('after a failed ask not again for 15 min, over a restart too; the reason is news once', async () => {
    const server = await serving((_, response) => sendJson(response, 400, { error: { message: 'bad' } }));
    const { start, diagnosis, state } = world({ provider, url: server.url });
    const said = [];
    for (let crash = 0; crash < 10; crash++) said.push(await diagnosis.ask(baseCase));
    expect(server.received).toHaveLength(1);
    expect(said.filter(result => 'news' in result && result.news)).toHaveLength(1);
    await start().ask(baseCase);
    expect(server.received).toHaveLength(1);
    state.now += 15 * 60_000;
    server.answer = (_, response) => sendJson(response, 200, fine);
    expect(await diagnosis.ask(baseCase)).toHaveProperty('text', 'fine');
  });

  test('a person who asks need not wait for the pause', async () => {
    const server = await serving((_, response) => sendJson(response, 400, {}));
    const { diagnosis } = world({ provider, url: server.url });
    await diagnosis.ask(baseCase);
    await diagnosis.ask(baseCase, true);
    expect(server.received).toHaveLength(2);
  });

  test('a state that cannot be written does not make calls free of charge', async () => {
    const server = await serving((_, response) => sendJson(response, 200, fine));
    const { diagnosis, state } = world({ provider, url: server.url, maxCalls: { count: 2, windowMs: day } });
    state.full = true;
    for (let crash = 0; crash < 5; crash++) await diagnosis.ask({ ...baseCase, fingerprint: `f${crash}` });
    expect(server.received).toHaveLength(2);
  });

  test('one at a time; a storm is turned away', async () => {
    let open = 0;
    let most = 0;
    const server = await serving((_, response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        sendJson(response, 200, fine);
      }, 20);
    });
    const { diagnosis } = world({ provider, url: server.url });
    const all = Array.from({ length: 12 }, (_, crash) => diagnosis.ask({ ...baseCase, fingerprint: `f${crash}` }));
    const results = await Promise.all(all);
    expect(most).toBe(1);
    expect(results.filter(result => 'text' in result)).toHaveLength(5);
    expect(results.at(-1)).toMatchObject({ failed: expect.stringContaining('busy') });
  });

  test('another model has not answered yet', async () => {
    const server = await serving((_, response) => sendJson(response, 200, fine));
    const first = world({ provider, url: server.url, model: 'a' });
    await first.diagnosis.ask(baseCase);
    const second = world({ provider, url: server.url, model: 'b' });
    second.state.file = first.state.file;
    await second.diagnosis.ask(baseCase);
    expect(server.received).toHaveLength(2);
  });

  test.each([null, '', '{', 'null', '[]', '{"v":2}', '\0\0'])('a file of %j is no state', text => {
    expect(budgetFromText(text)).toBeNull();
  });

  test('a file with wrong entries loses only those', () => {
    const text = JSON.stringify({ v: 1, calls: [1, 'x', null, 2], answers: [{ asked: 1 }, 7], pausedUntil: 'never' });
    expect(budgetFromText(text)).toEqual({ calls: [1, 2], answers: [], pausedUntil: null });
  });

  test('in no window of its length are more calls than allowed, and a clock that jumps frees itself in one window', () => {
    const limit = { count: 3, windowMs: 1000 };
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 60 }), steps => {
        let now = 0;
        let state = emptyBudget;
        const made: number[] = [];
        for (const step of steps) {
          now += step;
          state = settled(state, now, limit);
          if (!mayCall(state, limit)) continue;
          state = budgetFromText(budgetToText(called(state, now))) ?? emptyBudget;
          made.push(now);
        }
        for (const at of made)
          expect(made.filter(other => other > at - 1000 && other <= at).length).toBeLessThanOrEqual(3);
      }),
    );
    const ahead = { ...emptyBudget, calls: [9e12, 9e12, 9e12], pausedUntil: 9e12 };
    const back = settled(ahead, 1000, limit);
    expect(mayCall(back, limit)).toBe(false);
    expect(mayCall(settled(back, 2001, limit), limit)).toBe(true);
    expect(settled(back, 1000 + 15 * 60_000, limit).pausedUntil).toBeNull();
  });
});
