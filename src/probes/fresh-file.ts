import { promises as files } from 'node:fs';
import type { Wall } from '../core/time.ts';
import { errnoOf } from '../host/errno.ts';
import type { Probe } from './probe.ts';
import type { SpecOf } from './probe-spec.ts';

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
