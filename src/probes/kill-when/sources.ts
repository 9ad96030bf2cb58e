import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { changedAt } from '../../core/health-judges.ts';
import { durationText, type Mono, type Stamp, type Wall } from '../../core/units.ts';
import { atMost } from '../../host/clock.ts';
import { errnoOf, openRegular, reasonOf } from '../../host/read-file.ts';
import { createLineMatcher } from '../output-feed.ts';
import { GROUPED, lookUp, type Metrics, parseMetrics, readable, setName } from './values.ts';

const pair = new RegExp(
  String.raw`(?<![\w.])([A-Za-z_][\w.]*)\s*=\s*("(?:\\.|[^"\\])*"|${GROUPED}|[^\s,;|}\])]+)`,
  'g',
);
/** Pairs stand at the beginning of a line; what is behind is text. */
const PAIR_CHARS = 4096;

/**
 * The child's lines: JSON objects and `key=value` pairs, or the named groups of a pattern. Only names that are needed are kept, each
 * with the time of its own: a number that is no longer written grows old though others are.
 */
export function outputSource(
  pattern: RegExp | null,
  needed: readonly string[],
  maxAgeMs: number,
  now: () => Mono,
): MetricsSource {
  const found = new Map<string, { value: unknown; at: Mono }>();
  const keep = (name: string, value: unknown, at: Mono) => {
    // A null is news too: it takes back the number before it.
    if (value === null) found.delete(name);
    else found.set(name, { value, at });
  };
  const take = pattern === null ? fromDocumentOrPairs(needed, keep) : fromGroups(pattern, needed, keep);
  return {
    label: 'the output',
    from: 'child',
    hearLines: take,
    async read() {
      const at = now();
      const values: Record<string, unknown> = {};
      for (const [name, known] of found) if (at - known.at <= maxAgeMs) setName(values, name, known.value);
      return { values, at };
    },
  };
}

type Keep = (name: string, value: unknown, at: Mono) => void;
type Take = (lines: readonly string[], at: Mono) => void;

function fromDocumentOrPairs(needed: readonly string[], keep: Keep): Take {
  return (lines, at) => {
    for (const line of lines) {
      const document = line.trimStart().startsWith('{') ? parseMetrics(line) : 'is not JSON';
      if (typeof document === 'string') fromPairs(line, needed, keep, at);
      else
        for (const name of needed) {
          const value = lookUp(document, name);
          // A name that is not in this line keeps what it had.
          if (value !== undefined) keep(name, value, at);
        }
    }
  };
}

function fromPairs(line: string, needed: readonly string[], keep: Keep, at: Mono): void {
  for (const [, name, text] of line.slice(0, PAIR_CHARS).matchAll(pair))
    if (needed.includes(name!)) keep(name!, readable(unquoted(text!)), at);
}

function fromGroups(pattern: RegExp, needed: readonly string[], keep: Keep): Take {
  const matcher = createLineMatcher(pattern);
  return (lines, at) =>
    matcher.scan(lines, match => {
      for (const [name, text] of Object.entries(match.groups ?? {}))
        if (needed.includes(name) && text !== undefined) keep(name, readable(text), at);
      return true;
    });
}

function unquoted(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1) : text;
}

/** What a source gave last: its values and since when they are so, or in a phrase why there are none. */
export type Reading = { readonly values: Metrics; readonly at: Mono } | { readonly fault: string };

/** A place where metrics come from. Made once for a watcher. */
export interface MetricsSource {
  /** For people: `metrics.json`. */
  readonly label: string;
  /** `now`: it can be read at any time, before the child is up too. `child`: only the child's output brings it. */
  readonly from: 'now' | 'child';
  /** Reads it within its own time limit. */
  read(abort: AbortSignal): Promise<Reading>;
  hearLines?(lines: readonly string[], at: Mono): void;
}

/** Where metrics come from, as it was asked for. */
export type MetricsPlace =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'output'; readonly pattern: RegExp | null };

/** A larger document of metrics is refused: reading it every few seconds would cost more than the rest of the watcher. */
const DOCUMENT_BYTES = 16 * 1_048_576;
const TOO_LARGE = `is larger than ${DOCUMENT_BYTES >> 20} MiB`;

/**
 * A source with a time limit: one that does not answer in time leaves its former values, at their age, and is not asked again
 * until it has. A mount or a program that hangs so never keeps the condition from being judged.
 */
export function withTimeLimit(source: MetricsSource, limitMs: number): MetricsSource {
  let last: Reading | null = null;
  let underWay: Promise<Reading> | null = null;
  const ask = (abort: AbortSignal) => {
    const asked = source.read(abort).then(reading => {
      if ('values' in reading) last = reading;
      return reading;
    });
    const forget = () => {
      underWay = null;
    };
    asked.then(forget, forget);
    return asked;
  };
  return {
    ...source,
    async read(abort) {
      underWay ??= ask(abort);
      const reading = await atMost(limitMs, underWay, null);
      return reading ?? last ?? { fault: `${source.label} gave no answer in ${durationText(limitMs)}` };
    },
  };
}

/** File systems keep times coarsely: a file read so soon after its change may be changed once more without a trace. */
const COARSE_MS = 2500;

/**
 * A JSON file. Its age is that of its modification time at the first look, and from then on by the monotonic clock. A reader may
 * come while it is being rewritten: what is not JSON at this moment leaves the former values, at their age.
 */
export function fileSource(path: string, now: () => Stamp): MetricsSource {
  let last: { values: Metrics; at: Mono; version: Version; lookedAt: Stamp; settled: boolean } | null = null;

  async function look(): Promise<Reading> {
    // Unchanged, it is not read again: this is looked at every few seconds, for as long as the watcher lives.
    if (last?.settled && isSame(last.version, versionOf(await stat(path)))) {
      last.lookedAt = now();
      return last;
    }
    const { text, version } = await readWhole(path);
    const values = parseMetrics(text);
    if (typeof values === 'string') return last ?? { fault: `${path} ${values}` };
    const lookedAt = now();
    const settled = Math.abs(lookedAt.wall - version.mtime) > COARSE_MS;
    last = { values, at: ageBase(version.mtime, lookedAt), version, lookedAt, settled };
    return last;
  }

  function ageBase(mtime: number, at: Stamp): Mono {
    if (last === null) return (at.mono - Math.max(0, at.wall - mtime)) as Mono;
    return last.version.mtime === mtime ? last.at : changedAt(mtime as Wall, last.lookedAt, at);
  }

  return {
    label: basename(path),
    from: 'now',
    async read() {
      try {
        return await look();
      } catch (error) {
        const why = errnoOf(error) ?? reasonOf(error);
        const fault = why === 'ENOENT' ? 'does not exist' : `cannot be read (${why})`;
        return last ?? { fault: `${path} ${fault}` };
      }
    },
  };
}

/** What changes when a file is written or replaced. */
interface Version {
  mtime: number;
  bytes: number;
  inode: number;
}

function versionOf(stats: Stats): Version {
  return { mtime: stats.mtimeMs, bytes: stats.size, inode: stats.ino };
}

function isSame(a: Version, b: Version): boolean {
  return a.mtime === b.mtime && a.bytes === b.bytes && a.inode === b.inode;
}

async function readWhole(path: string): Promise<{ text: string; version: Version }> {
  const file = await openRegular(path);
  try {
    const stats = await file.stat();
    if (stats.size > DOCUMENT_BYTES) throw new Error(TOO_LARGE);
    const buffer = Buffer.alloc(Math.max(stats.size, 4096));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return { text: buffer.toString('utf8', 0, bytesRead), version: versionOf(stats) };
  } finally {
    await file.close();
  }
}

/** What a command is run with. */
export interface CommandPlace {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeLimitMs: number;
}

/** The JSON that a command writes to its standard output. A failed one leaves the former values, at their age. */
export function commandSource({ command, cwd, env, timeLimitMs }: CommandPlace, now: () => Mono): MetricsSource {
  let last: { values: Metrics; at: Mono } | null = null;
  return {
    label: `exec:${command}`,
    from: 'now',
    async read(abort): Promise<Reading> {
      const { runProbeCommand } = await import('../run-check.ts');
      const end = await runProbeCommand({ command, cwd, env, timeLimitMs, keepBytes: DOCUMENT_BYTES, abort });
      if (end.over !== null) return last ?? { fault: `${command} did not finish within ${durationText(timeLimitMs)}` };
      if (end.code !== 0) return last ?? { fault: `${command} ended with ${end.code ?? end.signal}` };
      const values = parseMetrics(end.output);
      if (typeof values === 'string') return last ?? { fault: `what ${command} writes ${values}` };
      last = { values, at: now() };
      return last;
    },
  };
}

/** The JSON answer of a GET. A failed one leaves the former values, at their age. */
export function urlSource(address: string, timeLimitMs: number, now: () => Mono): MetricsSource {
  const url = new URL(address);
  let last: { values: Metrics; at: Mono } | null = null;
  return {
    label: url.host,
    from: 'now',
    async read(abort): Promise<Reading> {
      const { exchange } = await import('../../host/http-exchange.ts');
      const headers = { accept: 'application/json' };
      const rest = { headers, body: null, answerLimitBytes: DOCUMENT_BYTES, abort, proxyEnv: null, tolerant: true };
      const answer = await exchange({ url, method: 'GET', timeLimitMs, ...rest });
      if (answer.kind === 'unanswered') return last ?? { fault: `${url.host}: ${answer.why}` };
      if (answer.status !== 200) return last ?? { fault: `${url.host} answers HTTP ${answer.status}` };
      const values = answer.cut === null ? parseMetrics(answer.body) : 'gave an incomplete answer';
      if (typeof values === 'string') return last ?? { fault: `the answer of ${url.host} ${values}` };
      last = { values, at: now() };
      return last;
    },
  };
}
