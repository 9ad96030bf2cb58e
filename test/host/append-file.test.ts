import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openToAppend } from '../../src/host/read-file.ts';
import { scratch } from '../support/scratch.ts';

const append = async (path: string) => {
  const file = await openToAppend(path);
  await file.appendFile('alert\n').finally(() => file.close());
};

describe('a file to append to', () => {
  test('is made if it is not there, and kept as it is', async () => {
    const path = join(scratch(), 'alerts');
    await append(path);
    await append(path);
    expect(readFileSync(path, 'utf8')).toBe('alert\nalert\n');
  });

  test('may be our own link, in our own folder', async () => {
    const folder = scratch();
    symlinkSync('real', join(folder, 'alerts'));
    await append(join(folder, 'alerts'));
    expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('alert\n');
    await append('/dev/null');
  });

  test('may be a pipe that somebody reads; one that nobody reads is an error, not a wait', async () => {
    const path = join(scratch(), 'pipe');
    execFileSync('mkfifo', [path]);
    await expect(append(path)).rejects.toThrow('ENXIO');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await append(path);
    const bytes = Buffer.alloc(100);
    expect(bytes.toString('utf8', 0, readSync(reader, bytes))).toBe('alert\n');
    closeSync(reader);
  });

  test('is no file with a second name, and no folder', async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'other'), '');
    linkSync(join(folder, 'other'), join(folder, 'alerts'));
    await expect(append(join(folder, 'alerts'))).rejects.toThrow('more than one name');
    await expect(append(folder)).rejects.toThrow('EISDIR');
    expect(readFileSync(join(folder, 'other'), 'utf8')).toBe('');
  });

  test('is no link in a folder where others may put one', async () => {
    const folder = join(scratch(), 'open');
    mkdirSync(folder);
    symlinkSync('real', join(folder, 'alerts'));
    chmodSync(folder, 0o777);
    await expect(append(join(folder, 'alerts'))).rejects.toThrow('symbolic link');
    expect(existsSync(join(folder, 'real'))).toBe(false);
  });

  test.skipIf(process.getuid?.() !== 0)('is no link of another user', async () => {
    const folder = scratch();
    symlinkSync('real', join(folder, 'alerts'));
    lchownSync(join(folder, 'alerts'), 65534, 65534);
    await expect(append(join(folder, 'alerts'))).rejects.toThrow('symbolic link');
    expect(existsSync(join(folder, 'real'))).toBe(false);
  });
});
