import { isatty } from 'node:tty';
import { ask } from '../../control/client.ts';
import type { Request } from '../../control/protocol.ts';
import { forgetTroubles, readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import { bootId } from '../../host/clock.ts';
import { whyNoLibc } from '../../host/libc.ts';
import { signalableWatcher } from '../../state/lock-record.ts';
import { StateFolderRefused } from '../../state/open-folder.ts';
import { socketFolders } from '../../state/read-status.ts';
import { type ResetResult, resetOffline } from '../../state/reset-offline.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { actOnAll, type Done } from '../fleet/act.ts';
import type { Service } from '../fleet/select.ts';
import { whoAsks } from '../fleet/who-asks.ts';
import { CommandFailed } from '../usage-error.ts';
import { readStatus } from './status.ts';
import { stopService } from './stop.ts';

type RequestInvocation = Extract<Invocation, { kind: 'stop' | 'restart' | 'reset' | 'signal' }>;

/** What is asked of a service. */
type Order =
  | { readonly kind: 'stop'; readonly now: boolean }
  | { readonly kind: 'restart'; readonly watcher?: boolean }
  /** `keepsKillHold`: not if a kill condition holds it. */
  | { readonly kind: 'reset'; readonly yes: boolean; readonly keepsKillHold?: boolean }
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals };

/** A watcher's loop never waits, so an answer that takes longer means that it is stopped or starved. */
const ANSWER_MS = 10_000;
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

const LOOK_EVERY_MS = 25;
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
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
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
  `its watcher (pid ${pid ?? 'unknown'}) takes no requests at the moment; try again in 5 seconds`;

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
