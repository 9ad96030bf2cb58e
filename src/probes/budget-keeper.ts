/** Adds up what runs use of a number, over a window that outlives watchers and reboots: for `--budget`. */
import { type BudgetLedger, closeRun, freeAt, newLedger, usedIn, withCurrent, withValue } from '../core/budget.ts';
import { parseShaped, type Shape } from '../core/shape.ts';
import { durationText } from '../core/text/units.ts';
import type { Stamp } from '../core/time.ts';
import { statedIn } from './budget-metrics.ts';
import type { BudgetKeeper, BudgetLimit, KeptText } from './keepers.ts';
import { commandSource, fileSource, type MetricsPlace, type MetricsSource, urlSource } from './kill-when/sources.ts';
import { lookUp } from './kill-when/values.ts';

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
