import { type CommandName, commandNames, commandRow } from '../arguments/commands.ts';
import type { HelpTopic } from '../arguments/invocation.ts';
import { version } from '../environment.ts';
import { type OptionName, optionNames, optionRow, sections } from '../options/index.ts';
import type { Kind, Section } from '../options/option.ts';
import { print } from './terminal.ts';

// How the rows of the option table are written for people: flag, value, default.

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
  'time-or-auto': 'TIME|auto',
  moment: 'TIME',
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
  'cause-action': 'CAUSE=ACTION',
  budget: "'NAME<=VALUE/TIME'",
  stdin: 'FILE|inherit|null',
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

/** What an option means, with its default, and whether it may be repeated. */
export function meaningText(name: OptionName): string {
  const row = optionRow(name);
  const notes = [
    defaultText(name) === null ? [] : [`default: ${defaultText(name)}`],
    row.repeat ? ['may be repeated'] : [],
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

const screenColumns = 80;

/** The text of --help on a topic: one screen of the usual uses, everything, or one command. Ends with a line feed. */
export function helpText(topic: HelpTopic): string {
  if (topic === 'usual') return usualHelp();
  return topic === 'all' ? allHelp() : commandHelp(topic);
}

const intro = `agent-watch supervises a long-running command:
it restarts it when it crashes or hangs, and tells you why.

  agent-watch -- python3 my_agent.py           watch a command in the foreground
  agent-watch --restart on-failure -- ./job    restart until it succeeds
  agent-watch --config my_agent.yaml           read options from a file`;

function usualHelp(): string {
  const left = ['watch', 'help', 'version'];
  const words = commandNames.filter(name => !left.includes(name) && commandRow(name).seldom !== true);
  const usual = optionNames.filter(name => optionRow(name).usual);
  return `${intro}

Commands
${rows(words.map(name => [shortUsage(name), firstClause(commandRow(name).meaning)]))}

Common options
${rows(usual.map(name => [flagText(name), shortMeaning(name)]))}

Durations: 500ms 30s 20m 8h 2d; sizes: 64K 10M 2G. All options: agent-watch --help all
`;
}

/** The word and what it cannot do without; the rest is in the help of the command. */
function shortUsage(name: CommandName): string {
  const words = commandRow(name).usage.split(' ');
  const end = words.findIndex(word => /^(?:\[|\||--$)/.test(word));
  return words.slice(0, end < 0 ? undefined : end).join(' ');
}

/** One line an option: the first clause of what it means, and its default. */
function shortMeaning(name: OptionName): string {
  const text = defaultText(name);
  return firstClause(optionRow(name).meaning) + (text === null ? '' : ` (${text})`);
}

function firstClause(text: string): string {
  return text.split(';', 1)[0]!;
}

function allHelp(): string {
  const shown: Section[] = ['identity', 'restart', 'health', 'output', 'incidents', 'commands', 'general'];
  const uses = commandNames.map(name => [`agent-watch ${commandRow(name).usage}`, commandMeaning(name)] as const);
  return `agent-watch supervises a long-running command:
it restarts it when it crashes or hangs, and tells you why.

Commands
${rows(uses)}
${shown.map(section => `\n${sectionTitles[section]}\n${rows(optionRows(sections[section]))}`).join('\n')}

Every option is also a key of the YAML or JSON file of --config; flags take precedence. The key "command"
is the command to watch, as a list. Durations: 500ms 30s 20m 8h 2d; sizes: 64K 10M 2G (powers of 1024).

Exit status: 0 after a graceful stop; the command's own under --restart never|on-failure, 128+n for a signal;
69 held, with --on-hold exit; 75 already running under that name; 125 invalid usage or an internal error; 126 found but not executable; 127 not found.
`;
}

function commandHelp(name: CommandName): string {
  const row = commandRow(name);
  const own = row.watches ? row.options.filter(option => sections.commands.includes(option)) : row.options;
  const listed = own.length === 0 ? '' : `\n${rows(optionRows(own))}\n`;
  const all = row.watches ? '\nThe options of a watched command: agent-watch --help all\n' : '';
  return `agent-watch ${row.usage}\n\n${commandMeaning(name)}\n${listed}${all}`;
}

function commandMeaning(name: CommandName): string {
  return commandRow(name).meaning;
}

function optionRows(names: readonly OptionName[]): (readonly [string, string])[] {
  return names.map(name => [flagText(name), meaningText(name)] as const);
}

/** Two columns; what is too long for the first has its meaning on the lines below. */
function rows(pairs: readonly (readonly [left: string, right: string])[]): string {
  const left = 29;
  return pairs
    .flatMap(([name, meaning]) => {
      const lines = wrapped(meaning, screenColumns - left);
      const fits = name.length <= left - 4;
      const first = fits ? `  ${name.padEnd(left - 2)}${lines.shift()}` : `  ${name}`;
      return [first, ...lines.map(line => ' '.repeat(left) + line)];
    })
    .join('\n');
}

const shown: readonly Section[] = ['identity', 'restart', 'health', 'output', 'incidents'];

/** The options of a watched command as Markdown tables, one a section. */
export function optionTables(): string {
  return shown.map(section => `### ${sectionTitles[section]}\n\n${tableOf(sections[section])}`).join('\n\n');
}

function tableOf(names: readonly OptionName[]): string {
  const lines = names.map(
    name => `| \`${flagText(name).replaceAll('|', '\\|')}\` | ${cell(defaultOf(name))} | ${cell(meaningOf(name))} |`,
  );
  return ['| option | default | meaning |', '|---|---|---|', ...lines].join('\n');
}

function defaultOf(name: OptionName): string {
  const { defaultNote, default: plain } = optionRow(name);
  return defaultNote === undefined && plain !== undefined ? `\`${plain}\`` : (defaultText(name) ?? '');
}

function meaningOf(name: OptionName): string {
  const { meaning, repeat } = optionRow(name);
  return meaning + (repeat ? ' (repeatable)' : '');
}

/** A bar would end the cell, also inside code. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

export function helpCommand(topic: HelpTopic): number {
  print(helpText(topic));
  return 0;
}

export function versionCommand(): number {
  print(`agent-watch ${version}\n`);
  return 0;
}
