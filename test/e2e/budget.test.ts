import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Incident } from '../../src/incidents/incident.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

const result = (cost: number) => `printf '{"type":"result","total_cost_usd":${cost}}\\n'`;
const fast = ['--backoff', '0ms', '--flap-threshold', '0', '--health-interval', '1s'];
const incidents = (folder: string) => JSON.parse(run(folder, ['incidents', '--json']).out) as Incident[];

describe('--budget', () => {
  test('adds up what runs cost, stops the one that uses it up, and waits until the window has moved on', async () => {
    const folder = scratch();
    // The run that uses it up says nothing more.
    const rest = `[ $AGENT_WATCH_RUN -lt 3 ] || exec sleep 600; sleep 0.2; ${result(0.4)}; sleep 0.5`;
    const command = ['sh', '-c', `${result(0.2)}; ${rest}`];
    startWatcher(folder, ['--name', 'spends', '--budget', 'cost<=1/1h', ...fast, '--', ...command]);
    const { limit, restarts, lastExit } = await phaseIs(folder, 'spends', 'limited');
    expect(limit).toMatchObject({ cause: 'budget', line: '1 of 1 cost used in 1h' });
    const leftMs = Date.parse(limit?.until ?? '') - Date.now();
    expect(leftMs).toBeGreaterThan(3_500_000);
    expect(leftMs).toBeLessThan(3_600_000);
    expect({ restarts, cause: lastExit?.cause }).toEqual({ restarts: 2, cause: 'limited' });
    const [incident] = await until('an incident', () => {
      const found = incidents(folder).filter(({ kind }) => kind === 'limited');
      return found.length > 0 && found;
    });
    expect(incident).toMatchObject({ category: 'resource-limit', keyLine: 'Budget used up: 1 of 1 cost used in 1h' });
  });

  test('is kept over kill -9 of the watcher, and emptied by reset', async () => {
    const folder = scratch();
    const options = ['--name', 'spends', '--budget', 'cost<=1/1h', ...fast];
    const command = ['sh', '-c', `${result(0.7)}; exec sleep 600`];
    const first = startWatcher(folder, [...options, '--', ...command]);
    const file = join(folder, 'state/spends/budget-cost-3600000.json');
    await until(
      '0.7 is kept',
      () => run(folder, ['logs', 'spends']).out.includes('0.7') && readFileSync(file, 'utf8').includes('0.7'),
    );
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    startWatcher(folder, [...options, '--', ...command]);
    expect((await phaseIs(folder, 'spends', 'limited')).limit?.line).toBe('1.4 of 1 cost used in 1h');
    run(folder, ['reset', 'spends']);
    await phaseIs(folder, 'spends', 'running');
    await until('only the new run counts', () => /"used":\[\],"current":0.7/.test(readFileSync(file, 'utf8')));
  });

  test('charges a number that a file keeps by what it grows', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'metrics.json'), '{"spent": 250}');
    const grow =
      'sleep 2.5; n=$(cat n 2>/dev/null || echo 250); n=$((n+4)); echo $n >n; printf \'{"spent": %d}\' $n >m; mv m metrics.json; exec sleep 600';
    const options = ['--name', 'file', '--budget', 'spent<=10/1d', '--metrics', 'metrics.json', ...fast];
    startWatcher(folder, [...options, '--', 'sh', '-c', grow]);
    const kept = () => JSON.parse(readFileSync(join(folder, 'state/file/budget-spent-86400000.json'), 'utf8'));
    await phaseIs(folder, 'file', 'running');
    await until('4 of it', () => existsSync(join(folder, 'n')) && kept().current === 4);
    run(folder, ['restart', 'file']);
    await until('8 of it', () => kept().current === 4 && kept().used[0]?.amount === 4);
    const early = () => statusOf(folder, 'file').health.find(({ name }) => name === 'budget:spent:early');
    expect(await until('four fifths', () => early()?.ok === false && early())).toMatchObject({ severity: 'optional' });
  });
});
