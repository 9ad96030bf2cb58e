import { userInfo } from 'node:os';
import { EXIT } from '../../core/signals.ts';
import { portHolder } from '../../host/kernel-log.ts';
import { argumentsOf, limitsOf, runsRemovedFile, serviceOf } from '../../host/process-facts.ts';
import { readProcess, readTable } from '../../host/process-table.ts';
import { namesIn } from '../../state/state-folder.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { requireKnown } from '../commands/status.ts';
import { print, terminalLine } from '../render/terminal.ts';
import { lingers } from '../service/plan.ts';
import { lookAtBuffering, lookAtCommand, lookAtContacts, lookAtOwnContacts } from './command.ts';
import { type Finding, lookAtMachine, note, type Subject, serious, subjectOf, well } from './finding.ts';
import { childOf, findDuplicates, lookAtStateFolder, type NamedRow, supervisorAbove } from './state-folder.ts';

/** Fewer than this run out with a few hundred connections. */
const FEW_FILES = 1024;

/** Whether the watcher itself is there, and what becomes of its child if it is killed. */
export function lookAtWatcher(subject: Subject): Finding[] {
  const { status, watcher, fault } = subject;
  const findings =
    fault === null ? [] : [note(`its state file cannot be read (${fault})`, 'the next start keeps it aside')];
  if (status.phase === 'lost') findings.push(lost(subject));
  if (status.phase === 'held')
    findings.push(
      serious(
        `held, so nothing starts: ${status.holdReason ?? 'why is unreadable'}`,
        `agent-watch reset ${status.name}`,
      ),
    );
  if (watcher !== null)
    findings.push(...unprotected(subject, watcher), ...replaced(subject, watcher), ...limits(watcher));
  findings.push(...unitBeside(subject));
  return findings;
}

function lost(subject: Subject): Finding {
  const child = childOf(subject);
  const again =
    subject.unit === null ? `start it again; agent-watch install keeps it started` : 'systemctl start it again';
  if (child === null) return serious('its watcher died and nothing is running', again);
  return serious(
    `its watcher is gone, and its child ${child} runs on unwatched`,
    `${again}: that child is ended first`,
  );
}

/** Only a unit's control group, or the end of a container, ends what a killed watcher leaves. */
function unprotected({ env }: Subject, watcher: number): Finding[] {
  if (process.platform !== 'linux' || watcher === 1) return [];
  const service = serviceOf(watcher);
  const isMain =
    env['SYSTEMD_EXEC_PID'] === String(watcher) || (service !== null && readProcess(watcher)?.parent === 1);
  if (isMain) return [well(`its watcher is ${service ?? 'a unit'}: systemd keeps it, and ends all of it`)];
  const above = supervisorAbove(watcher);
  const findings = [
    note(
      `its watcher is in no unit: kill -9 of ${watcher} (as the OOM killer does) leaves the command unwatched until the next start`,
      'agent-watch install makes it a unit of systemd',
    ),
  ];
  if (above !== null && !above.startsWith('systemd'))
    findings.push(
      note(
        `its watcher runs under ${above}, which starts watchers again that ended on purpose`,
        'use agent-watch install',
      ),
    );
  return findings;
}

/** After an upgrade a watcher runs what it was started from until it is started again. */
function replaced({ name, unit }: Subject, watcher: number): Finding[] {
  if (!runsRemovedFile(watcher)) return [];
  const again = unit === null ? `agent-watch restart --watcher ${name}` : 'systemctl restart its unit';
  return [note('its watcher runs an executable that has been replaced or removed since it was started', again)];
}

function limits(watcher: number): Finding[] {
  const { files } = limitsOf(watcher);
  if (files === null || files >= FEW_FILES) return [];
  return [note(`its watcher and command may open ${files} files at a time`, 'ulimit -n, or LimitNOFILE= in the unit')];
}

function unitBeside({ name, unit, watcher, status }: Subject): Finding[] {
  if (unit === null) return [];
  const findings: Finding[] = [];
  if (
    watcher !== null &&
    serviceOf(watcher)?.startsWith(`agent-watch-${name}`) !== true &&
    process.platform === 'linux'
  )
    findings.push(
      note(
        `${unit.path} is installed, but the watcher in charge is another`,
        `agent-watch stop ${name}, then systemctl start it`,
      ),
    );
  const owner = userInfo().username;
  if (!unit.path.startsWith('/etc/') && !lingers(owner))
    findings.push(
      serious(
        `${unit.path} ends with your last session, and does not start at boot`,
        `loginctl enable-linger ${owner}`,
      ),
    );
  if (status.phase === 'stopped')
    findings.push(note('stopped by hand; it starts at the next boot', 'agent-watch uninstall, if it should not'));
  return findings;
}

/** Whether somebody else listens where --listen wants to: the watcher tries again for as long as it lives, and shows nothing meanwhile. */
export async function lookAtListenPort({ settings, watcher }: Subject): Promise<Finding[]> {
  const listen = settings?.service.listen ?? null;
  if (listen === null || watcher === null || process.platform !== 'linux') return [];
  const holder = await portHolder(listen.port, new Set());
  if (holder === null || holder.pid === watcher) return [];
  const by =
    holder.pid === null ? "another user's process" : `process ${holder.pid} (${holder.command ?? 'unknown command'})`;
  return [
    serious(
      `--listen ${listen.host}:${listen.port} is not served: the port is taken by ${by}`,
      'give --listen another port, or end that process: the watcher tries again every 3s',
    ),
  ];
}

type DoctorInvocation = Extract<Invocation, { kind: 'doctor' }>;

/** Says what would surprise the user tomorrow, each with its cure; 1 if any of it is serious. Changes nothing, sends nothing. */
export async function doctorCommand({ name, stateDir }: DoctorInvocation): Promise<number> {
  if (name !== null) requireKnown(stateDir, name);
  const all = namesIn(stateDir);
  const table = everyProcess();
  const findings = [
    ...(await tried('the state folder', () => lookAtStateFolder(stateDir, all))),
    ...(await tried('this machine', () => lookAtMachine(process.env, table))),
    ...(await tried('this shell', lookAtOwnContacts)),
  ];
  for (const one of name === null ? all : [name]) {
    const found = await tried(one, async () => {
      const subject = await subjectOf(stateDir, one);
      return subject === null ? [] : lookAt(subject, stateDir, table);
    });
    findings.push(...found.map(finding => ({ ...finding, what: `${one}: ${finding.what}` })));
  }
  print(`${reportOf(findings)}\n`);
  return findings.some(finding => finding.serious) ? EXIT.notWell : EXIT.ok;
}

/** Empty where there is no /proc, which is a finding of its own. */
function everyProcess(): NamedRow[] {
  try {
    return readTable(null).map(row => ({ ...row, words: argumentsOf(row.pid) }));
  } catch {
    return [];
  }
}

async function lookAt(subject: Subject, stateDir: string, table: readonly NamedRow[]): Promise<Finding[]> {
  const findings = [
    ...lookAtWatcher(subject),
    ...(await lookAtListenPort(subject)),
    ...findDuplicates(subject, stateDir, table),
    ...lookAtCommand(subject),
    ...lookAtBuffering(subject),
    ...(await lookAtContacts(subject)),
  ];
  return findings.length > 0 ? findings : [well(`${subject.status.phase}; nothing to say`)];
}

/** A look that fails must not keep the others from being heard. */
async function tried(where: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    return [serious(`${where} could not be checked: ${String(error)}`, 'report this')];
  }
}

/** The worst first; what is well in one short line each, last. */
function reportOf(findings: readonly Finding[]): string {
  const graves = findings.filter(finding => finding.serious);
  const notes = findings.filter(finding => !finding.serious && finding.cure !== null);
  const fine = findings.filter(({ cure }) => cure === null);
  const lines = [
    ...graves.flatMap(({ what, cure }) => [`SERIOUS  ${what}`, `         cure: ${cure}`]),
    ...notes.flatMap(({ what, cure }) => [`note     ${what}`, `         cure: ${cure}`]),
    ...fine.map(({ what }) => `ok       ${what}`),
  ];
  return lines.map(line => terminalLine(line, false)).join('\n');
}
