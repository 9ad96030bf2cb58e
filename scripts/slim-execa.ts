/**
 * Leaves out of the bundle what execa brings and this program never calls. Some of these parts do harm, beyond their cost at start:
 * execa reads process.stdin, stdout and stderr when it is loaded and at every call, whereupon Node makes our inherited descriptors
 * non-blocking for everybody who shares them, and takes hold of an input that is the child's.
 *
 * Left out: synchronous calls, pipes between subprocesses, messages between processes, `verbose`, Windows, and conversions to streams.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

/** The version whose files were read for this. With another one the build stops: read them again. */
const KNOWN_VERSION = '10.2.1';

const nothing = (...names: string[]) => names.map(name => `export const ${name} = () => {};`).join('\n');

const parts: Record<string, string> = {
  'execa/lib/utils/standard-stream.js': `
    export const STANDARD_STREAMS = [];
    export const isStandardStream = () => false;
    export const STANDARD_STREAMS_ALIASES = ['stdin', 'stdout', 'stderr'];
    export const getStreamName = fdNumber => STANDARD_STREAMS_ALIASES[fdNumber] ?? \`stdio[\${fdNumber}]\`;
    export const setAllStream = stream => stream;
    export const isAllStream = () => false;`,
  'execa/lib/methods/main-sync.js': nothing('execaCoreSync'),
  'execa/lib/methods/script.js': `${nothing('setScriptSync', 'mapScriptAsync')} export const deepScriptOptions = {};`,
  'execa/lib/methods/template.js': nothing('isTemplateString', 'parseTemplates'),
  'execa/lib/methods/command.js': nothing('parseCommandString'),
  'execa/lib/verbose/complete.js': nothing('logResult'),
  'execa/lib/verbose/error.js': nothing('logError'),
  'execa/lib/verbose/ipc.js': nothing('shouldLogIpc', 'logIpcOutput'),
  'execa/lib/verbose/output.js': nothing('shouldLogOutput', 'logLines', 'logLinesSync'),
  'execa/lib/verbose/start.js': nothing('logCommand'),
  'execa/lib/pipe/setup.js': nothing('pipeToSubprocess'),
  'execa/lib/convert/add.js': nothing('addConvertedStreams'),
  'execa/lib/ipc/methods.js': `${nothing('addIpcMethods')} export const getIpcExport = () => ({});`,
  'execa/lib/ipc/ipc-input.js': nothing('validateIpcInputOption', 'sendIpcInput'),
  'execa/lib/ipc/buffer-messages.js': `
    export const waitForIpcOutput = async ({ipcOutput}) => ipcOutput;
    export const getBufferedIpcOutput = async (ipcOutputPromise, ipcOutput) => ipcOutput;`,
  'execa/lib/ipc/graceful.js': nothing('sendAbort', 'getCancelSignal', 'handleAbort', 'abortOnDisconnect'),
  'execa/lib/arguments/command-file.js': `
    export const parseCommandFile = (file, commandArguments, options) => ({file, commandArguments: [...commandArguments], options});`,
  'npm-run-path/index.js': `export const npmRunPathEnv = ({env}) => env;`,
  // Only names and descriptions of signals for messages that we word ourselves; each name must have one, or a child that a
  // signal ended becomes an error nobody catches.
  'human-signals/build/src/main.js': `
    export const signalsByName = new Proxy({}, {get: (_, name) => ({name, description: name})});
    export const signalsByNumber = {};`,
};

/** Single expressions: here the same descriptors would be touched at every call. */
const expressions: Record<string, [from: string, to: string][]> = {
  'execa/lib/stdio/direction.js': [
    ['[0, process.stdin].includes(value)', 'value === 0'],
    ['[1, 2, process.stdout, process.stderr].includes(value)', 'value === 1 || value === 2'],
  ],
};

function edited(path: string, edits: [string, string][]): string {
  let text = readFileSync(path, 'utf8');
  for (const [from, to] of edits) {
    if (!text.includes(from)) throw new Error(`${path} does not contain ${from}`);
    text = text.replace(from, to);
  }
  return text;
}

/** The esbuild plugin. Fails the build when execa is not the version it was made for. */
export const slimExeca: Plugin = {
  name: 'slim-execa',
  setup(build) {
    const manifest = createRequire(import.meta.url)
      .resolve('execa')
      .replace(/index\.js$/, 'package.json');
    const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
    if (version !== KNOWN_VERSION)
      throw new Error(
        `execa is ${version}, but scripts/slim-execa.ts was made for ${KNOWN_VERSION}: read its parts again`,
      );
    const modules = join(dirname(manifest), '..');
    const wanted = new Map(Object.entries(parts).map(([path, contents]) => [join(modules, path), contents]));
    for (const [path, edits] of Object.entries(expressions)) {
      const file = join(modules, path);
      wanted.set(file, edited(file, edits));
    }
    build.onLoad({ filter: /[\\/]node_modules[\\/](execa|npm-run-path|human-signals)[\\/]/ }, ({ path }) => {
      const contents = wanted.get(path);
      return contents === undefined ? undefined : { contents, loader: 'js' };
    });
  },
};
