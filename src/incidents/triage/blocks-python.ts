import type { BlockReader, Failure, Found, Line } from './log-lines.ts';

const opening = /(?:^|\+ (?:Exception Group )?)Traceback \(most recent call last\)/;
const boxed = /^[╭┌+].{0,200}Traceback \(most recent call last\)/;
const fileLine = /^File "[^"\n]{1,400}", line \d+/;
const linked = /^(?:During handling of the above exception|The above exception was the direct)/;
const quotes = /^(?:"""|''')$/;
const longestMessage = 12;

/** A Python traceback with all that it is chained to, from "Traceback" (or a frame, where the log was cut) to the message. */
export const pythonTrace: BlockReader = (lines, at, chain) => {
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
