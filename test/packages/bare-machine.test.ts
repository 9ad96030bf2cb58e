import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { serving } from '../servers/serving.ts';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { noRelease, release, released } from './released.ts';

const noRoot =
  noRelease ??
  (process.getuid?.() === 0 ? missing('chroot', '/', '/bin/true') : 'only root can chroot') ??
  missing('ldd', '--version');
const noDpkg = noRoot ?? missing('dpkg', '--version') ?? missing('dpkg-query', '-s', 'libstdc++6');
const noCurl = noRoot ?? missing('curl', '--version') ?? missing('sha256sum', '--version');
const PATH = '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const INSTALLER = ['awk', 'curl', 'getconf', 'gzip', 'id', 'mkdir', 'mktemp', 'mv', 'rm', 'sha256sum', 'tar', 'uname'];

function librariesOf(program: string): string[] {
  return execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+(?= \()/g) ?? [];
}

/** A machine without Node: the C library and what the executable needs beside it, a shell, and these programs. */
function bareMachine(folder: string, programs: readonly string[] = []): string {
  const root = join(folder, 'root');
  const found = programs.map(name => spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim());
  const all = ['/bin/sh', '/bin/sleep', ...found];
  const copy = (file: string) => {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    copyFileSync(file, join(root, file));
  };
  for (const file of new Set([...all, ...all.flatMap(librariesOf), ...librariesOf(process.execPath)])) copy(file);
  for (const part of ['proc', 'tmp', 'dev', 'usr/local/bin']) mkdirSync(join(root, part), { recursive: true });
  writeFileSync(join(root, 'dev/null'), '');
  return root;
}

const options = { encoding: 'utf8', env: { PATH, HOME: '/' }, timeout: 60_000 } as const;
const inside = (root: string, ...words: string[]) => spawnSync('chroot', [root, ...words], options);

/** Watches a command there through a crash to its end, and asks for its status. */
function worksIn(root: string): void {
  const script = 'echo "run $AGENT_WATCH_RUN"; [ "$AGENT_WATCH_RUN" -eq 2 ]';
  const words = ['--restart', 'on-failure', '--backoff', '10ms', '--name', 'job', '--', 'sh', '-c', script];
  const { status, stdout, stderr } = inside(root, 'agent-watch', ...words);
  expect({ status, stdout, stderr }).toMatchObject({ status: 0, stdout: 'run 1\nrun 2\n' });
  expect(JSON.parse(inside(root, 'agent-watch', 'status', 'job', '--json').stdout)).toMatchObject([
    { phase: 'finished', restarts: 1 },
  ]);
}

const every = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(path => !path.startsWith('var/lib/dpkg') && !path.startsWith('var/log'))
    .sort();

describe.skipIf(noRoot)(`on a machine without Node${because(noRoot)}`, () => {
  test('the executable works as it lies in the archive', () => {
    const root = bareMachine(scratch());
    const archive = released(new RegExp(`linux-${process.arch}\\.tar\\.gz$`));
    execFileSync('tar', ['-xzf', archive, '-C', join(root, 'tmp')]);
    const folder = basename(archive, '.tar.gz');
    symlinkSync(`/tmp/${folder}/agent-watch`, join(root, 'usr/local/bin/agent-watch'));
    worksIn(root);
  });

  test.skipIf(noCurl)(`install.sh installs it${because(noCurl)}`, async () => {
    const root = bareMachine(scratch(), INSTALLER);
    const { url } = await serving(({ path }, response) => {
      const file = /^\/v[^/]+\/([^/]+)$/.exec(path)?.[1] ?? '';
      if (file === '' || !existsSync(join(release, file))) return void response.writeHead(404).end();
      response.end(readFileSync(join(release, file)));
    });
    copyFileSync(join(release, 'install.sh'), join(root, 'install.sh'));
    const installer = spawn('chroot', [root, 'sh', '/install.sh', '--from', url], { env: options.env });
    let said = '';
    installer.stdout.on('data', text => (said += text));
    installer.stderr.on('data', text => (said += text));
    const code = await new Promise(done => installer.once('close', done));
    expect({ code, said }).toEqual({
      code: 0,
      said: expect.stringMatching(/^agent-watch \S+ is installed in \/usr\/local\/bin\n$/),
    });
    worksIn(root);
  });

  test.skipIf(noDpkg)(`dpkg installs it, and removes it without a trace${because(noDpkg)}`, () => {
    const root = bareMachine(scratch());
    for (const part of ['info', 'updates', 'triggers'])
      mkdirSync(join(root, 'var/lib/dpkg', part), { recursive: true });
    writeFileSync(
      join(root, 'var/lib/dpkg/status'),
      execFileSync('dpkg-query', ['-s', 'libc6', 'libstdc++6', 'libgcc-s1']),
    );
    const before = every(root);
    const dpkg = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync('dpkg', [`--root=${root}`, ...args], { encoding: 'utf8' });
      expect({ status, says: stdout + stderr }).toMatchObject({ status: 0 });
      return stdout;
    };
    dpkg('--install', released(process.arch === 'arm64' ? /_arm64\.deb$/ : /_amd64\.deb$/));
    expect(dpkg('--status', 'agent-watch')).toMatch(/^Status: install ok installed$/m);
    worksIn(root);
    dpkg('--remove', 'agent-watch');
    const left = every(root).filter(path => !before.includes(path));
    // What services wrote stays, as with every package.
    expect(left.filter(path => !path.startsWith('var/lib/agent-watch'))).toEqual([]);
    expect(existsSync(join(root, 'usr/bin/agent-watch'))).toBe(false);
  });
});
