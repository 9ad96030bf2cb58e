/** From argv, environment and files to what is to be done. */

import { defaultStateDir, type Environment, ownEnvironment } from '../environment.ts';
import type { OptionValues } from '../options/index.ts';
import { nearest, quoted, UsageError } from '../usage-error.ts';
import { readChoice, readName, readSignal } from '../values/words.ts';
import { type CommandLine, readCommandLine } from './argv.ts';
import {
  commandNames,
  commandRow,
  commandWords,
  type DiagnoseTarget,
  type HelpTopic,
  type Invocation,
  type ServiceScope,
} from './commands.ts';
import { diagnosisSettings, readValues } from './resolve-options.ts';
import { fleetSettings, oneSettings, rawFlags } from './resolve-settings.ts';

/**
 * Reads the command line (argv without the program's own two words) and the files it names.
 *
 * @throws UsageError, one line for people, exit 125; nothing has been started then.
 */
export async function parse(argv: readonly string[], here: Environment = ownEnvironment()): Promise<Invocation> {
  const line = readCommandLine(argv);
  if (line.given.has('help') || line.word === 'help') return { kind: 'help', topic: helpTopic(line) };
  if (line.given.has('version') || line.word === 'version') return { kind: 'version' };
  refuseForeign(line);
  return await invocationOf(line, here);
}

function helpTopic(line: CommandLine): HelpTopic {
  const word = line.word === 'watch' || line.word === 'help' ? line.operands[0] : line.word;
  if (word === undefined) return 'usual';
  const topics = ['all', ...commandNames] as const;
  const topic = topics.find(known => known === word);
  if (topic !== undefined) return topic;
  throw new UsageError(`there is no help on ${quoted(word)}; did you mean ${nearest(word, ['all', ...commandWords])}?`);
}

/** Refuses options and operands that the command does not take. */
function refuseForeign(line: CommandLine): void {
  const row = commandRow(line.word);
  const title = line.word === 'watch' ? 'watching a command' : line.word;
  for (const name of line.given.keys()) {
    if (row.options.includes(name)) continue;
    const owners = commandWords.filter(word => commandRow(word).options.includes(name));
    const has = row.options.length === 0 ? 'it takes none' : `the nearest it takes is --${nearest(name, row.options)}`;
    throw new UsageError(
      `--${name}: ${title} does not take it; ${row.watches ? `it is for ${owners.join(', ')}` : has}`,
    );
  }
  if (line.command !== null && row.watches !== true)
    throw new UsageError(`${line.word} takes no command after --; usage: agent-watch ${row.usage}`);
  const [least, most] = row.operands;
  if (line.operands.length < least) throw new UsageError(`${line.word} needs more; usage: agent-watch ${row.usage}`);
  const extra = line.operands[most];
  if (extra !== undefined)
    throw new UsageError(
      row.watches
        ? `${quoted(extra)} stands before the --; usage: agent-watch ${row.usage}`
        : `${quoted(extra)} is too much for ${line.word}; usage: agent-watch ${row.usage}`,
    );
}

async function invocationOf(line: CommandLine, here: Environment): Promise<Invocation> {
  if (line.word === 'watch') return { kind: 'watch', settings: await oneSettings(line, here) };
  const raw = rawFlags(line, here);
  const values = readValues(commandRow(line.word).options, raw);
  if (line.word === 'start') return { kind: 'start', settings: await fleetSettings(line, here) };
  if (line.word === 'install') {
    const { print, format } = values;
    return { kind: 'install', settings: await fleetSettings(line, here), print, format, scope: scopeOf(values) };
  }
  return lookingCommand(line, values, values['state-dir'] ?? defaultStateDir(here), here);
}

/** The commands that look at or act on what is being watched. */
function lookingCommand(line: CommandLine, values: OptionValues, stateDir: string, here: Environment): Invocation {
  const [first, second] = line.operands;
  const name = () => readName(first!);
  const nameOrNull = () => (first === undefined ? null : readName(first));
  const { json, all } = values;
  switch (line.word) {
    case 'status':
      return { kind: 'status', name: nameOrNull(), json, watch: values.watch, all, stateDir };
    case 'health':
      return { kind: 'health', name: nameOrNull(), json, all, stateDir };
    case 'brief':
      return { kind: 'brief', sinceMs: values.since, json, all, stateDir };
    case 'logs': {
      const { lines, follow, raw } = values;
      return { kind: 'logs', name: name(), lines, follow, raw, stateDir };
    }
    case 'incidents':
      if (first === 'show') return { kind: 'incident', id: incidentId(second), json, all, stateDir };
      if (second !== undefined)
        throw new UsageError(`${quoted(second)} is too much for incidents; one name is all it takes`);
      return { kind: 'incidents', name: nameOrNull(), sinceMs: values.since, json, all, stateDir };
    case 'diagnose':
      return diagnoseCommand(line, values, stateDir, here);
    case 'stop':
      return { kind: 'stop', name: name(), now: values.now, stateDir };
    case 'restart':
      return { kind: 'restart', name: name(), stateDir };
    case 'reset':
      return { kind: 'reset', name: name(), stateDir };
    case 'signal':
      return { kind: 'signal', name: name(), signal: readSignal(second!), stateDir };
    case 'uninstall':
      return { kind: 'uninstall', name: name(), scope: scopeOf(values), stateDir };
    case 'doctor':
      return { kind: 'doctor', name: nameOrNull(), stateDir };
    default:
      return { kind: 'completion', shell: readChoice(first ?? '', ['bash', 'zsh', 'fish']) };
  }
}

/** An incident's id becomes a part of a path. */
function incidentId(text: string | undefined): string {
  if (text === undefined)
    throw new UsageError('incidents show needs the id of an incident; agent-watch incidents lists them');
  if (/^[A-Za-z0-9][A-Za-z0-9._@-]*$/.test(text)) return text;
  throw new UsageError(`${quoted(text)} is no id of an incident; agent-watch incidents lists them`);
}

function diagnoseCommand(line: CommandLine, values: OptionValues, stateDir: string, here: Environment): Invocation {
  const [operand] = line.operands;
  if ((operand === undefined) === (values.file === null))
    throw new UsageError('diagnose takes one of: a name, --file LOG, or - for standard input');
  if (values['exit-code'] !== null && values['exit-signal'] !== null)
    throw new UsageError('--exit-code and --exit-signal: a run ends by one of them');
  return {
    kind: 'diagnose',
    target: diagnoseTarget(operand, values.file),
    exitCode: values['exit-code'],
    exitSignal: values['exit-signal'],
    json: values.json,
    diagnosis: diagnosisSettings(values),
    diagnoseGiven: rawFlags(line, here).has('diagnose'),
    stateDir,
  };
}

function diagnoseTarget(operand: string | undefined, file: string | null): DiagnoseTarget {
  if (file !== null) return { kind: 'file', path: file };
  return operand === '-' ? { kind: 'stdin' } : { kind: 'name', name: readName(operand!) };
}

function scopeOf(values: OptionValues): ServiceScope | null {
  if (values.user && values.system) throw new UsageError('--user and --system: it is installed in one of them');
  return values.user ? 'user' : values.system ? 'system' : null;
}
