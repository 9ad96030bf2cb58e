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

/** After a failed ask, no other for so long. */
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

/** Read back; null for what is none. Single entries that are broken are left out. */
export function budgetFromText(text: string | null): BudgetState | null {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    // Never written, or broken: the caller goes on with what it remembers, or with a full budget.
    return null;
  }
  const { v, calls, answers, pausedUntil } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (v !== 1) return null;
  return {
    calls: Array.isArray(calls) ? calls.filter(isTime).sort((a, b) => a - b) : [],
    answers: Array.isArray(answers) ? answers.filter(isRemembered).slice(-maxAnswers) : [],
    pausedUntil: isTime(pausedUntil) ? pausedUntil : null,
  };
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

function isRemembered(value: unknown): value is Remembered {
  const { asked, fingerprint, model, text, at } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const texts = [asked, fingerprint, model, text];
  return texts.every(part => typeof part === 'string' && part.length <= maxTextUnits) && isTime(at);
}
