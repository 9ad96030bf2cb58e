import { setTimeout as pause } from 'node:timers/promises';
import { type Asked, ask } from '../../control/client.ts';
import { CANNOT_END, survivorsText } from '../../core/stopping.ts';
import { monoNow } from '../../host/clock.ts';
import { reasonOf } from '../../host/errno.ts';
import { signalProcess } from '../../host/process-signals.ts';
import { readProcess } from '../../host/process-table.ts';
import { newestRecord, signalableWatcher, type WatcherId } from '../../state/lock-record.ts';
import { StateFolderRefused } from '../../state/open-folder.ts';
import { socketFolders } from '../../state/read-status.ts';
import type { Done } from '../fleet/act.ts';
import type { Service } from '../fleet/select.ts';
import { whoAsks } from '../fleet/who-asks.ts';
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
    `agent-watch: ${service.name}: its watcher (pid ${pid}) takes no requests; sending it SIGTERM\n`,
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
