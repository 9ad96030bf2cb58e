import { categories } from '../incidents/triage/category.ts';
import type { Remedy } from './options/option.ts';
import { nearest, quoted, UsageError } from './usage-error.ts';
import type { RawValue } from './values/read-value.ts';

/** What a probe's name begins with, whether or not one of that kind is there: without one the remedy has nothing to act on. */
const PROBE_WORDS = ['stale', 'fail-pattern', 'fresh', 'grow', 'http', 'port', 'check', 'memory', 'disk', 'errors'];

/** Throws a UsageError for a remedy that could never fit: its word is neither a category nor a probe's name. */
export function refuseUnknownWords(
  remedies: readonly Remedy[],
  probes: readonly string[],
  written: readonly RawValue[] | undefined,
): void {
  const known = [...categories, ...PROBE_WORDS, ...probes];
  remedies.forEach(({ when }, index) => {
    if (when.kind !== 'word' || known.includes(when.word)) return;
    const where = written?.[index]?.where ?? '--remedy';
    throw new UsageError(
      `${where}: ${quoted(when.word)} is no category and no probe's name; did you mean ${nearest(when.word, known)}?`,
    );
  });
}
