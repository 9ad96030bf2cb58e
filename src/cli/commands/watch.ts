import { existsSync } from 'node:fs';
import { isatty } from 'node:tty';
import { openOutputs } from '../../child/sink.ts';
import type { Policy } from '../../core/model.ts';
import { EXIT } from '../../core/signals.ts';
import { restoreFileLimit, takeDescriptors } from '../../host/inherited.ts';
import { libc, whyNoLibc } from '../../host/libc.ts';
import { findMangledArgument } from '../../host/own-process.ts';
import { makeThreadPool } from '../../host/resource-limits.ts';
import type { Schedule } from '../../probes/schedule.ts';
import { createEventLog } from '../../state/line-log.ts';
import { StateFolderRefused } from '../../state/private-folder.ts';
import { childEnvironment } from '../../supervisor/child-setup.ts';
import { createIdleTrim, type Observer } from '../../supervisor/observers/observer.ts';
import { policyOfHealth } from '../../supervisor/probing.ts';
import { watch } from '../../supervisor/watch.ts';
import type { Settings } from '../arguments/invocation.ts';
import { healthNotes, healthOrder, listenerOf, notificationSettings } from '../arguments/watch-orders.ts';
import { createConsoleLog, REPORT_FD, REPORT_VARIABLE, starterOf } from '../console-log.ts';
import { ownEnvironment, refuseMangledVariable } from '../environment.ts';
import { ownName } from '../naming/default-name.ts';
import { UsageError } from '../usage-error.ts';

/** Watches one command in the foreground; resolves with the watcher's exit code. */
export async function watchCommand(settings: Settings): Promise<number> {
  const mangled = findMangledArgument();
  if (mangled !== null)
    throw new UsageError(`an argument is not UTF-8 and would reach the command changed: ${mangled}`);
  const report = process.env[REPORT_VARIABLE];
  const given = takeDescriptors(report === undefined ? [] : [REPORT_FD]);
  restoreFileLimit(report);
  refuseMangledVariable(settings.identity.env);
  setImmediate(hideSecrets, process.argv.slice(2));
  const { identity, restart, output, command } = settings;
  const outputs = openOutputs();
  const { name, said } = ownName(settings);
  const events = createEventLog(identity.stateDir, name);
  const consoleLog = createConsoleLog(outputs.stderr, output.quiet, ownEnvironment().underJournal, events);
  const starter = starterOf(process.env, name);
  if (said !== null) consoleLog.warn(said);
  const childEnv = childEnvironment(process.env, identity.env, { ...identity, name });
  // Before any file of others is looked at, and with the command's environment taken: it sets a variable of our own.
  const noThreads = makeThreadPool(filesOfOthers(settings));
  if (noThreads !== null) throw new UsageError(noThreads);
  const health = await healthOrder(settings, childEnv);
  const schedule = await scheduleOf(restart);
  const { notes, ...notifications } = await notificationSettings(settings, ownEnvironment());
  for (const note of [...notes, ...healthNotes(settings.health)]) consoleLog.warn(note);
  const policy = {
    ...restart,
    resumes: restart.resumeCommand !== null,
    scheduled: schedule !== null,
    checksRuns: restart.accept !== null || settings.judge?.acts === true,
    health: policyOfHealth(health),
  };
  const listening = await listenerOf(settings, { name, policy, warn: consoleLog.warn });
  const service = await serviceOf(settings, policy, consoleLog.warn);
  const termination = await terminationLog(consoleLog.warn);
  const end = await watch({
    name,
    stateDir: identity.stateDir,
    command,
    resumeCommand: restart.resumeCommand,
    cwd: identity.cwd,
    env: childEnv,
    stdin: identity.stdin === 'auto' ? 'inherit' : identity.stdin,
    stdinIsTerminal: identity.stdin === 'auto' && isatty(0),
    policy,
    health,
    schedule,
    feedLastOutput: restart.feedLastOutput,
    ringBytes: output.bufferBytes,
    log: output.log,
    outputs,
    given,
    incidents: { tailLines: output.tailLines, rules: settings.diagnosis.diagnose.kind !== 'off' },
    patterns: restart.patterns,
    checks: { accept: restart.accept },
    notifications,
    remedies: settings.health.remedies,
    observers: [
      { note: consoleLog.note },
      starter,
      keeper(settings, name),
      service,
      termination,
      createIdleTrim(trim),
      listening,
    ],
    warn: consoleLog.warn,
    record: consoleLog.record,
  }).catch(refused);
  starter?.ended('code' in end ? end.code : EXIT.alreadyRunning);
  if ('code' in end) return end.code;
  const holder = end.heldBy === null ? 'another watcher' : `the watcher with pid ${end.heldBy}`;
  outputs.stderr.write(
    Buffer.from(
      `agent-watch: "${name}" is already supervised by ${holder}; use --name to give this one another name\n`,
    ),
  );
  return EXIT.alreadyRunning;
}

/** When the settings are kept: the start itself has other things to do. */
const KEEP_AFTER_MS = 200;

/** Keeps the settings for a later `start NAME`, once the command is up; a disk that takes none is told by the state's own saves. */
function keeper(settings: Settings, name: string): Observer {
  let kept: Promise<void> | null = null;
  let begun = false;
  const keep = () => {
    kept ??= import('../fleet/kept-settings.ts')
      .then(({ keepSettings }) => keepSettings(settings, name))
      .catch(() => {
        // A disk that takes nothing: the state's own saves say so.
      });
  };
  return {
    see() {
      if (!begun) setTimeout(keep, KEEP_AFTER_MS).unref();
      begun = true;
    },
    async close() {
      keep();
      await kept;
    },
  };
}

/** How many file calls may hang at the same time: each path is asked again only when it has answered. */
function filesOfOthers({ health, alerts, judge }: Settings): number {
  const probes = health.probes.filter(({ kind }) => kind === 'fresh-file' || kind === 'grow' || kind === 'disk');
  // Once for the names it has, before anything starts, and once for the watcher.
  const metrics = health.metrics.filter(({ kind }) => kind === 'file');
  return probes.length + 2 * metrics.length + alerts.files.length + (judge === null ? 0 : 1);
}

/** Of options that look like none of these, no value is a secret. */
const MAY_BE_SECRET = /:\/\/|^--env|key|token|secret|pass|auth|bearer|[\w-]{20}/i;

/** Takes what is nobody else's business off our command line as ps shows it; while the start waits for the disk. */
async function hideSecrets(argv: readonly string[]): Promise<void> {
  // Without `--` the command is in the configuration, and all of it is options.
  const end = argv.indexOf('--');
  if (!argv.slice(0, end === -1 ? argv.length : end).some(word => MAY_BE_SECRET.test(word))) return;
  const { shownArguments, showArguments } = await import('../arguments/secret-options.ts');
  showArguments(argv, shownArguments(argv));
}

/** Kubernetes makes it where it starts a container; elsewhere there is none. */
const TERMINATION_LOG = '/dev/termination-log';

/** What tells Kubernetes why its container ended, where that asks for it; loaded only there. */
async function terminationLog(warn: (text: string) => void): Promise<Observer | null> {
  if (!existsSync(TERMINATION_LOG)) return null;
  const { createTerminationLog } = await import('../../supervisor/observers/service-manager.ts');
  return createTerminationLog(TERMINATION_LOG, warn);
}

/** Loaded when it is due. */
async function trim(): Promise<void> {
  const { trimMemory } = await import('../../host/resource-limits.ts');
  trimMemory();
}

function refused(error: unknown): never {
  throw error instanceof StateFolderRefused ? new UsageError(error.message) : error;
}

/** What tells systemd how we are doing, where systemd asks for that; loaded only there. */
async function serviceOf(
  { service }: Settings,
  policy: Policy,
  warn: (text: string) => void,
): Promise<Observer | null> {
  const socket = process.env['NOTIFY_SOCKET'];
  if (!socket) return null;
  const calls = libc();
  if (calls === null) {
    warn(`systemd is not told when this service is up (${whyNoLibc()}); set Type=exec in the unit`);
    return null;
  }
  const { createNotifier, createServiceManager, watchdogMsOf } = await import(
    '../../supervisor/observers/service-manager.ts'
  );
  const watchdogMs = watchdogMsOf(process.env, process.pid);
  return createServiceManager({
    notifier: createNotifier(socket, calls, warn),
    readyWhen: service.notifyReady,
    policy,
    watchdogMs,
  });
}

async function scheduleOf({ schedule, timezone }: Settings['restart']): Promise<Schedule | null> {
  if (schedule === null) return null;
  const { parseSchedule } = await import('../../probes/schedule.ts');
  const parsed = parseSchedule(schedule, timezone);
  if (typeof parsed === 'string') throw new UsageError(`--schedule: ${parsed}`);
  return parsed;
}
