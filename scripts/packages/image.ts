/** The container image `bare`, as an OCI layout in one tar file: made by umoci, without a daemon and without root. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Arch, executableOf, release, releaseTime, root, version } from './contents.ts';
import { THIRD_PARTY, thirdPartyText } from './third-party.ts';

/** Why no image can be made here, or null. */
export function whyNoImage(arch: Arch): string | null {
  if (arch !== process.arch) return 'an image holds the libraries of the machine that makes it';
  const tools: [string, ...string[]][] = [
    ['umoci', '--version'],
    ['ldd', '--version'],
    ['dpkg-query', '--version'],
  ];
  const missing = tools.find(([tool, ...args]) => spawnSync(tool, args).status !== 0);
  return missing === undefined ? null : `${missing[0]} is not here`;
}

/** Makes agent-watch-VERSION-image-ARCH.tar: the executable, the libraries that it needs, their licences, and nothing else. */
export function packImage(arch: Arch): void {
  const scratch = mkdtempSync(join(tmpdir(), 'agent-watch-image-'));
  try {
    const rootfs = join(scratch, 'rootfs');
    fillRoot(rootfs, executableOf(arch));
    const layout = join(scratch, 'layout');
    const image = `${layout}:${version}`;
    const created = new Date(Number(releaseTime()) * 1000).toISOString();
    const umoci = (...args: string[]) => execFileSync('umoci', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    umoci('init', '--layout', layout);
    umoci('new', '--image', image);
    umoci('insert', '--rootless', '--history.created', created, '--image', image, rootfs, '/');
    const entry = ['/usr/local/bin/agent-watch', '--state-dir=/state', '--stop-timeout=8s', '--'];
    umoci(
      ...[
        'config',
        '--no-history',
        '--image',
        image,
        '--architecture',
        arch === 'x64' ? 'amd64' : arch,
        '--os',
        'linux',
      ],
      ...['--created', created, '--config.volume', '/state'],
      ...['--config.label', `org.opencontainers.image.version=${version}`],
      ...['--config.env', 'PATH=/usr/local/bin:/usr/bin:/bin'],
      ...entry.flatMap(word => ['--config.entrypoint', word]),
    );
    umoci('gc', '--layout', layout);
    const fixed = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${releaseTime()}`];
    const file = join(release, `agent-watch-${version}-image-${arch}.tar`);
    execFileSync('tar', [...fixed, '-cf', file, '-C', layout, '.'], { stdio: 'inherit' });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function fillRoot(rootfs: string, executable: string): void {
  const put = (from: string, to: string) => {
    mkdirSync(join(rootfs, dirname(to)), { recursive: true });
    copyFileSync(from, join(rootfs, to));
  };
  put(executable, 'usr/local/bin/agent-watch');
  const libraries = execFileSync('ldd', [executable], { encoding: 'utf8' }).match(/\/\S+(?= \()/g) ?? [];
  for (const library of libraries) put(library, library);
  const owners = execFileSync('dpkg-query', ['-S', ...libraries.flatMap(knownPaths)], { encoding: 'utf8' });
  for (const [, name] of new Set(owners.matchAll(/^([^:,\s]+)/gm)))
    if (existsSync(`/usr/share/doc/${name}/copyright`)) {
      mkdirSync(join(rootfs, 'usr/share/doc', name!), { recursive: true });
      cpSync(`/usr/share/doc/${name}/copyright`, join(rootfs, 'usr/share/doc', name!, 'copyright'), {
        dereference: true,
      });
    }
  put(join(root, 'LICENSE'), 'usr/share/doc/agent-watch/LICENSE');
  writeFileSync(join(rootfs, 'usr/share/doc/agent-watch', THIRD_PARTY), thirdPartyText(true));
  for (const folder of ['state', 'tmp']) mkdirSync(join(rootfs, folder));
  chmodSync(join(rootfs, 'tmp'), 0o1777);
}

/** Debian's packages own a library under /lib or under /usr/lib, which are one folder. */
function knownPaths(library: string): string[] {
  const other = library.startsWith('/usr/') ? library.slice('/usr'.length) : `/usr${library}`;
  return [library, other].filter(path => spawnSync('dpkg-query', ['-S', path]).status === 0);
}
