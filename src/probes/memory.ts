import { sizeText } from '../core/text/units.ts';
import type { Members } from './members.ts';
import { answer, type Probe } from './probe.ts';
import type { SpecOf } from './probe-spec.ts';
import { proportionalBytes, residentBytes } from './resident-bytes.ts';

/** Well while the memory of the run's whole tree is not above the limit. */
export function memoryProbe(spec: SpecOf<'memory'>, members: Members): Probe {
  const { maxBytes } = spec;
  return {
    ask() {
      const lines = members.look();
      if (lines.size === 0) return { kind: 'none', detail: 'no process to measure' };
      const resident = residentBytes(lines);
      const decides = maxBytes !== null && resident > maxBytes && lines.size > 1;
      // A forked worker shares most pages with its parent: their sum counts them twice.
      const bytes = decides ? proportionalBytes(lines) : resident;
      const all = lines.size === 1 ? '1 process' : `${lines.size} processes`;
      const detail = `${sizeText(bytes)} in ${all}${decides ? ' (shared pages counted once)' : ''}`;
      if (maxBytes === null || bytes <= maxBytes) return answer(true, detail, bytes);
      return answer(false, `${detail}, more than ${sizeText(maxBytes)}`, bytes);
    },
  };
}
