import { closeSync, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { checksum } from './checksum.ts';
import { tryOwnFolder } from './own-folder.ts';

/**
 * Where lock, record and socket go when the name's own folder takes none (a read-only or full disk): a folder of ours in
 * a memory file system, keyed by state folder and name. The list is fixed, not by TMPDIR and the like, since two
 * watchers of one name must come to the same one whatever their environments say.
 */
function rootsOf(uid: number): string[] {
  const own = uid === 0 ? '/run/agent-watch' : `/run/user/${uid}/agent-watch`;
  return [own, `/tmp/agent-watch-${uid}`, `/dev/shm/agent-watch-${uid}`];
}

const KEY_DIGITS = 16;

function keyOf(stateDir: string, name: string): string {
  const text = `${real(stateDir)}\0${name}`;
  // Two sums from two beginnings: 64 bits are enough to tell the state folders of one machine apart.
  return `${name}-${checksum(text)}${checksum(text, 0x5bd1e995)}`;
}

function real(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    // Not there, or not to be seen: then two who cannot see it agree on the path as it was given.
    return path;
  }
}

/** The private folders of a name that exist and are ours, best first. Makes none. */
export function existingPrivateFolders(stateDir: string, name: string): string[] {
  const uid = process.geteuid?.() ?? -1;
  const roots = rootsOf(uid).filter(root => isOurs(root, uid));
  if (roots.length === 0) return [];
  const key = keyOf(stateDir, name);
  return roots.map(root => `${root}/${key}`).filter(path => isOurs(path, uid));
}

/** The names of a state folder that have a private folder. */
export function namesWithPrivateFolder(stateDir: string): string[] {
  const uid = process.geteuid?.() ?? -1;
  return rootsOf(uid)
    .filter(root => isOurs(root, uid))
    .flatMap(root => readdirSync(root))
    .flatMap(entry => {
      const name = entry.slice(0, -KEY_DIGITS - 1);
      return keyOf(stateDir, name) === entry ? [name] : [];
    });
}

function isOurs(path: string, uid: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.uid === uid && (stats.mode & 0o077) === 0;
}

/** Makes the first private folder that can be made (0700): its path, or why there is none. */
export function makePrivateFolder(stateDir: string, name: string): { path: string } | { why: string } {
  const faults: string[] = [];
  const key = keyOf(stateDir, name);
  for (const root of rootsOf(process.geteuid?.() ?? -1)) {
    const outer = tryOwnFolder(root);
    if (typeof outer === 'string') {
      faults.push(outer);
      continue;
    }
    closeSync(outer);
    const inner = tryOwnFolder(`${root}/${key}`);
    if (typeof inner === 'number') {
      closeSync(inner);
      return { path: `${root}/${key}` };
    }
    faults.push(inner);
  }
  return { why: faults.join('; ') };
}
