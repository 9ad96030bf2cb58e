/** Labelled crash tails: reading them and holding the triage against their labels. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Category } from '../../../src/incidents/incident.ts';
import { type Triage, triage } from '../../../src/incidents/triage/triage.ts';

export interface CrashTail {
  readonly id: string;
  readonly language: string;
  readonly exit: { readonly code: number | null; readonly signal: string | null };
  readonly log: string;
  readonly category: Category;
  readonly alsoOk: readonly Category[];
  /** Undefined: the tail has no label for it, and any key line is right. */
  readonly keyLine: string | null | undefined;
  /** Other lines that a person could name as well. */
  readonly alsoKeyLines: readonly string[];
}

export interface Score {
  readonly tail: CrashTail;
  readonly triage: Triage;
  readonly categoryRight: boolean;
  readonly keyLineRight: boolean;
}

type Labels = Omit<Partial<CrashTail>, 'log'> & {
  log?: string | readonly string[];
  lang?: string;
  also_ok?: Category[];
  key_line?: string | null;
  key_alt?: readonly string[];
};

/** All tails of a folder's JSON files, in the order of their names, or of one file. A file holds one tail or a list of them. */
export const readTails = (path: string): CrashTail[] =>
  filesOf(path).flatMap(file => {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Labels | Labels[];
    return (Array.isArray(found) ? found : [found]).map(labels => tailOf(labels, basename(file)));
  });

const filesOf = (path: string): string[] =>
  statSync(path).isFile()
    ? [path]
    : readdirSync(path)
        .filter(name => name.endsWith('.json'))
        .sort()
        .map(name => join(path, name));

const tailOf = (labels: Labels, name: string): CrashTail => ({
  id: labels.id ?? name,
  language: labels.language ?? labels.lang ?? 'other',
  exit: { code: labels.exit?.code ?? null, signal: labels.exit?.signal ?? null },
  log: typeof labels.log === 'string' ? labels.log : `${(labels.log ?? []).join('\n')}\n`,
  category: labels.category ?? 'unknown',
  alsoOk: labels.alsoOk ?? labels.also_ok ?? [],
  keyLine: labels.keyLine === undefined ? labels.key_line : labels.keyLine,
  alsoKeyLines: labels.alsoKeyLines ?? labels.key_alt ?? [],
});

export const scoreTails = (tails: readonly CrashTail[]): Score[] => tails.map(scoreTail);

const scoreTail = (tail: CrashTail): Score => {
  const found = triage({ exit: tail.exit, output: tail.log });
  return {
    tail,
    triage: found,
    categoryRight: found.category === tail.category || tail.alsoOk.includes(found.category),
    keyLineRight:
      tail.keyLine === undefined || [tail.keyLine, ...tail.alsoKeyLines].some(line => sameLine(found.keyLine, line)),
  };
};

const sameLine = (said: string | null, labelled: string | null): boolean => {
  if (said === null || labelled === null) return said === labelled;
  const [one, other] = [said.trim(), labelled.trim()];
  return one !== '' && other !== '' && (one.includes(other) || other.includes(one));
};
