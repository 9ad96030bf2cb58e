import { statSync } from 'node:fs';
import { join } from 'node:path';
import { readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import { type Status, toStatus } from '../../core/status.ts';
import { bootId } from '../../host/boot-id.ts';
import { stampNow } from '../../host/clock.ts';
import { readHold } from '../../state/hold-file.ts';
import { watcherAlive } from '../../state/lock-record.ts';
import { namesIn } from '../../state/names.ts';
import { newestRecord } from '../../state/record-places.ts';
import { readState } from '../../state/state-file.ts';
import type { Invocation } from '../invocation.ts';
import { nearest } from '../nearest.ts';
import { statusTable } from '../render/status-table.ts';
import { UsageError } from '../usage-error.ts';

type StatusInvocation = Extract<Invocation, { kind: 'status' }>;

/** Prints what is watched, from the files alone: no watcher is asked, so none can keep us waiting. */
export function statusCommand({ name, json, stateDir }: StatusInvocation): number {
  if (name !== null) requireKnown(stateDir, name);
  const rows = (name === null ? namesIn(stateDir) : [name]).flatMap(one => statusOf(stateDir, one) ?? []);
  if (json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else if (rows.length === 0) process.stdout.write(`nothing is watched here (${stateDir})\n`);
  else process.stdout.write(`${statusTable(rows, Date.now(), process.stdout.columns ?? null)}\n`);
  return 0;
}

/** Refuses a name that was never watched here, and offers the nearest that was. */
export function requireKnown(stateDir: string, name: string): void {
  if (statSync(join(stateDir, name), { throwIfNoEntry: false })?.isDirectory()) return;
  const names = namesIn(stateDir);
  const hint =
    names.length === 0 ? `nothing was ever watched in ${stateDir}` : `the nearest name is "${nearest(name, names)}"`;
  throw new UsageError(`no watcher is called "${name}"; ${hint}`);
}

/** The row of one name; null if its folder says nothing yet. */
function statusOf(stateDir: string, name: string): Status | null {
  const folder = join(stateDir, name);
  const at = (file: string) => join(folder, file);
  const snapshot = readEither(at);
  if (snapshot === null) return null;
  const hold = readHold({ at });
  return toStatus(snapshot, {
    now: stampNow(),
    alive: watcherAlive(newestRecord(stateDir, name)),
    sameBoot: snapshot.bootId === bootId(),
    holdReason: hold?.why ?? null,
    iso: wall => new Date(wall).toISOString(),
  });
}

function readEither(at: (file: string) => string): Snapshot | null {
  for (const file of ['state.json', 'state.durable.json']) {
    const found = readState<Snapshot>(at(file), readSnapshot);
    if (found !== null && 'value' in found) return found.value;
  }
  return null;
}
