import { CANNOT_END } from '../../core/requests.ts';
import { EXIT } from '../../core/signals.ts';
import { isFailed, limitWords, type Status } from '../../core/status.ts';
import { exitText } from '../../core/units.ts';
import { maskedStatuses } from '../../incidents/redaction/statuses.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { selectKnown } from '../fleet/select.ts';
import { print } from '../render/terminal.ts';
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
