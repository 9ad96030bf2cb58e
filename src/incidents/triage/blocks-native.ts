import type { BlockReader, Failure, Line } from './log-lines.ts';

const goHead = /^(?:panic: |fatal error: |unexpected fault address|SIGQUIT: quit)/;
const goFrame =
  /^(?:goroutine \d+ |\[signal |\[originating |\S+\.(?:go|s):\d+|created by |[\w./*()\-\u00b7[\]{},]+\(.{0,1000}\)$|r\w{1,3} +0x|exit status \d|runtime stack:|\tpanic: |panic: |\.\.\.)/;
const longestMessage = 8;

/** A Go panic or fatal error, to the end of its last goroutine. */
export const goPanic: BlockReader = (lines, at, chain) => {
  if (!goHead.test(lines[at]?.text ?? '')) return null;
  let next = at + 1;
  const rest: string[] = [];
  while (
    next < lines.length &&
    rest.length < longestMessage &&
    /^(?:\[signal |\[recovered|panic: )/.test(lines[next]?.text ?? '')
  ) {
    rest.push(lines[next]?.text ?? '');
    next += 1;
  }
  const start = next;
  while (next < lines.length && (lines[next]?.text === '' || goFrame.test(lines[next]?.text ?? ''))) next += 1;
  return { failures: [native(lines, at, at, next, [lines[at]?.text ?? '', ...rest], start, chain)], next };
};

/** A Rust panic: since 1.73 the message stands on the line below the place. */
export const rustPanic: BlockReader = (lines, at, chain) => {
  const text = lines[at]?.text ?? '';
  if (!/\bpanicked at /.test(text)) return null;
  const placeOnly = /panicked at [^'"\n]{0,400}:\d+:\d+:?$/.test(text);
  const said = placeOnly && lines[at + 1]?.text !== '' && lines[at + 1] !== undefined ? at + 1 : at;
  let next = said + 1;
  while (next < lines.length && next < said + longestMessage && /^(?:left|right): /.test(lines[next]?.text ?? ''))
    next += 1;
  const texts = [lines[said]?.text ?? '', ...lines.slice(said + 1, next).map(line => line.text), text];
  const start = next;
  while (
    next < lines.length &&
    (/^\d{1,3}: /.test(lines[next]?.text ?? '') || /^at \S+:\d+/.test(lines[next]?.text ?? ''))
  )
    next += 1;
  return { failures: [native(lines, said, at, next, texts, start, chain)], next };
};

/** A C++ exception that nothing caught: what it says stands on the line below its type. */
export const cppTerminate: BlockReader = (lines, at, chain) => {
  const text = lines[at]?.text ?? '';
  if (!text.startsWith('terminate called')) return null;
  const said = /^what\(\):\s+\S/.test(lines[at + 1]?.text ?? '') ? at + 1 : at;
  const texts = said === at ? [text] : [lines[said]?.text ?? '', text];
  return { failures: [native(lines, said, at, said + 1, texts, said + 1, chain)], next: said + 1 };
};

const rubyHead =
  /^(?:\S{1,300}|<internal:[^>\n]{1,200}>):\d{1,6}:in [`'][^'\n]{1,200}': (.{1,1000}) \(([A-Z][\w:]{1,120})\)$|^\S{1,300}\.rb:\d{1,6}:in [`'][^'\n]{1,200}': (.{1,1000}?) ?(?:\([A-Z][\w:]{1,120}\))?$/;
const rubyFrame = /^(?:from |\d{1,4}: from )?(?:\S{1,300}|<internal:[^>\n]{1,200}>):\d{1,6}:in [`']/;

/** An exception of Ruby: place, message and class on one line, "from" lines below (a quoted source line with its carets between). */
export const rubyTrace: BlockReader = (lines, at, chain) => {
  const text = lines[at]?.text ?? '';
  const said = rubyHead.exec(text);
  if (said === null) return null;
  let next = at + 1;
  while (next < Math.min(lines.length, at + 6) && !rubyFrame.test(lines[next]?.text ?? '') && isQuoted(lines[next]))
    next += 1;
  const start = next;
  while (next < lines.length && rubyFrame.test(lines[next]?.text ?? '')) next += 1;
  const name = said[2] === undefined ? '' : ` (${said[2]})`;
  const texts = [`${said[1] ?? said[3] ?? ''}${name}`];
  const failure = native(lines, at, at, Math.max(next, at + 1), texts, start, chain);
  return { failures: [{ ...failure, context: [text, ...failure.context] }], next: Math.max(next, at + 1) };
};

const isQuoted = (line: Line | undefined): boolean => line !== undefined && (line.text === '' || line.indent > 1);

const native = (
  lines: readonly Line[],
  line: number,
  first: number,
  next: number,
  texts: readonly string[],
  start: number,
  chain: number,
): Failure => ({
  line,
  first,
  last: next - 1,
  texts,
  context: lines.slice(start, Math.min(next, start + 40)).map(found => found.text),
  grade: 'crash',
  trace: true,
  rest: false,
  chain,
});
