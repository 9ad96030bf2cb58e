import { type CommandName, commandNames, commandRow, type HelpTopic } from '../arguments/commands.ts';
import { type OptionName, optionNames, optionRow, sections } from '../options/index.ts';
import type { Section } from '../options/option.ts';
import { defaultText, flagText, meaningText, sectionTitles, wrapped } from './option-text.ts';

const screenColumns = 80;

/** The text of --help on a topic: one screen of the usual uses, everything, or one command. Ends with a line feed. */
export function helpText(topic: HelpTopic): string {
  if (topic === 'usual') return usualHelp();
  return topic === 'all' ? allHelp() : commandHelp(topic);
}

const intro = `agent-watch: put it in front of any command; it restarts what dies and says why.

  agent-watch -- python3 my_agent.py           watch a command in the foreground
  agent-watch --restart on-failure -- ./job    until it ends well
  agent-watch --config my_agent.yaml           the same options, from a file`;

function usualHelp(): string {
  const words = commandNames.filter(
    name => name !== 'watch' && name !== 'help' && name !== 'version' && commandRow(name).built,
  );
  const usual = optionNames.filter(name => optionRow(name).usual && optionRow(name).built);
  return `${intro}

Commands
${rows(words.map(name => [shortUsage(name), firstClause(commandRow(name).meaning)]))}

The usual options
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
  return `agent-watch: put it in front of any command; it restarts what dies and says why.

Commands
${rows(uses)}
${shown.map(section => `\n${sectionTitles[section]}\n${rows(optionRows(sections[section]))}`).join('\n')}

Every option is also a key of the YAML or JSON file of --config; flags win over it. The file's key "command"
is the command to watch, as a list. Durations: 500ms 30s 20m 8h 2d; sizes: 64K 10M 2G (powers of 1024).

Exit status: 0 after an orderly stop; the child's own under --restart never|on-failure, 128+n for a signal;
69 held, with --on-hold exit; 75 already running under that name; 125 bad usage, or a failure of the watcher's
own; 126 found but not executable; 127 not found.
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
  const { meaning, built } = commandRow(name);
  return built ? meaning : `${meaning} (not in this version)`;
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
