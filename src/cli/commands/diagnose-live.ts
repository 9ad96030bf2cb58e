import { setTimeout as pause } from 'node:timers/promises';
import { type Autopsy, processWords } from '../../core/autopsy.ts';
import { readAutopsy, sampleCpu } from '../../host/autopsy.ts';
import { type ProcessRow, readTable } from '../../host/process-table.ts';
import { print } from '../render/terminal.ts';
import { UsageError } from '../usage-error.ts';
import { readStatus, requireKnown } from './status.ts';

/** CPU use is measured over this time. */
const MEASURE_MS = 1000;

/** Says what the processes of a running service do at this moment. Changes nothing. */
export async function diagnoseLive(
  { stateDir, name, json }: { stateDir: string; name: string; json: boolean },
  clean: (text: string) => string,
): Promise<number> {
  requireKnown(stateDir, name);
  const status = readStatus(stateDir, name);
  const pid = status?.childPid ?? null;
  if (pid === null)
    throw new UsageError(`${name} is not running (${status?.phase ?? 'unknown'}); --live reads the processes of a run`);
  const before = sampleCpu(pid);
  await pause(MEASURE_MS);
  const autopsy = readAutopsy(membersOf(pid, readTable(null)), before);
  if (autopsy === null)
    throw new UsageError(`the processes of ${name} cannot be read: pid ${pid} is gone or not yours`);
  const shown = json ? JSON.stringify(autopsy, null, 2) : liveText(autopsy);
  print(`${shown.split('\n').map(clean).join('\n')}\n`);
  return 0;
}

/** The process, its group and session, and all descendants. */
function membersOf(pid: number, table: readonly ProcessRow[]): number[] {
  const members = new Set([pid]);
  for (let size = 0; size !== members.size; ) {
    size = members.size;
    for (const row of table)
      if (members.has(row.parent) || row.group === pid || row.session === pid) members.add(row.pid);
  }
  return [...members];
}

function liveText({ sentence, processes }: Autopsy): string {
  return [sentence, '', ...processes.map(process => `  ${processWords(process)}`)].join('\n');
}
