import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { IncidentSeed } from '../../src/core/events.ts';
import type { Mono, Wall } from '../../src/core/units.ts';
import { diskRoom, openKernelLog, portHolder } from '../../src/host/kernel-log.ts';
import { openFiles } from '../../src/host/process-facts.ts';
import { memoryCgroupOf, memoryLimit, oomKills } from '../../src/host/resource-limits.ts';
import { explain } from '../../src/incidents/explain.ts';
import { createEvidenceCollector } from '../../src/supervisor/response/incident-record.ts';
import { until } from '../support/until.ts';

const onLinux = process.platform === 'linux';

test.runIf(onLinux)('descriptors are counted against their limit', () => {
  const found = openFiles(process.pid);
  expect(found?.open).toBeGreaterThan(3);
  expect(found?.limit).toBeGreaterThanOrEqual(found?.open ?? 0);
  expect(openFiles(2 ** 22 + 1)).toBeNull();
});

test('the space of a file system is reported once for all paths on it; missing paths are left out', async () => {
  const loaded = await diskRoom(['/', '/', '/there/is/no/such/path']);
  expect(loaded).toHaveLength(1);
  expect(loaded[0]?.totalBytes).toBeGreaterThan(loaded[0]?.freeBytes ?? Number.POSITIVE_INFINITY);
});

test.runIf(onLinux)('a listener is found by its port, unless it is one of those that do not count', async () => {
  const server = createServer().listen(0);
  onTestFinished(() => void server.close());
  const port = await until('a port', () => (server.address() as { port: number } | null)?.port);
  expect(await portHolder(port, new Set())).toMatchObject({ pid: process.pid });
  expect(await portHolder(port, new Set([process.pid]))).toEqual({ pid: null, command: null });
  expect(await portHolder(1, new Set())).toBeNull();
});

test('nothing but the kernel log is read as the kernel log', () => {
  expect(openKernelLog('/dev/null')).toBeNull();
  expect(openKernelLog('/there/is/none')).toBeNull();
});

test.runIf(onLinux)('a memory group has a counter, and a limit or none', context => {
  const group = memoryCgroupOf('self');
  if (group === null) return context.skip('no memory controller is mounted');
  expect(oomKills(group)).toBeGreaterThanOrEqual(0);
  const limit = memoryLimit(group);
  expect(limit === null || limit > 0).toBe(true);
});

describe('a SIGKILL without a counter', () => {
  const killed = (bytes: number): IncidentSeed => ({
    at: { mono: 60_000 as Mono, wall: 60_000 as Wall },
    kind: 'crash',
    run: 1,
    exit: { code: null, signal: 'SIGKILL' },
    cause: 'crash',
    reasons: [],
    why: null,
    uptimeMs: 1000,
    memory: [{ at: 59_000 as Wall, bytes }],
    next: { kind: 'restart', number: 1, inMs: 0 },
  });
  const run = { pid: 2 ** 22 + 1, startedAtMs: 59_000, cgroup: null, oomKillsBefore: null, files: null, autopsy: null };

  async function explained(seed: IncidentSeed) {
    const measured = await createEvidenceCollector([]).measure(seed, run, '');
    return explain({ seed, output: '', ...measured, rules: true, kindOf: () => null });
  }

  test('near the limit is suspected to be out of memory, with the reason', async () => {
    const { category, confidence, evidence } = await explained(killed(totalmem() * 0.95));
    expect(category).toBe('out-of-memory');
    expect(confidence).toBeLessThan(0.5);
    expect(evidence.join('\n')).toMatch(/resident memory was at 95% of its limit/);
  });

  test('far from it has an unknown sender', async () => {
    const { category, evidence } = await explained(killed(1_000_000));
    expect(category).toBe('killed-externally');
    expect(evidence).toContain('SIGKILL, sender unknown');
  });
});
