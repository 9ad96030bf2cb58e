import type { Line } from './lines.ts';
import type { Level } from './prefix.ts';

/**
 * How much a place in the log looks like the end of the program: `crash` a trace that nothing caught, `fatal` and `error` by
 * the line's own level, `plain` a line without a level, `warn` and `info` what is mostly survived.
 */
export type Grade = 'crash' | 'fatal' | 'error' | 'plain' | 'warn' | 'info';

/** A place in the log where something failed: a trace with its headline, or a single line. */
export interface Failure {
  /** Index of the line that says what happened. */
  readonly line: number;
  /** Indices of the first and last line that belong to it. */
  readonly first: number;
  readonly last: number;
  /** The headline, then what else its message says. */
  readonly texts: readonly string[];
  /** Frames, source lines and properties around it. */
  readonly context: readonly string[];
  readonly grade: Grade;
  /** Part of a trace, not a line of its own. */
  readonly trace: boolean;
  /** Stands right below an uncaught trace, without a prefix. */
  readonly rest: boolean;
  /** The same for all exceptions of one chain; -1 outside of one. */
  readonly chain: number;
}

const grades: Readonly<Record<Level, Grade>> = {
  fatal: 'fatal',
  error: 'error',
  none: 'plain',
  warn: 'warn',
  info: 'info',
  debug: 'info',
};

/** The grade that a line's own level gives it. */
export const gradeOf = (level: Level): Grade => grades[level];

/** What a reader of one language's traces found: the failures, and the first line that no longer belongs to them. */
export interface Found {
  readonly failures: readonly Failure[];
  readonly next: number;
}
export type BlockReader = (lines: readonly Line[], at: number, chain: number) => Found | null;
