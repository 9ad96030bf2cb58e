import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { isatty } from 'node:tty';
import { EXIT } from '../../core/signals.ts';
import { isOfRun } from '../../host/own-process.ts';
import { readProcess } from '../../host/process-table.ts';
import { reasonOf } from '../../host/read-file.ts';
import { readHold } from '../../state/hold-file.ts';
import { acquireLock, type Lock } from '../../state/lock.ts';
import { newestRecord } from '../../state/lock-record.ts';
import { existingPrivateFolders } from '../../state/private-folder.ts';
import { openStateFolder } from '../../state/state-folder.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { actOnAll, type Done, type Service, select } from '../fleet/select.ts';
import { refuseUnit } from '../service/plan.ts';
import { CommandFailed } from '../usage-error.ts';
import { stopService } from './requests.ts';

type DeleteInvocation = Extract<Invocation, { kind: 'delete' }>;

/** Stops services and removes everything that is kept of them. On a terminal it asks first. */
export async function deleteCommand(invocation: DeleteInvocation): Promise<number> {
  const selected = select(invocation);
  const { services } = selected;
  if (services.length > 0 && !invocation.yes && !(await confirmed(services))) {
    process.stderr.write('agent-watch: nothing deleted\n');
    return EXIT.notWell;
  }
  // What was asked about, not what has come since.
  return await actOnAll(invocation, deleteOne, selected);
}

async function confirmed(services: readonly Service[]): Promise<boolean> {
  if (!isatty(0) || !isatty(1))
    throw new CommandFailed('delete asks before it removes state, logs and incidents; without a terminal, add --yes');
  const names = services.map(({ label }) => label).join(', ');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const question = `Stop ${names} and remove state, log and incidents? [y/N] `;
  // Ctrl-C and Ctrl-D answer too.
  const answer = await terminal.question(question).catch(() => '');
  terminal.close();
  return /^y(?:es)?$/i.test(answer.trim());
}

async function deleteOne(service: Service): Promise<Done> {
  const { stateDir, name } = service;
  const folder = join(stateDir, name);
  const hold = readHold({ at: file => `${folder}/${file}` });
  // A hold is cleared by a reset only: deleting would lose its reason.
  if (hold !== null && (hold.cause === 'kill-condition' || hold.cause === 'unreadable'))
    return {
      ok: false,
      text: `held by its kill condition (${hold.why}); agent-watch reset ${name} clears the hold first`,
    };
  if (isOwnRun(service)) return { ok: false, text: 'refused: this command is a part of its run' };
  await refuseUnit(name, unit => `installed as ${unit}; agent-watch uninstall ${name} comes first`);
  const stopped = await stopService(service, false);
  if (!stopped.ok) return stopped;
  return await removeAll(service);
}

/** Whether this very command is a part of the service's run: what stops that run ends it too. */
export function isOwnRun({ stateDir, name }: Pick<Service, 'stateDir' | 'name'>): boolean {
  const { record } = newestRecord(stateDir, name);
  const run = record === null || record === 'unreadable' || record.run === 'unknown' ? null : record.run;
  const mark = { runId: run?.runId ?? null, childPid: run?.childPid ?? null, startTicks: run?.startTicks ?? null };
  return isOfRun({ name, stateDir, ...mark });
}

/** With the lock in hand, so that no watcher begins meanwhile. */
async function removeAll({ stateDir, name }: Service): Promise<Done> {
  const place = openStateFolder(stateDir, name);
  try {
    const lock = await acquireLock(place);
    if ('heldBy' in lock) return { ok: false, text: `a watcher runs (pid ${lock.heldBy ?? 'unknown'})` };
    try {
      const pid = survivor(lock);
      if (pid !== null) return { ok: false, text: `its last run is still there (pid ${pid}); nothing was removed` };
      for (const folder of [join(stateDir, name), ...existingPrivateFolders(stateDir, name)])
        rmSync(folder, { recursive: true, force: true });
      return { ok: true, text: 'deleted' };
    } finally {
      lock.release();
    }
  } catch (error) {
    return { ok: false, text: `cannot be removed: ${reasonOf(error)}` };
  } finally {
    place.close();
  }
}

/** The process of a run that a dead watcher left. */
function survivor({ leftover }: Lock): number | null {
  if (leftover === null || leftover === 'unknown' || leftover.childPid === null) return null;
  const found = readProcess(leftover.childPid);
  return found !== null && !found.dead && found.startTicks === leftover.startTicks ? leftover.childPid : null;
}
