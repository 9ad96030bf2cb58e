import { stripSequences } from '../core/text/escape.ts';
import { detailsOf } from './triage/details.ts';
import { withoutPrefix } from './triage/log-lines.ts';
import type { Triage } from './triage/triage.ts';

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
