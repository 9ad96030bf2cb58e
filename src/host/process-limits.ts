import { readFileSync } from 'node:fs';

/** What a process may have at most, by its soft limits; null: no limit, or the system does not tell. Source: proc(5), limits. */
export interface ProcessLimits {
  readonly files: number | null;
  /** Of its user, in all. */
  readonly processes: number | null;
}

export function limitsOf(pid: number | 'self'): ProcessLimits {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/limits`, 'latin1');
  } catch {
    // Gone, another user's, or no /proc.
    return { files: null, processes: null };
  }
  const soft = (row: string) => {
    const found = new RegExp(`^${row}\\s+(\\d+)`, 'm').exec(text)?.[1];
    return found === undefined ? null : Number(found);
  };
  return { files: soft('Max open files'), processes: soft('Max processes') };
}
