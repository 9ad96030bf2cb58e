import { markIn, verdictIn } from '../../core/judgement.ts';
import type { RunRecord } from '../../core/run-record.ts';
import { isFailed, limitWords, type Status } from '../../core/status.ts';
import { stripControl } from '../../core/text.ts';
import { durationText, exitText, sizeText } from '../../core/units.ts';
import { localTime, zoneText } from '../../host/clock.ts';
import type { Incident } from '../../incidents/incident.ts';
import { localStamp } from './terminal.ts';

const STATUS_HEAD = ['NAME', 'PHASE', 'PID', 'UP', 'CPU', 'MEM', 'RESTARTS', 'DETAILS'] as const;
const PHASE_COLUMN = 1;

/** A row of the table: the status, and what the last crash was. */
export interface TableRow extends Status {
  readonly lastCause: string | null;
}

const TROUBLE: readonly Status['phase'][] = [
  'held',
  'lost',
  'unhealthy',
  'cooldown',
  'limited',
  'backoff',
  'stopping',
  'checking',
  'starting',
];
const AT_REST: readonly Status['phase'][] = ['finished', 'stopped'];

/** What needs attention first, then what runs, then what is at rest. */
export const byTrouble = (one: Status, other: Status): number => rank(one) - rank(other);

function rank({ phase, lastExit }: Status): number {
  if (isFailed({ phase, lastExit })) return TROUBLE.indexOf('unhealthy');
  const trouble = TROUBLE.indexOf(phase);
  if (trouble !== -1) return trouble;
  return TROUBLE.length + 1 + AT_REST.indexOf(phase);
}

/** How the table is shown. */
export interface TableLook {
  /** Lines are cut to this width; null: not at all. */
  columns: number | null;
  colours: boolean;
  /** More to say of a name, at the end of its line. */
  remarks?: ReadonlyMap<string, string>;
}

/** SGR codes by what a phase means: well, on its way, needs attention, at rest. */
export const COLOURS: Readonly<Record<Status['phase'], string>> = {
  healthy: '32',
  running: '32',
  starting: '36',
  stopping: '36',
  checking: '36',
  waiting: '36',
  backoff: '33',
  cooldown: '33',
  limited: '33',
  unhealthy: '33',
  held: '31',
  lost: '31',
  finished: '2',
  stopped: '2',
};

/** The table of `status` for people: a line for each name, what matters most in the last column. */
export function statusTable(all: readonly TableRow[], now: number, { columns, colours, remarks }: TableLook): string {
  const rows = all.toSorted(byTrouble);
  const lines = rows.map(row => [
    row.name,
    row.phase,
    row.childPid === null ? '-' : String(row.childPid),
    row.uptimeMs === null ? '-' : durationText(row.uptimeMs),
    cpuText(row.cpuPercent),
    row.memoryBytes === null ? '-' : sizeText(row.memoryBytes),
    String(row.restarts),
    [whatText(row, now, row.lastCause), remarks?.get(row.name) ?? ''].filter(text => text !== '').join('; '),
  ]);
  const widths = STATUS_HEAD.map((head, column) =>
    Math.max(head.length, ...lines.map(cells => measure.widthOf(cells[column] ?? ''))),
  );
  const format = (cells: readonly string[]) =>
    cut(
      cells
        .map((cell, column) => (column === STATUS_HEAD.length - 1 ? cell : measure.fitted(cell, widths[column] ?? 0)))
        .join('  '),
      columns,
    );
  const start = (widths[0] ?? 0) + 2;
  const body = lines.map((cells, index) => {
    const colour = COLOURS[rows[index]?.phase ?? 'stopped'];
    return colours ? paint(format(cells), start, cells[PHASE_COLUMN]?.length ?? 0, colour) : format(cells);
  });
  return [colours ? `\u001b[1m${format(STATUS_HEAD)}\u001b[0m` : format(STATUS_HEAD), ...body].join('\n');
}

/** Of one core: `2.5%`, `140%`. */
export const cpuText = (percent: number | null): string =>
  percent === null ? '-' : `${percent.toFixed(percent < 10 ? 1 : 0)}%`;

/** Eight heights, from nothing to the greatest value; of more values than `most`, the greatest of each stretch. */
export function sparkline(values: readonly number[], most: number): string {
  const size = Math.max(1, Math.ceil(values.length / Math.max(1, most)));
  const shown = Array.from({ length: Math.ceil(values.length / size) }, (_, index) =>
    Math.max(...values.slice(index * size, (index + 1) * size)),
  );
  const greatest = Math.max(...shown, 1);
  return shown.map(value => '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor((8 * value) / greatest))]).join('');
}

/** Colours are put in last: they have no width, so what is cut must not know of them. */
function paint(line: string, start: number, length: number, colour: string): string {
  const end = start + length;
  return `${line.slice(0, start)}\u001b[${colour}m${line.slice(start, end)}\u001b[0m${line.slice(end)}`;
}

/** A line for a terminal of that width; null: it is not cut. */
export function cut(line: string, columns: number | null): string {
  const trimmed = line.trimEnd();
  return columns === null ? trimmed : measure.cutTo(trimmed, columns);
}

/** How many columns a text takes: a letter each, until a text is to be shown whose letters may take two or none. */
let measure: Pick<typeof import('./columns.ts'), 'widthOf' | 'fitted' | 'cutTo'> = {
  widthOf: text => text.length,
  fitted: (text, width) => text.padEnd(width),
  cutTo: (text, width) => (text.length <= width ? text : `${text.slice(0, width - 1)}…`),
};
const ONE_COLUMN_EACH = /^[\u0000-\u02ff\u2010-\u205e\u2190-\u22ff\u2500-\u25ff]*$/;

/** To be awaited before tables and lines of these values are made. Loads what knows wide letters only if there may be some. */
export async function measureFor(values: unknown): Promise<void> {
  if (!ONE_COLUMN_EACH.test(JSON.stringify(values))) measure = await import('./columns.ts');
}

/** What matters most about one name now: why it is held, when it starts, how it last ended. */
export function whatText(row: Status, now: number, lastCause: string | null = null): string {
  const parts: string[] = [];
  if (row.phase === 'lost') parts.push('its watcher is gone');
  if (row.holdReason !== null) parts.push(row.holdReason);
  if (row.phase === 'limited' && row.limit !== null) parts.push(limitText(row.limit));
  if (row.nextStartAt !== null) parts.push(`starts in ${durationText(secondsUp(Date.parse(row.nextStartAt) - now))}`);
  if (row.outputBlockedSince !== null) {
    parts.push(`the reader of its output has stalled for ${ago(row.outputBlockedSince, now)}`);
  }
  for (const probe of row.health)
    if (!probe.ok && !isHoldReason(row, probe.detail)) parts.push(`${probe.name}: ${probe.detail}`);
  if (row.lastExit !== null) {
    // A kill condition is the reason of the hold, which is told already.
    const told = row.holdReason !== null && row.lastExit.cause === 'kill-condition';
    const cause = lastCause === null || told ? '' : `: ${oneLine(lastCause)}`;
    parts.push(lastExitText(row.lastExit, now) + cause);
  }
  if (row.logDroppedBytes > 0) parts.push(`${row.logDroppedBytes} bytes missing from the log`);
  return parts.join('; ');
}

const isHoldReason = ({ holdReason }: Status, detail: string) => holdReason !== null && detail.includes(holdReason);

function lastExitText(exit: NonNullable<Status['lastExit']>, now: number): string {
  return `last exit: ${exit.cause} (${exitText(exit)}) ${ago(exit.at, now)} ago`;
}

/** `until 15:46 (usage limit; "… resets 3:45pm")`. */
function limitText({ cause, until, line }: NonNullable<Status['limit']>): string {
  const when = until === null ? 'end unknown' : `until ${localTime(Date.parse(until))}`;
  return `${when} (${limitWords(cause)}${line === null ? '' : `; "${line}"`})`;
}

/** A countdown in whole seconds does not flicker between `9.4 s` and `9 s`. */
function secondsUp(ms: number): number {
  return Math.ceil(Math.max(0, ms) / 1000) * 1000;
}

function ago(at: string, now: number): string {
  return durationText(Math.max(0, now - Date.parse(at)));
}

const INCIDENT_HEAD = ['ID', 'KIND', 'CAUSE', 'RECOVERED', 'DETAILS'];

/**
 * The table of `incidents` for people, oldest first, cut to the width. Equal incidents that follow each other are one line with their
 * count, by the last of them.
 */
export function incidentTable(incidents: readonly Incident[], columns: number | null): string {
  const head = [`TIME (${zoneText(incidents.at(-1)?.at ?? Date.now())})`, ...INCIDENT_HEAD];
  return alignedRows([head, ...grouped(incidents).map(cellsOf)], columns);
}

/** Rows of cells as lines whose columns are aligned, each cut to the width; null: not at all. */
export function alignedRows(rows: readonly (readonly string[])[], columns: number | null): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map(cells => measure.widthOf(cells[column] ?? ''))),
  );
  return rows
    .map(cells => cut(cells.map((cell, column) => measure.fitted(cell, widths[column] ?? 0)).join('  '), columns))
    .join('\n');
}

/** An incident that stands for those before it which were like it. */
interface Group {
  readonly last: Incident;
  readonly count: number;
}

function grouped(incidents: readonly Incident[]): Group[] {
  const groups: Group[] = [];
  const open = new Map<string, number>();
  for (const incident of incidents) {
    const at = open.get(incident.name);
    const group = at === undefined ? undefined : groups[at];
    const same = group !== undefined && group.last.fingerprint === incident.fingerprint;
    const count = (same ? group.count : 0) + 1 + incident.repeats;
    if (same && at !== undefined) groups[at] = { last: incident, count };
    else open.set(incident.name, groups.push({ last: incident, count }) - 1);
  }
  return groups.sort((one, other) => (one.last.at < other.last.at ? -1 : 1));
}

function cellsOf({ last, count }: Group): string[] {
  const { at, id, kind, category, keyLine, evidence, recoveredAt } = last;
  const over = recoveredAt === null ? 'ongoing' : `after ${durationText(Date.parse(recoveredAt) - Date.parse(at))}`;
  const times = count === 1 ? '' : `${count} times: `;
  const cells = [localStamp(at), id, kind, category, over, `${times}${keyLine ?? evidence[0] ?? ''}`];
  return cells.map(oneLine);
}

/** A run as `runs --json` prints it. */
export interface ListedRun extends Omit<RunRecord, 'sketch'> {
  readonly name: string;
  /** How it was not like the former ones, a sentence each. */
  readonly unusual: readonly string[];
}

/** A line for each run, cut to that width. `many`: of several services, each by its name. */
export function runTable(runs: readonly ListedRun[], many: boolean, columns: number | null): string {
  if (runs.length === 0) return 'no runs have ended';
  const zone = zoneText(runs.at(-1)?.startedAt ?? Date.now());
  const head = ['RUN', `STARTED (${zone})`, 'TOOK', 'END', 'OUTPUT', 'LINES', 'CPU', 'MEM', 'DETAILS'];
  const rows = runs.map(run => [
    String(run.run),
    run.startedAt === null ? '-' : localStamp(run.startedAt),
    orDash(run.durationMs, durationText),
    endText(run),
    orDash(run.bytes, sizeText),
    orDash(run.lines, String),
    orDash(run.cpuMs, durationText),
    orDash(run.peakMemoryBytes, sizeText),
    detailsOf(run),
  ]);
  const all = [head, ...rows];
  const shown = many ? all.map((cells, at) => [at === 0 ? 'NAME' : (runs[at - 1]?.name ?? ''), ...cells]) : all;
  return alignedRows(shown, columns);
}

const orDash = (value: number | null, text: (value: number) => string) => (value === null ? '-' : text(value));

/** `success`, `crash (exit code 3)`. */
export function endText({ cause, exit }: RunRecord): string {
  if (cause === 'success' || cause === 'orphan') return cause;
  return `${cause} (${exitText(exit)})`;
}

/** What matters most about a run. */
function detailsOf({ category, why, metrics, verdict, mark, unusual }: ListedRun): string {
  const judged = verdictIn(verdict)?.verdict ?? null;
  const word = markIn(mark)?.mark ?? null;
  const parts = [
    judged === null ? null : `judge: ${judged}`,
    word === null ? null : `marked ${word}`,
    category === 'unknown' ? null : category,
    why,
    unusual.length === 0 ? null : `unusual: ${unusual.join('; ')}`,
    ...Object.entries(metrics).map(metricText),
  ];
  return oneLine(parts.filter(part => part !== null).join('; '));
}

export function metricText([name, value]: [string, number]): string {
  return `${name} ${Number(value.toPrecision(4))}`;
}

/** On one line, without control sequences. */
export const oneLine = (text: string): string => stripControl(text).replace(/\s+/g, ' ');
