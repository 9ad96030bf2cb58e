import type { Exit } from '../triage/exit.ts';
import type { Fact } from '../triage/facts.ts';
import { type Triage, triage } from '../triage/triage.ts';
import { type Outcome, readOutcome } from './read-outcome.ts';
import type { Reader } from './reset-time.ts';
import { checkOf } from './statement.ts';

/** Why a run ended: the rules' verdict, over which the program's own last words win. */
export interface Judged extends Triage {
  readonly outcome: Outcome;
}

/** A run that ended by itself. */
export interface JudgedRun {
  readonly exit: Exit;
  /** Both streams, in order of arrival. */
  readonly output: string;
  readonly facts?: readonly Fact[];
  /** It had reached --healthy-after. */
  readonly healthy?: boolean;
}

/** A statement in the last lines, after which nothing follows, leaves little doubt. */
const STATED = 0.9;

/** Judges the end of a run by what was measured, then by its own last words, then by the rules of triage. */
export const judgeEnd = (run: JudgedRun, reader: Reader): Judged => {
  const { exit, output, healthy = false } = run;
  const found = triage(run);
  const outcome = readOutcome({ output, code: exit.code, healthy }, reader);
  if (outcome.verdict === 'success' && exit.code === 0) return { ...found, ...succeeded, outcome };
  const { statement, line } = outcome;
  // What was measured (a kernel's counter, an errno) is above all words.
  if (statement === null || found.rule.startsWith('proof.')) return { ...found, outcome };
  const told = `the last lines say: ${line}`;
  return {
    category: statement.category,
    confidence: STATED,
    keyLine: line,
    evidence: [told, ...found.evidence.filter(sentence => !sentence.startsWith('the log says:'))],
    recommendation: checkOf(statement),
    rule: `says.${statement.id}`,
    place: null,
    outcome,
  };
};

const succeeded = {
  category: 'unknown',
  confidence: 0,
  evidence: ['the last JSON event reports success'],
  recommendation: 'Nothing to do: the program reports success.',
  rule: 'says.success',
  keyLine: null,
  place: null,
} as const;

/** The zone in which a clock without one is read: the machine's. */
export const localZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
