import { CANNOT_END } from '../../core/requests.ts';
import { EXIT } from '../../core/signals.ts';
import { isFailed, limitWords, type Status } from '../../core/status.ts';
import { durationText, exitText } from '../../core/units.ts';
import type { Invocation, Settings } from '../arguments/invocation.ts';
import { ownEnvironment } from '../environment.ts';
import { type Described, readFleet } from '../fleet/files.ts';
import { maskedStatuses, selectKnown } from '../fleet/select.ts';
import { print } from '../render/terminal.ts';
import { resolvedCommand } from '../service/plan.ts';
import { CommandFailed } from '../usage-error.ts';
import { readServices } from './status.ts';

type HealthInvocation = Extract<Invocation, { kind: 'health' }>;

/** The answer about one watched thing. */
interface Verdict {
  name: string;
  well: boolean;
  phase: Status['phase'];
  /** What is wrong, in sentences; of optional probes too, which do not make it unwell. */
  problems: string[];
}

/** Phases in which the command does not do its work though it should. Source: the contract's exit codes. */
const UNWELL: ReadonlySet<Status['phase']> = new Set(['lost', 'held', 'unhealthy', 'backoff', 'cooldown']);

/** One line for each service; the exit code is 0 only if there are services and all are well. */
export async function healthCommand(invocation: HealthInvocation): Promise<number> {
  const { services, code } = selectKnown(invocation);
  const { rows, faults } = readServices(services);
  for (const line of faults) process.stderr.write(`agent-watch: ${line}\n`);
  const shown = await maskedStatuses(rows.map(({ status }) => status));
  const verdicts = rows.map(({ service, status }, index) => ({
    ...verdictOf(shown[index] ?? status),
    name: service.label,
  }));
  if (invocation.json) print(`${JSON.stringify(verdicts, null, 2)}\n`);
  else if (verdicts.length > 0) print(`${verdicts.map(lineOf).join('\n')}\n`);
  // Nothing to look at is a mistake in what was asked, and no proof of health.
  if (verdicts.length === 0 && faults.length === 0 && code === EXIT.ok)
    throw new CommandFailed(`no services in ${invocation.stateDir}`);
  if (faults.length > 0 || !verdicts.every(({ well }) => well)) return EXIT.notWell;
  return code;
}

function verdictOf(status: Status): Verdict {
  const failing = status.health.filter(row => row.ok === false);
  const problems = failing.map(row => `${row.name}${row.severity === 'optional' ? ' (optional)' : ''}: ${row.detail}`);
  if (status.phase === 'lost') problems.unshift('its watcher is gone');
  if (status.holdReason !== null)
    problems.unshift(status.phase === 'held' ? status.holdReason : `held: ${status.holdReason}`);
  if (status.lastExit !== null && (status.phase === 'backoff' || status.phase === 'cooldown')) {
    problems.push(`last exit: ${status.lastExit.cause} (${exitText(status.lastExit)})`);
  }
  const { limit } = status;
  if (status.phase === 'limited' && limit !== null)
    problems.push(`${limitWords(limit.cause)}${limit.line === null ? '' : `: "${limit.line}"`}`);
  // Waiting for a known time is as planned; a refused login or a used up balance may never end.
  const stuck = status.phase === 'limited' && (limit === null || limit.until === null || limit.cause === 'budget');
  const critical = failing.some(row => row.severity === 'critical');
  // What is being stopped for it is being cured, unless it cannot be stopped.
  const cured = status.phase === 'stopping' && !failing.some(({ name }) => name === CANNOT_END);
  const well = !UNWELL.has(status.phase) && !stuck && (!critical || cured);
  return { name: status.name, well, phase: status.phase, problems };
}

/** Whether a service does its work, waits as planned, or has ended as it should. */
export const isWell = (status: Status): boolean => verdictOf(status).well && !isFailed(status);

function lineOf({ name, well, phase, problems }: Verdict): string {
  const rest = problems.length === 0 ? '' : `: ${problems.join('; ')}`;
  return `${well ? 'ok ' : 'BAD'}  ${name}  ${phase}${rest}`;
}

type CheckInvocation = Extract<Invocation, { kind: 'check' }>;

/** Shows what each file would run, and every fault of every file. Starts and changes nothing. */
export async function checkCommand(invocation: CheckInvocation): Promise<number> {
  const { services, faults } = await readFleet(invocation);
  const here = ownEnvironment();
  const missing: string[] = [];
  print(
    services
      .map(service => {
        const { words, missing: why } = resolvedCommand(service.settings, here);
        if (why !== null) missing.push(`${service.shown}: command: ${why}`);
        return `${textOf(service, words)}\n`;
      })
      .join('\n'),
  );
  for (const fault of [...faults, ...missing]) process.stderr.write(`agent-watch: ${fault}\n`);
  if (faults.length > 0) return EXIT.usage;
  return missing.length > 0 ? EXIT.notWell : EXIT.ok;
}

function textOf({ shown, settings }: Described, words: readonly string[]): string {
  const { identity, restart, health, alerts } = settings;
  const rows: [string, string][] = [
    ['file', shown],
    ['command', words.map(shellWord).join(' ')],
    ['cwd', identity.cwd],
    ['environment', Object.keys(identity.env).join(', ')],
    ['starts', startText(settings)],
    ['stop', `${restart.stopSignal}, SIGKILL after ${durationText(restart.stopTimeoutMs)}`],
    ...health.probes.map((probe): [string, string] => ['probe', `${probe.name} (${probe.severity})`]),
    ['kill when', health.killWhen ?? ''],
    ['alerts', alertText(alerts)],
  ];
  const lines = rows.filter(([, text]) => text !== '').map(([key, text]) => `  ${key.padEnd(12)} ${text}`);
  return [identity.name, ...lines].join('\n');
}

function startText({ restart }: Settings): string {
  if (restart.schedule !== null) return `${restart.schedule} (${restart.timezone} time)`;
  return `at once; restarted ${restart.restart === 'always' ? 'after every exit' : restart.restart === 'never' ? 'never' : 'on failure'}`;
}

function alertText({ webhooks, commands, files }: Settings['alerts']): string {
  const count = webhooks.length + commands.length + files.length;
  return count === 0 ? 'none' : `${count} ${count === 1 ? 'target' : 'targets'}`;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
