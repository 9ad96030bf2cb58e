/** Text: cut without splitting a character or a word, cleaned of what steers a terminal, quoted for a shell. */

// The longest sequences in use (a family of four with skin tones, a flag of a region) are under 40 code units.
const windowUnits = 64;
const sign = '…';
const utf8 = new TextEncoder();

/** How many bytes the text takes in UTF-8. */
export const utf8Bytes = (text: string): number => utf8.encode(text).length;

/** The text, or its beginning and a "…", in at most `limit` UTF-16 units (never fewer than the characters anybody counts). */
export function clipStart(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return text.slice(0, boundaryBefore(text, limit - sign.length)) + sign;
}

/** The text, or a "…" and its end, in at most `limit` UTF-16 units. */
export function clipEnd(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return sign + text.slice(boundaryAfter(text, text.length - limit + sign.length));
}

/** The text, or its beginning and a "…", in at most `limit` bytes of UTF-8. */
export function clipStartBytes(text: string, limit: number): string {
  // A UTF-16 unit takes at most 3 bytes: so much of the text is surely enough to look at, and no more than that is.
  if (text.length * 3 <= limit || (text.length <= limit && utf8Bytes(text) <= limit)) return text;
  let units = Math.min(text.length, limit);
  for (;;) {
    const over = utf8Bytes(text.slice(0, units)) + utf8Bytes(sign) - limit;
    if (over <= 0) break;
    units -= Math.max(1, Math.ceil(over / 3));
    if (units <= 0) return '';
  }
  return text.slice(0, boundaryBefore(text, units)) + sign;
}

/** A blank or a quote: beyond it another word begins. */
const wordEdge = /[\s"'`]/;
/** Before the next name of a JSON object, also in a text within JSON; not between what belongs together (a name and its value, the parts of a web key). */
const memberEdge = /,\s?(?=\\{0,3}"(?!value\b)[\w.@-]{3,60}\\{0,3}"\s?:)/g;
/** A secret of words is split into no more of them: a seed phrase, 64 bytes as numbers, a name with its value. */
const mostWords = 72;
/** And no more than this part of a text is given up for one. */
const mostGivenUp = 1 / 8;
/** So far from a cut a member's edge is looked for. */
const nearUnits = 4096;

/**
 * The text from its first line that is surely whole, where a cut may have split the first one; of a single line, what follows the member
 * that the cut split, if it is JSON, else the words. Half a secret is not recognised as one.
 */
export function withoutSplitStart(text: string): string {
  const newline = text.indexOf('\n');
  if (newline >= 0 && newline < text.length - 1) return text.slice(newline + 1);
  const member = text.matchAll(memberEdge).next().value;
  if (member !== undefined) return text.slice(member.index + member[0].length);
  let from = text.search(wordEdge) + 1;
  if (from === 0) return '';
  for (let words = 1, at = from; words < mostWords && at < text.length * mostGivenUp; at += 1)
    if (wordEdge.test(text[at] ?? '')) {
      words += 1;
      from = at + 1;
    }
  return text.slice(from);
}

/** The end of the text in at most `limit` UTF-16 units, without the line or word that the cut split. For what is still to be cleaned of secrets. */
export function wholeEnd(text: string, limit: number): string {
  return text.length <= limit ? text : withoutSplitStart(text.slice(text.length - limit));
}

/** The beginning of the text in at most `limit` UTF-16 units, without the member of a JSON object or the word that the cut split. */
export function wholeStart(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const near = Math.max(0, limit - nearUnits);
  const member = [...text.slice(near, limit + nearUnits).matchAll(memberEdge)].findLast(
    ({ index }) => near + index <= limit,
  );
  if (member !== undefined) return text.slice(0, near + member.index);
  let end = limit;
  while (end > 0 && !wordEdge.test(text[end - 1] ?? '')) end -= 1;
  return text.slice(0, end);
}

function boundaryBefore(text: string, at: number): number {
  if (at <= 0) return 0;
  const from = Math.max(0, at - windowUnits);
  const around = text.slice(from, at + windowUnits);
  const last = new Intl.Segmenter().segment(around).containing(at - from);
  return last === undefined ? at : from + last.index;
}

function boundaryAfter(text: string, at: number): number {
  const before = boundaryBefore(text, at);
  if (before === at) return at;
  const whole = new Intl.Segmenter().segment(text.slice(before, at + windowUnits)).containing(0);
  return before + (whole?.segment.length ?? 1);
}

// Each alternative consumes at least one character and ends at a newline at the latest: linear whatever the child writes, and an
// operating system command that is never closed swallows its own line only.
const sequences = new RegExp(
  [
    '\\u001b\\][^\\u0007\\u001b\\n]*(?:\\u0007|\\u001b\\\\)?', // OSC: titles, links, clipboard
    '\\u009d[^\\u0007\\u009c\\n]*[\\u0007\\u009c]?',
    '\\u001b[PX^_][^\\u001b\\n]*(?:\\u001b\\\\)?', // DCS, SOS, PM, APC
    '[\\u0090\\u0098\\u009e\\u009f][^\\u009c\\n]*\\u009c?',
    '(?:\\u001b\\[|\\u009b)[0-?]*[ -/]*[@-~]?', // CSI: colours, cursor, erase
    '\\u001b[ -/]*[0-~]?',
  ].join('|'),
  'g',
);
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;
// They reorder or hide what a person reads: the name of a file, the end of a command. The letters of U+E0000 to U+E01FF are not seen at
// all, but by a model that reads them.
const bidi =
  /[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\uddff]/g;

/** Text without escape sequences, C0 and C1 controls and direction overrides. Line ends (CR and LF) and tabs stay. */
export const stripSequences = (text: string): string =>
  text.replace(sequences, '').replace(bidi, '').replace(controls, '').toWellFormed();

/** A line of a child without what would steer a terminal: escape sequences and control characters, tabs among them. For details of probes. */
export function plainLine(text: string): string {
  return stripSequences(text)
    .replace(/[\t\r\n]/g, '')
    .trim();
}

/** The last line that says something, without what would steer a terminal. */
export function lastWords(text: string): string {
  return (
    text
      .split(/[\r\n]+/)
      .map(plainLine)
      .findLast(line => line !== '') ?? ''
  );
}

/**
 * What a person would have seen of the text, safe to print: as {@link stripSequences}, and of a line that was drawn over by
 * carriage returns (a progress bar) the last state that is not blank.
 */
export const stripControl = (text: string): string =>
  stripSequences(text)
    .split('\n')
    .map(line => (line.includes('\r') ? lastDrawn(line) : line))
    .join('\n');

const lastDrawn = (line: string): string => line.split('\r').findLast(part => part.trim() !== '') ?? '';

/** In single quotes for sh, bash and zsh. */
export const shellQuoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A word as a shell takes it, quoted only where it must be. */
export const shellWord = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : shellQuoted(text));

// Looked up once: that takes half the time of a loop that runs a few hundred times.
const { imul } = Math;

/** FNV-1a, 32 bits, of the text's units: against halves and accidents, not against malice. */
export function fnv1a(text: string, basis = 0x811c9dc5): number {
  let hash = basis;
  const { length } = text;
  for (let at = 0; at < length; at++) hash = imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
