/**
 * A command line of the user's that asks something: a check, or a source of metrics. It runs by `/bin/sh -c` in a session of its
 * own, and when it is over, by itself or at its time limit, nothing of it stays: not its group, not what left the group.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { timerMs } from '../core/units.ts';
import { atMost } from '../host/clock.ts';
import { reapExactly, signalGroup, signalProcess } from '../host/process-signals.ts';
import { bears, newestPid, readProcess, readTable } from '../host/process-table.ts';
import { errnoOf } from '../host/read-file.ts';

// Not execa: a check runs again and again, and each call of execa builds its own streams, promises and listeners, which cost more than
// the rest of the probe.

export interface ProbeOrder {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeLimitMs: number;
  /** Of standard output and error together the last bytes up to this number are kept; more is read and thrown away. */
  readonly keepBytes: number;
  readonly abort: AbortSignal;
}

export interface ProbeEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly complaint: string;
  /** What we ended it for. */
  readonly over: 'time' | 'aborted' | null;
}

const PROBE_ID = 'AGENT_WATCH_PROBE_ID';
/** How long its last words are waited for after its end: what it left behind may hold the pipe. */
const LAST_WORDS_MS = 50;

/** Runs it. Rejects if no shell could be started. */
export async function runProbeCommand(order: ProbeOrder): Promise<ProbeEnd> {
  const mark = `${PROBE_ID}=${randomBytes(16).toString('hex')}`;
  const child = spawn('/bin/sh', ['-c', order.command], {
    cwd: order.cwd,
    env: { ...order.env, [PROBE_ID]: mark.slice(PROBE_ID.length + 1) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) {
    const [error] = await once(child, 'error');
    throw new Error(`/bin/sh could not be started (${errnoOf(error) ?? error})`);
  }
  reapExactly(child);
  const output = keepTail(child.stdout, order.keepBytes);
  const complaint = keepTail(child.stderr, order.keepBytes);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(resolve => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()));
  const shell: Shell = { pid, startTicks: readProcess(pid)?.startTicks ?? null, mark };
  const over = await limit(ended, order, () => sweep(shell));
  const end = await ended;
  // A sweep reads the process table; a check that started no process leaves none.
  if (newestPid() !== pid) sweep(shell);
  await atMost(LAST_WORDS_MS, closed);
  child.stdout?.destroy();
  child.stderr?.destroy();
  return { ...end, output: output(), complaint: complaint(), over };
}

function limit(ended: Promise<unknown>, order: ProbeOrder, stop: () => void): Promise<ProbeEnd['over']> {
  return new Promise(resolve => {
    let over: ProbeEnd['over'] = null;
    const finish = () => {
      clearTimeout(timer);
      order.abort.removeEventListener('abort', onAbort);
      resolve(over);
    };
    const end = (why: 'time' | 'aborted') => {
      over ??= why;
      stop();
    };
    const timer = setTimeout(() => end('time'), timerMs(order.timeLimitMs));
    const onAbort = () => end('aborted');
    order.abort.addEventListener('abort', onAbort);
    if (order.abort.aborted) onAbort();
    void ended.then(finish);
  });
}

/** The shell of a command, as proof of what is its own. */
interface Shell {
  pid: number;
  startTicks: number | null;
  /** `NAME=value` in the environment of all that it starts. */
  mark: string;
}

// SIGKILL at once: a check has nothing to tidy up that would be worth waiting for, and one that hangs may ignore the rest. Twice, since
// what forks while it is being killed may slip through once.
function sweep({ pid, startTicks, mark }: Shell): void {
  for (let round = 0; round < 2; round++) {
    const holder = readProcess(pid);
    // A pid stays taken while a group or session of that number has a member, so unless it has a new holder they are ours.
    const ours = holder === null || holder.startTicks === startTicks;
    if (holder !== null && ours && holder.group === pid) signalGroup(pid, 'SIGKILL');
    const newest = newestPid();
    const rows = readTable(newest === null ? null : { first: pid, last: newest });
    for (const row of rows) {
      if (row.dead || row.pid === process.pid || row.startTicks < (startTicks ?? 0)) continue;
      if ((ours && (row.group === pid || row.session === pid)) || bears(row.pid, mark))
        signalProcess(row.pid, row.startTicks, 'SIGKILL');
    }
  }
}

function keepTail(stream: NodeJS.ReadableStream | null, keepBytes: number): () => string {
  let tail = Buffer.alloc(0);
  stream?.on('data', (chunk: Buffer) => {
    tail =
      chunk.length >= keepBytes
        ? Buffer.from(chunk.subarray(-keepBytes))
        : Buffer.concat([tail, chunk]).subarray(-keepBytes);
  });
  return () => tail.toString('utf8');
}
