import { fieldsOf, fits, parseShaped } from '../core/shape.ts';
import type { Tokens } from './endpoint.ts';

/**
 * How often a model may be asked, and what it has answered already. Plain data and pure functions: the state is written
 * to a file, so that neither a restart nor a crash loop buys more calls. Times are wall ms, since they outlive a boot.
 */

/** At most `count` calls in any span of `windowMs`. */
export interface CallLimit {
  readonly count: number;
  readonly windowMs: number;
}

/** An answer that is kept. */
export interface Remembered {
  /** Which model was asked: an answer of another one is none. */
  readonly asked: string;
  readonly fingerprint: string;
  readonly model: string;
  readonly text: string;
  readonly at: number;
}

export interface BudgetState {
  /** When calls were made, oldest first. */
  readonly calls: readonly number[];
  readonly answers: readonly Remembered[];
  /** After a failed ask: not before then. */
  readonly pausedUntil: number | null;
}

export const emptyBudget: BudgetState = { calls: [], answers: [], pausedUntil: null };

/** How long no other question is asked after one that failed. */
const pauseMs = 15 * 60_000;
const maxAnswers = 200;
const maxTextUnits = 2000;

/**
 * The state as it counts now. A clock that was set back leaves calls in the future: they count as made now, so that
 * they neither vanish nor stay for ever.
 */
export function settled(state: BudgetState, now: number, limit: CallLimit): BudgetState {
  const calls = state.calls.map(at => Math.min(at, now)).filter(at => now - at < limit.windowMs);
  const until = state.pausedUntil === null ? null : Math.min(state.pausedUntil, now + pauseMs);
  return { ...state, calls, pausedUntil: until === null || until <= now ? null : until };
}

/** Whether one more call is allowed. `state` must be settled. */
export const mayCall = (state: BudgetState, limit: CallLimit): boolean => state.calls.length < limit.count;

/** With a call made now. */
export const called = (state: BudgetState, now: number): BudgetState => ({ ...state, calls: [...state.calls, now] });

/** After a failed ask. */
export const paused = (state: BudgetState, now: number): BudgetState => ({ ...state, pausedUntil: now + pauseMs });

/** With an answer kept; the oldest ones go. */
export function remembering(state: BudgetState, answer: Remembered): BudgetState {
  const others = state.answers.filter(other => keyOf(other) !== keyOf(answer));
  return { ...state, answers: [...others, answer].slice(-maxAnswers), pausedUntil: null };
}

/** The answer that this model gave for this fingerprint. */
export const recall = (state: BudgetState, asked: string, fingerprint: string): Remembered | null =>
  state.answers.find(answer => keyOf(answer) === keyOf({ asked, fingerprint })) ?? null;

const keyOf = ({ asked, fingerprint }: Pick<Remembered, 'asked' | 'fingerprint'>): string => `${asked}\n${fingerprint}`;

/** A state as text. */
export const budgetToText = (state: BudgetState): string => JSON.stringify({ v: 1, ...state });

/** Read back; null for what is none: the caller goes on with what it remembers. Single entries that are broken are left out. */
export function budgetFromText(text: string | null): BudgetState | null {
  const kept = parseShaped({ object: { v: { oneOf: [1] } } }, text);
  if (kept === null) return null;
  const { calls, answers, pausedUntil } = fieldsOf(kept);
  return {
    calls: listOf(calls)
      .filter(one => fits('number', one))
      .sort((a, b) => a - b),
    answers: listOf(answers)
      .filter(one => fits(rememberedShape, one))
      .slice(-maxAnswers),
    pausedUntil: fits('number', pausedUntil) ? pausedUntil : null,
  };
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const text = {
  is: (value: unknown): value is string => typeof value === 'string' && value.length <= maxTextUnits,
  what: 'a text of bounded length',
} as const;
const rememberedShape = { object: { asked: text, fingerprint: text, model: text, text, at: 'number' } } as const;

// The budget as it lies in its file, shared by the watcher and a `diagnose` by hand.

/** Where the budget is kept, a file of its own. Both may throw. */
export interface BudgetStore {
  readonly read: () => string | null;
  readonly write: (text: string) => void;
}

/** Looks at the budget, and changes it. Neither throws. */
export interface BudgetLedger {
  look(): BudgetState;
  change(step: (state: BudgetState, now: number) => BudgetState): void;
}

/**
 * The file is read anew each time, since the other process writes to it too. Where it cannot be written (a full disk)
 * memory goes on counting: asking must not become free of charge by that.
 */
export function budgetLedger(store: BudgetStore, limit: CallLimit, wallMs: () => number): BudgetLedger {
  let memory = emptyBudget;
  let written = true;
  const load = (): BudgetState => {
    try {
      if (written) memory = budgetFromText(store.read()) ?? memory;
    } catch {
      // Not readable: memory knows what this watcher did.
    }
    return settled(memory, wallMs(), limit);
  };
  const save = (state: BudgetState) => {
    memory = state;
    try {
      store.write(budgetToText(state));
      written = true;
    } catch {
      written = false;
    }
  };
  return {
    look: load,
    change: step => save(step(load(), wallMs())),
  };
}

// What a question costs, for models whose price is known. An estimate for people; nothing is decided by it.

/** US dollars for a million tokens in and out. As published in autumn 2026; a model that is not here costs "unknown". */
const dollarsPerMillion: Readonly<Record<string, readonly [input: number, output: number]>> = {
  'claude-haiku-4-5': [1, 5],
  'gpt-5-nano': [0.05, 0.4],
  'gpt-5.4-nano': [0.2, 1.25],
  'gpt-4o-mini': [0.15, 0.6],
  'gemini-3.1-flash-lite': [0.25, 1.5],
  'deepseek-v4-flash': [0.14, 0.28],
};

/** US dollars, to a millionth, or null if price or tokens are unknown. A vendor's prefix and a date at the end do not matter. */
export function costUsd(model: string, tokens: Tokens | null): number | null {
  const name = model.replace(/^.*\//, '').replace(/-(?:\d{8}|\d{4}-\d{2}-\d{2})$/, '');
  const price = Object.hasOwn(dollarsPerMillion, name) ? dollarsPerMillion[name] : undefined;
  if (price === undefined || tokens === null) return null;
  const dollars = (tokens.input * price[0] + tokens.output * price[1]) / 1e6;
  return Math.round(dollars * 1e6) / 1e6;
}
