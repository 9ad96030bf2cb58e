/** The file of --config: the same options as the flags, in YAML or JSON. Loaded only where a file is given. */

import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
} from 'yaml';
import { readTrustedFile, readTrustedFolder } from '../../host/trusted-file.ts';
import { type ProbeOption, probeOptionRow } from '../options/health.ts';
import { fileKeys, isOptionName, type OptionName, optionRow } from '../options/index.ts';
import type { OwnValues, RawValue } from '../options/option.ts';
import { at, didYouMean, quoted, UsageError } from '../usage-error.ts';
import { probeKeys } from './resolve-probes.ts';

// A YAML text as what a configuration may be made of: mappings, lists, and scalars as they were written.

export interface Entry {
  readonly key: string;
  /** `file:line:column` of the key. */
  readonly where: string;
  readonly value: Item;
}

/** A value of the file with its place, `file:line:column`. */
export type Item = { readonly where: string } & (
  | { readonly kind: 'scalar'; readonly text: string; readonly empty: boolean }
  | { readonly kind: 'list'; readonly items: readonly Item[] }
  | { readonly kind: 'mapping'; readonly entries: readonly Entry[] }
);

/**
 * Reads one document that is a mapping. Aliases and tags are refused: a configuration needs neither, and the one lets a
 * small file unfold into a huge one.
 *
 * @throws UsageError with `shownPath:line:column` and the reason on one line.
 */
function readDocument(text: string, shownPath: string): readonly Entry[] {
  const lines = new LineCounter();
  const whereAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${shownPath}:${line}:${col}`;
  };
  const document = parsed(text, lines, shownPath);
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) throw new UsageError(`${whereAt(fault.pos[0])}: ${reasonOf(fault, text)}`);
  visit(document, {
    Alias: (_key, node) => {
      throw new UsageError(`${whereAt(node.range?.[0] ?? 0)}: an alias (*${node.source}) is not supported`);
    },
  });
  if (document.contents === null) throw new UsageError(`${shownPath}: the file is empty`);
  const root = itemOf(document.contents, whereAt);
  if (root.kind !== 'mapping')
    throw new UsageError(`${root.where}: the file is a ${root.kind}; it must be a mapping, such as "name: my-agent"`);
  return root.entries;
}

function parsed(text: string, lineCounter: LineCounter, shownPath: string) {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error' });
  } catch (error) {
    // The parser recurses: a file of ten thousand brackets ends its stack.
    throw new UsageError(`${shownPath}: is nested too deeply (${(error as Error).message})`);
  }
}

function reasonOf(fault: YAMLError, text: string): string {
  const [start, end] = fault.pos;
  if (fault.code === 'DUPLICATE_KEY') return `${quoted(keyAt(text, start))} is given twice`;
  if (fault.code === 'MULTIPLE_DOCS') return 'a second document begins here; a file holds one document';
  if (fault.code === 'TAB_AS_INDENT') return 'YAML does not allow tabs for indentation; use spaces';
  const near = text.slice(start, Math.max(end, start + 1)).split('\n', 1)[0]!;
  return `${fault.message.replace(/\.?$/, '')}${near.trim() === '' ? '' : ` near ${quoted(near.slice(0, 40))}`}`;
}

function keyAt(text: string, start: number): string {
  return (/^["']?([^"':\n]*)/.exec(text.slice(start))?.[1] ?? '').trim();
}

function itemOf(node: Node | ParsedNode, whereAt: (offset: number) => string): Item {
  const where = whereAt(node.range?.[0] ?? 0);
  if (isAlias(node)) throw new UsageError(`${where}: aliases are not supported`);
  if (isScalar(node)) return { where, kind: 'scalar', text: textOf(node), empty: isEmpty(node) };
  if (isSeq(node)) return { where, kind: 'list', items: node.items.map(item => itemOf(item as Node, whereAt)) };
  if (!isMap(node)) throw new UsageError(`${where}: not a value, list or mapping`);
  const entries = node.items.map(({ key, value }) => {
    const keyNode = itemOf(key as Node, whereAt);
    if (keyNode.kind !== 'scalar') throw new UsageError(`${keyNode.where}: a ${keyNode.kind} cannot be a key`);
    const none: Item = { where: keyNode.where, kind: 'scalar', text: '', empty: true };
    return {
      key: keyNode.text,
      where: keyNode.where,
      value: value === null ? none : itemOf(value as Node, whereAt),
    };
  });
  return { where, kind: 'mapping', entries };
}

/** A plain scalar as it was written: `1.10` stays 1.10, `null` is the word that --stdin takes. */
function textOf(node: Scalar): string {
  return node.type === 'PLAIN' ? (node.source ?? '') : String(node.value ?? '');
}

function isEmpty(node: Scalar): boolean {
  return node.type === 'PLAIN' && (node.source === '' || node.source === '~');
}

/** A file's options as they were written, and its command. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
  readonly values: ReadonlyMap<OptionName, readonly RawValue[]>;
  readonly command: readonly string[] | null;
}

const knownKeys = [...fileKeys, 'command'];

/**
 * Reads one file. `path` is absolute; `shownPath` is how the user wrote it, for messages.
 *
 * @throws UsageError for a file that is missing or not trusted, for YAML that does not parse, for an unknown key.
 */
export function readConfigFile(path: string, shownPath: string): ConfigFile {
  const file = readTrustedFile(path);
  if ('refused' in file) throw new UsageError(`--config: ${shownPath} ${file.refused}`);
  return readConfig(file.text, path, shownPath);
}

/** Whether a path is a folder; false where there is nothing, or nothing that we may look at. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    // A folder on the way that we may not enter: reading the file will say so.
    return false;
  }
}

/** Reads every .yaml, .yml and .json file of a folder, by name. */
export function readConfigFolder(path: string, shownPath: string): readonly ConfigFile[] {
  return at('--config', () => configNames(path, shownPath)).map(name =>
    readConfigFile(join(path, name), join(shownPath, name)),
  );
}

/** The configuration files of a folder, in alphabetical order; hidden ones are none. */
export function configNames(path: string, shownPath: string): readonly string[] {
  const folder = readTrustedFolder(path);
  if ('refused' in folder) throw new UsageError(`${shownPath} ${folder.refused}`);
  const names = folder.names.filter(name => /^[^.].*\.(?:ya?ml|json)$/.test(name));
  if (names.length === 0) throw new UsageError(`${shownPath} has no .yaml, .yml or .json file in it`);
  return names;
}

/**
 * Takes the text of a file apart. Relative paths in it are taken from the file's folder.
 * @param faulty is told of each entry that is wrong; without it the first one is thrown
 */
export function readConfig(
  text: string,
  path: string,
  shownPath: string,
  faulty: (fault: UsageError) => void = fault => {
    throw fault;
  },
): ConfigFile {
  const values = new Map<OptionName, readonly RawValue[]>();
  let command: readonly string[] | null = null;
  for (const entry of readDocument(text, shownPath)) {
    try {
      if (entry.key === 'command') command = commandOf(entry);
      else {
        const name = optionOf(entry);
        const written = valuesOf(name, entry, dirname(path));
        if (written.length > 0) values.set(name, written);
      }
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      faulty(error);
    }
  }
  return { path, text, values, command };
}

function optionOf({ key, where }: Entry): OptionName {
  if (isOptionName(key) && fileKeys.includes(key)) return key;
  if (isOptionName(key)) throw new UsageError(`${where}: ${quoted(key)} is only a flag, not a key of the file`);
  throw new UsageError(`${where}: unknown key ${quoted(key)}${didYouMean(key, knownKeys)}`);
}

function commandOf({ where, value }: Entry): readonly string[] {
  if (value.kind === 'scalar' && !value.empty) {
    const words = value.text.trim().split(/\s+/).join(', ');
    throw new UsageError(`${where}: command: is a string; write a list, one item an argument: command: [${words}]`);
  }
  if (value.kind !== 'list' || value.items.length === 0)
    throw new UsageError(`${where}: command: must be a list, one item an argument`);
  return value.items.map(item => {
    if (item.kind !== 'scalar') throw new UsageError(`${item.where}: command: a ${item.kind} cannot be an argument`);
    if (item.empty) throw new UsageError(`${item.where}: command: an empty item; write '' for an empty argument`);
    if (item.text.includes('\0')) throw new UsageError(`${item.where}: command: an argument cannot contain a NUL byte`);
    return item.text;
  });
}

function valuesOf(name: OptionName, { key, where, value }: Entry, base: string): RawValue[] {
  if (name === 'env' && value.kind === 'mapping') return value.entries.map(entry => pairOf(entry, base));
  if (value.kind !== 'list') return [itemValue(name, key, value, base)];
  if (optionRow(name).repeat !== true) throw new UsageError(`${where}: ${key}: takes one value, not a list`);
  return value.items.map(item => itemValue(name, key, item, base));
}

function pairOf({ key, where, value }: Entry, base: string): RawValue {
  if (value.kind !== 'scalar') throw new UsageError(`${where}: env: the value of ${key} must be a string`);
  return { text: `${key}=${value.empty ? '' : value.text}`, base, where: `${where}: env` };
}

function itemValue(name: OptionName, key: string, item: Item, base: string): RawValue {
  const where = `${item.where}: ${key}`;
  if (item.kind === 'scalar') {
    if (item.empty) throw new UsageError(`${where}: has no value`);
    return { text: item.text, base, where };
  }
  const probe = probeOptionRow(name);
  if (item.kind === 'mapping' && probe !== null) return probeValue(name, probe, item.entries, where, base);
  throw new UsageError(`${where}: a ${item.kind} is not a valid value`);
}

/** A probe as a mapping: its value, and what it says for itself. */
function probeValue(
  name: OptionName,
  { parts, companion }: ProbeOption<unknown>,
  entries: readonly Entry[],
  where: string,
  base: string,
): RawValue {
  const own: Partial<Record<keyof OwnValues, RawValue>> = {};
  const written = new Map<string, string>();
  for (const entry of entries) {
    const text = scalarOf(entry);
    const key = ownKey(entry.key, companion);
    if (key !== null) own[key] = { text, base, where: `${entry.where}: ${entry.key}` };
    else if ([...parts, 'value', name].some(known => known === entry.key)) written.set(entry.key, text);
    else throw unknownProbeKey(entry, [...parts, 'value', ...probeKeys, ...(companion === null ? [] : [companion])]);
  }
  const whole = written.get('value') ?? written.get(name);
  const text = whole ?? parts.flatMap(part => written.get(part) ?? []).join('=');
  if (whole === undefined && !written.has(parts[0]))
    throw new UsageError(`${where}: has no ${parts[0]}; write ${parts.map(part => `${part}: …`).join(', ')}`);
  return { text, base, where, own };
}

function ownKey(key: string, companion: OptionName | null): keyof OwnValues | null {
  // `expect` for http-expect, `pattern` for progress-pattern and error-pattern.
  if (companion !== null && (key === companion || companion.endsWith(`-${key}`))) return 'companion';
  return probeKeys.find(known => known === key || `health-${known}` === key) ?? null;
}

function scalarOf({ key, where, value }: Entry): string {
  if (value.kind !== 'scalar') throw new UsageError(`${where}: ${key}: a ${value.kind} is not a valid value`);
  if (value.empty) throw new UsageError(`${where}: ${key}: has no value`);
  return value.text;
}

function unknownProbeKey({ key, where }: Entry, known: readonly string[]): UsageError {
  return new UsageError(`${where}: unknown key ${quoted(key)} of a probe${didYouMean(key, known)}`);
}
