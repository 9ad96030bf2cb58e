import { accessLog, isChatter, isHint, recovered } from './chatter.ts';
import type { Failure, Grade, Line } from './log-lines.ts';
import type { Category, Rule } from './rule.ts';
import { type Match, matchFailure } from './rule-book.ts';
import { wrapperRules } from './rules/general.ts';

/** A failure with the rule that speaks for it and how much it looks like the reason for the end. */
export interface Candidate {
  readonly failure: Failure;
  readonly match: Match;
  /** 0 to about 6; under {@link tooWeak} it explains nothing. */
  readonly score: number;
  /** Lines of ordinary life after it. */
  readonly lifeAfter: number;
  /** Set in below another line: most often the rest of that line's message. */
  readonly indented: boolean;
}

/** Below this a line is no explanation: a warning that was survived, a word in passing. */
export const tooWeak = 1.5;

const gradeScores: Readonly<Record<Grade, number>> = {
  crash: 5,
  fatal: 4.6,
  error: 4,
  plain: 3.6,
  warn: 1.6,
  info: 1.9,
};
/** How many different lines are held against the rules; what stands further up than all of these is not the cause. */
const mostTried = 300;
/** Behind so much life only what no program survives is still looked for, once something was found. */
const longLife = 40;
const goodEnough = 3.2;

/** The failures that a rule fits, weighed, last first. */
export const candidatesOf = (failures: readonly Failure[], lines: readonly Line[]): Candidate[] => {
  const candidates: Candidate[] = [];
  // Lines that differ only in numbers are tried once.
  const tried = new Map<string, Match | null>();
  let best = 0;
  let lifeAfter = 0;
  let recoveredAfter = false;
  for (const failure of failures.toReversed()) {
    const text = failure.texts[0] ?? '';
    const key = `${failure.trace ? failure.chain : ''} ${failure.grade} ${text.replace(/\d+/g, '#')}`;
    const known = tried.get(key);
    const over = lifeAfter > longLife && best > goodEnough && !failure.trace && !terminalWords.test(text);
    const match = known !== undefined ? known : over || tried.size > mostTried ? null : matchOf(failure, lines);
    tried.set(key, match);
    // Of a retry's messages the last counts, of a kill's the first.
    if (match !== null && (known === undefined || match.rule.category === 'killed-externally')) {
      const indented =
        !failure.trace &&
        failure.grade === 'plain' &&
        ((lines[failure.line]?.indent ?? 0) > 1 || drawn.test(lines[failure.line]?.shown ?? '') || isHint(text));
      const score = scoreOf(failure, match) - (indented ? 0.5 : 0) - penalty(match.rule, lifeAfter, recoveredAfter);
      best = Math.max(best, score);
      if (score > 0) candidates.push({ failure, match, score, lifeAfter, indented });
    }
    if (isLife(failure, match, lines)) lifeAfter += 1;
    if (failure.grade !== 'error' && recovered.test(text)) recoveredAfter = true;
  }
  return candidates;
};

/** Set in by drawing: the rest of the message above. */
const drawn = /^[\u2500-\u257f\u2190-\u21ff\u2022\u2023|]/;
const terminalWords = /memory|heap|fatal|panic|SIG[A-Z]{3}|Segm|abort|corrupt|assert|free\(|thread/i;

const matchOf = (failure: Failure, lines: readonly Line[]): Match | null =>
  accessLog.test(failure.texts[0] ?? '') || isSourceLine(failure, lines) ? null : matchFailure(failure);

const scoreOf = (failure: Failure, { rule, depth, text }: Match): number => {
  const base = gradeScores[failure.grade];
  if (rule.wrapper === true) return 1.6;
  if (rule.id.startsWith('log.')) return failure.grade === 'plain' ? 1.55 : base - 1.4;
  if (rule.id.startsWith('exception.')) return base - (failure.trace ? 0.9 : 1.1) + (rule.weight ?? 0);
  return (
    base +
    0.3 +
    (rule.weight ?? 0) -
    Math.min(depth, 1) * 0.1 -
    (isWrapped(text) ? 0.3 : 0) -
    (text.endsWith(':') ? 0.5 : 0)
  );
};

/** It quotes a cause that is told in full elsewhere. */
const isWrapped = (text: string): boolean => wrapperRules.some(rule => rule.pattern.test(text));

const penalty = (rule: Rule, lifeAfter: number, recoveredAfter: boolean): number =>
  rule.terminal === true ? Math.min(1, lifeAfter * 0.03) : Math.min(3, lifeAfter * 0.22) + (recoveredAfter ? 1.2 : 0);

const isLife = (failure: Failure, match: Match | null, lines: readonly Line[]): boolean => {
  if (failure.trace || failure.rest) return false;
  const line = lines[failure.line];
  if (line === undefined || line.indent > 1) return false;
  if (failure.grade !== 'plain' && failure.grade !== 'info') return false;
  return (match === null || failure.grade === 'info') && !isChatter(line.text);
};

/** A line of code, of JSON or of a listing quotes words of failure without meaning them. */
const isSourceLine = (failure: Failure, lines: readonly Line[]): boolean => {
  if (failure.trace) return false;
  const text = lines[failure.line]?.text ?? '';
  return /^(?:raise |throw |return |except |catch|import |from \S+ import|if |const |let |var |def |async |await |\/\/|\* |"(?:url|link|help|description|documentation\w{0,10}|domain|@type|quota\w{1,20})": )/.test(
    text,
  );
};

/** An earlier failure is taken for the cause of a later one only if it is that much more telling; the same failure said twice even less. */
const margin = 0.35;
const marginOfSame = 0.9;

/** The failure that explains the end: the last, unless an earlier one says clearly more. `candidates`: last first. */
export const choose = (candidates: readonly Candidate[]): Candidate | null => {
  let best: Candidate | null = null;
  for (const candidate of candidates)
    if (best === null || candidate.score > best.score + marginOver(best, candidate) || isOutermost(candidate, best))
      best = candidate;
  if (best === null) return null;
  return announced(best, candidates) ?? best;
};

/** Of causes below one headline that say the same, the headline is what a person quotes. */
const isOutermost = (earlier: Candidate, best: Candidate): boolean =>
  earlier.failure.trace &&
  earlier.failure.first === best.failure.first &&
  earlier.match.rule.id === best.match.rule.id &&
  earlier.score >= best.score - 0.15;

const marginOver = (best: Candidate, earlier: Candidate): number => {
  if (best.match.rule.id === earlier.match.rule.id && !best.indented && !earlier.failure.trace) return marginOfSame;
  // A program that went on to other work and ended with an exception of its own had survived what came before.
  const livedOn = best.match.rule.id.startsWith('exception.') && earlier.match.rule.terminal !== true;
  return livedOn ? margin + Math.min(1.6, 0.6 * (earlier.lifeAfter - best.lifeAfter)) : margin;
};

/** Categories whose later messages are echoes of the first: a dump, the deaths of the other workers. */
const firstSpeaks: ReadonlySet<Category> = new Set(['killed-externally', 'native-crash', 'out-of-memory']);

/**
 * The line that a person would quote for it: a logger's headline right above a trace that says the same thing with its
 * surroundings; of several messages of a kill, a native crash or a lack of memory the first, because the others are its echo.
 */
const announced = (best: Candidate, candidates: readonly Candidate[]): Candidate | null => {
  const near = candidates.filter(
    other =>
      other !== best &&
      !other.failure.trace &&
      other.match.rule.category === best.match.rule.category &&
      other.failure.last < best.failure.line &&
      other.lifeAfter <=
        best.lifeAfter + (best.match.rule.terminal === true || other.match.rule.terminal === true ? 40 : 0),
  );
  if (firstSpeaks.has(best.match.rule.category)) return near.findLast(other => other.score >= best.score - 0.5) ?? null;
  if (!best.failure.trace) return null;
  const logged = near.find(
    other =>
      other.match.rule.id === best.match.rule.id &&
      (other.failure.grade === 'error' || other.failure.grade === 'fatal') &&
      other.failure.last >= best.failure.first - 2,
  );
  return logged ?? null;
};
