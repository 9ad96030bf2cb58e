import { libc } from './libc.ts';
import { bears, readProcess } from './process-table.ts';
import { carriesRunMark } from './run-mark.ts';

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
    return 'the asking process did not say who it is';
  const found = readProcess(pid);
  if (found === null || found.dead || (startTicks !== undefined && found.startTicks !== startTicks))
    return `the asking process ${pid} cannot be seen from the watcher`;
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
