import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { type Limit, libc } from './libc.ts';
import { bears, readProcess } from './process-table.ts';
import { refuseShortage } from './read-file.ts';

// A mark on every process of a run that outlives whatever the process does to its parent, session, environment and user, and our own
// death: a number in a resource limit.
//
// RLIMIT_LOCKS has had no effect since Linux 2.4.25, but it is inherited over fork, exec and setuid, kept by the kernel for
// each process, and shown to everybody in /proc/PID/limits. The soft limit is set around the spawn alone; our own stays as it was given.
// An ordinary user may lower it and raise it again up to the hard limit, which is "unlimited" everywhere but after `ulimit -Hx`.
// Rejected: a control group (needs root or a delegated one), the environment alone (a daemon empties it), looking at the tree now and
// then (misses what came and went between two looks, and keeps an idle watcher awake).
//
// The number holds the run, and the run that the watcher itself is part of, if it is watched by another one.

const RLIMIT_LOCKS = 10;
const ROW = 'Max file locks';
/** The number: this bit, 31 bits of the outer run, 31 bits of the run. */
const MARKED = 1n << 62n;
const RUN_BITS = 31n;
const RUN_MASK = (1n << RUN_BITS) - 1n;

/** Our own limit as it was given to us; undefined: not read yet, null: it cannot be set. */
let given: Limit | null | undefined;

/** Runs something that starts a process, which carries the mark of this run. Without libc or room in the limit it carries none. */
export function withRunMark<T>(runId: string, start: () => T): T {
  const own = shortId(runId);
  given ??= readLimit();
  if (own === null || given === null) return start();
  const outer = markOf(given.soft)?.own ?? 0n;
  if (!setSoft(MARKED | (outer << RUN_BITS) | own, given)) return start();
  try {
    return start();
  } finally {
    setSoft(given.soft, given);
  }
}

/** For a program that is not to end with the run that it was started in: what it starts from here on carries no mark. */
export function shedRunMark(): void {
  given ??= readLimit();
  if (given !== null && markOf(given.soft) !== null) setSoft(given.hard, given);
}

/** Whether a process carries the mark of this run, or of a run inside it. False where that cannot be read. */
export function carriesRunMark(pid: number | 'self', runId: string): boolean {
  const own = shortId(runId);
  if (own === null) return false;
  const mark = markOf(softOf(pid));
  return mark !== null && (mark.own === own || mark.outer === own);
}

function markOf(soft: bigint | null): { own: bigint; outer: bigint } | null {
  if (soft === null || soft >> 62n !== 1n) return null;
  return { own: soft & RUN_MASK, outer: (soft >> RUN_BITS) & RUN_MASK };
}

// A run's id is random, so any part of it is.
function shortId(runId: string): bigint | null {
  return /^[0-9a-f]{8}/.test(runId) ? BigInt(`0x${runId.slice(0, 8)}`) & RUN_MASK : null;
}

function softOf(pid: number | 'self'): bigint | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/limits`, 'latin1');
  } catch (error) {
    refuseShortage(error);
    // Gone, hidden from us, or no /proc.
    return null;
  }
  const found = /^ +(\d+) /.exec(text.slice(text.indexOf(ROW) + ROW.length))?.[1];
  return found === undefined ? null : BigInt(found);
}

function readLimit(): Limit | null {
  try {
    const limit = libc()?.limit(RLIMIT_LOCKS) ?? null;
    return limit !== null && limit.hard > MARKED * 2n ? limit : null;
  } catch {
    // Refused by a filter of system calls: then the environment alone marks a run.
    return null;
  }
}

function setSoft(soft: bigint, { hard }: Limit): boolean {
  try {
    libc()?.setLimit(RLIMIT_LOCKS, { soft, hard });
    return true;
  } catch {
    // As above; a limit that could be read and not set.
    return false;
  }
}

/** A run, as far as it is known. */
export interface RunMark {
  /** Of the watcher, and the state folder it uses: what every run of this name carries in its environment. */
  name: string;
  stateDir: string;
  /** The current run, or the one a dead watcher left; null if there is none. */
  runId: string | null;
  childPid: number | null;
  startTicks: number | null;
}

/** Where `ps` and /proc agree that nothing is above it. */
const TOP = 1;

/**
 * Whether a process stands inside the tree of a watched child: it or one of its ancestors is the child, carries the run's
 * mark, or belongs to the child's session. Ancestors count, since a tool that an agent calls may have been given a clean
 * environment. True also if `pid` cannot be seen: what cannot be judged is not outside.
 *
 * A process of our own user could as well remove the hold file itself, or have somebody outside ask for it (cron, a shell of tmux):
 * this is a fence against an agent that helps itself, not against an attacker with our own user id.
 */
export function isInsideRun(pid: number, run: RunMark): boolean {
  const seen = new Set<number>();
  let current = pid;
  while (current > TOP && !seen.has(current)) {
    seen.add(current);
    const found = readProcess(current);
    if (found === null) return current === pid;
    const isChild = current === run.childPid && (run.startTicks === null || run.startTicks === found.startTicks);
    if (isChild || isOfSession(found.session, run) || carriesMark(current, run)) return true;
    current = found.parent;
  }
  return false;
}

/**
 * Whether this very process stands inside a run, for what only the run itself must not do. Where there is no /proc its own environment
 * decides: then nothing could ever be deleted.
 */
export function isOfRun(run: RunMark): boolean {
  return readProcess(process.pid) === null ? ownMark(process.env, run) : isInsideRun(process.pid, run);
}

/** The child leads a session of its own; its number is the child's pid, which the kernel does not give out again while any member lives. */
function isOfSession(session: number, run: RunMark): boolean {
  if (run.childPid === null || session !== run.childPid) return false;
  const leader = readProcess(run.childPid);
  return leader === null || run.startTicks === null || leader.startTicks === run.startTicks;
}

function carriesMark(pid: number, { name, stateDir, runId }: RunMark): boolean {
  if (runId !== null && carriesRunMark(pid, runId)) return true;
  if (pid === process.pid) return ownMark(process.env, { name, stateDir, runId });
  if (runId !== null && bears(pid, `AGENT_WATCH_RUN_ID=${runId}`)) return true;
  return bears(pid, `AGENT_WATCH_NAME=${name}`) && bears(pid, `AGENT_WATCH_STATE_DIR=${stateDir}`);
}

function ownMark(
  env: NodeJS.ProcessEnv,
  { name, stateDir, runId }: Pick<RunMark, 'name' | 'stateDir' | 'runId'>,
): boolean {
  if (runId !== null && env['AGENT_WATCH_RUN_ID'] === runId) return true;
  return env['AGENT_WATCH_NAME'] === name && env['AGENT_WATCH_STATE_DIR'] === stateDir;
}

/** Who asks for a reset: by the kernel's word with the start time of the process, or by its own without. */
export interface Asker {
  pid: unknown;
  startTicks?: number | null;
}

/**
 * Why a reset is refused, in one sentence; null if it is allowed. A process of an outer pid namespace, which the kernel calls 0, is
 * inside none of our runs: those are all in our namespace, or in one inside it.
 */
export function whyNoReset({ pid, startTicks }: Asker, run: RunMark): string | null {
  if (pid === 0 && startTicks !== undefined) return null;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= TOP)
    return 'the calling process did not identify itself';
  const found = readProcess(pid);
  if (found === null || found.dead || (startTicks !== undefined && found.startTicks !== startTicks))
    return `the asking process ${pid} is not visible to the watcher`;
  return isInsideRun(pid, run)
    ? `process ${pid} belongs to what '${run.name}' watches, which may not lift its own hold`
    : null;
}

/**
 * Ends this process. process.exit joins the threads of the pool first, so a file call that hangs (a mount that is gone) would keep us
 * for ever: then only the kernel is told. The hooks for an end are called either way.
 */
export function exitAtOnce(code: number): void {
  if (process.getActiveResourcesInfo().some(kind => kind.startsWith('FSReq'))) {
    process.emit('exit', code);
    libc()?.exit(code);
  }
  process.exit(code);
}

/**
 * How this very program is started again: the executable alone, or Node with its flags and the script where the bundle runs under
 * a Node of the machine's (macOS). Absolute paths, so that it works from any folder.
 */
export function ownProgram(): string[] {
  const { resolve } = process.getBuiltinModule('node:path');
  return isExecutable() ? [process.execPath] : [process.execPath, ...process.execArgv, resolve(process.argv[1] ?? '')];
}

/** Whether this is the executable, and not the bundle under a Node of the machine's. */
export function isExecutable(): boolean {
  return process.getBuiltinModule('node:sea').isSea();
}

/**
 * Tells V8 to compile no more code with its optimising compilers. Each function that becomes hot leaves kilobytes of machine code,
 * and the compilers' own working memory is never given back: 18 MB after a thousand restarts, in which nothing ever runs faster
 * for it, since spawning is all the kernel's work. As flags at the start these would be refused together with the code cache.
 * What is compiled already stays.
 */
export async function disableOptimizer(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  for (const flag of ['--no-opt', '--no-maglev']) setFlagsFromString(flag);
}

/**
 * Our first argument that is not UTF-8, with its foreign bytes shown as \xNN; null if all are, or where the system does
 * not show them. Node has already replaced such bytes in process.argv: passed on, they would name another file.
 */
export function findMangledArgument(): string | null {
  if (process.platform !== 'linux') return null;
  let raw: Buffer;
  try {
    raw = readFileSync('/proc/self/cmdline');
  } catch {
    // No /proc: nothing to compare with.
    return null;
  }
  return firstForeign(raw);
}

/**
 * The first variable of the environment we were started with that is not UTF-8, as `NAME=value` with its foreign bytes shown; null if all
 * are. `but`: names that do not matter.
 */
export function findMangledVariable(but: ReadonlySet<string>): string | null {
  if (process.platform !== 'linux') return null;
  let raw: Buffer;
  try {
    raw = readFileSync('/proc/self/environ');
  } catch {
    // No /proc: nothing to compare with.
    return null;
  }
  if (isUtf8(raw)) return null;
  // Latin-1 has a character for every byte, so this cuts where the bytes say.
  const foreign = raw
    .toString('latin1')
    .split('\0')
    .map(entry => Buffer.from(entry, 'latin1'))
    .find(entry => !isUtf8(entry) && !but.has(entry.toString('latin1').split('=', 1)[0]!));
  return foreign === undefined ? null : printable(foreign);
}

/** The first of the NUL-terminated strings that is not UTF-8, made printable; null if there is none. */
export function firstForeign(raw: Buffer): string | null {
  if (isUtf8(raw)) return null;
  for (let from = 0; from < raw.length; ) {
    const nul = raw.indexOf(0, from);
    const to = nul === -1 ? raw.length : nul;
    const part = raw.subarray(from, to);
    if (!isUtf8(part)) return printable(part);
    from = to + 1;
  }
  return null;
}

function printable(bytes: Buffer): string {
  return [...bytes]
    .map(byte => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`))
    .join('');
}
