import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { changedAt } from '../../core/changed-at.ts';
import type { Mono, Stamp, Wall } from '../../core/model.ts';
import { errnoOf } from '../../host/errno.ts';
import { DOCUMENT_BYTES, type MetricsSource, type Reading } from './source.ts';
import { parseMetrics } from './values.ts';

/**
 * A JSON file. Its age is that of its modification time at the first look, and from then on by the monotonic clock. A reader may
 * come while it is being rewritten: what is no JSON at this moment leaves the former values, at their age.
 */
export function fileSource(path: string, now: () => Stamp): MetricsSource {
  let last: {
    values: Exclude<ReturnType<typeof parseMetrics>, string>;
    at: Mono;
    mtime: number;
    lookedAt: Stamp;
  } | null = null;

  async function look(): Promise<Reading> {
    const { text, mtime } = await readWhole(path);
    const values = parseMetrics(text);
    const lookedAt = now();
    if (typeof values === 'string') return last ?? { fault: `${path} ${values}` };
    const at = ageBase(mtime, lookedAt);
    last = { values, at, mtime, lookedAt };
    return last;
  }

  function ageBase(mtime: number, at: Stamp): Mono {
    if (last === null) return (at.mono - Math.max(0, at.wall - mtime)) as Mono;
    return last.mtime === mtime ? last.at : changedAt(mtime as Wall, last.lookedAt, at);
  }

  return {
    label: basename(path),
    from: 'now',
    async read() {
      try {
        return await look();
      } catch (error) {
        const fault = errnoOf(error) === 'ENOENT' ? 'does not exist' : `cannot be read (${errnoOf(error) ?? error})`;
        return last ?? { fault: `${path} ${fault}` };
      }
    },
  };
}

async function readWhole(path: string): Promise<{ text: string; mtime: number }> {
  const file = await open(path);
  try {
    const stats = await file.stat();
    const buffer = Buffer.alloc(Math.min(DOCUMENT_BYTES, Math.max(stats.size, 4096)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return { text: buffer.toString('utf8', 0, bytesRead), mtime: Math.round(stats.mtimeMs) };
  } finally {
    await file.close();
  }
}
