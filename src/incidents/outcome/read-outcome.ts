import { type Limit, SOON_MS, stepAfterLimit } from '../../core/limits.ts';
import type { Wall } from '../../core/units.ts';
import type { Exit } from '../triage/exit.ts';
import type { Fact } from '../triage/recommend.ts';
import { type Triage, triage } from '../triage/triage.ts';
import { checkOf, type LastLine, lastLines, type Statement, type Utterance } from './last-lines.ts';
import { latestTime, type Reader } from './reset-time.ts';
import { agentStatements, apiStatements } from './statements.ts';

/** What the last lines of an ended run say of why it ended. */
export interface Outcome {
  /** What the program's last JSON event says of the run as a whole; null: it says nothing, and the exit decides. */
  readonly verdict: 'success' | 'failure' | null;
  /** The wording that is believed, and where it stands. */
  readonly statement: Statement | null;
  /** The line that states it; not redacted. */
  readonly line: string | null;
  /** The time that it names, in ms since 1970. Null: none. */
  readonly until: number | null;
}

export interface EndedRun {
  /** Both streams, in order of arrival. */
  readonly output: string;
  /** The exit code; null for a signal, or where it is unknown. */
  readonly code: number | null;
  /** It had reached --healthy-after. */
  readonly healthy: boolean;
}

const nothing = { statement: null, line: null, until: null } as const;

/**
 * Reads why a run ended: by the program's own verdict, else by a statement in its last lines after which nothing but chatter
 * follows. A limit that was survived, quoted or warned of is none.
 */
export const readOutcome = (run: EndedRun, reader: Reader): Outcome => {
  const end: End = { verdict: null, decided: false, near: [], around: [], said: null };
  for (const line of lastLines(run.output)) {
    // A few lines of life in front of it may still name its time.
    if (end.around.length > end.near.length && end.around.length >= end.near.length + LINES_BEFORE) break;
    take(end, line, run);
    if (end.verdict === 'success') return { verdict: 'success', ...nothing };
    if (end.said === null && end.around.length > end.near.length) break;
  }
  const { verdict, said } = end;
  if (said === null) return { verdict, ...nothing };
  return { verdict, statement: said.statement, line: shownLine(said, end), until: timeOf(said, end, reader) };
};

/** How many lines in front of the first that may have stated it are looked at for the end of a window. */
const LINES_BEFORE = 3;

/** What has been read so far, from the last line upwards. */
interface End {
  verdict: Outcome['verdict'];
  /** An event or a line that is more than a notice was read: the verdict stands. */
  decided: boolean;
  /** From the last line up to the first that is life: where a statement is believed. */
  near: LastLine[];
  /** Those and the lines in front of them. */
  around: LastLine[];
  said: Said | null;
}

interface Said {
  readonly statement: Statement;
  readonly utterance: Utterance;
}

const take = (end: End, line: LastLine, run: EndedRun): void => {
  const lives = end.around.length > end.near.length;
  end.around.push(line);
  if (!end.decided && (line.event === null ? !line.chatter : line.event.kind !== 'notice')) {
    const kind = line.event?.kind;
    end.decided = true;
    end.verdict = kind === 'success' || kind === 'failure' ? kind : null;
  }
  if (lives) return;
  const said = line.event?.kind === 'work' ? null : saidBy(line, run, end.verdict === 'failure');
  if (said === null && !line.chatter) return;
  end.near.push(line);
  if (said !== null && (end.said === null || tellsMore(said.statement, end.said.statement))) end.said = said;
};

/**
 * Of two statements of one cause, one about a used up allowance explains one about too many requests, and the program's own words
 * explain what it quotes of the service.
 */
const tellsMore = (earlier: Statement, later: Statement): boolean =>
  earlier.category === later.category &&
  earlier.kind === 'quota' &&
  (later.kind === 'throttle' || (earlier.own && !later.own));

/** Of what a line says and what it quotes, a program's own wording tells more than a service's. */
const saidBy = (line: LastLine, run: EndedRun, failed: boolean): Said | null => {
  const found = line.texts.flatMap(utterance => {
    const statement = statementOf(utterance, run, failed || line.event !== null);
    return statement === null ? [] : [{ statement, utterance }];
  });
  return found.find(({ statement }) => statement.own) ?? found[0] ?? null;
};

const all: readonly Statement[] = [...agentStatements, ...apiStatements];
/** Without any of this no statement fits: most last lines are not tried further. */
const trigger =
  /limit|quota|usage|credit|balance|429|529|401|402|throttl|too (?:many|long|large)|overload|login|logged|log in|sign|auth|token|key|account|context|terminal|tty|prompt|trust|raw mode|exhaust|flood|request|payment|billing|capacity|root|std(?:in|out)|input|organi|visits|banned|slow|budget|credential|session|spend|\bcap\b|access|revoked|expired/i;
/** Announced, survived, or somebody else's: words that take a statement back. */
const vetoes =
  /\bapproaching\b|\bnearing\b|\bclose to\b|\b(?:used|at|reached) \d{1,2}(?:\.\d+)?%|\b\d{1,2}(?:\.\d+)?% (?:of|used)|\bremaining: [1-9]|\bif (?:you|the|we)\b.{0,20}\b(?:hit|reach|exceed)|\bwhen (?:you|the user|users)\b|\bstatus":"allowed|\bnow using\b|\bno longer\b|\b(?:disk|storage|file ?system|inode|memory|cpu|project) quota\b|\[Errno|\bnot (?:yet |currently )?(?:hit|reached|exceeded|rate[- ]limited)/i;
/** What follows the words makes them the subject of a sentence about the program's work. */
const prose =
  /^\s+(?:[a-z]+ ){0,5}now (?:show|return|handle|retr|wait|log|print|raise|throw|report|display|use|get|ha)|^\s+(?:[a-z]+ ){0,3}(?:are|is|was|were|get|gets|will|should) (?:now |then |no )?[a-z]+(?:ed|en|ing|nt)\b|^['"`]?\s*(?:is|are|was|were) (?:now|handled|caught|tested|shown|covered|logged|retried|returned|reported|fixed|checked)\b|^['"`]?\s*(?:handl(?:er|ing)|responses? (?:now|are|is)|messages? (?:now|is|are)|errors? (?:now|are|is)|logic|tests?\b|banner|middleware|check(?:s|er)?\b|docs?\b|PASSED|FAILED|ok\b|support\b|added\b|policy\b|config)/i;
/** Money of somebody else: of a trade, a transfer, a card. */
const trade =
  /InsufficientFunds?\b|\b(?:order|margin|wallet|card|trad(?:e|ing)|position|lamports|gas|transfer|collateral|buying power)\b.{0,80}\binsufficient|\binsufficient\b.{0,80}\b(?:requested action|order|margin|wallet|trad(?:e|ing)|position|gas|transfer|collateral|USD[TC]?|BTC|ETH|EUR|source account)\b/i;
/** What may stand behind an agent CLI's own words where it exited with 0: an end, a time, advice. */
const closing =
  /^[\w'\u2019 -]{0,12}?(?:[.!\u2026|]*\s*$|[.!,:;]*\s*(?:[\u00b7\u2022\u2219|\u2013\u2014(-]|(?:(?:and|your|the|it|this|that|limits?|access|usage|quota|or|to|which|for (?:this|the|your)\b[\w ]{0,40}?|on this model|of [\w ]{1,24}) ?){0,4}[.,;:]?\s*(?:will )?(?:resets?\b|renews?|refresh|replenish|try\b|retry|please\b|upgrade|visit\b|go to|run \b|use \/|switch\b|wait\b|contact|add\b|get\b|buy\b|purchase|subscribe|see https?|https?:|continue|keep|increase|manage|until\b|in \d|at \d|on \w+ \d|for more|learn more|enable|log ?in|sign ?in|you can|check\b|set\b|ask\b|next\b|\d{1,2}(?::\d\d| ?[ap]m))))/i;
const quoting = /^(?:["'`\u201c]|[-*+>#] |\d+\. |\/\/|[\w./-]+:\d+:)/;

const statementOf = (utterance: Utterance, run: EndedRun, told: boolean): Statement | null => {
  const { text, whole, error } = utterance;
  if (!trigger.test(text) || vetoes.test(whole) || trade.test(whole) || (!told && !error && quoting.test(text)))
    return null;
  const found = firstOf(utterance, run, told);
  // A line that begins with a statement is an error by its shape too: what stands further on in it may tell more.
  return found === null || told || error ? found : (firstOf({ ...utterance, error: true }, run, told) ?? found);
};

const firstOf = ({ text, whole, error }: Utterance, run: EndedRun, told: boolean): Statement | null => {
  for (const statement of all) {
    if (!statement.own && run.code === 0 && (run.healthy || !(told || error))) continue;
    const anywhere = statement.anywhere === true && (error || told);
    const found = statement.pattern.exec(text) ?? (anywhere ? statement.pattern.exec(whole) : null);
    if (found === null || (found.index > 0 && !anywhere)) continue;
    const behind = found.input.slice(found.index + found[0].length);
    if (!told && prose.test(behind)) continue;
    if (run.code === 0 && !told && !error && !closing.test(behind)) continue;
    return statement;
  }
  return null;
};

const shownLine = ({ utterance }: Said, { near }: End): string | null => {
  const line = near.find(({ texts }) => texts.includes(utterance));
  if (line === undefined) return null;
  // An event without words of its own is shown as it stands.
  return line.event === null || !/\s/.test(utterance.whole.replace(' rejected', '')) ? line.shown : utterance.whole;
};

/** A JSON event's own window beats everything; else what its line and the lines around it name. */
const timeOf = ({ statement, utterance }: Said, { near, around }: End, reader: Reader): number | null => {
  if (statement.category !== 'rate-limited' && statement.category !== 'upstream-error') return null;
  const ends = around
    .flatMap(({ event }) => event?.resets ?? [])
    .map(({ atMs, afterMs }) => atMs ?? reader.now + (afterMs ?? 0));
  if (ends.length > 0) return Math.max(reader.now, ...ends);
  const own = latestTime(utterance.whole, reader);
  if (own !== null) return own;
  const beside = latestTime(
    near
      .map(({ shown }) => shown)
      .toReversed()
      .join('\n'),
    reader,
  );
  // The pause that a service asks of everybody does not end a day's allowance.
  return beside !== null && beside - reader.now < SOON_MS && longWindow.test(utterance.whole) ? null : beside;
};

const longWindow = /\b(?:daily|weekly|monthly|per[- ](?:day|week|month))\b/i;

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
  if (verdict === 'success' && code === 0) return step('none', null, 'The last JSON event reports success.');
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
