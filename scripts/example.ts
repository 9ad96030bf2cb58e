/**
 * Shows the built executable at its main job: it watches scripts/example/agent.mjs, which crashes in two ways,
 * hangs once, and recovers; then prints `status` and the end of the log. Leaves nothing behind.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const executable = join(root, 'build/agent-watch');
const folder = mkdtempSync(join(tmpdir(), 'agent-watch-example-'));
/** A start period of a minute is more than the whole example lasts. */
const early = ['--health-start-period', '0s'];
const place = ['--state-dir', join(folder, 'state')];

function run(args: string[]): void {
  console.log(
    `\n$ agent-watch ${args.map(arg => (arg.startsWith(folder) ? arg.replace(folder, '…') : arg)).join(' ')}`,
  );
  const { status, error } = spawnSync(executable, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`agent-watch ended with ${status}`);
}

try {
  const agent = [process.execPath, 'scripts/example/agent.mjs', join(folder, 'place.json')];
  run(['--name', 'example', ...place, '--restart', 'on-failure', '--stale-after', '3s', ...early, '--', ...agent]);
  run(['status', ...place]);
  run(['logs', 'example', '-n', '15', ...place]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
