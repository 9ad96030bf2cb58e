/**
 * Scores the triage rules on labelled crash tails and lists the ones that are wrong.
 *
 *     npx node scripts/score-triage.ts [FOLDER|FILE]... [--verbose]
 *
 * Without a path it scores the project's own tails: the recorded ones and the written ones. A file holds one tail or a list of
 * them, with the fields `keyLine` and `alsoOk` or `key_line` and `also_ok`; without a key line only the category counts. A category is right if it is the
 * label or among what is also accepted; a key line if it contains the labelled one or is contained in it.
 */
import { resolve } from 'node:path';
import { readTails, scoreTails } from '../test/incidents/triage/crash-tails.ts';

const args = process.argv.slice(2);
const own = ['crash-tails', 'written-tails'].map(name => resolve(import.meta.dirname, '../test/fixtures', name));
const given = args.filter(arg => !arg.startsWith('-')).map(arg => resolve(arg));
const scored = scoreTails((given.length > 0 ? given : own).flatMap(readTails));
const right = (name: 'categoryRight' | 'keyLineRight') => scored.filter(score => score[name]).length;
const percent = (count: number) =>
  `${count} of ${scored.length} (${((100 * count) / Math.max(1, scored.length)).toFixed(1)} %)`;

for (const { tail, triage, categoryRight, keyLineRight } of scored) {
  if (categoryRight && keyLineRight && !args.includes('--verbose')) continue;
  console.log(
    `${categoryRight ? '     ' : 'WRONG'} ${tail.id}: ${triage.category} (${triage.rule}, ${triage.confidence}), labelled ${tail.category}`,
  );
  if (!keyLineRight)
    console.log(`        said:     ${triage.keyLine?.slice(0, 200)}\n        labelled: ${tail.keyLine?.slice(0, 200)}`);
}
console.log(`category right: ${percent(right('categoryRight'))}\nkey line right: ${percent(right('keyLineRight'))}`);
