import { EXIT } from '../../core/exit-code.ts';
import { argumentsOf } from '../../host/process-facts.ts';
import { readTable } from '../../host/process-table.ts';
import { namesIn } from '../../state/state-folder.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { requireKnown } from '../commands/status.ts';
import { terminalLine } from '../render/terminal.ts';
import { lookAtBuffering, lookAtCommand } from './command.ts';
import { lookAtContacts, lookAtOwnContacts } from './contacts.ts';
import { type Finding, type Subject, serious, subjectOf, well } from './finding.ts';
import { lookAtMachine } from './machine.ts';
import { findDuplicates, lookAtStateFolder, type NamedRow } from './state-folder.ts';
import { lookAtListenPort, lookAtWatcher } from './watcher.ts';

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
  process.stdout.write(`${reportOf(findings)}\n`);
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
    return [serious(`${where} could not be looked at: ${String(error)}`, 'report this')];
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
