import { accessSync, constants, lstatSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { sizeText } from '../../core/units.ts';
import { diskRoom } from '../../host/kernel-log.ts';
import { isInsideRun } from '../../host/own-process.ts';
import { argumentsOf, environmentOf, folderOf, serviceOf, titleOf } from '../../host/process-facts.ts';
import { type ProcessRow, readProcess } from '../../host/process-table.ts';
import { reasonOf } from '../../host/read-file.ts';
import { LOG_FILE } from '../../state/state-folder.ts';
import { type Finding, note, type Subject, serious, well } from './finding.ts';

/** Less than this is not a day's log. */
const LITTLE_BYTES = 1024 ** 3;
/** State files and incidents need this much to be sure. */
const TOO_LITTLE_BYTES = 64 * 1024 ** 2;

/** Whether the state folder can be written, by us alone, and whether there is room. */
export async function lookAtStateFolder(stateDir: string, names: readonly string[]): Promise<Finding[]> {
  const stats = statSync(stateDir, { throwIfNoEntry: false });
  if (stats === undefined) return [notYet(stateDir)];
  const findings = [...ownership(stateDir, stats), ...(await room(stateDir, names))];
  const fine = findings.every(({ cure }) => cure === null);
  return fine ? [well(`${stateDir}: writable; ${findings.map(({ what }) => what).join('; ')}`)] : findings;
}

function notYet(stateDir: string): Finding {
  let above = dirname(stateDir);
  while (above !== dirname(above) && statSync(above, { throwIfNoEntry: false }) === undefined) above = dirname(above);
  const why = unwritable(above);
  if (why === null) return well(`${stateDir} does not exist yet; the first watcher creates it`);
  return serious(`${stateDir} cannot be created: ${above}: ${why}`, 'name another folder with --state-dir');
}

function ownership(stateDir: string, { uid, mode }: { uid: number; mode: number }): Finding[] {
  const findings: Finding[] = [];
  const me = process.getuid?.() ?? uid;
  const why = unwritable(stateDir);
  if (why !== null)
    findings.push(
      serious(
        `${stateDir} cannot be written (${why}): restarts go on, but holds, history and logs are lost`,
        `chown it to user ${me}, or name another one with --state-dir`,
      ),
    );
  if (uid !== me && uid !== 0)
    findings.push(note(`${stateDir} belongs to user ${uid}, who can rename what is in it`, `chown ${me} ${stateDir}`));
  // With the sticky bit only the owner of an entry can replace it.
  if ((mode & 0o022) !== 0 && (mode & 0o1000) === 0)
    findings.push(note(`others may write ${stateDir} (mode ${(mode & 0o7777).toString(8)})`, `chmod go-w ${stateDir}`));
  return findings;
}

function unwritable(path: string): string | null {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

async function room(stateDir: string, names: readonly string[]): Promise<Finding[]> {
  const logs = names.reduce((sum, name) => sum + logBytes(join(stateDir, name)), 0);
  const kept = `the logs of ${names.length} ${names.length === 1 ? 'name' : 'names'} take ${sizeText(logs)}`;
  const [disk] = await diskRoom([stateDir]);
  if (disk === undefined) return [note(`its disk did not answer; ${kept}`, 'check whether a network mount hangs')];
  const free = `${sizeText(disk.freeBytes)} free`;
  const cure = 'free some space, or keep less: --log-max-size, --log-keep, --no-log';
  if (disk.freeBytes < TOO_LITTLE_BYTES) return [serious(`its disk is full: ${free}; ${kept}`, cure)];
  if (disk.freeInodes !== null && disk.freeInodes < 1000)
    return [serious(`its disk has ${disk.freeInodes} inodes left: no new files soon`, 'remove small files')];
  if (disk.freeBytes < LITTLE_BYTES) return [note(`its disk is almost full: ${free}; ${kept}`, cure)];
  return [well(free), well(kept)];
}

function logBytes(folder: string): number {
  try {
    return readdirSync(folder)
      .filter(file => file.startsWith(LOG_FILE))
      .reduce((sum, file) => sum + (lstatSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0), 0);
  } catch {
    // Only a private folder stands for that name, or it is not ours to read.
    return 0;
  }
}

// Who else starts what has ended: other supervisors above a process.

/** By the title or the command line of the supervising process. */
const SUPERVISORS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['pm2', /^PM2\b|\bpm2(?:-runtime)?\b/],
  ['supervisord', /\bsupervisord\b/],
  ['forever', /\/forever\b|\bforever\/bin\/monitor\b/],
  ['nodemon', /\bnodemon\b/],
  ['circus', /\bcircusd\b/],
  ['runit', /^(?:\S*\/)?runsv\b/],
  ['s6', /^(?:\S*\/)?s6-supervise\b/],
  ['monit', /^(?:\S*\/)?monit\b/],
  ['a container engine', /^(?:\S*\/)?(?:containerd-shim|conmon)\b/],
  ['cron', /^(?:\S*\/)?(?:cron|crond)\b|^\/usr\/sbin\/CRON\b/],
];

/** The nearest supervisor above a process; null: none that is known. Of systemd the unit is named. */
export function supervisorAbove(pid: number): string | null {
  const seen = new Set<number>();
  let current = readProcess(pid)?.parent ?? 0;
  while (current > 0 && !seen.has(current)) {
    seen.add(current);
    const words = `${argumentsOf(current).join(' ')}` || (titleOf(current) ?? '');
    const found = SUPERVISORS.find(([, pattern]) => pattern.test(words));
    if (found !== undefined) return found[0];
    current = readProcess(current)?.parent ?? 0;
  }
  const service = serviceOf(pid);
  return service === null ? null : `systemd's ${service}`;
}

/** A process with its arguments, read once for all names. */
export interface NamedRow extends ProcessRow {
  readonly words: readonly string[];
}

/** Processes that run a watched command where the watched one runs, outside of its tree: two of them do the work twice. */
export function findDuplicates(subject: Subject, stateDir: string, table: readonly NamedRow[]): Finding[] {
  const { status, run, name, watcher } = subject;
  if (status.phase === 'stopped' || status.phase === 'finished') return [];
  const alive = childOf(subject);
  const words = alive === null ? status.command : argumentsOf(alive);
  const folder = (alive === null ? null : folderOf(alive)) ?? subject.cwd;
  const mark = { name, stateDir, runId: run?.runId ?? null, childPid: alive, startTicks: run?.startTicks ?? null };
  const duplicates = table
    .filter(({ pid, dead }) => !dead && pid !== watcher && pid !== alive && pid !== process.pid)
    .filter(row => isSame(words, row.words) && folderOf(row.pid) === folder)
    .map(({ pid }) => ({ pid, other: environmentOf(pid)?.['AGENT_WATCH_NAME'] }))
    // One of another name is not in this run; of all others it has to be found out.
    .filter(({ pid, other }) => (other !== undefined && other !== name) || !isInsideRun(pid, mark));
  const others = [...new Set(duplicates.flatMap(({ other }) => (other === undefined ? [] : [`"${other}"`])))];
  const findings = duplicates.filter(({ other }) => other === undefined).map(({ pid }) => loose(pid, name));
  if (others.length > 0) findings.push(note(`${listed(others)} run the same command in the same folder`, POOL_CURE));
  return findings;
}

const POOL_CURE = 'correct for a pool of workers; otherwise agent-watch stop all but one';

const SHOWN = 3;

function listed(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return `${names.slice(0, SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function loose(pid: number, name: string): Finding {
  const above = supervisorAbove(pid);
  const what = `process ${pid} runs the same command in the same folder, outside of this watcher`;
  if (above === null) return serious(what, `end one of the two: kill ${pid}, or agent-watch stop ${name}`);
  return serious(`${what}, under ${above}`, 'let only one supervisor run it');
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
