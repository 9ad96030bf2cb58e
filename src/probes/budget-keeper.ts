/** Adds up what runs use of a number, over a window that outlives watchers and reboots: for `--budget`. */

import { type BudgetLedger, closeRun, freeAt, newLedger, usedIn, withCurrent, withValue } from '../core/limits.ts';
import { addSilence, judgeSilence, newRhythm, type SilenceVerdict } from '../core/rhythm.ts';
import { parseShaped, type Shape } from '../core/shape.ts';
import { durationText, type Mono, type Stamp } from '../core/units.ts';
import { commandSource, fileSource, type MetricsPlace, type MetricsSource, urlSource } from './kill-when/sources.ts';
import { GROUPED, lookUp, parseMetrics, readable } from './kill-when/values.ts';
import { createLineMatcher } from './output-feed.ts';
import type { BudgetKeeper, BudgetLimit, KeptText, RhythmKeeper } from './probe.ts';

// Numbers in a program's lines, for `--budget`: by their own names, and what agents print under one of our names.

/** A number that a line states; `added`: it is this step's share of the number, not the run's total. */
export interface Stated {
  value: number;
  added: number;
}

/** Names that agents' own words stand for. */
const COST_NAMES = ['total_cost_usd', 'cost_usd', 'costUsd', 'cost'];
/** Of the Messages API; what the cache took or gave is in none of the other two. Source: its description of prompt caching. */
const USED_TOKENS = ['input_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens', 'output_tokens'];
/** "Tokens: 9.1k sent, 210 received. Cost: $0.03 message, $0.12 session." */
const SPOKEN_COST = /\bcost: \$(\d+(?:\.\d+)?) message, \$(\d+(?:\.\d+)?) session/i;
const PAIR_CHARS = 4096;

/**
 * What a line says of this number: the field of a JSON line by its dotted name, a `name=value` pair, or a named group of the pattern. `cost` and
 * `tokens` also read what agents print: `total_cost_usd`, `usage`, a cost in words.
 */
export function statedIn(line: string, name: string, pattern: RegExp | null): Stated | null {
  if (pattern !== null) return same(groupIn(line, name, pattern));
  if (line.trimStart().startsWith('{')) {
    const document = parseMetrics(line);
    if (typeof document !== 'string') return same(fieldIn(document, name));
  }
  const spoken = name === 'cost' ? SPOKEN_COST.exec(line) : null;
  if (spoken !== null) return { value: Number(spoken[2]), added: Number(spoken[1]) };
  return same(pairIn(line.slice(0, PAIR_CHARS), name));
}

function same(value: number | null): Stated | null {
  return value === null ? null : { value, added: value };
}

function fieldIn(document: Exclude<ReturnType<typeof parseMetrics>, string>, name: string): number | null {
  const own = numberOf(lookUp(document, name));
  if (own !== null) return own;
  if (name === 'cost')
    return COST_NAMES.map(known => numberOf(lookUp(document, known))).find(value => value !== null) ?? null;
  if (name !== 'tokens') return null;
  const used = USED_TOKENS.map(known => numberOf(lookUp(document, `usage.${known}`))).filter(count => count !== null);
  return used.length === 0 ? null : used.reduce((sum, count) => sum + count, 0);
}

function pairIn(line: string, name: string): number | null {
  const escaped = name.replace(/[.\\^$*+?()[\]{}|]/g, '\\$&');
  const found = new RegExp(`(?:^|[\\s,;{|])${escaped}\\s*=\\s*"?(${GROUPED}|[^\\s,;|}"]+)`).exec(line);
  return found === null ? null : numberOf(readable(found[1]));
}

function groupIn(line: string, name: string, pattern: RegExp): number | null {
  let value: number | null = null;
  createLineMatcher(pattern).scan([line], match => {
    value = numberOf(readable(match.groups?.[name]));
    return false;
  });
  return value;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

export interface BudgetWorld {
  readonly metrics: readonly MetricsPlace[];
  readonly timeLimitMs: number;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly store: KeptText;
  now(): Stamp;
}

const SAVE_EVERY_MS = 1000;

export function createBudgetKeeper(budget: BudgetLimit, world: BudgetWorld): BudgetKeeper {
  const { metric, sum, limit, windowMs } = budget;
  const sources = world.metrics.flatMap(place => openNow(place, world));
  const patterns = world.metrics.flatMap(place => (place.kind === 'output' ? [place.pattern] : []));
  // Agents print what they cost: without a place that is named, the output is read.
  const listens = world.metrics.length === 0 ? [null] : patterns;
  const kept = parseShaped(ledgerShape, world.store.read()) as BudgetLedger | null;
  let ledger = closeRun(kept ?? newLedger(), windowMs);
  let begins = true;
  let savedAt = Number.NEGATIVE_INFINITY;
  let dirty = false;

  function keep(next: BudgetLedger, now = false): void {
    if (next === ledger) return;
    ledger = next;
    dirty = true;
    if (now || world.now().mono - savedAt >= SAVE_EVERY_MS) save();
  }

  function save(): void {
    if (!dirty) return;
    dirty = false;
    savedAt = world.now().mono;
    world.store.write(`${JSON.stringify(ledger)}\n`);
  }

  return {
    startRun() {
      begins = true;
    },
    hear(lines) {
      for (const pattern of listens)
        for (const line of lines) {
          const stated = statedIn(line, metric, pattern);
          if (stated === null) continue;
          keep(withCurrent(ledger, sum ? ledger.current + stated.added : stated.value, world.now().wall));
        }
    },
    async look(abort) {
      for (const source of sources) {
        const reading = await source.read(abort);
        const value = 'values' in reading ? lookUp(reading.values, metric) : null;
        if (typeof value !== 'number') continue;
        keep(withValue(ledger, value, begins, world.now().wall));
      }
      begins = false;
      save();
    },
    current: () => ledger.current,
    endRun: () => keep(closeRun(ledger, windowMs), true),
    clear: () => keep({ ...newLedger(), lastValue: ledger.lastValue }, true),
    view() {
      const { wall } = world.now();
      const used = usedIn(ledger, windowMs, wall);
      const words = `${rounded(used)} of ${limit} ${metric} used in ${durationText(windowMs)}`;
      return { used, until: freeAt(ledger, limit, windowMs, wall), words };
    },
  };
}

const rounded = (amount: number): number => Number(amount.toPrecision(4));

function openNow(place: MetricsPlace, world: BudgetWorld): MetricsSource[] {
  const mono = () => world.now().mono;
  if (place.kind === 'file') return [fileSource(place.path, () => world.now())];
  if (place.kind === 'url') return [urlSource(place.url, world.timeLimitMs, mono)];
  return place.kind === 'exec' ? [commandSource({ command: place.command, ...world }, mono)] : [];
}

/** The form of a ledger in its file. What is none counts as nothing used: a budget is no hold. */
const ledgerShape = {
  object: {
    used: { list: { object: { since: 'number', at: 'number', amount: 'number' } } },
    current: 'number',
    currentAt: 'number',
    lastValue: { nullable: 'number' },
    startValue: 'number',
    startsAnew: 'boolean',
  },
} as const satisfies Shape;

// Learns the rhythm of a service's output over all runs, for `--stale-after auto`, and keeps it on disk.

const SAVE_EVERY_S = 600;
/** A silence shorter than every limit exceeds none. */
const SHORT_S = 600;
const LEARNING: SilenceVerdict = { kind: 'learning' };
const MOST_PATIENCE = 8;
/** A run that was observed this long was cured by its restart. */
const CURED_S = 3600;
const DECIDED_S = 6 * 3600;

export function createRhythmKeeper(store: KeptText): RhythmKeeper {
  const rhythm = parseShaped(rhythmShape, store.read()) ?? newRhythm();
  let last: Mono | null = null;
  let savedAtS = rhythm.observedS;
  let runBeganAtS = rhythm.observedS;
  let patience = 1;
  let hung = false;

  function save(): void {
    if (rhythm.observedS === savedAtS) return;
    savedAtS = rhythm.observedS;
    store.write(`${JSON.stringify(rhythm)}\n`);
  }

  return {
    startRun() {
      last = null;
      runBeganAtS = rhythm.observedS;
    },
    heard(at) {
      if (last !== null) {
        const silenceS = Math.max(0, (at - last) / 1000);
        addSilence(rhythm, silenceS, silenceS < SHORT_S ? LEARNING : judgeSilence(rhythm));
        if (rhythm.observedS - runBeganAtS > CURED_S) {
          hung = false;
          patience = 1;
        }
        if (rhythm.observedS - savedAtS >= SAVE_EVERY_S) save();
      }
      last = at;
    },
    limitMs() {
      const verdict = judgeSilence(rhythm);
      return verdict.kind === 'watchable' ? verdict.limitS * 1000 * patience : Number.POSITIVE_INFINITY;
    },
    expired() {
      if (hung) patience = Math.min(MOST_PATIENCE, 2 * patience);
      hung = true;
    },
    words() {
      const verdict = judgeSilence(rhythm);
      if (verdict.kind === 'watchable')
        return `silence over ${durationText(Math.round(verdict.limitS * patience) * 1000)} is a hang`;
      if (verdict.kind === 'learning') {
        const observed = durationText(Math.floor(rhythm.observedS / 60) * 60_000);
        return `learning the rhythm of the output (${observed} of ${durationText(DECIDED_S * 1000)})`;
      }
      return 'silence means nothing here: use --stale-when idle, a progress pattern, a file or a heartbeat';
    },
    endRun: save,
  };
}

const lists = { present: { list: 'number' }, former: { list: 'number' } } as const;
const sums = { presentS: 'number', formerS: 'number', observedS: 'number', suspendedUntilS: 'number' } as const;
/** The form of a rhythm in its file: what is none, cut off by a full disk say, is learned anew. */
const rhythmShape = {
  object: { ...lists, ...sums, exceeded: 'number', exceededIrregular: 'number', suspendedMinS: { nullable: 'number' } },
} as const satisfies Shape;
