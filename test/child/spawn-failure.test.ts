import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rig } from './rig.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spawn-failure-'));
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function script(name: string, text: string | Buffer, mode = 0o755): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

async function failureOf(command: string[], extra: Parameters<typeof rig>[1] = {}) {
  const { child, call, fact, ids } = await rig(command, extra);
  const runId = 'f'.repeat(32) as never;
  ids.add(runId);
  call(() => child.spawn(1, runId));
  return (await fact('spawn-failed')).failure;
}

describe('a missing command', () => {
  test('is reported with the PATH that was searched', async () => {
    const failure = await failureOf(['no-such-command'], { env: { PATH: '/bin:/opt/none' } });
    expect(failure).toEqual({
      kind: 'command-missing',
      why: 'no-such-command was not found; searched PATH /bin:/opt/none',
    });
  });
  test('is reported with what is searched without a PATH', async () => {
    const failure = await failureOf(['no-such-command'], { env: {} });
    expect(failure.why).toBe('no-such-command was not found; no PATH is set, searched was /bin:/usr/bin');
  });
  test('given by its path is reported by its path, relative to the working directory', async () => {
    const failure = await failureOf(['./none'], { cwd: folder });
    expect(failure).toEqual({ kind: 'command-missing', why: `${folder}/none does not exist` });
  });
  test('behind a file is missing too', async () => {
    script('plain', '', 0o644);
    expect((await failureOf([join(folder, 'plain/x')])).kind).toBe('command-missing');
  });
  test('that is empty is reported', async () => {
    expect(await failureOf([''])).toEqual({ kind: 'command-missing', why: 'the command is empty' });
  });
  test('at the end of a broken link is missing', async () => {
    symlinkSync('/nowhere/at/all', join(folder, 'dangling'));
    expect((await failureOf([join(folder, 'dangling')])).kind).toBe('command-missing');
  });
});

describe('a command that may not be executed', () => {
  test('for want of the mode', async () => {
    const path = script('no-mode', '#!/bin/sh\n', 0o644);
    expect(await failureOf([path])).toEqual({ kind: 'not-executable', why: `${path} is not executable` });
  });
  test('found in the PATH', async () => {
    const path = script('no-mode-in-path', '#!/bin/sh\n', 0o644);
    const failure = await failureOf(['no-mode-in-path'], { env: { PATH: `/bin:${folder}` } });
    expect(failure).toEqual({ kind: 'not-executable', why: `${path} is not executable` });
  });
  test('being a directory', async () => {
    expect(await failureOf([folder])).toEqual({ kind: 'not-executable', why: `${folder} is a directory` });
  });
});

describe('a missing interpreter', () => {
  test('of a script is named', async () => {
    const path = script('bad-interpreter', '#!/opt/none/python -u\n');
    expect(await failureOf([path])).toEqual({
      kind: 'interpreter-missing',
      why: `the interpreter "/opt/none/python" of ${path} does not exist`,
    });
  });
  test('shows the carriage return of a file from Windows', async () => {
    const path = script('crlf', '#!/bin/sh\r\necho\r\n');
    expect((await failureOf([path])).why).toBe(`the interpreter "/bin/sh\\r" of ${path} does not exist`);
  });
  test('of an interpreter is named', async () => {
    const inner = script('inner', '#!/opt/none/lua\n');
    const path = script('outer', `#!${inner}\n`);
    expect((await failureOf([path])).why).toBe(`the interpreter "/opt/none/lua" of ${inner} does not exist`);
  });
  test('that is not executable is reported', async () => {
    const inner = script('inner-no-mode', '#!/bin/sh\n', 0o644);
    const path = script('outer-no-mode', `#!${inner}\n`);
    expect(await failureOf([path])).toEqual({
      kind: 'not-executable',
      why: `the interpreter ${JSON.stringify(inner)} of ${path} is not executable`,
    });
  });

  const hasCompiler = spawnSync('gcc', ['--version']).status === 0;
  test.skipIf(!hasCompiler)(
    `of a binary, its loader, is named${hasCompiler ? '' : ' (skipped: no gcc here)'}`,
    async () => {
      const source = script('main.c', 'int main(void) { return 0; }\n');
      const path = join(folder, 'binary');
      const loader = '/opt/none/ld-linux.so.2';
      expect(spawnSync('gcc', ['-o', path, source, `-Wl,--dynamic-linker=${loader}`]).status).toBe(0);
      expect(await failureOf([path])).toEqual({
        kind: 'interpreter-missing',
        why: `the loader "${loader}" of ${path} does not exist`,
      });
    },
  );
});

describe('a working directory', () => {
  test('that is missing is reported, though the command is there', async () => {
    const failure = await failureOf(['true'], { cwd: '/no/such/folder' });
    expect(failure).toEqual({ kind: 'cwd-missing', why: 'the working directory /no/such/folder does not exist' });
  });
  test('that is a file is reported', async () => {
    const path = script('a-file', '');
    expect((await failureOf(['true'], { cwd: path })).kind).toBe('cwd-missing');
  });
});

describe('other trouble', () => {
  test('arguments that are too long', async () => {
    const failure = await failureOf(['true', 'x'.repeat(200_000)]);
    expect(failure).toEqual({
      kind: 'other',
      why: 'true could not be started: arguments and environment together are too long (E2BIG)',
    });
  });
  test('an argument with a NUL byte', async () => {
    expect((await failureOf(['true', 'a\0b'])).kind).toBe('other');
  });
  test('after it, the next start works', async () => {
    const path = join(folder, 'later');
    const { child, call, fact, start, ids } = await rig([path]);
    const runId = 'e'.repeat(32) as never;
    ids.add(runId);
    call(() => child.spawn(1, runId));
    await fact('spawn-failed');
    script('later', '#!/bin/sh\nexit 3\n');
    await start();
    expect((await fact('child-exited')).exit.code).toBe(3);
  });
});

describe('a script without a first line that names an interpreter', () => {
  test('is run by the shell, as execvp does', async () => {
    const path = script('no-shebang', 'exit 5\n');
    const { start, fact } = await rig([path]);
    await start();
    expect((await fact('child-exited')).exit.code).toBe(5);
  });
});

test('a folder that may not be entered is reported (as another user)', async context => {
  if (process.getuid?.() !== 0 || spawnSync('runuser', ['-u', 'nobody', 'true']).status !== 0)
    return context.skip('needs root and runuser');
  const closed = join(folder, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const source = `import { explainFailure } from ${JSON.stringify(join(import.meta.dirname, '../../src/child/spawn-failure.ts'))};
console.log(JSON.stringify(explainFailure({ command: ['true'], cwd: ${JSON.stringify(closed)}, env: {} }, { code: 'EACCES' })));`;
  const file = script('explain.mts', source, 0o644);
  const { stdout } = spawnSync('runuser', ['-u', 'nobody', '--', process.execPath, file], { encoding: 'utf8' });
  expect(JSON.parse(stdout)).toEqual({
    kind: 'cwd-missing',
    why: `the working directory ${closed} cannot be entered`,
  });
});
