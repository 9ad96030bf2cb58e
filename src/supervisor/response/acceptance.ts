import { linesFromEnd } from '../../child/log-lines.ts';
import type { Rejection } from '../../core/events.ts';
import { incidentId } from '../../core/snapshot.ts';
import { clipStart, lastWords } from '../../core/text/escape.ts';
import { durationText } from '../../core/text/units.ts';
import { runShell, type ShellEnd } from '../../host/run-command.ts';
import { INCIDENTS_FOLDER } from '../../incidents/incident.ts';
import { readOne } from '../../incidents/store.ts';
import type { CheckedRun, CheckWorld, WantedOutput } from '../run-checks.ts';
import type { CheckOrder } from '../watch-order.ts';
import { configuredSecrets, redactorFor } from './redactor.ts';

/** A check that takes longer is ended, and has failed. */
const ACCEPT_LIMIT_MS = 60_000;
const REASON_CHARS = 400;
const GONE = 'its output was not kept: the watcher ended before it was checked, and there is no log of it';

/** What it needs of the watcher. */
type AcceptWorld = Omit<CheckWorld, 'checks' | 'tail' | 'recorder' | 'judged' | 'warn'> & {
  checks: Pick<CheckOrder, 'accept'>;
};

/** What is wrong with the output of a run that ended with success; null: nothing. */
export async function rejectionOf(
  world: AcceptWorld,
  run: CheckedRun,
  abort: AbortSignal,
  limitMs: number = ACCEPT_LIMIT_MS,
): Promise<Rejection | null> {
  const { accept } = world.checks;
  if (accept === null) return null;
  // On disk before the check begins: the next watcher may have to do it again.
  await world.log?.settle(LOG_SETTLE_MS);
  const output = await outputOfRun(world, run);
  const complaint = output === null ? GONE : await complaintOf(accept, { world, run, output, abort, limitMs });
  if (complaint === null) return null;
  const clean = redactorFor(world.env, configuredSecrets(world.notifications));
  const reason = clipStart(clean(complaint), REASON_CHARS);
  return { by: 'accept', reason, ...(isSame(world, run, reason) ? { same: true } : {}) };
}

interface Asked {
  world: AcceptWorld;
  run: CheckedRun;
  output: Buffer;
  abort: AbortSignal;
  limitMs: number;
}

/** Runs the command on the output; null: it accepts. */
async function complaintOf(command: string, asked: Asked): Promise<string | null> {
  const { world, run, output, abort, limitMs } = asked;
  // With the mark of the run, so that the sweep of the run finds what the check left.
  const env = { ...world.env, AGENT_WATCH_RUN: String(run.run), AGENT_WATCH_RUN_ID: run.runId };
  const limits = { timeLimitMs: limitMs, outputLimitBytes: 0, dropRest: true };
  const end = await runShell({ command, input: output, cwd: world.cwd, env, ...limits, abort });
  if (end.over === 'time') return `the --accept command did not end within ${durationText(limitMs)}`;
  return end.code === 0 ? null : lastWords(end.lastOutput) || howItEnded(end);
}

function howItEnded({ code, signal }: ShellEnd): string {
  return code === null
    ? `the --accept command was ended by ${signal}`
    : `the --accept command exited with code ${code}`;
}

/** Whether a run that was called healthy ends like the last incident. */
function isSame({ state, place }: AcceptWorld, { healthy }: CheckedRun, reason: string): boolean {
  const { incident } = state();
  if (!healthy || incident === null) return false;
  const found = readOne(place.at(INCIDENTS_FOLDER), incidentId(place.name, incident.at));
  if (found === null || 'fault' in found) return false;
  return found.incident.category === 'not-accepted' && found.incident.keyLine === reason;
}

/** So much of the end of a run's output is read again from its log. */
const MOST_OUTPUT_BYTES = 16 * 1024 * 1024;
/** A slow disk is given so long to take the last lines. */
const LOG_SETTLE_MS = 2000;

/**
 * What is kept of the output of a run, both streams in order of arrival: all of it where it fits into memory, else the end of it from
 * the log, else what is in memory. Null: nothing is kept of that run.
 */
export async function outputOfRun(
  world: Pick<CheckWorld, 'ringBytes' | 'log'>,
  { run, inMemory }: WantedOutput,
): Promise<Buffer | null> {
  if (inMemory !== null && (inMemory.length < world.ringBytes || world.log === null)) return inMemory;
  if (world.log === null) return null;
  await world.log.settle(LOG_SETTLE_MS);
  const logged = loggedOutput(world.log.path, run);
  return inMemory !== null && logged.length < inMemory.length ? inMemory : logged;
}

/** The end of what a log has of a run; empty: nothing. */
function loggedOutput(path: string, run: number): Buffer {
  const lines: Buffer[] = [];
  let bytes = 0;
  for (const line of linesFromEnd(path)) {
    if (line.run !== 0 && line.run < run) break;
    if (line.run !== run) continue;
    bytes += line.bytes.length + LINE_END.length;
    if (bytes > MOST_OUTPUT_BYTES) break;
    lines.push(LINE_END, line.bytes);
  }
  return Buffer.concat(lines.reverse());
}

const LINE_END = Buffer.from('\n');
