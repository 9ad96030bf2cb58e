import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';

const launcher = resolve(import.meta.dirname, '../../scripts/packages/npm-launcher.sh');
const noStrace = missing('strace', '-V');

/** Where npm, and others, put the package, what it depends on, and the link to it. */
const layouts = {
  'for all, by npm': {
    link: 'bin/agent-watch',
    main: 'lib/node_modules/agent-watch',
    executable: 'lib/node_modules/agent-watch/node_modules/agent-watch-linux',
  },
  'in a project, by npm': {
    link: 'node_modules/.bin/agent-watch',
    main: 'node_modules/agent-watch',
    executable: 'node_modules/agent-watch-linux',
  },
  'somewhere else': {
    link: 'tools/aw',
    main: 'store/a/node_modules/agent-watch',
    executable: 'store/a/node_modules/agent-watch-linux',
  },
};

/** Puts the launcher there, and in the executable's place a program that says what it was given. */
function laidOut({ link, main, executable }: (typeof layouts)[keyof typeof layouts]): string {
  const folder = scratch();
  const at = (path: string) => join(folder, path);
  const program = `${at(executable)}-${process.arch}/agent-watch`;
  for (const path of [at(link), join(at(main), 'bin/x'), program]) mkdirSync(dirname(path), { recursive: true });
  copyFileSync(launcher, join(at(main), 'bin/agent-watch'));
  chmodSync(join(at(main), 'bin/agent-watch'), 0o755);
  writeFileSync(program, '#!/bin/sh\nprintf "<%s>" "$@"\n', { mode: 0o755 });
  symlinkSync(relative(dirname(at(link)), join(at(main), 'bin/agent-watch')), at(link));
  return at(link);
}

describe('the launcher of the npm package', () => {
  test.each(Object.entries(layouts))('becomes the executable, %s', (_where, layout) => {
    expect(execFileSync(laidOut(layout), ['--', 'a b', '*', '']).toString()).toBe('<--><a b><*><>');
  });

  test.skipIf(noStrace !== null)(`starts no other process where npm put it${because(noStrace)}`, () => {
    for (const where of ['for all, by npm', 'in a project, by npm'] as const) {
      const link = laidOut(layouts[where]);
      const trace = join(dirname(link), 'trace');
      execFileSync('strace', ['-f', '-o', trace, '-e', 'trace=%process', link, 'x'], { stdio: 'ignore' });
      expect(readFileSync(trace, 'utf8')).not.toMatch(/\b(?:v?fork|clone3?)\(/);
    }
  });
});
