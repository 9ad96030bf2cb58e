import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseShaped, type Shape } from '../../core/shape.ts';
import { readText } from '../../host/read-file.ts';
import { checksum, replaceFile } from '../../state/atomic-file.ts';
import { inOwnFolder } from '../../state/state-folder.ts';
import type { GivenOption, RawValues, Settings } from '../arguments/invocation.ts';
import { type OptionName, optionRow } from '../options/index.ts';
import type { RawValue } from '../options/option.ts';
import { absoluteText } from '../values/words.ts';

/** An option whose value looks secret, and so is not kept. */
export interface Withheld {
  readonly name: OptionName;
  /** Of --env: the variable. */
  readonly variable: string | null;
}

/**
 * What a service was started with last, in `settings.json` of its folder (0600): enough to start it again by its name, and to tell
 * whether a file asks for something else.
 */
export interface KeptSettings {
  readonly version: 1;
  readonly savedAt: string;
  readonly cwd: string;
  /** Options of the command line, paths absolute. */
  readonly given: readonly GivenOption[];
  /** The command, if it stood on the command line. */
  readonly command: readonly string[] | null;
  readonly config: { readonly path: string; readonly digest: string } | null;
  readonly withheld: readonly Withheld[];
  /** The same for values that stand in the configuration file. */
  readonly withheldOfFile: readonly Withheld[];
  /** A digest of each key's values, the command's and the contents of env files included. */
  readonly keys: Readonly<Record<string, string>>;
}

const FILE = 'settings.json';
/** The settings as a configuration file of their own: for when the original was changed or is gone. */
const COPY = 'service.json';
const MOST_BYTES = 1 << 20;

/** Of options that look like none of these, no value is a secret: then what finds secrets need not be loaded. */
const MAY_BE_SECRET = /:\/\/|key|token|secret|pass|auth|bearer|cred|session|cookie|dsn|private|[\w-]{20}/i;

/** Keeps the settings of a watcher that has just begun, under the name it took. Throws the system's error. */
export async function keepSettings(settings: Settings, name: string): Promise<void> {
  const { kept, copy } = await keptOf(settings, name);
  inOwnFolder(settings.identity.stateDir, name, folder => {
    if (copy !== null) replaceFile(join(folder, COPY), `${JSON.stringify(copy, null, 2)}\n`);
    replaceFile(join(folder, FILE), `${JSON.stringify(kept, null, 2)}\n`);
  });
}

/** The settings in the form in which they are kept; `copy` only where a configuration file is involved. */
async function keptOf(settings: Settings, name: string): Promise<{ kept: KeptSettings; copy: object | null }> {
  const { written, command, commandGiven, configFile, configText, identity } = settings;
  const isHidden = await hider(written);
  const flags: GivenOption[] = [];
  const withheld: Withheld[] = [];
  const withheldOfFile: Withheld[] = [];
  const open = new Map<OptionName, RawValue[]>();
  for (const [option, values] of written) {
    if (option === 'config' || option === 'state-dir') continue;
    for (const value of values) {
      const byFlag = isByFlag(value);
      if (isHidden(option, value.text)) (byFlag ? withheld : withheldOfFile).push(withheldOf(option, value.text));
      else {
        open.set(option, [...(open.get(option) ?? []), value]);
        if (byFlag) flags.push({ name: option, text: textOf(option, value) });
      }
    }
  }
  const kept: KeptSettings = {
    version: 1,
    savedAt: new Date().toISOString(),
    cwd: identity.cwd,
    given: flags,
    command: commandGiven ? command : null,
    config: configFile === null ? null : { path: configFile, digest: digestOf(configText ?? '') },
    withheld,
    withheldOfFile,
    keys: keyDigests(written, command),
  };
  return { kept, copy: configFile === null ? null : documentOf(open, command, name, identity.cwd) };
}

async function hider(written: RawValues): Promise<(name: OptionName, text: string) => boolean> {
  const suspicious = [...written.values()].flat().some(({ text }) => MAY_BE_SECRET.test(text));
  if (!suspicious) return () => false;
  return (await import('../arguments/secret-options.ts')).isHidden;
}

/** Whether it came from the command line, or in its stead by a variable. */
function isByFlag({ where }: RawValue): boolean {
  return where.startsWith('--') || where.startsWith('$');
}

function withheldOf(name: OptionName, text: string): Withheld {
  return { name, variable: name === 'env' ? text.slice(0, Math.max(0, text.indexOf('='))) : null };
}

function textOf(name: OptionName, { text, base }: RawValue): string {
  return absoluteText(optionRow(name).kind, text, base);
}

/** A configuration file that says the same wherever it lies. */
function documentOf(open: ReadonlyMap<OptionName, RawValue[]>, command: readonly string[], name: string, cwd: string) {
  const document: Record<string, unknown> = { name, cwd, command };
  for (const [option, values] of open) {
    const items = values.map(value => itemOf(option, value));
    document[option] = optionRow(option).repeat ? items : items[0];
  }
  return document;
}

/** A probe with settings of its own is a mapping; any other value is a text. */
function itemOf(option: OptionName, value: RawValue): unknown {
  const text = textOf(option, value);
  if (value.own === undefined || Object.keys(value.own).length === 0) return text;
  const own = Object.entries(value.own).map(([key, one]) => [
    key === 'companion' ? companionKey(option) : key,
    one.text,
  ]);
  return { value: text, ...Object.fromEntries(own) };
}

/** How a probe's mapping names the pattern that goes with it. */
function companionKey(option: OptionName): string {
  return option === 'http' ? 'expect' : 'pattern';
}

/** A digest of what was written for each key: equal digests mean equal settings. */
export function keyDigests(written: RawValues, command: readonly string[]): Record<string, string> {
  const keys: Record<string, string> = { command: digestOf(JSON.stringify(command)) };
  for (const [option, values] of written) {
    if (option === 'config' || option === 'state-dir') continue;
    const items = values.map(value => [itemOf(option, value), option === 'env-file' ? contentOf(value) : null]);
    keys[option] = digestOf(JSON.stringify(items));
  }
  return keys;
}

function contentOf(value: RawValue): string {
  try {
    return readFileSync(textOf('env-file', value), 'utf8');
  } catch {
    // Gone: which is another content than any.
    return '';
  }
}

/** 64 bits: against accidents. The file is its owner's alone. */
export function digestOf(text: string): string {
  return checksum(text) + checksum(text, 0x5bd1e995);
}

/** The settings that a service had last; null if none are kept, or none that this version reads. */
export function readKeptSettings(stateDir: string, name: string): KeptSettings | null {
  try {
    return parseShaped(keptShape, readText(join(stateDir, name, FILE), MOST_BYTES)) as KeptSettings | null;
  } catch {
    // Half of a file, or not ours to read: as if there were none.
    return null;
  }
}

const keptShape: Shape = {
  object: {
    version: { oneOf: [1] },
    cwd: 'string',
    given: { list: { object: { name: 'string', text: 'string' } } },
    withheld: { list: { object: { name: 'string' } } },
    withheldOfFile: { list: { object: { name: 'string' } } },
    keys: { object: {} },
  },
};

/** The path of the copy of a service's settings that serves as a configuration file. */
export function copyPath(stateDir: string, name: string): string {
  return join(stateDir, name, COPY);
}
