import { basename } from 'node:path';
import { isInsideRun } from '../../host/inside-run.ts';
import { argumentsOf, environmentOf, folderOf } from '../../host/process-facts.ts';
import { type ProcessRow, readProcess } from '../../host/process-table.ts';
import { type Finding, note, serious } from './finding.ts';
import type { Subject } from './subject.ts';
import { supervisorAbove } from './supervisors.ts';

/** A process with its arguments, read once for all names. */
export interface NamedRow extends ProcessRow {
  readonly words: readonly string[];
}

/** Processes that run a watched command where the watched one runs, outside of its tree: two of them do the work twice. */
export function lookForTwins(subject: Subject, stateDir: string, table: readonly NamedRow[]): Finding[] {
  const { status, run, name, watcher } = subject;
  if (status.phase === 'stopped' || status.phase === 'finished') return [];
  const alive = childOf(subject);
  const words = alive === null ? status.command : argumentsOf(alive);
  const folder = (alive === null ? null : folderOf(alive)) ?? subject.cwd;
  const mark = { name, stateDir, runId: run?.runId ?? null, childPid: alive, startTicks: run?.startTicks ?? null };
  const twins = table
    .filter(({ pid, dead }) => !dead && pid !== watcher && pid !== alive && pid !== process.pid)
    .filter(row => isSame(words, row.words) && folderOf(row.pid) === folder)
    .map(({ pid }) => ({ pid, other: environmentOf(pid)?.['AGENT_WATCH_NAME'] }))
    // One of another name is not in this run; of all others it has to be found out.
    .filter(({ pid, other }) => (other !== undefined && other !== name) || !isInsideRun(pid, mark));
  const others = [...new Set(twins.flatMap(({ other }) => (other === undefined ? [] : [`"${other}"`])))];
  const findings = twins.filter(({ other }) => other === undefined).map(({ pid }) => loose(pid, name));
  if (others.length > 0) findings.push(note(`${listed(others)} run the same command in the same folder`, POOL_CURE));
  return findings;
}

const POOL_CURE = 'right for a pool of workers; else agent-watch stop all but one';

const SHOWN = 3;

function listed(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return `${names.slice(0, SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function loose(pid: number, name: string): Finding {
  const above = supervisorAbove(pid);
  const what = `process ${pid} runs the same command in the same folder, outside of this watcher`;
  if (above === null) return serious(what, `end one of the two: kill ${pid}, or agent-watch stop ${name}`);
  return serious(`${what}, under ${above}`, 'let one supervisor have it');
}

/** The child, if the one that the files name still lives. */
export function childOf({ run }: Subject): number | null {
  if (run === null || run.childPid === null) return null;
  const found = readProcess(run.childPid);
  if (found === null || found.dead) return null;
  return run.startTicks === null || run.startTicks === found.startTicks ? run.childPid : null;
}

/** The program may be named by its whole path in one of them. A program without arguments is told by the whole word only. */
function isSame(mine: readonly string[], others: readonly string[]): boolean {
  const [mineFirst = '', ...mineRest] = mine;
  const [otherFirst = '', ...otherRest] = others;
  if (mineFirst === '' || mine.length !== others.length) return false;
  const programs = mine.length === 1 ? [mineFirst, otherFirst] : [basename(mineFirst), basename(otherFirst)];
  return programs[0] === programs[1] && mineRest.every((word, index) => word === otherRest[index]);
}
