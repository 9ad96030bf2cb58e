/** The lines of the live view for a size of the terminal. Pure. */
import { sizeText } from '../../core/units.ts';
import { fitted, isAscii, wrapped } from '../render/columns.ts';
import { COLOURS, cpuText, sparkline } from '../render/tables.ts';
import type { Pane, TopRow, View } from './view.ts';

/** What is drawn. */
export interface Picture {
  readonly view: View;
  /** All services. */
  readonly rows: readonly TopRow[];
  /** Those of the list, in its order. */
  readonly listed: readonly TopRow[];
  /** The last line that a service printed, clean; asked only for rows that are drawn. */
  lastLine(row: TopRow): string;
  /** What matters most about the selected service. */
  readonly detail: string;
  /** What came of an action, or what is wrong. */
  readonly message: { readonly text: string; readonly bad: boolean } | null;
  /** The clean lines of the pane; null: not read yet. */
  readonly pane: { readonly title: string; readonly lines: readonly string[] } | null;
  /** `15:46:07`. */
  readonly clock: string;
  readonly stateDir: string;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
  readonly colours: boolean;
}

/** The lines, each empty or as wide as the terminal, and what the keys have to know of them. */
export interface Frame {
  readonly lines: readonly string[];
  readonly page: number;
  readonly mostScroll: number;
  readonly offset: number;
}

/** Draws the list or a pane. */
export function frame(picture: Picture, size: Size): Frame {
  return picture.view.pane === null ? listFrame(picture, size) : paneFrame(picture, picture.view.pane, size);
}

const REVERSE = '7';
const BOLD = '1';
const DIM = '2';
const RED = '31';

const painted = (text: string, code: string, { colours }: Size): string =>
  colours ? `\u001b[${code}m${text}\u001b[0m` : text;

function listFrame(picture: Picture, size: Size): Frame {
  const { view, listed } = picture;
  const { columns, rows } = size;
  const isSmall = rows < SMALL_ROWS;
  const head = [painted(fitted(totals(picture), columns), BOLD, size)];
  if (!isSmall) head.push(fitted(scopeText(picture), columns), '');
  const widths = columnWidths(listed, columns);
  if (rows >= 4) head.push(painted(tableHead(widths, columns), BOLD, size));
  const foot = footOf(picture, size);
  const height = Math.max(0, rows - head.length - foot.length);
  const page = listed.length <= height ? height : Math.max(1, height - 1);
  const offset = windowAt(view, listed, page);
  const window = height === 0 ? [] : listed.slice(offset, offset + page);
  const body = window.map(row => rowLine(row, picture, widths, size));
  const below = listed.length - offset - window.length;
  if (window.length < listed.length && body.length < height)
    body.push(painted(fitted(hiddenText(offset, below), columns), DIM, size));
  if (listed.length === 0 && height > 0) body.push(fitted(emptyText(picture), columns));
  while (body.length < height) body.push('');
  return { lines: [...head, ...body, ...foot].slice(0, rows), page, mostScroll: 0, offset };
}

/** Below this, what is only nice to have gives its lines to the services. */
const SMALL_ROWS = 12;

function totals({ rows, clock }: Picture): string {
  const sum = (of: (row: TopRow) => number | null) => rows.reduce((all, row) => all + (of(row) ?? 0), 0);
  const resting = rows.filter(row => row.well && (row.status.phase === 'stopped' || row.status.phase === 'finished'));
  const well = rows.filter(row => row.well).length - resting.length;
  const trouble = rows.length - resting.length - well;
  const stopped = resting.length === 0 ? '' : `, ${resting.length} stopped`;
  const counts = `${rows.length} service${rows.length === 1 ? '' : 's'}: ${trouble} in trouble, ${well} well${stopped}`;
  return `${counts}  CPU ${cpuText(sum(row => row.cpuPercent))}  memory ${sizeText(sum(row => row.memoryBytes))}  ${clock}`;
}

function scopeText({ view, rows, listed, stateDir }: Picture): string {
  const filter = view.filter === '' ? '' : `   filter "${view.filter}": ${listed.length} of ${rows.length}`;
  return `by ${view.order}${filter}   ${stateDir}`;
}

function emptyText({ rows, view, stateDir }: Picture): string {
  return rows.length === 0
    ? `no services in ${stateDir}`
    : `no service matches "${view.filter}"; Esc clears the filter`;
}

function hiddenText(above: number, below: number): string {
  if (below === 0) return `… ${above} more above`;
  return `… ${below} more below${above === 0 ? '' : `, ${above} above`}`;
}

/** The window keeps its place as long as the selection is in it. */
function windowAt(view: View, listed: readonly TopRow[], page: number): number {
  const at = Math.max(
    0,
    listed.findIndex(row => row.label === view.selected),
  );
  const highest = Math.max(0, listed.length - page);
  return Math.min(highest, Math.max(at - page + 1, Math.min(view.offset, at)));
}

type Column = 'name' | 'phase' | 'cpu' | 'memory' | 'history' | 'restarts' | 'line';
type Widths = ReadonlyMap<Column, number>;
const HEADS: Readonly<Record<Column, string>> = {
  name: 'NAME',
  phase: 'PHASE',
  cpu: 'CPU',
  memory: 'MEM',
  history: 'HISTORY',
  restarts: 'RESTARTS',
  line: 'LAST LINE',
};
const RIGHT: readonly Column[] = ['cpu', 'memory', 'restarts'];
const MARK = 2;
/** The last line gets what the others leave, at least this. */
const LEAST_LINE = 10;

/** Columns that fit, the most needed ones first. */
function columnWidths(listed: readonly TopRow[], columns: number): Widths {
  const longest = Math.max(4, ...listed.map(row => row.label.length));
  const wanted: [Column, number][] = [
    ['name', Math.min(longest, Math.max(12, Math.floor(columns / 4)))],
    ['phase', 9],
    ['memory', 5],
    ['cpu', 5],
    ['restarts', 8],
    ['history', columns >= 100 ? 12 : 8],
  ];
  let left = columns - MARK;
  const widths = new Map<Column, number>();
  for (const [column, width] of wanted) {
    if (left < width + 1) break;
    widths.set(column, width);
    left -= width + 1;
  }
  if (left >= LEAST_LINE) widths.set('line', left);
  if (widths.size === 0) widths.set('name', Math.max(1, columns - MARK));
  return widths;
}

const ORDER: readonly Column[] = ['name', 'phase', 'cpu', 'memory', 'history', 'restarts', 'line'];

function cells(widths: Widths, text: (column: Column) => string): string[] {
  return ORDER.flatMap(column => {
    const width = widths.get(column);
    return width === undefined ? [] : [fitted(text(column), width, RIGHT.includes(column))];
  });
}

const tableHead = (widths: Widths, columns: number) =>
  fitted(`  ${cells(widths, column => HEADS[column]).join(' ')}`, columns);

function rowLine(row: TopRow, picture: Picture, widths: Widths, size: Size): string {
  const { status } = row;
  const shown = cells(widths, column => {
    if (column === 'name') return row.label;
    if (column === 'phase') return status.phase;
    if (column === 'cpu') return cpuText(row.cpuPercent);
    if (column === 'memory') return row.memoryBytes === null ? '-' : sizeText(row.memoryBytes);
    if (column === 'history') return sparkline(row.history, widths.get('history') ?? 0);
    if (column === 'restarts') return String(status.restarts);
    return picture.lastLine(row);
  });
  const isSelected = row.label === picture.view.selected;
  if (isSelected) return painted(fitted(`> ${shown.join(' ')}`, size.columns), REVERSE, size);
  const line = fitted(`  ${shown.join(' ')}`, size.columns);
  const start = MARK + (widths.get('name') ?? 0) + 1;
  const end = start + status.phase.length;
  if (!size.colours || !widths.has('phase') || !isAscii(line.slice(0, end))) return line;
  return line.slice(0, start) + painted(line.slice(start, end), COLOURS[status.phase], size) + line.slice(end);
}

const KEYS = [
  'Enter details  l log  i incident  r restart  s stop  S start  R reset  / filter  o order  ? help  q quit',
  'Enter details  l log  i incident  r restart  s stop  / filter  ? help  q quit',
  'Enter details  l log  i incident  ? help  q quit',
  '? help  q quit',
];
const PANE_KEYS: Readonly<Record<Pane['kind'], string>> = {
  details: 'l logs  i incidents  r restart  s stop  S start  R reset  q back',
  logs: 'arrows scroll  Enter details  i incidents  r restart  s stop  q back',
  incidents: 'left older  right newer  arrows scroll  Enter details  l logs  q back',
  help: 'arrows scroll  q back',
};

/** What matters about the selection, or the last message; below it the keys, or what is being asked. */
function footOf(picture: Picture, size: Size): string[] {
  if (size.rows < 6) return size.rows >= 3 && picture.view.asking !== null ? [lastLineOf(picture, KEYS, size)] : [];
  return [...statusLines(picture, size, size.rows < MANY_ROWS ? 1 : 2), lastLineOf(picture, KEYS, size)];
}

/** From so many lines on the reason of the selected service may take two of them. */
const MANY_ROWS = 20;

function statusLines({ message, detail, view }: Picture, size: Size, count: number): string[] {
  const about = view.pane === null && view.selected !== null ? `${view.selected}: ${detail}` : '';
  const lines = wrapped(message === null ? about : message.text, size.columns);
  // What does not fit ends with a sign that there is more.
  const last = lines.length > count ? fitted(lines.slice(count - 1).join(''), size.columns) : lines[count - 1];
  const shown = [...lines.slice(0, count - 1), last ?? ''];
  return message?.bad === true ? shown.map(line => (line === '' ? '' : painted(line, RED, size))) : shown;
}

function lastLineOf({ view }: Picture, keys: readonly string[], size: Size): string {
  const { asking, typing, filter } = view;
  if (asking !== null) return painted(fitted(`${asking.verb} ${asking.label}? y/N`, size.columns), REVERSE, size);
  if (typing) return fitted(`filter: ${filter}_   Enter keeps it, Esc clears it`, size.columns);
  const text = keys.find(one => one.length <= size.columns) ?? keys.at(-1) ?? '';
  return painted(fitted(text, size.columns), DIM, size);
}

function paneFrame(picture: Picture, pane: Pane, size: Size): Frame {
  const { columns, rows } = size;
  const foot = rows >= 4 ? [...statusLines(picture, size, 1), lastLineOf(picture, [PANE_KEYS[pane.kind]], size)] : [];
  const height = Math.max(1, rows - 1 - foot.length);
  const content = (picture.pane?.lines ?? ['reading …']).flatMap(line => wrapped(line, columns));
  const page = content.length <= height ? height : Math.max(1, height - 1);
  const mostScroll = Math.max(0, content.length - page);
  const asked = Math.min(pane.scroll, mostScroll);
  const from = pane.kind === 'logs' ? mostScroll - asked : asked;
  const body: string[] = content.slice(from, from + page);
  const below = content.length - from - body.length;
  if (content.length > page && body.length < height)
    body.push(painted(fitted(from + below === 0 ? '' : hiddenText(from, below), columns), DIM, size));
  while (body.length < height) body.push('');
  const title = fitted(`${picture.pane?.title ?? `${pane.label}: ${pane.kind}`}   ${picture.clock}`, columns);
  return {
    lines: [painted(title, BOLD, size), ...body, ...foot].slice(0, rows),
    page,
    mostScroll,
    offset: picture.view.offset,
  };
}

/** The text of the help. */
export const HELP: readonly string[] = [
  'Up Down j k   move; PgUp PgDn by pages, Home End to the ends',
  'Enter         details: all about the service, as agent-watch status NAME shows',
  'l             its log, followed; scroll up to stay where you are',
  'i             the post-mortem of its newest incident; left for older ones',
  'r s S R       restart, stop, start, reset (clears a hold, backoff, cooldown);',
  '              each asks first',
  '/             only services whose name or phase contains a text; Esc clears it',
  'o             order: by trouble, name, CPU, memory or restarts',
  'Ctrl-L        draws the screen again',
  'q             back, or quit; Ctrl-C quits from anywhere',
  '',
  'CPU           of one core, in the last interval, the whole process tree',
  'MEM           resident memory of the process tree; HISTORY: over the run',
  'RESTARTS      restarts after a run has ended by itself or by a probe',
];
