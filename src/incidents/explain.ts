import type { IncidentSeed, Rejection } from '../core/events.ts';
import { stripSequences } from '../core/text.ts';
import type { Category } from './incident.ts';
import { measuredCause } from './measured-cause.ts';
import { judgeEnd } from './outcome/read-outcome.ts';
import { detailsOf } from './triage/details.ts';
import { withoutPrefix } from './triage/log-lines.ts';
import type { Fact } from './triage/recommend.ts';
import { type Triage, triage } from './triage/triage.ts';

const prime = 0x100000001b3n;
const offset = 0xcbf29ce484222325n;
const mask = 0xffffffffffffffffn;

/** FNV-1a of the UTF-8 bytes, 64 bits as 16 hex digits: to tell texts apart, not to protect them. */
export const fnv1a64 = (text: string): string => {
  let hash = offset;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * prime) & mask;
  return hash.toString(16).padStart(16, '0');
};

/** What a fingerprint is made of. Give the unredacted key line: what a mask hides may be what tells two failures apart. */
export interface FingerprintInput {
  /** `crash`, `stalled`, …: a stall and a crash in the same place are two things. */
  readonly kind: string;
  readonly exit: { readonly code: number | null; readonly signal: string | null };
  readonly triage: Pick<Triage, 'category' | 'rule' | 'keyLine' | 'place'>;
  /** Names of the probes or limits that ended the run. */
  readonly reasons?: readonly string[];
}

/**
 * 16 hex digits that are the same for the same failure at another time, pid, address, temporary path, request, retry or
 * goroutine, and others for another place (`file:function`), missing module, port, variable or attribute.
 */
export const fingerprint = (input: FingerprintInput): string => {
  const { category, rule, keyLine, place } = input.triage;
  const line = keyLine === null ? '' : withoutPrefix(stripSequences(keyLine).slice(0, 2000)).rest;
  const details = detailsOf(line, category);
  const parts = [
    input.kind,
    category,
    rule,
    input.exit.signal ?? String(input.exit.code),
    [...(input.reasons ?? [])].sort().join(),
    // Where nothing explains the end the last line is chance: the exit must do. A limit's line names another time each time.
    /^(?:exit|proof|says)\./.test(rule) ? '' : normalised(line),
    details.module ?? '',
    category === 'port-in-use' || category === 'network-unreachable' ? (details.port ?? '') : '',
    category === 'bad-config' ? (details.variable ?? '') : '',
    place === null ? '' : normalised(place),
  ];
  return fnv1a64(parts.join('\n'));
};

const steps: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<uuid>'],
  // Temporary and per-process places: what follows the folder is drawn at random.
  [
    /(?:[A-Za-z]:\\(?:[^\\\s'"]{1,60}\\){0,6}Temp|\/(?:private\/)?(?:var\/)?tmp|\/var\/folders(?:\/[^/\s'"]{1,40}){2}|\/run\/user\/\d+|\/dev\/shm)[\\/][^\\/\s'":,)]{1,200}/g,
    '<tmp>',
  ],
  [/\/proc\/\d+/g, '/proc/<n>'],
  [
    /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w{0,6},? |\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w{0,6}\b(?=[ /-]\d)/g,
    '',
  ],
  [/\b\d{4}-\d{2}-\d{2}[T _]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?/g, '<time>'],
  [/\b0x[0-9a-f]+\b/gi, '<address>'],
  [/@[0-9a-f]{5,16}\b/g, '@<address>'],
  [/\b(?!(?:127\.0\.0\.1|0\.0\.0\.0)\b)(?:\d{1,3}\.){3}\d{1,3}(?::\d{4,5}(?=\s*(?:->|\u2192)))?/g, '<ip>'],
  [/\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}\b/gi, '<ip>'],
  // An own port of a connection is drawn by the kernel.
  [/:(?:3[2-9]\d{3}|[4-6]\d{4})\b/g, ':<port>'],
];

/** Tokens with letters and digits through each other are identifiers drawn for one occasion. */
const token = /[A-Za-z0-9_-]{10,200}/g;
const number =
  /(?<![A-Za-z\d])\d[\d.,_]*(?:ns|us|µs|ms|s|sec|secs|seconds?|m|min|minutes?|h|d|days?|B|[KMGT]i?B|[kMGT]|%)?(?![A-Za-z_])/g;
/** Numbers that are the message: error numbers, statuses, exit codes, and ports behind a host. */
const kept = /(?:errno|os error|error|winerror|code|status|http|port|exit|signal|sqlstate)[\s:=([#-]{0,3}$/i;
const behindHost = /(?:[A-Za-z\]>*:]|\.\d{1,3}):$/;
/** Not behind a host but behind a file: a line number. */
const behindFile = /\.(?:py|pyx|[cm]?[jt]sx?|java|kt|rs|go|c|cc|cpp|h|hpp|rb|php|cs|sh|pl|lua|swift|scala|exs?|R):$/;

/** The text without what differs from one occurrence to the next. */
const normalised = (text: string): string => {
  let result = text.replace(/\s+/g, ' ');
  for (const [pattern, replacement] of steps) result = result.replace(pattern, replacement);
  result = result.replace(/(\d) (?:bytes|[KMGT]i?B|[kM]B|ms|s|sec|seconds|minutes|hours|days)\b/g, '$1');
  result = result.replace(token, word => (isDrawn(word) ? '<id>' : word));
  return result.replace(number, (digits, at: number) =>
    isKept(digits, result.slice(Math.max(0, at - 24), at)) ? digits : '<n>',
  );
};

const isKept = (digits: string, before: string): boolean =>
  /^\d{1,5}$/.test(digits) && (kept.test(before) || (behindHost.test(before) && !behindFile.test(before)));

const isDrawn = (word: string): boolean => {
  if (/^[0-9a-f]{10,}$/i.test(word)) return /\d/.test(word);
  const turns = word.match(/[A-Za-z]\d|\d[A-Za-z]/g)?.length ?? 0;
  const digits = word.match(/\d/g)?.length ?? 0;
  return turns >= 3 && digits >= 3;
};

/** What an incident is put down to. Raw: nothing in it is redacted yet. */
export interface Explained {
  category: Category;
  confidence: number;
  evidence: readonly string[];
  keyLine: string | null;
  recommendation: string;
  fingerprint: string;
}

export interface Unexplained {
  seed: IncidentSeed;
  /** Both streams of the run, in order of arrival. */
  output: string;
  facts: readonly Fact[];
  /** Measurements that decide nothing, as sentences. */
  notes: readonly string[];
  /** `--diagnose off`: only what was measured. */
  rules: boolean;
  /** The kind of the probe of that name. */
  kindOf(probe: string): string | null;
}

type Verdict = Omit<Explained, 'fingerprint'> & Pick<FingerprintInput['triage'], 'rule' | 'place'>;

const NO_EXIT = { code: null, signal: null };
/** Below this, a line of the log is not worth quoting beside a measurement. */
const TELLING = 0.4;
/** What to do about a program that exits successfully again and again and does not say why. */
const EXITS =
  'It exits successfully each time. If its work is done then, use --restart on-failure; if it goes on in the background, run it in the foreground.';

/** Puts an end down to something: rules for what ended by itself, the reason for what its watcher ended. */
export function explain(of: Unexplained): Explained {
  const { seed } = of;
  const verdict = verdictOf(of);
  const { category, rule, place, keyLine } = verdict;
  const byUs = isByUs(seed);
  const print = fingerprint({
    kind: seed.kind,
    exit: byUs ? NO_EXIT : seed.exit,
    triage: { category, rule, place, keyLine: seed.kind === 'start-failed' ? seed.why : keyLine },
    reasons: seed.reasons.map(({ name }) => name),
  });
  const { confidence, recommendation } = verdict;
  return {
    category,
    confidence,
    keyLine,
    recommendation,
    evidence: [...verdict.evidence, ...of.notes],
    fingerprint: print,
  };
}

/** A run that ended in a limit has reasons only if it exceeded one of our budgets. */
function isByUs({ cause, reasons }: IncidentSeed): boolean {
  if (cause === 'limited') return reasons.length > 0;
  return cause === 'probe' || cause === 'limit' || cause === 'kill-condition';
}

function verdictOf(of: Unexplained): Verdict {
  const { seed } = of;
  if (seed.kind === 'start-failed') return startFailed(seed.why ?? 'the command could not be started');
  if (seed.kind === 'orphan') return orphan(of);
  if (isByUs(seed)) return endedByUs(of);
  if (seed.rejection !== undefined) return notAccepted(of, seed.rejection);
  if (!of.rules) return measuredOnly(of);
  const { exit, kind } = seed;
  const reader = { now: seed.at.wall, zone: 'UTC' };
  const { category, confidence, evidence, keyLine, recommendation, rule, place } = judgeEnd({ ...of, exit }, reader);
  const told = seed.why === null || kind !== 'crash' ? [] : [seed.why];
  const success = kind === 'exit' ? ['it exited successfully, again and again'] : [];
  return {
    category,
    confidence,
    keyLine,
    recommendation: kind === 'exit' && category === 'unknown' ? EXITS : recommendation,
    rule,
    place,
    evidence: [...told, ...evidence, ...success],
  };
}

/** The output was judged by what the user gave for that: its own words are the cause. */
function notAccepted({ seed }: Unexplained, { by, reason }: Rejection): Verdict {
  return {
    category: 'not-accepted',
    confidence: 0.9,
    keyLine: reason,
    evidence: [
      by === 'accept'
        ? 'the run ended with success; the --accept command refused its output'
        : 'the run ended with success; the judge (--judge) says that its output fails the rubric',
    ],
    recommendation: `Compare the output of run ${seed.run} (\`agent-watch logs --run ${seed.run}\`) with what was expected, then correct the program or the ${by === 'accept' ? '--accept command' : 'rubric'}.`,
    rule: `check.${by}`,
    place: null,
  };
}

function measuredOnly({ seed: { exit }, facts }: Unexplained): Verdict {
  const { evidence } = triage({ exit, output: '', facts });
  const recommendation = 'No rules were applied (--diagnose off). Read the last output.';
  return { ...nothing('exit.off'), evidence, recommendation };
}

function nothing(rule: string): Omit<Verdict, 'evidence' | 'recommendation'> {
  return { category: 'unknown', confidence: 0, keyLine: null, rule, place: null };
}

/** Source of the sentences: child/spawn-failure.ts, which names errno or the thing that is not there. */
function startFailed(why: string): Verdict {
  const named = /\((E[A-Z0-9]+)\)/.exec(why)?.[1];
  const folder = why.startsWith('the working directory') && why.includes('does not exist');
  const missing = /was not found|does not exist|is empty/.test(why);
  const errno =
    named ?? (missing ? 'ENOENT' : /executable|executed|entered|directory/.test(why) ? 'EACCES' : 'unknown');
  const found = triage({ exit: NO_EXIT, output: '', facts: [{ kind: 'spawn-failed', errno, path: '' }] });
  const category = folder ? 'missing-file' : found.category;
  return { ...found, category, keyLine: null, evidence: [why] };
}

function orphan({ seed, output, rules }: Unexplained): Verdict {
  const last = rules ? triage({ exit: NO_EXIT, output, facts: [] }).keyLine : null;
  return {
    ...nothing('exit.orphan'),
    keyLine: last,
    evidence: [
      seed.why ?? 'the watcher died without stopping the run',
      'the run was ended so that no second copy runs',
    ],
    recommendation:
      'Find out what ended the watcher: a kill -9, the out-of-memory killer or a crash of the machine. Let the service manager restart the watcher.',
  };
}

/** The cause is what was measured; what the log said before is a hint, and what it said because it was ended is none. */
function endedByUs(of: Unexplained): Verdict {
  const { seed, facts, rules } = of;
  const cause = measuredCause(seed, of.kindOf);
  const sent = seed.exit.signal === null ? [] : [`the watcher sent ${seed.exit.signal}`];
  const measured = triage({ exit: NO_EXIT, output: '', facts }).evidence.slice(0, -1);
  const told = rules ? triage({ exit: NO_EXIT, output: of.output, facts: [] }) : null;
  const telling =
    told !== null && told.confidence >= TELLING && !/^(?:exit|kill|log|wrapper|exception)\./.test(told.rule);
  const said = telling ? told.evidence.slice(0, 1) : [];
  return { ...cause, place: null, evidence: [cause.keyLine, ...sent, ...measured, ...said] };
}

/** Ports that a program may have wanted, best first: what its failing line names, its command, its last words. */
export function portsNamed(keyLine: string | null, command: readonly string[], output: string): number[] {
  const end = output.slice(-LOOKED_AT_CHARS);
  const found = [...behindWords(keyLine ?? ''), ...inCommand(command), ...behindWords(end)];
  return [...new Set(found)].slice(0, MOST);
}

const LOOKED_AT_CHARS = 16 * 1024;
const MOST = 8;

/** `port 8080`, `port: 8080`, `0.0.0.0:8080`, `[::]:8080`, `:::8080`, `('127.0.0.1', 8080)`, `localhost:8080`. No bare number: errno is one too. */
const NAMED =
  /\bport\W{0,3}(\d{2,5})\b|(?:\d{1,3}\.){3}\d{1,3}['"]?[:,]\s?(\d{2,5})\b|(?:localhost|\*|\]|::):(\d{2,5})\b/gi;

function behindWords(text: string): number[] {
  return [...text.matchAll(NAMED)].flatMap(match => portIn(match[1] ?? match[2] ?? match[3]));
}

/** Arguments that are a number, or end in one: `8080`, `--port=8080`, `0.0.0.0:8080`. */
function inCommand(command: readonly string[]): number[] {
  return command.flatMap(argument => portIn(/(?:^|[=:])(\d{2,5})$/.exec(argument)?.[1]));
}

function portIn(digits: string | undefined): number[] {
  const port = Number(digits);
  return port > 0 && port < 65_536 ? [port] : [];
}
