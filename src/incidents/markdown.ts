import { stripControl } from '../core/text/escape.ts';

/**
 * A text of foreign origin as part of a Markdown line: one line, no control sequences, and nothing that a viewer would take for
 * formatting, a link, a mention or HTML.
 */
export const inlineText = (text: string): string =>
  stripControl(text)
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[\\`*_{}[\]<>|~#]/g, '\\$&')
    // A zero width space would be invisible; a plain one defuses the mention and can be read.
    .replace(/@(?=\w)/g, '@ ')
    .replace(/\bhttps?:(?=\/\/)/gi, '$& ');

/** Foreign text as a code span: with more backticks around it than there are in it. */
export const codeSpan = (text: string): string => {
  const clean = stripControl(text).replace(/\s+/g, ' ').trim();
  if (clean === '') return '(empty)';
  const fence = '`'.repeat(longestRun(clean) + 1);
  const pad = clean.startsWith('`') || clean.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${clean}${pad}${fence}`;
};

/** Foreign lines as a fenced block that they cannot close. */
export const fencedBlock = (lines: readonly string[], label = 'text'): string => {
  const clean = lines.map(line => stripControl(line).replace(/[\r\n]+/g, ' '));
  const fence = '`'.repeat(Math.max(3, ...clean.map(line => longestRun(line) + 1)));
  return `${fence}${label}\n${clean.join('\n')}\n${fence}`;
};

const longestRun = (text: string): number => Math.max(0, ...(text.match(/`+/g) ?? []).map(run => run.length));
