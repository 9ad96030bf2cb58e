import { stripSequences } from '../../core/control-sequences.ts';

/**
 * What a person would have seen of the text, safe to print: as {@link stripSequences}, and of a line that was drawn over by
 * carriage returns (a progress bar) the last state that is not blank.
 */
export const stripControl = (text: string): string =>
  stripSequences(text)
    .split('\n')
    .map(line => (line.includes('\r') ? lastDrawn(line) : line))
    .join('\n');

const lastDrawn = (line: string): string => line.split('\r').findLast(part => part.trim() !== '') ?? '';
