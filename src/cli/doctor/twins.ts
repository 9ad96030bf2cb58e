import { basename } from 'node:path';
import { isInsideRun } from '../../host/inside-run.ts';
import { argumentsOf, environmentOf, folderOf } from '../../host/process-facts.ts';
import { type ProcessRow, readProcess } from '../../host/process-table.ts';
import { type Finding, note, serious } from './finding.ts';
import type { Subject } from './subject.ts';
import { supervisorAbove } from './supervisors.ts';

/** Processes that run a watched command where the watched one runs, outside of its tree: two of them do the work twice. */
export function lookForTwins(subject: Subject, stateDir: string, table: readonly ProcessRow[]): Finding[] {
  const { status, run, name, watcher } = subject;
  if (status.phase === 'stopped' || status.phase === 'finished') return [];
  const alive = childOf(subject);
  const words = alive === null ? status.command : argumentsOf(alive);
  const folder = (alive === null ? null : folderOf(alive)) ?? subject.cwd;
  const mark = { name, stateDir, runId: run?.runId ?? null, childPid: alive, startTicks: run?.startTicks ?? null };
  const twins = table
    .filter(({ pid, dead }) => !dead && pid !== watcher && pid !== process.pid)
    .filter(({ pid }) => isSame(words, argumentsOf(pid)) && folderOf(pid) === folder && !isInsideRun(pid, mark))
    .map(({ pid }) => ({ pid, other: environmentOf(pid)?.['AGENT_WATCH_NAME'] }));
  const others = new Set(twins.flatMap(({ other }) => (other === undefined ? [] : [`"${other}"`])));
  const findings = twins.filter(({ other }) => other === undefined).map(({ pid }) => loose(pid, name));
  if (others.size > 0)
    findings.push(note(`${[...others].join(', ')} run the same command in the same folder`, POOL_CURE));
  return findings;
}

const POOL_CURE = 'right for a pool of workers; else agent-watch stop all but one';

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
