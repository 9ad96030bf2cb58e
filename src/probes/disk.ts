// Loaded at its first use and not before the first start: node:fs/promises brings readline along.
import { promises as files } from 'node:fs';
import { sizeText } from '../core/text/units.ts';
import { errnoOf } from '../host/errno.ts';
import { answer, type Probe } from './probe.ts';
import type { SpecOf } from './probe-spec.ts';

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
