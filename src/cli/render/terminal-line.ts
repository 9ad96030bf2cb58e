import { stripControl } from '../../incidents/redaction/strip-control.ts';

const COLOUR = /(\u001b\[[0-9;:]*m)/;
const RESET = '\u001b[0m';

/** A line of the child as a terminal may have it: no sequence reaches it but colours, and those end with the line. */
export function terminalLine(line: string, colours: boolean): string {
  if (!colours || !COLOUR.test(line)) return stripControl(line);
  // The split keeps what it splits at, so every other part is a colour.
  const parts = line.split(COLOUR).map((part, index) => (index % 2 === 1 ? part : stripControl(part)));
  return `${parts.join('')}${RESET}`;
}
