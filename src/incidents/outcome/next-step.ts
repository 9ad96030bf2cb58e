import { type Limit, SOON_MS, stepAfterLimit } from '../../core/limits.ts';
import type { Wall } from '../../core/time.ts';
import type { Exit } from '../triage/exit.ts';
import type { Judged } from './judge-end.ts';
import type { Outcome } from './read-outcome.ts';

/** What follows an end: `next` of `diagnose --json`. */
export interface NextStep {
  readonly action: 'restart' | 'wait' | 'hold' | 'none';
  /** RFC 3339 UTC; null: at no time that is known. */
  readonly until: string | null;
  /** One sentence. */
  readonly why: string;
}

/** The default of --max-wait. */
const MAX_WAIT_MS = 8 * 86_400_000;
/** A suspected login failure is tried again like any other failure. */
const SURE = 0.7;

/** What comes after an end with the default settings of --on-cause and --max-wait. @param now wall time of the end in ms */
export const nextStep = ({ outcome, category, confidence }: Judged, { code }: Exit, now: number): NextStep => {
  const { statement, verdict, until } = outcome;
  if (verdict === 'success') return step('none', null, 'The last JSON event reports success.');
  if (code === 0 && statement === null && verdict === null) return step('none', null, 'Exit code 0 is a success.');
  if (statement !== null && category === 'rate-limited') return afterLimit(limitOf(outcome), now);
  if (category === 'auth-failed' && confidence >= SURE)
    return step('wait', null, 'The credentials were refused. After two such exits in a row, one try every 15 min.');
  const soon = until !== null && until - now < SOON_MS ? until : null;
  if (verdict === 'failure') return step('restart', soon, 'The last JSON event reports a failure. Ordinary backoff.');
  return step('restart', soon, 'A restart may help. Ordinary backoff.');
};

/** The limit that an outcome states. */
const limitOf = ({ statement, until }: Outcome): Limit => ({
  kind: statement?.kind === 'quota' ? 'quota' : 'throttle',
  until: until as Wall | null,
  own: statement?.own === true,
});

const afterLimit = (limit: Limit, now: number): NextStep => {
  const next = stepAfterLimit(limit, now as Wall, MAX_WAIT_MS);
  if (next.kind === 'until') return step('wait', next.until, 'The output names the time at which the limit ends.');
  if (next.kind === 'probe')
    return step('wait', null, 'The end of the limit is not known. Next tries after 15, 30, then every 60 min.');
  return step('restart', next.until, 'Too many requests at the moment. Ordinary backoff.');
};

const step = (action: NextStep['action'], until: number | null, why: string): NextStep => ({
  action,
  until: until === null ? null : new Date(until).toISOString(),
  why,
});
