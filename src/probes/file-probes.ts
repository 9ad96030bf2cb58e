import { promises as files } from 'node:fs';
import { sizeText } from '../core/text/units.ts';
import type { Wall } from '../core/time.ts';
import { errnoOf } from '../host/errno.ts';
import { answer, type Probe, type SpecOf } from './probe.ts';

// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

/** When the file was changed last. Of a folder: when an entry of it came or went. */
export function freshFileProbe(spec: SpecOf<'fresh-file'>): Probe {
  return {
    async ask() {
      try {
        return { kind: 'file', mtime: Math.round((await files.stat(spec.path)).mtimeMs) as Wall };
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === 'ENOENT' || errno === 'ENOTDIR') return { kind: 'file', mtime: null };
        return { kind: 'none', detail: `cannot be looked at (${errno ?? 'for no known reason'})` };
      }
    },
  };
}

// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

/** Number and total size of the files that match, and the newest change among them. Folders do not count. */
export function growProbe(spec: SpecOf<'grow'>): Probe {
  return {
    async ask(abort) {
      let count = 0;
      let bytes = 0;
      let newest: number | null = null;
      // Asked of each entry, matching or not: a walk for a run that has ended is ended in the next folder.
      const exclude = () => abort.aborted;
      for await (const path of files.glob(spec.glob, { exclude })) {
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

// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

/** Well while at least so much is free for a user who is not root. */
export function diskProbe(spec: SpecOf<'disk'>): Probe {
  return {
    async ask() {
      try {
        const { bavail, bsize } = await files.statfs(spec.path);
        const free = bavail * bsize;
        const enough = free >= spec.minFreeBytes;
        const detail = `${sizeText(free)} free on ${spec.path}`;
        return answer(enough, enough ? detail : `${detail}, less than ${sizeText(spec.minFreeBytes)}`, free);
      } catch (error) {
        return {
          kind: 'none',
          detail: `${spec.path} cannot be looked at (${errnoOf(error) ?? 'for no known reason'})`,
        };
      }
    },
  };
}
