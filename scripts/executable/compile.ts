/**
 * Writes what V8 compiles of a script of the executable: what stands in parentheses, and what these commands call, over a folder with a
 * service.
 *
 *   node scripts/executable/compile.ts SCRIPT CACHE [STATE_DIR COMMAND…]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { Script } from 'node:vm';

const [scriptPath = '', cachePath = '', stateDir = '', ...commands] = process.argv.slice(2);
const script = new Script(readFileSync(scriptPath, 'latin1'), {
  filename: basename(scriptPath),
});
if (commands.length > 0) {
  const module: { exports: Partial<typeof import('./look.ts')> } = { exports: {} };
  script.runInThisContext()(module, createRequire(import.meta.url));
  for (const command of commands) {
    const ending = await module.exports.runCli?.([...command.split(' '), '--state-dir', stateDir]);
    if (ending === undefined || ending.code > 100) throw new Error(`${command} fails`);
  }
}
writeFileSync(cachePath, script.createCachedData());
// A command leaves its code for the end of the program.
process.exitCode = 0;
