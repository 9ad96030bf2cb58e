import { pythonTrace } from './blocks-python.ts';
import { type BlockReader, type Failure, gradeOf, type Level, type Line } from './log-lines.ts';

// "at f (file:1:2)", "at async f", "at a.b.C.m(File.java:3)", "at Foo.Bar() in /src/x.cs:line 4"
const atFrame = /^at (?:async |new |Object\.|eval )?[\w$<>.[\]/\\@*#:"'`{(-]/;
const named =
  /^(?:Uncaught |Unhandled |Exception in thread "[^"]{0,80}" |Caused by: |Suppressed: |\[cause\]: |---> |\w{1,20}: )?(?:\[?[\w$./]{0,200}(?:Error|Exception|Throwable|Failure|Fault)\w{0,40}\b|[A-Z]\w{1,40}Err\b)/;
const cause = /^(?:Caused by: |\[cause\]: |---> |-> )/;
const more =
  /^(?:\.\.\. \d+ (?:more|common frames|lines matching)|--- End of |Suppressed: |Emitted 'error' event |\[errors\]: )/;
const crashSign = /^(?:Node\.js v\d|throw (?:er|err|e|error|new )|Exception in thread |Unhandled exception|Uncaught )/;
const emptyHeadline = /^(?:Uncaught )?[\w$.]{0,100}(?:Error|Exception)\w{0,20}:?$/;
const headWithin = 60;

/** A trace of "at" lines (Node, Java, .NET) with its headline above, its properties below and its causes. */
const stackTrace: BlockReader = (lines, at, chain) => {
  if (!isAt(lines[at])) return null;
  const head = headAbove(lines, at);
  let next = at;
  let depth = 0;
  const context: string[] = [];
  const causes: number[] = [];
  for (; next < lines.length; next += 1) {
    const line = lines[next];
    if (line === undefined) break;
    if (cause.test(line.text)) causes.push(next);
    else if (!isAt(line) && !more.test(line.text) && depth <= 0 && !isProperty(line, lines[next - 1], causes)) break;
    depth += braces(line.text);
    if (context.length < 60 || !isAt(line)) context.push(line.text);
  }
  const crashed = crashNear(lines, head, next);
  const level = lines[head]?.level ?? 'none';
  // A stack without a sign of the end was printed by the program itself, which may have gone on.
  const grade = crashed ? 'crash' : gradeOf(level === 'none' ? 'error' : level);
  const make = (line: number, texts: readonly string[]): Failure => ({
    line,
    first: head,
    last: next - 1,
    texts,
    context: context.slice(0, 80),
    grade,
    trace: true,
    rest: false,
    chain,
  });
  const main = make(head, [...lines.slice(head, Math.min(at, head + 8)).map(line => line.text), ...codes(context)]);
  return { failures: [main, ...causes.map(index => make(index, [lines[index]?.text ?? '']))], next };
};

const isAt = (line: Line | undefined): boolean => line !== undefined && atFrame.test(line.text) && line.indent > 0;

/** The nearest line above that names an error; without one, the line right above the frames. */
const headAbove = (lines: readonly Line[], at: number): number => {
  let gap = false;
  for (let up = at - 1; up >= Math.max(0, at - headWithin); up -= 1) {
    const text = lines[up]?.text ?? '';
    if (isAt(lines[up])) break;
    gap ||= text === '' && up < at - 1;
    // Behind a blank line only a headline that has its message below it.
    if (gap && text !== '' && !emptyHeadline.test(text)) {
      if (up < at - 8) break;
      continue;
    }
    // Only Node's list of requiring files makes a message long.
    if (up < at - 12 && !(lines[up]?.shown ?? '').startsWith('- ') && !named.test(text) && text !== 'Require stack:')
      break;
    if (named.test(text)) return up;
  }
  return Math.max(0, at - 1);
};

const isProperty = (line: Line, above: Line | undefined, causes: readonly number[]): boolean =>
  causes.length > 0 && line.indent > 0 && above !== undefined && cause.test(above.text) && line.text !== '';

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
const goPanic: BlockReader = (lines, at, chain) => {
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
const rustPanic: BlockReader = (lines, at, chain) => {
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
const cppTerminate: BlockReader = (lines, at, chain) => {
  const text = lines[at]?.text ?? '';
  if (!text.startsWith('terminate called')) return null;
  const said = /^what\(\):\s+\S/.test(lines[at + 1]?.text ?? '') ? at + 1 : at;
  const texts = said === at ? [text] : [lines[said]?.text ?? '', text];
  return { failures: [native(lines, said, at, said + 1, texts, said + 1, chain)], next: said + 1 };
};

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

const readers: readonly BlockReader[] = [pythonTrace, goPanic, rustPanic, cppTerminate, stackTrace];

/** Path and line number alone: Node's and PHP's way to point at the source line below. */
const sourcePointer =
  /^(?:\/|[A-Za-z]:\\|node:|file:|internal\/|events\.js|[\w./-]+\.[cm]?[jt]sx?)[^\n]{0,400}:\d{1,6}(?::\d{1,6})?$/;
const caret = /^[\s|~]*\^[\^~]*\s*$/;
const frame =
  /^(?:#\d{1,3}\s|from \S+:\d+:in |\d{1,3}: +(?:0x[0-9a-f]+ - )?[\w<]|\S+\.go:\d+ |goroutine \d+ \[|created by |rip |r\w{1,2} +0x|\d+\s+\S+\s+0x[0-9a-f]{6,}|\.\.\. \d+ more|\[0x[0-9a-f]+\]|[\dA-F]{16} \(|\S{1,300}\(\+0x[0-9a-f]+\)|\S{1,600}\[0x[0-9a-f]+\]$|stack backtrace:|Stack trace:|Call Trace:|thrown in )/;

/** The log cut into failures: every trace, and every other line for itself. */
export const readFailures = (lines: readonly Line[]): Failure[] => {
  const failures: Failure[] = [];
  let chain = 0;
  for (let at = 0; at < lines.length; ) {
    const block = readers.map(read => read(lines, at, chain)).find(found => found !== null);
    if (block) {
      chain += 1;
      withHeadline(failures, block.failures, lines);
      at = block.next;
      continue;
    }
    const pointed = sourceEnd(lines, at);
    if (pointed > at) at = pointed;
    else {
      const line = lines[at];
      if (line !== undefined && !frame.test(line.text) && line.text !== '')
        failures.push(single(lines, line, at, isRest(failures.at(-1), line)));
      at += 1;
    }
  }
  return failures;
};

/** A trace may begin above the frame that gave it away: those lines were taken for single ones. */
const withHeadline = (failures: Failure[], found: readonly Failure[], lines: readonly Line[]): void => {
  if (found.length === 0) return;
  const first = Math.min(...found.map(failure => failure.first));
  while ((failures.at(-1)?.last ?? -1) >= first) failures.pop();
  const head = failures.at(-1);
  // A logger's line right above ("ERROR could not start: …") makes it a trace that was caught and logged.
  const logged = head !== undefined && !head.trace && head.last >= first - 2 ? loggedLevel(lines[head.last]) : null;
  for (const failure of found)
    failures.push(logged !== null && failure.grade === 'crash' ? { ...failure, grade: gradeOf(logged) } : failure);
};

const loggedLevel = (line: Line | undefined): Level | null => {
  if (line?.level === 'error') return 'error';
  const aboutIt = line?.level === 'warn' && !/\b[A-Z]\w+Warning: /.test(line.text);
  return aboutIt && /:$|exception|error|fail|traceback/i.test(line.text) ? 'warn' : null;
};

/** Behind "file:line", the source line and its caret: the program's text is no message. */
const sourceEnd = (lines: readonly Line[], at: number): number => {
  if (!sourcePointer.test(lines[at]?.text ?? '')) return at;
  for (let next = at + 1; next < Math.min(lines.length, at + 9); next += 1)
    if (caret.test(lines[next]?.text ?? '')) return next + 1;
  return at;
};

/** What stands without a prefix right below an uncaught trace is the rest of its message or its parent's, not a program that lives on. */
const isRest = (before: Failure | undefined, line: Line): boolean =>
  before !== undefined && ((before.trace && before.grade === 'crash') || before.rest) && line.shown === line.text;

const single = (lines: readonly Line[], line: Line, at: number, rest: boolean): Failure => ({
  line: at,
  first: at,
  last: at,
  texts: [line.text],
  context: [lines[at - 1]?.text ?? '', lines[at + 1]?.text ?? ''],
  grade: gradeOf(line.level),
  trace: false,
  rest,
  chain: -1,
});
