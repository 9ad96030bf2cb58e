/**
 * The rule of `--stale-after auto` over a recorded rhythm, for whoever wants to judge it.
 *
 *     npm exec -- node scripts/rhythm.ts < RHYTHM
 *
 * Reads lines "S TIME" (the program started) and "L TIME" (it wrote a line), times in seconds, and answers each with the silence in
 * seconds that is allowed from then on; "inf": silence is not judged.
 */
import { createInterface } from 'node:readline';
import { addSilence, judgeSilence, newRhythm } from '../src/core/rhythm.ts';

const rhythm = newRhythm();
let verdict = judgeSilence(rhythm);
let lastOutputS: number | null = null;
for await (const line of createInterface({ input: process.stdin })) {
  const [what, time] = line.split(' ');
  const atS = Number(time);
  if (what === 'S') lastOutputS = null;
  else {
    if (lastOutputS !== null) addSilence(rhythm, Math.max(0, atS - lastOutputS), verdict);
    lastOutputS = atS;
    verdict = judgeSilence(rhythm);
  }
  console.log(verdict.kind === 'watchable' ? verdict.limitS.toFixed(1) : 'inf');
}
