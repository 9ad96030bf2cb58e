import { durationText } from '../../core/duration-text.ts';
import type { Status } from '../../core/status.ts';

const HEAD = ['NAME', 'PHASE', 'PID', 'UP', 'RESTARTS', 'WHAT'] as const;

/** The table of `status` for people: a line for each name, widest column last, cut to the terminal's width if there is one. */
export function statusTable(rows: readonly Status[], now: number, columns: number | null): string {
  const cells = rows.map(row => [
    row.name,
    row.phase,
    row.childPid === null ? '-' : String(row.childPid),
    row.uptimeMs === null ? '-' : durationText(row.uptimeMs),
    String(row.restarts),
    whatText(row, now),
  ]);
  const table = [[...HEAD], ...cells];
  const widths = HEAD.map((_, column) => Math.max(...table.map(line => line[column]?.length ?? 0)));
  return table
    .map(line =>
      line.map((cell, column) => (column === HEAD.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
    )
    .map(line => (columns === null || line.length <= columns ? line : `${line.slice(0, columns - 1)}…`))
    .join('\n');
}

/** What matters most about one name now: why it is held, when it starts, how it last ended. */
function whatText(row: Status, now: number): string {
  const parts: string[] = [];
  if (row.phase === 'lost') parts.push('its watcher is gone');
  if (row.holdReason !== null) parts.push(row.holdReason);
  if (row.nextStartAt !== null) parts.push(`starts in ${durationText(Math.max(0, Date.parse(row.nextStartAt) - now))}`);
  if (row.outputBlockedSince !== null)
    parts.push(`the reader of its output has stalled for ${ago(row.outputBlockedSince, now)}`);
  for (const probe of row.health) if (!probe.ok) parts.push(`${probe.name}: ${probe.detail}`);
  if (row.lastExit !== null) parts.push(lastExitText(row.lastExit, now));
  if (row.logDroppedBytes > 0) parts.push(`${row.logDroppedBytes} bytes missing from the log`);
  return parts.join('; ');
}

function lastExitText(exit: NonNullable<Status['lastExit']>, now: number): string {
  const how = exit.signal ?? (exit.code === null ? 'unseen' : `code ${exit.code}`);
  return `last exit: ${exit.cause} (${how}) ${ago(exit.at, now)} ago`;
}

function ago(at: string, now: number): string {
  return durationText(Math.max(0, now - Date.parse(at)));
}
