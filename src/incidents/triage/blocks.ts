import { cppTerminate, goPanic, rustPanic } from './blocks-native.ts';
import { pythonTrace } from './blocks-python.ts';
import { stackTrace } from './blocks-stack.ts';
import { type BlockReader, type Failure, gradeOf } from './failure.ts';
import type { Line } from './lines.ts';
import type { Level } from './prefix.ts';

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
