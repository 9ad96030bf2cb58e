import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LocalServer } from '../servers/local-server.ts';
import { manifestIn, packageRegistry } from '../servers/package-registry.ts';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { statusOf, testEnvironment } from '../support/watcher.ts';
import { noRelease, release, released } from './released.ts';

const root = resolve(import.meta.dirname, '../..');
const noNpm = noRelease ?? missing('npm', '--version');
const MINUTES = 240_000;

/** What npm has to bring first: the oldest Node that is promised, and pnpm. */
const TOOLS = [`node-linux-${process.arch}@22.23.5`, 'pnpm@10.34.2'];
const noTools =
  noNpm ??
  (process.env['AGENT_WATCH_TEST_DOWNLOADS'] === '1'
    ? null
    : 'AGENT_WATCH_TEST_DOWNLOADS=1 lets npm bring pnpm and Node 22');

let registry: LocalServer;
/** What the tests share: a cache, and the prefix of a global installation. */
let shared: string;

/** Of a user who has nothing of npm's yet, and the Node that runs the tests first in the PATH. */
function environment(folder: string): NodeJS.ProcessEnv {
  const outer = Object.entries(testEnvironment(folder)).filter(([name]) => !/^npm_/i.test(name));
  return {
    ...Object.fromEntries(outer),
    HOME: join(shared, 'home'),
    PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
    npm_config_cache: join(shared, 'cache'),
    npm_config_registry: registry.url,
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  };
}

interface Ended {
  code: number;
  out: string;
  err: string;
}

function ran(folder: string, program: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise(done => {
    const options = { cwd: folder, env: { ...environment(folder), ...env }, timeout: MINUTES };
    execFile(program, args, options, (error, out, err) => {
      done({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err });
    });
  });
}

async function npm(folder: string, args: string[]): Promise<void> {
  const { code, out, err } = await ran(folder, 'npm', args);
  expect({ code, says: `${out}${err}` }).toMatchObject({ code: 0 });
}

/** Watches a command to its end and asks for its status, as typed in a shell. */
async function worksAs(folder: string, front: string[]): Promise<void> {
  const [program = '', ...before] = front;
  const job = [
    ...before,
    '--name',
    'job',
    '--restart',
    'on-failure',
    '--',
    'sh',
    '-c',
    'echo "it  ran" $#; exit 0',
    'a',
    '\n b',
  ];
  expect(await ran(folder, program, job)).toMatchObject({ code: 0, out: 'it  ran 1\n' });
  const status = await ran(folder, program, [...before, 'status', 'job', '--json']);
  expect(JSON.parse(status.out)).toMatchObject([{ name: 'job', phase: 'finished' }]);
}

beforeAll(async () => {
  if (noNpm !== null) return;
  shared = mkdtempSync(join(tmpdir(), 'aw-test-npm-'));
  mkdirSync(join(shared, 'home'));
  registry = await packageRegistry(release);
  if (noTools === null) {
    const args = ['install', '--no-save', '--prefix', join(shared, 'tools'), ...TOOLS];
    const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8', timeout: MINUTES });
    expect({ status, stderr }).toMatchObject({ status: 0 });
  }
  await npm(shared, ['install', '--global', '--prefix', join(shared, 'prefix'), 'agent-watch']);
}, MINUTES);

afterAll(async () => {
  await registry?.close();
  if (shared !== undefined) rmSync(shared, { recursive: true, force: true });
});

const globally = () => join(shared, 'prefix/bin/agent-watch');

describe.skipIf(noNpm)(`the packages for npm${because(noNpm)}`, { timeout: MINUTES }, () => {
  test('only what fits a machine is installed, and no package has a script that runs at installation', () => {
    const main = manifestIn(released(/^agent-watch-\d.*tgz$/));
    const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(own.private).toBe(true);
    expect(main['optionalDependencies']).toEqual({
      'agent-watch-linux-x64': own.version,
      'agent-watch-linux-arm64': own.version,
    });
    for (const arch of ['x64', 'arm64']) {
      const manifest = manifestIn(released(new RegExp(`^agent-watch-linux-${arch}-\\d.*tgz$`)));
      expect(manifest).toMatchObject({ version: own.version, os: ['linux'], cpu: [arch], libc: ['glibc'] });
      expect(manifest).not.toHaveProperty('scripts');
    }
    expect(main).not.toHaveProperty('scripts');
    const installed = readdirSync(join(shared, 'prefix/lib/node_modules/agent-watch/node_modules'));
    expect(installed.filter(name => name.startsWith('agent-watch'))).toEqual([`agent-watch-linux-${process.arch}`]);
  });

  test('a global installation watches a command, tells its status and has the manual page', async () => {
    await worksAs(scratch(), [globally()]);
    expect(readdirSync(join(shared, 'prefix/share/man/man1'))).toEqual(['agent-watch.1']);
  });

  test('start runs the executable itself, not the launcher', async () => {
    const folder = scratch();
    expect(await ran(folder, globally(), ['start', '--name', 'it', '--', 'sleep', '1000'])).toMatchObject({ code: 0 });
    const exe = readlinkSync(`/proc/${statusOf(folder, 'it').watcherPid}/exe`);
    expect(exe).toMatch(new RegExp(`/agent-watch-linux-${process.arch}/agent-watch$`));
    const unit = await ran(folder, globally(), ['install', '--print', '--name', 'it', '--', 'sleep', '1000']);
    expect(unit.out).toContain(`ExecStart=${exe} `);
    expect(await ran(folder, globally(), ['stop', 'it'])).toMatchObject({ code: 0 });
  });

  test('the command gets the environment as it was given', async () => {
    const folder = scratch();
    const given = { file: 'a', package: 'b', folder: 'c', link: 'd', CDPATH: '/tmp' };
    const print = ['--quiet', '--restart', 'never', '--', 'sh', '-c', 'echo $file $package $folder $link $CDPATH'];
    expect(await ran(folder, globally(), print, given)).toMatchObject({ code: 0, out: 'a b c d /tmp\n' });
  });

  test('the packed files alone are enough for a project, without a registry', async () => {
    const folder = scratch();
    const files = [
      released(/^agent-watch-\d.*tgz$/),
      released(new RegExp(`^agent-watch-linux-${process.arch}-.*tgz$`)),
    ];
    await npm(folder, ['install', '--offline', ...files]);
    await worksAs(folder, ['npx', 'agent-watch']);
  });

  test('npx watches a command, but neither detaches nor installs what its cache holds', async () => {
    const folder = scratch();
    await worksAs(folder, ['npx', '--yes', 'agent-watch']);
    for (const words of [['start'], ['install', '--print']]) {
      const refused = await ran(folder, 'npx', ['agent-watch', ...words, '--', 'sleep', '1000']);
      expect(refused).toMatchObject({ code: 125, out: '' });
      expect(refused.err).toMatch(/in the cache of npx.*\/_npx\/.*npm install -g agent-watch/);
    }
  });

  test('without the executable the bundle runs under Node, and doctor reports it', async () => {
    const folder = scratch();
    await npm(folder, ['install', '--omit=optional', 'agent-watch']);
    const here = join(folder, 'node_modules/.bin/agent-watch');
    await worksAs(folder, [here]);
    expect(await ran(folder, here, ['start', '--name', 'it', '--', 'sleep', '1000'])).toMatchObject({ code: 0 });
    const { watcherPid } = statusOf(folder, 'it');
    const words = readFileSync(`/proc/${watcherPid}/cmdline`, 'utf8').split('\0');
    expect(words.slice(1, 5)).toEqual([
      '--inspect-port=[fe80::1]:9229',
      '--max-semi-space-size=1',
      '--v8-pool-size=1',
      join(folder, 'node_modules/agent-watch/lib/start.cjs'),
    ]);
    expect((await ran(folder, here, ['doctor'])).out).toMatch(/^note +running under Node v[\d.]+ .*NODE_OPTIONS/m);
    expect(await ran(folder, here, ['stop', 'it'])).toMatchObject({ code: 0 });
    await until('the watcher is gone', () => !readdirSync('/proc').includes(`${watcherPid}`));
  });

  test.skipIf(noTools)(`without the executable the bundle runs under Node 22${because(noTools)}`, async () => {
    const folder = scratch();
    await npm(folder, ['install', '--omit=optional', 'agent-watch']);
    const here = join(folder, 'node_modules/.bin/agent-watch');
    const node = join(shared, `tools/node_modules/node-linux-${process.arch}/bin`);
    await worksAs(folder, ['env', `PATH=${node}:${process.env['PATH']}`, here]);
    const doctor = await ran(folder, 'env', [`PATH=${node}:${process.env['PATH']}`, here, 'doctor']);
    expect(doctor.out).toMatch(/^note +running under Node v22\./m);
  });

  test.skipIf(noTools)(
    `pnpm installs it globally, and pnpm dlx refuses what npx refuses${because(noTools)}`,
    async () => {
      const folder = scratch();
      const pnpm = [process.execPath, join(shared, 'tools/node_modules/pnpm/bin/pnpm.cjs')];
      const home = join(folder, 'pnpm-home');
      const env = [
        'env',
        `PATH=${home}:${dirname(process.execPath)}:${process.env['PATH']}`,
        `PNPM_HOME=${home}`,
        `npm_config_store_dir=${join(folder, 'store')}`,
        `npm_config_cache_dir=${join(folder, 'pnpm-cache')}`,
      ];
      const [program = '', ...before] = [...env, ...pnpm];
      const added = await ran(folder, program, [...before, 'add', '--global', 'agent-watch']);
      expect(added).toMatchObject({ code: 0 });
      await worksAs(folder, [...env, 'agent-watch']);
      const unit = await ran(folder, 'env', [
        ...env.slice(1),
        'agent-watch',
        'install',
        '--print',
        '--',
        'sleep',
        '1000',
      ]);
      expect(unit.out).toMatch(new RegExp(`^ExecStart=/.*/agent-watch-linux-${process.arch}/agent-watch `, 'm'));
      const refused = await ran(folder, program, [...before, 'dlx', 'agent-watch', 'start', '--', 'sleep', '1000']);
      expect(refused).toMatchObject({ code: 125, out: '' });
      expect(refused.err).toMatch(/in the cache of pnpm/);
    },
  );

  test('a machine without Node is told what to install', async () => {
    const folder = scratch();
    const launcher = join(root, 'scripts/packages/npm-launcher.sh');
    const { status, stderr } = spawnSync('/bin/sh', [launcher], {
      cwd: folder,
      env: { PATH: folder },
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 125, stderr: expect.stringContaining('install Node 22 or newer') });
  });
});
