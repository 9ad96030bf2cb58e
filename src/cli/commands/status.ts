import { existsSync } from 'node:fs';
import { EXIT } from '../../core/signals.ts';
import { emptySnapshot, readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import { type Status, toStatus } from '../../core/status.ts';
import { stripSequences } from '../../core/text.ts';
import { bootId, stampNow } from '../../host/clock.ts';
import { withUsage } from '../../host/process-facts.ts';
import { readText } from '../../host/read-file.ts';
import { maskedStatuses } from '../../incidents/redaction/statuses.ts';
import type { LockRecord } from '../../state/lock-record.ts';
import { readDiagnosisFault, readService } from '../../state/read-status.ts';
import { isName, namesIn } from '../../state/state-folder.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { refuseUnreadable, type Service, selectKnown, whyUnreadable } from '../fleet/select.ts';
import { measureFor, statusTable, type TableRow, whatText } from '../render/tables.ts';
import { canDraw, ownColumns, ownTerminal, print, wantsColours } from '../render/terminal.ts';
import { CommandFailed, didYouMean } from '../usage-error.ts';

type StatusInvocation = Extract<Invocation, { kind: 'status' }>;

/** Prints the selected services, from the files alone: no watcher is asked, so none can keep us waiting. */
export async function statusCommand(invocation: StatusInvocation): Promise<number> {
  const { json, watch } = invocation;
  const stateDir = invocation.allUsers ? null : invocation.stateDir;
  const { services, code } = selectKnown(invocation);
  if (services.length === 0 && code !== EXIT.ok) return code;
  const read = () => readServices(invocation.names.length === 0 ? selectKnown(invocation).services : services);
  const detailed =
    invocation.detailed ||
    (invocation.names.length === 1 && services.length === 1 && !/[*?[]/.test(invocation.names[0] ?? ''));
  if (watch && !json) {
    if (canDraw()) return await (await import('../top/command.ts')).liveView(invocation);
    await printChanges(async () => await statusText(await maskedRows(read().rows), stateDir));
    return code;
  }
  const { rows, faults } = read();
  for (const line of faults) process.stderr.write(`agent-watch: ${line}\n`);
  const masked = await maskedRows(rows);
  if (json)
    print(
      `${JSON.stringify(
        masked.map(row => withUsage(row.status)),
        null,
        2,
      )}\n`,
    );
  else if (detailed && rows.length > 0) print(`${await (await import('./status-detail.ts')).detailText(masked)}\n`);
  else if (rows.length > 0 || faults.length === 0) print(`${await statusText(masked, stateDir)}\n`);
  return faults.length > 0 ? EXIT.notWell : code;
}

export async function maskedRows(rows: readonly StatusRow[]): Promise<StatusRow[]> {
  const shown = await maskedStatuses(rows.map(({ status }) => status));
  return rows.map((row, index) => ({ ...row, status: shown[index] ?? row.status }));
}

/** A service and what its files say. */
export interface StatusRow {
  readonly service: Service;
  readonly status: Status;
  /** Resident memory of the run that is up, oldest first. */
  readonly memory: readonly number[];
}

/** The rows of services, and a line for each whose folder may not be read. One without a state is left out. */
export function readServices(services: readonly Service[]): { rows: StatusRow[]; faults: string[] } {
  const rows: StatusRow[] = [];
  const faults: string[] = [];
  for (const service of services) {
    const why = whyUnreadable(service);
    const read = why === null ? readBoth(service.stateDir, service.name) : null;
    if (why !== null) faults.push(`${service.label}: ${why}`);
    else if (read !== null) rows.push({ service, ...read });
  }
  return { rows, faults };
}

/** Refuses a name that was never watched here, and offers the one that is alike. */
export function requireKnown(stateDir: string, name: string): void {
  refuseUnreadable(stateDir, false);
  if (!existsSync(stateDir))
    throw new CommandFailed(`no service named "${name}": ${stateDir} does not exist`, EXIT.unknownName);
  const why = whyUnreadable({ stateDir, name });
  if (why !== null) throw new CommandFailed(why);
  if (isName(stateDir, name)) return;
  const names = namesIn(stateDir);
  const hint = names.length === 0 ? `: no services in ${stateDir}` : didYouMean(name, names);
  throw new CommandFailed(`no service named "${name}"${hint}`, EXIT.unknownName);
}

async function statusText(rows: readonly StatusRow[], stateDir: string | null): Promise<string> {
  if (rows.length === 0) return stateDir === null ? 'no services of any user' : `no services in ${stateDir}`;
  const columns = ownColumns();
  const shown = rows.map(shownRow);
  await measureFor(shown);
  return statusTable(shown, Date.now(), {
    columns,
    colours: wantsColours(ownTerminal()),
    remarks: remarksOn(rows),
  });
}

/** What matters most about one service now, in one line that everybody may see. */
export async function reasonText(row: StatusRow): Promise<string> {
  const [shown = row] = await maskedRows([row]);
  return whatText(shown.status, Date.now(), lastCause(shown.service, shown.status));
}

/** What the table shows beside the status: what the tree uses, and what the last crash was. */
export function shownRow({ service, status }: StatusRow): TableRow {
  return { ...withUsage(status), name: service.label, lastCause: lastCause(service, status) };
}

const CRASHES: readonly string[] = ['crash', 'probe', 'limit', 'kill-condition', 'limited'];
const MOST_RECORD_BYTES = 2 * 1024 * 1024;

/** The cause of the last crash, read from its incident without checking all of it. */
function lastCause({ stateDir, name }: Service, { lastExit, lastIncidentId }: Status): string | null {
  if (lastIncidentId === null || lastExit === null || !CRASHES.includes(lastExit.cause)) return null;
  try {
    const record = JSON.parse(
      readText(`${stateDir}/${name}/incidents/${lastIncidentId}.json`, MOST_RECORD_BYTES) ?? '',
    );
    const { category, keyLine }: { category?: unknown; keyLine?: unknown } = record;
    if (typeof category !== 'string' || category === 'unknown') return typeof keyLine === 'string' ? keyLine : null;
    return typeof keyLine === 'string' ? `${category}: ${keyLine}` : category;
  } catch {
    // Not written yet, or kept no more.
    return null;
  }
}

/** That the model gives no answer, which is no matter of the machine. */
function remarksOn(rows: readonly StatusRow[]): Map<string, string> {
  const remarks = new Map<string, string>();
  for (const { service, status } of rows) {
    const { watcherPid } = status;
    const why = watcherPid === null ? null : readDiagnosisFault(service.stateDir, service.name, watcherPid);
    if (why !== null) remarks.set(service.label, `no diagnosis: ${why}`);
  }
  return remarks;
}

/** The row of one name; null if its folder holds nothing of a watcher. */
export function readStatus(stateDir: string, name: string): Status | null {
  return readBoth(stateDir, name)?.status ?? null;
}

function readBoth(stateDir: string, name: string): Omit<StatusRow, 'service'> | null {
  const boot = bootId() ?? 'unknown';
  const read = readService<Snapshot>(stateDir, name, readSnapshot, saved => saved.bootId === boot);
  if (read.state === null && read.hold === null && read.record === null) return null;
  const now = stampNow();
  const snapshot = read.state ?? emptySnapshot(name, boot, now);
  const status = toStatus(snapshot, {
    now,
    alive: read.alive,
    sameBoot: snapshot.bootId === boot,
    holdReason: read.hold?.why ?? null,
    iso: wall => new Date(wall).toISOString(),
  });
  // The folder names the service: one that was copied holds the state of another.
  const seen = { ...(read.alive ? bySign(status, snapshot, read.record) : status), name };
  // The line ends of an argument are its own: a script after `sh -c`.
  const shown = PRINTABLE.test(JSON.stringify(seen))
    ? seen
    : { ...plain(seen), command: seen.command.map(stripSequences) };
  const { phase } = snapshot.state;
  const memory = 'live' in phase && seen.childPid !== null ? phase.live.health.memory.map(({ bytes }) => bytes) : [];
  return { status: shown, memory };
}

/** ASCII without an escape of JSON's: most texts, in which there is nothing to strip. */
const PRINTABLE = /^[ -[\]-~]*$/;

/** Whoever wrote the files, the watched program or another user: nothing of them steers a terminal or looks like another line. */
function plain<T>(value: T): T {
  if (typeof value === 'string') return plainText(value) as T;
  if (Array.isArray(value)) return value.map(plain) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)])) as T;
}

const plainText = (text: string) => stripSequences(text).replace(/[\r\n\t]/g, ' ');

/**
 * A live watcher that cannot save (a full or read-only disk) has signed its record nevertheless: then the state is of an
 * earlier one, and only the record tells what is going on.
 */
function bySign(status: Status, { watcherPid }: Snapshot, record: LockRecord | null | 'unreadable'): Status {
  if (record === null || record === 'unreadable' || record.watcher === null) return status;
  const { watcher, run } = record;
  if (watcher.pid === watcherPid || status.phase === 'held') return status;
  const childPid = run === null || run === 'unknown' ? null : run.childPid;
  const unknown = {
    startedAt: null,
    uptimeMs: null,
    nextStartAt: null,
    cpuPercent: null,
    memoryBytes: null,
    health: [],
  };
  return {
    ...status,
    ...unknown,
    phase: childPid === null ? 'starting' : 'running',
    childPid,
    watcherPid: watcher.pid,
  };
}

const EVERY_MS = 1000;

/** Prints a text again, each second in which it has changed, until it is interrupted. */
async function printChanges(text: () => Promise<string>): Promise<void> {
  const { stdout } = process;
  let over = false;
  let wake = () => {};
  const end = () => {
    over = true;
    wake();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  stdout.on('error', end);
  let last = '';
  while (!over) {
    const now = await text();
    if (now !== last) stdout.write(`${now}\n`);
    last = now;
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, EVERY_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
