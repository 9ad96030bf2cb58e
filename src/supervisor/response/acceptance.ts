import { constants } from 'node:fs';
import { linesFromEnd } from '../../child/log-lines.ts';
import type { Rejection } from '../../core/events.ts';
import { agreementOf, calibrationText, reasonText, type Verdict, verdictText } from '../../core/judgement.ts';
import { incidentId } from '../../core/snapshot.ts';
import { clipStart, lastWords } from '../../core/text.ts';
import { durationText } from '../../core/units.ts';
import { createJudge, noVerdict } from '../../diagnosis/judge.ts';
import { stampNow } from '../../host/clock.ts';
import { openRegular, reasonOf } from '../../host/read-file.ts';
import { runShell, type ShellEnd } from '../../host/run-command.ts';
import { INCIDENTS_FOLDER } from '../../incidents/incident.ts';
import { readOne } from '../../incidents/store.ts';
import { readRuns } from '../../state/line-log.ts';
import type { CheckedRun, CheckWorld, Judging, WantedOutput } from '../run-checks.ts';
import type { CheckOrder, JudgeOrder } from '../watch-order.ts';
import { modelPorts } from './load-notifications.ts';
import { configuredSecrets, createRedactor, redactorFor } from './redactor.ts';

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

const RUBRIC_BYTES = 16 * 1024;
/** A mount that hangs holds a thread of the pool, never the judge. */
const RUBRIC_LIMIT_MS = 5000;

export function openJudging(world: CheckWorld, { rubric, model }: JudgeOrder): Judging {
  const redactor = createRedactor(world.env, configuredSecrets(world.notifications));
  const clean = (text: string) => {
    // What the output shows to be a secret, beside a name for example, is one wherever it stands.
    const read = redactor.read(text);
    return read.clean(read.shown);
  };
  const judge = createJudge(model, modelPorts(world.place, stampNow, clean));

  async function judged(run: WantedOutput, abort: AbortSignal): Promise<Verdict> {
    const output = await outputOfRun(world, run);
    if (output === null) return noVerdict('its output was not kept');
    const text = await rubricIn(rubric);
    return await judge.ask({ name: world.place.name, rubric: text, output: output.toString('utf8') }, abort);
  }

  return {
    judge: (run, abort) =>
      judged(run, abort).catch((error: unknown) => noVerdict(clean(`the rubric cannot be read: ${reasonOf(error)}`))),
    worth(verdict) {
      const runs = readRuns(world.place.at('.'));
      const latest = verdict === null ? [] : [{ run: 0, verdict: { ...verdict }, mark: null }];
      const agreement = agreementOf([...runs, ...latest]);
      return { calibrated: agreement.calibrated, text: calibrationText(agreement) };
    },
    text: verdictText,
    reason: verdict => reasonText(verdict) ?? 'without a reason',
  };
}

/** The rubric, which a person may change at any time. Throws what is wrong with it. */
async function rubricIn(path: string): Promise<string> {
  const read = readRubric(path);
  // Of one that comes too late nobody hears.
  read.catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('its disk does not answer')), RUBRIC_LIMIT_MS);
  });
  return await Promise.race([read, late]).finally(() => clearTimeout(timer));
}

async function readRubric(path: string): Promise<string> {
  const file = await openRegular(path, constants.O_RDONLY);
  try {
    const { size, uid, mode } = await file.stat();
    if (size > RUBRIC_BYTES) throw new Error(`it is larger than ${RUBRIC_BYTES / 1024} KiB`);
    if ((uid !== 0 && uid !== process.getuid?.()) || (mode & 0o002) !== 0)
      throw new Error('another user may have written it');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(RUBRIC_BYTES), 0, RUBRIC_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
