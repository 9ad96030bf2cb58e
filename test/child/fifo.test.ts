import { closeSync, fstatSync, mkdtempSync, readdirSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPipes } from '../../src/child/spawn.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fifo-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function pipesIn(...folders: string[]) {
  const pipes = await openPipes(folders);
  if ('why' in pipes) throw new Error(pipes.why);
  return pipes;
}

test('two pipes that leave nothing behind', async () => {
  const pipes = await pipesIn(folder);
  expect(readdirSync(folder)).toEqual([]);
  for (const [index, { readFd, writeFd }] of pipes.entries()) {
    expect(fstatSync(readFd)).toMatchObject({ nlink: 0, mode: 0o010600 });
    writeSync(writeFd, `to ${index}`);
    const bytes = Buffer.alloc(10);
    expect(bytes.toString('utf8', 0, readSync(readFd, bytes))).toBe(`to ${index}`);
    expect(() => readSync(readFd, bytes)).toThrow(/EAGAIN/);
    closeSync(readFd);
    closeSync(writeFd);
  }
});

test('the next folder where one cannot be used', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const pipes = await pipesIn(file, join(folder, 'missing'), folder);
  for (const { readFd, writeFd } of pipes) {
    closeSync(readFd);
    closeSync(writeFd);
  }
});

test('none where no folder can be used, with the reason', async () => {
  expect(await openPipes([join(folder, 'missing')])).toEqual({ why: expect.stringContaining('ENOENT') });
  expect(await openPipes([])).toEqual({ why: 'no folder to make them in' });
});

test('none where mkfifo is missing, with the reason', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = folder;
  try {
    expect(await openPipes([folder])).toEqual({ why: 'mkfifo is not here' });
  } finally {
    process.env['PATH'] = path;
  }
  expect(readdirSync(folder)).toEqual([]);
});
