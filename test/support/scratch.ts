import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

/** A folder of this test's own, gone when it ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aw-test-'));
  onTestFinished(async () => {
    await until('no process of the test is left', () => endProcessesNaming(folder) === 0);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Ends every process whose environment names the folder, and says how many there still were. */
function endProcessesNaming(folder: string): number {
  const pids = processesWithEnvironment(`AW_TEST_FOLDER=${folder}`);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
  return pids.length;
}

/** The pids of all live processes that have this `NAME=value` in their environment. */
export function processesWithEnvironment(entry: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => pid !== process.pid && environmentOf(pid).includes(entry));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    // Gone meanwhile, or a zombie, which has no environment and is no concern.
    return [];
  }
}
