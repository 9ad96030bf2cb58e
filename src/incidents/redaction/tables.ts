import { classOfName, type NameClass } from './secret-names.ts';
import { isSecretValue } from './secret-values.ts';
import type { Finder, Report } from './spans.ts';

const telling = /pass|pwd|token|secret|key|cred|auth|pin|otp/i;
const longestLine = 2000;
const mostRows = 500;
/** Lines between a header and its rows. */
const rule = /^[\s|+=:─━═┼╪│┃┌┐└┘├┤┬┴-]*$/;
const separators: readonly RegExp[] = [/[|│┃║]/g, /\t/g, /,|;/g, / {2,}/g];

interface Cell {
  readonly text: string;
  readonly at: number;
}

/** Values in the rows of a table, below a column's name: drawn with bars, by tabs or blanks, or as CSV. */
export const findTables: Finder = (text, report) => {
  let rows: ((line: string, at: number) => boolean) | null = null;
  let left = 0;
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    if (end - at <= longestLine) {
      const line = text.slice(at, end);
      left -= 1;
      if (rows !== null && left > 0 && (rule.test(line) || rows(line, at))) {
        at = end + 1;
        continue;
      }
      rows = telling.test(line) ? rowsBelow(line, report) : null;
      left = mostRows;
    } else rows = null;
    at = end + 1;
  }
};

/** What reads the rows below this line, if it is the header of a table with a secret column. */
const rowsBelow = (header: string, report: Report): ((line: string, at: number) => boolean) | null => {
  for (const [index, separator] of separators.entries()) {
    const names = cellsOf(header, separator);
    if (names.length < 2 || !names.every(({ text }) => /^["']?[A-Za-z_#][\w .()/#-]{0,40}["']?$|^$/.test(text)))
      continue;
    const secret = names.flatMap(({ text, at }, column) => {
      const kind = classOfName(text.replaceAll(' ', '_').replace(/["']/g, ''));
      return kind === null || kind === 'authorization' || kind === 'cookie' ? [] : [{ kind, column, at }];
    });
    if (secret.length === 0) continue;
    const aligned = index === separators.length - 1;
    return (line, at) => {
      const cells = cellsOf(line, separator);
      if (cells.length < 2 || (!aligned && cells.length !== names.length)) return false;
      for (const column of secret) {
        const cell = aligned
          ? cells.find(one => one.at <= column.at && one.at + one.text.length > column.at)
          : cells[column.column];
        if (cell !== undefined) judge(cell, at, column.kind, report);
      }
      return true;
    };
  }
  return null;
};

const judge = ({ text, at }: Cell, line: number, kind: NameClass, report: Report): void => {
  const value = text.replace(/^["'`]|["'`]$/g, '');
  const start = line + at + text.indexOf(value);
  if (isSecretValue(kind, value, { quoted: false, whole: false, bond: 'loose', next: '' }))
    report(start, start + value.length, 'value');
};

const cellsOf = (line: string, separator: RegExp): Cell[] => {
  const cells: Cell[] = [];
  let at = 0;
  const take = (to: number): void => {
    const raw = line.slice(at, to);
    const text = raw.trim();
    // A bar at either edge of the line opens no cell.
    if (text !== '' || (at > 0 && to < line.length)) cells.push({ text, at: at + Math.max(0, raw.indexOf(text)) });
  };
  for (const found of line.matchAll(separator)) {
    take(found.index);
    at = found.index + found[0].length;
  }
  take(line.length);
  return cells;
};
