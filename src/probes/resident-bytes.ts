import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Resident memory of processes together, in bytes, by their `statm` lines. Pages that several of them share are counted for each. */
export function residentBytes(lines: ReadonlyMap<number, string>): number {
  if (process.platform !== 'linux') return residentByPs([...lines.keys()]);
  let pages = 0;
  for (const line of lines.values()) pages += residentPages(line);
  return pages * pageBytes();
}

function residentPages(statm: string): number {
  return Number(statm.split(' ', 2)[1] ?? 0);
}

/**
 * The same with shared pages divided among their users (PSS), which takes the kernel a walk over all pages: only for when the sum
 * decides. Of a process that does not let us look, its resident memory.
 */
export function proportionalBytes(lines: ReadonlyMap<number, string>): number {
  if (process.platform !== 'linux') return residentByPs([...lines.keys()]);
  let bytes = 0;
  for (const [pid, line] of lines) {
    const pss = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '');
    bytes += pss === null ? residentPages(line) * pageBytes() : Number(pss[1]) * 1024;
  }
  return bytes;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // Gone meanwhile, or another user's.
    return null;
  }
}

const AT_PAGESZ = 6n;
let knownPageBytes: number | null = null;

// 4 KiB on x64, but 16 or 64 KiB on some arm64 kernels; Node does not tell, the auxiliary vector does.
function pageBytes(): number {
  knownPageBytes ??= readPageBytes();
  return knownPageBytes;
}

function readPageBytes(): number {
  try {
    const vector = readFileSync('/proc/self/auxv');
    for (let at = 0; at + 16 <= vector.length; at += 16)
      if (vector.readBigUInt64LE(at) === AT_PAGESZ) return Number(vector.readBigUInt64LE(at + 8));
  } catch {
    // Not readable in some sandboxes; the usual size then.
  }
  return 4096;
}

function residentByPs(pids: readonly number[]): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', pids.join(',')], { encoding: 'latin1', timeout: 2000 });
  return (stdout ?? '').split('\n').reduce((sum, line) => sum + (Number(line.trim()) || 0) * 1024, 0);
}
