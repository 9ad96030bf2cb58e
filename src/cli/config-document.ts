/** A YAML text as what a configuration may be made of: mappings, lists, and scalars as they were written. */
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
import { quoted, UsageError } from './usage-error.ts';

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
export function readDocument(text: string, shownPath: string): readonly Entry[] {
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
      throw new UsageError(`${whereAt(node.range?.[0] ?? 0)}: an alias (*${node.source}) is not taken here`);
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
  if (fault.code === 'MULTIPLE_DOCS') return 'a second document begins here; one file is one document';
  if (fault.code === 'TAB_AS_INDENT') return 'a tab is no indentation in YAML; use blanks';
  const near = text.slice(start, Math.max(end, start + 1)).split('\n', 1)[0]!;
  return `${fault.message.replace(/\.?$/, '')}${near.trim() === '' ? '' : ` near ${quoted(near.slice(0, 40))}`}`;
}

function keyAt(text: string, start: number): string {
  return (/^["']?([^"':\n]*)/.exec(text.slice(start))?.[1] ?? '').trim();
}

function itemOf(node: Node | ParsedNode, whereAt: (offset: number) => string): Item {
  const where = whereAt(node.range?.[0] ?? 0);
  if (isAlias(node)) throw new UsageError(`${where}: an alias is not taken here`);
  if (isScalar(node)) return { where, kind: 'scalar', text: textOf(node), empty: isEmpty(node) };
  if (isSeq(node)) return { where, kind: 'list', items: node.items.map(item => itemOf(item as Node, whereAt)) };
  if (!isMap(node)) throw new UsageError(`${where}: neither a value, a list nor a mapping`);
  const entries = node.items.map(({ key, value }) => {
    const keyNode = itemOf(key as Node, whereAt);
    if (keyNode.kind !== 'scalar') throw new UsageError(`${keyNode.where}: a ${keyNode.kind} is no key`);
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
