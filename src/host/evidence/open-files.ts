import { readdirSync, readFileSync } from 'node:fs';

/** How many descriptors a process has open, and how many it may; null where the system does not tell. */
export function openFiles(pid: number): { open: number; limit: number } | null {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1];
    return limit === undefined ? null : { open: readdirSync(`/proc/${pid}/fd`).length, limit: Number(limit) };
  } catch {
    // Gone, another user's, or no /proc.
    return null;
  }
}
