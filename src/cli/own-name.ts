import { readSnapshot, type Snapshot } from '../core/snapshot.ts';
import { bootId } from '../host/boot-id.ts';
import { readName } from '../state/reading.ts';
import type { Settings } from './arguments/settings.ts';
import { nameWithFolderHash } from './default-name.ts';

/**
 * The name to watch under. One that was made from the command and is already that of another folder or program gets a
 * suffix from the folder: two bots with a main.py each must not take turns under one name.
 */
export function ownName({ identity, command }: Settings): { name: string; said: string | null } {
  const { name, nameGiven, stateDir, cwd } = identity;
  if (nameGiven) return { name, said: null };
  const known = readName<Snapshot>(stateDir, name, readSnapshot, saved => saved.bootId === bootId()).state;
  if (known === null || (known.cwd === cwd && known.command[0] === command[0])) return { name, said: null };
  const other = nameWithFolderHash(name, cwd);
  return {
    name: other,
    said: `"${name}" is the name of ${known.command[0]} in ${known.cwd}; this one is called ${other}`,
  };
}
