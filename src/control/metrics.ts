import { Counter, Gauge, Registry } from 'prom-client';
import type { Status } from '../core/status.ts';

/** The series of one watched name, in Prometheus' text format. */
export interface Metrics {
  /** A run ended, for that reason. */
  ended(cause: string): void;
  incident(category: string): void;
  wrote(stream: 'stdout' | 'stderr', bytes: number): void;
  text(status: Status): Promise<{ type: string; text: string }>;
}

const PHASES: readonly Status['phase'][] = [
  'starting',
  'running',
  'healthy',
  'unhealthy',
  'stopping',
  'backoff',
  'cooldown',
  'waiting',
  'held',
  'finished',
  'stopped',
];
const UP: ReadonlySet<Status['phase']> = new Set(['running', 'healthy', 'unhealthy', 'stopping']);

export function createMetrics(name: string, version: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ name });
  const registers = [registry];
  const gauge = (short: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `agent_watch_${short}`, help, labelNames, registers });
  const counter = (short: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `agent_watch_${short}`, help, labelNames, registers });
  gauge('info', 'Always 1; the version of the watcher is a label.', ['version']).set({ version }, 1);
  const up = gauge('up', '1 while the child runs.');
  const phase = gauge('phase', '1 for the phase it is in, 0 for the others.', ['phase']);
  const restarts = gauge('restarts', 'Starts after the first under this name, over watchers and reboots.');
  const ends = counter('run_ends_total', 'Ends of runs since the watcher started, by cause.', ['cause']);
  const backoff = gauge('backoff_seconds', 'The wait in progress, else the next one.');
  const crashes = gauge('crashes_in_window', 'Crashes that count for a cooldown.');
  const uptime = gauge('uptime_seconds', 'Of the run that is up; 0 if none is.');
  const memory = gauge('child_memory_bytes', 'Resident memory of the whole tree at the last sample.');
  const incidents = counter('incidents_total', 'Incidents since the watcher started, by category.', ['category']);
  const output = counter('output_bytes_total', 'What the child wrote since the watcher started.', ['stream']);
  const dropped = gauge('log_dropped_bytes', 'What the log on disk had to drop.');
  const probes = gauge('probe_ok', '1 if the probe is well, 0 if not; absent while it is not known.', [
    'probe',
    'severity',
  ]);
  for (const stream of ['stdout', 'stderr']) output.inc({ stream }, 0);

  return {
    ended: cause => ends.inc({ cause }),
    incident: category => incidents.inc({ category }),
    wrote: (stream, bytes) => output.inc({ stream }, bytes),
    async text(status) {
      up.set(UP.has(status.phase) ? 1 : 0);
      for (const one of PHASES) phase.set({ phase: one }, one === status.phase ? 1 : 0);
      restarts.set(status.restarts);
      backoff.set(status.backoffMs / 1000);
      crashes.set(status.crashesInWindow);
      uptime.set((status.uptimeMs ?? 0) / 1000);
      memory.set(status.memoryBytes ?? 0);
      dropped.set(status.logDroppedBytes);
      probes.reset();
      for (const { name: probe, severity, ok } of status.health)
        if (ok !== null) probes.set({ probe, severity }, ok ? 1 : 0);
      return { type: registry.contentType, text: await registry.metrics() };
    },
  };
}
