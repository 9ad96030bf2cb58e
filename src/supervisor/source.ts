import { randomBytes } from 'node:crypto';
import type { RunId } from '../core/model.ts';
import type { SourcePort } from '../core/ports.ts';
import { stampNow } from '../host/clock.ts';

/** The machine's own clocks and randomness. */
export function createSource(): SourcePort {
  let spare = randomBytes(0);
  return {
    now: stampNow,
    roll: Math.random,
    // Drawn 16 at a time: every event carries an id, and few use it.
    freshRunId() {
      if (spare.length === 0) spare = randomBytes(16 * 16);
      const id = spare.subarray(0, 16).toString('hex');
      spare = spare.subarray(16);
      return id as RunId;
    },
  };
}
