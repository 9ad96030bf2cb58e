import { expect, test } from 'vitest';
import type { Fact } from '../../src/core/events.ts';
import type { Observation } from '../../src/core/health-model.ts';
import type { RunId } from '../../src/core/model.ts';
import { commandToShow, maskReports } from '../../src/supervisor/state-saver.ts';
import { until } from '../support/until.ts';

const known = {
  env: { BOT_TOKEN: 'tell-nobody-1234', HOME: '/home/someone' },
  notifications: { alerts: null, diagnosis: null },
};
const rig = () => {
  const seen: string[] = [];
  const take = maskReports(known, fact => {
    if (fact.type === 'probes-reported')
      for (const { observation } of fact.reports)
        seen.push('why' in observation ? observation.why : 'detail' in observation ? observation.detail : '');
  });
  const tell = (probe: string, observation: Observation) =>
    take({ type: 'probes-reported', runId: 'run' as RunId, reports: [{ probe, observation }] } satisfies Fact);
  return { seen, tell };
};
const said = (detail: string): Observation => ({ kind: 'answer', ok: false, detail, value: null });

test('what quotes nothing is reported at once', () => {
  const { seen, tell } = rig();
  tell('http', said('HTTP 200 in 3ms'));
  expect(seen).toEqual(['HTTP 200 in 3ms']);
});

test('what may quote is cleaned before it is cut, and reports keep their order', async () => {
  const { seen, tell } = rig();
  tell('check', said(`exit 1: ${'x '.repeat(134)}password=Tr0ub4dor&3x, tell-nobody-1234`));
  tell('check', said('exit 0'));
  expect(seen).toEqual([]);
  await until('both came', () => seen.length === 2);
  expect(seen[0]).not.toMatch(/Tr0u|tell/);
  expect(seen[0]?.length).toBeLessThanOrEqual(300);
  expect(seen[1]).toBe('exit 0');
  tell('check', said('exit 1: tell-nobody-1234'));
  expect(seen[2]).toBe('exit 1: [redacted value]');
});

test('the kill condition waits for nothing, and shows no secret either', () => {
  const { seen, tell } = rig();
  const why = 'loss > 5 (loss 9, daily_loss_usd_24h_total 3, note tell-nobody-1234 Xq7rT2vHxK9wBnD3sZp4)';
  tell('kill-when', { kind: 'condition', result: 'tripped', notYet: false, why });
  expect(seen).toEqual(['loss > 5 (loss 9, daily_loss_usd_24h_total 3, note [redacted value] [redacted value])']);
});

test.each([
  [['sh', '-c', 'cd /home/someone'], null],
  [
    ['bot', '--as', 'tell-nobody-1234', 'on'],
    ['bot', '--as', '[redacted value]', 'on'],
  ],
])('the command %j is shown as %j', async (command, shown) => {
  expect(await commandToShow(command, known)).toEqual(shown);
});
