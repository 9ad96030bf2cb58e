import { setTimeout as pause } from 'node:timers/promises';
import { EXIT } from '../../core/exit-code.ts';
import type { Status } from '../../core/status.ts';
import { readStatus } from '../commands/status.ts';
import { print } from '../render/terminal.ts';

const LOOK_EVERY_MS = 100;
const WELL: ReadonlySet<Status['phase']> = new Set(['healthy', 'waiting']);
/** From these no service gets healthy by itself within a time that anybody waits. */
const HOPELESS: ReadonlySet<Status['phase']> = new Set(['held', 'cooldown', 'limited', 'lost', 'stopped']);

/** Waits until all these services are healthy (or have finished well), or one of them cannot become so. A line for each. */
export async function waitUntilHealthy(stateDir: string, names: readonly string[]): Promise<number> {
  const waiting = new Set(names);
  let failed = false;
  for (;;) {
    for (const name of waiting) {
      const verdict = verdictOn(readStatus(stateDir, name));
      if (verdict === null) continue;
      waiting.delete(name);
      failed ||= !verdict.ok;
      if (verdict.ok) print(`${name}: ${verdict.text}\n`);
      else process.stderr.write(`agent-watch: ${name}: ${verdict.text}\n`);
    }
    if (waiting.size === 0) return failed ? EXIT.notWell : EXIT.ok;
    await pause(LOOK_EVERY_MS);
  }
}

function verdictOn(status: Status | null): { ok: boolean; text: string } | null {
  if (status === null) return { ok: false, text: 'its state is gone' };
  const { phase, lastExit } = status;
  if (WELL.has(phase)) return { ok: true, text: phase };
  if (phase === 'finished')
    return { ok: lastExit?.cause === 'success', text: `finished (${lastExit?.cause ?? 'unknown'})` };
  return HOPELESS.has(phase) ? { ok: false, text: `not healthy: ${phase}` } : null;
}
