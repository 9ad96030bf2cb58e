/** From argv, environment and files to what is to be done. */
import { defaultStateDir, type Environment, ownEnvironment } from '../environment.ts';
import type { OptionValues } from '../options/index.ts';
import { alike, didYouMean, quoted, UsageError } from '../usage-error.ts';
import { readChoice, readName, readPath, readSignal } from '../values/words.ts';
import { type CommandLine, harmfulSwitches, readCommandLine } from './argv.ts';
import { aliases, commandNames, commandRow, commandWords } from './commands.ts';
import type { DiagnoseTarget, HelpTopic, Invocation, Selection, ServiceScope } from './invocation.ts';
import { diagnosisSettings, readValues, serviceSettings } from './resolve-options.ts';
import { fleetSettings, givenOptions, oneSettings, rawFlags } from './resolve-settings.ts';

/**
 * Reads the command line (argv without the program's own two words) and the files it names.
 *
 * @throws UsageError, one line for people, exit 125; nothing has been started then.
 */
export async function parse(argv: readonly string[], here: Environment = ownEnvironment()): Promise<Invocation> {
  if (argv.length === 0 && here.onTerminal()) return { kind: 'help', topic: 'usual' };
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
  const alias = Object.hasOwn(aliases, word) ? aliases[word] : undefined;
  if (alias !== undefined) return alias.word;
  const hint = didYouMean(word, ['all', ...commandWords]) || '; agent-watch --help lists the commands';
  throw new UsageError(`no help on ${quoted(word)}${hint}`);
}

/** Refuses options and operands that the command does not take. */
function refuseForeign(line: CommandLine): void {
  const row = commandRow(line.word);
  const title = line.word === 'watch' ? 'watching a command' : line.word;
  for (const name of line.given.keys()) {
    if (row.options.includes(name)) continue;
    const owners = commandWords.filter(word => commandRow(word).options.includes(name));
    const near = alike(name, row.options);
    const hint = row.watches
      ? `; it is for ${owners.join(', ')}`
      : near === null || harmfulSwitches.includes(near)
        ? `; agent-watch help ${line.word} lists its options`
        : `; did you mean --${near}?`;
    const flag = line.typedFlags?.get(name) ?? `--${name}`;
    const written = flag.startsWith('--') ? flag : `${flag} (--${name})`;
    throw new UsageError(`${written} is not an option of ${title}${hint}`);
  }
  if (line.command !== null && row.watches !== true)
    throw new UsageError(`${line.word} takes no command after --; usage: agent-watch ${row.usage}`);
  const [least, most] = row.operands;
  if (line.operands.length < least)
    throw new UsageError(`${line.typed ?? line.word}: missing argument; ${usageOf(line)}`);
  const extra = line.operands[most];
  if (extra !== undefined)
    throw new UsageError(
      row.watches
        ? `${quoted(extra)} stands before the --; usage: agent-watch ${row.usage}`
        : `unexpected argument ${quoted(extra)}; usage: agent-watch ${row.usage}`,
    );
  if (line.typed !== null && aliases[line.typed]?.named && line.operands.length === 0 && !line.given.has('all'))
    throw new UsageError(`${line.typed}: missing name; usage: agent-watch ${line.typed} <name...>`);
}

async function invocationOf(line: CommandLine, here: Environment): Promise<Invocation> {
  if (line.word === 'watch') return { kind: 'watch', settings: await oneSettings(line, here) };
  const raw = rawFlags(line, here);
  const values = readValues(commandRow(line.word).options, raw);
  if (line.word === 'start') {
    if (line.operands.length > 0 || values.all) return startKnown(line, values, here);
    return { kind: 'start', settings: await fleetSettings(line, here) };
  }
  if (line.word === 'install') {
    const { print, format } = values;
    return { kind: 'install', settings: await fleetSettings(line, here), print, format, scope: scopeOf(values) };
  }
  return lookingCommand(line, values, values['state-dir'] ?? defaultStateDir(here), here);
}

/** `start NAME…`: what was given beside the names takes the place of what each service had. */
function startKnown(line: CommandLine, values: OptionValues, here: Environment): Invocation {
  if (line.command !== null)
    throw new UsageError(
      `start takes names or a command, not both; to name a new service: agent-watch start --name ${line.operands[0]} -- …`,
    );
  for (const option of ['config', 'name'] as const)
    if (line.given.has(option)) throw new UsageError(`--${option}: not taken together with names of services`);
  const selection = {
    names: line.operands,
    all: values.all,
    allUsers: false,
    stateDir: values['state-dir'] ?? defaultStateDir(here),
    stateDirGiven: line.given.has('state-dir'),
  };
  return { kind: 'start-known', given: givenOptions(line, here), ...some(line, selection) };
}

/** The commands that look at or act on what is being watched. */
function lookingCommand(line: CommandLine, values: OptionValues, stateDir: string, here: Environment): Invocation {
  const [first, second] = line.operands;
  const name = () => readName(first!);
  const { json } = values;
  const stateDirGiven = line.given.has('state-dir');
  const chosen = (names = line.operands): Selection => ({
    names,
    all: values.all,
    allUsers: values['all-users'],
    stateDir,
    stateDirGiven,
    word: line.word,
  });
  switch (line.word) {
    case 'status': {
      const detailed = line.typed !== null && aliases[line.typed]?.named === true;
      return { kind: 'status', watch: values.watch, json, detailed, ...chosen() };
    }
    case 'top':
      return { kind: 'top', ...chosen() };
    case 'health':
      return { kind: 'health', json, ...chosen() };
    case 'events':
      return { kind: 'events', since: values.since, lines: values.lines, follow: values.follow, json, ...chosen() };
    case 'brief':
      return { kind: 'brief', since: values.since, json, ...chosen() };
    case 'logs': {
      const { lines, follow, raw, times, since, until, grep, run, around } = values;
      const noEvents = values['no-events'];
      return { kind: 'logs', lines, follow, raw, times, since, until, grep, run, around, noEvents, ...chosen() };
    }
    case 'runs':
      if (first === 'show') return { kind: 'run', ...runOf(line), lines: values.lines, json, ...chosen([]) };
      if (first === 'mark') return { kind: 'mark', ...markOf(line), json, ...chosen([]) };
      if (first === 'agreement') return { kind: 'agreement', name: agreementOf(line), json, ...chosen([]) };
      return { kind: 'runs', lines: values.lines, json, ...chosen() };
    case 'incidents':
      if (first === 'show') return { kind: 'incident', which: incidentId(second), json, ...chosen([]) };
      return { kind: 'incidents', since: values.since, json, ...chosen() };
    case 'diagnose':
      return diagnoseCommand(line, values, stateDir);
    case 'stop':
      return { kind: 'stop', now: values.now, ...some(line, chosen()) };
    case 'restart':
      return { kind: 'restart', watcher: values.watcher, ...some(line, chosen()) };
    case 'reset':
      return { kind: 'reset', yes: values.yes, ...some(line, chosen()) };
    case 'signal': {
      const signal = line.operands.at(-1);
      if (signal === undefined) throw new UsageError(`signal: missing argument; ${usageOf(line)}`);
      // A lone word may be a name or a signal: the one that is missing is named.
      if (line.operands.length === 1 && !values.all)
        throw new UsageError(
          `signal needs names and a signal; write: agent-watch signal ${isSignal(signal) ? `NAME ${signal}` : `${signal} SIGUSR1`}`,
        );
      const names = line.operands.slice(0, -1);
      if (!isSignal(signal) && names.some(isSignal))
        throw new UsageError(`signal: ${quoted(signal)} is not a signal, which comes last; ${usageOf(line)}`);
      return { kind: 'signal', signal: readSignal(signal), ...some(line, chosen(names)) };
    }
    case 'apply':
      return {
        kind: 'apply',
        dryRun: values['dry-run'],
        prune: values.prune,
        wait: values.wait,
        paths: line.operands,
        stateDir,
      };
    case 'down':
      return { kind: 'down', now: values.now, paths: line.operands, stateDir };
    case 'check':
      return { kind: 'check', paths: line.operands, stateDir };
    case 'delete':
      return { kind: 'delete', yes: values.yes, ...some(line, chosen()) };
    case 'init': {
      const folder = first ?? (values.from === null ? '.' : 'agent-watch');
      return { kind: 'init', folder: readPath(folder, here.cwd), from: values.from };
    }
    case 'mcp':
      return { kind: 'mcp', allowControl: values['allow-control'], stateDir, stateDirGiven };
    case 'serve': {
      const { listen, listenTokenFile: tokenFile } = serviceSettings(values);
      return { kind: 'serve', listen: listen ?? SERVE_AT, tokenFile, stateDir, stateDirGiven };
    }
    case 'schema':
      return { kind: 'schema' };
    case 'uninstall':
      return { kind: 'uninstall', name: name(), scope: scopeOf(values), stateDir };
    case 'doctor':
      return { kind: 'doctor', name: first === undefined ? null : name(), stateDir };
    default:
      return { kind: 'completion', shell: readChoice(first ?? '', ['bash', 'zsh', 'fish']) };
  }
}

/** Where the page is served without --listen. */
const SERVE_AT = { host: '127.0.0.1', port: 7433 };

/** With the word that was typed. */
const usageOf = ({ word, typed }: CommandLine) =>
  `usage: agent-watch ${commandRow(word).usage.replace(word, typed ?? word)}`;

/** A command that acts must be told on what: nothing is never taken for everything. */
function some(line: CommandLine, selection: Selection): Selection {
  if (selection.names.length === 0 && !selection.all && !selection.allUsers)
    throw new UsageError(`${line.typed ?? line.word}: missing name, or --all; ${usageOf(line)}`);
  if (selection.names.length > 0 && selection.all)
    throw new UsageError(`${line.typed ?? line.word}: give names or --all, not both`);
  return selection;
}

function isSignal(text: string): boolean {
  try {
    return readSignal(text) !== null;
  } catch {
    // It is none, which is the answer.
    return false;
  }
}

/** `show NAME [N]`. */
function runOf({ operands }: CommandLine): { name: string; run: number | null } {
  const [, name, number, extra] = operands;
  const usage = 'usage: agent-watch runs show <name> [N]';
  if (name === undefined) throw new UsageError(`runs show: missing name; ${usage}`);
  if (extra !== undefined) throw new UsageError(`unexpected argument ${quoted(extra)}; ${usage}`);
  const hint = `agent-watch runs ${name} lists them`;
  return { name: readName(name), run: number === undefined ? null : runNumber(number, hint) };
}

function runNumber(text: string, hint: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`invalid number of a run ${quoted(text)}; ${hint}`);
}

/** `mark NAME N good|bad [why]`. */
function markOf({ operands }: CommandLine): { name: string; run: number; mark: 'good' | 'bad'; why: string | null } {
  const [, name, number, mark, ...why] = operands;
  const usage = 'usage: agent-watch runs mark <name> N good|bad [why]';
  if (name === undefined || number === undefined) throw new UsageError(`runs mark: missing name or number; ${usage}`);
  const run = runNumber(number, usage);
  if (mark === undefined) throw new UsageError(`runs mark: missing good or bad; ${usage}`);
  const word = readChoice(mark, ['good', 'bad'] as const);
  return { name: readName(name), run, mark: word, why: why.length === 0 ? null : why.join(' ') };
}

/** `agreement NAME`. */
function agreementOf({ operands }: CommandLine): string {
  const [, name, extra] = operands;
  const usage = 'usage: agent-watch runs agreement <name>';
  if (name === undefined) throw new UsageError(`runs agreement: missing name; ${usage}`);
  if (extra !== undefined) throw new UsageError(`unexpected argument ${quoted(extra)}; ${usage}`);
  return readName(name);
}

/** An incident's id becomes a part of a path. */
function incidentId(text: string | undefined): string {
  if (text === undefined) throw new UsageError('incidents show: missing name or id; agent-watch incidents lists them');
  if (/^[A-Za-z0-9][A-Za-z0-9._@-]*$/.test(text)) return text;
  throw new UsageError(`invalid incident ${quoted(text)}; agent-watch incidents lists them`);
}

function diagnoseCommand(line: CommandLine, values: OptionValues, stateDir: string): Invocation {
  const [operand] = line.operands;
  if ((operand === undefined) === (values.file === null))
    throw new UsageError('diagnose takes one of: a name, --file LOG, or - for standard input');
  if (values.live && (operand === undefined || operand === '-'))
    throw new UsageError('--live needs the name of a running service');
  if (values['exit-code'] !== null && values['exit-signal'] !== null)
    throw new UsageError('--exit-code and --exit-signal: a run ends by one of them');
  return {
    kind: 'diagnose',
    target: diagnoseTarget(operand, values.file, values.live),
    exitCode: values['exit-code'],
    exitSignal: values['exit-signal'],
    json: values.json,
    diagnosis: diagnosisSettings(values),
    stateDir,
  };
}

function diagnoseTarget(operand: string | undefined, file: string | null, live: boolean): DiagnoseTarget {
  if (live) return { kind: 'live', name: readName(operand!) };
  if (file !== null) return { kind: 'file', path: file };
  return operand === '-' ? { kind: 'stdin' } : { kind: 'name', name: readName(operand!) };
}

function scopeOf(values: OptionValues): ServiceScope | null {
  if (values.user && values.system) throw new UsageError('--user and --system: it is installed in one of them');
  return values.user ? 'user' : values.system ? 'system' : null;
}
