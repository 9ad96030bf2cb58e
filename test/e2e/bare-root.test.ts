import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable } from '../support/watcher.ts';

const noChroot = process.getuid?.() === 0 ? missing('chroot', '/', '/bin/true') : 'only root can chroot';
const noLdd = missing('ldd', '--version');
const noProc = noChroot ?? missing('unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /mnt && mount -t proc proc /mnt');
const mountProc = ['unshare', '-m', 'sh', '-c', 'mount -t proc proc "$1/proc" && exec chroot "$@"', 'sh'];

/** A root with the executable, its loader and its shared libraries, and nothing else: no shell, no /dev, no /tmp, no /etc. */
function bareRoot(folder: string): string {
  const root = join(folder, 'root');
  const libraries = execFileSync('ldd', [executable], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  for (const library of libraries) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
  try {
    linkSync(executable, join(root, 'agent-watch'));
  } catch {
    // EXDEV: another file system.
    copyFileSync(executable, join(root, 'agent-watch'));
  }
  mkdirSync(join(root, 'proc'));
  return root;
}

test.skipIf(noLdd)(`the executable needs glibc, libstdc++ and libgcc, and no other library${because(noLdd)}`, () => {
  const needed = execFileSync('ldd', [executable], { encoding: 'utf8' }).match(/\b(?:lib|ld-)[^./ ]+\.so/g) ?? [];
  const glibc = [/^ld-linux/, /^lib(?:c|dl|m|pthread)\.so/];
  const others = [...new Set(needed)].filter(library => !glibc.some(known => known.test(library)));
  expect(others.sort()).toEqual(['libgcc_s.so', 'libstdc++.so']);
});

test.skipIf(noChroot)(
  `where a library or the loader (another libc) is missing, it says what the README says${because(noChroot)}`,
  () => {
    const root = bareRoot(scratch());
    const say = () => spawnSync('chroot', [root, '/agent-watch', '--version'], { encoding: 'utf8' });
    const library = (pattern: RegExp) =>
      (execFileSync('ldd', [executable], { encoding: 'utf8' }).match(/\/\S+/g) ?? []).find(path =>
        pattern.test(path),
      ) ?? '';
    rmSync(join(root, library(/libstdc\+\+/)));
    expect(say()).toMatchObject({
      status: 127,
      stderr: expect.stringContaining('libstdc++.so.6: cannot open shared object'),
    });
    rmSync(join(root, library(/\/ld-linux/)));
    expect(say()).toMatchObject({ status: 127, stderr: expect.stringContaining('No such file or directory') });
  },
);

describe.each([
  { what: 'without /proc', front: ['chroot'], reason: noChroot },
  { what: 'with /proc', front: mountProc, reason: noProc },
])('a root of the executable and its libraries, $what', ({ what, front, reason }) => {
  const options = (folder: string) => ({
    env: { AW_TEST_FOLDER: folder, PATH: process.env['PATH'], AGENT_WATCH_STATE_DIR: '/state' },
    encoding: 'utf8' as const,
  });

  /** Starts the executable inside, as the only program that there is. */
  function watchInside(folder: string, root: string, args: string[]) {
    const [program = '', ...before] = front;
    const child = spawn(program, [...before, root, '/agent-watch', ...args], {
      ...options(folder),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    child.stdout.on('data', bytes => (text += bytes));
    child.stderr.on('data', bytes => (text += bytes));
    const code = new Promise<number | null>(resolve => child.once('close', resolve));
    return { text: () => text, code };
  }

  function ask(folder: string, root: string, args: string[]) {
    const [program = '', ...before] = front;
    const { stdout, status, stderr } = spawnSync(program, [...before, root, '/agent-watch', ...args], options(folder));
    return { code: status, out: stdout, err: stderr };
  }

  const inside = (folder: string, root: string) => ({
    phase: () => JSON.parse(ask(folder, root, ['status', 'it', '--json']).out || '[]')[0]?.phase as string | undefined,
    restarts: () => JSON.parse(ask(folder, root, ['status', 'it', '--json']).out || '[]')[0]?.restarts as number,
  });

  test.skipIf(reason)(`passes output, restarts what ends, and tells it${because(reason)}`, async () => {
    const folder = scratch();
    const root = bareRoot(folder);
    const fast = ['--backoff', '50ms', '--backoff-factor', '1', '--flap-threshold', '100'];
    const watcher = watchInside(folder, root, ['--name', 'it', ...fast, '--', '/agent-watch', '--version']);
    const versions = () => watcher.text().match(/^agent-watch \d/gm)?.length ?? 0;
    await until('it ran three times', () => versions() >= 3);
    expect(watcher.text()).not.toMatch(/could not start|internal error/);
    expect(['backoff', 'running', 'starting']).toContain(inside(folder, root).phase());
    expect(inside(folder, root).restarts()).toBeGreaterThanOrEqual(2);
    expect(ask(folder, root, ['stop', 'it']).code).toBe(0);
    expect(await watcher.code).toBe(0);
    expect(inside(folder, root).phase()).toBe('stopped');
    expect(ask(folder, root, ['logs', 'it']).out).toMatch(/^agent-watch \d/);
    expect(ask(folder, root, ['delete', 'it', '--yes'])).toMatchObject({ code: 0 });
    expect(ask(folder, root, ['status', 'it']).code).toBe(4);
  });

  test.skipIf(reason)(
    `one that runs: status, a second watcher refused, restart, stop, doctor${because(reason)}`,
    async () => {
      const folder = scratch();
      const root = bareRoot(folder);
      // The only program there is that stays: another watcher, whose command ended.
      const inner = [
        '/agent-watch',
        '--name',
        'inner',
        '--state-dir',
        '/inner',
        '--backoff',
        '1h',
        '--',
        '/agent-watch',
        '--version',
      ];
      const watcher = watchInside(folder, root, ['--name', 'it', '--', ...inner]);
      await until('the inner one waits', () => /restart 1 in 1h/.test(watcher.text()));
      expect(inside(folder, root).phase()).toBe('running');
      expect(ask(folder, root, ['health']).code).toBe(0);
      const second = ask(folder, root, ['--name', 'it', '--', '/agent-watch', '--version']);
      expect(second.code).toBe(75);
      expect(ask(folder, root, ['restart', 'it']).code).toBe(0);
      await until('it runs again', () => (watcher.text().match(/started, pid \d+, run 2/g)?.length ?? 0) >= 1);
      const doctor = ask(folder, root, ['doctor']);
      expect(doctor.out + doctor.err).not.toMatch(/could not be checked|internal error/);
      if (what === 'without /proc') expect(doctor.out).toMatch(/\/proc cannot be read/);
      expect(ask(folder, root, ['stop', 'it']).code).toBe(0);
      expect(await watcher.code).toBe(0);
    },
  );
});
