import { closeSync, openSync, readSync } from 'node:fs';
import type { RunId } from '../core/model.ts';
import type { SourcePort } from '../core/ports.ts';
import { stampNow } from '../host/clock.ts';

const ID_BYTES = 16;
/** Drawn so many at a time: every event carries an id, and few use it. */
const IDS_AT_ONCE = 16;

/** The machine's own clocks and randomness. */
export function createSource(): SourcePort {
  let spare: Buffer = Buffer.alloc(0);
  return {
    now: stampNow,
    roll: Math.random,
    freshRunId() {
      if (spare.length === 0) spare = randomBytes(ID_BYTES * IDS_AT_ONCE);
      const id = spare.subarray(0, ID_BYTES).toString('hex');
      spare = spare.subarray(ID_BYTES);
      return id as RunId;
    },
  };
}

/** From the kernel itself: node:crypto is the same source behind OpenSSL, whose first use costs a start several ms. */
function randomBytes(count: number): Buffer {
  let fd: number;
  try {
    fd = openSync('/dev/urandom', 'r');
  } catch {
    // A bare root has no /dev; getrandom(2) needs none.
    return process.getBuiltinModule('node:crypto').randomBytes(count);
  }
  try {
    const bytes = Buffer.alloc(count);
    readSync(fd, bytes);
    return bytes;
  } finally {
    closeSync(fd);
  }
}
