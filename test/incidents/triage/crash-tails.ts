/** Labelled crash tails: reading them and holding the triage against their labels. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Category } from '../../../src/incidents/triage/rule.ts';
import { type Triage, triage } from '../../../src/incidents/triage/triage.ts';

export interface CrashTail {
  readonly id: string;
  readonly language: string;
  readonly exit: { readonly code: number | null; readonly signal: string | null };
  readonly log: string;
  readonly category: Category;
  readonly alsoOk: readonly Category[];
  readonly keyLine: string | null;
}

export interface Score {
  readonly tail: CrashTail;
  readonly triage: Triage;
  readonly categoryRight: boolean;
  readonly keyLineRight: boolean;
}

type Labels = Partial<CrashTail> & { lang?: string; also_ok?: Category[]; key_line?: string | null };

/** All tails of a folder, in the order of their file names. */
export const readTails = (folder: string): CrashTail[] =>
  readdirSync(folder)
    .filter(name => name.endsWith('.json'))
    .sort()
    .map(name => {
      const labels = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Labels;
      return {
        id: labels.id ?? name,
        language: labels.language ?? labels.lang ?? 'other',
        exit: { code: labels.exit?.code ?? null, signal: labels.exit?.signal ?? null },
        log: labels.log ?? '',
        category: labels.category ?? 'unknown',
        alsoOk: labels.alsoOk ?? labels.also_ok ?? [],
        keyLine: labels.keyLine ?? labels.key_line ?? null,
      };
    });

export const scoreTails = (tails: readonly CrashTail[]): Score[] => tails.map(scoreTail);

const scoreTail = (tail: CrashTail): Score => {
  const found = triage({ exit: tail.exit, output: tail.log });
  return {
    tail,
    triage: found,
    categoryRight: found.category === tail.category || tail.alsoOk.includes(found.category),
    keyLineRight: sameLine(found.keyLine, tail.keyLine),
  };
};

const sameLine = (said: string | null, labelled: string | null): boolean => {
  if (said === null || labelled === null) return said === labelled;
  const [one, other] = [said.trim(), labelled.trim()];
  return one !== '' && other !== '' && (one.includes(other) || other.includes(one));
};
