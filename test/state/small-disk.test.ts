import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { because, fixtureCommand, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';

const noMount = missing('unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt');
const full = { ok: false, why: expect.stringMatching(/ENOSPC: no space left on device$/) };
const ok = { ok: true };

/** What the fixture tells, run on a tmpfs of 1 MiB of its own, with a /run of its own. */
function onSmallDisk(how: string): Record<string, unknown> {
  const disk = join(scratch(), 'disk');
  mkdirSync(disk);
  const script = 'mount -t tmpfs tmpfs /run && mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"';
  const args = ['-m', 'sh', '-c', script, 'sh', disk, ...fixtureCommand('small-disk.ts', [disk, how])];
  const ended = spawnSync('unshare', args, { encoding: 'utf8', timeout: 60_000 });
  expect(ended.stderr).toBe('');
  return JSON.parse(ended.stdout);
}

describe.skipIf(noMount !== null)(`a small disk of its own${because(noMount)}`, () => {
  test('that fills up: saves, records and holds need no room; what needs some reports it', () => {
    expect(onSmallDisk('full')).toMatchObject({
      unwritable: null,
      note: null,
      first: ok,
      second: ok,
      seen: { count: 2 },
      armed: ok,
      armedFile: true,
      third: ok,
      large: full,
      fourth: ok,
      record: ok,
      hold: ok,
      held: { cause: 'kill-condition', why: 'cash < 20', at: 1 },
      lift: ok,
      loaded: { count: 5 },
      files: expect.not.arrayContaining([expect.stringMatching(/\.tmp$/)]),
      after: ok,
      rival: true,
    });
  });

  test('that is full from the start: locked anyway, a hold holds though its words are lost, saved when there is room', () => {
    expect(onSmallDisk('full-from-start')).toMatchObject({
      unwritable: null,
      lockFolder: expect.stringMatching(/disk\/n$/),
      first: full,
      armed: full,
      armedFile: false,
      seen: { count: 2 },
      record: ok,
      hold: full,
      held: { cause: 'unreadable' },
      lift: ok,
      after: ok,
      seenAfter: { count: 6 },
      leftElsewhere: [],
      rival: true,
    });
  });

  for (const [how, what] of [
    ['read-only', 'with a folder of the name'],
    ['read-only-and-empty', 'without one'],
  ] as const) {
    test(`that is read-only, ${what}: lock and state are in a private folder, said; saved here when it can be written`, () => {
      const privately = expect.stringMatching(/^\/run\/agent-watch\/n-[0-9a-f]{16}$/);
      const refused = { ok: false, why: expect.stringMatching(/EROFS: read-only file system$/) };
      expect(onSmallDisk(how)).toMatchObject({
        unwritable: expect.stringMatching(/EROFS/),
        lockFolder: privately,
        note: expect.stringMatching(/cannot hold a lock \(E.*\); it is in \/run\/agent-watch\/n-/),
        names: ['n'],
        sockets: [expect.stringMatching(/disk\/n$/), privately],
        first: refused,
        seen: { count: 2 },
        armed: refused,
        record: ok,
        hold: refused,
        held: null,
        loaded: { count: 5 },
        after: ok,
        seenAfter: { count: 6 },
        leftElsewhere: [],
        rival: true,
      });
    });
  }
});
