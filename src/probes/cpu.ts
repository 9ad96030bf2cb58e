import { durationText } from '../core/text/units.ts';
import type { Mono } from '../core/time.ts';
import { cpuMsIn, statFields } from '../host/proc-text.ts';
import type { Members } from './memory.ts';
import { answer, type Probe, type SpecOf } from './probe.ts';

/** Fails once the processor use of the run's whole tree was above the limit at each look for that long. */
export function cpuProbe({ maxPercent, forMs }: SpecOf<'cpu'>, members: Members, now: () => Mono): Probe {
  let before: { at: Mono; used: ReadonlyMap<number, number> } | null = null;
  let aboveSince: Mono | null = null;
  return {
    ask() {
      const at = now();
      const used = new Map<number, number>();
      for (const pid of members.look().keys()) {
        const fields = statFields(pid);
        if (fields !== null) used.set(pid, cpuMsIn(fields));
      }
      const last = before;
      before = { at, used };
      if (used.size === 0) return { kind: 'none', detail: 'no process to measure' };
      if (last === null || at <= last.at) return { kind: 'none', detail: 'measured for the first time' };
      let usedMs = 0;
      // A process that is new since the last look has used all its time since then.
      for (const [pid, ms] of used) usedMs += Math.max(0, ms - (last.used.get(pid) ?? 0));
      const percent = Math.round((usedMs / (at - last.at)) * 100);
      aboveSince = percent > maxPercent ? (aboveSince ?? last.at) : null;
      const aboveMs = aboveSince === null ? 0 : at - aboveSince;
      const detail = `${percent}% CPU`;
      if (aboveSince === null) return answer(true, detail, percent);
      const words = `${detail}, above ${maxPercent}% for ${durationText(aboveMs)}`;
      return answer(aboveMs < forMs, words, percent);
    },
  };
}
