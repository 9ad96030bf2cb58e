import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { asNobody, because, NOBODY, noSecondUser } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { run, startWatcher } from '../support/watcher.ts';

const LOOKING = [
  ['status'],
  ['status', 'bot'],
  ['status', '--json'],
  ['health'],
  ['brief'],
  ['incidents'],
  ['incidents', 'show', 'bot-abc'],
  ['logs', 'bot'],
  ['events'],
  ['diagnose', 'bot'],
];
const ACTING = [
  ['stop', 'bot'],
  ['restart', 'bot'],
  ['reset', 'bot'],
  ['signal', 'bot', 'USR1'],
  ['start', 'bot'],
];

describe.skipIf(noSecondUser !== null)(`what another user may not read${because(noSecondUser)}`, () => {
  /** A folder of root's with a held service in it, and a run of a command as somebody else. */
  function foreign(closed: (folder: string) => string) {
    const folder = mkdtempSync('/var/tmp/aw-test-');
    onTestFinished(() => rmSync(folder, { recursive: true }));
    chmodSync(folder, 0o755);
    const flags = ['--name', 'bot', '--max-restarts', '0', '--on-hold', 'exit', '--quiet'];
    expect(run(folder, [...flags, '--', 'false']).code).toBe(69);
    chmodSync(join(folder, 'state'), 0o755);
    const path = closed(folder);
    return async (args: string[]) => {
      const watcher = startWatcher(folder, args, { before: [...asNobody], cwd: '/' });
      const { code } = await watcher.ended;
      return { code, err: watcher.err(), out: watcher.out(), path };
    };
  }

  test.each([
    [
      'the state folder',
      (folder: string) => {
        chmodSync(join(folder, 'state'), 0o700);
        return join(folder, 'state');
      },
    ],
    ['the folder of the service', (folder: string) => join(folder, 'state/bot')],
  ])('%s: each command names it and its owner in one line, and exits with 1', async (_what, closed) => {
    const look = foreign(closed);
    for (const args of [...LOOKING, ...ACTING]) {
      const { code, err, out, path } = await look(args);
      expect(code, args.join(' ')).toBe(1);
      const line = `${path} cannot be read: EACCES: permission denied (it belongs to user 0, you are user ${NOBODY})`;
      expect(err.split('\n')[0], args.join(' ')).toContain(line);
      expect(err + out, args.join(' ')).not.toMatch(/ {4}at |nothing is watched|no incidents|not running/);
    }
  });
});

describe('a state folder that was named and is not there', () => {
  test.each([...LOOKING, ...ACTING].map(args => [args.join(' '), args] as const))(
    '%s: said, and no success',
    (_title, args) => {
      const folder = scratch();
      const missing = join(folder, 'typo');
      const { code, err } = run(folder, [...args, '--state-dir', missing]);
      // Where a name is asked for that nobody knows, that is the answer.
      expect(code).toBe(args[0] === 'diagnose' ? 4 : 1);
      expect(err).toContain(`${missing} does not exist`);
    },
  );

  test('a file in its place is said, and no services in an empty one are not well', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'file'), '');
    mkdirSync(join(folder, 'empty'));
    expect(run(folder, ['status', '--state-dir', 'file'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('is not a directory'),
    });
    expect(run(folder, ['health', '--state-dir', 'empty']).code).toBe(1);
    expect(run(folder, ['status', '--state-dir', 'empty']).code).toBe(0);
  });
});
