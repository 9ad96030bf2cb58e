import { accessSync, constants, lstatSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { reasonOf } from '../../host/errno.ts';
import { diskRoom } from '../../host/evidence/disk-room.ts';
import { sizeText } from '../../probes/size-text.ts';
import { LOG_FILE } from '../../state/names.ts';
import { type Finding, note, serious, well } from './finding.ts';

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
  return fine ? [well(`${stateDir}: ours to write; ${findings.map(({ what }) => what).join('; ')}`)] : findings;
}

function notYet(stateDir: string): Finding {
  let above = dirname(stateDir);
  while (above !== dirname(above) && statSync(above, { throwIfNoEntry: false }) === undefined) above = dirname(above);
  const why = unwritable(above);
  if (why === null) return well(`${stateDir} is not there yet; the first watcher makes it`);
  return serious(`${stateDir} cannot be made: ${above}: ${why}`, 'name another folder with --state-dir');
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
  // With the sticky bit nobody but the owner of an entry can replace it.
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
  if (disk === undefined) return [note(`its disk did not answer; ${kept}`, 'look whether a network mount hangs')];
  const free = `${sizeText(disk.freeBytes)} free`;
  const cure = 'make room, or keep less: --log-max-size, --log-keep, --no-log';
  if (disk.freeBytes < TOO_LITTLE_BYTES) return [serious(`its disk is full: ${free}; ${kept}`, cure)];
  if (disk.freeInodes !== null && disk.freeInodes < 1000)
    return [serious(`its disk has ${disk.freeInodes} inodes left: no new files soon`, 'remove small files')];
  if (disk.freeBytes < LITTLE_BYTES) return [note(`its disk has little room: ${free}; ${kept}`, cure)];
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
