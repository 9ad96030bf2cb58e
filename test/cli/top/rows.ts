import { FIRST_VIEW, type TopRow, type View } from '../../../src/cli/top/view.ts';
import type { Status } from '../../../src/core/status.ts';

/** A row of the live view. */
export function aRow(label: string, phase: Status['phase'] = 'healthy', changes: Partial<TopRow> = {}): TopRow {
  const status: Status = {
    name: label,
    phase,
    childPid: 7,
    watcherPid: 6,
    command: [label],
    startedAt: null,
    uptimeMs: 60_000,
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
  };
  const usage = { cpuPercent: 1.5, memoryBytes: 12 * 1024 * 1024, history: [1, 2, 3] };
  return { label, status, ...usage, well: phase === 'healthy' || phase === 'stopped', ...changes };
}

export const aView = (changes: Partial<View> = {}): View => ({ ...FIRST_VIEW, ...changes });
