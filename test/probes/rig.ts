import { randomBytes } from 'node:crypto';
import type { Observation } from '../../src/core/health-model.ts';
import type { RunId } from '../../src/core/model.ts';
import { stampNow } from '../../src/host/clock.ts';
import { readProcess } from '../../src/host/process-table.ts';
import type { Members } from '../../src/probes/memory-and-cpu.ts';
import type { Probe, ProbeSpec, ProbeWorld, WatchedRun } from '../../src/probes/probe.ts';

/** The contract's defaults. */
export const basics = {
  severity: 'critical',
  intervalMs: 30_000,
  timeoutMs: 5000,
  retries: 3,
  startPeriodMs: 60_000,
} as const;

export const world: ProbeWorld = {
  now: stampNow,
  cwd: '/',
  commandEnv: () => ({ PATH: process.env['PATH'] ?? '/usr/bin:/bin' }),
};

/** A run whose child is this process or another one that lives. */
export function runOf(pid = process.pid): WatchedRun {
  const runId = randomBytes(16).toString('hex') as RunId;
  return { runId, pid, startTicks: readProcess(pid)?.startTicks ?? null };
}

export async function ask(probe: Probe, abort = new AbortController().signal): Promise<Observation> {
  return await probe.ask(abort);
}

export function spec<T extends Partial<ProbeSpec> & { kind: ProbeSpec['kind'] }>(own: T) {
  return { ...basics, name: own.kind, ...own };
}

/** For a probe that does not look at the processes. */
export const noMembers: Members = { look: () => new Map(), close: () => {} };
