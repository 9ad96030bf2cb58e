import { isatty } from 'node:tty';
import { type Asked, ask } from '../../control/client.ts';
import type { Request } from '../../control/protocol.ts';
import { forgetTroubles, readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import { bootId } from '../../host/clock.ts';
import { whyNoLibc } from '../../host/libc.ts';
import { StateFolderRefused } from '../../state/private-folder.ts';
import { socketFolders } from '../../state/read-status.ts';
import { type ResetResult, resetOffline } from '../../state/reset-offline.ts';
import type { Invocation } from '../arguments/commands.ts';
import { actOnAll, type Done } from '../fleet/act.ts';
import { type Service, whyUnreadable } from '../fleet/select.ts';
import { CommandFailed } from '../usage-error.ts';
import { readStatus } from './status.ts';

type RequestInvocation = Extract<Invocation, { kind: 'stop' | 'restart' | 'reset' | 'signal' }>;

/** A watcher's loop never waits, so an answer that takes longer means that it is stopped or starved. */
const ANSWER_MS = 10_000;
/** How long a stop may take: any --stop-timeout that makes sense, twice. */
const STOP_MS = 24 * 3_600_000;

/** Asks the watchers of the selected services for something, all at once, and says what came of each. */
export async function requestCommand(invocation: RequestInvocation): Promise<number> {
  return await actOnAll(invocation, service => requestOne(service, invocation));
}

/** Stops one service and waits until its watcher has ended. */
export async function stopService({ stateDir, name }: Pick<Service, 'stateDir' | 'name'>, now: boolean): Promise<Done> {
  const selection = { names: [name], all: false, allUsers: false, stateDir, stateDirGiven: false };
  return await requestOne({ stateDir, name, label: name }, { kind: 'stop', now, ...selection });
}

async function requestOne(service: Service, invocation: RequestInvocation): Promise<Done> {
  const { stateDir, name } = service;
  const why = whyUnreadable(service);
  if (why !== null) throw new CommandFailed(why);
  const runBefore = invocation.kind === 'restart' ? readStatus(stateDir, name)?.childPid : null;
  const asked = await ask(socketFolders(stateDir, name), { ...requestOf(invocation), from: whoAsks() }, ANSWER_MS);
  if (asked.kind === 'failed') return { ok: false, text: asked.why };
  if (asked.kind === 'nobody') return await withoutWatcher(service, invocation);
  if (!asked.answer.ok) {
    asked.hangUp();
    return { ok: false, text: asked.answer.why };
  }
  if (invocation.kind === 'stop') return await waitForEnd(asked);
  asked.hangUp();
  if (invocation.kind === 'restart') return await newRun(service, runBefore ?? null);
  return { ok: true, text: invocation.kind === 'reset' ? 'reset' : `${invocation.signal} sent to the command` };
}

/** For the watcher's events: the user, the process, and the service in whose run we are, if in one. */
function whoAsks(): string {
  const inside = process.env['AGENT_WATCH_NAME'];
  const user = process.env['SUDO_USER'] ?? process.env['USER'] ?? `user ${process.getuid?.() ?? '?'}`;
  return `${user} (pid ${process.pid}${inside === undefined ? '' : `, from the run of ${inside}`})`;
}

function requestOf(invocation: RequestInvocation): Request {
  if (invocation.kind === 'stop') return { verb: 'stop', now: invocation.now };
  if (invocation.kind === 'signal') return { verb: 'signal', signal: invocation.signal };
  return invocation.kind === 'reset' ? { verb: 'reset', pid: process.pid } : { verb: 'restart' };
}

async function waitForEnd(asked: Extract<Asked, { kind: 'answered' }>): Promise<Done> {
  return (await asked.ended(STOP_MS))
    ? { ok: true, text: 'stopped' }
    : { ok: false, text: 'still stopping after a day' };
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

/** A stop of what does not run has its wish; a reset works on the files; the rest needs a watcher. */
async function withoutWatcher({ name, stateDir }: Service, invocation: RequestInvocation): Promise<Done> {
  const { kind } = invocation;
  if (kind === 'stop') return { ok: true, text: 'not running' };
  if (invocation.kind !== 'reset') return { ok: false, text: `not running; to start it: agent-watch start ${name}` };
  return resetText(await reset(stateDir, name, invocation.yes));
}

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
      return { ok: false, text: `its watcher (pid ${result.pid ?? 'unknown'}) takes no requests` };
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
