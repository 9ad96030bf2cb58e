import { wholeStart } from '../../core/text.ts';
import type { Category } from '../incident.ts';
import type { ExactSecrets } from '../redaction/exact-secrets.ts';
import { redact } from '../redaction/redact.ts';
import { readFailures } from './blocks.ts';
import { type Candidate, candidatesOf, choose, tooWeak } from './choose.ts';
import { nativeModule, placeIn, placeName, sourceOf } from './details.ts';
import { crashSignals, type Exit, type ExitVerdict, signalOf, stopSignals, verdictOfExit } from './exit.ts';
import { farewell, type Line, lastRunStart, readLines } from './log-lines.ts';
import { type Fact, factSentence, type Proof, proofOf, recommend } from './recommend.ts';

/** The verdict of the rules on one end of a program. */
export interface Triage {
  readonly category: Category;
  /** 0 to 1; below 0.5 it is a suspicion. */
  readonly confidence: number;
  /** The line of the log that says it, without control sequences and outer blanks; not redacted. */
  readonly keyLine: string | null;
  /** Sentences, the strongest first: what was measured, then what the log says. */
  readonly evidence: readonly string[];
  /** What to check first. */
  readonly recommendation: string;
  /** Which rule spoke. */
  readonly rule: string;
  /** `file:function` of the trace's innermost own frame. */
  readonly place: string | null;
}

export interface TriageInput {
  readonly exit: Exit;
  /** Both streams of this run, in order of arrival. */
  readonly output: string;
  readonly facts?: readonly Fact[];
  /** If given, what is quoted of the log is redacted here; else that is the caller's work. */
  readonly secrets?: ExactSecrets;
}

/** Of a line of megabytes so much is quoted. Whoever shows it cleans it first and cuts it afterwards. */
const quotedChars = 16 * 1024;

/** Why did it end? By proof first (counter, errno), then by the last fatal line, then by the exit. Linear in the output. */
export const triage = (input: TriageInput): Triage => {
  const found = judge(input);
  if (input.secrets === undefined) return found;
  const clean = (text: string) => redact(text, input.secrets ?? []);
  return {
    ...found,
    keyLine: found.keyLine === null ? null : clean(found.keyLine),
    evidence: found.evidence.map(clean),
    recommendation: clean(found.recommendation),
  };
};

const judge = (input: TriageInput): Triage => {
  const lines = readLines(input.output);
  const found = judgeLines(input, lines);
  // Crashes in two libraries are two failures, though their last words are the same.
  return found.category === 'native-crash' ? { ...found, place: nativeModule(lines) ?? found.place } : found;
};

const judgeLines = (input: TriageInput, lines: readonly Line[]): Triage => {
  const facts = input.facts ?? [];
  const found = explain(lines, input.exit);
  const proof = proofOf(input.exit, facts);
  const byExit = verdictOfExit(input.exit);
  const sentences = facts.map(factSentence);
  if (proof !== null && (proof.confidence > 0.5 || found === null || found.match.rule.category === 'killed-externally'))
    return byProof(proof, found, lines, sentences);
  if (found === null) return byExitAlone(byExit, lines, sentences);
  return byLog(found, lines, input.exit, facts, sentences);
};

const explain = (lines: readonly Line[], exit: Exit): Candidate | null => {
  const failures = readFailures(lines);
  const start = lastRunStart(lines);
  const all = candidatesOf(failures, lines);
  const ofLastRun = all.filter(candidate => candidate.failure.line >= start);
  const inLastRun = accepted(choose(ofLastRun), exit);
  if (inLastRun !== null) return inLastRun;
  const signal = signalOf(exit);
  const asked = signal !== null && stopSignals.has(signal) ? ofLastRun.find(isAskedToStop) : undefined;
  if (asked !== undefined) return asked;
  // Nothing in the last life explains it: a signal explains itself, any other end may have been told before the banner.
  return start === 0 || signal !== null || exit.code === 0 ? null : accepted(choose(all), exit);
};

/** The program says that it was asked to stop, whatever its ending tasks print below. */
const isAskedToStop = ({ match }: Candidate): boolean =>
  match.rule.id === 'kill.sigterm' && /\bSIG(?:INT|TERM|HUP|QUIT)\b|signal|KeyboardInterrupt|Ctrl/i.test(match.text);

const fitsAnyKill: ReadonlySet<Category> = new Set([
  'out-of-memory',
  'killed-externally',
  'timeout',
  'resource-limit',
  'disk-full',
]);

/** Whether the exit leaves room for what the log says. */
const accepted = (found: Candidate | null, exit: Exit): Candidate | null => {
  if (found === null || found.score < tooWeak) return null;
  const { category } = found.match.rule;
  const signal = signalOf(exit);
  const telling = found.failure.grade === 'crash' || found.failure.grade === 'fatal';
  if (signal !== null && stopSignals.has(signal))
    return fitsAnyKill.has(category) || found.match.rule.ongoing === true || (telling && found.lifeAfter <= 2)
      ? found
      : null;
  if (signal !== null && crashSignals.has(signal) && signal !== 'SIGABRT') {
    const native =
      category === 'native-crash' ||
      category === 'out-of-memory' ||
      category === 'gpu-failure' ||
      category === 'resource-limit';
    return native || (telling && found.lifeAfter <= 1) ? found : null;
  }
  if (exit.code === 0) return found.score >= (category === 'killed-externally' ? tooWeak : 3) ? found : null;
  return found;
};

const byProof = (
  proof: Proof,
  found: Candidate | null,
  lines: readonly Line[],
  sentences: readonly string[],
): Triage => {
  const same =
    found !== null &&
    (found.match.rule.category === proof.category || found.match.rule.category === 'killed-externally');
  return {
    category: proof.category,
    confidence: proof.confidence,
    keyLine: same ? shownAt(lines, found.failure.line) : lastWords(lines),
    evidence: [...sentences, ...(found === null ? [] : [said(found, lines)])],
    recommendation: proof.check,
    rule: proof.rule,
    place: null,
  };
};

const byExitAlone = (verdict: ExitVerdict, lines: readonly Line[], sentences: readonly string[]): Triage => ({
  category: verdict.category,
  confidence: verdict.confidence,
  keyLine: lastWords(lines),
  evidence: [...sentences, verdict.evidence],
  recommendation: verdict.check,
  rule: verdict.rule,
  place: null,
});

const byLog = (
  found: Candidate,
  lines: readonly Line[],
  exit: Exit,
  facts: readonly Fact[],
  sentences: readonly string[],
): Triage => {
  const { rule } = found.match;
  const { first, last, context, texts } = found.failure;
  const place = placeIn([...context, ...texts, lines[found.failure.line]?.text ?? '']);
  const source = place === null ? null : sourceOf(lines, first, last, place);
  const exitText = exit.signal ?? (exit.code === null ? null : `exit code ${exit.code}`);
  return {
    category: rule.category,
    confidence: confidenceOf(found, facts),
    keyLine: shownAt(lines, found.failure.line),
    evidence: [...sentences, said(found, lines), ...(exitText === null ? [] : [`ended with ${exitText}`])],
    recommendation: recommend(rule, { text: found.match.text, place, source, facts }),
    rule: rule.id,
    place: place === null ? null : placeName(place),
  };
};

const confidenceOf = (found: Candidate, facts: readonly Fact[]): number => {
  const { rule } = found.match;
  const proven =
    (rule.category === 'port-in-use' && facts.some(fact => fact.kind === 'port-holder')) ||
    (rule.category === 'disk-full' && facts.some(fact => fact.kind === 'disk-full')) ||
    (rule.category === 'resource-limit' && facts.some(fact => fact.kind === 'open-files'));
  const base = Math.min(0.95, Math.max(0.2, found.score / 5.6));
  const capped = rule.wrapper === true || rule.id.startsWith('log.') ? Math.min(base, 0.35) : base;
  return Math.round((proven ? Math.max(capped, 0.97) : capped) * 100) / 100;
};

const said = (found: Candidate, lines: readonly Line[]): string =>
  `the log says: ${shownAt(lines, found.failure.line)}`;

const shownAt = (lines: readonly Line[], at: number): string => wholeStart(lines[at]?.shown ?? '', quotedChars).trim();

/** Where nothing explains the end: the first of its farewells, or the last line that is there. */
const lastWords = (lines: readonly Line[]): string | null => {
  let best: string | null = null;
  for (const line of lines.toReversed()) {
    if (line.text === '') continue;
    if (best !== null && !farewell.test(line.text)) break;
    best = wholeStart(line.shown, quotedChars).trim();
    if (!farewell.test(line.text)) break;
  }
  return best === '' ? null : best;
};
