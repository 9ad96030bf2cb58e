import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { EXIT } from '../../core/exit-code.ts';
import { atMost } from '../../host/clock.ts';
import { restoreFileLimit, takeDescriptors } from '../../host/inherited.ts';
import { startDetached } from '../../host/run-command.ts';
import { carryOptions } from '../arguments/secret-options.ts';
import type { Settings } from '../arguments/settings.ts';
import { REPORT_VARIABLE, type StartReport } from '../console-log.ts';
import { refuseMangledVariable } from '../environment.ts';
import { lastingProgram } from '../service/lasting-program.ts';

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
/** What a service manager means for our caller alone. */
const CALLERS_SERVICE =
  /^(?:NOTIFY_SOCKET|JOURNAL_STREAM|INVOCATION_ID|SYSTEMD_EXEC_PID|STATE_DIRECTORY|WATCHDOG_.*|LISTEN_.*)$/;

function callersEnvironment(fileLimit: bigint | null): Record<string, string> {
  const env: Record<string, string> = { [REPORT_VARIABLE]: String(fileLimit ?? '') };
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && !CALLERS_RUN.includes(name) && !CALLERS_SERVICE.test(name)) env[name] = value;
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
