import { closeSync, openSync, readSync } from 'node:fs';
import type { RunId, TimerId } from '../core/model.ts';
import type { Report, SourcePort, TimerPort } from '../core/ports.ts';
import { timerMs } from '../core/time.ts';
import { stampNow } from '../host/clock.ts';

/** Timers of the event loop, whose clock is the monotonic one. A fired or disarmed timer is forgotten. */
export function createTimers(report: Report): TimerPort {
  const armed = new Map<TimerId, NodeJS.Timeout>();

  function arm(timer: TimerId, delayMs: number): void {
    const stretchMs = timerMs(delayMs);
    const ring = () => {
      if (delayMs > stretchMs) return arm(timer, delayMs - stretchMs);
      armed.delete(timer);
      report({ type: 'timer-fired', timer });
    };
    armed.set(timer, setTimeout(ring, stretchMs));
  }

  return {
    arm,
    disarm(timer) {
      clearTimeout(armed.get(timer));
      armed.delete(timer);
    },
  };
}

const ID_BYTES = 16;
/** How many are drawn at a time: every event carries an id, and few use it. */
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
