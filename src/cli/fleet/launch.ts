import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { EXIT } from '../../core/signals.ts';
import { atMost } from '../../host/clock.ts';
import { restoreFileLimit, SYSTEMD_VARIABLES, takeDescriptors } from '../../host/inherited.ts';
import { ownProgram } from '../../host/own-process.ts';
import { startDetached } from '../../host/run-command.ts';
import type { Settings } from '../arguments/invocation.ts';
import { carryOptions } from '../arguments/secret-options.ts';
import { REPORT_VARIABLE, type StartReport } from '../console-log.ts';
import { refuseMangledVariable } from '../environment.ts';
import { UsageError } from '../usage-error.ts';

/**
 * Folders into which a package runner puts what it runs once, and which it empties when it likes: npx (`~/.npm/_npx/HASH`),
 * pnpm dlx (`CACHE/dlx/HASH/TIME-PID`, formerly `…/pnpm/dlx-PID`), bunx (`/tmp/bunx-UID-NAME`), yarn dlx (`/tmp/xfs-HASH/dlx-PID`).
 */
const RUNNERS: readonly (readonly [string, RegExp])[] = [
  ['npx', /\/_npx\/[^/]+\/node_modules\//],
  ['pnpm dlx', /\/pnpm\/dlx[/-]|\/dlx\/[0-9a-f]{16,}\/[^/]+\/node_modules\//],
  ['bunx', /\/bunx-\d+-/],
  ['yarn dlx', /\/dlx-\d+\//],
];

/**
 * How this program is started again by something that outlives this call: a detached watcher, a service manager.
 * @throws UsageError if it runs from the cache of a package runner
 */
export function lastingProgram(program: readonly string[] = ownProgram()): string[] {
  for (const [runner, folder] of RUNNERS) {
    const cached = program.find(word => folder.test(word));
    if (cached === undefined) continue;
    throw new UsageError(
      `this program is in the cache of ${runner}, which may be emptied: ${cached}; install it first (npm install -g agent-watch) and run agent-watch without ${runner}`,
    );
  }
  return [...program];
}

/** What came of a start: the line for people, null if the watcher itself has said it; and the exit code. */
export interface Launched {
  readonly text: string | null;
  readonly code: number;
}

/**
 * Starts a watcher in a session of its own and waits until its command is up for good, waits on purpose, or has failed.
 * @param say gets lines of standard error: the watcher's warnings, and after a failure all that it and the command wrote
 */
export async function launch(settings: Settings, say: (line: string) => void): Promise<Launched> {
  refuseMangledVariable(settings.identity.env);
  // The watcher must inherit none of our descriptors: a lock on a descriptor of a script would be held for ever.
  takeDescriptors();
  const limit = restoreFileLimit();
  const { args, env } = argumentsOf(settings);
  const started = await startDetached([...lastingProgram(), ...args], { ...callersEnvironment(limit), ...env });
  if (typeof started === 'string') return { text: started, code: EXIT.usage };
  let heard = '';
  started.stderr.on('data', bytes => {
    heard = (heard + bytes).slice(-MOST_HEARD);
  });
  const report = await readReport(started.report);
  if (report === null || 'code' in report) await endOf(started.stderr);
  else await pause(LAST_LINES_MS);
  started.stderr.destroy();
  started.report.destroy();
  const launched = outcomeOf(report);
  for (const line of heard.split('\n')) if (isWorthSaying(line, launched)) say(line);
  return launched;
}

/** What a command may say in its first moments, kept in case it fails. */
const MOST_HEARD = 64 * 1024;

function isWorthSaying(line: string, { code }: Launched): boolean {
  if (line === '') return false;
  if (code !== EXIT.ok) return true;
  return line.startsWith('[agent-watch]') && !/^\[agent-watch\] [\d:]+ (?:started, pid|healthy)/.test(line);
}

function outcomeOf(report: StartReport | null): Launched {
  if (report === null) return { text: 'the watcher ended before its command was up', code: EXIT.usage };
  return 'code' in report ? { text: null, code: report.code } : said(report);
}

const LAST_LINES_MS = 10;
/** An ended watcher has nothing left to say; what it started may hold its standard error for ever. */
const END_MS = 1000;

function said({ pid, phase, text, failed }: Exclude<StartReport, { code: number }>): Launched {
  const code = phase === 'held' ? EXIT.held : failed ? EXIT.notWell : EXIT.ok;
  return { text: `${text} (watcher ${pid})`, code };
}

/** What is given again: the options as they were written, the file of a fleet's folder instead of the folder. */
function argumentsOf({ given, configFile, identity, command, commandGiven }: Settings) {
  const own = given.filter(({ name }) => name !== 'config' && name !== 'state-dir');
  const { args, env } = carryOptions(own);
  const config = configFile === null ? [] : ['--config', configFile];
  const after = commandGiven ? ['--', ...command] : [];
  return { args: [...config, '--state-dir', identity.stateDir, ...args, ...after], env };
}

/** Marks of the run that we may be part of: with them, the new watcher would end together with that run. */
const CALLERS_RUN = ['AGENT_WATCH_NAME', 'AGENT_WATCH_RUN', 'AGENT_WATCH_RUN_ID', 'AGENT_WATCH_LAST_INCIDENT'];

function callersEnvironment(fileLimit: bigint | null): Record<string, string> {
  const env: Record<string, string> = { [REPORT_VARIABLE]: String(fileLimit ?? '') };
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && !CALLERS_RUN.includes(name) && !SYSTEMD_VARIABLES.includes(name)) env[name] = value;
  return env;
}

/** The one line that comes; null if it ended without. */
async function readReport(stream: Readable): Promise<StartReport | null> {
  let text = '';
  for await (const bytes of stream) {
    text += bytes;
    const end = text.indexOf('\n');
    if (end >= 0) return JSON.parse(text.slice(0, end)) as StartReport;
  }
  return null;
}

async function endOf(stream: Readable): Promise<void> {
  if (stream.readableEnded) return;
  const ended = new Promise<void>(resolve => stream.once('close', resolve).once('end', resolve));
  await atMost(END_MS, ended);
}

/** Passes lines on to our standard error, with the name in front where several services speak at the same time. */
export function linesToStderr(label: string | null): (line: string) => void {
  return line => process.stderr.write(label === null ? `${line}\n` : `${label}: ${line}\n`);
}
