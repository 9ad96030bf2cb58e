/**
 * The rule of `--stale-after auto`: learns from a program's silences how long it may be silent before that means a hang. Pure.
 *
 * Two kinds of programs can be watched by their silence. A steady one has a longest silence that comes again and again, or is short
 * beside the time for which it was observed: what is a little longer is a hang. An irregular one has silences of every length up to
 * some maximum: after it has run for many times that maximum, an hour or more of silence is a hang. Of every other program silence
 * says nothing. All times are in seconds.
 */

/** What is known of a program's silences. Plain data, under 2 KB as JSON. */
export interface Rhythm {
  /** The longest silences of the present and of the former period of observation, longest first. */
  present: number[];
  former: number[];
  /** How long the program was observed in each. */
  presentS: number;
  formerS: number;
  /** How long it was observed in all. */
  observedS: number;
  /** How many silences were longer than allowed, and ended by themselves. */
  exceeded: number;
  /** How many of them were longer than is allowed to an irregular program. */
  exceededIrregular: number;
  /** After such a silence the allowance is suspended until this much was observed, or is no shorter than `suspendedMinS` (null: no limit). */
  suspendedUntilS: number;
  suspendedMinS: number | null;
}

/** What silence means by now. `limitS`: a longer one is a hang. */
export type SilenceVerdict =
  | { readonly kind: 'learning' }
  | { readonly kind: 'watchable'; readonly pattern: Pattern; readonly limitS: number }
  | { readonly kind: 'meaningless' };

type Pattern = 'steady' | 'irregular';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Before this much was observed no limit is given. */
const LEARN_S = HOUR;
/** After this much the verdict is never "learning". */
export const DECIDE_S = 6 * HOUR;
/** No limit is shorter: below it, restarts would come more often than they help. */
const SHORTEST_LIMIT_S = 600;
/** The shortest limit of an irregular program whose silences are not all short. */
const IRREGULAR_LIMIT_S = HOUR;
const LONGEST_STEADY_LIMIT_S = 4 * HOUR;
const LONGEST_IRREGULAR_LIMIT_S = 1.5 * HOUR;
/** How many silences are kept of each period. */
const KEPT = 40;
const PERIOD_S = 28 * DAY;
/**
 * A silence this many times longer than the next longest is set aside as an outage; at most this many are. Several outages differ in
 * length: those that are alike are something that the program does now and then, such as an evaluation.
 */
const OUTAGE_FACTOR = 4;
const MOST_OUTAGES = 3;
const OUTAGES_DIFFER = 1.3;
/** The eighth longest silence shows whether the longest is a rule or an exception. */
const RANK = 7;
const STEADY_SHARE = 0.6;
/** The time observed must be this many times the longest silence. */
const STEADY_MULTIPLE = 6;
const IRREGULAR_MULTIPLE = 15;
/** With this many times, short silences need not be alike. */
const LONG_EVIDENCE_MULTIPLE = 50;
/** Short: with this margin still below the shortest limit. */
const SHORT_MARGIN = 1.25;
const IRREGULAR_MARGIN = 1.4;
/** After this many silences beyond the limit the rule has proved wrong for this program. */
const MOST_EXCEEDED = 3;
const MOST_EXCEEDED_IRREGULAR = 2;
/** A silence this long is an outage, whatever the program: its length says nothing of how long to wait before trusting the limit again. */
const OUTAGE_S = 12 * HOUR;

/** A program of which nothing is known yet. */
export function newRhythm(): Rhythm {
  const lists = { present: [], former: [] };
  const sums = { presentS: 0, formerS: 0, observedS: 0, exceeded: 0, exceededIrregular: 0 };
  return { ...lists, ...sums, suspendedUntilS: 0, suspendedMinS: null };
}

/**
 * Takes a silence that ended by itself: the time between two outputs of one run. Time before a run's first output, or after its last,
 * is none. `allowed` is what was allowed while it lasted. Changes the rhythm in place, because a program may write often.
 */
export function addSilence(rhythm: Rhythm, silenceS: number, allowed: SilenceVerdict): void {
  const begunAtS = rhythm.observedS;
  rhythm.observedS += silenceS;
  rhythm.presentS += silenceS;
  keepLongest(rhythm.present, silenceS);
  const exceeds = allowed.kind === 'watchable' && silenceS > allowed.limitS;
  if (exceeds) rhythm.exceeded++;
  if (exceeds && allowed.pattern === 'irregular') rhythm.exceededIrregular++;
  if (exceeds || (begunAtS < rhythm.suspendedUntilS && silenceS > SHORTEST_LIMIT_S)) suspend(rhythm, silenceS);
  if (rhythm.presentS <= PERIOD_S) return;
  Object.assign(rhythm, { former: rhythm.present, formerS: rhythm.presentS, present: [], presentS: 0 });
}

function keepLongest(longest: number[], silenceS: number): void {
  if (longest.length >= KEPT && silenceS <= longest[KEPT - 1]!) return;
  let at = longest.length;
  while (at > 0 && longest[at - 1]! < silenceS) at--;
  longest.splice(at, 0, Math.round(silenceS * 10) / 10);
  if (longest.length > KEPT) longest.pop();
}

// Where one long silence was, the next is likely: the limit is trusted again after as much time as that silence took.
function suspend(rhythm: Rhythm, silenceS: number): void {
  const untilS = rhythm.observedS + (silenceS > OUTAGE_S ? SHORTEST_LIMIT_S : silenceS);
  if (untilS <= rhythm.suspendedUntilS) return;
  rhythm.suspendedUntilS = untilS;
  rhythm.suspendedMinS = silenceS < IRREGULAR_LIMIT_S ? IRREGULAR_LIMIT_S : null;
}

/** What silence means, by what was observed so far. */
export function judgeSilence(rhythm: Rhythm): SilenceVerdict {
  const { observedS, suspendedUntilS, suspendedMinS } = rhythm;
  const unknown: SilenceVerdict = { kind: observedS < DECIDE_S ? 'learning' : 'meaningless' };
  if (observedS < LEARN_S || rhythm.exceeded >= MOST_EXCEEDED) return unknown;
  const verdict = limitOf(rhythm);
  if (verdict === null) return unknown;
  if (observedS >= suspendedUntilS) return verdict;
  return suspendedMinS === null ? unknown : { ...verdict, limitS: Math.max(verdict.limitS, suspendedMinS) };
}

function limitOf(rhythm: Rhythm): Extract<SilenceVerdict, { kind: 'watchable' }> | null {
  const all = [...rhythm.present, ...rhythm.former].sort((a, b) => b - a);
  const outages = outagesIn(all);
  const silences = all.slice(outages);
  const observedS = all.slice(0, outages).reduce((rest, silence) => rest - silence, rhythm.presentS + rhythm.formerS);
  const longest = silences[0];
  const eighth = silences[RANK];
  if (longest === undefined || eighth === undefined || observedS < LEARN_S) return null;
  const multiple = observedS / Math.max(1, longest);
  const share = eighth / Math.max(1, longest);
  const isShort = SHORT_MARGIN * longest <= SHORTEST_LIMIT_S;
  const alike = share >= STEADY_SHARE && multiple >= STEADY_MULTIPLE;
  if (alike || (isShort && multiple >= LONG_EVIDENCE_MULTIPLE)) {
    // The harder the edge, and the longer it has held, the smaller the margin.
    const margin = Math.min(SHORT_MARGIN, 1.03 + (1 - share)) + 3 / multiple;
    const limitS = Math.max(SHORTEST_LIMIT_S, margin * longest);
    return limitS > LONGEST_STEADY_LIMIT_S ? null : { kind: 'watchable', pattern: 'steady', limitS };
  }
  if (multiple < IRREGULAR_MULTIPLE || rhythm.exceededIrregular >= MOST_EXCEEDED_IRREGULAR) return null;
  const limitS = isShort ? SHORTEST_LIMIT_S : Math.max(IRREGULAR_LIMIT_S, IRREGULAR_MARGIN * longest);
  return limitS > LONGEST_IRREGULAR_LIMIT_S ? null : { kind: 'watchable', pattern: 'irregular', limitS };
}

// A few silences far beyond all others are outages of the program, its network or its machine, and no rhythm.
function outagesIn(silences: readonly number[]): number {
  let outages = 0;
  for (let rank = 1; rank <= MOST_OUTAGES && rank < silences.length; rank++) {
    const former = silences[rank - 1]!;
    const differ = rank === 1 || silences[0]! >= OUTAGES_DIFFER * former;
    if (former > SHORTEST_LIMIT_S && differ && former >= OUTAGE_FACTOR * Math.max(1, silences[rank]!)) outages = rank;
  }
  return outages;
}
