import { isRecord, parseJson } from '../../core/shape.ts';

/** How loud a line says it is; `none`: it does not say. */
export type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'none';

/** A log line that is a JSON object, reduced to what it says. */
export interface LogRecord {
  readonly text: string;
  readonly level: Level;
}

/** A record longer than this is not parsed: a line of megabytes is data, not a message. */
const longestRecordChars = 64 * 1024;
const longestTextChars = 1500;

/** Reads one JSON line: its message, error and reason as one text, and its level. Null if it is not a JSON object with a message. */
export const readRecord = (line: string): LogRecord | null => {
  const trimmed = line.trim();
  if (trimmed.length > longestRecordChars || !trimmed.endsWith('}')) return null;
  // A cut line, or JavaScript's own notation, is read as plain text.
  const record = parseJson(trimmed);
  if (!isRecord(record)) return null;
  const texts = textsOf(record, 0);
  const thrown = headlineIn(record);
  if (thrown !== null && !texts.some(text => thrown.includes(text) && text.length > 20)) texts.unshift(thrown);
  const said = [...new Set(texts)].join(': ').replace(/\s+/g, ' ').slice(0, longestTextChars);
  return said === '' ? null : { text: said, level: levelIn(record) };
};

/** Fields in which loggers put a whole trace. */
const traces: readonly string[] = [
  'exception',
  'exc_info',
  'stack',
  'stack_trace',
  'stacktrace',
  'traceback',
  'error.stack',
];

/** What the trace in a record says: the last line of Python's, what stands above the frames of the others. */
const headlineIn = (record: Record<string, unknown>): string | null => {
  const trace = traces.map(name => record[name]).find(value => typeof value === 'string' && /\n\s/.test(value));
  if (typeof trace !== 'string') return null;
  const lines = trace.trim().split('\n');
  if (/^Traceback \(most/m.test(trace)) return lines.findLast(line => /^\S/.test(line)) ?? null;
  const frames = lines.findIndex(line => /^\s+at |^\s*#0 |^\t\S/.test(line));
  const said = lines.slice(0, Math.min(frames, 6)).join(' ');
  return frames > 0 && /[a-z]{3}.{0,200}(?:Error|Exception|: )/i.test(said) ? said : null;
};

/** In the order in which a person would read them out. */
const spoken: readonly string[] = [
  'msg',
  'message',
  'result',
  'text',
  'event',
  'error',
  'err',
  'errors',
  'exception',
  'reason',
  'detail',
  'code',
  'status',
  'item',
  'content',
  'attr',
  'data',
  'output',
  'payload',
  'statusCode',
  'error_status',
  'api_error_status',
  'api_error_type',
];

const textsOf = (value: unknown, depth: number): string[] => {
  if (typeof value === 'string') return value.trim() === '' || /^Traceback \(most recent/.test(value) ? [] : [value];
  if (depth > 4) return [];
  if (Array.isArray(value))
    return value
      .slice(0, 8)
      .flatMap(entry => (isRecord(entry) ? textsOf(entry, depth + 1) : textsOf(entry, depth + 1)));
  if (!isRecord(value)) return [];
  return spoken.flatMap(name => {
    const entry = value[name];
    if (typeof entry === 'number') return name.includes('status') || name === 'code' ? [`status ${entry}`] : [];
    return textsOf(entry, depth + 1);
  });
};

const words: Readonly<Record<string, Level>> = {
  fatal: 'fatal',
  panic: 'fatal',
  critical: 'fatal',
  crit: 'fatal',
  emerg: 'fatal',
  emergency: 'fatal',
  alert: 'fatal',
  dpanic: 'fatal',
  f: 'fatal',
  '60': 'fatal',
  error: 'error',
  err: 'error',
  severe: 'error',
  e: 'error',
  '50': 'error',
  warn: 'warn',
  warning: 'warn',
  w: 'warn',
  '40': 'warn',
  info: 'info',
  information: 'info',
  notice: 'info',
  i: 'info',
  '30': 'info',
  debug: 'debug',
  trace: 'debug',
  verbose: 'debug',
  d: 'debug',
  '20': 'debug',
  '10': 'debug',
};

/** Agent CLIs tell a failure by its type (`turn.failed`), an outcome (`is_error`) or a retry's subtype, not by a level. */
const levelIn = (record: Record<string, unknown>): Level => {
  if (record['is_error'] === true || record['is_api_error_message'] === true) return 'error';
  const subtype = String(record['subtype'] ?? '');
  if (/retry/.test(subtype)) return 'warn';
  if (/^error/.test(subtype)) return 'error';
  const inner = isRecord(record['item']) ? String(record['item']['type'] ?? '') : '';
  if (inner !== '') return inner === 'error' ? 'warn' : 'info';
  const type = String(record['type'] ?? '');
  if (/(?:^|[._-])(?:error|failed|failure)$/.test(type)) return 'error';
  for (const name of ['level', 'severity', 'lvl', 'levelname', 'log.level', 's', '@l', 'loglevel']) {
    const found = record[name] === undefined ? undefined : words[String(record[name]).toLowerCase()];
    if (found !== undefined) return found;
  }
  return type === '' ? 'none' : 'info';
};
