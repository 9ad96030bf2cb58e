import minimist from 'minimist';
import { isOptionName, type OptionName, optionNames, optionRow } from '../options/index.ts';
import { likeness, nearest, quoted, UsageError } from '../usage-error.ts';
import { type CommandName, commandNames, commandWords } from './commands.ts';

/** The command line taken apart, nothing read or checked yet but the names. */
export interface CommandLine {
  /** `watch` where no command's word was given. */
  readonly word: CommandName;
  /** What was written for each option that was given; `true` or `false` for a switch. */
  readonly given: ReadonlyMap<OptionName, readonly string[]>;
  readonly operands: readonly string[];
  /** All after the first `--`, exact; null without one. */
  readonly command: readonly string[] | null;
}

/** What minimist takes for the next option rather than for a value. */
const looksLikeOption = /^--?[^-]/;

const shortNames = new Map(optionNames.flatMap(name => (optionRow(name).short ? [[optionRow(name).short, name]] : [])));

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
  const seen = [...checked.seen];
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
  const word = commandWords.find(known => known === first);
  if (word === undefined) return { word: 'watch', given, operands: parsed._, command };
  return { word, given, operands: rest, command };
}

interface Checked {
  readonly tokens: string[];
  readonly seen: Set<OptionName>;
}

function check(tokens: readonly string[], argv: readonly string[]): Checked {
  const checked: Checked = { tokens: [], seen: new Set() };
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
  if (checked.seen.has(name) && row.repeat !== true)
    throw new UsageError(`${flag} is given twice; once is all it takes`);
  checked.seen.add(name);
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
    const name = shortNames.get(token[i]!) as OptionName | undefined;
    if (name === undefined) throw unknownOption(token);
    const rest = token.slice(i + 1).replace(/^=/, '');
    const takesRest = optionRow(name).kind !== 'switch' && rest !== '';
    spelled.push({ name, flag: `-${token[i]}`, value: takesRest ? rest : undefined });
    if (takesRest) break;
  }
  return spelled;
}

function unknownOption(flag: string): UsageError {
  const word = flag.replace(/^-+/, '');
  const meant = nearest(word.replace(/^no-/, ''), optionNames);
  return new UsageError(`unknown option ${quoted(flag)}; did you mean --${nearest(word, [meant, ...optionNames])}?`);
}

/** The first word is no command: a slip of the pen, or the command to watch without its `--`. */
function refuseUnknownWord(word: string, index: number, argv: readonly string[]): void {
  if (commandWords.some(known => known === word)) return;
  const meant = nearest(word, commandNames);
  const close = likeness(word.toLowerCase(), meant) <= Math.min(2.5, word.length / 2);
  const shown = [...argv.slice(0, index), '--', ...argv.slice(index).filter(token => token !== '--')].map(shellWord);
  const written = `agent-watch ${shown.length > 12 ? `${shown.slice(0, 12).join(' ')} …` : shown.join(' ')}`;
  if (meant === 'watch' && close) throw new UsageError('to watch a command, write: agent-watch [options] -- command');
  if (argv.includes('--')) throw new UsageError(`unknown command ${quoted(word)}; did you mean ${meant}?`);
  if (close)
    throw new UsageError(
      `unknown command ${quoted(word)}; did you mean ${meant}? (to watch a program, write: ${written})`,
    );
  throw new UsageError(
    `${quoted(word)} is no command of agent-watch (the nearest is ${meant}); to watch a program, write: ${written}`,
  );
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
