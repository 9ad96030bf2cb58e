import { durationText } from '../../core/duration-text.ts';
import type { Incident } from '../../incidents/incident.ts';
import { stripControl } from '../../incidents/redaction/strip-control.ts';

const HEAD = ['AT (UTC)', 'ID', 'KIND', 'CATEGORY', 'OVER', 'KEY LINE'];

/** The table of `incidents` for people: a line for each, oldest first, cut to the width. */
export function incidentTable(incidents: readonly Incident[], columns: number | null): string {
  const rows = [HEAD, ...incidents.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map(cells => cells[column]?.length ?? 0)));
  return rows
    .map(cells => cut(cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '), columns))
    .join('\n');
}

function cellsOf(incident: Incident): string[] {
  const { at, id, kind, category, repeats, keyLine, evidence, recoveredAt } = incident;
  const over = recoveredAt === null ? 'not yet' : `in ${durationText(Date.parse(recoveredAt) - Date.parse(at))}`;
  const more = repeats === 0 ? '' : `(and ${repeats} more) `;
  const cells = [at.slice(0, 19).replace('T', ' '), id, kind, category, over, `${more}${keyLine ?? evidence[0] ?? ''}`];
  return cells.map(cell => stripControl(cell).replace(/\s+/g, ' '));
}

function cut(line: string, columns: number | null): string {
  const trimmed = line.trimEnd();
  return columns === null || trimmed.length <= columns ? trimmed : `${trimmed.slice(0, columns - 1)}…`;
}
