import type { Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { changedAt } from '../../core/health-judges.ts';
import type { Mono, Stamp, Wall } from '../../core/time.ts';
import { errnoOf } from '../../host/errno.ts';
import { DOCUMENT_BYTES, type MetricsSource, type Reading } from './source.ts';
import { type Metrics, parseMetrics } from './values.ts';

/** File systems keep times coarsely: a file read so soon after its change may be changed once more without a trace. */
const COARSE_MS = 2500;

/**
 * A JSON file. Its age is that of its modification time at the first look, and from then on by the monotonic clock. A reader may
 * come while it is being rewritten: what is no JSON at this moment leaves the former values, at their age.
 */
export function fileSource(path: string, now: () => Stamp): MetricsSource {
  let last: { values: Metrics; at: Mono; version: Version; lookedAt: Stamp; settled: boolean } | null = null;

  async function look(): Promise<Reading> {
    // Unchanged, it is not read again: this is looked at every few seconds, for as long as the watcher lives.
    if (last?.settled && isSame(last.version, versionOf(await stat(path)))) {
      last.lookedAt = now();
      return last;
    }
    const { text, version } = await readWhole(path);
    const values = parseMetrics(text);
    if (typeof values === 'string') return last ?? { fault: `${path} ${values}` };
    const lookedAt = now();
    const settled = Math.abs(lookedAt.wall - version.mtime) > COARSE_MS;
    last = { values, at: ageBase(version.mtime, lookedAt), version, lookedAt, settled };
    return last;
  }

  function ageBase(mtime: number, at: Stamp): Mono {
    if (last === null) return (at.mono - Math.max(0, at.wall - mtime)) as Mono;
    return last.version.mtime === mtime ? last.at : changedAt(mtime as Wall, last.lookedAt, at);
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

/** What changes when a file is written or replaced. */
interface Version {
  mtime: number;
  bytes: number;
  inode: number;
}

function versionOf(stats: Stats): Version {
  return { mtime: stats.mtimeMs, bytes: stats.size, inode: stats.ino };
}

function isSame(a: Version, b: Version): boolean {
  return a.mtime === b.mtime && a.bytes === b.bytes && a.inode === b.inode;
}

async function readWhole(path: string): Promise<{ text: string; version: Version }> {
  const file = await open(path);
  try {
    const stats = await file.stat();
    const buffer = Buffer.alloc(Math.min(DOCUMENT_BYTES, Math.max(stats.size, 4096)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return { text: buffer.toString('utf8', 0, bytesRead), version: versionOf(stats) };
  } finally {
    await file.close();
  }
}
