import { mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { EXIT } from '../../core/exit-code.ts';
import { readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import { signalProcess } from '../../host/process-signals.ts';
import { signalableWatcher } from '../../state/lock-record.ts';
import { readName } from '../../state/read-status.ts';
import type { Invocation } from '../arguments/invocation.ts';
import type { Settings } from '../arguments/settings.ts';
import { type Done, report } from '../fleet/act.ts';
import { forgetApplied, noteApplied, withoutFile } from '../fleet/applied.ts';
import { type Described, readWholeFleet } from '../fleet/files.ts';
import { keepSettings, keyDigests, readKeptSettings } from '../fleet/kept-settings.ts';
import { type Launched, launch, linesToStderr } from '../fleet/launch.ts';
import { waitUntilHealthy } from '../fleet/wait-healthy.ts';
import { UsageError } from '../usage-error.ts';
import { readStatus } from './status.ts';
import { stopService } from './stop.ts';

type ApplyInvocation = Extract<Invocation, { kind: 'apply' }>;
type DownInvocation = Extract<Invocation, { kind: 'down' }>;

/** How a service stands to its file. */
type Change = { kind: 'new' } | { kind: 'unchanged' } | { kind: 'changed'; keys: readonly string[] };

/**
 * Makes the services what their files say: starts what is new or down, restarts what has changed, leaves the rest alone. What a
 * person stopped stays stopped, and a hold stays a hold. A broken file means that nothing is done at all.
 */
export async function applyCommand(invocation: ApplyInvocation): Promise<number> {
  const { stateDir, dryRun, prune, wait } = invocation;
  const { services, folders } = await readWholeFleet(invocation);
  if (prune && folders.length === 0)
    throw new UsageError('--prune needs a directory: a file alone says nothing of others');
  const results = await Promise.all([
    ...services.map(service => report(nameOf(service), () => applyOne(service, dryRun))),
    ...withoutFile(stateDir, folders).map(({ name, path }) =>
      report(name, () => pruneOne(stateDir, name, path, { prune, dryRun })),
    ),
  ]);
  if (results.includes(false)) return EXIT.notWell;
  return wait && !dryRun ? await waitUntilHealthy(stateDir, services.map(nameOf)) : EXIT.ok;
}

/** Stops the services of the files, and forgets nothing. */
export async function downCommand(invocation: DownInvocation): Promise<number> {
  const { stateDir, now } = invocation;
  const { services } = await readWholeFleet(invocation);
  const results = await Promise.all(
    services.map(service => report(nameOf(service), () => stopService({ stateDir, name: nameOf(service) }, now))),
  );
  return results.includes(false) ? EXIT.notWell : EXIT.ok;
}

const nameOf = ({ settings }: Described) => settings.identity.name;

async function applyOne({ settings, path }: Described, dryRun: boolean): Promise<Done> {
  const { name, stateDir } = settings.identity;
  const change = changeOf(settings);
  const status = readStatus(stateDir, name);
  const state = changeText(change);
  if (status !== null && status.watcherPid !== null) {
    if (!dryRun) noteApplied(stateDir, name, path);
    if (change.kind === 'unchanged') return ok(state);
    return dryRun ? ok(`${state}; would restart`) : await replaceWatcher(settings, state);
  }
  const rests = status === null ? null : whyAtRest(stateDir, name, change);
  if (rests !== null) {
    if (!dryRun) {
      noteApplied(stateDir, name, path);
      if (change.kind === 'changed') await keepSettings(settings, name);
    }
    return ok(`${state}; ${rests}`);
  }
  if (dryRun) return ok(`${state}; would start`);
  return await startOne(settings, path, state);
}

const ok = (text: string): Done => ({ ok: true, text });

/** By the settings that the service had last, key by key. */
function changeOf({ identity, written, command }: Settings): Change {
  const kept = readKeptSettings(identity.stateDir, identity.name);
  if (kept === null) {
    const known = readStatus(identity.stateDir, identity.name) !== null;
    return known ? { kind: 'changed', keys: ['settings not known'] } : { kind: 'new' };
  }
  const wanted = keyDigests(written, command);
  const keys = [...new Set([...Object.keys(wanted), ...Object.keys(kept.keys)])].filter(
    key => wanted[key] !== kept.keys[key],
  );
  return keys.length === 0 ? { kind: 'unchanged' } : { kind: 'changed', keys: keys.sort() };
}

function changeText(change: Change): string {
  return change.kind === 'changed' ? `changed (${change.keys.join(', ')})` : change.kind;
}

/** Why a service that is down is not started; null if it is to be. */
function whyAtRest(stateDir: string, name: string, change: Change): string | null {
  const { state, hold } = readName<Snapshot>(stateDir, name, readSnapshot, () => true);
  if (hold !== null) return `held: ${hold.why}; agent-watch reset ${name} clears the hold`;
  const phase = state?.state.phase.kind;
  if (phase === 'stopped' && state?.state.leaving?.byPerson === true)
    return `was stopped by hand; agent-watch start ${name} starts it`;
  return phase === 'finished' && change.kind === 'unchanged' ? 'finished' : null;
}

/**
 * A watcher reads its settings once: new ones need a new watcher, which restarts the command. A wait or a hold is left on disk for it.
 * @param state what the line about it begins with
 */
export async function replaceWatcher(settings: Settings, state: string): Promise<Done> {
  const { stateDir, name } = settings.identity;
  const phase = readStatus(stateDir, name)?.phase;
  // A request would end a limited wait; a TERM leaves it to the next watcher.
  const stopped = phase === 'limited' ? await endWatcher(stateDir, name) : await stopService({ stateDir, name }, false);
  if (!stopped.ok) return { ok: false, text: `${state}; not restarted: ${stopped.text}` };
  const { text, code } = await launchKept(settings);
  if (code === EXIT.held && phase === 'held') return ok(`${state}; new settings taken; ${text}`);
  return {
    ok: code === EXIT.ok,
    text: `${state}; ${(text ?? `ended, exit code ${code}`).replace(/^started/, 'restarted')}`,
  };
}

const LOOK_EVERY_MS = 25;
const END_MS = 10_000;

/** Ends a watcher whose command does not run, as a service manager would. */
async function endWatcher(stateDir: string, name: string): Promise<Done> {
  const watcher = signalableWatcher(stateDir, name);
  if (watcher !== null) signalProcess(watcher.pid, watcher.startTicks ?? -1, 'SIGTERM');
  for (const end = Date.now() + END_MS; Date.now() < end; await pause(LOOK_EVERY_MS))
    if (signalableWatcher(stateDir, name) === null) return ok('stopped');
  return { ok: false, text: 'its watcher does not end' };
}

/** A watcher keeps its settings a moment after its start; whoever applies again at once is to find them. */
async function launchKept(settings: Settings): Promise<Launched> {
  const { name } = settings.identity;
  const launched = await launch(settings, linesToStderr(name));
  if (launched.text === null || launched.code === EXIT.usage) return launched;
  await keepSettings(settings, name).catch(() => {
    // A disk that takes nothing: the saves of the state say so.
  });
  return launched;
}

async function startOne(settings: Settings, path: string, state: string): Promise<Done> {
  const { stateDir, name } = settings.identity;
  const { text, code } = await launchKept(settings);
  // The watcher has made the folder, unless it could not.
  mkdirSync(join(stateDir, name), { recursive: true, mode: 0o700 });
  noteApplied(stateDir, name, path);
  return { ok: code === EXIT.ok, text: `${state}; ${text ?? `ended, exit code ${code}`}` };
}

async function pruneOne(
  stateDir: string,
  name: string,
  path: string,
  { prune, dryRun }: { prune: boolean; dryRun: boolean },
): Promise<Done> {
  const gone = `no longer there (${relative(process.cwd(), path)})`;
  const runs = readStatus(stateDir, name)?.watcherPid != null;
  if (!prune) return ok(`${gone}; ${runs ? 'still running: --prune stops it' : 'not running'}`);
  if (dryRun) return ok(`${gone}; ${runs ? 'would stop' : 'not running'}`);
  const { ok: stopped, text } = await stopService({ stateDir, name }, false);
  if (stopped) forgetApplied(stateDir, name);
  return { ok: stopped, text: `${gone}; ${text}` };
}
