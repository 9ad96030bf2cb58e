/**
 * The scripts that the build makes of src/: one of everything, for whoever has a Node, and three for the executable. The first of these holds
 * what a plain watcher needs, one the commands that look, and the second all other commands and the libraries that are loaded late.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { build, type Plugin, type PluginBuild, transformSync } from 'esbuild';
import { withEagerFunctions } from './eager-functions.ts';
import { libraries, modules } from './executable/libraries.ts';

const root = resolve(import.meta.dirname, '..');

const noValidator = join(root, 'scripts/executable/no-validator.ts');
/** Libraries that others load and never need here, and what stands for them. */
export const leftOut: Readonly<Record<string, string>> = { ajv: noValidator, 'ajv-formats': noValidator };

/** Paths of what was made. */
export interface Scripts {
  /** Everything in one file, to be run by a Node. */
  whole: string;
  /** Of the executable: what it runs at first, and files that it holds beside it by their names. */
  main: string;
  assets: Record<string, string>;
}

/**
 * Makes all of them; `folder` takes what only the executable needs.
 * @param native whether they are for this machine's architecture: V8 can only compile for its own.
 */
export async function makeScripts(whole: string, version: string, folder: string, native: boolean): Promise<Scripts> {
  const [main, first, look, second] = ['main', 'first', 'look', 'second'].map(name =>
    join(folder, `${name}.cjs`),
  ) as Four;
  await bundle('src/main.ts', whole, version);
  await bundle('scripts/executable/main.ts', main, version);
  await bundle('scripts/executable/first.ts', first, version, [fromSecond]);
  await bundle('scripts/executable/look.ts', look, version, [lateFromSecond]);
  await bundle('scripts/executable/second.ts', second, version);
  if (native) markCalledByStart(first);
  for (const script of [whole, main, first, look, second]) minify(script);
  for (const script of [first, look, second]) asFunction(script);
  if (native) compile(whole, { first, look, second });
  const assets: Record<string, string> = {};
  for (const [name, script] of Object.entries({ first, look, second })) {
    if (!native) writeFileSync(`${script}.cache`, '');
    assets[`${name}.cjs`] = script;
    assets[`${name}.cache`] = `${script}.cache`;
  }
  return { whole, main, assets };
}

type Four = [string, string, string, string];

// A script is what its last expression is: here a function that is given `module` and `require`.
function asFunction(script: string): void {
  writeFileSync(script, `(function (module, require) { ${readFileSync(script, 'latin1')}\n})`, 'latin1');
}

/** For a Node that runs a script of the executable by itself, while the build looks what it calls. */
const RUN_BY_NODE = 'if (require.main === module) module.exports.runProgram?.();';

/** One CommonJS file of an entry point and all it imports; what is imported late stays unevaluated until then. */
async function bundle(entry: string, outfile: string, version: string, plugins: Plugin[] = []): Promise<void> {
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    minifySyntax: true,
    legalComments: 'none',
    define: { AGENT_WATCH_VERSION: JSON.stringify(version) },
    logLevel: 'warning',
    plugins,
    alias: leftOut,
    // What V8 compiled beforehand knows no import(): require() loads Node's modules as well.
    supported: { 'dynamic-import': false },
    footer: { js: entry.startsWith('src/') ? 'module.exports.runProgram();' : RUN_BY_NODE },
  });
}

const loader = JSON.stringify(join(root, 'scripts/executable/load.ts'));
const stub = (value: string) => ({
  contents: `const { load } = require(${loader}); module.exports = ${value};`,
  resolveDir: root,
});

/** Leaves out of the first script what the second holds, and asks that one for it. */
const fromSecond: Plugin = {
  name: 'from-second',
  setup(build) {
    build.onResolve({ filter: /\/looks\.ts$/ }, ({ path }) => ({ path, namespace: 'looks' }));
    build.onLoad({ filter: /.*/, namespace: 'looks' }, () => stub("{ runLook: load('second').runLook }"));
    librariesFromSecond(build);
  },
};

/** The same for the script of the looking commands, which holds these themselves. */
const lateFromSecond: Plugin = {
  name: 'late-from-second',
  setup(build) {
    build.onResolve({ filter: /^\./ }, ({ path, kind, resolveDir }) => {
      const module = relative(join(root, 'src'), join(resolveDir, path));
      if (!Object.hasOwn(modules, module)) return undefined;
      if (kind !== 'dynamic-import') throw new Error(`looking commands should not load ${module}, but one imports it`);
      return { path: module, namespace: 'module' };
    });
    build.onLoad({ filter: /.*/, namespace: 'module' }, ({ path }) => stub(`load('second').modules['${path}']()`));
    librariesFromSecond(build);
  },
};

function librariesFromSecond(build: PluginBuild): void {
  build.onResolve({ filter: /^[a-z@]/ }, ({ path }) =>
    Object.hasOwn(libraries, path) ? { path, namespace: 'library' } : undefined,
  );
  build.onLoad({ filter: /.*/, namespace: 'library' }, ({ path }) => stub(`load('second').libraries['${path}']()`));
}

/** What V8 compiled is kept with a script: this makes that the functions which a start calls. */
function markCalledByStart(script: string): void {
  const stateDir = mkdtempSync(join(tmpdir(), 'agent-watch-build-'));
  const watch = ['--state-dir', stateDir, '--restart', 'never'];
  const plain = [...watch, '--no-log', '--', '/bin/true'];
  const runs = [plain, [...watch, '--', '/bin/false']];
  // Under a plain Node there is no second script, so what asks for it fails.
  const { status, stderr } = spawnSync(process.execPath, [script, ...plain], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`a plain watcher needs more than the first script holds: ${stderr}`);
  writeFileSync(script, withEagerFunctions(process.execPath, script, runs));
  rmSync(stateDir, { recursive: true, force: true });
}

/** Compiles them: the first as it is marked, the others by running commands over a service with an incident. */
function compile(whole: string, scripts: Readonly<Record<'first' | 'look' | 'second', string>>): void {
  const stateDir = mkdtempSync(join(tmpdir(), 'agent-watch-build-'));
  const crash = ['--state-dir', stateDir, '--name', 'crash', '--restart', 'never', '--', '/bin/false'];
  spawnSync(process.execPath, [whole, ...crash], { stdio: 'ignore' });
  const compileOne = (script: string, ...more: string[]) => {
    const program = join(root, 'scripts/executable/compile.ts');
    execFileSync(process.execPath, [program, script, `${script}.cache`, ...more], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  };
  compileOne(scripts.first);
  const looks = [
    '--version',
    'status',
    'status --json',
    'health',
    'brief',
    'incidents',
    'events',
    'logs crash',
    'logs crash -t',
  ];
  compileOne(scripts.look, stateDir, ...looks);
  compileOne(scripts.second, stateDir, 'diagnose crash');
  rmSync(stateDir, { recursive: true, force: true });
}

/**
 * V8 keeps the script's text for as long as it runs, and with one letter beyond ASCII at two bytes a letter: 3.2 MB of every watcher.
 * esbuild escapes such letters everywhere but in regular expressions, so there they are escaped here. Parentheses that ask for
 * early compilation stay.
 */
function minify(script: string): void {
  const { code } = transformSync(readFileSync(script, 'utf8'), {
    minify: true,
    format: 'cjs',
    platform: 'node',
    target: 'node22',
    legalComments: 'none',
  });
  const ascii = code.replace(/[\u0080-\uffff]/g, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  writeFileSync(script, ascii);
}
