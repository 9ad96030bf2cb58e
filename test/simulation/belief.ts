import type { Exit, ExitCause, Policy, StopCause } from '../../src/core/model.ts';

/** A run that has come up, as far as it matters for what comes next. */
interface Up {
  runId: string;
  since: number;
  healthy: boolean;
}

/** What is going on, as an observer with the contract in hand believes. Times are monotonic ms. */
export type Mode =
  | { is: 'stopped' }
  | { is: 'finished' }
  | { is: 'held' }
  /** `checking`: the kill condition is read first. */
  | { is: 'starting'; runId: string; since: number; checking: boolean }
  | ({ is: 'up' } & Up)
  /** `rest`: when those beside the main process were asked. */
  | ({ is: 'ending'; asked: number; cause: StopCause; rest: number | null; killed: boolean } & Up)
  /** It ended with success at `since`, and its output is checked once nothing is left of it; `done`: it had been stopped for that. */
  | {
      is: 'checking';
      runId: string;
      since: number;
      lived: number;
      healthy: boolean;
      exit: Exit;
      done: boolean;
      asked: number | null;
    }
  /** `over`: the wait is done, and only what is left of the last run keeps the next from starting. */
  | { is: 'waiting'; cooldown: boolean; from: number; ms: number; over: boolean }
  /** Until a wall time; `lookedAt`: when it was last held against the clock. */
  | { is: 'limited'; until: number | null; startAt: number; from: number; ms: number; lookedAt: number; over: boolean }
  /** For its schedule; `until` is null while that is being asked. */
  | { is: 'scheduled'; since: number; until: number | null };

/** All that the contract lets one count and remember: an independent model of a name, kept in as simple a form as it goes. */
export interface Belief {
  mode: Mode;
  run: number;
  /** Waits since the last reset. */
  step: number;
  /** Restarts in a row without a healthy run. */
  row: number;
  /** Runs in a row under a second. */
  short: number;
  /** Limited waits in a row, and refused logins in a row. */
  limits: number;
  refusals: number;
  /** Every crash since the last fresh slate. */
  crashes: readonly number[];
  /** Deaths of healthy runs since they were last told of. */
  slow: readonly number[];
  everUp: boolean;
  last: ExitCause | null;
  /** Leftovers of that run are being ended, since then. */
  clearing: { runId: string; since: number } | null;
  /** It was told that these cannot be ended. */
  stuck: boolean;
  leaving: { code: number; since: number; now: boolean; byPerson: boolean } | null;
  /** A restart was requested while the run was being ended for another reason: the next start is at once. */
  asked: boolean;
  toldSuccess: boolean;
  /** An incident waits for a healthy run, and whether it is a limit. */
  incident: boolean;
  incidentIsLimit: boolean;
  /** There ever was one. */
  incidentKnown: boolean;
  /** The step before the last healthy run, and how long the last run had lived. */
  stepBefore: number;
  lastUp: number;
}

/** What a reset, and a stop by a person, leave of the counts. */
export const FRESH = { step: 0, row: 0, short: 0, limits: 0, refusals: 0, crashes: [], slow: [] } as const;

/** Nothing was ever watched. */
export const BLANK: Belief = {
  mode: { is: 'stopped' },
  run: 0,
  step: 0,
  row: 0,
  short: 0,
  limits: 0,
  refusals: 0,
  crashes: [],
  slow: [],
  everUp: false,
  last: null,
  clearing: null,
  stuck: false,
  leaving: null,
  asked: false,
  toldSuccess: false,
  incident: false,
  incidentIsLimit: false,
  incidentKnown: false,
  stepBefore: 0,
  lastUp: 0,
};

/** The wait by the words of the contract: the first, times the factor each time, capped, a share of chance added, a floor. */
export function contractWait(policy: Policy, belief: Belief, roll: number): number {
  let wait = policy.backoffMs;
  for (let grown = 0; grown < belief.step && wait > 0 && wait < policy.backoffMaxMs; grown++)
    wait *= policy.backoffFactor;
  wait = Math.min(wait, policy.backoffMaxMs);
  wait += wait * policy.jitter * roll;
  if (belief.short >= 100 && wait < 20) wait = 20;
  return Math.round(wait);
}

/** The same belief on a clock that differs by so much. */
export function shifted(belief: Belief, byMs: number): Belief {
  const { mode, clearing } = belief;
  const moved: Mode = { ...mode };
  if ('since' in moved) moved.since += byMs;
  if ('from' in moved) moved.from += byMs;
  if ('asked' in moved && moved.asked !== null) moved.asked += byMs;
  if ('lookedAt' in moved) moved.lookedAt += byMs;
  if ('rest' in moved && moved.rest !== null) moved.rest += byMs;
  return {
    ...belief,
    mode: moved,
    crashes: belief.crashes.map(at => at + byMs),
    slow: belief.slow.map(at => at + byMs),
    clearing: clearing && { ...clearing, since: clearing.since + byMs },
  };
}

/** The run that this belief knows to be up, or to be being cleared. */
export function runIn({ mode, clearing }: Belief): string | null {
  return 'runId' in mode ? mode.runId : (clearing?.runId ?? null);
}

/** The belief after a reset of a name that nobody watches. */
export function forgiven(belief: Belief): Belief {
  const { is } = belief.mode;
  const mode: Mode = is === 'held' || is === 'waiting' || is === 'limited' ? { is: 'stopped' } : belief.mode;
  return { ...belief, mode, ...FRESH };
}
