import type { Category, Rule } from '../incident.ts';
import { accessLog, type Failure, type Grade, isChatter, isHint, type Line, recovered } from './log-lines.ts';
import { authRules, llmRules, loginRules } from './rules/access.ts';
import { configRules, runningRules } from './rules/config.ts';
import { corruptRules, dependencyRules, lockRules } from './rules/dependency.ts';
import { anyError, anyTrace, echoRules, exceptionRules, vagueRules, wrapperRules } from './rules/general.ts';
import { gpuRules, heapRules, killRules, memoryRules, nativeRules, workerRules } from './rules/native.ts';
import { networkRules, rateRules, timeoutRules, tlsRules, upstreamRules, vagueNetworkRules } from './rules/network.ts';
import { diskRules, fileRules, limitRules, portRules, preciseRules } from './rules/system.ts';

/** All rules, in the order they are tried: the first that fits a line speaks for it. What is precise or misleading comes first. */
export const ruleBook: readonly Rule[] = [
  ...echoRules,
  ...preciseRules,
  ...workerRules,
  ...runningRules,
  ...memoryRules,
  ...gpuRules,
  ...limitRules,
  ...diskRules,
  ...portRules,
  ...lockRules,
  ...llmRules,
  ...rateRules,
  ...tlsRules,
  ...loginRules,
  ...dependencyRules,
  ...configRules,
  ...authRules,
  ...networkRules,
  ...upstreamRules,
  ...timeoutRules,
  ...heapRules,
  ...corruptRules,
  ...fileRules,
  ...wrapperRules,
  ...vagueNetworkRules,
  ...nativeRules,
  ...killRules,
  ...exceptionRules,
  ...vagueRules,
];

/** What every failing line has in it, whatever the language of its program: lines without any of it are not tried at all. */
export const trigger =
  /err|reached|exce|fail|fatal|panic|abort|crash|den[iy]|refus|reset|time|cannot|can't|could|unable|not |n't|no such|missing|invalid|unauth|forbid|kill|term|signal|sig[a-z]{3}|memory|space|quota|limit|exceed|lock|in use|already|corrupt|malform|unexpected|cert|ssl|tls|close|unreach|route|resol|cuda|hip|gpu|nccl|nvml|too |overload|unavail|exit|E[A-Z]{3}|undef|null|none|requir|usage|unknown|unrecog|double|segm|bus |illegal|trap|bad|lost|end|stop|interrupt|cancel|evict|preempt|\b[45]\d\d\b|hangup|thrott|flood|install|uncaught|what\(|assert|broken|\^C|shut|expect|available|EULA|must|with|hostname|another|provide|fork|address|log(?:ged)?[ -]?in|auth|tty|terminal|trust|prompt|root|sudo|mismatch|without|should|please|hit |capacity|credit|balance|demand|browser|pending|changed|nonce|incompat|directive|duplicat|exhaust|retry|reconnect|waiting|bound|locate|Any \{|need|revision|migrat|instance|incorrect|conflict|only|supported|allowed/i;

/** What a line that calls itself information must have in it to be tried: most of a log is such lines, and they fail outright or not at all. */
const plainTrigger =
  /\b(?:error|exception|fail(?:ed|ure)|fatal|panic|crash|kill|denied|refused|cannot|unable|not found|no such|invalid|unauthori[sz]ed|forbidden|exceeded|too many|out of memory|timed out|unreachable|corrupt|aborted|need to agree|must be)|_exceeded|SIG[A-Z]{3,4}\b|\b[45]\d\d\b|signal:? /i;

/** A rule and the text of the failure that it fits. */
export interface Match {
  readonly rule: Rule;
  readonly text: string;
  /** 0 for the headline, more for what the message says below it. */
  readonly depth: number;
}

const fits = (rule: Rule, text: string, context: readonly string[]): boolean =>
  rule.pattern.test(text) && (rule.context === undefined || context.some(line => rule.context?.test(line) === true));

const ofText = (text: string, { context, grade }: Failure): Rule | undefined =>
  (grade === 'info' ? plainTrigger : trigger).test(text) ? ruleBook.find(rule => fits(rule, text, context)) : undefined;

const isVague = (rule: Rule): boolean =>
  rule.wrapper === true || rule.id.startsWith('exception.') || rule.id.startsWith('log.') || (rule.weight ?? 0) <= 0.1;

/** The rule that speaks for a failure: the headline's, unless it says little and the rest of its message says more. */
export const matchFailure = (failure: Failure): Match | null => {
  const found = new Map<number, Rule>();
  for (const [depth, text] of failure.texts.slice(0, 12).entries()) {
    const rule = ofText(text, failure);
    if (rule === undefined) continue;
    if (!isVague(rule)) return { rule, text, depth };
    if (!found.has(depth)) found.set(depth, rule);
  }
  const [depth, rule] = [...found.entries()][0] ?? [];
  if (depth !== undefined && rule !== undefined) return { rule, text: failure.texts[depth] ?? '', depth };
  const text = failure.texts[0] ?? '';
  if (failure.trace) return { rule: anyTrace, text, depth: 0 };
  const calledError = failure.grade === 'error' || failure.grade === 'fatal';
  return calledError && !isChatter(text) && /[a-z]{3,}\W+\w{2,}/i.test(text)
    ? { rule: anyError, text, depth: 0 }
    : null;
};

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
        ((lines[failure.line]?.indent ?? 0) > 1 ||
          drawn.test(lines[failure.line]?.shown ?? '') ||
          isHint(text) ||
          text.startsWith('Caused by: '));
      const rest = !failure.trace && isContinued(lines, failure.line) ? 1 : indented ? 0.5 : 0;
      const score = scoreOf(failure, match) - rest - penalty(match.rule, lifeAfter, recoveredAfter);
      best = Math.max(best, score);
      if (score > 0) candidates.push({ failure, match, score, lifeAfter, indented });
    }
    if (isLife(failure, match, lines)) lifeAfter += 1;
    if (failure.grade !== 'error' && recovered.test(text)) recoveredAfter = true;
  }
  return candidates;
};

/** The rest of a sentence that was broken over long lines. */
const isContinued = (lines: readonly Line[], at: number): boolean =>
  /^[a-z]+(?:[ ,]|\. )/.test(lines[at]?.shown ?? '') &&
  /.{40}[a-z,] ?[a-z]{2,}$/.test(lines[at - 1]?.shown ?? '') &&
  (lines[at - 1]?.level ?? 'none') === 'none';

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
  if (line === undefined || line.indent > 1 || isContinued(lines, failure.line)) return false;
  if (failure.grade !== 'plain' && failure.grade !== 'info') return false;
  return (match === null || failure.grade === 'info') && !isChatter(line.text);
};

/** A quoted item of a list, the name of a test, what a program has been set up to do about failures, or does without. */
const mentions =
  /^[-*+>\u2022] ["'`\u201c]|^[\u2713\u2714\u2715\u2717\u00d7] .{0,300}\(\d[\d.]* ?m?s\)$|\b(?:middleware|limiter|handl(?:er|ing))\b.{0,60}\b(?:enabled|active|configured|loaded|started|registered|now [a-z]+)\b|\bfalling back (?:to|on)\b/i;

/** A line of code, of JSON or of a listing quotes words of failure without meaning them. */
const isSourceLine = (failure: Failure, lines: readonly Line[]): boolean => {
  if (failure.trace) return false;
  const { text: whole, shown } = lines[failure.line] ?? { text: '', shown: '' };
  // Of a search's hit, the line that was found.
  const text = whole.replace(/^[\w./@-]{1,200}\.\w{1,5}[:-]\d{1,6}[:-](?:\d{1,4}:)?\s*/, '');
  return (
    mentions.test(shown) ||
    /^\{?'[^'\n]{1,80}': (?:\d|datetime|\{$)|^(?:raise |throw |return |except |catch|import |from \S+ import|if |const |let |var |def |async |await |\/\/|\* |"(?:url|link|help|description|documentation\w{0,10}|domain|@type|quota\w{1,20})": )/.test(
      text,
    )
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
  earlier.match.depth === 0 &&
  earlier.match.rule.id === best.match.rule.id &&
  earlier.score >= best.score - 0.15;

const marginOver = (best: Candidate, earlier: Candidate): number => {
  // That something failed is said by every line but the wrapper's with more in it.
  if (best.match.rule.wrapper === true && earlier.match.rule.wrapper !== true) return -0.3;
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
