import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseShaped } from '../../core/shape.ts';
import { EXIT } from '../../core/signals.ts';
import { readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import type { Status } from '../../core/status.ts';
import { signalProcess } from '../../host/process-signals.ts';
import { readText, reasonOf } from '../../host/read-file.ts';
import { removeIfThere, replaceFile } from '../../state/atomic-file.ts';
import { signalableWatcher } from '../../state/lock-record.ts';
import { readService } from '../../state/read-status.ts';
import { namesIn } from '../../state/state-folder.ts';
import type { Invocation, Settings } from '../arguments/invocation.ts';
import { type Described, readWholeFleet } from '../fleet/files.ts';
import { keepSettings, keyDigests, readKeptSettings } from '../fleet/kept-settings.ts';
import { type Launched, launch, linesToStderr } from '../fleet/launch.ts';
import { type Done, report } from '../fleet/select.ts';
import { print } from '../render/terminal.ts';
import { refuseForeign } from '../service/plan.ts';
import { UsageError } from '../usage-error.ts';
import { stopService } from './requests.ts';
import { readStatus } from './status.ts';

/** Which file a service was applied from: beside its state, written by `apply` alone. */
const FILE = 'applied.json';
const MOST_BYTES = 64 * 1024;

/** Notes the file, or says why it cannot: then no prune will know the service. */
function noteApplied(stateDir: string, name: string, path: string): void {
  if (appliedFrom(stateDir, name) === path) return;
  try {
    mkdirSync(join(stateDir, name), { recursive: true, mode: 0o700 });
    replaceFile(join(stateDir, name, FILE), `${JSON.stringify({ path })}\n`);
  } catch (error) {
    process.stderr.write(`agent-watch: ${name}: --prune will not know it: ${reasonOf(error)}\n`);
  }
}

/** The file that the service was applied from last; null if it never was. */
function appliedFrom(stateDir: string, name: string): string | null {
  try {
    return parseShaped({ object: { path: 'string' } }, readText(join(stateDir, name, FILE), MOST_BYTES))?.path ?? null;
  } catch {
    // Broken: then it is of no file, and is never pruned.
    return null;
  }
}

export function forgetApplied(stateDir: string, name: string): void {
  removeIfThere(join(stateDir, name, FILE));
}

/** Services that were applied from one of these folders and whose file is gone. */
export function withoutFile(stateDir: string, folders: readonly string[]): { name: string; path: string }[] {
  return namesIn(stateDir).flatMap(name => {
    const path = appliedFrom(stateDir, name);
    return path !== null && folders.includes(dirname(path)) && !existsSync(path) ? [{ name, path }] : [];
  });
}

const LOOK_EVERY_MS = 100;
const WELL: ReadonlySet<Status['phase']> = new Set(['healthy', 'waiting']);
/** From these no service gets healthy by itself within a time that anybody waits. */
const HOPELESS: ReadonlySet<Status['phase']> = new Set(['held', 'cooldown', 'limited', 'lost', 'stopped']);

/** Waits until all these services are healthy (or have finished well), or one of them cannot become so. A line for each. */
export async function waitUntilHealthy(stateDir: string, names: readonly string[]): Promise<number> {
  const waiting = new Set(names);
  let failed = false;
  for (;;) {
    for (const name of waiting) {
      const verdict = verdictOn(readStatus(stateDir, name));
      if (verdict === null) continue;
      waiting.delete(name);
      failed ||= !verdict.ok;
      if (verdict.ok) print(`${name}: ${verdict.text}\n`);
      else process.stderr.write(`agent-watch: ${name}: ${verdict.text}\n`);
    }
    if (waiting.size === 0) return failed ? EXIT.notWell : EXIT.ok;
    await pause(LOOK_EVERY_MS);
  }
}

function verdictOn(status: Status | null): { ok: boolean; text: string } | null {
  if (status === null) return { ok: false, text: 'its state is gone' };
  const { phase, lastExit } = status;
  if (WELL.has(phase)) return { ok: true, text: phase };
  if (phase === 'finished')
    return { ok: lastExit?.cause === 'success', text: `finished (${lastExit?.cause ?? 'unknown'})` };
  return HOPELESS.has(phase) ? { ok: false, text: `not healthy: ${phase}` } : null;
}

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
    throw new UsageError('--prune needs a directory: a single file says nothing about others');
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
    services.map(nameOf).map(name =>
      // A stop makes the folder of a name in order to lock it.
      report(name, async () =>
        readStatus(stateDir, name) === null ? ok('not running') : await stopService({ stateDir, name }, now),
      ),
    ),
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
    await refuseForeign(name, status.watcherPid, `${state}; `);
    return dryRun ? ok(`${state}; would restart`) : await replaceWatcher(settings, state);
  }
  const rests = status === null ? null : whyAtRest(stateDir, name, change);
  if (rests !== null) {
    if (!dryRun) {
      noteApplied(stateDir, name, path);
      if (change.kind === 'changed') await keepWhereKept(settings);
    }
    return ok(`${state}; ${rests}`);
  }
  await refuseForeign(name, null, `${state}; `);
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
  const { state, hold } = readService<Snapshot>(stateDir, name, readSnapshot, () => true);
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
  if (code === EXIT.held && phase === 'held') return ok(`${state}; settings updated; ${text}`);
  return {
    ok: code === EXIT.ok,
    text: `${state}; ${(text ?? `ended, exit code ${code}`).replace(/^started/, 'restarted')}`,
  };
}

const APPLY_LOOK_EVERY_MS = 25;
const END_MS = 10_000;

/** Ends a watcher whose command does not run, as a service manager would. */
async function endWatcher(stateDir: string, name: string): Promise<Done> {
  const watcher = signalableWatcher(stateDir, name);
  if (watcher !== null) signalProcess(watcher.pid, watcher.startTicks ?? -1, 'SIGTERM');
  for (const end = Date.now() + END_MS; Date.now() < end; await pause(APPLY_LOOK_EVERY_MS))
    if (signalableWatcher(stateDir, name) === null) return ok('stopped');
  return { ok: false, text: 'its watcher does not exit' };
}

/** A watcher keeps its settings a moment after its start; whoever applies again at once is to find them. */
async function launchKept(settings: Settings): Promise<Launched> {
  const { name } = settings.identity;
  const launched = await launch(settings, linesToStderr(name));
  if (launched.text === null || launched.code === EXIT.usage) return launched;
  await keepWhereKept(settings);
  return launched;
}

/** A disk that takes nothing is no news here: the saves of the state say so. */
const keepWhereKept = (settings: Settings): Promise<void> =>
  keepSettings(settings, settings.identity.name).catch(() => {});

async function startOne(settings: Settings, path: string, state: string): Promise<Done> {
  const { stateDir, name } = settings.identity;
  const { text, code } = await launchKept(settings);
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
