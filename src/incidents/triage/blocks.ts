import { cppTerminate, goPanic, rubyTrace, rustPanic, stackTrace } from './blocks-stack.ts';
import { type BlockReader, type Failure, type Found, gradeOf, type Line } from './log-lines.ts';
import type { Level } from './log-record.ts';

const opening = /(?:^|\+ (?:Exception Group )?)Traceback \(most recent call last\)/;
const boxed = /^[╭┌+].{0,200}Traceback \(most recent call last\)/;
const fileLine = /^File "[^"\n]{1,400}", line \d+/;
const linked = /^(?:During handling of the above exception|The above exception was the direct)/;
const quotes = /^(?:"""|''')$/;
const longestMessage = 12;

/** A Python traceback with all that it is chained to, from "Traceback" (or a frame, where the log was cut) to the message. */
const pythonTrace: BlockReader = (lines, at, chain) => {
  const text = lines[at]?.text ?? '';
  if (boxed.test(lines[at]?.shown ?? '')) return boxedTrace(lines, at, chain);
  if (!opening.test(text) && !fileLine.test(text)) return null;
  const failures: Failure[] = [];
  let next = at;
  for (;;) {
    const one = oneTrace(lines, next, chain);
    if (one === null) break;
    failures.push(...one.failures);
    const follower = afterLink(lines, one.next);
    next = one.next;
    if (follower === null) break;
    next = follower;
  }
  return next > at ? { failures, next } : null;
};

/** The same in a frame of lines, as the rich library draws it: the message stands below the frame. */
const boxedTrace: BlockReader = (lines, at, chain) => {
  let next = at + 1;
  const context: string[] = [];
  while (/^[│┃╰╭|]/.test(lines[next]?.shown ?? '')) {
    context.push((lines[next]?.shown ?? '').replace(/^[│┃|]\s*|\s*[│┃|]$/g, ''));
    next += 1;
  }
  const head = lines[next];
  if (head === undefined || head.text === '') return { failures: [], next };
  return { failures: [failureAt(lines, next, at, chain, context)], next: next + 1 };
};

const oneTrace = (lines: readonly Line[], at: number, chain: number): Found | null => {
  let next = opening.test(lines[at]?.text ?? '') ? at + 1 : at;
  const frameIndent = lines[next]?.indent ?? 0;
  const context: string[] = [];
  if (!fileLine.test(lines[next]?.text ?? '')) return null;
  while (next < lines.length && isFrame(lines[next], frameIndent)) {
    context.push(lines[next]?.text ?? '');
    next += 1;
  }
  const head = lines[next];
  // The log ends inside the trace: its last frame is all there is to say.
  if (head === undefined || head.text === '') return { failures: [], next: Math.max(next, at + 1) };
  const said = innerHeadline(lines, next) ?? next;
  const failure = failureAt(lines, said, at, chain, context);
  return { failures: [failure], next: failure.last + 1 };
};

/** TensorFlow says "in user code:" and tells the exception itself below, set in. */
const innerHeadline = (lines: readonly Line[], head: number): number | null => {
  if (!/: in user code:$/.test(lines[head]?.text ?? '')) return null;
  let found: number | null = null;
  for (let at = head + 1; at < Math.min(lines.length, head + 60); at += 1) {
    const line = lines[at];
    if (line === undefined || (line.text !== '' && line.indent === 0)) break;
    if (/^[A-Z]\w{2,40}(?:Error|Exception): /.test(line.text)) found = at;
  }
  return found;
};

const failureAt = (
  lines: readonly Line[],
  head: number,
  first: number,
  chain: number,
  context: readonly string[],
): Failure => {
  const level = lines[first]?.level ?? 'none';
  const texts = [lines[head]?.text ?? '', ...message(lines, head + 1)];
  return {
    line: head,
    first,
    last: head + texts.length - 1,
    texts,
    context: context.slice(-24),
    grade: level === 'warn' || level === 'info' || level === 'debug' ? 'error' : 'crash',
    trace: true,
    rest: false,
    chain,
  };
};

const isFrame = (line: Line | undefined, frameIndent: number): boolean => {
  if (line === undefined) return false;
  if (fileLine.test(line.text) || /^\[Previous line repeated \d+/.test(line.text)) return true;
  return line.indent > frameIndent || /^[~^]+$/.test(line.text);
};

/** What follows the headline without a blank line, a level or a frame: the rest of a long message. */
const message = (lines: readonly Line[], from: number): string[] => {
  const rest: string[] = [];
  for (let at = from; at < lines.length && rest.length < longestMessage; at += 1) {
    const line = lines[at];
    if (line === undefined || line.text === '' || line.level !== 'none') break;
    if (opening.test(line.text) || linked.test(line.text) || quotes.test(line.text)) break;
    if (
      line.indent === 0 &&
      !/^[([{)\]}"'-]|^(?:For further|Background|Is the server|Did you|Hint|Please|Try|See)\b/.test(line.text)
    )
      break;
    rest.push(line.text);
  }
  return rest;
};

/** Where the next trace of the chain starts, if what is between says that it is one: a link, or the quotes of a remote trace. */
const afterLink = (lines: readonly Line[], from: number): number | null => {
  let at = from;
  let quoted = false;
  while (at < Math.min(lines.length, from + 3) && (lines[at]?.text === '' || quotes.test(lines[at]?.text ?? ''))) {
    quoted ||= lines[at]?.text !== '';
    at += 1;
  }
  if (quoted && opening.test(lines[at]?.text ?? '')) return at;
  if (!linked.test(lines[at]?.text ?? '')) return null;
  at += 1;
  while (at < lines.length && lines[at]?.text === '') at += 1;
  return opening.test(lines[at]?.text ?? '') ? at : null;
};

/** What Python could not raise any more at its end is no cause, with the trace or the line that follows. */
const ignoredException: BlockReader = (lines, at, chain) => {
  if (!/^Exception ignored (?:in|on|while)\b/.test(lines[at]?.text ?? '')) return null;
  const trace = pythonTrace(lines, at + 1, chain);
  if (trace !== null) return { failures: [], next: trace.next };
  const single = /^\w{1,60}(?:Error|Exception|Interrupt)\b/.test(lines[at + 1]?.text ?? '') ? 2 : 1;
  return { failures: [], next: at + single };
};

const npmLine = /^npm (?:ERR!|error)(?: |$)/;
const npmEcho =
  /^npm (?:ERR!|error)(?:$| (?:code|syscall|path|errno|cwd|workspace|location|command|signal|file|dest)\b| ?$| {2,}| [A-Z]\d+$)/;

/** npm's closing words are one message: its first sentence is the headline. */
const npmError: BlockReader = (lines, at, chain) => {
  if (!npmLine.test(lines[at]?.text ?? '')) return null;
  let next = at;
  while (next < lines.length && npmLine.test(lines[next]?.text ?? '')) next += 1;
  const texts = lines.slice(at, next).map(line => line.text);
  const head = Math.max(
    0,
    texts.findIndex(text => !npmEcho.test(text)),
  );
  const said = [...texts.slice(head), ...texts.slice(0, head)].slice(0, 12);
  const failure: Failure = {
    line: at + head,
    first: at,
    last: next - 1,
    texts: said,
    context: texts.slice(0, 24),
    grade: 'error',
    trace: false,
    rest: true,
    chain,
  };
  return { failures: [failure], next };
};

/** "Error: x", "Caused by:", then its causes, numbered or set in (anyhow, eyre): all one chain. */
const causeChain: BlockReader = (lines, at, chain) => {
  if (!/^Caused by:$/.test(lines[at]?.text ?? '')) return null;
  let next = at + 1;
  while (next < lines.length && next < at + 30 && (lines[next]?.indent ?? 0) > 0) next += 1;
  let head = at - 1;
  while (head > 0 && head > at - 3 && lines[head]?.text === '') head -= 1;
  const make = (line: number, text: string): Failure => ({
    line,
    first: Math.max(0, head),
    last: next - 1,
    texts: [text],
    context: [],
    grade: 'plain',
    trace: true,
    rest: false,
    chain,
  });
  const inner = lines
    .slice(at + 1, next)
    .map((line, index) => make(at + 1 + index, line.text.replace(/^\d{1,3}: /, '')));
  return { failures: [make(Math.max(0, head), lines[Math.max(0, head)]?.text ?? ''), ...inner], next };
};

const readers: readonly BlockReader[] = [
  ignoredException,
  pythonTrace,
  goPanic,
  rustPanic,
  cppTerminate,
  rubyTrace,
  npmError,
  causeChain,
  stackTrace,
];

/** Path and line number alone: Node's and PHP's way to point at the source line below. */
const sourcePointer =
  /^(?:\/|[A-Za-z]:\\|node:|file:|internal\/|events\.js|[\w./-]+\.[cm]?[jt]sx?)[^\n]{0,400}:\d{1,6}(?::\d{1,6})?$/;
const caret = /^[\s|~]*\^[\^~]*\s*$/;
const frame =
  /^(?:#\d{1,3}\s|from \S+:\d+:in |\d{1,3}: +(?:0x[0-9a-f]+ - )?[\w<]|\S+\.go:\d+ |goroutine \d+ \[|created by |rip |r\w{1,2} +0x|\d+\s+\S+\s+0x[0-9a-f]{6,}|\.\.\. \d+ more|\[0x[0-9a-f]+\]|[\dA-F]{16} \(|\S{1,300}\(\+0x[0-9a-f]+\)|\S{1,600}\[0x[0-9a-f]+\]$|stack backtrace:|stack traceback:|\[C\]: in |\S{1,300}\.lua:\d+: in |Stack trace:|Call Trace:|thrown in )/;

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
  for (let next = at + 1; next < Math.min(lines.length, at + 9) && lines[next]?.text !== ''; next += 1)
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
