import { commandNames, commandRow } from '../arguments/commands.ts';
import { type OptionName, sections } from '../options/index.ts';
import type { Section } from '../options/option.ts';
import { flagText, meaningText, sectionTitles } from './help.ts';

/** The manual page agent-watch(1) in roff, from the option table. */
export function manPage(version: string): string {
  const shown: Section[] = ['identity', 'restart', 'health', 'output', 'incidents', 'commands', 'general'];
  return `.\\" Made from the option table by scripts/generate-docs.ts
.TH AGENT\\-WATCH 1 "" "agent\\-watch ${escaped(version)}" "User Commands"
.SH NAME
agent\\-watch \\- a watchdog to put in front of any command
.SH SYNOPSIS
${commandNames.map(name => `.B agent\\-watch\n${escaped(commandRow(name).usage)}`).join('\n.br\n')}
.SH DESCRIPTION
${paragraphs(description)}
.SH COMMANDS
${commandNames.map(name => entry(`agent-watch ${commandRow(name).usage}`, commandMeaning(name))).join('\n')}
.SH OPTIONS
${paragraphs(values)}
${shown.map(section => `.SS ${escaped(sectionTitles[section])}\n${optionEntries(sections[section])}`).join('\n')}
.SH CONFIGURATION FILE
${paragraphs(configuration)}
.SH SIGNALS
${paragraphs(signals)}
.SH EXIT STATUS
${exits.map(([code, meaning]) => entry(code, meaning)).join('\n')}
.SH ENVIRONMENT
${environment.map(([name, meaning]) => entry(name, meaning)).join('\n')}
`;
}

const description = `It runs one command, passes its output through unchanged, starts it again when it ends, and says in one line what happened, why, and what comes next. Waits grow with every crash; many crashes in a short time are one cooldown. The whole process tree of a run is ended before the next one starts, and one name never runs twice.`;

const values = `Durations are written 500ms, 30s, 20m, 8h, 2d; sizes 64K, 10M, 2G, in powers of 1024. A number without a unit is refused.`;

const configuration = `Every option but --config, --help and --version is also a key of the YAML or JSON file that --config names; flags take precedence. An option that may be repeated takes a list. The key "command" is the command to watch, as a list. A probe may be a mapping with its own interval, timeout, retries, start-period, name and severity (critical or optional). Relative paths are taken from the file's folder. A file that another user owns or may write to is refused.`;

const signals = `TERM stops the child and ends the watcher. INT does the same, and the child gets INT; a second INT, at least a second later, sends SIGKILL. HUP, USR1, USR2, WINCH and QUIT are passed on to the child; HUP ends the watcher where a terminal is attached, and is ignored where there is only a controlling one.`;

const exits = [
  ['0', 'after a graceful stop'],
  ["the command's own", 'after it finished under --restart never or on-failure; 128+n after signal n'],
  ['69', 'held, with --on-hold exit'],
  ['75', 'already running under that name'],
  ['125', 'invalid usage or an internal error; nothing was started'],
  ['126', 'the command was found but cannot be executed'],
  ['127', 'the command, or the interpreter it names, was not found'],
] as const;

const environment = [
  ['AGENT_WATCH_STATE_DIR', 'where state lies, unless --state-dir is given; also set for the command'],
  ['AGENT_WATCH_NAME', 'set for the command: the name of the service'],
  ['AGENT_WATCH_RUN', 'set for the command: the number of its run'],
  ['AGENT_WATCH_RUN_ID', 'set for the command: random, new for each run'],
  ['AGENT_WATCH_LAST_INCIDENT', "set for the command: the path of the last run's post-mortem, if there is one"],
  ['PYTHONUNBUFFERED', 'set to 1 for the command unless it is set'],
  ['XDG_STATE_HOME', 'its folder agent-watch holds the state of a user'],
] as const;

function commandMeaning(name: (typeof commandNames)[number]): string {
  return commandRow(name).meaning;
}

function optionEntries(names: readonly OptionName[]): string {
  return names.map(name => entry(flagText(name), meaningText(name))).join('\n');
}

function entry(term: string, text: string): string {
  return `.TP\n.B ${escaped(term)}\n${escaped(text)}`;
}

function paragraphs(text: string): string {
  return text.split('\n').map(escaped).join('\n.PP\n');
}

/** A backslash and a minus mean something to roff, and so does a point or an apostrophe at a line's beginning. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
