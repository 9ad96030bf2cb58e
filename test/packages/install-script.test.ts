import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { version } from '../../scripts/packages/contents.ts';
import { writeInstallScript } from '../../scripts/packages/install-script.ts';
import { serving } from '../servers/serving.ts';
import { asNobody, because, missing, NOBODY, noSecondUser } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { noRelease, release } from './released.ts';

const script = resolve(import.meta.dirname, '../../scripts/install.sh');
const noInstaller =
  missing('sha256sum', '--version') ?? missing('curl', '--version') ?? missing('getconf', 'GNU_LIBC_VERSION');
const archiveOf = (one: string) => `agent-watch-${one}-linux-${process.arch}.tar.gz`;

/** A release that is small: its program says its version and nothing else. */
function smallRelease(folder: string, one = version): void {
  const name = archiveOf(one).replace('.tar.gz', '');
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, 'agent-watch'), `#!/bin/sh\necho agent-watch ${one}\n`, { mode: 0o755 });
  expect(spawnSync('tar', ['-czf', archiveOf(one), name], { cwd: folder }).status).toBe(0);
  const digest = createHash('sha256')
    .update(readFileSync(join(folder, archiveOf(one))))
    .digest('hex');
  writeFileSync(join(folder, 'SHA256SUMS'), `${'0'.repeat(64)}  other.tar.gz\n${digest}  ${archiveOf(one)}\n`);
}

interface Server {
  url: string;
  asked: () => string[];
}

/** Serves the files of a folder below /vVERSION/; `spoil` may answer in another way. */
async function releases(folder: string, spoil: Parameters<typeof serving>[0] | null = null): Promise<Server> {
  const server = await serving((request, response) => {
    const file = /^\/v([^/]+)\/([^/]+)$/.exec(request.path)?.[2] ?? '';
    if (spoil !== null && file.endsWith('.gz')) return spoil(request, response);
    if (file === '' || !existsSync(join(folder, file))) return void response.writeHead(404).end();
    response.end(readFileSync(join(folder, file)));
  });
  return { url: server.url, asked: () => server.received.map(({ path }) => path) };
}

function install(args: string[], env: NodeJS.ProcessEnv = {}, program: string[] = ['sh', script]) {
  const [shell = 'sh', ...before] = program;
  const child = spawn(shell, [...before, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', text => (out += text));
  child.stderr.on('data', text => (err += text));
  return new Promise<{ code: number | null; out: string; err: string }>(done =>
    child.once('close', code => done({ code, out, err })),
  );
}

const says = (program: string) => spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout;

describe.skipIf(noInstaller)(`install.sh${because(noInstaller)}`, () => {
  let folder: string;
  let to: string;
  const prepare = () => {
    folder = scratch();
    to = join(folder, 'bin');
    smallRelease(folder);
  };

  test('installs the version and from the address that its release gave it, and says where', async () => {
    prepare();
    const { url } = await releases(folder);
    const own = join(folder, 'install.sh');
    writeInstallScript(own, url);
    const ended = await install(['--to', to], {}, ['sh', own]);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out).toBe(
      `agent-watch ${version} is installed in ${to}\n${to} is not in PATH; add it, or call ${to}/agent-watch\n`,
    );
    expect(readdirSync(to)).toEqual(['agent-watch']);
    expect(statSync(join(to, 'agent-watch')).mode & 0o777).toBe(0o755);
  });

  test('replaces an executable with the version that is asked for', async () => {
    prepare();
    smallRelease(folder, '9.8.7-rc.1');
    const { url, asked } = await releases(folder);
    mkdirSync(to);
    writeFileSync(join(to, 'agent-watch'), 'old');
    expect(await install(['--from', url, '--version', 'v9.8.7-rc.1', '--to', to])).toMatchObject({ code: 0 });
    expect(says(join(to, 'agent-watch'))).toBe('agent-watch 9.8.7-rc.1\n');
    expect(asked()).toEqual(['/v9.8.7-rc.1/SHA256SUMS', `/v9.8.7-rc.1/${archiveOf('9.8.7-rc.1')}`]);
  });

  const whole = () => readFileSync(join(folder, archiveOf(version)));
  const spoiled: [string, RegExp, Parameters<typeof serving>[0] | null, (() => void) | null][] = [
    [
      'an archive that was tampered with',
      /is not what the release lists \(SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}\)/,
      (_, response) => response.end(Buffer.concat([whole(), Buffer.from('x')])),
      null,
    ],
    [
      'an archive that is missing',
      /cannot download http:\S+tar\.gz/,
      (_, response) => response.writeHead(404).end(),
      null,
    ],
    [
      'an archive whose transfer breaks off',
      /cannot download http:\S+tar\.gz/,
      (_, response) => {
        response.writeHead(200, { 'content-length': whole().length });
        response.write(whole().subarray(0, 40), () => response.destroy());
      },
      null,
    ],
    [
      'an archive that was cut where it lies',
      /is not what the release lists/,
      (_, response) => response.end(whole().subarray(0, 40)),
      null,
    ],
    [
      'checksums that do not name the archive',
      /does not list agent-watch-/,
      null,
      () => writeFileSync(join(folder, 'SHA256SUMS'), ''),
    ],
    [
      'an executable that does not run here',
      /does not run here; nothing was installed: .*needs a library/,
      null,
      () => {
        smallRelease(folder, version);
        const name = archiveOf(version).replace('.tar.gz', '');
        writeFileSync(join(folder, name, 'agent-watch'), '#!/bin/sh\necho needs a library >&2; exit 127\n');
        chmodSync(join(folder, name, 'agent-watch'), 0o755);
        spawnSync('tar', ['-czf', archiveOf(version), name], { cwd: folder });
        const digest = createHash('sha256').update(whole()).digest('hex');
        writeFileSync(join(folder, 'SHA256SUMS'), `${digest}  ${archiveOf(version)}\n`);
      },
    ],
  ];

  test.each(spoiled)('%s leaves the old executable in place and nothing beside it', async (_, why, spoil, change) => {
    prepare();
    change?.();
    const { url } = await releases(folder, spoil);
    mkdirSync(to);
    writeFileSync(join(to, 'agent-watch'), 'old');
    const ended = await install(['--from', url, '--version', version, '--to', to]);
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toMatch(why);
    expect(ended.err).toMatch(/nothing was installed/);
    expect(readdirSync(to)).toEqual(['agent-watch']);
    expect(readFileSync(join(to, 'agent-watch'), 'utf8')).toBe('old');
  });

  test('a script that was cut on its way does nothing, wherever it was cut', async () => {
    prepare();
    const { url, asked } = await releases(folder);
    const text = readFileSync(script, 'utf8');
    for (const share of [0.2, 0.5, 0.8, 0.99]) {
      const cut = join(folder, 'cut.sh');
      writeFileSync(cut, text.slice(0, Math.floor(text.length * share)));
      await install(['--from', url, '--version', version, '--to', to], {}, ['sh', cut]);
    }
    expect(asked()).toEqual([]);
    expect(existsSync(to)).toBe(false);
  });

  test('where no executable runs, it names the reason and the way by npm', async () => {
    prepare();
    const cases: [string, string, RegExp][] = [
      [
        'uname',
        'case $1 in -s) echo Darwin ;; *) echo arm64 ;; esac',
        /no executable for Darwin; with Node 22 or newer/,
      ],
      ['uname', 'case $1 in -s) echo Linux ;; *) echo riscv64 ;; esac', /no executable for riscv64/],
      ['getconf', 'exit 1', /another C library; with Node 22 or newer, npm install -g agent-watch/],
      ['getconf', 'echo glibc 2.27', /needs glibc 2\.28, and this system has 2\.27/],
    ];
    for (const [program, body, why] of cases) {
      const tools = join(scratch(), 'tools');
      mkdirSync(tools);
      writeFileSync(join(tools, program), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
      const args = ['--from', 'http://127.0.0.1:9', '--version', version, '--to', to];
      const ended = await install(args, { PATH: `${tools}:${process.env['PATH']}` });
      expect(ended).toMatchObject({ code: 1, err: expect.stringMatching(why) });
    }
    expect(existsSync(to)).toBe(false);
  });

  test('bad arguments are named, and nothing is asked for', async () => {
    prepare();
    for (const [args, why] of [
      [['--too', to], /unknown argument "--too"; valid: --to DIR/],
      [['--to'], /--to needs a value/],
      [['--version', '../x', '--from', 'http://127.0.0.1:9'], /invalid version "\.\.\/x"/],
      [['--to', to], /give --version VERSION/],
      [['--version', version], /give --from URL/],
    ] as const)
      expect(await install([...args])).toMatchObject({ code: 1, err: expect.stringMatching(why) });
  });

  test.skipIf(noSecondUser)(`a user who is not root gets it in ~/.local/bin${because(noSecondUser)}`, async () => {
    prepare();
    const { url } = await releases(folder);
    const home = join(folder, 'home');
    mkdirSync(home);
    chmodSync(folder, 0o755);
    expect(spawnSync('chown', [`${NOBODY}`, home]).status).toBe(0);
    const copy = join(folder, 'install.sh');
    writeFileSync(copy, readFileSync(script), { mode: 0o755 });
    const args = ['--from', url, '--version', version];
    expect(await install(args, { HOME: home }, [...asNobody, 'sh', copy])).toMatchObject({ code: 0, err: '' });
    expect(readdirSync(join(home, '.local/bin'))).toEqual(['agent-watch']);
  });
});

describe.skipIf(noRelease ?? noInstaller)(`the released install.sh${because(noRelease ?? noInstaller)}`, () => {
  test('installs the released executable, which runs', async () => {
    const folder = scratch();
    const { url } = await releases(release);
    const ended = await install(['--from', url, '--to', folder], {}, ['sh', join(release, 'install.sh')]);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(says(join(folder, 'agent-watch'))).toBe(`agent-watch ${version}\n`);
    expect(readdirSync(folder)).toEqual(['agent-watch']);
  });
});
