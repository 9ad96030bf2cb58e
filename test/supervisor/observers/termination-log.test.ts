import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTerminationLog } from '../../../src/supervisor/observers/service-manager.ts';
import { anIncident } from '../../incidents/an-incident.ts';
import { scratch } from '../../support/scratch.ts';
import { seedOf } from '../incident-fixture.ts';

async function written(path: string, ...incidents: ReturnType<typeof anIncident>[]) {
  const warnings: string[] = [];
  const log = createTerminationLog(path, text => warnings.push(text));
  for (const incident of incidents) log.opened?.(incident, seedOf());
  await log.close?.();
  return warnings;
}

test('holds the last incident, and nothing of a longer one before', async () => {
  const path = join(scratch(), 'termination-log');
  writeFileSync(path, '');
  const long = anIncident({ recommendation: 'long '.repeat(300) });
  expect(await written(path, long, anIncident())).toEqual([]);
  expect(readFileSync(path, 'utf8')).toBe(
    [
      'agent: crash, network-unreachable; exit code 1 after 3h12m, at 2026-03-02 10:15:04 UTC',
      'Error: connect ECONNREFUSED 127.0.0.1:6379',
      'Nothing listens at 127.0.0.1:6379: check that the service there runs.',
      'evidence: the log says: Error: connect ECONNREFUSED 127.0.0.1:6379',
      'evidence: ended with exit code 1',
      'incident agent-20260302T101504123Z',
      '',
    ].join('\n'),
  );
});

test('is never more than 4096 bytes, and begins with what happened', async () => {
  const path = join(scratch(), 'termination-log');
  writeFileSync(path, '');
  await written(path, anIncident({ keyLine: '🙂'.repeat(4000), recommendation: 'ü'.repeat(4000) }));
  const bytes = readFileSync(path);
  expect(bytes.length).toBeLessThanOrEqual(4096);
  expect(bytes.length).toBeGreaterThan(4000);
  expect(bytes.toString()).toMatch(/^agent: crash.*\n🙂+…\nü+…$/u);
});

test('is not made where there is none, nor is a link followed: reported once', async () => {
  const folder = scratch();
  expect(await written(join(folder, 'none'), anIncident(), anIncident())).toEqual([expect.stringMatching(/ENOENT/)]);
  expect(existsSync(join(folder, 'none'))).toBe(false);
  writeFileSync(join(folder, 'other'), 'mine');
  symlinkSync(join(folder, 'other'), join(folder, 'link'));
  expect(await written(join(folder, 'link'), anIncident())).toEqual([expect.stringMatching(/ELOOP/)]);
  expect(readFileSync(join(folder, 'other'), 'utf8')).toBe('mine');
});
