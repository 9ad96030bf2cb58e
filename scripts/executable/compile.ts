/**
 * Writes what V8 compiles of a script of the executable. Of the second, that is what the looking commands call, over a folder with a service:
 *
 *   node scripts/executable/compile.ts SCRIPT CACHE [STATE_DIR]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { Script } from 'node:vm';

const [scriptPath = '', cachePath = '', stateDir] = process.argv.slice(2);
const script = new Script(readFileSync(scriptPath, 'latin1'), {
  filename: basename(scriptPath),
});
if (stateDir !== undefined) {
  const module: { exports: Partial<typeof import('./second.ts')> } = { exports: {} };
  script.runInThisContext()(module, createRequire(import.meta.url));
  const looks = ['status', 'status --json', 'health', 'brief', 'incidents', 'logs crash', 'diagnose crash'];
  for (const look of looks) await module.exports.runCli?.([...look.split(' '), '--state-dir', stateDir]);
  await module.exports.runCli?.(['--version']);
}
writeFileSync(cachePath, script.createCachedData());
// A look leaves its code for the end of the program.
process.exitCode = 0;
