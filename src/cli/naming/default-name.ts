import { readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import { fnv1a } from '../../core/text.ts';
import { bootId } from '../../host/clock.ts';
import { readService } from '../../state/read-status.ts';
import type { Settings } from '../arguments/invocation.ts';
import { sanitisedName } from '../values/words.ts';
import { type LauncherRule, launcherRules } from './launcher-rules.ts';

/**
 * The name of a watcher that was given none, from its command: `python3 my_agent.py` is my_agent, `npm run worker` is
 * worker, `env A=1 nice ./bot` is bot. Always a valid name.
 */
export function defaultName(command: readonly string[]): string {
  return sanitisedName(nameOf(command, 0)) || 'command';
}

/** The name with four hex digits of the folder's hash (FNV-1a), for a default name that another folder already has. */
export function nameWithFolderHash(name: string, folder: string): string {
  const hash = fnv1a(Buffer.from(folder).toString('latin1'));
  const digits = ((hash ^ (hash >>> 16)) & 0xffff).toString(16).padStart(4, '0');
  return `${name.slice(0, 59)}-${digits}`;
}

/** Launchers stand before launchers (`nohup nice uv run python x.py`); a handful is the most that anybody writes. */
const deepest = 8;

function nameOf(command: readonly string[], depth: number): string {
  const program = baseName(command[0] ?? '');
  const rule = depth < deepest ? ruleOf(program) : undefined;
  if (rule === undefined) return stem(command[0] ?? '');
  const name = launched(rule, command.slice(1), depth);
  return sanitisedName(name) === '' ? stem(program) : name;
}

/** A list of words is searched, and no pattern a rule: compiling two dozen patterns would cost a start a millisecond. */
function ruleOf(program: string): LauncherRule | undefined {
  const unversioned = program.replace(/[\d.]+$/, '');
  return launcherRules.find(({ programs }) => {
    const words = programs.split(' ');
    return words.includes(program) || words.includes(unversioned);
  });
}

function launched(rule: LauncherRule, args: readonly string[], depth: number): string {
  const { operands, options } = split(rule, args);
  const module = rule.module?.map(flag => options.get(flag)).find(found => found !== undefined);
  if (module !== undefined && rule.takes === 'shell') return nameOf(firstCommand(module), depth + 1);
  if (module !== undefined) return rule.takes === 'script' && /[/\\]|\.jar$/.test(module) ? stem(module) : module;
  if (rule.code?.some(flag => options.has(flag))) return '';
  switch (rule.takes) {
    case 'command':
      return operands.length === 0 ? '' : nameOf(operands, depth + 1);
    case 'package':
      return operands.length === 0 ? '' : packageName(operands, depth);
    case 'shell':
    case 'script':
      return operands[0] === undefined || operands[0] === '-' ? '' : stem(operands[0]);
    case 'task':
      return (operands[0] ?? '').replaceAll(':', '-');
    case 'tool':
      return tool(rule, operands, depth);
  }
}

/** A tool with subcommands: `npm run x`, `uv run x`, `deno task x`; without a known one, the tool's own rule for the rest. */
function tool(rule: LauncherRule, operands: readonly string[], depth: number): string {
  const [word = '', ...rest] = operands;
  const known = rule.subcommands ?? {};
  const inner = Object.hasOwn(known, word) ? known[word] : undefined;
  if (inner !== undefined) return launched(inner, rest, depth);
  return rule.otherwise === undefined ? '' : launched(rule.otherwise, operands, depth);
}

/** Takes the launcher's own options off; the first operand ends them. */
function split(rule: LauncherRule, args: readonly string[]) {
  const options = new Map<string, string>();
  let skip = rule.skip ?? 0;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') return { options, operands: args.slice(i + 1 + skip) };
    if (arg.startsWith('-') && arg !== '-') {
      const taken = takeOption(rule, arg, args[i + 1]);
      options.set(taken.flag, taken.value);
      if (taken.usesNext) i += 1;
      if (rule.module?.includes(taken.flag)) return { options, operands: args.slice(i + 1) };
    } else if (rule.assignments && /^[^=/]+=/.test(arg)) continue;
    else if (skip-- <= 0) return { options, operands: args.slice(i) };
  }
  return { options, operands: [] };
}

function takeOption(rule: LauncherRule, arg: string, next: string | undefined) {
  const valued = [...(rule.valued ?? []), ...(rule.module ?? []), ...(rule.code ?? [])];
  const equals = arg.indexOf('=');
  if (arg.startsWith('--') && equals > 0)
    return { flag: arg.slice(0, equals), value: arg.slice(equals + 1), usesNext: false };
  if (valued.includes(arg)) return { flag: arg, value: next ?? '', usesNext: true };
  // Letters in one word, the last of them with a value: `python -um mod`, `bash -lc 'text'`.
  const last = `-${arg.at(-1)}`;
  if (/^-[A-Za-z]{2,}$/.test(arg) && valued.includes(last)) return { flag: last, value: next ?? '', usesNext: true };
  return { flag: arg, value: '', usesNext: false };
}

/** The package a runner fetches: scope and version are no part of the name; an agent-watch may follow. */
function packageName(operands: readonly string[], depth: number): string {
  const [first = ''] = operands;
  const bare = first.replace(/^@[^/]+\//, '').replace(/(?<=.)(?:@|==).*$/, '');
  return nameOf([bare, ...operands.slice(1)], depth + 1);
}

/** The words of the first command of a shell text that is more than preparation (`cd x && exec python my.py`). */
function firstCommand(text: string): string[] {
  for (const part of text.split(/&&|\|\||[;|&\n]/)) {
    const words = (part.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? []).map(word => word.replace(/^(["'])(.*)\1$/s, '$2'));
    while (/^(?:[A-Za-z_]\w*=.*|exec|then|do|while|if|until|!|\(|\{)$/s.test(words[0] ?? '')) words.shift();
    if (words[0] !== undefined && !/^(?:cd|export|set|source|\.|ulimit|umask|trap|sleep|echo|true|:)$/.test(words[0]))
      return words;
  }
  return [];
}

function baseName(path: string): string {
  return path.replace(/[/\\]+$/, '').replace(/^.*[/\\]/, '');
}

const extension =
  /\.(?:py[cwz]?|[cm]?[jt]sx?|sh|bash|zsh|fish|rb|pl|php|jar|lua|r|exe|dll|go|ex|exs|jl|tcl|ps1|AppImage)$/i;

/** A file's name without folder and extension; for names that say nothing, the folder's. */
function stem(path: string): string {
  const name = baseName(path).replace(extension, '');
  const folder = baseName(path.slice(0, path.length - baseName(path).length));
  return /^(?:__main__|index)$/.test(name) && /\w/.test(folder) ? folder : name;
}

/**
 * The name to watch under. One that was made from the command and is already that of another folder or program gets a
 * suffix from the folder: two bots with a main.py each must not take turns under one name.
 */
export function ownName({ identity, command }: Settings): { name: string; said: string | null } {
  const { name, nameGiven, stateDir, cwd } = identity;
  if (nameGiven) return { name, said: null };
  const known = readService<Snapshot>(stateDir, name, readSnapshot, saved => saved.bootId === bootId()).state;
  if (known === null || (known.cwd === cwd && known.command[0] === command[0])) return { name, said: null };
  const other = nameWithFolderHash(name, cwd);
  return {
    name: other,
    said: `"${name}" is the name of ${known.command[0]} in ${known.cwd}; this one is called ${other}`,
  };
}
