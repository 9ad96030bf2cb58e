import { FIRST_VIEW, type TopRow, type View } from '../../../src/cli/top/view.ts';
import type { Status } from '../../../src/core/status.ts';
import { aStatus } from '../../support/a-status.ts';

/** A row of the live view. */
export function aRow(label: string, phase: Status['phase'] = 'healthy', changes: Partial<TopRow> = {}): TopRow {
  const status = aStatus({ name: label, phase, childPid: 7, watcherPid: 6, command: [label], uptimeMs: 60_000 });
  const usage = { cpuPercent: 1.5, memoryBytes: 12 * 1024 * 1024, history: [1, 2, 3] };
  return { label, status, ...usage, well: phase === 'healthy' || phase === 'stopped', ...changes };
}

export const aView = (changes: Partial<View> = {}): View => ({ ...FIRST_VIEW, ...changes });
