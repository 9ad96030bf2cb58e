import { stripSequences } from '../../core/text/escape.ts';
import { type Level, levelOf, withoutPrefix } from './prefix.ts';

/** A line of the log as triage sees it. */
export interface Line {
  /** Without control sequences and outer blanks: what a key line quotes. */
  readonly shown: string;
  /** Without timestamps, log levels, process names and so on, cut for matching. */
  readonly text: string;
  /** Blanks left in front of `text` after its prefixes: a frame of a traceback has some, its last line has none. */
  readonly indent: number;
  readonly level: Level;
}

/** How much of the end of a log is looked at: a cause further up than this was survived. */
const lookedAtChars = 1024 * 1024;
const lookedAtLines = 20_000;
const matchedHeadChars = 1500;
const matchedTailChars = 500;

/** The last {@link lookedAtChars} of the output as lines. A carriage return ends one too: what a bar was drawn over stays readable. */
export const readLines = (output: string): Line[] =>
  stripSequences(output.slice(-lookedAtChars))
    .split(/\r\n|\n|\r/)
    .slice(-lookedAtLines)
    .map(readLine);

const blank: Line = { shown: '', text: '', indent: 0, level: 'none' };

const readLine = (line: string): Line => {
  if (line.trim() === '') return blank;
  const cut =
    line.length > matchedHeadChars + matchedTailChars
      ? `${line.slice(0, matchedHeadChars)}\n${line.slice(-matchedTailChars)}`
      : line;
  const { rest, indent } = withoutPrefix(cut);
  return { shown: line.trim(), text: rest, indent, level: levelOf(cut, rest) };
};
