import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findMangledArgument, firstForeign } from '../../src/host/own-process.ts';

test('arguments in UTF-8 are fine', () => {
  expect(findMangledArgument()).toBeNull();
  expect(firstForeign(Buffer.from('a\0ä€😀\0\0'))).toBeNull();
});

test('the first that is not is shown', () => {
  expect(firstForeign(Buffer.from('a\0b\xe4\nc\0\xff\0', 'latin1'))).toBe('b\\xe4\\x0ac');
  expect(firstForeign(Buffer.from('a\0\xe4', 'latin1'))).toBe('\\xe4');
});

test('a process finds it among its own', () => {
  const program = `import { findMangledArgument } from ${JSON.stringify(join(import.meta.dirname, '../../src/host/own-process.ts'))};
console.log(findMangledArgument());`;
  const line = `exec ${process.execPath} --input-type=module -e "$0" -- x "$(printf 'f\\344r')"`;
  const { stdout } = spawnSync('sh', ['-c', line, program], { encoding: 'utf8' });
  expect(stdout).toBe('f\\xe4r\n');
});
