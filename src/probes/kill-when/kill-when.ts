/**
 * Reads the kill condition. How it is plugged in:
 *
 *   before anything starts   parseKillWhen(text): a string is what is wrong with it; then open(…).missingName(): a name that a
 *                            readable file or URL does not have
 *   before every start       read(abort): `tripped` holds; `blind` holds too if that was asked for, unless `notYet`
 *   while a run is up        createRounds(…, killWhen.probe, …): reported under the name KILL_WHEN
 *
 * It lives as long as the watcher: numbers that the child wrote before it died still count, as long as they are not too old.
 */

import type { Observation } from '../../core/health-model.ts';
import type { Mono, Stamp } from '../../core/units.ts';
import { type Members, openMembers, residentBytes } from '../memory-and-cpu.ts';
import { createLineMatcher } from '../output-feed.ts';
import { createSlidingCount, type SlidingCount } from '../output-probes.ts';
import { ERROR_PATTERN, type Probe, type WatchedRun } from '../probe.ts';
import type { Condition } from './condition.ts';
import {
  commandSource,
  fileSource,
  type MetricsPlace,
  type MetricsSource,
  outputSource,
  type Reading,
  urlSource,
  withTimeLimit,
} from './sources.ts';
import { lookUp, type Metrics, namesIn, setName } from './values.ts';

/** Names that are always there: bytes, seconds, counts. A source that has one of them comes first. */
export const BUILT_IN = ['memory', 'uptime', 'restarts', 'errors_per_hour', 'output_age'] as const;

/** A run's own numbers. */
export interface RunNumbers {
  hearOutput(at: Mono): void;
  memoryBytes(): number;
  uptimeSeconds(): number;
  outputAgeSeconds(): number;
  close(): void;
}

/** Counts from now on. The tree is only measured where the condition asks for it, by `shared` members or by its own. */
function watchRun(run: WatchedRun, condition: Condition, mono: () => Mono, shared: Members | null): RunNumbers {
  const startedAt = mono();
  let lastBytesAt = startedAt;
  const own = shared === null && condition.names.includes('memory') ? openMembers(run) : null;
  const members = shared ?? own;
  return {
    hearOutput: at => {
      lastBytesAt = at;
    },
    memoryBytes: () => {
      const wanted = condition.names.includes('memory') && members !== null;
      return wanted ? residentBytes(members.look()) : 0;
    },
    uptimeSeconds: () => (mono() - startedAt) / 1000,
    outputAgeSeconds: () => (mono() - lastBytesAt) / 1000,
    close: () => own?.close(),
  };
}

/** The values of the built-in names; without a run its own numbers are 0. */
function builtIns(restarts: number, errors: number, run: RunNumbers | null): Record<string, unknown> {
  const values: Record<(typeof BUILT_IN)[number], number> = {
    restarts,
    errors_per_hour: errors,
    memory: run?.memoryBytes() ?? 0,
    uptime: run?.uptimeSeconds() ?? 0,
    output_age: run?.outputAgeSeconds() ?? 0,
  };
  return values;
}

/** Counts the lines that tell of an error. */
function errorCounter(errors: SlidingCount, pattern: RegExp | null) {
  const matcher = createLineMatcher(pattern ?? ERROR_PATTERN);
  return (lines: readonly string[], at: Mono): void => {
    let found = 0;
    matcher.scan(lines, () => ++found > 0);
    if (found > 0) errors.add(at, found);
  };
}

/** What the reader needs of the world. */
export interface KillWhenNeeds {
  readonly metrics: readonly MetricsPlace[];
  readonly maxAgeMs: number;
  /** For a URL or a command. */
  readonly timeLimitMs: number;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What counts for errors_per_hour; null: ERROR_PATTERN. */
  readonly errorPattern: RegExp | null;
  now(): Stamp;
  restarts(): number;
}

export type KillWhenReading = Extract<Observation, { kind: 'condition' }>;

export interface KillWhen {
  /** The first name that no source can bring, with all that there are; null if none is known to be missing. */
  missingName(abort: AbortSignal): Promise<{ name: string; known: readonly string[] } | null>;
  /** Reads all sources and judges, no run being up. Settles within the time limit, never rejects. */
  read(abort: AbortSignal): Promise<KillWhenReading>;
  /** The same over a run, for the rounds. */
  probe(run: WatchedRun, members?: Members): Probe;
}

const HOUR_MS = 3_600_000;
/** A command and a URL have the same limit themselves, and can tell more of what they were given up for. */
const OWN_LIMIT_FIRST_MS = 500;

/** Parses a condition; the language is loaded now (20 ms). Returns it, or in one line what is wrong with it. */
export async function parseKillWhen(written: string): Promise<Condition | string> {
  const { parseCondition } = await import('./condition.ts');
  return parseCondition(written);
}

/** Opens the sources. Nothing is read yet. */
export function openKillWhen(condition: Condition, needs: KillWhenNeeds): KillWhen {
  const mono = () => needs.now().mono;
  const limitMs = Math.min(needs.timeLimitMs, needs.maxAgeMs) + OWN_LIMIT_FIRST_MS;
  const sources = needs.metrics.map(place => withTimeLimit(openSource(place, condition, needs), limitMs));
  const errors = createSlidingCount(HOUR_MS);

  async function read(run: RunNumbers | null, abort: AbortSignal): Promise<KillWhenReading> {
    const readings = await Promise.all(sources.map(source => readSafely(source, abort)));
    const all = builtIns(needs.restarts(), errors.count(mono()), run);
    const faults: string[] = [];
    readings.forEach((reading, index) => {
      if ('fault' in reading) faults.push(reading.fault);
      else if (mono() - reading.at > needs.maxAgeMs) faults.push(`the numbers of ${sources[index]!.label} are too old`);
      // Several sources add up; of one name the last source counts.
      else merge(all, reading.values);
    });
    return toReading(
      condition,
      all,
      faults,
      sources.some(source => source.from === 'child'),
    );
  }

  return {
    read: abort => read(null, abort),
    missingName: abort => missingName(condition, sources, abort),
    probe(run, members) {
      const numbers = watchRun(run, condition, mono, members ?? null);
      const countErrors = condition.names.includes('errors_per_hour') ? errorCounter(errors, needs.errorPattern) : null;
      const listeners = sources.flatMap(source => source.hearLines?.bind(source) ?? []);
      if (countErrors !== null) listeners.push(countErrors);
      const probe: Probe = { ask: abort => read(numbers, abort), hearOutput: numbers.hearOutput, close: numbers.close };
      if (listeners.length > 0) probe.hearLines = (lines, at) => listeners.forEach(hear => void hear(lines, at));
      return probe;
    },
  };
}

function openSource(place: MetricsPlace, condition: Condition, needs: KillWhenNeeds): MetricsSource {
  const mono = () => needs.now().mono;
  if (place.kind === 'file') return fileSource(place.path, () => needs.now());
  if (place.kind === 'url') return urlSource(place.url, needs.timeLimitMs, mono);
  if (place.kind === 'exec') return commandSource({ command: place.command, ...needs }, mono);
  return outputSource(place.pattern, condition.names, needs.maxAgeMs, mono);
}

async function readSafely(source: MetricsSource, abort: AbortSignal): Promise<Reading> {
  try {
    return await source.read(abort);
  } catch (error) {
    return { fault: `${source.label} cannot be read (${error instanceof Error ? error.message : error})` };
  }
}

function toReading(condition: Condition, all: Metrics, faults: readonly string[], output: boolean): KillWhenReading {
  const judgement = condition.evaluate(all);
  if (judgement.kind !== 'blind')
    return { kind: 'condition', result: judgement.kind, notYet: false, why: judgement.why };
  // Its numbers may all be there but for those that only the child can bring, and it may not have come to that yet.
  const notYet = output && faults.length === 0 && judgement.missing.length > 0;
  return { kind: 'condition', result: 'blind', notYet, why: [...faults, judgement.why].join('; ') };
}

function merge(all: Record<string, unknown>, values: Metrics): void {
  for (const [name, value] of Object.entries(values))
    if (name !== '__proto__' && (value !== null || !Object.hasOwn(all, name))) all[name] = value;
}

// Only what can be known is refused: a file or URL that is read now and lacks the name, with nothing else that might bring it.
async function missingName(condition: Condition, sources: readonly MetricsSource[], abort: AbortSignal) {
  if (sources.some(source => source.from === 'child' || source.label.startsWith('exec:'))) return null;
  const known: Record<string, unknown> = {};
  for (const name of BUILT_IN) setName(known, name, 0);
  for (const source of sources) {
    const reading = await readSafely(source, abort);
    if ('fault' in reading) return null;
    merge(known, reading.values);
  }
  const name = condition.names.find(needed => lookUp(known, needed) === undefined);
  return name === undefined ? null : { name, known: namesIn(known) };
}
