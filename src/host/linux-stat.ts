import type { ProcessRow } from './process-table.ts';

/** Field 38, the signal to its parent at its end: threads other than the first have none. */
const OF_A_THREAD = '-1';

/**
 * A line of /proc/PID/stat as proc(5) describes it, or null if it is none, or a thread's: /proc lists no threads, but gives each under
 * its own number to whoever asks for that, with the memory of the whole process. The name in parentheses may itself hold spaces and
 * parentheses, so the fields are counted from the last closing one.
 */
export function linuxRow(line: string): ProcessRow | null {
  const pid = Number.parseInt(line, 10);
  const end = line.lastIndexOf(')');
  if (!(pid > 0) || end === -1) return null;
  const fields = line.slice(end + 2).split(' ', 36);
  const state = fields[0];
  const startTicks = Number(fields[19]);
  if (state === undefined || fields.length < 20 || Number.isNaN(startTicks)) return null;
  if (fields[35] === OF_A_THREAD) return null;
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTicks,
    // A first thread that ended alone shows as a zombie though the others run on: field 20 counts them.
    dead: state === 'X' || (state === 'Z' && Number(fields[17]) <= 1),
    halted: state === 'T' || state === 't',
  };
}
