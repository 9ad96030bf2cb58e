import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openPipes } from '../../src/child/spawn.ts';

test('two pipes without a name, of which the reading end does not block', () => {
  const pipes = openPipes();
  if (pipes === null) throw new Error('no pipes');
  for (const [index, { readFd, writeFd }] of pipes.entries()) {
    expect(fstatSync(readFd)).toMatchObject({ mode: 0o010600 });
    writeSync(writeFd, `to ${index}`);
    const bytes = Buffer.alloc(10);
    expect(bytes.toString('utf8', 0, readSync(readFd, bytes))).toBe(`to ${index}`);
    expect(() => readSync(readFd, bytes)).toThrow(/EAGAIN/);
    closeSync(readFd);
    closeSync(writeFd);
  }
});
