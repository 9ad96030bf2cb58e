import minimist from 'minimist';
import { shellWord } from '../../core/text.ts';
import { isOptionName, type OptionName, optionNames, optionRow } from '../options/index.ts';
import { alike, quoted, UsageError } from '../usage-error.ts';
import { aliases, type CommandName, commandWords, foreignWords, harmful } from './commands.ts';

/** The command line taken apart, nothing read or checked yet but the names. */
export interface CommandLine {
  /** `watch` where no command's word was given. */
  readonly word: CommandName;
  /** As it was written, which may be an alias; null for `watch`. */
  readonly typed: string | null;
  /** What was written for each option that was given; `true` or `false` for a switch. */
  readonly given: ReadonlyMap<OptionName, readonly string[]>;
  /** How each option that was given was written: `-f`, `--follow`. */
  readonly typedFlags?: ReadonlyMap<OptionName, string>;
  readonly operands: readonly string[];
  /** All after the first `--`, exact; null without one. */
  readonly command: readonly string[] | null;
}

/** What minimist takes for the next option rather than for a value. */
const looksLikeOption = /^--?[^-]/;

const shortNames = new Map<string | undefined, OptionName>([
  ...optionNames.flatMap((name): [string, OptionName][] => {
    const { short } = optionRow(name);
    return short === undefined ? [] : [[short, name]];
  }),
  // As many a program has it.
  ['V', 'version'],
]);

/**
 * Takes the command line apart. What is before the first `--` goes to minimist, after a check that keeps it from its
 * traps: it takes `--no-log` for the opposite of `log`, `true` after a switch for the switch's value, one option for the
 * value of another, and loses an option that is given twice.
 *
 * @throws UsageError for an unknown option or command, a missing value, a missing `--`.
 */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const end = argv.indexOf('--');
  const command = end < 0 ? null : argv.slice(end + 1);
  const checked = check(end < 0 ? argv : argv.slice(0, end), argv);
  const seen = [...checked.seen.keys()];
  // Its patterns cost a millisecond at the first call: with nothing before the --, there is nothing for it to read.
  const parsed =
    checked.tokens.length === 0
      ? { _: [] }
      : minimist(checked.tokens, {
          string: ['_', ...seen.filter(name => optionRow(name).kind !== 'switch')],
          boolean: seen.filter(name => optionRow(name).kind === 'switch'),
        });
  const given = new Map<OptionName, readonly string[]>();
  for (const name of seen) given.set(name, [parsed[name]].flat().map(String));
  const [first, ...rest] = parsed._;
  const alias = aliasOf(first);
  if (alias?.switch !== undefined) given.set(alias.switch, ['true']);
  const word = alias?.word ?? commandWords.find(known => known === first);
  if (word === undefined)
    return { word: 'watch', typed: null, given, typedFlags: checked.seen, operands: parsed._, command };
  return { word, typed: first ?? null, given, typedFlags: checked.seen, operands: rest, command };
}

function aliasOf(word: string | undefined) {
  return word !== undefined && Object.hasOwn(aliases, word) ? aliases[word] : undefined;
}

interface Checked {
  readonly tokens: string[];
  /** As each was written. */
  readonly seen: Map<OptionName, string>;
}

function check(tokens: readonly string[], argv: readonly string[]): Checked {
  const checked: Checked = { tokens: [], seen: new Map() };
  const asksHelp = tokens.some(token => token === '--help' || token === '-h');
  let operands = 0;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (token === '-' || !token.startsWith('-')) {
      if (operands++ === 0 && !asksHelp) refuseUnknownWord(token, i, argv);
      checked.tokens.push(token);
      continue;
    }
    for (const option of spelledOut(token)) if (checkOption(option, tokens[i + 1], checked)) i += 1;
  }
  return checked;
}

interface Spelled {
  readonly name: OptionName;
  /** As the user wrote it, for messages. */
  readonly flag: string;
  readonly value: string | undefined;
}

/** Adds one option to what minimist gets; true if it takes the next token as its value. */
function checkOption({ name, flag, value }: Spelled, next: string | undefined, checked: Checked): boolean {
  const row = optionRow(name);
  if (checked.seen.has(name) && row.repeat !== true) throw new UsageError(`${flag} may be given only once`);
  checked.seen.set(name, flag);
  if (row.kind === 'switch') {
    if (value !== undefined && value !== 'true' && value !== 'false')
      throw new UsageError(`${flag}: ${quoted(value)} is not one of true, false; write ${flag} alone`);
    checked.tokens.push(`--${name}=${value ?? 'true'}`);
    return false;
  }
  if (value !== undefined) {
    checked.tokens.push(`--${name}=${value}`);
    return false;
  }
  if (next === undefined) throw new UsageError(`${flag} needs a value`);
  if (looksLikeOption.test(next))
    throw new UsageError(`${flag} needs a value; one that begins with "-" is written ${flag}=${next.slice(0, 40)}`);
  checked.tokens.push(`--${name}`, next);
  return true;
}

/** `--name`, `--name=value`, or letters: `-f`, `-n100`, `-fn 100`. */
function spelledOut(token: string): Spelled[] {
  if (!token.startsWith('--')) return letters(token);
  const equals = token.indexOf('=');
  const name = equals < 0 ? token.slice(2) : token.slice(2, equals);
  if (!isOptionName(name)) throw unknownOption(`--${name}`);
  return [{ name, flag: `--${name}`, value: equals < 0 ? undefined : token.slice(equals + 1) }];
}

function letters(token: string): Spelled[] {
  const spelled: Spelled[] = [];
  for (let i = 1; i < token.length; i++) {
    const name = shortNames.get(token[i]);
    if (name === undefined) throw unknownOption(token);
    const rest = token.slice(i + 1).replace(/^=/, '');
    const takesRest = optionRow(name).kind !== 'switch' && rest !== '';
    spelled.push({ name, flag: `-${token[i]}`, value: takesRest ? rest : undefined });
    if (takesRest) break;
  }
  return spelled;
}

/** Switches that end or remove something: none is suggested for what was mistyped. */
export const harmfulSwitches: readonly string[] = ['now', 'prune', 'yes'];

function unknownOption(flag: string): UsageError {
  const word = flag.replace(/^-+/, '');
  const safe = optionNames.filter(name => !harmfulSwitches.includes(name));
  const meant = alike(word, safe) ?? alike(word.replace(/^no-/, ''), safe) ?? containedIn(word, safe);
  const hint = meant === null ? '; agent-watch --help all lists them' : `; did you mean --${meant}?`;
  return new UsageError(`unknown option ${quoted(flag)}${hint}`);
}

/** The option whose whole name is a part of the word, as another program's longer name has it, or the reverse. */
function containedIn(word: string, names: readonly OptionName[]): OptionName | null {
  const parts = (text: string) => `-${text}-`;
  const fits = (name: string) =>
    name.length > 3 && word.length > 3 && (parts(word).includes(parts(name)) || parts(name).includes(parts(word)));
  // The more of its own letters the word names, the better; then the contract's order.
  const whole = names.filter(name => parts(word).includes(parts(name)));
  return whole.filter(fits).sort((one, other) => other.length - one.length)[0] ?? names.find(fits) ?? null;
}

/** The first word is not a command: a slip of the pen, or the command to watch without its `--`. */
function refuseUnknownWord(word: string, index: number, argv: readonly string[]): void {
  if (commandWords.some(known => known === word) || aliasOf(word) !== undefined) return;
  const shown = [...argv.slice(0, index), '--', ...argv.slice(index).filter(token => token !== '--')].map(shellWord);
  const written = `agent-watch ${shown.length > 12 ? `${shown.slice(0, 12).join(' ')} …` : shown.join(' ')}`;
  if (watchWords.includes(word))
    throw new UsageError(
      `unknown command ${quoted(word)}; to watch a command, write: agent-watch [options] -- command`,
    );
  const foreign = Object.hasOwn(foreignWords, word) ? foreignWords[word] : undefined;
  const known = [...commandWords, ...Object.keys(aliases).filter(name => !aliases[name]?.switch)];
  const meant =
    foreign ??
    alike(
      word,
      // Of two letters, `up` is alike to too much.
      known.filter(one => !harmful.has(one) && one !== 'up'),
    );
  const hint = meant === null ? '' : `; did you mean ${meant}?`;
  if (argv.includes('--')) throw new UsageError(`unknown command ${quoted(word)}${hint || HELP}`);
  if (foreign !== undefined) throw new UsageError(`unknown command ${quoted(word)}${hint}`);
  throw new UsageError(`unknown command ${quoted(word)}${hint} (to watch a program, write: ${written})`);
}

const HELP = '; agent-watch --help lists the commands';
const watchWords: readonly string[] = ['watch', 'run', 'exec'];
