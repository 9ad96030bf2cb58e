import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTrustedFile, readTrustedFolder } from '../../src/host/trusted-file.ts';

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agent-watch-trust-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a file of our own', () => {
  test('is read whole', () => {
    writeFileSync(at('own'), 'text ü\n', { mode: 0o600 });
    expect(readTrustedFile(at('own'))).toEqual({ text: 'text ü\n' });
  });

  test('is read through our own link', () => {
    symlinkSync('own', at('link'));
    expect(readTrustedFile(at('link'))).toEqual({ text: 'text ü\n' });
  });

  test('is refused when others may write it', () => {
    writeFileSync(at('open'), 'x');
    chmodSync(at('open'), 0o666);
    expect(readTrustedFile(at('open'))).toEqual({
      refused: expect.stringMatching(/^may be written by other users \(owner \S+, mode 0666\)$/),
    });
  });
});

test('what is not a file is refused without waiting for it', () => {
  mkdirSync(at('folder'));
  execFileSync('mkfifo', [at('fifo')]);
  symlinkSync('round', at('round'));
  writeFileSync(at('big'), Buffer.alloc((1 << 20) + 1));
  expect(readTrustedFile(at('folder'))).toEqual({ refused: 'is a folder, not a file' });
  expect(readTrustedFile(at('fifo'))).toEqual({ refused: 'is not a regular file' });
  expect(readTrustedFile(at('round'))).toEqual({ refused: 'is a link that leads in a circle' });
  expect(readTrustedFile(at('gone'))).toEqual({ refused: 'does not exist' });
  expect(readTrustedFile(at('own/x'))).toEqual({ refused: 'is not there: a part of its path is not a directory' });
  expect(readTrustedFile(at('big'))).toEqual({ refused: 'is larger than 1M' });
  expect(readTrustedFile('/dev/null')).toHaveProperty('refused');
});

test('a folder of our own is listed in order', () => {
  writeFileSync(at('folder/b'), '');
  writeFileSync(at('folder/a'), '');
  expect(readTrustedFolder(at('folder'))).toEqual({ names: ['a', 'b'] });
  expect(readTrustedFolder(at('own'))).toHaveProperty('refused');
});

describe.skipIf(process.getuid?.() !== 0)('with a second user (needs root)', () => {
  const stranger = 65534;

  test('the owner and the mode are named', () => {
    writeFileSync(at('theirs'), 'x');
    chownSync(at('theirs'), stranger, stranger);
    chmodSync(at('theirs'), 0o600);
    expect(readTrustedFile(at('theirs'))).toEqual({
      refused: expect.stringMatching(/^belongs to another user \(owner \w+, mode 0600\)$/),
    });
  });

  test('our own private group may write; a group with other members, or an unknown one, may not', () => {
    writeFileSync(at('shared'), 'x');
    chmodSync(at('shared'), 0o664);
    expect(readTrustedFile(at('shared'))).toEqual({ text: 'x' });
    chownSync(at('shared'), 0, stranger);
    expect(readTrustedFile(at('shared'))).toHaveProperty('refused');
    chownSync(at('shared'), 0, 54_321);
    expect(readTrustedFile(at('shared'))).toHaveProperty('refused');
  });

  test('as that user, root’s files are trusted and a third one’s are not', () => {
    const probe = `
      process.setgid(${stranger}); process.setuid(${stranger});
      const { readTrustedFile } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/host/trusted-file.ts'))});
      console.log(JSON.stringify(process.argv.slice(1).map(path => readTrustedFile(path))));`;
    chmodSync(folder, 0o755);
    writeFileSync(at('roots'), 'r', { mode: 0o644 });
    writeFileSync(at('secret'), 's', { mode: 0o600 });
    writeFileSync(at('third'), 't', { mode: 0o644 });
    chownSync(at('third'), 12_345, 12_345);
    const argv = ['--input-type=module', '-e', probe, at('roots'), at('secret'), at('third')];
    expect(JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' }))).toEqual([
      { text: 'r' },
      { refused: 'cannot be read by this user' },
      { refused: 'belongs to another user (owner 12345, mode 0644)' },
    ]);
  });
});
