/** Learns the rhythm of a service's output over all runs, for `--stale-after auto`, and keeps it on disk. */
import { addSilence, judgeSilence, newRhythm, type SilenceVerdict } from '../core/rhythm.ts';
import { parseShaped, type Shape } from '../core/shape.ts';
import { durationText } from '../core/text/units.ts';
import type { Mono } from '../core/time.ts';
import type { KeptText, RhythmKeeper } from './keepers.ts';

const SAVE_EVERY_S = 600;
/** A silence shorter than every limit exceeds none. */
const SHORT_S = 600;
const LEARNING: SilenceVerdict = { kind: 'learning' };
const MOST_PATIENCE = 8;
/** A run that was observed this long was cured by its restart. */
const CURED_S = 3600;
const DECIDED_S = 6 * 3600;

export function createRhythmKeeper(store: KeptText): RhythmKeeper {
  const rhythm = parseShaped(rhythmShape, store.read()) ?? newRhythm();
  let last: Mono | null = null;
  let savedAtS = rhythm.observedS;
  let runBeganAtS = rhythm.observedS;
  let patience = 1;
  let hung = false;

  function save(): void {
    if (rhythm.observedS === savedAtS) return;
    savedAtS = rhythm.observedS;
    store.write(`${JSON.stringify(rhythm)}\n`);
  }

  return {
    startRun() {
      last = null;
      runBeganAtS = rhythm.observedS;
    },
    heard(at) {
      if (last !== null) {
        const silenceS = Math.max(0, (at - last) / 1000);
        addSilence(rhythm, silenceS, silenceS < SHORT_S ? LEARNING : judgeSilence(rhythm));
        if (rhythm.observedS - runBeganAtS > CURED_S) {
          hung = false;
          patience = 1;
        }
        if (rhythm.observedS - savedAtS >= SAVE_EVERY_S) save();
      }
      last = at;
    },
    limitMs() {
      const verdict = judgeSilence(rhythm);
      return verdict.kind === 'watchable' ? verdict.limitS * 1000 * patience : Number.POSITIVE_INFINITY;
    },
    expired() {
      if (hung) patience = Math.min(MOST_PATIENCE, 2 * patience);
      hung = true;
    },
    words() {
      const verdict = judgeSilence(rhythm);
      if (verdict.kind === 'watchable')
        return `silence over ${durationText(Math.round(verdict.limitS * patience) * 1000)} is a hang`;
      if (verdict.kind === 'learning') {
        const observed = durationText(Math.floor(rhythm.observedS / 60) * 60_000);
        return `learning the rhythm of the output (${observed} of ${durationText(DECIDED_S * 1000)})`;
      }
      return 'silence means nothing here: use --stale-when idle, a progress pattern, a file or a heartbeat';
    },
    endRun: save,
  };
}

const lists = { present: { list: 'number' }, former: { list: 'number' } } as const;
const sums = { presentS: 'number', formerS: 'number', observedS: 'number', suspendedUntilS: 'number' } as const;
/** The form of a rhythm in its file: what is none, cut off by a full disk say, is learned anew. */
const rhythmShape = {
  object: { ...lists, ...sums, exceeded: 'number', exceededIrregular: 'number', suspendedMinS: { nullable: 'number' } },
} as const satisfies Shape;
