import { ownProgram } from '../../host/own-process.ts';
import { UsageError } from '../usage-error.ts';

/**
 * Folders into which a package runner puts what it runs once, and which it empties when it likes: npx (`~/.npm/_npx/HASH`),
 * pnpm dlx (`CACHE/dlx/HASH/TIME-PID`, formerly `…/pnpm/dlx-PID`), bunx (`/tmp/bunx-UID-NAME`), yarn dlx (`/tmp/xfs-HASH/dlx-PID`).
 */
const RUNNERS: readonly (readonly [string, RegExp])[] = [
  ['npx', /\/_npx\/[^/]+\/node_modules\//],
  ['pnpm dlx', /\/pnpm\/dlx[/-]|\/dlx\/[0-9a-f]{16,}\/[^/]+\/node_modules\//],
  ['bunx', /\/bunx-\d+-/],
  ['yarn dlx', /\/dlx-\d+\//],
];

/**
 * How this program is started again by something that outlives this call: a detached watcher, a service manager.
 * @throws UsageError if it runs from the cache of a package runner
 */
export function lastingProgram(program: readonly string[] = ownProgram()): string[] {
  for (const [runner, folder] of RUNNERS) {
    const cached = program.find(word => folder.test(word));
    if (cached === undefined) continue;
    throw new UsageError(
      `this program is in the cache of ${runner}, which may be emptied: ${cached}; install it first (npm install -g agent-watch) and run agent-watch without ${runner}`,
    );
  }
  return [...program];
}
