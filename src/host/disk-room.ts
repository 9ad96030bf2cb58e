// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

import { promises as files } from 'node:fs';
import { atMost } from './clock.ts';

/** What is left on the file system of a path. */
export interface DiskRoom {
  path: string;
  /** For an ordinary user: what is reserved for root is left out. */
  freeBytes: number;
  totalBytes: number;
  /** null: this file system has no fixed number of inodes. */
  freeInodes: number | null;
}

/** A mount whose server is gone never answers. */
const ANSWER_MS = 1000;

let hanging = 0;

/** The room on the file systems of these paths, each named once by the first path on it; what does not answer in time is left out. */
export async function diskRoom(paths: readonly string[]): Promise<DiskRoom[]> {
  // Each unanswered question occupies a thread of the pool, which other work needs.
  if (hanging > 0) return [];
  const seen = new Set<number>();
  const loaded: DiskRoom[] = [];
  for (const path of paths) {
    const found = await withDeadline(look(path));
    if (found === null || seen.has(found.device)) continue;
    seen.add(found.device);
    loaded.push(found.room);
  }
  return loaded;
}

async function look(path: string): Promise<{ device: number; room: DiskRoom } | null> {
  try {
    const [{ dev }, { bsize, bavail, blocks, files: inodes, ffree }] = await Promise.all([
      files.stat(path),
      files.statfs(path),
    ]);
    const room = { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: inodes > 0 ? ffree : null };
    return { device: dev, room };
  } catch {
    // ENOENT, EACCES: nothing can be said of it.
    return null;
  }
}

async function withDeadline<T>(answer: Promise<T>): Promise<T | null> {
  hanging++;
  const answered = answer.finally(() => {
    hanging--;
  });
  return await atMost(ANSWER_MS, answered, null);
}
