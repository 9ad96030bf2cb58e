import { stripSequences } from '../../core/text.ts';
import type { Category } from '../incident.ts';
import { withoutPrefix } from '../triage/log-lines.ts';
import { type AgentEvent, readEvent } from './agent-events.ts';

/**
 * What a statement of a program about its own end calls for.
 * - `quota`: an allowance is used up, until a time that may be named.
 * - `throttle`: too many requests at the moment; the next try may succeed.
 * - `login`: credentials that no restart renews.
 * - `context`: the conversation is too long for the model.
 * - `setup`: the command line or its surroundings are wrong for this program.
 * - `upstream`: the service behind it fails.
 */
export type StatementKind = 'quota' | 'throttle' | 'login' | 'context' | 'setup' | 'upstream';

/** One wording by which a program says why it cannot go on. */
export interface Statement {
  /** `program.what`, unique: part of the fingerprint of its incidents. */
  readonly id: string;
  readonly category: Category;
  readonly kind: StatementKind;
  /** An agent CLI's own words: a time in them is believed up to --max-wait, and exit code 0 does not contradict them. */
  readonly own: boolean;
  /** Tried on a line without its prefixes (timestamps, levels, "Error:", exception names), which the words begin. */
  readonly pattern: RegExp;
  /** It may stand anywhere in a line that is an error by its shape. */
  readonly anywhere?: boolean;
  /** A line of this kind: the statement's test. */
  readonly example: string;
  /** What to do about it, where the kind's own recommendation is too general. */
  readonly check?: string;
}

const checks: Readonly<Record<StatementKind, string>> = {
  quota:
    'The allowance of this account is used up. Wait for its reset, or raise the limit or the balance at the provider.',
  throttle: 'Too many requests at the moment. Lower the request rate, or let the program retry with a longer backoff.',
  login: 'Log in again on this machine as the user of the service, or renew its API key. The next start reads it.',
  context: 'The conversation is too long for the model. Start a new session, or give it less to read at once.',
  setup: 'Correct the command line or the settings of this program; a restart does not change them.',
  upstream: "The service behind it fails. Check the provider's status page; the next try may succeed.",
};

/** What to do about a statement. */
export const checkOf = ({ check, kind }: Statement): string => check ?? checks[kind];

/** One of the last things that a run said: a line, or a JSON event over one or more lines. */
export interface LastLine {
  /** As it stands in the log, without control sequences and outer blanks. */
  readonly shown: string;
  /** What it says, without timestamps, levels, "Error:" and exception names in front. */
  readonly texts: readonly Utterance[];
  readonly event: AgentEvent | null;
  /** Neither life nor failure: farewells, hints, frames of a trace, the rest of a dump. */
  readonly chatter: boolean;
}

export interface Utterance {
  readonly text: string;
  /** The line is an error by its shape: a level, an exception, a status. */
  readonly error: boolean;
  /** The line as a whole, and without what loggers put in front of it. */
  readonly whole: string;
  readonly bare: string;
}

/** How many of the last lines that say something may state a limit. */
const SPEAKING_LINES = 15;
/** How many lines are read for them, with the frames and dumps in between. */
const READ_LINES = 120;
const READ_CHARS = 256 * 1024;
const LINE_CHARS = 4000;
/** A JSON text over several lines may be that long. */
const BLOCK_LINES = 90;

/** The last lines of the output that are not blank, last first, each read only when it is asked for: most ends need one. */
export function* lastLines(output: string): Generator<LastLine, void> {
  const lines = stripSequences(output.slice(-READ_CHARS))
    .split(/\r\n|\n|\r/)
    .map(line => line.trimEnd())
    .filter(line => line.trim() !== '')
    .slice(-READ_LINES);
  let speaking = 0;
  for (let end = lines.length; end > 0 && speaking < SPEAKING_LINES; ) {
    const start = blockStart(lines, end);
    const line = readLine(lines.slice(start, end).join('\n'));
    yield line;
    if (!line.chatter) speaking += 1;
    end = start;
  }
}

/** Where the JSON text begins that ends right before `end`; the last line alone if it ends none. */
const blockStart = (lines: readonly string[], end: number): number => {
  if (!/^[}\]]+[,;]?$/.test(lines[end - 1]?.trim() ?? '')) return end - 1;
  for (let start = end - 2; start >= Math.max(0, end - BLOCK_LINES); start -= 1) {
    if (!/^\[?\{/.test(lines[start] ?? '')) continue;
    return readEvent(lines.slice(start, end).join('\n')) === null ? end - 1 : start;
  }
  return end - 1;
};

const readLine = (raw: string): LastLine => {
  const event = readEvent(raw);
  const shown = raw.trim();
  if (event !== null) {
    const texts = event.texts.map(text => utter(text, event.kind !== 'work'));
    return { shown, texts, event, chatter: event.kind === 'notice' || event.kind === 'done' };
  }
  if (/^\{"/.test(shown)) return cutEvent(shown);
  const said = utter(raw.slice(0, LINE_CHARS), false);
  return { shown, texts: [said, ...quotedMessages(said)], event, chatter: isChatter(raw, said.bare) };
};

/** An error that quotes the answer of a service, as JSON or as Python prints it: its message is read by itself. */
const quotedMessages = ({ whole, error }: Utterance): Utterance[] =>
  error
    ? [...whole.matchAll(/["'](?:message|error)["']: ?(?:"((?:[^"\\]|\\.){1,600})"|'((?:[^'\\]|\\.){1,600})')/g)].map(
        ([, double, single]) => ({ ...utter(double ?? single ?? '', true), whole }),
      )
    : [];

/** What was cut off is no event any more: of one that tells of a failure the texts are read, any other says nothing. */
const cutEvent = (shown: string): LastLine => {
  const failed =
    /"is_?error":true|"is_?api_?error_?message":true|"model":"<synthetic>"|"type":"(?:error|turn\.failed)"/i.test(
      shown,
    );
  const quoted = failed ? [...shown.matchAll(/"(?:text|result|message|error)":"((?:[^"\\]|\\.){1,600})"/g)] : [];
  const texts = quoted.map(([, text = '']) => utter(text.replace(/\\(.)/g, '$1'), true));
  return { shown, texts, event: null, chatter: texts.length === 0 };
};

const utter = (raw: string, told: boolean): Utterance => {
  const straight = raw.replace(/[\u2018\u2019]/g, "'").replace(/[\u00a0\u202f]/g, ' ');
  const { rest } = withoutPrefix(straight.trim());
  const { text, error } = withoutHead(rest);
  const loud = told || error || /^\W{0,3}(?:.{0,40}\b)?(?:ERROR|FATAL|CRITICAL)\b/.test(straight);
  return { text, error: loud, whole: straight.trim(), bare: rest };
};

/** What stands in front of the words of a failure, taken off one after the other. */
const heads: readonly (readonly [RegExp, boolean])[] = [
  // Bullets, crosses and emoji; not what quotes or lists.
  [/^(?![-*+>#"'`[({<$/\\.~])[^\p{L}\p{N}\s]+\s+/u, false],
  [/^HTTP Error (?=[45]\d\d)/i, true],
  // A report of it lies there: "Error when talking to X, full report at: /tmp/report.json APIError: …".
  [/^error\b[^:]{0,100}: \/\S{1,300} (?=\S)/i, true],
  // "API Error:", "LLM provider error:"; what mentions an error, with an article, tells of something else.
  [
    /^\[?(?!(?:\S+ ){0,2}(?:the|an?|this|that|any|each|every|all|no|its|your|for) )(?:[a-z][\w-]{0,24} ){0,3}error\b(?: (?:from|when|while)\b[^:]{0,60}| \([^)\n]{1,100}\))?[:\]]\s*/i,
    true,
  ],
  [/^(?!(?:[\w-]+ ){0,4}(?:the|an?|this|that) )[a-z][\w-]* (?:[\w-]+ ){0,3}failed: (?=\S)/i, true],
  [/^failed to [\w -]{1,40}: (?=\S)/i, true],
  [/^attempt \d+ failed\b[^.]{0,60}\.\s+(?:retrying\b[^.]{0,40}\.{1,3} )?(?=[A-Z])/i, true],
  [/^(?:docker: )?error response from [^:]{1,40}: (?=\S)/i, true],
  [/^[A-Z]\w?: (?=[[Y])/, true],
  [/^retrying in [^:]{1,40}: (?=\S)/i, true],
  [/^[\w ]{1,40} due to (?:an? )?error[.:] (?=\S)/i, true],
  [/^\[?(?:error|err|fatal|failed|failure)\b(?:[:\]]|\s*[\u00b7-])\s*(?=\S)/i, true],
  [/^(?:ERROR|FATAL|CRITICAL)\s+(?=\S)/, true],
  [
    /^(?:Uncaught |Unhandled )?(?:[\w$]+\.)*_?[A-Z][\w$]*(?:Error|Exception|Exceeded|Exhausted|Throttled|Protection|Fault|Failure|Limit(?:ed)?|Denied|Forbidden|Unauthorized|TooManyRequests|RetryAfter)\b(?: \[[^\]]{1,60}\])?(?:\s*\([^)]{0,60}\))?:\s*/,
    true,
  ],
  [/^(?:unexpected )?status(?: code)?:? ?[45]\d\d\b[\w ]{0,24}: ?/i, true],
  [/^error code: ?[45]\d\d\b ?-? ?(?=\S)/i, true],
  [/^error (?:during|while|when|in|(?!handling|checking|reporting|logging)[a-z]+ing)\b[\w -]{0,60}:\s*/i, true],
  [/^(?:HTTP )?[45]\d\d(?: [A-Z][\w ]{0,24})?(?::| -|(?= \{))\s*/, true],
  [/^[45]\d\d (?=[A-Z])/, false],
  // Who answered so.
  [/^[\w.-]{1,20}: (?=[45]\d\d\b)/, true],
  [/^toomanyrequests: /, true],
  [/^["']?(?:message|msg|error|detail|reason)["']?: ["']/, true],
  [/^ran into (?:this|an) error\b[\w ]{0,40}:\s*/i, true],
];

const withoutHead = (line: string): { text: string; error: boolean } => {
  let text = line;
  let error =
    /^(?:(?:[\w$]+\.)*_?[A-Z][\w$]*(?:Error|Exception)\b|(?:\w+\.){2,}[A-Z]\w+: )/.test(line) ||
    /^(?:< )?HTTP\/[\d.]+ [45]\d\d\b/.test(line);
  for (let round = 0; round < 6; round += 1) {
    const head = heads.find(([pattern]) => pattern.test(text));
    if (head === undefined) break;
    const rest = text.replace(head[0], '');
    if (rest === '') break;
    text = rest;
    error ||= head[1];
  }
  return { text, error };
};

const farewells =
  /^(?:\W{0,3})(?:shutting down|stopping|exiting|good ?bye|bye\b|clos(?:ing|ed)|cleaning up|terminat(?:ing|ed)|abort(?:ing|ed)?\b(?! \(core)|giving up|disconnect(?:ing|ed)|session (?:ended|closed|id)|process (?:exited|ended|finished)|agent (?:exited|stopped|failed|ended)|done\.?$|(?:operation |request )?cancell?ed)/i;
const hints =
  /^(?:\W{0,3})(?:please |try |see |visit |run |use |to (?:continue|resume|see|increase|upgrade|get|learn|fix|use)\b|for (?:more|help|details)|upgrade |after [a-z]+ing\b|you can |learn more|contact |check |add |wait |consider |\/[a-z-]+(?: |$)|what do you want to do|tip:|hint:|note:|(?:[\w/ .-]{1,30}:\s+)?https?:\/\/|resets? |(?:your |the |it |next |access )*(?:limits? |usage |quota |access )?(?:will )?(?:resets?|reset|refresh(?:es)?|renews?)\b|retry|reconnecting|reading (?:additional input|prompt)|more info|read more|manage |switch )/i;
const bookkeeping =
  /^(?:\W{0,3})(?:tokens? used|(?:total|usage|cost|duration|session|model|requests|changes|api (?:time|duration)|wall time|breakdown)\b[\w() -]{0,30}(?::|\s[+\d])|[\d.,:%$ ]+$|request[ _-]id|trace[ _-]id|x-request-id|log (?:file|saved)|full (?:report|error|log)|a complete log|an? (?:full|error) report|error report)/i;
const wrappers =
  /\b(?:exit(?:ed)?(?: with)?(?: status| code)*:? \d+|non-zero exit|returned (?:non-zero|\d+)|exited \(\d+\)|ELIFECYCLE|app crashed|Lifecycle script|command failed|run failed|task failed|job failed)\b|\[object Object\]$|(?:failed|gave up|giving up|no response)\b.{0,80}\b(?:after|retried) \d+ (?:attempts|retries|tries|times)\b|max(?:imum)?(?: number of)? retries\b|\bfull report available at: \S+$|^npm (?:ERR!|error|notice)|^make(?:\[\d+\])?: \*\*\*|^error Command/i;
const traces =
  /^(?:\s+|\s*at |\s*File "|\s*\^|Traceback \(most recent|The above exception|During handling|Node\.js v\d|\s*node:|caused by|\.\.\. )/i;
const dumps = /^\s*(?:[}\]){[(]+[,;]?|['"]?[\w.$-]{1,40}['"]?: .{0,400}[,{[])$/;
const headers =
  /^<?\s?(?:date|server|via|vary|content-[a-z]+|connection|cf-[a-z-]+|alt-svc|x-[a-z-]+|retry-after|rate-?limit-[a-z-]+|anthropic-[a-z-]+|openai-[a-z-]+|cache-control|set-cookie|strict-transport-security|transfer-encoding|access-control-[a-z-]+|www-authenticate|etag|age|pragma|expires|[*<>]): ?/i;

/** Lines after which a statement still stands: they neither do anything nor say anything new. */
const isChatter = (raw: string, bare: string): boolean => {
  const line = raw.trim();
  return (
    traces.test(raw) ||
    dumps.test(raw) ||
    headers.test(line) ||
    /^[\W_]*$/.test(line) ||
    [farewells, hints, bookkeeping, wrappers].some(pattern => pattern.test(line) || pattern.test(bare))
  );
};
