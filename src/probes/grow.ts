import { promises as files } from 'node:fs';
import type { Wall } from '../core/time.ts';
import type { Probe } from './probe.ts';
import type { SpecOf } from './probe-spec.ts';

// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

/** Number and total size of the files that match, and the newest change among them. Folders do not count. */
export function growProbe(spec: SpecOf<'grow'>): Probe {
  return {
    async ask(abort) {
      let count = 0;
      let bytes = 0;
      let newest: number | null = null;
      for await (const path of files.glob(spec.glob)) {
        if (abort.aborted) return { kind: 'none', detail: 'not looked at in time' };
        const stats = await statOrNull(path);
        if (stats === null || !stats.isFile()) continue;
        count++;
        bytes += stats.size;
        newest = Math.max(newest ?? 0, Math.round(stats.mtimeMs));
      }
      return { kind: 'artifacts', count, bytes, newest: newest as Wall | null };
    },
  };
}

async function statOrNull(path: string) {
  try {
    return await files.stat(path);
  } catch {
    // Removed since it was listed, or not ours to look at.
    return null;
  }
}
