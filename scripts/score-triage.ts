/**
 * Scores the triage rules on a folder of labelled crash tails and lists what is wrong.
 *
 *     npx node scripts/score-triage.ts [FOLDER] [--verbose]
 *
 * Reads our own files (`keyLine`, `alsoOk`) and the other spelling (`key_line`, `also_ok`). A category is right if it is the
 * label or among what is also accepted; a key line if it contains the labelled one or is contained in it.
 */
import { resolve } from 'node:path';
import { readTails, scoreTails } from '../test/incidents/triage/crash-tails.ts';

const args = process.argv.slice(2);
const folder = resolve(args.find(arg => !arg.startsWith('-')) ?? `${import.meta.dirname}/../test/fixtures/crash-tails`);
const scored = scoreTails(readTails(folder));
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
