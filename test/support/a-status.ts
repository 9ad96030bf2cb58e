import type { Status } from '../../src/core/status.ts';

/** The status of a service that has nothing to tell. */
export const aStatus = (changes: Partial<Status> = {}): Status => ({
  name: 'trader',
  phase: 'healthy',
  childPid: null,
  watcherPid: null,
  command: ['trader'],
  startedAt: null,
  uptimeMs: null,
  restarts: 0,
  crashesInWindow: 0,
  backoffMs: 1000,
  nextStartAt: null,
  lastExit: null,
  health: [],
  cpuPercent: null,
  memoryBytes: null,
  outputBlockedSince: null,
  logDroppedBytes: 0,
  holdReason: null,
  lastIncidentId: null,
  limit: null,
  ...changes,
});
