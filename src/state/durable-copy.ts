// Loaded at its first use and not before the first start: node:fs/promises brings readline along.
import { promises as files } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes a file so that it survives a power cut: temporary file, fsync, rename, fsync of the folder. Off the loop, since
 * an fsync takes from a millisecond to many seconds. Throws the system's error and leaves no temporary file then.
 */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  await files.unlink(temporary).catch(() => {
    // Not there: as it should be.
  });
  const file = await files.open(temporary, 'wx', 0o600);
  try {
    try {
      await file.chmod(0o600);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await files.unlink(temporary).catch(() => {
      // Renamed already, or never made.
    });
    throw error;
  }
}

/** Makes the renames in a folder survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await files.open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
