import { stripSequences } from '../core/control-sequences.ts';

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
