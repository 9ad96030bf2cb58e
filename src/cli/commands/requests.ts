import { setTimeout as pause } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { type Asked, ask, type Request } from '../../control/protocol.ts';
import { CANNOT_END, survivorsText } from '../../core/requests.ts';
import { forgetTroubles, readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import { bootId, monoNow } from '../../host/clock.ts';
import { whyNoLibc } from '../../host/libc.ts';
import { signalProcess } from '../../host/process-signals.ts';
import { readProcess } from '../../host/process-table.ts';
import { reasonOf } from '../../host/read-file.ts';
import { newestRecord, signalableWatcher, type WatcherId } from '../../state/lock-record.ts';
import { StateFolderRefused } from '../../state/private-folder.ts';
import { type ResetResult, resetOffline, socketFolders } from '../../state/read-status.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { actOnAll, type Done, type Service, whoAsks } from '../fleet/select.ts';
import { CommandFailed } from '../usage-error.ts';
import { readStatus } from './status.ts';

type Named = Pick<Service, 'stateDir' | 'name'>;

/** A watcher's loop never waits, so an answer that takes longer means that it is stopped or starved. */
const ANSWER_MS = 10_000;
/** A watcher makes a removed socket again within seconds: it is asked for that long before it gets a signal. */
const SOCKET_BACK_MS = 7000;
const ASK_AGAIN_MS = 250;
const LOOK_EVERY_MS = 500;
/** A second interrupt ends the grace; the watcher ignores one that comes sooner. */
const SECOND_SIGNAL_MS = 1200;
/** After this time a line says that the stop takes longer. */
const SAY_AFTER_MS = 15_000;

/**
 * Stops a service, whatever became of its watcher: by its socket, by a signal where that is gone, and where the watcher itself is gone
 * by ending what it left. Done only if nothing is left.
 */
export async function stopService(service: Named, now: boolean): Promise<Done> {
  const { name, stateDir } = service;
  const asked = await askPatiently(service, now);
  if (asked.kind === 'answered') {
    if (!asked.answer.ok) {
      asked.hangUp();
      return { ok: false, text: asked.answer.why };
    }
    const stuck = await waitFor(service, ms => asked.ended(ms));
    asked.hangUp();
    return stuck ?? (await endLeftovers(service, now, true));
  }
  const watcher = signalableWatcher(stateDir, name);
  if (watcher !== null) return (await stopBySignal(service, watcher, now)) ?? (await endLeftovers(service, now, true));
  return asked.kind === 'failed' ? { ok: false, text: asked.why } : await endLeftovers(service, now, false);
}

/** Asks again as long as a live watcher may be making its socket anew. */
async function askPatiently({ stateDir, name }: Named, now: boolean): Promise<Asked> {
  const end = monoNow() + SOCKET_BACK_MS;
  for (;;) {
    const asked = await ask(socketFolders(stateDir, name), { verb: 'stop', now, from: whoAsks() }, ANSWER_MS);
    if (asked.kind !== 'nobody' || monoNow() > end || signalableWatcher(stateDir, name) === null) return asked;
    await pause(ASK_AGAIN_MS);
  }
}

async function stopBySignal(service: Named, { pid, startTicks }: WatcherId, now: boolean): Promise<Done | null> {
  process.stderr.write(
    `agent-watch: ${service.name}: its watcher (pid ${pid}) accepts no requests; sending it SIGTERM\n`,
  );
  const send = (signal: 'SIGTERM' | 'SIGINT') => signalProcess(pid, startTicks ?? -1, signal);
  if (send('SIGTERM') === 'forbidden')
    return { ok: false, text: `the kernel refuses our signals to its watcher (pid ${pid})` };
  if (now) await pause(SECOND_SIGNAL_MS).then(() => send('SIGINT'));
  const isGone = () => {
    const row = readProcess(pid);
    return row === null || row.dead || row.startTicks !== startTicks;
  };
  return await waitFor(service, async ms => {
    await pause(isGone() ? 0 : ms);
    return isGone();
  });
}

/** Waits for the watcher's end: null, or what is to be said if it cannot end the command. */
async function waitFor({ name, stateDir }: Named, ended: (ms: number) => Promise<boolean>): Promise<Done | null> {
  let sayAt = monoNow() + SAY_AFTER_MS;
  while (!(await ended(LOOK_EVERY_MS))) {
    const status = readStatus(stateDir, name);
    const stuck = status?.health.find(row => row.name === CANNOT_END && row.ok === false);
    if (stuck !== undefined)
      return {
        ok: false,
        text: `not stopped: ${stuck.detail}; its watcher waits for that and starts nothing beside it`,
      };
    if (monoNow() < sayAt) continue;
    sayAt = Number.POSITIVE_INFINITY;
    const child = status?.childPid ?? null;
    process.stderr.write(`agent-watch: ${name}: still stopping${child === null ? '' : ` (pid ${child})`}\n`);
  }
  return null;
}

/** Without a watcher: ends what may be left of its run. `stopped`: a watcher has just ended for us. */
async function endLeftovers({ name, stateDir }: Named, now: boolean, stopped: boolean): Promise<Done> {
  const { record } = newestRecord(stateDir, name);
  // It told that nothing is left, as a watcher does that has ended in order.
  if (stopped && record !== null && record !== 'unreadable' && record.run === null)
    return { ok: true, text: 'stopped' };
  const { stopUnsupervised } = await import('../../supervisor/stop-unsupervised.ts');
  const result = await stopUnsupervised({ stateDir, name, now }).catch(error => {
    throw new CommandFailed(error instanceof StateFolderRefused ? error.message : reasonOf(error));
  });
  if (result.kind === 'watched') {
    // Somebody has started it again since.
    if (stopped) return { ok: true, text: 'stopped' };
    const pid = result.pid === null ? '' : ` (pid ${result.pid})`;
    return { ok: false, text: `its watcher${pid} cannot be reached from here: another container's, or another user's` };
  }
  if (result.kind === 'left')
    return {
      ok: false,
      text: `not stopped: its watcher is dead, and what it left cannot be ended: ${survivorsText(result.survivors)}`,
    };
  for (const line of result.said) process.stderr.write(`agent-watch: ${name}: ${line}\n`);
  if (result.ended > 0) return { ok: true, text: `stopped; its watcher was dead and had left ${named(result)}` };
  return { ok: true, text: stopped ? 'stopped' : 'not running' };
}

function named({ names, ended }: { names: readonly string[]; ended: number }): string {
  return `${names.join(', ')}${ended > names.length ? ` and ${ended - names.length} more` : ''} running`;
}

type RequestInvocation = Extract<Invocation, { kind: 'stop' | 'restart' | 'reset' | 'signal' }>;

/** What is asked of a service. */
type Order =
  | { readonly kind: 'stop'; readonly now: boolean }
  | { readonly kind: 'restart'; readonly watcher?: boolean }
  /** `keepsKillHold`: not if a kill condition holds it. */
  | { readonly kind: 'reset'; readonly yes: boolean; readonly keepsKillHold?: boolean }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals };

/** Asks the watchers of the selected services for something, all at once, and says what came of each. */
export async function requestCommand(invocation: RequestInvocation): Promise<number> {
  return await actOnAll(invocation, service => requestOne(service, invocation));
}

/** Asks the watcher of one service, and does without one what can be done without. */
export async function requestOne(service: Service, invocation: Order): Promise<Done> {
  const { stateDir, name } = service;
  if (invocation.kind === 'stop') return await stopService(service, invocation.now);
  if (invocation.kind === 'restart' && invocation.watcher) {
    const { restartWatcher } = await import('./start.ts');
    return await restartWatcher(service);
  }
  const runBefore = invocation.kind === 'restart' ? readStatus(stateDir, name)?.childPid : null;
  const asked = await ask(socketFolders(stateDir, name), { ...requestOf(invocation), from: whoAsks() }, ANSWER_MS);
  if (asked.kind === 'failed') return { ok: false, text: asked.why };
  if (asked.kind === 'nobody') return await withoutWatcher(service, invocation);
  if (!asked.answer.ok) {
    asked.hangUp();
    return { ok: false, text: asked.answer.why };
  }
  asked.hangUp();
  if (invocation.kind === 'restart') return await newRun(service, runBefore ?? null);
  return { ok: true, text: invocation.kind === 'reset' ? 'reset' : `${invocation.signal} sent to the command` };
}

function requestOf(invocation: Exclude<Order, { kind: 'stop' }>): Request {
  if (invocation.kind === 'signal') return { verb: 'signal', signal: invocation.signal };
  if (invocation.kind === 'restart') return { verb: 'restart' };
  return { verb: 'reset', pid: process.pid, ...(invocation.keepsKillHold === true && { keepsKillHold: true }) };
}

const RESTART_LOOK_EVERY_MS = 25;
/** Once the old run has ended, the new one is up within milliseconds, or never. */
const NEW_RUN_MS = 10_000;

/** Waits until another run is up, however long the old one takes to stop. */
async function newRun({ stateDir, name }: Service, before: number | null): Promise<Done> {
  let endsAt = Number.POSITIVE_INFINITY;
  for (;;) {
    const status = readStatus(stateDir, name);
    const pid = status?.childPid ?? null;
    if (status?.watcherPid != null && pid !== null && pid !== before && status.phase !== 'stopping')
      return { ok: true, text: `restarted, pid ${pid}` };
    if (pid !== before && endsAt === Number.POSITIVE_INFINITY) endsAt = Date.now() + NEW_RUN_MS;
    const over = status === null || ['lost', 'held', 'stopped', 'finished', 'cooldown'].includes(status.phase);
    if (over || Date.now() > endsAt) return { ok: false, text: `no new run: ${status?.phase ?? 'its state is gone'}` };
    await new Promise(resolve => setTimeout(resolve, RESTART_LOOK_EVERY_MS));
  }
}

/** A reset works on the files; the rest needs a watcher. */
async function withoutWatcher(
  { name, stateDir }: Service,
  invocation: Exclude<Order, { kind: 'stop' }>,
): Promise<Done> {
  const watcher = signalableWatcher(stateDir, name);
  if (watcher !== null) return { ok: false, text: noRequests(watcher.pid) };
  if (invocation.kind !== 'reset') return { ok: false, text: `not running; to start it: agent-watch start ${name}` };
  return resetText(await reset(stateDir, name, invocation.yes));
}

/** A watcher makes its socket again every few seconds. */
const noRequests = (pid: number | null) =>
  `its watcher (pid ${pid ?? 'unknown'}) accepts no requests at the moment; try again in 5 seconds`;

async function reset(stateDir: string, name: string, yes: boolean): Promise<ResetResult> {
  try {
    return await resetOffline<Snapshot>({
      stateDir,
      name,
      read: readSnapshot,
      ofThisBoot: saved => saved.bootId === bootId(),
      clear: saved => ({ ...saved, state: forgetTroubles(saved.state) }),
      now: new Date(),
      unproved: whyNoLibc() !== null && !yes && !isatty(0),
    });
  } catch (error) {
    throw error instanceof StateFolderRefused ? new CommandFailed(error.message) : error;
  }
}

function resetText(result: ResetResult): Done {
  switch (result.kind) {
    case 'refused':
      return { ok: false, text: result.why };
    case 'watched':
      return { ok: false, text: noRequests(result.pid) };
    case 'unknown-name':
      return { ok: false, text: 'its folder is gone' };
    case 'done': {
      const cleared = result.lifted === null ? '' : `; hold cleared (it was: ${result.lifted.why})`;
      return { ok: true, text: `reset; not running${cleared}` };
    }
    default:
      return result satisfies never;
  }
}
