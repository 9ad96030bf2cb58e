import { type BlockReader, type Failure, gradeOf, type Line } from './log-lines.ts';

// "at f (file:1:2)", "at async f", "at a.b.C.m(File.java:3)", "at Foo.Bar() in /src/x.cs:line 4"
const atFrame = /^at (?:async |new |Object\.|eval )?[\w$<>.[\]/\\@*#:"'`{(-]/;
const named =
  /^error: Uncaught |^(?:Uncaught |Unhandled exception\. |Unhandled |Exception in thread "[^"]{0,80}" |Caused by: |Suppressed: |\[cause\]: |---> |\w{1,20}: )?(?:\[?[\w$./]{0,200}(?:Error|Exception|Throwable|Failure|Fault)\w{0,40}\b|[A-Z]\w{1,40}Err\b)/;
const isCause = /^(?:Caused by: |\[cause\]: |---> |-> )/;
const more =
  /^(?:\.\.\. \d+ (?:more|common frames|lines matching)|--- End of |Suppressed: |Emitted 'error' event |\[errors\]: )/;
const crashSign = /^(?:Node\.js v\d|throw (?:er|err|e|error|new )|Exception in thread |Unhandled exception|Uncaught )/;
const emptyHeadline = /^(?:Uncaught )?[\w$.]{0,100}(?:Error|Exception)\w{0,20}:?$/;
const headWithin = 60;

/** A trace of "at" lines (Node, Java, .NET) with its headline above, its properties below and its causes. */
export const stackTrace: BlockReader = (lines, at, chain) => {
  if (!isAt(lines[at])) return null;
  const head = headAbove(lines, at);
  let next = at;
  let depth = 0;
  const context: string[] = [];
  const causes: number[] = [];
  for (; next < lines.length; next += 1) {
    const line = lines[next];
    if (line === undefined) break;
    if (isCause.test(line.text)) causes.push(next);
    else if (!isAt(line) && !more.test(line.text) && depth <= 0 && !isProperty(line, lines[next - 1], causes)) break;
    depth += braces(line.text);
    if (context.length < 60 || !isAt(line)) context.push(line.text);
  }
  const crashed = crashNear(lines, head, next);
  const level = lines[head]?.level ?? 'none';
  // A stack without a sign of the end was printed by the program itself, which may have gone on.
  const grade = crashed ? 'crash' : gradeOf(level === 'none' ? 'error' : level);
  const make = (line: number, texts: readonly string[], around: readonly string[] = context): Failure => ({
    line,
    first: head,
    last: next - 1,
    texts,
    context: around.slice(0, 80),
    grade,
    trace: true,
    rest: false,
    chain,
  });
  // A cause has frames of its own, to the next cause; the rest is what it is part of.
  const ofCause = (index: number): Failure => {
    const own = lines.slice(index + 1, causes.find(other => other > index) ?? next).map(line => line.text);
    return make(index, [lines[index]?.text ?? ''], [...own, ...context]);
  };
  const main = make(head, [...lines.slice(head, Math.min(at, head + 8)).map(line => line.text), ...codes(context)]);
  return { failures: [main, ...causes.map(ofCause)], next };
};

const isAt = (line: Line | undefined): boolean => line !== undefined && atFrame.test(line.text) && line.indent > 0;

/** The nearest line above that names an error; without one, the first line of the paragraph above the frames. */
const headAbove = (lines: readonly Line[], at: number): number => {
  const thrown = belowCaret(lines, at);
  if (thrown !== null) return thrown;
  const paragraph = paragraphAbove(lines, at);
  let gap = false;
  let cause: number | null = null;
  for (let up = at - 1; up >= Math.max(0, at - headWithin); up -= 1) {
    const text = lines[up]?.text ?? '';
    if (isAt(lines[up])) break;
    if (isCause.test(text)) {
      cause = up;
      continue;
    }
    // The causes above the frames belong to the headline right above them.
    if (cause !== null) return named.test(text) ? up : cause;
    gap ||= text === '' && up < at - 1;
    if (gap && text !== '' && !emptyHeadline.test(text) && !(named.test(text) && isDetached(lines, up, paragraph))) {
      if (up < at - 8) break;
      continue;
    }
    // Only Node's list of requiring files makes a message long.
    if (up < at - 12 && !(lines[up]?.shown ?? '').startsWith('- ') && !named.test(text) && text !== 'Require stack:')
      break;
    if (named.test(text)) return up;
  }
  const found = cause ?? paragraph ?? Math.max(0, at - 1);
  return /[a-z]{3}/i.test(lines[found]?.text ?? '') ? found : (loggedAbove(lines, found) ?? found);
};

/** Where the frames stand below advice or a bracket: the line above that calls itself an error. */
const loggedAbove = (lines: readonly Line[], from: number): number | null => {
  for (let up = from; up > Math.max(0, from - headWithin) && !isAt(lines[up]); up -= 1)
    if (lines[up]?.level === 'error' || lines[up]?.level === 'fatal') return up;
  return null;
};

/** Node quotes the line that threw, with a caret, and a blank line later says what was thrown: the message, however long it is. */
const belowCaret = (lines: readonly Line[], at: number): number | null => {
  for (let up = at - 2; up > Math.max(0, at - headWithin); up -= 1) {
    if (isAt(lines[up]) || isCause.test(lines[up + 1]?.text ?? '')) return null;
    if (lines[up]?.text !== '' || !caretLine.test(lines[up - 1]?.text ?? '')) continue;
    const said = lines.slice(up, at).findIndex(line => line.text !== '');
    return lines.slice(Math.max(0, up - 9), up).some(line => throwingPlace.test(line.text)) ? up + said : null;
  }
  return null;
};

const throwingPlace = /^(?:node:|file:|\/|[A-Za-z]:\\)\S.{0,400}:\d{1,7}$/;

/** The first line of what stands above the frames, past source lines with their caret and drawn boxes. */
const paragraphAbove = (lines: readonly Line[], at: number): number | null => {
  let up = at - 1;
  while (up >= 0 && up > at - headWithin && (lines[up]?.text === '' || pointer.test(lines[up]?.shown ?? ''))) {
    if (caretLine.test(lines[up]?.shown ?? '')) up -= 1;
    up -= 1;
  }
  if ((lines[up]?.text ?? '') === '' || isAt(lines[up])) return null;
  for (let line = up; line >= Math.max(0, at - 12); line -= 1) {
    const text = lines[line]?.text ?? '';
    if (text === '' || isAt(lines[line])) break;
    if (failing.test(text)) return line;
  }
  return up;
};

const failing =
  /error|exce(?:ed|ption)|fail|cannot|can't|could|unable|\bno(?:t|ne)?\b|invalid|denied|refus|missing|timed? ?out/i;
const caretLine = /^[\s|~]*\^[\^~]*$/;
const pointer = /^[\s|~]*\^[\^~]*$|^\s*[\u2500-\u257f]|^\d{1,6} [\u2502|]/;

/** An error named above a gap is the headline if what stands between says nothing of a failure by itself. */
const isDetached = (lines: readonly Line[], up: number, paragraph: number | null): boolean =>
  lines[up]?.indent === 0 && (paragraph === null || paragraph <= up || !failing.test(lines[paragraph]?.text ?? ''));

const isProperty = (line: Line, above: Line | undefined, causes: readonly number[]): boolean =>
  causes.length > 0 && line.indent > 0 && above !== undefined && isCause.test(above.text) && line.text !== '';

const braces = (text: string): number => (/[{[]$/.test(text) ? 1 : 0) - (/^[}\]],?/.test(text) ? 1 : 0);

/** `code: 'EADDRINUSE',` and its like below the frames: proof where the message is vague. */
const codes = (context: readonly string[]): string[] =>
  context.filter(text => /^(?:code|errno|syscall|statusCode|status|type|path|reason):/.test(text)).slice(0, 8);

const crashNear = (lines: readonly Line[], head: number, next: number): boolean => {
  const around = [...lines.slice(Math.max(0, head - 6), head + 1), ...lines.slice(next, next + 4)];
  return around.some(line => crashSign.test(line.text));
};

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
  // A thread that joined one that had panicked only passes it on.
  const echo = /: Any \{ \.\. \}$/.test(lines[said]?.text ?? '');
  const texts = [
    lines[said]?.text ?? '',
    ...lines.slice(said + 1, next).map(line => line.text),
    ...(echo ? [] : [text]),
  ];
  const start = next;
  while (next < lines.length && /^(?:stack backtrace:$|note: |\d{1,3}: |at \S+:\d+)/.test(lines[next]?.text ?? ''))
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
