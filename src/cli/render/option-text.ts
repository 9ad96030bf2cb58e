/** How the rows of the option table are written for people: flag, value, default. */

import { type OptionName, optionRow } from '../options/index.ts';
import type { Kind, Section } from '../options/option.ts';

export const sectionTitles: Readonly<Record<Section, string>> = {
  identity: 'Identity and place',
  restart: 'Restart',
  health: 'Health',
  output: 'Output',
  incidents: 'Incidents, diagnosis, alerts',
  general: 'General',
  commands: 'Options of the other commands',
};

const placeholders: Readonly<Record<Kind, string>> = {
  switch: '',
  text: 'TEXT',
  duration: 'TIME',
  size: 'SIZE',
  integer: 'N',
  number: 'NUMBER',
  share: '0..1',
  rate: 'N/TIME',
  name: 'NAME',
  signal: 'SIGNAL',
  codes: 'CODES',
  choice: '',
  choices: 'LIST',
  regex: 'REGEX',
  path: 'PATH',
  pair: 'KEY=VALUE',
  'path-time': 'PATH=TIME',
  'size-path': 'SIZE[=PATH]',
  'host-port': '[HOST:]PORT',
  url: 'URL',
  'secret-url': 'URL|@FILE',
  metrics: 'FILE|URL|exec:COMMAND|output|output:/REGEX/',
  timezone: 'ZONE',
  diagnose: '',
  remedy: "'WHEN => COMMAND'",
};

/** What stands for the value: `TIME`, `always|on-failure|never`; empty for a switch. */
export function valueText(name: OptionName): string {
  const row = optionRow(name);
  return row.placeholder ?? (placeholders[row.kind] || (row.choices ?? []).join('|'));
}

/** `--backoff TIME`, `-n, --lines N`, `--quiet`. */
export function flagText(name: OptionName): string {
  const { short } = optionRow(name);
  return `${short === undefined ? '' : `-${short}, `}--${name} ${valueText(name)}`.trimEnd();
}

/** The default as help says it; a switch is off and an option without any says nothing. */
export function defaultText(name: OptionName): string | null {
  const row = optionRow(name);
  return row.defaultNote ?? row.default ?? null;
}

/** What an option means, with its default, that it may be repeated, and that it is still to come. */
export function meaningText(name: OptionName): string {
  const row = optionRow(name);
  const notes = [
    defaultText(name) === null ? [] : [`default: ${defaultText(name)}`],
    row.repeat ? ['may be repeated'] : [],
    row.built ? [] : ['not in this version'],
    row.built && row.notYet ? [`not in this version: ${row.notYet.join(', ')}`] : [],
  ].flat();
  return notes.length === 0 ? row.meaning : `${row.meaning} (${notes.join('; ')})`;
}

/** Breaks a text between words into lines of at most `width` characters; a longer word has a line of its own. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
