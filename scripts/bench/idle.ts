import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { inFolder, start } from './run.ts';

/** What idle watchers cost, for each of them. */
export interface IdleCost {
  privateMb: number;
  wakeUpsPerSecond: number;
  cpuMsPerSecond: number;
}

const WATCHERS = 13;
/** The garbage of a start is collected within a minute. */
const SETTLE_MS = 60_000;
/** Two rounds of what is asked every 30 s. */
const WINDOW_MS = 60_000;

/** Starts 13 processes, each with a folder of its own, lets them settle, and looks at them twice. `unread`: nobody takes their output. */
export async function idleCost(argv: (folder: string) => readonly string[], unread = false): Promise<IdleCost> {
  return await inFolder(async folder => {
    const watchers = Array.from({ length: WATCHERS }, (_, index) =>
      start(argv(`${folder}/${index}`), unread ? 'pipe' : 'ignore'),
    );
    for (const { stdout } of watchers) stdout?.once('data', () => stdout.destroy());
    const pids = watchers.map(({ pid }) => pid ?? 0);
    try {
      await pause(SETTLE_MS);
      const ended = watchers.find(({ exitCode }) => exitCode !== null);
      if (ended !== undefined) throw new Error(`a watcher that should idle ended with ${ended.exitCode}`);
      const before = pids.map(look);
      await pause(WINDOW_MS);
      const after = pids.map(look);
      const per = (pick: (cost: Look) => number) =>
        after.reduce((sum, cost, index) => sum + pick(cost) - pick(before[index] ?? cost), 0) /
        WATCHERS /
        (WINDOW_MS / 1000);
      return {
        privateMb: pids.reduce((sum, pid) => sum + privateBytes(pid), 0) / WATCHERS / 1e6,
        wakeUpsPerSecond: per(cost => cost.wakeUps),
        cpuMsPerSecond: per(cost => cost.cpuMs),
      };
    } finally {
      await Promise.all(
        watchers.map(watcher => new Promise(done => watcher.once('exit', done) && watcher.kill('SIGTERM'))),
      );
    }
  });
}

interface Look {
  wakeUps: number;
  cpuMs: number;
}

/** All threads: the runtime's own wake up too. */
function look(pid: number): Look {
  let wakeUps = 0;
  let cpuMs = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
    wakeUps += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    // Nanoseconds on a processor: the tick counters are too coarse for an idle process.
    cpuMs += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  }
  return { wakeUps, cpuMs };
}

/** Memory that no file stands behind: of the executable's pages more or fewer are resident with what else runs here. */
export function anonymousMb(pid: number): number {
  return (Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024) / 1e6;
}

function privateBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kb = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0);
  return (kb('Private_Dirty') + kb('Private_Clean')) * 1024;
}
